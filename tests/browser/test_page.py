"""The sandbox's page as people use it: looked at, clicked and typed into, on a phone and on a desk."""

import itertools
import re

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import Opened

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE, DESK = 380, 1280
FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex='0']"
MOST_TABS = 150

at_both_widths = pytest.mark.parametrize("width", [PHONE, DESK])
_numbers = itertools.count(1)


def button(place: Page | Locator, name: str) -> Locator:
    return place.get_by_role("button", name=name, exact=True)


def messages(page: Page) -> Locator:
    return page.locator("#messages .message")


async def open_pull_request(page: Page, title: str, *files: str) -> None:
    """Open a pull request through the form, and let the minute pass that Ripe leaves to people."""
    await page.get_by_label("Title").fill(title)
    await page.get_by_label("Changed files").fill("\n".join(files))
    await button(page, "Open pull request").click()
    await expect(page.locator("#pull h3")).to_contain_text(title)
    await button(page, "Let the minute pass").click()
    await expect(page.locator("#decision h3")).to_have_text("Ana was asked")


async def ask_ana(page: Page) -> Locator:
    """A new pull request that Ana is asked to review, and her DM about it."""
    title = f"Round totals {next(_numbers)} times"
    await open_pull_request(page, title, "billing/tax.sql")
    dm = messages(page).filter(has=button(page, "Mute")).filter(has_text=title)
    await expect(dm).to_be_visible()
    return dm


@at_both_widths
async def test_without_a_click_it_shows_the_pull_request_the_decision_and_the_dm(
    opened: Opened, width: int
) -> None:
    async with opened(width) as page:
        await expect(page.locator(".badge")).to_have_text("local sandbox: nothing leaves this machine")
        await expect(page.locator("#pull")).to_contain_text("Round invoice totals half up")
        await expect(page.locator("#pull")).to_contain_text("billing/invoice.py")
        await expect(page.locator("#pull")).to_contain_text("ana was asked to review")
        await expect(page.locator("#decision .asked")).to_have_text(re.compile("Ana *asked *owns billing"))
        await expect(page.locator("#decision")).to_contain_text("out until Friday")
        await expect(page.locator("#course .next")).to_contain_text("Ana is reminded")
        await expect(messages(page).first).to_contain_text("Round invoice totals half up")
        for name in ("Open", "Snooze", "Why me?", "Mute"):
            buttons = messages(page).first.get_by_role("button", name=name, exact=True)
            links = messages(page).first.get_by_role("link", name=name, exact=True)
            await expect(buttons.or_(links)).to_be_visible()
        for name in ("+4 working hours", "Approve as Ana", "Ana goes on leave"):
            await expect(button(page, name)).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") == width


async def test_on_a_desk_all_three_are_on_the_first_screen(opened: Opened) -> None:
    async with opened(DESK) as page:
        for place in (page.locator("#pull"), page.locator("#decision"), messages(page).first):
            await expect(place).to_be_in_viewport(ratio=0.9)


@at_both_widths
async def test_everything_is_reached_by_tab_and_the_focus_is_seen(opened: Opened, width: int) -> None:
    async with opened(width) as page:
        await expect(page.locator("#log li").first).to_be_visible()
        wanted = await page.evaluate(
            f"""() => [...document.querySelectorAll("{FOCUSABLE}")]
                .filter((node) => node.checkVisibility() && !node.disabled)
                .map((node, index) => (node.dataset.tab = String(index)))"""
        )
        reached: set[str] = set()
        for _ in range(MOST_TABS):
            await page.keyboard.press("Tab")
            number, outline = await page.evaluate(
                """() => [document.activeElement.dataset.tab ?? "",
                          getComputedStyle(document.activeElement).outlineStyle]"""
            )
            if number:
                assert outline != "none", await page.evaluate("document.activeElement.outerHTML")
                reached.add(number)
            if len(reached) == len(wanted):
                break
        assert reached == set(wanted)


@at_both_widths
async def test_an_approval_strikes_the_dm(opened: Opened, width: int) -> None:
    async with opened(width) as page:
        title = (await (await ask_ana(page)).locator("strong a").inner_text()).strip()
        await button(page, "Approve as Ana").click()
        await expect(messages(page).locator("s", has_text=title)).to_be_visible()
        await expect(messages(page).filter(has_text=title)).to_contain_text("approved by you")
        await expect(page.locator("#pull .reviewers")).to_contain_text("ana approved these changes")
        await expect(page.locator("#course .over")).to_contain_text("Ana approved: nothing more is sent")


async def test_four_working_hours_later_a_reminder_comes_and_is_said_aloud(opened: Opened) -> None:
    async with opened(DESK) as page:
        await ask_ana(page)
        reminded = messages(page).filter(has_text="reminder 1").filter(has_text="waiting 4 working hours")
        before = await reminded.count()
        await button(page, "+4 working hours").click()
        await expect(reminded).not_to_have_count(before)
        await expect(page.locator("#news")).to_contain_text("New message to Ana")
        await button(page, "Approve as Ana").click()
        await expect(page.locator("#course .over")).to_be_visible()


