"""The people file: what it says, and where it is wrong."""

import pytest

from bot.people.people_file import Row, parse_people
from bot.working_time import is_zone

HEADER = "github_login,slack_id,email,name,team,country,zone\n"


def rows(text: str, name: str = "people.csv") -> tuple[Row, ...]:
    file = parse_people(text, name)
    assert file.problems == ()
    return file.rows


def problems(text: str, name: str = "people.csv") -> list[str]:
    return [str(problem) for problem in parse_people(text, name).problems]


def test_a_csv_file_is_read_by_its_header_in_any_order() -> None:
    parsed = rows("\ufeffemail, GitHub_Login ,zone\nAna@acme.example,@Ana,Asia/Tokyo\n\n ,, \nb@x.y,ben,\n")
    assert parsed == (
        Row(line=2, login="Ana", email="Ana@acme.example", zone="Asia/Tokyo"),
        Row(line=5, login="ben", email="b@x.y"),
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_separators_of_spreadsheets_are_understood(delimiter: str) -> None:
    text = "github_login,slack_id,name\nana,U012AB3CD,Ana\n".replace(",", delimiter)
    assert rows(text) == (Row(line=2, login="ana", slack_id="U012AB3CD", name="Ana"),)


def test_lines_are_counted_over_quoted_line_breaks() -> None:
    text = 'github_login,slack_id,name\nana,U012AB3CD,"Ana\nAlves"\nben,nobody,Ben\n'
    assert problems(text) == ["line 4: slack_id: 'nobody' is no member id: they look like U012AB3CD"]


@pytest.mark.parametrize("nested", [False, True])
def test_a_yaml_file_says_the_same(nested: bool) -> None:
    entries = "- {github_login: ana, slack_id: U012AB3CD}\n- github_login: ben\n  email: b@x.y\n"
    text = "people:\n" + entries if nested else entries
    first = 2 if nested else 1
    expected = (
        Row(line=first, login="ana", slack_id="U012AB3CD"),
        Row(line=first + 1, login="ben", email="b@x.y"),
    )
    assert rows(text, "People.YML") == expected


def test_the_slack_user_is_named_by_id_or_else_by_email_in_any_case() -> None:
    assert Row(line=1, login="a", slack_id="U1", email="A@x").slack == "U1"
    assert Row(line=1, login="a", email="A@x").slack == "a@x"


COLUMNS = "github_login, slack_id, email, name, team, country, zone"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", f"line 1: github_login: is missing; the columns are {COLUMNS}"),
        (HEADER, "line 1: names nobody"),
        ("github_login,slackid\nana,U1", "line 1: slackid: is not a known column; did you mean 'slack_id'?"),
        ("github_login,email,email\nana,a@x,a@x", "line 1: email: is there twice"),
        (HEADER + "ana,U012AB3CD,,,,,,,more", "line 2: has more columns than the header"),
        (HEADER + ",U012AB3CD", "line 2: github_login: is missing"),
        (HEADER + "a b,U012AB3CD", "line 2: github_login: 'a b' is not a GitHub login"),
        (HEADER + "ana,,,", "line 2: slack_id: is missing, and so is email: one of them is needed"),
        (HEADER + "ana,,ana at acme", "line 2: email: 'ana at acme' is no address"),
        (HEADER + "ana,U012,,,,,X+1", "line 2: zone: 'X+1' is no time zone: they look like Europe/Berlin"),
        (HEADER + "Ana,U012AB3CD\naNA,U012AB3CE", "line 3: github_login: 'aNA' is on line 2 already"),
        (HEADER + 'ana,"U012AB3CD', "line 2: is not CSV: unexpected end of data"),
    ],
)
def test_a_mistake_is_shown_with_its_line(text: str, problem: str) -> None:
    assert problems(text) == [problem]


TWICE = "[{github_login: a, email: a@x}, {github_login: a, email: a@x}]"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ana: U1", "line 1: must be a list of entries such as {github_login: ana, slack_id: U1234567}"),
        ("- ana", "line 1: must have keys such as github_login and slack_id"),
        (
            "- {github_login: a, email: a@x, mail: b}",
            "line 1: mail: is not a known column; did you mean 'email'?",
        ),
        (TWICE.replace("}, ", "},\n"), "line 2: github_login: 'a' is on line 1 already"),
        (TWICE, "line 1: github_login: 'a' is on line 1 already"),
        ("- {github_login: a, email: a@x}, {", "line 1: is not YAML: expected <block end>, but found ','"),
    ],
)
def test_a_mistake_in_yaml_is_shown_with_its_line(text: str, problem: str) -> None:
    assert problems(text, "people.yaml") == [problem]


def test_all_mistakes_are_listed_at_once() -> None:
    assert len(problems(HEADER + "a b,nobody,,,,,x\nben,,\n")) == 4


def test_what_has_no_effect_yet_is_noted() -> None:
    file = parse_people(HEADER + "ana,U012AB3CD,,,payments,DE,\n", "people.csv")
    assert [str(note) for note in file.notes] == [
        "line 2: team: is not yet in effect",
        "line 2: country: is not yet in effect",
    ]


@pytest.mark.parametrize("name", ["Europe/Berlin", "Asia/Calcutta", "Etc/UTC"])
def test_a_zone_of_the_database_is_a_zone(name: str) -> None:
    assert is_zone(name)


@pytest.mark.parametrize("name", ["", "Mars", "../etc/passwd", "Europe", "\x00"])
def test_anything_else_is_none(name: str) -> None:
    assert not is_zone(name)
