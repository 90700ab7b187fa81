"""The doctor compares the stored state with GitHub's, and says when that was last mended."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from bot.doctor.belief import BELIEF, COMPARISON, MISSED, judge_comparison
from bot.doctor.model import State
from tests.doctor.scene import Scene
from tests.journeys.test_leaving import installation_of
from tests.journeys.whole import MONDAY_MORNING, Whole


def rename(bot: Whole) -> None:
    bot.github.document.repositories[0].full_name = "acme/core"


DIFFERENCES: list[tuple[str, Callable[[Whole], object]]] = [
    ("acme/api: 1 open pull requests differ", lambda bot: bot.github.merge(bot.github.document.pulls[0])),
    (
        "acme/web: 1 open pull requests differ",
        lambda bot: bot.github.open_pull_request("acme/web", "ben", "New", ["a.py"]),
    ),
    ("acme: suspended on GitHub only", lambda bot: bot.github.suspend(installation_of(bot))),
    (
        "acme: only Ripe lists acme/web",
        lambda bot: bot.github.change_repositories(installation_of(bot), removed=["acme/web"]),
    ),
    ("acme: renamed acme/api to acme/core", rename),
    ("acme: GitHub lists it, Ripe does not", lambda bot: bot.github.install([])),
    ("acme: GitHub does not list it", lambda bot: bot.github.uninstall(installation_of(bot))),
]


@pytest.mark.parametrize(("detail", "act"), DIFFERENCES, ids=[detail for detail, _ in DIFFERENCES])
async def test_what_github_never_reported_is_a_difference(
    scene: Scene, detail: str, act: Callable[[Whole], object]
) -> None:
    scene.bot.github.webhooks.hold()
    act(scene.bot)
    finding = (await scene.examine())[BELIEF]
    assert (finding.state, finding.detail) == (State.WARNING, detail)
    assert "ripe worker" in finding.fix


async def test_a_repository_and_a_suspension_that_only_ripe_believes_in_are_found(scene: Scene) -> None:
    await scene.execute("UPDATE repository SET removed_at = now() WHERE full_name = 'acme/web'")
    assert "only GitHub lists acme/web" in (await scene.examine())[BELIEF].detail
    await scene.execute("UPDATE installation SET suspended_at = now()")
    assert "suspended in Ripe only" in (await scene.examine())[BELIEF].detail


async def test_missed_deliveries_that_wait_are_counted(scene: Scene) -> None:
    webhooks = scene.bot.github.webhooks
    webhooks.url = "http://127.0.0.1:9/nobody"
    scene.bot.github.merge(scene.bot.github.document.pulls[0])
    await webhooks.idle()
    finding = (await scene.examine())[MISSED]
    assert (finding.state, finding.detail) == (State.WARNING, "1 wait for a redelivery")
    await scene.execute(
        "INSERT INTO redelivery (guid, asked_at) VALUES ($1, $2)", webhooks.log[-1].guid, MONDAY_MORNING
    )
    webhooks.redeliver(webhooks.log[-1].guid)
    await webhooks.idle()
    assert (await scene.examine())[MISSED].detail.startswith("1 were lost twice")


async def test_a_comparison_that_is_overdue_is_a_warning() -> None:
    places = {"mended": 3}
    fine = judge_comparison(MONDAY_MORNING, places, MONDAY_MORNING + timedelta(hours=30))
    assert (fine.state, fine.detail) == (
        State.OK,
        "everything at 2037-11-23 09:00 UTC; the last looks mended 3 differences",
    )
    assert judge_comparison(MONDAY_MORNING, places, MONDAY_MORNING + timedelta(days=3)).state is State.WARNING
    assert judge_comparison(None, {}, MONDAY_MORNING).state is State.OK


async def test_the_last_comparison_says_what_it_mended(scene: Scene) -> None:
    await scene.execute("INSERT INTO watch (compared_at) VALUES ($1)", scene.bot.clock.now())
    await scene.execute("UPDATE repository SET compared_at = $1, mended = 2", scene.bot.clock.now())
    finding = (await scene.examine())[COMPARISON]
    assert finding.state is State.OK
    assert "mended 4 differences" in finding.detail
