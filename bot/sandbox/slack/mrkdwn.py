"""Reads a message's text as Slack does: who is notified, and what becomes a link.

https://docs.slack.dev/messaging/formatting-message-text. Where the documentation leaves room, this
reports more rather than less, since tests look for injection with it.
"""

import html
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bot.model import Value
from bot.sandbox.slack.model import Json, Message

_CONTROL = re.compile(r"<([^<>\n]+)>")
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_BARE_LINK = re.compile(
    r"(?P<url>[a-z][a-z0-9+.-]*://[^\s<>|]+)"
    r"|(?P<email>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)"
    r"|(?<![\w.@/-])(?P<domain>[\w-]+(?:[.\u3002\uff0e\uff61][\w-]+)*[.\u3002\uff0e\uff61][^\W\d_]{2,}(?:/[^\s<>|]*)?)",
    re.IGNORECASE,
)
_BARE_GROUP = re.compile(r"(?<![\w/])@(here|channel|everyone)\b", re.IGNORECASE)
_BARE_NAME = re.compile(r"(?<![\w/])@([\w.-]+)")
_SPECIAL = frozenset({"here", "channel", "everyone", "group"})


class Mention(Value):
    """Somebody is notified: a user (its id), a usergroup (its id), or `here`, `channel`, `everyone`."""

    kind: str
    target: str


class Link(Value):
    """Something to click. `label` is its text; `is_bare`: it had no markup, Slack recognized it."""

    url: str
    label: str
    is_bare: bool = False


class Run(Value):
    """A piece of text that Slack parses.

    `is_auto`: Slack recognizes addresses without markup in it. `is_naming`: and names after an @.
    """

    text: str
    is_auto: bool
    is_naming: bool


def mentions_in(message: Message, names: Mapping[str, str]) -> list[Mention]:
    """The mentions that notify somebody. `names` maps the workspace's user names to ids."""
    return [mention for run in runs_of(message) for mention in _mentions(run, names)]


def links_in(message: Message) -> list[Link]:
    """The links in the text. Buttons and images are not text."""
    return [link for run in runs_of(message) for link in _links(run)]


def runs_of(message: Message) -> Iterator[Run]:
    """The text of the notification, then every mrkdwn object in the blocks."""
    is_full = message.parse == "full"
    yield Run(text=message.text, is_auto=message.parse != "none", is_naming=is_full or message.link_names)
    for text in mrkdwn_in(message.blocks):
        is_auto = not text.get("verbatim", False)
        yield Run(text=text["text"], is_auto=is_auto, is_naming=is_auto)


def mrkdwn_in(part: Any) -> Iterator[Json]:
    """Every mrkdwn object in some blocks, at any depth."""
    if isinstance(part, Mapping):
        if part.get("type") == "mrkdwn" and isinstance(part.get("text"), str):
            yield dict(part)
        else:
            yield from mrkdwn_in([*part.values()])
    elif isinstance(part, Iterable) and not isinstance(part, str):
        for child in part:
            yield from mrkdwn_in(child)


def _mentions(run: Run, names: Mapping[str, str]) -> Iterator[Mention]:
    for control in _CONTROL.findall(run.text):
        if (mention := _mention(control.partition("|")[0])) is not None:
            yield mention
    if not (run.is_auto or run.is_naming):
        return
    bare = _CONTROL.sub(" ", run.text)
    for group in _BARE_GROUP.findall(bare):
        yield Mention(kind="special", target=group.lower())
    for name in _BARE_NAME.findall(bare) if run.is_naming else ():
        if name in names:
            yield Mention(kind="user", target=names[name])


def _mention(control: str) -> Mention | None:
    if control.startswith("@"):
        return Mention(kind="user", target=control[1:])
    if control.startswith("!subteam^"):
        return Mention(kind="subteam", target=control.removeprefix("!subteam^"))
    if control.startswith("!") and control[1:].lower() in _SPECIAL:
        return Mention(kind="special", target=control[1:].lower())
    return None


def _links(run: Run) -> Iterator[Link]:
    for control in _CONTROL.findall(run.text):
        address, bar, label = control.partition("|")
        if _is_address(address):
            url = html.unescape(address)
            yield Link(url=url, label=html.unescape(label) if bar else url)
        elif address.startswith("#"):
            yield Link(url=address, label=html.unescape(label) if bar else address)
    if not run.is_auto:
        return
    for match in _BARE_LINK.finditer(html.unescape(_CONTROL.sub(" ", run.text))):
        yield Link(url=match.group(), label=match.group(), is_bare=True)


def _is_address(control: str) -> bool:
    return control[:1] not in ("@", "#", "!") and (_SCHEME.match(control) is not None or "." in control)
