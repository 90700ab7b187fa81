"""A queue whose every change is recorded, and worker processes on it."""

from collections.abc import AsyncIterator

import pytest

from jobq import Database
from tests.jobq.torture.fleet import Fleet
from tests.jobq.torture.scene import Scene


@pytest.fixture
async def scene(db: Database) -> AsyncIterator[Scene]:
    """The test's queue, with a record of all changes."""
    scene = Scene(db)
    await scene.prepare()
    yield scene
    await scene.forget()


@pytest.fixture
async def fleet(scene: Scene, dsn: str) -> AsyncIterator[Fleet]:
    """Worker processes on the test's queue, killed after the test."""
    fleet = Fleet(dsn)
    yield fleet
    await fleet.close()
