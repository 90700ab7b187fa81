"""Bolt, set up to acknowledge a request only after its work is done."""

import logging
from typing import Any

import structlog
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.response import BoltResponse

from bot.slack.listeners import SlackListeners
from bot.slack.router import WorkspaceRouter

log = structlog.get_logger()

MISTAKE = "Ripe made a mistake: nothing was saved. It is in Ripe's log; please tell an admin."


class SlackApp:
    """Everything behind `POST /slack/events` and Socket Mode: one Bolt app for all workspaces.

    Requests that are dispatched to `bolt` must be known to come from Slack: it checks no signature.
    """

    def __init__(self, router: WorkspaceRouter, listeners: SlackListeners) -> None:
        self._router = router
        self._listeners = listeners
        self.bolt = _create_bolt(router)
        listeners.register(self.bolt)

    async def finish(self) -> None:
        """Waits for answers that are still being sent."""
        await self._listeners.finish()
        await self._router.finish()


def _create_bolt(router: WorkspaceRouter) -> AsyncApp:
    # A logger of Bolt's own would take the root's level, and print at DEBUG the texts that people type.
    logger = logging.getLogger("slack_bolt")
    logger.addFilter(_is_worth_a_line)
    bolt = AsyncApp(
        name="ripe",
        logger=logger,
        before_authorize=router.route,
        authorize=_authorize,
        # The web route has verified the raw bytes, and Socket Mode uses a connection that we have opened.
        request_verification_enabled=False,
        # This would need a call to Slack to learn our own id; the listeners recognize our own events.
        ignoring_self_events_enabled=False,
        # Otherwise Bolt acknowledges an event before its listener runs, and a crash in between loses it.
        process_before_response=True,
    )
    bolt.error(_explain_mistake)
    return bolt


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    # Bolt warns that it ignores SLACK_BOT_TOKEN in the environment, which is right: see _authorize.
    return "will be ignored" not in record.getMessage()


async def _authorize(team_id: str | None) -> AuthorizeResult:
    # The listeners call Slack through the gateway of their workspace, so Bolt needs no token.
    return AuthorizeResult(enterprise_id=None, team_id=team_id)


async def _explain_mistake(error: Exception, body: dict[str, Any]) -> BoltResponse:
    log.error("a request of Slack failed", exc_info=error)
    if "command" in body:
        return BoltResponse(status=200, body={"response_type": "ephemeral", "text": MISTAKE})
    return BoltResponse(status=500, body="")
