"""Installing. Requests that were open before are read silently, and each reviewer gets one DM about them."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.flows.catalog import BACKFILL_REPOSITORY, SCHEDULE_DIGESTS, Lane
from bot.jobs.schedule_digests import schedule_digests
from bot.sandbox.github.model import Pull
from bot.sandbox.github.server import Fault
from bot.sandbox.slack.model import Fault as SlackFault
from jobq import ClaimedJob, Settlement
from tests.journeys.whole import MONDAY_MORNING, Whole

SWEEP = ClaimedJob(1, SCHEDULE_DIGESTS, "{}", MONDAY_MORNING, MONDAY_MORNING, Lane.FACTS, 1, 1, 13, 5, None)
TUESDAY_MORNING = datetime(2037, 11, 24, 8, 0, tzinfo=UTC)
"""When Ana and Cho begin to work."""

STATE_OF_DIGEST = "SELECT state FROM message WHERE letter = 'backlog'"


@pytest.fixture
async def before(ripe: Whole) -> Whole:
    """People and rules are stored, but the App is not installed yet."""
    ripe.github.uninstall(ripe.github.document.installations[0])
    await ripe.settle()
    ripe.server.calls.clear()
    return ripe


def open_pull(ripe: Whole, *reviewers: str, title: str = "Round up", draft: bool = False) -> Pull:
    """Opened on GitHub. While the App is not installed, GitHub sends no webhook."""
    return ripe.github.open_pull_request(
        "acme/api", "ben", title, ["docs/intro.md"], reviewers=reviewers, draft=draft
    )


async def install(ripe: Whole) -> list[Settlement]:
    ripe.github.install(["acme/api", "acme/web"])
    return await ripe.settle()


def pages_read(ripe: Whole) -> int:
    return ripe.server.calls.count("GET /api/v3/repos/acme/api/pulls")


async def test_installing_sends_no_dm_and_asks_nobody(before: Whole) -> None:
    pulls = [open_pull(before, "cho") for _ in range(3)] + [open_pull(before)]
    await install(before)
    await before.pass_time(hours=6)
    assert [before.dms(name) for name in ("ana", "cho")] == [[], []]
    assert [pull.requested for pull in pulls] == [["cho"], ["cho"], ["cho"], []]
    assert not [call for call in before.server.calls if call.startswith("POST") and "requested" in call]


async def test_the_backlog_is_one_dm_when_the_next_working_day_begins(before: Whole) -> None:
    for title in ("Round up", "Round *down* <!channel>"):
        open_pull(before, "cho", title=title)
        await before.pass_time(days=2)
    await before.go_to(datetime(2037, 11, 30, 12, 0, tzinfo=UTC))
    await install(before)
    await before.go_to(datetime(2037, 12, 1, 7, 59, tzinfo=UTC))
    assert before.dms("cho") == []
    await before.go_to(datetime(2037, 12, 1, 8, 0, tzinfo=UTC))
    (dm,) = before.dms("cho")
    assert "2 reviews have been waiting for you since before Ripe was installed" in dm
    assert "Round up · acme/api#1 · by ben · opened 7 days ago" in dm
    assert "acme/api#2 · by ben · opened 5 days ago" in dm
    assert "<!channel>" not in str(before.messages("cho")[0].blocks)
    assert dm.index("acme/api#1") < dm.index("acme/api#2")
    await before.pass_time(days=20)
    assert len(before.dms("cho")) == 1


async def test_the_first_dm_ever_says_where_it_comes_from_and_how_to_stop_it(before: Whole) -> None:
    open_pull(before, "cho")
    await install(before)
    await before.go_to(TUESDAY_MORNING)
    (dm,) = before.dms("cho")
    assert "Your team connected it" in dm
    assert "/snooze" in dm
    await before.open_pull_request("docs/intro.md")
    assert "This is the first" not in before.dms("cho")[1]


async def test_before_work_begins_the_next_working_morning_is_today(before: Whole) -> None:
    open_pull(before, "cho")
    await before.go_to(TUESDAY_MORNING - timedelta(hours=2))
    await install(before)
    await before.go_to(TUESDAY_MORNING)
    assert len(before.dms("cho")) == 1


async def test_after_a_change_a_request_of_the_backlog_is_like_any_other(before: Whole) -> None:
    pull, _ = open_pull(before, "cho"), open_pull(before, "cho", title="Other")
    await install(before)
    await before.pass_time(hours=1)
    before.github.push(pull, ["docs/more.md"])
    await before.settle()
    (dm,) = before.live("cho")
    assert "acme/api#1" in dm
    await before.go_to(TUESDAY_MORNING)
    digest = before.dms("cho")[-1]
    assert "1 review has been waiting" in digest
    assert "acme/api#2" in digest
    assert "acme/api#1" not in digest


async def test_after_the_digest_a_change_brings_a_dm_of_its_own(before: Whole) -> None:
    pull = open_pull(before, "cho")
    await install(before)
    await before.go_to(TUESDAY_MORNING)
    before.github.edit_title(pull, "Round down")
    await before.settle()
    assert "Round down" in before.live("cho")[0]


async def test_a_merged_draft_or_approved_pull_request_is_not_in_the_digest(before: Whole) -> None:
    merged, _, approved = (
        open_pull(before, "cho", title="Merged"),
        open_pull(before, "cho", title="Draft", draft=True),
        open_pull(before, "cho", "ana", title="Approved"),
    )
    before.github.review(approved, "ana", "APPROVED")
    await install(before)
    before.github.merge(merged)
    await before.pass_time(days=3)
    assert before.dms("cho") == []


async def test_a_reviewer_who_is_away_gets_the_digest_on_the_first_morning_back(before: Whole) -> None:
    await before.slack.run_command("cho", "/ooo", "until thursday")
    open_pull(before, "cho")
    await install(before)
    before_digest = len(before.dms("cho"))
    await before.go_to(datetime(2037, 11, 27, 7, 59, tzinfo=UTC))
    assert len(before.dms("cho")) == before_digest
    await before.go_to(datetime(2037, 11, 27, 8, 0, tzinfo=UTC))
    assert "waiting for you since before" in before.dms("cho")[-1]


async def test_the_author_gets_no_notice_about_unlinked_reviewers_of_the_backlog(before: Whole) -> None:
    open_pull(before, "eli")
    await install(before)
    await before.pass_time(days=2)
    (greeting,) = before.dms("ben")
    assert "You installed" in greeting


async def test_a_reviewer_who_is_linked_after_the_install_gets_the_digest(before: Whole) -> None:
    database = before.app.database
    await database.execute("UPDATE account SET id = -id WHERE login = 'cho'")
    open_pull(before, "cho")
    await install(before)
    await before.go_to(TUESDAY_MORNING)
    assert before.dms("cho") == []
    await database.execute("UPDATE account SET id = -id WHERE login = 'cho'")
    await schedule_digests(SWEEP, queue=before.app.queue, clock=before.clock)
    await before.pass_time(days=1)
    assert "waiting for you since before" in before.dms("cho")[0]


async def test_reviews_beyond_the_first_twenty_are_counted(before: Whole) -> None:
    for number in range(23):
        open_pull(before, "cho", title=f"Change {number}")
    await install(before)
    await before.go_to(TUESDAY_MORNING)
    (dm,) = before.dms("cho")
    assert "23 reviews have been waiting" in dm
    assert dm.count("by ben") == 20
    assert "and 3 more" in dm


async def test_each_page_of_open_pull_requests_is_read_by_its_own_job(before: Whole) -> None:
    for _ in range(130):
        open_pull(before)
    settled = await install(before)
    assert pages_read(before) == 2
    stored = await before.app.database.fetchval("SELECT count(*) FROM pull_request")
    assert stored == 130
    pages = [
        settlement.job.arguments["page"]
        for settlement in settled
        if settlement.job.job_type == BACKFILL_REPOSITORY
    ]
    assert sorted(pages) == [1, 1, 2]


async def test_reading_stops_at_pull_requests_that_were_not_updated_for_14_days(before: Whole) -> None:
    for _ in range(130):
        open_pull(before)
    old = before.clock.now() - timedelta(days=14, seconds=5)
    for pull in before.github.document.pulls[:125]:
        pull.updated_at = old
    await install(before)
    assert pages_read(before) == 1
    assert await before.app.database.fetchval("SELECT count(*) FROM pull_request") == 5


async def test_a_page_that_github_refuses_for_now_is_read_later(before: Whole) -> None:
    open_pull(before, "cho")
    before.server.faults.append(Fault(status=502, path="/pulls"))
    await install(before)
    await before.pass_time(minutes=5)
    await before.go_to(TUESDAY_MORNING)
    assert "acme/api#1" in before.dms("cho")[0]


async def test_open_pull_requests_of_an_added_repository_are_read(ripe: Whole) -> None:
    installation = ripe.github.document.installations[0]
    ripe.github.change_repositories(installation, removed=["acme/api"])
    await ripe.settle()
    open_pull(ripe, "cho")
    ripe.github.change_repositories(installation, added=["acme/api"])
    await ripe.settle()
    assert ripe.dms("cho") == []
    await ripe.go_to(TUESDAY_MORNING)
    assert "acme/api#1" in ripe.dms("cho")[0]


async def test_a_digest_whose_reply_was_lost_is_not_sent_twice(before: Whole) -> None:
    open_pull(before, "cho")
    await install(before)
    before.slack.faults.add(SlackFault(method="chat.postMessage", kind="cut", moment="after"))
    await before.go_to(TUESDAY_MORNING)
    assert await before.app.database.fetchval(STATE_OF_DIGEST) == "unknown"
    await before.app.database.execute("UPDATE message SET sending_on = sending_on - interval '1 minute'")
    await before.pass_time(days=1)
    assert len(before.dms("cho")) == 1
    assert await before.app.database.fetchval(STATE_OF_DIGEST) == "sent"


async def test_a_digest_that_never_arrived_is_sent_again_with_the_same_list(before: Whole) -> None:
    open_pull(before, "cho")
    await install(before)
    before.slack.faults.add(SlackFault(method="chat.postMessage", kind="cut"))
    await before.go_to(TUESDAY_MORNING)
    assert before.dms("cho") == []
    await before.app.database.execute("UPDATE message SET sending_on = sending_on - interval '1 minute'")
    await before.pass_time(hours=1)
    assert "acme/api#1" in before.dms("cho")[0]


async def test_the_greeting_says_where_ripe_is_what_to_do_next_and_how_to_stop_it(before: Whole) -> None:
    await install(before)
    (dm,) = before.dms("ben")
    assert "You installed Ripe on acme" in dm
    assert "acme/api and acme/web" in dm
    assert "No rules yet for acme/web." in dm
    assert "writes nothing to GitHub" in dm
    assert "uninstall the App" in dm
    await before.pass_time(days=3)
    assert len(before.dms("ben")) == 1


async def test_an_installer_who_is_not_linked_to_slack_is_sent_nothing(before: Whole) -> None:
    await before.app.database.execute("DELETE FROM account WHERE login = 'ben'")
    await install(before)
    await before.pass_time(days=3)
    assert before.dms("ben") == []


async def test_the_installer_is_greeted_in_working_hours(before: Whole) -> None:
    await before.go_to(datetime(2037, 11, 27, 20, 0, tzinfo=UTC))
    await install(before)
    assert before.dms("ben") == []
    await before.go_to(datetime(2037, 11, 30, 9, 0, tzinfo=UTC))
    assert len(before.dms("ben")) == 1


async def test_the_installer_is_not_greeted_after_an_uninstall(before: Whole) -> None:
    await before.go_to(datetime(2037, 11, 27, 20, 0, tzinfo=UTC))
    await install(before)
    before.github.uninstall(before.github.document.installations[0])
    await before.pass_time(days=5)
    assert before.dms("ben") == []


async def test_a_redelivered_installation_greets_once(before: Whole) -> None:
    await install(before)
    before.github.webhooks.redeliver(before.github.webhooks.log[-1].guid)
    await before.settle()
    assert len(before.dms("ben")) == 1
