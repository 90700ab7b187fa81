"""`/reviews link`: people prove their GitHub account, and nobody can do it for somebody else."""

from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from bot.actions.admin import AdminActions
from bot.actions.import_people import describe_people, import_people
from bot.actions.person import PersonActions
from bot.sandbox.github.server import Fault
from bot.sandbox.slack.model import Fault as SlackFault
from bot.slack.commands import parse_command
from bot.slack.effect import OncePerRequest
from bot.slack.listeners import SlackRequest
from bot.slack.workspaces import ConnectedWorkspace
from bot.web.app import create_web
from bot.web.identity.invite import make_invite
from bot.web.slack import create_slack_app
from bot.web.states import COOKIE, STATE_LIFE
from tests.journeys.on_github import (
    agree,
    ask_link,
    browser_of,
    go_there_and_back,
    open_workspace_link,
    own_url,
    press,
    set_out,
    state_in,
    type_reviews_command,
)
from tests.journeys.whole import Whole

GITHUB_CALLS = ("/login/oauth/access_token", "/api/v3/user")


async def mapped(ripe: Whole) -> dict[str, str]:
    """The Slack name of each mapped login."""
    rows = await ripe.app.database.fetch(
        "SELECT login, slack_user_id FROM account JOIN person ON person.id = person_id ORDER BY login"
    )
    names = {user.id: user.name for user in ripe.slack.state.users.values()}
    return {row["login"]: names[row["slack_user_id"]] for row in rows}


async def age_states(ripe: Whole, by: timedelta) -> None:
    """Makes states older: they live on real time, which a test cannot move."""
    await ripe.app.database.execute("UPDATE oauth_state SET expires_at = expires_at - $1::interval", by)


def exchanges(ripe: Whole) -> int:
    return sum("/login/oauth/access_token" in call for call in ripe.server.calls)


