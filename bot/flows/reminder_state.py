"""Loads everything that the next step about review requests depends on, with their rows locked."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from bot.assignment.config import RepositoryConfig, rhythm
from bot.assignment.model import Assignment, Chosen
from bot.flows.locks import lock_requests
from bot.flows.visibility import Visibility
from bot.model import PersonId, RequestId, Value
from bot.modes import Pause
from bot.people.model import Person
from bot.reminders.model import Message, ReminderState
from bot.reviews.model import LatestReview, PullRequest, ReviewRequest
from bot.reviews.rules import is_approved_enough
from bot.working_time import UNKNOWN_ZONE, Interval, WorkingHours, bounds_of_local_day, is_zone
from jobq import current_database

LOAD = Path(__file__).with_name("reminder_state.sql").read_text()


async def load_reminder_states(request_ids: Iterable[RequestId], now: datetime) -> tuple[ReminderState, ...]:
    """The states of these review requests at this moment, by id. A request that is gone has none.

    Call it in a transaction. It locks the pull requests, then the requests, then their reviewers: until the
    transaction ends, no fact about the pull requests and nothing that the reviewers do (snooze, mute,
    absence) can be committed, and nobody else counts these reviewers' DMs of today.
    """
    locked = await lock_requests(request_ids)
    people = await _find_reviewers(locked, locks=True)
    # A statement that waits for a lock still sees what was there before it waited, so this is another one.
    return await _load(locked, people, now)


async def read_reminder_states(request_ids: Iterable[RequestId], now: datetime) -> tuple[ReminderState, ...]:
    """The same without locks, to show them: nothing may be sent or stored because of these."""
    requests = list(request_ids)
    return await _load(requests, await _find_reviewers(requests), now)


async def peek_reminder_states(
    person: Person, request_ids: Sequence[RequestId], now: datetime
) -> tuple[ReminderState, ...]:
    """As `read_reminder_states`, for requests of one person, in one statement."""
    if not request_ids:
        return ()
    reviewer = _Reviewer(person_id=person.id, zone=person.zone)
    return await _load(request_ids, dict.fromkeys(request_ids, reviewer), now)


async def _load(
    request_ids: Sequence[RequestId], people: Mapping[RequestId, "_Reviewer"], now: datetime
) -> tuple[ReminderState, ...]:
    reviewers = [people.get(request_id, _NOBODY) for request_id in request_ids]
    days = [_day_of(reviewer.zone, now) for reviewer in reviewers]
    rows = await current_database().fetch(
        LOAD,
        request_ids,
        [reviewer.person_id for reviewer in reviewers],
        [begins_at for begins_at, _ in days],
        [ends_at for _, ends_at in days],
    )
    return tuple(_state(_Loaded.model_validate_json(row["loaded"], extra="ignore"), now) for row in rows)


class _Reviewer(Value):
    """The person whose account a request asks; `person_id` is None if nobody is mapped to it."""

    person_id: PersonId | None = None
    zone: str = UNKNOWN_ZONE


_NOBODY = _Reviewer()


def _day_of(zone: str, now: datetime) -> Interval:
    return bounds_of_local_day(WorkingHours(zone=zone if is_zone(zone) else UNKNOWN_ZONE), now)


async def _find_reviewers(
    request_ids: Sequence[RequestId], *, locks: bool = False
) -> dict[RequestId, _Reviewer]:
    rows = await current_database().fetch(
        f"""
        SELECT review_request.id AS request_id, person.id AS person_id, person.zone
        FROM review_request
        JOIN account ON (account.workspace_id, account.id)
            = (review_request.workspace_id, review_request.reviewer_id)
        JOIN person ON person.id = account.person_id
        WHERE review_request.id = ANY($1::bigint[])
        ORDER BY person.id {"FOR NO KEY UPDATE OF person" if locks else ""}
        """,  # noqa: S608 - ours
        request_ids,
    )
    return {row["request_id"]: _Reviewer(person_id=row["person_id"], zone=row["zone"]) for row in rows}


class _Loaded(Value):
    """The row that reminder_state.sql reads about one review request."""

    request: ReviewRequest
    pull_request: PullRequest
    person: Person | None
    config: RepositoryConfig | None
    assignments: tuple[Assignment, ...]
    reviews: tuple[LatestReview, ...]
    messages: tuple[Message, ...]
    dms_today: int
    dms_about_it_today: int
    has_digest_today: bool
    digested: tuple[datetime, ...]
    digest_planned_at: datetime | None
    is_unlisted: bool
    quiet_until: datetime | None
    synced_at: datetime | None
    clock_moved_at: datetime | None
    other_request_ids: tuple[RequestId, ...]
    has_twin: bool
    is_backlog: bool
    is_gone: bool
    is_on_hold: bool
    pause: Pause | None

    @property
    def visibility(self) -> Visibility:
        if self.is_gone:
            return Visibility.GONE
        return Visibility.ON_HOLD if self.is_on_hold else Visibility.VISIBLE


def _state(loaded: _Loaded, now: datetime) -> ReminderState:
    config, chosen = loaded.config or RepositoryConfig(), _chosen(loaded.request, loaded.assignments)
    return ReminderState(
        request=loaded.request,
        pull_request=loaded.pull_request,
        person=loaded.person,
        rhythm=rhythm(config),
        pattern=chosen.pattern if chosen else "",
        is_fallback=chosen is not None and chosen.is_fallback,
        messages=loaded.messages,
        is_approved_enough=is_approved_enough(
            loaded.request,
            loaded.pull_request,
            loaded.reviews,
            needed=config.reminders.approvals_needed,
            demands=loaded.assignments[-1].decision.demands if loaded.assignments else (),
        ),
        has_twin=loaded.has_twin,
        blocked_by=_blocked_by(loaded.visibility, loaded.pause),
        away_until=_away_until(loaded.person, now),
        is_backlog=loaded.is_backlog,
        dms_today=loaded.dms_today,
        dms_about_it_today=loaded.dms_about_it_today,
        has_digest_today=loaded.has_digest_today,
        digested=loaded.digested,
        digest_planned_at=loaded.digest_planned_at,
        is_unlisted=loaded.is_unlisted,
        quiet_until=loaded.quiet_until,
        synced_at=loaded.synced_at,
        clock_moved_at=loaded.clock_moved_at,
        other_request_ids=loaded.other_request_ids,
    )


def _away_until(person: Person | None, now: datetime) -> datetime | None:
    return person.away_until(now) if person and person.current_absence(now) else None


def _chosen(request: ReviewRequest, assignments: Iterable[Assignment]) -> Chosen | None:
    """Why a rule chose this reviewer; None if a human asked them."""
    if request.requested_by is not None and not request.requested_by.endswith("[bot]"):
        return None
    for assignment in assignments:
        for chosen in assignment.decision.chosen:
            if chosen.account_id == request.reviewer_id:
                return chosen
    return None


def _blocked_by(visibility: Visibility, pause: Pause | None) -> str:
    """While an installation is suspended no webhook comes, so a review may not be wanted any more.

    Nobody knows that before GitHub was asked again after the suspension.
    """
    match visibility:
        case Visibility.GONE:
            return "GitHub does not show its pull request any more"
        case Visibility.ON_HOLD:
            return "the installation is suspended, or GitHub is being asked whether this is still open"
        case Visibility.VISIBLE:
            return str(pause) if pause else ""
