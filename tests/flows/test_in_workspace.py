"""Each job runs with the Slack of its workspace, in one statement, or not at all."""

import json
from datetime import timedelta

import pytest
from pydantic import SecretStr

from bot.flows import outbox
from bot.flows.catalog import (
    REPAIR,
    SUBJECT,
    Subject,
    SubjectKind,
    forget_installation_job,
    forget_workspace_job,
    remind_reviewer_job,
    repair_job,
    sync_pull_request_job,
    welcome_digest_job,
)
from bot.flows.in_workspace import InWorkspace, find_workspace_of
from bot.flows.pausing import LOOK_AGAIN_EVERY
from bot.model import PersonId, PullRequestId, RequestId, WorkspaceId
from bot.modes import ModeSwitch, Pause, begin_pause, end_pause
from bot.slack.gateway import SlackGateway
from bot.slack.store import mark_workspace_gone
from bot.slack.workspaces import SlackWorkspaces
from jobq import ClaimedJob, Database, Discard, HandlerResult, Job, Postpone
from tests.actions.world import World, found_world
from tests.counting import counted
from tests.tenants import Tenant, found_tenant


@pytest.fixture
async def world(db: Database) -> World:
    return await found_world(db)


@pytest.fixture
async def tenant(world: World) -> Tenant:
    await world.db.execute("UPDATE workspace SET slack_team_id = 'T1', name = 'Acme'")
    tenant = await found_tenant(world.workspace_id, 0, "T1")
    await end_pause(world.workspace_id, "U9", "Olga", world.now)
    return tenant


def claimed(job: Job, world: World) -> ClaimedJob:
    arguments = json.dumps(job.arguments)
    return ClaimedJob(1, job.job_type, arguments, None, world.now, job.lane, 1, 1, 13, 5, None)


def within(world: World, mode: ModeSwitch | None = None) -> tuple[InWorkspace, SlackGateway]:
    gateway = SlackGateway(SecretStr("xoxb-none"), "http://127.0.0.1:9/")
    workspaces = SlackWorkspaces(world.workspace_id, gateway, None, lambda *_: gateway)
    return InWorkspace(workspaces, mode or ModeSwitch(fixed="live"), world.clock), gateway


class Sent:
    """A handler that keeps what it was run with."""

    def __init__(self) -> None:
        self.slacks: list[object] = []

    async def __call__(self, job: ClaimedJob, *, slack: outbox.Slack | None) -> HandlerResult:
        self.slacks.append(slack)
        return None


class Assigned:
    """Likewise."""

    def __init__(self) -> None:
        self.modes: list[bool] = []

    async def __call__(self, job: ClaimedJob, *, is_live: bool) -> HandlerResult:
        self.modes.append(is_live)
        return None


async def pause(world: World) -> None:
    await begin_pause(
        Pause(workspace_id=world.workspace_id, paused_by="U9", paused_by_name="Olga", paused_at=world.now)
    )


async def test_every_kind_of_subject_knows_its_workspace(world: World, tenant: Tenant) -> None:
    jobs = [
        forget_installation_job(tenant.installation_id),
        welcome_digest_job(tenant.ana),
        sync_pull_request_job(tenant.pull_request.id),
        remind_reviewer_job(tenant.request_id),
        forget_workspace_job(tenant.workspace_id),
    ]
    assert {SUBJECT[job.job_type].kind for job in jobs} == set(SubjectKind)
    for job in jobs:
        job_workspace = await find_workspace_of(claimed(job, world))
        assert job_workspace is not None, job
        assert (job_workspace.workspace.id, job_workspace.workspace.name) == (tenant.workspace_id, "Acme")


async def test_a_row_of_another_kind_with_the_same_id_is_not_the_subject(
    world: World, tenant: Tenant
) -> None:
    assert (
        await find_workspace_of(claimed(welcome_digest_job(PersonId(tenant.pull_request.id)), world)) is None
    )
    assert await find_workspace_of(claimed(sync_pull_request_job(PullRequestId(tenant.ana)), world)) is None


