"""The file that maps GitHub logins to Slack users. Pure."""

import csv
import difflib
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bot.marked_yaml import read_yaml
from bot.model import Problem, Value
from bot.people.model import parse_login
from bot.working_time import is_zone

COLUMNS = ("github_login", "slack_id", "email", "name", "team", "country", "zone")
NOT_YET = ("team", "country")
"""Columns that are accepted and noted, but have no effect until their features are built."""

_SLACK_ID = re.compile(r"[UW][A-Z0-9]{2,20}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


class Row(Value):
    """One line of the file: a GitHub login, and a Slack user by id or else by email."""

    line: int
    login: str
    slack_id: str = ""
    email: str = ""
    name: str = ""
    zone: str = ""

    @property
    def slack(self) -> str:
        """The id or the email address of the Slack user."""
        return self.slack_id or self.email.lower()


class PeopleFile(Value):
    """The rows of a file, and what is wrong with it."""

    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...]


def parse_people(text: str, filename: str) -> PeopleFile:
    """Reads CSV with a header or, by the file's ending, YAML: a list of entries, alone or under `people:`."""
    is_yaml = filename.lower().endswith((".yaml", ".yml"))
    entries, problems = _read_yaml(text) if is_yaml else _read_csv(text)
    rows: list[Row] = []
    notes: list[Problem] = []
    for line, entry in entries:
        cleaned = {key: str(value or "").strip() for key, value in entry.items()}
        wrong = [*_wrong_in(line, cleaned)]
        problems += wrong
        if not wrong:
            rows.append(_row(line, cleaned))
            notes += [_problem(line, key, "is not yet in effect") for key in NOT_YET if cleaned.get(key)]
    problems += _repeated(rows)
    if not entries and not problems:
        problems.append(_problem(1, "", "names nobody"))
    return PeopleFile(rows=tuple(rows), problems=_sorted(problems), notes=_sorted(notes))


def _problem(line: int, where: str, text: str) -> Problem:
    return Problem(line=line, where=where, text=text)


def _sorted(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda problem: problem.line))


Entries = list[tuple[int, Mapping[str, Any]]]


def _read_csv(text: str) -> tuple[Entries, list[Problem]]:
    text = text.removeprefix("\ufeff")
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    entries: Entries = []
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        problems = [*_wrong_columns(names)]
        for cells in reader:
            if any(cell.strip() for cell in cells):
                if len(cells) > len(names):
                    problems.append(_problem(reader.line_num, "", "has more columns than the header"))
                entries.append((reader.line_num, dict(zip(names, cells, strict=False))))
    except csv.Error as error:
        return [], [_problem(reader.line_num, "", f"is not CSV: {error}")]
    return ([], problems) if problems else (entries, [])


def _wrong_columns(names: list[str]) -> Iterator[Problem]:
    yield from (_problem(1, name, why) for name in names if (why := _why_not_column(name)))
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield _problem(1, name, "is there twice")
    if "github_login" not in names:
        yield _problem(1, "github_login", f"is missing; the columns are {', '.join(COLUMNS)}")


def _why_not_column(name: str) -> str | None:
    if name in COLUMNS:
        return None
    close = difflib.get_close_matches(name, COLUMNS, n=1)
    return "is not a known column" + (f"; did you mean '{close[0]}'?" if close else "")


def _read_yaml(text: str) -> tuple[Entries, list[Problem]]:
    yaml = read_yaml(text)
    is_nested = isinstance(yaml.data, dict) and [*yaml.data] == ["people"]
    listed, place = (yaml.data["people"], ("people",)) if is_nested else (yaml.data, ())
    problems = [*yaml.problems]
    if not isinstance(listed, list):
        text = "must be a list of entries such as {github_login: ana, slack_id: U1234567}"
        return [], problems or [_problem(1, "", text)]
    entries: Entries = []
    for index, entry in enumerate(listed):
        line = yaml.line_of((*place, index))
        if not isinstance(entry, dict):
            problems.append(_problem(line, "", "must have keys such as github_login and slack_id"))
            continue
        for key in entry:
            if (why := _why_not_column(key)) is not None:
                problems.append(_problem(yaml.line_of((*place, index, key)), key, why))
        entries.append((line, entry))
    return entries, problems


def _wrong_in(line: int, entry: Mapping[str, str]) -> Iterator[Problem]:
    try:
        parse_login(entry.get("github_login", ""))
    except ValueError as error:
        yield _problem(line, "github_login", str(error) if entry.get("github_login") else "is missing")
    slack_id, email, zone = (entry.get(key, "") for key in ("slack_id", "email", "zone"))
    if not slack_id and not email:
        yield _problem(line, "slack_id", "is missing, and so is email: one of them is needed")
    if slack_id and not _SLACK_ID.fullmatch(slack_id):
        yield _problem(line, "slack_id", f"{slack_id!r} is no member id: they look like U012AB3CD")
    if email and not _EMAIL.fullmatch(email):
        yield _problem(line, "email", f"{email!r} is no address")
    if zone and not is_zone(zone):
        yield _problem(line, "zone", f"{zone!r} is no time zone: they look like Europe/Berlin")


def _row(line: int, entry: Mapping[str, str]) -> Row:
    fields = {key: entry.get(key, "") for key in ("slack_id", "email", "name", "zone")}
    return Row(line=line, login=parse_login(entry["github_login"]), **fields)


def _repeated(rows: Iterable[Row]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for row in rows:
        if (line := first.get(row.login.lower())) is not None:
            yield _problem(row.line, "github_login", f"{row.login!r} is on line {line} already")
        first.setdefault(row.login.lower(), row.line)
