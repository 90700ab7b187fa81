"""From a signed webhook to a Slack DM, and to its end: each test is a sentence about the whole bot."""

from datetime import UTC, datetime

from bot.assignment.store import list_assignments
from bot.flows.open_requests import list_unmapped_reviewers
from bot.model import PullRequestId
from bot.sandbox.github.model import File
from tests.journeys.whole import Whole


def at(text: str) -> datetime:
    """November 2037 in UTC; Berlin is one hour ahead and works 08:00-16:00 UTC."""
    day, _, clock = text.partition(" ")
    hour, _, minute = clock.partition(":")
    return datetime(2037, 11, int(day), int(hour), int(minute), tzinfo=UTC)


async def out_until_friday(ripe: Whole, name: str) -> None:
    await ripe.slack.run_command(name, "/ooo", "until friday")
    await ripe.settle()


async def test_a_pull_request_is_asked_of_who_owns_its_files_and_that_person_gets_a_dm(ripe: Whole) -> None:
    pull = await ripe.open_pull_request("docs/intro.md")
    assert pull.requested == ["cho"]
    (dm,) = ripe.dms("cho")
    assert "Round up" in dm
    assert "acme/api#1" in dm
    assert ripe.dms("ana") == []


async def test_humans_go_first_nobody_is_asked_in_the_first_minute(ripe: Whole) -> None:
    pull = ripe.github.open_pull_request("acme/api", "ben", "Round up", ["billing/tax.sql"])
    await ripe.settle()
    await ripe.pass_time(seconds=50)
    assert pull.requested == []
    ripe.github.request_review(pull, ["cho"], by="ben")
    await ripe.pass_time(minutes=5)
    assert pull.requested == ["cho"]
    assert ripe.dms("ana") == []


async def test_a_person_who_is_away_is_skipped(ripe: Whole) -> None:
    await out_until_friday(ripe, "ana")
    pull = await ripe.open_pull_request("billing/tax.sql")
    assert pull.requested == ["cho"]


async def test_the_author_is_never_asked(ripe: Whole) -> None:
    pull = await ripe.open_pull_request("docs/intro.md", author="cho")
    assert pull.requested == []


async def test_where_no_rule_names_anybody_nothing_is_written_to_github(ripe: Whole) -> None:
    pull = await ripe.open_pull_request("src/main.py")
    assert pull.requested == []
    assert not [call for call in ripe.server.calls if call.startswith("POST") and "requested" in call]


async def test_a_dm_is_struck_and_without_buttons_once_the_review_is_done(ripe: Whole) -> None:
    pull = await ripe.open_pull_request("docs/intro.md")
    ripe.github.review(pull, "cho", "APPROVED")
    await ripe.settle()
    (dm,) = ripe.dms("cho")
    assert "approved by you" in dm
    assert "~" in dm
    assert ripe.live("cho") == []
    await ripe.pass_time(days=14)
    assert len(ripe.dms("cho")) == 1


async def test_nothing_is_sent_about_what_was_merged_before_it_ripened(ripe: Whole) -> None:
    pull = ripe.github.open_pull_request("acme/api", "ben", "Round up", ["docs/intro.md"])
    await ripe.settle()
    ripe.github.merge(pull)
    await ripe.pass_time(days=3)
    assert ripe.dms("cho") == []
    assert pull.requested == []


async def test_a_merge_strikes_every_dm(ripe: Whole) -> None:
    pull = await ripe.open_pull_request("docs/intro.md")
    ripe.github.merge(pull)
    await ripe.settle()
    assert ripe.live("cho") == []
    assert "merged" in ripe.dms("cho")[0]


async def test_reminders_come_4_12_and_28_working_hours_later_and_then_no_more(ripe: Whole) -> None:
    await ripe.open_pull_request("docs/intro.md")
    counts = []
    for instant in ("23 13:30", "24 13:30", "26 13:30"):
        await ripe.go_to(at(instant))
        counts.append(len(ripe.dms("cho")))
    assert counts == [2, 3, 4]
    assert len(ripe.live("cho")) == 1
    await ripe.pass_time(days=20)
    assert len(ripe.dms("cho")) == 4


async def test_nothing_is_sent_outside_working_hours(ripe: Whole) -> None:
    await ripe.go_to(at("27 18:00"))
    await ripe.open_pull_request("docs/intro.md")
    assert ripe.dms("cho") == []
    await ripe.go_to(at("30 7:59"))
    assert ripe.dms("cho") == []
    await ripe.go_to(at("30 8:00"))
    assert len(ripe.live("cho")) == 1


async def test_a_draft_waits_until_it_is_ready_and_a_dm_goes_quiet_when_it_becomes_one_again(
    ripe: Whole,
) -> None:
    pull = await ripe.open_pull_request("docs/intro.md", draft=True)
    assert (pull.requested, ripe.dms("cho")) == ([], [])
    ripe.github.ready_for_review(pull)
    await ripe.settle()
    await ripe.pass_time(minutes=2)
    assert len(ripe.live("cho")) == 1
    ripe.github.convert_to_draft(pull)
    await ripe.pass_time(days=2)
    assert len(ripe.dms("cho")) == 1
    assert "draft" in ripe.dms("cho")[0]
    ripe.github.ready_for_review(pull)
    await ripe.settle()
    assert len(ripe.live("cho")) == 1


