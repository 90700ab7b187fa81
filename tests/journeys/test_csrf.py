"""Nobody is connected by a trip that they did not make, to GitHub or Slack: every broken state is refused."""

import secrets
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from bot.actions.identity import Purpose
from bot.credentials import find_cipher
from bot.github.oauth import challenge_of
from bot.web.identity.ports import Trip
from bot.web.identity.trips import TRIP, verifier_of
from bot.web.slack_install import PURPOSE
from bot.web.states import COOKIE, STATE_LIFE, SealedStates, issue_state
from jobq import utc_now
from tests.journeys.on_github import browser_of, own_url
from tests.journeys.two_workspaces import allow, go_to_slack
from tests.journeys.whole import Whole
from tests.promises import Promise

DEV = "U0DEV00001"


def new_browser() -> str:
    return secrets.token_urlsafe(32)


async def begin(ripe: Whole, browser: str, *, is_expired: bool = False) -> str:
    """The state of a trip, as its link and its page would have made it."""
    trip = Trip(purpose=Purpose.LINK, workspace_id=ripe.app.workspace_id, slack_user_id=DEV)
    begun_at = utc_now() - STATE_LIFE if is_expired else utc_now()
    with ripe.app.database.ambient():
        return await issue_state(TRIP, trip.model_dump(mode="json"), begun_at, browser=browser)


async def come_back(ripe: Whole, client: httpx.AsyncClient, browser: str, state: str | None) -> bool:
    """With a code that GitHub takes, whatever the state is; whether it was taken."""
    challenge = challenge_of(verifier_of(browser, state or ""))
    code = ripe.server.users.agree("dev", f"{own_url(ripe)}/github/callback", challenge)
    asked = {"code": code} if state is None else {"code": code, "state": state}
    client.cookies.set(COOKIE, browser, domain="127.0.0.1")
    answer = await client.get("/github/callback", params=asked)
    assert answer.status_code in (200, 403), answer.text
    return answer.status_code == 200


@pytest.mark.parametrize("rounds", [3, pytest.param(100, marks=pytest.mark.torture)])
async def test_no_trip_is_finished_with_a_state_that_is_not_its_own(
    ripe: Whole, promise: Promise, rounds: int
) -> None:
    good, bad = 0, 0
    async with browser_of(ripe) as client:
        for _ in range(rounds):
            own = new_browser()
            state = await begin(ripe, own)
            bad += await come_back(ripe, client, new_browser(), state)
            bad += await come_back(ripe, client, own, await begin(ripe, own, is_expired=True))
            bad += await come_back(ripe, client, own, None)
            good += await come_back(ripe, client, own, state)
            bad += await come_back(ripe, client, own, state)
    tried = 4 * rounds
    figure = f"{bad} of {tried} accepted, and {good} of {rounds} good ones"
    promise("S4", f"{tried} states of GitHub: absent, reused, expired, of another browser", figure)
    assert (bad, good) == (0, rounds)
    assert sum("/login/oauth/access_token" in call for call in ripe.server.calls) == good


async def return_from_slack(client: httpx.AsyncClient, state: str | None = None) -> tuple[bool, str]:
    """Somebody allows it on Slack's page, and is back with `state`; whether it was taken, and with which."""
    page = await go_to_slack(client)
    [code] = parse_qs(urlsplit(await allow(client, page)).query)["code"]
    if state is None:
        [state] = parse_qs(urlsplit(page).query)["state"]
    return await bring(client, code, state), state


async def bring(client: httpx.AsyncClient, code: str, state: str) -> bool:
    asked = {"code": code, "state": state} if state else {"code": code}
    answer = await client.get("/slack/oauth_redirect", params=asked)
    assert answer.status_code in (200, 403), answer.text
    return answer.status_code == 200


@pytest.mark.parametrize("rounds", [3, pytest.param(100, marks=pytest.mark.torture)])
async def test_no_workspace_is_installed_with_a_state_that_is_not_its_own(
    ripe: Whole, promise: Promise, rounds: int
) -> None:
    good, bad = 0, 0
    async with browser_of(ripe) as client, browser_of(ripe) as stranger:
        for _ in range(rounds):
            # Every code is a good one: it is the state that must not pass.
            is_taken, own = await return_from_slack(client)
            good += is_taken
            bad += (await return_from_slack(client, own))[0]
            bad += (await return_from_slack(client, ""))[0]
            bad += (await return_from_slack(client, begin_expired(ripe, client)))[0]
            theirs = parse_qs(urlsplit(await go_to_slack(stranger)).query)["state"][0]
            bad += (await return_from_slack(client, theirs))[0]
    tried = 4 * rounds
    figure = f"{bad} of {tried} accepted, and {good} of {rounds} good ones"
    promise("S4", f"{tried} states of Slack: absent, reused, expired, of another browser", figure)
    assert (bad, good) == (0, rounds)
    assert sum(call.method == "oauth.v2.access" for call in ripe.slack.calls) == good


def begin_expired(ripe: Whole, client: httpx.AsyncClient) -> str:
    cipher = find_cipher(ripe.app.settings)
    assert cipher is not None
    states = SealedStates(cipher)
    return states.issue(PURPOSE, utc_now() - STATE_LIFE, browser=client.cookies[COOKIE])
