"""Every query about one workspace returns no row of another."""

import ast
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import bot
from bot import modes
from bot.actions import store as actions
from bot.assignment.readings import find_reading
from bot.assignment.store import find_config, find_unfinished_assignment, list_assignments, list_configs
from bot.flows import account_forgetting as forgetting
from bot.flows import author_notices, candidates, in_workspace, pausing, review_queue, unheard, workspaces
from bot.flows import workspace_forgetting as slack_forgetting
from bot.flows.catalog import remind_reviewer_job
from bot.flows.listing_digests import list_digests
from bot.flows.obstacles import About, Call, find_start, list_obstacles
from bot.flows.open_requests import (
    list_open_request_ids_of_person,
    list_open_request_ids_of_repository,
    list_unmapped_reviewers,
)
from bot.flows.paces import find_free_at
from bot.flows.reminder_state import load_reminder_states, peek_reminder_states, read_reminder_states
from bot.flows.visibility import find_address, find_visibility, list_on_hold, prepare_sync
from bot.github import access, deliveries, joining, polling, watch
from bot.github import store as installations
from bot.github.store import list_repository_names
from bot.model import AccountId, WorkspaceId
from bot.people import accounts
from bot.people import store as people
from bot.reminders import digests, notices
from bot.reminders.model import Notice, NoticeKind
from bot.reviews import comparison
from bot.reviews import store as reviews
from bot.slack import store as slack
from jobq import ClaimedJob, Database
from tests.factories import MONDAY
from tests.promises import Promise
from tests.tenant_exceptions import ELSEWHERE, NOT_QUERIES, OF_ALL
from tests.tenants import ANA, BEN, ERA, REPOSITORY, Tenant, found_tenant

HOUSE = Path(bot.__file__).parent
SQL = re.compile(r"\.(fetch|fetchval|fetchrow|execute|executemany|save_with)\(")
FAR = 7_000_000
"""All ids of the other workspace are above this, so that they stand out."""

BEYOND = re.compile(r"7\d{6}")
REAL_TIME = re.compile(r"sending_started_at=datetime[^)]*\)")

Ask = Callable[[Tenant], Awaitable[object]]


def about(a: Tenant) -> ClaimedJob:
    job = remind_reviewer_job(a.request_id)
    return ClaimedJob(
        1, job.job_type, f'{{"request_id": {a.request_id}}}', MONDAY, MONDAY, job.lane, 1, 1, 13, 5, None
    )


async def peek_at_requests_of_ana(a: Tenant) -> object:
    return await peek_reminder_states(await people.load_person(a.ana), [a.request_id, a.twin_id], MONDAY)


async def find_greeting(a: Tenant) -> object:
    ana = await people.load_person(a.ana)
    return await notices.find_notice(Notice.to_person(ana, NoticeKind.GREETING, "none"))


