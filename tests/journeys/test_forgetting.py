"""A day after the App was uninstalled nothing of the account is left but its people and rules."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from bot.actions.forget import forget_owner, plan_forgetting
from bot.flows.account_forgetting import forget_installations
from bot.flows.catalog import FORGET_INSTALLATION, Lane
from bot.jobs.forget_installation import forget_installation
from bot.model import InstallationId, UserError
from bot.sandbox.github.server import Fault as GitHubFault
from bot.sandbox.slack.model import Fault
from jobq import ClaimedJob, Discard
from tests.journeys.two_workspaces import type_command
from tests.journeys.whole import MONDAY_MORNING, Whole

THEIRS = ("installation", "repository", "pull_request", "review_request", "review", "assignment", "message")


async def work(ripe: Whole) -> None:
    """Make a row of each kind: a choice, a DM, a review, a greeting of the person who installed the App."""
    for title in ("One", "Two", "Three"):
        pull = ripe.github.open_pull_request("acme/api", "ben", title, ["docs/intro.md"])
        await ripe.settle()
    await ripe.pass_time(minutes=2)
    ripe.github.review(pull, "cho", "COMMENTED")
    await ripe.settle()


def uninstall(ripe: Whole) -> None:
    ripe.github.uninstall(ripe.github.document.installations[0])


async def count(ripe: Whole, tables: Sequence[str] = THEIRS) -> dict[str, int]:
    counted = {
        table: await ripe.app.database.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608 - our own names
        for table in tables
    }
    payloads = "SELECT count(*) FROM delivery WHERE fact IS NOT NULL OR note <> ''"
    return counted | {"payloads": await ripe.app.database.fetchval(payloads)}


async def forget(ripe: Whole, owner: str = "acme") -> list[str]:
    app = ripe.app
    return await forget_owner(
        owner, app.workspace_id, github=app.github, slack=app.slack, queue=app.queue, clock=ripe.clock
    )


async def test_a_day_after_the_uninstall_only_people_and_rules_are_left(ripe: Whole) -> None:
    await work(ripe)
    assert all((await count(ripe)).values())
    people = await count(ripe, ("person", "account", "repository_config"))
    uninstall(ripe)
    await ripe.pass_time(hours=23, minutes=50)
    assert all((await count(ripe)).values())
    await ripe.pass_time(minutes=20)
    assert not any((await count(ripe)).values())
    assert await count(ripe, ("person", "account", "repository_config")) == people | {"payloads": 0}
    await ripe.pass_time(days=5)
    assert await ripe.app.queue.dead() == []


async def test_a_webhook_that_is_delivered_again_brings_nothing_back(ripe: Whole) -> None:
    await work(ripe)
    uninstall(ripe)
    await ripe.pass_time(hours=25)
    for delivery in list(ripe.github.webhooks.log):
        ripe.github.webhooks.redeliver(delivery.guid)
    await ripe.settle()
    assert not any((await count(ripe)).values())


async def test_an_account_that_installs_again_within_the_day_keeps_everything(
    ripe: Whole,
) -> None:
    await work(ripe)
    uninstall(ripe)
    await ripe.pass_time(hours=2)
    ripe.github.install(["acme/api"])
    await ripe.settle()
    assert ripe.live("cho") == []
    await ripe.pass_time(days=1)
    assert (await count(ripe))["pull_request"] == 3
    assert "2 reviews have been waiting" in ripe.dms("cho")[-1]


async def test_each_uninstall_has_a_day_of_its_own(ripe: Whole) -> None:
    await work(ripe)
    uninstall(ripe)
    await ripe.pass_time(hours=2)
    ripe.github.install(["acme/api"])
    await ripe.pass_time(hours=2)
    uninstall(ripe)
    await ripe.pass_time(hours=21)
    assert (await count(ripe))["installation"] == 2
    await ripe.pass_time(hours=4)
    assert not any((await count(ripe)).values())


async def test_another_account_is_left_alone(ripe: Whole) -> None:
    await work(ripe)
    acme = ripe.github.document.installations[0]
    ripe.github.change_repositories(acme, removed=["acme/web"])
    ripe.github.document.organization.id, ripe.github.document.organization.login = 900, "other"
    other = ripe.github.install(["acme/web"])
    other.account = ripe.github.document.organization.model_copy()
    await ripe.settle()
    await type_command(ripe.slack, "olga", "/reviews", "admin allow other")
    await ripe.settle()
    ripe.github.document.organization.id, ripe.github.document.organization.login = 100, "acme"
    uninstall(ripe)
    await ripe.pass_time(hours=25)
    left = await ripe.app.database.fetch(
        "SELECT account_login, full_name FROM installation"
        " JOIN repository ON installation.id = installation_id"
    )
    assert [tuple(row) for row in left] == [("other", "acme/web")]


async def test_it_goes_page_by_page_and_may_be_repeated(ripe: Whole) -> None:
    await work(ripe)
    installation_id = InstallationId(ripe.github.document.installations[0].id)
    uninstall(ripe)
    await ripe.settle()
    arguments = f'{{"installation_id": {installation_id}}}'
    tick = ClaimedJob(
        1, FORGET_INSTALLATION, arguments, MONDAY_MORNING, MONDAY_MORNING, Lane.FACTS, 1, 1, 13, 5, None
    )
    early = await forget_installation(tick, clock=ripe.clock, page=1)
    assert isinstance(early, Discard)
    await forget_installations([installation_id], page=1)
    assert not any((await count(ripe)).values())
    await forget_installations([installation_id], page=1)


async def test_a_dry_run_counts_and_deletes_nothing(ripe: Whole) -> None:
    await work(ripe)
    before = await count(ripe)
    lines = await plan_forgetting("ACME", ripe.app.workspace_id)
    assert lines[:3] == ["installations: 1", "repositories: 2", "pull requests: 3"]
    assert f"messages: {before['message']}" in lines
    assert f"assignments: {before['assignment']}" in lines
    assert "still installed on ACME: uninstall it first" in lines[-1]
    assert await count(ripe) == before


async def test_forgetting_at_once_is_refused_while_it_is_installed(ripe: Whole) -> None:
    await work(ripe)
    before = await count(ripe)
    with pytest.raises(UserError, match="still installed on acme, and its next webhook"):
        await forget(ripe)
    assert await count(ripe) == before


async def test_forgetting_at_once_does_not_wait_for_the_day(ripe: Whole) -> None:
    await work(ripe)
    uninstall(ripe)
    await ripe.settle()
    assert "pull requests: 3" in await forget(ripe)
    assert not any((await count(ripe)).values())
    with pytest.raises(UserError, match="Nothing is known of acme"):
        await forget(ripe)
    await ripe.pass_time(days=2)
    assert await ripe.app.queue.dead() == []


def uninstall_unheard(ripe: Whole) -> None:
    ripe.github.webhooks.hold()
    uninstall(ripe)
    ripe.github.webhooks.release(lambda held: [])


async def test_an_uninstall_whose_webhook_was_lost_is_found_by_asking_github(ripe: Whole) -> None:
    await work(ripe)
    assert ripe.live("cho") != []
    uninstall_unheard(ripe)
    await forget(ripe)
    assert not any((await count(ripe)).values())
    assert ripe.live("cho") == [], "their DMs ask for nothing any more"
    await ripe.settle()


async def test_nothing_is_deleted_before_its_dms_could_be_struck(ripe: Whole) -> None:
    await work(ripe)
    uninstall_unheard(ripe)
    ripe.slack.faults.add(Fault(method="chat.update", kind="ratelimited", retry_after=30))
    before = await count(ripe)
    with pytest.raises(UserError, match="DMs about 2 reviews still ask for something"):
        await forget(ripe)
    assert await count(ripe) == before
    ripe.clock.shift += timedelta(minutes=1)
    await forget(ripe)
    assert not any((await count(ripe)).values())
    assert ripe.live("cho") == []


async def test_forgetting_at_once_is_refused_while_github_cannot_be_asked(ripe: Whole) -> None:
    await work(ripe)
    before = await count(ripe)
    ripe.server.faults.append(GitHubFault(status=502, path="/app/installations"))
    with pytest.raises(UserError, match="GitHub cannot be asked"):
        await forget(ripe)
    assert await count(ripe) == before
