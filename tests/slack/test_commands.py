"""Commands as people type them. The times in commands are tested in test_times.py."""

import pytest

from bot.slack.absences import Interval
from bot.slack.commands import (
    BackInOffice,
    Help,
    IdentityCommand,
    JoinInstallation,
    LinkAccount,
    Mute,
    OpenForm,
    OutOfOffice,
    ShowReviews,
    SnoozeOff,
    SnoozeUntil,
    SnoozeUntilChange,
    Target,
    UnlinkAccount,
    Why,
    parse_command,
    resolve_absence,
    resolve_snooze,
)
from bot.slack.days import Unclear
from tests.slack.test_times import BERLIN, NOW, wall

API_12 = Target(repository="acme/api", number=12)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("acme/api#12 2h", API_12),
        ("2h acme/api#12", API_12),
        ("<https://github.com/acme/api/pull/12> 2h", API_12),
        ("<https://github.com/acme/api/pull/12/files|acme/api#12> 2h", API_12),
        ("https://github.example.com/acme/api/pull/12 2h", API_12),
        ("github.com/acme/api/pull/12 2h", API_12),
        ("acme/api/pull/12 2h", API_12),
        ("<http://github.com/acme/api/pull/12|github.com/acme/api/pull/12> 2h", API_12),
        ("2h", None),
        ("all 2h", None),
        ("me 2h", None),
        ("everything 2h please", None),
        ("all my reminders for two hours", None),
    ],
)
def test_one_pull_request_can_be_named(text: str, target: Target | None) -> None:
    command = parse_command(f"snooze {text}")
    assert isinstance(command, SnoozeUntil)
    until = resolve_snooze(command, NOW, BERLIN)
    assert not isinstance(until, Unclear)
    assert (command.target, wall(until)) == (target, "11-24 12:30")


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("snooze acme/api#12 until change", SnoozeUntilChange(target=API_12)),
        ("snooze off", SnoozeOff()),
        ("Snooze OFF", SnoozeOff()),
        ("snooze acme/api#12 off", SnoozeOff(target=API_12)),
        ("snooze", OpenForm(name="snooze")),
        ("snooze help", Help()),
        ("ooo", OpenForm(name="ooo")),
        ("ooo off", BackInOffice()),
        ("ooo back", BackInOffice()),
        ("ooo help", Help()),
        ("reviews", ShowReviews()),
        ("", ShowReviews()),
        ("reviews team", ShowReviews(page="team")),
        ("reviews settings", ShowReviews(page="settings")),
        ("reviews why acme/api#12", Why(target=API_12)),
        ("help", Help()),
        ("?", Help()),
        ("help please", Help()),
        ("/ reviews", ShowReviews()),
        ("my reviews", ShowReviews()),
        ("reviews, please", ShowReviews()),
        ("why acme/api#12", Why(target=API_12)),
        ("acme/api#12 why?", Why(target=API_12)),
        ("mute acme/api#12", Mute(target=API_12)),
        ("acme/api#12 mute", Mute(target=API_12)),
        ("unmute acme/api#12", Mute(target=API_12, is_muted=False)),
        ("unsnooze", SnoozeOff()),
        ("unsnooze acme/api#12", SnoozeOff(target=API_12)),
        ("snooze all off", SnoozeOff()),
        ("snooze off please", SnoozeOff()),
        ("out of office", OpenForm(name="ooo")),
        ("vacation", OpenForm(name="ooo")),
    ],
)
def test_each_line_is_parsed_into_its_command(text: str, command: object) -> None:
    assert parse_command(text) == command


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("reviews link", LinkAccount()),
        ("Reviews  LINK", LinkAccount()),
        ("reviews link off", UnlinkAccount()),
        ("reviews admin join", JoinInstallation()),
        ("reviews link ana", None),
        ("reviews", None),
        ("link", None),
        ("", None),
    ],
)
def test_commands_about_github_accounts(text: str, command: object) -> None:
    parsed = parse_command(text)
    assert (parsed if isinstance(parsed, IdentityCommand) else None) == command


