"""Slack limits the rate of calls: every process obeys, nothing is lost, nothing is sent twice."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

import pytest

from bot.app import open_app
from bot.flows.workspace_forgetting import forget_workspace_rows
from bot.model import WorkspaceId
from bot.sandbox.slack.model import Call, Fault
from bot.slack.limits import SLOT, close_method, take_slot
from bot.slack.messages import render_text
from bot.worker import build_handlers
from jobq import Postpone
from jobq.testing import drain
from tests.journeys.whole import Whole

POST = "chat.postMessage"
WAIT = timedelta(seconds=30)
MANY = 20
WELCOME = "This is the first of these."


async def ask_many(ripe: Whole, count: int = MANY) -> None:
    """As many reviews are asked of Cho, all due now; nothing is sent yet."""
    await ripe.app.database.execute("UPDATE person SET dms_per_day = 1000")
    for number in range(count):
        pull = ripe.github.open_pull_request("acme/api", "ben", f"Change {number}", ["src/main.py"])
        ripe.github.request_review(pull, ["cho"], by="ben")
    await ripe.github.webhooks.idle()


def posts(ripe: Whole) -> Sequence[Call]:
    return [call for call in ripe.slack.calls if call.method == POST]


def limit(ripe: Whole, method: str = POST) -> None:
    ripe.slack.faults.add(Fault(method=method, kind="ratelimited", retry_after=int(WAIT.total_seconds())))


async def test_no_dm_is_tried_before_slack_wants_it_and_all_arrive_once(ripe: Whole) -> None:
    await ask_many(ripe)
    limit(ripe)
    await ripe.settle()
    [refused] = posts(ripe)
    assert refused.fault == "ratelimited"
    again_at = refused.at + WAIT
    await ripe.pass_time(minutes=5)
    assert [call.at for call in posts(ripe) if refused.at < call.at < again_at] == []
    assert ripe.reminders("cho") == MANY
    assert len({call.arguments["text"] for call in posts(ripe)[1:]}) == len(posts(ripe)) - 1 == MANY


async def test_those_that_waited_come_one_after_the_other(ripe: Whole) -> None:
    await ask_many(ripe)
    limit(ripe)
    began = ripe.clock.now()
    await ripe.settle()
    took = ripe.clock.now() - began
    due = await ripe.app.database.fetch(
        "SELECT ripe_at FROM job WHERE job_type = 'remind_reviewer' ORDER BY ripe_at"
    )
    moments = [row["ripe_at"] for row in due]
    assert len(moments) == MANY
    assert all(later - earlier >= SLOT for earlier, later in pairwise(moments))
    assert moments[-1] - moments[0] <= took + MANY * SLOT


async def test_waiting_for_slack_is_no_failed_try(ripe: Whole) -> None:
    await ask_many(ripe, 2)
    limit(ripe)
    await ripe.settle()
    rows = await ripe.app.database.fetch(
        "SELECT tries, last_error FROM job WHERE job_type = 'remind_reviewer'"
    )
    assert [row["tries"] for row in rows] == [0, 0]
    assert await ripe.app.database.fetchval("SELECT count(*) FROM message") == 0


async def test_whom_a_rate_limit_kept_waiting_is_welcomed_all_the_same(ripe: Whole) -> None:
    await ask_many(ripe, 2)
    limit(ripe)
    await ripe.pass_time(minutes=5)
    assert [WELCOME in dm for dm in ripe.dms("cho")] == [True, False]


async def test_another_process_obeys_the_limit_that_slack_set_for_this_one(ripe: Whole) -> None:
    await ask_many(ripe, 2)
    limit(ripe)
    with pytest.raises(Postpone):
        await ripe.app.slack.post_dm("D1", render_text("hello"), "message:1")
    async with open_app(ripe.app.settings, ripe.clock) as other:
        await drain(other.queue, build_handlers(other))
        assert len(posts(ripe)) == 1
    await ripe.pass_time(minutes=1)
    assert ripe.reminders("cho") == 2


async def test_other_methods_and_other_workspaces_go_on(ripe: Whole) -> None:
    workspace, now = ripe.app.workspace_id, ripe.clock.now()
    other = WorkspaceId(await ripe.app.database.fetchval("INSERT INTO workspace DEFAULT VALUES RETURNING id"))
    await close_method(workspace, POST, now + WAIT)
    assert await take_slot(workspace, POST, now) is not None
    assert await take_slot(workspace, "chat.update", now) is None
    assert await take_slot(other, POST, now) is None
    assert await take_slot(workspace, POST, now + WAIT) is None


async def test_a_form_opens_whatever_slack_said_before(ripe: Whole) -> None:
    await close_method(ripe.app.workspace_id, "views.open", ripe.clock.now() + WAIT)
    await ripe.slack.run_command("cho", "/snooze", "")
    await ripe.settle()
    assert [call.error for call in ripe.slack.calls if call.method == "views.open"] == [None]


async def test_what_slack_said_is_forgotten_with_its_workspace(ripe: Whole) -> None:
    workspace, now = ripe.app.workspace_id, ripe.clock.now()
    await close_method(workspace, POST, now + WAIT)
    await forget_workspace_rows(workspace, page=1)
    assert await take_slot(workspace, POST, now) is None
