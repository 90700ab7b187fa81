"""Once a day, after downtime and after anything ambiguous, the stored state becomes GitHub's."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from bot.flows.catalog import COMPARE_WITH_GITHUB, NOTICE_DOWNTIME
from bot.sandbox.github.model import Pull
from bot.sandbox.github.server import Fault
from tests.journeys.test_leaving import ask_cho, emit_repository, installation_of
from tests.journeys.test_missed_deliveries import start_worker, state_of, state_on_github
from tests.journeys.whole import Whole

PLACES = """
    SELECT repository.id, full_name, installation_id FROM repository
    JOIN installation ON installation.id = installation_id
    WHERE removed_at IS NULL AND deleted_at IS NULL AND suspended_at IS NULL ORDER BY repository.id
"""
INSTALLATIONS = """
    SELECT id, suspended_at IS NOT NULL AS is_suspended FROM installation
    WHERE deleted_at IS NULL ORDER BY id
"""


async def stored_places(ripe: Whole) -> tuple[list[tuple[int, str, int]], list[tuple[int, bool]]]:
    """The repositories that Ripe may look at, and the installations that it believes in."""
    places = await ripe.app.database.fetch(PLACES)
    installations = await ripe.app.database.fetch(INSTALLATIONS)
    return [tuple(row) for row in places], [tuple(row) for row in installations]


def places_on_github(ripe: Whole) -> tuple[list[tuple[int, str, int]], list[tuple[int, bool]]]:
    installations = ripe.github.document.installations
    return (
        sorted(
            (repo.id, repo.full_name, installation.id)
            for installation in installations
            for repo in ripe.github.document.repositories
            if installation.suspended_at is None and repo.id in installation.repository_ids
            and not repo.archived
        ),
        sorted((each.id, each.suspended_at is not None) for each in installations),
    )  # fmt: skip


async def lose(ripe: Whole, *acts: Callable[[], object]) -> None:
    """GitHub sends nothing about these, and lists no delivery of them."""
    ripe.github.webhooks.hold()
    before = len(ripe.github.webhooks.log)
    for act in acts:
        ripe.clock.shift += timedelta(seconds=2)
        act()
    del ripe.github.webhooks.log[before:]
    ripe.github.webhooks.release(lambda held: [])
    await ripe.settle()


async def a_day(ripe: Whole) -> None:
    await ripe.pass_time(days=1, minutes=10)


@pytest.fixture
async def pull(ripe: Whole) -> Pull:
    """One of which Ana and Cho are asked, with a worker that runs."""
    await start_worker(ripe)
    pull = ripe.github.open_pull_request("acme/web", "ben", "Round", ["src/a.py"], reviewers=["ana", "cho"])
    await ripe.pass_time(minutes=2)
    return pull


LOST: dict[str, Callable[[Whole, Pull], object]] = {
    "merged": lambda ripe, pull: ripe.github.merge(pull),
    "closed": lambda ripe, pull: ripe.github.close(pull),
    "draft": lambda ripe, pull: ripe.github.convert_to_draft(pull),
    "review requested": lambda ripe, pull: ripe.github.request_review(pull, ["dev"], by="ben"),
    "request removed": lambda ripe, pull: ripe.github.remove_request(pull, ["ana"], by="ben"),
    "approved": lambda ripe, pull: ripe.github.review(pull, "ana", "APPROVED"),
    "title": lambda ripe, pull: ripe.github.edit_title(pull, "Round down"),
    "label": lambda ripe, pull: ripe.github.label(pull, "wip"),
    "push": lambda ripe, pull: ripe.github.push(pull),
    "another opened": lambda ripe, pull: ripe.github.open_pull_request(
        "acme/web", "cho", "New", ["a.py"], reviewers=["ana"]
    ),
}


@pytest.mark.parametrize("name", LOST)
async def test_a_lost_event_is_made_up_for_within_a_day(ripe: Whole, pull: Pull, name: str) -> None:
    await lose(ripe, lambda: LOST[name](ripe, pull))
    await a_day(ripe)
    assert await state_of(ripe) == state_on_github(ripe)
    stored = await ripe.app.database.fetchrow(
        "SELECT state, head_sha FROM pull_request WHERE id = $1", pull.id
    )
    assert stored["state"] == ("merged" if pull.merged_at else pull.state)
    assert stored["head_sha"] == pull.head_sha


async def test_a_dismissal_and_a_ready_draft_that_were_lost_are_known_a_day_later(
    ripe: Whole, pull: Pull
) -> None:
    review = ripe.github.review(pull, "ana", "APPROVED")
    await ripe.pass_time(minutes=1)
    ripe.github.convert_to_draft(pull)
    await ripe.pass_time(minutes=1)
    await lose(
        ripe,
        lambda: ripe.github.dismiss_review(pull, review, by="ben"),
        lambda: ripe.github.ready_for_review(pull),
    )
    await a_day(ripe)
    assert await ripe.app.database.fetchval("SELECT state FROM review") == "dismissed"
    assert await state_of(ripe) == state_on_github(ripe)


async def test_nothing_that_was_open_before_the_install_is_taken_for_new(ripe: Whole) -> None:
    ripe.github.change_repositories(installation_of(ripe), removed=["acme/api"])
    await ripe.settle()
    await lose(ripe, lambda: ripe.github.open_pull_request("acme/api", "ben", "Old", ["docs/a.md"]))
    await ripe.pass_time(days=15)
    ripe.github.change_repositories(installation_of(ripe), added=["acme/api"])
    await start_worker(ripe)
    (old,) = ripe.github.document.pulls
    await lose(ripe, lambda: ripe.github.push(old))
    await ripe.pass_time(days=2)
    assert old.requested == [], "Ripe assigned reviewers to a pull request that it did not see opened"


async def test_a_comparison_that_finds_nothing_costs_one_request_a_repository_and_changes_nothing(
    ripe: Whole, pull: Pull
) -> None:
    await ripe.pass_time(hours=1)
    calls, dms = len(ripe.server.calls), ripe.dms("ana")
    rows = await ripe.app.database.fetch("SELECT * FROM pull_request")
    await ripe.app.database.execute("UPDATE job SET ripe_at = NULL WHERE job_type = $1", COMPARE_WITH_GITHUB)
    await ripe.pass_time(seconds=10)
    made = [call.removeprefix("GET /api/v3") for call in ripe.server.calls[calls:]]
    identity = installation_of(ripe).id
    assert sorted(made) == [
        "/app/installations",
        f"/app/installations/{identity}",
        "/installation/repositories",
        "/repos/acme/api/pulls",
        "/repos/acme/web/pulls",
    ]
    assert ripe.dms("ana") == dms
    assert await ripe.app.database.fetch("SELECT * FROM pull_request") == rows


async def test_after_downtime_github_is_asked_at_once(ripe: Whole, pull: Pull) -> None:
    await start_worker(ripe, NOTICE_DOWNTIME)
    await ripe.pass_time(minutes=30)
    await lose(ripe, lambda: ripe.github.merge(pull))
    ripe.clock.shift += timedelta(hours=1)  # no worker runs
    await ripe.pass_time(minutes=1)
    assert await state_of(ripe) == state_on_github(ripe) == []
    assert ripe.live("ana") == []


async def test_a_short_restart_asks_nothing(ripe: Whole, pull: Pull) -> None:
    await start_worker(ripe, NOTICE_DOWNTIME)
    await ripe.pass_time(minutes=30)
    calls = len(ripe.server.calls)
    ripe.clock.shift += timedelta(minutes=12)
    await ripe.pass_time(minutes=1)
    assert ripe.server.calls[calls:].count("GET /api/v3/app/installations") == 0


async def test_a_comparison_leaves_half_of_the_rate_limit_to_others(ripe: Whole, pull: Pull) -> None:
    await lose(ripe, lambda: ripe.github.merge(pull))
    ripe.server.remaining = 2_000
    await ripe.app.github.list_repositories(installation_of(ripe).id, 1)  # type: ignore[arg-type]
    await ripe.app.database.execute("UPDATE job SET ripe_at = NULL WHERE job_type = $1", COMPARE_WITH_GITHUB)
    await ripe.pass_time(minutes=55)
    assert len(await state_of(ripe)) == 1
    ripe.server.remaining = 4_000
    await ripe.pass_time(hours=2)
    assert await state_of(ripe) == []


async def test_a_payload_that_says_closed_and_shows_open_has_github_asked(ripe: Whole, pull: Pull) -> None:
    shown = ripe.github.shapes.pull(pull)
    await lose(ripe, lambda: ripe.github.merge(pull))
    shapes = ripe.github.shapes
    event = {
        "action": "closed",
        "number": pull.number,
        "pull_request": shown | {"updated_at": shapes.pull(pull)["updated_at"]},
        "repository": shapes.repository(ripe.github.repo_of(pull)),
        "installation": shapes.installation_name(installation_of(ripe)),
        "sender": shapes.login("ben"),
    }
    ripe.server.faults.append(Fault(status=502, path=f"/pulls/{pull.number}", times=3))
    ripe.github.webhooks.emit("pull_request", event)
    await ripe.settle()
    assert await ripe.app.database.fetchval("SELECT count(*) FROM held") == 1, "nothing is sent meanwhile"
    await ripe.pass_time(minutes=10)
    assert ripe.live("ana") == []
    assert "merged" in ripe.dms("ana")[-1]
    assert await ripe.app.database.fetchval("SELECT count(*) FROM held") == 0


async def test_a_suspend_that_comes_again_under_a_new_guid_silences_nobody(ripe: Whole, pull: Pull) -> None:
    ripe.github.suspend(installation_of(ripe))
    await ripe.pass_time(minutes=3)
    ripe.github.unsuspend(installation_of(ripe))
    await ripe.pass_time(minutes=3)
    suspend = next(each for each in ripe.github.webhooks.log if each.action == "suspend")
    ripe.github.webhooks.emit("installation", json.loads(suspend.body))
    await ripe.pass_time(minutes=3)
    assert await stored_places(ripe) == places_on_github(ripe)
    await ripe.pass_time(hours=6)
    assert ripe.reminders("ana") == 2


async def test_a_repository_that_is_archived_stays_left(ripe: Whole) -> None:
    await start_worker(ripe)
    await ask_cho(ripe)
    ripe.github.document.repositories[0].archived = True
    emit_repository(ripe, "archived")
    await a_day(ripe)
    assert ripe.live("cho") == []
    assert await stored_places(ripe) == places_on_github(ripe)


async def test_an_installation_that_github_lists_is_believed_though_its_deletion_was_announced(
    ripe: Whole, pull: Pull
) -> None:
    installation = installation_of(ripe)
    ripe.github.uninstall(installation)
    ripe.github.document.installations.append(installation)
    await ripe.pass_time(minutes=3)
    assert await stored_places(ripe) == places_on_github(ripe)
    assert await state_of(ripe) == state_on_github(ripe)


async def test_a_fact_of_an_unknown_installation_has_github_asked_about_it(ripe: Whole) -> None:
    await start_worker(ripe)
    old = installation_of(ripe)
    await lose(ripe, lambda: ripe.github.uninstall(old), lambda: ripe.github.install(["acme/api"]))
    ripe.github.open_pull_request("acme/api", "ben", "Round", ["docs/a.md"])
    await ripe.pass_time(minutes=3)
    rows = await ripe.app.database.fetch(
        "SELECT id, account_login FROM installation WHERE deleted_at IS NULL"
    )
    assert {row["id"]: row["account_login"] for row in rows}[installation_of(ripe).id] == "acme"
    await a_day(ripe)
    assert await stored_places(ripe) == places_on_github(ripe)


async def test_a_fact_of_a_repository_that_is_believed_gone_has_github_asked(ripe: Whole, pull: Pull) -> None:
    ripe.github.change_repositories(installation_of(ripe), removed=["acme/web"])
    await ripe.pass_time(minutes=3)
    await lose(ripe, lambda: ripe.github.change_repositories(installation_of(ripe), added=["acme/web"]))
    ripe.github.push(pull)
    await ripe.pass_time(minutes=3)
    assert await stored_places(ripe) == places_on_github(ripe)
    assert await state_of(ripe) == state_on_github(ripe)


async def test_a_pull_request_that_github_hides_is_not_asked_about_until_it_shows_it(
    ripe: Whole, pull: Pull
) -> None:
    pulls = ripe.github.document.pulls
    pulls.remove(pull)
    await ripe.pass_time(days=2)
    reminded = ripe.reminders("ana")
    await ripe.pass_time(days=3)
    assert ripe.reminders("ana") == reminded
    pulls.append(pull)
    await ripe.pass_time(days=2)
    assert ripe.reminders("ana") > reminded


async def test_a_wrong_date_of_a_fact_does_not_keep_github_from_being_right(ripe: Whole, pull: Pull) -> None:
    await ripe.app.database.execute("UPDATE pull_request SET updated_at = updated_at + interval '9 years'")
    await lose(ripe, lambda: ripe.github.merge(pull))
    await a_day(ripe)
    assert await state_of(ripe) == state_on_github(ripe) == []