@pytest.mark.parametrize(
    "text",
    ["snooze until change", "snooze acme/api#12", "reviews why", "reviews why not", "reviews all", "dance"],
)
def test_an_incomplete_command_becomes_a_question(text: str) -> None:
    assert isinstance(parse_command(text), Unclear)


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("acme/api#12", "snooze acme/api#12 1h"),
        ("acme/api#12 2h", "snooze acme/api#12 2h"),
        ("why me?", "reviews"),
        ("undo", "snooze off"),
        ("resume", "snooze off"),
        ("unmute", "reviews"),
        ("stop", "snooze tomorrow"),
        ("pause until monday", "snooze until monday"),
        ("mute", "snooze 1h"),
        ("remind me tomorrow", "snooze me tomorrow"),
        ("snooze acme/api#12, acme/api#13 2h", "snooze acme/api#13 2h"),
        ("snooze until change", "reviews"),
        ("ooo cover @ana", "ooo today"),
        ("ooo until friday (cover: @ana)", "ooo until friday"),
    ],
)
def test_a_question_offers_the_nearest_command(text: str, choice: str) -> None:
    question = parse_command(text)
    assert isinstance(question, Unclear)
    assert choice in question.choices
    assert not [each for each in question.choices if isinstance(parse_command(each), Unclear)]


@pytest.mark.parametrize("text", ["snooze 2h (est)", "snooze 13 months", "snooze all next week"])
def test_every_question_about_a_snooze_has_buttons(text: str) -> None:
    command = parse_command(text)
    assert isinstance(command, SnoozeUntil)
    question = resolve_snooze(command, NOW, BERLIN)
    assert isinstance(question, Unclear)
    assert question.choices


@pytest.mark.parametrize(
    "text", ["ooo cover <@U1>", "ooo until 17 cover <@U1>", "ooo 2020-01-01, covered by <@U1>"]
)
def test_a_question_about_an_absence_has_buttons_that_keep_the_cover(text: str) -> None:
    command = parse_command(text)
    assert isinstance(command, OutOfOffice)
    question = resolve_absence(command, NOW, BERLIN)
    assert isinstance(question, Unclear)
    assert question.choices
    for choice in question.choices:
        again = parse_command(choice)
        assert isinstance(again, OutOfOffice)
        assert (again.cover, type(resolve_absence(again, NOW, BERLIN))) == ("U1", Interval)


@pytest.mark.parametrize(
    "text",
    [
        "away until friday",
        "out of office until friday",
        "vacation until friday",
        "ooo on vacation until friday",
        "please ooo until friday",
    ],
)
def test_an_absence_goes_by_many_names(text: str) -> None:
    command = parse_command(text)
    assert isinstance(command, OutOfOffice)
    interval = resolve_absence(command, NOW, BERLIN)
    assert not isinstance(interval, Unclear)
    assert wall(interval.ends_at) == "11-28 00:00"


def test_a_question_offers_whole_commands() -> None:
    command = parse_command("snooze acme/api#12 2")
    assert isinstance(command, SnoozeUntil)
    question = resolve_snooze(command, NOW, BERLIN)
    assert isinstance(question, Unclear)
    assert question.choices == ("snooze acme/api#12 2h", "snooze acme/api#12 2d")


@pytest.mark.parametrize(
    "cover",
    [
        "cover <@U123|ana>",
        "cover <@U123>",
        "covered by <@U123|ana>",
        "Cover: <@U123|ana>",
        "(cover: <@U123>)",
    ],
)
def test_somebody_picked_from_slacks_list_can_cover(cover: str) -> None:
    assert parse_command(f"ooo {cover} until friday") == OutOfOffice(days="until friday", cover="U123")
    command = parse_command(f"ooo until friday {cover}")
    assert isinstance(command, OutOfOffice)
    interval = resolve_absence(command, NOW, BERLIN)
    assert not isinstance(interval, Unclear)
    assert (command.cover, wall(interval.ends_at)) == ("U123", "11-28 00:00")


def test_a_cover_must_be_picked_from_slacks_list() -> None:
    assert isinstance(parse_command("ooo until friday cover @ana"), Unclear)


def test_reviews_in_any_case() -> None:
    assert parse_command("reviews TEAM") == ShowReviews(page="team")
