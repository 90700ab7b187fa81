"""Events of installations and repositories come in any order, and end where GitHub is (promise W12)."""

import random
from collections.abc import Callable, Sequence
from itertools import permutations

import pytest

from bot.sandbox.github.model import Installation
from tests.journeys.test_comparison import places_on_github, stored_places
from tests.journeys.test_leaving import emit_repository
from tests.journeys.test_missed_deliveries import state_of, state_on_github
from tests.journeys.whole import Whole
from tests.promises import Promise

ORDERS = list(permutations(range(6)))
SAMPLE = 8


@pytest.fixture
async def two_accounts(ripe: Whole) -> Whole:
    """The App is on two accounts, and a pull request is open in each of acme's repositories."""
    ripe.github.install([])
    for repository in ("acme/api", "acme/web"):
        ripe.github.open_pull_request(repository, "ben", "Round", ["src/a.py"], reviewers=["ana"])
    await ripe.pass_time(minutes=3)
    return ripe


def remove_and_add(ripe: Whole, acme: Installation) -> None:
    ripe.github.change_repositories(acme, removed=["acme/web"])
    ripe.github.change_repositories(acme, added=["acme/web"])


def suspend_and_unsuspend(ripe: Whole, acme: Installation) -> None:
    ripe.github.suspend(acme)
    ripe.github.unsuspend(acme)


def rename_and_transfer(ripe: Whole, acme: Installation, name: str) -> None:
    """GitHub says nothing to the account that gives the repository away."""
    repo, other = ripe.github.document.repositories[0], ripe.github.document.installations[1]
    repo.full_name = f"acme/{name}"
    emit_repository(ripe, "renamed", acme)
    repo.full_name = f"other/{name}"
    acme.repository_ids.remove(repo.id)
    other.repository_ids.append(repo.id)
    emit_repository(ripe, "transferred", other)


def everything_comes_back(ripe: Whole, acme: Installation, name: str) -> None:
    remove_and_add(ripe, acme)
    suspend_and_unsuspend(ripe, acme)
    rename_and_transfer(ripe, acme, name)


def everything_goes(ripe: Whole, acme: Installation, name: str) -> None:
    """The same, but the last word on the repository and on the installation is the other one."""
    acme.repository_ids.remove(ripe.github.document.repositories[1].id)
    acme.suspended_at = ripe.clock.now().replace(microsecond=0)
    ripe.github.change_repositories(acme, added=["acme/web"])
    ripe.github.change_repositories(acme, removed=["acme/web"])
    ripe.github.unsuspend(acme)
    rename_and_transfer(ripe, acme, name)
    ripe.github.suspend(acme)


Story = Callable[[Whole, Installation, str], None]
STORIES: Sequence[Story] = (everything_comes_back, everything_goes)


async def play(ripe: Whole, story: Story, order: Sequence[int]) -> bool:
    """Whether Ripe believes what GitHub shows, once the events have come in this order."""
    acme, other = ripe.github.document.installations
    ripe.github.webhooks.hold()
    story(ripe, acme, f"api{ripe.github.document.last_id}")
    ripe.github.webhooks.release(lambda held: [held[index] for index in order])
    await ripe.pass_time(minutes=3)
    is_right = await is_like_github(ripe)
    await undo(ripe, acme, other)
    return is_right


async def is_like_github(ripe: Whole) -> bool:
    places, pulls = await stored_places(ripe), await state_of(ripe)
    return (places, pulls) == (places_on_github(ripe), state_on_github(ripe))


async def undo(ripe: Whole, acme: Installation, other: Installation) -> None:
    """Everything is as it was at first, and the events about it come in order."""
    first, second = ripe.github.document.repositories[:2]
    first.full_name = "acme/api"
    ripe.github.unsuspend(acme)
    ripe.github.change_repositories(other, removed=["acme/api"])
    acme.repository_ids[:] = []
    ripe.github.change_repositories(acme, added=["acme/api", "acme/web"])
    await ripe.pass_time(minutes=3)
    assert (await stored_places(ripe))[0] == [(r.id, r.full_name, acme.id) for r in (first, second)]
    ripe.github._next_id()


@pytest.mark.parametrize(
    "orders",
    [
        random.Random(12).sample(ORDERS, SAMPLE),  # noqa: S311 - not a secret
        pytest.param(ORDERS, marks=pytest.mark.torture),
    ],
    ids=["sample", "all"],
)
async def test_every_order_ends_where_github_is(
    two_accounts: Whole, orders: Sequence[Sequence[int]], promise: Promise
) -> None:
    played = [
        (STORIES[place % 2], order, await play(two_accounts, STORIES[place % 2], order))
        for place, order in enumerate(orders)
    ]
    wrong = [(story.__name__, order) for story, order, is_right in played if not is_right]
    promise(
        "W12",
        f"{len(orders)} orders of removed, added, suspend, unsuspend, renamed, transferred",
        f"{len(orders) - len(wrong)} end in GitHub's state",
    )
    assert wrong == []


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["in order", "reversed"])
async def test_an_installation_that_is_made_anew_under_another_id_is_followed(
    ripe: Whole, order: Sequence[int]
) -> None:
    ripe.github.open_pull_request("acme/web", "ben", "Round", ["src/a.py"], reviewers=["ana"])
    await ripe.pass_time(minutes=3)
    ripe.github.webhooks.hold()
    ripe.github.uninstall(ripe.github.document.installations[0])
    ripe.github.install(["acme/api", "acme/web"])
    ripe.github.webhooks.release(lambda held: [held[index] for index in order])
    await ripe.pass_time(minutes=3)
    assert await is_like_github(ripe)
    await ripe.pass_time(days=2)
    assert await is_like_github(ripe), "the account was not forgotten"


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_names_that_a_repository_had_in_turn_end_with_the_last(
    ripe: Whole, order: Sequence[int]
) -> None:
    repo, installation = ripe.github.document.repositories[0], ripe.github.document.installations[0]
    ripe.github.webhooks.hold()
    for name in ("acme/one", "acme/two", "acme/three"):
        repo.full_name = name
        emit_repository(ripe, "renamed", installation)
    ripe.github.webhooks.release(lambda held: [held[index] for index in order])
    await ripe.pass_time(minutes=2)
    assert await is_like_github(ripe)
