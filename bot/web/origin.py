"""Refuses requests that a page of another site sends through a person's browser.

A browser names the server that it asks in the Host header, and the site of the page that asks in the Origin
header. Three rules are built on them:

- `is_this_machine`, for answers that need no password on this machine. A page may point a domain of its own
  at 127.0.0.1 and read what answers there (DNS rebinding), but its requests name that domain as their Host.
- `is_foreign_change`, for our pages on the internet: a form is accepted from our own addresses only.
- `guard_sandbox`, for the local sandbox. It has no passwords: it listens on loopback only. So the Host must
  be a name of this machine, the Origin, if any, must be the sandbox's own, and a change must be JSON, which
  no form of another site can send.
"""

from collections.abc import Collection, Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

from quart import Blueprint, Quart, Request, Response, jsonify, request

FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP")
"""The headers with which a proxy on this machine says that the request comes from elsewhere."""
READING_METHODS = frozenset({"GET", "HEAD"})


def is_this_machine(asked: Request) -> bool:
    """Whether a program on this machine asks, and no page of another site through its browser."""
    return is_from_loopback(asked) and names_this_machine(host_of(asked))


def is_from_loopback(asked: Request) -> bool:
    """Whether the connection comes from this machine, and no proxy says that it passes a request on."""
    return not any(name in asked.headers for name in FORWARDED) and _is_loopback(asked.remote_addr or "")


def host_of(asked: Request) -> str:
    """The Host header as it was sent: Quart's own answer is empty for one that is malformed."""
    return asked.headers.get("Host", "")


def names_this_machine(host: str) -> bool:
    """Whether a Host header is an address or the name of this machine, or empty: no browser sends that."""
    name = _name_of(host)
    return not host or name == "localhost" or (name is not None and _is_loopback(name))


def guard_answers(routes: Blueprint, public_url: str | None) -> None:
    """Answer 403 to a request from this machine whose Host is neither its name nor that of `public_url`."""
    own_name = _name_of(urlsplit(public_url or "").netloc)

    @routes.before_request
    async def refuse_rebinding() -> Response | None:
        if not is_from_loopback(request) or names_this_machine(host_of(request)):
            return None
        if own_name is not None and _name_of(host_of(request)) == own_name:
            return None
        return Response("The Host is neither a name of this machine nor that of PUBLIC_URL\n", status=403)


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
    if names_this_machine(host_of(asked)):
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


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
