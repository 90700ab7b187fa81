"""During an upgrade, this release's processes run on the schema and among the rows of the next one."""

import asyncpg

from bot.flows import catalog
from bot.model import AccountId, InstallationId, PersonId, PullRequestId, RepositoryId, RequestId
from bot.reminders.model import NoticeKind
from bot.sandbox.github.model import Pull
from bot.slack.messages import UNDO
from bot.web.setup.shadow_report import load_shadow_report
from bot.worker import build_handlers
from jobq import Job
from tests.journeys.test_slack import choose, type_command
from tests.journeys.whole import MONDAY_MORNING, Whole, whole_bot

ADD_COLUMNS = """
    DO $$ DECLARE relation text; BEGIN
        FOR relation IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
            EXECUTE format('ALTER TABLE %I ADD COLUMN newer text NOT NULL DEFAULT %L', relation, 'newer');
        END LOOP;
    END $$
"""
ADD_FIELDS = """
    UPDATE delivery SET fact = fact || '{"newer": 1}' WHERE fact IS NOT NULL;
    UPDATE assignment SET decision = decision || '{"newer": 1}';
    UPDATE repository_config SET document = document || '{"newer": 1}';
    UPDATE job SET arguments = arguments || '{"newer": 1}' WHERE arguments <> '{}';
    UPDATE action SET undo = (
        SELECT coalesce(jsonb_agg(change || '{"newer": 1}'), '[]') FROM jsonb_array_elements(undo) AS change);
"""
"""The next release may store a field that this one does not know."""


async def upgrade(dsn: str, *statements: str) -> None:
    """As the next release's migration does, from a session of its own."""
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def every_job(ripe: Whole, pull: Pull) -> tuple[Job, ...]:
    """One of each type but those that forget, about a pull request that asks somebody."""
    database = ripe.app.database
    installation = InstallationId(await database.fetchval("SELECT id FROM installation"))
    pull_request = PullRequestId(pull.id)
    request = await database.fetchval("SELECT id FROM review_request WHERE pull_request_id = $1", pull.id)
    person = await database.fetchval("SELECT id FROM person WHERE name ILIKE 'cho%'")
    repository = await database.fetchval("SELECT id FROM repository WHERE full_name = 'acme/api'")
    guid = await database.fetchval("SELECT guid FROM delivery WHERE fact IS NOT NULL LIMIT 1")
    return (
        catalog.apply_fact_job(guid),
        catalog.assign_reviewers_job(pull_request),
        catalog.sync_pull_request_job(pull_request),
        catalog.remind_reviewer_job(RequestId(request)),
        catalog.tell_author_job(pull_request, NoticeKind.NO_ANSWER),
        catalog.tell_admin_of_silence_job(ripe.app.workspace_id),
        catalog.ask_for_verdict_job(pull_request),
        catalog.tell_admin_job(ripe.app.workspace_id),
        catalog.tell_admin_of_accounts_job(ripe.app.workspace_id),
        catalog.refresh_profiles_job(ripe.app.workspace_id),
        catalog.tell_holder_job(PersonId(person), AccountId(ripe.github.users["ben"].id)),
        catalog.tell_obstacle_job(pull_request),
        catalog.backfill_repository_job(installation, RepositoryId(repository)),
        catalog.welcome_digest_job(PersonId(person)),
        catalog.digest_job(PersonId(person)),
        catalog.greet_installer_job(installation, AccountId(ripe.github.users["ben"].id)),
        catalog.enter_installation_job(installation),
        catalog.poll_installation_job(installation),
        catalog.poll_repository_job(installation, RepositoryId(repository)),
        catalog.repair_job(),
        catalog.compare_with_github_job(),
        catalog.compare_installation_job(installation, is_whole=True),
        catalog.compare_repository_job(installation, RepositoryId(repository)),
        catalog.find_missed_deliveries_job(),
        Job(job_type=catalog.NOTICE_DOWNTIME, lane=catalog.Lane.FACTS),
        catalog.refresh_workspaces_job(),
        Job(job_type=catalog.SCHEDULE_DIGESTS, lane=catalog.Lane.FACTS),
        Job(job_type=catalog.TIDY, lane=catalog.Lane.FACTS),
    )


async def test_every_job_of_this_release_runs_on_a_newer_schema(ripe: Whole, dsn: str) -> None:
    before = await ripe.open_pull_request("docs/intro.md")
    assert before.requested == ["cho"]
    await type_command(ripe, "cho", "/snooze", "1h")
    # The bot's statements are prepared by now.
    await upgrade(dsn, ADD_COLUMNS, ADD_FIELDS)
    after = await ripe.open_pull_request("docs/more.md")
    assert after.requested == ["cho"]
    await ripe.app.queue.save_all(jobs := await every_job(ripe, after))
    await upgrade(dsn, "UPDATE job SET arguments = arguments || '{\"newer\": 1}' WHERE arguments <> '{}'")
    ran = {settlement.job.job_type for settlement in await ripe.settle()}
    assert ran >= {job.job_type for job in jobs}
    forgetting = {catalog.FORGET_INSTALLATION, catalog.FORGET_WORKSPACE}
    assert {job.job_type for job in jobs} | forgetting | {catalog.POLL} >= set(build_handlers(ripe.app))


async def test_a_review_goes_on_during_an_upgrade(ripe: Whole, dsn: str) -> None:
    pull = await ripe.open_pull_request("docs/intro.md")
    await type_command(ripe, "cho", "/snooze", "1h")
    await upgrade(dsn, ADD_COLUMNS, ADD_FIELDS)
    await choose(ripe, "cho", ripe.messages("cho")[-1], UNDO)
    assert "acme/api#1" in await type_command(ripe, "cho", "/reviews")
    await ripe.pass_time(hours=30)
    assert ripe.reminders("cho") > 1
    ripe.github.review(pull, "cho", "APPROVED")
    await ripe.settle()
    assert ripe.live("cho") == []
    ripe.github.uninstall(ripe.github.document.installations[0])
    await ripe.pass_time(hours=26)
    assert await ripe.app.database.fetchval("SELECT count(*) FROM pull_request") == 0
    await load_shadow_report(ripe.clock.now())


async def test_a_bot_starts_and_installs_on_a_newer_schema(dsn: str) -> None:
    await upgrade(dsn, ADD_COLUMNS)
    async with whole_bot(dsn, MONDAY_MORNING) as ripe:
        await ripe.open_pull_request("docs/intro.md")
        assert ripe.reminders("cho") == 1
