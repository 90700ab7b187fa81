"""Typed, dictated and pasted text is understood as it looks, or becomes a question; nothing raises."""

import time
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.actions.absence import describe_absence
from bot.people.model import Absence
from bot.slack.absences import Interval, parse_absence
from bot.slack.commands import (
    Command,
    Help,
    OutOfOffice,
    ShowReviews,
    SnoozeOff,
    SnoozeUntil,
    SnoozeUntilChange,
    Target,
    Why,
    parse_command,
    parse_target,
    resolve_absence,
    resolve_snooze,
)
from bot.slack.days import Unclear
from bot.slack.escape import disarm
from bot.slack.times import Until, describe_instant, parse_snooze_time
from bot.slack.typed_text import MOST_TYPED, clean_typed
from bot.working_time import WorkingHours, local_instant
from tests.factories import person
from tests.slack.test_times import BERLIN, NOW, wall

ANA = person()


def understood(text: str) -> object:
    """The command, with its times in Berlin."""
    match parse_command(text):
        case SnoozeUntil() as snooze:
            until = resolve_snooze(snooze, NOW, BERLIN)
            return until if isinstance(until, Unclear) else (snooze.target, wall(until))
        case OutOfOffice() as away:
            days = resolve_absence(away, NOW, BERLIN)
            return days if isinstance(days, Unclear) else (wall(days.starts_at), wall(days.ends_at))
        case command:
            return command


@pytest.mark.parametrize(
    "text",
    [
        "snooze\N{NO-BREAK SPACE}2h",
        "snooze\N{NARROW NO-BREAK SPACE}2\N{FIGURE SPACE}h",
        "snooze\n2h",
        "snooze\t2h\r\n",
        "snooze\N{LINE SEPARATOR}2h",
        "\N{ZERO WIDTH NO-BREAK SPACE}snooze \N{ZERO WIDTH SPACE}2h",
        "sno\N{SOFT HYPHEN}oze 2\N{WORD JOINER}h",
        "\N{RIGHT-TO-LEFT MARK}snooze 2h\N{VARIATION SELECTOR-16}",
        "snooze\x00 2h",
        "snooze \ud800 2h",
        "/snooze 2h",
        "/ripe snooze 2h",
        "/ripe /snooze 2h",
        "/RIPE-staging snooze 2h",
        "ripe snooze 2h",
        "<@U0RIPE> snooze 2h",
        "<@U0RIPE|ripe>: snooze 2h",
        "snooze /snooze 2h",
        "snooze /ripe snooze 2h",
        "snooze snooze 2h",
        "*snooze 2h*",
        "*snooze* _2h_",
        "_snooze 2h_",
        "~snooze 2h~",
        "`snooze 2h`",
        "`/snooze 2h`",
        "```\n/snooze 2h\n```",
        "&gt; snooze 2h",
        "\N{BULLET} snooze 2h",
        "“snooze 2h”",
        "«snooze» \N{LEFT SINGLE QUOTATION MARK}2h\N{RIGHT SINGLE QUOTATION MARK}",
        "Snooze: 2h.",
        "snooze \N{FULLWIDTH DIGIT TWO}h",
        "snooze \N{ARABIC-INDIC DIGIT TWO}h",
        "\N{FULLWIDTH LATIN SMALL LETTER S}nooze\N{IDEOGRAPHIC SPACE}2h",
    ],
)
def test_a_line_is_understood_as_it_looks(text: str) -> None:
    assert understood(text) == (None, "11-24 12:30")


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("/ripe", ShowReviews()),
        ("/ripe\N{NO-BREAK SPACE}help", Help()),
        ("*reviews*", ShowReviews()),
        ("—help", Help()),
        ("/reviews why acme/api#12", Why(target=Target(repository="acme/api", number=12))),
        ("snooze off!", SnoozeOff()),
    ],
)
def test_other_commands_too(text: str, command: Command) -> None:
    assert parse_command(text) == command


NAMES = [
    "acme/acme.github.io",
    "acme/_infra",
    "acme/infra_",
    "acme/.github",
    "a-b/c-d",
    "acme/next.js",
    "x/__a__",
]


