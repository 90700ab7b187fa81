"""`/reviews` and `/reviews why`: the list of a person's reviews, and why they were asked."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.actions.mute import mute
from bot.actions.reviews import list_reviews, list_reviews_at_home
from bot.actions.snooze import SnoozePreset, snooze_by_preset, snooze_everything
from bot.actions.why import explain_by_name, explain_request
from bot.assignment.model import Chosen, Decision, Skipped, SkipReason, TieBreaker, Verdict
from bot.assignment.store import insert_assignment, record_asked
from bot.model import AccountId, UserError
from bot.people.store import insert_absence
from bot.reminders.store import begin_sending, record_sent
from bot.reviews.model import CloseReason
from bot.reviews.store import close_review_requests
from bot.sandbox.slack.blocks import check_blocks, check_view
from bot.slack.messages import Rendered
from bot.slack.views import AwaitedReview, ReviewQueue, render_queue
from tests.actions.world import World
from tests.factories import MONDAY, person, pull_request

ANA = Chosen(login="ana-gh", account_id=AccountId(1), name="Ana", pattern="billing/**")


def lines(blocks: Any) -> list[str]:
    return [
        holder["text"]
        for block in blocks
        for holder in (block.get("text"), *(block.get("elements") or ()))
        if isinstance(holder, dict) and holder.get("type") == "mrkdwn"
    ]


async def reviews_of(world: World, name: str) -> list[str]:
    answer = await list_reviews(await world.person(name), now=world.now)
    assert check_blocks(list(answer.blocks)) == []
    return lines(answer.blocks)


async def test_my_turn_is_listed_oldest_first_with_its_age_in_working_time(world: World) -> None:
    await world.person("ana")
    await world.ask("ana", 12)
    world.clock.move(timedelta(days=1, hours=2))
    await world.ask("ana", 13, title="Second")
    assert await reviews_of(world, "ana") == [
        "*Your turn* (2)",
        "*<https://github.example/acme/api/pull/12|Round half to even>*\n"
        "acme/api#12 · by ben-gh · waiting 10 working hours\n"
        "GitHub is asked how it stands before you are reminded.",
        "*<https://github.example/acme/api/pull/13|Second>*\nacme/api#13 · by ben-gh · new",
    ]


async def test_snoozed_and_muted_reviews_are_listed_separately(world: World) -> None:
    ana = await world.person("ana")
    first, second, third = [await world.ask("ana", number) for number in (12, 13, 14)]
    await snooze_by_preset(ana, first, SnoozePreset.TOMORROW, queue=world.queue, now=world.now)
    await snooze_by_preset(ana, second, SnoozePreset.CHANGE, queue=world.queue, now=world.now)
    await mute(ana, third, queue=world.queue, now=world.now)
    heading, *rest = await reviews_of(world, "ana")
    assert heading == "*Snoozed or muted* (3)"
    assert rest[0].endswith("\nSnoozed until Tue 24 Nov, 09:00 (Europe/Berlin).")
    assert rest[1].endswith("\nSnoozed until something changes.")
    assert rest[2].endswith("\nMuted: no more reminders about this one.")


async def test_an_author_sees_who_was_asked(world: World) -> None:
    await world.ask("ana", 12)
    await world.ask("cho", 12)
    await world.person("ana")
    assert await reviews_of(world, "ben") == [
        "*Waiting for others* (1)",
        "*<https://github.example/acme/api/pull/12|Round half to even>*\n"
        "acme/api#12 · asked: ana-gh and cho-gh\n"
        "cho-gh is not connected with anybody in Slack.",
    ]


async def test_finished_reviews_are_not_listed(world: World) -> None:
    await world.person("ana")
    await close_review_requests([(await world.ask("ana"), CloseReason.APPROVED)], world.now)
    assert await reviews_of(world, "ana") == ["Nothing waits for you, and nobody keeps you waiting."]


async def test_a_snooze_or_an_absence_is_shown_first(world: World) -> None:
    ana = await world.person("ana")
    await snooze_everything(ana, MONDAY + timedelta(hours=2), queue=world.queue, now=world.now)
    await insert_absence(ana.id, MONDAY, datetime(2026, 11, 24, 23, tzinfo=UTC))
    snoozed, out, _ = await reviews_of(world, "ana")
    assert snoozed.startswith("All reminders are snoozed until Mon 23 Nov, 12:00")
    assert out.startswith("You are out of office until Tue 24 Nov. `/ooo off`")


async def test_a_long_list_shows_as_many_as_fit_and_links_to_the_others(world: World) -> None:
    await world.person("ana")
    for number in range(1, 61):
        await world.ask("ana", number)
    shown = await reviews_of(world, "ana")
    assert shown[0] == "*Your turn* (60)"
    assert len(shown) == 50
    assert "acme/api#48" in shown[-2]
    assert shown[-1].startswith("and 12 more: <https://github.example/acme/api/pull/49|acme/api#49>, ")
    assert shown[-1].endswith("|acme/api#60>")
    home = await list_reviews_at_home(await world.person("ana"), now=world.now)
    assert check_view(home) == []
    assert len(home["blocks"]) == 61


async def test_long_lists_leave_room_for_those_after_them(world: World) -> None:
    ana = await world.person("ana")
    for number in range(1, 61):
        await world.ask("ana", number)
    muted = [await world.ask("ana", number) for number in range(70, 75)]
    for request in muted:
        await mute(ana, request, queue=world.queue, now=world.now)
    shown = await reviews_of(world, "ana")
    assert shown[0] == "*Your turn* (60)"
    assert shown[-5] == "*Snoozed or muted* (5)"
    assert shown[-1].startswith("and 2 more: ")
    assert len(shown) == 50


async def test_reviews_that_get_no_more_reminders_come_last(world: World) -> None:
    ana = await world.person("ana")
    request = await world.request(await world.ask("ana", 12))
    for number in range(4):
        message = await begin_sending(request, number, ana.id, world.now)
        await record_sent(message, "D1", f"1.{number}", "", world.now)
    await world.ask("ana", 13)
    _, first, second = await reviews_of(world, "ana")
    assert "acme/api#13" in first
    assert "acme/api#12" in second
    assert "All 3 reminders were sent" in second


async def test_an_authors_pull_requests_that_nobody_acts_on_come_first(world: World) -> None:
    await world.person("ana")
    await world.ask("ana", 12)
    await world.ask("cho", 13)
    _, first, second = await reviews_of(world, "ben")
    assert "cho-gh is not connected" in first
    assert "acme/api#12" in second


def test_names_that_do_not_fit_are_counted() -> None:
    awaited = [AwaitedReview(pull_request=pull_request(number=n), logins=("ana",)) for n in range(1000)]
    answer = render_queue(ReviewQueue(others=tuple(awaited)), person(), MONDAY)
    assert check_blocks(list(answer.blocks)) == []
    assert re.search(r", and \d+ more$", lines(answer.blocks)[-1])


async def test_home_shows_the_same(world: World) -> None:
    await world.ask("ana")
    home = await list_reviews_at_home(await world.person("ana"), now=world.now)
    assert check_view(home) == []
    assert lines(home["blocks"])[0] == "*Your turn* (1)"


async def decide(world: World, *verdicts: Verdict) -> None:
    decision = Decision(head_sha="a" * 40, paths=3, wanted=1, counted=0, verdicts=verdicts)
    assignment = await insert_assignment(world.pull_request(), decision, world.now)
    await record_asked(assignment, [verdict.account_id for verdict in decision.chosen], {})


def skipped(reason: SkipReason, until: datetime | None = None) -> Skipped:
    return Skipped(login="cho-gh", name="Cho", pattern="billing/**", reason=reason, until=until)


async def why(world: World) -> str:
    answer: Rendered = await explain_by_name(await world.person("ana"), "ACME/api", 12, now=world.now)
    return answer.text.replace("\u2060", "")


async def test_why_me_names_the_pattern_and_of_others_only_that_they_were_not_available(world: World) -> None:
    await world.person("ana")
    await world.ask("ana")
    until = datetime(2026, 11, 27, 23, tzinfo=UTC)
    await decide(world, ANA, skipped(SkipReason.AWAY, until), skipped(SkipReason.BUSIER))
    said = await why(world)
    assert "`billing/**`" in said
    assert said.endswith("Others were not available.")
    assert not any(secret in said.lower() for secret in ("cho", "away", "out", "27", "fri"))


@pytest.mark.parametrize("reason", [SkipReason.AT_CAP, SkipReason.DEACTIVATED, SkipReason.UNKNOWN])
async def test_the_reasons_of_others_cannot_be_distinguished(world: World, reason: SkipReason) -> None:
    await world.person("ana")
    await world.ask("ana")
    await decide(world, ANA, skipped(reason))
    assert (await why(world)).endswith("Others were not available.")


async def test_why_me_says_that_a_person_had_the_fewest_reviews(world: World) -> None:
    await world.person("ana")
    await world.ask("ana")
    busier = skipped(SkipReason.BUSIER).model_copy(update={"lost_by": TieBreaker.FEWER_REVIEWS})
    await decide(world, ANA, busier)
    assert (await why(world)).endswith("You had the fewest reviews open.")


@pytest.mark.parametrize(
    "reason", [SkipReason.ALREADY_ASKED, SkipReason.ALREADY_REVIEWED, SkipReason.REMOVED_BY_HUMAN]
)
async def test_others_who_had_their_turn_were_available(world: World, reason: SkipReason) -> None:
    await world.person("ana")
    await world.ask("ana")
    await decide(world, ANA, skipped(reason))
    assert "available" not in await why(world)


async def test_who_was_chosen_among_equals_is_not_said_to_have_fewer_reviews(world: World) -> None:
    await world.person("ana")
    await world.ask("ana")
    equal = skipped(SkipReason.BUSIER).model_copy(update={"lost_by": TieBreaker.LOGIN})
    await decide(world, ANA, equal)
    assert (await why(world)).endswith(
        "Nothing set you apart from others, so the order of the logins decided."
    )


async def test_why_me_names_the_person_who_asked_if_no_rule_did(world: World) -> None:
    await world.person("ana")
    await world.ask("ana")
    assert "ben-gh asked you on GitHub" in await why(world)


@pytest.mark.parametrize("name", ["acme/api", "acme/secret"])
async def test_why_says_nothing_about_reviews_of_others(world: World, name: str) -> None:
    await world.ask("ana")
    with pytest.raises(UserError, match="not waiting for your review") as refused:
        await explain_by_name(await world.person("cho"), name, 12, now=world.now)
    assert "Round half" not in str(refused.value)


async def test_the_button_of_somebody_else_explains_nothing(world: World) -> None:
    await world.person("ana")
    request = await world.ask("ana")
    with pytest.raises(UserError, match="not asked of you"):
        await explain_request(await world.person("cho"), request, now=world.now)
