"""Bolt, set up so that nothing is acknowledged before it is done, and nobody is asked who it is."""

import logging
from typing import Any

import structlog
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.response import BoltResponse

from bot.slack.listeners import Listeners

log = structlog.get_logger()

MISTAKE = "Ripe made a mistake: nothing was saved. It is in Ripe's log; please tell an admin."


class _SaysNothingNew(logging.Filter):
    """Bolt warns that it will not use a token it finds in the environment. It must not: see _authorize."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "will be ignored" not in record.getMessage()


def create_bolt(listeners: Listeners) -> AsyncApp:
    """What is behind `POST /slack/events` and Socket Mode. Whoever dispatches has made sure it is Slack."""
    # One of its own would take the root's level, and print at DEBUG what people typed.
    logger = logging.getLogger("slack_bolt")
    logger.addFilter(_SaysNothingNew())
    bolt = AsyncApp(
        name="ripe",
        logger=logger,
        authorize=_authorize,
        # The web route has checked the raw bytes; a socket is one that we opened.
        request_verification_enabled=False,
        # It would have to ask Slack who we are; listeners tell our own events apart.
        ignoring_self_events_enabled=False,
        # Without this an event is acknowledged before its listener runs, and lost if we die meanwhile.
        process_before_response=True,
    )
    bolt.error(_explain_mistake)
    listeners.register(bolt)
    return bolt


async def _authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
    # Listeners use our gateway and its token, so there is nothing to look up.
    return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id)


async def _explain_mistake(error: Exception, body: dict[str, Any]) -> BoltResponse:
    log.error("a request of Slack failed", exc_info=error)
    if "command" in body:
        return BoltResponse(status=200, body={"response_type": "ephemeral", "text": MISTAKE})
    return BoltResponse(status=500, body="")
