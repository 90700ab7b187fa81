"""Parses typed lines into commands: `/snooze acme/api#12 until change`, `/ooo 3-14 aug`. Pure.

A line is parsed without knowing who typed it. The times in it depend on that person's zone and working hours,
so `resolve_snooze` and `resolve_absence` read them later.
"""

import re
from datetime import datetime

from bot.model import Value
from bot.slack.days import Unclear
from bot.slack.moments import normalize
from bot.slack.times import Interval, parse_absence, parse_snooze_time
from bot.slack.typed_text import MOST_TYPED, clean_typed
from bot.working_time import WorkingHours


class Target(Value):
    """A pull request as people name it. Compared in any case."""

    repository: str
    number: int


class SnoozeUntil(Value):
    """No reminders until a time, in the words that were typed: `2h`, `until monday`.

    About one pull request, or (target None) about all.
    """

    when: str
    target: Target | None = None


class SnoozeUntilChange(Value):
    """No reminders about this pull request until something happens to it."""

    target: Target


class SnoozeOff(Value):
    """Reminders again: about one pull request, or (target None) about all."""

    target: Target | None = None


class OutOfOffice(Value):
    """Away on some days, in the words that were typed: `until friday`. `cover` is a Slack user's id."""

    days: str
    cover: str | None = None


class BackInOffice(Value):
    """Not away any more."""


class ShowReviews(Value):
    """The reviews that wait for me and for others. `page` is one of: queue, team, settings."""

    page: str = "queue"


class Why(Value):
    """The question why I am asked."""

    target: Target


class OpenForm(Value):
    """A form instead of words: `name` is the command's."""

    name: str


class Help(Value):
    """The list of all commands."""


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
"""Commands that work for people who are not linked to a GitHub account."""

ChangeCommand = SnoozeUntil | SnoozeUntilChange | SnoozeOff | OutOfOffice | BackInOffice
PersonCommand = ChangeCommand | ShowReviews | Why | OpenForm | Help | Unclear
"""Commands for people who are linked."""

Command = AdminCommand | IdentityCommand | PersonCommand

_TARGET = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+) ?# ?(?P<number>\d{1,9})(?!\d)(?: · .*)?")
"""With the facts that follow the name in a DM and in lists: `acme/api#12 · by ben · new`."""
_COVER = re.compile(r"\bcover(?:ed)?(?: by)?:? (?P<who>\S+?)[\s.,;!]*$", re.IGNORECASE)
_USER = re.compile(r"<@(?P<id>[UW][A-Z0-9]+)(?:\|[^>]*)?>")
_OFF = frozenset({"off", "stop", "end", "cancel", "none", "back"})
_HELP = frozenset({"help", "?", "-h", "-help", "--help"})
_CHANGE = frozenset({"until change", "until something changes", "until it changes", "change"})


_APP = re.compile(r"(?:<@\w+>|[/@]?ripe(?:[-_]\w+)?)(?![\w/-])[:,]? ?", re.IGNORECASE)
"""Ripe's own name before a command, or a mention of it: `/ripe`, `@Ripe`, `/ripe-staging`."""
_SAME_COMMAND = {"snoozed": "snooze", "out": "ooo", "review": "reviews"}
"""The words by which Ripe's answers begin, such as `Snoozed until Monday`."""
_COMMANDS = frozenset({"snooze", "ooo", "reviews"})


def parse_command(text: str) -> Command:
    """A line as after `/ripe`: `snooze 2h`, `ooo until friday`, `reviews`. Other words become a question.

    It may be typed or pasted in any form: with a slash, `/ripe`, markup, or invisible characters.
    """
    if len(text) > MOST_TYPED:
        return Unclear(question=f"That is longer than {MOST_TYPED} characters, so Ripe did not read it.")
    name, rest = _split_command(clean_typed(text))
    match name:
        case "snooze":
            return _parse_snooze(rest)
        case "ooo":
            return _parse_ooo(rest)
        case "reviews" | "":
            return _parse_reviews(rest)
        case word if word in _HELP:
            return Help()
    return _parse_target_first(f"{name} {rest}") or Unclear(
        question=f"Ripe does not know “{name[:40]}”. What would you like?",
        choices=("reviews", "snooze 2h", "ooo today", "help"),
    )


def parse_target(text: str) -> Target | None:
    """A pull request alone, typed or pasted: its name or its address. None if the text is anything else."""
    if len(text) > MOST_TYPED:
        return None
    target, rest = _split_target(clean_typed(text))
    return None if rest.strip() else target


def _split_command(line: str) -> tuple[str, str]:
    """The first word, in lower case and without a slash, and the rest. A repeated command counts once."""
    line = _APP.sub("", line, count=1) if _APP.match(line) else line
    word, _, rest = line.lstrip("/").partition(" ")
    name = word.lower().strip(".,;:!") or word
    name = _SAME_COMMAND.get(name, name)
    again = _APP.sub("", rest, count=1) if _APP.match(rest) else rest
    repeated = again.lstrip("/").partition(" ")[0].lower()
    if name in _COMMANDS and repeated in _COMMANDS and (repeated == name or rest.startswith("/")):
        return _split_command(again)
    return name, rest


