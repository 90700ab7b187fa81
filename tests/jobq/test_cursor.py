"""When the next claim is made, and where in the lane it starts."""

from freezegun import freeze_time

from jobq.claims import START, ClaimResult
from jobq.cursor import SWEEP_REST_FACTOR, ClaimCursor
from tests.jobq.working import NOON

NOTHING = ClaimResult([], None)


def test_after_a_slow_sweep_the_next_one_comes_later() -> None:
    cursor = ClaimCursor(sweep_every=3)
    with freeze_time(NOON) as frozen:
        assert cursor.start_claim() == START
        frozen.tick(2.0)
        cursor.finish_claim(NOTHING, 10, NOON)
        assert cursor.seconds_to_wait() == 2.0 * SWEEP_REST_FACTOR


def test_after_a_quick_sweep_the_next_one_comes_at_the_usual_time() -> None:
    cursor = ClaimCursor(sweep_every=3)
    with freeze_time(NOON):
        cursor.start_claim()
        cursor.finish_claim(NOTHING, 10, NOON)
        assert cursor.seconds_to_wait() == 3
