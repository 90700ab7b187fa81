"""The trip to GitHub and back, in the browser of a person who followed a link from Slack."""

import html
import re
from urllib.parse import parse_qs, urlsplit

import httpx

from bot.encryption import tls_context
from bot.sandbox.slack.world import SlackWorld
from bot.slack.messages import OPEN
from bot.web.workspace_link import make_workspace_link
from tests.journeys.whole import Whole


class Browser(httpx.AsyncClient):
    """Somebody's browser. It knows the bot, whose admins can give its person a link."""

    ripe: Whole


def browser_of(ripe: Whole) -> httpx.AsyncClient:
    """One without cookies, that follows no redirects: each step is looked at."""
    browser = Browser(base_url=own_url(ripe), timeout=20.0, verify=tls_context())
    browser.ripe = ripe
    return browser


async def open_workspace_link(browser: httpx.AsyncClient) -> httpx.Response:
    """The answer to /slack/install, opened with a new link of an admin."""
    assert isinstance(browser, Browser)
    with browser.ripe.app.database.ambient():
        link = await make_workspace_link(browser.ripe.app.settings, "olga")
    return await browser.get(link)


def own_url(ripe: Whole) -> str:
    return ripe.app.settings.public_url or ""


async def type_reviews_command(ripe: Whole, name: str, text: str, slack: SlackWorld | None = None) -> str:
    """The answer to `/reviews ...`, which only the person who typed it sees."""
    slack = slack or ripe.slack
    reply = await slack.run_command(name, "/reviews", text)
    assert reply.error is None, reply
    assert reply.message_ts is not None
    message = slack.messages_to(name)[-1]
    assert message.ts == reply.message_ts
    assert message.visible_to is not None
    return slack.rendered_text(message)


async def ask_link(ripe: Whole, name: str, text: str = "link", slack: SlackWorld | None = None) -> str:
    """The address under the button of the answer, in the first workspace unless another is named."""
    slack = slack or ripe.slack
    await type_reviews_command(ripe, name, text, slack)
    reply = await slack.click(name, slack.messages_to(name)[-1].ts, OPEN)
    assert reply.url is not None
    return reply.url


def state_in(address: str) -> str:
    [state] = parse_qs(urlsplit(address).query)["state"]
    return state


async def press(browser: httpx.AsyncClient, path: str, **form: object) -> httpx.Response:
    """Sends a form as a browser does from one of our own pages."""
    return await browser.post(path, data=form, headers={"Origin": str(browser.base_url).rstrip("/")})


async def set_out(browser: httpx.AsyncClient, link: str) -> str:
    """Opens a link, presses its button; returns the address of GitHub's page."""
    page = await browser.get(link)
    assert page.status_code == 200, page.text
    going = await press(browser, urlsplit(link).path, state=state_in(link))
    assert going.status_code == 303, going.text
    return going.headers["Location"]


async def agree(github: str, login: str) -> str:
    """Continues on GitHub's page as somebody, or as nobody; where that sends the browser back to."""
    async with httpx.AsyncClient(verify=tls_context()) as browser:
        page = await browser.get(github, headers={"Origin": "http://127.0.0.1:1"})
        assert page.status_code == 200, page.text
        fields = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text)
        sent = {name: html.unescape(value) for name, value in fields}
        there = urlsplit(github)
        answer = await browser.post(
            f"{there.scheme}://{there.netloc}{there.path}",
            data=sent | {"login": login},
            headers={"Origin": f"{there.scheme}://{there.netloc}"},
        )
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


async def go_there_and_back(browser: httpx.AsyncClient, link: str, login: str) -> httpx.Response:
    """The whole trip with one person's own clicks."""
    return await browser.get(await agree(await set_out(browser, link), login))
