"""GitHub accounts that people connect themselves, in Postgres. Uses the ambient transaction."""

from bot.model import AccountId, PersonId, WorkspaceId
from bot.people.model import MappedAccount
from jobq import current_database


async def connect_account(
    workspace_id: WorkspaceId, account_id: AccountId, login: str, person_id: PersonId
) -> bool:
    """Gives the account to a person. False if it belongs to somebody else, who keeps it."""
    connected = await current_database().fetchval(
        """
        INSERT INTO account (workspace_id, id, login, person_id) VALUES ($1, $2, $3, $4)
        ON CONFLICT (workspace_id, id) DO UPDATE SET login = excluded.login
        WHERE account.person_id = excluded.person_id RETURNING true
        """,
        workspace_id,
        account_id,
        login,
        person_id,
    )
    return connected is not None


async def list_holders(workspace_id: WorkspaceId, account_id: AccountId) -> tuple[PersonId, ...]:
    """The people to whom an account belongs, or belonged before."""
    rows = await current_database().fetch(
        """
        SELECT person_id FROM account WHERE workspace_id = $1 AND id = $2
        UNION SELECT person_id FROM former_account WHERE workspace_id = $1 AND id = $2 ORDER BY person_id
        """,
        workspace_id,
        account_id,
    )
    return tuple(PersonId(row["person_id"]) for row in rows)


async def list_accounts_of(workspace_id: WorkspaceId, slack_user_id: str) -> tuple[MappedAccount, ...]:
    """Every GitHub account of a Slack user, by login."""
    rows = await current_database().fetch(
        """
        SELECT account.id, login, person_id FROM account JOIN person ON person.id = person_id
        WHERE person.workspace_id = $1 AND slack_user_id = $2 ORDER BY lower(login), account.id
        """,
        workspace_id,
        slack_user_id,
    )
    return tuple(MappedAccount.model_validate(dict(row)) for row in rows)


async def remove_accounts(person_id: PersonId) -> None:
    """Takes all GitHub accounts from a person, who stays, with their settings, and is remembered."""
    await current_database().execute(
        """
        WITH removed AS (DELETE FROM account WHERE person_id = $1 RETURNING workspace_id, id, person_id)
        INSERT INTO former_account (workspace_id, id, person_id)
        SELECT workspace_id, id, person_id FROM removed
        ON CONFLICT (workspace_id, id) DO UPDATE SET person_id = excluded.person_id
        """,
        person_id,
    )
