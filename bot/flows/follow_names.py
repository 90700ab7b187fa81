"""Rules are kept by a repository's name: they follow it where it is renamed or given away."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from bot.assignment.store import move_config
from bot.flows.catalog import remind_reviewer_job
from bot.flows.open_requests import list_open_request_ids_of_repository
from bot.github.model import Repository
from bot.github.store import list_names
from bot.model import WorkspaceId
from jobq import Queue


@asynccontextmanager
async def rules_following(
    workspace_id: WorkspaceId, told: Sequence[Repository], queue: Queue
) -> AsyncIterator[None]:
    """Around what records the names that were `told`, which may be old news. In one transaction with it."""
    before = await list_names(workspace_id, [one.id for one in told])
    yield
    renamed = [one.id for one in told if before.get(one.id, one.full_name).lower() != one.full_name.lower()]
    if not renamed:
        return
    for repository_id, name in (await list_names(workspace_id, renamed)).items():
        if name.lower() != before[repository_id].lower():
            await move_config(workspace_id, before[repository_id], name)
            # What was sent shows the old name, and rules that the new one had may ask for another rhythm.
            concerned = await list_open_request_ids_of_repository(workspace_id, name)
            await queue.save_all(remind_reviewer_job(request_id) for request_id in concerned)
