"""Webhooks that never arrived: GitHub sends them again, once each, or is asked for its state (promise W6)."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import pytest

from bot.flows.catalog import COMPARE_WITH_GITHUB, FIND_MISSED_DELIVERIES, find_missed_deliveries_job
from bot.sandbox.github.server import Fault
from bot.worker import build_recurring
from tests.journeys.whole import Whole
from tests.promises import Promise


async def start_worker(ripe: Whole, *more: str) -> None:
    """Saves the jobs that ask GitHub, and `more`, as a worker process does that starts."""
    wanted = {FIND_MISSED_DELIVERIES, COMPARE_WITH_GITHUB, *more}
    await ripe.app.queue.save_all(each.job for each in build_recurring(ripe.app) if each.job_type in wanted)
    await ripe.app.queue.save(find_missed_deliveries_job())
    await ripe.settle()


async def miss(ripe: Whole) -> None:
    """The deliveries on hold are lost, and five minutes later GitHub has given up."""
    ripe.github.webhooks.release(lambda held: [])
    await ripe.pass_time(minutes=6)


async def state_of(ripe: Whole) -> Sequence[str]:
    """The open pull requests that Ripe may look at, as they are stored, with their open requests."""
    rows = await ripe.app.database.fetch(
        """
        SELECT concat_ws(' ', full_name, number, title, is_draft, labels, ARRAY(
            SELECT reviewer_login FROM review_request
            WHERE pull_request_id = pull_request.id AND closed_at IS NULL ORDER BY 1)) AS row
        FROM pull_request
        JOIN repository ON repository.id = repository_id
        JOIN installation ON installation.id = installation_id
        WHERE state = 'open' AND removed_at IS NULL AND deleted_at IS NULL AND suspended_at IS NULL
        ORDER BY full_name, number
        """
    )
    return [row["row"] for row in rows]


def state_on_github(ripe: Whole) -> Sequence[str]:
    visible = {
        repository_id
        for installation in ripe.github.document.installations
        if installation.suspended_at is None
        for repository_id in installation.repository_ids
    }
    pulls = [
        (ripe.github.repo_of(pull).full_name, pull)
        for pull in ripe.github.document.pulls
        if pull.repository_id in visible
    ]
    return [
        f"{name} {pull.number} {pull.title} {'t' if pull.draft else 'f'}"
        f" {{{','.join(sorted(pull.labels))}}} {{{','.join(sorted(pull.requested))}}}"
        for name, pull in sorted(pulls, key=lambda each: (each[0], each[1].number))
        if pull.state == "open"
    ]


def redeliveries(ripe: Whole) -> Counter[str]:
    return Counter(attempt.guid for attempt in ripe.github.webhooks.log if attempt.is_redelivery)


async def lose(ripe: Whole, count: int) -> set[str]:
    """At least so many deliveries about open pull requests. Returns their GUIDs."""
    ripe.github.webhooks.hold()
    before = len(ripe.github.webhooks.log)
    number = 0
    while len(ripe.github.webhooks.log) - before < count:
        number += 1
        pull = ripe.github.open_pull_request("acme/web", "ben", f"Change {number}", ["src/main.py"])
        ripe.github.request_review(pull, ["ana"], by="ben")
        if number % 3 == 0:
            ripe.github.merge(pull)
    lost = {attempt.guid for attempt in ripe.github.webhooks.log[before:]}
    await miss(ripe)
    return lost


@pytest.mark.parametrize("count", [105, pytest.param(300, marks=pytest.mark.torture)])
async def test_missed_deliveries_are_sent_again_once_each_and_nobody_gets_a_burst(
    ripe: Whole, count: int, promise: Promise
) -> None:
    await start_worker(ripe)
    missed = await lose(ripe, count)
    ripe.clock.shift += timedelta(hours=3)  # no worker runs
    await ripe.pass_time(hours=1, minutes=10)
    most = max(len(ripe.dms(name)) for name in ("ana", "ben", "cho"))
    stored = await ripe.app.database.fetchval(
        "SELECT count(*) FROM delivery WHERE guid = ANY($1::text[]) AND outcome <> 'queued'", list(missed)
    )
    again = redeliveries(ripe)
    promise(
        "W6",
        f"{len(missed)} missed deliveries over {-(-len(missed) // 100)} pages",
        f"{stored} repaired, at most {max(again.values())} redelivery per GUID, {most} DM per person",
    )
    assert most == 1, "a digest, and no burst"
    assert stored == len(missed)
    assert set(again) >= missed
    assert max(again.values()) == 1
    assert await state_of(ripe) == state_on_github(ripe)


async def test_a_second_look_asks_for_nothing(ripe: Whole) -> None:
    await start_worker(ripe)
    missed = await lose(ripe, 3)
    await ripe.pass_time(hours=3)
    calls = [call for call in ripe.server.calls if call.startswith("POST") and "/hook/" in call]
    assert len(calls) == len(missed)
    assert await state_of(ripe) == state_on_github(ripe)


async def test_while_nobody_listens_one_redelivery_an_hour_finds_out_and_the_rest_follow_later(
    ripe: Whole,
) -> None:
    await start_worker(ripe)
    address, ripe.github.webhooks.url = ripe.github.webhooks.url, "http://127.0.0.1:9/nobody"
    for number in range(5):
        ripe.github.open_pull_request("acme/web", "ben", f"Change {number}", ["src/a.py"], reviewers=["ana"])
    await ripe.pass_time(hours=3)
    assert 1 <= redeliveries(ripe).total() <= 4
    ripe.github.webhooks.url = address
    await ripe.pass_time(hours=2)
    assert max(redeliveries(ripe).values()) == 1
    assert await state_of(ripe) == state_on_github(ripe)


async def test_what_is_too_old_to_be_sent_again_is_asked_for(ripe: Whole) -> None:
    await start_worker(ripe)
    await lose(ripe, 12)
    await ripe.app.database.execute("DELETE FROM job WHERE job_type = $1", COMPARE_WITH_GITHUB)
    ripe.clock.shift += timedelta(days=4)  # no worker runs
    ripe.github.webhooks.log.clear()
    await ripe.pass_time(hours=2)
    assert redeliveries(ripe).total() == 0
    assert await state_of(ripe) == state_on_github(ripe)


@pytest.mark.parametrize("status", [403, 404], ids=["refused", "not offered"])
async def test_where_github_does_not_list_deliveries_it_is_asked_how_things_stand(
    ripe: Whole, status: int
) -> None:
    await start_worker(ripe)
    await ripe.pass_time(hours=7)
    ripe.server.faults.append(Fault(status, message="No", path="/app/hook/deliveries", times=100))
    await lose(ripe, 6)
    await ripe.pass_time(hours=8)
    assert await state_of(ripe) == state_on_github(ripe)
    listed = [call for call in ripe.server.calls if call.endswith("/app/installations")]
    assert len(listed) <= 3


async def test_a_redelivery_that_is_lost_as_well_is_not_asked_for_again(ripe: Whole) -> None:
    await start_worker(ripe)
    await lose(ripe, 3)
    ripe.github.webhooks.hold()
    await ripe.pass_time(hours=1)
    ripe.github.webhooks.release(lambda held: [])
    await ripe.pass_time(hours=5)
    assert max(redeliveries(ripe).values()) == 1
    assert await state_of(ripe) == state_on_github(ripe)


async def test_half_of_the_rate_limit_is_left_to_others(ripe: Whole) -> None:
    await start_worker(ripe)
    missed = await lose(ripe, 3)
    ripe.server.remaining = 2400
    await ripe.pass_time(minutes=54)
    assert redeliveries(ripe).total() == 0
    ripe.server.remaining = 5000
    await ripe.pass_time(hours=3)
    assert redeliveries(ripe).total() == len(missed)


async def test_polling_expects_no_deliveries(ripe: Whole) -> None:
    assert FIND_MISSED_DELIVERIES in {each.job_type for each in build_recurring(ripe.app)}
    ripe.app.settings.__dict__["github_poll"] = True
    assert FIND_MISSED_DELIVERIES not in {each.job_type for each in build_recurring(ripe.app)}
