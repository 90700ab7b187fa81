"""Finds the workspace that a request of Slack comes from."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

import structlog
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.response import BoltResponse

from bot.slack.errors import (
    NotInTimeError,
    SlackOutcomeUnknownError,
    SlackRefusedError,
    TokenUnreadableError,
    WorkspaceGoneError,
)
from bot.slack.store import find_workspace_of_team
from bot.slack.tasks import BackgroundTasks
from bot.slack.workspaces import ConnectedWorkspace, SlackWorkspaces
from jobq import Postpone, is_transient

log = structlog.get_logger()

KNOWN_WITHIN = 0.5
"""Seconds that Postgres has to say whether a workspace has changed. After that its last state is used."""
UNKNOWN_WITHIN = 2.0
"""Seconds that Postgres has to find a workspace that this process has not met yet."""


class WorkspaceRouter:
    """Looks a team up in Postgres with every request, so a token that was replaced or deleted counts at once.

    `now` is the application's clock.
    """

    def __init__(self, workspaces: SlackWorkspaces, now: Callable[[], datetime]) -> None:
        self._workspaces = workspaces
        self._now = now
        self._known: dict[str, ConnectedWorkspace] = {}
        self._tasks = BackgroundTasks()

    async def route(
        self, body: Mapping[str, Any], context: AsyncBoltContext, next_: Callable[[], Awaitable[None]]
    ) -> BoltResponse | None:
        """Bolt's first middleware: gives each listener the `workspace` of its request.

        Not done in Bolt's `authorize`, which is left out when the app is uninstalled.
        """
        if body.get("type") != "url_verification":
            team_id = context.team_id
            try:
                workspace = await self.find(team_id) if team_id else None
            except NotInTimeError:
                text = "the workspace of this request cannot be found now\n"
                return BoltResponse(status=503, body=text, headers={"Retry-After": "5"})
            if workspace is None:
                # Slack would repeat a request that was answered with an error, and then switch events off.
                log.warning("a request of Slack from a workspace without Ripe", team_id=team_id)
                return BoltResponse(status=200)
            context["workspace"] = workspace
        await next_()
        return None

    async def find(self, team_id: str) -> ConnectedWorkspace | None:
        """The workspace with this id in Slack, None if Ripe is not installed there. Raises NotInTimeError.

        Slack waits three seconds, so a slow database must not hold up a workspace that is known already.
        """
        last = self._known.get(team_id)
        look = await self._tasks.run(self._look(team_id), UNKNOWN_WITHIN if last is None else KNOWN_WITHIN)
        try:
            if look.done():
                return look.result()
        except Exception as error:
            if not is_transient(error):
                raise
        if last is None:
            raise NotInTimeError
        return last

    async def finish(self) -> None:
        """Waits for look-ups that were too late for their requests."""
        await self._tasks.finish()

    async def _look(self, team_id: str) -> ConnectedWorkspace | None:
        workspace = await find_workspace_of_team(team_id)
        if workspace is None and await self._learn_first():
            workspace = await find_workspace_of_team(team_id)
        if workspace is None:
            return None
        try:
            connected = self._workspaces.connect(workspace)
        except WorkspaceGoneError:
            return None
        except TokenUnreadableError as error:
            log.error(str(error))
            return None
        self._known[team_id] = connected
        return connected

    async def _learn_first(self) -> bool:
        """Asks Slack which workspace SLACK_BOT_TOKEN belongs to, unless that is known. True if Slack said."""
        if not await self._workspaces.is_first_unknown():
            return False
        try:
            await self._workspaces.learn_first(self._now())
        except SlackRefusedError as error:
            log.warning("Slack refuses SLACK_BOT_TOKEN", error=error.error)
            return False
        except (Postpone, SlackOutcomeUnknownError) as error:
            raise NotInTimeError from error
        return True
