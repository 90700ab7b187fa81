"""Two Slack workspaces on one bot: installed by OAuth, told apart in everything, and left for good."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from bot.actions.apply_config import apply_config
from bot.actions.import_people import import_people
from bot.app import make_workspaces
from bot.github.store import find_workspace_of_installation, save_installation
from bot.model import InstallationId, WorkspaceId
from bot.sandbox.github.seed import REPOSITORIES
from bot.sandbox.slack.model import Fault
from bot.sandbox.slack.world import SlackWorld
from bot.slack.workspaces import TokenUnreadable, WorkspaceGone
from bot.web.app import create_web
from bot.web.states import COOKIE
from jobq.clock import utc_now
from tests.journeys.whole import PEOPLE, RULES, Whole

BETA = "T0BETA0001"


@pytest.fixture
async def browser(ripe: Whole) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody's, with cookies, that does not follow redirects by itself."""
    async with httpx.AsyncClient(base_url=ripe.app.settings.public_url or "") as client:
        yield client


async def go_to_slack(browser: httpx.AsyncClient) -> str:
    """Slack's page, to which /slack/install sends the browser."""
    sent = await browser.get("/slack/install")
    assert sent.status_code == 303, sent.text
    return sent.headers["location"]


async def allow(browser: httpx.AsyncClient, page: str, team: str = BETA) -> str:
    """Press a button on Slack's page; where it sends the browser back to."""
    shown = await browser.get(page)
    assert f'value="{team}"' in shown.text, shown.text
    answer = await browser.post(page, data={"team": team})
    return answer.headers["location"]


async def install(browser: httpx.AsyncClient, team: str = BETA) -> httpx.Response:
    return await browser.get(await allow(browser, await go_to_slack(browser), team))


async def workspaces(ripe: Whole) -> dict[str, WorkspaceId]:
    """Those that have a token or are the first, by Slack's id."""
    rows = await ripe.app.database.fetch("SELECT id, slack_team_id FROM workspace ORDER BY id")
    return {row["slack_team_id"]: WorkspaceId(row["id"]) for row in rows}


async def beta_id(ripe: Whole) -> WorkspaceId:
    return (await workspaces(ripe))[BETA]


async def move_github_to(ripe: Whole, workspace_id: WorkspaceId) -> None:
    """As if the App had been installed for that workspace from the beginning, with people and rules."""
    app = ripe.app
    uninstalled = ripe.github.document.installations[0]
    ripe.github.uninstall(uninstalled)
    await ripe.settle()
    ripe.github.webhooks.hold()
    installation = ripe.github.install(REPOSITORIES)
    await save_installation(workspace_id, InstallationId(installation.id))
    ripe.github.webhooks.release(lambda held: held)
    await ripe.settle()
    slack = await app.workspaces.of(workspace_id)
    imported = await import_people(
        PEOPLE, "people.csv", workspace_id, apply=True,
        github=app.github, slack=slack, queue=app.queue, clock=app.clock,
    )  # fmt: skip
    assert imported.is_ok, imported.lines()
    applied = await apply_config(RULES, workspace_id, queue=app.queue, now=ripe.clock.now())
    assert applied.is_ok, applied.lines()


def reminders(slack: SlackWorld, name: str) -> int:
    return sum(message.metadata is not None for message in slack.messages_to(name))


async def type_command(slack: SlackWorld, name: str, command: str, text: str = "") -> str:
    reply = await slack.run_command(name, command, text)
    assert reply.is_ok, reply
    assert reply.message_ts is not None, reply
    return slack.rendered_text(slack.state.messages[reply.message_ts])


# Installing


