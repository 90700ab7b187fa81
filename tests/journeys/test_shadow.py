"""Shadow mode: all is decided and recorded, nothing is asked or sent, and turning it on makes no burst."""

import html
import re
from dataclasses import replace

import httpx
import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from bot.actions.explain import explain
from bot.encryption import tls_context
from bot.modes import ModeSwitch
from bot.web.app import create_setup_web
from bot.web.server import serving
from bot.web.setup.passes import issue_token
from jobq import utc_now
from tests.journeys.whole import Whole


@pytest.fixture
def shadowed(ripe: Whole) -> Whole:
    """A bot whose admin has not turned it on. That its GitHub and Slack are local is none of its business."""
    settings = ripe.app.settings.model_copy(update={"sandbox_url": None})
    ripe.app = replace(ripe.app, settings=settings, switch=ModeSwitch())
    return ripe


async def turn_on(ripe: Whole) -> None:
    await ripe.app.switch.turn("live", "Olga", ripe.clock.now())


async def explanation_of(ripe: Whole, name: str) -> str:
    return "\n".join(await explain(ripe.app.workspace_id, name, ripe.clock.now()))


async def test_in_shadow_mode_reviewers_are_chosen_and_not_asked(shadowed: Whole) -> None:
    pull = await shadowed.open_pull_request("docs/intro.md")
    assert pull.requested == []
    explanation = await explanation_of(shadowed, "acme/api#1")
    assert "cho asked: owns docs/**." in explanation
    assert "Nobody was really asked: shadow mode." in explanation


async def test_in_shadow_mode_dms_are_recorded_and_not_sent(shadowed: Whole) -> None:
    pull = await shadowed.open_pull_request("docs/intro.md")
    shadowed.github.request_review(pull, ["cho"], by="ben")
    await shadowed.pass_time(hours=5)
    assert [shadowed.messages(name) for name in ("ana", "ben", "cho")] == [[], [], []]
    explanation = await explanation_of(shadowed, "acme/api#1")
    assert explanation.count("would have been sent (shadow mode)") == 2


async def test_once_ripe_is_turned_on_the_next_reminder_is_sent_and_struck_when_it_is_over(
    shadowed: Whole,
) -> None:
    pull = await shadowed.open_pull_request("docs/intro.md")
    shadowed.github.request_review(pull, ["cho"], by="ben")
    await shadowed.pass_time(hours=1)
    await turn_on(shadowed)
    await shadowed.settle()
    assert shadowed.messages("cho") == []
    await shadowed.pass_time(hours=4)
    (dm,) = shadowed.live("cho")
    assert "This is the first of these." in dm
    shadowed.github.merge(pull)
    await shadowed.settle()
    assert shadowed.live("cho") == []
    assert len(shadowed.dms("cho")) == 1


async def last_page_of_setup(ripe: Whole) -> str:
    """The text of the last page of `ripe up --setup`, as a person reads it."""
    keys = [SecretStr(Fernet.generate_key().decode())]
    settings = ripe.app.settings.model_copy(update={"ripe_setup": True, "secret_keys": keys})
    web = await create_setup_web(settings, ripe.app.database)
    async with (
        serving(web) as address,
        httpx.AsyncClient(base_url=address, follow_redirects=True, verify=tls_context()) as browser,
    ):
        await browser.get("/setup", params={"token": await issue_token(utc_now())})
        page = await browser.get("/setup/mode")
    assert page.status_code == 200
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", page.text.replace("<br>", " "))).split())


async def test_the_setup_tells_that_nothing_was_recorded_yet(shadowed: Whole) -> None:
    assert "Nothing was recorded yet." in await last_page_of_setup(shadowed)


async def test_the_setup_shows_what_would_have_been_sent_and_asks_to_go_live(shadowed: Whole) -> None:
    pull = await shadowed.open_pull_request("docs/intro.md")
    shadowed.github.request_review(pull, ["cho"], by="ben")
    await shadowed.pass_time(hours=5)
    page = await last_page_of_setup(shadowed)
    assert "So far 1 request for a review on GitHub and 2 direct messages in Slack." in page
    assert f"Review request to cho: acme/api#1, {pull.title}" in page
    assert f"(Europe/Berlin) DM to cho: the first about acme/api#1, {pull.title}" in page
    assert "DM to cho: reminder 1 about acme/api#1" in page
    assert page.index("reminder 1") < page.index("the first about") < page.index("Review request")
    assert "Stay in shadow Go live" in page


async def test_what_was_really_sent_was_not_held_back(ripe: Whole) -> None:
    await ripe.open_pull_request("docs/intro.md")
    assert len(ripe.dms("cho")) == 1
    assert "Nothing was recorded yet." in await last_page_of_setup(ripe)
