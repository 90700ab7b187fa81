"""Gives each job the Slack of its workspace (none in shadow mode), and makes it wait during a pause."""

from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bot.clock import Clock
from bot.flows import outbox
from bot.flows.catalog import SUBJECT
from bot.flows.pausing import find_wait
from bot.model import Value, WorkspaceId
from bot.modes import Mode, ModeSwitch
from bot.slack.errors import WorkspaceGoneError
from bot.slack.gateway import SlackGateway
from bot.slack.model import SlackWorkspace
from bot.slack.workspaces import SlackWorkspaces
from jobq import ClaimedJob, Discard, Handler, HandlerResult, Postpone, current_database

FIND = Path(__file__).with_name("in_workspace.sql").read_text()


class SendingHandler(Protocol):
    """A job that sends. `slack` is None in shadow mode."""

    def __call__(self, job: ClaimedJob, *, slack: outbox.Slack | None) -> Awaitable[HandlerResult]: ...


class AssigningHandler(Protocol):
    """A job that asks people on GitHub, but not in shadow mode."""

    def __call__(self, job: ClaimedJob, *, is_live: bool) -> Awaitable[HandlerResult]: ...


@dataclass(frozen=True)
class _Outlet:
    """Where a job's messages go: to Slack or, in shadow mode, nowhere."""

    workspace_id: WorkspaceId
    slack: SlackGateway | None
    is_paused: bool


@dataclass(frozen=True)
class InWorkspace:
    """Wraps handlers, so that each job runs with what is true of its workspace when it starts.

    A job is discarded if the row that it is about is gone, or Ripe is gone from its workspace.
    """

    workspaces: SlackWorkspaces
    switch: ModeSwitch
    clock: Clock

    def send(self, handler: SendingHandler) -> Handler:
        """Runs `handler` with the Slack of the job's workspace, even during a pause."""

        async def run(job: ClaimedJob) -> HandlerResult:
            outlet = await self._find_outlet(job)
            return await handler(job, slack=outlet.slack)

        return run

    def send_unless_paused(self, handler: SendingHandler) -> Handler:
        """Like `send`, for a job that can wait until the pause ends."""

        async def run(job: ClaimedJob) -> HandlerResult:
            outlet = await self._find_outlet(job)
            return await self._wait(outlet) or await handler(job, slack=outlet.slack)

        return run

    def assign_unless_paused(self, handler: AssigningHandler) -> Handler:
        """For a job that sends nothing in Slack, but asks people who are reminded there."""

        async def run(job: ClaimedJob) -> HandlerResult:
            outlet = await self._find_outlet(job)
            return await self._wait(outlet) or await handler(job, is_live=outlet.slack is not None)

        return run

    async def _wait(self, outlet: _Outlet) -> Postpone | None:
        if not outlet.is_paused:
            return None
        until = await find_wait(outlet.workspace_id, self.clock.now())
        return None if until is None else Postpone(until, "the workspace is paused")

    async def _find_outlet(self, job: ClaimedJob) -> _Outlet:
        job_workspace = await find_workspace_of(job)
        if job_workspace is None:
            raise Discard("what it is about is gone")
        try:
            connected = self.workspaces.connect(job_workspace.workspace)
        except WorkspaceGoneError as error:
            raise Discard(str(error)) from error
        is_live = self.switch.resolve(job_workspace.chosen_mode) == "live"
        return _Outlet(connected.id, connected.slack if is_live else None, job_workspace.is_paused)


class JobWorkspace(Value):
    """A job's workspace. `chosen_mode` is what an admin chose for the whole bot, if anybody did."""

    workspace: SlackWorkspace
    chosen_mode: Mode | None
    is_paused: bool


async def find_workspace_of(job: ClaimedJob) -> JobWorkspace | None:
    """None if the row that the job is about is gone. Raises KeyError for a job type without a subject."""
    subject = SUBJECT[job.job_type]
    row = await current_database().fetchrow(FIND, subject.kind, job.arguments[subject.argument])
    if row is None:
        return None
    fields = dict(row)
    chosen_mode, is_paused = fields.pop("chosen_mode"), fields.pop("is_paused")
    workspace = SlackWorkspace.model_validate(fields)
    return JobWorkspace(workspace=workspace, chosen_mode=chosen_mode, is_paused=is_paused)
