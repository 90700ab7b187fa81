"""The last steps: whether everything works, and the end of the setup, in shadow mode or live."""

import structlog
from quart import Blueprint, Response, request, url_for

from bot.credentials import load_choices, save_choices
from bot.doctor.settings import judge_public_url
from bot.web.html import render_page, render_refusal
from bot.web.setup.examination import examine_entered
from bot.web.setup.guard import COOKIE, redirect_to
from bot.web.setup.passes import close_setup
from bot.web.setup.ports import SetupPorts, load_app_choice
from bot.web.setup.profiles import permissions_of
from bot.web.setup.shadow_report import load_shadow_report
from jobq import write_transaction

log = structlog.get_logger()

_MODES = ("live", "shadow")


def add_last_steps(blueprint: Blueprint, ports: SetupPorts) -> None:
    """Add `/setup/check`, which asks GitHub and Slack, and `/setup/mode`, which ends the setup."""

    @blueprint.get("/setup/check")
    async def check() -> Response:
        settings, choice = await ports.load_settings(), await load_app_choice()
        return await render_page(
            "setup/check.html",
            step="check",
            findings=[judge_public_url(settings), *await examine_entered(settings, ports.database)],
            is_complete=settings.has_github and settings.has_slack,
            app_url=(await load_choices()).get("app_url"),
            permissions=permissions_of(choice.profile, choice.options),
        )

    @blueprint.get("/setup/mode")
    async def mode() -> Response:
        settings = await ports.load_settings()
        if not (settings.has_github and settings.has_slack):
            return redirect_to("setup.enter")
        return await render_page(
            "setup/mode.html",
            step="mode",
            fixed=settings.ripe_mode if "ripe_mode" in ports.settings.model_fields_set else None,
            current=settings.ripe_mode if "finished_at" in await load_choices() else None,
            report=await load_shadow_report(ports.now()),
        )

    @blueprint.post("/setup/mode")
    async def finish() -> Response:
        settings, chosen = await ports.load_settings(), (await request.form).get("mode", "")
        if not (settings.has_github and settings.has_slack):
            back = url_for("setup.enter")
            return await render_refusal("GitHub and Slack have to be connected first.", 409, back)
        if chosen not in _MODES:
            return await render_refusal("Choose to go live or to stay in shadow.", 422, url_for("setup.mode"))
        await _finish(chosen, ports)
        return await _show_end(chosen, ports)


@write_transaction
async def _finish(mode: str, ports: SetupPorts) -> None:
    await save_choices({"ripe_mode": mode}, ports.now())
    await close_setup(ports.now())


async def _show_end(chosen: str, ports: SetupPorts) -> Response:
    settings = await ports.load_settings()  # RIPE_MODE in the environment wins over the choice
    log.info("the setup was finished", mode=settings.ripe_mode)
    response = await render_page(
        "setup/done.html", step="done", mode=settings.ripe_mode, chosen=chosen, address=settings.public_url
    )
    response.delete_cookie(COOKIE)
    return response
