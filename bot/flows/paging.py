"""Changes many rows a page at a time, so that no statement is long."""

from datetime import UTC, datetime

from jobq import current_database


async def execute_in_pages(statement: str, *arguments: object, page: int) -> int:
    """Repeats a DELETE or UPDATE until it changes less than a page; returns how many rows it changed.

    The statement gets `page`, its most rows, as its last argument. Do not call it in a transaction: each page
    commits by itself, so that the work can be resumed.
    """
    changed = 0
    while True:
        tag = await current_database().execute(statement, *arguments, page)
        rows = int(tag.rpartition(" ")[2])
        changed += rows
        if rows < page:
            return changed


async def walk_in_pages(statement: str, *arguments: object, page: int) -> int:
    """Repeats a statement that changes the oldest rows; returns how many rows it changed.

    The statement gets `page`, its most rows, and from when on to look: where the page before ended. So it
    never reads again what that one has passed. It returns the time of each row `AS at`.
    """
    changed, since = 0, datetime.min.replace(tzinfo=UTC)
    while True:
        rows = await current_database().fetch(statement, *arguments, page, since)
        changed += len(rows)
        if len(rows) < page:
            return changed
        since = max(row["at"] for row in rows)