@pytest.mark.parametrize("name", [*NAMES, f"{'o' * 39}/{'r' * 100}"])
def test_a_name_that_ripe_shows_can_be_pasted(name: str) -> None:
    label = f"{disarm(name, 140)}#12"
    target = Target(repository=name, number=12)
    assert parse_target(label) == target
    assert parse_command(f"reviews why {label}") == Why(target=target)
    assert parse_command(f"snooze *{label}* until something changes") == SnoozeUntilChange(target=target)


@pytest.mark.parametrize(
    "text",
    [
        "<https://github.com/acme/api/pull/12|Fix &lt;b&gt; it>",
        "<https://github.com/acme/api/pull/12/files?w=1&amp;a=2>",
        "https://github.example.com:8443/acme/api/pull/12#issuecomment-1",
        "<https://github.com/acme/api/issues/12|acme/api#12>",
        "acme/api#12 · +40 \N{MINUS SIGN}2 · by ben-gh",
        "*<https://github.com/acme/api/pull/12|Fix it>*\nacme/api#12 · by ben-gh · waiting 3 working hours",
        "• <https://github.com/acme/api/pull/12|Fix it> · acme/api#12 · by ben · opened 3 days ago",
        "acme/<http://api|api>#12",
        "acme/api #12",
    ],
)
def test_a_line_of_a_dm_names_its_pull_request(text: str) -> None:
    assert parse_command(f"reviews why {text}") == Why(target=Target(repository="acme/api", number=12))


def test_a_domain_that_slack_made_a_link() -> None:
    target = Target(repository="acme/acme.github.io", number=7)
    assert parse_command("reviews why acme/<http://acme.github.io|acme.github.io>#7") == Why(target=target)


def test_two_pull_requests_are_not_taken_for_one() -> None:
    assert isinstance(parse_command("reviews why acme/api#12 acme/api#13"), Unclear)
    assert isinstance(parse_command("reviews why acme/api#1234567890"), Unclear)


def test_a_name_alone_becomes_a_question_with_commands() -> None:
    question = parse_command("acme/api#12 · by ben-gh")
    assert isinstance(question, Unclear)
    assert not [choice for choice in question.choices if isinstance(parse_command(choice), Unclear)]


@pytest.mark.parametrize(
    "text",
    [
        "All reminders: Snoozed until Fri 27 Nov, 09:00 (Europe/Berlin).",
        "All reminders: Snoozed until Fri 27 Nov, 09:00 (Europe/Berlin); you are at work"
        " again Mon 30 Nov, 09:00 (Europe/Berlin).",
        "snooze until 2026-11-27 08:00Z",
        "snooze 2026-11-27T08:00:00Z",
    ],
)
def test_an_answer_about_a_snooze_can_be_pasted(text: str) -> None:
    assert understood(text) == (None, "11-27 09:00")


def test_an_answer_about_one_pull_request_can_be_pasted() -> None:
    target = Target(repository="acme/api", number=12)
    assert understood("acme/api#12: Snoozed until Fri 27 Nov, 09:00 (Europe/Berlin).") == (
        target,
        "11-27 09:00",
    )
    assert understood("acme/api#12: Snoozed until something changes") == SnoozeUntilChange(target=target)


@given(
    hours=st.integers(1, 360 * 24),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata"]),
)
def test_every_instant_that_ripe_shows_is_read_as_the_same(hours: int, zone: str) -> None:
    instant = NOW + timedelta(hours=hours)
    shown = describe_instant(instant, zone, NOW)
    assert parse_snooze_time(f"until {shown}", NOW, WorkingHours(zone=zone)) == Until(instant=instant)


