"""Typed times are understood or become a question, and are never silently wrong (T2): 200 phrases by hand.

It is Tuesday 24 November 2026, 10:30 in Berlin. Expected times are Berlin's wall clock; ASK means a question.
"""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from bot.slack.absences import parse_absence
from bot.slack.days import Unclear
from bot.slack.times import describe_instant, parse_snooze_time
from bot.working_time import WorkingHours

BERLIN = WorkingHours(zone="Europe/Berlin")
ZONE = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
ASK = None

SNOOZE: list[tuple[str, str | None]] = [
    ("2h", "11-24 12:30"),
    ("2 h", "11-24 12:30"),
    ("2H", "11-24 12:30"),
    ("2 hours", "11-24 12:30"),
    ("for 2 hours", "11-24 12:30"),
    ("in 2 hours", "11-24 12:30"),
    ("1h30", "11-24 12:00"),
    ("1h 30m", "11-24 12:00"),
    ("1 h 30 min", "11-24 12:00"),
    ("1 hour and 30 minutes", "11-24 12:00"),
    ("1.5h", "11-24 12:00"),
    ("1,5 h", "11-24 12:00"),
    ("90m", "11-24 12:00"),
    ("90 mins", "11-24 12:00"),
    ("45 min", "11-24 11:15"),
    ("an hour", "11-24 11:30"),
    ("half an hour", "11-24 11:00"),
    ("a day", "11-25 10:30"),
    ("1d", "11-25 10:30"),
    ("2 days", "11-26 10:30"),
    ("3 days", "11-27 10:30"),
    ("1w", "12-01 10:30"),
    ("a week", "12-01 10:30"),
    ("2 weeks", "12-08 10:30"),
    ("1 day 2 hours", "11-25 12:30"),
    ("2\N{NO-BREAK SPACE}h", "11-24 12:30"),
    ("“2h”", "11-24 12:30"),
    ("tomorrow", "11-25 09:00"),
    ("until tomorrow", "11-25 09:00"),
    ("till tomorrow", "11-25 09:00"),
    ("Tomorrow.", "11-25 09:00"),
    ("tmrw", "11-25 09:00"),
    ("day after tomorrow", "11-26 09:00"),
    ("tomorrow 9", "11-25 09:00"),
    ("tomorrow at 9", "11-25 09:00"),
    ("tomorrow 14:00", "11-25 14:00"),
    ("tomorrow 2pm", "11-25 14:00"),
    ("tomorrow noon", "11-25 12:00"),
    ("2pm tomorrow", "11-25 14:00"),
    ("tomorrow 14h", "11-25 14:00"),
    ("tomorrow 14.30", "11-25 14:30"),
    ("15:30", "11-24 15:30"),
    ("at 15:30", "11-24 15:30"),
    ("until 15:30", "11-24 15:30"),
    ("3pm", "11-24 15:00"),
    ("3 pm", "11-24 15:00"),
    ("3:15pm", "11-24 15:15"),
    ("11am", "11-24 11:00"),
    ("noon", "11-24 12:00"),
    ("12pm", "11-24 12:00"),
    ("today 17:00", "11-24 17:00"),
    ("today at 5pm", "11-24 17:00"),
    ("wednesday", "11-25 09:00"),
    ("wed", "11-25 09:00"),
    ("thursday", "11-26 09:00"),
    ("thurs", "11-26 09:00"),
    ("friday", "11-27 09:00"),
    ("until friday", "11-27 09:00"),
    ("this friday", "11-27 09:00"),
    ("on friday", "11-27 09:00"),
    ("until fri 14:00", "11-27 14:00"),
    ("friday 2pm", "11-27 14:00"),
    ("2pm friday", "11-27 14:00"),
    ("friday noon", "11-27 12:00"),
    ("saturday", "11-28 09:00"),
    ("sunday", "11-29 09:00"),
    ("monday", "11-30 09:00"),
    ("until monday", "11-30 09:00"),
    ("monday 8:15", "11-30 08:15"),
    ("next tuesday", "12-01 09:00"),
    ("next week", "11-30 09:00"),
    ("until next week", "11-30 09:00"),
    ("eod", "11-24 17:00"),
    ("end of day", "11-24 17:00"),
    ("until eod", "11-24 17:00"),
    ("eow", "11-27 17:00"),
    ("end of the week", "11-27 17:00"),
    ("26 nov", "11-26 09:00"),
    ("26 november", "11-26 09:00"),
    ("26th of november", "11-26 09:00"),
    ("nov 26", "11-26 09:00"),
    ("november 26th", "11-26 09:00"),
    ("26.11.", "11-26 09:00"),
    ("26.11", "11-26 09:00"),
    ("26.11.2026", "11-26 09:00"),
    ("2026-11-26", "11-26 09:00"),
    ("2026-11-26 14:00", "11-26 14:00"),
    ("26 nov 14:00", "11-26 14:00"),
    ("until dec 24", "12-24 09:00"),
    ("24 dec 2026", "12-24 09:00"),
    ("1 jan", "2027-01-01 09:00"),
    ("2 feb", "2027-02-02 09:00"),
    ("2027-03-01", "2027-03-01 09:00"),
    ("2027-03-28 02:30", "2027-03-28 03:00"),  # clocks jump from 2:00 to 3:00 that night
    ("two hours", "11-24 12:30"),
    ("two and a half hours", "11-24 13:00"),
    ("an hour and a half", "11-24 12:00"),
    ("quarter of an hour", "11-24 10:45"),
    ("\N{VULGAR FRACTION ONE HALF} hour", "11-24 11:00"),
    ("1\N{VULGAR FRACTION ONE HALF}h", "11-24 12:00"),
    ("90'", "11-24 12:00"),
    ("1h 30'", "11-24 12:00"),
    ("for two weeks", "12-08 10:30"),
    ("30 minutes from now", "11-24 11:00"),
    ("2h please", "11-24 12:30"),
    ("2h, thanks", "11-24 12:30"),
    ("please until friday, thank you!", "11-27 09:00"),
    ("2h :)", "11-24 12:30"),
    ("2h 😀", "11-24 12:30"),
    ("⏰ 2h", "11-24 12:30"),
    ("2h :+1::skin-tone-2: :smile:", "11-24 12:30"),
    ("2h (lunch)", "11-24 12:30"),
    ("2 p.m.", "11-24 14:00"),
    ("friday at 2 p.m., please!", "11-27 14:00"),
    ("until tomorrow 9 a.m. thanks", "11-25 09:00"),
    ("14 Uhr", "11-24 14:00"),
    ("bis 14 Uhr", ASK),
    ("until 14 uhr 30", "11-24 14:30"),
    ("until midnight", "11-25 00:00"),
    ("tomorrow morning", "11-25 09:00"),
    ("tomorrow afternoon", "11-25 12:00"),
    ("til mon morning", "11-30 09:00"),
    ("until this afternoon", "11-24 12:00"),
    ("until tonight", "11-24 18:00"),
    ("26.11.26", "11-26 09:00"),
    ("the 26th", "11-26 09:00"),
    ("until the 5th", "12-05 09:00"),
    ("until the 31st", "12-31 09:00"),
    ("12/24", "12-24 09:00"),
    ("1 month", "12-24 09:00"),
    ("a month", "12-24 09:00"),
    ("13 months", ASK),
    ("1,000h", ASK),
    ("1.000 h", ASK),
    ("2h ok", "11-24 12:30"),
    ("until 17", ASK),
    ("until 9", ASK),
    ("until 26", ASK),
    ("24", ASK),
    ("this afternoon", ASK),
    ("this morning", ASK),
    ("tonight", ASK),
    ("until the 24th", ASK),
    ("the 32nd", ASK),
    ("0 minutes", ASK),
    ("2h (or 3h)", ASK),
    ("2h (est)", ASK),
    ("friday (not monday)", ASK),
    ("one or two hours", ASK),
    ("twenty five minutes", ASK),
    ("two", ASK),
    ("please", ASK),
    ("2", ASK),
    ("7", ASK),
    ("today", ASK),
    ("tuesday", ASK),
    ("tue 15:00", ASK),
    ("next monday", ASK),
    ("next friday", ASK),
    ("tomorrow 3", ASK),
    ("friday 5", ASK),
    ("9:00", ASK),
    ("8am", ASK),
    ("03/04", ASK),
    ("14 aug", ASK),
    ("14.8.", ASK),
    ("2026-11-01", ASK),
    ("2020-01-01", ASK),
    ("30 feb", ASK),
    ("2026-02-30", ASK),
    ("25:00", ASK),
    ("13pm", ASK),
    ("0h", ASK),
    ("400 days", ASK),
    ("2029-01-01", ASK),
    ("soon", ASK),
    ("later", ASK),
    ("until", ASK),
    ("until the release", ASK),
    ("2h or so", ASK),
    ("friday or monday", ASK),
    ("2x", ASK),
    ("a fortnight", ASK),
    ("-2h", ASK),
    ("tomorrow tomorrow", ASK),
    ("🙈", ASK),
]

