"""When a digest lists a review instead of a DM, and which DM goes first. Pure."""

from datetime import datetime, timedelta

import pytest

from bot.github.model import Account
from bot.model import AccountId, RequestId
from bot.reminders.importance import importance_of, put_in_turn
from bot.reminders.model import UNTIL_CHANGE, After, MessageState, ReminderState, Rhythm, Send, Silence, Wait
from bot.reminders.planning import quiet_until
from bot.reminders.rules import decide, next_card
from tests.factories import OPENED, at, leave, message, person, pull_request, reminder_state, request
from tests.reminders.states import sent

HEARD_OF = at("24 8:30")
BOT = Account(id=AccountId(9), login="renovate[bot]", is_bot=True)


def in_digest(until: str) -> Wait:
    return Wait(until=at(until), why=Silence.IN_DIGEST)


def numbered(number: int, **changes: object) -> ReminderState:
    """A request of its own, opened so many minutes later."""
    opened_at = OPENED + timedelta(minutes=number)
    return reminder_state(request=request(id=RequestId(number), opened_at=opened_at, **changes))


@pytest.mark.parametrize(
    ("now", "step"),
    [
        ("23 12:00", Send(sequence=0)),
        ("23 12:01", Wait(until=None, why=Silence.LATE)),
        ("24 9:00", Wait(until=None, why=Silence.LATE)),
        ("23 20:00", Wait(until=at("24 8:00"), why=Silence.OUTSIDE_HOURS)),
    ],
)
def test_two_hours_late_is_late_and_github_is_asked(now: str, step: object) -> None:
    assert decide(reminder_state(), at(now)) == step


def test_what_github_has_answered_is_listed_today() -> None:
    late = reminder_state(synced_at=HEARD_OF)
    assert decide(late, at("24 9:00")) == in_digest("24 9:00")
    by_fact = reminder_state(pull_request=pull_request(updated_at=HEARD_OF))
    assert decide(by_fact, at("24 9:00")) == in_digest("24 9:00")


def test_after_the_digest_of_today_it_is_listed_tomorrow() -> None:
    assert decide(reminder_state(synced_at=HEARD_OF, has_digest_today=True), at("24 9:00")) == in_digest(
        "25 8:00"
    )


@pytest.mark.parametrize(
    "changed",
    [{"quiet_until": UNTIL_CHANGE}, {"quiet_until": at("24 8:59")}, {"clock_moved_at": at("24 8:59")}],
    ids=["wanted since now", "wanted since a minute", "a moved clock"],
)
def test_a_dm_that_could_not_be_sent_earlier_is_not_late(changed: dict[str, datetime]) -> None:
    assert decide(reminder_state(**changed), at("24 9:00")) == Send(sequence=0)


def test_a_wish_that_ended_before_the_outage_excuses_nothing() -> None:
    assert decide(reminder_state(quiet_until=at("23 11:00")), at("24 9:00")) == Wait(
        until=None, why=Silence.LATE
    )


def test_a_planned_line_waits_for_its_digest_and_is_asked_about_if_that_is_late() -> None:
    planned = reminder_state(digest_planned_at=at("24 8:00"), synced_at=at("23 10:00"))
    assert decide(planned, at("23 20:00")) == in_digest("24 8:00")
    assert decide(planned, at("24 9:00")) == in_digest("24 9:00")
    assert decide(planned, at("24 11:00")) == Wait(until=None, why=Silence.LATE)


def test_a_line_planned_for_a_day_of_leave_comes_on_return() -> None:
    away = person(absences=(leave("23 23:00", "25 23:00"),))
    planned = reminder_state(person=away, digest_planned_at=at("24 8:00"))
    assert decide(planned, at("24 9:00")) == in_digest("26 8:00")


def test_a_line_counts_as_a_contact() -> None:
    listed = reminder_state(digested=(at("24 8:00"),))
    assert decide(listed, at("24 8:01")) == Wait(until=at("24 12:00"), why=Silence.NOT_DUE)
    assert next_card(listed, 0).sequence == 1
    after_the_last = sent(
        "23 10:00", of=reminder_state(digested=(at("23 14:00"), at("24 8:00"), at("25 8:00")))
    )
    assert decide(after_the_last, at("26 8:00")) == Wait(until=None, why=Silence.ALL_SENT)


