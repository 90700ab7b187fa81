"""The Slack step: the person makes the app on Slack's prefilled page and enters its secrets here."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from pydantic import SecretStr
from quart import Blueprint, Response, request

from bot.credentials import SLACK_FIELDS
from bot.settings import Settings
from bot.slack.errors import SlackOutcomeUnknownError, SlackRefusedError
from bot.slack.gateway import SlackGateway
from bot.web.html import render_page
from bot.web.setup.guard import redirect_to
from bot.web.setup.manifests import slack_link, slack_manifest, socket_manifest
from bot.web.setup.ports import SetupPorts
from jobq import Postpone

log = structlog.get_logger()

ANSWERS_WITHIN = 5.0
"""Seconds."""
LONGEST_CHALLENGE = 200
"""Characters."""
LARGEST_CHALLENGE = 2000
"""Bytes of the body that brings it."""


def add_slack_step(blueprint: Blueprint, ports: SetupPorts) -> None:
    """Add `/setup/slack`, and the manifests as files."""

    @blueprint.get("/setup/slack")
    async def slack() -> Response:
        settings = await ports.load_settings()
        if settings.public_url is None and not settings.github_poll:
            return redirect_to("setup.profile")
        return await _show_form(ports, settings)

    @blueprint.get("/setup/slack/manifest.json")
    async def slack_manifest_file() -> Response:
        settings = await ports.load_settings()
        if settings.public_url is None:
            return redirect_to("setup.profile")
        return _as_file(slack_manifest(settings.public_url), "ripe-slack-manifest.json")

    @blueprint.get("/setup/slack/socket-manifest.json")
    async def socket_manifest_file() -> Response:
        settings = await ports.load_settings()
        return _as_file(socket_manifest(settings.public_url), "ripe-slack-socket-manifest.json")

    @blueprint.post("/setup/slack")
    async def enter_slack() -> Response:
        settings, form = await ports.load_settings(), await request.form
        entered = {
            name: SecretStr(form.get(name.lower(), "").strip())
            for name in (field.upper() for field in SLACK_FIELDS)
            if form.get(name.lower(), "").strip()
        }
        problem = await _find_problem(entered, settings)
        if problem is not None:
            return await _show_form(ports, settings, problem)
        await ports.store.save(entered, ports.now(), [field.upper() for field in SLACK_FIELDS])
        log.info("a Slack app was set up")
        return redirect_to("setup.check")


def _as_file(manifest: Mapping[str, Any], name: str) -> Response:
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(json.dumps(manifest, indent=2), mimetype="application/json", headers=disposition)


async def _show_form(ports: SetupPorts, settings: Settings, problem: str = "") -> Response:
    in_socket_mode = socket_manifest(settings.public_url)
    manifest = slack_manifest(settings.public_url) if settings.public_url else in_socket_mode
    return await render_page(
        "setup/slack.html",
        status=422 if problem else 200,
        step="slack",
        settings=settings,
        is_from_environment=ports.settings.has_slack,
        link=slack_link(manifest),
        socket_link=slack_link(in_socket_mode),
        readable_manifest=json.dumps(manifest, indent=2),
        problem=problem,
    )


async def _find_problem(entered: Mapping[str, SecretStr], settings: Settings) -> str | None:
    """The first error in the credentials; None if Slack accepts them. The next step checks their scopes."""
    token, app_token = (entered.get(name, SecretStr("")) for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"))
    if not token.get_secret_value().startswith("xoxb-"):
        return "The bot token begins with xoxb-. It is under OAuth & Permissions, once the app is installed."
    if "SLACK_APP_TOKEN" not in entered:
        if "SLACK_SIGNING_SECRET" not in entered:
            return "The signing secret is missing. It is under Basic Information, App Credentials."
    elif not app_token.get_secret_value().startswith("xapp-"):
        return "The app-level token begins with xapp-. It is under Basic Information, App-Level Tokens."
    problem = await _try_token(token, settings, "bot token", SlackGateway.load_grant)
    if problem is None and "SLACK_APP_TOKEN" in entered:
        return await _try_token(app_token, settings, "app-level token", SlackGateway.try_socket_mode)
    return problem


async def _try_token(
    token: SecretStr, settings: Settings, name: str, call: Callable[[SlackGateway], Awaitable[object]]
) -> str | None:
    """Why Slack does not take this token, if it does not."""
    slack = SlackGateway(token, settings.slack_api_url, timeout=ANSWERS_WITHIN)
    try:
        await call(slack)
    except SlackRefusedError as error:
        return f"Slack refuses this {name}: {error}. Nothing was saved."
    except (Postpone, SlackOutcomeUnknownError):
        return f"Slack gives no answer at {settings.slack_api_url}. Nothing was saved; try again."
    finally:
        await slack.close()
    return None


def challenge_blueprint() -> Blueprint:
    """`/slack/events` during the setup: it echoes the challenge with which Slack tries a new address.

    Slack sends it as soon as the app is made, before a person can enter the signing secret here.
    """
    blueprint = Blueprint("slack_challenge", __name__)

    @blueprint.post("/slack/events")
    async def answer() -> Response:
        body = await request.get_json(force=True, silent=True)
        challenge = body.get("challenge") if isinstance(body, dict) else None
        if not isinstance(challenge, str) or len(challenge) > LONGEST_CHALLENGE or not challenge.isascii():
            return Response("the setup is not finished\n", status=503, headers={"Retry-After": "60"})
        return Response(challenge, mimetype="text/plain", headers={"X-Content-Type-Options": "nosniff"})

    return blueprint
