"""A scene of torture, and worker processes on it."""

from collections.abc import AsyncIterator

import pytest

from jobq import Database
from tests.jobq.torture.fleet import Fleet
from tests.jobq.torture.scene import Scene


@pytest.fixture
async def scene(db: Database) -> AsyncIterator[Scene]:
    """The queue of the test, recorded."""
    scene = Scene(db)
    await scene.prepare()
    yield scene
    await scene.forget()


@pytest.fixture
async def fleet(scene: Scene, dsn: str) -> AsyncIterator[Fleet]:
    """Worker processes on the queue of the test, killed after it."""
    fleet = Fleet(dsn)
    yield fleet
    await fleet.close()
