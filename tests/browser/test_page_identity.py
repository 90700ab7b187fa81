"""`/reviews link` from the sandbox's page to GitHub's and back, on a phone and on a desk.

The name puts it after test_page.py: both share a sandbox, and that one needs it untouched.
"""

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Opened
from tests.browser.test_page import at_both_widths, button, messages

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def follow_link(page: Page, typed: str, label: str) -> Page:
    """Types a command as Ana, and opens the newest link that Ripe answers with."""
    links = messages(page).get_by_role("link", name=label, exact=True)
    before = await links.count()
    await page.get_by_label("Message Ripe, or type a command").fill(typed)
    await page.keyboard.press("Enter")
    await expect(links).to_have_count(before + 1)
    async with page.expect_popup() as opening:
        await links.last.click()
    return await opening.value


@at_both_widths
async def test_a_person_connects_their_github_account(opened: Opened, width: int) -> None:
    async with opened(width) as page:
        trip = await follow_link(page, "/reviews link", "Connect another")
        await trip.set_viewport_size({"width": width, "height": 800})
        await expect(trip.get_by_role("heading", level=1)).to_have_text(
            "Connect your GitHub account to ana in Slack?"
        )
        assert await trip.evaluate("document.documentElement.scrollWidth") == width
        await button(trip, "Go to GitHub and connect").click()
        await button(trip, "Continue as ana").click()
        await expect(trip.get_by_role("heading", level=1)).to_have_text("ana on GitHub is ana in Slack")
        assert await trip.evaluate("document.documentElement.scrollWidth") == width
        await trip.close()
        await expect(messages(page).filter(has_text="Was that not you?").last).to_be_visible()


@at_both_widths
async def test_a_person_who_is_no_admin_in_slack_is_refused(opened: Opened, width: int) -> None:
    async with opened(width) as page:
        trip = await follow_link(page, "/reviews admin join", "Go to GitHub")
        await trip.set_viewport_size({"width": width, "height": 800})
        await expect(trip.get_by_role("alert")).to_contain_text("Only admins and owners")
        assert await trip.evaluate("document.documentElement.scrollWidth") == width
        await trip.close()
