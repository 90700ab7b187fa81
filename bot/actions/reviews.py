"""`/reviews` and the App Home tab: the reviews that concern one person."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any

from bot.flows.reminder_state import read_reminder_states
from bot.flows.review_queue import list_open_requests_of_person, list_waiting_for_others
from bot.model import PullRequestId, RequestId
from bot.people.model import Person
from bot.reminders.model import Outlook, Silence
from bot.reminders.outlook import find_outlook
from bot.reminders.rules import quiet_silence
from bot.reminders.words import about_reviewer, for_reviewer
from bot.reviews.model import PullRequest, ReviewRequest
from bot.slack.messages import Rendered
from bot.slack.views import AskedReview, AwaitedReview, ReviewQueue, render_home, render_queue
from jobq import read_transaction


async def list_reviews(person: Person, *, now: datetime) -> Rendered:
    """The answer to `/reviews`: my turn, snoozed, waiting for others."""
    return render_queue(await load_queue(person, now), person, now)


async def list_reviews_at_home(person: Person, *, now: datetime) -> dict[str, Any]:
    """The same list as the App Home tab."""
    return render_home(await load_queue(person, now), person, now)


@read_transaction
async def load_queue(person: Person, now: datetime) -> ReviewQueue:
    """All open reviews that concern a person, oldest first."""
    mine = await list_open_requests_of_person(person.id)
    theirs = await list_waiting_for_others(person.id)
    states = await read_reminder_states([request.id for request, _ in (*mine, *theirs)], now)
    outlooks = {state.request.id: find_outlook(state, now) for state in states}
    quiet = {state.request.id for state in states if quiet_silence(state)}
    sections: dict[_Section, list[AskedReview]] = {section: [] for section in _Section}
    for request, pull_request in mine:
        outlook = outlooks[request.id]
        words = "" if outlook.silence is None else for_reviewer(outlook)
        asked = AskedReview(request=request, pull_request=pull_request, outlook=words)
        sections[_section_of(outlook, is_quiet=request.id in quiet)].append(asked)
    return ReviewQueue(
        standing=tuple(_standing(person, now)),
        my_turn=tuple(sections[_Section.MY_TURN]),
        resting=tuple(sections[_Section.RESTING]),
        quiet=tuple(sections[_Section.QUIET]),
        others=_by_pull_request(theirs, outlooks),
    )


class _Section(Enum):
    MY_TURN = "my turn"
    RESTING = "snoozed or muted"
    QUIET = "nothing is asked"
    HIDDEN = "listed by another account"


def _section_of(outlook: Outlook, *, is_quiet: bool) -> _Section:
    """A review is my turn if, and only if, its DM asks for it or would."""
    if outlook.silence in _RESTING:
        return _Section.RESTING
    if outlook.silence is Silence.TWIN:
        return _Section.HIDDEN
    return _Section.QUIET if is_quiet else _Section.MY_TURN


_RESTING = frozenset(
    {Silence.MUTED, Silence.SNOOZED, Silence.SNOOZED_UNTIL_CHANGE, Silence.ALL_SNOOZED, Silence.BACKLOG}
)


def _standing(person: Person, now: datetime) -> Iterable[str]:
    if person.snoozed_until is not None and person.snoozed_until > now:
        snoozed = Outlook(silence=Silence.ALL_SNOOZED, until=person.snoozed_until, zone=person.zone)
        yield f"{for_reviewer(snoozed)} `/snooze off` ends it."
    if person.current_absence(now) is not None:
        away = Outlook(silence=Silence.AWAY, until=person.away_until(now), zone=person.zone)
        yield f"{for_reviewer(away)} `/ooo off` ends it."


def _by_pull_request(
    pairs: Iterable[tuple[ReviewRequest, PullRequest]], outlooks: Mapping[RequestId, Outlook]
) -> tuple[AwaitedReview, ...]:
    awaited: dict[PullRequestId, AwaitedReview] = {}
    for request, pull_request in pairs:
        outlook, login = outlooks[request.id], request.reviewer_login
        before = awaited.get(pull_request.id) or AwaitedReview(pull_request=pull_request, logins=())
        stuck = (f"{about_reviewer(outlook, login)}.",) if outlook.is_stuck else ()
        awaited[pull_request.id] = before.model_copy(
            update={"logins": (*before.logins, login), "outlooks": (*before.outlooks, *stuck)}
        )
    return tuple(awaited.values())
