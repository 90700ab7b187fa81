"""When a welcome digest is scheduled."""

from datetime import datetime, timedelta

import pytest

from bot.flows.catalog import WELCOME_DIGEST
from bot.flows.digests import schedule_digests_for
from bot.model import PersonId
from bot.people.model import Absence
from bot.people.store import insert_absence
from bot.reminders.planning import next_morning
from jobq import Database
from tests.actions.world import World, found_world
from tests.factories import MONDAY

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NINE = MONDAY - HOUR
"""Monday, 9:00 in Berlin, where work begins; it ends at 17:00."""


@pytest.fixture
async def world(db: Database) -> World:
    return await found_world(db)


@pytest.mark.parametrize(
    ("now", "morning"),
    [
        (NINE - HOUR, NINE),
        (NINE, NINE + DAY),
        (NINE + 7 * HOUR, NINE + DAY),
        (NINE + 8 * HOUR, NINE + DAY),
        (NINE + 4 * DAY + HOUR, NINE + 7 * DAY),
    ],
    ids=["before work", "as work begins", "at work", "after work", "on Friday"],
)
async def test_the_next_morning_is_that_of_the_next_working_day_to_begin(
    world: World, now: datetime, morning: datetime
) -> None:
    assert next_morning(await world.person("ana"), now) == morning


async def test_a_morning_off_is_no_morning(world: World) -> None:
    ana = await world.person("ana")
    off = Absence(starts_at=NINE + 15 * HOUR, ends_at=NINE + 15 * HOUR + 2 * DAY)
    assert next_morning(ana.model_copy(update={"absences": (off,)}), MONDAY) == NINE + 3 * DAY


async def test_a_person_without_working_days_has_no_morning(world: World) -> None:
    ana = await world.person("ana")
    assert next_morning(ana.model_copy(update={"spans": {}}), MONDAY) is None


async def test_each_person_gets_one_job_for_their_own_morning(world: World) -> None:
    ana, ben, cho = [(await world.person(name)).id for name in ("ana", "ben", "cho")]
    await insert_absence(ben, world.now, world.now + 2 * DAY)
    await world.db.execute("UPDATE person SET spans = '{}' WHERE id = $1", cho)
    for _ in range(2):
        await schedule_digests_for([ana, ben, cho, PersonId(99)], world.queue, world.now)
    queued = await world.queue.queued()
    assert [(entry.job.job_type, entry.job.arguments, entry.due_at) for entry in queued] == [
        (WELCOME_DIGEST, {"person_id": ana}, NINE + DAY),
        (WELCOME_DIGEST, {"person_id": ben}, MONDAY + 2 * DAY),
    ]
