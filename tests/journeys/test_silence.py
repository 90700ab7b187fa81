"""Every reason for which nobody will be reminded reaches the author or an admin once (promise S10)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple

import pytest

from bot.actions.apply_config import apply_config
from bot.actions.explain import explain
from bot.flows.catalog import tell_admin_of_silence_job
from bot.reminders.model import Silence
from bot.sandbox.slack.model import Fault
from bot.slack.messages import MUTE, UNDO
from tests.journeys.silences import (
    all_sent,
    approved_enough,
    ask,
    at,
    away_after,
    away_before,
    deactivated,
    everything_snoozed,
    muted,
    never_at_work,
    no_rule_matches,
    nobody_left,
    one_muted_one_unlinked,
    only_a_team,
    press,
    refused,
    say,
    snoozed_for_long,
    snoozed_until_change,
    unconfirmed,
    unlinked,
)
from tests.journeys.whole import MONDAY_MORNING, PEOPLE, Whole, whole_bot
from tests.promises import Promise

EVERYBODY = PEOPLE + "dev,dev@acme.example\neli,eli@acme.example\n"


class Reason(NamedTuple):
    begin: Callable[[Whole], Awaitable[None]]
    said: str
    times: int = 1


REASONS = (
    Reason(muted, "cho muted it"),
    Reason(snoozed_until_change, "cho snoozed it until something changes"),
    Reason(snoozed_for_long, "cho snoozed it until 7 Dec"),
    Reason(everything_snoozed, "cho gets no reminders until 7 Dec"),
    Reason(away_before, "cho is out until 11 Dec"),
    Reason(away_after, "cho is out until 11 Dec"),
    Reason(deactivated, "cho is deactivated or a guest in Slack"),
    Reason(refused, "Slack refused the DM to cho"),
    Reason(all_sent, "cho was reminded 3 times, Ripe has stopped"),
    Reason(unconfirmed, "Slack is being asked whether the last DM to cho arrived"),
    Reason(never_at_work, "cho has no working hours"),
    Reason(unlinked, "eli is not connected with anybody in Slack"),
    Reason(one_muted_one_unlinked, "cho muted it. eli is not connected with anybody in Slack"),
    Reason(only_a_team, "Team payments was asked; Ripe cannot remind a team yet"),
    Reason(no_rule_matches, "No rule matches its files"),
    Reason(nobody_left, "Its rules name nobody who can be asked now"),
    Reason(approved_enough, "It has the approvals it needs, so cho is not reminded any more"),
)
SAMPLE = (muted, away_after, all_sent, only_a_team)
NOBODY_NEEDS_TO_HEAR = {
    Silence.OVER, Silence.DRAFT, Silence.BLOCKED, Silence.BACKLOG, Silence.TWIN, Silence.NOT_DUE,
    Silence.OUTSIDE_HOURS, Silence.IN_DIGEST, Silence.LATE, Silence.AFTER_OTHERS,
}  # fmt: skip
"""The author or an admin has done it, or a DM comes."""
DAYS = 11


@pytest.fixture
async def ripe(dsn: str) -> AsyncIterator[Whole]:
    async with whole_bot(dsn, MONDAY_MORNING) as whole:
        yield whole


def mentions(ripe: Whole, name: str, said: str) -> int:
    return sum(said in dm.replace("\u2060", "") for dm in ripe.dms(name))


def is_untrue(dm: str) -> bool:
    return "goes on reminding" in dm


async def check(ripe: Whole, reason: Reason, promise: Promise) -> None:
    await reason.begin(ripe)
    await ripe.pass_time(days=DAYS)
    count = mentions(ripe, "ben", reason.said)
    promise("S10", f"{reason.begin.__name__.replace('_', ' ')}, {DAYS} days", f"told {count} times")
    assert count == reason.times, ripe.dms("ben")
    untrue = [dm for dm in ripe.dms("ben") if is_untrue(dm)]
    assert len(untrue) == (1 if reason.begin is all_sent else 0), untrue
    assert len(ripe.dms("ben")) == reason.times + len(untrue), ripe.dms("ben")


@pytest.mark.parametrize(
    "reason",
    [reason for reason in REASONS if reason.begin in SAMPLE],
    ids=lambda reason: reason.begin.__name__,
)
async def test_the_author_hears_once_why_nobody_is_reminded(
    ripe: Whole, reason: Reason, promise: Promise
) -> None:
    await check(ripe, reason, promise)


@pytest.mark.torture
@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: reason.begin.__name__)
async def test_the_author_hears_once_of_every_reason(ripe: Whole, reason: Reason, promise: Promise) -> None:
    await check(ripe, reason, promise)


def test_every_silence_is_told_or_ends_by_itself() -> None:
    said = {
        Silence.MUTED, Silence.SNOOZED_UNTIL_CHANGE, Silence.SNOOZED, Silence.ALL_SNOOZED, Silence.AWAY,
        Silence.DEACTIVATED, Silence.REFUSED, Silence.ALL_SENT, Silence.NEVER_AT_WORK, Silence.UNLINKED,
        Silence.APPROVED, Silence.UNCONFIRMED,
    }  # fmt: skip
    assert said | NOBODY_NEEDS_TO_HEAR == set(Silence)


async def test_a_lost_dm_of_which_slack_says_nothing_is_told_and_noted(ripe: Whole) -> None:
    await unconfirmed(ripe)
    await ripe.pass_time(hours=2)
    assert ripe.dms("ben") == []
    await ripe.pass_time(hours=6)
    assert mentions(ripe, "ben", "Slack is being asked whether the last DM to cho arrived.") == 1
    text = "\n".join(await explain(ripe.app.workspace_id, "acme/web#1", ripe.clock.now()))
    assert "Next DM" not in text
    assert "(it does not say whether the last one arrived: missing_scope); Ripe keeps trying." in text
    ripe.slack.faults.clear()
    await ripe.pass_time(days=1)
    assert await ripe.app.database.fetchval("SELECT count(*) FROM obstacle") == 0
    assert len(ripe.dms("cho")) > 1


async def test_nobody_hears_of_a_mute_that_is_undone_within_minutes(ripe: Whole) -> None:
    await muted(ripe)
    await press(ripe, "cho", UNDO)
    await ripe.pass_time(hours=6)
    assert ripe.dms("ben") == []


async def test_while_somebody_else_is_reminded_the_author_is_left_in_peace(ripe: Whole) -> None:
    await ask(ripe, "cho", "ana")
    await press(ripe, "cho", MUTE)
    await ripe.go_to(at("24 15:00"))
    assert ripe.dms("ben") == []
    await ripe.go_to(at("25 12:00"))
    (dm,) = ripe.dms("ben")
    assert "no answer yet from cho and ana" in dm
    assert "cho muted it." in dm
    assert "Ripe goes on reminding ana." in dm


async def test_an_absence_of_two_days_is_no_news(ripe: Whole) -> None:
    await ask(ripe, "cho")
    await say(ripe, "cho", "/ooo", "until tomorrow")
    await ripe.go_to(at("24 15:00"))
    assert ripe.dms("ben") == []


async def test_reasons_that_come_one_after_the_other_are_told_one_after_the_other(ripe: Whole) -> None:
    await away_before(ripe)
    await ripe.pass_time(days=40)
    said = [dm.replace("\u2060", "") for dm in ripe.dms("ben")]
    assert mentions(ripe, "ben", "cho is out until 11 Dec") == 1
    assert mentions(ripe, "ben", "cho was reminded 3 times, Ripe has stopped") == 1
    assert [is_untrue(dm) for dm in said] == [False, True, False], said


async def test_an_author_who_is_unknown_is_stood_in_for_by_an_admin(ripe: Whole) -> None:
    pull = await ask(ripe, "cho", by="eli", author="eli")
    await press(ripe, "cho", MUTE)
    await ripe.pass_time(days=1)
    (dm,) = ripe.dms("olga")
    assert "acme/web#1" in dm
    assert "cho muted it." in dm.replace("\u2060", "")
    assert "Its author gets no DMs" in dm
    await ripe.pass_time(days=20)
    assert len(ripe.dms("olga")) == 1
    text = "\n".join(await explain(ripe.app.workspace_id, "acme/web#1", ripe.clock.now()))
    assert "neither the author nor an admin" not in text
    assert pull.requested == ["cho"]


async def test_an_author_whom_slack_refuses_is_stood_in_for_by_an_admin(ripe: Whole) -> None:
    ripe.slack.user("ben").deleted = True
    await muted(ripe)
    await ripe.pass_time(days=1)
    assert mentions(ripe, "olga", "cho muted it.") == 1
    await ripe.pass_time(days=12)
    assert mentions(ripe, "olga", "cho muted it.") == 1


async def test_an_admin_gets_one_list_a_day(ripe: Whole) -> None:
    for _ in range(3):
        await ask(ripe, "eli", by="dev", author="dev")
    await ripe.pass_time(days=2)
    (dm,) = ripe.dms("olga")
    assert [f"acme/web#{number}" in dm for number in (1, 2, 3)] == [True] * 3


async def test_if_slack_refuses_the_admin_another_hears(ripe: Whole) -> None:
    ripe.slack.user("ana").is_admin = True
    await ask(ripe, "eli", by="dev", author="dev")
    ripe.slack.faults.add(Fault(method="conversations.open", kind="refused", code="user_not_found", times=1))
    await ripe.pass_time(days=1)
    assert [mentions(ripe, name, "acme/web#1") for name in ("ana", "olga")] == [0, 1]


async def test_a_list_that_slack_refused_is_told_once_an_admin_gets_dms(ripe: Whole) -> None:
    ripe.slack.faults.add(Fault(method="conversations.open", kind="refused", code="user_not_found", times=1))
    await ask(ripe, "eli", by="dev", author="dev")
    await ripe.pass_time(days=1)
    assert ripe.dms("olga") == []
    ripe.slack.user("ben").is_admin = True
    await ripe.app.queue.save(tell_admin_of_silence_job(ripe.app.workspace_id))
    await ripe.pass_time(days=1)
    assert mentions(ripe, "ben", "acme/web#1") == 1


@pytest.mark.parametrize(("command", "text"), [("/ooo", "until 11 dec"), ("/snooze", "until 11 dec")])
async def test_an_admin_at_work_hears_before_one_who_is_away_or_snoozes(
    ripe: Whole, command: str, text: str
) -> None:
    ripe.slack.user("ana").is_admin = True
    await say(ripe, "ana", command, text)
    before = len(ripe.dms("ana"))
    await ask(ripe, "eli", by="dev", author="dev")
    await ripe.pass_time(days=1)
    assert len(ripe.dms("ana")) == before
    assert mentions(ripe, "olga", "acme/web#1") == 1


async def test_while_slack_does_not_list_the_admins_the_list_waits(ripe: Whole) -> None:
    refusal = Fault(method="users.list", kind="refused", code="missing_scope", times=99_999)
    ripe.slack.faults.add(refusal)
    await ask(ripe, "eli", by="dev", author="dev")
    await ripe.pass_time(hours=3)
    assert await ripe.app.database.fetchval("SELECT count(*) FROM job_dead") == 0
    ripe.slack.faults.clear()
    await ripe.pass_time(hours=2)
    assert mentions(ripe, "olga", "acme/web#1") == 1


async def test_why_says_that_an_admin_is_told_soon_and_nothing_once_somebody_is_reminded(ripe: Whole) -> None:
    pull = await ask(ripe, "eli", by="dev", author="dev")
    await ripe.pass_time(minutes=20)
    text = "\n".join(await explain(ripe.app.workspace_id, "acme/web#1", ripe.clock.now()))
    assert "Nobody acts on it. Its author gets no DMs, so an admin gets one in their working hours." in text
    ripe.github.request_review(pull, ["cho"], by="dev")
    await ripe.settle()
    text = "\n".join(await explain(ripe.app.workspace_id, "acme/web#1", ripe.clock.now()))
    assert "Nobody acts" not in text


async def test_an_author_hears_of_five_pull_requests_a_day_that_get_no_answer(ripe: Whole) -> None:
    for _ in range(7):
        await ask(ripe, "cho")
    await ripe.go_to(at("25 23:59"))
    assert sum("no answer yet from cho" in dm for dm in ripe.dms("ben")) == 5
    await ripe.go_to(at("26 18:00"))
    assert sum("no answer yet from cho" in dm for dm in ripe.dms("ben")) == 7


async def test_without_an_admin_why_says_that_nobody_has_heard(ripe: Whole) -> None:
    olga = ripe.slack.user("olga")
    olga.is_admin = olga.is_owner = False
    await ask(ripe, "eli", by="dev", author="dev")
    await ripe.pass_time(days=5)
    text = "\n".join(await explain(ripe.app.workspace_id, "acme/web#1", ripe.clock.now()))
    assert (
        "Nobody acts on it, and nobody has heard of that: neither its author nor an admin gets DMs." in text
    )


async def test_an_author_who_is_away_for_long_hears_on_return_and_an_admin_now(ripe: Whole) -> None:
    await say(ripe, "ben", "/ooo", "until 4 dec")
    before = len(ripe.dms("ben"))
    await muted(ripe)
    await ripe.pass_time(days=2)
    assert mentions(ripe, "olga", "cho muted it.") == 1
    assert len(ripe.dms("ben")) == before
    await ripe.pass_time(days=14)
    assert mentions(ripe, "ben", "cho muted it.") == 1


async def test_without_reminders_the_only_dm_is_the_last_one(ripe: Whole) -> None:
    rules = "repositories: {acme/web: {reminders: {after: []}}}"
    await apply_config(rules, ripe.app.workspace_id, queue=ripe.app.queue, now=ripe.clock.now())
    await ask(ripe, "cho")
    await ripe.pass_time(days=DAYS)
    assert mentions(ripe, "ben", "cho was asked in one DM, Ripe has stopped.") == 1
    assert len(ripe.dms("ben")) == 1


async def test_a_reopened_pull_request_is_told_of_anew(ripe: Whole) -> None:
    pull = await ask(ripe, "cho")
    await press(ripe, "cho", MUTE)
    await ripe.pass_time(hours=2)
    ripe.github.close(pull)
    await ripe.pass_time(minutes=5)
    ripe.github.reopen(pull)
    await ripe.pass_time(minutes=5)
    await press(ripe, "cho", MUTE)
    await ripe.pass_time(hours=2)
    assert mentions(ripe, "ben", "cho muted it.") == 2


async def test_two_who_are_out_are_named_in_one_notice_with_their_own_days(ripe: Whole) -> None:
    await say(ripe, "cho", "/ooo", "until 11 dec")
    await say(ripe, "ana", "/ooo", "until 4 dec")
    await ask(ripe, "cho", "ana")
    await ripe.pass_time(days=2)
    (dm,) = ripe.dms("ben")
    said = dm.replace("\u2060", "")
    assert "cho is out until 11 Dec; the first DM comes on 14 Dec." in said
    assert "ana is out until 4 Dec; the first DM comes on 7 Dec." in said
    assert "have a word" not in said
