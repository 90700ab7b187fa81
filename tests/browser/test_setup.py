"""/setup as somebody goes through it, from the printed link to a connected bot, on a phone and on a desk."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, expect

from bot.credentials import complete_settings, load_choices
from bot.sandbox.github.seed import REPOSITORIES
from jobq import Database
from tests.browser.test_page import FOCUSABLE, at_both_widths, button
from tests.web.setup_scene import SIGNING_SECRET, TOKEN, Scene, setup_scene

pytestmark = pytest.mark.asyncio(loop_scope="session")

MOST_TABS = 60


@asynccontextmanager
async def opened(browser: Browser, dsn: str, width: int) -> AsyncIterator[tuple[Scene, Page]]:
    """The first page. What goes wrong in the browser meanwhile, or asks the internet, fails the test."""
    wrong: list[str] = []
    async with Database(dsn) as database, setup_scene(database, dsn) as scene:
        page = await browser.new_page(viewport={"width": width, "height": 800})
        page.on("console", lambda told: _check_console(told, wrong))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda asked: _check_address(asked.url, scene, wrong))
        await page.goto(f"{scene.address}/setup?token={scene.token}")
        yield scene, page
        await page.close()
    assert wrong == []


def _check_console(told: ConsoleMessage, wrong: list[str]) -> None:
    # Every browser notes a refused form there; that it was refused is no mistake of the page.
    if "status of 422" not in told.text:
        wrong.append(told.text)


def _check_address(url: str, scene: Scene, wrong: list[str]) -> None:
    if not url.startswith((f"{scene.address}/", f"{scene.world_url}/")):
        wrong.append(f"it asked {url}")


async def at(page: Page, heading: str) -> None:
    """The page with this heading is there, and nothing of it is cut off or without a name."""
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
async def test_what_was_wrong_is_said_and_what_was_typed_is_kept(
    browser: Browser, dsn: str, width: int
) -> None:
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


async def test_without_a_mouse_everything_is_reached_and_seen_to_be(browser: Browser, dsn: str) -> None:
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
    """Presses Tab until something of this text or name has the focus, which is seen on all that had it."""
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
