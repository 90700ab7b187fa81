"""Every page about identity, and the guard before them."""

import structlog
from quart import Blueprint, Response, request

from bot.app import App
from bot.model import UserError
from bot.web.html import forbid_foreign_content, render_page
from bot.web.identity.joining import add_joining
from bot.web.identity.ports import IdentityPorts, describe_missing_settings
from bot.web.identity.trips import add_trips
from bot.web.origin import is_foreign_change

log = structlog.get_logger()

LARGEST_FORM = 16 * 1024
"""Bytes."""


def identity_blueprint(app: App) -> Blueprint:
    """`/github/link`, `/github/join` and `/github/callback`."""
    blueprint = Blueprint(
        "identity",
        __name__,
        template_folder="templates",
        static_folder="../setup/static",
        static_url_path="/identity/static",
    )
    ports = IdentityPorts(app.settings, app.workspaces, app.queue)
    _guard(blueprint, ports)
    add_trips(blueprint, ports)
    add_joining(blueprint, ports)
    return blueprint


def _guard(blueprint: Blueprint, ports: IdentityPorts) -> None:
    @blueprint.before_request
    async def admit() -> Response | None:
        if request.endpoint == "identity.static":
            return None
        if reason := describe_missing_settings(ports.settings):
            return await _refuse(reason, 404)
        if is_foreign_change(request, [ports.settings.public_url or ""]):
            return await _refuse("Only Ripe's own pages may ask for this.", 403)
        return None

    @blueprint.errorhandler(UserError)
    async def refuse(error: UserError) -> Response:
        log.info("identity not proved", reason=str(error))
        return await _refuse(str(error), 403)

    @blueprint.after_request
    async def protect(response: Response) -> Response:
        is_static = request.endpoint == "identity.static"
        response.headers["Cache-Control"] = "max-age=3600" if is_static else "no-store"
        return forbid_foreign_content(response, ports.settings.github_web_url)


async def _refuse(reason: str, status: int) -> Response:
    return await render_page("identity/refused.html", status=status, reason=reason.replace("`", ""))
