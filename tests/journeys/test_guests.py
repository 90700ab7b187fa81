"""Guests may not connect a GitHub account, and its owner hears when somebody else does."""

import httpx
import pytest

from bot.actions.import_people import import_people
from bot.flows.catalog import refresh_workspaces_job
from bot.sandbox.slack.model import User
from tests.journeys.on_github import ask_link, go_there_and_back, press, state_in, type_reviews_command
from tests.journeys.whole import Whole


def change_silently(ripe: Whole, name: str, **changes: str | bool) -> None:
    """Slack changes a profile, and the event about it is lost."""
    before = next(user for user in ripe.slack.state.users.values() if user.name == name)
    ripe.slack.state.users[before.id] = User.model_validate(before.model_dump() | changes)


async def accounts(ripe: Whole) -> set[str]:
    return {row["login"] for row in await ripe.app.database.fetch("SELECT login FROM account")}


@pytest.mark.parametrize("kind", ["is_restricted", "is_ultra_restricted", "foreign", "deleted", "is_bot"])
async def test_who_is_no_member_cannot_link(ripe: Whole, browser: httpx.AsyncClient, kind: str) -> None:
    link = await ask_link(ripe, "dev")
    if kind == "foreign":
        change_silently(ripe, "dev", team_id="T0ELSEWHERE")
    else:
        change_silently(ripe, "dev", **{kind: True})
    for answer in (await browser.get(link), await press(browser, "/github/link", state=state_in(link))):
        assert answer.status_code == 403
        assert "Guests and people of other" in answer.text or "not active in Slack" in answer.text
    assert "dev" not in await accounts(ripe)


async def test_who_becomes_a_guest_on_the_way_cannot_link(ripe: Whole, browser: httpx.AsyncClient) -> None:
    link = await ask_link(ripe, "dev")
    await browser.get(link)
    sent = await press(browser, "/github/link", state=state_in(link))
    change_silently(ripe, "dev", is_restricted=True)
    agreed = await browser.post(sent.headers["location"], data=form_of(sent.headers["location"]))
    back = await browser.get(agreed.headers["location"])
    assert back.status_code == 403
    assert "dev" not in await accounts(ripe)


def form_of(page: str) -> dict[str, str]:
    return {**dict(httpx.URL(page).params), "login": "dev"}


@pytest.mark.parametrize("is_heard", [True, False])
async def test_who_becomes_a_guest_gets_no_more_dms(ripe: Whole, is_heard: bool) -> None:
    await ripe.open_pull_request("docs/intro.md")
    assert len(ripe.live("cho")) == 1
    if is_heard:
        await ripe.slack.change_user("cho", is_ultra_restricted=True)
    else:
        change_silently(ripe, "cho", is_ultra_restricted=True)
        await ripe.app.queue.save(refresh_workspaces_job())
        await ripe.settle()
        await ripe.app.queue.save(refresh_workspaces_job())
    await ripe.pass_time(days=1)
    reminders = ripe.reminders("cho")
    ripe.github.open_pull_request("acme/api", "ben", "For Cho", ["x.py"], reviewers=["cho"])
    await ripe.pass_time(days=2)
    assert ripe.reminders("cho") == reminders
    await ripe.slack.change_user("cho", is_ultra_restricted=False)
    await ripe.pass_time(days=1)
    assert any("For Cho" in text for text in ripe.dms("cho"))


async def test_people_of_before_who_were_guests_stay(ripe: Whole) -> None:
    """They were connected before anybody looked at it, so an admin has connected them."""
    await ripe.app.database.execute("UPDATE person SET guest_allowed = NULL")
    change_silently(ripe, "cho", is_restricted=True)
    await ripe.app.queue.save(refresh_workspaces_job())
    await ripe.settle()
    await ripe.open_pull_request("docs/intro.md")
    assert len(ripe.live("cho")) == 1


# The owner of the account


def warnings(ripe: Whole, name: str) -> list[str]:
    return [text for text in ripe.dms(name) if "Was that not you? Tell an admin" in text]


async def test_the_holder_of_an_account_hears_of_a_try_to_take_it(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    refused = await go_there_and_back(browser, await ask_link(ripe, "dev"), "ana")
    assert "connected with somebody else" in refused.text
    (text,) = warnings(ripe, "ana")
    assert "tried to connect the GitHub account ana with dev" in text.replace("*", "")
    assert warnings(ripe, "dev") == []


async def test_the_former_holder_hears_of_a_new_link(ripe: Whole, browser: httpx.AsyncClient) -> None:
    await type_reviews_command(ripe, "ana", "link off")
    await go_there_and_back(browser, await ask_link(ripe, "dev"), "ana")
    (text,) = warnings(ripe, "ana")
    assert "is now connected with dev" in text.replace("*", "")


async def test_the_owner_is_found_by_the_address_on_github(ripe: Whole, browser: httpx.AsyncClient) -> None:
    """Eli was tricked: signed in on GitHub, he opened the link that Dev got."""
    eli = next(user for user in ripe.github.document.users if user.login == "eli")
    eli.email = "eli@acme.example"
    await go_there_and_back(browser, await ask_link(ripe, "dev"), "eli")
    assert len(warnings(ripe, "eli")) == 1
    assert warnings(ripe, "dev") == []


async def test_who_connects_their_own_account_gets_one_dm(ripe: Whole, browser: httpx.AsyncClient) -> None:
    await type_reviews_command(ripe, "ana", "link off")
    done = await go_there_and_back(browser, await ask_link(ripe, "ana"), "ana")
    assert done.status_code == 200
    assert warnings(ripe, "ana") == []


async def test_the_holder_hears_of_an_import_that_gives_the_account_away(ripe: Whole) -> None:
    app, people = ripe.app, "github_login,email\nana,dev@acme.example\n"
    for _ in range(2):
        with app.database.ambient():
            imported = await import_people(
                people, "people.csv", app.workspace_id, apply=True,
                github=app.github, slack=app.slack, queue=app.queue, clock=app.clock,
            )  # fmt: skip
        assert imported.is_ok
        await ripe.settle()
    (text,) = warnings(ripe, "ana")
    assert "is now connected with dev" in text.replace("*", "")
