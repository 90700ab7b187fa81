"""Every page about identity, and who may use them."""

from urllib.parse import urlsplit

import structlog
from quart import Blueprint, Response, request

from bot.app import App
from bot.model import UserError
from bot.web.identity.joining import add_joining
from bot.web.identity.parts import Parts, why_not
from bot.web.identity.trips import add_trips, show
from bot.web.origin import HARMLESS
from bot.web.setup.guard import be_strict

log = structlog.get_logger()

LARGEST_FORM = 16 * 1024


def identity_blueprint(app: App) -> Blueprint:
    """`/github/link`, `/github/join` and `/github/callback`."""
    blueprint = Blueprint(
        "identity",
        __name__,
        template_folder="templates",
        static_folder="../setup/static",
        static_url_path="/identity/static",
    )
    parts = Parts(app.settings, app.workspaces, app.queue)
    _guard(blueprint, parts)
    add_trips(blueprint, parts)
    add_joining(blueprint, parts)
    return blueprint


def _guard(blueprint: Blueprint, parts: Parts) -> None:
    @blueprint.before_request
    async def admit() -> Response | None:
        request.max_content_length = LARGEST_FORM
        if request.endpoint == "identity.static":
            return None
        if words := why_not(parts.settings):
            return await show("refused.html", status=404, words=words.replace("`", ""))
        if request.method not in HARMLESS and not _is_own_page(parts.settings.public_url or ""):
            return await show("refused.html", status=403, words="Only Ripe's own pages may ask for this.")
        return None

    @blueprint.errorhandler(UserError)
    async def refuse(error: UserError) -> Response:
        log.info("identity not proved", reason=type(error).__name__)
        return await show("refused.html", status=403, words=str(error).replace("`", ""))

    @blueprint.after_request
    async def protect(response: Response) -> Response:
        is_static = request.endpoint == "identity.static"
        response.headers["Cache-Control"] = "max-age=3600" if is_static else "no-store"
        return be_strict(response, parts.settings.github_web_url)


def _is_own_page(public_url: str) -> bool:
    """Every browser names the page whose form it posts."""
    own = urlsplit(public_url)
    return request.headers.get("Origin", "").lower() == f"{own.scheme}://{own.netloc}".lower()