async def test_asked_again_is_a_new_turn_with_a_dm_of_its_own(ripe: Whole) -> None:
    pull = await ripe.open_pull_request("docs/intro.md")
    ripe.github.review(pull, "cho", "CHANGES_REQUESTED")
    await ripe.pass_time(hours=1)
    assert ripe.live("cho") == []
    ripe.github.request_review(pull, ["cho"], by="ben")
    await ripe.settle()
    assert "ben asked you again" in ripe.live("cho")[0]
    assert len(ripe.dms("cho")) == 2


async def test_an_inline_reply_is_not_the_review(ripe: Whole) -> None:
    pull = await ripe.open_pull_request("docs/intro.md")
    ripe.github.inline_reply(pull, "cho", "why?")
    await ripe.settle()
    assert len(ripe.live("cho")) == 1


async def test_a_request_taken_back_is_struck_and_not_made_again(ripe: Whole) -> None:
    pull = await ripe.open_pull_request("docs/intro.md")
    ripe.github.remove_request(pull, ["cho"], by="ben")
    await ripe.settle()
    assert ripe.live("cho") == []
    ripe.github.push(pull, ["docs/more.md"])
    await ripe.pass_time(hours=1)
    assert pull.requested == []


async def test_when_enough_have_approved_the_others_are_left_in_peace(ripe: Whole) -> None:
    pull = await ripe.open_pull_request("docs/intro.md")
    ripe.github.request_review(pull, ["ana"], by="ben")
    await ripe.settle()
    assert len(ripe.live("ana")) == 1
    ripe.github.review(pull, "cho", "APPROVED")
    await ripe.pass_time(days=3)
    assert ripe.live("ana") == []
    assert len(ripe.dms("ana")) == 1


async def test_a_push_changes_the_size_in_the_dm_without_a_new_one(ripe: Whole) -> None:
    pull = await ripe.open_pull_request("docs/intro.md")
    ripe.github.push(pull, [File(path="docs/more.md", additions=300, deletions=70)])
    await ripe.settle()
    (dm,) = ripe.dms("cho")
    size = sum(file.additions for file in pull.files), sum(file.deletions for file in pull.files)
    assert size >= (300, 70)
    assert "+{} \N{MINUS SIGN}{}".format(*size) in dm


async def test_a_new_title_changes_the_dm_without_a_new_one(ripe: Whole) -> None:
    pull = await ripe.open_pull_request("docs/intro.md")
    ripe.github.edit_title(pull, "Round down")
    await ripe.settle()
    (dm,) = ripe.dms("cho")
    assert "Round down" in dm


async def test_a_delivery_that_comes_twice_changes_nothing(ripe: Whole) -> None:
    pull = await ripe.open_pull_request("docs/intro.md")
    for delivery in list(ripe.github.webhooks.log):
        ripe.github.webhooks.redeliver(delivery.guid)
    await ripe.settle()
    assert len(ripe.dms("cho")) == 1
    assert pull.requested == ["cho"]


async def test_a_reopened_pull_request_starts_afresh(ripe: Whole) -> None:
    pull = await ripe.open_pull_request("docs/intro.md")
    ripe.github.close(pull)
    await ripe.pass_time(hours=1)
    assert ripe.live("cho") == []
    ripe.github.reopen(pull)
    await ripe.settle()
    assert len(ripe.live("cho")) == 1


async def test_an_uninstalled_app_strikes_its_dms_and_falls_silent(ripe: Whole) -> None:
    await ripe.open_pull_request("docs/intro.md")
    ripe.github.uninstall(ripe.github.document.installations[0])
    await ripe.pass_time(days=5)
    assert ripe.live("cho") == []
    assert len(ripe.dms("cho")) == 1


async def test_every_choice_is_stored_with_its_reasons(ripe: Whole) -> None:
    await out_until_friday(ripe, "ana")
    pull = await ripe.open_pull_request("billing/tax.sql")
    (assignment,) = await list_assignments(PullRequestId(pull.id))
    outcomes = {verdict.login: verdict.outcome for verdict in assignment.decision.verdicts}
    assert outcomes == {"cho": "asked", "ana": "skipped"}


async def test_an_author_hears_once_that_nobody_who_was_asked_can_be_reached(ripe: Whole) -> None:
    pull = ripe.github.open_pull_request("acme/api", "ben", "Round up", ["src/main.py"])
    ripe.github.request_review(pull, ["eli"], by="ben")
    await ripe.pass_time(hours=1)
    assert "eli" in ripe.dms("ben")[0]
    await ripe.pass_time(days=10)
    assert len(ripe.dms("ben")) == 1
    assert await list_unmapped_reviewers(ripe.app.workspace_id) == (("eli", 1),)


async def test_an_author_hears_when_the_rules_leave_nobody(ripe: Whole) -> None:
    await out_until_friday(ripe, "cho")
    await ripe.open_pull_request("docs/intro.md")
    assert "no reviewer could be found" in ripe.dms("ben")[0]


async def test_an_author_hears_after_16_working_hours_without_an_answer(ripe: Whole) -> None:
    await ripe.open_pull_request("docs/intro.md")
    await ripe.go_to(at("25 8:30"))
    assert ripe.dms("ben") == []
    await ripe.go_to(at("25 9:30"))
    assert "no answer yet from cho" in ripe.dms("ben")[0]
