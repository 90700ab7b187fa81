"""The gateway reads answers that GitHub does not document."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from quart import Quart, Response, jsonify, request

from bot.flows.catalog import poll_installation_job
from bot.github.gateway import GitHubGateway
from bot.github.inspection import list_installations
from bot.github.model import UNDATED, NotFoundError, ReviewState
from bot.jobs.poll_installation import poll_installation
from bot.model import InstallationId
from bot.web.server import serving
from jobq import Database
from tests.github_server import private_key
from tests.jobs.facts import claimed, install_bot
from tests.payloads import ANA, pull_request

ACME = InstallationId(5)
HUGE = {"id": 2**63, "login": "huge"}


@asynccontextmanager
async def answering(answer: Any) -> AsyncIterator[GitHubGateway]:
    """A GitHub that answers every question but that for a token in the same way."""
    web = Quart("github")

    @web.post("/api/v3/app/installations/5/access_tokens")
    async def token() -> tuple[Response, int]:
        await request.get_data()
        return jsonify({"token": "ghs_1", "expires_at": "2099-01-01T00:00:00Z", "permissions": {}}), 201

    @web.post("/api/graphql")
    @web.route("/api/v3/<path:path>", methods=["GET", "POST"])
    async def anything(path: str = "") -> Response:
        await request.get_data()  # a server that answers before it has read a request may drop the connection
        return jsonify(answer)

    async with serving(web) as address:
        gateway = GitHubGateway("7", private_key(), f"{address}/api/v3", timeout=2)
        try:
            yield gateway
        finally:
            await gateway.close()


@pytest.mark.parametrize("odd", [None, 7, {}, HUGE, {"id": 3, "login": None}])
async def test_nobody_in_a_list_of_reviewers_hides_the_others(odd: Any) -> None:
    async with answering({"requested_reviewers": [odd, ANA]}) as gateway:
        asked = await gateway.request_reviewers(ACME, "acme/api", 12, ["ana"])
    assert [account.login for account in asked] == ["ana"]


@pytest.mark.parametrize("answer", [{"requested_reviewers": None}, {"requested_reviewers": {}}])
async def test_no_list_of_reviewers_is_nobody(answer: Any) -> None:
    async with answering(answer) as gateway:
        assert await gateway.request_reviewers(ACME, "acme/api", 12, ["ana"]) == ()


@pytest.mark.parametrize(
    "changes", [{"id": 2**63}, {"number": None}, {"state": None}, {"base": None}, {"number": 2**31}]
)
async def test_an_odd_pull_request_costs_itself_and_not_its_page(changes: dict[str, Any]) -> None:
    odd = pull_request(id=8) | changes
    async with answering([odd, None, pull_request(user=None, labels=[None])]) as gateway:
        page = await gateway.list_open_pull_requests(ACME, "acme/api", 1)
    assert [(seen.number, seen.author.login) for seen in page.pull_requests] == [(12, "ghost")]


async def test_a_pull_request_without_dates_or_with_odd_characters_is_read() -> None:
    odd = pull_request(title="a\0b\ud800", updated_at="9999-12-31T23:59:59Z", created_at=None)
    async with answering([odd]) as gateway:
        (seen,) = (await gateway.list_open_pull_requests(ACME, "acme/api", 1)).pull_requests
    assert (seen.title, seen.updated_at, seen.is_partial) == ("a\ufffdb\ufffd", UNDATED, True)


async def test_a_pull_request_that_cannot_be_read_is_none_to_its_job() -> None:
    async with answering({"id": 7}) as gateway:
        with pytest.raises(NotFoundError, match="base"):
            await gateway.load_pull_request(ACME, "acme/api", 12)


async def test_odd_reviews_cost_themselves() -> None:
    def review(number: int, **changes: Any) -> Any:
        return {
            "id": number, "user": ANA, "state": "APPROVED", "submitted_at": "2026-11-23T12:00:00Z",
        } | changes  # fmt: skip

    answers = [None, review(1, id=2**63), review(2, state="PENDING"), review(3, state="ENDORSED"), review(4)]
    async with answering([*answers, review(5, user=None)]) as gateway:
        reviews = await gateway.list_reviews(ACME, "acme/api", 12)
    assert [(seen.id, seen.state, seen.may_write) for seen in reviews] == [
        (3, ReviewState.COMMENTED, True),
        (4, ReviewState.APPROVED, True),
        (5, ReviewState.APPROVED, False),
    ]


async def test_installations_of_enterprises_and_of_nobody_are_listed() -> None:
    listed = [
        {"id": 5, "account": {"id": 1, "slug": "acme-inc"}, "html_url": "x", "permissions": {}},
        {"id": 6, "account": {"id": None}, "html_url": None, "permissions": None},
        {"id": None},
        None,
    ]
    async with answering(listed) as gateway:
        installations = await list_installations(gateway)
    assert [installation.login for installation in installations] == ["acme-inc", "an account that is gone"]


@pytest.mark.parametrize("odd", [None, {"id": 301}, {"id": 301, "full_name": "acme"}])
async def test_polling_takes_no_repository_away_because_it_cannot_be_read(db: Database, odd: Any) -> None:
    with db.ambient():
        bot = await install_bot(db)
        async with answering({"repositories": [odd]}) as gateway:
            job = claimed(poll_installation_job(ACME))
            await poll_installation(job, github=gateway, queue=bot.queue, clock=bot.clock)
        await db.execute("DELETE FROM job WHERE job_type = 'poll_repository'")
        await bot.work()
    assert await db.fetchval("SELECT removed_at FROM repository") is None