async def test_a_job_without_a_subject_cannot_be_asked_for_its_workspace(world: World) -> None:
    assert SUBJECT.get(REPAIR) is None
    with pytest.raises(KeyError):
        await find_workspace_of(claimed(repair_job(), world))


async def test_one_statement_finds_workspace_mode_and_pause(world: World, tenant: Tenant) -> None:
    job, (wrapper, _) = claimed(remind_reviewer_job(tenant.request_id), world), within(world, ModeSwitch())
    async with counted(world.db) as count:
        await wrapper.send_unless_paused(Sent())(job)
    assert len(count.statements) == 1, count.describe()


async def test_a_live_job_gets_slack_and_one_in_shadow_mode_gets_none(world: World, tenant: Tenant) -> None:
    job, sent, assigned = claimed(remind_reviewer_job(tenant.request_id), world), Sent(), Assigned()
    live, gateway = within(world)
    shadow, _ = within(world, ModeSwitch())
    for wrapper in (live, shadow):
        assert await wrapper.send(sent)(job) is None
        assert await wrapper.assign_unless_paused(assigned)(job) is None
    assert sent.slacks == [gateway, None]
    assert assigned.modes == [True, False]


async def test_the_chosen_mode_holds_unless_the_environment_fixes_it(world: World, tenant: Tenant) -> None:
    job, sent = claimed(remind_reviewer_job(tenant.request_id), world), Sent()
    await ModeSwitch().turn("live", "Olga", world.now)
    for mode in (ModeSwitch(), ModeSwitch(fixed="shadow")):
        await within(world, mode)[0].send(sent)(job)
    await ModeSwitch().turn("shadow", "Olga", world.now + timedelta(hours=1))
    await within(world, ModeSwitch(default="live"))[0].send(sent)(job)
    assert [slack is not None for slack in sent.slacks] == [True, False, False]


async def test_during_a_pause_only_the_job_that_strikes_dms_runs(world: World, tenant: Tenant) -> None:
    job, sent, assigned = claimed(remind_reviewer_job(tenant.request_id), world), Sent(), Assigned()
    wrapper, gateway = within(world)
    await pause(world)
    for handler in (wrapper.send_unless_paused(sent), wrapper.assign_unless_paused(assigned)):
        result = await handler(job)
        assert isinstance(result, Postpone)
        assert result.until == world.now + LOOK_AGAIN_EVERY
    assert (sent.slacks, assigned.modes) == ([], [])
    await wrapper.send(sent)(job)
    assert sent.slacks == [gateway]


async def test_a_job_whose_row_is_gone_is_discarded(world: World) -> None:
    wrapper, sent = within(world)[0], Sent()
    with pytest.raises(Discard, match="gone"):
        await wrapper.send(sent)(claimed(remind_reviewer_job(RequestId(9)), world))
    assert sent.slacks == []


async def test_a_job_of_a_workspace_that_removed_ripe_is_discarded(world: World, tenant: Tenant) -> None:
    wrapper, sent, assigned = within(world)[0], Sent(), Assigned()
    await mark_workspace_gone(tenant.workspace_id, world.now, world.now)
    job = claimed(remind_reviewer_job(tenant.request_id), world)
    for handler in (wrapper.send_unless_paused(sent), wrapper.assign_unless_paused(assigned)):
        with pytest.raises(Discard, match="removed from this Slack workspace"):
            await handler(job)
    assert (sent.slacks, assigned.modes) == ([], [])


async def test_a_job_of_a_workspace_without_a_token_is_discarded(world: World) -> None:
    other = WorkspaceId(await world.db.fetchval("INSERT INTO workspace DEFAULT VALUES RETURNING id"))
    with pytest.raises(Discard, match="not installed in this Slack workspace"):
        await within(world)[0].send(Sent())(claimed(forget_workspace_job(other), world))


def test_a_subject_names_the_argument_that_is_its_id() -> None:
    assert SUBJECT["remind_reviewer"] == Subject(SubjectKind.REQUEST, "request_id")
    assert SUBJECT["greet_installer"] == Subject(SubjectKind.INSTALLATION, "installation_id")
