"""Gives each job the Slack of the workspace whose row it is about. Of one that is gone nothing is done."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol

from pydantic import BaseModel

from bot.clock import Clock
from bot.flows import outbox
from bot.flows.pausing import find_wait
from bot.model import InstallationId, PersonId, PullRequestId, RequestId, WorkspaceId
from bot.modes import ModeSwitch
from bot.slack.errors import WorkspaceGoneError
from bot.slack.gateway import SlackGateway
from bot.slack.workspaces import SlackWorkspaces
from jobq import ClaimedJob, Discard, HandlerResult, Postpone, current_database


class SendingHandler(Protocol):
    """A job that sends. `slack` is None in shadow mode."""

    def __call__(self, job: ClaimedJob, *, slack: outbox.Slack | None) -> Awaitable[HandlerResult]: ...


class AssigningHandler(Protocol):
    """A job that asks people on GitHub, but not in shadow mode."""

    def __call__(self, job: ClaimedJob, *, is_live: bool) -> Awaitable[HandlerResult]: ...


class _Subject(BaseModel):
    """Of whichever of these a job is about; the first one says whose it is."""

    request_id: RequestId | None = None
    pull_request_id: PullRequestId | None = None
    person_id: PersonId | None = None
    installation_id: InstallationId | None = None


@dataclass(frozen=True)
class InWorkspace:
    """Finds each job's workspace, and whether anything leaves it just now."""

    workspaces: SlackWorkspaces
    switch: ModeSwitch
    clock: Clock

    async def send(self, job: ClaimedJob, *, handler: SendingHandler) -> HandlerResult:
        """Runs `handler` with the Slack of the job's workspace; with None in shadow mode."""
        slack = await self._find_slack(job)
        if isinstance(slack, Discard):
            return slack
        return await handler(job, slack=slack if await self.switch.is_live() else None)

    async def send_unless_paused(self, job: ClaimedJob, *, handler: SendingHandler) -> HandlerResult:
        """The same for what can wait until the workspace goes on."""
        return await self._wait(job) or await self.send(job, handler=handler)

    async def assign_unless_paused(self, job: ClaimedJob, *, handler: AssigningHandler) -> HandlerResult:
        """For a job that sends nothing in Slack, but asks people who are reminded there."""
        slack = await self._find_slack(job)
        if isinstance(slack, Discard):
            return slack
        return await self._wait(job) or await handler(job, is_live=await self.switch.is_live())

    async def _wait(self, job: ClaimedJob) -> Postpone | None:
        workspace_id = await find_workspace_of(job)
        until = None if workspace_id is None else await find_wait(workspace_id, self.clock.now())
        return None if until is None else Postpone(until)

    async def _find_slack(self, job: ClaimedJob) -> SlackGateway | Discard:
        workspace_id = await find_workspace_of(job)
        if workspace_id is None:
            return Discard("what it is about is gone")
        try:
            return await self.workspaces.of(workspace_id)
        except WorkspaceGoneError as gone:
            return Discard(str(gone))


async def find_workspace_of(job: ClaimedJob) -> WorkspaceId | None:
    """Whose row the job is about. None where there is no such row any more."""
    subject = job.read(_Subject)
    found = await current_database().fetchval(
        """
        SELECT coalesce(
            (SELECT workspace_id FROM review_request WHERE id = $1),
            (SELECT workspace_id FROM pull_request WHERE id = $2),
            (SELECT workspace_id FROM person WHERE id = $3),
            (SELECT workspace_id FROM installation WHERE id = $4))
        """,
        subject.request_id,
        subject.pull_request_id,
        subject.person_id,
        subject.installation_id,
    )
    return None if found is None else WorkspaceId(found)
