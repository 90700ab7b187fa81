"""Slack's requests: their signature is checked, then Bolt serves them."""

import re

import structlog
from pydantic import SecretStr
from quart import Blueprint, Response, request
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.signature import Clock, SignatureVerifier

from bot.actions.admin import AdminActions
from bot.actions.person import PersonActions
from bot.app import App
from bot.slack.bolt import SlackApp
from bot.slack.effect import OncePerRequest
from bot.slack.listeners import SlackListeners
from bot.slack.router import WorkspaceRouter
from bot.web.identity.invite import make_invite

log = structlog.get_logger()

PATH = "/slack/events"
LARGEST_BODY = 1024 * 1024
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}", re.ASCII)


def create_slack_app(app: App) -> SlackApp:
    """The Slack side of a running bot."""
    admins = AdminActions(app.workspace_id, app.switch, app.queue, app.clock.now)
    once, invite = OncePerRequest(app.clock), make_invite(app.settings)
    actions = PersonActions(app.queue, app.clock, once, admins, invite)
    return SlackApp(WorkspaceRouter(app.workspaces, app.clock.now), SlackListeners(actions))


def slack_blueprint(slack: SlackApp, signing_secret: SecretStr) -> Blueprint:
    """`POST /slack/events`: events, commands and interactions of every workspace."""
    blueprint = Blueprint("slack", __name__)
    verifier = SignatureVerifier(signing_secret.get_secret_value(), clock=Clock())

    @blueprint.post(PATH)
    async def accept() -> Response:
        body = await request.get_data(cache=False, as_text=False, parse_form_data=False)
        timestamp = request.headers.get("X-Slack-Request-Timestamp", "")
        signature = request.headers.get("X-Slack-Signature", "")
        text = read_signed(body, timestamp, signature, verifier)
        if text is None:
            log.warning("a request of Slack refused", reason="signature")
            return Response("not signed with this app's signing secret, or too old\n", status=401)
        try:
            # No other header: Bolt obeys some that Slack never sends and does not sign.
            content_type = request.headers.get("Content-Type", "")
            slack_request = AsyncBoltRequest(body=text, headers={"content-type": content_type})
        except (ValueError, TypeError, AttributeError):
            # Bolt fails on JSON that is not an object.
            return Response("not JSON\n", status=400)
        answer = await slack.bolt.async_dispatch(slack_request)
        return Response(answer.body, status=answer.status, headers=answer.first_headers_without_set_cookie())

    @blueprint.after_app_serving
    async def finish() -> None:
        await slack.finish()

    return blueprint


def socket_mode_blueprint() -> Blueprint:
    """`/slack/events` where Slack is heard in Socket Mode: there is one way in, never two."""
    blueprint = Blueprint("slack", __name__)

    @blueprint.route(PATH, methods=["GET", "POST"])
    async def refuse() -> Response:
        return Response("Not here: with SLACK_APP_TOKEN this bot hears Slack in Socket Mode.\n", status=404)

    return blueprint


def read_signed(body: bytes, timestamp: str, signature: str, verifier: SignatureVerifier) -> str | None:
    """The body as text, if Slack signed it in the last five minutes; else None, whatever is wrong with it.

    https://docs.slack.dev/authentication/verifying-requests-from-slack
    """
    # The verifier raises on a timestamp that is no number and on text that is not ASCII or not UTF-8.
    if not _TIMESTAMP.fullmatch(timestamp) or not _SIGNATURE.fullmatch(signature):
        return None
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if verifier.is_valid(text, timestamp, signature) else None