AWAY: list[tuple[str, tuple[str, str] | None]] = [
    ("until friday", ("11-24 10:30", "11-28 00:00")),
    ("till friday", ("11-24 10:30", "11-28 00:00")),
    ("through friday", ("11-24 10:30", "11-28 00:00")),
    ("until fri 14:00", ("11-24 10:30", "11-27 14:00")),
    ("until monday", ("11-24 10:30", "12-01 00:00")),
    ("until tomorrow", ("11-24 10:30", "11-26 00:00")),
    ("until today", ("11-24 10:30", "11-25 00:00")),
    ("until 15:00", ("11-24 10:30", "11-24 15:00")),
    ("until 24 dec", ("11-24 10:30", "12-25 00:00")),
    ("until 2026-12-24", ("11-24 10:30", "12-25 00:00")),
    ("until jan 2", ("11-24 10:30", "2027-01-03 00:00")),
    ("until eow", ("11-24 10:30", "11-30 00:00")),
    ("today", ("11-24 10:30", "11-25 00:00")),
    ("rest of the day", ("11-24 10:30", "11-25 00:00")),
    ("tomorrow", ("11-25 00:00", "11-26 00:00")),
    ("tomorrow all day", ("11-25 00:00", "11-26 00:00")),
    ("friday", ("11-27 00:00", "11-28 00:00")),
    ("on friday", ("11-27 00:00", "11-28 00:00")),
    ("3 dec", ("12-03 00:00", "12-04 00:00")),
    ("3.12.", ("12-03 00:00", "12-04 00:00")),
    ("this week", ("11-24 10:30", "11-30 00:00")),
    ("rest of the week", ("11-24 10:30", "11-30 00:00")),
    ("next week", ("11-30 00:00", "12-07 00:00")),
    ("2h", ("11-24 10:30", "11-24 12:30")),
    ("for 90 minutes", ("11-24 10:30", "11-24 12:00")),
    ("3-14 dec", ("12-03 00:00", "12-15 00:00")),
    ("3 - 14 dec", ("12-03 00:00", "12-15 00:00")),
    ("3\N{EN DASH}14 dec", ("12-03 00:00", "12-15 00:00")),
    ("24-28 dec", ("12-24 00:00", "12-29 00:00")),
    ("dec 24-28", ("12-24 00:00", "12-29 00:00")),
    ("24 dec - 2 jan", ("12-24 00:00", "2027-01-03 00:00")),
    ("dec 24 - jan 2", ("12-24 00:00", "2027-01-03 00:00")),
    ("24 dec to 2 jan", ("12-24 00:00", "2027-01-03 00:00")),
    ("from 24 dec until 2 jan", ("12-24 00:00", "2027-01-03 00:00")),
    ("3.-14.12.", ("12-03 00:00", "12-15 00:00")),
    ("3.12. - 14.12.", ("12-03 00:00", "12-15 00:00")),
    ("2026-12-03 - 2026-12-14", ("12-03 00:00", "12-15 00:00")),
    ("2026-12-03 to 2026-12-14", ("12-03 00:00", "12-15 00:00")),
    ("3-14 december 2026", ("12-03 00:00", "12-15 00:00")),
    ("from wednesday to friday", ("11-25 00:00", "11-28 00:00")),
    ("wed - fri", ("11-25 00:00", "11-28 00:00")),
    ("wed-fri", ("11-25 00:00", "11-28 00:00")),
    ("fri-mon", ("11-27 00:00", "12-01 00:00")),
    ("tomorrow until friday", ("11-25 00:00", "11-28 00:00")),
    ("today 14:00-17:00", ("11-24 14:00", "11-24 17:00")),
    ("14:00-17:00", ("11-24 14:00", "11-24 17:00")),
    ("tomorrow 14:00 - 17:00", ("11-25 14:00", "11-25 17:00")),
    ("friday 2pm to 5pm", ("11-27 14:00", "11-27 17:00")),
    ("friday 14:00 until monday", ("11-27 14:00", "12-01 00:00")),
    ("until 12/31", ("11-24 10:30", "2027-01-01 00:00")),
    ("until friday, please", ("11-24 10:30", "11-28 00:00")),
    ("until midnight", ("11-24 10:30", "11-25 00:00")),
    ("until the 26th", ("11-24 10:30", "11-27 00:00")),
    ("sick today", ("11-24 10:30", "11-25 00:00")),
    ("vacation until friday", ("11-24 10:30", "11-28 00:00")),
    ("on holiday 3-14 dec", ("12-03 00:00", "12-15 00:00")),
    ("out of office until friday", ("11-24 10:30", "11-28 00:00")),
    ("away until friday 2 p.m.", ("11-24 10:30", "11-27 14:00")),
    ("back monday", ("11-24 10:30", "11-30 00:00")),
    ("back on monday", ("11-24 10:30", "11-30 00:00")),
    ("back at 15:00", ("11-24 10:30", "11-24 15:00")),
    ("back tomorrow", ("11-24 10:30", "11-25 00:00")),
    ("14-17:00", ("11-24 14:00", "11-24 17:00")),
    ("9-5pm", ("11-24 10:30", "11-24 17:00")),
    ("back in 2h", ("11-24 10:30", "11-24 12:30")),
    ("24.12.26-2.1.27", ("12-24 00:00", "2027-01-03 00:00")),
    ("12/24-12/31", ("12-24 00:00", "2027-01-01 00:00")),
    ("back today", ASK),
    ("back in 2 days", ASK),
    ("off until friday", ASK),
    ("from 2pm", ASK),
    ("3 dec - 14", ASK),
    ("until 17", ASK),
    ("24/12-6/1", ASK),
    ("jan 4 - jan 2", ASK),
    ("1 month", ASK),
    ("0h", ASK),
    ("sick", ASK),
    ("2", ASK),
    ("2 days", ASK),
    ("a week", ASK),
    ("tuesday", ASK),
    ("until tuesday", ASK),
    ("next friday", ASK),
    ("until next friday", ASK),
    ("3-14 aug", ASK),
    ("until 14 aug", ASK),
    ("14-3 dec", ASK),
    ("until 9:00", ASK),
    ("17:00-14:00", ASK),
    ("03/04 - 05/04", ASK),
    ("until 2020-01-01", ASK),
    ("30-31 feb", ASK),
    ("soon", ASK),
    ("until further notice", ASK),
    ("from friday", ASK),
    ("vacation", ASK),
    ("5", ASK),
    ("until friday or so", ASK),
    ("friday, monday and wednesday", ASK),
]


