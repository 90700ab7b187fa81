"""Pages outside the setup: the one after installing the App, and those of a bot whose setup is closed."""

from quart import Blueprint, Response

from bot.web.html import forbid_foreign_content, render_page, render_refusal
from bot.web.setup.passes import AGAIN


def installed_blueprint(github_web_url: str) -> Blueprint:
    """`/github/setup`, to which GitHub sends people who have installed the App.

    Anybody can make up the installation's number in that address, so it is ignored: GitHub's signed webhooks
    report installations.
    """
    blueprint = _pages("installed", github_web_url)

    @blueprint.get("/github/setup")
    async def installed() -> Response:
        return await render_page("setup/installed.html")

    return blueprint


def closed_blueprint(github_web_url: str) -> Blueprint:
    """`/setup` of a running bot, which is closed, and `/`, whose address `ripe up` prints."""
    blueprint = _pages("closed_setup", github_web_url)

    @blueprint.get("/")
    async def home() -> Response:
        return await render_page("setup/home.html")

    @blueprint.get("/setup")
    @blueprint.get("/setup/<path:_>")
    async def closed(_: str = "") -> Response:
        return await render_refusal(f"The setup is closed. {AGAIN}")

    return blueprint


def _pages(name: str, github_web_url: str) -> Blueprint:
    blueprint = Blueprint(
        name, __name__, template_folder="templates", static_folder="static", static_url_path=f"/{name}/static"
    )

    @blueprint.after_request
    async def protect(response: Response) -> Response:
        return forbid_foreign_content(response, github_web_url)

    return blueprint
