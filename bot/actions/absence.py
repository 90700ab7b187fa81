"""`/ooo`: a person is out of office, comes back, or cancels a planned absence."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta

from bot.actions.model import AbsenceInForce, Change
from bot.actions.undo import record
from bot.model import UserError
from bot.people import store
from bot.people.model import Absence, Person
from bot.reminders.planning import intervals
from bot.slack.messages import Block, Rendered, add_context, button, render_text
from bot.slack.times import describe_instant
from bot.working_time import local_day, local_instant, next_working_instant
from jobq import Queue, write_transaction

CANCEL_ABSENCE = "cancel_absence"
SHORTEN_ABSENCE = "shorten_absence"
LONGEST = timedelta(days=366)
COVER_IS_A_NOTE = "The cover is only noted: Ripe does not hand reviews over yet, so please tell them."


@write_transaction
async def go_away(
    person: Person,
    starts_at: datetime,
    ends_at: datetime,
    cover_slack_user_id: str | None = None,
    *,
    queue: Queue,
    now: datetime,
) -> Rendered:
    """Saves an absence that ends at `ends_at` (exclusive). Raises UserError."""
    if ends_at <= max(starts_at, now):
        raise UserError("That is over already, so nothing was saved. Which days are you away?")
    if ends_at - starts_at > LONGEST:
        raise UserError("That is more than a year, so nothing was saved. Which days are you away?")
    cover = await _find_cover(person, cover_slack_user_id)
    await store.lock_person(person.id)
    others = await _absences(person, now)
    absence_id = await store.insert_absence(person.id, starts_at, ends_at, cover.id if cover else None)
    absence = Absence(starts_at=starts_at, ends_at=ends_at, id=absence_id)
    text = describe_absence(person, absence, now, others)
    if cover is not None:
        text += f" Cover: <@{cover.slack_user_id}>."
    change = AbsenceInForce(person_id=person.id, absence_id=absence_id, before=False, after=True)
    buttons = [_shorten_button(person, absence, now)] if _longer(absence, others) else []
    answer = await record(person, text, [change], *buttons, queue=queue, now=now)
    return answer if cover is None else add_context(answer, COVER_IS_A_NOTE)


async def _find_cover(person: Person, slack_user_id: str | None) -> Person | None:
    if slack_user_id is None:
        return None
    cover = await store.find_person_by_slack_user(person.workspace_id, slack_user_id)
    if cover is None:
        raise UserError(
            f"Ripe does not know <@{slack_user_id}>'s GitHub account, so they cannot be your cover and"
            " nothing was saved. An admin connects people with `ripe people import`."
        )
    if cover.id == person.id:
        raise UserError("You cannot be your own cover, so nothing was saved.")
    return cover


@write_transaction
async def come_back(person: Person, *, queue: Queue, now: datetime) -> Rendered:
    """Ends the current absence, or else the planned one. Asks which one if several are planned."""
    await store.lock_person(person.id)
    ahead = [absence for absence in await _absences(person, now) if absence.ends_at > now]
    current = [absence for absence in ahead if absence.starts_at <= now]
    if not ahead:
        return render_text("You have no absence now or planned, so nothing was changed.")
    if not current and len(ahead) > 1:
        return _ask_which(person, ahead, now)
    return await _cancel(person, current or ahead, ahead, queue, now)


@write_transaction
async def cancel_absence(person: Person, absence_id: int, *, queue: Queue, now: datetime) -> Rendered:
    """Ends or cancels a single absence. Raises UserError if it is over or another person's."""
    await store.lock_person(person.id)
    ahead = await _absences(person, now)
    return await _cancel(person, [_find(ahead, absence_id)], ahead, queue, now)


@write_transaction
async def shorten_absence(person: Person, absence_id: int, *, queue: Queue, now: datetime) -> Rendered:
    """Ends every absence that covers the end of this one where it ends. Raises UserError if it is over."""
    await store.lock_person(person.id)
    ahead = await _absences(person, now)
    absence = _find(ahead, absence_id)
    longer = _longer(absence, ahead)
    if not longer:
        return render_text("No other absence is longer, so nothing was changed.")
    changes = [await _call_off(person, each, now) for each in longer]
    starts_at = max(now, min(each.starts_at for each in longer))
    if starts_at < absence.starts_at:
        identity = await store.insert_absence(
            person.id, starts_at, absence.ends_at, longer[0].cover_person_id
        )
        changes.append(AbsenceInForce(person_id=person.id, absence_id=identity, before=False, after=True))
        absence = Absence(starts_at=starts_at, ends_at=absence.ends_at)
    left = [each for each in ahead if each not in longer]
    return await record(person, describe_absence(person, absence, now, left), changes, queue=queue, now=now)


def _find(absences: Iterable[Absence], absence_id: int) -> Absence:
    absence = next((each for each in absences if each.id == absence_id), None)
    if absence is None:
        raise UserError("That absence is over or not yours, so nothing was changed.")
    return absence


def _longer(absence: Absence, others: Iterable[Absence]) -> list[Absence]:
    """The absences that have begun when this one ends, and end later."""
    return [other for other in others if other.starts_at < absence.ends_at < other.ends_at]


def _shorten_button(person: Person, absence: Absence, now: datetime) -> Block:
    return button(f"Shorten to {_last(person, absence.ends_at, now)}", SHORTEN_ABSENCE, str(absence.id))


