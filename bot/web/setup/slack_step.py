"""The Slack app: made by the person from a prefilled page; its token and secret are entered here."""

import json

import structlog
from pydantic import SecretStr
from quart import Blueprint, Response, request

from bot.credentials import SLACK_FIELDS
from bot.settings import Settings
from bot.slack.gateway import SlackGateway, SlackOutcomeUnknown, SlackRefused
from bot.web.setup.guard import go_to, show
from bot.web.setup.manifests import slack_link, slack_manifest
from bot.web.setup.parts import Parts
from jobq import Postpone

log = structlog.get_logger()

ANSWERS_WITHIN = 5.0
"""Seconds."""
LONGEST_CHALLENGE = 200


def add_slack_step(blueprint: Blueprint, parts: Parts) -> None:
    """`/setup/slack` and the manifest as a file."""

    @blueprint.get("/setup/slack")
    async def slack() -> Response:
        settings = await parts.load_settings()
        if settings.public_url is None:
            return go_to("setup.profile")
        return await _show_form(parts, settings, settings.public_url)

    @blueprint.get("/setup/slack/manifest.json")
    async def slack_manifest_file() -> Response:
        settings = await parts.load_settings()
        if settings.public_url is None:
            return go_to("setup.profile")
        text = json.dumps(slack_manifest(settings.public_url), indent=2)
        disposition = {"Content-Disposition": 'attachment; filename="ripe-slack-manifest.json"'}
        return Response(text, mimetype="application/json", headers=disposition)

    @blueprint.post("/setup/slack")
    async def enter_slack() -> Response:
        settings, form = await parts.load_settings(), await request.form
        entered = {
            name: SecretStr(form.get(name.lower(), "").strip())
            for name in (field.upper() for field in SLACK_FIELDS)
            if form.get(name.lower(), "").strip()
        }
        wrong = await _try(entered, settings)
        if wrong is not None:
            return await _show_form(parts, settings, settings.public_url or "", wrong)
        await parts.store.save(entered, parts.now(), [field.upper() for field in SLACK_FIELDS])
        log.info("a Slack app was set up")
        return go_to("setup.check")


async def _show_form(parts: Parts, settings: Settings, public_url: str, wrong: str = "") -> Response:
    return await show(
        "slack.html",
        status=422 if wrong else 200,
        step="slack",
        settings=settings,
        is_from_environment=parts.settings.has_slack,
        link=slack_link(public_url),
        shown=json.dumps(slack_manifest(public_url), indent=2),
        wrong=wrong,
    )


async def _try(entered: dict[str, SecretStr], settings: Settings) -> str | None:
    """What is wrong with it, in words. What Slack lets the token do is told in the next step."""
    token = entered.get("SLACK_BOT_TOKEN", SecretStr(""))
    if not token.get_secret_value().startswith("xoxb-"):
        return "The bot token begins with xoxb-. It is under OAuth & Permissions, once the app is installed."
    if "SLACK_SIGNING_SECRET" not in entered:
        return "The signing secret is missing. It is under Basic Information, App Credentials."
    slack = SlackGateway(token, settings.slack_api_url, timeout=ANSWERS_WITHIN)
    try:
        await slack.load_grant()
    except SlackRefused as error:
        return f"Slack refuses this bot token: {error}. Nothing was saved."
    except (Postpone, SlackOutcomeUnknown):
        return f"Slack gives no answer at {settings.slack_api_url}. Nothing was saved; try again."
    finally:
        await slack.close()
    return None


def challenge_blueprint() -> Blueprint:
    """Slack tries the address in the manifest before anybody can have told us its signing secret."""
    blueprint = Blueprint("slack_challenge", __name__)

    @blueprint.post("/slack/events")
    async def answer() -> Response:
        request.max_content_length = LONGEST_CHALLENGE * 10
        asked = await request.get_json(force=True, silent=True)
        challenge = asked.get("challenge") if isinstance(asked, dict) else None
        if not isinstance(challenge, str) or len(challenge) > LONGEST_CHALLENGE:
            return Response("the setup is not finished\n", status=503, headers={"Retry-After": "60"})
        return Response(challenge, mimetype="text/plain", headers={"X-Content-Type-Options": "nosniff"})

    return blueprint
