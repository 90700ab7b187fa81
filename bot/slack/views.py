"""Renders lists, modals and the App Home tab."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from bot.model import Value
from bot.people.model import Person
from bot.reviews.model import PullRequest, ReviewRequest
from bot.slack.escape import disarm
from bot.slack.messages import (
    MOST_IN_NAME,
    Block,
    Rendered,
    button,
    context,
    describe_working_time,
    join_words,
    label,
    plain_text,
    section,
    title_link,
)
from bot.working_time import working_time_between

UNMUTE = "unmute"
MOST_IN_LIST = 10
MOST_IN_OUTLOOK = 300
"""Characters."""

View = dict[str, Any]


class Form(Value):
    """A modal that a command without words opens. Errors are shown under the field `error_field`."""

    name: str
    title: str
    error_field: str
    without_form: str
    """The text to type if Slack does not let us open the form."""


HOW_LONG, DAY = "how_long", "day"
FIRST_DAY, LAST_DAY = "first_day", "last_day"

SNOOZE_FORM = Form(
    name="snooze",
    title="Snooze reminders",
    error_field=HOW_LONG,
    without_form="Type how long, such as `/snooze 2h` or `/snooze until tomorrow`.",
)
OOO_FORM = Form(
    name="ooo",
    title="Out of office",
    error_field=LAST_DAY,
    without_form="Type which days, such as `/ooo today` or `/ooo until tomorrow`.",
)
FORMS = {form.name: form for form in (SNOOZE_FORM, OOO_FORM)}
"""By name, which is the command that opens the form."""


class AskedReview(Value):
    """A review that a person is asked for. `outlook` says why no DM comes now; empty if one does."""

    request: ReviewRequest
    pull_request: PullRequest
    outlook: str


class AwaitedReview(Value):
    """A pull request of a person that waits for others: their logins, and who of them is not reminded."""

    pull_request: PullRequest
    logins: tuple[str, ...]
    outlooks: tuple[str, ...] = ()


class ReviewQueue(Value):
    """The reviews that wait for a person, and their own pull requests that wait for others.

    Those that they snoozed or muted are `resting`. The `quiet` ones ask nothing of them for now. `standing`
    says what holds for all of them.
    """

    standing: tuple[str, ...] = ()
    my_turn: tuple[AskedReview, ...] = ()
    resting: tuple[AskedReview, ...] = ()
    quiet: tuple[AskedReview, ...] = ()
    others: tuple[AwaitedReview, ...] = ()


def render_queue(queue: ReviewQueue, person: Person, now: datetime) -> Rendered:
    """The answer to `/reviews`."""
    text = f"{len(queue.my_turn)} waiting for you, {len(queue.others)} waiting for others"
    return Rendered(blocks=tuple(_queue_blocks(queue, person, now)), text=text)


def render_home(queue: ReviewQueue, person: Person, now: datetime) -> View:
    """The same list as the App Home tab."""
    return {"type": "home", "blocks": _queue_blocks(queue, person, now)}


def render_home_of_unlinked_user(text: str) -> View:
    """The App Home tab of a person who is not linked to a GitHub account."""
    return {"type": "home", "blocks": [section(text)]}


def _queue_blocks(queue: ReviewQueue, person: Person, now: datetime) -> list[Block]:
    blocks = [context(text) for text in queue.standing]
    blocks += _list("Your turn", [_asked_block(asked, person, now) for asked in queue.my_turn])
    blocks += _list("Snoozed or muted", [_resting_block(asked) for asked in queue.resting])
    blocks += _list("Nothing is asked of you for now", [_resting_block(asked) for asked in queue.quiet])
    blocks += _list("Waiting for others", [_others_block(awaited) for awaited in queue.others])
    if not (queue.my_turn or queue.resting or queue.quiet or queue.others):
        blocks.append(section("Nothing waits for you, and nobody keeps you waiting."))
    return blocks


def _list(heading: str, items: list[Block]) -> list[Block]:
    if not items:
        return []
    blocks = [section(f"*{heading}* ({len(items)})"), *items[:MOST_IN_LIST]]
    if len(items) > MOST_IN_LIST:
        blocks.append(context(f"and {len(items) - MOST_IN_LIST} more, newer than these"))
    return blocks


def _asked_block(asked: AskedReview, person: Person, now: datetime) -> Block:
    away = tuple((absence.starts_at, absence.ends_at) for absence in person.absences)
    waiting = working_time_between(person.hours, asked.request.opened_at, now, away)
    line = _line(asked.pull_request, _by(asked.pull_request), _waiting(waiting))
    return section(_with_outlook(line, asked))


def _waiting(waiting: timedelta) -> str:
    age = describe_working_time(waiting)
    return f"waiting {age}" if age else "new"


def _resting_block(asked: AskedReview) -> Block:
    block = section(_with_outlook(_line(asked.pull_request, _by(asked.pull_request)), asked))
    if not asked.request.is_muted:
        return block
    return {**block, "accessory": button("Unmute", UNMUTE, str(asked.request.id))}


def _with_outlook(line: str, asked: AskedReview) -> str:
    return f"{line}\n{disarm(asked.outlook, MOST_IN_OUTLOOK)}" if asked.outlook else line


def _others_block(awaited: AwaitedReview) -> Block:
    reviewers = join_words([disarm(login, MOST_IN_NAME) for login in awaited.logins])
    outlooks = "".join(f"\n{disarm(outlook, MOST_IN_OUTLOOK)}" for outlook in awaited.outlooks)
    return section(_line(awaited.pull_request, f"asked: {reviewers}") + outlooks)


def _by(pull_request: PullRequest) -> str:
    return f"by {disarm(pull_request.author.login, MOST_IN_NAME)}"


def _line(pull_request: PullRequest, *facts: str) -> str:
    return " · ".join((f"*{title_link(pull_request)}*\n{label(pull_request)}", *facts))


def render_loading(title: str) -> View:
    """A modal to open at once, since a trigger lasts three seconds."""
    return {
        "type": "modal",
        "title": plain_text(title),
        "close": plain_text("Cancel"),
        "blocks": [context("One moment…")],
    }


def render_snooze_form(choices: Mapping[str, str]) -> View:
    """`choices` maps each value that Slack sends back to the text that is shown."""
    fields = [
        _choice_field(HOW_LONG, "No reminders for", choices),
        _day_field(DAY, "or until this day begins", None, is_optional=True),
    ]
    return _render_form(SNOOZE_FORM, fields)


def render_ooo_form(today: date) -> View:
    """The form with `today` as the first day."""
    fields = [_day_field(FIRST_DAY, "First day away", today), _day_field(LAST_DAY, "Last day away", None)]
    return _render_form(OOO_FORM, fields)


def _render_form(form: Form, fields: list[Block]) -> View:
    return {
        "type": "modal",
        "callback_id": form.name,
        "title": plain_text(form.title),
        "submit": plain_text("Save"),
        "close": plain_text("Cancel"),
        "blocks": fields,
    }


def _choice_field(name: str, question: str, choices: Mapping[str, str]) -> Block:
    options = [{"text": plain_text(text), "value": value} for value, text in choices.items()]
    element = {"type": "radio_buttons", "action_id": name, "options": options}
    return {**_field(name, question, element), "optional": True}


def _day_field(name: str, question: str, day: date | None, *, is_optional: bool = False) -> Block:
    element: Block = {"type": "datepicker", "action_id": name}
    if day is not None:
        element["initial_date"] = day.isoformat()
    return {**_field(name, question, element), "optional": is_optional}


def _field(name: str, question: str, element: Block) -> Block:
    return {"type": "input", "block_id": name, "label": plain_text(question), "element": element}


def render_message_view(title: str, rendered: Rendered) -> View:
    """A modal with a message."""
    return {
        "type": "modal",
        "title": plain_text(title),
        "close": plain_text("Done"),
        "blocks": list(rendered.blocks),
    }
