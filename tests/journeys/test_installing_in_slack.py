"""A second Slack workspace installs the app by OAuth, and every other way is refused."""

import asyncio
import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from bot.app import make_workspaces
from bot.credentials import find_cipher
from bot.encryption import tls_context
from bot.slack.errors import TokenUnreadableError
from bot.web.app import create_web
from bot.web.slack_install import PURPOSE
from bot.web.states import COOKIE, STATE_LIFE, SealedStates
from bot.web.workspace_link import LINK_LIFE, make_workspace_link
from bot.web.workspace_link import PURPOSE as LINK_PURPOSE
from jobq import utc_now
from tests.journeys.on_github import ask_link, state_in, type_reviews_command
from tests.journeys.two_workspaces import BETA, allow, beta_id, go_to_slack, install, workspaces
from tests.journeys.whole import Whole


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
    printed = capfd.readouterr()
    assert token not in printed.out + printed.err


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
            TokenUnreadableError, match=f"none of them decrypts the Slack token of workspace {beta}"
        ):
            await app.workspaces.of(beta)
    finally:
        await newer.close()


async def sealed_token(ripe: Whole) -> bytes:
    kept = await ripe.app.database.fetchval("SELECT bot_token FROM workspace WHERE slack_team_id = $1", BETA)
    assert isinstance(kept, bytes)
    return kept


# The admin's link


async def test_an_admin_makes_the_link_with_a_command(ripe: Whole, browser: httpx.AsyncClient) -> None:
    link = await ask_link(ripe, "olga", "admin invite-workspace")
    assert link.startswith(f"{ripe.app.settings.public_url}/slack/install?invite=")
    sent = await browser.get(link)
    assert (await browser.get(await allow(browser, sent.headers["location"]))).status_code == 200
    assert BETA in await workspaces(ripe)


async def test_a_link_is_good_for_one_workspace(ripe: Whole, browser: httpx.AsyncClient) -> None:
    link = await ask_link(ripe, "olga", "admin invite-workspace")
    pages = [(await browser.get(link)).headers["location"] for _ in range(2)]
    first, second = [await allow(browser, page) for page in pages]
    assert (await browser.get(first)).status_code == 200
    for late in (await browser.get(second), await browser.get(link)):
        assert late.status_code == 403
        assert "used before" in late.text
        assert "ripe slack-link" in late.text
    exchanges = [call for call in ripe.slack.calls if call.method == "oauth.v2.access"]
    assert len(exchanges) == 1


@pytest.mark.parametrize("query", ["", "?invite=", "?invite=made-up", "?token=x", f"?invite={'x' * 5000}"])
async def test_without_a_link_the_page_says_whom_to_ask(
    ripe: Whole, browser: httpx.AsyncClient, query: str
) -> None:
    answer = await browser.get(f"/slack/install{query}")
    assert answer.status_code == 403
    assert "/reviews admin invite-workspace" in answer.text
    assert await ripe.app.database.fetchval("SELECT count(*) FROM oauth_state") == 0


async def test_a_link_of_an_hour_ago_is_refused(ripe: Whole, browser: httpx.AsyncClient) -> None:
    page = await go_to_slack(browser)
    await ripe.app.database.execute(
        "UPDATE oauth_state SET expires_at = expires_at - $1::interval", LINK_LIFE
    )
    await refused(ripe, await browser.get(await allow(browser, page)), "older than an hour")


async def test_a_link_to_connect_oneself_installs_nothing(ripe: Whole, browser: httpx.AsyncClient) -> None:
    state = state_in(await ask_link(ripe, "ana"))
    answer = await browser.get(f"/slack/install?invite={state}")
    assert answer.status_code == 403


async def test_only_admins_of_the_first_workspace_make_links(ripe: Whole, browser: httpx.AsyncClient) -> None:
    assert "Only admins" in await type_reviews_command(ripe, "ana", "admin invite-workspace")
    await install(browser)
    answer = await type_reviews_command(ripe, "olga", "admin invite-workspace", ripe.beta)
    assert "that Ripe was set up with" in answer


