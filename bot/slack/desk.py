"""Answers people: who is asking, one effect each, and an honest sentence whatever happens."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from typing import Any, TypeVar

import structlog

from bot.clock import Clock
from bot.model import UserError, WorkspaceId
from bot.reviewers.model import Person
from bot.reviewers.store import find_person_by_slack_user
from bot.slack.effect import Effects, NotSaved, PerhapsSaved
from bot.slack.escape import disarm
from bot.slack.gateway import SlackGateway, SlackOutcomeUnknown, SlackRefused
from bot.slack.messages import Rendered, render_text
from jobq import Postpone, Queue

T = TypeVar("T")

log = structlog.get_logger()

NOT_SAVED = "Ripe could not reach its database: nothing was saved and nothing changed. Please try again."
PERHAPS_SAVED = (
    "Ripe's database did not answer in time, so Ripe cannot tell whether this was saved."
    " `/reviews` shows how things stand."
)
MISTAKE = "Ripe made a mistake: nothing was saved. It is in Ripe's log; please tell an admin."


class Stranger(UserError):
    """Somebody whom nobody connected to a GitHub account."""

    def __init__(self, slack_user_id: str) -> None:
        super().__init__(
            "Ripe does not know your GitHub account yet, so there is nothing it can do for you. An admin"
            " connects people with `ripe people import`; they need your GitHub login and your Slack id,"
            f" which is `{disarm(slack_user_id, 20)}`."
        )


class Desk:
    """What every request of Slack is served with."""

    def __init__(
        self,
        slack: SlackGateway,
        queue: Queue,
        clock: Clock,
        workspace_id: WorkspaceId,
        effects: Effects | None = None,
    ) -> None:
        self.slack = slack
        self.queue = queue
        self.workspace_id = workspace_id
        self._clock = clock
        self._effects = effects or Effects(workspace_id, clock)
        self._later: set[asyncio.Task[None]] = set()

    @property
    def now(self) -> datetime:
        return self._clock.now()

    async def serve(self, key: str, slack_user_id: str, act: Callable[[Person], Awaitable[T]]) -> T | None:
        """Does what a person asks for in one transaction; None if this very request was served before.

        Raises UserError (also for a stranger), whose text is for the person, when nothing was changed.
        """

        async def work() -> T:
            return await self.look(slack_user_id, act)

        return await self.effect(key, work)

    async def look(self, slack_user_id: str, act: Callable[[Person], Awaitable[T]]) -> T:
        """Shows a person something that may be shown again. Raises UserError for a stranger."""
        person = await find_person_by_slack_user(self.workspace_id, slack_user_id)
        if person is None:
            raise Stranger(slack_user_id)
        return await act(person)

    async def effect(self, key: str, work: Callable[[], Awaitable[T]]) -> T | None:
        """Likewise for what no person asks for."""
        try:
            return await self._effects.once(key, work)
        except NotSaved:
            log.warning("the database did not answer in time", key=key, saved=False)
            raise UserError(NOT_SAVED) from None
        except PerhapsSaved:
            log.warning("the database did not answer in time", key=key, saved=None)
            raise UserError(PERHAPS_SAVED) from None

    async def answer(
        self, key: str, slack_user_id: str, act: Callable[[Person], Awaitable[Rendered]]
    ) -> Rendered | None:
        """The same, where the answer is a message: every "no" becomes one."""
        try:
            return await self.serve(key, slack_user_id, act)
        except UserError as error:
            return render_text(str(error))

    def later(self, sending: Coroutine[Any, Any, object]) -> None:
        """Sends something to Slack after the request was answered. What was done does not depend on it."""
        task = asyncio.get_running_loop().create_task(self._send(sending))
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def finish(self) -> None:
        """Waits for what is still being sent."""
        while self._later:
            await asyncio.wait(set(self._later))

    async def _send(self, sending: Coroutine[Any, Any, object]) -> None:
        try:
            await sending
        except (SlackRefused, SlackOutcomeUnknown, Postpone) as error:
            log.warning("an answer did not reach Slack", error=f"{type(error).__name__}: {error}")
        except Exception:
            log.exception("an answer could not be made")
