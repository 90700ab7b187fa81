"""Database addresses as hosts print them for other drivers, in a form that asyncpg understands."""

from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

_OTHERS_PARAMETERS = frozenset(
    {
        # libpq's: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
        "channel_binding", "connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval",
        "keepalives_count", "tcp_user_timeout", "gssencmode", "sslcompression", "sslsni", "sslcertmode",
        "fallback_application_name", "client_encoding", "load_balance_hosts", "require_auth", "requirepeer",
        "requiressl",
        # Prisma's and node-postgres'.
        "pgbouncer", "connection_limit", "pool_timeout", "socket_timeout", "sslaccept", "pool_size",
        "statement_cache_size", "max_connections", "uselibpqcompat",
    }
)  # fmt: skip
"""asyncpg would send these to Postgres as settings of the session, which Postgres refuses."""
_SSL_MODES = {"true": "require", "1": "require", "no-verify": "require", "false": "disable", "0": "disable"}


def clean_dsn(dsn: str) -> str:
    """The same address without the parameters of other drivers. Bounds and modes of theirs are dropped.

    `ssl=true` and `sslmode=no-verify` become `sslmode=require`, `schema=name` becomes `search_path=name`.
    """
    parts = urlsplit(dsn)
    kept: dict[str, str] = {}
    for name, value in parse_qsl(parts.query):
        match name.lower():
            case "ssl" | "sslmode":
                kept["sslmode"] = _SSL_MODES.get(value.lower(), value)
            case "schema":
                kept["search_path"] = value
            case other if other not in _OTHERS_PARAMETERS:
                kept[name] = value
    return urlunsplit(parts._replace(query=urlencode(kept, quote_via=quote)))


def is_pooled(dsn: str) -> bool:
    """Whether the address says that it leads to PgBouncer, as `?pgbouncer=true` does for Prisma."""
    return dict(parse_qsl(urlsplit(dsn).query)).get("pgbouncer", "").lower() in ("true", "1")
