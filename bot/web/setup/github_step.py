"""The GitHub step: a form takes the manifest to GitHub, and GitHub sends the browser back with a code."""

import json
from urllib.parse import quote

import structlog
from quart import Blueprint, Response, request, url_for

from bot.credentials import GITHUB_FIELDS, load_choices, save_choices
from bot.settings import Settings
from bot.web.html import render_page, render_refusal
from bot.web.one_time import StateRefusedError
from bot.web.setup.conversion import ConversionError, MadeApp, convert
from bot.web.setup.guard import current_session, redirect_to
from bot.web.setup.manifests import github_manifest
from bot.web.setup.passes import issue_state, spend_state
from bot.web.setup.ports import SetupPorts, load_app_choice, own_url
from jobq import write_transaction

log = structlog.get_logger()


def add_github_step(blueprint: Blueprint, ports: SetupPorts) -> None:
    """Add `/setup/github`, and `/setup/github/callback`, to which GitHub sends the browser back."""

    @blueprint.get("/setup/github")
    async def github() -> Response:
        settings, choice = await ports.load_settings(), await load_app_choice()
        if not choice.is_saved or (settings.public_url is None and not settings.github_poll):
            return redirect_to("setup.profile")
        manifest = github_manifest(
            settings.public_url, own_url(request, settings), choice.owner, choice.profile, choice.options
        )
        state = await issue_state(current_session(), ports.now())
        return await render_page(
            "setup/github.html",
            step="github",
            settings=settings,
            is_from_environment=ports.settings.has_github,
            action=_action(settings, choice.owner, state),
            manifest=json.dumps(manifest),
            readable_manifest=json.dumps(manifest, indent=2),
            app_url=(await load_choices()).get("app_url"),
        )

    @blueprint.get("/setup/github/callback")
    async def github_callback() -> Response:
        settings, back = await ports.load_settings(), url_for("setup.github")
        try:
            await spend_state(request.args.get("state", ""), current_session(), ports.now())
            made = await convert(settings.github_api_url, request.args.get("code", ""))
        except StateRefusedError as error:
            return await render_refusal(str(error), back=back)
        except ConversionError as error:
            log.warning("no GitHub App was set up", reason=str(error))
            return await render_refusal(str(error), 502, back)
        await _save(made, ports, settings)
        ports.webhook_secrets[:] = [made.webhook_secret] if made.webhook_secret else []
        log.info("a GitHub App was set up", app_id=made.id)
        return redirect_to("setup.github")


@write_transaction
async def _save(made: MadeApp, ports: SetupPorts, settings: Settings) -> None:
    now = ports.now()
    await ports.store.save(made.credentials(), now, [field.upper() for field in GITHUB_FIELDS])
    # The address becomes a link on our page, so it must lead to GitHub.
    is_on_github = made.html_url.startswith(f"{settings.github_web_url}/")
    await save_choices({"app_url": made.html_url if is_on_github else ""}, now)


def _action(settings: Settings, owner: str, state: str) -> str:
    page = f"organizations/{quote(owner, safe='')}/settings" if owner else "settings"
    return f"{settings.github_web_url}/{page}/apps/new?state={quote(state, safe='')}"
