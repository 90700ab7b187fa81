"""The digest: one DM that lists what is over the budget of a day, or late. Once a morning."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from bot.actions.apply_config import apply_config
from bot.actions.explain import explain
from bot.app import open_app
from bot.model import AccountId
from bot.people.store import map_account, upsert_person
from bot.sandbox.github.model import Pull
from bot.sandbox.github.model import User as GitHubUser
from bot.sandbox.github.server import Fault
from bot.sandbox.slack.model import Fault as SlackFault
from bot.sandbox.slack.model import User as SlackUser
from tests.databases import pg_dump, restore
from tests.journeys.test_leaving import installation_of
from tests.journeys.whole import Whole
from tests.promises import Promise

MONDAY_NIGHT = datetime(2037, 11, 23, 20, 0, tzinfo=UTC)
TUESDAY = datetime(2037, 11, 24, 8, 0, tzinfo=UTC)
"""9:00 in Berlin, where Cho and Ana work."""
WEDNESDAY = TUESDAY + timedelta(days=1)


async def ask(ripe: Whole, title: str, reviewer: str = "cho", author: str = "ben") -> Pull:
    """A pull request of which no rule says who reviews it; a human asks."""
    pull = ripe.github.open_pull_request("acme/web", author, title, ["src/main.py"])
    ripe.github.request_review(pull, [reviewer], by="ben")
    await ripe.settle()
    return pull


async def ask_many(ripe: Whole, count: int, prefix: str = "Change") -> list[Pull]:
    """A minute apart, oldest first."""
    pulls = []
    for number in range(1, count + 1):
        pulls.append(await ask(ripe, f"{prefix} {number:02}"))
        await ripe.pass_time(minutes=1)
    return pulls


def titles(texts: Sequence[str]) -> list[str]:
    return [text.split("\n")[0] for text in texts]


def digests(ripe: Whole, name: str = "cho") -> list[str]:
    return [text for text in ripe.dms(name) if "This list takes the place of a DM" in text]


async def why(ripe: Whole, pull: Pull) -> str:
    name = f"acme/web#{pull.number}"
    return "\n".join(await explain(ripe.app.workspace_id, name, ripe.clock.now()))


async def break_down(ripe: Whole, **amount: float) -> None:
    """Nothing runs for a while: no worker, and no webhook is lost."""
    ripe.clock.shift += timedelta(**amount)
    await ripe.settle()


async def test_fourteen_requests_are_eight_dms_in_order_and_one_digest_the_next_morning(ripe: Whole) -> None:
    await ripe.go_to(MONDAY_NIGHT)
    pulls = await ask_many(ripe, 14)
    assert ripe.dms("cho") == []
    await ripe.go_to(TUESDAY)
    sent = ripe.dms("cho")
    assert titles(sent) == [f"Change {number:02}" for number in range(1, 9)]
    assert [text for text in sent if "more: `/reviews`" in text or "more: /reviews" in text] == sent[-1:]
    assert "6 more: " in sent[-1]
    assert "in the next digest of cho" in await why(ripe, pulls[13])
    await ripe.go_to(TUESDAY + timedelta(hours=15))
    assert len(ripe.dms("cho")) == 8
    await ripe.go_to(WEDNESDAY)
    (digest,) = digests(ripe)
    assert "14 reviews wait for you" in digest  # the first reminders about the eight were over the budget
    lines = [line for line in digest.split("\n") if line.startswith("•")]
    assert [line.split(" · ")[0] for line in lines] == [
        f"• Change {number:02}" for number in (*range(9, 15), *range(1, 9))
    ]
    assert "waiting 8 working hours" in lines[0]


async def test_a_listed_review_goes_on_in_the_rhythm(ripe: Whole) -> None:
    await ripe.go_to(MONDAY_NIGHT)
    await ripe.app.database.execute("UPDATE person SET dms_per_day = 1")
    await ask_many(ripe, 2)
    await ripe.go_to(WEDNESDAY)
    (digest,) = digests(ripe)
    assert "Change 02" in digest
    assert "Change 01" in digest  # its reminder of yesterday was over the budget
    await ripe.app.database.execute("UPDATE person SET dms_per_day = 8")
    await ripe.go_to(WEDNESDAY + timedelta(hours=3, minutes=59))
    assert len(ripe.dms("cho")) == 2
    await ripe.go_to(WEDNESDAY + timedelta(hours=4, minutes=1))
    assert "reminder 1 of 3" in ripe.live("cho")[-1]


async def test_junk_does_not_delay_a_humans_first_dm(ripe: Whole) -> None:
    await ripe.go_to(MONDAY_NIGHT)
    for number in range(8):
        ripe.github.open_pull_request("acme/api", "ben", f"Junk {number}", ["docs/api.md"])
    await ripe.settle()  # a rule chooses Cho for each
    await ripe.pass_time(hours=1)
    await ask(ripe, "Urgent")
    await ripe.go_to(TUESDAY)
    assert titles(ripe.dms("cho"))[0] == "Urgent"
    assert len(ripe.dms("cho")) == 8


async def test_reminders_make_room_for_first_dms(ripe: Whole) -> None:
    await ripe.go_to(MONDAY_NIGHT)
    await ask_many(ripe, 8, "Old")
    await ripe.go_to(TUESDAY + timedelta(hours=10))
    await ask(ripe, "New")
    await ripe.go_to(WEDNESDAY)
    assert "Old 01" in digests(ripe)[0]
    assert "New" in titles(ripe.live("cho"))


async def test_a_digest_is_never_empty(ripe: Whole) -> None:
    await ripe.go_to(MONDAY_NIGHT)
    pulls = await ask_many(ripe, 9)
    await ripe.go_to(TUESDAY + timedelta(hours=1))
    for pull in pulls:
        ripe.github.merge(pull)
    await ripe.go_to(WEDNESDAY + timedelta(hours=9))
    assert len(ripe.dms("cho")) == 8


async def test_a_review_is_listed_at_most_five_times_and_then_told_to_nobody(ripe: Whole) -> None:
    rhythm = "repositories: {acme/web: {reminders: {after: [1h, 2h, 3h, 4h, 5h, 6h, 7h, 8h]}}}"
    await apply_config(rhythm, ripe.app.workspace_id, queue=ripe.app.queue, now=ripe.clock.now())
    await ripe.app.database.execute("UPDATE person SET dms_per_day = 0")
    pull = await ask(ripe, "Waits")
    await ripe.pass_time(days=21)
    assert [digest.count("Waits") for digest in digests(ripe)] == [1] * 5
    assert "Ripe has stopped" in await why(ripe, pull)


async def hire(ripe: Whole, count: int) -> list[str]:
    """So many reviewers, known on GitHub and in Slack."""
    names = [f"reviewer-{number}" for number in range(1, count + 1)]
    for number, name in enumerate(names, 901):
        ripe.github.document.users.append(GitHubUser(id=number, login=name))
        slack_user = SlackUser(id=f"U0{number}", name=name, real_name=name, tz="Europe/Berlin")
        ripe.slack.state.users[slack_user.id] = slack_user
        person_id = await upsert_person(ripe.app.workspace_id, slack_user.id, name, slack_user.tz)
        await map_account(ripe.app.workspace_id, AccountId(number), name, person_id)
    return names


async def ask_everybody(ripe: Whole, names: Sequence[str], times: int = 5) -> dict[str, list[Pull]]:
    with ripe.app.database.ambient():
        return {name: [await ask(ripe, f"{name}, {n}", name) for n in range(times)] for name in names}


def merge_silently(ripe: Whole, pulls: Sequence[Pull]) -> None:
    """The webhooks about these are lost."""
    ripe.github.webhooks.hold()
    for pull in pulls:
        ripe.github.merge(pull)
    ripe.github.webhooks.release(order=lambda held: [])


def check_digests(ripe: Whole, before: Mapping[str, int], promise: Promise, what: str) -> None:
    """Each person got one digest since, without the first of their five pull requests, which was merged."""
    since = {name: ripe.dms(name)[count:] for name, count in before.items()}
    sizes = sorted({len(dms) for dms in since.values()})
    promise("D7", f"{what}, {len(since)} people x 5 DMs due", f"{sizes} DMs each, all of them digests")
    for name, dms in since.items():
        (digest,) = dms
        assert "4 reviews wait for you" in digest
        assert f"{name}, 0" not in digest


SIZES = [2, pytest.param(10, marks=pytest.mark.torture)]


@pytest.mark.parametrize("people", SIZES)
async def test_after_an_outage_everybody_gets_one_digest_of_what_still_waits(
    ripe: Whole, promise: Promise, people: int
) -> None:
    with ripe.app.database.ambient():
        names = await hire(ripe, people)
    await ripe.go_to(MONDAY_NIGHT)
    pulls = await ask_everybody(ripe, names)
    merge_silently(ripe, [of_person[0] for of_person in pulls.values()])
    await break_down(ripe, hours=38)  # until Wednesday, 11:00 in Berlin
    await ripe.pass_time(hours=2)
    check_digests(ripe, dict.fromkeys(names, 0), promise, "an outage of a day")


@pytest.mark.parametrize("people", SIZES)
async def test_a_restored_backup_sends_no_dm_again(
    ripe: Whole, dsn: str, empty_dsn: str, promise: Promise, people: int
) -> None:
    """The backup is of the minute before the DMs of Tuesday morning, and is restored two days after them."""
    with ripe.app.database.ambient():
        names = await hire(ripe, people)
    await ripe.go_to(MONDAY_NIGHT)
    pulls = await ask_everybody(ripe, names)
    dump = pg_dump(dsn)
    await ripe.go_to(TUESDAY + timedelta(hours=1))
    before = {name: len(ripe.dms(name)) for name in names}
    assert set(before.values()) == {5}
    merge_silently(ripe, [of_person[0] for of_person in pulls.values()])
    restore(dump, empty_dsn)
    ripe.clock.shift += timedelta(days=2)
    settings = ripe.app.settings.model_copy(update={"database_url": SecretStr(empty_dsn)})
    async with open_app(settings, ripe.clock) as restored:
        ripe.app = restored
        await ripe.settle()
        await ripe.pass_time(hours=2)
        check_digests(ripe, before, promise, "a backup restored after two days")


async def test_what_an_outage_delayed_for_less_than_two_hours_comes_as_a_dm(ripe: Whole) -> None:
    await ripe.go_to(MONDAY_NIGHT)
    await ask(ripe, "Soon")
    ripe.clock.shift += timedelta(hours=13, minutes=55)
    await ripe.settle()
    assert titles(ripe.dms("cho")) == ["Soon"]


async def test_nothing_late_is_listed_while_github_cannot_be_asked(ripe: Whole) -> None:
    await ripe.go_to(MONDAY_NIGHT)
    await ask(ripe, "Late")
    ripe.server.faults.append(Fault(status=502, path="/pulls/1", times=3))
    await break_down(ripe, hours=18)
    assert ripe.dms("cho") == []
    await ripe.pass_time(hours=2)
    (digest,) = digests(ripe)
    assert "Late" in digest


async def test_a_snooze_that_is_ended_early_is_no_outage(ripe: Whole) -> None:
    pull = await ask(ripe, "Snoozed")
    await ripe.slack.run_command("cho", "/snooze", f"acme/web#{pull.number} until thursday")
    await ripe.settle()
    await ripe.go_to(WEDNESDAY)
    await ripe.slack.run_command("cho", "/snooze", "off")
    await ripe.settle()
    assert digests(ripe) == []
    assert "reminder 1" in ripe.live("cho")[-1]


async def test_a_draft_that_becomes_ready_is_no_outage(ripe: Whole) -> None:
    pull = ripe.github.open_pull_request("acme/web", "ben", "Draft", ["src/main.py"], draft=True)
    ripe.github.request_review(pull, ["cho"], by="ben")
    await ripe.settle()
    await ripe.go_to(WEDNESDAY - timedelta(hours=2))
    ripe.github.ready_for_review(pull)
    await ripe.settle()
    await ripe.go_to(WEDNESDAY)
    assert digests(ripe) == []
    assert titles(ripe.dms("cho")) == ["Draft"]


async def test_after_a_suspension_of_days_everybody_gets_one_digest(ripe: Whole) -> None:
    await ripe.go_to(MONDAY_NIGHT)
    ripe.github.suspend(installation_of(ripe))
    await ripe.settle()
    for number in range(5):
        await ask(ripe, f"Change {number}")
    await ripe.go_to(WEDNESDAY + timedelta(hours=1))
    ripe.github.unsuspend(installation_of(ripe))
    await ripe.settle()
    await ripe.pass_time(hours=1)
    assert len(ripe.dms("cho")) <= 1


async def test_late_reviews_wait_for_the_next_morning_if_a_digest_was_sent_today(ripe: Whole) -> None:
    await ripe.go_to(MONDAY_NIGHT)
    await ask(ripe, "First")
    ripe.clock.shift += timedelta(hours=14, minutes=30)
    await ripe.settle()
    assert len(digests(ripe)) == 1
    await ask(ripe, "Second")
    await ripe.pass_time(minutes=1)
    assert titles(ripe.live("cho")) == ["Second"]  # on time
    ripe.clock.shift += timedelta(hours=7)
    await ripe.settle()
    await ripe.go_to(WEDNESDAY - timedelta(minutes=1))
    assert len(digests(ripe)) == 1
    await ripe.go_to(WEDNESDAY + timedelta(minutes=1))
    assert len(digests(ripe)) == 2


async def test_a_digest_that_slack_refuses_comes_the_next_morning_and_wakes_nobody_meanwhile(
    ripe: Whole,
) -> None:
    await ripe.go_to(MONDAY_NIGHT)
    await ripe.app.database.execute("UPDATE person SET dms_per_day = 1")
    pull, other = await ask_many(ripe, 2)
    await ripe.go_to(WEDNESDAY - timedelta(minutes=1))
    refuse_message(ripe)
    await ripe.go_to(WEDNESDAY + timedelta(minutes=1))
    assert digests(ripe) == []
    text = await why(ripe, other)
    assert f"Next DM {WEDNESDAY + timedelta(days=1):%Y-%m-%d %H:%M}Z" in text
    assert "Ripe makes a mistake in its DMs to cho, which Slack refuses since 2037-11-25" in text
    await ripe.go_to(WEDNESDAY + timedelta(days=1))
    assert len(digests(ripe)) == 1
    assert pull.requested


async def test_the_author_reads_no_code_of_a_mistake_in_ripe(ripe: Whole) -> None:
    refuse_message(ripe)
    await ask(ripe, "Round up")
    await ripe.pass_time(hours=2)
    (dm,) = ripe.dms("ben")
    said = dm.replace("\u2060", "")
    assert "A mistake in Ripe keeps its DM from cho, and it tries again every day." in said
    assert "You can ask someone else or wait." in said


def refuse_message(ripe: Whole) -> None:
    ripe.slack.faults.add(SlackFault(method="chat.postMessage", kind="refused", code="invalid_blocks"))


LIST_OF_LATE = "This list takes the place of late DMs"


@pytest.mark.parametrize("count", [7, pytest.param(40, marks=pytest.mark.torture)])
async def test_after_an_outage_an_author_gets_one_list_of_what_nobody_answered(
    ripe: Whole, promise: Promise, count: int
) -> None:
    await ripe.app.database.execute("UPDATE person SET dms_per_day = 100")
    await ripe.go_to(TUESDAY)
    pulls = [await ask(ripe, f"Change {number:02}", author="ben") for number in range(count)]
    await ripe.pass_time(hours=1)  # Cho has heard of each
    before = len(ripe.dms("ben"))
    merge_silently(ripe, pulls[:1])
    ripe.github.webhooks.release()
    await break_down(ripe, days=3)
    await ripe.pass_time(hours=2)
    since = ripe.dms("ben")[before:]
    promise("D7", f"an outage of three days, an author with {count} unanswered", f"{len(since)} DMs")
    (listed,) = since
    assert f"{count - 1} of your own pull requests need you" in listed
    assert LIST_OF_LATE in listed
    assert "Change 00" not in listed
    assert "no answer yet from cho" in listed
    await ripe.pass_time(days=1)
    assert len(ripe.dms("ben")) == before + 1
    assert "notice to the author (no answer)" in await why(ripe, pulls[1])
