"""Commands as people type them. The times in commands are tested in test_times.py."""

import pytest

from bot.slack.commands import (
    BackInOffice,
    Help,
    IdentityCommand,
    JoinInstallation,
    LinkAccount,
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
        ("2h", None),
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


def test_a_question_offers_whole_commands() -> None:
    command = parse_command("snooze acme/api#12 2")
    assert isinstance(command, SnoozeUntil)
    question = resolve_snooze(command, NOW, BERLIN)
    assert isinstance(question, Unclear)
    assert question.choices == ("snooze acme/api#12 2h", "snooze acme/api#12 2d")


@pytest.mark.parametrize(
    "cover", ["cover <@U123|ana>", "cover <@U123>", "covered by <@U123|ana>", "Cover: <@U123|ana>"]
)
def test_somebody_picked_from_slacks_list_can_cover(cover: str) -> None:
    command = parse_command(f"ooo until friday {cover}")
    assert isinstance(command, OutOfOffice)
    interval = resolve_absence(command, NOW, BERLIN)
    assert not isinstance(interval, Unclear)
    assert (command.cover, wall(interval.ends_at)) == ("U123", "11-28 00:00")


def test_a_cover_must_be_picked_from_slacks_list() -> None:
    assert isinstance(parse_command("ooo until friday cover @ana"), Unclear)


def test_reviews_in_any_case() -> None:
    assert parse_command("reviews TEAM") == ShowReviews(page="team")