def wall(instant: datetime) -> str:
    local = instant.astimezone(ZONE)
    return f"{local:%m-%d %H:%M}" if local.year == 2026 else f"{local:%Y-%m-%d %H:%M}"


def test_there_are_two_hundred_phrases_and_none_twice() -> None:
    assert len(SNOOZE) + len(AWAY) >= 200
    assert len({phrase for phrase, _ in SNOOZE}) == len(SNOOZE)
    assert len({phrase for phrase, _ in AWAY}) == len(AWAY)


@pytest.mark.parametrize(("phrase", "expected"), SNOOZE, ids=[phrase for phrase, _ in SNOOZE])
def test_a_snooze(phrase: str, expected: str | None) -> None:
    understood = parse_snooze_time(phrase, NOW, BERLIN)
    assert (None if isinstance(understood, Unclear) else wall(understood.instant)) == expected


@pytest.mark.parametrize(("phrase", "expected"), AWAY, ids=[phrase for phrase, _ in AWAY])
def test_an_absence(phrase: str, expected: tuple[str, str] | None) -> None:
    understood = parse_absence(phrase, NOW, BERLIN)
    if isinstance(understood, Unclear):
        assert expected is ASK, understood
    else:
        assert (wall(understood.starts_at), wall(understood.ends_at)) == expected


