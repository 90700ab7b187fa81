"""A team whose Slack is the sandbox."""

from collections.abc import AsyncIterator

import pytest

from jobq import Database
from tests.flows.scene import Scene, dm_scene


@pytest.fixture
async def scene(db: Database) -> AsyncIterator[Scene]:
    async with dm_scene(db) as scene:
        yield scene
