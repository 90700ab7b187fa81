"""Deliveries come in any order. The same facts always lead to the state that GitHub has (promise W7)."""

import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import permutations

import pytest

from bot.model import PullRequestId
from bot.reviews.store import list_open_requests
from bot.sandbox.github.model import Pull
from bot.sandbox.webhooks import Delivery
from tests.journeys.whole import Whole
from tests.promises import Promise
from tests.stored import load_pull_request

Story = Callable[[Whole], Pull]
SAMPLE = 20


def a_review(ripe: Whole) -> Pull:
    """Opened with two reviewers in one second; then reviewed, renamed and labelled."""
    begin_second(ripe)
    pull = ripe.github.open_pull_request("acme/web", "ben", "Round up", ["src/main.py"])
    ripe.github.request_review(pull, ["ana", "cho"], by="ben")
    next_second(ripe)
    ripe.github.review(pull, "ana", "APPROVED")
    next_second(ripe)
    ripe.github.edit_title(pull, "Round down")
    next_second(ripe)
    ripe.github.label(pull, "wip")
    return pull


def a_change_of_mind(ripe: Whole) -> Pull:
    """Opened, and a request made and taken back in one second; then draft, ready and merged."""
    begin_second(ripe)
    pull = ripe.github.open_pull_request("acme/web", "ben", "Round up", ["src/main.py"])
    ripe.github.request_review(pull, ["ana"], by="ben")
    ripe.github.remove_request(pull, ["ana"], by="ben")
    next_second(ripe)
    ripe.github.convert_to_draft(pull)
    next_second(ripe)
    ripe.github.ready_for_review(pull)
    next_second(ripe)
    ripe.github.merge(pull)
    return pull


def an_undecided_close(ripe: Whole) -> Pull:
    """Two reviewers are asked; then closed, reopened and closed in one second: only GitHub knows the end."""
    begin_second(ripe)
    pull = ripe.github.open_pull_request("acme/web", "ben", "Round up", ["src/main.py"])
    next_second(ripe)
    ripe.github.request_review(pull, ["ana", "cho"], by="ben")
    next_second(ripe)
    ripe.github.close(pull)
    ripe.github.reopen(pull)
    ripe.github.close(pull)
    return pull


STORIES = [a_review, a_change_of_mind, an_undecided_close]


def begin_second(ripe: Whole) -> None:
    """Moves to the start of the next second, as GitHub counts."""
    now = ripe.clock.now()
    ripe.clock.shift += timedelta(seconds=1, microseconds=-now.microsecond)


next_second = begin_second


async def play(ripe: Whole, story: Story, order: Sequence[int]) -> bool:
    """Whether the stored state is GitHub's, once the webhooks of a story were delivered in this order."""
    ripe.github.webhooks.hold()
    pull = story(ripe)
    ripe.github.webhooks.release(lambda deliveries: pick(deliveries, order))
    await ripe.settle()
    stored = await load_pull_request(PullRequestId(pull.id))
    is_open = pull.state == "open"
    requests = sorted(request.reviewer_login for request in await list_open_requests(stored.id))
    return (stored.is_open, stored.title, stored.is_draft, sorted(stored.labels), requests) == (
        is_open,
        pull.title,
        pull.draft,
        pull.labels,
        sorted(pull.requested) if is_open else [],
    )


def pick(deliveries: list[Delivery], order: Sequence[int]) -> list[Delivery]:
    assert len(deliveries) == len(order)
    return [deliveries[index] for index in order]


ORDERS = list(permutations(range(6)))


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize(
    "orders",
    [
        random.Random(7).sample(ORDERS, SAMPLE),  # noqa: S311 - not a secret
        pytest.param(ORDERS, marks=pytest.mark.torture),
    ],
    ids=["sample", "all"],
)
async def test_every_order_ends_where_github_is(
    ripe: Whole, story: Story, orders: Sequence[Sequence[int]], promise: Promise
) -> None:
    wrong = [order for order in orders if not await play(ripe, story, order)]
    promise(
        "W7",
        f"{len(orders)} orders of 6 events: {story.__name__.replace('_', ' ')}",
        f"{len(orders) - len(wrong)} end in GitHub's state",
    )
    assert wrong == []
