from collections.abc import AsyncIterator

import pytest

from tests.doctor.scene import Scene, healthy


@pytest.fixture
async def scene(dsn: str) -> AsyncIterator[Scene]:
    """A healthy bot."""
    async with healthy(dsn) as made:
        yield made
