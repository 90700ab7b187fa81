"""Whether GitHub shows Ripe a pull request, and where. Uses the ambient database and transaction."""

from enum import Enum

from bot.model import InstallationId, PullRequestId, Value
from jobq import current_database


class Sight(Enum):
    """Whether GitHub shows us a pull request.

    HELD: not while its installation is suspended, and after that not until it was asked. GONE: not any more.
    """

    SEEN = "seen"
    HELD = "held"
    GONE = "gone"


class Address(Value):
    """Where GitHub's API finds a pull request, and through which installation."""

    installation_id: InstallationId
    repository: str
    number: int


async def find_sight(pull_request_id: PullRequestId) -> Sight:
    """GONE also where there is no such pull request."""
    row = await current_database().fetchrow(
        """
        SELECT repository.removed_at IS NOT NULL OR installation.deleted_at IS NOT NULL AS is_gone,
            installation.suspended_at IS NOT NULL OR held.pull_request_id IS NOT NULL AS is_held
        FROM pull_request
        JOIN repository ON repository.id = pull_request.repository_id
        JOIN installation ON installation.id = repository.installation_id
        LEFT JOIN held ON held.pull_request_id = pull_request.id
        WHERE pull_request.id = $1
        """,
        pull_request_id,
    )
    if row is None or row["is_gone"]:
        return Sight.GONE
    return Sight.HELD if row["is_held"] else Sight.SEEN


async def hold_pull_requests(installation_id: InstallationId) -> None:
    """Until each was asked about, nothing is sent about what is open there now."""
    await current_database().execute(
        """
        INSERT INTO held (workspace_id, pull_request_id)
        SELECT pull_request.workspace_id, pull_request.id
        FROM pull_request JOIN repository ON repository.id = pull_request.repository_id
        WHERE repository.installation_id = $1 AND pull_request.state = 'open'
        ON CONFLICT DO NOTHING
        """,
        installation_id,
    )


async def list_held(installation_id: InstallationId) -> tuple[PullRequestId, ...]:
    rows = await current_database().fetch(
        """
        SELECT held.pull_request_id
        FROM held
        JOIN pull_request ON pull_request.id = held.pull_request_id
        JOIN repository ON repository.id = pull_request.repository_id
        WHERE repository.installation_id = $1 AND repository.removed_at IS NULL
        ORDER BY held.pull_request_id
        """,
        installation_id,
    )
    return tuple(PullRequestId(row["pull_request_id"]) for row in rows)


async def release(pull_request_id: PullRequestId) -> bool:
    """GitHub was asked. Whether it had been held, and its installation is not suspended (again)."""
    released = await current_database().fetchval(
        """
        DELETE FROM held USING pull_request, repository, installation
        WHERE held.pull_request_id = $1 AND pull_request.id = held.pull_request_id
            AND repository.id = pull_request.repository_id
            AND installation.id = repository.installation_id AND installation.suspended_at IS NULL
        RETURNING true
        """,
        pull_request_id,
    )
    return released is not None


async def find_address(pull_request_id: PullRequestId) -> Address | None:
    """None where Ripe has no access any more: uninstalled, suspended, or the repository was taken away."""
    row = await current_database().fetchrow(
        """
        SELECT repository.installation_id, repository.full_name AS repository, pull_request.number
        FROM pull_request
        JOIN repository ON repository.id = pull_request.repository_id
        JOIN installation ON installation.id = repository.installation_id
        WHERE pull_request.id = $1 AND repository.removed_at IS NULL
            AND installation.deleted_at IS NULL AND installation.suspended_at IS NULL
        """,
        pull_request_id,
    )
    return Address.model_validate(dict(row)) if row else None
