"""Trips to another site and back: a state works once, for one purpose, in one browser, for ten minutes."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot.web.one_time import StateRefusedError
from bot.web.states import STATE_LIFE, issue_state, read_state, spend_state
from jobq import Database

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


async def test_a_state_gives_back_what_was_put_in_and_only_once(db: Database) -> None:
    state = await issue_state("link", {"slack_user_id": "U1", "workspace_id": 7}, NOW, browser="mine")
    assert await spend_state("link", state, "mine", NOW) == {"slack_user_id": "U1", "workspace_id": 7}
    with pytest.raises(StateRefusedError, match="used before"):
        await spend_state("link", state, "mine", NOW)


async def test_of_twenty_uses_of_a_state_at_once_one_succeeds(db: Database) -> None:
    state = await issue_state("link", {}, NOW, browser="mine")
    tries = (spend_state("link", state, "mine", NOW) for _ in range(20))
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(outcome, dict) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, StateRefusedError) for outcome in outcomes) == 19


async def test_a_state_is_refused_after_ten_minutes(db: Database) -> None:
    state = await issue_state("link", {}, NOW, browser="mine")
    just_in_time = NOW + STATE_LIFE - timedelta(seconds=1)
    assert await read_state("link", state, "mine", just_in_time) == {}
    with pytest.raises(StateRefusedError, match="ten minutes"):
        await spend_state("link", state, "mine", NOW + STATE_LIFE)


@pytest.mark.parametrize("browser", ["other", "", None])
async def test_another_browser_is_refused_and_spends_nothing(db: Database, browser: str | None) -> None:
    state = await issue_state("link", {}, NOW, browser="mine")
    for use in (read_state, spend_state):
        with pytest.raises(StateRefusedError, match="another browser"):
            await use("link", state, browser, NOW)
    assert await spend_state("link", state, "mine", NOW) == {}


async def test_a_state_for_another_purpose_is_refused(db: Database) -> None:
    state = await issue_state("slack_install", {}, NOW, browser="mine")
    for use in (read_state, spend_state):
        with pytest.raises(StateRefusedError, match="not begun here"):
            await use("link", state, "mine", NOW)


@pytest.mark.parametrize("state", ["", "x", "made up by somebody who has a guess", "\x00"])
async def test_a_state_that_nobody_issued_is_refused(db: Database, state: str) -> None:
    with pytest.raises(StateRefusedError, match="not begun here"):
        await spend_state("link", state, "mine", NOW)


async def test_a_state_for_no_browser_yet_is_good_in_any_and_may_be_read_before(db: Database) -> None:
    state = await issue_state("link", {"a": 1}, NOW)
    assert await read_state("link", state, None, NOW) == {"a": 1}
    assert await spend_state("link", state, "whoever came", NOW) == {"a": 1}
    with pytest.raises(StateRefusedError, match="used before"):
        await read_state("link", state, None, NOW)


async def test_neither_the_state_nor_the_browser_is_in_the_database(db: Database) -> None:
    state = await issue_state("link", {}, NOW, browser="a browser's secret")
    kept = await db.fetchval("SELECT oauth_state::text FROM oauth_state")
    assert state not in kept
    assert "a browser's secret" not in kept
    assert state.encode().hex() not in kept
