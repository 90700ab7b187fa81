"""The last time that GitHub named the changed files of a pull request. Uses the ambient database."""

from datetime import datetime

from pydantic_core import from_json

from bot.assignment.matching import FileMatches
from bot.model import PullRequestId, Value
from bot.reviews.model import PullRequest
from jobq import current_database


class Reading(Value):
    """Which patterns matched the files of this head. The sizes tell if another base was chosen since."""

    head_sha: str
    additions: int | None
    deletions: int | None
    changed_files: int | None
    files: FileMatches
    read_at: datetime

    def is_of(self, pull_request: PullRequest) -> bool:
        """Whether the files are still the same. A head that GitHub does not name may be any."""
        if self.head_sha != pull_request.head_sha or not self.head_sha.strip("0"):
            return False
        return all(
            None in (then, now) or then == now
            for then, now in (
                (self.additions, pull_request.additions),
                (self.deletions, pull_request.deletions),
                (self.changed_files, pull_request.changed_files),
            )
        )


async def save_reading(pull_request: PullRequest, files: FileMatches, read_at: datetime) -> None:
    """Replaces the one before. `pull_request` is as it was when GitHub was asked."""
    await current_database().execute(
        """
        INSERT INTO reading (workspace_id, pull_request_id, head_sha, additions, deletions, changed_files,
            files, read_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (pull_request_id) DO UPDATE SET
            (head_sha, additions, deletions, changed_files, files, read_at)
            = (excluded.head_sha, excluded.additions, excluded.deletions, excluded.changed_files,
                excluded.files, excluded.read_at)
        """,
        pull_request.workspace_id,
        pull_request.id,
        pull_request.head_sha,
        pull_request.additions,
        pull_request.deletions,
        pull_request.changed_files,
        files.model_dump_json(),
        read_at,
    )


async def find_reading(pull_request_id: PullRequestId) -> Reading | None:
    """None if the files were never read."""
    row = await current_database().fetchrow(
        """
        SELECT head_sha, additions, deletions, changed_files, files, read_at
        FROM reading WHERE pull_request_id = $1
        """,
        pull_request_id,
    )
    if row is None:
        return None
    fields = dict(row)
    # A newer release may have stored more.
    files = FileMatches.model_validate(from_json(fields.pop("files")), extra="ignore")
    return Reading(files=files, **fields)
