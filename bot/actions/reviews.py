"""`/reviews` and the App Home tab: the reviews that concern one person."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any

from bot.flows.reminder_state import read_reminder_states
from bot.flows.review_queue import list_open_requests_of_person, list_waiting_for_others
from bot.model import PullRequestId, RequestId
from bot.people.model import Person
from bot.reminders.model import Outlook, ReminderState, Silence
from bot.reminders.outlook import find_outlook, tell_reviewer
from bot.reminders.rules import quiet_silence
from bot.reminders.words import about_reviewer, for_reviewer
from bot.reviews.model import PullRequest, ReviewRequest
from bot.slack.messages import Rendered
from bot.slack.views import AskedReview, AwaitedReview, ReviewQueue, render_home, render_queue
from jobq import read_transaction

Asked = tuple[ReviewRequest, PullRequest]


async def list_reviews(person: Person, *, now: datetime) -> Rendered:
    """The answer to `/reviews`: my turn, snoozed, waiting for others."""
    return render_queue(await load_queue(person, now), person, now)


async def list_reviews_at_home(person: Person, *, now: datetime) -> dict[str, Any]:
    """The same list as the App Home tab."""
    return render_home(await load_queue(person, now), person, now)


@read_transaction
async def load_queue(person: Person, now: datetime) -> ReviewQueue:
    """All open reviews that concern a person, oldest first.

    Those that get no more reminders come last, and pull requests that somebody must look after come first.
    """
    mine = await list_open_requests_of_person(person.id)
    theirs = await list_waiting_for_others(person.id)
    states = await read_reminder_states([request.id for request, _ in (*mine, *theirs)], now)
    return arrange(person, mine, theirs, states, now)


def arrange(
    person: Person,
    mine: Iterable[Asked],
    theirs: Iterable[Asked],
    states: Iterable[ReminderState],
    now: datetime,
) -> ReviewQueue:
    """The requests that ask a person, and those about their own pull requests, in sections. Pure."""
    by_id = {state.request.id: state for state in states}
    sections: dict[_Section, list[tuple[bool, AskedReview]]] = {section: [] for section in _Section}
    for request, pull_request in mine:
        if (state := by_id.get(request.id)) is None:
            continue  # it has just gone
        outlook = find_outlook(state, now)
        asked = AskedReview(request=request, pull_request=pull_request, outlook=tell_reviewer(state, now))
        sections[_section_of(state, outlook)].append((outlook.is_end, asked))
    return ReviewQueue(
        standing=tuple(_standing(person, now)),
        my_turn=_ends_last(sections[_Section.MY_TURN]),
        resting=_ends_last(sections[_Section.RESTING]),
        quiet=_ends_last(sections[_Section.QUIET]),
        others=_by_pull_request(theirs, by_id, now),
    )


def _ends_last(listed: Iterable[tuple[bool, AskedReview]]) -> tuple[AskedReview, ...]:
    return tuple(asked for _, asked in sorted(listed, key=lambda pair: pair[0]))


class _Section(Enum):
    MY_TURN = "my turn"
    RESTING = "snoozed or muted"
    QUIET = "nothing is asked"
    HIDDEN = "listed by another account"


def _section_of(state: ReminderState, outlook: Outlook) -> _Section:
    """A review is my turn if, and only if, its DM asks for it or would."""
    if outlook.silence in _RESTING:
        return _Section.RESTING
    if outlook.silence is Silence.TWIN:
        return _Section.HIDDEN
    return _Section.QUIET if quiet_silence(state) else _Section.MY_TURN


_RESTING = frozenset(
    {Silence.MUTED, Silence.SNOOZED, Silence.SNOOZED_UNTIL_CHANGE, Silence.ALL_SNOOZED, Silence.BACKLOG}
)


def _standing(person: Person, now: datetime) -> Iterable[str]:
    if person.snoozed_until is not None and person.snoozed_until > now:
        snoozed = Outlook(silence=Silence.ALL_SNOOZED, now=now, until=person.snoozed_until, zone=person.zone)
        yield f"{for_reviewer(snoozed)} `/snooze off` ends it."
    if person.current_absence(now) is not None:
        away = Outlook(silence=Silence.AWAY, now=now, until=person.away_until(now), zone=person.zone)
        yield f"{for_reviewer(away)} `/ooo off` ends it."


def _by_pull_request(
    pairs: Iterable[Asked], states: Mapping[RequestId, ReminderState], now: datetime
) -> tuple[AwaitedReview, ...]:
    awaited: dict[PullRequestId, AwaitedReview] = {}
    for request, pull_request in pairs:
        before = awaited.get(pull_request.id) or AwaitedReview(pull_request=pull_request, logins=())
        logins = (*before.logins, request.reviewer_login)
        outlooks = (*before.outlooks, *_why_stuck(states.get(request.id), now))
        awaited[pull_request.id] = before.model_copy(update={"logins": logins, "outlooks": outlooks})
    return tuple(sorted(awaited.values(), key=lambda review: not review.outlooks))


def _why_stuck(state: ReminderState | None, now: datetime) -> Iterable[str]:
    if state is not None and (outlook := find_outlook(state, now)).is_stuck:
        yield f"{about_reviewer(outlook, state.request.reviewer_login)}."