@pytest.mark.parametrize(
    ("wait", "before", "after"),
    [
        (Wait(until=None, why=Silence.MUTED), None, UNTIL_CHANGE),
        (Wait(until=at("25 8:00"), why=Silence.SNOOZED), None, at("25 8:00")),
        (Wait(until=None, why=Silence.BLOCKED), None, None),
        (Wait(until=at("24 8:00"), why=Silence.OUTSIDE_HOURS), UNTIL_CHANGE, at("23 10:00")),
        (None, UNTIL_CHANGE, at("23 10:00")),
        (None, at("20 10:00"), at("20 10:00")),
    ],
    ids=["mute", "snooze", "pause", "unmuted at night", "sent", "long ago"],
)
def test_a_wish_is_remembered_until_it_ends(
    wait: Wait | None, before: datetime | None, after: datetime | None
) -> None:
    assert quiet_until(reminder_state(quiet_until=before), wait, at("23 10:00")) == after


def test_first_contacts_and_humans_go_first_then_the_oldest() -> None:
    human, younger = numbered(2), numbered(3)
    by_rule, by_nobody = numbered(1, requested_by="ripe[bot]"), numbered(0, requested_by=None)
    of_bot = numbered(4).model_copy(update={"pull_request": pull_request(author=BOT)})
    reminder = sent("23 10:00", of=numbered(0))
    shuffled = [reminder, of_bot, by_rule, younger, by_nobody, human]
    assert sorted(shuffled, key=importance_of) == [human, younger, by_nobody, by_rule, of_bot, reminder]


def in_turn(state: ReminderState, *others: ReminderState, now: str = "23 10:05") -> object:
    assert state.person is not None
    return put_in_turn(Send(sequence=0), state, state.person, others, at(now))


def test_a_less_important_dm_lets_the_most_important_one_go_first() -> None:
    assert in_turn(numbered(3), numbered(2), numbered(1)) == After(request_id=RequestId(1))
    assert in_turn(numbered(1), numbered(2), numbered(3)) == Send(sequence=0)


def test_a_dm_on_the_wire_is_waited_for_and_ten_minutes_at_most() -> None:
    first = numbered(1).model_copy(update={"messages": (message(0, "23 10:05", None, MessageState.SENDING),)})
    assert in_turn(numbered(2), first) == Wait(
        until=at("23 10:05") + timedelta(seconds=1), why=Silence.AFTER_OTHERS
    )
    assert in_turn(numbered(2), first, now="23 10:06") == Send(sequence=0)
    assert in_turn(numbered(2), numbered(1), now="23 10:13") == Send(sequence=0)


def test_the_budget_goes_to_the_most_important_and_the_last_dm_counts_the_others() -> None:
    frugal = person(dms_per_day=1)
    first, second, third = (numbered(n).model_copy(update={"person": frugal}) for n in (1, 2, 3))
    assert in_turn(second, first, third) == in_digest("24 8:00")
    assert in_turn(first, second, third) == Send(sequence=0, more=2)
    planned = third.model_copy(update={"digest_planned_at": at("24 8:00")})
    assert in_turn(first, second, planned) == Send(sequence=0, more=2)
    assert in_turn(first) == Send(sequence=0)


def test_after_five_digests_it_is_listed_no_more() -> None:
    hours = Rhythm(after=tuple(timedelta(hours=number) for number in range(1, 9)))
    days = tuple(at(f"{day} 8:00") for day in range(16, 21))
    listed = reminder_state(rhythm=hours, digested=days, request=request(opened_at=at("13 10:00")))
    assert decide(listed.model_copy(update={"dms_today": 8}), at("20 9:00")) == Wait(
        until=None, why=Silence.ALL_SENT
    )
    assert decide(listed, at("20 9:00")) == Send(sequence=0)
    assert decide(listed, at("23 9:00")) == Wait(until=None, why=Silence.ALL_SENT)
