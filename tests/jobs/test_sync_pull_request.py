"""GitHub's answer about a pull request is stored as a whole, once, and never over newer facts."""

from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial

import asyncpg
import pytest

from bot.flows.catalog import sync_pull_request_job
from bot.flows.visibility import Visibility, find_visibility, put_on_hold
from bot.github.model import PullRequestSnapshot, Review, ReviewDecision
from bot.jobs.sync_pull_request import GitHub, sync_and_release
from bot.model import InstallationId, PullRequestId
from bot.reviews.store import list_open_requests, list_requests
from bot.sandbox.github.model import Pull
from bot.sandbox.github.server import Fault
from jobq import Database, Discard, Postpone
from tests.jobs.facts import claimed, refusing, rows_of
from tests.jobs.github import MINUTE, Acme, founded_acme
from tests.stored import load_pull_request

TABLES = ("pull_request", "review_request", "review", "held")


@pytest.fixture
async def acme(db: Database) -> AsyncIterator[Acme]:
    async with founded_acme(db) as acme:
        yield acme


@pytest.fixture
async def pull(acme: Acme) -> Pull:
    """The bot knows that Ana is asked. It receives no webhook about later changes."""
    pull = acme.open("src/main.py", reviewers=["ana"])
    await acme.hear()
    acme.world.webhooks.hold()
    acme.clock.shift += MINUTE
    acme.kept.clear()
    return pull


async def sync(acme: Acme, pull: Pull, github: GitHub | None = None) -> Discard | None:
    job = claimed(sync_pull_request_job(PullRequestId(pull.id)))
    return await sync_and_release(job, github=github or acme.gateway, queue=acme.queue, clock=acme.clock)


async def asked(pull: Pull) -> list[str]:
    return [request.reviewer_login for request in await list_open_requests(PullRequestId(pull.id))]


class OvertakenGitHub:
    """Answers as the sandbox does; meanwhile a newer fact is applied."""

    def __init__(self, acme: Acme) -> None:
        self.acme = acme

    async def load_pull_request(
        self, installation_id: InstallationId, repository: str, number: int
    ) -> PullRequestSnapshot:
        answer = await self.acme.gateway.load_pull_request(installation_id, repository, number)
        await self.acme.queue.database.execute(
            "UPDATE pull_request SET title = 'Newer', updated_at = $1", answer.updated_at + MINUTE
        )
        return answer

    async def list_reviews(
        self, installation_id: InstallationId, repository: str, number: int
    ) -> tuple[Review, ...]:
        return await self.acme.gateway.list_reviews(installation_id, repository, number)

    async def load_verdict(
        self, installation_id: InstallationId, repository: str, number: int
    ) -> ReviewDecision | None:
        return await self.acme.gateway.load_verdict(installation_id, repository, number)


async def test_the_answer_brings_changes_that_no_webhook_brought(acme: Acme, pull: Pull) -> None:
    acme.world.edit_title(pull, "Round down")
    acme.world.request_review(pull, ["cho"], by="ben")
    acme.world.review(pull, "ana", "APPROVED")
    await sync(acme, pull)
    assert (await load_pull_request(PullRequestId(pull.id))).title == "Round down"
    reasons = [(r.reviewer_login, r.close_reason) for r in await list_requests(PullRequestId(pull.id))]
    assert reasons == [("ana", "approved"), ("cho", None)]


@pytest.mark.parametrize("writes", ["INSERT ON review", "INSERT ON review_request", "INSERT ON job"])
async def test_an_answer_that_cannot_be_stored_leaves_nothing_and_the_next_try_stores_it(
    acme: Acme, pull: Pull, writes: str
) -> None:
    acme.world.request_review(pull, ["cho"], by="ben")
    acme.world.review(pull, "ana", "APPROVED")
    before = await rows_of(acme.queue.database, TABLES)
    async with refusing(acme.queue.database, writes):
        with pytest.raises(asyncpg.RaiseError):
            await sync(acme, pull)
    assert await rows_of(acme.queue.database, TABLES) == before
    await sync(acme, pull)
    assert await asked(pull) == ["cho"]


async def test_an_answer_stored_twice_changes_nothing(acme: Acme, pull: Pull) -> None:
    acme.world.request_review(pull, ["cho"], by="ben")
    await sync(acme, pull)
    once = await rows_of(acme.queue.database, TABLES)
    await sync(acme, pull)
    assert await rows_of(acme.queue.database, TABLES) == once


async def test_an_answer_that_a_newer_fact_has_overtaken_is_dropped(acme: Acme, pull: Pull) -> None:
    acme.world.request_review(pull, ["cho"], by="ben")
    await sync(acme, pull, OvertakenGitHub(acme))
    assert (await load_pull_request(PullRequestId(pull.id))).title == "Newer"
    assert await asked(pull) == ["ana"]


async def test_a_hold_ends_with_githubs_answer_and_not_before(acme: Acme, pull: Pull) -> None:
    await put_on_hold(InstallationId(acme.installation.id))
    look = partial(find_visibility, PullRequestId(pull.id))
    acme.server.faults.append(Fault(status=502))
    with pytest.raises(Postpone):
        await sync(acme, pull)
    assert await look() is Visibility.ON_HOLD
    await sync(acme, pull)
    assert await look() is Visibility.VISIBLE
    assert "remind_reviewer" in [queued.job.job_type for queued in await acme.queue.queued()]


@pytest.mark.parametrize("status", [403, 404], ids=["refused", "not found"])
async def test_a_refusal_is_not_taken_as_final_at_once(acme: Acme, pull: Pull, status: int) -> None:
    acme.world.request_review(pull, ["cho"], by="ben")
    acme.server.faults.append(Fault(status, message="Not for you", path="/pulls"))
    with pytest.raises(Postpone) as refused:
        await sync(acme, pull)
    assert refused.value.until <= acme.clock.now() + timedelta(minutes=2)
    await sync(acme, pull)
    assert await asked(pull) == ["ana", "cho"]


async def test_a_pull_request_that_github_hides_for_hours_is_left_as_it_is_and_put_on_hold(
    acme: Acme, pull: Pull
) -> None:
    acme.world.document.pulls.remove(pull)
    before = await rows_of(acme.queue.database, TABLES)
    with pytest.raises(Postpone):
        await sync(acme, pull)
    acme.clock.shift += timedelta(hours=6)
    assert isinstance(await sync(acme, pull), Discard)
    after = await rows_of(acme.queue.database, TABLES)
    assert before | {"held": []} == after | {"held": []}
    assert len(after["held"]) == 1, "nothing is sent about it until GitHub shows it again"


async def test_without_access_github_is_not_asked(acme: Acme, pull: Pull) -> None:
    await acme.queue.database.execute("UPDATE repository SET removed_at = now()")
    calls = len(acme.server.calls)
    assert isinstance(await sync(acme, pull), Discard)
    assert len(acme.server.calls) == calls
