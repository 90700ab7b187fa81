"""What people see who are not setting anything up: after installing the App, and where /setup is closed."""

from quart import Blueprint, Response

from bot.web.setup.guard import be_strict, refuse, show
from bot.web.setup.passes import AGAIN


def installed_blueprint(github_web_url: str) -> Blueprint:
    """`/github/setup`, where GitHub sends people who have installed the App.

    The installation's number in that address can be made up, so nothing is done with it: GitHub tells of
    installations by signed webhooks.
    """
    blueprint = _pages("installed", github_web_url)

    @blueprint.get("/github/setup")
    async def installed() -> Response:
        return await show("installed.html")

    return blueprint


def closed_blueprint(github_web_url: str) -> Blueprint:
    """`/setup` of a bot that runs, and `/`, which `ripe up` prints."""
    blueprint = _pages("closed_setup", github_web_url)

    @blueprint.get("/")
    async def home() -> Response:
        return await show("home.html")

    @blueprint.get("/setup")
    @blueprint.get("/setup/<path:_>")
    async def closed(_: str = "") -> Response:
        return await refuse(f"The setup is closed. {AGAIN}")

    return blueprint


def _pages(name: str, github_web_url: str) -> Blueprint:
    blueprint = Blueprint(
        name, __name__, template_folder="templates", static_folder="static", static_url_path=f"/{name}/static"
    )

    @blueprint.after_request
    async def protect(response: Response) -> Response:
        return be_strict(response, github_web_url)

    return blueprint
