"""`/reviews admin join`: an installation joins a workspace only if GitHub says that the joiner owns it."""

import re
from collections.abc import Sequence
from datetime import timedelta

import httpx
import pytest

from bot.flows.catalog import enter_installation_job
from bot.model import InstallationId
from bot.sandbox.github.model import Installation, Repo
from bot.sandbox.github.server import Fault
from bot.sandbox.slack.model import User
from bot.web.states import STATE_LIFE
from tests.journeys.on_github import (
    agree,
    ask_link,
    browser_of,
    go_there_and_back,
    press,
    set_out,
    state_in,
)
from tests.journeys.whole import Whole

OWNER, ADMIN = "ben", "olga"
"""The person who owns acme on GitHub, and the one who is an admin in Slack."""
MEMBERS = {"metadata": "read", "pull_requests": "write", "members": "read"}


def install_unheard(
    ripe: Whole, repositories: Sequence[str] = (), login: str | None = None, number: int = 9001
) -> Installation:
    """On an account (None: acme), with repositories of its own, and no word of it has reached Ripe."""
    document = ripe.github.document
    account = next((user for user in document.users if user.login == login), None)
    repos = [Repo(id=number * 100 + index, full_name=name) for index, name in enumerate(repositories)]
    document.repositories += repos
    installation = Installation(
        id=number, repository_ids=[repo.id for repo in repos], permissions=dict(MEMBERS), account=account
    )
    document.installations.append(installation)
    return installation


async def workspace_of(ripe: Whole, installation: Installation) -> int | None:
    workspace_id: int | None = await ripe.app.database.fetchval(
        "SELECT workspace_id FROM installation WHERE id = $1", installation.id
    )
    return workspace_id


async def give_to_another_workspace(ripe: Whole, installation: Installation) -> int:
    """Let a second workspace own the installation. Returns its id."""
    other: int = await ripe.app.database.fetchval(
        "INSERT INTO workspace (slack_team_id, name) VALUES ('T0OTHER', 'Other') RETURNING id"
    )
    await ripe.app.database.execute(
        "INSERT INTO installation (workspace_id, id) VALUES ($1, $2)", other, installation.id
    )
    return other


async def choices(
    browser: httpx.AsyncClient, ripe: Whole, login: str = OWNER, name: str = ADMIN
) -> httpx.Response:
    """The page that offers the installations, or the page that refuses."""
    back = await go_there_and_back(browser, await ask_link(ripe, name, "admin join"), login)
    if back.status_code != 303:
        return back
    return await browser.get(back.headers["Location"])


def offered(page: httpx.Response) -> list[str]:
    return re.findall(r"Bring (\S+) here", page.text)


async def choose(browser: httpx.AsyncClient, page: httpx.Response, number: int) -> httpx.Response:
    return await press(browser, "/github/join/choose", state=state_in(str(page.url)), installation=number)


def slack_user(ripe: Whole, name: str) -> User:
    return next(user for user in ripe.slack.state.users.values() if user.name == name)


