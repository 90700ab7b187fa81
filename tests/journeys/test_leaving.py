"""Uninstalled, suspended, renamed, given away: nothing is sent about a repository that Ripe may not see."""

from datetime import UTC, datetime

from bot.assignment.config import RepositoryConfig
from bot.assignment.store import list_configs, save_config
from bot.flows.catalog import SYNC_PULL_REQUEST
from bot.sandbox.github.model import Installation, Pull
from bot.sandbox.github.server import Fault
from tests.journeys.whole import Whole


def installation_of(ripe: Whole) -> Installation:
    return ripe.github.document.installations[0]


def emit_repository(ripe: Whole, action: str, installation: Installation | None = None) -> None:
    """A `repository` event about acme/api, whatever it is called by now."""
    repo, shapes = ripe.github.document.repositories[0], ripe.github.shapes
    ripe.github.webhooks.emit(
        "repository",
        {
            "action": action,
            "repository": shapes.repository(repo),
            "installation": shapes.installation_name(installation or installation_of(ripe)),
            "sender": shapes.login("ben"),
        },
    )


def rename(ripe: Whole, name: str) -> None:
    ripe.github.document.repositories[0].full_name = name
    emit_repository(ripe, "renamed")


async def ask_cho(ripe: Whole, title: str = "Round up") -> Pull:
    """Cho was asked by hand, and has a DM that says so."""
    pull = ripe.github.open_pull_request("acme/api", "ben", title, ["src/main.py"], reviewers=["cho"])
    await ripe.settle()
    return pull


async def names(ripe: Whole) -> dict[str, bool]:
    """Every repository, and whether Ripe may see it."""
    rows = await ripe.app.database.fetch("SELECT full_name, removed_at IS NULL AS is_ours FROM repository")
    return {row["full_name"]: row["is_ours"] for row in rows}


async def test_a_notice_that_waited_for_the_morning_is_not_sent_after_an_uninstall(ripe: Whole) -> None:
    await ripe.slack.run_command("cho", "/ooo", "until friday")
    await ripe.go_to(datetime(2037, 11, 23, 20, 0, tzinfo=UTC))
    await ripe.open_pull_request("docs/intro.md")
    ripe.github.uninstall(installation_of(ripe))
    await ripe.pass_time(days=3)
    assert ripe.dms("ben") == []


async def test_a_webhook_that_comes_after_the_uninstall_changes_nothing(ripe: Whole) -> None:
    pull = await ask_cho(ripe)
    ripe.github.webhooks.hold()
    ripe.github.request_review(pull, ["ana"], by="ben")
    ripe.github.uninstall(installation_of(ripe))
    ripe.github.webhooks.release(lambda deliveries: deliveries[::-1])
    await ripe.pass_time(days=3)
    assert ripe.dms("ana") == []
    assert ripe.live("cho") == []


async def test_an_installation_that_is_announced_after_its_deletion_stays_deleted(ripe: Whole) -> None:
    ripe.github.webhooks.hold()
    ripe.github.uninstall(installation_of(ripe))
    ripe.github.uninstall(ripe.github.install(["acme/api", "acme/web"]))
    ripe.github.webhooks.release(lambda deliveries: deliveries[::-1])
    await ripe.pass_time(days=1)
    assert await ripe.app.database.fetchval("SELECT count(*) FROM installation WHERE deleted_at IS NULL") == 0
    assert not any((await names(ripe)).values())
    assert ripe.dms("ben") == []


async def test_the_dms_of_a_removed_repository_are_struck_and_no_more_are_sent(ripe: Whole) -> None:
    pull = await ask_cho(ripe)
    ripe.github.change_repositories(installation_of(ripe), removed=["acme/api"])
    ripe.github.request_review(pull, ["ana"], by="ben")
    await ripe.pass_time(days=5)
    assert ripe.live("cho") == []
    assert len(ripe.dms("cho")) == 1
    assert ripe.dms("ana") == []


async def test_nothing_is_sent_while_suspended_and_nothing_about_a_review_done_meanwhile(
    ripe: Whole,
) -> None:
    done, _ = await ask_cho(ripe, "Done"), await ask_cho(ripe, "Still open")
    ripe.github.suspend(installation_of(ripe))
    await ripe.settle()
    ripe.github.review(done, "cho", "APPROVED")
    await ripe.pass_time(days=2)
    assert len(ripe.dms("cho")) == 2
    ripe.github.unsuspend(installation_of(ripe))
    await ripe.settle()
    (live,) = ripe.live("cho")
    assert "Still open" in live
    *_, digest = ripe.dms("cho")  # its reminder is late
    assert "1 review waits for you" in digest
    assert "Still open" in digest
    assert len(ripe.dms("cho")) == 3
    assert any("Done" in dm and "approved by you" in dm for dm in ripe.dms("cho"))


