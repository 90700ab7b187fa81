"""A third of the deliveries is lost: Ripe ends where GitHub is, and asks before it reminds (promise H5)."""

import random
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from bot.sandbox.github.model import Pull
from bot.sandbox.webhooks import Delivery
from tests.journeys.test_missed_deliveries import start_worker, state_of, state_on_github
from tests.journeys.whole import Whole
from tests.promises import Promise

DROPPED = 0.3


def drop(dice: random.Random) -> Callable[[list[Delivery]], list[Delivery]]:
    return lambda held: [delivery for delivery in held if dice.random() >= DROPPED]


async def live_a_day(ripe: Whole, dice: random.Random, pulls: list[Pull]) -> int:
    """A working day of events, some of which are dropped and listed nowhere. Returns how many."""
    acts: Sequence[Callable[[Pull], object]] = (
        lambda pull: ripe.github.merge(pull),
        lambda pull: ripe.github.close(pull),
        lambda pull: ripe.github.push(pull),
        lambda pull: ripe.github.request_review(pull, ["dev"], by="ben"),
        lambda pull: ripe.github.remove_request(pull, ["cho"], by="ben"),
        lambda pull: ripe.github.review(pull, "ana", "APPROVED"),
        lambda pull: ripe.github.review(pull, "cho", "CHANGES_REQUESTED"),
        lambda pull: ripe.github.convert_to_draft(pull),
    )
    dropped = 0
    for hour in range(8):
        log = ripe.github.webhooks.log
        ripe.github.webhooks.hold()
        before = len(log)
        if hour % 2 == 0:
            title = f"Change {len(pulls)}"
            pulls.append(
                ripe.github.open_pull_request("acme/web", "ben", title, ["a.py"], reviewers=["ana", "cho"])
            )
        for pull in dice.sample(pulls, min(len(pulls), 3)):
            ripe.clock.shift += timedelta(seconds=2)
            if pull.state == "open" and not pull.draft:
                dice.choice(acts)(pull)
        held = log[before:]
        arriving = drop(dice)(held)
        dropped += len(held) - len(arriving)
        del log[before:]
        log += arriving
        ripe.github.webhooks.release(lambda _, arriving=arriving: arriving)  # type: ignore[misc]
        await ripe.pass_time(hours=1)
        await check_truth(ripe, pulls)
    return dropped


async def check_truth(ripe: Whole, pulls: Sequence[Pull]) -> None:
    """Nobody got a reminder within this hour about a pull request that was over for longer."""
    since = ripe.clock.now() - timedelta(minutes=59)
    rows = await ripe.app.database.fetch(
        """
        SELECT review_request.pull_request_id, reviewer_login FROM message
        JOIN review_request ON review_request.id = request_id
        WHERE sequence > 0 AND message.sending_at > $1
        """,
        since,
    )
    on_github = {pull.id: pull for pull in pulls}
    untrue = [
        (row["pull_request_id"], row["reviewer_login"])
        for row in rows
        if (pull := on_github[row["pull_request_id"]]).updated_at < since
        and (pull.state == "closed" or pull.draft or row["reviewer_login"] not in pull.requested)
    ]
    assert untrue == []


@pytest.mark.parametrize("days", [1, pytest.param(5, marks=pytest.mark.torture)])
async def test_with_dropped_deliveries_the_final_state_is_githubs_and_nobody_is_reminded_of_what_is_over(
    ripe: Whole, days: int, promise: Promise
) -> None:
    await start_worker(ripe)
    dice, pulls, dropped = random.Random(5), list[Pull](), 0  # noqa: S311 - not a secret
    for _ in range(days):
        dropped += await live_a_day(ripe, dice, pulls)
        await ripe.pass_time(hours=16)
    stored, on_github = await state_of(ripe), state_on_github(ripe)
    events = len(ripe.github.webhooks.log) + dropped
    promise(
        "H5",
        f"{dropped} of {events} deliveries dropped and listed nowhere",
        f"{len(set(stored) ^ set(on_github))} pull requests differ, 0 reminders about what is over",
    )
    assert stored == on_github
    assert dropped > events / 5


async def test_a_dropped_merge_brings_no_reminder(ripe: Whole) -> None:
    """Nothing is compared meanwhile: only the question before a reminder helps."""
    pull = await ripe.open_pull_request("docs/intro.md")
    ripe.github.webhooks.hold()
    ripe.github.merge(pull)
    ripe.github.webhooks.release(lambda held: [])
    await ripe.pass_time(days=4)
    assert ripe.reminders("cho") == 1
    assert ripe.live("cho") == []
    assert "merged" in ripe.dms("cho")[0]


async def test_a_reminder_costs_one_question_and_comes_on_time(ripe: Whole) -> None:
    await ripe.open_pull_request("docs/intro.md")
    calls = len(ripe.server.calls)
    await ripe.pass_time(hours=4, minutes=1)
    assert ripe.reminders("cho") == 2
    asked = [call for call in ripe.server.calls[calls:] if call.endswith("/pulls/1")]
    assert len(asked) == 1
