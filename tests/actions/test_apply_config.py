"""A configuration file is applied as a whole or not at all."""

import pytest

from bot.actions.apply_config import ConfigReport, apply_config, check_config
from bot.flows.current_rules import find_rules, list_rules
from bot.model import RequestId
from tests.actions.world import World

ONE = 'repositories:\n  acme/api:\n    rules: [{paths: ["**"], people: [ana-gh]}]\n'
TWO = ONE.replace("acme/api:", "ACME/Api:\n    reviewers: 2")


@pytest.fixture
async def asked(world: World) -> RequestId:
    """Ana is mapped and asked for a review in acme/api, so that both are known."""
    await world.person("ana")
    return await world.ask("ana")


async def apply(world: World, text: str) -> ConfigReport:
    return await apply_config(text, world.workspace_id, queue=world.queue, now=world.now)


@pytest.mark.usefixtures("asked")
async def test_a_check_changes_nothing(world: World) -> None:
    report = await check_config(ONE, world.workspace_id)
    assert report.lines() == ["acme/api: added", "No problems. Nothing was changed: this was a check."]
    assert await list_rules(world.workspace_id) == {}


async def test_applied_rules_are_in_force_and_schedule_the_reminders(world: World, asked: RequestId) -> None:
    assert (await apply(world, ONE)).lines() == ["acme/api: added", "Applied."]
    config = await find_rules(world.workspace_id, "acme/api")
    assert config is not None
    assert config.rules[0].people == ("ana-gh",)
    assert await world.jobs() == [asked]


async def test_the_same_file_again_changes_nothing(world: World, asked: RequestId) -> None:
    await apply(world, ONE)
    assert await world.jobs() == [asked]
    assert (await apply(world, ONE)).lines() == ["acme/api: unchanged", "Applied."]
    assert await world.jobs() == []


@pytest.mark.usefixtures("asked")
async def test_a_changed_repository_is_found_in_any_case(world: World) -> None:
    await apply(world, ONE)
    assert (await apply(world, TWO)).changed == ("acme/api",)
    assert {name: c.reviewers for name, c in (await list_rules(world.workspace_id)).items()} == {
        "acme/api": 2
    }


@pytest.mark.usefixtures("asked")
async def test_a_repository_that_the_file_does_not_name_keeps_its_rules(world: World) -> None:
    await apply(world, ONE)
    report = await apply(world, "repositories: {}")
    assert report.lines() == ["acme/api: not in this file, stays as it is", "Applied."]
    assert len(await list_rules(world.workspace_id)) == 1


@pytest.mark.usefixtures("asked")
async def test_a_file_with_one_mistake_changes_nothing_at_all(world: World) -> None:
    report = await apply(world, ONE + "  acme/web: {}\n")
    assert not report.is_ok
    assert not report.is_applied
    assert report.lines() == [
        "line 4: repositories.acme/web: the GitHub App is not installed there; did you mean 'acme/api'?",
        "1 problem: nothing was changed.",
    ]
    assert await list_rules(world.workspace_id) == {}


@pytest.mark.usefixtures("asked")
async def test_a_setting_without_effect_is_reported(world: World) -> None:
    report = await check_config(ONE + '    ignore: {authors: ["*"]}\n', world.workspace_id)
    assert report.is_ok
    assert report.lines()[0] == (
        "line 4: repositories.acme/api.ignore.authors[0]: ignores everybody: no rule of this repository is"
        " ever reached (no effect)"
    )


@pytest.mark.usefixtures("asked")
async def test_a_file_with_a_setting_that_is_not_built_yet_is_refused(world: World) -> None:
    report = await check_config(ONE.replace("people:", "teams: [core], people:"), world.workspace_id)
    assert not report.is_ok
    assert report.lines()[0] == "line 3: repositories.acme/api.rules[0].teams: is not built yet: name people"