async def test_after_a_suspension_github_is_asked_about_each_pull_request_before_anything_is_sent(
    ripe: Whole,
) -> None:
    pulls = [await ask_cho(ripe, f"Change {number}") for number in range(3)]
    ripe.github.suspend(installation_of(ripe))
    await ripe.pass_time(days=2)
    for pull in pulls:
        ripe.github.merge(pull)
    ripe.github.unsuspend(installation_of(ripe))
    settled = await ripe.settle()
    assert sum(settlement.job.job_type == SYNC_PULL_REQUEST for settlement in settled) == 3
    assert ripe.live("cho") == []
    assert len(ripe.dms("cho")) == 3


async def test_nothing_is_sent_while_github_cannot_be_asked_after_a_suspension(ripe: Whole) -> None:
    pull = await ask_cho(ripe)
    ripe.github.suspend(installation_of(ripe))
    await ripe.settle()
    ripe.github.merge(pull)
    await ripe.go_to(datetime(2037, 11, 23, 12, 59, 50, tzinfo=UTC))
    ripe.server.faults.append(Fault(status=502, path="/pulls/1", times=2))
    ripe.github.unsuspend(installation_of(ripe))
    await ripe.pass_time(seconds=30)
    assert len(ripe.dms("cho")) == 1
    await ripe.pass_time(minutes=5)
    (dm,) = ripe.dms("cho")
    assert "merged" in dm


async def test_reminders_go_on_after_a_suspension_even_if_github_has_nothing_newer(ripe: Whole) -> None:
    await ask_cho(ripe)
    ripe.github.suspend(installation_of(ripe))
    await ripe.pass_time(days=1)
    await ripe.app.database.execute("UPDATE pull_request SET updated_at = updated_at + interval '1 hour'")
    ripe.github.unsuspend(installation_of(ripe))
    await ripe.settle()
    assert len(ripe.dms("cho")) == 2


async def test_a_suspension_that_comes_after_the_deletion_does_not_undo_it(ripe: Whole) -> None:
    installation = installation_of(ripe)
    ripe.github.webhooks.hold()
    ripe.github.suspend(installation)
    ripe.github.uninstall(installation)
    ripe.github.webhooks.release(lambda deliveries: deliveries[::-1])
    await ripe.settle()
    assert await ripe.app.database.fetchval("SELECT deleted_at IS NOT NULL FROM installation")


async def test_pull_requests_opened_during_a_suspension_are_in_the_digest(ripe: Whole) -> None:
    ripe.github.suspend(installation_of(ripe))
    await ripe.settle()
    await ask_cho(ripe)
    ripe.github.unsuspend(installation_of(ripe))
    await ripe.settle()
    assert ripe.dms("cho") == []
    await ripe.pass_time(days=1)
    assert "acme/api#1" in ripe.dms("cho")[0]


async def test_the_digest_waits_while_suspended(ripe: Whole) -> None:
    installation = installation_of(ripe)
    ripe.github.change_repositories(installation, removed=["acme/api"])
    await ask_cho(ripe)
    ripe.github.change_repositories(installation, added=["acme/api"])
    await ripe.settle()
    ripe.github.suspend(installation)
    await ripe.pass_time(days=2)
    assert ripe.dms("cho") == []


async def test_a_suspended_app_that_is_uninstalled_strikes_its_dms(ripe: Whole) -> None:
    await ask_cho(ripe)
    ripe.github.suspend(installation_of(ripe))
    await ripe.pass_time(days=1)
    ripe.github.uninstall(installation_of(ripe))
    await ripe.settle()
    assert ripe.live("cho") == []


async def test_a_renamed_repository_is_called_by_its_new_name(ripe: Whole) -> None:
    pull = await ask_cho(ripe)
    rename(ripe, "acme/core")
    await ripe.settle()
    assert await names(ripe) == {"acme/core": True, "acme/web": True}
    ripe.github.edit_title(pull, "Round down")
    await ripe.settle()
    assert "acme/core#1" in ripe.live("cho")[0]


async def test_the_rules_of_a_renamed_repository_follow_it(ripe: Whole) -> None:
    rename(ripe, "acme/Core")
    await ripe.settle()
    assert sorted(await list_configs(ripe.app.workspace_id)) == ["acme/core"]
    ripe.github.open_pull_request("acme/Core", "ben", "Round up", ["docs/intro.md"])
    await ripe.settle()
    await ripe.pass_time(minutes=2)
    assert "you own `docs/**`" in ripe.live("cho")[0]


