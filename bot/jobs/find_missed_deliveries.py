"""Finds the webhooks that never arrived, and has GitHub send each again, once.

Its list of attempts is compared with the stored deliveries, from where the last look ended. If the list does
not reach that far back, or a redelivery did not arrive either, GitHub is asked for its state instead.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from bot.clock import Clock
from bot.flows.catalog import compare_installation_job, compare_with_github_job
from bot.github.missed import WINDOW, Missed, find_missed
from bot.github.model import DeliveryAttempt, DeliveryPage, RefusedError
from bot.github.watch import (
    Watch,
    list_asked,
    list_stored_guids,
    load_watch,
    record_delivered,
    record_redelivery,
)
from bot.model import InstallationId
from jobq import ClaimedJob, Postpone, Queue

log = structlog.get_logger()

EVERY = timedelta(hours=1)
MOST_A_RUN = 100
"""Redeliveries in one run of the job; the next run follows after a minute."""
MORE_AFTER = timedelta(minutes=1)
COMPARE_EVERY = timedelta(hours=6)
"""How often everything is compared with GitHub if it does not list the deliveries."""
LONG_AGO = timedelta(days=365)


class GitHub(Protocol):
    """The calls to GitHub that this job makes."""

    def leave_half(self, installation_id: InstallationId | None) -> None: ...

    async def list_delivery_attempts(self, cursor: str | None = None) -> DeliveryPage: ...

    async def redeliver(self, attempt_id: int) -> None: ...


async def find_missed_deliveries(job: ClaimedJob, *, github: GitHub, queue: Queue, clock: Clock) -> None:
    """Asks for the missed deliveries, the oldest first. A redelivery that changes nothing does no harm.

    While the newest attempt failed, nobody may be listening: then one is asked for, to find out. Raises
    Postpone to go on with the others.
    """
    now, watch = clock.now(), await load_watch()
    since = max(watch.delivered_to or now - LONG_AGO, now - WINDOW)
    if watch.delivered_to is not None and watch.delivered_to < since:
        log.warning("missed deliveries are too old to be sent again", since=watch.delivered_to.isoformat())
        await queue.save(compare_with_github_job())
    try:
        attempts = await _list_since(github, since)
    except RefusedError as error:
        log.warning("GitHub does not list its deliveries", reason=str(error))
        await _compare_instead(watch, queue, now)
        return
    guids = {attempt.guid for attempt in attempts}
    # The stored GUIDs are read after the list, so a delivery that GitHub calls arrived is among them.
    asked = await list_asked(guids)
    missed = find_missed(attempts, await list_stored_guids(guids), asked, now)
    await _compare_lost(missed.lost, queue)
    await record_delivered(missed.complete_to)
    await _ask(missed, _may_try(missed, asked.values(), now), github, clock)


async def _list_since(github: GitHub, since: datetime) -> list[DeliveryAttempt]:
    """The attempts of GitHub's list that are not older than that. The list begins with the newest."""
    attempts: list[DeliveryAttempt] = []
    cursor: str | None = None
    while True:
        github.leave_half(None)
        page = await github.list_delivery_attempts(cursor)
        attempts += [attempt for attempt in page.attempts if attempt.delivered_at >= since]
        cursor = page.next_cursor
        if cursor is None or any(attempt.delivered_at < since for attempt in page.attempts):
            return attempts


def _may_try(missed: Missed, asked: Iterable[datetime], now: datetime) -> int:
    """How many redeliveries may be asked for now."""
    if missed.is_arriving:
        return MOST_A_RUN
    return 0 if any(now - at < EVERY * 0.9 for at in asked) else 1


async def _ask(missed: Missed, most: int, github: GitHub, clock: Clock) -> None:
    for attempt in missed.due[:most]:
        github.leave_half(None)
        # Recorded first: after a crash it is not asked for twice.
        await record_redelivery(attempt.guid, clock.now())
        try:
            await github.redeliver(attempt.id)
        except RefusedError as error:
            log.warning("GitHub does not send it again", guid=attempt.guid, reason=str(error))
    if missed.due:
        log.info("missed deliveries", missed=len(missed.due), asked=len(missed.due[:most]))
    if most and len(missed.due) > most:
        raise Postpone(clock.now() + MORE_AFTER, "more deliveries to ask for")


async def _compare_lost(lost: Iterable[DeliveryAttempt], queue: Queue) -> None:
    """Nobody will read these, so GitHub is asked for the state of their installations."""
    ids = {attempt.installation_id for attempt in lost}
    jobs = [compare_installation_job(each, is_whole=True) for each in ids if each is not None]
    await queue.save_all([*jobs, *([compare_with_github_job()] if None in ids else [])])


async def _compare_instead(watch: Watch, queue: Queue, now: datetime) -> None:
    if watch.compared_at is None or now - watch.compared_at >= COMPARE_EVERY:
        await queue.save(compare_with_github_job())
