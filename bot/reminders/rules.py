"""When a reviewer gets a DM about a review request, and what it shows. Pure: `now` is an argument."""

import hashlib
from datetime import datetime, timedelta

from bot.assignment.model import CATCH_ALL
from bot.people.model import Person
from bot.reminders.model import (
    Card,
    Close,
    Edit,
    Look,
    Message,
    MessageState,
    Outlook,
    Reconcile,
    ReminderState,
    Send,
    Silence,
    Step,
    Wait,
)
from bot.reminders.planning import intervals, is_heard_of, is_late, list_in_digest, list_tomorrow, planned_at
from bot.reminders.words import for_reviewer
from bot.reviews.model import CloseReason
from bot.working_time import add_working_time, next_working_instant, working_time_between

MOST_ABOUT_ONE = 3
"""DMs a day to one person about one pull request, unless a human asks again. The first contact and a reminder
fit; an author who closes and reopens in a loop must not use up the reader's budget."""


def decide(state: ReminderState, now: datetime) -> Step:
    """The next step about a review request.

    Sending comes before editing, so that a reminder is live before the older one collapses under it.
    """
    if state.unresolved is not None:
        return Reconcile(message=state.unresolved)
    wait = why_not_now(state, now)
    if wait is None:
        return Send(sequence=len(state.messages))
    if outdated := tuple(m.id for m in state.sent if m.shown != fingerprint(card_of(state, m))):
        return Edit(message_ids=outdated)
    return Close(detail=wait.detail) if state.is_over else wait


def why_not_now(state: ReminderState, now: datetime) -> Wait | None:
    """Until when nothing is sent, and why. None: a DM is due now."""
    if (why := _why_never(state)) is not None:
        return Wait(until=None, why=why, detail=_detail(state, why))
    assert state.person is not None  # noqa: S101 - or _why_never would have given a reason
    if (due := due_at(state, state.person)) is None:
        return Wait(until=None, why=Silence.ALL_SENT)
    planned = planned_at(state, state.person, due, now)
    if planned is None or (at := _first_chance(state.person, planned, now)) is None:
        return Wait(until=None, why=Silence.NEVER_AT_WORK)
    if planned <= now and state.digest_planned_at is not None:
        return list_in_digest(state, state.person, planned, now)
    if at > now:
        return Wait(until=at, why=_why_later(state, state.person, due, now))
    return _why_no_dm(state, state.person, planned, now)


def _why_no_dm(state: ReminderState, person: Person, planned: datetime, now: datetime) -> Wait | None:
    """Why no DM is sent that could be sent now; None: the DM is sent."""
    if is_late(planned, now):
        return list_in_digest(state, person, planned, now)
    if state.dms_today >= person.dms_per_day or _is_repeated(state):
        return list_tomorrow(state, person, now)
    # The fact that ended it may have been lost, so GitHub is asked before anybody is reminded again.
    is_doubtful = bool(state.contacts) and not is_heard_of(state, now)
    return Wait(until=None, why=Silence.LATE) if is_doubtful else None


def _is_repeated(state: ReminderState) -> bool:
    return state.request.requested_by is None and state.dms_about_it_today >= MOST_ABOUT_ONE


def _why_never(state: ReminderState) -> Silence | None:
    """Why nothing is sent until a fact or a person changes something."""
    request, person = state.request, state.person
    reasons = (
        (state.is_over, Silence.OVER),
        (bool(state.blocked_by), Silence.BLOCKED),
        (state.pull_request.is_draft, Silence.DRAFT),
        (state.is_approved_enough, Silence.APPROVED),
        (request.is_snoozed_until_change and state.is_backlog and not state.contacts, Silence.BACKLOG),
        (person is None, Silence.UNLINKED),
        (person is not None and not person.is_active, Silence.DEACTIVATED),
        (request.is_muted, Silence.MUTED),
        (request.is_snoozed_until_change, Silence.SNOOZED_UNTIL_CHANGE),
        (state.has_twin, Silence.TWIN),
        (any(m.state is MessageState.FAILED for m in state.messages), Silence.REFUSED),
    )
    return next((why for holds, why in reasons if holds), None)


def _detail(state: ReminderState, why: Silence) -> str:
    if why is Silence.OVER:
        return str(_close_reason(state)).replace("_", " ")
    if why is Silence.REFUSED:
        return next((m.error for m in state.messages if m.state is MessageState.FAILED and m.error), "")
    return state.blocked_by if why is Silence.BLOCKED else ""


def due_at(state: ReminderState, person: Person) -> datetime | None:
    """When the next DM is due, working hours and budgets aside; None if all reminders were sent.

    A request that was snoozed after its last contact (a DM, or a digest that lists it) is due when the snooze
    ends, whatever the rhythm says.
    """
    contacts, woken = state.contacts, state.request.snoozed_until
    if not contacts:
        return max(state.request.opened_at, woken or state.request.opened_at)
    if woken is not None and woken > contacts[-1]:
        return woken
    return _next_reminder_at(state, person)


def _next_reminder_at(state: ReminderState, person: Person) -> datetime | None:
    """Counts the rhythm's gap from the last contact: reminders that were held back come in no burst."""
    reminders = len(state.contacts) - 1
    if reminders >= len(state.rhythm.after):
        return None
    rhythm = (timedelta(0), *state.rhythm.after)
    gap = rhythm[reminders + 1] - rhythm[reminders]
    return add_working_time(person.hours, state.contacts[-1], gap, intervals(person))


