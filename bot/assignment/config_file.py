"""Reads the configuration file and lists everything wrong with it, each with its line. Pure."""

import difflib
from collections.abc import Callable, Container, Iterable, Mapping
from functools import partial
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bot.assignment.config import Escalate, Ignore, Reminders, RepositoryConfig, RipeConfig, Rule
from bot.assignment.never_matches import why_no_author, why_no_label, why_no_path, why_no_title
from bot.marked_yaml import MarkedYaml, Place, name_place, read_yaml
from bot.model import Problem, Value
from bot.people.model import parse_login

KEYS: Mapping[str, type[BaseModel]] = {
    "rules": Rule, "ignore": Ignore, "reminders": Reminders, "escalate": Escalate,
}  # fmt: skip
"""The shape under each key of a repository."""

_PLAIN_MESSAGES = {
    "tuple_type": "must be a list, such as [one, two]",
    "dict_type": "must have keys of its own, such as `acme/api:`",
    "model_type": "must have keys of its own",
    "string_type": "must be text: put it in quotes",
    "string_too_short": "must not be empty",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "missing": "is missing",
    "too_short": "must not be empty",
}
"""Our words for pydantic's types of errors; other errors keep pydantic's message."""


class ConfigFile(Value):
    """The content of a file. `config` is None if it has problems; `notes` list what has no effect."""

    config: RipeConfig | None
    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...] = ()


def parse_config(text: str, known_logins: Iterable[str], known_repositories: Iterable[str]) -> ConfigFile:
    """Reads the YAML of a configuration and lists all its problems at once, in the order of lines.

    `known_logins` are the GitHub logins mapped to a person, `known_repositories` those where the App is
    installed; both count in any case.
    """
    yaml = read_yaml(text)
    if yaml.data is None:
        nothing = (Problem(line=1, where="", text="is empty"),)
        return ConfigFile(config=None, problems=yaml.problems or nothing)
    config, problems = _validate(yaml)
    # The shape of something that could not be read is not worth a second complaint.
    unread = {problem.where for problem in yaml.problems}
    problems = [*yaml.problems, *(problem for problem in problems if problem.where not in unread)]
    problems += _not_built_yet(yaml)
    problems += _never_matches(yaml, {problem.where for problem in problems})
    problems += _unknown_names(yaml, known_logins, known_repositories)
    if problems:
        return ConfigFile(config=None, problems=tuple(sorted(problems, key=lambda problem: problem.line)))
    return ConfigFile(config=config, problems=(), notes=tuple(_notes(yaml)))


def _validate(yaml: MarkedYaml) -> tuple[RipeConfig | None, list[Problem]]:
    try:
        return RipeConfig.model_validate(yaml.data), []
    except ValidationError as error:
        details = error.errors(include_url=False)
        wrong = [detail["loc"] for detail in details]
        return None, [_problem(yaml, detail) for detail in details if not _is_echo(detail, wrong)]


def _is_echo(detail: ErrorDetails, wrong: Iterable[Place]) -> bool:
    """Whether pydantic calls a list too short only because its items are wrong, which would mislead."""
    place = detail["loc"]
    return detail["type"] == "too_short" and any(other[:-1] == place for other in wrong)


def _problem(yaml: MarkedYaml, details: ErrorDetails) -> Problem:
    # pydantic adds "[key]" when it complains about a key itself.
    place = tuple(part for part in details["loc"] if part != "[key]")
    if details["type"] == "extra_forbidden":
        text = f"is not a known key{_suggest(str(place[-1]), _keys_at(place[:-1]))}"
    else:
        text = _PLAIN_MESSAGES.get(details["type"]) or _plain(details["msg"])
    return Problem(line=yaml.line_of(place), where=name_place(place), text=text)


def _plain(message: str) -> str:
    message = message.removeprefix("Value error, ").removeprefix("Input ")
    return message[:1].lower() + message[1:] if message[1:2].islower() else message


def _keys_at(place: Place) -> Iterable[str]:
    """The keys that may stand at a place."""
    if not place:
        return RipeConfig.model_fields
    shape = KEYS.get(str(place[2])) if len(place) > 2 else RepositoryConfig
    return shape.model_fields if shape else ()


