"""`/ooo`: a person is out of office, comes back, or cancels a planned absence."""

from datetime import date, datetime, time, timedelta

from bot.actions.model import AbsenceInForce
from bot.actions.undo import record
from bot.model import UserError
from bot.people import store
from bot.people.model import Absence, Person
from bot.slack.messages import Rendered, add_context, button, render_text
from bot.slack.times import describe_instant
from bot.working_time import local_day, local_instant, next_working_instant
from jobq import Queue, write_transaction

CANCEL_ABSENCE = "cancel_absence"
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
    absence_id = await store.insert_absence(person.id, starts_at, ends_at, cover.id if cover else None)
    text = describe_absence(person, Absence(starts_at=starts_at, ends_at=ends_at), now)
    if cover is not None:
        text += f" Cover: <@{cover.slack_user_id}>."
    change = AbsenceInForce(person_id=person.id, absence_id=absence_id, before=False, after=True)
    answer = await record(person, text, [change], queue=queue, now=now)
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
    return await _cancel(person, current or ahead, queue, now)


@write_transaction
async def cancel_absence(person: Person, absence_id: int, *, queue: Queue, now: datetime) -> Rendered:
    """Ends or cancels one absence. Raises UserError if it is over or another person's."""
    await store.lock_person(person.id)
    absences = [absence for absence in await _absences(person, now) if absence.id == absence_id]
    if not absences or absences[0].ends_at <= now:
        raise UserError("That absence is over or not yours, so nothing was changed.")
    return await _cancel(person, absences, queue, now)


async def _cancel(person: Person, absences: list[Absence], queue: Queue, now: datetime) -> Rendered:
    changes = []
    for absence in absences:
        if absence.id is not None:
            await store.cancel_absence(absence.id, now)
            change = AbsenceInForce(person_id=person.id, absence_id=absence.id, before=True, after=False)
            changes.append(change)
    days = " and ".join(_days(person, absence, now) for absence in absences)
    is_back = any(absence.starts_at <= now for absence in absences)
    text = f"{'Welcome back!' if is_back else 'Called off.'} You are no longer out {days}."
    return await record(person, text, changes, queue=queue, now=now)


def _ask_which(person: Person, absences: list[Absence], now: datetime) -> Rendered:
    buttons = [
        button(_days(person, absence, now), CANCEL_ABSENCE, str(absence.id)) for absence in absences[:5]
    ]
    for number, each in enumerate(buttons):
        each["action_id"] = f"{CANCEL_ABSENCE}:{number}"
    return render_text("Which absence is called off?", *buttons)


async def _absences(person: Person, now: datetime) -> tuple[Absence, ...]:
    return await store.list_absences(person.id, now)


def describe_absence(person: Person, absence: Absence, now: datetime) -> str:
    """The days of an absence, and when the person is back at work."""
    back_at = next_working_instant(person.hours, absence.ends_at) or absence.ends_at
    days = f"Out {_days(person, absence, now)}."
    if _is_whole_days(person, absence):
        return f"{days} Back on {_day(local_day(person.hours, back_at), now)}."
    if back_at == absence.ends_at:
        return days
    return f"{days} Back {describe_instant(back_at, person.zone, now)}."


def _is_whole_days(person: Person, absence: Absence) -> bool:
    # Only the end counts: an absence that begins in the middle of today is shown as the whole day.
    day = local_day(person.hours, absence.ends_at)
    return local_instant(person.hours, day, time.min) == absence.ends_at


def _days(person: Person, absence: Absence, now: datetime) -> str:
    if not _is_whole_days(person, absence):
        until = f"until {describe_instant(absence.ends_at, person.zone, now)}"
        if absence.starts_at <= now:
            return until
        return f"from {describe_instant(absence.starts_at, person.zone, now)} {until}"
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
