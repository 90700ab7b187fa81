"""Without a public address: no webhook ever arrives, and GitHub is asked once a minute instead."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.doctor.model import Finding, State
from bot.doctor.ports import DoctorPorts
from bot.doctor.webhooks import check_polling, judge_polling
from bot.flows.catalog import POLL
from bot.github.inspection import is_uninstalled, list_installations
from bot.github.polling import list_polled_installations
from bot.sandbox.github.model import Installation
from bot.sandbox.github.server import Fault
from bot.worker import build_recurring
from jobq import utc_now
from tests.journeys.test_leaving import installation_of
from tests.journeys.whole import Whole


@pytest.fixture
async def deaf(ripe: Whole) -> Whole:
    """A bot that knows its installation, from which on nothing of GitHub's arrives by itself."""
    ripe.github.webhooks.hold()
    await start_polling(ripe)
    return ripe


async def start_polling(ripe: Whole) -> None:
    """As a worker does that finds GITHUB_POLL set."""
    ripe.app = replace(ripe.app, settings=ripe.app.settings.model_copy(update={"github_poll": True}))
    await save_polling(ripe)
    await minutes(ripe, 1)


async def save_polling(ripe: Whole) -> None:
    recurring = build_recurring(ripe.app)
    await ripe.app.queue.save_all(each.job for each in recurring if each.job_type == POLL)


async def waiting_jobs(ripe: Whole) -> Sequence[tuple[str, str]]:
    """The queued jobs in order, each with the instant at which it is due; None for the recurring one."""
    rows = await ripe.app.database.fetch(
        "SELECT job_type, CASE WHEN job_type <> $1 THEN ripe_at::text END AS due FROM job ORDER BY id", POLL
    )
    return [(row["job_type"], row["due"]) for row in rows]


async def count_deliveries(ripe: Whole) -> int:
    count: int = await ripe.app.database.fetchval("SELECT count(*) FROM delivery")
    return count


async def minutes(ripe: Whole, count: int) -> None:
    await ripe.pass_time(minutes=count)


async def asked(ripe: Whole) -> Sequence[str]:
    """The logins of the open review requests that are stored."""
    rows = await ripe.app.database.fetch(
        "SELECT reviewer_login FROM review_request WHERE closed_at IS NULL ORDER BY id"
    )
    return [row["reviewer_login"] for row in rows]


async def test_a_pull_request_is_found_its_reviewer_reminded_and_the_dm_struck_once_it_is_merged(
    deaf: Whole,
) -> None:
    pull = deaf.github.open_pull_request("acme/api", "ben", "Round up", ["docs/intro.md"])
    await minutes(deaf, 3)
    assert pull.requested == ["cho"]
    assert len(deaf.live("cho")) == 1
    deaf.github.merge(pull)
    await minutes(deaf, 1)
    assert deaf.live("cho") == []
    assert "merged" in deaf.dms("cho")[0]


async def test_a_review_is_noticed_as_what_it_was(deaf: Whole) -> None:
    pull = deaf.github.open_pull_request("acme/api", "ben", "Round up", ["docs/intro.md"])
    await minutes(deaf, 3)
    deaf.github.review(pull, "cho", "APPROVED")
    await minutes(deaf, 1)
    assert deaf.live("cho") == []
    assert "approved by you" in deaf.dms("cho")[0]


async def test_whom_a_human_asks_is_reminded_and_a_draft_only_once_it_is_ready(deaf: Whole) -> None:
    pull = deaf.github.open_pull_request("acme/api", "ben", "Round up", ["src/main.py"], draft=True)
    deaf.github.request_review(pull, ["ana"], by="ben")
    await minutes(deaf, 3)
    assert deaf.live("ana") == []
    deaf.github.ready_for_review(pull)
    await minutes(deaf, 2)
    assert len(deaf.live("ana")) == 1


