"""Keeps the rules of a repository with it when its name changes: they are stored under that name."""

from bot.assignment.store import move_config
from bot.flows.catalog import remind_reviewer_job
from bot.flows.open_requests import list_open_request_ids_of_repository
from bot.model import WorkspaceId
from jobq import Job


async def follow_rename(workspace_id: WorkspaceId, old_name: str, new_name: str) -> list[Job]:
    """Moves the rules of a repository that is stored under its new name. Returns the jobs to save.

    Its DMs show the old name, and rules that the new name had already may set another rhythm, so the
    reminders of every open request are decided again.
    """
    await move_config(workspace_id, old_name, new_name)
    request_ids = await list_open_request_ids_of_repository(workspace_id, new_name)
    return [remind_reviewer_job(request_id) for request_id in request_ids]
