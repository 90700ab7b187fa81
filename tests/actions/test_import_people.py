"""A people file is checked with GitHub and Slack over HTTP before anything is written."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from pydantic import SecretStr
from quart import Quart

from bot.actions.import_people import ImportReport, describe_people, import_people
from bot.model import UserError
from bot.people.store import find_person_by_slack_user, list_people
from bot.sandbox.github.routes import Fault
from bot.sandbox.slack.routes import slack_blueprint
from bot.sandbox.slack.world import SlackWorld
from bot.slack.gateway import SlackGateway
from bot.web.server import serving
from jobq import Database
from tests.jobs.github import MINUTE, Acme, founded_acme

TOKEN = SecretStr("xoxb-local")
FILE = "github_login,email,zone\nAna,ANA@acme.example,\nben,ben@acme.example,Asia/Tokyo\n"


@dataclass
class Office:
    acme: Acme
    slack: SlackWorld
    gateway: SlackGateway

    async def load(self, text: str, *, apply: bool = True) -> ImportReport:
        return await import_people(
            text, "people.csv", self.acme.workspace_id,
            apply=apply, github=self.acme.gateway, slack=self.gateway, queue=self.acme.queue,
            clock=self.acme.clock,
        )  # fmt: skip

    async def mapped(self) -> dict[str, str]:
        return {person.name: person.zone for person in await list_people(self.acme.workspace_id)}


@pytest.fixture
async def office(db: Database) -> AsyncIterator[Office]:
    """GitHub and Slack of acme, with nobody mapped."""
    async with founded_acme(db) as acme:
        await db.execute("DELETE FROM person")
        slack = SlackWorld(acme.clock.now, TOKEN, SecretStr("signing"), "http://127.0.0.1:1")
        web = Quart("slack")
        web.register_blueprint(slack_blueprint(slack))
        async with serving(web) as address:
            gateway = SlackGateway(TOKEN, f"{address}/api/", now=acme.clock.now)
            try:
                yield Office(acme, slack, gateway)
            finally:
                await gateway.close()
                await slack.close()


async def test_a_dry_run_shows_what_would_change_and_writes_nothing(office: Office) -> None:
    report = await office.load(FILE, apply=False)
    assert report.lines() == [
        "+ line 2: ana is ana, U0ANA00001, Europe/Berlin",
        "+ line 3: ben is ben, U0BEN00001, Asia/Tokyo",
        "2 added, 0 changed, 0 unchanged, 0 mapped before and not in this file, kept.",
        "Nothing was changed: this was a dry run. Apply it with --apply.",
    ]
    assert await office.mapped() == {}


async def test_applied_people_are_saved(office: Office) -> None:
    assert (await office.load(FILE)).lines()[-1] == "Applied."
    assert await office.mapped() == {"ana": "Europe/Berlin", "ben": "Asia/Tokyo"}


async def test_the_same_file_again_changes_nothing(office: Office) -> None:
    await office.load(FILE)
    again = await office.load(FILE)
    assert again.lines()[0].startswith("0 added, 0 changed, 2 unchanged")


async def test_people_who_are_not_in_the_file_stay(office: Office) -> None:
    await office.load(FILE)
    report = await office.load("github_login,slack_id\ncho,U0CHO00001\n")
    assert report.absent == 2
    assert len(await office.mapped()) == 3


async def test_one_problem_and_nobody_is_mapped(office: Office) -> None:
    office.slack.user("dev").deleted = True
    wrong = "nobody,,eli@acme.example\ndev,U0DEV00001,\ncho,,who@acme.example\n"
    report = await office.load("github_login,slack_id,email\nana,U0ANA00001,\n" + wrong)
    assert not report.is_ok
    assert [line for line in report.lines() if line.startswith("problem")] == [
        "problem: line 3: github_login: GitHub knows nobody called 'nobody'",
        "problem: line 4: slack_id: dev is deactivated in Slack",
        "problem: line 5: email: Slack knows nobody with 'who@acme.example'",
    ]
    assert report.lines()[-1] == "Nothing was changed: mend the problems first."
    assert await office.mapped() == {}


async def test_a_newly_mapped_reviewer_is_reminded_at_once(office: Office) -> None:
    pull = office.acme.open("a.py")
    office.acme.world.request_review(pull, ["ana", "cho"], by="ben")
    await office.acme.hear(then_wait=MINUTE)
    office.acme.kept.clear()
    await office.load(FILE)
    await office.acme.hear()
    assert [job for job, _ in office.acme.kept] == ["remind_reviewer"]


async def test_two_logins_of_one_slack_user_become_one_person(office: Office) -> None:
    await office.load("github_login,slack_id\nana,U0ANA00001\neli,U0ANA00001\n")
    assert await office.mapped() == {"ana": "Europe/Berlin"}
    assert await describe_people(office.acme.workspace_id) == ["ana, eli: ana, U0ANA00001, Europe/Berlin"]


async def test_a_login_moves_to_another_person(office: Office) -> None:
    await office.load("github_login,slack_id\nana,U0BEN00001\n")
    report = await office.load("github_login,slack_id\nana,U0ANA00001\n")
    assert "(was mapped to ben (U0BEN00001))" in report.lines()[0]
    ana = await find_person_by_slack_user(office.acme.workspace_id, "U0ANA00001")
    assert ana is not None


async def test_unmapped_reviewers_are_listed_with_their_reviews(office: Office) -> None:
    assert await describe_people(office.acme.workspace_id) == [
        "Nobody is mapped yet: ripe people import FILE"
    ]
    for reviewers in (["cho", "dev"], ["cho"]):
        office.acme.world.request_review(office.acme.open("a.py"), reviewers, by="ben")
    await office.acme.hear()
    await office.load(FILE)
    assert (await describe_people(office.acme.workspace_id))[2:] == [
        "cho: not mapped, 2 reviews wait",
        "dev: not mapped, 1 review waits",
    ]


async def test_without_an_installation_it_says_what_to_do_first(office: Office) -> None:
    office.acme.world.uninstall(office.acme.installation)
    await office.acme.hear()
    with pytest.raises(UserError, match="not installed anywhere"):
        await office.load(FILE)


async def test_when_github_asks_to_wait_the_import_waits(office: Office) -> None:
    office.acme.server.faults.append(Fault(status=429, headers={"Retry-After": "0"}))
    assert (await office.load(FILE)).is_ok


async def test_a_missing_scope_is_reported_in_slacks_words(office: Office) -> None:
    office.slack.scopes.discard("users:read.email")
    with pytest.raises(UserError, match="missing_scope"):
        await office.load(FILE)
