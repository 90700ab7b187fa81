"""When a reviewer hears about a request, and what the DM shows. `now` is given; nothing is stored or sent."""

from datetime import timedelta

import pytest

from bot.github.model import PullRequestState
from bot.reminders.model import (
    Close,
    Edit,
    Look,
    MessageState,
    Reconcile,
    ReminderState,
    Send,
    Silence,
    Wait,
)
from bot.reminders.rules import card_of, decide, fingerprint, next_card, no_answer_at, waiting_time
from bot.reviews.model import CloseReason, ReviewRequest
from tests.factories import OPENED, at, leave, message, person, pull_request, reminder_state, request
from tests.reminders.states import sent, shows, unsent, until


def test_the_first_dm_is_sent_at_once_in_working_hours() -> None:
    assert decide(reminder_state(), OPENED) == Send(sequence=0)


def test_a_request_made_at_night_waits_for_the_morning() -> None:
    assert until(decide(reminder_state(), at("23 20:00"))) == at("24 8:00")


def test_a_request_made_on_friday_evening_waits_for_monday() -> None:
    assert until(decide(reminder_state(), at("27 18:00"))) == at("30 8:00")


@pytest.mark.parametrize(
    ("times", "next_at"),
    [
        (["23 10:00"], "23 14:00"),
        (["23 10:00", "23 14:00"], "24 14:00"),
        (["23 10:00", "23 14:00", "24 14:00"], "26 14:00"),
    ],
)
def test_reminders_come_4_12_and_28_working_hours_after_the_first_dm(times: list[str], next_at: str) -> None:
    before = sent(*times)
    assert until(decide(before, at(times[-1]))) == at(next_at)
    assert decide(before, at(next_at)) == Send(sequence=len(times))


def test_after_the_last_reminder_nothing_more_is_sent() -> None:
    over = sent("23 10:00", "23 14:00", "24 14:00", "26 14:00")
    assert until(decide(over, at("30 12:00"))) is None


def test_reminders_that_were_held_back_do_not_come_in_a_burst() -> None:
    late = sent("23 10:00", "26 10:00")
    assert until(decide(late, at("26 10:00"))) == at("27 10:00")


def test_a_reminder_due_after_hours_waits_for_the_next_working_minute() -> None:
    assert until(decide(sent("23 14:00"), at("23 14:01"))) == at("24 10:00")


@pytest.mark.parametrize(
    "quiet",
    [
        reminder_state(pull_request=pull_request(is_draft=True)),
        reminder_state(is_approved_enough=True),
        reminder_state(has_twin=True),
        reminder_state(request=request(is_muted=True)),
        reminder_state(request=request(is_snoozed_until_change=True)),
        reminder_state(person=None),
        reminder_state(person=person(is_active=False)),
    ],
    ids=["draft", "approved", "twin", "muted", "until change", "unmapped", "deactivated"],
)
def test_nothing_is_sent_until_something_changes(quiet: ReminderState) -> None:
    assert until(decide(quiet, OPENED)) is None


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        (reminder_state(request=request(closed_at=OPENED, close_reason=CloseReason.APPROVED)), "approved"),
        (reminder_state(pull_request=pull_request(state=PullRequestState.MERGED)), "merged"),
        (reminder_state(pull_request=pull_request(state=PullRequestState.CLOSED)), "closed"),
    ],
    ids=["approved", "merged", "closed"],
)
def test_a_request_that_is_over_sends_nothing_and_strikes_what_was_sent(
    over: ReminderState, reason: str
) -> None:
    assert decide(over, OPENED) == Close(detail=reason)
    outdated = sent("23 10:00", of=over)
    assert decide(outdated, at("23 15:00")) == Edit(message_ids=(0,))
    struck = message(0, "23 10:00", shows("over", 0, close_reason=reason))
    assert decide(over.model_copy(update={"messages": (struck,)}), at("23 15:00")) == Close(detail=reason)
    assert card_of(outdated, outdated.messages[0]).look is Look.OVER


def test_a_snoozed_request_wakes_at_the_next_working_minute_after_the_snooze() -> None:
    snoozed = sent("23 10:00", of=reminder_state(request=request(snoozed_until=at("23 20:00"))))
    assert until(decide(snoozed, at("23 11:00"))) == at("24 8:00")
    assert decide(snoozed, at("24 8:00")) == Send(sequence=1)


def test_a_snooze_holds_back_a_reminder_that_was_due_earlier() -> None:
    snoozed = sent("23 10:00", of=reminder_state(request=request(snoozed_until=at("24 9:00"))))
    assert until(decide(snoozed, at("23 14:00"))) == at("24 9:00")


def test_a_person_who_snoozed_everything_gets_nothing_before() -> None:
    assert until(decide(reminder_state(person=person(snoozed_until=at("23 13:00"))), OPENED)) == at(
        "23 13:00"
    )


def test_a_reviewer_on_leave_is_reminded_when_back() -> None:
    away = person(absences=(leave("22 23:00", "27 23:00"),))
    assert until(decide(reminder_state(person=away), OPENED)) == at("30 8:00")


def test_of_snooze_and_absence_the_later_wins() -> None:
    away = person(absences=(leave("22 23:00", "23 23:00"),))
    both = reminder_state(person=away, request=request(snoozed_until=at("25 9:00")))
    assert until(decide(both, OPENED)) == at("25 9:00")