def _first_chance(person: Person, planned: datetime, now: datetime) -> datetime | None:
    """The first instant from `now` on when this person may get a DM that is planned; None if never."""
    return planned if planned > now else next_working_instant(person.hours, now, intervals(person))


def _why_later(state: ReminderState, person: Person, due: datetime, now: datetime) -> Silence:
    if person.away_until(now) is not None:
        return Silence.AWAY
    if person.snoozed_until is not None and person.snoozed_until > now:
        return Silence.ALL_SNOOZED
    if due > now:
        return Silence.SNOOZED if due == state.request.snoozed_until else Silence.NOT_DUE
    return Silence.OUTSIDE_HOURS


def no_answer_at(state: ReminderState, first_sent_at: datetime) -> datetime | None:
    """When the author is notified of a missing answer, counted in the reviewer's working time."""
    if state.person is None:
        return None
    after = state.rhythm.notify_author_after
    return add_working_time(state.person.hours, first_sent_at, after, intervals(state.person))


def waiting_time(state: ReminderState, now: datetime) -> timedelta:
    """How long the request has waited, in the reviewer's working time."""
    if state.person is None:
        return timedelta(0)
    return working_time_between(state.person.hours, state.request.opened_at, now, intervals(state.person))


def card_of(state: ReminderState, message: Message) -> Card:
    """The card that a DM should show now."""
    welcomed_at = state.person.welcomed_at if state.person else None
    is_first_ever = message.sending_at == welcomed_at
    look = _look(state, message)
    # The year of the DM decides whether a day gets its year, so that no DM is edited at New Year.
    note = quiet_note(state, message.sending_at) if look is Look.QUIET else ""
    return _card(state, look, number_of(state, message), note=note, is_first_ever=is_first_ever)


def number_of(state: ReminderState, message: Message) -> int:
    """The number that a DM shows: 0 is the first contact, and a digest that listed the review counts."""
    return message.sequence + sum(listed_at < message.sending_at for listed_at in state.digested)


def next_card(state: ReminderState, sequence: int) -> Card:
    """The card of a new DM."""
    is_first_ever = state.person is not None and state.person.welcomed_at is None
    return _card(state, Look.LIVE, sequence + len(state.digested), is_first_ever=is_first_ever)


def _look(state: ReminderState, message: Message) -> Look:
    if state.is_over:
        return Look.OVER
    if message.id != state.sent[-1].id:
        return Look.OLDER
    return Look.QUIET if quiet_silence(state) else Look.LIVE


def quiet_silence(state: ReminderState) -> Silence | None:
    """Why nothing is asked of the reader for now; None if their review is wanted, reminded or not."""
    reasons = (
        (state.pull_request.is_draft, Silence.DRAFT),
        (state.is_approved_enough, Silence.APPROVED),
        (state.person is None, Silence.UNLINKED),
        (state.request.is_muted, Silence.MUTED),
        (state.away_until is not None, Silence.AWAY),
    )
    return next((why for holds, why in reasons if holds), None)


def quiet_note(state: ReminderState, now: datetime) -> str:
    """The same in words for the reader; empty if their review is wanted."""
    if quiet_silence(state) is None:
        return ""
    zone = state.person.zone if state.person else "UTC"
    return for_reviewer(Outlook(silence=quiet_silence(state), now=now, until=state.away_until, zone=zone))


def look_changes_at(state: ReminderState, now: datetime) -> datetime | None:
    """When the DMs next change just because time passes: an absence begins or ends. None if they do not."""
    if state.person is None or not state.sent:
        return None
    moments = (moment for absence in intervals(state.person) for moment in absence if moment > now)
    return min(moments, default=None)


def _card(state: ReminderState, look: Look, sequence: int, *, note: str = "", is_first_ever: bool) -> Card:
    pull_request, request = state.pull_request, state.request
    return Card(
        request_id=request.id,
        look=look,
        sequence=sequence,
        repository=pull_request.repository,
        number=pull_request.number,
        title=pull_request.title,
        url=pull_request.url,
        author=pull_request.author.login,
        additions=pull_request.additions,
        deletions=pull_request.deletions,
        turn=turn(state),
        owned=state.pattern if _is_owner(state) else "",
        reminders=len(state.rhythm.after),
        note=note,
        close_reason=_close_reason(state) if look is Look.OVER else None,
        is_first_ever=is_first_ever,
    )


def turn(state: ReminderState) -> str:
    """Why it is the reader's turn. If a rule chose them, the card goes on with the pattern that they own."""
    who = state.request.requested_by
    if state.request.is_again:
        return f"{who} asked you again" if who else "your review is asked for again"
    if state.is_fallback:
        return "asked of you because nobody else could be asked"
    if state.pattern in CATCH_ALL:
        return "asked of you because you review everything here"
    if state.pattern:
        return "asked of you because you own"
    return f"{who} asked for your review" if who else "your review is asked for"


def _is_owner(state: ReminderState) -> bool:
    """Whether the pattern says why they were asked."""
    return not (state.request.is_again or state.is_fallback or state.pattern in CATCH_ALL)


def _close_reason(state: ReminderState) -> CloseReason:
    if state.request.close_reason is not None:
        return state.request.close_reason
    return CloseReason(state.pull_request.state)


def fingerprint(card: Card) -> str:
    """Differs for cards that show different things. A card has no age: no DM is edited to grow older."""
    return hashlib.md5(card.model_dump_json().encode(), usedforsecurity=False).hexdigest()