@given(begins=st.integers(1, 180), days=st.integers(1, 150))
@example(begins=38, days=5)
def test_every_absence_that_ripe_shows_is_read_as_the_same(begins: int, days: int) -> None:
    first = date(2026, 11, 24) + timedelta(days=begins)
    at = [local_instant(BERLIN, day, datetime.min.time()) for day in (first, first + timedelta(days=days))]
    shown = describe_absence(ANA, Absence(starts_at=at[0], ends_at=at[1]), NOW)
    command = parse_command(f"{shown} Cover: <@U2>.")
    assert isinstance(command, OutOfOffice)
    assert resolve_absence(command, NOW, BERLIN) == Interval(starts_at=at[0], ends_at=at[1]), shown
    assert command.cover == "U2"


def test_hours_of_an_absence_can_be_pasted() -> None:
    away = Absence(starts_at=NOW + timedelta(hours=3), ends_at=NOW + timedelta(hours=5))
    assert understood(describe_absence(ANA, away, NOW)) == ("11-24 13:30", "11-24 15:30")


@pytest.mark.parametrize("text", ["until Fri 27 Nov, 09:00 (Asia/Tokyo)", "Thu 27 Nov", "Mon 24 Dec"])
def test_another_zone_or_weekday_is_asked_about(text: str) -> None:
    assert isinstance(parse_snooze_time(text, NOW, BERLIN), Unclear)


@pytest.mark.parametrize(
    ("phrase", "choices"),
    [
        ("tomorrow 3:15", ("2026-11-25 03:15", "2026-11-25 15:15")),
        ("friday 5.30", ("2026-11-27 05:30", "2026-11-27 17:30")),
        ("tomorrow 3 o'clock", ("2026-11-25 3am", "2026-11-25 3pm")),
        ("2.5", ("2.5h", "2027-05-02")),
        ("1,5", ("2h", "tomorrow", "next week")),
        ("until 10.12", ("tomorrow 10:12", "2026-12-10")),
        ("12/01/2027", ("2027-01-12",)),
        ("5/12/26", ("2026-12-05",)),
    ],
)
def test_an_ambiguous_snooze_is_asked_about(phrase: str, choices: tuple[str, ...]) -> None:
    question = parse_snooze_time(phrase, NOW, BERLIN)
    assert isinstance(question, Unclear)
    assert question.choices == choices
    assert not [choice for choice in choices if isinstance(parse_snooze_time(choice, NOW, BERLIN), Unclear)]


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("tomorrow 03:15", "11-25 03:15"),
        ("tomorrow 3:15pm", "11-25 15:15"),
        ("tomorrow 3h15", "11-25 03:15"),
        ("14.30", "11-24 14:30"),
        ("fri 14.30", "11-27 14:30"),
        ("thu 3.12", "12-03 09:00"),
        ("25/12/2026", "12-25 09:00"),
        ("12/25/26", "12-25 09:00"),
        ("2.12.", "12-02 09:00"),
        ("tonight 11", "11-24 23:00"),
        ("1.5h", "11-24 12:00"),
    ],
)
def test_a_clear_snooze_is_not_asked_about(phrase: str, expected: str) -> None:
    until = parse_snooze_time(phrase, NOW, BERLIN)
    assert isinstance(until, Until), until
    assert wall(until.instant) == expected


def test_a_stated_year_is_never_another_year() -> None:
    later = parse_snooze_time("25/12/2027", NOW, BERLIN)
    assert isinstance(later, Unclear)
    assert "2027-12-25 is more than a year ahead" in later.question
    until = parse_snooze_time("25/12/2027", datetime(2027, 11, 1, tzinfo=UTC), BERLIN)
    assert isinstance(until, Until)
    assert wall(until.instant) == "2027-12-25 09:00"


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("this afternoon", ("11-24 12:00", "11-25 00:00")),
        ("tonight", ("11-24 18:00", "11-25 00:00")),
        ("this evening", ("11-24 18:00", "11-25 00:00")),
        ("this morning", ("11-24 10:30", "11-24 12:00")),
        ("tomorrow morning", ("11-25 00:00", "11-25 12:00")),
        ("friday afternoon", ("11-27 12:00", "11-28 00:00")),
        ("3.12 - 14.12", ("12-03 00:00", "12-15 00:00")),
        ("Thu 24 Dec - Sat 2 Jan 2027", ("12-24 00:00", "2027-01-03 00:00")),
    ],
)
def test_a_part_of_a_day_is_not_the_whole_day(phrase: str, expected: tuple[str, str]) -> None:
    away = parse_absence(phrase, NOW, BERLIN)
    assert isinstance(away, Interval), away
    assert (wall(away.starts_at), wall(away.ends_at)) == expected


