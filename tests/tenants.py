"""Two workspaces alike in every name: the same people, accounts, repositories, numbers and titles."""

from dataclasses import dataclass
from datetime import timedelta

from bot.actions.model import RequestSnoozed, Snooze
from bot.actions.store import insert_action
from bot.assignment.config import RepositoryConfig
from bot.assignment.matching import FileMatches
from bot.assignment.model import Chosen, Decision
from bot.assignment.store import insert_assignment, save_config
from bot.flows.catalog import tell_author_job
from bot.flows.changed_files import record_files
from bot.flows.obstacles import About, Call, note_obstacle
from bot.flows.pausing import find_wait
from bot.flows.unheard import note_unheard
from bot.flows.visibility import put_on_hold, release_hold
from bot.github.access import note_waiting
from bot.github.deliveries import Delivery, DeliveryOutcome, insert_delivery
from bot.github.model import Account, Ping, Repository, Review, ReviewState
from bot.github.store import mark_installation, save_installation, save_repositories
from bot.github.watch import follow_repositories
from bot.model import AccountId, InstallationId, PersonId, PullRequestId, RepositoryId, RequestId, WorkspaceId
from bot.modes import Pause, begin_pause
from bot.people import store as people
from bot.reminders import store as reminders
from bot.reminders.digests import mark_listed, plan_item
from bot.reminders.model import Notice, NoticeKind
from bot.reminders.notices import insert_notice
from bot.reviews import backlog
from bot.reviews import store as reviews
from bot.reviews.changes import save_reviews
from bot.reviews.model import PullRequest
from bot.reviews.rules import Requested
from bot.slack.store import record_slack_delivery
from jobq import Queue, current_database
from tests.actions.world import StoppedClock
from tests.factories import MONDAY
from tests.factories import pull_request as factory

ANA, BEN, ANA_TOO, ERA = AccountId(1), AccountId(2), AccountId(4), AccountId(9)
"""Era's account is not linked to anybody. Ana has two accounts."""
REPOSITORY = "acme/api"


@dataclass(frozen=True)
class Tenant:
    """One workspace and the ids of its rows. GitHub's ids begin at `base`."""

    workspace_id: WorkspaceId
    base: int
    team_id: str
    ana: PersonId
    ben: PersonId
    pull_request: PullRequest
    held: PullRequestId
    request_id: RequestId
    twin_id: RequestId
    absence_id: int
    action_id: int
    pause: Pause

    @property
    def installation_id(self) -> InstallationId:
        return InstallationId(self.base + 5)

    @property
    def departed_id(self) -> InstallationId:
        return InstallationId(self.base + 6)

    @property
    def repository_id(self) -> RepositoryId:
        return RepositoryId(self.base + 77)

    @property
    def guid(self) -> str:
        return f"guid-{self.base}"


async def found_tenant(workspace_id: WorkspaceId, base: int, team_id: str) -> Tenant:
    """Fills an empty workspace with rows in every table."""
    await _install(workspace_id, base)
    ana, ben = await _hire(workspace_id)
    pull_request, request_id, twin_id = await _ask(workspace_id, base, 12)
    waiting, waiting_id, _ = await _ask(workspace_id, base, 13)
    held, _, _ = await _ask(workspace_id, base, 14)
    await put_on_hold(InstallationId(base + 5))
    for seen in (pull_request, waiting):
        await release_hold(seen.id)
    await note_unheard(workspace_id, pull_request.id, ["team:payments"], MONDAY)
    await backlog.insert_entries(workspace_id, [waiting_id], MONDAY)
    await _write(workspace_id, base, ana, pull_request, request_id)
    about = (About(pull_request.id), About(None, InstallationId(base + 5)), About(None, None, ana))
    for subject, call in zip(about, (Call.FILES, Call.PULL_REQUESTS, Call.DMS), strict=True):
        await note_obstacle(subject, call, "502", StoppedClock(), until=MONDAY)
    absence_id = await people.insert_absence(ana, MONDAY, MONDAY + timedelta(days=2), ben)
    snoozed = RequestSnoozed(request_id=request_id, before=Snooze(), after=Snooze(until_change=True))
    action_id = await insert_action(await people.load_person(ana), "Snoozed.", [snoozed], MONDAY)
    pause = Pause(workspace_id=workspace_id, paused_by="UANA", paused_by_name="Ana", paused_at=MONDAY)
    await begin_pause(pause)
    at = await find_wait(workspace_id, MONDAY)
    assert at is not None
    await Queue(current_database()).save(tell_author_job(pull_request.id, NoticeKind.NO_ANSWER).runs_at(at))
    return Tenant(
        workspace_id,
        base,
        team_id,
        ana,
        ben,
        pull_request,
        held.id,
        request_id,
        twin_id,
        absence_id,
        action_id,
        pause,
    )


