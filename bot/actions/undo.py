"""Remembers the actions of people, and undoes them."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from bot.actions import store
from bot.actions.model import (
    AbsenceInForce,
    Action,
    Change,
    EverythingSnoozed,
    RequestMuted,
    RequestSnoozed,
)
from bot.actions.own import load_locked, snooze_of
from bot.flows.catalog import remind_reviewer_job
from bot.flows.locks import lock_requests
from bot.flows.open_requests import list_open_request_ids_of_person
from bot.model import RequestId, UserError
from bot.people import store as people
from bot.people.model import Person
from bot.reviews import store as reviews
from bot.slack.messages import UNDO, Block, Rendered, button, render_text
from jobq import Queue, write_transaction

UNDO_WITHIN = timedelta(hours=24)


@write_transaction
async def record(
    person: Person, text: str, changes: Sequence[Change], *buttons: Block, queue: Queue, now: datetime
) -> Rendered:
    """Remembers changes that were just made, and schedules the reminders that they concern.

    `text` is the answer to the person, in mrkdwn. It is returned with an Undo button after the `buttons`.
    """
    await _remind_again(changes, queue)
    action_id = await store.insert_action(person, text, changes, now)
    return render_text(text, *buttons, button("Undo", UNDO, str(action_id)))


@write_transaction
async def undo(person: Person, action_id: int, *, queue: Queue, now: datetime) -> Rendered:
    """Restores the state before the action. Raises UserError if that is no longer possible."""
    action = _check_undoable(await store.lock_action(action_id), person, now)
    await lock_requests(_request_ids(action.changes))
    for change in action.changes:
        if not await _is_as_left(change):
            raise UserError("This was changed again since then, so nothing was undone.")
    for change in reversed(action.changes):
        await _apply(_reversed(change), now)
    await _remind_again(action.changes, queue)
    await store.mark_undone(action.id, now)
    return render_text(f"Undone. It is as it was before this:\n~{action.answer.splitlines()[0]}~")


def _check_undoable(action: Action | None, person: Person, now: datetime) -> Action:
    if action is None or action.person_id != person.id:
        raise UserError("There is nothing of yours to undo here.")
    if action.undone_at is not None:
        raise UserError("This was undone already.")
    if now - action.done_at > UNDO_WITHIN:
        hours = UNDO_WITHIN // timedelta(hours=1)
        raise UserError(f"Undo works for {hours} hours, and this is older: nothing was undone.")
    return action


def _request_ids(changes: Iterable[Change]) -> list[RequestId]:
    return [change.request_id for change in changes if isinstance(change, RequestSnoozed | RequestMuted)]


async def _remind_again(changes: Iterable[Change], queue: Queue) -> None:
    concerned: set[RequestId] = set()
    for change in changes:
        match change:
            case RequestSnoozed() | RequestMuted():
                concerned.add(change.request_id)
            case EverythingSnoozed() | AbsenceInForce():
                concerned.update(await list_open_request_ids_of_person(change.person_id))
    if concerned:
        await queue.save_all(remind_reviewer_job(request_id) for request_id in sorted(concerned))


async def _is_as_left(change: Change) -> bool:
    """Locks the changed row. True if it still is as this change left it."""
    match change:
        case EverythingSnoozed():
            await people.lock_person(change.person_id)
            return (await people.load_person(change.person_id)).snoozed_until == change.after
        case RequestSnoozed():
            request, _ = await load_locked(change.request_id)
            return snooze_of(request) == change.after
        case RequestMuted():
            request, _ = await load_locked(change.request_id)
            return request.is_muted == change.after
        case AbsenceInForce():
            await people.lock_person(change.person_id)
            return await store.is_absence_in_force(change.absence_id) == change.after


async def _apply(change: Change, now: datetime) -> None:
    match change:
        case EverythingSnoozed():
            await people.snooze_person(change.person_id, change.after)
        case RequestSnoozed():
            await reviews.snooze_request(change.request_id, change.after.until, change.after.until_change)
        case RequestMuted():
            await reviews.mute_request(change.request_id, now if change.after else None)
        case AbsenceInForce(after=True):
            await people.restore_absence(change.absence_id)
        case AbsenceInForce():
            await people.cancel_absence(change.absence_id, now)


def _reversed(change: Change) -> Change:
    return change.model_copy(update={"before": change.after, "after": change.before})
