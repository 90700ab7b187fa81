"""Gives each job the Slack of the workspace whose row it is about. Of one that is gone nothing is done."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from pydantic import BaseModel

from bot.jobs import outbox
from bot.model import InstallationId, PersonId, PullRequestId, RequestId, WorkspaceId
from bot.slack.gateway import SlackGateway
from bot.slack.workspaces import SlackWorkspaces, WorkspaceGone
from jobq import ClaimedJob, Discard, Postpone, current_database

Outcome = Postpone | Discard | None


class SendingHandler(Protocol):
    """A job that sends. `slack` is None in shadow mode."""

    def __call__(self, job: ClaimedJob, *, slack: outbox.Slack | None) -> Awaitable[Outcome]: ...


class _Subject(BaseModel):
    """Of whichever of these a job is about; the first one says whose it is."""

    request_id: RequestId | None = None
    pull_request_id: PullRequestId | None = None
    person_id: PersonId | None = None
    installation_id: InstallationId | None = None


async def send_in_workspace(
    job: ClaimedJob, *, handler: SendingHandler, workspaces: SlackWorkspaces, is_live: bool
) -> Outcome:
    """Runs `handler` with the Slack of the job's workspace; with None where nothing may be sent."""
    slack = await _find_slack(job, workspaces)
    if isinstance(slack, Discard):
        return slack
    return await handler(job, slack=slack if is_live else None)


async def work_in_workspace(
    job: ClaimedJob,
    *,
    handler: Callable[[ClaimedJob], Awaitable[Outcome]],
    workspaces: SlackWorkspaces,
) -> Outcome:
    """The same for a job that does not send, but is for people who are asked in Slack."""
    slack = await _find_slack(job, workspaces)
    return slack if isinstance(slack, Discard) else await handler(job)


async def _find_slack(job: ClaimedJob, workspaces: SlackWorkspaces) -> SlackGateway | Discard:
    workspace_id = await find_workspace_of(job)
    if workspace_id is None:
        return Discard("what it is about is gone")
    try:
        return await workspaces.of(workspace_id)
    except WorkspaceGone as gone:
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
