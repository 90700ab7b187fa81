"""Anybody may install a public App. Ripe works for the first account; each other one waits for an admin."""

import httpx
import pytest

from bot.actions.accounts import decide_about_account, describe_accounts
from bot.doctor.accounts import check_accounts
from bot.doctor.github import check_installations
from bot.doctor.model import State
from bot.doctor.ports import DoctorPorts
from bot.flows.catalog import compare_with_github_job
from bot.jobs.poll import poll
from bot.model import UserError
from bot.sandbox.github.model import Installation, Pull, Repo, User
from bot.sandbox.slack.model import Message
from jobq import ClaimedJob
from tests.journeys.two_workspaces import beta_id, install, type_command
from tests.journeys.whole import Whole

EVIL = User(id=666, login="evil-corp", type="Organization")
PERMISSIONS = {"metadata": "read", "pull_requests": "write", "members": "read"}
OLGA, BEN = "U0OLGA0001", "U0BEN00001"
TITLE = "Your SSO session expired"


async def install_on(
    ripe: Whole, account: User = EVIL, *, number: int = 9001, sender: str = "eli", heard: bool = True
) -> Installation:
    """A stranger installs the App on an account with one repository."""
    document = ripe.github.document
    repo = Repo(id=number * 10, full_name=f"{account.login}/code")
    document.repositories.append(repo)
    installation = Installation(
        id=number, repository_ids=[repo.id], permissions=dict(PERMISSIONS), account=account
    )
    document.installations.append(installation)
    if heard:
        ripe.github._events.emit_installation(installation, "created", sender, [repo])
        await ripe.settle()
    return installation


async def bait(ripe: Whole, account: User = EVIL) -> Pull:
    """A pull request there that asks Ana, who is linked in Slack, for a review."""
    pull = ripe.github.open_pull_request(f"{account.login}/code", "eli", TITLE, ["a.py"], reviewers=["ana"])
    await ripe.settle()
    await ripe.pass_time(minutes=2)
    return pull


def questions(ripe: Whole) -> list[Message]:
    """The DMs that ask the admin about accounts."""
    return [message for message in ripe.messages("olga") if "[Allow]" in ripe.slack.rendered_text(message)]


async def press(ripe: Whole, word: str, account: User = EVIL, name: str = "olga") -> None:
    (message,) = questions(ripe)
    await ripe.slack.click(name, message.ts, f"admin:{word}:{account.id}")
    await ripe.settle()


async def states(ripe: Whole) -> dict[str, str]:
    rows = await ripe.app.database.fetch("SELECT login, state FROM account_access ORDER BY login")
    return {row["login"]: row["state"] for row in rows}


async def test_the_first_account_needs_nobodys_answer(ripe: Whole) -> None:
    assert await states(ripe) == {"acme": "allowed"}
    assert questions(ripe) == []


async def test_a_strangers_pull_request_sends_nobody_a_dm_and_an_admin_is_asked_once(ripe: Whole) -> None:
    await install_on(ripe)
    await bait(ripe)
    await ripe.pass_time(days=1)
    assert not any(TITLE in text for text in ripe.dms("ana"))
    (question,) = questions(ripe)
    text = ripe.slack.rendered_text(question)
    assert "evil-corp" in text
    assert "[Allow]" in text
    assert "[Refuse]" in text
    assert await ripe.app.database.fetchval("SELECT count(*) FROM pull_request") == 0
    kept = await ripe.app.database.fetch(
        "SELECT outcome, note, fact FROM delivery WHERE workspace_id IS NULL AND event <> 'ping'"
    )
    assert {tuple(row) for row in kept} == {("ignored", "joins no workspace yet", None)}
    assert await states(ripe) == {"acme": "allowed", "evil-corp": "waiting"}


async def test_after_allow_what_is_open_is_read_and_comes_in_one_list(ripe: Whole) -> None:
    await install_on(ripe)
    await bait(ripe)
    await press(ripe, "allow")
    titles = await ripe.app.database.fetch("SELECT title FROM pull_request")
    assert [row["title"] for row in titles] == [TITLE]
    assert ripe.reminders("ana") == 0
    await ripe.pass_time(days=1)
    assert sum(TITLE in text for text in ripe.dms("ana")) == 1
    ripe.github.open_pull_request("evil-corp/code", "eli", "Next", ["b.py"], reviewers=["cho"])
    await ripe.settle()
    assert any("Next" in text for text in ripe.live("cho"))