@pytest.mark.parametrize(
    "phrase",
    ["10 dec - 3 dec", "10.12. - 3.12.", "dec 10 to dec 3", "2026-12-10 - 2026-12-03", "10-12", "2.5"],
)
def test_an_absence_that_may_be_a_mistake_is_asked_about(phrase: str) -> None:
    now = datetime(2026, 11, 30, 9, tzinfo=UTC)
    question = parse_absence(phrase, now, BERLIN)
    assert isinstance(question, Unclear)
    for choice in question.choices:
        away = parse_absence(choice, now, BERLIN)
        assert isinstance(away, Interval), choice
        assert away.ends_at - away.starts_at < timedelta(days=30), choice


def test_an_absence_that_has_begun_goes_on_from_now() -> None:
    question = parse_absence("23-27 nov", NOW, BERLIN)
    assert isinstance(question, Unclear)
    assert question.choices[0] == "until 2026-11-27"


@pytest.mark.parametrize(
    "text",
    [
        "100000w",
        "100000000000h30",
        "9" * 400,
        "9" * 5000,
        f"{'9' * 400}h",
        "100000w " * 50,
        "until 9999-12-31",
        "0000-00-00",
        "0001-01-01 00:00z",
        "9999-12-31 23:59z",
        "{} - {0}",
        "99999999 days",
        "a" * 100_000,
    ],
)
def test_what_is_too_much_is_answered_in_words(text: str) -> None:
    for question in (parse_snooze_time(text, NOW, BERLIN), parse_absence(text, NOW, BERLIN)):
        assert isinstance(question, Unclear)
        assert len(question.question) < 200
        assert all(len(choice) < 50 for choice in question.choices)
    assert isinstance(understood(f"snooze {text}"), Unclear)
    assert isinstance(understood(f"ooo {text}"), Unclear)


def test_a_text_that_is_too_long_is_refused_in_words() -> None:
    assert "500 characters" in str(parse_command("snooze " + " " * MOST_TYPED + "2h"))


WORDS = """please thanks all me 90' 2p.m. uhr midnight two and half :a: (a) back sick the 5th month mute
snooze ooo reviews why /ripe until - to , . : / # ( ) < > | & * _ 2 2h 3:15 2.5 10 dec monday next
week 99999 acme/api#12 <@U1> cover tomorrow this afternoon 31 2027 0 am h w Z {} for and — ;"""
PIECES = st.sampled_from([*WORDS.split(), "", "\N{NO-BREAK SPACE}", "\ud800"])
ANY_TEXT = st.one_of(
    st.text(st.characters(), max_size=600),
    st.lists(PIECES, max_size=60).map(" ".join),
    st.lists(PIECES, max_size=60).map("".join),
)


@settings(max_examples=400, deadline=None)
@given(text=ANY_TEXT)
def test_no_text_raises_or_takes_long(text: str) -> None:
    began = time.perf_counter()
    for line in (text, f"snooze {text}", f"ooo {text}"):
        understood(line)
    for question in (parse_snooze_time(text, NOW, BERLIN), parse_absence(text, NOW, BERLIN)):
        if isinstance(question, Unclear):
            question.question.encode()
    assert time.perf_counter() - began < 1


@settings(max_examples=200)
@given(text=ANY_TEXT)
def test_a_clean_text_stays_as_it_is(text: str) -> None:
    clean = clean_typed(text)
    assert clean == " ".join(clean.split())
    clean.encode()


def test_underscores_around_a_word_are_left_out_and_those_inside_stay() -> None:
    assert clean_typed("_snooze_ __my_repo__ a_ _b _ __") == "snooze my_repo a b _ __"
