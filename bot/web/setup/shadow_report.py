"""The records of shadow mode: the review requests and DMs that Ripe would have sent, had it been live.

The report covers every workspace: the person who sets the bot up owns its database.
"""

from dataclasses import dataclass
from datetime import datetime

from asyncpg import Record

from bot.assignment.model import Decision
from bot.slack.times import describe_instant
from jobq import current_database, read_transaction

MOST_SHOWN = 20

_DMS = """
    SELECT sending_at, letter, notice, sequence, person.name, person.zone,
           full_name || '#' || number AS label, title, count(*) OVER () AS total
    FROM message
    JOIN person ON person.id = person_id
    LEFT JOIN review_request ON review_request.id = request_id
    LEFT JOIN pull_request ON pull_request.id
        = coalesce(review_request.pull_request_id, message.pull_request_id)
    LEFT JOIN repository ON repository.id = repository_id
    WHERE message.state = 'sent' AND ts IS NULL
    ORDER BY sending_at DESC, message.id DESC
    LIMIT $1
"""
_REQUESTS = """
    SELECT decided_at, decision, full_name || '#' || number AS label, title, count(*) OVER () AS total
    FROM assignment
    JOIN pull_request ON pull_request.id = pull_request_id
    JOIN repository ON repository.id = repository_id
    WHERE asked = '{}' AND refusals = '{}' AND decision @? '$.verdicts[*] ? (@.outcome == "asked")'
    ORDER BY decided_at DESC, assignment.id DESC
    LIMIT $1
"""


@dataclass(frozen=True)
class ReportEntry:
    """Something that was not sent. `when` is `at` in the time of a DM's reader, or UTC for GitHub."""

    at: datetime
    when: str
    to: str
    about: str


_LETTERS = {
    "backlog": "what was open before Ripe came",
    "digest": "a list of reviews that wait",
    "greeting": "Ripe is installed",
}


@dataclass(frozen=True)
class ShadowReport:
    """How many review requests and DMs there are, and the newest MOST_SHOWN of both."""

    requests: int
    dms: int
    newest: tuple[ReportEntry, ...]


@read_transaction
async def load_shadow_report(now: datetime) -> ShadowReport:
    """Everything that shadow mode has recorded so far."""
    dms = await current_database().fetch(_DMS, MOST_SHOWN)
    requests = await current_database().fetch(_REQUESTS, MOST_SHOWN)
    entries = [*(_dm(row, now) for row in dms), *(_request(row, now) for row in requests)]
    newest = sorted(entries, key=lambda entry: entry.at, reverse=True)[:MOST_SHOWN]
    return ShadowReport(_count(requests), _count(dms), tuple(newest))


def _count(rows: list[Record]) -> int:
    count: int = rows[0]["total"] if rows else 0
    return count


def _dm(row: Record, now: datetime) -> ReportEntry:
    when = describe_instant(row["sending_at"], row["zone"], now)
    return ReportEntry(row["sending_at"], when, f"DM to {row['name']}", _about(row))


def _about(row: Record) -> str:
    if row["letter"] is not None:
        return _LETTERS[row["letter"]]
    kind = "notice to the author" if row["notice"] else _name(row["sequence"])
    return f"{kind} about {row['label']}, {row['title']}"


def _name(sequence: int) -> str:
    return f"reminder {sequence}" if sequence else "the first"


def _request(row: Record, now: datetime) -> ReportEntry:
    decision = Decision.model_validate_json(row["decision"], extra="ignore")
    logins = ", ".join(chosen.login for chosen in decision.chosen)
    when = describe_instant(row["decided_at"], "UTC", now)
    return ReportEntry(
        row["decided_at"], when, f"Review request to {logins}", f"{row['label']}, {row['title']}"
    )
