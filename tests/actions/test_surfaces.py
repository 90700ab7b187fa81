"""DM, Home, `/reviews`, `/reviews why`, the author's notice, `ripe why` and the page never disagree."""

from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

from bot.actions.explain import describe_request
from bot.actions.reviews import arrange
from bot.actions.why import describe_silence
from bot.flows.standstill import describe_for_author
from bot.reminders.model import Close, Look, MessageState, Outlook, ReminderState, Send, Silence, Wait
from bot.reminders.outlook import find_outlook
from bot.reminders.rules import card_of, decide, quiet_note
from bot.reminders.words import about_reviewer, for_reviewer
from bot.sandbox.page.state import show_request
from bot.slack.messages import render_card
from bot.slack.views import ReviewQueue, render_home, render_queue
from tests.factories import at, leave, message, person, pull_request, reminder_state, request

NOW = at("24 10:00")
"""Tuesday, in the middle of Ana's working day."""
NIGHT = at("24 20:00")

AWAY = (leave("23 23:00", "30 23:00"),)
PERSONS: tuple[dict[str, Any], ...] = (
    {},
    {"absences": AWAY},
    {"absences": (leave("23 23:00", "24 23:00"),)},
    {"snoozed_until": at("25 9:00")},
    {"snoozed_until": at("30 9:00"), "absences": AWAY},
    {"is_active": False},
    {"spans": {}},
)
REQUESTS: tuple[dict[str, Any], ...] = (
    {},
    {"is_muted": True},
    {"is_snoozed_until_change": True},
    {"snoozed_until": at("26 9:00")},
    {"snoozed_until": at("30 9:00")},
)
STATES: tuple[dict[str, Any], ...] = (
    {},
    {"is_approved_enough": True},
    {"pull_request": pull_request(is_draft=True)},
    {"blocked_by": "paused by Olga since 2026-11-23 09:00Z"},
    {"has_twin": True},
    {"dms_today": 8},
    {"person": None},
    {"is_backlog": True},
    {"synced_at": None},
)
MESSAGES = (
    (),
    (message(0, "23 10:00", "x"),),
    (message(0, "24 9:00", "x"),),
    (message(0, "23 14:00", "x"),),
    tuple(message(number, f"23 1{number}:00", "x") for number in range(4)),
    (message(0, "23 10:00", "x"), message(1, "23 14:00", None, MessageState.FAILED)),
    (message(0, "23 10:00", "x"), message(1, "24 9:59", None, MessageState.UNKNOWN)),
)


class Case(NamedTuple):
    state: ReminderState
    outlook: Outlook


def cases() -> Iterator[Case]:
    """4,410 states: every combination of what quiets a person, a request and a pull request."""
    for who, what, rest, messages, now in product(PERSONS, REQUESTS, STATES, MESSAGES, (NOW, NIGHT)):
        fields: dict[str, Any] = {
            "person": person(**who),
            "request": request(**what),
            "messages": messages,
            "synced_at": now,
        }
        state = reminder_state(**(fields | rest))
        if state.person is not None and state.person.current_absence(now):
            state = state.model_copy(update={"away_until": state.person.away_until(now)})
        yield Case(state, find_outlook(state, now))


CASES = list(cases())
REASONS = {case.outlook.silence for case in CASES}


def now_of(number: int) -> Any:
    return (NOW, NIGHT)[number % 2]


def home_of(state: ReminderState, now: Any) -> ReviewQueue:
    reader = state.person or person()
    return arrange(reader, [(state.request, state.pull_request)], [], [state], now)


def text_of(blocks: Any) -> str:
    return str(list(blocks)).replace("\u2060", "")


def test_the_states_have_every_reason_that_a_state_can_have() -> None:
    assert set(Silence) - REASONS <= {Silence.OVER, Silence.AFTER_OTHERS}
    assert None in REASONS


