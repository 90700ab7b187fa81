"""Whether the work is done in time, and which of it has failed for good."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from bot.doctor.model import Finding, failed, ok, warning
from bot.doctor.ports import DoctorPorts
from bot.flows.catalog import describe_lane
from bot.modes import Pause, list_pauses
from jobq import LaneStats

LAG, DEAD, REJECTED, PAUSED = "queue.lag", "queue.dead", "deliveries.rejected", "sending.paused"

SOME_LAG = timedelta(minutes=2)
"""Below this, the queue is merely busy."""
TOO_MUCH_LAG = timedelta(minutes=15)
FORGOTTEN = timedelta(days=1)
"""After this time, somebody may have forgotten to end a pause."""

_DEAD = "SELECT job_type, count(*) AS jobs FROM job_dead GROUP BY job_type ORDER BY jobs DESC, job_type"
_REJECTED = """
    SELECT event, count(*) AS deliveries, max(received_at) AS last_at FROM delivery
    WHERE outcome = 'rejected' GROUP BY event ORDER BY last_at DESC
"""


async def check_lag(ports: DoctorPorts) -> Sequence[Finding]:
    """Whether ripe jobs wait too long."""
    return [judge_lag(await ports.load_queue().stats())]


def judge_lag(lanes: Sequence[LaneStats]) -> Finding:
    """Whether the oldest ripe job of each lane waits too long."""
    ages = {describe_lane(lane.lane): lane.oldest_ripe_age or timedelta(0) for lane in lanes}
    worst = max(ages.values(), default=timedelta(0))
    waiting = sum(lane.ready for lane in lanes)
    if worst <= SOME_LAG:
        return ok(LAG, f"{waiting} ripe, none for longer than {SOME_LAG.seconds // 60} minutes")
    late = ", ".join(f"{lane} for {_round(age)}" for lane, age in ages.items() if age > SOME_LAG)
    judge = failed if worst > TOO_MUCH_LAG else warning
    return judge(
        LAG,
        f"{waiting} ripe; the oldest waits: {late}",
        "See that `ripe worker` runs and what its log says; start more of them where it is merely busy.",
    )


async def check_dead(ports: DoctorPorts) -> Sequence[Finding]:
    """Jobs that failed for good."""
    rows = await ports.load_database().fetch(_DEAD)
    return [judge_dead({row["job_type"]: row["jobs"] for row in rows})]


def judge_dead(jobs: Mapping[str, int]) -> Finding:
    """Whether there are dead jobs. `jobs` counts them by type."""
    if not jobs:
        return ok(DEAD, "none")
    return warning(
        DEAD,
        f"{Counter(jobs).total()} failed for good: {_counted(jobs)}",
        "`ripe jobs dead` says why; once that is mended, `ripe jobs revive ID...` queues them again.",
    )


async def check_rejected(ports: DoctorPorts) -> Sequence[Finding]:
    """Deliveries that could not be parsed, of those that are still stored."""
    rows = await ports.load_database().fetch(_REJECTED)
    if not rows:
        return [ok(REJECTED, "none")]
    counted = _counted({row["event"]: row["deliveries"] for row in rows})
    total = sum(row["deliveries"] for row in rows)
    return [
        warning(
            REJECTED,
            f"{total} not understood, the last on {rows[0]['last_at']:%Y-%m-%d %H:%M} UTC: {counted}",
            "Update Ripe, then run `ripe replay --rejected`: GitHub redelivers those of three days.",
        )
    ]


async def check_paused(ports: DoctorPorts) -> Sequence[Finding]:
    """Workspaces in which an admin has stopped Ripe."""
    with ports.load_database().ambient():
        return [judge_paused(await list_pauses(), ports.clock.now())]


def judge_paused(pauses: Sequence[Pause], now: datetime) -> Finding:
    """Whether a pause has lasted so long that somebody may have forgotten it."""
    if not pauses:
        return ok(PAUSED, "no")
    detail = "; ".join(str(pause) for pause in pauses)
    if all(now - pause.paused_at <= FORGOTTEN for pause in pauses):
        return ok(PAUSED, detail)
    fix = "Somebody may have forgotten it: an admin of that Slack workspace types `/reviews admin resume`."
    return warning(PAUSED, detail, fix)


def _counted(amounts: Mapping[str, int]) -> str:
    return ", ".join(f"{amount} {name}" for name, amount in amounts.items())


def _round(age: timedelta) -> str:
    minutes = int(age.total_seconds()) // 60
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"
