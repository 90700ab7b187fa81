"""`/reviews admin`: who runs a workspace stops Ripe, lets it go on, turns it on or into shadow mode."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog

from bot.flows.catalog import remind_reviewer_job
from bot.flows.pausing import list_waiting_jobs
from bot.model import UserError, WorkspaceId
from bot.modes import Mode, ModeSwitch, Pause, begin_pause, end_pause, find_pause
from bot.reviews.store import list_open_request_ids_of_workspace
from bot.slack.commands import ADMIN_WORDS, AdminCommand
from bot.slack.escape import disarm
from bot.slack.gateway import SlackOutcomeUnknown, SlackRefused, SlackUser
from bot.slack.messages import MOST_IN_NAME, Block, Rendered, button, plain_text, render_text
from bot.slack.times import describe_instant
from jobq import Postpone, Queue, write_transaction

log = structlog.get_logger()

ADMIN = "admin"
"""The buttons' name; their value is the word."""
_BUTTONS = {"pause": "Pause all", "resume": "Resume", "live": "Go live", "shadow": "Shadow mode"}
_CONFIRM = {
    "pause": ("Pause all?", "Nobody is asked for a review or reminded until an admin resumes.", "Pause"),
    "live": ("Go live?", "From now on reviewers are asked on GitHub and reminded in Slack.", "Go live"),
}
_MODES: Mapping[Mode, str] = {
    "live": "*Live*: Ripe asks reviewers on GitHub and reminds them in Slack.",
    "shadow": "*Shadow mode*: Ripe decides and records what it would do; nobody is asked or sent anything.",
}


class Slack(Protocol):
    """Who somebody is. Raises SlackRefused, Postpone or SlackOutcomeUnknown."""

    async def find_user(self, slack_user_id: str) -> SlackUser | None: ...


@dataclass(frozen=True)
class Office:
    """Where one workspace is run from. The mode is the whole bot's, so it is turned only in the first one."""

    workspace_id: WorkspaceId
    is_first: bool
    slack: Slack
    switch: ModeSwitch
    queue: Queue
    now: Callable[[], datetime]

    async def check(self, slack_user_id: str) -> SlackUser:
        """Who asks, an admin or owner. Asks Slack, so not for a transaction. Raises UserError."""
        try:
            user = await self.slack.find_user(slack_user_id)
        except (SlackRefused, SlackOutcomeUnknown, Postpone):
            raise UserError("Slack does not tell who you are: nothing was changed. Try again.") from None
        if user is None or not user.is_admin:
            raise UserError("Only admins and owners of this Slack workspace can do that.")
        return user

    async def obey(self, user: SlackUser, command: AdminCommand) -> Rendered:
        """Does what an admin asks, and shows how things stand. Raises UserError."""
        match command.word:
            case "":
                return await self._tell(user)
            case "pause":
                await self._pause(user)
            case "resume":
                await self._resume(user)
            case "live" | "shadow" as mode:
                await self._turn(mode, user)
            case unknown:
                words = " · ".join(f"`/reviews admin {word}`" for word in (*ADMIN_WORDS, "join"))
                raise UserError(f"Ripe does not know “{disarm(unknown, 40)}”. Type one of: {words}")
        return await self._tell(user)

    async def show(self, user: SlackUser) -> list[Block]:
        """How things stand, with the buttons that change it."""
        return list((await self._tell(user)).blocks)

    async def _pause(self, user: SlackUser) -> None:
        pause = Pause(
            workspace_id=self.workspace_id,
            paused_by=user.id,
            paused_by_name=user.name,
            paused_at=self.now(),
        )
        if not await begin_pause(pause):
            raise UserError("Ripe was paused already. `/reviews admin` shows by whom.")
        log.warning("paused", workspace_id=self.workspace_id, by=user.id)

    @write_transaction
    async def _resume(self, user: SlackUser) -> None:
        pause = await end_pause(self.workspace_id, user.id, user.name, now := self.now())
        if pause is None:
            raise UserError("Ripe is not paused.")
        # Each is decided anew: only what is still true is sent, within the person's hours and budget.
        requests = await list_open_request_ids_of_workspace(self.workspace_id)
        waiting = await list_waiting_jobs(pause, now)
        await self.queue.save_all([*map(remind_reviewer_job, requests), *waiting])
        log.warning("resumed", workspace_id=self.workspace_id, by=user.id, open_requests=len(requests))

    async def _turn(self, mode: Mode, user: SlackUser) -> None:
        if not self.is_first:
            raise UserError("Whether Ripe is live is decided in the Slack workspace that it was set up with.")
        if self.switch.fixed is not None:
            raise UserError(
                f"RIPE_MODE={self.switch.fixed} is set where Ripe runs, and wins: change it there."
            )
        if (await self.switch.load()).mode == mode:
            raise UserError("Ripe is live already." if mode == "live" else "Ripe is in shadow mode already.")
        await self.switch.turn(mode, user.name, self.now())
        log.warning("mode changed", mode=mode, by=user.id)

    async def _tell(self, user: SlackUser) -> Rendered:
        chosen, pause = await self.switch.load(), await find_pause(self.workspace_id)
        told = _MODES[chosen.mode]
        if chosen.by is not None and chosen.at is not None:
            told += f" Chosen by {self._describe(chosen.by, chosen.at, user)}."
        if pause is not None:
            who = self._describe(pause.paused_by_name, pause.paused_at, user)
            told = f"*Paused* by {who}: nobody is asked or reminded; what ends is still struck.\nThen: {told}"
        words = ["resume" if pause else "pause"]
        if self.is_first and self.switch.fixed is None:
            words.append("shadow" if chosen.mode == "live" else "live")
        return render_text(told, *map(_button, words))

    def _describe(self, name: str, at: datetime, reader: SlackUser) -> str:
        since = describe_instant(at, reader.zone or "UTC", self.now())
        return f"{disarm(name, MOST_IN_NAME)} since {since}"


def _button(word: str) -> Block:
    shown = button(_BUTTONS[word], f"{ADMIN}:{word}", word)
    if word not in _CONFIRM:
        return shown
    title, text, yes = map(plain_text, _CONFIRM[word])
    return {**shown, "confirm": {"title": title, "text": text, "confirm": yes, "deny": plain_text("Cancel")}}