@at_both_widths
async def test_a_dm_is_snoozed_by_its_menu_with_the_keyboard_alone(opened: Opened, width: int) -> None:
    async with opened(width) as page:
        dm = await ask_ana(page)
        await button(dm, "Snooze").focus()
        await page.keyboard.press("Enter")
        await page.keyboard.press("ArrowDown")
        await expect(page.get_by_role("menuitem", name="Until tomorrow")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("#course .next")).to_contain_text("Ana snoozed it until")
        await button(page, "Approve as Ana").click()
        await expect(page.locator("#course .over")).to_be_visible()


@at_both_widths
async def test_a_modal_is_filled_in_and_its_mistakes_are_shown_under_their_fields(
    opened: Opened, width: int
) -> None:
    async with opened(width) as page:
        await button(page, "Eli").click()
        await button(page, "/ooo").click()
        modal = page.get_by_role("dialog")
        await expect(modal).to_contain_text("Out of office")
        await button(modal, "Save").click()
        await expect(modal.locator(".wrong .error")).to_have_text("Please complete this required field.")
        await modal.get_by_label("Last day away").fill("2020-01-01")
        await button(modal, "Save").click()
        await expect(modal.locator(".wrong .error")).not_to_have_text("Please complete this required field.")
        await page.keyboard.press("Escape")
        await expect(modal).to_be_hidden()


async def test_commands_are_typed_and_answered_for_that_person_only(opened: Opened) -> None:
    async with opened(DESK) as page:
        await button(page, "Dev").click()
        before = await messages(page).count()
        await page.get_by_label("Message Ripe, or type a command").fill("/snooze 2h")
        await page.keyboard.press("Enter")
        await expect(messages(page)).to_have_count(before + 1)
        await expect(messages(page).last).to_contain_text("Only visible to you")
        await button(messages(page).last, "Undo").click()
        await expect(messages(page).last).to_contain_text("Undone.")
        await page.get_by_label("Message Ripe, or type a command").fill("reviews")
        await page.keyboard.press("Enter")
        await expect(messages(page).last).to_contain_text("Nothing waits for you")


async def test_home_shows_the_same_queue(opened: Opened) -> None:
    async with opened(DESK) as page:
        await ask_ana(page)
        await button(page, "Home").click()
        await expect(page.locator("#home")).to_contain_text("Your turn")
        await button(page, "Messages").click()
        await button(page, "Approve as Ana").click()
        await expect(page.locator("#course .over")).to_be_visible()


async def test_a_person_on_leave_is_skipped_from_then_on(opened: Opened) -> None:
    async with opened(DESK) as page:
        await button(page, "Dev").click()
        await button(page, "Dev goes on leave").click()
        await expect(button(page, "Dev is back")).to_be_visible()
        await page.get_by_label("Title").fill("Explain retries")
        await page.get_by_label("Changed files").fill("docs/retries.md")
        await button(page, "Open pull request").click()
        await button(page, "Let the minute pass").click()
        dev = page.locator("#decision .skipped", has_text="Dev")
        await expect(dev).to_contain_text("out until")
        await expect(page.locator("#decision h3")).to_have_text("Eli was asked")


async def test_text_from_github_never_becomes_markup(opened: Opened) -> None:
    title = "<img src=x onerror=alert(1)> *bold* <!channel>"
    async with opened(DESK) as page:
        await open_pull_request(page, title, "billing/<b>.sql")
        await expect(messages(page).last).to_contain_text("<img src=x onerror=alert(1)>")
        assert await page.locator("#pull img, #pull b, .message img[src=x], .message .mention").count() == 0
        await button(page, "Approve as Ana").click()
        await expect(page.locator("#course .over")).to_be_visible()


async def test_a_refusal_has_githubs_message(opened: Opened) -> None:
    async with opened(DESK) as page:
        await ask_ana(page)
        await page.get_by_label("As", exact=True).select_option("ben")
        await button(page.get_by_role("group", name="Review"), "Approve").click()
        await expect(page.get_by_role("alert")).to_have_text("Can not approve your own pull request")
        await button(page, "Merge").click()
        await expect(page.locator("#pull .state")).to_have_text("Merged")
        await expect(page.get_by_role("alert")).to_be_hidden()


async def test_the_log_lists_webhooks_jobs_and_calls_newest_first(opened: Opened) -> None:
    async with opened(DESK) as page:
        title = f"Log {next(_numbers)}"
        await open_pull_request(page, title, "billing/log.sql")
        lines = page.locator("#log li")
        for text in (
            "pull_request.opened",
            "assign_reviewers",
            "requested_reviewers",
            "chat.postMessage ana",
        ):
            await expect(lines.filter(has_text=text).first).to_be_visible()
        entries = await lines.locator(".what").all_inner_texts()
        assert entries.index("chat.postMessage ana") < next(
            at for at, text in enumerate(entries) if text.startswith("pull_request.opened")
        )
        await button(page, "Approve as Ana").click()
        await expect(page.locator("#course .over")).to_be_visible()


async def test_open_in_a_dm_leads_to_its_pull_request_on_this_page(opened: Opened) -> None:
    async with opened(DESK) as page:
        dm = await ask_ana(page)
        first = (await page.locator("#pull h3").inner_text()).strip()
        await open_pull_request(page, "Another one", "billing/other.sql")
        await dm.get_by_role("link", name="Open").click()
        await expect(page.locator("#pull h3")).to_have_text(first)
