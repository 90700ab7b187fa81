"""`/slack/install`: installs the app in one more Slack workspace, through Slack's own page.

It opens with the one-time link of an admin only: otherwise everybody could bring their workspace to this bot.

https://docs.slack.dev/authentication/installing-with-oauth
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import cast

import structlog
from quart import Blueprint, Response, redirect, request
from quart.typing import ResponseReturnValue

from bot.actions.enter import enter_workspace, prepare_to_enter, recognize_first_workspace
from bot.app import App
from bot.clock import Clock
from bot.credentials import find_cipher
from bot.model import UserError
from bot.settings import Settings
from bot.slack.errors import NotOneWorkspaceError, SlackOutcomeUnknownError, SlackRefusedError
from bot.slack.model import SlackInstallation
from bot.slack.oauth import authorize_url, exchange_code
from bot.slack.scopes import OPTIONAL_SCOPES, REQUIRED_SCOPES
from bot.slack.workspaces import SlackWorkspaces
from bot.web.html import forbid_foreign_content, render_page, render_refusal
from bot.web.one_time import StateRefusedError
from bot.web.states import SealedStates, find_browser, make_browser, remember_browser
from bot.web.workspace_link import check_invite, missing_settings, spend_invite
from jobq import Postpone, Queue, current_database, utc_now

log = structlog.get_logger()

PURPOSE = "slack_install"
LONGEST_CODE = 512
"""Characters; Slack's codes have about a hundred."""


def slack_install_blueprint(
    settings: Settings, workspaces: SlackWorkspaces, queue: Queue, clock: Clock
) -> Blueprint:
    """`/slack/install`, and `/slack/oauth_redirect`, to which Slack sends the browser back."""
    blueprint = Blueprint(
        "slack_install",
        __name__,
        template_folder="setup/templates",
        static_folder="setup/static",
        static_url_path="/slack_install/static",
    )

    @blueprint.get("/slack/install")
    async def install() -> ResponseReturnValue:
        if missing := missing_settings(settings):
            return await _refuse_until_set(missing)
        try:
            # Not spent yet: programs that preview links open it as well.
            await check_invite(invite := request.args.get("invite", ""), utc_now())
        except StateRefusedError as error:
            return await render_refusal(str(error))
        return _send_to_slack(settings, invite)

    @blueprint.get("/slack/oauth_redirect")
    async def come_back() -> ResponseReturnValue:
        if missing := missing_settings(settings):
            return await _refuse_until_set(missing)
        try:
            states, state, browser = _states(settings), request.args.get("state", ""), find_browser(request)
            invite = await states.check(PURPOSE, state, browser, utc_now())
            await check_invite(invite, utc_now())
            await prepare_to_enter(workspaces, queue=queue, now=clock.now())
            installation = await _exchange(settings)
            # Only now: until Slack has taken the code, this may be anybody, for whom nothing is stored.
            async with current_database().transaction():
                await states.spend(PURPOSE, state, browser, utc_now())
                await spend_invite(invite, utc_now())
                await enter_workspace(installation, workspaces, queue=queue, now=clock.now())
        except UserError as error:
            log.info("Slack installation refused", reason=str(error))
            return await render_refusal(f"{error} Nothing was installed.")
        return await render_page("setup/workspace.html", team=installation.grant.team)

    @blueprint.after_request
    async def protect(response: Response) -> Response:
        response.headers["Cache-Control"] = "no-store"
        return forbid_foreign_content(response, settings.github_web_url)

    return blueprint


def _send_to_slack(settings: Settings, invite: str) -> Response:
    """To Slack's page, with a state that only this browser can bring back."""
    browser = make_browser(request)
    state = _states(settings).issue(PURPOSE, utc_now(), browser=browser, invite=invite)
    url = authorize_url(
        settings.slack_api_url,
        settings.slack_client_id or "",
        {*REQUIRED_SCOPES, *OPTIONAL_SCOPES},
        _redirect_uri(settings),
        state,
    )
    is_secure = _redirect_uri(settings).startswith("https://")
    return remember_browser(cast(Response, redirect(url, 303)), browser, is_secure=is_secure)


@asynccontextmanager
async def recognizing_first_workspace(app: App) -> AsyncIterator[None]:
    """While the block runs, ask Slack which workspace SLACK_BOT_TOKEN belongs to. Nothing waits for it."""
    asking = asyncio.create_task(_recognize(app))
    try:
        yield
    finally:
        asking.cancel()
        await asyncio.wait({asking})


async def _recognize(app: App) -> None:
    try:
        await recognize_first_workspace(app.workspaces, queue=app.queue, now=app.clock.now())
    except SlackRefusedError as error:
        log.warning("Slack refuses SLACK_BOT_TOKEN", error=error.error)
    except (SlackOutcomeUnknownError, Postpone) as error:
        # Harmless: the first request from Slack asks again.
        log.info("no answer yet to which workspace SLACK_BOT_TOKEN belongs", error=type(error).__name__)
    except Exception:
        log.exception("could not look up the workspace of SLACK_BOT_TOKEN")


async def _exchange(settings: Settings) -> SlackInstallation:
    if (error := request.args.get("error")) is not None:
        raise UserError("Slack says that it was cancelled." if error == "access_denied" else "Slack says no.")
    code = request.args.get("code", "")
    if not code or len(code) > LONGEST_CODE or settings.slack_client_secret is None:
        raise UserError("Slack sent no code.")
    try:
        return await exchange_code(
            settings.slack_api_url,
            settings.slack_client_id or "",
            settings.slack_client_secret,
            code,
            _redirect_uri(settings),
        )
    except SlackRefusedError as error:
        raise UserError(f"Slack does not accept its code ({error}). Begin again.") from error
    except SlackOutcomeUnknownError as error:
        raise UserError("Slack gave no answer. Begin again.") from error
    except NotOneWorkspaceError:
        raise UserError("Ripe is installed in one workspace at a time, not in an organization.") from None


async def _refuse_until_set(missing: Sequence[str]) -> Response:
    return await render_refusal(f"Not set up for this: {', '.join(missing)} must be set first.", 404)


def _states(settings: Settings) -> SealedStates:
    cipher = find_cipher(settings)
    if cipher is None:
        raise UserError("SECRET_KEYS must be set first.")
    return SealedStates(cipher)


def _redirect_uri(settings: Settings) -> str:
    return f"{settings.public_url}/slack/oauth_redirect"
