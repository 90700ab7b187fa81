"""Lets nobody but the person with the printed link use /setup, from nowhere but its own pages."""

from typing import cast
from urllib.parse import urlsplit

from quart import Blueprint, Request, Response, g, make_response, redirect, render_template, request, url_for

from bot.settings import Settings
from bot.web.origin import HARMLESS
from bot.web.setup.parts import Parts, own_url
from bot.web.setup.passes import AGAIN, SESSION_LIFE, is_open_to

COOKIE = "ripe_setup"
LARGEST_FORM = 64 * 1024
OPEN = frozenset({"setup.enter", "setup.home", "setup.static"})
"""The first looks at the printed link itself, and the second leads to it."""


def guard_setup(blueprint: Blueprint, parts: Parts) -> None:
    """Refuses strangers and foreign pages with 403, and tells the browser to be strict."""

    @blueprint.before_request
    async def admit() -> Response | None:
        request.max_content_length = LARGEST_FORM
        if request.endpoint in OPEN:
            return None
        if request.method not in HARMLESS and not _is_own_page(request, await parts.load_settings()):
            return await refuse("Only the setup's own pages may change something here.")
        session = await find_session(parts)
        if session is None:
            return await refuse(f"The setup is closed to this browser, or an hour has passed. {AGAIN}")
        g.setup_session = session
        return None

    @blueprint.after_request
    async def protect(response: Response) -> Response:
        is_static = request.endpoint == "setup.static"
        # The last page is shown while the processes start anew, and should not lose its colours.
        response.headers["Cache-Control"] = "max-age=3600" if is_static else "no-store"
        return be_strict(response, parts.settings.github_web_url)


def be_strict(response: Response, github_web_url: str) -> Response:
    """Nothing from elsewhere; forms go to ourselves and, with the manifest, to GitHub."""
    response.headers["Content-Security-Policy"] = (
        f"default-src 'self'; base-uri 'none'; form-action 'self' {_origin(github_web_url)}; "
        "frame-ancestors 'none'; object-src 'none'"
    )
    # Not no-referrer: browsers would hide the Origin of our own forms, too.
    response.headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


async def find_session(parts: Parts) -> str | None:
    """The session of this browser, if it is still good."""
    session = parts.store.unseal(request.cookies.get(COOKIE, ""), SESSION_LIFE)
    return session if session is not None and await is_open_to(session, parts.now()) else None


def current_session() -> str:
    """The session that was let in."""
    return cast(str, g.setup_session)


def remember(response: Response, session: str, parts: Parts, settings: Settings) -> Response:
    """Gives the browser a session to carry on with."""
    response.set_cookie(
        COOKIE,
        parts.store.seal(session),
        max_age=SESSION_LIFE,
        httponly=True,
        samesite="Lax",  # it has to come along when GitHub sends the browser back
        secure=own_url(request, settings).startswith("https://"),
    )
    return response


def go_to(endpoint: str) -> Response:
    """Another page, to be asked for with GET."""
    return cast(Response, redirect(url_for(endpoint), 303))


async def refuse(words: str, status: int = 403, back: str = "") -> Response:
    """A page that says why not; `back` is where to go on."""
    return await show("refused.html", status=status, words=words, back=back)


async def show(template: str, *, status: int = 200, **values: object) -> Response:
    """One of the setup's pages."""
    html = await render_template(f"setup/{template}", **values)
    return cast(Response, await make_response(html, status))


def _is_own_page(asked: Request, settings: Settings) -> bool:
    """Every browser names the page whose form it posts."""
    origin = urlsplit(asked.headers.get("Origin", ""))
    if origin.scheme not in ("http", "https") or not origin.netloc:
        return False
    return origin.netloc in (asked.host, urlsplit(settings.public_url or "").netloc)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