async def test_an_owner_brings_an_installation_and_what_is_open_there_is_read(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    installation = install_unheard(ripe, ["acme/lab"])
    hidden = ripe.github.document.installations.pop()
    ripe.github.open_pull_request("acme/lab", "ben", "Calm the cat", ["src/cat.py"], reviewers=["ana"])
    ripe.github.document.installations.append(hidden)
    await ripe.settle()
    assert await workspace_of(ripe, installation) is None

    page = await choices(browser, ripe)
    assert offered(page) == ["acme", "acme"]
    done = await choose(browser, page, installation.id)
    assert done.status_code == 200, done.text
    assert "acme has come to your Slack workspace" in done.text
    assert await workspace_of(ripe, installation) == ripe.app.workspace_id
    await ripe.settle()
    titles = await ripe.app.database.fetch("SELECT title FROM pull_request")
    assert [row["title"] for row in titles] == ["Calm the cat"]
    assert ripe.reminders("ana") == 0
    await ripe.pass_time(days=1)
    assert any("Calm the cat" in text for text in ripe.dms("ana"))


async def test_many_repositories_are_read_page_by_page(ripe: Whole, browser: httpx.AsyncClient) -> None:
    installation = install_unheard(ripe, [f"acme/r{number}" for number in range(205)])
    await choose(browser, await choices(browser, ripe), installation.id)
    await ripe.settle()
    count = await ripe.app.database.fetchval(
        "SELECT count(*) FROM repository WHERE installation_id = $1", installation.id
    )
    assert count == 205


async def test_an_owner_of_many_installations_is_offered_all(ripe: Whole, browser: httpx.AsyncClient) -> None:
    for number in range(9000, 9130):
        install_unheard(ripe, [], "cho", number)
    assert len(offered(await choices(browser, ripe, "cho"))) == 130


async def test_a_person_owns_their_own_account_and_nobody_elses(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    install_unheard(ripe, ["cho/dots"], "cho", 9001)
    install_unheard(ripe, ["dev/dots"], "dev", 9002)
    assert offered(await choices(browser, ripe, "cho")) == ["cho"]


async def test_a_member_who_is_no_owner_is_offered_nothing(ripe: Whole, browser: httpx.AsyncClient) -> None:
    installation = install_unheard(ripe, ["acme/lab"])
    page = await choices(browser, ripe, "ana")
    assert offered(page) == []
    assert "no installation here that you own" in page.text
    refused = await choose(browser, page, installation.id)
    assert refused.status_code == 403
    assert await workspace_of(ripe, installation) is None


@pytest.mark.parametrize("forged", ["9001", "9002 ", "", "x", "9" * 400, "-1"])
async def test_a_forged_installation_is_refused(ripe: Whole, browser: httpx.AsyncClient, forged: str) -> None:
    mine, theirs = (
        install_unheard(ripe, [], login, number) for login, number in (("cho", 9002), ("dev", 9001))
    )
    page = await choices(browser, ripe, "cho")
    refused = await press(browser, "/github/join/choose", state=state_in(str(page.url)), installation=forged)
    assert refused.status_code == 403
    assert "did not say that this installation is yours" in refused.text
    assert await workspace_of(ripe, theirs) is None
    assert await workspace_of(ripe, mine) is None


async def test_only_admins_in_slack_may_join(ripe: Whole, browser: httpx.AsyncClient) -> None:
    link = await ask_link(ripe, "ana", "admin join")
    refused = await browser.get(link)
    assert refused.status_code == 403
    assert "Only admins and owners" in refused.text
    forced = await press(browser, "/github/join", state=state_in(link))
    assert forced.status_code == 403
    assert "Only admins and owners" in forced.text


async def test_who_is_no_admin_any_more_cannot_finish(ripe: Whole, browser: httpx.AsyncClient) -> None:
    installation = install_unheard(ripe, ["acme/lab"])
    page = await choices(browser, ripe)
    slack_user(ripe, ADMIN).is_admin = slack_user(ripe, ADMIN).is_owner = False
    refused = await choose(browser, page, installation.id)
    assert refused.status_code == 403
    assert await workspace_of(ripe, installation) is None


async def test_an_installation_of_another_workspace_is_not_offered_nor_given(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    installation = install_unheard(ripe, [], "cho")
    other = await give_to_another_workspace(ripe, installation)
    page = await choices(browser, ripe, "cho")
    assert offered(page) == []
    assert "In another Slack workspace, or uninstalled: cho" in page.text
    refused = await choose(browser, page, installation.id)
    assert refused.status_code == 403
    assert "belongs to another Slack workspace" in refused.text
    assert await workspace_of(ripe, installation) == other


async def test_an_installation_that_another_workspace_took_meanwhile_is_refused(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    installation = install_unheard(ripe, [], "cho")
    page = await choices(browser, ripe, "cho")
    assert offered(page) == ["cho"]
    other = await give_to_another_workspace(ripe, installation)
    assert (await choose(browser, page, installation.id)).status_code == 403
    assert await workspace_of(ripe, installation) == other


async def test_joining_what_is_here_already_does_no_harm(ripe: Whole, browser: httpx.AsyncClient) -> None:
    here = ripe.github.document.installations[0]
    done = await choose(browser, await choices(browser, ripe), here.id)
    assert done.status_code == 200
    await ripe.settle()
    assert await workspace_of(ripe, here) == ripe.app.workspace_id


async def test_a_choice_is_good_for_one_time_in_one_browser(ripe: Whole, browser: httpx.AsyncClient) -> None:
    first, second = install_unheard(ripe, [], number=9001), install_unheard(ripe, [], number=9002)
    page = await choices(browser, ripe)
    async with browser_of(ripe) as other:
        assert "another browser" in (await other.get(str(page.url))).text
        assert (await choose(other, page, first.id)).status_code == 403
        await other.get(await ask_link(ripe, "dev"))
        assert (await choose(other, page, first.id)).status_code == 403
    assert (await browser.get(str(page.url))).status_code == 200
    assert (await choose(browser, page, first.id)).status_code == 200
    assert (await choose(browser, page, second.id)).status_code == 403
    assert await workspace_of(ripe, second) is None


async def test_a_choice_of_ten_minutes_ago_is_refused(ripe: Whole, browser: httpx.AsyncClient) -> None:
    installation = install_unheard(ripe, [])
    page = await choices(browser, ripe)
    await ripe.app.database.execute(
        "UPDATE oauth_state SET expires_at = expires_at - $1::interval", STATE_LIFE
    )
    assert "More than ten minutes" in (await choose(browser, page, installation.id)).text
    assert await workspace_of(ripe, installation) is None


async def test_a_page_from_elsewhere_cannot_choose(ripe: Whole, browser: httpx.AsyncClient) -> None:
    installation = install_unheard(ripe, [])
    page = await choices(browser, ripe)
    refused = await browser.post(
        "/github/join/choose",
        data={"state": state_in(str(page.url)), "installation": installation.id},
        headers={"Origin": "https://evil.example"},
    )
    assert refused.status_code == 403
    assert await workspace_of(ripe, installation) is None


async def test_a_link_to_connect_oneself_is_no_link_to_join(ripe: Whole, browser: httpx.AsyncClient) -> None:
    state = state_in(await ask_link(ripe, ADMIN))
    assert (await browser.get("/github/join", params={"state": state})).status_code == 403
    await browser.get("/github/link", params={"state": state})
    assert (await press(browser, "/github/join", state=state)).status_code == 403


async def test_without_the_permission_to_read_members_ownership_is_not_believed(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    for installation in ripe.github.document.installations:
        installation.permissions = {"metadata": "read", "pull_requests": "read"}
    page = await choices(browser, ripe)
    assert offered(page) == []
    assert "does not say who owns acme" in page.text


async def test_a_suspended_installation_is_not_offered(ripe: Whole, browser: httpx.AsyncClient) -> None:
    installation = install_unheard(ripe, [], "cho")
    installation.suspended_at = ripe.clock.now()
    assert offered(await choices(browser, ripe, "cho")) == []


async def test_github_in_trouble_joins_nothing(ripe: Whole, browser: httpx.AsyncClient) -> None:
    back = await agree(await set_out(browser, await ask_link(ripe, ADMIN, "admin join")), OWNER)
    ripe.server.faults.append(Fault(status=500, path="/user/memberships"))
    failed = await browser.get(back)
    assert failed.status_code == 403
    assert "GitHub answers 500" in failed.text


async def test_an_installation_that_was_taken_away_meanwhile_is_passed_over(ripe: Whole) -> None:
    await ripe.app.queue.save(enter_installation_job(InstallationId(777)))
    settled = await ripe.settle()
    assert [settlement.job.job_type for settlement in settled] == ["enter_installation"]
    assert (
        await ripe.app.database.fetchval("SELECT count(*) FROM job WHERE job_type = 'enter_installation'")
        == 0
    )


async def test_the_times_of_a_trip_are_real_ones(ripe: Whole, browser: httpx.AsyncClient) -> None:
    link = await ask_link(ripe, "dev")
    ripe.clock.shift += timedelta(days=1)
    assert (await browser.get(link)).status_code == 200
