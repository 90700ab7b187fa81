"""Everything that Slack sends: authentic, then handed to Bolt."""

import re

import structlog
from pydantic import SecretStr
from quart import Blueprint, Response, request
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.signature import Clock, SignatureVerifier

from bot.slack.dispatch import Reception, dispatch

log = structlog.get_logger()

LARGEST_BODY = 1024 * 1024
URL_VERIFICATION = "url_verification"
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}", re.ASCII)


def slack_blueprint(reception: Reception, signing_secret: SecretStr) -> Blueprint:
    """`POST /slack/events`: events, commands and interactions alike, of every workspace."""
    blueprint = Blueprint("slack", __name__)
    verifier = SignatureVerifier(signing_secret.get_secret_value(), clock=Clock())

    @blueprint.post("/slack/events")
    async def accept() -> Response:
        request.max_content_length = LARGEST_BODY
        body = await request.get_data(cache=False, as_text=False, parse_form_data=False)
        timestamp = request.headers.get("X-Slack-Request-Timestamp", "")
        signature = request.headers.get("X-Slack-Signature", "")
        text = read_signed(body, timestamp, signature, verifier)
        if text is None:
            log.warning("a request of Slack refused", reason="signature")
            return Response("not signed with this app's signing secret, or too old\n", status=401)
        return await _dispatch(reception, text, request.headers.get("Content-Type", ""))

    @blueprint.after_app_serving
    async def finish() -> None:
        await reception.finish()

    return blueprint


def socket_mode_blueprint() -> Blueprint:
    """`/slack/events` where Slack is heard in Socket Mode: there is one way in, never two."""
    blueprint = Blueprint("slack", __name__)

    @blueprint.route("/slack/events", methods=["GET", "POST"])
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


async def _dispatch(reception: Reception, text: str, content_type: str) -> Response:
    try:
        # Only this header: Bolt obeys some that Slack never sends and nobody signs.
        asked = AsyncBoltRequest(body=text, headers={"content-type": content_type})
    except (ValueError, TypeError, AttributeError):
        # Bolt stumbles over JSON that is no object.
        return Response("not JSON\n", status=400)
    if (challenge := asked.body.get("challenge")) is not None and asked.body.get("type") == URL_VERIFICATION:
        # Asked of the address, in the name of no workspace.
        return Response(str(challenge), mimetype="text/plain")
    answer = await dispatch(reception, asked)
    return Response(answer.body, status=answer.status, headers=answer.first_headers_without_set_cookie())