# Refused


async def refused(ripe: Whole, answer: httpx.Response, reason: str) -> None:
    assert answer.status_code == 403, answer.text
    assert re.search(reason, answer.text), answer.text
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
    async with httpx.AsyncClient(verify=tls_context()) as stranger:
        await refused(ripe, await stranger.get(url), "begun in another browser")
        with ripe.app.database.ambient():
            await stranger.get(await make_workspace_link(ripe.app.settings, "olga"))
        assert stranger.cookies.get(COOKIE)
        await refused(ripe, await stranger.get(url), "begun in another browser")


async def test_a_state_older_than_ten_minutes_is_refused(ripe: Whole, browser: httpx.AsyncClient) -> None:
    url = await allow(browser, await go_to_slack(browser))
    cipher = find_cipher(ripe.app.settings)
    assert cipher is not None
    old = SealedStates(cipher).issue(PURPOSE, utc_now() - STATE_LIFE, browser=browser.cookies[COOKIE])
    params = {"code": parse_qs(urlsplit(url).query)["code"][0], "state": old}
    await refused(ripe, await browser.get("/slack/oauth_redirect", params=params), "ten minutes")


async def test_a_visit_without_an_installation_stores_nothing(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    for _ in range(3):
        page = await go_to_slack(browser)
        state = parse_qs(urlsplit(page).query)["state"][0]
        answer = await browser.get("/slack/oauth_redirect", params={"code": "made up", "state": state})
        assert answer.status_code == 403
    kept = await ripe.app.database.fetch("SELECT purpose, used_at FROM oauth_state")
    assert {tuple(row) for row in kept} == {(LINK_PURPOSE, None)}, "the admin's links only, still good"


async def test_a_state_in_another_spelling_is_the_same_state(ripe: Whole, browser: httpx.AsyncClient) -> None:
    """Base64 has many spellings of the same bytes."""
    page = await go_to_slack(browser)
    url = await allow(browser, page)
    assert (await browser.get(url)).status_code == 200
    state = parse_qs(urlsplit(page).query)["state"][0]
    code = parse_qs(urlsplit(await allow(browser, await go_to_slack(browser))).query)["code"][0]
    for spelling in (state.rstrip("="), state + "=", state[:8] + "\n" + state[8:]):
        again = await browser.get("/slack/oauth_redirect", params={"code": code, "state": spelling})
        assert again.status_code == 403


async def test_of_two_returns_at_once_with_one_state_one_is_taken(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    page = await go_to_slack(browser)
    urls = [await allow(browser, page) for _ in range(5)]
    answers = await asyncio.gather(*(browser.get(url) for url in urls))
    assert sorted(answer.status_code for answer in answers) == [200, 403, 403, 403, 403]


async def test_a_state_is_good_for_one_time(ripe: Whole, browser: httpx.AsyncClient) -> None:
    url = await allow(browser, await go_to_slack(browser))
    assert (await browser.get(url)).status_code == 200
    again = await browser.get(url)
    assert again.status_code == 403
    assert "used before" in again.text
    exchanges = [call for call in ripe.slack.calls if call.method == "oauth.v2.access"]
    assert len(exchanges) == 1


async def test_a_code_that_was_used_before_is_refused_with_a_message(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    url = await allow(browser, await go_to_slack(browser), "T0ACME0001")
    assert (await browser.get(url)).status_code == 200
    code = parse_qs(urlsplit(url).query)["code"][0]
    state = parse_qs(urlsplit(await go_to_slack(browser)).query)["state"][0]
    replayed = await browser.get("/slack/oauth_redirect", params={"code": code, "state": state})
    assert replayed.status_code == 403
    assert "invalid_code" in replayed.text


async def test_a_person_who_cancels_on_slacks_page_reads_that_nothing_happened(
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
