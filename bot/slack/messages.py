"""Renders messages. They are short: a person gets up to eight a day, most of them on a phone."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from bot.model import RequestId, Value
from bot.reminders.model import Card, Look
from bot.reviews.model import CloseReason, PullRequest
from bot.slack.escape import code, disarm, link, plain, web_address

Block = dict[str, Any]

OPEN = "open"
SNOOZE = "snooze"
WHY = "why"
MUTE = "mute"
UNDO = "undo"
SAY = "say"
"""A button that stands for a command that the person could have typed."""

SNOOZE_PRESETS = {
    "hour": "1 hour",
    "tomorrow": "Until tomorrow",
    "next_week": "Until next week",
    "change": "Until something changes",
}

MOST_IN_TITLE = 140
"""Characters: two lines on a phone."""
MOST_IN_NAME = 60
MOST_IN_REPOSITORY = 140
"""An owner and a name have no more on GitHub, and a name cut short could not be typed back."""
MOST_IN_PATTERN = 100
MOST_ON_BUTTON = 75
"""Slack's own limit."""

_ENDINGS = {
    CloseReason.APPROVED: "approved by you",
    CloseReason.CHANGES_REQUESTED: "you asked for changes",
    CloseReason.COMMENTED: "you commented",
    CloseReason.UNASSIGNED: "no longer asked of you",
    CloseReason.REMOVED: "no longer asked of you",
    CloseReason.MERGED: "merged",
    CloseReason.CLOSED: "closed",
}
_WELCOME = (
    "This is the first of these. Your team connected Ripe to its repositories: it reminds you, in your"
    " working hours, of reviews that wait for you. `/snooze` pauses it, `/ooo` says when you are away,"
    " *Mute* ends it for one pull request."
)


class Rendered(Value):
    """A message: its blocks, and the line for a phone's lock screen."""

    blocks: tuple[Block, ...]
    text: str


def render_card(card: Card, waiting: timedelta) -> Rendered:
    """A DM about one review request, which has waited for `waiting` of the reader's working time."""
    match card.look:
        case Look.LIVE:
            return _render_live(card, waiting)
        case Look.QUIET:
            return _render_quiet(card)
        case Look.OLDER:
            return _render_line(card, f"{_link(card)} · {_label(card)} · there is a newer reminder below")
        case Look.OVER:
            return _render_line(card, f"~{_link(card)}~ · {_label(card)} · {_ending(card)}")


def _render_live(card: Card, waiting: timedelta) -> Rendered:
    facts = [_turn(card, code(card.owned, MOST_IN_PATTERN))]
    if card.sequence:
        facts.append(f"reminder {card.sequence} of {max(card.reminders, card.sequence)}")
    if (age := describe_working_time(waiting)) is not None:
        facts.append(f"waiting {age}")
    blocks = [_headline(card), context(" · ".join(facts)), _buttons(card)]
    if card.is_first_ever:
        blocks.append(context(_WELCOME))
    return Rendered(blocks=tuple(blocks), text=_notification(card, age))


def _render_quiet(card: Card) -> Rendered:
    note = disarm(card.note, 300) or "Nothing is asked of you for now."
    blocks = [_headline(card), context(note)]
    if web_address(card.url):
        blocks.append({"type": "actions", "elements": [_open_button(card)]})
    return Rendered(blocks=tuple(blocks), text=f"{_label(card)} {_title(card)}: {note}")


def _render_line(card: Card, line: str) -> Rendered:
    ending = _ending(card) if card.look is Look.OVER else "there is a newer reminder"
    return Rendered(blocks=(context(line),), text=f"{_label(card)} {_title(card)}: {ending}")


def _notification(card: Card, age: str | None) -> str:
    about = f"{_title(card)} ({', '.join(_facts(card))})"
    if card.sequence == 0:
        return f"{_turn(card, disarm(card.owned, MOST_IN_PATTERN))}: {about}"
    return f"Reminder {card.sequence}, waiting {age or 'for you'}: {about}"


def _turn(card: Card, owned: str) -> str:
    turn = disarm(card.turn, 200) or "your review is asked for"
    return f"{turn} {owned}" if card.owned else turn


def _headline(card: Card) -> Block:
    return section(f"*{_link(card)}*\n{' · '.join(_facts(card))}")


