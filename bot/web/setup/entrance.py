"""The way in: `/setup` takes the printed token, then leads to the first step that is not done."""

import structlog
from quart import Blueprint, Response, request

from bot.web.html import render_refusal
from bot.web.one_time import StateRefusedError
from bot.web.setup.guard import find_session, redirect_to, remember
from bot.web.setup.passes import AGAIN, spend_token
from bot.web.setup.ports import SetupPorts, load_app_choice

log = structlog.get_logger()


def add_entrance(blueprint: Blueprint, ports: SetupPorts) -> None:
    """Add `/setup`, and `/`, which leads to it."""

    @blueprint.get("/")
    async def home() -> Response:
        return redirect_to("setup.enter")

    @blueprint.get("/setup")
    async def enter() -> Response:
        if await find_session(ports) is not None:
            return redirect_to(await _next_step(ports))
        token = request.args.get("token")
        # Not HEAD: programs that preview links send it, and shall not use up the token.
        if request.method != "GET" or not token:
            return await render_refusal(
                f"The setup opens with the link that `ripe up --setup` prints. {AGAIN}"
            )
        try:
            session = await spend_token(token, ports.now())
        except StateRefusedError as error:
            log.warning("the setup was refused", reason=str(error))
            return await render_refusal(str(error))
        log.info("the setup was opened")
        return remember(redirect_to("setup.enter"), session, ports, await ports.load_settings())


async def _next_step(ports: SetupPorts) -> str:
    settings = await ports.load_settings()
    if not settings.has_github:
        return "setup.github" if (await load_app_choice()).is_saved else "setup.profile"
    return "setup.check" if settings.has_slack else "setup.slack"
