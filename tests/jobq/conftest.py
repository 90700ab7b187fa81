"""A queue, and a handler that notes what it ran."""

import pytest

from jobq import Database, Queue
from tests.jobq.working import Log


@pytest.fixture
def queue(db: Database) -> Queue:
    """A queue on the real clock."""
    return Queue(db)


@pytest.fixture
def note() -> Log:
    """A handler that notes what it ran."""
    return Log()
