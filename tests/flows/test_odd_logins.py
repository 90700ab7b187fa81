"""A text that cannot be a login renames nobody."""

import pytest

from bot.flows.follow_names import Sighting, follow_logins
from bot.github.model import Account
from bot.model import AccountId
from jobq import Database
from tests.actions.world import ACCOUNTS, World, found_world


@pytest.mark.parametrize(
    ("login", "stored"),
    [
        ("ana-new", "ana-new"),
        ("ana_acme", "ana_acme"),
        ("a\ufffdna", "ana-gh"),
        ("9999-12-31T23:59:59-14:00", "ana-gh"),
        ("", "ana-gh"),
        ("ana gh", "ana-gh"),
    ],
)
async def test_only_a_login_replaces_a_login(db: Database, login: str, stored: str) -> None:
    with db.ambient():
        world: World = await found_world(db)
        await world.person("ana")
        seen = [Account(id=AccountId(ACCOUNTS["ana"]), login=login)]
        await follow_logins([Sighting(world.workspace_id, seen, [], world.now)])
        assert await db.fetchval("SELECT login FROM account") == stored
