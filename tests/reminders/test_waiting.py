"""How long a reminder waits, why, and what the DMs say meanwhile: the corners of the rules."""

from datetime import timedelta

import pytest

from bot.flows.standstill import describe_for_author
from bot.github.model import PullRequestState
from bot.reminders.model import Edit, Look, MessageState, ReminderState, Send, Silence, Wait
from bot.reminders.outlook import find_outlook
from bot.reminders.rules import (
    card_of,
    decide,
    due_at,
    look_changes_at,
    next_card,
    no_answer_at,
    waiting_time,
)
from bot.reviews.model import CloseReason
from tests.factories import OPENED, at, leave, message, person, pull_request, reminder_state, request
from tests.reminders.states import sent, shows, unsent, until

SNOOZED = reminder_state(request=request(snoozed_until=at("23 15:00")))
LAST_WEEK = leave("16 0:00", "20 0:00")


@pytest.mark.parametrize(
    ("waiting", "now", "why"),
    [
        (reminder_state(person=person(spans={})), "23 10:00", Silence.NEVER_AT_WORK),
        (reminder_state(person=person(snoozed_until=at("24 9:00"))), "23 10:00", Silence.ALL_SNOOZED),
        (reminder_state(person=person(snoozed_until=at("23 12:00"))), "23 20:00", Silence.OUTSIDE_HOURS),
        (reminder_state(person=person(absences=(leave("23 0:00", "24 0:00"),))), "23 10:00", Silence.AWAY),
        (reminder_state(person=person(absences=(LAST_WEEK,))), "23 20:00", Silence.OUTSIDE_HOURS),
        (
            reminder_state(person=person(absences=(leave("24 0:00", "25 0:00"),))),
            "23 20:00",
            Silence.AWAY,
        ),
        (SNOOZED, "23 11:00", Silence.SNOOZED),
        (sent("23 10:00"), "23 11:00", Silence.NOT_DUE),
        (sent("23 10:00", of=SNOOZED), "23 11:00", Silence.SNOOZED),
        (reminder_state(dms_today=8), "23 11:00", Silence.IN_DIGEST),
        (reminder_state(), "23 20:00", Silence.OUTSIDE_HOURS),
    ],
    ids=[
        "no working day",
        "everything snoozed",
        "a snooze that is over",
        "away today",
        "away last week",
        "away tomorrow",
        "snoozed before the first DM",
        "between two reminders",
        "snoozed after the first DM",
        "the budget is spent",
        "at night",
    ],
)
def test_each_wait_states_its_reason(waiting: ReminderState, now: str, why: Silence) -> None:
    step = decide(waiting, at(now))
    assert isinstance(step, Wait)
    assert step.why is why


@pytest.mark.parametrize(
    ("back_at", "note"),
    [
        ("26 23:00", "You are out of office until Thu 26 Nov."),
        ("26 12:30", "You are out of office until Thu 26 Nov 13:30."),
    ],
    ids=["whole days", "back in the middle of a day"],
)
def test_while_its_reader_is_away_a_dm_says_until_when(back_at: str, note: str) -> None:
    leaving = person(absences=(leave("24 23:00", back_at),))
    away = sent("23 10:00", of=reminder_state(person=leaving)).model_copy(update={"away_until": at(back_at)})
    assert decide(away, at("25 10:00")) == Edit(message_ids=(0,))
    card = card_of(away, away.messages[0])
    assert (card.look, card.note) == (Look.QUIET, note)


def test_a_dm_that_was_sent_is_looked_at_again_when_an_absence_begins_or_ends() -> None:
    leaving = person(absences=(leave("24 23:00", "26 23:00"),))
    reminded = sent("23 10:00", of=reminder_state(person=leaving))
    assert look_changes_at(reminded, at("23 11:00")) == at("24 23:00")
    assert look_changes_at(reminded, at("24 23:00")) == at("26 23:00")
    assert look_changes_at(reminded, at("26 23:00")) is None
    assert look_changes_at(reminder_state(person=leaving), at("23 11:00")) is None


def test_who_has_no_working_day_is_never_sent_anything() -> None:
    assert until(decide(reminder_state(person=person(spans={})), OPENED)) is None


def test_after_a_dm_that_slack_refused_the_earlier_one_brings_no_reminder() -> None:
    arrived = message(0, "23 10:00", shows("live", 0))
    refused = message(1, "23 14:00", None, MessageState.FAILED)
    step = decide(reminder_state(messages=(arrived, refused)), at("26 12:00"))
    assert step == Wait(until=None, why=Silence.REFUSED)


def test_a_snooze_that_ended_before_the_request_was_made_changes_nothing() -> None:
    assert due_at(reminder_state(request=request(snoozed_until=at("23 9:00"))), person()) == OPENED


def test_a_snooze_that_the_last_dm_answered_wakes_nobody_again() -> None:
    woken = sent("23 10:00", "24 8:00", of=reminder_state(request=request(snoozed_until=at("23 20:00"))))
    assert until(decide(woken, at("24 8:01"))) == at("25 8:00")


def test_the_rhythm_stands_still_while_the_reviewer_is_away() -> None:
    half_a_day_off = reminder_state(person=person(absences=(leave("23 12:00", "24 11:00"),)))
    assert until(decide(sent("23 10:00", of=half_a_day_off), at("23 11:00"))) == at("24 13:00")


