"""Strangers may open pull requests, push, edit and review in a loop: that costs Ripe few calls."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from bot.actions.explain import explain
from bot.assignment.store import MOST_WITHOUT_ANYBODY, list_assignments
from bot.flows.catalog import assign_reviewers_job
from bot.model import PullRequestId
from bot.sandbox.github.model import Pull
from bot.sandbox.github.server import Fault
from tests.journeys.whole import Whole
from tests.promises import Promise
from tests.stored import load_pull_request

FULL = pytest.mark.torture
FILES = [f"src/{number}.py" for number in range(3_000)]


async def open_big(ripe: Whole, files: int) -> Pull:
    return await ripe.open_pull_request("docs/intro.md", *FILES[: files - 1])


def calls_since(ripe: Whole, before: int) -> list[str]:
    return ripe.server.calls[before:]


async def why(ripe: Whole, pull: Pull) -> str:
    return "\n".join(await explain(ripe.app.workspace_id, f"acme/api#{pull.number}", ripe.clock.now()))


@pytest.mark.parametrize(("files", "pushes", "most"), [(300, 10, 3), pytest.param(3_000, 60, 60, marks=FULL)])
async def test_a_push_every_minute_costs_few_calls(
    ripe: Whole, promise: Promise, files: int, pushes: int, most: int
) -> None:
    pull = await open_big(ripe, files)
    assert pull.requested == ["cho"]
    before = len(ripe.server.calls)
    for _ in range(pushes):
        ripe.github.push(pull)
        await ripe.pass_time(minutes=1)
    made = len(calls_since(ripe, before))
    promise("Q15", f"{files:,} files, {pushes} pushes, one a minute", f"{made} calls to GitHub")
    assert made <= most


@pytest.mark.parametrize("files", [300, pytest.param(3_000, marks=FULL)])
async def test_a_review_costs_one_call(ripe: Whole, promise: Promise, files: int) -> None:
    pull = await open_big(ripe, files)
    ripe.github.request_review(pull, ["ana"], by="ben")
    await ripe.settle()
    before = len(ripe.server.calls)
    ripe.github.review(pull, "cho", "APPROVED")
    await ripe.pass_time(minutes=20)
    made = calls_since(ripe, before)
    promise("Q15", f"a review of {files:,} files", f"{len(made)} call to GitHub")
    assert made == ["POST /api/graphql"]


async def test_what_changes_no_files_reads_none(ripe: Whole) -> None:
    pull = await open_big(ripe, 300)
    before = len(ripe.server.calls)
    acts: tuple[Callable[[], None], ...] = (
        lambda: ripe.github.edit_title(pull, "Round down"),
        lambda: ripe.github.label(pull, "help"),
        lambda: ripe.github.unlabel(pull, "help"),
        lambda: ripe.github.convert_to_draft(pull),
        lambda: ripe.github.ready_for_review(pull),
        lambda: ripe.github.close(pull),
        lambda: ripe.github.reopen(pull),
    )
    for act in acts:
        act()
        await ripe.pass_time(minutes=11)
    ripe.github.inline_reply(pull, "eli")
    await ripe.pass_time(minutes=11)
    assert calls_since(ripe, before) == []


async def test_the_files_of_the_newest_head_decide_in_the_end(ripe: Whole) -> None:
    pull = await ripe.open_pull_request("README.md")
    assert pull.requested == []
    ripe.github.push(pull, ["docs/intro.md"])
    await ripe.pass_time(minutes=2)
    at = ripe.clock.now()
    assert pull.requested == []
    assert "The files of the newest push are read at 2037-11-23 09:1" in await why(ripe, pull)
    ripe.github.push(pull, ["docs/more.md"])
    await ripe.go_to(at + timedelta(minutes=10))
    assert pull.requested == ["cho"]
    assert "newest push" not in await why(ripe, pull)
    newest = (await list_assignments(PullRequestId(pull.id)))[-1].decision
    assert (newest.head_sha, newest.paths) == (pull.head_sha, 3)


async def test_a_first_assignment_is_not_late_because_of_pushes(ripe: Whole) -> None:
    pull = ripe.github.open_pull_request("acme/api", "ben", "Round up", ["docs/intro.md"])
    await ripe.settle()
    ripe.github.push(pull)
    await ripe.pass_time(minutes=1)
    assert pull.requested == ["cho"]


async def test_people_who_were_chosen_are_asked_although_a_push_came_in_between(ripe: Whole) -> None:
    """GitHub did not answer when they were to be asked, and the files of the push have to wait."""
    ripe.server.faults.append(Fault(status=502, path="/requested_reviewers"))
    pull = ripe.github.open_pull_request("acme/api", "ben", "Round up", ["docs/intro.md"])
    await ripe.settle()
    await ripe.pass_time(seconds=61)
    ripe.github.push(pull)
    await ripe.pass_time(minutes=2)
    assert pull.requested == ["cho"]


async def test_pushes_do_not_make_github_answer_sooner(ripe: Whole) -> None:
    """While GitHub refuses, the waits grow; each push once asked anew."""
    ripe.server.faults.append(Fault(status=502, path="/graphql", times=1_000))
    pull = await ripe.open_pull_request("docs/intro.md")
    before = len(ripe.server.calls)
    for _ in range(20):
        ripe.github.push(pull)
        await ripe.pass_time(minutes=1)
    assert len(calls_since(ripe, before)) <= 5
    ripe.server.faults.clear()
    await ripe.pass_time(minutes=16)
    assert pull.requested == ["cho"]


async def test_reading_files_again_leaves_half_of_the_rate_limit(ripe: Whole) -> None:
    pulls = [await ripe.open_pull_request("README.md") for _ in range(3)]
    await ripe.pass_time(minutes=10)
    ripe.server.remaining = 2_000
    first = await ripe.open_pull_request("docs/intro.md")
    assert first.requested == ["cho"]
    before = len(ripe.server.calls)
    for pull in pulls:
        ripe.github.push(pull, ["docs/intro.md"])
    await ripe.pass_time(minutes=5)
    assert calls_since(ripe, before) == []
    ripe.server.remaining = 4_999
    await ripe.pass_time(hours=1)
    assert [pull.requested for pull in pulls] == [["cho"]] * 3


async def test_reviews_in_a_loop_cost_a_call_a_minute(ripe: Whole) -> None:
    pull = await ripe.open_pull_request("docs/intro.md")
    before = len(ripe.server.calls)
    for _ in range(12):
        ripe.github.review(pull, "eli", "APPROVED")
        await ripe.pass_time(seconds=5)
    assert len(calls_since(ripe, before)) <= 6
    pull.review_decision = "REVIEW_REQUIRED"
    ripe.github.review(pull, "eli", "APPROVED")
    await ripe.pass_time(minutes=1)
    assert (await load_pull_request(PullRequestId(pull.id))).review_decision == "REVIEW_REQUIRED"


def edits_since(ripe: Whole, before: int) -> int:
    return sum(call.method == "chat.update" for call in list(ripe.slack.calls)[before:])


async def test_new_titles_in_a_loop_edit_a_dm_at_a_pace_and_its_end_is_struck_at_once(ripe: Whole) -> None:
    pull = await ripe.open_pull_request("docs/intro.md")
    before = len(ripe.slack.calls)
    for number in range(20):
        ripe.clock.shift += timedelta(seconds=1)
        ripe.github.edit_title(pull, f"Title {number}")
        await ripe.settle()
    assert edits_since(ripe, before) <= 17
    await ripe.pass_time(minutes=1)
    assert "Title 19" in ripe.dms("cho")[-1]
    for number in range(5):
        ripe.clock.shift += timedelta(seconds=1)
        ripe.github.edit_title(pull, f"Again {number}")
        await ripe.settle()
    assert "Again 4" not in ripe.dms("cho")[-1]
    ripe.github.close(pull)
    await ripe.settle()
    assert ripe.live("cho") == []


async def test_closing_and_reopening_in_a_loop_sends_three_dms_a_day(ripe: Whole) -> None:
    pull = await ripe.open_pull_request("docs/intro.md")
    for _ in range(6):
        ripe.github.close(pull)
        await ripe.pass_time(minutes=5)
        ripe.github.reopen(pull)
        await ripe.pass_time(minutes=5)
    assert ripe.reminders("cho") == 3
    assert "digest" in await why(ripe, pull)
    ripe.github.review(pull, "cho", "COMMENTED")
    await ripe.settle()
    ripe.clock.shift += timedelta(seconds=1)
    ripe.github.request_review(pull, ["cho"], by="ben")
    await ripe.settle()
    assert ripe.reminders("cho") == 4


async def test_draft_and_ready_in_a_loop_keep_a_few_decisions(ripe: Whole) -> None:
    pull = await ripe.open_pull_request("README.md")
    for _ in range(12):
        ripe.clock.shift += timedelta(minutes=1)
        ripe.github.convert_to_draft(pull)
        await ripe.settle()
        await ripe.app.queue.save(assign_reviewers_job(PullRequestId(pull.id)))
        await ripe.settle()
        ripe.clock.shift += timedelta(minutes=1)
        ripe.github.ready_for_review(pull)
        await ripe.settle()
        await ripe.app.queue.save(assign_reviewers_job(PullRequestId(pull.id)))
        await ripe.settle()
    assert len(await list_assignments(PullRequestId(pull.id))) == MOST_WITHOUT_ANYBODY
