"""When the story of a new sandbox begins: at once, or the next morning on which it makes sense."""

from datetime import datetime, timedelta

import pytest

from bot.sandbox.story import BERLIN, time_until_early_in_the_week

AT_ONCE = timedelta(0)


@pytest.mark.parametrize(
    ("now", "wait"),
    [
        ("2026-11-23 09:30", timedelta(minutes=30)),
        ("2026-11-23 10:00", AT_ONCE),
        ("2026-11-24 12:41", AT_ONCE),
        ("2026-11-25 14:59", AT_ONCE),
        ("2026-11-24 15:00", timedelta(hours=19)),
        ("2026-11-25 15:00", timedelta(days=4, hours=19)),
        ("2026-11-29 10:00", timedelta(days=1)),
        # The clocks go back an hour in the night to Sunday.
        ("2026-10-24 10:00", timedelta(days=2, hours=1)),
    ],
)
def test_the_story_begins_on_a_morning_from_monday_to_wednesday_or_at_once_during_one(
    now: str, wait: timedelta
) -> None:
    assert time_until_early_in_the_week(datetime.fromisoformat(now).replace(tzinfo=BERLIN.tz)) == wait
