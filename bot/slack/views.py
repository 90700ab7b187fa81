"""Renders lists, modals and the App Home tab."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from bot.model import Value
from bot.people.model import Person
from bot.reviews.model import PullRequest, ReviewRequest
from bot.slack.escape import disarm, link
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
MOST_BLOCKS_OF_MESSAGE = 50
MOST_BLOCKS_OF_HOME = 100
"""Slack's own limits."""
LEAST_IN_LIST = 3
"""Reviews that each list shows in full, however long those before it are."""
MOST_IN_REST = 2800
"""Characters: Slack takes 3000 in a block."""
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
    return Rendered(blocks=tuple(_queue_blocks(queue, person, now, MOST_BLOCKS_OF_MESSAGE)), text=text)


def render_home(queue: ReviewQueue, person: Person, now: datetime) -> View:
    """The same list as the App Home tab, which has room for more."""
    return {"type": "home", "blocks": _queue_blocks(queue, person, now, MOST_BLOCKS_OF_HOME)}


def render_home_of_unlinked_user(text: str) -> View:
    """The App Home tab of a person who is not linked to a GitHub account."""
    return {"type": "home", "blocks": [section(text)]}


class _List(NamedTuple):
    """A list of reviews: the block of each, and its pull request."""

    heading: str
    items: list[tuple[Block, PullRequest]]


def _queue_blocks(queue: ReviewQueue, person: Person, now: datetime, most: int) -> list[Block]:
    blocks = [context(text) for text in queue.standing]
    lists = [each for each in _lists(queue, person, now) if each.items]
    # Each list has a heading, and at most one block for all that are not shown in full.
    room = most - len(blocks) - 2 * len(lists)
    for each, share in zip(lists, _share([len(each.items) for each in lists], room), strict=True):
        blocks += _list_blocks(each, share)
    return blocks if lists else [*blocks, section("Nothing waits for you, and nobody keeps you waiting.")]


def _lists(queue: ReviewQueue, person: Person, now: datetime) -> Iterable[_List]:
    my_turn = [(_asked_block(asked, person, now), asked.pull_request) for asked in queue.my_turn]
    yield _List("Your turn", my_turn)
    yield _List("Snoozed or muted", [(_resting_block(each), each.pull_request) for each in queue.resting])
    quiet = [(_resting_block(each), each.pull_request) for each in queue.quiet]
    yield _List("Nothing is asked of you for now", quiet)
    yield _List("Waiting for others", [(_others_block(each), each.pull_request) for each in queue.others])


def _share(sizes: Sequence[int], room: int) -> list[int]:
    """How many items of each list are shown in full: a few of each, and then the first lists fill up."""
    shares = [min(size, LEAST_IN_LIST) for size in sizes]
    for number, size in enumerate(sizes):
        shares[number] += min(size - shares[number], room - sum(shares))
    return shares


def _list_blocks(listed: _List, share: int) -> list[Block]:
    full, rest = listed.items[:share], listed.items[share:]
    blocks = [section(f"*{listed.heading}* ({len(listed.items)})"), *(block for block, _ in full)]
    return [*blocks, context(_rest([pull_request for _, pull_request in rest]))] if rest else blocks


def _rest(pull_requests: Sequence[PullRequest]) -> str:
    """The names of those that are not shown in full, as links, as many as fit."""
    text, left = f"and {len(pull_requests)} more: ", len(pull_requests)
    for pull_request in pull_requests:
        name = link(pull_request.url, label(pull_request))
        if len(text) + len(name) > MOST_IN_REST:
            return f"{text}and {left} more"
        left -= 1
        text += f"{name}, " if left else name
    return text


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
