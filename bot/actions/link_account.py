"""Links a GitHub account to a Slack user who has proved to own it, and unlinks it."""

from bot.flows.catalog import remind_reviewer_job
from bot.flows.open_requests import list_open_request_ids_of_person
from bot.github.model import Account
from bot.model import PersonId, UserError, WorkspaceId
from bot.people import accounts, store
from bot.people.model import MappedAccount
from bot.slack.gateway import SlackUser
from bot.slack.store import load_workspace
from bot.working_time import UNKNOWN_ZONE, is_zone
from jobq import Queue, write_transaction


async def check_member(workspace_id: WorkspaceId, user: SlackUser) -> None:
    """Raises UserError for everybody but the members of a workspace, who may know what is reviewed there."""
    if user.is_bot or not user.is_active:
        raise UserError("Only people who are active in Slack can connect a GitHub account.")
    if user.is_outsider((await load_workspace(workspace_id)).team_id):
        raise UserError(
            "Guests and people of other organizations cannot connect a GitHub account in this workspace."
            " If you review here, ask an admin, who can connect you with `ripe people import`."
        )


@write_transaction
async def link_account(workspace_id: WorkspaceId, user: SlackUser, account: Account, *, queue: Queue) -> None:
    """Maps the account to the person, who is created if unknown, and schedules their reminders.

    Raises UserError if an admin has mapped the account to somebody else, and for everybody but members.
    """
    await check_member(workspace_id, user)
    person_id = await _find_or_make_person(workspace_id, user)
    if not await accounts.connect_account(workspace_id, account.id, account.login, person_id):
        raise UserError(
            f"{account.login} on GitHub is connected with somebody else in this Slack workspace. If it is"
            " yours, ask an admin, who changes that with `ripe people import`. Nothing was changed."
        )
    await _remind_again(person_id, queue)


async def _find_or_make_person(workspace_id: WorkspaceId, user: SlackUser) -> PersonId:
    """A known person keeps their name and zone, which an admin may have chosen."""
    if (person := await store.find_person_by_slack_user(workspace_id, user.id)) is not None:
        return person.id
    zone = user.zone if user.zone and is_zone(user.zone) else UNKNOWN_ZONE
    return await store.upsert_person(workspace_id, user.id, user.name, zone)


@write_transaction
async def unlink_accounts(
    workspace_id: WorkspaceId, slack_user_id: str, *, queue: Queue
) -> tuple[MappedAccount, ...]:
    """Unlinks all GitHub accounts of a person, who is then sent nothing. Returns the accounts."""
    removed = await accounts.list_accounts_of(workspace_id, slack_user_id)
    if removed:
        person_id = removed[0].person_id
        # Before the accounts are removed, because the requests are found through them.
        await _remind_again(person_id, queue)
        await accounts.remove_accounts(person_id)
    return removed


async def _remind_again(person_id: PersonId, queue: Queue) -> None:
    concerned = await list_open_request_ids_of_person(person_id)
    await queue.save_all(remind_reviewer_job(request_id) for request_id in concerned)
