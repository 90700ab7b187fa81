"""Mutes one review, and unmutes it."""

from datetime import datetime

from bot.actions.model import RequestMuted
from bot.actions.own import load_own
from bot.actions.undo import record
from bot.actions.what_comes import tell_next_reminder
from bot.model import RequestId
from bot.people.model import Person
from bot.reviews import store as reviews
from bot.slack.messages import Rendered, label, render_text
from jobq import Queue, write_transaction


@write_transaction
async def mute(person: Person, request_id: RequestId, *, queue: Queue, now: datetime) -> Rendered:
    """Ends the reminders about one review, which stays in the person's list. Raises UserError."""
    request, pull_request = await load_own(person, request_id)
    if request.is_muted:
        return render_text(f"{label(pull_request)} is muted already.")
    await reviews.mute_request(request.id, now)
    text = f"Muted: no more reminders about {label(pull_request)}. It stays in `/reviews`."
    change = RequestMuted(request_id=request.id, before=False, after=True)
    return await record(person, text, [change], queue=queue, now=now)


@write_transaction
async def unmute(person: Person, request_id: RequestId, *, queue: Queue, now: datetime) -> Rendered:
    """Reminds of it again. Raises UserError."""
    request, pull_request = await load_own(person, request_id)
    if not request.is_muted:
        return render_text(f"{label(pull_request)} is not muted.")
    await reviews.mute_request(request.id, None)
    text = f"{label(pull_request)} is not muted any more. {await tell_next_reminder(person, request.id, now)}"
    change = RequestMuted(request_id=request.id, before=True, after=False)
    return await record(person, text, [change], queue=queue, now=now)