def test_what_is_over_the_daily_budget_waits_for_the_next_working_day() -> None:
    assert until(decide(reminder_state(dms_today=8), OPENED)) == at("24 8:00")
    assert decide(reminder_state(dms_today=7), OPENED) == Send(sequence=0)


@pytest.mark.parametrize("state", [MessageState.SENDING, MessageState.UNKNOWN])
def test_a_lost_dm_is_reconciled_before_anything_else(state: MessageState) -> None:
    lost = unsent(state)
    assert decide(lost, at("23 15:00")) == Reconcile(message=lost.messages[0])


def test_a_dm_that_slack_refused_is_not_tried_again() -> None:
    assert until(decide(unsent(MessageState.FAILED), at("23 15:00"))) is None


def test_a_push_edits_the_live_dm_silently() -> None:
    before = sent("23 10:00")
    pushed = before.model_copy(update={"pull_request": pull_request(additions=9, title="Round down")})
    assert decide(pushed, at("23 10:05")) == Edit(message_ids=(0,))


def test_growing_older_is_no_reason_to_edit() -> None:
    assert isinstance(decide(sent("23 10:00"), at("23 13:00")), Wait)


def test_only_the_newest_dm_is_live() -> None:
    both = sent("23 10:00", "23 14:00")
    assert [card_of(both, dm).look for dm in both.sent] == [Look.OLDER, Look.LIVE]


def test_a_new_reminder_goes_out_before_the_older_one_collapses() -> None:
    due = sent("23 10:00")
    assert decide(due, at("23 14:00")) == Send(sequence=1)
    both_live = (message(0, "23 10:00", shows("live", 0)), message(1, "23 14:00", shows("live", 1)))
    assert decide(reminder_state(messages=both_live), at("23 14:00")) == Edit(message_ids=(0,))


def test_a_stored_fingerprint_stays_valid_in_the_next_release() -> None:
    """Otherwise an upgrade would edit every DM that is still live."""
    card = next_card(reminder_state(), 0)
    assert fingerprint(card) == shows("live", 0, is_first_ever=True) == "57d7cac6d99c5af3977aa13337c5bc91"


def test_a_dm_about_a_draft_says_why_nothing_is_asked() -> None:
    draft = sent("23 10:00").model_copy(update={"pull_request": pull_request(is_draft=True)})
    card = card_of(draft, draft.messages[0])
    assert card.look is Look.QUIET
    assert "draft" in card.note


@pytest.mark.parametrize(
    ("made", "turn"),
    [
        (request(), "ben asked for your review"),
        (request(is_again=True), "ben asked you again"),
        (request(requested_by=None), "your review is asked for"),
        (request(requested_by=None, is_again=True), "your review is asked for again"),
    ],
)
def test_each_dm_says_why_it_is_your_turn(made: ReviewRequest, turn: str) -> None:
    assert next_card(reminder_state(request=made), 0).turn == turn


@pytest.mark.parametrize(
    ("pattern", "is_fallback", "turn", "owned"),
    [
        ("billing/**", False, "asked of you because you own", "billing/**"),
        ("**", False, "asked of you because you review everything here", ""),
        ("/**/*", False, "asked of you because you review everything here", ""),
        ("billing/**", True, "asked of you because nobody else could be asked", ""),
        ("", True, "asked of you because nobody else could be asked", ""),
    ],
)
def test_nobody_is_said_to_own_a_pattern_that_matches_everything_or_is_a_fallback(
    pattern: str, is_fallback: bool, turn: str, owned: str
) -> None:
    chosen = reminder_state(request=request(requested_by=None), pattern=pattern, is_fallback=is_fallback)
    card = next_card(chosen, 0)
    assert (card.turn, card.owned) == (turn, owned)


def test_ages_count_the_readers_working_time() -> None:
    assert waiting_time(reminder_state(), at("24 10:00")) == timedelta(hours=8)


def test_the_author_hears_after_16_working_hours_of_the_reviewer() -> None:
    assert no_answer_at(reminder_state(), OPENED) == at("25 10:00")


def test_a_dm_to_somebody_chosen_by_a_rule_names_the_pattern() -> None:
    card = next_card(reminder_state(pattern="billing/**"), 0)
    assert (card.turn, card.owned) == ("asked of you because you own", "billing/**")


def test_the_first_dm_a_person_ever_gets_says_what_this_is_and_goes_on_saying_it() -> None:
    new = reminder_state()
    assert next_card(new, 0).is_first_ever
    welcomed = sent("23 10:00", "23 14:00", of=reminder_state(person=person(welcomed_at=at("23 10:00"))))
    assert [card_of(welcomed, dm).is_first_ever for dm in welcomed.sent] == [True, False]
    assert not next_card(welcomed, 2).is_first_ever


def test_before_a_reminder_github_is_asked_unless_it_was_heard_of_within_two_hours() -> None:
    due, now = sent("23 10:00"), at("23 14:00")
    assert decide(due.model_copy(update={"synced_at": None}), now) == Wait(until=None, why=Silence.LATE)
    assert decide(due.model_copy(update={"synced_at": at("23 11:59")}), now) == Wait(
        until=None, why=Silence.LATE
    )
    assert decide(due.model_copy(update={"synced_at": at("23 12:00")}), now) == Send(sequence=1)
    first = reminder_state(request=request(opened_at=at("23 9:00")))
    assert decide(first, at("23 9:00")) == Send(sequence=0)
