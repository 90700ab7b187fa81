"""/setup in a browser, from the printed link to a connected bot, on a phone and on a desktop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Page, expect

from bot.credentials import complete_settings, load_choices
from bot.sandbox.github.seed import REPOSITORIES
from jobq import Database
from tests.browser.conftest import check_console
from tests.browser.test_page import FOCUSABLE, at_both_widths, button
from tests.web.setup_scene import SIGNING_SECRET, TOKEN, Scene, setup_scene

pytestmark = pytest.mark.asyncio(loop_scope="session")

MOST_TABS = 60


@asynccontextmanager
async def opened(browser: Browser, dsn: str, width: int) -> AsyncIterator[tuple[Scene, Page]]:
    """The first page. An error in it, or a request to another machine, fails the test."""
    errors: list[str] = []
    async with Database(dsn) as database, setup_scene(database, dsn) as scene:
        page = await browser.new_page(viewport={"width": width, "height": 800})
        page.on("console", lambda message: check_console(message.text, errors))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: _check_address(request.url, scene, errors))
        await page.goto(f"{scene.address}/setup?token={scene.token}")
        yield scene, page
        await page.close()
    assert errors == []


def _check_address(url: str, scene: Scene, errors: list[str]) -> None:
    if not url.startswith((f"{scene.address}/", f"{scene.world_url}/")):
        errors.append(f"it asked {url}")


async def at(page: Page, heading: str) -> None:
    """Wait for the page with this heading. Nothing on it may be cut off or without a name."""
    await expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    width = page.viewport_size["width"] if page.viewport_size else 0
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    unnamed = "e => !(e.labels?.length || e.textContent.trim() || e.ariaLabel)"
    things = f"[...document.querySelectorAll(\"{FOCUSABLE}\")].filter(e => e.type !== 'hidden')"
    assert await page.evaluate(f"{things}.filter({unnamed}).map(e => e.outerHTML)") == []


async def choose_permissions(page: Page, scene: Scene) -> None:
    await at(page, "What may Ripe do on GitHub?")
    await page.get_by_label("Organization on GitHub").fill("acme")
    await page.get_by_label("Address at which").fill(scene.address)
    await button(page, "Save and go on to GitHub").click()


async def connect_github(page: Page) -> None:
    await at(page, "Connect GitHub")
    await button(page, "Make the App on GitHub").click()
    await at(page, "Create GitHub App for acme")
    await button(page, "Create GitHub App").click()
    await at(page, "Connect GitHub")
    await expect(page.get_by_text("App 4711 is connected.")).to_be_visible()


async def connect_slack(page: Page) -> None:
    await at(page, "Connect Slack")
    await page.get_by_label("Bot token").fill(TOKEN)
    await page.get_by_label("Signing secret").fill(SIGNING_SECRET)
    await button(page, "Try and save").click()


@at_both_widths
async def test_a_bot_is_set_up_from_the_link_to_the_end(browser: Browser, dsn: str, width: int) -> None:
    async with opened(browser, dsn, width) as (scene, page):
        await choose_permissions(page, scene)
        await connect_github(page)
        await page.get_by_role("link", name="Go on to Slack").click()
        await connect_slack(page)
        await at(page, "Not everything works yet")
        await expect(page.get_by_role("listitem").filter(has_text="github.installations")).to_contain_text(
            "Install the App"
        )
        scene.github.world.install(REPOSITORIES)
        await page.get_by_role("link", name="Ask again").click()
        await at(page, "Everything works")
        await page.get_by_role("link", name="Go on", exact=True).click()
        await at(page, "Shadow or live?")
        await expect(page.get_by_text("Nothing was recorded yet.")).to_be_visible()
        await button(page, "Go live").click()
        await at(page, "Ripe is live")
        entered = await complete_settings(scene.settings)
        assert (entered.has_github, entered.has_slack, entered.ripe_mode) == (True, True, "live")
        assert "finished_at" in await load_choices()


@at_both_widths
async def test_mistakes_are_named_and_the_typed_text_stays(browser: Browser, dsn: str, width: int) -> None:
    async with opened(browser, dsn, width) as (scene, page):
        await page.get_by_label("Only remind").check()
        await page.get_by_label("Organization on GitHub").fill("no such name")
        await page.get_by_label("Address at which").fill("https://ripe.example.com/below")
        await button(page, "Save and go on to GitHub").click()
        await at(page, "What may Ripe do on GitHub?")
        await expect(page.get_by_role("alert")).to_contain_text("'no such name' cannot be")
        await expect(page.get_by_label("Only remind")).to_be_checked()
        await expect(page.get_by_label("Address at which")).to_have_value("https://ripe.example.com/below")
        await choose_permissions(page, scene)
        await connect_github(page)
        await page.get_by_role("link", name="Go on to Slack").click()
        await page.get_by_label("Bot token").fill("xoxb-mistyped")
        await page.get_by_label("Signing secret").fill("secret")
        await button(page, "Try and save").click()
        await expect(page.get_by_role("alert")).to_contain_text("Slack refuses this bot token: invalid_auth")
        assert "xoxb-mistyped" not in await page.content()


async def test_everything_is_reached_with_the_keyboard_and_the_focus_is_visible(
    browser: Browser, dsn: str
) -> None:
    async with opened(browser, dsn, 1280) as (_, page):
        await page.get_by_label("Organization on GitHub").focus()
        await page.keyboard.type("acme")
        await _press_on(page, "Save and go on to GitHub", then="Connect GitHub")
        await _press_on(page, "Make the App on GitHub", then="Create GitHub App for acme")
        await button(page, "Create GitHub App").click()  # that page is GitHub's
        await at(page, "Connect GitHub")
        await _press_on(page, "Go on to Slack", then="Connect Slack")
        await _tab_to(page, "slack_bot_token")
        await page.keyboard.type(TOKEN)
        await page.keyboard.press("Tab")
        await page.keyboard.type(SIGNING_SECRET)
        await _press_on(page, "Try and save", then="Not everything works yet")
        await _press_on(page, "Go on", then="Shadow or live?")
        await _press_on(page, "Stay in shadow", then="Ripe is in shadow mode")


async def _press_on(page: Page, name: str, *, then: str) -> None:
    await _tab_to(page, name)
    await page.keyboard.press("Enter")
    await at(page, then)


async def _tab_to(page: Page, name: str) -> None:
    """Press Tab until an element with this text or name has the focus, which is visible on each element."""
    for _ in range(MOST_TABS):
        await page.keyboard.press("Tab")
        what, outline = await page.evaluate(
            "() => { const e = document.activeElement;"
            " return [e.textContent.trim() || e.name, getComputedStyle(e).outlineStyle] }"
        )
        assert outline == "solid", what
        if what == name:
            return
    pytest.fail(f"{name} is not reached with Tab")
