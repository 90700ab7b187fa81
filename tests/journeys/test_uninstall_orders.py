"""Slack announces an uninstall in two events, which come in any order among all others."""

import itertools
from collections.abc import Sequence

import httpx
import pytest

from tests.journeys.test_workspaces import rows_of
from tests.journeys.two_workspaces import beta_id, install, move_github_to
from tests.journeys.whole import Whole
from tests.promises import Promise

EVENTS = ("app_uninstalled", "tokens_revoked")
HAPPENINGS = (*EVENTS, "a review is asked for", "a working day passes")
ORDERS = tuple(itertools.permutations(HAPPENINGS))


async def happen(ripe: Whole, what: str) -> None:
    match what:
        case "a review is asked for":
            await ripe.open_pull_request("docs/more.md")
        case "a working day passes":
            await ripe.pass_time(hours=10)
        case event:
            replies = await ripe.beta.uninstall([event])
            assert [reply.status for reply in replies] == [200]


async def live_through(ripe: Whole, order: Sequence[str]) -> int:
    """Returns the number of calls to Slack after the first event of the uninstall."""
    await ripe.open_pull_request("docs/intro.md")
    calls, is_announced = 0, False
    for what in order:
        before = len(ripe.beta.calls)
        await happen(ripe, what)
        calls += len(ripe.beta.calls) - before if is_announced else 0
        is_announced = is_announced or what in EVENTS
    return calls


@pytest.mark.parametrize("orders", [ORDERS[:2], pytest.param(ORDERS, marks=pytest.mark.torture)], ids=len)
async def test_after_an_uninstall_in_any_order_no_call_follows_and_nothing_is_kept(
    ripe: Whole, browser: httpx.AsyncClient, promise: Promise, orders: Sequence[Sequence[str]]
) -> None:
    calls, left = 0, 0
    for order in orders:
        await install(browser)
        beta = await beta_id(ripe)
        await move_github_to(ripe, beta)
        calls += await live_through(ripe, order)
        before = len(ripe.beta.calls)
        await ripe.pass_time(hours=24, minutes=1)
        calls += len(ripe.beta.calls) - before
        left += sum((await rows_of(ripe, beta)).values())
    figure = f"{calls} later calls, {left} rows left after 24 h"
    promise("S5", f"{len(orders)} orders of events, webhooks and days", figure)
    assert (calls, left) == (0, 0)
    assert await ripe.app.queue.dead() == []