QUERIES: dict[Callable[..., Awaitable[object]], Ask] = {
    reviews.list_open_request_ids_of_workspace: lambda a: reviews.list_open_request_ids_of_workspace(
        a.workspace_id
    ),
    reviews.lock_pull_request: lambda a: reviews.lock_pull_request(a.pull_request.id),
    reviews.find_pull_request_by_name: lambda a: reviews.find_pull_request_by_name(
        a.workspace_id, REPOSITORY, 12
    ),
    reviews.list_newest_pull_requests: lambda a: reviews.list_newest_pull_requests(a.workspace_id, 100),
    reviews.lock_request: lambda a: reviews.lock_request(a.request_id),
    reviews.load_request: lambda a: reviews.load_request(a.request_id),
    reviews.list_requests: lambda a: reviews.list_requests(a.pull_request.id),
    reviews.list_open_requests: lambda a: reviews.list_open_requests(a.pull_request.id),
    review_queue.list_open_requests_of_person: lambda a: review_queue.list_open_requests_of_person(a.ana),
    review_queue.list_waiting_for_others: lambda a: review_queue.list_waiting_for_others(a.ben),
    reviews.list_requests_by_id: lambda a: reviews.list_requests_by_id([a.request_id, a.twin_id]),
    reviews.list_pull_requests_by_id: lambda a: reviews.list_pull_requests_by_id([a.pull_request.id]),
    reviews.list_reviews: lambda a: reviews.list_reviews(a.pull_request),
    reviews.list_open_requests_with_replies: lambda a: reviews.list_open_requests_with_replies(
        [a.pull_request]
    ),
    reviews.lock_pull_requests: lambda a: reviews.lock_pull_requests([a.pull_request.id]),
    reviews.list_requests_of: lambda a: reviews.list_requests_of([a.pull_request.id]),
    reviews.list_newest_updates: lambda a: reviews.list_newest_updates([a.pull_request.repository_id]),
    people.list_named_accounts: lambda a: people.list_named_accounts([(a.workspace_id, ANA)]),
    list_digests: lambda a: list_digests(a.request_id),
    digests.find_digest: lambda a: digests.find_digest(a.ana, "2026-11-23"),
    people.find_person_by_account: lambda a: people.find_person_by_account(a.workspace_id, ANA),
    people.find_person_by_slack_user: lambda a: people.find_person_by_slack_user(a.workspace_id, "UANA"),
    people.load_person: lambda a: people.load_person(a.ana),
    people.list_people: lambda a: people.list_people(a.workspace_id),
    people.list_people_by_id: lambda a: people.list_people_by_id([a.ana, a.ben]),
    people.list_accounts: lambda a: people.list_accounts(a.workspace_id),
    list_unmapped_reviewers: lambda a: list_unmapped_reviewers(a.workspace_id),
    people.list_absences: lambda a: people.list_absences(a.ana, MONDAY),
    list_open_request_ids_of_person: lambda a: list_open_request_ids_of_person(a.ana),
    people.list_logins: lambda a: people.list_logins(a.workspace_id, [ANA, BEN]),
    find_config: lambda a: find_config(a.workspace_id, REPOSITORY),
    list_configs: lambda a: list_configs(a.workspace_id),
    list_open_request_ids_of_repository: lambda a: list_open_request_ids_of_repository(
        a.workspace_id, REPOSITORY
    ),
    list_repository_names: lambda a: list_repository_names(a.workspace_id),
    list_assignments: lambda a: list_assignments(a.pull_request.id),
    find_reading: lambda a: find_reading(a.pull_request.id),
    find_free_at: lambda a: find_free_at(a.pull_request.id, Call.FILES),
    find_unfinished_assignment: lambda a: find_unfinished_assignment(a.pull_request.id),
    accounts.list_holders: lambda a: accounts.list_holders(a.workspace_id, ANA),
    accounts.list_accounts_of: lambda a: accounts.list_accounts_of(a.workspace_id, "UANA"),
    candidates.list_candidates: lambda a: candidates.list_candidates(a.workspace_id, ["ana", "ben"], MONDAY),
    peek_reminder_states: peek_at_requests_of_ana,
    load_reminder_states: lambda a: load_reminder_states([a.request_id, a.twin_id], MONDAY),
    read_reminder_states: lambda a: read_reminder_states([a.request_id, a.twin_id], MONDAY),
    notices.find_notice: find_greeting,
    author_notices.list_earlier: lambda a: author_notices.list_earlier(a.pull_request),
    author_notices.find_news: lambda a: author_notices.find_news(
        NoticeKind.NOBODY_ACTS, a.pull_request, (), MONDAY
    ),
    workspaces.find_workspace_of_installation: lambda a: workspaces.find_workspace_of_installation(
        a.installation_id
    ),
    access.list_access: lambda a: access.list_access(a.workspace_id),
    access.list_unreported_access: lambda a: access.list_unreported_access(a.workspace_id),
    installations.list_installations_on: lambda a: installations.list_installations_on(
        a.workspace_id, AccountId(100)
    ),
    notices.count_notices_to_person: lambda a: notices.count_notices_to_person(
        a.ana, NoticeKind.GREETING, MONDAY
    ),
    installations.list_installation_ids: lambda a: installations.list_installation_ids(a.workspace_id),
    find_visibility: lambda a: find_visibility(a.held),
    unheard.list_unheard: lambda a: unheard.list_unheard(a.workspace_id),
    unheard.unheard_since: lambda a: unheard.unheard_since(a.pull_request.id),
    notices.count_notices: lambda a: notices.count_notices(a.ana, [NoticeKind.NO_ANSWER], MONDAY),
    list_on_hold: lambda a: list_on_hold(a.installation_id),
    find_address: lambda a: find_address(a.pull_request.id),
    prepare_sync: lambda a: prepare_sync(a.pull_request.id),
    installations.find_visible_repository: lambda a: installations.find_visible_repository(
        a.installation_id, a.repository_id
    ),
    installations.find_active_installation: lambda a: installations.find_active_installation(
        a.installation_id
    ),
    installations.find_any_installation: lambda a: installations.find_any_installation(a.workspace_id),
    installations.is_installed: lambda a: installations.is_installed(a.installation_id),
    installations.list_repository_ids: lambda a: installations.list_repository_ids(a.installation_id),
    deliveries.find_delivery: lambda a: deliveries.find_delivery(a.guid),
    deliveries.find_deliveries: lambda a: deliveries.find_deliveries([a.guid]),
    forgetting.list_departed: lambda a: forgetting.list_departed(a.departed_id, MONDAY),
    forgetting.list_installations_of: lambda a: forgetting.list_installations_of(a.workspace_id, "acme"),
    forgetting.list_recent_requests: lambda a: forgetting.list_recent_requests([a.installation_id], MONDAY),
    forgetting.count_holdings: lambda a: forgetting.count_holdings([a.installation_id]),
    comparison.list_beliefs: lambda a: comparison.list_beliefs(a.repository_id, [a.pull_request.id]),
    watch.find_followed_from: lambda a: watch.find_followed_from(a.repository_id),
    polling.find_polled_installation: lambda a: polling.find_polled_installation(a.installation_id),
    polling.list_polled_repositories: lambda a: polling.list_polled_repositories(a.installation_id),
    polling.list_longest_unpolled: lambda a: polling.list_longest_unpolled(a.installation_id, 10),
    list_obstacles: lambda a: list_obstacles(MONDAY, workspace_id=a.workspace_id),
    find_start: lambda a: find_start(About(a.pull_request.id), Call.FILES),
    modes.find_pause: lambda a: modes.find_pause(a.workspace_id),
    modes.lock_pause: lambda a: modes.lock_pause(a.workspace_id),
    pausing.find_wait: lambda a: pausing.find_wait(a.workspace_id, MONDAY),
    pausing.list_waiting_jobs: lambda a: pausing.list_waiting_jobs(a.pause, MONDAY),
    slack.load_workspace: lambda a: slack.load_workspace(a.workspace_id),
    slack.find_workspace_of_team: lambda a: slack.find_workspace_of_team(a.team_id),
    actions.lock_action: lambda a: actions.lock_action(a.action_id),
    actions.is_absence_in_force: lambda a: actions.is_absence_in_force(a.absence_id),
    in_workspace.find_workspace_of: lambda a: in_workspace.find_workspace_of(about(a)),
}
"""Every query function, as workspace A calls it. Each returns something."""


