"""The rules of a repository follow its name."""

import asyncpg
import pytest

from bot.assignment.config import RepositoryConfig
from bot.assignment.store import save_config
from bot.flows.current_rules import list_rules
from bot.github.deliveries import DeliveryOutcome
from jobq import Database
from tests.jobs.facts import NOON, Bot, install_bot, refusing
from tests.payloads import ANA

RULES, OTHER_RULES = RepositoryConfig(reviewers=2), RepositoryConfig(reviewers=3)


@pytest.fixture
async def bot(db: Database) -> Bot:
    """With rules for acme/api, where Ana is asked for a review."""
    bot = await install_bot(db)
    await save_config(bot.workspace_id, "acme/api", RULES, NOON)
    await bot.apply(await bot.deliver("pull_request", "opened", requested_reviewers=[ANA]))
    await db.execute("DELETE FROM job")
    return bot


async def rename(bot: Bot, name: str) -> str:
    return await bot.deliver("repository", "renamed", repository={"id": 301, "full_name": name})


async def rules(bot: Bot) -> dict[str, RepositoryConfig]:
    return await list_rules(bot.workspace_id)


async def test_a_rename_moves_the_rules_and_has_open_requests_decided_again(bot: Bot) -> None:
    assert await bot.apply(await rename(bot, "acme/core")) is DeliveryOutcome.APPLIED
    assert await rules(bot) == {"acme/core": RULES}
    assert await bot.jobs() == ["compare_installation", "remind_reviewer"]


async def test_rules_that_the_new_name_has_stay_and_so_do_the_old_ones(bot: Bot) -> None:
    await save_config(bot.workspace_id, "acme/core", OTHER_RULES, NOON)
    await bot.apply(await rename(bot, "acme/core"))
    assert await rules(bot) == {"acme/api": RULES, "acme/core": OTHER_RULES}
    assert await bot.jobs() == ["compare_installation", "remind_reviewer"]


@pytest.mark.parametrize("name", ["acme/api", "acme/API"])
async def test_without_a_new_name_nothing_moves(bot: Bot, name: str) -> None:
    await bot.apply(await rename(bot, name))
    assert await rules(bot) == {"acme/api": RULES}
    assert await bot.jobs() == ["compare_installation"]


async def test_an_older_name_that_comes_late_does_not_move_the_rules_back(bot: Bot) -> None:
    old, new = await rename(bot, "acme/old"), await rename(bot, "acme/core")
    await bot.apply(new)
    await bot.apply(old)
    assert await rules(bot) == {"acme/core": RULES}


async def test_a_fact_about_a_pull_request_moves_the_rules_if_the_rename_was_lost(bot: Bot) -> None:
    guid = await bot.deliver("pull_request", "edited", title="Round down", requested_reviewers=[ANA])
    await bot.db.execute(
        "UPDATE delivery SET fact = jsonb_set(fact, '{pull_request,repository,full_name}', '\"acme/core\"')"
        " WHERE guid = $1",
        guid,
    )
    await bot.apply(guid)
    assert await rules(bot) == {"acme/core": RULES}


async def test_a_repository_that_is_added_under_another_name_brings_its_rules(bot: Bot) -> None:
    added = [{"id": 301, "full_name": "acme/core"}]
    await bot.apply(await bot.deliver("installation_repositories", "added", repositories_added=added))
    assert await rules(bot) == {"acme/core": RULES}


async def test_the_name_and_the_rules_move_together_or_not_at_all(bot: Bot) -> None:
    guid = await rename(bot, "acme/core")
    before = await bot.rows()
    async with refusing(bot.db, "UPDATE ON repository_config"):
        with pytest.raises(asyncpg.RaiseError):
            await bot.apply(guid)
    assert await bot.rows() == before
    await bot.apply(guid)
    assert await rules(bot) == {"acme/core": RULES}


async def test_a_name_that_newer_facts_have_confirmed_stays(bot: Bot) -> None:
    late = await bot.deliver(
        "pull_request", "edited", id=8, base={"repo": {"id": 301, "full_name": "acme/old"}}
    )
    confirmation = await bot.deliver("pull_request", "edited", requested_reviewers=[ANA])
    await bot.apply(confirmation)
    await bot.apply(late)
    assert await rules(bot) == {"acme/api": RULES}
