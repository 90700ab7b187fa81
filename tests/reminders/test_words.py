"""The words for an outlook: days of another year are shown with it."""

from datetime import UTC, datetime

import pytest

from bot.people.model import Absence
from bot.reminders.model import Look, Outlook, Silence
from bot.reminders.rules import card_of
from bot.reminders.words import about_reviewer, day_of, for_reviewer
from tests.factories import OPENED, person, reminder_state
from tests.reminders.states import sent

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


def outlook(silence: Silence, until: datetime, now: datetime = NOW) -> Outlook:
    return Outlook(silence=silence, now=now, until=until, zone="Europe/Berlin")


@pytest.mark.parametrize(
    ("until", "text"),
    [
        (datetime(2026, 12, 31, 8, tzinfo=UTC), "Snoozed until Thu 31 Dec, 09:00 (Europe/Berlin)."),
        (datetime(2027, 11, 26, 8, tzinfo=UTC), "Snoozed until Fri 26 Nov 2027, 09:00 (Europe/Berlin)."),
        (datetime(2026, 12, 31, 23, 30, tzinfo=UTC), "Snoozed until Fri 1 Jan 2027, 00:30 (Europe/Berlin)."),
    ],
)
def test_a_snooze_into_another_year_names_the_year(until: datetime, text: str) -> None:
    assert for_reviewer(outlook(Silence.SNOOZED, until)) == text


def test_the_year_counts_where_the_reader_is() -> None:
    new_year = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    day = datetime(2027, 1, 4, 8, tzinfo=UTC)
    assert day_of(day, outlook(Silence.SNOOZED, day, new_year)) == "4 Jan"
    assert day_of(day, outlook(Silence.SNOOZED, day)) == "4 Jan 2027"


def test_an_absence_into_another_year_names_the_year_of_its_last_day() -> None:
    until_new_year = outlook(Silence.AWAY, datetime(2026, 12, 31, 23, tzinfo=UTC))
    assert about_reviewer(until_new_year, "ana") == "ana is out until 31 Dec"
    longer = outlook(Silence.AWAY, datetime(2027, 1, 3, 23, tzinfo=UTC))
    assert about_reviewer(longer, "ana") == "ana is out until 3 Jan 2027"
    assert for_reviewer(longer) == "You are out of office until Sun 3 Jan 2027."


def test_a_dm_keeps_its_words_when_the_year_ends() -> None:
    ends_at = datetime(2027, 1, 3, 23, tzinfo=UTC)
    away = person(absences=(Absence(starts_at=OPENED, ends_at=ends_at),))
    state = sent("23 10:00", of=reminder_state(person=away)).model_copy(update={"away_until": ends_at})
    card = card_of(state, state.messages[0])
    assert (card.look, card.note) == (Look.QUIET, "You are out of office until Sun 3 Jan 2027.")
