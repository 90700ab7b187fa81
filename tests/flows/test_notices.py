"""Author notices, greetings and welcome digests: each is true when it goes, and arrives exactly once."""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from bot.flows.author_notices import list_earlier
from bot.flows.catalog import greet_installer_job, tell_author_job, welcome_digest_job
from bot.flows.notices import begin_notice
from bot.flows.outbox import key_of
from bot.jobs.digest import digest
from bot.jobs.greet_installer import greet_installer
from bot.jobs.tell_author import tell_author
from bot.model import AccountId, InstallationId, PersonId
from bot.people.model import Person
from bot.people.store import load_person, snooze_person
from bot.reminders.model import MessageState, Notice, NoticeKind
from bot.reminders.notices import find_notice, insert_notice
from bot.reminders.store import begin_sending, record_sent, record_state
from bot.reviews import backlog
from bot.reviews.store import snooze_request
from bot.slack.gateway import SlackGateway
from jobq import ClaimedJob, Discard, HandlerResult, Job, Postpone
from tests.flows.scene import AFTER_SLACK, BEFORE_SLACK, RATE_LIMIT, Scene, rendered
from tests.stored import load_pull_request

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SENT, FAILED = MessageState.SENT, MessageState.FAILED


class Case:
    """A notice that is due, the job that sends it, and its key in the outbox."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    reader = "ana"
    text = ""

    async def prepare(self) -> None:
        raise NotImplementedError

    async def run(self, *, is_live: bool = True) -> HandlerResult:
        """The job, as it is now."""
        raise NotImplementedError

    async def notice(self) -> Notice:
        raise NotImplementedError

    async def person(self) -> Person:
        return await load_person(await self.scene.hire(self.reader))

    def slack(self, is_live: bool) -> SlackGateway | None:
        return self.scene.gateway if is_live else None

    def claimed(self, job: Job) -> ClaimedJob:
        arguments = json.dumps(job.arguments)
        return ClaimedJob(1, job.job_type, arguments, None, self.scene.world.now, job.lane, 1, 1, 13, 5, None)

    def texts(self) -> list[str]:
        return [self.scene.slack.rendered_text(dm) for dm in self.scene.dms(self.reader)]


class AuthorNotice(Case):
    """Nobody who was asked to review Ben's pull request is known in Slack."""

    reader = "ben"
    text = "nobody who was asked can be reached in Slack"

    async def prepare(self) -> None:
        await self.scene.hire("ben")
        request = await self.scene.world.request(await self.scene.world.ask("cho"))
        self.pull_request_id = request.pull_request_id

    async def run(self, *, is_live: bool = True) -> HandlerResult:
        job = tell_author_job(self.pull_request_id, NoticeKind.NOBODY_REACHABLE)
        world = self.scene.world
        return await tell_author(
            self.claimed(job), slack=self.slack(is_live), queue=world.queue, clock=world.clock
        )

    async def notice(self) -> Notice:
        pull_request = await load_pull_request(self.pull_request_id)
        return Notice.to_author(await self.person(), NoticeKind.NOBODY_REACHABLE, pull_request)


class Greeting(Case):
    """Ana installed the App."""

    text = "You installed Ripe on acme"

    async def prepare(self) -> None:
        await self.scene.ask("ana")
        await self.scene.world.db.execute("UPDATE installation SET account_login = 'acme'")

    async def run(self, *, is_live: bool = True) -> HandlerResult:
        job = greet_installer_job(InstallationId(5), AccountId(1))
        return await greet_installer(
            self.claimed(job), slack=self.slack(is_live), clock=self.scene.world.clock
        )

    async def notice(self) -> Notice:
        return Notice.to_person(await self.person(), NoticeKind.GREETING, "5")


class Digest(Case):
    """A review has waited for Ana since before the install."""

    text = "1 review has been waiting for you since before Ripe was installed"

    async def prepare(self) -> None:
        ana, self.request_id = await self.scene.ask("ana")
        self.person_id = ana.id
        await snooze_request(self.request_id, None, until_change=True)
        await backlog.insert_entries(ana.workspace_id, [self.request_id], self.scene.world.now)

    async def run(self, *, is_live: bool = True) -> HandlerResult:
        job = self.claimed(welcome_digest_job(self.person_id))
        world = self.scene.world
        return await digest(job, slack=self.slack(is_live), queue=world.queue, clock=world.clock)

    async def notice(self) -> Notice:
        return Notice.to_person(await self.person(), NoticeKind.BACKLOG, "2026-11-23")


