"""Hands what Slack sends, whichever way it came, to the listeners of its workspace."""

from typing import Protocol

import structlog
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from bot.slack.reception import NotInTime

log = structlog.get_logger()


class Reception(Protocol):
    """Who answers whom: see bot.slack.reception."""

    async def find_bolt(self, team_id: str) -> AsyncApp | None:
        """What serves this team; None where Ripe is not. Raises NotInTime."""

    async def finish(self) -> None:
        """Waits for what is still being sent."""


async def dispatch(reception: Reception, asked: AsyncBoltRequest) -> BoltResponse:
    """The listeners' answer, once they have done what is asked. Any status but 200: nothing was done."""
    team_id = asked.context.team_id
    if team_id is None and "ssl_check" in asked.body:
        return BoltResponse(status=200)
    try:
        bolt = await reception.find_bolt(team_id) if team_id else None
    except NotInTime:
        return BoltResponse(
            status=503, body="it is not known yet whose this is\n", headers={"Retry-After": "5"}
        )
    if bolt is None:
        # Not an error: Slack would send it again, and again, and then switch events off.
        log.warning("a request of Slack from a workspace without Ripe", team_id=team_id)
        return BoltResponse(status=200)
    return await bolt.async_dispatch(asked)
