import pytest

from jobq import Database
from tests.actions.world import World, found_world


@pytest.fixture
async def world(db: Database) -> World:
    return await found_world(db)
