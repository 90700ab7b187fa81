"""Promise Q5: a worker notices a silent network partition, and another worker takes over its jobs."""

import time
from datetime import timedelta

import pytest

from jobq import Timing
from tests.jobq.torture.fleet import Fleet
from tests.jobq.torture.proxy import proxied
from tests.jobq.torture.scene import Scene
from tests.jobq.working import pause, until
from tests.promises import Promise

# The defaults, twenty times as fast.
FAST = Timing(
    lease=timedelta(seconds=1.5),
    heartbeat_every=0.5,
    heartbeat_within=0.2,
    trust_lease_for=1.0,
    sweep_every=0.15,
    retry_after=0.05,
)


@pytest.mark.parametrize(
    ("timing", "silence", "cancelled_within"),
    [(FAST, 1.9, 1.5), pytest.param(Timing(), 40.0, 25.0, marks=pytest.mark.torture)],
)
async def test_a_worker_cut_off_in_silence_cancels_its_handlers_and_another_takes_over(
    scene: Scene,
    fleet: Fleet,
    dsn: str,
    promise: Promise,
    timing: Timing,
    silence: float,
    cancelled_within: float,
) -> None:
    lease = timing.lease.total_seconds()
    async with proxied(dsn) as proxy:
        cut_off = await fleet.start(dsn=proxy.dsn, timing=timing)
        await scene.save("note", [11])
        await scene.left()  # now every connection is open
        # One job hangs. Nine end soon after the silence began, so their settlements are on the wire.
        await scene.save("hang", [0])
        await scene.save("drag", range(1, 10), seconds=lease / 6)
        await cut_off.hear("started", times=10)
        proxy.fall_silent()
        silent_at = time.monotonic()
        other = await fleet.start(timing=timing)

        cancelled = await cut_off.hear("cancelled", within=silence)
        noticed = float(cancelled.split()[-1]) - silent_at
        await other.hear("started", times=10, within=silence)
        taken_over = time.monotonic() - silent_at
        await pause(max(0.0, silent_at + silence - time.monotonic()))
        proxy.heal()

        # Late settlements can do harm only while the other worker runs the jobs.
        async def is_delivered() -> bool:
            return proxy.delivered_late > 0

        await until(is_delivered, 5)
        late = cut_off.count("finished")
        await scene.save("note", [10])
        await scene.left(within=60)
        seconds = await cut_off.terminate()

    runs, stale = await scene.runs(), await scene.stale_writes()
    promise(
        "Q5",
        f"{silence:.1f} s of silence, lease {lease:.1f} s",
        f"cancelled after {noticed:.1f} s, all taken over after {taken_over:.1f} s,"
        f" {late} late completions, {stale} accepted",
    )
    assert noticed <= cancelled_within
    assert noticed < taken_over
    assert late == 9
    assert stale == 0
    assert {n: runs[n] for n in range(10)} == dict.fromkeys(range(10), 2)
    assert await scene.stolen() == 0
    assert await scene.count("job_dead") == 0
    assert (cut_off.process.returncode, seconds < 5) == (0, True)