def _suggest(word: str, choices: Iterable[str]) -> str:
    """The choice that the author probably meant."""
    close = difflib.get_close_matches(word.lower(), [*choices], n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def _unknown_names(
    yaml: MarkedYaml, known_logins: Iterable[str], known_repositories: Iterable[str]
) -> Iterable[Problem]:
    logins = {login.lower() for login in known_logins}
    repositories = {name.lower() for name in known_repositories}
    seen: set[str] = set()
    for place in yaml.lines:
        match place:
            case ("repositories", str(name)):
                text = _why_not_repository(name.lower(), repositories, seen)
            case ("repositories", str(), "fallback", int()) | (
                "repositories", str(), "rules", int(), "people" | "fallback", int(),
            ):  # fmt: skip
                text = _why_not_person(_at(yaml.data, place), logins)
            case _:
                text = None
        if text is not None:
            yield Problem(line=yaml.line_of(place), where=name_place(place), text=text)


def _why_not_repository(name: str, installed: set[str], seen: set[str]) -> str | None:
    if name in seen:
        return "is there already: case makes no difference"
    seen.add(name)
    if "/" not in name or name in installed:
        return None
    return f"the GitHub App is not installed there{_suggest(name, installed)}"


def _why_not_person(login: Any, mapped: set[str]) -> str | None:
    try:
        name = parse_login(login).lower()
    except (ValueError, AttributeError):
        return None  # its shape is a problem already
    if name in mapped:
        return None
    hint = _suggest(name, mapped) or "; map them first: ripe people import"
    return f"{login!r} is nobody we know{hint}"


def _at(data: Any, place: Place) -> Any:
    for part in place:
        data = data[part]
    return data


def _never_matches(yaml: MarkedYaml, wrong: Container[str]) -> Iterable[Problem]:
    """Patterns and demands that nothing can meet, at places that are not `wrong` already."""
    for place in yaml.lines:
        check, where = _check_at(yaml, place), name_place(place)
        value = _at(yaml.data, place) if check and where not in wrong else None
        text = check(value) if check and isinstance(value, str | int) else None
        if text is not None:
            yield Problem(line=yaml.line_of(place), where=where, text=text)


def _check_at(yaml: MarkedYaml, place: Place) -> Callable[[Any], str | None] | None:
    match place:
        case ("repositories", str(), "rules", int(), "paths", int()):
            return why_no_path
        case ("repositories", str(), "ignore", "authors", int()):
            return why_no_author
        case ("repositories", str(), "ignore", "labels", int()):
            return why_no_label
        case ("repositories", str(), "ignore", "titles", int()):
            return why_no_title
        case ("repositories", str(), "rules", int(), "at_least"):
            return partial(_why_too_many, _at(yaml.data, place[:-1]))
    return None


def _why_too_many(rule: Any, at_least: Any) -> str | None:
    """Why a rule cannot have that many people asked."""
    people = rule.get("people")
    if not isinstance(people, list) or not isinstance(at_least, int):
        return None
    count = len({str(login).lower().removeprefix("@") for login in people})
    if at_least <= count:
        return None
    named = "1 person" if count == 1 else f"{count} people"
    return f"is {at_least}, but the rule names {named}; name more, or did you mean {count}?"


def _not_built_yet(yaml: MarkedYaml) -> Iterable[Problem]:
    """Keys of later features. They are refused, because a key that is set must have an effect."""
    for place in yaml.lines:
        match place:
            case ("repositories", str(), "rules", int(), "teams") if _at(yaml.data, place):
                text = "is not built yet: name people"
            case ("repositories", str(), "reminders", "quiet_when_ci_fails") if _at(yaml.data, place):
                text = "is not built yet: leave it out"
            case _:
                continue
        yield Problem(line=yaml.line_of(place), where=name_place(place), text=text)


def _notes(yaml: MarkedYaml) -> Iterable[Problem]:
    """Rules that have no effect, because they are never reached."""
    for place in yaml.lines:
        match place:
            case ("repositories", str(), "ignore", "authors", int()) if _at(yaml.data, place) == "*":
                text = "ignores everybody: no rule of this repository is ever reached"
            case ("repositories", str(), "rules", int()):
                text = _why_not_reached(yaml.data, place)
            case _:
                continue
        if text:
            yield Problem(line=yaml.line_of(place), where=name_place(place), text=text)


def _why_not_reached(data: Any, place: Place) -> str:
    """Why a rule adds nothing: an earlier one has all its paths and people. Empty if it adds something."""
    *above, index = place
    rules = _at(data, tuple(above))
    mine = rules[index]
    for number, other in enumerate(rules[: int(index)]):
        if set(mine["paths"]) <= set(other["paths"]) and set(mine["people"]) <= set(other["people"]):
            return f"is never reached: rules[{number}] has all its paths and people"
    return ""
