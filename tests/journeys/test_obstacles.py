"""GitHub refuses for hours, or for good: Ripe goes on as well as it can, and says so once."""

from datetime import timedelta
from typing import Any

import pytest

from bot.actions.apply_config import apply_config
from bot.actions.explain import explain
from bot.app import open_app
from bot.assignment.store import list_assignments
from bot.flows.obstacles import LONG
from bot.model import PullRequestId
from bot.sandbox.github.model import Pull
from bot.sandbox.github.routes import Fault
from bot.worker import build_handlers
from jobq.testing import drain
from tests.journeys.whole import Whole

GRAPHQL = "/graphql"
WITH_CATCH_ALL = """\
repositories:
  acme/api:
    rules:
      - {paths: ["billing/**"], people: [cho]}
      - {paths: ["**"], people: [ana]}
"""
NO_FILES = {"data": {"repository": {"pullRequest": {"reviewDecision": None, "files": None}}}}
NO_NODE = {
    "data": {
        "repository": {
            "pullRequest": {
                "reviewDecision": None,
                "files": {"nodes": [None], "pageInfo": {"hasNextPage": False, "endCursor": None}},
            }
        }
    }
}
WENT_WRONG = {"data": None, "errors": [{"message": "Something went wrong while executing your query."}]}
TROUBLES = [
    Fault(status=502, path=GRAPHQL, times=10_000),
    Fault(path=GRAPHQL, times=10_000, body=NO_FILES),
    Fault(path=GRAPHQL, times=10_000, body=NO_NODE),
    Fault(path=GRAPHQL, times=10_000, body=WENT_WRONG),
    Fault(status=503, path=GRAPHQL, times=10_000, headers={"Retry-After": "1"}),
]


async def configure(ripe: Whole, rules: str) -> None:
    applied = await apply_config(rules, ripe.app.workspace_id, queue=ripe.app.queue, now=ripe.clock.now())
    assert applied.is_ok, applied.lines()


async def why(ripe: Whole, pull: Pull) -> str:
    return "\n".join(await explain(ripe.app.workspace_id, f"acme/api#{pull.number}", ripe.clock.now()))


async def decisions(pull: Pull) -> list[Any]:
    return [stored.decision for stored in await list_assignments(PullRequestId(pull.id))]


def asked_for_paths(ripe: Whole) -> int:
    return sum(GRAPHQL in call for call in ripe.server.calls)


async def dead(ripe: Whole) -> int:
    count: int = await ripe.app.database.fetchval("SELECT count(*) FROM job_dead")
    return count


def notices(ripe: Whole, name: str) -> list[str]:
    return [text for text in ripe.dms(name) if "GitHub does not help" in text]


def to_admins(ripe: Whole) -> list[str]:
    admins = [user.name for user in ripe.slack.state.users.values() if user.is_admin or user.is_owner]
    return [text for name in admins for text in ripe.dms(name) if "Ripe cannot do all of its work" in text]


@pytest.mark.parametrize("trouble", TROUBLES, ids=["502", "no files", "no node", "went wrong", "retry after"])
async def test_files_that_github_never_tells_count_as_unknown_after_some_hours(
    ripe: Whole, trouble: Fault
) -> None:
    await configure(ripe, WITH_CATCH_ALL)
    ripe.server.faults.append(trouble)
    pull = await ripe.open_pull_request("billing/tax.py")
    await ripe.pass_time(hours=2, minutes=30)
    assert (pull.requested, notices(ripe, "ben")) == ([], [])
    assert f"GitHub refuses to tell Ripe the files of acme/api#{pull.number} since" in await why(ripe, pull)
    await ripe.pass_time(hours=2)
    assert pull.requested == ["ana"]
    [notice] = notices(ripe, "ben")
    assert "refuses to tell Ripe the files" in notice
    assert "only rules for every path and fallbacks apply: ana will be asked." in notice
    await ripe.pass_time(days=3)
    assert len(notices(ripe, "ben")) == 1
    assert asked_for_paths(ripe) <= 60
    assert await dead(ripe) == 0
    assert [decision.paths_refused for decision in await decisions(pull)] == [True]
    assert "GitHub would not tell which files changed" in await why(ripe, pull)
    await ripe.pass_time(hours=12)
    answer = await ripe.slack.run_command("ana", "/reviews", f"why acme/api#{pull.number}")
    assert "GitHub would not tell which files it changes" in answer.body


async def test_without_a_rule_for_every_path_the_author_reads_that_nobody_is_asked(ripe: Whole) -> None:
    ripe.server.faults.append(TROUBLES[0])
    pull = await ripe.open_pull_request("billing/tax.py")
    await ripe.pass_time(hours=5)
    assert pull.requested == []
    [notice] = [text for text in ripe.dms("ben") if "acme/api" in text]
    assert "nobody is asked. Please ask someone yourself." in notice