async def _cancel(
    person: Person, absences: Sequence[Absence], ahead: Sequence[Absence], queue: Queue, now: datetime
) -> Rendered:
    changes = [await _call_off(person, absence, now) for absence in absences]
    days = " and ".join(_days(person, absence, now) for absence in _joined(absences))
    left = [absence for absence in ahead if absence not in absences]
    text = f"Called off. You are no longer out {days}."
    if any(absence.starts_at <= now for absence in left):
        return await record(person, f"{text} {_still_out(person, left, now)}", changes, queue=queue, now=now)
    if any(absence.starts_at <= now for absence in absences):
        text = f"Welcome back! You are no longer out {days}."
    if not left:
        return await record(person, text, changes, queue=queue, now=now)
    text = f"{text} You are out again {_days(person, left[0], now)}."
    call_off = button("Call that off", CANCEL_ABSENCE, str(left[0].id))
    return await record(person, text, changes, call_off, queue=queue, now=now)


async def _call_off(person: Person, absence: Absence, now: datetime) -> Change:
    if absence.id is None:
        raise UserError("That absence is not saved, so nothing was changed.")
    await store.cancel_absence(absence.id, now)
    return AbsenceInForce(person_id=person.id, absence_id=absence.id, before=True, after=False)


def _joined(absences: Iterable[Absence]) -> list[Absence]:
    """Absences that overlap or meet, as a single one."""
    joined: list[Absence] = []
    for absence in sorted(absences, key=lambda absence: absence.starts_at):
        if joined and absence.starts_at <= joined[-1].ends_at:
            ends_at = max(joined[-1].ends_at, absence.ends_at)
            joined[-1] = joined[-1].model_copy(update={"ends_at": ends_at})
        else:
            joined.append(absence)
    return joined


def _still_out(person: Person, absences: Iterable[Absence], at: datetime) -> str:
    """A sentence for a person who is out at this moment, because of these absences."""
    until = person.model_copy(update={"absences": tuple(absences)}).away_until(at)
    return f"You are still out until {_last(person, until or at, at)}."


def _ask_which(person: Person, absences: list[Absence], now: datetime) -> Rendered:
    buttons = [
        button(_days(person, absence, now), CANCEL_ABSENCE, str(absence.id)) for absence in absences[:5]
    ]
    for number, each in enumerate(buttons):
        each["action_id"] = f"{CANCEL_ABSENCE}:{number}"
    return render_text("Which absence is called off?", *buttons)


async def _absences(person: Person, now: datetime) -> tuple[Absence, ...]:
    return await store.list_absences(person.id, now)


def describe_absence(person: Person, absence: Absence, now: datetime, others: Iterable[Absence] = ()) -> str:
    """The days of an absence, and when the person is back at work: `others` may keep them out for longer."""
    days = f"Out {_days(person, absence, now)}."
    everything = person.model_copy(update={"absences": (absence, *others)})
    back_at = next_working_instant(person.hours, absence.ends_at)
    really_back_at = next_working_instant(person.hours, absence.ends_at, intervals(everything))
    if back_at != really_back_at:
        until = everything.away_until(absence.ends_at) or absence.ends_at
        days = f"{days} You are still out until {_last(person, until, now)}."
        absence = absence.model_copy(update={"ends_at": until})
    back_at = really_back_at or absence.ends_at
    if _is_whole_days(person, absence):
        return f"{days} Back on {_day(local_day(person.hours, back_at), now)}."
    if back_at == absence.ends_at:
        return days
    return f"{days} Back {describe_instant(back_at, person.zone, now)}."


def _last(person: Person, ends_at: datetime, now: datetime) -> str:
    """The last day before this end; or the moment, if it is in the middle of a day."""
    if _is_whole_days(person, Absence(starts_at=ends_at, ends_at=ends_at)):
        return _day(local_day(person.hours, ends_at - timedelta(microseconds=1)), now)
    return describe_instant(ends_at, person.zone, now)


def _is_whole_days(person: Person, absence: Absence) -> bool:
    # Only the end counts: an absence that begins in the middle of today is shown as the whole day.
    day = local_day(person.hours, absence.ends_at)
    return local_instant(person.hours, day, time.min) == absence.ends_at


def _days(person: Person, absence: Absence, now: datetime) -> str:
    if not _is_whole_days(person, absence):
        until = f"until {describe_instant(absence.ends_at, person.zone, now)}"
        if absence.starts_at <= now:
            return until
        begins = describe_instant(absence.starts_at, person.zone, now).removesuffix(f" ({person.zone})")
        if local_day(person.hours, absence.starts_at) == local_day(person.hours, absence.ends_at):
            until = f"until {absence.ends_at.astimezone(person.hours.tz):%H:%M} ({person.zone})"
        return f"from {begins} {until}"
    first = local_day(person.hours, absence.starts_at)
    last = local_day(person.hours, absence.ends_at - timedelta(microseconds=1))
    if first == last:
        return _day(first, now)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first:%a} {first.day} - {_day(last, now)}"
    return f"{_day(first, now)} - {_day(last, now)}"


def _day(day: date, now: datetime) -> str:
    year = f" {day.year}" if day.year != now.year else ""
    return f"{day:%a} {day.day} {day:%b}{year}"