async def test_a_refused_account_stays_silent_and_may_be_allowed_later(ripe: Whole) -> None:
    await install_on(ripe)
    await press(ripe, "refuse")
    await bait(ripe)
    await ripe.pass_time(days=2)
    assert not any(TITLE in text for text in ripe.dms("ana"))
    assert len(questions(ripe)) == 1
    assert "allowed already" not in await type_command(
        ripe.slack, "olga", "/reviews", "admin allow Evil-Corp"
    )
    await ripe.pass_time(days=1)
    assert any(TITLE in text for text in ripe.dms("ana"))


async def test_an_allowed_account_may_be_refused_and_allowed_again(ripe: Whole) -> None:
    await ripe.open_pull_request("docs/intro.md")
    assert len(ripe.live("cho")) == 1
    await type_command(ripe.slack, "olga", "/reviews", "admin refuse acme")
    await ripe.settle()
    assert ripe.live("cho") == []
    await ripe.open_pull_request("docs/more.md")
    await ripe.pass_time(minutes=30)
    assert ripe.live("cho") == []
    await type_command(ripe.slack, "olga", "/reviews", "admin allow acme")
    await ripe.settle()
    await ripe.open_pull_request("docs/most.md")
    assert len(ripe.live("cho")) == 1


async def test_only_admins_decide(ripe: Whole) -> None:
    await install_on(ripe)
    assert "Only admins" in await type_command(ripe.slack, "ana", "/reviews", "admin allow evil-corp")
    assert (await states(ripe))["evil-corp"] == "waiting"


async def test_a_renamed_account_is_the_same_account(ripe: Whole) -> None:
    acme = ripe.github.document.organization
    ripe.github.uninstall(ripe.github.document.installations[0])
    await ripe.settle()
    await install_on(ripe, User(id=acme.id, login="acme-new", type="Organization"))
    assert questions(ripe) == []
    assert await states(ripe) == {"acme-new": "allowed"}
    # The old name, taken by somebody else, is worth nothing.
    await install_on(ripe, User(id=667, login="acme", type="Organization"), number=9002)
    assert await states(ripe) == {"acme": "waiting", "acme-new": "allowed"}


async def test_a_pull_request_that_comes_before_its_installation_waits_as_well(ripe: Whole) -> None:
    await install_on(ripe, heard=False)
    await bait(ripe)
    assert len(questions(ripe)) == 1
    await press(ripe, "allow")
    titles = await ripe.app.database.fetch("SELECT title FROM pull_request")
    assert [row["title"] for row in titles] == [TITLE]


async def test_a_lost_webhook_of_a_stranger_changes_nothing(ripe: Whole) -> None:
    """The daily comparison with GitHub lists every installation."""
    await install_on(ripe, heard=False)
    await ripe.app.queue.save(compare_with_github_job())
    await ripe.settle()
    assert await states(ripe) == {"acme": "allowed", "evil-corp": "waiting"}
    assert await ripe.app.database.fetchval("SELECT count(*) FROM repository WHERE id = 90010") == 0


async def test_an_admin_who_installs_the_app_is_not_asked(ripe: Whole) -> None:
    database = ripe.app.database
    await database.execute("UPDATE person SET slack_user_id = $1 WHERE slack_user_id = $2", OLGA, BEN)
    await install_on(ripe, sender="ben")
    assert await states(ripe) == {"acme": "allowed", "evil-corp": "allowed"}
    assert questions(ripe) == []


async def test_an_uninstalled_account_does_not_wait_any_more(ripe: Whole) -> None:
    ripe.github.uninstall(await install_on(ripe))
    await ripe.settle()
    assert await states(ripe) == {"acme": "allowed"}


async def test_many_strangers_are_few_dms(ripe: Whole) -> None:
    for number in range(6):
        account = User(id=700 + number, login=f"evil-{number}", type="Organization")
        await install_on(ripe, account, number=9100 + number)
    assert len(questions(ripe)) == 3
    await ripe.pass_time(days=1)
    assert len(questions(ripe)) == 4


async def test_home_the_doctor_and_the_command_line_show_who_waits(ripe: Whole) -> None:
    await install_on(ripe)
    for name, user_id, sees in (("olga", "U0OLGA0001", True), ("ana", "U0ANA00001", False)):
        await ripe.slack.open_home(name)
        await ripe.settle()
        home = ripe.slack.home_of(user_id)
        assert home is not None
        assert ("evil-corp" in ripe.slack.rendered_view(home)) is sees
    with ripe.app.database.ambient():
        lines = await describe_accounts(ripe.app.workspace_id)
    assert any("evil-corp (666): waiting" in line for line in lines)
    (finding,) = await check_accounts(
        DoctorPorts(ripe.app.settings, ripe.clock, ripe.app.database, None, None, None)
    )
    assert finding.state is State.WARNING
    assert "evil-corp" in finding.detail


