"""Keeps which patterns match the files of a pull request, so that GitHub names them once. Ambient database.

GitHub cannot say which of the files a push changed, so every reading takes a call for each hundred files.
They are read once for each head: at once for the first one, and later ones at the pace of bot/flows/paces.py.
"""

from datetime import datetime

from bot.assignment.config import RepositoryConfig
from bot.assignment.matching import FileMatches, apply_matches
from bot.assignment.readings import find_reading, save_reading
from bot.flows.obstacles import Call
from bot.flows.paces import find_free_at, read_again_at, wait_until
from bot.github.model import PATHS_PER_CALL
from bot.model import Value
from bot.reviews.model import PullRequest


class Unread(Value):
    """The files must be read: now, or at `not_before`. `is_again`: those of another head were read before."""

    not_before: datetime | None = None
    is_again: bool = False


async def find_files(
    pull_request: PullRequest, config: RepositoryConfig, now: datetime
) -> FileMatches | Unread:
    """The stored matches of these rules' patterns; Unread if GitHub must name the files first."""
    reading = await find_reading(pull_request.id)
    is_same = reading is not None and reading.is_of(pull_request)
    if reading is not None and is_same and reading.files.paths is not None:
        # Only operators change patterns, so these files are read once more without delay.
        is_known = apply_matches(config, reading.files) is not None
        return reading.files if is_known else Unread(is_again=True)
    free_at = await find_free_at(pull_request.id, Call.FILES)
    if free_at is None or free_at <= now:
        return Unread(is_again=reading is not None)
    # Files that GitHub refuses to name stay unknown for so long.
    return reading.files if reading is not None and is_same else Unread(not_before=free_at, is_again=True)


async def record_files(pull_request: PullRequest, files: FileMatches, read_at: datetime) -> None:
    """GitHub named them, or refused to, when `pull_request` was as it is here."""
    await save_reading(pull_request, files, read_at)
    calls = max(-(-(files.paths or 0) // PATHS_PER_CALL), 1)
    await wait_until(pull_request.id, Call.FILES, read_again_at(read_at, calls))


async def find_next_reading(pull_request: PullRequest, now: datetime) -> datetime | None:
    """When the files of the newest head are read. None: that is done, or nothing has to wait."""
    reading = await find_reading(pull_request.id)
    if reading is None or reading.is_of(pull_request) or not pull_request.is_open:
        return None
    free_at = await find_free_at(pull_request.id, Call.FILES)
    return free_at if free_at is not None and free_at > now else None
