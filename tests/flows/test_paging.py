"""A walk through many rows reads each of them once."""

from datetime import UTC, datetime, timedelta

from bot.flows.paging import walk_in_pages
from jobq import Database

BEGIN = datetime(2026, 11, 23, 9, tzinfo=UTC)


async def test_a_walk_goes_on_where_the_page_before_ended(db: Database) -> None:
    await db.execute("CREATE TABLE walked (at timestamptz)")
    await db.execute("CREATE TABLE looked (since timestamptz)")
    times = [BEGIN + timedelta(hours=n) for n in range(5)]
    await db.execute("INSERT INTO walked SELECT unnest($1::timestamptz[])", times)
    statement = """
        WITH noted AS (INSERT INTO looked VALUES ($2))
        DELETE FROM walked WHERE at IN (SELECT at FROM walked WHERE at >= $2 ORDER BY at LIMIT $1)
        RETURNING at
    """
    assert await walk_in_pages(statement, page=2) == 5
    looked = [row["since"] for row in await db.fetch("SELECT since FROM looked ORDER BY since OFFSET 1")]
    assert looked == [times[1], times[3]]