@pytest.mark.parametrize("named", ["nobody", "id:1", "id:", "", "evil corp"])
async def test_an_unknown_account_is_refused_with_those_that_wait(ripe: Whole, named: str) -> None:
    await install_on(ripe)
    with ripe.app.database.ambient(), pytest.raises(UserError, match="Waiting now: evil"):
        await decide_about_account(
            ripe.app.workspace_id, "allow", named, "me", queue=ripe.app.queue, now=ripe.clock.now()
        )


async def test_a_name_with_two_meanings_is_asked_about(ripe: Whole) -> None:
    """The first was renamed, and no event has said so; the second took its name."""
    await install_on(ripe)
    await install_on(ripe, User(id=667, login="Evil-Corp", type="Organization"), number=9002)
    answer = await type_command(ripe.slack, "olga", "/reviews", "admin allow evil-corp")
    assert "`id:666`, `id:667`" in answer or "id:666, id:667" in answer
    await type_command(ripe.slack, "olga", "/reviews", "admin allow id:667")
    assert (await states(ripe))["evil-corp"] == "waiting"


@pytest.mark.parametrize("login", ["12-dec", "mon-fri", "a" * 39, "2h", "off"])
async def test_any_login_can_be_typed(ripe: Whole, login: str) -> None:
    await install_on(ripe, User(id=668, login=login, type="Organization"))
    await type_command(ripe.slack, "olga", "/reviews", f"admin allow {login}")
    assert (await states(ripe))[login] == "allowed"


async def test_polling_asks_an_admin_and_does_not_look_at_a_strangers_repositories(ripe: Whole) -> None:
    ripe.github.webhooks.hold()
    await install_on(ripe, heard=False)
    polling = ClaimedJob(1, "poll", "{}", ripe.clock.now(), ripe.clock.now(), 1, 1, 1, 13, 5, None)
    for _ in range(2):
        with ripe.app.database.ambient():
            await poll(polling, github=ripe.app.github, queue=ripe.app.queue, clock=ripe.clock)
        await ripe.settle()
        assert len(questions(ripe)) == 1
    assert not [call for call in ripe.server.calls if "9001" in call], "nothing is asked on its behalf"
    assert await ripe.app.database.fetchval("SELECT count(*) FROM delivery WHERE event = 'poll'") == 0
    assert await ripe.app.database.fetchval("SELECT count(*) FROM repository WHERE id = 90010") == 0


async def test_a_strangers_suspended_installation_is_no_fault_of_this_bot(ripe: Whole) -> None:
    stranger = await install_on(ripe)
    stranger.suspended_at, stranger.suspended_by = ripe.clock.now(), "eli"
    ports = DoctorPorts(ripe.app.settings, ripe.clock, ripe.app.database, None, ripe.app.github, None)
    (finding,) = await check_installations(ports)
    assert (finding.state, finding.detail) == (State.OK, "acme")


# Two workspaces


async def test_a_second_workspace_does_not_silence_the_firsts_next_installation(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    await install(browser)
    ripe.github.uninstall(ripe.github.document.installations[0])
    await ripe.settle()
    ripe.github.install(["acme/api", "acme/web"])
    await ripe.settle()
    await ripe.open_pull_request("docs/intro.md")
    assert len(ripe.live("cho")) == 1


async def test_an_unknown_account_is_claimed_by_the_first_workspace_that_allows_it(
    ripe: Whole, browser: httpx.AsyncClient
) -> None:
    await install(browser)
    await install_on(ripe)
    beta = await beta_id(ripe)
    asked = [ripe.beta.rendered_text(message) for message in ripe.beta.messages_to("olga")]
    assert any("evil-corp" in text for text in asked)
    assert len(questions(ripe)) == 1
    await type_command(ripe.beta, "olga", "/reviews", "admin allow evil-corp")
    await ripe.settle()
    workspace_id = await ripe.app.database.fetchval("SELECT workspace_id FROM installation WHERE id = 9001")
    assert workspace_id == beta
    assert "not installed on" in await type_command(ripe.slack, "olga", "/reviews", "admin allow evil-corp")