async def test_the_rules_follow_a_rename_whose_event_was_lost(ripe: Whole) -> None:
    pull = await ask_cho(ripe)
    ripe.github.document.repositories[0].full_name = "acme/core"
    await ripe.pass_time(minutes=1)
    ripe.github.push(pull, ["docs/more.md"])
    await ripe.settle()
    assert sorted(await list_configs(ripe.app.workspace_id)) == ["acme/core"]


async def test_rules_that_the_new_name_already_has_stay(ripe: Whole) -> None:
    own = RepositoryConfig(reviewers=2)
    await save_config(ripe.app.workspace_id, "acme/core", own, ripe.clock.now())
    rename(ripe, "acme/core")
    await ripe.settle()
    configs = await list_configs(ripe.app.workspace_id)
    assert sorted(configs) == ["acme/api", "acme/core"]
    assert configs["acme/core"].config == own


async def test_dms_show_the_new_name_of_a_renamed_repository(ripe: Whole) -> None:
    await ask_cho(ripe)
    rename(ripe, "acme/core")
    await ripe.settle()
    assert "acme/core#1" in ripe.live("cho")[0]
    assert ripe.reminders("cho") == 1


async def test_an_older_fact_that_comes_late_does_not_bring_the_old_name_back(ripe: Whole) -> None:
    pull = await ask_cho(ripe)
    await ripe.pass_time(minutes=1)
    ripe.github.webhooks.hold()
    ripe.github.edit_title(pull, "Round down")
    ripe.clock.shift += datetime(2037, 11, 23, 10, 0, tzinfo=UTC) - ripe.clock.now()
    rename(ripe, "acme/core")
    ripe.github.webhooks.release(lambda deliveries: deliveries[::-1])
    await ripe.settle()
    assert "acme/core" in await names(ripe)


async def test_a_newer_fact_brings_the_new_name_if_the_rename_event_was_lost(ripe: Whole) -> None:
    pull = await ask_cho(ripe)
    ripe.github.document.repositories[0].full_name = "acme/core"
    await ripe.pass_time(minutes=1)
    ripe.github.push(pull, ["src/more.py"])
    await ripe.settle()
    assert "acme/core" in await names(ripe)


async def test_a_transferred_repository_is_followed_to_the_installation_of_its_new_owner(
    ripe: Whole,
) -> None:
    for order in (list, lambda deliveries: deliveries[::-1]):
        pull = await ask_cho(ripe)
        old, new = installation_of(ripe), ripe.github.install(["acme/web"])
        await ripe.settle()
        await ripe.pass_time(minutes=1)
        ripe.github.webhooks.hold()
        ripe.github.change_repositories(old, removed=["acme/api"])
        new.repository_ids.append(pull.repository_id)
        ripe.github.document.repositories[0].full_name = "other/api"
        emit_repository(ripe, "transferred", new)
        ripe.github.webhooks.release(order)
        await ripe.settle()
        assert (await names(ripe))["other/api"]
        assert sorted(await list_configs(ripe.app.workspace_id)) == ["other/api"]
        ripe.github.edit_title(pull, "Round down")
        await ripe.settle()
        assert "Round down" in ripe.live("cho")[0]
        ripe.github.merge(pull)
        ripe.github.document.installations.remove(new)
        ripe.github.document.repositories[0].full_name = "acme/api"
        ripe.github.change_repositories(old, added=["acme/api"])
        await ripe.settle()


async def test_a_deleted_or_archived_repository_falls_silent(ripe: Whole) -> None:
    for action in ("deleted", "archived"):
        await ask_cho(ripe)
        assert len(ripe.live("cho")) == 1
        emit_repository(ripe, action)
        await ripe.settle()
        assert ripe.live("cho") == []
        ripe.github.change_repositories(installation_of(ripe), added=["acme/api"])
        ripe.github.document.pulls.clear()
        await ripe.settle()


async def test_an_unarchived_repository_is_read_again(ripe: Whole) -> None:
    await ask_cho(ripe)
    emit_repository(ripe, "archived")
    await ripe.settle()
    emit_repository(ripe, "unarchived")
    await ripe.pass_time(days=1)
    assert "since before Ripe was installed" in ripe.dms("cho")[-1]
    assert "acme/api#1" in ripe.dms("cho")[-1]


async def test_a_change_of_a_repositorys_visibility_is_ignored(ripe: Whole) -> None:
    await ask_cho(ripe)
    emit_repository(ripe, "privatized")
    await ripe.settle()
    assert len(ripe.live("cho")) == 1
    outcome = "SELECT outcome FROM delivery WHERE event = 'repository'"
    assert await ripe.app.database.fetchval(outcome) == "ignored"
