"""Renders digests: one DM that lists several pull requests."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from bot.reminders.model import AuthorNoticeKind
from bot.reviews.model import PullRequest
from bot.slack.escape import disarm
from bot.slack.messages import (
    MOST_IN_NAME,
    Block,
    Rendered,
    context,
    describe_working_time,
    label,
    section,
    title_link,
)
from bot.slack.notices import describe_standstill

MOST_LISTED = 20
"""Lines: Slack shows at most fifty blocks, and a person reads fewer."""

_WELCOME = (
    "This is the first you hear of Ripe. Your team connected it to its repositories: it reminds you, in your"
    " working hours, of reviews that wait for you. `/snooze` pauses it, `/ooo` says when you are away."
)
_ABOUT_ITEMS = "This list takes the place of a DM about each. `/reviews` lists everything that waits for you."
_ABOUT_OWN = "This list takes the place of late DMs. `/reviews` lists all of your open pull requests."
_ABOUT_BACKLOG = "You hear of one of these again when something happens to it. `/reviews` lists all."

WaitingReview = tuple[PullRequest, timedelta]
"""A pull request, and how long its review has waited, in the reader's working time."""


class AuthorItem(NamedTuple):
    """A pull request of the reader that needs their help, as in a notice to its author."""

    pull_request: PullRequest
    kind: AuthorNoticeKind
    reviewers: Sequence[str]
    sentences: Sequence[str]


def render_digest(
    waiting: Sequence[WaitingReview],
    backlog: Sequence[PullRequest],
    own: Sequence[AuthorItem],
    now: datetime,
    *,
    is_first_ever: bool = False,
) -> Rendered:
    """The reviews that wait, in the given order; those from before Ripe was installed, oldest first; and the
    reader's own pull requests that need them.

    Only the first 20 of all are listed. One of the three must not be empty.
    """
    blocks: list[Block] = []
    headlines: list[str] = []
    if waiting:
        headlines.append(_count(len(waiting), "waits for you", "wait for you"))
        shown = [_waiting_line(pull_request, age) for pull_request, age in waiting[:MOST_LISTED]]
        blocks += _list(headlines[-1], shown, len(waiting), _ABOUT_ITEMS)
    if backlog:
        headlines.append(_backlog_headline(len(backlog)))
        most = max(MOST_LISTED - len(waiting), 0)
        shown = [_backlog_line(pull_request, now) for pull_request in _oldest_first(backlog)[:most]]
        blocks += _list(headlines[-1], shown, len(backlog), _ABOUT_BACKLOG)
    if own:
        headlines.append("1 of your own pull requests needs you")
        if len(own) > 1:
            headlines[-1] = f"{len(own)} of your own pull requests need you"
        most = max(MOST_LISTED - len(waiting) - len(backlog), 0)
        shown = [_own_line(item) for item in own[:most]]
        blocks += _list(headlines[-1], shown, len(own), _ABOUT_OWN)
    if is_first_ever:
        blocks.append(context(_WELCOME))
    return Rendered(blocks=tuple(blocks), text=f"{'; '.join(headlines)}.")


def _backlog_headline(count: int) -> str:
    since = "been waiting for you since before Ripe was installed"
    return _count(count, f"has {since}", f"have {since}")


def _count(count: int, of_one: str, of_many: str) -> str:
    return f"1 review {of_one}" if count == 1 else f"{count} reviews {of_many}"


def _list(headline: str, lines: Sequence[str], count: int, about: str) -> list[Block]:
    blocks = [section(f"*{headline}*"), *(section(line) for line in lines)]
    if count > len(lines):
        more = f"and {count - len(lines)} more: `/reviews`" if lines else "`/reviews` lists them."
        blocks.append(context(more))
    return [*blocks, context(about)]


def _oldest_first(pull_requests: Sequence[PullRequest]) -> list[PullRequest]:
    return sorted(pull_requests, key=lambda pull_request: (pull_request.created_at, pull_request.id))


def _waiting_line(pull_request: PullRequest, waiting: timedelta) -> str:
    age = describe_working_time(waiting)
    return _line(pull_request, f"waiting {age}" if age else "new")


def _own_line(item: AuthorItem) -> str:
    what = describe_standstill(item.kind, item.reviewers, item.sentences)
    return f"• {title_link(item.pull_request)} · {label(item.pull_request)} · {what}"


def _backlog_line(pull_request: PullRequest, now: datetime) -> str:
    # The age of the pull request: GitHub does not list since when each reviewer is asked.
    days = (now - pull_request.created_at).days
    if days < 1:
        return _line(pull_request, "opened today")
    return _line(pull_request, f"opened {days} day{'s' if days > 1 else ''} ago")


def _line(pull_request: PullRequest, age: str) -> str:
    author = disarm(pull_request.author.login, MOST_IN_NAME)
    return f"• {title_link(pull_request)} · {label(pull_request)} · by {author} · {age}"
