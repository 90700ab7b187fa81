"""Leaves half of GitHub's rate limit to the work that cannot wait."""

from datetime import UTC, datetime, timedelta

from github.Requester import Requester  # noqa: TID251 - it keeps the numbers of GitHub's last answer

from bot.github.refusals import LONGEST_WAIT


class Share:
    """Remembers until when an installation is spared, because less than half of its limit was left."""

    def __init__(self) -> None:
        self._spared_until: dict[int | None, datetime] = {}

    def find_wait(
        self, installation_id: int | None, requester: Requester, now: datetime, real_now: datetime
    ) -> datetime | None:
        """Until when to wait; None if GitHub may be asked. `real_now` is real time, as GitHub's times are."""
        remaining, limit = requester.rate_limiting
        if limit <= 0 or remaining * 2 >= limit:
            self._spared_until.pop(installation_id, None)
            return None
        refilled_at = datetime.fromtimestamp(requester.rate_limiting_resettime, UTC)
        wait = min(max(refilled_at - real_now, timedelta(0)), LONGEST_WAIT)
        until = self._spared_until.setdefault(installation_id, now + wait)
        if now < until:
            return until
        # The next answer brings new numbers.
        del self._spared_until[installation_id]
        return None
