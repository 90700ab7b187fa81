"""When the next claim looks where."""

import time

from jobq.claims import START, ClaimResult
from jobq.cursor import SWEEP_REST_FACTOR, ClaimCursor
from tests.jobq.working import NOON

NOTHING = ClaimResult([], None)


def test_a_look_everywhere_that_takes_long_comes_more_rarely() -> None:
    cursor = ClaimCursor(sweep_every=0.001)
    assert cursor.start_claim() == START
    began_at = time.monotonic()
    while time.monotonic() < began_at + 0.03:
        pass
    cursor.finish_claim(NOTHING, 10, NOON)
    assert cursor.seconds_to_wait() > 0.03 * (SWEEP_REST_FACTOR - 1)


def test_a_look_everywhere_that_takes_no_time_comes_as_often_as_it_should() -> None:
    cursor = ClaimCursor(sweep_every=3)
    cursor.start_claim()
    cursor.finish_claim(NOTHING, 10, NOON)
    assert 2.5 < cursor.seconds_to_wait() <= 3