def test_a_snooze_of_everything_that_is_over_opens_no_night() -> None:
    awake = reminder_state(person=person(snoozed_until=at("23 9:00")))
    assert until(decide(awake, at("23 20:00"))) == at("24 8:00")


def test_a_budget_that_is_spent_tonight_is_whole_tomorrow_morning() -> None:
    assert until(decide(reminder_state(dms_today=8), at("23 20:00"))) == at("24 8:00")


def test_a_budget_that_is_spent_today_holds_back_nothing_that_is_due_tomorrow() -> None:
    reminded = sent("23 10:00", "23 15:00", of=reminder_state(dms_today=8))
    assert until(decide(reminded, at("23 15:30"))) == at("24 15:00")


def test_what_is_over_the_budget_waits_for_the_first_day_back() -> None:
    leaving = reminder_state(dms_today=8, person=person(absences=(leave("23 23:00", "25 23:00"),)))
    assert until(decide(leaving, OPENED)) == at("26 8:00")


def test_each_person_has_a_budget_of_their_own() -> None:
    frugal = person(dms_per_day=2)
    assert decide(reminder_state(person=frugal, dms_today=1), OPENED) == Send(sequence=0)
    assert until(decide(reminder_state(person=frugal, dms_today=2), OPENED)) == at("24 8:00")
    assert decide(reminder_state(person=person(dms_per_day=20), dms_today=9), OPENED) == Send(sequence=0)


def test_every_dm_that_shows_something_outdated_is_edited() -> None:
    both = sent("23 10:00", "23 14:00")
    retitled = both.model_copy(update={"pull_request": pull_request(title="Round down")})
    assert decide(retitled, at("23 14:05")) == Edit(message_ids=(0, 1))


def test_no_time_of_an_absence_counts_as_waiting_or_as_silence() -> None:
    day_off = reminder_state(person=person(absences=(leave("23 23:00", "24 23:00"),)))
    assert waiting_time(day_off, at("25 10:00")) == timedelta(hours=8)
    assert no_answer_at(day_off, OPENED) == at("26 10:00")


def test_nobody_waits_for_a_reviewer_whom_nobody_knows() -> None:
    assert waiting_time(reminder_state(person=None), at("25 10:00")) == timedelta(0)
    assert no_answer_at(reminder_state(person=None), OPENED) is None


@pytest.mark.parametrize(
    ("quiet", "word"),
    [
        (reminder_state(pull_request=pull_request(is_draft=True)), "draft"),
        (reminder_state(is_approved_enough=True), "approvals"),
        (reminder_state(request=request(is_muted=True)), "Muted"),
    ],
)
def test_only_the_newest_dm_says_why_nothing_is_asked(quiet: ReminderState, word: str) -> None:
    both = sent("23 10:00", "23 14:00", of=quiet)
    older, newest = (card_of(both, dm) for dm in both.messages)
    assert (older.look, older.note) == (Look.OLDER, "")
    assert newest.look is Look.QUIET
    assert word in newest.note


def test_who_was_welcomed_by_another_dm_is_not_welcomed_again() -> None:
    welcomed = sent("23 10:00", of=reminder_state(person=person(welcomed_at=at("20 10:00"))))
    assert not card_of(welcomed, welcomed.messages[0]).is_first_ever
    assert not next_card(welcomed, 1).is_first_ever


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        (
            reminder_state(request=request(closed_at=OPENED, close_reason=CloseReason.APPROVED)),
            CloseReason.APPROVED,
        ),
        (reminder_state(pull_request=pull_request(state=PullRequestState.MERGED)), CloseReason.MERGED),
        (
            reminder_state(
                pull_request=pull_request(state=PullRequestState.MERGED),
                request=request(closed_at=OPENED, close_reason=CloseReason.UNASSIGNED),
            ),
            CloseReason.UNASSIGNED,
        ),
        (reminder_state(), None),
    ],
    ids=["approved", "merged a moment ago", "unassigned, then merged", "not over"],
)
def test_a_struck_dm_says_how_it_ended(over: ReminderState, reason: CloseReason | None) -> None:
    struck = sent("23 10:00", of=over)
    assert card_of(struck, struck.messages[0]).close_reason is reason


@pytest.mark.parametrize(
    ("state", "time", "silence"),
    [
        (MessageState.SENDING, "23 10:00", None),
        (MessageState.SENDING, "23 10:02", Silence.UNCONFIRMED),
        (MessageState.UNKNOWN, "23 10:00", Silence.UNCONFIRMED),
        (MessageState.UNKNOWN, "23 15:00", Silence.UNCONFIRMED),
    ],
)
def test_a_dm_is_unconfirmed_once_its_reply_is_late(
    state: MessageState, time: str, silence: Silence | None
) -> None:
    outlook = find_outlook(unsent(state), at(time))
    assert outlook.silence is silence
    assert outlook.is_stuck == (time == "23 15:00")
    if silence is None:
        assert describe_for_author(outlook, "ana") == "the first DM to ana is due now."
    else:
        assert outlook.next_at is None
        assert not outlook.is_end
