"""Finds the news for the author of a pull request. Uses the ambient transaction."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.flows.reminder_state import load_reminder_states
from bot.flows.standstill import (
    NoticeContent,
    describe_no_answer,
    find_standstill,
    is_about_unlinked,
)
from bot.flows.visibility import Visibility, find_visibility
from bot.reminders import rules
from bot.reminders.model import AuthorNoticeKind, Message, MessageState, NoticeKind, ReminderState
from bot.reminders.notices import AuthorNotice
from bot.reviews.model import PullRequest
from bot.reviews.store import list_open_requests
from jobq import Discard, Postpone, current_database

TOGETHER = timedelta(hours=1)
"""Reviewers who were asked one after the other are named in the same notice."""
FAR = datetime.max.replace(tzinfo=UTC)
LOOK_AGAIN_AFTER = timedelta(hours=6)
"""While the installation is suspended."""

_NOT_TRUE = {
    NoticeKind.NOBODY_REACHABLE: "somebody is reachable",
    NoticeKind.NOBODY_LEFT: "somebody was asked",
}


async def list_earlier(pull_request: PullRequest) -> tuple[AuthorNotice, ...]:
    """The notices of the current round that the author got or is getting, by themselves or in a digest."""
    rows = await current_database().fetch(
        """
        WITH notice AS (
            SELECT id AS message_id, notice AS kind, topics FROM message
            WHERE pull_request_id = $1 AND round = $2
            UNION ALL
            SELECT late_notice.message_id, late_notice.kind, late_notice.topics
            FROM late_notice JOIN message ON message.id = late_notice.message_id
            WHERE late_notice.pull_request_id = $1 AND late_notice.round = $2 AND message.state <> 'failed'
        )
        SELECT notice.kind, notice.topics AS said, id, 0 AS sequence, state, sending_at,
            sending_on AS sending_started_at, sent_at, channel, ts, shown, error
        FROM notice JOIN message ON message.id = notice.message_id
        ORDER BY id
        """,
        pull_request.id,
        pull_request.round,
    )
    return tuple(_author_notice(dict(row)) for row in rows)


def _author_notice(fields: dict[str, Any]) -> AuthorNotice:
    kind, topics = NoticeKind(fields.pop("kind")), frozenset(fields.pop("said"))
    return AuthorNotice(kind=kind, topics=topics, message=Message.model_validate(fields))


async def find_news(
    kind: AuthorNoticeKind, pull_request: PullRequest, earlier: Sequence[AuthorNotice], now: datetime
) -> NoticeContent | Postpone | Discard:
    """News that no `earlier` notice of this round had; when to look again; or why there is no news."""
    if not pull_request.is_open or pull_request.is_draft:
        return Discard("nothing is asked for")
    if (hindrance := await _find_hindrance(pull_request, now)) is not None:
        return hindrance
    content = await _find_content(kind, pull_request, now)
    if not isinstance(content, NoticeContent):
        return content
    if kind is NoticeKind.NOBODY_ACTS:
        content = _as_sent_before(content, earlier)
    if not content.is_news and content.topics <= _said(content, earlier):
        return Discard("it was said already")
    return content


def was_sent(content: NoticeContent, earlier: Sequence[AuthorNotice]) -> bool:
    """Whether there was a notice of this kind in this round, and there is only one."""
    return content.kind is not NoticeKind.NOBODY_ACTS and content.kind in {notice.kind for notice in earlier}


async def _find_hindrance(pull_request: PullRequest, now: datetime) -> Postpone | Discard | None:
    """Why nothing is sent about a pull request that GitHub does not show us now; None: it does."""
    match await find_visibility(pull_request.id):
        case Visibility.GONE:
            return Discard("GitHub does not show this pull request any more")
        case Visibility.ON_HOLD:
            return Postpone(now + LOOK_AGAIN_AFTER, "the pull request is on hold")
        case Visibility.VISIBLE:
            return None


async def _find_content(
    kind: AuthorNoticeKind, pull_request: PullRequest, now: datetime
) -> NoticeContent | Postpone | Discard:
    """The content of a notice that is true now; when to look again; or why it is not true."""
    if kind is NoticeKind.NO_ANSWER:
        requests = await list_open_requests(pull_request.id)
        states = await load_reminder_states([request.id for request in requests], now)
        return _unanswered(states, now)
    standstill = await find_standstill(pull_request, now)
    if isinstance(standstill, Postpone):
        return standstill
    if standstill is None or kind not in (standstill.kind, NoticeKind.NOBODY_ACTS):
        return Discard(_NOT_TRUE.get(kind, "somebody is reminded, or nobody needs to be"))
    return standstill


def _unanswered(states: Sequence[ReminderState], now: datetime) -> NoticeContent | Postpone | Discard:
    waits = {
        state.request.id: at
        for state in states
        if state.contacts and (at := rules.no_answer_at(state, state.contacts[0])) is not None
    }
    if not waits:
        return Discard("nobody was reminded")
    if (first := min(waits.values())) > now:
        return Postpone(first, "the last reminder may still be answered")
    late = [state for state in states if waits.get(state.request.id, FAR) <= now + TOGETHER]
    return describe_no_answer(states, late, now)


def _as_sent_before(content: NoticeContent, earlier: Sequence[AuthorNotice]) -> NoticeContent:
    """NOBODY_REACHABLE is sent once a round. The next people who are not reachable come as NOBODY_ACTS."""
    if content.kind is NoticeKind.NOBODY_REACHABLE and content.kind in {notice.kind for notice in earlier}:
        return content.model_copy(update={"kind": NoticeKind.NOBODY_ACTS})
    return content


def _said(content: NoticeContent, earlier: Sequence[AuthorNotice]) -> frozenset[str]:
    """The topics that the author has heard of in this round."""
    arrived = [notice for notice in earlier if notice.message.state is not MessageState.FAILED]
    said = frozenset[str]().union(*(notice.topics for notice in arrived))
    if any(notice.kind is NoticeKind.NOBODY_REACHABLE and not notice.topics for notice in arrived):
        # The release before stored no topics, and named everybody.
        return said | {topic for topic in content.topics if is_about_unlinked(topic)}
    return said
