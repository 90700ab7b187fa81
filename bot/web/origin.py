"""Refuses requests that a page of another site sends through a person's browser (cross-site request forgery).

A browser names the site of the page that sends a request in the Origin header. Two rules are built on it:

- `is_foreign_change`, for our pages on the internet: a form is accepted from our own addresses only.
- `guard_sandbox`, for the local sandbox. It has no passwords: it listens on loopback only. A page on the
  internet may still try to drive it through the browser that shows it. So the Host must be a name of this
  machine (else somebody's domain points at 127.0.0.1), the Origin, if any, must be the sandbox's own, and a
  change must be JSON, which no form of another site can send.
"""

from collections.abc import Collection, Iterable
from urllib.parse import urlsplit

from quart import Blueprint, Quart, Request, Response, jsonify, request

LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
READING_METHODS = frozenset({"GET", "HEAD"})


def is_foreign_change(asked: Request, own_urls: Iterable[str]) -> bool:
    """Whether a request may change something and does not come from a page at one of `own_urls`.

    Browsers send Origin with every form they post, so a change without it is foreign. GET and HEAD never are.
    """
    if asked.method in READING_METHODS:
        return False
    return asked.headers.get("Origin", "").lower() not in {origin_of(url) for url in own_urls}


def origin_of(url: str) -> str:
    """Scheme, host and port, as browsers write them in the Origin header."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def guard_sandbox(routes: Blueprint | Quart, open_pages: Collection[str] = ()) -> None:
    """Answer 403 to a foreign Host or Origin. Every site may link to the endpoints in `open_pages`."""

    @routes.before_request
    async def refuse_foreign() -> tuple[Response, int] | None:
        reason = _why_foreign_host(request)
        if reason is None and request.endpoint not in open_pages:
            reason = _why_foreign_origin(request)
        return None if reason is None else (jsonify({"error": reason}), 403)


def guard_sandbox_changes(blueprint: Blueprint) -> None:
    """Do what `guard_sandbox` does, and answer 415 to a change that is not JSON."""
    guard_sandbox(blueprint)

    @blueprint.before_request
    async def refuse_forms() -> tuple[Response, int] | None:
        if request.method in READING_METHODS or request.is_json:
            return None
        return jsonify({"error": "Send JSON, with Content-Type: application/json."}), 415


def _why_foreign_host(asked: Request) -> str | None:
    if _name_of(asked.host) in LOCAL_NAMES:
        return None
    return f"The sandbox is for this machine only: {asked.host!r} is not a name of it."


def _why_foreign_origin(asked: Request) -> str | None:
    origin = asked.headers.get("Origin")
    if origin is None or origin == f"http://{asked.host}":
        return None
    return f"Only the sandbox's own page may ask for this, not one from {origin!r}."


def _name_of(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
