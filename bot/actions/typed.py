"""What people type, done: after `/snooze`, `/ooo`, `/reviews`, `/ripe`, and in the conversation with us."""

from datetime import datetime

from bot.actions.absence import come_back, go_away
from bot.actions.model import Snooze
from bot.actions.own import load_own_by_name
from bot.actions.reviews import list_reviews
from bot.actions.snooze import end_snooze_of_request, end_snoozes, snooze_everything, snooze_request
from bot.actions.why import explain_by_name
from bot.model import RequestId
from bot.people.model import Person
from bot.slack.commands import (
    BackInOffice,
    Command,
    Help,
    OpenForm,
    OutOfOffice,
    ShowReviews,
    SnoozeOff,
    SnoozeUntil,
    SnoozeUntilChange,
    Target,
    Why,
    parse_command,
)
from bot.slack.days import Unclear
from bot.slack.messages import MOST_ON_BUTTON, SAY, Rendered, button, disarm_words, render_text
from bot.slack.views import FORMS
from jobq import Queue

HELP = """\
*Snooze reminders*
`/snooze 2h` · `/snooze until monday` · `/snooze acme/api#12 until change` · `/snooze off`
*Out of office*
`/ooo until friday` · `/ooo 3-14 aug cover @ana` · `/ooo off`
*Reviews*
`/reviews` shows what waits for you and for others · `/reviews why acme/api#12`
`/reviews link` connects your GitHub account · `/reviews link off` · `/reviews admin` for admins
`/ripe` takes the same words, and so does a message to Ripe. `/snooze` and `/ooo` alone open a form."""

_PAGES = {
    "team": "There is no page for a team yet. `/reviews` shows what waits for you and for others.",
    "settings": "Ripe takes your time zone from your Slack profile; there is nothing else to set here yet.",
}


async def obey(person: Person, words: str, /, *, queue: Queue, now: datetime) -> Rendered:
    """Does what a person typed, and tells them; what is unclear is asked. Raises UserError."""
    match parse_command(words, now, person.hours):
        case Unclear() as unclear:
            return _ask(unclear)
        case Help():
            return render_text(HELP)
        case OpenForm(name=name):
            return render_text(FORMS[name].without_form)
        case ShowReviews(page="queue"):
            return await list_reviews(person, now=now)
        case ShowReviews(page=page):
            return render_text(_PAGES[page])
        case Why(target=target):
            return await explain_by_name(person, target.repository, target.number)
        case command:
            return await _change(person, command, queue, now)


async def _change(person: Person, command: Command, queue: Queue, now: datetime) -> Rendered:
    match command:
        case SnoozeUntil(target=None, until=until):
            return await snooze_everything(person, until, queue=queue, now=now)
        case SnoozeUntil(target=Target() as target, until=until):
            request_id = await _named(person, target)
            return await snooze_request(person, request_id, Snooze(until=until), queue=queue, now=now)
        case SnoozeUntilChange(target=target):
            request_id = await _named(person, target)
            return await snooze_request(person, request_id, Snooze(until_change=True), queue=queue, now=now)
        case SnoozeOff(target=None):
            return await end_snoozes(person, queue=queue, now=now)
        case SnoozeOff(target=Target() as target):
            return await end_snooze_of_request(person, await _named(person, target), queue=queue, now=now)
        case OutOfOffice(interval=interval, cover=cover):
            return await go_away(person, interval.starts_at, interval.ends_at, cover, queue=queue, now=now)
        case BackInOffice():
            return await come_back(person, queue=queue, now=now)
    raise TypeError(f"{type(command).__name__} changes nothing")


async def _named(person: Person, target: Target) -> RequestId:
    request, _ = await load_own_by_name(person, target.repository, target.number)
    return request.id


def _ask(unclear: Unclear) -> Rendered:
    """The question, with what would have been clear as buttons."""
    choices = enumerate(unclear.choices[:5])
    buttons = [button(_end_of(words), f"{SAY}:{number}", words) for number, words in choices]
    return render_text(disarm_words(unclear.question), *buttons)


def _end_of(words: str) -> str:
    """Choices differ at their ends, and a button has little room."""
    return words if len(words) <= MOST_ON_BUTTON else f"…{words[1 - MOST_ON_BUTTON :]}"
