"""Review requests of the backlog whose reviewers have not been notified. Uses the ambient database."""

from bot.model import PersonId
from jobq import current_database


async def list_people_to_notify() -> tuple[PersonId, ...]:
    """Everybody who has an open request of the backlog that no DM lists and nothing has changed since."""
    rows = await current_database().fetch(
        """
        SELECT DISTINCT account.person_id
        FROM backlog
        JOIN review_request ON review_request.id = backlog.request_id
        JOIN pull_request ON pull_request.id = review_request.pull_request_id
        JOIN account ON (account.workspace_id, account.id)
            = (review_request.workspace_id, review_request.reviewer_id)
        JOIN person ON person.id = account.person_id
        JOIN repository ON repository.id = pull_request.repository_id
        JOIN installation ON installation.id = repository.installation_id
        WHERE backlog.message_id IS NULL AND review_request.closed_at IS NULL
            AND review_request.snoozed_until_change AND review_request.muted_at IS NULL
            AND pull_request.state = 'open' AND NOT pull_request.is_draft AND person.is_active
            AND repository.removed_at IS NULL
            AND installation.deleted_at IS NULL AND installation.suspended_at IS NULL
        ORDER BY account.person_id
        """
    )
    return tuple(PersonId(row["person_id"]) for row in rows)