def _facts(card: Card) -> list[str]:
    facts = [_label(card), f"by {disarm(card.author, MOST_IN_NAME)}"]
    if card.additions is not None and card.deletions is not None:
        facts.insert(1, f"+{card.additions} \N{MINUS SIGN}{card.deletions}")
    return facts


def _title(card: Card) -> str:
    return disarm(card.title, MOST_IN_TITLE) or "(no title)"


def _link(card: Card) -> str:
    return link(card.url, _title(card))


def _label(card: Card) -> str:
    return _name(card.repository, card.number)


def label(pull_request: PullRequest) -> str:
    """The short name of a pull request, such as acme/api#12, disarmed."""
    return _name(pull_request.repository, pull_request.number)


def _name(repository: str, number: int) -> str:
    return f"{disarm(repository, MOST_IN_REPOSITORY)}#{number}"


def title_link(pull_request: PullRequest) -> str:
    """The title, disarmed, as a link to the pull request."""
    return link(pull_request.url, disarm(pull_request.title, MOST_IN_TITLE) or "(no title)")


def _ending(card: Card) -> str:
    return _ENDINGS[card.close_reason] if card.close_reason else "over"


def _buttons(card: Card) -> Block:
    elements = [
        _snooze_menu(card.request_id),
        button("Why me?", WHY, str(card.request_id)),
        button("Mute", MUTE, str(card.request_id)),
    ]
    if web_address(card.url):
        elements.insert(0, _open_button(card))
    return {"type": "actions", "elements": elements}


def _open_button(card: Card) -> Block:
    opening = button("Open", OPEN, str(card.request_id))
    return {**opening, "url": web_address(card.url), "style": "primary"}


def _snooze_menu(request_id: RequestId) -> Block:
    return {
        "type": "static_select",
        "action_id": SNOOZE,
        "placeholder": plain_text("Snooze"),
        "options": [
            {"text": plain_text(text), "value": f"{request_id}:{preset}"}
            for preset, text in SNOOZE_PRESETS.items()
        ],
    }


def join_words(names: Sequence[str]) -> str:
    """`a, b and c`. Of more than five, all after the fourth are counted."""
    if len(names) > 5:
        return f"{', '.join(names[:4])} and {len(names) - 4} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else "nobody"


def describe_working_time(age: timedelta) -> str | None:
    """A rough duration in words. None for less than five minutes."""
    minutes = int(age.total_seconds() // 60)
    if minutes < 5:
        return None
    if minutes < 60:
        return f"{minutes} working minutes"
    hours = minutes // 60
    return f"{hours} working hour{'s' if hours > 1 else ''}"


def add_more(rendered: Rendered, more: int) -> Rendered:
    """The same DM; if it is the last of a day, it says how many reviews wait for the next digest."""
    text = f"{more} more: `/reviews`. Your next digest lists what still waits then."
    return add_context(rendered, text) if more else rendered


def render_text(text: str, *buttons: Block) -> Rendered:
    """A short answer in mrkdwn, with buttons under it. Quoted text in it must be disarmed."""
    actions = ({"type": "actions", "elements": list(buttons)},) if buttons else ()
    return Rendered(blocks=(section(text), *actions), text=text)


def add_context(rendered: Rendered, text: str) -> Rendered:
    """The same message with a line in small grey letters under it."""
    return Rendered(blocks=(*rendered.blocks, context(text)), text=rendered.text)


def disarm_sentence(sentence: str) -> str:
    """Disarms a sentence of ours that quotes a person. Its `code` stays."""
    parts = re.split(r"(`|^\s+|\s+(?=`)|(?<=`)\s+)", sentence)
    return "".join(part if part == "`" or part.isspace() else disarm(part, 300) for part in parts)


def section(text: str) -> Block:
    return {"type": "section", "text": _mrkdwn(text)}


def context(text: str) -> Block:
    """Text in small grey letters."""
    return {"type": "context", "elements": [_mrkdwn(text)]}


def button(text: str, action_id: str, value: str) -> Block:
    return {
        "type": "button",
        "text": plain_text(plain(text, MOST_ON_BUTTON)),
        "action_id": action_id,
        "value": value,
    }


def plain_text(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": False}


def _mrkdwn(text: str) -> Block:
    # verbatim: Slack must not turn parts of the text into links.
    return {"type": "mrkdwn", "text": text, "verbatim": True}
