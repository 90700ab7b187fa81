"""To GitHub and back: a page that asks the person, GitHub's own, and what comes of its answer."""

import base64
import hashlib
from typing import cast

import structlog
from quart import Blueprint, Response, make_response, redirect, render_template, request

from bot.actions.identity import Purpose
from bot.actions.link_account import link_account
from bot.slack.escape import disarm
from bot.slack.gateway import SlackGateway, SlackOutcomeUnknown, SlackRefused
from bot.slack.messages import MOST_IN_NAME, render_text
from bot.web.identity.parts import Choice, Guest, IdentityRefused, Parts, Trip
from bot.web.states import (
    find_browser,
    issue_state,
    make_browser,
    read_state,
    remember_browser,
    spend_state,
)
from jobq import Postpone, utc_now

log = structlog.get_logger()

TRIP, CHOICE = "github", "join_choice"
"""Purposes of states beside those of the links."""
_PAGE = "/github/<any(link, join):name>"


def add_trips(blueprint: Blueprint, parts: Parts) -> None:
    """`/github/link`, `/github/join`, and where GitHub sends the browser back to."""

    @blueprint.get(_PAGE)
    async def ask(name: str) -> Response:
        state = request.args.get("state", "")
        trip = await _read_link(Purpose(name), state)
        page = await show(f"{name}.html", user=await parts.load_user(trip), state=state)
        return _remember(page, make_browser(request), parts)

    @blueprint.post(_PAGE)
    async def go(name: str) -> Response:
        state = (await request.form).get("state", "")
        trip = await _read_link(Purpose(name), state)
        await parts.load_user(trip)
        if (browser := find_browser(request)) is None:
            raise IdentityRefused(
                "This browser keeps no cookies for Ripe. Open the link again in one that does."
            )
        await spend_state(trip.purpose, state, None, utc_now())
        leaving = await issue_state(TRIP, trip.model_dump(mode="json"), utc_now(), browser=browser)
        address = parts.oauth.authorize_url(leaving, verifier_of(browser, leaving))
        return _remember(cast(Response, redirect(address, 303)), browser, parts)

    @blueprint.get("/github/callback")
    async def come_back() -> Response:
        state, browser = request.args.get("state", ""), find_browser(request) or ""
        trip = Trip.model_validate(await spend_state(TRIP, state, browser, utc_now()))
        if "error" in request.args:
            raise IdentityRefused("GitHub says that it was cancelled. Nothing was changed.")
        code, verifier = request.args.get("code", ""), verifier_of(browser, state)
        if trip.purpose is Purpose.LINK:
            return await _link(parts, trip, code, verifier)
        return await _offer(parts, trip, code, verifier, browser)


async def _read_link(purpose: Purpose, state: str) -> Trip:
    guest = Guest.model_validate(await read_state(purpose, state, None, utc_now()))
    return Trip(purpose=purpose, **guest.model_dump())


async def _link(parts: Parts, trip: Trip, code: str, verifier: str) -> Response:
    account = await parts.oauth.identify(code, verifier)
    user = await parts.load_user(trip)
    await link_account(trip.workspace_id, user, account, queue=parts.queue)
    log.info("account linked", workspace_id=trip.workspace_id, account_id=account.id)
    slack = await parts.find_slack(trip)
    is_told = await _tell(slack, user.id, account.login)
    return await show("linked.html", user=user, login=account.login, is_told=is_told)


async def _tell(slack: SlackGateway, slack_user_id: str, login: str) -> bool:
    """Whether the person was told in Slack, too: who was tricked into this learns of it there."""
    words = (
        f"You are connected with *{disarm(login, MOST_IN_NAME)}* on GitHub: Ripe reminds you of the reviews"
        " that wait for this account. Was that not you? `/reviews link off` ends it."
    )
    try:
        await slack.post_dm(await slack.open_dm(slack_user_id), render_text(words))
    except (SlackRefused, SlackOutcomeUnknown, Postpone) as error:
        log.warning("a person was not told in Slack", error=f"{type(error).__name__}: {error}")
        return False
    return True


async def _offer(parts: Parts, trip: Trip, code: str, verifier: str, browser: str) -> Response:
    await parts.load_user(trip)
    proof = await parts.oauth.prove_ownership(code, verifier)
    choice = Choice(
        workspace_id=trip.workspace_id,
        slack_user_id=trip.slack_user_id,
        login=proof.user.login,
        installations=proof.installations,
        unproven=proof.unproven,
    )
    state = await issue_state(CHOICE, choice.model_dump(mode="json"), utc_now(), browser=browser)
    # GitHub's code leaves the address, and the page may be loaded again.
    return _remember(cast(Response, redirect(f"/github/join/choose?state={state}", 303)), browser, parts)


def verifier_of(browser: str, state: str) -> str:
    """PKCE's secret of one trip. Only this browser can make it, and nothing of it is kept here."""
    digest = hashlib.sha256(f"{browser} {state}".encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


async def show(template: str, *, status: int = 200, **values: object) -> Response:
    """One of the pages about identity."""
    html = await render_template(f"identity/{template}", **values)
    return cast(Response, await make_response(html, status))


def _remember(response: Response, browser: str, parts: Parts) -> Response:
    is_secure = (parts.settings.public_url or "").startswith("https://")
    return remember_browser(response, browser, is_secure=is_secure)
