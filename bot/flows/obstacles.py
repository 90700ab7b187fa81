"""Obstacles: calls to GitHub or Slack that have failed for a while, or for good. Uses the ambient database.

They are stored so that Ripe can say them: `ripe why`, the doctor, the author of the pull request, an admin.
An obstacle is about a pull request, an installation or a person. It ends when the call succeeds.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from bot.clock import Clock
from bot.flows.catalog import tell_admin_job, tell_obstacle_job
from bot.github.model import NotFoundError, RefusedError
from bot.github.waiting import GitHubWaitError
from bot.model import InstallationId, PersonId, PullRequestId, Value, WorkspaceId
from bot.slack.model import MESSAGE_ERRORS
from jobq import ClaimedJob, Queue, current_database, write_transaction

LIST = Path(__file__).with_suffix(".sql").read_text()
HIDDEN_FOR = timedelta(hours=6)
"""GitHub may hide a pull request for a while: a rename, a lag between its servers. Facts that contradict each
other stay undecided until it answers, so "not found" is not final before this time."""
SHORTEST_WAIT = timedelta(minutes=1)
SHOWN_AFTER = timedelta(minutes=15)
"""One wait of the longest back-off. Before that, a failure is nothing to speak of."""
LONG = timedelta(hours=3)
"""Most outages are over by then, and the working day of an author is not."""
MOST_OF_A_REASON = 200
"""Characters."""
FORGOTTEN_AFTER = timedelta(days=1)
"""Each call that waits is tried every hour. One that was not tried for a day has nothing left to do."""


class Call(StrEnum):
    """The calls that can meet an obstacle, by the help that they would be."""

    FILES = "files"
    REVIEWERS = "reviewers"
    STATE = "state"
    VERDICT = "verdict"
    PULL_REQUESTS = "pull_requests"
    REPOSITORIES = "repositories"
    DMS = "dms"
    EDITS = "edits"


class About(NamedTuple):
    """The row that an obstacle is about: exactly one of these."""

    pull_request_id: PullRequestId | None = None
    installation_id: InstallationId | None = None
    person_id: PersonId | None = None


class Obstacle(Value):
    """A call that fails since then. `until` is its next try, None if it is refused for good.

    `subject` names the pull request, the account of the installation, or the person.
    """

    id: int
    workspace_id: WorkspaceId
    subject: str
    call: Call
    reason: str
    since: datetime
    until: datetime | None
    is_reported: bool
    person_id: PersonId | None = None

    @property
    def is_final(self) -> bool:
        return self.until is None

    @property
    def is_of_person(self) -> bool:
        """Whether Slack refuses DMs to a person, whatever they say."""
        return self.call is Call.DMS and self.reason not in MESSAGE_ERRORS

    def is_long(self, now: datetime) -> bool:
        """Whether somebody should hear of it."""
        return self.is_final or now - self.since >= LONG

    def is_shown(self, now: datetime) -> bool:
        """Whether people who look should see it."""
        return self.is_final or now - self.since >= SHOWN_AFTER


@asynccontextmanager
async def noting_obstacles(
    about: About, call: Call, clock: Clock, *, again_at: datetime | None = None
) -> AsyncIterator[None]:
    """Wraps a call to GitHub: notes that it has to wait or is refused, and forgets that once it succeeds.

    `again_at` is when the job asks again if GitHub does not find what it asks for. None: it gives up.
    """
    try:
        yield
    except GitHubWaitError as error:
        await note_obstacle(about, call, error.reason, clock, until=error.until)
        raise
    except NotFoundError as error:
        await note_obstacle(about, call, str(error), clock, until=again_at)
        raise
    except RefusedError as error:
        await note_obstacle(about, call, str(error), clock, until=None)
        raise
    await end_obstacle(about, call)


def ask_again_at(job: ClaimedJob, now: datetime) -> datetime | None:
    """When a job asks again for something that GitHub does not find; None if it has asked for long enough."""
    waited = now - job.created_at
    return now + max(waited, SHORTEST_WAIT) if waited < HIDDEN_FOR else None


@write_transaction
async def note_obstacle(
    about: About, call: Call, reason: str, clock: Clock, *, until: datetime | None
) -> None:
    """The call failed now. If that lasts, saves the job that tells the author or, for the rest, an admin."""
    now = clock.now()
    row = await _save(about, call, reason, until, now)
    if row is None or row["told_at"] is not None or not (until is None or now - row["since"] >= LONG):
        return
    queue = Queue(current_database(), clock.now)
    if about.pull_request_id is not None and await _has_author(about.pull_request_id):
        # A minute later, the job that met the obstacle has decided without the answer.
        await queue.save(tell_obstacle_job(about.pull_request_id).runs_in(minutes=1))
        await mark_reported([row["id"]], now)
    else:
        await queue.save(tell_admin_job(WorkspaceId(row["workspace_id"])).runs_in(minutes=1))


async def _save(about: About, call: Call, reason: str, until: datetime | None, now: datetime) -> Any:
    """The obstacle's row. None if another process noted it just now, or if its subject is gone."""
    text = reason[:MOST_OF_A_REASON]
    # A wait that ended long ago has nothing to do with this one.
    updated = await current_database().fetchrow(
        """
        UPDATE obstacle
        SET reason = $5, until = $6, last_at = $7,
            since = CASE WHEN until IS NOT NULL AND last_at < $8 THEN $7 ELSE since END,
            told_at = CASE WHEN until IS NOT NULL AND last_at < $8 THEN NULL ELSE told_at END
        WHERE (pull_request_id = $1 OR installation_id = $2 OR person_id = $3) AND call = $4
        RETURNING id, workspace_id, since, told_at
        """,
        *about,
        call,
        text,
        until,
        now,
        now - FORGOTTEN_AFTER,
    )
    return updated or await _insert(about, call, text, until, now)


