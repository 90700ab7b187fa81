"""The one order in which rows are locked, so that no two transactions wait for each other.

1. repositories, by id
2. pull requests, by id
3. review requests, by id
4. people, by id
5. everything else: accounts by id, messages, absences, and at last jobs, which `Queue.save_all` sorts

A transaction that changes several review requests locks their pull requests first. New pull requests are
inserted after the stored ones were locked, by id as well. An undo locks its action before all of these, since
nothing else locks actions. `tests/journeys/test_locks.py` watches the order.
"""

from collections.abc import Iterable, Sequence

from bot.model import RequestId
from jobq import current_database


async def lock_requests(request_ids: Iterable[RequestId]) -> Sequence[RequestId]:
    """Lock these review requests, and before them their pull requests. Returns those that exist, by id.

    Lock their people only afterwards.
    """
    rows = await current_database().fetch(
        """
        WITH pull_requests AS MATERIALIZED (
            SELECT id FROM pull_request
            WHERE id IN (SELECT pull_request_id FROM review_request WHERE id = ANY($1::bigint[]))
            ORDER BY id FOR NO KEY UPDATE OF pull_request
        )
        -- The array is complete, and so all pull requests are locked, before the first request is.
        SELECT id FROM review_request
        WHERE id = ANY($1) AND pull_request_id = ANY(ARRAY(SELECT id FROM pull_requests))
        ORDER BY id FOR NO KEY UPDATE OF review_request
        """,
        list(request_ids),
    )
    return [RequestId(row["id"]) for row in rows]
