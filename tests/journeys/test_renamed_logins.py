"""A person renames their GitHub account: rules, DMs and notices follow its numeric id."""

from datetime import timedelta

import pytest

from bot.actions.apply_config import apply_config
from bot.flows.current_rules import find_rules
from bot.sandbox.github.model import User
from tests.journeys.whole import RULES, Whole


def rename(ripe: Whole, old: str, new: str) -> None:
    """GitHub sends no webhook about it."""
    document = ripe.github.document
    next(user for user in document.users if user.login == old).login = new
    for pull in document.pulls:
        pull.requested = [new if login == old else login for login in pull.requested]
        pull.author = new if pull.author == old else pull.author


async def people_of_docs(ripe: Whole) -> tuple[str, ...]:
    rules = await find_rules(ripe.app.workspace_id, "acme/api")
    assert rules is not None
    return rules.rules[1].people


@pytest.mark.parametrize("new", ["cho-new", "x"])
async def test_rules_ask_a_renamed_account_of_which_no_webhook_told(ripe: Whole, new: str) -> None:
    rename(ripe, "cho", new)
    pull = await ripe.open_pull_request("docs/intro.md")
    assert pull.requested == [new]
    assert len(ripe.live("cho")) == 1
    assert await people_of_docs(ripe) == (new,)


async def test_a_webhook_that_names_the_account_is_enough(ripe: Whole) -> None:
    rename(ripe, "cho", "cho-new")
    await ripe.open_pull_request("src/main.py", author="cho-new")
    assert await people_of_docs(ripe) == ("cho-new",)
    ripe.server.calls.clear()
    pull = await ripe.open_pull_request("docs/intro.md")
    assert pull.requested == ["cho-new"]
    assert [call for call in ripe.server.calls if "/user/" in str(call)] == []


async def test_a_stranger_who_takes_the_old_login_is_not_asked(ripe: Whole) -> None:
    rename(ripe, "cho", "cho-new")
    ripe.github.document.users.append(User(id=299, login="cho"))
    await ripe.open_pull_request("src/main.py", author="cho-new")
    pull = await ripe.open_pull_request("docs/intro.md")
    assert pull.requested == ["cho-new"]


async def test_a_file_with_the_old_login_still_means_the_same_person(ripe: Whole) -> None:
    rename(ripe, "cho", "cho-new")
    await ripe.open_pull_request("src/main.py", author="cho-new")
    report = await apply_config(
        RULES, ripe.app.workspace_id, queue=ripe.app.queue, now=ripe.clock.now() + timedelta(minutes=1)
    )
    assert report.lines() == ["acme/api: unchanged", "Applied."]
    assert await people_of_docs(ripe) == ("cho-new",)


async def test_an_open_request_is_called_by_the_new_login(ripe: Whole) -> None:
    pull = await ripe.open_pull_request("docs/intro.md")
    rename(ripe, "cho", "cho-new")
    ripe.github.push(pull)
    await ripe.settle()
    logins = await ripe.app.database.fetch("SELECT reviewer_login FROM review_request")
    assert [row["reviewer_login"] for row in logins] == ["cho-new"]
    assert len(ripe.live("cho")) == 1


async def test_an_older_fact_that_comes_late_does_not_bring_the_old_login_back(ripe: Whole) -> None:
    ripe.github.webhooks.hold()
    ripe.github.open_pull_request("acme/api", "cho", "Old name", ["src/old.py"])
    ripe.clock.shift += timedelta(minutes=5)
    rename(ripe, "cho", "cho-new")
    ripe.github.open_pull_request("acme/api", "cho-new", "New name", ["src/new.py"])
    ripe.github.webhooks.release(lambda held: held[::-1])
    await ripe.settle()
    assert await people_of_docs(ripe) == ("cho-new",)
