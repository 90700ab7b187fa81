"""How long the jobs of a paused workspace wait, and how a resume finds them.

A job that may not run during a pause waits until one more full day has passed since the pause began. No job
is due at exactly that instant for another reason, so a resume knows by it which jobs to run at once. If a
resume is lost, they still run within a day.
"""

from datetime import datetime, timedelta

from pydantic_core import from_json

from bot.flows.catalog import SUBJECT
from bot.model import WorkspaceId
from bot.modes import Pause, lock_pause
from jobq import Job, current_database

LOOK_AGAIN_EVERY = timedelta(days=1)


async def find_wait(workspace_id: WorkspaceId, now: datetime) -> datetime | None:
    """The instant for which a job of this workspace has to be postponed. None if it is not paused."""
    pause = await lock_pause(workspace_id)
    return None if pause is None else _full_days_since(pause, now)[0]


async def list_waiting_jobs(pause: Pause, now: datetime) -> list[Job]:
    """The jobs that wait for the end of `pause`. Save them for now, in the transaction that ended it.

    Jobs of the workspace that are running are among them, because they may have seen the pause.
    """
    rows = await current_database().fetch(
        """
        SELECT greatest(lane, ~lane) AS lane, job_type, arguments  -- ~lane: it is blocked
        FROM job JOIN unnest($3::text[], $4::text[], $5::text[]) AS subject (of_type, kind, argument)
            ON of_type = job_type
        WHERE (leased_until IS NOT NULL OR ripe_at = ANY ($2))
          AND $1 = CASE kind
            WHEN 'installation' THEN (
                SELECT workspace_id FROM installation WHERE id = (arguments ->> argument)::bigint)
            WHEN 'person' THEN (
                SELECT workspace_id FROM person WHERE id = (arguments ->> argument)::bigint)
            WHEN 'pull_request' THEN (
                SELECT workspace_id FROM pull_request WHERE id = (arguments ->> argument)::bigint)
            END
        """,
        pause.workspace_id,
        # Another process's clock may be ahead of this one's, and past a full day already.
        _full_days_since(pause, now),
        *zip(*((job_type, *subject) for job_type, subject in SUBJECT.items()), strict=True),
    )
    return [
        Job(job_type=row["job_type"], arguments=from_json(row["arguments"]), lane=row["lane"]) for row in rows
    ]


def _full_days_since(pause: Pause, now: datetime) -> tuple[datetime, datetime]:
    """The next two, seen from `now`."""
    days = (now - pause.paused_at) // LOOK_AGAIN_EVERY + 1
    return pause.paused_at + days * LOOK_AGAIN_EVERY, pause.paused_at + (days + 1) * LOOK_AGAIN_EVERY
