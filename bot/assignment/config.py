"""The configuration of a team: who reviews which files, which pull requests are ignored, when reminders come.

These are the YAML's shapes; `config_file.py` reads the file and shows each mistake on its line.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, Strict

from bot.assignment.patterns import why_useless
from bot.model import Value
from bot.people.model import parse_login
from bot.reminders.model import Rhythm

WORKING_DAY = timedelta(hours=8)
"""The length of `d` in a duration: all durations here are working time."""

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": WORKING_DAY}
_DURATION = re.compile(r"(\d{1,5})([mhd])")
_FULL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*/[A-Za-z0-9._-]+")


def _parse_duration(value: Any) -> timedelta:
    matched = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if matched is None or not int(matched[1]):
        raise ValueError("must be a duration of working time such as 90m, 4h or 2d (a day is 8 h)")
    return int(matched[1]) * _UNITS[matched[2]]


def render_duration(duration: timedelta) -> str:
    """The shortest way to write it: 4h, or 90m where hours do not fit."""
    minutes = int(duration.total_seconds()) // 60
    return f"{minutes}m" if minutes % 60 else f"{minutes // 60}h"


def _check_path_pattern(value: str) -> str:
    if (why := why_useless(value)) is not None:
        raise ValueError(why)
    return value


def _check_regex(value: str) -> str:
    try:
        re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    return value


def _check_full_name(value: str) -> str:
    if not _FULL_NAME.fullmatch(value):
        raise ValueError("must be a repository's full name, such as acme/api")
    return value


def _check_rising(durations: tuple[timedelta, ...]) -> tuple[timedelta, ...]:
    if sorted(set(durations)) != list(durations):
        raise ValueError("each must be longer than the one before: they all count from the first DM")
    return durations


Text = Annotated[str, Strict(), Field(min_length=1)]
Flag = Annotated[bool, Strict()]
Login = Annotated[Text, AfterValidator(parse_login)]
PathPattern = Annotated[Text, AfterValidator(_check_path_pattern)]
TitlePattern = Annotated[Text, AfterValidator(_check_regex)]
FullName = Annotated[Text, AfterValidator(_check_full_name)]
Duration = Annotated[
    timedelta, BeforeValidator(_parse_duration), PlainSerializer(render_duration, when_used="json")
]


class Rule(Value):
    """The people who review changes to these paths.

    `at_least` of them are asked, even if that is more than the repository's number of reviewers. Without it,
    one is asked, as far as that number allows. `fallback` is asked when none of `people` is left. `teams` is
    not built yet: the file must not set it, but earlier versions stored it.
    """

    paths: Annotated[tuple[PathPattern, ...], Field(min_length=1)]
    people: Annotated[tuple[Login, ...], Field(min_length=1)]
    teams: tuple[Text, ...] = ()
    at_least: Annotated[int, Strict(), Field(ge=0, le=15)] | None = None
    fallback: tuple[Login, ...] = ()


class Ignore(Value):
    """Which pull requests are left alone, in any case of letters.

    `authors` are patterns such as `*[bot]`; `titles` are Python's regular expressions, which may match
    anywhere. A file may use those that match in linear time; earlier versions stored any.
    """

    drafts: Flag = True
    labels: tuple[Text, ...] = ()
    authors: tuple[Text, ...] = ()
    titles: tuple[TitlePattern, ...] = ()


class Reminders(Value):
    """When reminders follow the first DM, each counted from it in the reader's working time.

    `quiet_when_ci_fails` is not built yet: the file must not set it, but earlier versions stored it.
    """

    after: Annotated[tuple[Duration, ...], Field(max_length=10), AfterValidator(_check_rising)] = (
        Rhythm().after
    )
    approvals_needed: Annotated[int, Strict(), Field(ge=1, le=15)] = 1
    quiet_when_ci_fails: Flag = False


class Escalate(Value):
    """When the author hears that nobody answers, counted like the reminders."""

    after: Duration = Rhythm().notify_author_after
    to: Literal["author"] = "author"


class RepositoryConfig(Value):
    """The settings of one repository. `fallback` is asked when the rules leave nobody."""

    reviewers: Annotated[int, Strict(), Field(ge=1, le=15)] = 1
    rules: tuple[Rule, ...] = ()
    fallback: tuple[Login, ...] = ()
    ignore: Ignore = Ignore()
    reminders: Reminders = Reminders()
    escalate: Escalate = Escalate()


class RipeConfig(Value):
    """The whole file."""

    repositories: dict[FullName, RepositoryConfig]


def rhythm(config: RepositoryConfig) -> Rhythm:
    """When this repository's reminders come."""
    return Rhythm(after=config.reminders.after, notify_author_after=config.escalate.after)


def replace_logins(config: RepositoryConfig, logins: Mapping[str, str]) -> RepositoryConfig:
    """The configuration with other names for people; the keys of `logins` are in lower case."""

    def replace(people: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(logins.get(login.lower(), login) for login in people)

    rules = tuple(
        rule.model_copy(update={"people": replace(rule.people), "fallback": replace(rule.fallback)})
        for rule in config.rules
    )
    return config.model_copy(update={"rules": rules, "fallback": replace(config.fallback)})


def logins_of(config: RepositoryConfig) -> frozenset[str]:
    """The logins of everybody in this configuration, in lower case."""
    named = [*config.fallback]
    for rule in config.rules:
        named += [*rule.people, *rule.fallback]
    return frozenset(login.lower() for login in named)
