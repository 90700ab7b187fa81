"""Which of the DMs to one person go first, and which are over the budget of the day. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.people.model import Person
from bot.reminders.model import After, MessageState, ReminderState, Send, Silence, Step, Wait
from bot.reminders.planning import list_tomorrow, planned_at
from bot.reminders.rules import decide, due_at, why_not_now
from bot.reviews.model import PullRequest, ReviewRequest

WAITS_FOR_OTHERS = timedelta(minutes=10)
"""A DM that could have been sent so long ago no longer lets more important ones go first."""
LOOK_AGAIN_AFTER = timedelta(seconds=1)
ON_THE_WIRE = timedelta(seconds=30)
"""A call to Slack is over by then, or its process died."""

Importance = tuple[bool, bool, datetime, int]


def importance_of(state: ReminderState) -> Importance:
    """Sorts the most important first.

    A first contact goes before a reminder, then a request that a human made about a human's pull request
    before the others, then the one that has waited longest.
    """
    is_by_human = _is_by_human(state.request, state.pull_request)
    return bool(state.contacts), not is_by_human, state.request.opened_at, state.request.id


def _is_by_human(request: ReviewRequest, pull_request: PullRequest) -> bool:
    by = request.requested_by
    return by is not None and not by.endswith("[bot]") and not pull_request.author.is_bot


def put_in_turn(
    step: Send, state: ReminderState, person: Person, others: Sequence[ReminderState], now: datetime
) -> Step:
    """The step instead of a DM that could be sent now, given the person's `others`.

    More important ones go first. If they use up the budget, this one goes into tomorrow's digest. The last DM
    of the day says how many more there are.
    """
    due = sorted((other for other in others if isinstance(decide(other, now), Send)), key=importance_of)
    ahead = [other for other in due if importance_of(other) < importance_of(state)]
    left = person.dms_per_day - state.dms_today
    if len(ahead) >= left:
        return list_tomorrow(state, person, now)
    if _has_patience(state, person, now):
        if any(_is_on_the_wire(other, now) for other in others):
            return Wait(until=now + LOOK_AGAIN_AFTER, why=Silence.AFTER_OTHERS)
        if ahead:
            return After(request_id=ahead[0].request.id)
    if left > 1:
        return step
    return step.model_copy(update={"more": len(due) + sum(_is_in_digest(other, now) for other in others)})


def _has_patience(state: ReminderState, person: Person, now: datetime) -> bool:
    due = due_at(state, person)
    planned = due and planned_at(state, person, due, now)
    return planned is not None and now - planned < WAITS_FOR_OTHERS


def _is_on_the_wire(state: ReminderState, now: datetime) -> bool:
    message = state.unresolved
    if message is None or message.state is not MessageState.SENDING:
        return False
    return now - message.sending_at < ON_THE_WIRE


def _is_in_digest(state: ReminderState, now: datetime) -> bool:
    wait = why_not_now(state, now)
    return wait is not None and wait.why is Silence.IN_DIGEST
