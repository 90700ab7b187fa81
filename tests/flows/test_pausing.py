"""Jobs that wait for the end of a pause cost little meanwhile, and no resume misses them."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from bot.flows.catalog import GREET_INSTALLER, WELCOME_DIGEST, greet_installer_job, welcome_digest_job
from bot.flows.pausing import find_wait, list_waiting_jobs
from bot.github.model import Account
from bot.github.store import save_installation
from bot.model import AccountId, InstallationId, PersonId, WorkspaceId
from bot.modes import Pause, begin_pause, end_pause
from bot.people.store import upsert_person
from jobq import ClaimedJob, Database, Handler, Postpone, Queue
from jobq.testing import drain

ACME, OTHER = WorkspaceId(1), WorkspaceId(2)
INSTALLATION = InstallationId(5)
MONDAY = datetime(2037, 11, 23, 9, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass
class Scene:
    """A paused workspace whose jobs note when they ran, and a clock that stands."""

    db: Database
    ana: PersonId
    ben: PersonId
    now: datetime = MONDAY
    looks: int = 0
    ran: list[str] = field(default_factory=list)

    @property
    def queue(self) -> Queue:
        return Queue(self.db, lambda: self.now)

    async def run(self, job: ClaimedJob) -> Postpone | None:
        """As every job does that waits for the end of a pause."""
        self.looks += 1
        if (until := await find_wait(ACME, self.now)) is not None:
            return Postpone(until)
        self.ran.append(job.job_type)
        return None

    async def drain(self, **instead: Handler) -> None:
        handlers: Mapping[str, Handler] = {WELCOME_DIGEST: self.run, GREET_INSTALLER: self.run, **instead}
        await drain(self.queue, handlers)

    async def pause(self, workspace_id: WorkspaceId = ACME) -> None:
        pause = Pause(workspace_id=workspace_id, paused_by="UOLGA", paused_by_name="Olga", paused_at=self.now)
        assert await begin_pause(pause)

    async def resume(self, workspace_id: WorkspaceId = ACME) -> None:
        async with self.db.transaction():
            pause = await end_pause(workspace_id, "UOLGA", "Olga", self.now)
            assert pause is not None
            await self.queue.save_all(await list_waiting_jobs(pause, self.now))

    async def due(self) -> dict[str, datetime]:
        return {queued.job.job_type: queued.due_at for queued in await self.queue.queued()}


@pytest.fixture
async def scene(db: Database) -> Scene:
    await db.execute("INSERT INTO workspace (slack_team_id) VALUES ('T2')")
    await save_installation(ACME, INSTALLATION, Account(id=AccountId(100), login="acme"), {})
    ana = await upsert_person(ACME, "UANA", "Ana", "UTC")
    ben = await upsert_person(OTHER, "UBEN", "Ben", "UTC")
    scene = Scene(db, ana, ben)
    await scene.pause()
    return scene


async def test_a_paused_job_is_looked_at_once_a_day_and_runs_when_the_pause_ends(scene: Scene) -> None:
    scene.now += HOUR
    await scene.queue.save(welcome_digest_job(scene.ana))
    await scene.queue.save(greet_installer_job(INSTALLATION, AccountId(7)))
    for _ in range(3 * 24):
        await scene.drain()
        scene.now += HOUR
    assert (scene.looks, scene.ran) == (2 * 4, [])
    await scene.resume()
    await scene.drain()
    assert sorted(scene.ran) == [GREET_INSTALLER, WELCOME_DIGEST]


async def test_a_job_that_was_not_due_during_the_pause_keeps_its_time(scene: Scene) -> None:
    await scene.queue.save(welcome_digest_job(scene.ana).runs_at(MONDAY + 20 * HOUR))
    await scene.queue.save(greet_installer_job(INSTALLATION, AccountId(7)))
    await scene.drain()
    await scene.resume()
    assert await scene.due() == {GREET_INSTALLER: MONDAY, WELCOME_DIGEST: MONDAY + 20 * HOUR}


async def test_a_resume_moves_no_job_of_another_workspace(scene: Scene) -> None:
    await scene.pause(OTHER)
    await scene.queue.save(welcome_digest_job(scene.ben))
    await scene.drain()
    before = await scene.due()
    await scene.resume()
    assert await scene.due() == before == {WELCOME_DIGEST: MONDAY + DAY}


async def test_a_job_that_saw_the_pause_and_still_runs_when_it_ends_runs_again(scene: Scene) -> None:
    async def see_the_end(job: ClaimedJob) -> Postpone | None:
        until = await find_wait(ACME, scene.now)
        if until is None:
            return await scene.run(job)
        await scene.resume()
        return Postpone(until)

    await scene.queue.save(welcome_digest_job(scene.ana))
    await scene.drain(**{WELCOME_DIGEST: see_the_end})
    assert scene.ran == [WELCOME_DIGEST]


async def test_a_job_that_looks_while_the_resume_is_not_committed_waits_for_it(scene: Scene) -> None:
    async with scene.db.transaction():
        assert await end_pause(ACME, "UOLGA", "Olga", scene.now)
        # This job comes too late for the resume to find it.
        looking = asyncio.create_task(find_wait(ACME, scene.now))
        await asyncio.wait({looking}, timeout=0.2)
        assert not looking.done()
    assert await looking is None


async def test_a_job_whose_process_has_a_clock_that_is_ahead_is_found(scene: Scene) -> None:
    scene.now = MONDAY + DAY
    await scene.queue.save(welcome_digest_job(scene.ana))
    await scene.drain()
    scene.now -= timedelta(seconds=1)
    await scene.resume()
    await scene.drain()
    assert scene.ran == [WELCOME_DIGEST]


async def test_after_a_lost_resume_jobs_run_within_a_day(scene: Scene) -> None:
    await scene.queue.save(welcome_digest_job(scene.ana))
    await scene.drain()
    await scene.db.execute("DELETE FROM pause")
    scene.now += DAY
    await scene.drain()
    assert scene.ran == [WELCOME_DIGEST]