async def _insert(about: About, call: Call, reason: str, until: datetime | None, now: datetime) -> Any:
    return await current_database().fetchrow(
        """
        INSERT INTO obstacle (
            workspace_id, pull_request_id, installation_id, person_id, call, reason, until, since, last_at)
        SELECT subject.workspace_id, $1, $2, $3, $4, $5, $6, $7, $7
        FROM (
            SELECT workspace_id FROM pull_request WHERE id = $1
            UNION ALL SELECT workspace_id FROM installation WHERE id = $2
            UNION ALL SELECT workspace_id FROM person WHERE id = $3) AS subject
        ON CONFLICT DO NOTHING
        RETURNING id, workspace_id, since, told_at
        """,
        *about,
        call,
        reason,
        until,
        now,
    )


async def _has_author(pull_request_id: PullRequestId) -> bool:
    """Whether the author is known in Slack."""
    is_known: bool = await current_database().fetchval(
        """
        SELECT EXISTS (
            SELECT FROM pull_request JOIN account ON (account.workspace_id, account.id)
                = (pull_request.workspace_id, pull_request.author_id)
            WHERE pull_request.id = $1)
        """,
        pull_request_id,
    )
    return is_known


async def end_obstacle(about: About, call: Call) -> None:
    """The call succeeded."""
    await current_database().execute(
        """
        DELETE FROM obstacle
        WHERE (pull_request_id = $1 OR installation_id = $2 OR person_id = $3) AND call = $4
        """,
        *about,
        call,
    )


async def find_start(about: About, call: Call) -> datetime | None:
    """Since when the call fails. None: it does not."""
    since: datetime | None = await current_database().fetchval(
        """
        SELECT since FROM obstacle
        WHERE (pull_request_id = $1 OR installation_id = $2 OR person_id = $3) AND call = $4
        """,
        *about,
        call,
    )
    return since


async def list_obstacles(
    now: datetime,
    *,
    workspace_id: WorkspaceId | None = None,
    pull_request_id: PullRequestId | None = None,
    person_ids: Iterable[PersonId] = (),
) -> tuple[Obstacle, ...]:
    """The obstacles in force, oldest first: all, or those of a workspace, or of a pull request and people."""
    rows = await current_database().fetch(
        LIST, now - FORGOTTEN_AFTER, workspace_id, pull_request_id, list(person_ids)
    )
    return tuple(Obstacle.model_validate(dict(row)) for row in rows)


async def mark_reported(obstacle_ids: Iterable[int], now: datetime) -> None:
    """Somebody who can help hears of them."""
    await current_database().execute(
        "UPDATE obstacle SET told_at = $2 WHERE id = ANY($1::bigint[])", list(obstacle_ids), now
    )


def describe_obstacle(obstacle: Obstacle, since: str) -> str:
    """A sentence for people. `since` is the beginning as its reader writes times."""
    if obstacle.call is Call.DMS and not obstacle.is_of_person:
        return f"{describe_mistake(obstacle.subject)} since {since} ({obstacle.reason}): please report it."
    trouble = _TROUBLE[obstacle.call].format(subject=obstacle.subject)
    rest = "" if obstacle.is_final else "; Ripe keeps trying"
    return f"{trouble} since {since} ({obstacle.reason}){rest}."


def describe_mistake(name: str) -> str:
    """Says that Slack refuses the text of a DM, not its reader."""
    return f"Ripe makes a mistake in its DMs to {name}, which Slack refuses"


_TROUBLE = {
    Call.FILES: "GitHub refuses to tell Ripe the files of {subject}",
    Call.REVIEWERS: "GitHub refuses to ask for reviews of {subject}",
    Call.STATE: "GitHub refuses to tell Ripe how {subject} stands",
    Call.VERDICT: "GitHub refuses to tell Ripe whether {subject} has enough approvals",
    Call.PULL_REQUESTS: "GitHub refuses to list pull requests of {subject}",
    Call.REPOSITORIES: "GitHub refuses to list the repositories of {subject}",
    Call.DMS: "Slack refuses DMs to {subject}",
    Call.EDITS: "Slack refuses to change a DM to {subject}, which still looks open",
}