async def test_a_push_wakes_what_was_snoozed_until_something_changes(deaf: Whole) -> None:
    pull = deaf.github.open_pull_request("acme/api", "ben", "Round up", ["docs/intro.md"])
    await minutes(deaf, 3)
    await deaf.slack.run_command("cho", "/snooze", "acme/api#1 until change")
    deaf.clock.shift += timedelta(hours=5)
    await minutes(deaf, 1)
    assert deaf.reminders("cho") == 1
    deaf.github.push(pull)
    await minutes(deaf, 2)
    assert deaf.reminders("cho") == 2


async def test_what_did_not_change_costs_one_request_a_repository_and_no_job(deaf: Whole) -> None:
    deaf.github.open_pull_request("acme/api", "ben", "Round up", ["docs/intro.md"])
    await minutes(deaf, 5)
    await save_polling(deaf)  # as a second worker process that starts
    dms, calls = deaf.dms("cho"), len(deaf.server.calls)
    deliveries = await count_deliveries(deaf)
    waiting = await waiting_jobs(deaf)
    await minutes(deaf, 2)
    made = [call.removeprefix("GET /api/v3") for call in deaf.server.calls[calls:]]
    assert sorted(made) == sorted(
        2
        * [
            "/app/installations",
            "/installation/repositories",
            "/repos/acme/api/pulls",
            "/repos/acme/web/pulls",
        ]
    )
    assert await count_deliveries(deaf) == deliveries
    assert await waiting_jobs(deaf) == waiting
    assert deaf.dms("cho") == dms


async def test_a_repository_that_is_added_is_read_and_one_that_is_taken_away_is_left(deaf: Whole) -> None:
    pull = deaf.github.open_pull_request("acme/api", "ben", "Round up", ["docs/intro.md"])
    await minutes(deaf, 3)
    deaf.github.change_repositories(installation_of(deaf), removed=["acme/api"])
    await minutes(deaf, 2)
    assert deaf.live("cho") == []
    deaf.github.change_repositories(installation_of(deaf), added=["acme/api"])
    deaf.github.push(pull)
    await minutes(deaf, 3)
    assert await asked(deaf) == ["cho"]


async def test_an_uninstall_a_suspension_and_an_installation_are_noticed(deaf: Whole) -> None:
    old: Installation = installation_of(deaf)
    deaf.github.suspend(old)
    await minutes(deaf, 1)
    assert [installed.is_suspended for installed in await list_polled_installations()] == [True]
    deaf.github.unsuspend(old)
    await minutes(deaf, 1)
    assert [installed.is_suspended for installed in await list_polled_installations()] == [False]
    deaf.github.uninstall(old)
    await minutes(deaf, 1)
    assert await list_polled_installations() == ()
    deaf.github.install(["acme/api"])
    await minutes(deaf, 2)
    deaf.github.open_pull_request("acme/api", "ben", "Round up", ["docs/intro.md"])
    await minutes(deaf, 4)
    (installed,) = await list_polled_installations()
    assert installed.account is not None
    assert installed.account.login == "acme"
    assert len(deaf.live("cho")) == 1


async def test_an_installation_that_a_list_leaves_out_is_not_taken_for_uninstalled(deaf: Whole) -> None:
    (installed,) = await list_polled_installations()

    class Forgetful:
        async def load_as_app(self, path: str) -> object:
            return [] if "?" in path else await deaf.app.github.load_as_app(path)

    assert await list_installations(Forgetful()) == ()
    assert not await is_uninstalled(Forgetful(), installed.id)
    deaf.github.uninstall(installation_of(deaf))
    assert await is_uninstalled(Forgetful(), installed.id)


