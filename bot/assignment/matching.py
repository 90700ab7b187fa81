"""Finds the rules that apply to the changed paths. Pure; run it in a thread, for there may be 3,000 paths."""

from collections.abc import Iterable

from bot.assignment.config import RepositoryConfig, Rule
from bot.assignment.globs import Paths
from bot.assignment.model import CATCH_ALL
from bot.assignment.patterns import first_match
from bot.model import Value


class MatchedRule(Value):
    """A rule that applies, and the first pattern that makes it apply. Logins are in lower case."""

    pattern: str
    people: tuple[str, ...]
    fallback: tuple[str, ...]
    at_least: int
    insists: bool


class Matching(Value):
    """The rules of a configuration that apply to a pull request; those that insist come first.

    `paths` is the number of changed files, None if GitHub refuses to name them.
    """

    config: RepositoryConfig
    paths: int | None
    rules: tuple[MatchedRule, ...]


def match_rules(config: RepositoryConfig, paths: tuple[str, ...] | None) -> Matching:
    """While the paths are unknown (None), only rules for every path apply."""
    prepared = None if paths is None else Paths(paths)
    matched = [
        MatchedRule(
            pattern=pattern,
            people=_lower(rule.people),
            fallback=_lower(rule.fallback),
            at_least=1 if rule.at_least is None else rule.at_least,
            insists=rule.at_least is not None,
        )
        for rule in config.rules
        if (pattern := _pattern_that_applies(rule, prepared)) is not None
    ]
    # Rules that insist choose first, so that no other rule takes their seats.
    matched.sort(key=lambda rule: not rule.insists)
    return Matching(config=config, paths=None if paths is None else len(paths), rules=tuple(matched))


def _pattern_that_applies(rule: Rule, paths: Paths | None) -> str | None:
    if paths is None:
        return next((pattern for pattern in rule.paths if pattern in CATCH_ALL), None)
    return first_match(rule.paths, paths)


def _lower(logins: Iterable[str]) -> tuple[str, ...]:
    return tuple(login.lower() for login in logins)