def test_the_outlook_is_what_the_reminder_job_decides() -> None:
    for number, (state, outlook) in enumerate(CASES):
        settled = [m for m in state.messages if not m.is_unresolved]
        shown = [m.model_copy(update={"shown": None}) for m in settled]
        settled_state = state.model_copy(update={"messages": tuple(shown)})
        step = decide(settled_state.model_copy(update={"messages": tuple(settled)}), now_of(number))
        if state.unresolved is not None:
            continue  # first, Slack is asked
        assert (outlook.silence is None) == isinstance(step, Send), state
        if isinstance(step, Wait):
            assert (step.why, step.until) == (outlook.silence, outlook.next_at), state
        assert not isinstance(step, Close)


def test_your_turn_stands_only_where_the_dm_asks_for_something() -> None:
    for number, (state, outlook) in enumerate(CASES):
        queue = home_of(state, now_of(number))
        dms = [m for m in state.sent]
        if not dms or outlook.silence in (Silence.TWIN, Silence.UNLINKED):
            continue
        card = card_of(state, dms[-1])
        if card.look is Look.QUIET:
            assert queue.my_turn == (), state
        if queue.my_turn:
            assert card.look is Look.LIVE, state
        if queue.quiet:
            assert card.look is Look.QUIET, state
            assert card.note in queue.quiet[0].outlook, state
            assert card.note in text_of(render_card(card, NOW - NOW).blocks), state


def test_home_and_reviews_and_why_say_the_same_to_the_reviewer() -> None:
    for number, (state, outlook) in enumerate(CASES):
        queue, now = home_of(state, now_of(number)), now_of(number)
        text = quiet_note(state, now) or ("" if outlook.silence is None else for_reviewer(outlook))
        listed = [*queue.my_turn, *queue.resting, *queue.quiet]
        assert len(listed) == (0 if outlook.silence is Silence.TWIN else 1), state
        assert [asked.outlook for asked in listed] == [text] * len(listed)
        reader = state.person or person()
        home = text_of(render_home(queue, reader, now)["blocks"])
        answer = text_of(render_queue(queue, reader, now).blocks)
        assert home == answer
        assert all(text in home for _ in listed), (state, text)
        assert [line.replace("\u2060", "") for line in describe_silence(state, now)] == [text] * bool(text)


def test_the_notice_why_and_the_page_say_the_same_of_the_reviewer() -> None:
    for number, (state, outlook) in enumerate(CASES):
        now = now_of(number)
        clause, in_page = about_reviewer(outlook, "ana"), about_reviewer(outlook, "Ana")
        *_, last = describe_request(state, now)
        notice, page = describe_for_author(outlook, "ana"), show_request(state, {}, now)
        assert clause.lower() in last.lower(), state
        assert in_page in page["next"] or outlook.silence in (None, Silence.NOT_DUE), state
        assert clause in notice or notice == "Ripe goes on reminding ana.", state
        assert ("Nothing more is sent" in last) == outlook.is_end, state
        assert page["next"].endswith("nothing more is sent") == outlook.is_end, state
        assert (page["next_at"] is None) == (outlook.next_at is None), state


def test_ripe_goes_on_reminding_only_where_it_does() -> None:
    for state, outlook in CASES:
        if "goes on" in describe_for_author(outlook, "ana"):
            assert outlook.next_at is not None, state
            assert outlook.silence not in (Silence.AWAY, Silence.MUTED, Silence.SNOOZED), state


def test_a_reviewer_who_is_stuck_gets_no_dm_before_two_working_days_have_passed() -> None:
    for number, (state, outlook) in enumerate(CASES):
        if outlook.is_stuck:
            assert outlook.next_at is None or outlook.next_at > at("26 8:00"), (state, now_of(number))
        elif outlook.next_at is not None and outlook.silence is not Silence.UNCONFIRMED:
            assert outlook.next_at <= at("27 8:00"), (state, now_of(number))
