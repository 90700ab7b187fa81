"""Finds who answers what Slack sends: each workspace has listeners of its own, made when first needed."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import structlog
from slack_bolt.app.async_app import AsyncApp

from bot.model import WorkspaceId
from bot.slack.bolt import create_bolt
from bot.slack.gateway import SlackGateway, SlackOutcomeUnknown, SlackRefused
from bot.slack.listeners import Listeners
from bot.slack.store import find_workspace_of_team
from bot.slack.workspaces import SlackWorkspaces, TokenUnreadable, WorkspaceGone
from jobq import Postpone, is_transient, wait_without_cancelling

log = structlog.get_logger()

KNOWN_WITHIN = 0.5
"""Seconds that Postgres has to say whether anything changed; after that things are as they were last."""
UNKNOWN_WITHIN = 2.0
"""Seconds to find out about a workspace that this process has not met."""


class NotInTime(Exception):
    """Nobody can tell yet to which workspace a request belongs. Slack may ask again."""


class _Desk(NamedTuple):
    gateway: SlackGateway
    listeners: Listeners
    bolt: AsyncApp


class Reception:
    """`make_listeners` makes what answers the people of one workspace. `now` is the application's clock."""

    def __init__(
        self,
        workspaces: SlackWorkspaces,
        make_listeners: Callable[[WorkspaceId, SlackGateway], Listeners],
        now: Callable[[], datetime],
    ) -> None:
        self._workspaces = workspaces
        self._make_listeners = make_listeners
        self._now = now
        self._desks: dict[str, _Desk] = {}
        self._left: list[Listeners] = []
        self._looking: set[asyncio.Task[AsyncApp | None]] = set()

    async def find_bolt(self, team_id: str) -> AsyncApp | None:
        """What serves this team; None where Ripe is not, or not any more. Raises NotInTime.

        Slack waits three seconds, so a database that is slow must not keep a known workspace waiting.
        """
        known = self._desks.get(team_id)
        looking = asyncio.ensure_future(self._look(team_id))
        self._looking.add(looking)
        looking.add_done_callback(self._forget)
        within = UNKNOWN_WITHIN if known is None else KNOWN_WITHIN
        try:
            if await wait_without_cancelling(looking, within):
                return looking.result()
        except Exception as error:
            if known is None or not is_transient(error):
                raise
        if known is None:
            raise NotInTime
        return known.bolt

    async def finish(self) -> None:
        """Waits for what is still being sent."""
        for listeners in (*self._left, *(desk.listeners for desk in self._desks.values())):
            await listeners.finish()
        while self._looking:
            await asyncio.wait(set(self._looking))

    async def _look(self, team_id: str) -> AsyncApp | None:
        workspace = await find_workspace_of_team(team_id)
        if workspace is None and await self._learn_first():
            workspace = await find_workspace_of_team(team_id)
        if workspace is None:
            return None
        try:
            gateway = await self._workspaces.of(workspace.id)
        except WorkspaceGone:
            return None
        except TokenUnreadable as error:
            log.error(str(error))
            return None
        return self._desk(team_id, workspace.id, gateway).bolt

    async def _learn_first(self) -> bool:
        """Whether Slack could be asked which workspace the first one is, where nobody knows that yet."""
        if not await self._workspaces.is_first_unknown():
            return False
        try:
            await self._workspaces.learn_first(self._now())
        except SlackRefused as error:
            log.warning("Slack refuses SLACK_BOT_TOKEN", error=error.error)
            return False
        except (Postpone, SlackOutcomeUnknown) as error:
            raise NotInTime from error
        return True

    def _desk(self, team_id: str, workspace_id: WorkspaceId, gateway: SlackGateway) -> _Desk:
        known = self._desks.get(team_id)
        if known is not None and known.gateway is gateway:
            return known
        if known is not None:
            self._left.append(known.listeners)
        listeners = self._make_listeners(workspace_id, gateway)
        desk = self._desks[team_id] = _Desk(gateway, listeners, create_bolt(listeners))
        return desk

    def _forget(self, looking: "asyncio.Task[AsyncApp | None]") -> None:
        self._looking.discard(looking)
        if not looking.cancelled() and (error := looking.exception()) is not None:
            log.info("the workspace of a request was not found out", error=type(error).__name__)
