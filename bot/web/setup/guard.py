"""Opens /setup to the browser with the printed link only, and only to forms of its own pages."""

from typing import cast
from urllib.parse import urlsplit

from quart import Blueprint, Request, Response, g, redirect, request, url_for

from bot.settings import Settings
from bot.web.html import forbid_foreign_content, render_refusal
from bot.web.origin import is_foreign_change
from bot.web.setup.passes import AGAIN, SESSION_LIFE, is_open_to
from bot.web.setup.ports import SetupPorts, own_url

COOKIE = "ripe_setup"
UNGUARDED = frozenset({"setup.enter", "setup.home", "setup.static"})
"""`enter` checks the printed link itself, and `home` leads to it."""


def guard_setup(blueprint: Blueprint, ports: SetupPorts) -> None:
    """Refuse strangers and foreign pages with 403, and add strict headers to every answer."""

    @blueprint.before_request
    async def admit() -> Response | None:
        if request.endpoint in UNGUARDED:
            return None
        if is_foreign_change(request, _own_urls(request, await ports.load_settings())):
            return await render_refusal("Only the setup's own pages may change something here.")
        session = await find_session(ports)
        if session is None:
            return await render_refusal(
                f"The setup is closed to this browser, or an hour has passed. {AGAIN}"
            )
        g.setup_session = session
        return None

    @blueprint.after_request
    async def protect(response: Response) -> Response:
        is_static = request.endpoint == "setup.static"
        # Cached: the last page is shown while the processes restart, and shall keep its colours.
        response.headers["Cache-Control"] = "max-age=3600" if is_static else "no-store"
        return forbid_foreign_content(response, ports.settings.github_web_url)


async def find_session(ports: SetupPorts) -> str | None:
    """The session of this browser, if it is still good."""
    session = ports.store.unseal(request.cookies.get(COOKIE, ""), SESSION_LIFE)
    return session if session is not None and await is_open_to(session, ports.now()) else None


def current_session() -> str:
    """The session that the guard let in."""
    return cast(str, g.setup_session)


def remember(response: Response, session: str, ports: SetupPorts, settings: Settings) -> Response:
    """Give the browser its session, in a cookie."""
    response.set_cookie(
        COOKIE,
        ports.store.seal(session),
        max_age=SESSION_LIFE,
        httponly=True,
        samesite="Lax",  # the browser must send it when GitHub sends the browser back
        secure=own_url(request, settings).startswith("https://"),
    )
    return response


def redirect_to(endpoint: str) -> Response:
    """Send the browser to another page of the setup."""
    return cast(Response, redirect(url_for(endpoint), 303))


def _own_urls(asked: Request, settings: Settings) -> list[str]:
    # With either scheme: a proxy that ends TLS passes on the name only.
    names = {asked.host, urlsplit(settings.public_url or "").netloc} - {""}
    return [f"{scheme}://{name}" for scheme in ("http", "https") for name in names]
