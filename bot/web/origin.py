"""Keeps what runs on this machine from pages that come from elsewhere.

The sandbox has no passwords: that it listens on loopback only is its protection. A page on the internet may
still try to drive it through the browser that shows it, so three things are checked. The Host must be this
machine (else somebody's name was pointed at 127.0.0.1), the Origin must be the page itself, and what changes
something must be JSON, which no foreign form can send.
"""

from collections.abc import Collection
from urllib.parse import urlsplit

from quart import Blueprint, Quart, Request, Response, jsonify, request

LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
HARMLESS = frozenset({"GET", "HEAD"})


def guard(routes: Blueprint | Quart, open_pages: Collection[str] = ()) -> None:
    """Refuses what is foreign with 403, saying why. Other pages may lead to the endpoints `open_pages`."""

    @routes.before_request
    async def refuse_foreign() -> tuple[Response, int] | None:
        words = _why_foreign_name(request) if request.endpoint in open_pages else why_foreign(request)
        return None if words is None else (jsonify({"error": words}), 403)


def guard_changes(blueprint: Blueprint) -> None:
    """The same, and refuses a change that is no JSON with 415."""
    guard(blueprint)

    @blueprint.before_request
    async def refuse_forms() -> tuple[Response, int] | None:
        if request.method in HARMLESS or request.is_json:
            return None
        return jsonify({"error": "Send JSON, with Content-Type: application/json."}), 415


def why_foreign(asked: Request) -> str | None:
    """Why a request is not from this machine's own page; None: it may be."""
    if (words := _why_foreign_name(asked)) is not None:
        return words
    origin = asked.headers.get("Origin")
    if origin is not None and origin != f"http://{asked.host}":
        return f"Only the sandbox's own page may ask for this, not one from {origin!r}."
    return None


def _why_foreign_name(asked: Request) -> str | None:
    if _name_of(asked.host) in LOCAL_NAMES:
        return None
    return f"The sandbox is for this machine only: {asked.host!r} is not a name of it."


def _name_of(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
