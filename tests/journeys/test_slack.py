"""Buttons, commands and DMs in Slack, and their effects on reminders."""

from datetime import UTC, datetime, timedelta

from bot.sandbox.slack.model import Fault, Message
from bot.slack.messages import MUTE, SNOOZE, UNDO, WHY
from tests.journeys.whole import Whole


def at(text: str) -> datetime:
    """November 2037 in UTC; Berlin is one hour ahead and works 08:00-16:00 UTC."""
    day, _, clock = text.partition(" ")
    hour, _, minute = clock.partition(":")
    return datetime(2037, 11, int(day), int(hour), int(minute), tzinfo=UTC)


async def asked(ripe: Whole) -> Message:
    """Cho's live DM about a new pull request."""
    await ripe.open_pull_request("docs/intro.md")
    return ripe.messages("cho")[-1]


async def type_command(ripe: Whole, name: str, command: str, text: str = "") -> str:
    """Runs a command and returns the answer."""
    reply = await ripe.slack.run_command(name, command, text)
    assert reply.error is None, reply
    await ripe.settle()
    return ripe.dms(name)[-1]


async def choose(ripe: Whole, name: str, message: Message, action: str, value: str | None = None) -> None:
    reply = await ripe.slack.click(name, message.ts, action, value)
    assert reply.error is None, reply
    await ripe.settle()


async def test_a_snooze_by_button_holds_the_reminder_and_then_brings_it(ripe: Whole) -> None:
    dm = await asked(ripe)
    await choose(ripe, "cho", dm, SNOOZE, "1:tomorrow")
    assert "Tue 24 Nov, 09:00 (Europe/Berlin)" in ripe.dms("cho")[-1]
    await ripe.go_to(at("24 7:59"))
    assert ripe.reminders("cho") == 1
    await ripe.go_to(at("24 8:00"))
    assert ripe.reminders("cho") == 2


async def test_a_snooze_by_command_is_clock_time_and_echoed_as_such(ripe: Whole) -> None:
    await ripe.go_to(at("23 14:00"))
    answer = await type_command(ripe, "cho", "/snooze", "3h")
    assert "Mon 23 Nov, 18:00 (Europe/Berlin)" in answer
    await ripe.open_pull_request("docs/intro.md")
    await ripe.go_to(at("24 7:59"))
    assert ripe.reminders("cho") == 0
    await ripe.go_to(at("24 8:00"))
    assert ripe.reminders("cho") == 1


async def test_undo_takes_a_snooze_back(ripe: Whole) -> None:
    await ripe.open_pull_request("src/main.py")
    await type_command(ripe, "cho", "/snooze", "2 days")
    await choose(ripe, "cho", ripe.messages("cho")[-1], UNDO)
    await ripe.open_pull_request("docs/intro.md")
    assert ripe.reminders("cho") == 1


async def test_one_pull_request_snoozed_until_it_changes_wakes_when_it_does(ripe: Whole) -> None:
    pull = await ripe.open_pull_request("docs/intro.md")
    await type_command(ripe, "cho", "/snooze", "acme/api#1 until change")
    await ripe.pass_time(days=3)
    assert ripe.reminders("cho") == 1
    ripe.github.push(pull)
    await ripe.settle()
    assert ripe.reminders("cho") == 2


async def test_a_person_out_of_office_gets_nothing_and_finds_the_reviews_on_return(ripe: Whole) -> None:
    await ripe.open_pull_request("docs/intro.md")
    answer = await type_command(ripe, "cho", "/ooo", "until friday")
    assert "Mon 30 Nov" in answer
    pull = ripe.github.open_pull_request("acme/api", "ben", "Urgent", ["docs/more.md"])
    ripe.github.request_review(pull, ["cho"], by="ben")
    await ripe.go_to(at("30 7:59"))
    assert ripe.reminders("cho") == 1
    await ripe.go_to(at("30 8:00"))
    assert ripe.reminders("cho") == 2
    assert "Urgent" in ripe.live("cho")[-1]
    await ripe.go_to(at("30 12:01"))
    assert ripe.reminders("cho") == 4, "four working hours after each first DM, leave left out"


async def test_a_dm_has_no_buttons_while_its_reader_is_out_of_office(ripe: Whole) -> None:
    await ripe.open_pull_request("docs/intro.md")
    await type_command(ripe, "cho", "/ooo", "wednesday - thursday")
    await ripe.go_to(at("24 22:59"))
    assert len(ripe.live("cho")) == 1
    reminders = ripe.reminders("cho")
    await ripe.go_to(at("24 23:00"))
    assert ripe.live("cho") == []
    assert "You are out of office until Thu 26 Nov." in ripe.dms("cho")[-1]
    await ripe.go_to(at("26 23:00"))
    assert len(ripe.live("cho")) == 1
    assert ripe.reminders("cho") == reminders
    await ripe.pass_time(days=4)
    assert ripe.reminders("cho") == reminders + 1


