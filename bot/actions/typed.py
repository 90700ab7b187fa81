"""The commands of linked people: after `/snooze`, `/ooo`, `/reviews`, `/ripe`, and in a DM to the bot."""

import re
from datetime import datetime, timedelta

from bot.actions.absence import come_back, go_away
from bot.actions.model import Snooze
from bot.actions.mute import mute, unmute
from bot.actions.own import load_own_by_name
from bot.actions.reviews import list_reviews
from bot.actions.snooze import end_snooze_of_request, end_snoozes, snooze_everything, snooze_request
from bot.actions.why import explain_by_name
from bot.model import RequestId
from bot.people.model import Person
from bot.slack.commands import (
    BackInOffice,
    ChangeCommand,
    Help,
    Mute,
    OpenForm,
    OutOfOffice,
    PersonCommand,
    ShowReviews,
    SnoozeOff,
    SnoozeUntil,
    SnoozeUntilChange,
    Target,
    Why,
    resolve_absence,
    resolve_snooze,
)
from bot.slack.days import Unclear
from bot.slack.messages import MOST_ON_BUTTON, SAY, Rendered, button, disarm_sentence, render_text
from bot.slack.views import FORMS
from jobq import Queue

HELP = """\
*Snooze reminders*
`/snooze 2h` · `/snooze until tomorrow` · `/snooze acme/api#12 until change` · `/snooze off`
*Out of office*
`/ooo until tomorrow` · `/ooo {range}` · `/ooo off`
*Reviews*
`/reviews` shows what waits for you and for others · `/reviews why acme/api#12`
`/ripe mute acme/api#12` ends its reminders · `/ripe unmute acme/api#12`
`/reviews link` connects your GitHub account · `/reviews link off` · `/reviews admin` for admins
`/ripe` takes the same words, and so does a message to Ripe. `/snooze` and `/ooo` alone open a form."""

_NOT_YET = {
    "team": "There is no page for a team yet. `/reviews` shows what waits for you and for others.",
    "settings": "Ripe takes your time zone from your Slack profile; there is nothing else to set here yet."
    " Your zone is {zone}.",
}

_COVERED = re.compile(r" cover <@\w+>$")


def render_help(now: datetime) -> Rendered:
    """All commands. The days in the examples are ahead, so that each of them works as it stands."""
    first, last = now + timedelta(days=7), now + timedelta(days=11)
    return render_text(HELP.format(range=f"{first.day} {first:%b} - {last.day} {last:%b}".lower()))


async def carry_out(person: Person, command: PersonCommand, *, queue: Queue, now: datetime) -> Rendered:
    """Carries out a typed command. An unclear command is answered with a question.

    Raises UserError.
    """
    match command:
        case Unclear():
            return _ask(command)
        case Help():
            return render_help(now)
        case OpenForm():
            return render_text(FORMS[command.name].without_form)
        case ShowReviews():
            if (answer := _NOT_YET.get(command.page)) is not None:
                return render_text(answer.format(zone=person.zone))
            return await list_reviews(person, now=now)
        case Why():
            target = command.target
            return await explain_by_name(person, target.repository, target.number, now=now)
        case _:
            return await _change(person, command, queue, now)


async def _change(person: Person, command: ChangeCommand, queue: Queue, now: datetime) -> Rendered:
    match command:
        case SnoozeUntil():
            return await _snooze(person, command, queue, now)
        case SnoozeUntilChange():
            request_id = await _named(person, command.target)
            return await snooze_request(person, request_id, Snooze(until_change=True), queue=queue, now=now)
        case Mute():
            change = mute if command.is_muted else unmute
            return await change(person, await _named(person, command.target), queue=queue, now=now)
        case SnoozeOff():
            return await _end_snooze(person, command.target, queue, now)
        case OutOfOffice():
            days = resolve_absence(command, now, person.hours)
            if isinstance(days, Unclear):
                return _ask(days)
            return await go_away(person, days.starts_at, days.ends_at, command.cover, queue=queue, now=now)
        case BackInOffice():
            return await come_back(person, queue=queue, now=now)


async def _snooze(person: Person, command: SnoozeUntil, queue: Queue, now: datetime) -> Rendered:
    until = resolve_snooze(command, now, person.hours)
    if isinstance(until, Unclear):
        return _ask(until)
    if command.target is None:
        return await snooze_everything(person, until, queue=queue, now=now)
    request_id = await _named(person, command.target)
    return await snooze_request(person, request_id, Snooze(until=until), queue=queue, now=now)


async def _end_snooze(person: Person, target: Target | None, queue: Queue, now: datetime) -> Rendered:
    if target is None:
        return await end_snoozes(person, queue=queue, now=now)
    return await end_snooze_of_request(person, await _named(person, target), queue=queue, now=now)


async def _named(person: Person, target: Target) -> RequestId:
    request, _ = await load_own_by_name(person, target.repository, target.number)
    return request.id


def _ask(unclear: Unclear) -> Rendered:
    """The question, with a button for each clear command."""
    choices = enumerate(unclear.choices[:5])
    buttons = [button(_end_of(choice), f"{SAY}:{number}", choice) for number, choice in choices]
    return render_text(disarm_sentence(unclear.question), *buttons)


def _end_of(choice: str) -> str:
    """The end of a long choice: choices differ there, and a button has little room, so it names no cover."""
    choice = _COVERED.sub("", choice)
    return choice if len(choice) <= MOST_ON_BUTTON else f"…{choice[1 - MOST_ON_BUTTON :]}"