class Two(NamedTuple):
    db: Database
    a: Tenant


@pytest.fixture
async def two(db: Database) -> Two:
    """The database and workspace A with its rows. A test adds B."""
    await db.execute("UPDATE workspace SET slack_team_id = 'T1', name = 'W1' WHERE id = 1")
    return Two(db, await found_tenant(WorkspaceId(1), 0, "T1"))


async def add_b(db: Database) -> Tenant:
    """The same rows for another workspace, with ids that stand out."""
    tables = await db.fetch(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE is_identity = 'YES' AND table_schema = current_schema() AND table_name NOT LIKE 'job%'"
    )
    for table, column in tables:
        await db.execute(f"ALTER TABLE {table} ALTER COLUMN {column} RESTART WITH {FAR + 1}")
    insert = "INSERT INTO workspace (slack_team_id, name) VALUES ($1, $2) RETURNING id"
    b = WorkspaceId(await db.fetchval(insert, f"T{FAR + 1}", f"W{FAR + 1}"))
    return await found_tenant(b, FAR, f"T{FAR + 1}")


async def connect_more(b: Tenant) -> None:
    """Links in B an account that A does not have, and a newer account of a login that both have."""
    await people.map_account(b.workspace_id, ERA, "era", b.ben)
    await people.map_account(b.workspace_id, AccountId(50), "ana", b.ben)


