"""Whole commands as people type them: `/snooze acme/api#12 until change`, `/ooo 3-14 aug`. Pure."""

import re
from datetime import datetime

from bot.model import Value
from bot.slack.days import Unclear
from bot.slack.times import Interval, normalize, parse_absence, parse_snooze_time
from bot.working_time import WorkingHours


class Target(Value):
    """A pull request as people name it. Compared in any case."""

    repository: str
    number: int


class SnoozeUntil(Value):
    """No reminders before `until`: about one pull request, or (target None) about any."""

    until: datetime
    target: Target | None = None


class SnoozeUntilChange(Value):
    """No reminders about this pull request until something happens to it."""

    target: Target


class SnoozeOff(Value):
    """Reminders again: about one pull request, or (target None) about all."""

    target: Target | None = None


class OutOfOffice(Value):
    """Away; `cover` is the Slack id of who stands in."""

    interval: Interval
    cover: str | None = None


class BackInOffice(Value):
    """Not away any more."""


class ShowReviews(Value):
    """What waits for me, and for others. `page` is one of: queue, team, settings."""

    page: str = "queue"


class Why(Value):
    """Why am I asked?"""

    target: Target


class OpenForm(Value):
    """A form instead of words: `name` is the command's."""

    name: str


class Help(Value):
    """What can be typed."""


class LinkAccount(Value):
    """Who am I on GitHub? Or: connect me."""


class UnlinkAccount(Value):
    """I am nobody on GitHub any more."""


class JoinInstallation(Value):
    """Bring an installation of the GitHub App to this workspace."""


class AdminCommand(Value):
    """How do things stand (no word), or: change that. The word may be none of ADMIN_WORDS."""

    word: str = ""


ADMIN_WORDS = ("pause", "resume", "live", "shadow")

IdentityCommand = LinkAccount | UnlinkAccount | JoinInstallation
"""What people may ask whom nobody knows yet."""

Command = (
    SnoozeUntil | SnoozeUntilChange | SnoozeOff | OutOfOffice | BackInOffice | ShowReviews | Why | OpenForm
    | Help | Unclear
)  # fmt: skip

_TARGET = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)#(?P<number>\d{1,9})")
_ADDRESS = re.compile(
    r"<?https?://[^\s/|>]+/(?P<repository>[\w.-]+/[\w.-]+)/pull/(?P<number>\d{1,9})[^\s|>]*(?:\|[^>]*)?>?"
)
_COVER = re.compile(r"\bcover(?:ed)?(?: by)?:? (?P<who>\S+)\s*$", re.IGNORECASE)
_USER = re.compile(r"<@(?P<id>[UW][A-Z0-9]+)(?:\|[^>]*)?>")
_OFF = frozenset({"off", "stop", "end", "cancel", "none", "back"})
_HELP = frozenset({"help", "?", "-h", "--help"})
_CHANGE = frozenset({"until change", "until something changes", "until it changes", "change"})
_PAGES = frozenset({"team", "settings"})


def parse_command(text: str, now: datetime, hours: WorkingHours) -> Command:
    """Words as after `/ripe`: `snooze 2h`, `ooo until friday`, `reviews`. Anything else is asked."""
    name, _, rest = text.strip().partition(" ")
    match name.lower():
        case "snooze":
            return parse_snooze(rest, now, hours)
        case "ooo":
            return parse_ooo(rest, now, hours)
        case "reviews" | "":
            return parse_reviews(rest)
        case word if word in _HELP:
            return Help()
    return Unclear(
        question=f"Ripe does not know “{name[:40]}”. What would you like?",
        choices=("reviews", "snooze 2h", "ooo today", "help"),
    )


def parse_identity(text: str) -> IdentityCommand | None:
    """Words as after `/ripe`; None for all that are not about who somebody is on GitHub."""
    match normalize(text).split(" "):
        case ["reviews", "link"]:
            return LinkAccount()
        case ["reviews", "link", word] if word in _OFF:
            return UnlinkAccount()
        case ["reviews", "admin", "join"]:
            return JoinInstallation()
    return None


def parse_admin(text: str) -> AdminCommand | None:
    """Words as after `/ripe`; None for all that are not about running Ripe."""
    match normalize(text).split(" "):
        case ["reviews", "admin", *words] if words != ["join"]:
            return AdminCommand(word=" ".join(words))
    return None


def parse_snooze(text: str, now: datetime, hours: WorkingHours) -> Command:
    """What follows `/snooze`."""
    target, rest = _split_target(text)
    words = normalize(rest)
    if words in _HELP:
        return Help()
    if words in _OFF:
        return SnoozeOff(target=target)
    if words in _CHANGE:
        return SnoozeUntilChange(target=target) if target else _which_pull_request()
    if not words:
        return OpenForm(name="snooze") if target is None else _until_when("snooze", target)
    when = parse_snooze_time(rest, now, hours)
    if isinstance(when, Unclear):
        return _as_commands(when, "snooze", target)
    return SnoozeUntil(until=when.instant, target=target)


def parse_ooo(text: str, now: datetime, hours: WorkingHours) -> Command:
    """What follows `/ooo`."""
    words = normalize(text)
    if not words:
        return OpenForm(name="ooo")
    if words in _HELP:
        return Help()
    if words in _OFF:
        return BackInOffice()
    cover = None
    if (named := _COVER.search(text)) is not None:
        user = _USER.fullmatch(named["who"])
        if user is None:
            return Unclear(question="Who covers for you? Type @ and pick the person from Slack's list.")
        cover, text = user["id"], text[: named.start()]
    when = parse_absence(text, now, hours)
    if isinstance(when, Unclear):
        return _as_commands(when, "ooo", None)
    return OutOfOffice(interval=when, cover=cover)


def parse_reviews(text: str) -> Command:
    """What follows `/reviews`."""
    words = normalize(text)
    if not words or words in ("mine", "list"):
        return ShowReviews()
    if words in _PAGES:
        return ShowReviews(page=words)
    if words in _HELP:
        return Help()
    if words.split(" ")[0] == "why":
        target, rest = _split_target(text)
        if target is not None and normalize(rest) == "why":
            return Why(target=target)
        return Unclear(question="Why what? Name the pull request: `reviews why acme/api#12`.")
    return Unclear(
        question=f"Ripe does not know “{words[:40]}”. What would you like to see?",
        choices=("reviews", "reviews help"),
    )


def _split_target(text: str) -> tuple[Target | None, str]:
    """The pull request that is named, by address or as acme/api#12, and the words without it."""
    for pattern in (_ADDRESS, _TARGET):
        if (match := pattern.search(text)) is not None:
            target = Target(repository=match["repository"], number=int(match["number"]))
            return target, f"{text[: match.start()]} {text[match.end() :]}"
    return None, text


def _which_pull_request() -> Unclear:
    return Unclear(question="Until which pull request changes? Name it: `snooze acme/api#12 until change`.")


def _until_when(name: str, target: Target) -> Unclear:
    asked = Unclear(question="Until when?", choices=("1h", "tomorrow", "next week", "until change"))
    return _as_commands(asked, name, target)


def _as_commands(unclear: Unclear, name: str, target: Target | None) -> Unclear:
    """The same question, each choice a whole command, so that it can be a button."""
    about = f" {target.repository}#{target.number}" if target else ""
    return unclear.model_copy(
        update={"choices": tuple(f"{name}{about} {choice}" for choice in unclear.choices)}
    )
