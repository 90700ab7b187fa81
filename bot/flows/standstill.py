"""Whether anybody will act on a pull request: all of its open requests are looked at together."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime

from bot.assignment.model import NoAssignment
from bot.assignment.store import list_assignments
from bot.flows.reminder_state import load_reminder_states
from bot.model import RequestId, Value
from bot.reminders.model import AuthorNoticeKind, NoticeKind, Outlook, ReminderState, Silence
from bot.reminders.outlook import find_outlook, stopped_at
from bot.reminders.words import about_reviewer, day_of
from bot.reviews.model import PullRequest
from bot.reviews.store import list_requests, list_reviews
from jobq import Postpone

Load = Callable[[Iterable[RequestId], datetime], Awaitable[Sequence[ReminderState]]]

_GOES_ON = (None, Silence.NOT_DUE, Silence.OUTSIDE_HOURS, Silence.AFTER_OTHERS)
_CAN_BE_SPOKEN_TO = frozenset(Silence) - {Silence.AWAY, Silence.DEACTIVATED}


class NoticeContent(Value):
    """Tells an author about the reviewers of a pull request.

    `sentences` say who is not reminded and why, `topics` the same for us. `choices` are what its author can
    do that has an effect. `is_standstill`: nobody will act on it for now. `is_news`: there is more to say
    than the topics.
    """

    kind: AuthorNoticeKind
    sentences: tuple[str, ...]
    topics: frozenset[str]
    choices: tuple[str, ...]
    logins: tuple[str, ...] = ()
    is_standstill: bool = True
    is_news: bool = False


async def find_standstill(
    pull_request: PullRequest, now: datetime, load: Load = load_reminder_states
) -> NoticeContent | Postpone | None:
    """None if somebody is reminded or nobody needs to be. Postpone: a last reminder may still be answered."""
    requests = await list_requests(pull_request.id)
    states = await load([request.id for request in requests if request.closed_at is None], now)
    looks = _look(states, now)
    if not looks:
        return await _unasked(pull_request, was_asked=any(r.round == pull_request.round for r in requests))
    if not all(outlook.is_stuck for _, outlook in looks):
        return None
    waits = [at for at in (_answered_by(state, outlook) for state, outlook in looks) if at and at > now]
    return (
        Postpone(max(waits), "the last reminder may still be answered")
        if waits
        else _describe_standstill(pull_request, looks)
    )


def describe_no_answer(
    states: Iterable[ReminderState], late: Iterable[ReminderState], now: datetime
) -> NoticeContent:
    """Some reviewers have not answered for long: `late`."""
    looks = _look(states, now)
    is_standstill = all(outlook.is_stuck for _, outlook in looks)
    return NoticeContent(
        kind=NoticeKind.NO_ANSWER,
        sentences=_sentences(looks),
        topics=frozenset(_topic(state, outlook) for state, outlook in looks if outlook.is_stuck),
        choices=_choices([outlook for _, outlook in looks]),
        logins=tuple(state.request.reviewer_login for state in late),
        is_standstill=is_standstill,
        is_news=not is_standstill,
    )


def _look(states: Iterable[ReminderState], now: datetime) -> list[tuple[ReminderState, Outlook]]:
    """The outlooks on different people."""
    looks = [(state, find_outlook(state, now)) for state in states]
    return [(state, outlook) for state, outlook in looks if outlook.silence is not Silence.TWIN]


def _sentences(looks: Iterable[tuple[ReminderState, Outlook]]) -> tuple[str, ...]:
    return tuple(describe_for_author(outlook, state.request.reviewer_login) for state, outlook in looks)


def describe_for_author(outlook: Outlook, login: str) -> str:
    """Why a reviewer is not reminded and when that ends, or that they are."""
    if outlook.silence in _GOES_ON and outlook.sequence:
        return f"Ripe goes on reminding {login}."
    is_code = outlook.silence is Silence.REFUSED and not outlook.is_our_mistake
    about = about_reviewer(outlook.model_copy(update={"detail": ""}) if is_code else outlook, login)
    is_all = outlook.silence in (None, Silence.IN_DIGEST)
    if is_all or outlook.next_at is None or outlook.next_at == outlook.until:
        return f"{about}."
    first = "the first DM" if outlook.sequence == 0 else "the next reminder"
    return f"{about}; {first} comes on {day_of(outlook.next_at, outlook)}."


def _answered_by(state: ReminderState, outlook: Outlook) -> datetime | None:
    return stopped_at(state) if outlook.silence is Silence.ALL_SENT else None


def _describe_standstill(
    pull_request: PullRequest, looks: Sequence[tuple[ReminderState, Outlook]]
) -> NoticeContent:
    is_unlinked = all(outlook.silence is Silence.UNLINKED for _, outlook in looks)
    return NoticeContent(
        kind=NoticeKind.NOBODY_REACHABLE if is_unlinked else NoticeKind.NOBODY_ACTS,
        sentences=(*_sentences(looks), *map(_team, pull_request.requested_teams)),
        topics=_topics_of_teams(pull_request).union(_topic(state, outlook) for state, outlook in looks),
        choices=_choices([outlook for _, outlook in looks]),
        logins=tuple(state.request.reviewer_login for state, _ in looks),
    )


def _topic(state: ReminderState, outlook: Outlook) -> str:
    """A reason that ends by itself, and begins anew, is another topic."""
    silence = outlook.silence.name.lower() if outlook.silence else ""
    until = f":{outlook.until:%Y-%m-%d}" if outlook.until else ""
    return f"{state.request.id}:{silence}{until}"


def is_about_unlinked(topic: str) -> bool:
    return topic.endswith(f":{Silence.UNLINKED.name.lower()}")


def _choices(outlooks: Sequence[Outlook]) -> tuple[str, ...]:
    if all(outlook.silence is Silence.APPROVED for outlook in outlooks):
        return ()
    choices = ["ask someone else"]
    if any(outlook.silence in _CAN_BE_SPOKEN_TO and not outlook.is_our_mistake for outlook in outlooks):
        choices.append("have a word with them")
    if any(outlook.silence is Silence.UNLINKED for outlook in outlooks):
        choices.append("have an admin connect them (`ripe people import`)")
    if any(outlook.next_at is not None or outlook.is_our_mistake for outlook in outlooks):
        choices.append("wait")
    return tuple(choices)


async def _unasked(pull_request: PullRequest, *, was_asked: bool) -> NoticeContent | None:
    """Nobody is asked by name: a team is, or no rule names anybody who could be."""
    if pull_request.requested_teams:
        return NoticeContent(
            kind=NoticeKind.NOBODY_ACTS,
            sentences=tuple(map(_team, pull_request.requested_teams)),
            topics=_topics_of_teams(pull_request),
            choices=("ask one of its members by name",),
        )
    stored = await list_assignments(pull_request.id)
    reason = stored[-1].decision.reason if stored else None
    if reason is NoAssignment.NOBODY_LEFT:
        return _nobody_named(NoticeKind.NOBODY_LEFT, reason)
    if reason is not NoAssignment.NO_RULE_MATCHES or was_asked or await list_reviews(pull_request):
        return None
    return _nobody_named(NoticeKind.NOBODY_ACTS, reason)


def _nobody_named(kind: AuthorNoticeKind, reason: NoAssignment) -> NoticeContent:
    return NoticeContent(
        kind=kind,
        sentences=(_WHY_UNASKED[reason],),
        topics=frozenset({reason.value}),
        choices=("ask someone yourself",),
    )


_WHY_UNASKED = {
    NoAssignment.NOBODY_LEFT: "Its rules name nobody who can be asked now.",
    NoAssignment.NO_RULE_MATCHES: "No rule matches its files, so nobody was asked.",
}


def _team(name: str) -> str:
    return f"Team {name} was asked; Ripe cannot remind a team yet."


def _topics_of_teams(pull_request: PullRequest) -> frozenset[str]:
    return frozenset(f"team:{name}" for name in pull_request.requested_teams)