def _parse_target_first(line: str) -> Command | None:
    """`acme/api#12 snooze 2h`, or the name alone, which becomes a question. None if no name comes first."""
    target, rest = _split_target(line)
    if target is None:
        name, rest = _split_command(line.removeprefix("all reminders: "))
        return _parse_snooze(rest) if name == "snooze" else None
    label = f"{target.repository}#{target.number}"
    name, rest = _split_command(rest.strip(" :,"))
    if name in _COMMANDS:
        return parse_command(f"{name} {label} {rest}")
    choices = (f"reviews why {label}", f"snooze {label} 1h", f"snooze {label} until change")
    return None if name else Unclear(question=f"What about {label}?", choices=choices)


def _parse_snooze(text: str) -> Command:
    target, rest = _split_target(text)
    phrase = normalize(rest)
    if phrase in _HELP:
        return Help()
    if phrase in _OFF:
        return SnoozeOff(target=target)
    if phrase in _CHANGE:
        return SnoozeUntilChange(target=target) if target else _which_pull_request()
    if not phrase:
        return OpenForm(name="snooze") if target is None else _until_when(target)
    return SnoozeUntil(when=rest, target=target)


def _parse_ooo(text: str) -> Command:
    phrase = normalize(text)
    if not phrase:
        return OpenForm(name="ooo")
    if phrase in _HELP:
        return Help()
    if phrase in _OFF:
        return BackInOffice()
    if (named := _COVER.search(text)) is None:
        return OutOfOffice(days=text)
    if (user := _USER.fullmatch(named["who"])) is None:
        return Unclear(question="Who covers for you? Type @ and pick the person from Slack's list.")
    return OutOfOffice(days=text[: named.start()], cover=user["id"])


def _parse_reviews(text: str) -> Command:
    phrase = normalize(text)
    match phrase.split(" "):
        case ["" | "mine" | "list"]:
            return ShowReviews()
        case ["team" | "settings"]:
            return ShowReviews(page=phrase)
        case ["why", *_]:
            return _parse_why(text)
        case ["link", *rest]:
            return _parse_link(rest)
        case ["admin", "join"]:
            return JoinInstallation()
        case ["admin", *rest]:
            return AdminCommand(word=" ".join(rest))
        case [word] if word in _HELP:
            return Help()
    return _unknown_page(phrase)


def _parse_why(text: str) -> Command:
    target, rest = _split_target(text)
    if target is not None and normalize(rest).strip(" \N{BULLET}") == "why":
        return Why(target=target)
    return Unclear(question="Why what? Name the pull request: `reviews why acme/api#12`.")


def _parse_link(rest: list[str]) -> Command:
    if not rest:
        return LinkAccount()
    if rest[0] in _OFF and len(rest) == 1:
        return UnlinkAccount()
    return _unknown_page(" ".join(["link", *rest]))


def _unknown_page(phrase: str) -> Unclear:
    return Unclear(
        question=f"Ripe does not know “{phrase[:40]}”. What would you like to see?",
        choices=("reviews", "reviews help"),
    )


def resolve_snooze(command: SnoozeUntil, now: datetime, hours: WorkingHours) -> datetime | Unclear:
    """When the snooze ends for a person with these hours."""
    when = parse_snooze_time(command.when, now, hours)
    if isinstance(when, Unclear):
        return _as_commands(when, "snooze", command.target)
    return when.instant


def resolve_absence(command: OutOfOffice, now: datetime, hours: WorkingHours) -> Interval | Unclear:
    """When a person with these hours is away."""
    when = parse_absence(command.days, now, hours)
    return _as_commands(when, "ooo", None) if isinstance(when, Unclear) else when


def _split_target(text: str) -> tuple[Target | None, str]:
    """The pull request in a cleaned text, such as acme/api#12, and the text without it."""
    if (match := _TARGET.search(text)) is None:
        return None, text
    target = Target(repository=match["repository"], number=int(match["number"]))
    # Somebody who pastes a link and a name names one pull request twice.
    rest = " ".join(f"{text[: match.start()]} {text[match.end() :]}".split())
    again, without = _split_target(rest)
    is_same = again is not None and _lower(again) == _lower(target)
    return target, without if is_same else rest


def _lower(target: Target) -> tuple[str, int]:
    return target.repository.lower(), target.number


def _which_pull_request() -> Unclear:
    return Unclear(question="Until which pull request changes? Name it: `snooze acme/api#12 until change`.")


def _until_when(target: Target) -> Unclear:
    question = Unclear(question="Until when?", choices=("1h", "tomorrow", "next week", "until change"))
    return _as_commands(question, "snooze", target)


def _as_commands(unclear: Unclear, name: str, target: Target | None) -> Unclear:
    """The same question, each choice a whole command, so that it can be a button."""
    about = f" {target.repository}#{target.number}" if target else ""
    return unclear.model_copy(
        update={"choices": tuple(f"{name}{about} {choice}" for choice in unclear.choices)}
    )
