"""Two Slack workspaces on one bot: kept apart in everything, and left for good."""

from datetime import timedelta

import httpx
import pytest

from bot.flows.workspaces import find_workspace_of_installation
from bot.model import InstallationId, WorkspaceId
from bot.sandbox.github.seed import REPOSITORIES
from bot.sandbox.slack.model import Fault
from bot.slack.errors import WorkspaceGoneError
from tests.journeys.two_workspaces import BETA, beta_id, install, move_github_to, reminders, type_command
from tests.journeys.whole import Whole

# Kept apart


async def test_each_workspace_gets_its_own_answers(ripe: Whole, browser: httpx.AsyncClient) -> None:
    await install(browser)
    assert "ripe people import" not in await type_command(ripe.slack, "cho", "/reviews")
    assert "ripe people import" in await type_command(ripe.beta, "cho", "/reviews"), "a stranger there"
    await ripe.beta.send_dm("cho", "reviews")
    await ripe.settle()
    assert "ripe people import" in ripe.beta.rendered_text(ripe.beta.messages_to("cho")[-1])
    assert not any("ripe people import" in text for text in ripe.dms("cho"))


async def test_a_dm_goes_to_the_workspace_of_the_installation(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    await ripe.open_pull_request("docs/intro.md")
    assert (ripe.reminders("cho"), reminders(ripe.beta, "cho")) == (1, 0)
    await install(browser)
    await move_github_to(ripe, await beta_id(ripe))
    await ripe.open_pull_request("docs/more.md")
    assert ripe.live("cho") == []
    assert (ripe.reminders("cho"), reminders(ripe.beta, "cho")) == (1, 1)


async def test_an_action_changes_nothing_for_the_same_name_in_the_other_workspace(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    await install(browser)
    await move_github_to(ripe, await beta_id(ripe))
    await type_command(ripe.slack, "cho", "/ooo", "until friday")
    await ripe.open_pull_request("docs/intro.md")
    assert reminders(ripe.beta, "cho") == 1, "another Cho is away"


async def test_one_workspaces_rate_limit_leaves_the_other_alone(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    await install(browser)
    await move_github_to(ripe, await beta_id(ripe))
    ripe.slack.faults.add(Fault(method="*", kind="ratelimited", retry_after=30, times=100))
    await ripe.open_pull_request("docs/intro.md")
    assert reminders(ripe.beta, "cho") == 1
    ripe.beta.faults.add(Fault(method="*", kind="ratelimited", retry_after=300))
    await ripe.open_pull_request("docs/more.md")
    assert reminders(ripe.beta, "cho") == 1, "its own does hold it"
    await ripe.pass_time(minutes=10)
    assert reminders(ripe.beta, "cho") == 2


async def test_an_unknown_team_is_acknowledged_and_nothing_happens(ripe: Whole) -> None:
    reply = await ripe.beta.run_command("cho", "/ooo", "until friday")
    assert (reply.status, reply.body) == (200, "")
    assert (await ripe.beta.send_dm("cho", "snooze 2h")).status == 200
    await ripe.settle()
    assert await ripe.app.database.fetchval("SELECT count(*) FROM action") == 0
    assert await ripe.app.database.fetchval("SELECT count(*) FROM slack_delivery") == 0


async def test_a_known_workspace_is_answered_while_postgres_hangs(
    ripe: Whole,
) -> None:
    await type_command(ripe.slack, "cho", "/reviews")
    holder = await ripe.app.database.connect()
    try:
        await holder.execute("BEGIN; LOCK TABLE workspace IN ACCESS EXCLUSIVE MODE")
        reply = await ripe.slack.run_command("cho", "/ripe", "snooze 2")
        assert reply.in_time
        assert reply.is_ok
        assert "could not reach its database" in ripe.dms("cho")[-1]
        stranger = await ripe.beta.run_command("cho", "/reviews")
        assert (stranger.status, stranger.in_time) == (503, True), "Slack may ask again"
    finally:
        await holder.close()
    await ripe.settle()


async def test_with_two_workspaces_an_unknown_installation_joins_none(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    await install(browser)
    ripe.github.uninstall(ripe.github.document.installations[0])
    await ripe.settle()
    ripe.github.document.organization.id = 999
    ripe.github.document.organization.login = "strangers"
    new = ripe.github.install(REPOSITORIES)
    ripe.github.open_pull_request("acme/api", "ben", "Round up", ["docs/intro.md"])
    await ripe.settle()
    rows = await ripe.app.database.fetch(
        "SELECT workspace_id, outcome, note, fact FROM delivery ORDER BY received_at DESC LIMIT 2"
    )
    assert {tuple(row) for row in rows} == {(None, "ignored", "joins no workspace yet", None)}
    assert await find_workspace_of_installation(InstallationId(new.id)) is None
    assert await ripe.app.database.fetchval("SELECT count(*) FROM pull_request") == 0


async def test_a_repository_given_to_the_other_workspace_takes_nothing_along(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    await ripe.open_pull_request("docs/intro.md")
    await install(browser)
    await move_github_to(ripe, await beta_id(ripe))
    rows = await ripe.app.database.fetch("SELECT DISTINCT workspace_id FROM repository")
    assert [row["workspace_id"] for row in rows] == [await beta_id(ripe)]
    mixed = await ripe.app.database.fetchval(
        "SELECT count(*) FROM pull_request JOIN repository ON repository.id = repository_id"
        " WHERE pull_request.workspace_id <> repository.workspace_id"
    )
    assert mixed == 0


# Leaving


@pytest.mark.parametrize(
    "events",
    [
        ("app_uninstalled",),
        ("tokens_revoked",),
        ("app_uninstalled", "tokens_revoked"),
        ("tokens_revoked", "app_uninstalled"),
    ],
)
async def test_after_an_uninstall_nothing_is_sent_and_the_token_is_deleted(
    ripe: Whole, browser: httpx.AsyncClient, events: tuple[str, ...]
) -> None:
    await install(browser)
    beta = await beta_id(ripe)
    await move_github_to(ripe, beta)
    await ripe.open_pull_request("docs/intro.md")
    assert reminders(ripe.beta, "cho") == 1
    replies = await ripe.beta.uninstall(events)
    assert all(reply.status == 200 for reply in replies)
    calls = len(ripe.beta.calls)
    await ripe.open_pull_request("docs/more.md")
    await ripe.pass_time(hours=8)
    assert len(ripe.beta.calls) == calls, "no call with that token"
    assert await ripe.app.database.fetchval("SELECT bot_token FROM workspace WHERE id = $1", beta) is None
    with pytest.raises(WorkspaceGoneError):
        await ripe.app.workspaces.of(beta)
    assert await ripe.app.queue.dead() == []


async def test_a_day_after_the_uninstall_nothing_of_it_is_known_and_the_other_has_everything(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    await install(browser)
    beta, acme = await beta_id(ripe), ripe.app.workspace_id
    await move_github_to(ripe, beta)
    await ripe.open_pull_request("docs/intro.md")
    theirs = await people_of(ripe, acme)
    await ripe.beta.uninstall()
    await ripe.pass_time(hours=23)
    assert (await rows_of(ripe, beta))["person"] == 3
    await ripe.pass_time(hours=2)
    assert not any((await rows_of(ripe, beta)).values())
    assert await people_of(ripe, acme) == theirs
    row = await ripe.app.database.fetchrow(
        "SELECT name, bot_token, scopes FROM workspace WHERE id = $1", beta
    )
    assert row is not None
    assert tuple(row) == (None, None, [])
    ripe.github.open_pull_request("acme/api", "ben", "Later", ["docs/intro.md"])
    await ripe.settle()
    assert not any((await rows_of(ripe, beta)).values()), "its webhooks are nobody's"


async def test_installed_again_within_a_day_it_goes_on(ripe: Whole, browser: httpx.AsyncClient) -> None:
    await install(browser)
    await move_github_to(ripe, await beta_id(ripe))
    await ripe.beta.uninstall()
    await ripe.open_pull_request("docs/intro.md")
    assert reminders(ripe.beta, "cho") == 0
    await ripe.pass_time(hours=1)
    await install(browser)
    ripe.github.request_review(ripe.github.document.pulls[-1], ["cho"], by="ben")
    await ripe.settle()
    assert reminders(ripe.beta, "cho") == 1
    await ripe.pass_time(days=2)
    assert (await rows_of(ripe, await beta_id(ripe)))["person"] == 3


async def test_an_uninstall_event_from_before_the_last_install_is_ignored(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    await install(browser)
    [late] = await ripe.beta.uninstall(["app_uninstalled"])
    await ripe.pass_time(minutes=5)
    await install(browser)
    again = late.sent.model_copy(
        update={"body": late.sent.body.replace('"event_id": "Ev', '"event_id": "Ex')}
    )
    assert (await ripe.beta.sender.send(again)).status == 200
    assert (await (await ripe.app.workspaces.of(await beta_id(ripe))).load_grant()).team_id == BETA


async def test_the_first_workspace_may_leave_and_comes_back_with_a_token_that_is_good(ripe: Whole) -> None:
    await type_command(ripe.slack, "cho", "/reviews")
    await ripe.slack.uninstall()
    await ripe.open_pull_request("docs/intro.md")
    with pytest.raises(WorkspaceGoneError):
        await ripe.app.workspaces.of(ripe.app.workspace_id)
    ripe.slack.state.is_revoked = False
    assert await ripe.app.workspaces.learn_first(ripe.clock.now() + timedelta(minutes=1))
    ripe.github.request_review(ripe.github.document.pulls[-1], ["cho"], by="ben")
    await ripe.settle()
    assert ripe.reminders("cho") == 1


async def people_of(ripe: Whole, workspace_id: WorkspaceId) -> tuple[int, ...]:
    """The people and rules of a workspace, which stay after an uninstall on GitHub."""
    rows = await rows_of(ripe, workspace_id)
    return rows["person"], rows["account"], rows["repository_config"]


async def rows_of(ripe: Whole, workspace_id: WorkspaceId) -> dict[str, int]:
    """The number of rows of a workspace in each table, without its own row."""
    tables = (
        "installation", "repository", "repository_config", "person", "account", "absence", "pull_request",
        "review_request", "review", "assignment", "message", "slack_delivery", "action", "backlog", "held",
        "slack_limit",
    )  # fmt: skip
    return {
        table: await ripe.app.database.fetchval(
            f"SELECT count(*) FROM {table} WHERE workspace_id = $1",  # noqa: S608 - our own names
            workspace_id,
        )
        for table in tables
    }
