"""The error for a call that GitHub does not answer now."""

from datetime import datetime

from jobq import Postpone


class GitHubWaitError(Postpone):
    """GitHub cannot be asked before `until`, for `reason`.

    With `is_limit` it refuses all calls of the installation for so long.
    """

    def __init__(self, until: datetime, reason: str, *, is_limit: bool = False) -> None:
        super().__init__(until, reason)
        self.is_limit = is_limit