async def ask_everything(a: Tenant) -> dict[str, str]:
    return {
        f"{query.__module__}.{query.__name__}": REAL_TIME.sub("", repr(await ask(a)))
        for query, ask in QUERIES.items()
    }


async def test_every_query_answers_a_workspace_as_if_it_were_alone(two: Two, promise: Promise) -> None:
    alone = await ask_everything(two.a)
    nothing = [name for name, answer in alone.items() if answer in ("None", "()", "0", "False", "{}")]
    assert nothing == [], "a query that finds nothing proves nothing"
    await connect_more(await add_b(two.db))
    beside = await ask_everything(two.a)
    changed = {name: (alone[name], beside[name]) for name in alone if alone[name] != beside[name]}
    promise("D2", f"{len(alone)} queries as A over B's data", f"{len(changed)} with rows of B")
    assert changed == {}


async def test_each_sees_the_same_in_its_own_numbers(two: Two) -> None:
    b = await add_b(two.db)
    of_a, of_b = await ask_everything(two.a), await ask_everything(b)
    assert not [name for name, answer in of_a.items() if BEYOND.search(answer)]
    near = {name: BEYOND.sub(lambda match: str(int(match[0]) - FAR), answer) for name, answer in of_b.items()}
    assert near == of_a


async def test_a_new_query_has_to_be_listed_here() -> None:
    queries = {f"{query.__module__}.{query.__name__}" for query in QUERIES}
    functions = {f"{module}.{name}" for module in stores() for name in public_coroutines(module)}
    others = {function for function in functions if function.rpartition(".")[2] in NOT_QUERIES | OF_ALL}
    assert functions - others == queries
    assert {function.rpartition(".")[2] for function in others} == NOT_QUERIES | OF_ALL


def public_coroutines(module: str) -> set[str]:
    path = HOUSE.parent / f"{module.replace('.', '/')}.py"
    return {
        node.name
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.AsyncFunctionDef) and not node.name.startswith("_")
    }


def stores() -> set[str]:
    """Every module that has SQL about workspaces."""
    modules = {
        ".".join(path.relative_to(HOUSE.parent).with_suffix("").parts)
        for path in HOUSE.rglob("*.py")
        if SQL.search(path.read_text())
    }
    elsewhere = {f"bot.{module.replace('/', '.')}" for module in ELSEWHERE}
    assert modules >= elsewhere, "one of these has no SQL any more"
    return modules - elsewhere


async def test_every_table_but_those_of_the_whole_bot_leads_with_the_workspace(db: Database) -> None:
    rows = await db.fetch(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
        " EXCEPT SELECT table_name FROM information_schema.columns WHERE column_name = 'workspace_id'"
    )
    assert {row["table_name"] for row in rows} == {
        "workspace", "job", "job_dead", "schema_migration", "sandbox_clock", "credential", "setting",
        "setup_pass", "oauth_state", "redelivery", "watch",
    }  # fmt: skip


async def test_a_foreign_installation_is_known_as_such_and_nothing_else_of_it(two: Two) -> None:
    b = await add_b(two.db)
    asked = [two.a.installation_id, b.installation_id]
    assert await joining.list_foreign(two.a.workspace_id, asked) == {b.installation_id}


async def test_only_the_workspace_that_is_gone_is_told_to_be(two: Two) -> None:
    b = await add_b(two.db)
    await slack.mark_workspace_gone(b.workspace_id, MONDAY, MONDAY)
    assert await slack_forgetting.find_gone_at(two.a.workspace_id) is None
    assert await slack_forgetting.find_gone_at(b.workspace_id) == MONDAY


async def test_forgetting_one_workspace_leaves_the_other_as_it_was(two: Two) -> None:
    b = await add_b(two.db)
    before = await ask_everything(two.a)
    await forgetting.forget_installations(await installations.list_installation_ids(b.workspace_id))
    await slack_forgetting.forget_workspace_rows(b.workspace_id, page=1)
    assert await ask_everything(two.a) == before
    assert await people.list_people(b.workspace_id) == ()
    assert await reviews.list_newest_pull_requests(b.workspace_id, 10) == ()
