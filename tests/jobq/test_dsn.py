"""Database addresses as hosts print them: asyncpg must be able to connect with them."""

from jobq import Database, clean_dsn

OTHERS = "channel_binding=prefer&connect_timeout=10&keepalives=1&keepalives_idle=30&pgbouncer=true"


async def test_parameters_of_other_drivers_do_not_reach_postgres(dsn: str) -> None:
    dressed = f"{dsn}{'&' if '?' in dsn else '?'}{OTHERS}&sslmode=disable&schema=public"
    async with Database(clean_dsn(dressed)) as db:
        assert await db.fetchval("SHOW search_path") == "public"
