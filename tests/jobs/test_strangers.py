"""Reviews by people without write access, and what bots do: neither quiets or wakes anybody else."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from bot.flows.take_delivery import take_delivery
from bot.github.deliveries import Delivery, DeliveryOutcome
from bot.github.payloads import parse_event
from bot.model import PullRequestId
from bot.reviews.rules import is_approved_enough
from bot.reviews.store import (
    list_open_requests,
    list_reviews,
    snooze_request,
)
from jobq import Database
from tests.jobs.facts import CHO, NOON, Bot, install_bot
from tests.payloads import ANA, BEN, account, pull_request_payload, review_payload
from tests.stored import load_pull_request

PULL_REQUEST = PullRequestId(7)
ROBOT = account("renovate[bot]", 900, "Bot")


@pytest.fixture
async def bot(db: Database) -> AsyncIterator[Bot]:
    """Ana is asked about a pull request, and snoozed it until something changes."""
    with db.ambient():
        bot = await install_bot(db)
        await hear(bot, "pull_request", pull_request_payload("review_requested"))
        (request,) = await list_open_requests(PULL_REQUEST)
        await snooze_request(request.id, None, True)
        yield bot


async def hear(bot: Bot, event: str, payload: dict[str, Any]) -> None:
    """Takes and applies a delivery of a minute later than the one before."""
    bot.minutes += 1
    at = NOON + timedelta(minutes=bot.minutes)
    payload["pull_request"] |= {"updated_at": at.isoformat(), "requested_reviewers": [ANA]}
    guid = f"guid-{bot.minutes}"
    delivery = Delivery(
        guid=guid, workspace_id=None, event=event, action="", received_at=at,
        fact=parse_event(event, json.dumps(payload).encode()), outcome=DeliveryOutcome.QUEUED,
    )  # fmt: skip
    await take_delivery(delivery, bot.queue)
    assert await bot.apply(guid) == "applied"


def review_by(reviewer: Any, association: str | None, state: str) -> dict[str, Any]:
    payload = review_payload(state) | {"sender": reviewer}
    payload["review"] |= {"user": reviewer, "author_association": association}
    return payload


async def is_quiet() -> bool:
    """Whether Ana is needed no more."""
    pull_request = await load_pull_request(PULL_REQUEST)
    (request,) = await list_open_requests(PULL_REQUEST)
    return is_approved_enough(request, pull_request, await list_reviews(pull_request), needed=1)


async def is_snoozed() -> bool:
    (request,) = await list_open_requests(PULL_REQUEST)
    return request.is_snoozed_until_change


@pytest.mark.usefixtures("bot")
@pytest.mark.parametrize(
    ("reviewer", "association", "counts"),
    [
        (CHO, "MEMBER", True),
        (CHO, "OWNER", True),
        (CHO, "COLLABORATOR", True),
        (CHO, None, True),
        (CHO, "SOMETHING_NEW", True),
        (CHO, "NONE", False),
        (CHO, "CONTRIBUTOR", False),
        (CHO, "FIRST_TIME_CONTRIBUTOR", False),
        (None, "MEMBER", False),
    ],
)
async def test_only_those_who_may_write_quiet_and_wake_others(
    bot: Bot, reviewer: Any, association: str | None, counts: bool
) -> None:
    await hear(bot, "pull_request_review", review_by(reviewer, association, "approved"))
    assert await is_quiet() is counts
    assert await is_snoozed() is not counts


async def test_a_change_request_by_a_stranger_does_not_outweigh_an_approval(bot: Bot) -> None:
    await hear(bot, "pull_request_review", review_by(CHO, "MEMBER", "approved"))
    stranger = review_by(account("stranger", 999), "NONE", "changes_requested")
    stranger["review"]["id"] = 10
    await hear(bot, "pull_request_review", stranger)
    assert await is_quiet()


@pytest.mark.parametrize(
    ("sender", "wakes"),
    [
        (BEN, True),
        (None, True),
        (ROBOT, False),
        ({"id": 900, "login": "renovate[bot]"}, False),
    ],
)
@pytest.mark.parametrize("action", ["synchronize", "edited", "review_request_removed"])
async def test_only_people_end_a_snooze_until_something_changes(
    bot: Bot, action: str, sender: Any, wakes: bool
) -> None:
    await hear(bot, "pull_request", pull_request_payload(action, more={"sender": sender}, head={"sha": "b2"}))
    assert await is_snoozed() is not wakes


async def test_the_authors_own_comment_is_a_change(bot: Bot) -> None:
    await hear(bot, "pull_request_review", review_by(BEN, "CONTRIBUTOR", "commented"))
    assert not await is_snoozed()
