"""Which pull requests need no reviewers, and how a decision reads. Pure: `now` is an argument."""

from datetime import date, datetime, timedelta

from bot.assignment.config import RepositoryConfig
from bot.assignment.model import (
    CATCH_ALL,
    Chosen,
    Decision,
    NoAssignment,
    Skipped,
    SkipReason,
    TieBreaker,
)
from bot.assignment.patterns import matches_author
from bot.assignment.titles import is_in_title
from bot.reviews.model import PullRequest
from bot.working_time import UNKNOWN_ZONE, is_zone, load_zone


def why_not_assigned(pull_request: PullRequest, config: RepositoryConfig) -> tuple[NoAssignment, str] | None:
    """Why a pull request as a whole is left alone, and the detail of that; None: it may need reviewers."""
    ignore = config.ignore
    if not pull_request.is_open:
        return NoAssignment.NOT_OPEN, pull_request.state.value
    if ignore.drafts and pull_request.is_draft:
        return NoAssignment.DRAFT, ""
    ignored = {label.casefold() for label in ignore.labels}
    if labels := sorted(label for label in pull_request.labels if label.casefold() in ignored):
        return NoAssignment.IGNORED_LABEL, labels[0]
    for pattern in ignore.authors:
        if matches_author(pattern, pull_request.author.login):
            return NoAssignment.IGNORED_AUTHOR, pattern
    for pattern in ignore.titles:
        if is_in_title(pattern, pull_request.title):
            return NoAssignment.IGNORED_TITLE, pattern
    return None


def describe_decision(decision: Decision, now: datetime) -> list[str]:
    """One line for everybody who was considered, then one that says why nobody (else) is asked.

    For operators only: it says who is out, and until when on their own calendar.
    """
    lines = [
        f"{verdict.name} asked: {_because(verdict)}."
        if isinstance(verdict, Chosen)
        else f"{verdict.name} skipped: {_why_skipped(verdict, now)}."
        for verdict in decision.verdicts
    ]
    if decision.paths_refused:
        lines.append(
            "GitHub would not tell which files changed: only rules for every path and fallbacks apply."
        )
    if decision.reason is not None:
        why = _WHY_NOBODY[decision.reason].format(
            detail=decision.detail, counted=decision.counted, wanted=decision.wanted
        )
        lines.append(f"Nobody{' else' if decision.counted else ''} asked: {why}.")
    elif decision.detail:
        lines.append(f"Nobody is left for {decision.detail}.")
    return lines


_WHY_SKIPPED = {
    SkipReason.AUTHOR: "is the author",
    SkipReason.BOT: "is a bot",
    SkipReason.ALREADY_ASKED: "was asked already",
    SkipReason.ALREADY_REVIEWED: "has reviewed already",
    SkipReason.REMOVED_BY_HUMAN: "somebody took that request back",
    SkipReason.UNKNOWN: "not mapped to anybody in Slack",
    SkipReason.REFUSED: "GitHub refused",
    SkipReason.AT_CAP: "has as many open reviews as they take",
    SkipReason.DEACTIVATED: "deactivated or a guest in Slack",
}
"""AWAY and BUSIER are missing: their texts depend on more."""

_WHY_OTHERS = {
    TieBreaker.MORE_RULES: "others review more of the changed files",
    TieBreaker.FEWER_REVIEWS: "others have fewer open reviews",
    TieBreaker.ASKED_LONGER_AGO: "others have not been asked for longer",
    TieBreaker.LOGIN: "others come first by login, with as few open reviews and not asked for as long",
    None: "enough others were chosen",
}

_WHY_NOBODY = {
    NoAssignment.NOT_OPEN: "it is {detail}",
    NoAssignment.DRAFT: "it is a draft",
    NoAssignment.IGNORED_LABEL: "the label '{detail}' is ignored",
    NoAssignment.IGNORED_AUTHOR: "authors like '{detail}' are ignored",
    NoAssignment.IGNORED_TITLE: "titles like '{detail}' are ignored",
    NoAssignment.NO_RULES: "there are no rules",
    NoAssignment.NO_RULE_MATCHES: "no rule matches the changed files",
    NoAssignment.ENOUGH_ASKED: "{counted} of {wanted} wanted reviewers are there already",
    NoAssignment.NOBODY_LEFT: "nobody is left to ask",
}


def _because(chosen: Chosen) -> str:
    if not chosen.is_fallback:
        return "reviews everything here" if chosen.pattern in CATCH_ALL else f"owns {chosen.pattern}"
    return f"fallback for {chosen.pattern}" if chosen.pattern else "the repository's fallback"


def _why_skipped(skipped: Skipped, now: datetime) -> str:
    if skipped.reason is SkipReason.BUSIER:
        return _WHY_OTHERS[skipped.lost_by]
    return _WHY_SKIPPED.get(skipped.reason) or _out(skipped, now)


def _out(skipped: Skipped, now: datetime) -> str:
    """Until when a person is out, as they would say it: the last day, or the time of the day."""
    if skipped.until is None:
        return "out"
    zone = load_zone(skipped.zone if is_zone(skipped.zone) else UNKNOWN_ZONE)
    end, today = skipped.until.astimezone(zone), now.astimezone(zone).date()
    # An absence ends when the day after it begins: "until Friday" includes Friday.
    last = (end - timedelta(microseconds=1)).date()
    if end.date() != last:
        return "out today" if last == today else f"out until {_day(last, today)}"
    return f"out until {end:%H:%M}" if last == today else f"out until {_day(last, today)} {end:%H:%M}"


def _day(day: date, today: date) -> str:
    if timedelta(0) < day - today < timedelta(days=7):
        return f"{day:%A}"
    return f"{day.day} {day:%B}" if day.year == today.year else f"{day.day} {day:%B} {day.year}"
