"""How often GitHub and Slack are called about one pull request, whatever strangers do. Ambient database.

Anybody who may open a pull request can push, edit, reopen and review it in a loop. The first calls go out at
once. Those of a loop are spread out, and because a job that waits is saved once, they become one.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from bot.clock import Clock
from bot.flows.obstacles import Call
from bot.model import PullRequestId, Value
from jobq import ClaimedJob, Handler, HandlerResult, Postpone, current_database

READ_EVERY = timedelta(minutes=10)
"""The files of a pull request are not read more often, whatever the number of its pushes."""
PER_CALL = timedelta(minutes=1)
"""Nor more often than this for each call that it takes: 3,000 files take thirty calls, and half an hour."""


class Pace(Value):
    """At most `burst` times at once, and then once in each interval `every`."""

    every: timedelta
    burst: int


PACES: Mapping[Call, Pace] = MappingProxyType(
    {
        Call.STATE: Pace(every=timedelta(minutes=1), burst=5),
        Call.VERDICT: Pace(every=timedelta(minutes=1), burst=5),
        # DMs show each new title, size and draft. Slack takes fifty edits a minute of a workspace.
        Call.EDITS: Pace(every=timedelta(seconds=20), burst=15),
    }
)


def at_pace(call: Call, handler: Handler, clock: Clock) -> Handler:
    """Runs a job about a pull request as often as the pace of `call` allows, and postpones it otherwise."""

    async def run(job: ClaimedJob) -> HandlerResult:
        pull_request_id = PullRequestId(job.arguments["pull_request_id"])
        until = await take_turn(pull_request_id, call, clock.now())
        if until is not None:
            return Postpone(until, f"the pace of one pull request ({call})")
        return await handler(job)

    return run


async def take_turn(pull_request_id: PullRequestId, call: Call, now: datetime) -> datetime | None:
    """Counts a call that may be made now, and returns None. Otherwise returns when it may be made."""
    pace = PACES[call]
    ahead = pace.every * (pace.burst - 1)
    is_free: bool | None = await current_database().fetchval(
        """
        INSERT INTO pace (workspace_id, pull_request_id, call, free_at)
        SELECT workspace_id, id, $2, $3::timestamptz + $4::interval FROM pull_request WHERE id = $1
        ON CONFLICT (pull_request_id, call) DO UPDATE SET free_at = greatest(pace.free_at, $3) + $4
        WHERE pace.free_at <= $3 + $5::interval
        RETURNING true
        """,
        pull_request_id,
        call,
        now,
        pace.every,
        ahead,
    )
    if is_free:
        return None
    free_at = await find_free_at(pull_request_id, call)
    return None if free_at is None else max(free_at - ahead, now)


async def find_free_at(pull_request_id: PullRequestId, call: Call) -> datetime | None:
    """By when the calls so far are paid for. None: there were none."""
    free_at: datetime | None = await current_database().fetchval(
        "SELECT free_at FROM pace WHERE pull_request_id = $1 AND call = $2", pull_request_id, call
    )
    return free_at


async def wait_until(pull_request_id: PullRequestId, call: Call, free_at: datetime) -> None:
    """The call is not made again before then."""
    await current_database().execute(
        """
        INSERT INTO pace (workspace_id, pull_request_id, call, free_at)
        SELECT workspace_id, id, $2, $3 FROM pull_request WHERE id = $1
        ON CONFLICT (pull_request_id, call) DO UPDATE SET free_at = excluded.free_at
        """,
        pull_request_id,
        call,
        free_at,
    )


def read_again_at(read_at: datetime, calls: int) -> datetime:
    """When the files may be read again, after a reading that took so many calls."""
    return read_at + max(READ_EVERY, calls * PER_CALL)
