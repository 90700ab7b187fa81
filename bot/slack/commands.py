"""Parses typed lines into commands: `/snooze acme/api#12 until change`, `/ooo 3-14 aug`. Pure.

A line is parsed without knowing who typed it. The times in it depend on that person's zone and working hours,
so `resolve_snooze` and `resolve_absence` read them later.
"""

import re
from datetime import datetime

from bot.model import Value
from bot.slack.absences import Interval, parse_absence
from bot.slack.days import Unclear
from bot.slack.moments import normalize
from bot.slack.times import parse_snooze_time
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


class Mute(Value):
    """No reminders about this pull request any more, or (is_muted False) reminders again."""

    target: Target
    is_muted: bool = True


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


class InviteWorkspace(Value):
    """Make the link with which one more Slack workspace installs Ripe."""


class AdminCommand(Value):
    """How do things stand (no word), or: change that. The word may be none of ADMIN_WORDS.

    `allow` and `refuse` are followed by a GitHub account.
    """

    word: str = ""


ADMIN_WORDS = ("pause", "resume", "live", "shadow")

IdentityCommand = LinkAccount | UnlinkAccount | JoinInstallation
"""Commands that work for people who are not linked to a GitHub account."""

ChangeCommand = SnoozeUntil | SnoozeUntilChange | SnoozeOff | Mute | OutOfOffice | BackInOffice
PersonCommand = ChangeCommand | ShowReviews | Why | OpenForm | Help | Unclear
"""Commands for people who are linked."""

Command = AdminCommand | InviteWorkspace | IdentityCommand | PersonCommand

_TARGET = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+) ?# ?(?P<number>\d{1,9})(?!\d)(?: · .*)?")
"""With the facts that follow the name in a DM and in lists: `acme/api#12 · by ben · new`."""
_COVER = re.compile(r"[(\[]?\bcover(?:ed)?(?: by)?:? (?P<who>\S+)", re.IGNORECASE)
_USER = re.compile(r"<@(?P<id>[UW][A-Z0-9]+)(?:\|[^>]*)?>")
_OFF = frozenset({"off", "stop", "end", "cancel", "none", "back"})
_HELP = frozenset({"help", "?", "-h", "-help", "--help"})
_CHANGE = frozenset({"until change", "until something changes", "until it changes", "change"})


_APP = re.compile(r"(?:<@\w+>|[/@]?ripe(?:[-_]\w+)?)(?![\w/-])[:,]? ?", re.IGNORECASE)
"""Ripe's own name before a command, or a mention of it: `/ripe`, `@Ripe`, `/ripe-staging`."""
_GREETING = re.compile(r"(?:(?:please|pls|plz|hey|hi|hello|ok|okay|my)[,!]? +(?=\S))+", re.IGNORECASE)
_SAME_COMMAND = {
    "snoozed": "snooze", "out": "ooo", "away": "ooo", "vacation": "ooo", "holiday": "ooo", "sick": "ooo",
    "pto": "ooo", "review": "reviews", "mine": "reviews", "queue": "reviews", "list": "reviews",
}  # fmt: skip
"""The words by which Ripe's answers begin, such as `Snoozed until Monday`, and those that mean the same."""
_OF_OFFICE = re.compile(r"^of (?:the )?office(?: |$)", re.IGNORECASE)
_EVERYTHING = re.compile(
    r"(?:me|everything|all(?: of)?(?: my)?(?: reminders| reviews)?(?! (?:day|week|month|next|this|the|"
    r"morning|afternoon|evening|night)\b)|my reminders|my reviews) +(?=\S)",
    re.IGNORECASE,
)
_SHORT = 40
"""Characters: a text that may well be a time, and fits on a button."""
_PAUSE = frozenset({"stop", "pause", "silence", "quiet", "mute", "remind"})
_COMMANDS = frozenset({"snooze", "ooo", "reviews"})


def parse_command(text: str) -> Command:
    """A line as after `/ripe`: `snooze 2h`, `ooo until friday`, `reviews`. Other words become a question.

    It may be typed or pasted in any form: with a slash, `/ripe`, markup, or invisible characters.
    """
    if len(text) > MOST_TYPED:
        question = f"That is longer than {MOST_TYPED} characters, so Ripe did not read it."
        return Unclear(question=question, choices=("help",))
    name, rest = _split_command(clean_typed(text))
    match name:
        case "snooze":
            return _parse_snooze(rest)
        case "unsnooze":
            return SnoozeOff(target=_split_target(rest)[0])
        case "ooo":
            return _parse_ooo(rest)
        case "reviews" | "":
            return _parse_reviews(rest)
        case word if word in _HELP:
            return Help()
    return _parse_button(name, rest) or _parse_target_first(f"{name} {rest}") or _unknown(name)


def _unknown(name: str) -> Unclear:
    question = f"Ripe does not know “{name[:40]}”. What would you like?"
    return Unclear(question=question, choices=("reviews", "snooze 2h", "ooo today", "help"))


def _parse_button(name: str, rest: str) -> Command | None:
    """The word on one of Ripe's buttons, or a word near to it: `why acme/api#12`. None for other words."""
    target, _ = _split_target(rest)
    if name == "why":
        return _parse_why(f"why {rest}")
    if name in ("undo", "resume", "unpause"):
        question = "Press Undo below the answer that you want to undo. Or end a snooze or an absence:"
        return Unclear(question=question, choices=("snooze off", "ooo off"))
    if name in ("mute", "unmute") and target is not None:
        return Mute(target=target, is_muted=name == "mute")
    if name == "unmute":
        return Unclear(question="Which pull request? Such as: `unmute acme/api#12`.", choices=("reviews",))
    if name in _PAUSE:
        about = f"snooze {target.repository}#{target.number}" if target else "snooze"
        when = _split_target(rest)[1].strip()
        typed = (f"{about} {when}",) if when and len(when) < _SHORT else ()
        choices = (*typed, f"{about} 1h", f"{about} tomorrow", f"{about} next week")
        return Unclear(question="Until when are no reminders sent?", choices=choices)
    return None


