"""`/metrics` shows the figures of each lane to permitted callers, and does not burden the database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from bot.clock import Clock
from bot.encryption import tls_context
from bot.flows.catalog import Lane
from bot.flows.metrics import DatabaseHealthMetrics, Exposition, LaneMetrics
from bot.web.metrics import create_metrics_web
from bot.web.server import serving
from jobq import Database, Job, Queue, utc_now
from tests.journeys.whole import MONDAY_MORNING, whole_bot

TOKEN = SecretStr("s3cret-ü")
ELSEWHERE = {"client": ("203.0.113.9", 1234)}


def exposition(queue: Queue, **options: float) -> Exposition:
    registry = CollectorRegistry()
    looks = LaneMetrics(queue, registry).look, DatabaseHealthMetrics(queue, Clock(), registry).look
    return Exposition(registry, looks, **options)


@asynccontextmanager
async def scraping(exposed: Exposition, token: SecretStr | None = None) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        serving(create_metrics_web(exposed, token)) as url,
        httpx.AsyncClient(base_url=url, verify=tls_context()) as client,
    ):
        yield client


def samples(answer: httpx.Response) -> dict[tuple[str, ...], float]:
    """The samples, by name and the values of the labels."""
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@pytest.fixture
def queue(db: Database) -> Queue:
    return Queue(db)


async def test_a_scrape_tells_how_full_each_lane_is_and_how_the_clock_and_snapshots_are(queue: Queue) -> None:
    saved_at = queue.now()
    await queue.save(Job(job_type="note", lane=Lane.CALLS).runs_at(saved_at))
    await queue.save(Job(job_type="later", lane=Lane.CALLS).runs_in(hours=1))
    await queue.save(Job(job_type="other", lane=7))
    began_at = utc_now()
    async with scraping(exposition(queue)) as client:
        answer = await client.get("/metrics")
    took, age = (utc_now() - began_at).total_seconds(), (utc_now() - saved_at).total_seconds()
    assert answer.headers["content-type"].startswith("text/plain; version=")
    metrics = samples(answer)
    full = {names[1:]: value for names, value in metrics.items() if names[0] == "ripe_queue_jobs" and value}
    assert full == {("calls", "ready"): 1, ("calls", "future"): 1, ("7", "ready"): 1}
    assert metrics["ripe_queue_jobs", "facts", "dead"] == 0
    assert 0 < metrics["ripe_queue_oldest_ripe_age_seconds", "calls"] <= age
    assert metrics["ripe_queue_oldest_ripe_age_seconds", "facts"] == 0
    assert abs(metrics["ripe_clock_skew_seconds",]) <= took
    assert metrics["ripe_oldest_snapshot_age_seconds",] == 0


async def test_a_lane_without_jobs_is_no_longer_listed(queue: Queue) -> None:
    job = Job(job_type="other", lane=7)
    await queue.save(job)
    async with scraping(exposition(queue, kept_for=0)) as client:
        assert ("ripe_queue_jobs", "7", "ready") in samples(await client.get("/metrics"))
        await queue.cancel(job)
        assert ("ripe_queue_jobs", "7", "ready") not in samples(await client.get("/metrics"))


async def test_scrapes_within_five_seconds_share_one_answer(queue: Queue) -> None:
    async with scraping(exposition(queue)) as client:
        first = samples(await client.get("/metrics"))
        await queue.save(Job(job_type="note"))
        assert samples(await client.get("/metrics")) == first


async def test_while_postgres_does_not_answer_scrapes_get_503_and_share_one_question(
    queue: Queue, dsn: str
) -> None:
    blocker = await queue.database.connect()
    try:
        async with (
            blocker.transaction(),
            scraping(exposition(queue, kept_for=0, answers_within=0.3)) as client,
        ):
            await blocker.execute("LOCK TABLE job")
            answers = await asyncio.gather(*(client.get("/metrics") for _ in range(4)))
            # All are answered while their one question still waits.
            waiting = await blocker.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")
    finally:
        await blocker.close()
    assert {answer.status_code for answer in answers} == {503}
    assert answers[0].text == "Postgres does not answer\n"
    assert waiting == 1


async def test_a_database_that_comes_back_is_asked_again(dsn: str) -> None:
    database = Database(dsn)
    async with scraping(exposition(Queue(database), kept_for=0)) as client:
        assert (await client.get("/metrics")).status_code == 503
        async with database:
            assert samples(await client.get("/metrics"))


def authorization(value: str) -> dict[bytes, bytes]:
    return {b"Authorization": value.encode()}


async def test_with_a_token_only_requests_that_show_it_are_answered(queue: Queue) -> None:
    token = TOKEN.get_secret_value()
    async with scraping(exposition(queue), TOKEN) as client:
        for wrong in ("", "Bearer", f"Basic {token}", "Bearer s3cret", token):
            answer = await client.get("/metrics", headers=authorization(wrong))
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), wrong
            assert "ripe_" not in answer.text
        for right in (f"Bearer {token}", f"bearer {token}"):
            answer = await client.get("/metrics", headers=authorization(right))
            assert answer.status_code == 200
        assert (await client.get("/metrics")).status_code == 401


async def test_a_token_opens_from_anywhere(queue: Queue) -> None:
    client = create_metrics_web(exposition(queue), SecretStr("s3cret")).test_client()
    bearer = {"Authorization": "Bearer s3cret"}
    assert (await client.get("/metrics", scope_base=ELSEWHERE, headers=bearer)).status_code == 200
    assert (await client.get("/metrics", scope_base=ELSEWHERE)).status_code == 401


async def test_without_a_token_only_this_machine_is_answered(queue: Queue) -> None:
    client = create_metrics_web(exposition(queue), None).test_client()
    for host in ("203.0.113.9", "::ffff:203.0.113.9", "", "localhost"):
        answer = await client.get("/metrics", scope_base={"client": (host, 1)})
        assert answer.status_code == 403, host
    answer = await client.get("/metrics", scope_base={"client": ("::1", 1)})
    assert answer.status_code == 200


async def test_a_proxy_on_this_machine_is_not_this_machine(queue: Queue) -> None:
    async with scraping(exposition(queue)) as client:
        for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
            answer = await client.get("/metrics", headers={name: "203.0.113.9"})
            assert answer.status_code == 403, name
        assert (await client.get("/metrics")).status_code == 200


async def test_the_bot_itself_has_this_route_and_its_moved_clock_is_no_skew(dsn: str) -> None:
    async with whole_bot(dsn, MONDAY_MORNING) as ripe, httpx.AsyncClient(verify=tls_context()) as client:
        began_at = utc_now()
        metrics = samples(await client.get(f"{ripe.app.settings.public_url}/metrics"))
        took = (utc_now() - began_at).total_seconds()
    assert metrics["ripe_queue_jobs", "facts", "ready"] == 0
    assert abs(metrics["ripe_clock_skew_seconds",]) <= took
