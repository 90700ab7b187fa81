"""The GitHub App: a form takes the manifest to GitHub, and GitHub sends the browser back with a code."""

import json
from urllib.parse import quote

import structlog
from quart import Blueprint, Response, request, url_for

from bot.credentials import GITHUB_FIELDS, load_choices, save_choices
from bot.settings import Settings
from bot.web.setup.conversion import ConversionFailed, MadeApp, convert
from bot.web.setup.guard import current_session, go_to, refuse, show
from bot.web.setup.manifests import github_manifest
from bot.web.setup.parts import Parts, load_chosen, own_url
from bot.web.setup.passes import PassRefused, issue_state, spend_state
from jobq import write_transaction

log = structlog.get_logger()


def add_github_step(blueprint: Blueprint, parts: Parts) -> None:
    """`/setup/github`, and where GitHub sends the browser back to."""

    @blueprint.get("/setup/github")
    async def github() -> Response:
        settings, chosen = await parts.load_settings(), await load_chosen()
        if not chosen.is_saved or (settings.public_url is None and not settings.github_poll):
            return go_to("setup.profile")
        manifest = github_manifest(
            settings.public_url, own_url(request, settings), chosen.owner, chosen.profile, chosen.options
        )
        state = await issue_state(current_session(), parts.now())
        return await show(
            "github.html",
            step="github",
            settings=settings,
            is_from_environment=parts.settings.has_github,
            action=_action(settings, chosen.owner, state),
            manifest=json.dumps(manifest),
            shown=json.dumps(manifest, indent=2),
            app_url=(await load_choices()).get("app_url"),
        )

    @blueprint.get("/setup/github/callback")
    async def github_callback() -> Response:
        settings, back = await parts.load_settings(), url_for("setup.github")
        try:
            await spend_state(request.args.get("state", ""), current_session(), parts.now())
            made = await convert(settings.github_api_url, request.args.get("code", ""))
        except PassRefused as error:
            return await refuse(str(error), back=back)
        except ConversionFailed as error:
            log.warning("no GitHub App was set up", reason=str(error))
            return await refuse(str(error), 502, back)
        await _keep(made, parts, settings)
        parts.webhook_secrets[:] = [made.webhook_secret] if made.webhook_secret else []
        log.info("a GitHub App was set up", app_id=made.id)
        return go_to("setup.github")


@write_transaction
async def _keep(made: MadeApp, parts: Parts, settings: Settings) -> None:
    now = parts.now()
    await parts.store.save(made.credentials(), now, [field.upper() for field in GITHUB_FIELDS])
    # It becomes a link: one to GitHub and nowhere else.
    is_there = made.html_url.startswith(f"{settings.github_web_url}/")
    await save_choices({"app_url": made.html_url if is_there else ""}, now)


def _action(settings: Settings, owner: str, state: str) -> str:
    where = f"organizations/{quote(owner, safe='')}/settings" if owner else "settings"
    return f"{settings.github_web_url}/{where}/apps/new?state={quote(state, safe='')}"