@pytest.mark.parametrize(
    ("phrase", "choices"),
    [
        ("2", {"2h", "2d"}),
        ("next monday", {"2026-11-30", "2026-12-07"}),
        ("tomorrow 3", {"2026-11-25 3am", "2026-11-25 3pm"}),
        ("tue 15:00", {"2026-11-24 15:00", "2026-12-01 15:00"}),
        ("03/04", {"2027-03-04", "2027-04-03"}),
        ("24", {"24m", "24h", "24d"}),
        ("until 17", {"2026-11-24 17:00", "2026-12-17"}),
        ("until 9", {"2026-11-25 09:00", "2026-12-09"}),
        ("until 5", {"2026-11-24 17:00", "2026-11-25 05:00", "2026-12-05"}),
        ("this afternoon", {"12:00", "until midnight"}),
    ],
)
def test_every_offered_choice_is_clear_and_means_one_reading(phrase: str, choices: set[str]) -> None:
    question = parse_snooze_time(phrase, NOW, BERLIN)
    assert isinstance(question, Unclear)
    assert set(question.choices) == choices
    readings = [parse_snooze_time(choice, NOW, BERLIN) for choice in question.choices]
    assert not [reading for reading in readings if isinstance(reading, Unclear)]
    assert len(set(map(str, readings))) == len(readings)