def parse_target(text: str) -> Target | None:
    """A pull request alone, typed or pasted: its name or its address. None if the text is anything else."""
    if len(text) > MOST_TYPED:
        return None
    target, rest = _split_target(clean_typed(text))
    return None if rest.strip() else target


def _split_command(line: str) -> tuple[str, str]:
    """The first word, in lower case and without a slash, and the rest. A repeated command counts once."""
    line = _GREETING.sub("", line, count=1) if _GREETING.match(line) else line
    line = _APP.sub("", line, count=1) if _APP.match(line) else line
    line = _GREETING.sub("", line, count=1) if _GREETING.match(line) else line
    word, _, rest = line.lstrip("/ ").partition(" ")
    name = word.lower().strip(".,;:!?") or word
    name = _SAME_COMMAND.get(name, name)
    rest = _OF_OFFICE.sub("", rest) if name == "ooo" else rest
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
    if name in _COMMANDS or name in _PAUSE or name in ("why", "unmute", "unsnooze"):
        return parse_command(f"{name} {label} {rest}")
    choices = (f"reviews why {label}", f"snooze {label} 1h", f"snooze {label} until change")
    when = f"{name} {rest}".strip()
    typed = (f"snooze {label} {when}",) if 0 < len(when) < _SHORT else ()
    return Unclear(question=f"What about {label}?", choices=(*typed, *choices))


def _parse_snooze(text: str) -> Command:
    target, rest = _split_target(text)
    if target is None and _EVERYTHING.match(rest):
        rest = _EVERYTHING.sub("", rest, count=1)
    if target is not None and (other := _split_target(rest))[0] is not None:
        return _one_at_a_time(target, *other)
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


def _one_at_a_time(first: Target, second: Target | None, rest: str) -> Unclear:
    when = _split_target(rest)[1].strip(" ,;&") or "1h"
    choices = [f"snooze {each.repository}#{each.number} {when}" for each in (first, second) if each]
    return Unclear(question="One pull request at a time, please. Which one first?", choices=tuple(choices))


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
    days = f"{text[: named.start()].rstrip(' ,;(')} {text[named.end() :].lstrip(' ,;.)')}".strip()
    if (user := _USER.fullmatch(named["who"].rstrip(".,;!)]"))) is None:
        choices = (f"ooo {days}",) if days else ()
        return Unclear(
            question="Who covers for you? Type @ and pick the person from Slack's list. Or nobody:",
            choices=choices or ("ooo today", "ooo tomorrow", "ooo next week"),
        )
    return OutOfOffice(days=days, cover=user["id"])


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
        case ["admin", *rest]:
            return _parse_admin(rest, text)
        case [word] if word in _HELP:
            return Help()
    return _unknown_page(phrase)


def _parse_admin(rest: list[str], text: str) -> Command:
    match rest:
        case ["join"]:
            return JoinInstallation()
        case ["invite-workspace" | "invite"] | ["invite", "workspace"]:
            return InviteWorkspace()
        case ["allow" | "refuse" as word, _, *_]:
            # As it was typed: the normalized phrase takes some logins for days.
            named = " ".join(text.split()[2:]).removeprefix("@")
            return AdminCommand(word=f"{word} {named}")
        case _:
            return AdminCommand(word=" ".join(rest))


def _parse_why(text: str) -> Command:
    target, rest = _split_target(text)
    if target is not None and normalize(rest).strip(" \N{BULLET}?") == "why":
        return Why(target=target)
    question = "Why what? Name the pull request, such as `why acme/api#12`, or see your reviews:"
    return Unclear(question=question, choices=("reviews",))


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
        return _as_commands(_with_choices(when, "1h", "tomorrow", "next week"), "snooze", command.target)
    return when.instant


def resolve_absence(command: OutOfOffice, now: datetime, hours: WorkingHours) -> Interval | Unclear:
    """When a person with these hours is away."""
    when = parse_absence(command.days, now, hours)
    if isinstance(when, Interval):
        return when
    question = _as_commands(_with_choices(when, "today", "tomorrow", "next week"), "ooo", None)
    cover = f" cover <@{command.cover}>" if command.cover else ""
    return question.model_copy(update={"choices": tuple(f"{each}{cover}" for each in question.choices)})


def _with_choices(unclear: Unclear, *choices: str) -> Unclear:
    """The question as it is, or with these choices if it has none: a button is less work than a new line."""
    return unclear if unclear.choices else unclear.model_copy(update={"choices": choices})


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
    question = "Until which pull request changes? Name it, such as `snooze acme/api#12 until change`."
    return Unclear(question=question, choices=("reviews",))


def _until_when(target: Target) -> Unclear:
    question = Unclear(question="Until when?", choices=("1h", "tomorrow", "next week", "until change"))
    return _as_commands(question, "snooze", target)


def _as_commands(unclear: Unclear, name: str, target: Target | None) -> Unclear:
    """The same question, each choice a whole command, so that it can be a button."""
    about = f" {target.repository}#{target.number}" if target else ""
    return unclear.model_copy(
        update={"choices": tuple(f"{name}{about} {choice}" for choice in unclear.choices)}
    )