@pytest.fixture(params=[AuthorNotice, Greeting, Digest])
async def case(scene: Scene, request: pytest.FixtureRequest) -> Case:
    case: Case = request.param(scene)
    await case.prepare()
    return case


async def test_a_notice_is_sent_once(scene: Scene, case: Case) -> None:
    assert await case.run() is None
    for _ in range(2):
        assert isinstance(await scene.run_to_rest(case.run), Discard)
    (text,) = case.texts()
    assert case.text in text
    assert await scene.states() == [SENT]


async def die_before_slack(case: Case) -> None:
    await insert_notice(await case.notice(), case.scene.world.now)


async def die_after_slack(case: Case) -> None:
    message_id = await insert_notice(await case.notice(), case.scene.world.now)
    assert message_id is not None
    await case.scene.post_as_the_dead_worker_did(await case.person(), key_of(message_id))


async def die_while_reconciling(case: Case) -> None:
    """The reply was lost, and the worker that asked the history died before it recorded the answer."""
    message_id = await insert_notice(await case.notice(), case.scene.world.now)
    assert message_id is not None
    await record_state(message_id, MessageState.UNKNOWN, "cut")
    await case.scene.post_as_the_dead_worker_did(await case.person(), key_of(message_id))


async def lose_the_call(case: Case) -> None:
    case.scene.slack.faults.add(BEFORE_SLACK)


async def lose_the_reply(case: Case) -> None:
    case.scene.slack.faults.add(AFTER_SLACK)


async def hit_the_rate_limit(case: Case) -> None:
    case.scene.slack.faults.add(RATE_LIMIT)


Crash = Callable[[Case], Awaitable[None]]
CRASHES = [
    die_before_slack,
    die_after_slack,
    die_while_reconciling,
    lose_the_call,
    lose_the_reply,
    hit_the_rate_limit,
]


@pytest.mark.parametrize("crash", CRASHES)
async def test_after_any_crash_the_reader_has_the_notice_exactly_once(
    scene: Scene, case: Case, crash: Crash
) -> None:
    await crash(case)
    await scene.run_to_rest(case.run)
    assert len(case.texts()) == 1
    assert await scene.states() == [SENT]


async def test_a_notice_that_slack_refuses_is_not_tried_again(scene: Scene, case: Case) -> None:
    scene.deactivate(case.reader)
    await scene.run_to_rest(case.run)
    await scene.run_to_rest(case.run)
    assert await scene.states() == [FAILED]


async def test_outside_of_working_hours_a_notice_waits(scene: Scene, case: Case) -> None:
    scene.world.clock.move(10 * HOUR)
    result = await case.run()
    assert isinstance(result, Postpone)
    assert result.until == scene.world.now + 13 * HOUR, "9:00 in Berlin"
    assert await scene.states() == []


async def test_a_reader_who_never_works_gets_no_notice(scene: Scene, case: Case) -> None:
    person = await case.person()
    await scene.world.db.execute("UPDATE person SET spans = '{}' WHERE id = $1", person.id)
    assert isinstance(await case.run(), Discard)
    assert await scene.states() == []


async def test_in_shadow_mode_a_notice_is_recorded_and_not_sent(scene: Scene, case: Case) -> None:
    assert await case.run(is_live=False) is None
    assert await scene.states() == [SENT]
    assert case.texts() == []
    assert (await case.person()).welcomed_at is None


async def test_a_notice_that_another_job_began_is_not_begun_twice(scene: Scene, case: Case) -> None:
    notice, person, now = await case.notice(), await case.person(), scene.world.now
    assert await insert_notice(notice, now) is not None
    result = await begin_notice(notice, person, rendered("Again"), now, welcomes=True)
    assert isinstance(result, Postpone)
    assert len(await scene.states()) == 1
    assert (await case.person()).welcomed_at is None


@pytest.fixture(params=[Greeting, Digest])
async def welcoming(scene: Scene, request: pytest.FixtureRequest) -> Case:
    case: Case = request.param(scene)
    await case.prepare()
    return case


