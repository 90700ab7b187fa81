"""When a reviewer hears about a request, and what the DM shows. `now` is given; nothing is stored or sent."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.github.model import Account, PullRequestState
from bot.model import AccountId, PersonId, PullRequestId, RepositoryId, RequestId, WorkspaceId
from bot.people.model import Absence, Person
from bot.reminders.model import (
    Close,
    Edit,
    Look,
    Message,
    MessageState,
    Reconcile,
    ReminderState,
    Rhythm,
    Send,
    Wait,
)
from bot.reminders.rules import card_of, decide, fingerprint, next_card, no_answer_at, waiting_time
from bot.reviews.model import CloseReason, PullRequest, ReviewRequest


def at(text: str) -> datetime:
    """November 2026 in UTC: "23 10:00" is Monday. Berlin is one hour ahead and works 08:00-16:00 UTC."""
    day, _, clock = text.partition(" ")
    hour, _, minute = clock.partition(":")
    return datetime(2026, 11, int(day), int(hour), int(minute), tzinfo=UTC)


OPENED = at("23 10:00")


def person(**changes: Any) -> Person:
    fields: dict[str, Any] = {
        "id": PersonId(1), "workspace_id": WorkspaceId(1), "slack_user_id": "U1", "name": "Ana",
        "zone": "Europe/Berlin",
    }  # fmt: skip
    return Person(**(fields | changes))


def request(**changes: Any) -> ReviewRequest:
    fields: dict[str, Any] = {
        "id": RequestId(5), "workspace_id": WorkspaceId(1), "pull_request_id": PullRequestId(7),
        "reviewer_id": AccountId(2), "reviewer_login": "ana", "requested_by": "ben", "is_again": False,
        "round": 1, "opened_at": OPENED,
    }  # fmt: skip
    return ReviewRequest(**(fields | changes))


def pull_request(**changes: Any) -> PullRequest:
    fields: dict[str, Any] = {
        "id": PullRequestId(7), "workspace_id": WorkspaceId(1), "repository_id": RepositoryId(1),
        "repository": "acme/api", "number": 12, "title": "Round up",
        "author": Account(id=AccountId(1), login="ben"), "url": "https://github.com/acme/api/pull/12",
        "state": PullRequestState.OPEN, "is_draft": False,
        "head_sha": "a1", "labels": frozenset(), "created_at": OPENED, "updated_at": OPENED,
    }  # fmt: skip
    return PullRequest(**(fields | changes))


def reminder_state(**changes: Any) -> ReminderState:
    fields: dict[str, Any] = {
        "request": request(), "pull_request": pull_request(), "person": person(), "rhythm": Rhythm(),
    }  # fmt: skip
    return ReminderState(**(fields | changes))


def sent(
    *times: str, of: ReminderState | None = None, state: MessageState = MessageState.SENT
) -> ReminderState:
    """The state with DMs sent at these times, each showing what it should show."""
    before = of or reminder_state()
    messages = tuple(
        Message(
            id=number, sequence=number, state=state, sending_at=at(time), sending_started_at=at(time),
            sent_at=at(time) if state is MessageState.SENT else None, channel="D1", ts=str(number),
        )
        for number, time in enumerate(times)
    )  # fmt: skip
    return shown(before.model_copy(update={"messages": messages}))


def shown(outdated: ReminderState) -> ReminderState:
    """The same, with every DM brought up to date."""
    sent_ones = {message.id for message in outdated.sent}
    messages = tuple(
        message.model_copy(update={"shown": fingerprint(card_of(outdated, message))})
        if message.id in sent_ones
        else message
        for message in outdated.messages
    )
    return outdated.model_copy(update={"messages": messages})


def until(step: object) -> datetime | None:
    assert isinstance(step, Wait), step
    return step.until


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
    "over",
    [
        reminder_state(request=request(closed_at=OPENED, close_reason=CloseReason.APPROVED)),
        reminder_state(pull_request=pull_request(state=PullRequestState.MERGED)),
        reminder_state(pull_request=pull_request(state=PullRequestState.CLOSED)),
    ],
    ids=["approved", "merged", "closed"],
)
def test_a_request_that_is_over_sends_nothing_and_strikes_what_was_sent(over: ReminderState) -> None:
    assert isinstance(decide(over, OPENED), Close)
    outdated = sent("23 10:00").model_copy(
        update={"request": over.request, "pull_request": over.pull_request}
    )
    assert decide(outdated, at("23 15:00")) == Edit(message_ids=(0,))
    assert isinstance(decide(shown(outdated), at("23 15:00")), Close)
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
    leave = Absence(starts_at=at("22 23:00"), ends_at=at("27 23:00"))
    assert until(decide(reminder_state(person=person(absences=(leave,))), OPENED)) == at("30 8:00")


def test_of_snooze_and_absence_the_later_wins() -> None:
    leave = Absence(starts_at=at("22 23:00"), ends_at=at("23 23:00"))
    both = reminder_state(person=person(absences=(leave,)), request=request(snoozed_until=at("25 9:00")))
    assert until(decide(both, OPENED)) == at("25 9:00")


def test_what_is_over_the_daily_budget_waits_for_the_next_working_day() -> None:
    assert until(decide(reminder_state(dms_today=8), OPENED)) == at("24 8:00")
    assert decide(reminder_state(dms_today=7), OPENED) == Send(sequence=0)


def test_a_lost_dm_is_settled_before_anything_else() -> None:
    lost = sent("23 10:00", state=MessageState.UNKNOWN)
    step = decide(lost, at("23 15:00"))
    assert isinstance(step, Reconcile)
    assert step.message.id == 0


def test_a_dm_that_slack_refused_is_not_tried_again() -> None:
    assert until(decide(sent("23 10:00", state=MessageState.FAILED), at("23 15:00"))) is None


def test_a_push_edits_the_live_dm_silently() -> None:
    before = sent("23 10:00")
    pushed = before.model_copy(update={"pull_request": pull_request(additions=9, title="Round down")})
    assert decide(pushed, at("23 10:05")) == Edit(message_ids=(0,))


def test_growing_older_is_no_reason_to_edit() -> None:
    assert isinstance(decide(sent("23 10:00"), at("23 13:00")), Wait)


def test_only_the_newest_dm_is_live() -> None:
    both = sent("23 10:00", "23 14:00")
    assert [card_of(both, message).look for message in both.sent] == [Look.OLDER, Look.LIVE]


def test_a_new_reminder_goes_out_before_the_older_one_collapses() -> None:
    due = sent("23 10:00")
    assert decide(due, at("23 14:00")) == Send(sequence=1)
    after = sent("23 10:00", "23 14:00")
    stale = after.messages[0].model_copy(update={"shown": due.messages[0].shown})
    assert decide(after.model_copy(update={"messages": (stale, after.messages[1])}), at("23 14:00")) == Edit(
        message_ids=(0,)
    )


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
        (request(requested_by=None), "GitHub asked for your review"),
    ],
)
def test_each_dm_says_why_it_is_your_turn(made: ReviewRequest, turn: str) -> None:
    assert next_card(reminder_state(request=made), 0).turn == turn


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
    assert [card_of(welcomed, message).is_first_ever for message in welcomed.sent] == [True, False]
    assert not next_card(welcomed, 2).is_first_ever
