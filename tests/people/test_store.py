"""People, rules and decisions in a real Postgres."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.assignment.config import RepositoryConfig
from bot.assignment.model import Candidate, Chosen, Decision, NoAssignment
from bot.assignment.store import (
    StoredConfig,
    find_config,
    find_unfinished_assignment,
    insert_assignment,
    list_assignments,
    list_configs,
    record_asked,
    save_config,
)
from bot.flows.candidates import list_candidates
from bot.flows.open_requests import list_open_request_ids_of_person, list_unmapped_reviewers
from bot.github.model import Account, PullRequestState, Repository
from bot.github.store import save_installation, save_repositories
from bot.model import AccountId, InstallationId, PersonId, PullRequestId, RepositoryId, RequestId, WorkspaceId
from bot.people import store
from bot.reviews import store as reviews
from bot.reviews.model import CloseReason, PullRequest
from bot.reviews.rules import Requested
from jobq import Database, current_database
from tests.factories import pull_request as factory

pytestmark = pytest.mark.usefixtures("db")

ACME = WorkspaceId(1)
NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


async def new_person(login: str, account: int, workspace: WorkspaceId = ACME, slack: str = "") -> PersonId:
    person_id = await store.upsert_person(workspace, slack or f"U{account}", login.title(), "Europe/Berlin")
    await store.map_account(workspace, AccountId(account), login, person_id)
    return person_id


async def other_workspace() -> WorkspaceId:
    return WorkspaceId(await current_database().fetchval("INSERT INTO workspace DEFAULT VALUES RETURNING id"))


async def new_pull_request(number: int, **changes: object) -> PullRequest:
    await save_installation(ACME, InstallationId(1))
    repository = Repository(id=RepositoryId(1), full_name="acme/api")
    await save_repositories(ACME, InstallationId(1), [repository])
    pull_request = factory(
        id=PullRequestId(number), workspace_id=ACME, repository_id=repository.id, number=number,
        author=Account(id=AccountId(99), login="ben"), created_at=NOW, updated_at=NOW, **changes,
    )  # fmt: skip
    await reviews.save_pull_request(pull_request)
    return pull_request


async def ask(pull_request: PullRequest, login: str, account: int, at: datetime = NOW) -> RequestId:
    requested = Requested(account=Account(id=AccountId(account), login=login))
    (opened,) = await reviews.open_review_requests(pull_request, [requested], at)
    return opened


async def candidate(login: str) -> Candidate:
    (only,) = await list_candidates(ACME, [login], NOW)
    return only


async def test_a_person_is_found_by_account_and_by_slack_user() -> None:
    ana = await new_person("ana", 1)
    by_account = await store.find_person_by_account(ACME, AccountId(1))
    by_slack = await store.find_person_by_slack_user(ACME, "U1")
    assert by_account == by_slack
    assert by_account is not None
    assert (by_account.id, by_account.name, by_account.spans) == (ana, "Ana", None)


async def test_another_workspace_sees_none_of_our_people() -> None:
    await new_person("ana", 1)
    other = await other_workspace()
    assert await store.find_person_by_account(other, AccountId(1)) is None
    assert await store.find_person_by_slack_user(other, "U1") is None
    assert await store.list_people(other) == ()
    assert await store.list_accounts(other) == ()
    (unknown,) = await list_candidates(other, ["ana"], NOW)
    assert unknown.person_id is None


async def test_the_same_slack_user_and_account_may_belong_to_two_workspaces() -> None:
    other = await other_workspace()
    assert await new_person("ana", 1) != await new_person("ana", 1, other)


async def test_mapping_again_keeps_what_the_person_set() -> None:
    ana = await new_person("ana", 1)
    await store.snooze_person(ana, NOW + HOUR)
    await store.set_dm_channel(ana, "D1")
    await store.mark_welcomed(ana, NOW)
    assert await store.upsert_person(ACME, "U1", "Ana Silva", "Asia/Tokyo") == ana
    person = await store.load_person(ana)
    assert (person.name, person.zone) == ("Ana Silva", "Asia/Tokyo")
    assert (person.snoozed_until, person.dm_channel, person.welcomed_at) == (NOW + HOUR, "D1", NOW)


async def test_an_account_moves_to_another_person() -> None:
    await new_person("ana", 1)
    ben = await new_person("ben", 2)
    await store.map_account(ACME, AccountId(1), "ana-two", ben)
    owner = await store.find_person_by_account(ACME, AccountId(1))
    assert owner is not None
    assert owner.id == ben


async def test_what_a_person_sets_is_read_back() -> None:
    ana = await new_person("ana", 1)
    await store.set_zone(ana, "America/Lima")
    await store.set_active(ana, False, guest_allowed=False)
    spans = '{"0": ["08:30", "12:00"]}'
    await current_database().execute("UPDATE person SET spans = $1", spans)
    person = await store.load_person(ana)
    assert (person.zone, person.is_active) == ("America/Lima", False)
    assert person.hours.spans.keys() == {0}


async def test_a_person_nobody_knows_cannot_be_loaded() -> None:
    with pytest.raises(LookupError):
        await store.load_person(PersonId(4711))


@pytest.mark.parametrize(
    ("cancelled_at", "ends_at"),
    [
        (None, NOW + 2 * DAY),
        (NOW - DAY, None),
        (NOW, None),
        (NOW + DAY, NOW + DAY),
    ],
    ids=["as planned", "cancelled before", "cancelled as it began", "back early"],
)
async def test_an_absence_counts_until_it_ended(
    cancelled_at: datetime | None, ends_at: datetime | None
) -> None:
    ana = await new_person("ana", 1)
    absence = await store.insert_absence(ana, NOW, NOW + 2 * DAY)
    if cancelled_at:
        await store.cancel_absence(absence, cancelled_at)
    assert [a.ends_at for a in (await store.load_person(ana)).absences] == ([ends_at] if ends_at else [])


async def test_a_cancelled_absence_can_be_restored() -> None:
    ana, ben = await new_person("ana", 1), await new_person("ben", 2)
    absence = await store.insert_absence(ana, NOW, NOW + DAY, cover_person_id=ben)
    await store.cancel_absence(absence, NOW - HOUR)
    assert await store.list_absences(ana, NOW) == ()
    await store.restore_absence(absence)
    (restored,) = await store.list_absences(ana, NOW)
    assert (restored.id, restored.cover_person_id, restored.ends_at) == (absence, ben, NOW + DAY)


async def test_past_absences_are_not_listed_but_still_count_for_working_time() -> None:
    ana = await new_person("ana", 1)
    await store.insert_absence(ana, NOW - 9 * DAY, NOW - 7 * DAY)
    assert await store.list_absences(ana, NOW) == ()
    assert len((await store.load_person(ana)).absences) == 1


async def test_load_counts_open_requests_on_open_pull_requests_that_are_no_drafts() -> None:
    await new_person("ana", 1)
    pulls = [await new_pull_request(number) for number in (1, 2)]
    draft = await new_pull_request(3, is_draft=True)
    merged = await new_pull_request(4, state=PullRequestState.MERGED)
    for pull_request in (*pulls, draft, merged):
        await ask(pull_request, "ana", 1, NOW - DAY)
    done = await new_pull_request(5)
    await reviews.close_review_requests([(await ask(done, "ana", 1, NOW), CloseReason.APPROVED)], NOW)
    ana = await candidate("ANA")
    assert (ana.login, ana.load, ana.last_asked_at) == ("ana", 2, NOW)


async def test_the_load_of_a_person_is_that_of_all_their_accounts() -> None:
    ana = await new_person("ana", 1)
    await store.map_account(ACME, AccountId(2), "ana-work", ana)
    await ask(await new_pull_request(1), "ana-work", 2)
    person = await candidate("ana")
    assert (person.load, person.account_ids) == (1, frozenset({1, 2}))


async def test_a_login_taken_over_by_somebody_else_means_its_newer_account() -> None:
    await new_person("ana", 1)
    await new_person("ana", 7)
    assert (await candidate("ana")).account_id == 7


async def test_a_candidate_on_leave_says_until_when() -> None:
    ana = await new_person("ana", 1)
    await store.insert_absence(ana, NOW - DAY, NOW + DAY)
    assert (await candidate("ana")).away_until == NOW + DAY


async def test_candidates_come_in_the_order_of_their_names_in_the_rules() -> None:
    await new_person("ana", 1)
    await new_person("cho", 3)
    listed = await list_candidates(ACME, ["cho", "nobody", "ana"], NOW)
    assert [c.login for c in listed] == ["cho", "nobody", "ana"]
    assert [c.person_id is None for c in listed] == [False, True, False]


async def test_open_requests_of_a_person_are_those_of_all_accounts() -> None:
    ana = await new_person("ana", 1)
    await store.map_account(ACME, AccountId(2), "ana-work", ana)
    pull_request = await new_pull_request(1)
    mine = [await ask(pull_request, "ana", 1), await ask(pull_request, "ana-work", 2)]
    await ask(pull_request, "cho", 3)
    assert list(await list_open_request_ids_of_person(ana)) == mine


async def test_unmapped_reviewers_are_counted() -> None:
    await new_person("ana", 1)
    first, second = await new_pull_request(1), await new_pull_request(2)
    for pull_request in (first, second):
        await ask(pull_request, "dev", 4)
        await ask(pull_request, "ana", 1)
    await ask(first, "eli", 5)
    assert await list_unmapped_reviewers(ACME) == (("dev", 2), ("eli", 1))
    assert await list_unmapped_reviewers(await other_workspace()) == ()


async def test_rules_are_kept_by_name_in_any_case() -> None:
    config = RepositoryConfig.model_validate(
        {"rules": [{"paths": ["**"], "people": ["ana"]}], "reminders": {"after": ["90m", "2d"]}}
    )
    await save_config(ACME, "Acme/API", RepositoryConfig(), NOW)
    await save_config(ACME, "acme/api", config, NOW)
    assert await find_config(ACME, "ACME/api") == StoredConfig(config=config, accounts={})
    assert await list_configs(ACME) == {"acme/api": StoredConfig(config=config, accounts={})}
    assert await find_config(await other_workspace(), "acme/api") is None


async def test_an_absence_must_begin_before_it_ends(db: Database) -> None:
    ana = await new_person("ana", 1)
    with pytest.raises(Exception, match="absence"):
        await store.insert_absence(ana, NOW, NOW)
    assert await db.fetchval("SELECT count(*) FROM absence") == 0


DECISION = Decision(
    head_sha="a1", paths=3, wanted=1, counted=0,
    verdicts=(Chosen(login="ana", account_id=AccountId(1), name="Ana", pattern="**"),),
)  # fmt: skip


async def test_a_decision_is_unfinished_until_github_has_answered() -> None:
    pull_request = await new_pull_request(1)
    assignment = await insert_assignment(pull_request, DECISION, NOW)
    unfinished = await find_unfinished_assignment(pull_request.id)
    assert unfinished is not None
    assert (unfinished.id, unfinished.decision, unfinished.asked) == (assignment, DECISION, None)
    await record_asked(assignment, [AccountId(1)], {"eli": "not a collaborator"})
    assert await find_unfinished_assignment(pull_request.id) is None
    (stored,) = await list_assignments(pull_request.id)
    assert (stored.asked, stored.refusals) == ((1,), {"eli": "not a collaborator"})


async def test_a_decision_that_asks_nobody_is_finished_at_once() -> None:
    pull_request = await new_pull_request(1)
    nobody = Decision(head_sha="a1", paths=0, wanted=1, counted=0, reason=NoAssignment.DRAFT)
    await insert_assignment(pull_request, DECISION, NOW)
    await insert_assignment(pull_request, nobody, NOW)
    assert await find_unfinished_assignment(pull_request.id) is None
