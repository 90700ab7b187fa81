"""`ripe why`: the decisions and DMs about a pull request, and the next step."""

from datetime import timedelta

import pytest

from bot.actions.explain import explain
from bot.assignment.model import Chosen, Decision, NoAssignment, Skipped, SkipReason
from bot.assignment.store import insert_assignment, record_asked
from bot.model import AccountId, PullRequestId, UserError
from bot.reminders.digests import mark_listed, plan_item
from bot.reminders.model import MessageState, Notice, NoticeKind
from bot.reminders.notices import insert_notice
from bot.reminders.store import begin_sending, record_sent, record_state
from bot.reviews.backlog import insert_entries, mark_notified
from bot.reviews.model import CloseReason, PullRequest
from bot.reviews.store import close_review_requests
from tests.actions.world import World
from tests.stored import load_pull_request


async def the_pull_request(world: World) -> PullRequest:
    row = await world.db.fetchval("SELECT id FROM pull_request")
    return await load_pull_request(PullRequestId(row))


async def explained(world: World) -> str:
    return "\n".join(await explain(world.workspace_id, "acme/api#12", world.now))


def decision(world: World) -> Decision:
    ana = Chosen(login="ana-gh", account_id=AccountId(1), name="Ana", pattern="billing/**")
    cho = Skipped(
        login="cho-gh", name="Cho", pattern="**", reason=SkipReason.AWAY, zone="Europe/Berlin",
        until=world.now + timedelta(days=4, hours=14),
    )  # fmt: skip
    return Decision(head_sha="abcdef123", paths=2, wanted=1, counted=0, verdicts=(ana, cho))


@pytest.mark.parametrize("name", ["acme/api", "12", "acme#12", "acme/api#", "acme/api#x", ""])
async def test_a_name_of_no_pull_request_is_refused(world: World, name: str) -> None:
    with pytest.raises(UserError, match="names no pull request"):
        await explain(world.workspace_id, name, world.now)


async def test_an_unknown_pull_request_is_refused(world: World) -> None:
    with pytest.raises(UserError, match="acme/api#13 is not known here"):
        await explain(world.workspace_id, "acme/api#13", world.now)


async def test_a_decision_is_shown_with_its_reasons(world: World) -> None:
    await world.ask("ana")
    identity = await insert_assignment(await the_pull_request(world), decision(world), world.now)
    assert "GitHub has not answered yet." in await explained(world)
    await record_asked(identity, [AccountId(1)], {"cho-gh": "not a collaborator"})
    lines = await explain(world.workspace_id, " ACME/api#12 ", world.now)
    start = lines.index("2026-11-23 09:00Z decided at abcdef1:")
    assert lines[start + 1 : start + 4] == [
        "  Ana asked: owns billing/**.",
        "  Cho skipped: out until Friday.",
        "  GitHub refused cho-gh: not a collaborator",
    ]
    assert "GitHub has not answered yet." not in "\n".join(lines)


@pytest.mark.parametrize("head_sha", ["", "0" * 40])
async def test_a_head_that_nobody_knows_is_no_number(world: World, head_sha: str) -> None:
    await world.ask("ana")
    unknown = decision(world).model_copy(update={"head_sha": head_sha})
    await insert_assignment(await the_pull_request(world), unknown, world.now)
    text = await explained(world)
    assert "decided without knowing the head commit:" in text
    assert "0000000" not in text


async def test_a_missing_decision_is_explained(world: World) -> None:
    await world.ask("ana")
    assert "No decision was made: there are no rules for acme/api." in await explained(world)


async def test_a_decision_to_ask_nobody_says_why(world: World) -> None:
    await world.ask("ana")
    nobody = Decision(head_sha="a", paths=0, wanted=1, counted=0, reason=NoAssignment.DRAFT)
    await insert_assignment(await the_pull_request(world), nobody, world.now)
    assert "Nobody asked: it is a draft." in await explained(world)


