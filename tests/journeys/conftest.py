"""The whole bot for a journey."""

from collections.abc import AsyncIterator

import pytest

from tests.journeys.whole import MONDAY_MORNING, Whole, whole_bot


@pytest.fixture
async def ripe(dsn: str) -> AsyncIterator[Whole]:
    """A running bot on a Monday morning."""
    async with whole_bot(dsn, MONDAY_MORNING) as whole:
        yield whole