async def _install(workspace_id: WorkspaceId, base: int) -> None:
    here, left = InstallationId(base + 5), InstallationId(base + 6)
    acme, other = Account(id=AccountId(100), login="acme"), Account(id=AccountId(900), login="other")
    await save_installation(workspace_id, here, acme, {"pull_requests": "write"})
    await save_installation(workspace_id, left, other, {"pull_requests": "write"})
    await mark_installation(left, deleted_at=MONDAY)
    await note_waiting([workspace_id], Account(id=AccountId(base + 901), login="new"), here, MONDAY)
    repository = Repository(id=RepositoryId(base + 77), full_name=REPOSITORY)
    await save_repositories(workspace_id, InstallationId(base + 5), [repository])
    await follow_repositories([repository.id], MONDAY)
    await save_config(workspace_id, REPOSITORY, RepositoryConfig(), MONDAY)


async def _hire(workspace_id: WorkspaceId) -> tuple[PersonId, PersonId]:
    ana = await people.upsert_person(workspace_id, "UANA", "Ana", "Europe/Berlin")
    ben = await people.upsert_person(workspace_id, "UBEN", "Ben", "Europe/Berlin")
    for account_id, login, person_id in ((ANA, "ana", ana), (ANA_TOO, "ana-too", ana), (BEN, "ben", ben)):
        await people.map_account(workspace_id, account_id, login, person_id)
    return ana, ben


async def _ask(workspace_id: WorkspaceId, base: int, number: int) -> tuple[PullRequest, RequestId, RequestId]:
    """Ben asks Ana, by both of her accounts, and Era."""
    pull_request = factory(
        workspace_id=workspace_id, id=base + number, repository_id=base + 77, number=number,
        author=Account(id=BEN, login="ben"),
    )  # fmt: skip
    await reviews.save_pull_request(pull_request)
    asked = [
        Requested(account=Account(id=account_id, login=login), by="ben")
        for account_id, login in ((ANA, "ana"), (ANA_TOO, "ana-too"), (ERA, "era"))
    ]
    first, twin, _ = await reviews.open_review_requests(pull_request, asked, MONDAY)
    return pull_request, first, twin


async def _write(
    workspace_id: WorkspaceId, base: int, ana: PersonId, pull_request: PullRequest, request_id: RequestId
) -> None:
    """A review, a decision, a DM, two notices, and what GitHub and Slack delivered."""
    era = Account(id=ERA, login="era")
    review = Review(id=base + 1, author=era, state=ReviewState.APPROVED, submitted_at=MONDAY)
    await save_reviews([(pull_request, review)])
    chosen = Chosen(login="ana", account_id=ANA, name="Ana", pattern="**")
    decision = Decision(head_sha=pull_request.head_sha, paths=1, wanted=1, counted=0, verdicts=(chosen,))
    await insert_assignment(pull_request, decision, MONDAY)
    await record_files(pull_request, FileMatches(paths=1), MONDAY)
    await reminders.begin_sending(await reviews.load_request(request_id), 0, ana, MONDAY)
    reader = await people.load_person(ana)
    await insert_notice(Notice.to_author(reader, NoticeKind.NO_ANSWER, pull_request), MONDAY)
    await insert_notice(Notice.to_person(reader, NoticeKind.GREETING, str(base + 5)), MONDAY)
    listed = await insert_notice(Notice.to_person(reader, NoticeKind.DIGEST, "2026-11-23"), MONDAY)
    assert listed is not None
    await current_database().execute(
        """
        INSERT INTO late_notice (
            workspace_id, pull_request_id, round, kind, person_id, planned_at, message_id)
        VALUES ($1, $2, $3, 'no_answer', $4, $5, $6)
        """,
        workspace_id, pull_request.id, pull_request.round, ana, MONDAY, listed,
    )  # fmt: skip
    request = await reviews.load_request(request_id)
    await plan_item(request, MONDAY)
    await mark_listed([request_id], listed)
    await plan_item(request, MONDAY + timedelta(days=1))
    await record_slack_delivery(workspace_id, "trigger:1", MONDAY)
    await insert_delivery(
        Delivery(
            guid=f"guid-{base}", workspace_id=workspace_id, event="ping", action="", received_at=MONDAY,
            fact=Ping(), outcome=DeliveryOutcome.APPLIED,
        )
    )  # fmt: skip
