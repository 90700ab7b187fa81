"""A queue, a clock that the test moves, and a handler that records what it ran."""

import pytest

from jobq import Database, Queue
from tests.jobq.working import Clock, Recorder


@pytest.fixture
def queue(db: Database) -> Queue:
    """A queue on the real clock."""
    return Queue(db)


@pytest.fixture
def clock() -> Clock:
    """A clock that stands at noon."""
    return Clock()


@pytest.fixture
def noon_queue(db: Database, clock: Clock) -> Queue:
    """A queue on the test's clock."""
    return Queue(db, clock)


@pytest.fixture
def note() -> Recorder:
    """The handler of jobs of the type "note"."""
    return Recorder()