@pytest.mark.parametrize("phrase", [phrase for phrase, expected in AWAY if expected is ASK])
def test_choices_for_an_absence_are_clear_too(phrase: str) -> None:
    question = parse_absence(phrase, NOW, BERLIN)
    assert isinstance(question, Unclear)
    for choice in question.choices:
        assert not isinstance(parse_absence(choice, NOW, BERLIN), Unclear), choice


def test_a_day_begins_when_that_person_begins() -> None:
    early = WorkingHours(zone="Europe/Berlin", spans={2: (time(7), time(13)), 4: (time(12), time(18))})
    tomorrow = parse_snooze_time("tomorrow", NOW, early)
    next_week = parse_snooze_time("next week", NOW, early)
    assert not isinstance(tomorrow, Unclear)
    assert not isinstance(next_week, Unclear)
    assert (wall(tomorrow.instant), wall(next_week.instant)) == ("11-25 07:00", "12-02 07:00")


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (datetime(2026, 11, 27, 8, 0, tzinfo=UTC), "Fri 27 Nov, 09:00 (Europe/Berlin)"),
        (datetime(2027, 1, 4, 8, 0, tzinfo=UTC), "Mon 4 Jan 2027, 09:00 (Europe/Berlin)"),
    ],
)
def test_times_are_echoed_as_absolute_times_in_the_persons_zone(instant: datetime, text: str) -> None:
    assert describe_instant(instant, "Europe/Berlin", NOW) == text
