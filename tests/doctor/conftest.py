from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
import pytest_asyncio

from tests.databases import Databases
from tests.doctor.scene import Scene, healthy


@pytest.fixture
async def scene(dsn: str) -> AsyncIterator[Scene]:
    """A healthy bot."""
    async with healthy(dsn) as made:
        yield made


@pytest.fixture(scope="package")
def shared_dsn(databases: Databases) -> Iterator[str]:
    with databases.borrowed() as dsn:
        yield dsn


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def shared_bot(shared_dsn: str) -> AsyncIterator[Scene]:
    async with healthy(shared_dsn) as made:
        yield made


@pytest.fixture
def shared(shared_bot: Scene) -> Scene:
    """One healthy bot for all tests that are marked SHARED. They may give it other settings or a clock."""
    return replace(shared_bot)
