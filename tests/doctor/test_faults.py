"""One thing breaks at a time, and the doctor names it with its fix."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import pytest

from bot.doctor.model import State
from tests.doctor import faults
from tests.doctor.scene import SHARED, Scene

FAILED, WARNING = State.FAILED, State.WARNING

BreakIt: TypeAlias = Callable[[Scene], Awaitable[None]]
Fault: TypeAlias = tuple[BreakIt, str, State, str, str]

FOUND: list[Fault] = [
    (faults.no_slack_credentials, "settings", FAILED, "no credentials for Slack", ".env.example"),
    (faults.no_public_address, "settings.public_url", FAILED, "missing", "Set PUBLIC_URL"),
    (faults.an_address_without_encryption, "settings.public_url", FAILED, "not encrypted", "https://"),
    (faults.no_secret_keys, "settings.secret_keys", WARNING, "none", "Set SECRET_KEYS"),
    (faults.no_postgres_there, "database", FAILED, "cannot connect", "Start Postgres"),
    (faults.no_such_database, "database", FAILED, '"nowhere" does not exist', "Create this database"),
    (faults.no_way_past_the_pooler, "database.direct", FAILED, "cannot connect", "DATABASE_DIRECT_URL"),
    (faults.a_database_that_is_read_only, "database.rights", FAILED, "read-only", "primary server"),
    (faults.a_migration_that_is_missing, "database.migrations", FAILED, "0002_ripe.sql", "`ripe migrate`"),
    (faults.a_migration_that_was_changed, "database.migrations", FAILED, "0002_ripe.sql", "afresh"),
    (faults.a_newer_schema, "database.migrations", FAILED, "9999_future.sql", "newest version"),
    (faults.a_clock_that_is_fast, "database.clock", FAILED, "90 s ahead of Postgres", "NTP"),
    (faults.no_worker_for_an_hour, "queue.lag", FAILED, "calls for 60 min", "`ripe worker`"),
    (faults.a_dead_job, "queue.dead", WARNING, "1 assign_reviewers", "`ripe jobs revive ID...`"),
    (faults.a_rejected_payload, "deliveries.rejected", WARNING, "1 pull_request", "redeliver"),
    (faults.a_reviewer_nobody_knows, "people.unmapped", WARNING, "dev (1 waiting)", "`ripe people import"),
    (faults.nobody_is_connected, "people.unmapped", WARNING, "nobody is connected", "`/reviews link`"),
    (faults.a_repository_without_rules, "rules", WARNING, "asks nobody there: acme/web", "config apply FILE"),
    (faults.rules_without_a_rule, "rules", WARNING, "no repository has rules", "`ripe config apply FILE`"),
    (faults.a_token_that_no_key_decrypts, "settings.secret_keys", FAILED, "token of workspace 1", "Add the"),
    (faults.a_token_and_no_keys, "settings.secret_keys", FAILED, "the Slack token of", "ripe slack-link"),
    (faults.a_rule_that_names_a_stranger, "people.unmapped", WARNING, "cho (named in rules)", "`ripe people"),
    (faults.a_colleague_who_left, "people.deactivated", WARNING, "Slack: cho", "`ripe config apply FILE`"),
    (
        faults.a_colleague_whose_leaving_was_missed,
        "people.deactivated", WARNING, "deactivated or guests in Slack: cho",
        "`ripe config apply FILE`",
    ),
    (faults.a_guest_who_reviews, "people.guests", WARNING, "guests in Slack", "out of the people file"),
    (
        faults.credentials_that_no_key_decrypts,
        "settings.secret_keys", FAILED, "decrypts GITHUB_APP_ID", "`ripe up --setup`",
    ),
    (faults.another_apps_key, "github.app", FAILED, "refuses the credentials", "GITHUB_APP_PRIVATE_KEY"),
    (faults.github_is_down, "github.app", FAILED, "GitHub answers 502", "githubstatus.com"),
    (
        faults.a_permission_the_app_does_not_ask_for,
        "github.permissions", FAILED, "pull_requests: read", "Permissions & events",
    ),
    (
        faults.an_app_that_may_only_notify,
        "github.permissions", WARNING, "pull_requests: write, members: read", "owners then have to accept",
    ),
    (faults.an_event_github_does_not_tell, "github.events", FAILED, "pull_request_review", "Subscribe to"),
    (faults.access_to_code, "github.contents", WARNING, "may read code", "'No access'"),
    (faults.no_installation, "github.installations", FAILED, "none", "Install the App"),
    (faults.a_suspended_installation, "github.installations", FAILED, "acme: suspended", "can unsuspend it"),
    (
        faults.a_permission_that_was_not_granted,
        "github.installations", WARNING, "acme: has not granted members: read", "has to accept them at",
    ),
    (faults.no_repository_selected, "github.installations", WARNING, "no repository", "can select some at"),
    (faults.a_webhook_that_goes_elsewhere, "github.webhook", FAILED, "old.example.com", "webhook URL"),
    (faults.a_webhook_that_posts_forms, "github.webhook", FAILED, "is form", "application/json"),
    (faults.a_webhook_that_nobody_answers, "github.deliveries", FAILED, "failed to connect", "can reach"),
    (faults.a_wrong_webhook_secret, "github.deliveries", FAILED, "401", "GITHUB_WEBHOOK_SECRET"),
    (faults.a_webhook_that_was_lost_once, "github.deliveries", WARNING, "1 of the last", "redeliver these"),
    (faults.paths_that_may_not_be_read, "github.paths", WARNING, "rules fall back", "'Pull requests'"),
    (
        faults.files_that_github_does_not_tell,
        "github.obstacles", WARNING, "tell Ripe the files of acme/api#", "githubstatus.com",
    ),
    (faults.a_person_whom_slack_refuses, "slack.obstacles", WARNING, "DMs to cho since", "people import"),
    (faults.a_revoked_token, "slack.token", FAILED, "token_revoked", "SLACK_BOT_TOKEN"),
    (faults.slack_is_down, "slack.token", FAILED, "no answer", "slack-status.com"),
    (faults.a_missing_scope, "slack.scopes", FAILED, "im:write (every first DM)", "Add im:write"),
    (faults.a_scope_that_is_only_useful, "slack.scopes", WARNING, "im:history", "Add im:history"),
]  # fmt: skip
"""A fault, the check that finds it, and words from its finding."""


OF_SETTINGS = {
    faults.no_slack_credentials,
    faults.no_public_address,
    faults.an_address_without_encryption,
    faults.no_secret_keys,
    faults.no_postgres_there,
    faults.no_such_database,
    faults.no_way_past_the_pooler,
    faults.a_clock_that_is_fast,
    faults.another_apps_key,
    faults.slack_is_down,
}
"""They change what the doctor is given, and no bot."""


def list_faults(*, of_settings: bool) -> list[Any]:
    chosen = [row for row in FOUND if (row[0] in OF_SETTINGS) == of_settings]
    return [pytest.param(row, id=row[0].__name__) for row in chosen]


@pytest.mark.parametrize("fault", list_faults(of_settings=False))
async def test_a_fault_is_found_with_its_fix(scene: Scene, fault: Fault) -> None:
    await find(scene, *fault)


@SHARED
@pytest.mark.parametrize("fault", list_faults(of_settings=True))
async def test_a_fault_of_the_settings_is_found_with_its_fix(shared: Scene, fault: Fault) -> None:
    await find(shared, *fault)


async def find(scene: Scene, break_it: BreakIt, check: str, state: State, detail: str, fix: str) -> None:
    await break_it(scene)
    findings = await scene.examine()
    assert findings[check].state is state, findings[check]
    assert detail in findings[check].detail
    assert fix in findings[check].fix
    for finding in findings.values():
        assert "Traceback" not in finding.detail
        assert bool(finding.fix) == (finding.state in (FAILED, WARNING)), finding


def test_no_two_faults_have_the_same_finding() -> None:
    texts = [(check, detail, fix) for _, check, _, detail, fix in FOUND]
    assert len(set(texts)) == len(texts) >= 20
