"""`/reviews admin`: the admins of a workspace pause Ripe, resume it, and switch live and shadow mode."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from bot.actions.accounts import WORDS, answer_about_accounts, show_waiting
from bot.flows.catalog import remind_reviewer_job
from bot.flows.pausing import list_waiting_jobs
from bot.model import UserError, WorkspaceId
from bot.modes import Mode, ModeSwitch, Pause, begin_pause, end_pause, find_pause
from bot.reviews.store import list_open_request_ids_of_workspace
from bot.slack.commands import ADMIN_WORDS, AdminCommand
from bot.slack.errors import SlackOutcomeUnknownError, SlackRefusedError
from bot.slack.escape import disarm
from bot.slack.gateway import SlackUser
from bot.slack.messages import MOST_IN_NAME, Block, Rendered, button, plain_text, render_text
from bot.slack.tasks import BackgroundTasks
from bot.slack.times import describe_instant
from bot.slack.workspaces import ConnectedWorkspace
from jobq import Postpone, Queue, write_transaction

log = structlog.get_logger()

ADMIN = "admin"
"""The name of the buttons for admins. The value of each is a word of ADMIN_WORDS."""
_BUTTONS = {"pause": "Pause all", "resume": "Resume", "live": "Go live", "shadow": "Shadow mode"}
_CONFIRM = {
    "pause": ("Pause all?", "Nobody is asked for a review or reminded until an admin resumes.", "Pause"),
    "live": ("Go live?", "From now on reviewers are asked on GitHub and reminded in Slack.", "Go live"),
}
_MODES: Mapping[Mode, str] = {
    "live": "*Live*: Ripe asks reviewers on GitHub and reminds them in Slack.",
    "shadow": "*Shadow mode*: Ripe decides and records what it would do; nobody is asked or sent anything.",
}


SLACK_WITHIN = 0.8
"""Seconds that Slack has to say who asks. Together with Postgres's time, less than the three seconds that a
person waits for an answer."""
PAUSES_FOR = timedelta(days=1)
"""A confirmed admin may pause for so long while Slack does not answer: a pause harms nobody."""


class SilentSlackError(UserError):
    """Slack does not say in time who asks."""


@dataclass(frozen=True)
class AdminActions:
    """The commands for admins and owners of a workspace. `now` is the application's clock.

    The mode is that of the whole bot, so only the admins of the first workspace change it.
    """

    first_id: WorkspaceId
    switch: ModeSwitch
    queue: Queue
    now: Callable[[], datetime]
    tasks: BackgroundTasks = field(default_factory=BackgroundTasks)
    seen: dict[tuple[WorkspaceId, str], tuple[SlackUser, datetime]] = field(default_factory=dict)
    """The admins whom Slack confirmed to this process, and when."""

    async def check(self, workspace: ConnectedWorkspace, slack_user_id: str) -> SlackUser:
        """The admin or owner who asks. Raises UserError for anybody else, and if Slack does not say in time.

        Asks Slack each time, so it must not be called in a transaction.
        """
        look = await self.tasks.run(workspace.slack.find_user(slack_user_id), SLACK_WITHIN)
        try:
            user = look.result() if look.done() else None
        except (SlackRefusedError, SlackOutcomeUnknownError, Postpone):
            user = None
        else:
            if look.done() and (user is None or not user.is_admin):
                raise UserError("Only admins and owners of this Slack workspace can do that.")
        if user is None:
            raise SilentSlackError("Slack does not tell who you are: nothing was changed. Try again.")
        self.seen[workspace.id, slack_user_id] = (user, self.now())
        return user

    async def check_for(
        self, command: AdminCommand, workspace: ConnectedWorkspace, slack_user_id: str
    ) -> SlackUser:
        """The same, except that somebody who was an admin today may pause even while Slack hangs."""
        try:
            return await self.check(workspace, slack_user_id)
        except SilentSlackError:
            user, seen_at = self.seen.get((workspace.id, slack_user_id), (None, self.now()))
            if command.word != "pause" or user is None or self.now() - seen_at > PAUSES_FOR:
                raise
            return user

    async def check_first(self, workspace: ConnectedWorkspace, slack_user_id: str) -> SlackUser:
        """The same for what concerns the whole bot, which only admins of the first workspace decide."""
        admin = await self.check(workspace, slack_user_id)
        if workspace.id != self.first_id:
            raise UserError("Only admins of the Slack workspace that Ripe was set up with can do that.")
        return admin

    async def obey(self, workspace_id: WorkspaceId, admin: SlackUser, command: AdminCommand) -> Rendered:
        """Carries out an admin's command and shows the new state. Raises UserError."""
        match command.word:
            case "":
                pass
            case "pause":
                await self._pause(workspace_id, admin)
            case "resume":
                await self._resume(workspace_id, admin)
            case "live" | "shadow" as mode:
                await self._turn(workspace_id, admin, mode)
            case word if word.partition(" ")[0] in WORDS:
                verb, _, named = word.partition(" ")
                return await answer_about_accounts(
                    workspace_id, verb, named, admin.name, queue=self.queue, now=self.now()
                )
            case unknown:
                others = ("join", "accounts", "allow ACCOUNT", "refuse ACCOUNT", "invite-workspace")
                choices = " · ".join(f"`/reviews admin {word}`" for word in (*ADMIN_WORDS, *others))
                raise UserError(f"Ripe does not know “{disarm(unknown, 40)}”. Type one of: {choices}")
        return await self._describe_state(workspace_id, admin)

    async def show(self, workspace: ConnectedWorkspace, slack_user_id: str) -> list[Block]:
        """How things stand, with the buttons that change it; nothing for people who are no admins."""
        try:
            admin = await self.check(workspace, slack_user_id)
        except UserError:
            return []
        return list((await self._describe_state(workspace.id, admin)).blocks)

    async def _pause(self, workspace_id: WorkspaceId, admin: SlackUser) -> None:
        pause = Pause(
            workspace_id=workspace_id, paused_by=admin.id, paused_by_name=admin.name, paused_at=self.now()
        )
        if not await begin_pause(pause):
            raise UserError("Ripe was paused already. `/reviews admin` shows by whom.")
        log.warning("paused", workspace_id=workspace_id, by=admin.id)

    @write_transaction
    async def _resume(self, workspace_id: WorkspaceId, admin: SlackUser) -> None:
        pause = await end_pause(workspace_id, admin.id, admin.name, now := self.now())
        if pause is None:
            raise UserError("Ripe is not paused.")
        # Each reminder is decided anew, so it is sent only if it is due, in the person's hours and budget.
        requests = await list_open_request_ids_of_workspace(workspace_id)
        waiting = await list_waiting_jobs(pause, now)
        await self.queue.save_all([*map(remind_reviewer_job, requests), *waiting])
        log.warning("resumed", workspace_id=workspace_id, by=admin.id, open_requests=len(requests))

    async def _turn(self, workspace_id: WorkspaceId, admin: SlackUser, mode: Mode) -> None:
        if workspace_id != self.first_id:
            raise UserError("Whether Ripe is live is decided in the Slack workspace that it was set up with.")
        if self.switch.fixed is not None:
            raise UserError(
                f"RIPE_MODE={self.switch.fixed} is set where Ripe runs, and wins: change it there."
            )
        if (await self.switch.load()).mode == mode:
            raise UserError("Ripe is live already." if mode == "live" else "Ripe is in shadow mode already.")
        await self.switch.turn(mode, admin.name, self.now())
        log.warning("mode changed", mode=mode, by=admin.id)

    async def _describe_state(self, workspace_id: WorkspaceId, reader: SlackUser) -> Rendered:
        setting, pause = await self.switch.load(), await find_pause(workspace_id)
        text = _MODES[setting.mode]
        if setting.by is not None and setting.at is not None:
            text += f" Chosen by {self._describe(setting.by, setting.at, reader)}."
        if pause is not None:
            who = self._describe(pause.paused_by_name, pause.paused_at, reader)
            text = f"*Paused* by {who}: nobody is asked or reminded; what ends is still struck.\nThen: {text}"
        buttons = ["resume" if pause else "pause"]
        if workspace_id == self.first_id and self.switch.fixed is None:
            buttons.append("shadow" if setting.mode == "live" else "live")
        shown = render_text(text, *map(_button, buttons))
        return Rendered(blocks=(*shown.blocks, *await show_waiting(workspace_id)), text=shown.text)

    def _describe(self, name: str, at: datetime, reader: SlackUser) -> str:
        since = describe_instant(at, reader.zone or "UTC", self.now())
        return f"{disarm(name, MOST_IN_NAME)} since {since}"


def _button(word: str) -> Block:
    shown = button(_BUTTONS[word], f"{ADMIN}:{word}", word)
    if word not in _CONFIRM:
        return shown
    title, text, yes = map(plain_text, _CONFIRM[word])
    return {**shown, "confirm": {"title": title, "text": text, "confirm": yes, "deny": plain_text("Cancel")}}
