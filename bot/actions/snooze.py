"""`/snooze`: holds reminders back, about one review or about all."""

from datetime import datetime, timedelta
from enum import StrEnum

from bot.actions.model import Change, EverythingSnoozed, RequestSnoozed, Snooze
from bot.actions.own import load_own, snooze_of
from bot.actions.undo import record
from bot.actions.what_comes import tell_longer_silence, tell_next_reminder, tell_next_reminders
from bot.flows.locks import lock_requests
from bot.flows.open_requests import list_open_request_ids_of_person
from bot.flows.review_queue import list_open_requests_of_person
from bot.model import RequestId, UserError
from bot.people import store as people
from bot.people.model import Person
from bot.reminders.planning import intervals
from bot.reviews import store as reviews
from bot.slack.messages import Rendered, label, render_text
from bot.slack.times import describe_instant
from bot.working_time import local_day, local_instant, next_working_instant, start_of_working_day_after
from jobq import Queue, write_transaction


class SnoozePreset(StrEnum):
    """The options of the Snooze menu of a DM."""

    HOUR = "hour"
    TOMORROW = "tomorrow"
    NEXT_WEEK = "next_week"
    CHANGE = "change"


@write_transaction
async def snooze_by_preset(
    person: Person, request_id: RequestId, preset: SnoozePreset, *, queue: Queue, now: datetime
) -> Rendered:
    """Snoozes a review as picked in a DM. Raises UserError if the request is over or another person's."""
    snooze = Snooze(until=until_of(preset, person, now), until_change=preset is SnoozePreset.CHANGE)
    return await snooze_request(person, request_id, snooze, queue=queue, now=now)


def until_of(preset: SnoozePreset, person: Person, now: datetime) -> datetime | None:
    """An hour is clock time; a day is one on which this person works. None for `CHANGE`."""
    match preset:
        case SnoozePreset.HOUR:
            return now + timedelta(hours=1)
        case SnoozePreset.TOMORROW:
            return start_of_working_day_after(person.hours, now) or now + timedelta(days=1)
        case SnoozePreset.NEXT_WEEK:
            today = local_day(person.hours, now)
            monday = today + timedelta(days=7 - today.weekday())
            start = local_instant(person.hours, monday, datetime.min.time())
            return next_working_instant(person.hours, start) or start
        case SnoozePreset.CHANGE:
            return None


@write_transaction
async def snooze_request(
    person: Person, request_id: RequestId, snooze: Snooze, *, queue: Queue, now: datetime
) -> Rendered:
    """Holds back the reminders about one review. Raises UserError."""
    _check_ahead(snooze.until, now)
    request, pull_request = await load_own(person, request_id)
    await reviews.snooze_request(request.id, snooze.until, until_change=snooze.until_change)
    answer = f"{label(pull_request)}: {_describe(person, snooze, now)}"
    longer = await tell_longer_silence(person, request.id, snooze.until, now)
    text = f"{answer.removesuffix('.')}. {longer}" if longer else answer
    change = RequestSnoozed(request_id=request.id, before=snooze_of(request), after=snooze)
    return await record(person, text, [change], queue=queue, now=now)


@write_transaction
async def snooze_everything(person: Person, until: datetime, *, queue: Queue, now: datetime) -> Rendered:
    """Holds back all reminders. Raises UserError."""
    _check_ahead(until, now)
    before = await people.snooze_person(person.id, until)
    text = f"All reminders: {_describe(person, Snooze(until=until), now)}"
    change = EverythingSnoozed(person_id=person.id, before=before, after=until)
    return await record(person, text, [change], queue=queue, now=now)


@write_transaction
async def end_snoozes(person: Person, *, queue: Queue, now: datetime) -> Rendered:
    """Ends every snooze of a person: that of all reminders, and those of single reviews."""
    changes: list[Change] = []
    await lock_requests(await list_open_request_ids_of_person(person.id))
    for request, _ in await list_open_requests_of_person(person.id):
        snooze = snooze_of(request)
        if snooze.until_change or (snooze.until is not None and snooze.until > now):
            await reviews.snooze_request(request.id, None, until_change=False)
            changes.append(RequestSnoozed(request_id=request.id, before=snooze, after=Snooze()))
    before = await people.snooze_person(person.id, None)
    if before is not None and before > now:
        changes.append(EverythingSnoozed(person_id=person.id, before=before, after=None))
    if not changes:
        return render_text("Nothing is snoozed, so nothing was changed.")
    text = f"The snooze is over. {tell_next_reminders(person, now)}"
    return await record(person, text, changes, queue=queue, now=now)


@write_transaction
async def end_snooze_of_request(
    person: Person, request_id: RequestId, *, queue: Queue, now: datetime
) -> Rendered:
    """Ends the snooze of one review. Raises UserError."""
    request, pull_request = await load_own(person, request_id)
    if snooze_of(request) == Snooze():
        return render_text(f"{label(pull_request)} is not snoozed, so nothing was changed.")
    await reviews.snooze_request(request.id, None, until_change=False)
    text = f"The snooze of {label(pull_request)} is over. {await tell_next_reminder(person, request.id, now)}"
    change = RequestSnoozed(request_id=request.id, before=snooze_of(request), after=Snooze())
    return await record(person, text, [change], queue=queue, now=now)


def _check_ahead(until: datetime | None, now: datetime) -> None:
    if until is not None and until <= now:
        raise UserError("That is in the past, so nothing was snoozed. When should it end?")


def _describe(person: Person, snooze: Snooze, now: datetime) -> str:
    """The end of a snooze, and the next working time if that is later."""
    if snooze.until is None:
        return "Snoozed until something changes"
    end = f"Snoozed until {describe_instant(snooze.until, person.zone, now)}"
    wakes_at = next_working_instant(person.hours, snooze.until, intervals(person))
    if wakes_at is None or wakes_at <= snooze.until:
        return f"{end}."
    return f"{end}; you are at work again {describe_instant(wakes_at, person.zone, now)}."