async def test_an_installation_that_joined_no_workspace_is_not_told_of_again_and_again(deaf: Whole) -> None:
    await deaf.app.database.execute("INSERT INTO workspace (slack_team_id, name) VALUES ('T2', 'Beta')")
    deaf.github.uninstall(installation_of(deaf))
    deaf.github.install(["acme/web"])
    await minutes(deaf, 1)
    deliveries = await count_deliveries(deaf)
    await minutes(deaf, 3)
    assert await count_deliveries(deaf) == deliveries


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize("says_how", ["Retry-After", "X-RateLimit-Reset"])
async def test_github_that_asks_to_wait_is_asked_later_and_nothing_is_lost(
    deaf: Whole, status: int, says_how: str
) -> None:
    deaf.github.open_pull_request("acme/api", "ben", "Round up", ["docs/intro.md"])
    reset_at = int(utc_now().timestamp()) + 300
    headers = {
        "Retry-After": {"Retry-After": "300"},
        "X-RateLimit-Reset": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset_at)},
    }
    path = "/repos/acme/api/pulls"
    deaf.server.faults.append(Fault(status=status, path=path, headers=headers[says_how]))
    calls = len(deaf.server.calls)
    await minutes(deaf, 2)
    asked_it = [call for call in deaf.server.calls[calls:] if call.endswith(path)]
    assert len(asked_it) == 1, "it asked again before the time that GitHub gave"
    assert deaf.dms("cho") == []
    await deaf.pass_time(minutes=5)
    await minutes(deaf, 3)
    assert len(deaf.live("cho")) == 1


async def test_a_webhook_that_arrives_all_the_same_changes_nothing_twice(ripe: Whole) -> None:
    await start_polling(ripe)
    pull = await ripe.open_pull_request("docs/intro.md")
    before = ripe.dms("cho")
    await minutes(ripe, 3)
    assert ripe.dms("cho") == before
    ripe.github.merge(pull)
    await ripe.settle()
    await minutes(ripe, 2)
    assert len(ripe.dms("cho")) == len(before)
    ripe.clock.shift += timedelta(hours=6)
    await minutes(ripe, 2)
    assert len(ripe.dms("cho")) == len(before)


async def test_doctor_tells_of_each_installation_when_github_was_not_asked_for_long(deaf: Whole) -> None:
    now = deaf.clock.now()
    assert judge_polling("acme", 2, now - timedelta(minutes=4), now).state is State.OK
    late = judge_polling("acme", 2, now - timedelta(minutes=6), now)
    assert (late.state, late.detail) == (
        State.WARNING,
        "acme: of 2 repositories one was asked about 6 minutes ago",
    )
    assert judge_polling("acme", 2, None, now).state is State.WARNING
    assert judge_polling("acme", 400, now - timedelta(minutes=14), now).state is State.OK, "they take turns"
    assert [finding.detail for finding in await polling_findings(deaf)] == [
        "acme: 2 repositories, the last look at each at most 5 minutes ago"
    ]


async def test_an_installation_with_many_repositories_gives_no_other_one_time(deaf: Whole) -> None:
    database, now = deaf.app.database, deaf.clock.now()
    await database.execute(
        """
        WITH added AS (
            INSERT INTO installation (id, workspace_id, account_id, account_login)
            SELECT 99, workspace_id, 99, 'big' FROM installation LIMIT 1 RETURNING workspace_id
        )
        INSERT INTO repository (id, workspace_id, installation_id, full_name, polled_at)
        SELECT 9000 + n, workspace_id, 99, 'big/' || n, $1 FROM added, generate_series(1, 400) AS n
        """,
        now - timedelta(minutes=14),
    )
    await database.execute(
        "UPDATE repository SET polled_at = $1 WHERE full_name = 'acme/api'", now - timedelta(minutes=6)
    )
    assert [
        (finding.state, finding.detail.partition(":")[0]) for finding in await polling_findings(deaf)
    ] == [
        (State.WARNING, "acme"),
        (State.OK, "big"),
    ]


async def polling_findings(ripe: Whole) -> Sequence[Finding]:
    app = ripe.app
    return await check_polling(DoctorPorts(app.settings, ripe.clock, app.database, None, app.github, None))