async def test_an_early_return_brings_the_buttons_back(ripe: Whole) -> None:
    await ripe.open_pull_request("docs/intro.md")
    await type_command(ripe, "cho", "/ooo", "until friday")
    assert ripe.live("cho") == []
    await type_command(ripe, "cho", "/ooo", "off")
    assert len(ripe.live("cho")) == 1
    assert ripe.reminders("cho") == 1


async def test_coming_back_early_brings_the_waiting_reviews_at_once(ripe: Whole) -> None:
    await type_command(ripe, "cho", "/ooo", "until friday")
    pull = ripe.github.open_pull_request("acme/api", "ben", "Round up", ["docs/intro.md"])
    ripe.github.request_review(pull, ["cho"], by="ben")
    await ripe.settle()
    assert ripe.reminders("cho") == 0
    await type_command(ripe, "cho", "/ooo", "off")
    assert ripe.reminders("cho") == 1


async def test_why_me_names_the_rule(ripe: Whole) -> None:
    dm = await asked(ripe)
    await choose(ripe, "cho", dm, WHY)
    assert "docs/**" in ripe.dms("cho")[-1]


async def test_a_muted_request_reminds_no_more_but_can_be_unmuted(ripe: Whole) -> None:
    dm = await asked(ripe)
    await choose(ripe, "cho", dm, MUTE)
    undo = ripe.messages("cho")[-1]
    await ripe.pass_time(hours=20)
    assert ripe.reminders("cho") == 1
    await choose(ripe, "cho", undo, UNDO)
    await ripe.pass_time(hours=5)
    assert ripe.reminders("cho") == 2


async def test_reviews_lists_those_that_wait_for_me_and_for_others(ripe: Whole) -> None:
    await ripe.open_pull_request("docs/intro.md")
    assert "acme/api#1" in await type_command(ripe, "cho", "/reviews")
    assert "acme/api#1" in await type_command(ripe, "ben", "/ripe", "reviews")


async def test_a_command_in_a_dm_does_the_same(ripe: Whole) -> None:
    await ripe.open_pull_request("docs/intro.md")
    await ripe.slack.send_dm("cho", "snooze tomorrow")
    await ripe.settle()
    assert "Tue 24 Nov, 09:00" in ripe.dms("cho")[-1]


async def test_an_unclear_command_becomes_a_question_and_changes_nothing(ripe: Whole) -> None:
    answer = await type_command(ripe, "cho", "/snooze", "2")
    assert "2 hours or 2 days?" in answer
    await ripe.open_pull_request("docs/intro.md")
    assert ripe.reminders("cho") == 1


async def test_an_unlinked_person_reads_how_to_link(ripe: Whole) -> None:
    assert "ripe people import" in await type_command(ripe, "eli", "/reviews")


async def test_one_command_delivered_four_times_has_one_effect(ripe: Whole) -> None:
    reply = await ripe.slack.run_command("cho", "/snooze", "2h")
    for number in range(1, 4):
        await ripe.slack.send_again(reply, number)
    done = await ripe.app.database.fetchval("SELECT count(*) FROM action")
    assert done == 1


async def test_a_dm_whose_reply_was_lost_is_found_and_not_sent_again(ripe: Whole) -> None:
    ripe.slack.faults.add(Fault(method="chat.postMessage", kind="cut", moment="after"))
    await ripe.open_pull_request("docs/intro.md")
    assert ripe.reminders("cho") == 1
    await _let_the_outcome_settle(ripe)
    assert ripe.reminders("cho") == 1
    assert len(ripe.live("cho")) == 1


async def test_a_dm_that_was_never_posted_is_sent_again(ripe: Whole) -> None:
    ripe.slack.faults.add(Fault(method="chat.postMessage", kind="cut", moment="before"))
    await ripe.open_pull_request("docs/intro.md")
    assert ripe.reminders("cho") == 0
    await _let_the_outcome_settle(ripe)
    assert ripe.reminders("cho") == 1


async def test_a_rate_limit_delays_a_dm_and_loses_nothing(ripe: Whole) -> None:
    ripe.slack.faults.add(Fault(method="chat.postMessage", kind="ratelimited", retry_after=300))
    await ripe.open_pull_request("docs/intro.md")
    assert ripe.reminders("cho") == 0
    await ripe.pass_time(minutes=10)
    assert ripe.reminders("cho") == 1


async def _let_the_outcome_settle(ripe: Whole) -> None:
    """Moves a send 2 minutes into the past: a lost reply is reconciled after 40 real seconds."""
    await ripe.app.database.execute(
        "UPDATE message SET sending_on = sending_on - $1::interval", timedelta(minutes=2)
    )
    await ripe.pass_time(minutes=3)