async def test_a_notice_that_says_what_ripe_is_counts_as_the_welcome(scene: Scene, welcoming: Case) -> None:
    await welcoming.run()
    assert (await welcoming.person()).welcomed_at == scene.world.now


async def test_a_notice_that_was_not_posted_welcomed_nobody(scene: Scene, welcoming: Case) -> None:
    scene.slack.faults.add(RATE_LIMIT)
    with pytest.raises(Postpone):
        await welcoming.run()
    assert (await welcoming.person()).welcomed_at is None
    await scene.run_to_rest(welcoming.run)
    assert (await welcoming.person()).welcomed_at == scene.world.now


async def test_a_digest_is_for_a_day_and_the_next_day_lists_only_what_is_new(scene: Scene) -> None:
    case = Digest(scene)
    await case.prepare()
    await case.run()
    later = await scene.world.ask("ana", 13)
    await snooze_request(later, None, until_change=True)
    await backlog.insert_entries(scene.world.workspace_id, [later], scene.world.now)
    result = await case.run()
    assert isinstance(result, Postpone)
    assert result.until == scene.world.now + 23 * HOUR, "tomorrow, 9:00 in Berlin"
    scene.world.clock.move(23 * HOUR)
    assert await case.run() is None
    first, second = case.texts()
    assert "#12" in first
    assert ("#12" in second, "#13" in second) == (False, True)


async def test_a_digest_whose_call_was_lost_is_listed_again_a_day_later(scene: Scene) -> None:
    case = Digest(scene)
    await case.prepare()
    scene.slack.faults.add(BEFORE_SLACK)
    with pytest.raises(Postpone):
        await case.run()
    scene.world.clock.move(DAY)
    await scene.pass_real_time()
    await scene.run_to_rest(case.run)
    (text,) = case.texts()
    assert case.text in text


async def test_a_digest_waits_for_the_end_of_a_snooze(scene: Scene) -> None:
    case = Digest(scene)
    await case.prepare()
    await snooze_person(PersonId(case.person_id), scene.world.now + 2 * HOUR)
    result = await case.run()
    assert isinstance(result, Postpone)
    assert result.until == scene.world.now + 2 * HOUR


async def test_an_author_notice_that_is_no_longer_true_is_dropped(scene: Scene) -> None:
    case = AuthorNotice(scene)
    await case.prepare()
    await scene.hire("cho")
    result = await case.run()
    assert isinstance(result, Discard)
    assert result.reason == "somebody is reachable"
    assert await scene.states() == []


async def test_an_author_hears_again_in_the_next_round(scene: Scene) -> None:
    case = AuthorNotice(scene)
    await case.prepare()
    await case.run()
    await scene.world.db.execute("UPDATE pull_request SET round = 2")
    assert await case.run() is None
    assert len(case.texts()) == 2


async def test_no_answer_waits_until_the_latest_moment_for_a_first_one(scene: Scene) -> None:
    ben = await load_person(await scene.hire("ben"))
    ana, request_id = await scene.ask("ana")
    request = await scene.world.request(request_id)
    message_id = await begin_sending(request, 0, ana.id, scene.world.now)
    await record_sent(message_id, "D1", "1.1", "", scene.world.now)
    job = tell_author_job(request.pull_request_id, NoticeKind.NO_ANSWER)
    case = AuthorNotice(scene)

    async def run() -> HandlerResult:
        world = scene.world
        return await tell_author(case.claimed(job), slack=scene.gateway, queue=world.queue, clock=world.clock)

    result = await run()
    assert isinstance(result, Postpone)
    assert result.until == scene.world.now + 2 * DAY, "16 working hours later"
    scene.world.clock.move(2 * DAY)
    assert await run() is None
    (text,) = case.texts()
    assert "no answer yet from ana-gh" in text
    pull_request = await load_pull_request(request.pull_request_id)
    (notice,) = await list_earlier(pull_request)
    assert (notice.kind, notice.message.state) == (NoticeKind.NO_ANSWER, SENT)
    assert await find_notice(Notice.to_author(ben, NoticeKind.NO_ANSWER, pull_request)) == notice.message