async def test_an_unlinked_person_links_their_account_and_is_reminded(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    pull = ripe.github.open_pull_request("acme/api", "ben", "Fix the lamp", ["src/main.py"])
    ripe.github.request_review(pull, ["dev"], by="ben")
    await ripe.settle()
    assert "dev" not in await mapped(ripe)

    link = await ask_link(ripe, "dev")
    page = await browser.get(link)
    assert "Connect your GitHub account to dev in Slack?" in page.text
    assert "dev@acme.example" in page.text
    done = await go_there_and_back(browser, link, "dev")
    assert done.status_code == 200, done.text
    assert "dev on GitHub is dev in Slack" in done.text
    assert "/reviews link off" in done.text

    assert (await mapped(ripe))["dev"] == "dev"
    assert "connected with dev on GitHub" in ripe.dms("dev")[-1]
    await ripe.pass_time(days=1)
    assert "Fix the lamp" in ripe.live("dev")[-1]


async def test_an_account_may_have_another_name_than_the_person(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    await go_there_and_back(browser, await ask_link(ripe, "olga"), "eli")
    assert (await mapped(ripe))["eli"] == "olga"
    answer = await type_reviews_command(ripe, "olga", "link")
    assert "On GitHub you are eli" in answer


async def test_a_linked_person_reads_their_login_and_may_link_another_account(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    assert "On GitHub you are cho" in await type_reviews_command(ripe, "cho", "link")
    await go_there_and_back(browser, await ask_link(ripe, "cho"), "eli")
    assert "On GitHub you are cho and eli" in await type_reviews_command(ripe, "cho", "link")


async def test_link_off_unlinks_the_person_and_strikes_their_dms(ripe: Whole) -> None:
    await ripe.open_pull_request("docs/intro.md")
    assert ripe.live("cho")
    answer = await type_reviews_command(ripe, "cho", "link off")
    assert "not connected with cho on GitHub any more" in answer
    assert "cho" not in await mapped(ripe)
    await ripe.pass_time(days=3)
    assert not ripe.live("cho")
    assert "nothing was changed" in await type_reviews_command(ripe, "cho", "link off")


async def test_linking_again_after_off_begins_the_reminders_again(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    await type_reviews_command(ripe, "cho", "link off")
    await ripe.open_pull_request("docs/intro.md")
    assert not ripe.live("cho")
    pull = ripe.github.document.pulls[0]
    ripe.github.request_review(pull, ["cho"], by="ben")
    await ripe.settle()
    await go_there_and_back(browser, await ask_link(ripe, "cho"), "cho")
    await ripe.settle()
    assert ripe.live("cho")


async def test_a_person_whom_an_admin_named_keeps_that_name_and_zone(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    app = ripe.app
    await import_people(
        "github_login,slack_id,name,zone\nana,U0ANA00001,Anna,Asia/Tokyo\n", "p.csv", app.workspace_id,
        apply=True, github=app.github, slack=app.slack, queue=app.queue, clock=app.clock,
    )  # fmt: skip
    await go_there_and_back(browser, await ask_link(ripe, "ana"), "eli")
    assert "ana, eli: Anna, U0ANA00001, Asia/Tokyo" in await describe_people(app.workspace_id)


async def test_somebody_elses_account_is_refused_and_nothing_changes(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    before = await mapped(ripe)
    refused = await go_there_and_back(browser, await ask_link(ripe, "dev"), "ana")
    assert refused.status_code == 403
    assert "ana on GitHub is connected with somebody else" in refused.text
    assert await mapped(ripe) == before
    people = await ripe.app.database.fetchval("SELECT count(*) FROM person WHERE slack_user_id LIKE '%DEV%'")
    assert people == 0


async def test_two_people_at_once_cannot_both_have_one_account(ripe: Whole) -> None:
    async with browser_of(ripe) as devs, browser_of(ripe) as olgas:
        first = await agree(await set_out(devs, await ask_link(ripe, "dev")), "eli")
        second = await agree(await set_out(olgas, await ask_link(ripe, "olga")), "eli")
        assert (await devs.get(first)).status_code == 200
        assert (await olgas.get(second)).status_code == 403
    assert (await mapped(ripe))["eli"] == "dev"


async def test_a_link_is_good_for_one_time(ripe: Whole, browser: httpx.AsyncClient) -> None:
    link = await ask_link(ripe, "dev")
    await set_out(browser, link)
    again = await browser.get(link)
    assert again.status_code == 403
    assert "used before" in again.text
    posted = await press(browser, "/github/link", state=state_in(link))
    assert posted.status_code == 403


async def test_looking_at_a_link_does_not_use_it_up(ripe: Whole, browser: httpx.AsyncClient) -> None:
    link = await ask_link(ripe, "dev")
    for _ in range(3):
        assert (await browser.get(link)).status_code == 200
    assert (await go_there_and_back(browser, link, "dev")).status_code == 200


@pytest.mark.parametrize("state", ["", "x", "%00", "a" * 5000, "é"])
async def test_a_state_that_nobody_issued_is_refused(
    ripe: Whole, browser: httpx.AsyncClient, state: str
) -> None:
    for path in ("/github/link", "/github/join", "/github/callback", "/github/join/choose"):
        refused = await browser.get(path, params={"state": state, "code": "x"})
        assert refused.status_code == 403
        assert "not begun here" in refused.text
    for path in ("/github/link", "/github/join", "/github/join/choose"):
        assert (await press(browser, path, state=state)).status_code == 403
    assert exchanges(ripe) == 0


async def test_no_state_at_all_is_refused(ripe: Whole, browser: httpx.AsyncClient) -> None:
    for path in ("/github/link", "/github/join", "/github/callback?code=x", "/github/join/choose"):
        assert (await browser.get(path)).status_code == 403
    assert exchanges(ripe) == 0


async def test_a_link_of_ten_minutes_ago_is_refused_at_every_step(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    link = await ask_link(ripe, "dev")
    await age_states(ripe, STATE_LIFE)
    assert "More than ten minutes" in (await browser.get(link)).text
    assert (await press(browser, "/github/link", state=state_in(link))).status_code == 403

    back = await agree(await set_out(browser, await ask_link(ripe, "dev")), "dev")
    await age_states(ripe, STATE_LIFE)
    late = await browser.get(back)
    assert late.status_code == 403
    assert "More than ten minutes" in late.text
    assert exchanges(ripe) == 0


async def test_a_state_of_another_purpose_is_refused(ripe: Whole, browser: httpx.AsyncClient) -> None:
    link = await ask_link(ripe, "dev")
    await browser.get(link)
    for path in ("/github/callback", "/github/join", "/github/join/choose"):
        refused = await browser.get(path, params={"state": state_in(link), "code": "x"})
        assert refused.status_code == 403
    slack = await open_workspace_link(browser)
    foreign = state_in(slack.headers["Location"])
    assert (await browser.get("/github/callback", params={"state": foreign, "code": "x"})).status_code == 403
    assert exchanges(ripe) == 0
    assert (await browser.get(link)).status_code == 200


async def test_another_browser_cannot_finish_the_trip(ripe: Whole, browser: httpx.AsyncClient) -> None:
    back = await agree(await set_out(browser, await ask_link(ripe, "dev")), "dev")
    async with browser_of(ripe) as other:
        assert "another browser" in (await other.get(back)).text
        await other.get(await ask_link(ripe, "eli"))
        assert other.cookies.get(COOKIE)
        assert "another browser" in (await other.get(back)).text
    assert exchanges(ripe) == 0
    assert (await browser.get(back)).status_code == 200


async def test_a_callback_is_good_for_one_time(ripe: Whole, browser: httpx.AsyncClient) -> None:
    back = await agree(await set_out(browser, await ask_link(ripe, "dev")), "dev")
    assert (await browser.get(back)).status_code == 200
    again = await browser.get(back)
    assert again.status_code == 403
    assert "used before" in again.text
    assert exchanges(ripe) == 1


async def test_a_code_of_another_trip_is_refused(ripe: Whole, browser: httpx.AsyncClient) -> None:
    async with browser_of(ripe) as other:
        stolen = await agree(await set_out(other, await ask_link(ripe, "eli")), "eli")
    own = await agree(await set_out(browser, await ask_link(ripe, "dev")), "dev")
    [code] = parse_qs(urlsplit(stolen).query)["code"]
    refused = await browser.get("/github/callback", params={"state": state_in(own), "code": code})
    assert refused.status_code == 403
    assert "does not take this code" in refused.text
    assert {"dev", "eli"}.isdisjoint(await mapped(ripe))


async def test_a_code_is_not_taken_twice(ripe: Whole, browser: httpx.AsyncClient) -> None:
    back = await agree(await set_out(browser, await ask_link(ripe, "dev")), "dev")
    [code] = parse_qs(urlsplit(back).query)["code"]
    assert (await browser.get(back)).status_code == 200
    own = await agree(await set_out(browser, await ask_link(ripe, "olga")), "eli")
    refused = await browser.get("/github/callback", params={"state": state_in(own), "code": code})
    assert refused.status_code == 403
    assert "olga" not in (await mapped(ripe)).values()


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://127.0.0.1:1"])
async def test_a_page_from_elsewhere_cannot_press_the_button(
    ripe: Whole, browser: httpx.AsyncClient, origin: str | None
) -> None:
    link = await ask_link(ripe, "dev")
    await browser.get(link)
    headers = {} if origin is None else {"Origin": origin}
    for path in ("/github/link", "/github/join", "/github/join/choose"):
        refused = await browser.post(path, data={"state": state_in(link)}, headers=headers)
        assert refused.status_code == 403
        assert "own pages" in refused.text
    assert (await browser.get(link)).status_code == 200


async def test_a_browser_without_cookies_is_refused_with_the_reason(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    link = await ask_link(ripe, "dev")
    await browser.get(link)
    browser.cookies.clear()
    assert "keeps no cookies" in (await press(browser, "/github/link", state=state_in(link))).text


async def test_cancelling_on_github_changes_nothing(ripe: Whole, browser: httpx.AsyncClient) -> None:
    before = await mapped(ripe)
    back = await browser.get(await agree(await set_out(browser, await ask_link(ripe, "dev")), ""))
    assert back.status_code == 403
    assert "cancelled" in back.text
    assert await mapped(ripe) == before


@pytest.mark.parametrize("path", GITHUB_CALLS)
@pytest.mark.parametrize("status", [403, 404, 500])
async def test_github_in_trouble_changes_nothing(
    ripe: Whole, browser: httpx.AsyncClient, path: str, status: int
) -> None:
    back = await agree(await set_out(browser, await ask_link(ripe, "dev")), "dev")
    ripe.server.faults.append(Fault(status=status, path=path))
    failed = await browser.get(back)
    assert failed.status_code == 403
    assert "GitHub" in failed.text
    assert "dev" not in await mapped(ripe)


async def test_slack_in_trouble_is_said_and_the_link_stays_good(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    link = await ask_link(ripe, "dev")
    ripe.slack.faults.add(SlackFault(method="users.info", kind="error"))
    assert "Slack does not tell who you are" in (await browser.get(link)).text
    assert (await browser.get(link)).status_code == 200


async def test_a_person_who_was_deactivated_meanwhile_is_refused(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    back = await agree(await set_out(browser, await ask_link(ripe, "dev")), "dev")
    next(user for user in ripe.slack.state.users.values() if user.name == "dev").deleted = True
    assert "not active in Slack" in (await browser.get(back)).text
    assert "dev" not in await mapped(ripe)


async def test_the_pages_are_strict_and_tell_no_state_to_others(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    page = await browser.get(await ask_link(ripe, "dev"))
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    cookie = page.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    going = await set_out(browser, await ask_link(ripe, "dev"))
    assert parse_qs(urlsplit(going).query)["code_challenge_method"] == ["S256"]
    [back] = parse_qs(urlsplit(going).query)["redirect_uri"]
    assert back == f"{own_url(ripe)}/github/callback"


async def test_a_name_in_slack_cannot_become_html(ripe: Whole, browser: httpx.AsyncClient) -> None:
    link = await ask_link(ripe, "dev")
    user = next(user for user in ripe.slack.state.users.values() if user.name == "dev")
    user.name = "<script>alert(1)</script>"
    page = await browser.get(link)
    assert page.status_code == 200
    assert "&lt;script&gt;" in page.text
    assert "<script>" not in page.text


async def test_an_unlinked_user_gets_help(ripe: Whole) -> None:
    app = ripe.app
    admins = AdminActions(app.workspace_id, app.switch, app.queue, app.clock.now)
    invite = make_invite(app.settings)
    actions = PersonActions(app.queue, app.clock, OncePerRequest(app.clock), admins, invite)
    with app.database.ambient():
        request = SlackRequest(ConnectedWorkspace(app.workspace_id, app.slack), "1", "U0DEV00001")
        answer = await actions.obey(request, parse_command("reviews help"))
    assert answer is not None
    assert "`/reviews link` connects" in answer.text


async def test_without_credentials_people_are_told_what_is_missing(ripe: Whole) -> None:
    lacking = {"github_client_secret": None, "public_url": None}
    app = replace(ripe.app, settings=ripe.app.settings.model_copy(update=lacking))
    admins = AdminActions(app.workspace_id, app.switch, app.queue, app.clock.now)
    invite = make_invite(app.settings)
    actions = PersonActions(app.queue, app.clock, OncePerRequest(app.clock), admins, invite)
    workspace = ConnectedWorkspace(app.workspace_id, app.slack)
    with app.database.ambient():
        for text in ("reviews link", "reviews admin join"):
            request = SlackRequest(workspace, text, "U0DEV00001")
            answer = await actions.obey(request, parse_command(text))
            assert answer is not None
            assert "GITHUB_CLIENT_SECRET, PUBLIC_URL must be set" in answer.text
            assert "ripe people import" in answer.text
        request = SlackRequest(workspace, "cho asks", "U0CHO00001")
        linked = await actions.obey(request, parse_command("reviews link"))
        assert linked is not None
        assert "On GitHub you are" in linked.text
    client = create_web(app, create_slack_app(app)).test_client()
    for path in ("/github/link", "/github/join", "/github/callback"):
        page = await client.get(path)
        assert page.status_code == 404
        assert "GITHUB_CLIENT_SECRET, PUBLIC_URL must be set" in await page.get_data(as_text=True)


async def test_a_link_of_one_workspace_connects_in_that_one_only(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    page = (await open_workspace_link(browser)).headers["Location"]
    allowed = await browser.post(page, data={"team": ripe.beta.state.team_id})
    assert (await browser.get(allowed.headers["Location"])).status_code == 200
    done = await go_there_and_back(browser, await ask_link(ripe, "ana", slack=ripe.beta), "ana")
    assert done.status_code == 200, done.text
    rows = await ripe.app.database.fetch("SELECT workspace_id FROM account WHERE login = 'ana' ORDER BY 1")
    assert len({row["workspace_id"] for row in rows}) == 2
    assert "connected with ana on GitHub" in ripe.beta.rendered_text(ripe.beta.messages_to("ana")[-1])
    await type_reviews_command(ripe, "ana", "link off", ripe.beta)
    assert "ana" in await mapped(ripe)
