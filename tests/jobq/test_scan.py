"""When the next claim looks where."""

import time

from jobq.claims import START, Claim
from jobq.scan import RESTS, Scan
from tests.jobq.working import NOON

NOTHING = Claim([], None)


def test_a_look_everywhere_that_takes_long_comes_more_rarely() -> None:
    scan = Scan(sweep_every=0.001)
    assert scan.begin() == START
    began_at = time.monotonic()
    while time.monotonic() < began_at + 0.03:
        pass
    scan.end(NOTHING, 10, NOON)
    assert scan.seconds_to_wait() > 0.03 * (RESTS - 1)


def test_a_look_everywhere_that_takes_no_time_comes_as_often_as_it_should() -> None:
    scan = Scan(sweep_every=3)
    scan.begin()
    scan.end(NOTHING, 10, NOON)
    assert 2.5 < scan.seconds_to_wait() <= 3