async def test_a_request_lists_its_dms_and_when_the_next_one_comes(world: World) -> None:
    ana = await world.person("ana")
    request = await world.request(await world.ask("ana"))
    assert "  The first DM to ana-gh is due now." in await explained(world)
    message = await begin_sending(request, 0, ana.id, world.now)
    await record_sent(message, "D1", "1.2", "", world.now)
    lines = (await explained(world)).splitlines()
    assert "2026-11-23 09:00Z ana-gh was asked by ben-gh" in lines
    assert "  2026-11-23 09:00Z first DM sent" in lines
    second = await begin_sending(request, 1, ana.id, world.now + timedelta(hours=4))
    await record_sent(second, "D1", "1.3", "", world.now + timedelta(hours=4))
    assert "  2026-11-23 13:00Z reminder 1 sent" in await explained(world)


async def test_a_digest_that_lists_it_is_shown_and_counts_as_in_the_dms(world: World) -> None:
    ana = await world.person("ana")
    request = await world.request(await world.ask("ana"))
    first = await begin_sending(request, 0, ana.id, world.now)
    await record_sent(first, "D1", "1.2", "", world.now)
    listed_at = world.now + timedelta(hours=4)
    digest = await insert_notice(Notice.to_person(ana, NoticeKind.DIGEST, "2026-11-23"), listed_at)
    assert digest is not None
    await plan_item(request, listed_at)
    await mark_listed([request.id], digest)
    await record_sent(digest, "D1", "1.3", "", listed_at)
    second = await begin_sending(request, 1, ana.id, world.now + timedelta(hours=8))
    await record_sent(second, "D1", "1.4", "", world.now + timedelta(hours=8))
    lines = (await explained(world)).splitlines()
    start = lines.index("  2026-11-23 09:00Z first DM sent")
    assert lines[start + 1 : start + 3] == [
        "  2026-11-23 13:00Z digest that lists it sent",
        "  2026-11-23 17:00Z reminder 2 sent",
    ]


async def test_a_digest_of_the_backlog_is_shown(world: World) -> None:
    ana = await world.person("ana")
    request = await world.request(await world.ask("ana"))
    await insert_entries(world.workspace_id, [request.id], world.now)
    digest = await insert_notice(Notice.to_person(ana, NoticeKind.BACKLOG, "2026-11-23"), world.now)
    assert digest is not None
    await mark_notified([request.id], digest)
    await record_state(digest, MessageState.FAILED, "invalid_blocks")
    assert "  2026-11-23 09:00Z digest that lists it failed: invalid_blocks" in await explained(world)


async def test_a_dm_that_slack_refused_is_shown(world: World) -> None:
    ana = await world.person("ana")
    request = await world.request(await world.ask("ana"))
    message = await begin_sending(request, 0, ana.id, world.now)
    await record_state(message, MessageState.FAILED, "user_disabled")
    text = await explained(world)
    assert "first DM failed: user_disabled" in text
    assert "Nothing more is sent: Slack refused the DM to ana-gh: user_disabled." in text


async def test_an_unmapped_reviewer_explains_why_nothing_is_sent(world: World) -> None:
    await world.ask("cho")
    assert "Nothing more is sent: cho-gh is not connected with anybody in Slack." in await explained(world)


async def test_a_request_that_is_over_says_how(world: World) -> None:
    await world.person("ana")
    await close_review_requests([(await world.ask("ana"), CloseReason.APPROVED)], world.now)
    text = await explained(world)
    assert "ana-gh was asked by ben-gh; over since 2026-11-23 09:00Z: approved" in text
    assert "Nothing more is sent: it is over: approved." in text


async def test_a_notice_to_the_author_is_shown(world: World) -> None:
    ben = await world.person("ben")
    await world.ask("cho")
    pull_request = await the_pull_request(world)
    notice = Notice.to_author(ben, NoticeKind.NOBODY_REACHABLE, pull_request)
    message = await insert_notice(notice, world.now)
    assert message is not None
    await record_sent(message, "D2", "1.4", "", world.now)
    assert "09:00Z notice to the author (nobody is reachable in Slack) sent" in await explained(world)