async def test_an_obstacle_ends_when_github_answers(ripe: Whole) -> None:
    await configure(ripe, WITH_CATCH_ALL)
    ripe.server.faults.append(Fault(status=502, path=GRAPHQL, times=5))
    pull = await ripe.open_pull_request("billing/tax.py")
    await ripe.pass_time(hours=1)
    assert pull.requested == ["cho"]
    assert "refuses" not in await why(ripe, pull)
    await ripe.pass_time(hours=5)
    assert notices(ripe, "ben") == []
    assert await ripe.app.database.fetchval("SELECT count(*) FROM obstacle") == 0


async def test_the_start_of_the_trouble_survives_a_restart(ripe: Whole) -> None:
    await configure(ripe, WITH_CATCH_ALL)
    ripe.server.faults.append(TROUBLES[0])
    pull = await ripe.open_pull_request("billing/tax.py")
    await ripe.pass_time(hours=2)
    ripe.clock.shift += timedelta(hours=1, minutes=1)
    async with open_app(ripe.app.settings, ripe.clock) as restarted:
        await drain(restarted.queue, build_handlers(restarted))
    assert pull.requested == ["ana"]


async def test_while_all_of_github_is_down_nobody_is_asked_without_the_files(ripe: Whole) -> None:
    await configure(ripe, WITH_CATCH_ALL)
    ripe.server.faults.append(Fault(status=502, path="/api", times=100_000))
    pull = await ripe.open_pull_request("billing/tax.py")
    await ripe.pass_time(hours=5)
    assert await decisions(pull) == []
    [notice] = notices(ripe, "ben")
    assert "Ripe keeps trying" in notice
    ripe.server.faults.clear()
    await ripe.pass_time(minutes=16)
    assert pull.requested == ["cho"]


async def test_a_rate_limit_of_hours_is_said_once(ripe: Whole) -> None:
    limit = {"message": "API rate limit exceeded"}
    headers = {"Retry-After": "999999999999"}
    ripe.server.faults.append(Fault(403, headers, limit["message"], times=100_000, path="/api"))
    pull = await ripe.open_pull_request("billing/tax.py")
    await ripe.pass_time(minutes=20)
    assert "since" in await why(ripe, pull)
    assert "rate limit" in await why(ripe, pull)
    await ripe.pass_time(hours=6)
    [notice] = notices(ripe, "ben")
    assert "rate limit" in notice
    ripe.server.faults.clear()
    await ripe.pass_time(hours=1, minutes=1)
    assert len(pull.requested) == 1


async def test_a_refusal_for_good_is_said_at_once(ripe: Whole) -> None:
    message = "Resource not accessible by integration"
    ripe.server.faults.append(Fault(403, {}, message, times=100_000, path="/requested_reviewers"))
    pull = await ripe.open_pull_request("billing/tax.py")
    await ripe.pass_time(minutes=5)
    [notice] = notices(ripe, "ben")
    assert "GitHub refuses to ask for reviews of acme/api" in notice
    assert message in notice
    assert message in await why(ripe, pull)
    assert await dead(ripe) == 0


async def test_a_pull_request_that_github_hides_for_a_minute_is_asked_for_again(ripe: Whole) -> None:
    await configure(ripe, WITH_CATCH_ALL)
    ripe.server.faults.append(Fault(404, {}, "Not Found", times=2, path=GRAPHQL))
    pull = await ripe.open_pull_request("billing/tax.py")
    await ripe.pass_time(minutes=10)
    assert pull.requested == ["cho"]


async def test_a_tie_whose_sync_is_refused_once_is_decided(ripe: Whole) -> None:
    pull = await ripe.open_pull_request("billing/tax.py")
    assert pull.requested
    ripe.server.faults.append(Fault(403, {}, "Resource not accessible by integration", path="/reviews"))
    ripe.github.close(pull)
    ripe.github.reopen(pull)
    await ripe.pass_time(minutes=10)
    state = await ripe.app.database.fetchval("SELECT state FROM pull_request WHERE id = $1", pull.id)
    assert state == "open"


async def test_an_unknown_author_s_trouble_goes_to_an_admin(ripe: Whole) -> None:
    await ripe.app.database.execute("DELETE FROM account WHERE login = 'ben'")
    ripe.server.faults.append(TROUBLES[0])
    await ripe.open_pull_request("billing/tax.py")
    await ripe.pass_time(hours=6)
    [notice] = to_admins(ripe)
    assert "refuses to tell Ripe the files of acme/api" in notice
    await ripe.pass_time(days=2)
    assert to_admins(ripe) == [notice]


def test_some_hours_are_two_to_four() -> None:
    assert timedelta(hours=2) <= LONG <= timedelta(hours=4)