async def test_a_second_workspace_is_installed_by_oauth_and_told_what_comes_next(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    page = await install(browser)
    assert page.status_code == 200
    assert "Ripe is in Beta now" in page.text
    assert "/reviews admin join" in page.text
    assert (await workspaces(ripe)).keys() == {"T0ACME0001", BETA}
    grant = await (await ripe.app.workspaces.of(await beta_id(ripe))).load_grant()
    assert grant.team_id == BETA


async def test_the_token_is_in_no_answer_and_only_encrypted_in_postgres(
    ripe: Whole, browser: httpx.AsyncClient, capfd: pytest.CaptureFixture[str]
) -> None:
    page = await install(browser)
    token = ripe.beta.bot_token.get_secret_value()
    assert token not in page.text
    kept = await ripe.app.database.fetchval("SELECT bot_token FROM workspace WHERE slack_team_id = $1", BETA)
    assert token.encode() not in kept
    everything = await ripe.app.database.fetchval(
        "SELECT string_agg(workspace::text, ' ') || (SELECT string_agg(job::text, ' ') FROM job)"
        " FROM workspace"
    )
    assert token not in everything
    assert token.encode().hex() not in everything
    told = capfd.readouterr()
    assert token not in told.out + told.err


async def test_installing_again_replaces_the_token_and_makes_no_second_workspace(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    await install(browser)
    old = await ripe.app.workspaces.of(await beta_id(ripe))
    await install(browser)
    new = await ripe.app.workspaces.of(await beta_id(ripe))
    assert new is not old
    assert (await new.load_grant()).team_id == BETA
    assert len(await workspaces(ripe)) == 2


async def test_installing_in_the_first_workspace_is_installing_again(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    page = await install(browser, "T0ACME0001")
    assert "Ripe is in Acme now" in page.text
    assert await workspaces(ripe) == {"T0ACME0001": ripe.app.workspace_id}
    await ripe.open_pull_request("docs/intro.md")
    assert ripe.reminders("cho") == 1, "with the new token: the one in the environment is not good any more"


async def test_a_token_encrypted_with_an_old_key_is_encrypted_with_the_new_one(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    await install(browser)
    app, beta = ripe.app, await beta_id(ripe)
    before = await sealed_token(ripe)
    keys = [SecretStr(Fernet.generate_key().decode()), *app.settings.secret_keys]
    newer = make_workspaces(
        app.settings.model_copy(update={"secret_keys": keys}), app.clock, app.workspace_id, app.slack
    )
    try:
        assert (await (await newer.of(beta)).load_grant()).team_id == BETA, "while the old key is still there"
        await newer.renew()
        after = await sealed_token(ripe)
        assert after != before
        await newer.renew()
        assert await sealed_token(ripe) == after, "one with the newest key stays"
        assert (await (await newer.of(beta)).load_grant()).team_id == BETA
        with pytest.raises(
            TokenUnreadable, match=f"none of them decrypts the Slack token of workspace {beta}"
        ):
            await app.workspaces.of(beta)
    finally:
        await newer.close()


async def sealed_token(ripe: Whole) -> bytes:
    kept = await ripe.app.database.fetchval("SELECT bot_token FROM workspace WHERE slack_team_id = $1", BETA)
    assert isinstance(kept, bytes)
    return kept


# Refused


async def refused(ripe: Whole, answer: httpx.Response, words: str) -> None:
    assert answer.status_code == 403, answer.text
    assert re.search(words, answer.text), answer.text
    assert BETA not in await workspaces(ripe)
    assert not any(call.method == "oauth.v2.access" and call.error is None for call in ripe.slack.calls)


@pytest.mark.parametrize("state", ["", "made-up"])
async def test_a_state_that_is_absent_or_made_up_is_refused(
    ripe: Whole, browser: httpx.AsyncClient, state: str
) -> None:
    url = await allow(browser, await go_to_slack(browser))
    code = parse_qs(urlsplit(url).query)["code"][0]
    params = {"code": code, "state": state} if state else {"code": code}
    await refused(ripe, await browser.get("/slack/oauth_redirect", params=params), "not begun here")


async def test_the_browser_of_somebody_else_is_refused(ripe: Whole, browser: httpx.AsyncClient) -> None:
    url = await allow(browser, await go_to_slack(browser))
    async with httpx.AsyncClient() as stranger:
        await refused(ripe, await stranger.get(url), "begun in another browser")
        await stranger.get(f"{ripe.app.settings.public_url}/slack/install")
        assert stranger.cookies.get(COOKIE)
        await refused(ripe, await stranger.get(url), "begun in another browser")


async def test_a_state_older_than_ten_minutes_is_refused(ripe: Whole, browser: httpx.AsyncClient) -> None:
    url = await allow(browser, await go_to_slack(browser))
    await ripe.app.database.execute("UPDATE oauth_state SET expires_at = $1", utc_now())
    await refused(ripe, await browser.get(url), "ten minutes")


async def test_a_state_is_good_for_one_time(ripe: Whole, browser: httpx.AsyncClient) -> None:
    url = await allow(browser, await go_to_slack(browser))
    assert (await browser.get(url)).status_code == 200
    again = await browser.get(url)
    assert again.status_code == 403
    assert "used before" in again.text
    exchanges = [call for call in ripe.slack.calls if call.method == "oauth.v2.access"]
    assert len(exchanges) == 1


async def test_a_code_that_was_used_before_is_refused_by_slack_and_said_so(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    url = await allow(browser, await go_to_slack(browser), "T0ACME0001")
    assert (await browser.get(url)).status_code == 200
    code = parse_qs(urlsplit(url).query)["code"][0]
    state = parse_qs(urlsplit(await go_to_slack(browser)).query)["state"][0]
    replayed = await browser.get("/slack/oauth_redirect", params={"code": code, "state": state})
    assert replayed.status_code == 403
    assert "invalid_code" in replayed.text


async def test_whoever_cancels_on_slacks_page_is_told_that_nothing_happened(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    page = await go_to_slack(browser)
    answer = await browser.post(page, data={"team": ""})
    await refused(ripe, await browser.get(answer.headers["location"]), "cancelled. Nothing was installed")


async def test_without_a_client_the_page_says_what_is_missing(ripe: Whole) -> None:
    bare = ripe.app.settings.model_copy(update={"slack_client_id": None, "slack_client_secret": None})
    app = type(ripe.app)(**{**vars(ripe.app), "settings": bare})
    client = create_web(app, ripe.listeners).test_client()
    for path in ("/slack/install", "/slack/oauth_redirect"):
        answer = await client.get(path)
        assert answer.status_code == 404
        text = await answer.get_data(as_text=True)
        assert "SLACK_CLIENT_ID, SLACK_CLIENT_SECRET must be set" in text


# Told apart


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


async def test_what_one_does_changes_nothing_for_the_same_name_in_the_other(
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


async def test_a_team_that_nobody_knows_is_answered_and_nothing_happens(ripe: Whole) -> None:
    reply = await ripe.beta.run_command("cho", "/ooo", "until friday")
    assert (reply.status, reply.body) == (200, "")
    assert (await ripe.beta.send_dm("cho", "snooze 2h")).status == 200
    await ripe.settle()
    assert await ripe.app.database.fetchval("SELECT count(*) FROM action") == 0
    assert await ripe.app.database.fetchval("SELECT count(*) FROM slack_delivery") == 0


async def test_a_workspace_that_is_known_is_answered_while_postgres_does_not_say_whether_it_still_is(
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
async def test_after_an_uninstall_nothing_is_sent_and_the_token_is_gone(
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
    with pytest.raises(WorkspaceGone):
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


async def test_news_of_an_uninstall_from_before_it_was_installed_again_is_not_believed(
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
    with pytest.raises(WorkspaceGone):
        await ripe.app.workspaces.of(ripe.app.workspace_id)
    ripe.slack.state.is_revoked = False
    assert await ripe.app.workspaces.learn_first(ripe.clock.now() + timedelta(minutes=1))
    ripe.github.request_review(ripe.github.document.pulls[-1], ["cho"], by="ben")
    await ripe.settle()
    assert ripe.reminders("cho") == 1


async def people_of(ripe: Whole, workspace_id: WorkspaceId) -> tuple[int, ...]:
    """The people and rules of a workspace, which outlive what is uninstalled on GitHub."""
    rows = await rows_of(ripe, workspace_id)
    return rows["person"], rows["account"], rows["repository_config"]


async def rows_of(ripe: Whole, workspace_id: WorkspaceId) -> dict[str, int]:
    """How many rows of each kind a workspace has, its own one left out."""
    tables = (
        "installation", "repository", "repository_config", "person", "account", "absence", "pull_request",
        "review_request", "review", "assignment", "message", "slack_delivery", "action", "backlog", "held",
    )  # fmt: skip
    return {
        table: await ripe.app.database.fetchval(
            f"SELECT count(*) FROM {table} WHERE workspace_id = $1",  # noqa: S608 - our own names
            workspace_id,
        )
        for table in tables
    }
