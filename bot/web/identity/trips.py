"""To GitHub and back: our page asks the person, then GitHub does, then we act on its answer."""

import base64
import hashlib
from typing import cast

import structlog
from quart import Blueprint, Response, redirect, request

from bot.actions.identity import Purpose
from bot.actions.link_account import link_account
from bot.errors import describe_error
from bot.model import UserError
from bot.slack.errors import SlackOutcomeUnknownError, SlackRefusedError
from bot.slack.escape import disarm
from bot.slack.gateway import SlackGateway
from bot.slack.messages import MOST_IN_NAME, render_text
from bot.web.html import render_page
from bot.web.identity.owners import find_owners, warn_owners
from bot.web.identity.ports import IdentityPorts, InstallationOffer, Invitee, Trip
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

TRIP, OFFER = "github", "join_choice"
"""Purposes of states, stored. A state of a link has the link's own Purpose."""
_PAGE = "/github/<any(link, join):name>"


def add_trips(blueprint: Blueprint, ports: IdentityPorts) -> None:
    """Add `/github/link`, `/github/join`, and `/github/callback`, to which GitHub sends the browser back."""

    @blueprint.get(_PAGE)
    async def ask(name: str) -> Response:
        state = request.args.get("state", "")
        trip = await _read_link(Purpose(name), state)
        page = await render_page(f"identity/{name}.html", user=await ports.load_user(trip), state=state)
        return _remember(page, make_browser(request), ports)

    @blueprint.post(_PAGE)
    async def go(name: str) -> Response:
        link_state = (await request.form).get("state", "")
        trip = await _read_link(Purpose(name), link_state)
        await ports.load_user(trip)
        if (browser := find_browser(request)) is None:
            raise UserError("This browser keeps no cookies for Ripe. Open the link again in one that does.")
        await spend_state(trip.purpose, link_state, None, utc_now())
        state = await issue_state(TRIP, trip.model_dump(mode="json"), utc_now(), browser=browser)
        address = ports.oauth.authorize_url(state, verifier_of(browser, state))
        return _remember(cast(Response, redirect(address, 303)), browser, ports)

    @blueprint.get("/github/callback")
    async def come_back() -> Response:
        state, browser = request.args.get("state", ""), find_browser(request) or ""
        trip = Trip.model_validate(await spend_state(TRIP, state, browser, utc_now()))
        if "error" in request.args:
            raise UserError("GitHub says that it was cancelled. Nothing was changed.")
        code, verifier = request.args.get("code", ""), verifier_of(browser, state)
        if trip.purpose is Purpose.LINK:
            return await _link(ports, trip, code, verifier)
        return await _offer(ports, trip, code, verifier, browser)


def verifier_of(browser: str, state: str) -> str:
    """PKCE's verifier for one trip. It is made from the browser's secret, so we need not keep it."""
    digest = hashlib.sha256(f"{browser} {state}".encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


async def _read_link(purpose: Purpose, state: str) -> Trip:
    invitee = Invitee.model_validate(await read_state(purpose, state, None, utc_now()))
    return Trip(purpose=purpose, **invitee.model_dump())


async def _link(ports: IdentityPorts, trip: Trip, code: str, verifier: str) -> Response:
    identity = await ports.oauth.identify(code, verifier)
    account, user, slack = identity.account, await ports.load_user(trip), await ports.load_slack(trip)
    owners = await find_owners(trip.workspace_id, identity, user, slack)
    try:
        await link_account(trip.workspace_id, user, account, queue=ports.queue)
    except UserError:
        await warn_owners(owners, account.login, user, slack, is_linked=False)
        raise
    log.info("account linked", workspace_id=trip.workspace_id, account_id=account.id)
    await warn_owners(owners, account.login, user, slack, is_linked=True)
    is_notified = await _notify(slack, user.id, account.login)
    return await render_page("identity/linked.html", user=user, login=account.login, is_notified=is_notified)


async def _notify(slack: SlackGateway, slack_user_id: str, login: str) -> bool:
    """Send a DM as well: it reaches people who were tricked into this. False if Slack did not take it."""
    text = (
        f"You are connected with *{disarm(login, MOST_IN_NAME)}* on GitHub: Ripe reminds you of the reviews"
        " that wait for this account. Was that not you? `/reviews link off` ends it."
    )
    try:
        await slack.post_dm(await slack.open_dm(slack_user_id), render_text(text))
    except (SlackRefusedError, SlackOutcomeUnknownError, Postpone) as error:
        log.warning("no DM about a linked account", error=describe_error(error))
        return False
    return True


async def _offer(ports: IdentityPorts, trip: Trip, code: str, verifier: str, browser: str) -> Response:
    await ports.load_user(trip)
    proof = await ports.oauth.prove_ownership(code, verifier)
    offer = InstallationOffer(
        workspace_id=trip.workspace_id,
        slack_user_id=trip.slack_user_id,
        login=proof.user.login,
        installations=proof.installations,
        unproven=proof.unproven,
    )
    state = await issue_state(OFFER, offer.model_dump(mode="json"), utc_now(), browser=browser)
    # A redirect: GitHub's code leaves the address bar, and the page of the offer can be reloaded.
    return _remember(cast(Response, redirect(f"/github/join/choose?state={state}", 303)), browser, ports)


def _remember(response: Response, browser: str, ports: IdentityPorts) -> Response:
    is_secure = (ports.settings.public_url or "").startswith("https://")
    return remember_browser(response, browser, is_secure=is_secure)
