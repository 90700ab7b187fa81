"""The whole bot for a journey."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.journeys.on_github import browser_of
from tests.journeys.whole import MONDAY_MORNING, Whole, whole_bot


@pytest.fixture
async def ripe(dsn: str) -> AsyncIterator[Whole]:
    """A running bot on a Monday morning."""
    async with whole_bot(dsn, MONDAY_MORNING) as whole:
        yield whole


@pytest.fixture
async def browser(ripe: Whole) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody's, without cookies yet; it does not follow redirects by itself."""
    async with browser_of(ripe) as client:
        yield client
