"""Answers why a person was asked: by a rule, or by somebody. It says nothing about why others were not."""

from datetime import datetime

from bot.actions.own import load_own, load_own_by_name
from bot.assignment.model import CATCH_ALL, Chosen, Decision, Skipped, SkipReason, TieBreaker
from bot.assignment.store import list_assignments
from bot.flows.obstacles import describe_obstacle, list_obstacles
from bot.flows.reminder_state import read_reminder_states
from bot.model import RequestId
from bot.people.model import Person
from bot.reminders.model import ReminderState
from bot.reminders.outlook import tell_reviewer
from bot.reviews.model import PullRequest, ReviewRequest
from bot.slack.escape import code, disarm
from bot.slack.messages import Rendered, label, render_text
from bot.slack.notices import MOST_IN_SENTENCE
from bot.slack.times import describe_instant
from bot.slack.views import MOST_IN_OUTLOOK
from jobq import write_transaction

_UNAVAILABLE = frozenset(
    {
        SkipReason.AWAY,
        SkipReason.AT_CAP,
        SkipReason.DEACTIVATED,
        SkipReason.UNKNOWN,
        SkipReason.REFUSED,
    }
)
"""Reasons about a colleague's absence or load. The answer is the same for each, and so gives nothing away."""

_YOU_CAME_FIRST = {
    TieBreaker.MORE_RULES: " You review more of the changed files than others.",
    TieBreaker.FEWER_REVIEWS: " You had the fewest reviews open.",
    TieBreaker.ASKED_LONGER_AGO: " You had not been asked for longer than others.",
    TieBreaker.LOGIN: " Nothing set you apart from others, so the order of the logins decided.",
}


@write_transaction
async def explain_request(person: Person, request_id: RequestId, *, now: datetime) -> Rendered:
    """The answer to the button in a DM. Raises UserError if the request is over or another person's."""
    return await _explain_with_outlook(person, *await load_own(person, request_id), now)


async def explain_by_name(person: Person, full_name: str, number: int, *, now: datetime) -> Rendered:
    """The answer to `/reviews why acme/api#12`. Raises UserError if this person was not asked."""
    return await _explain_with_outlook(person, *await load_own_by_name(person, full_name, number), now)


async def _explain_with_outlook(
    person: Person, request: ReviewRequest, pull_request: PullRequest, now: datetime
) -> Rendered:
    lines = [await _explain(request, pull_request)]
    for state in await read_reminder_states([request.id], now):
        lines += describe_silence(state, now)
    lines += await _describe_obstacles(person, pull_request, now)
    return render_text("\n".join(lines))


async def _describe_obstacles(person: Person, pull_request: PullRequest, now: datetime) -> list[str]:
    """Sentences about the calls that GitHub refuses, unless that began a moment ago."""
    listed = await list_obstacles(now, pull_request_id=pull_request.id)
    sentences = [
        describe_obstacle(obstacle, describe_instant(obstacle.since, person.hours.zone, now))
        for obstacle in listed
        if obstacle.is_shown(now)
    ]
    return [disarm(sentence, MOST_IN_SENTENCE) for sentence in sentences]


def describe_silence(state: ReminderState, now: datetime) -> list[str]:
    """Why no DM comes now; nothing if one does."""
    text = tell_reviewer(state, now)
    return [disarm(text, MOST_IN_OUTLOOK)] if text else []


async def _explain(request: ReviewRequest, pull_request: PullRequest) -> str:
    for assignment in reversed(await list_assignments(pull_request.id)):
        chosen = _verdict(assignment.decision, request)
        if chosen is not None and request.reviewer_id in (assignment.asked or ()):
            reason = _rule(chosen, assignment.decision) + _others(assignment.decision)
            return f"*{label(pull_request)}*: {reason}"
    who = disarm(request.requested_by, 60) if request.requested_by else "Somebody"
    again = " again" if request.is_again else ""
    return f"*{label(pull_request)}*: {who} asked you{again} on GitHub; no rule chose you."


def _verdict(decision: Decision, request: ReviewRequest) -> Chosen | None:
    return next((chosen for chosen in decision.chosen if chosen.account_id == request.reviewer_id), None)


def _rule(chosen: Chosen, decision: Decision) -> str:
    if decision.paths_refused:
        return "GitHub would not tell which files it changes, and the rules name you for that."
    if chosen.is_fallback:
        return "nobody else could be asked, and its repository's rules name you for that."
    if chosen.pattern in CATCH_ALL:
        return "the rules name you for everything in its repository."
    return f"it changes files that match {code(chosen.pattern, 100)}, and the rules name you for those."


def _others(decision: Decision) -> str:
    skipped = [verdict for verdict in decision.verdicts if isinstance(verdict, Skipped)]
    if any(verdict.reason in _UNAVAILABLE for verdict in skipped):
        return " Others were not available."
    lost_by = {verdict.lost_by for verdict in skipped if verdict.reason is SkipReason.BUSIER}
    return next((text for decisive, text in _YOU_CAME_FIRST.items() if lost_by == {decisive}), "")
