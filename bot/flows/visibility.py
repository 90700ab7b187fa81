"""Whether Ripe may look at a pull request on GitHub, and where it is. Uses the ambient database."""

from collections.abc import Iterable
from enum import Enum

from bot.flows.catalog import sync_pull_request_job
from bot.model import InstallationId, PullRequestId, Value
from jobq import Job, current_database


class Visibility(Enum):
    """Whether GitHub shows Ripe a pull request.

    ON_HOLD: its installation is suspended, or was, or a fact contradicted itself, and GitHub has not answered
    about it since. GONE: the App was uninstalled, or the repository was taken away from it.
    """

    VISIBLE = "visible"
    ON_HOLD = "on_hold"
    GONE = "gone"


class Address(Value):
    """Where GitHub's API finds a pull request, and through which installation."""

    installation_id: InstallationId
    repository: str
    number: int


async def find_visibility(pull_request_id: PullRequestId) -> Visibility:
    """GONE if there is no such pull request."""
    row = await current_database().fetchrow(
        """
        SELECT repository.removed_at IS NOT NULL OR installation.deleted_at IS NOT NULL AS is_gone,
            installation.suspended_at IS NOT NULL OR held.pull_request_id IS NOT NULL AS is_on_hold
        FROM pull_request
        JOIN repository ON repository.id = pull_request.repository_id
        JOIN installation ON installation.id = repository.installation_id
        LEFT JOIN held ON held.pull_request_id = pull_request.id
        WHERE pull_request.id = $1
        """,
        pull_request_id,
    )
    if row is None or row["is_gone"]:
        return Visibility.GONE
    return Visibility.ON_HOLD if row["is_on_hold"] else Visibility.VISIBLE


async def put_on_hold(installation_id: InstallationId) -> None:
    """Nothing is sent about the pull requests that are open now until GitHub was asked about each."""
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


async def hold_pull_requests(pull_request_ids: Iterable[PullRequestId]) -> None:
    """Nothing is sent about these until GitHub was asked, as far as they are stored."""
    await current_database().execute(
        """
        INSERT INTO held (workspace_id, pull_request_id)
        SELECT workspace_id, id FROM pull_request WHERE id = ANY($1::bigint[]) ORDER BY id
        ON CONFLICT DO NOTHING
        """,
        list(pull_request_ids),
    )


async def list_on_hold(installation_id: InstallationId) -> tuple[PullRequestId, ...]:
    """The pull requests on hold in repositories that this installation sees."""
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


async def release_hold(pull_request_id: PullRequestId) -> bool:
    """Ends the hold, since GitHub was asked. False if there was none, or while the App is suspended."""
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


async def prepare_sync(pull_request_id: PullRequestId) -> Job:
    """The job that asks GitHub about a pull request, with the concurrency key of its installation."""
    address = await find_address(pull_request_id)
    return sync_pull_request_job(pull_request_id, address.installation_id if address else None)


async def find_address(pull_request_id: PullRequestId) -> Address | None:
    """None if Ripe may not ask: uninstalled, suspended, or the repository was taken away."""
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
