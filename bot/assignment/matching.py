"""Finds the rules that apply to the changed paths. Pure; match in a thread, for there may be 3,000 paths."""

from collections.abc import Iterable

from bot.assignment.config import RepositoryConfig, Rule
from bot.assignment.globs import Paths
from bot.assignment.model import CATCH_ALL
from bot.assignment.patterns import first_match
from bot.model import Value


class PatternMatch(Value):
    """The patterns of a rule, and the first of them that matches a changed file. None: no pattern does."""

    patterns: tuple[str, ...]
    pattern: str | None


class FileMatches(Value):
    """The number of changed files (None: unknown), and the patterns that match them.

    The paths are not stored: strangers choose their number and length, but operators choose the patterns.
    """

    paths: int | None
    matches: tuple[PatternMatch, ...] = ()


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
    return _apply(config, match_files(config, paths))


def match_files(config: RepositoryConfig, paths: tuple[str, ...] | None) -> FileMatches:
    """Matches the patterns of every rule. Slow if there are many paths."""
    if paths is None:
        return FileMatches(paths=None)
    prepared = Paths(paths)
    return FileMatches(
        paths=len(paths),
        matches=tuple(
            PatternMatch(patterns=rule.paths, pattern=first_match(rule.paths, prepared))
            for rule in config.rules
        ),
    )


def apply_matches(config: RepositoryConfig, files: FileMatches) -> Matching | None:
    """The rules that apply. None if the files were not matched with the patterns that a rule has now."""
    matched = {match.patterns for match in files.matches}
    if files.paths is not None and any(rule.paths not in matched for rule in config.rules):
        return None
    return _apply(config, files)


def _apply(config: RepositoryConfig, files: FileMatches) -> Matching:
    first = {match.patterns: match.pattern for match in files.matches}
    matched = [
        MatchedRule(
            pattern=pattern,
            people=_lower(rule.people),
            fallback=_lower(rule.fallback),
            at_least=1 if rule.at_least is None else rule.at_least,
            insists=rule.at_least is not None,
        )
        for rule in config.rules
        if (pattern := _catch_all(rule) if files.paths is None else first[rule.paths]) is not None
    ]
    # Rules that insist choose first, so that no other rule takes their seats.
    matched.sort(key=lambda rule: not rule.insists)
    return Matching(config=config, paths=files.paths, rules=tuple(matched))


def _catch_all(rule: Rule) -> str | None:
    return next((pattern for pattern in rule.paths if pattern in CATCH_ALL), None)


def _lower(logins: Iterable[str]) -> tuple[str, ...]:
    return tuple(login.lower() for login in logins)
