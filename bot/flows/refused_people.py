"""People to whom Slack refused DMs, and how those DMs are decided anew. Uses the ambient transaction."""

from datetime import datetime
from typing import cast, get_args

from bot.flows.catalog import remind_reviewer_job, tell_author_job, tell_obstacle_job
from bot.model import PersonId, Value, WorkspaceId
from bot.reminders.model import AuthorNoticeKind, NoticeKind
from bot.reminders.store import Refused, delete_refused, reopen_edits
from bot.slack.refusals import FINAL_ERRORS
from jobq import Job, current_database


class RefusedPerson(Value):
    """A person with a review request about which Slack took no DM, for `reason`."""

    workspace_id: WorkspaceId
    person_id: PersonId
    name: str
    reason: str


async def list_refused_people() -> tuple[RefusedPerson, ...]:
    """In all workspaces, for the operator, by name."""
    rows = await current_database().fetch(
        """
        SELECT DISTINCT ON (lower(name), person.id)
            message.workspace_id, person.id AS person_id, name, coalesce(error, '') AS reason
        FROM message
        JOIN review_request ON review_request.id = request_id AND closed_at IS NULL
        JOIN person ON person.id = message.person_id
        WHERE message.state = 'failed'
        ORDER BY lower(name), person.id, message.id DESC
        """
    )
    return tuple(RefusedPerson.model_validate(dict(row)) for row in rows)


async def decide_refused_anew(
    refused_until: datetime, workspace_id: WorkspaceId | None = None, person_id: PersonId | None = None
) -> list[Job]:
    """Forgets refusals of DMs until then, of everybody or of some. Returns the jobs to save.

    Call it when Slack may take them now: a person is back, the app was installed again, a day is over.
    """
    refused = await delete_refused(refused_until, workspace_id, person_id)
    jobs = [job for row in refused if (job := _job(row)) is not None]
    if person_id is None:
        jobs += map(remind_reviewer_job, await reopen_edits(FINAL_ERRORS, workspace_id))
    return jobs


def _job(refused: Refused) -> Job | None:
    """The job that decides about the DM."""
    match refused:
        case Refused(request_id=int() as request_id):
            return remind_reviewer_job(request_id)
        case Refused(pull_request_id=int() as pull_request_id, notice=str() as notice):
            kind = NoticeKind(notice)
            if kind is NoticeKind.GITHUB_REFUSES:
                return tell_obstacle_job(pull_request_id)
            is_for_author = kind in get_args(AuthorNoticeKind)
            return tell_author_job(pull_request_id, cast(AuthorNoticeKind, kind)) if is_for_author else None
    return None
