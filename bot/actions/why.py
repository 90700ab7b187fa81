"""Answers why a person was asked: by a rule, or by somebody. It says nothing about why others were not."""

from bot.actions.own import load_own, load_own_by_name
from bot.assignment.model import Chosen, Decision, Skipped, SkipReason
from bot.assignment.store import list_assignments
from bot.flows.reminder_state import find_block
from bot.model import RequestId
from bot.people.model import Person
from bot.reviews.model import PullRequest, ReviewRequest
from bot.slack.escape import code, disarm
from bot.slack.messages import Rendered, label, render_text
from jobq import write_transaction

_ABOUT_THE_CHOICE = frozenset({SkipReason.AUTHOR, SkipReason.BOT, SkipReason.BUSIER})
"""Reasons that give away nothing about a colleague's absence or load."""


@write_transaction
async def explain_request(person: Person, request_id: RequestId) -> Rendered:
    """The answer to the button in a DM. Raises UserError if the request is over or another person's."""
    return await _explain_and_hold(*await load_own(person, request_id))


async def explain_by_name(person: Person, full_name: str, number: int) -> Rendered:
    """The answer to `/reviews why acme/api#12`. Raises UserError if this person was not asked."""
    return await _explain_and_hold(*await load_own_by_name(person, full_name, number))


async def _explain_and_hold(request: ReviewRequest, pull_request: PullRequest) -> Rendered:
    text = await _explain(request, pull_request)
    block = await find_block(request.workspace_id, pull_request.id)
    return render_text(f"{text}\nNothing is sent about it for now: {disarm(block, 200)}." if block else text)


async def _explain(request: ReviewRequest, pull_request: PullRequest) -> str:
    for assignment in reversed(await list_assignments(pull_request.id)):
        chosen = _verdict(assignment.decision, request)
        if chosen is not None and request.reviewer_id in (assignment.asked or ()):
            reason = _rule(chosen) + _others(assignment.decision)
            return f"*{label(pull_request)}*: {reason}"
    who = disarm(request.requested_by, 60) if request.requested_by else "Somebody"
    again = " again" if request.is_again else ""
    return f"*{label(pull_request)}*: {who} asked you{again} on GitHub; no rule chose you."


def _verdict(decision: Decision, request: ReviewRequest) -> Chosen | None:
    return next((chosen for chosen in decision.chosen if chosen.account_id == request.reviewer_id), None)


def _rule(chosen: Chosen) -> str:
    if chosen.is_fallback:
        return "nobody else could be asked, and its repository's rules name you for that."
    return f"it changes files that match {code(chosen.pattern, 100)}, and the rules name you for those."


def _others(decision: Decision) -> str:
    skipped = {verdict.reason for verdict in decision.verdicts if isinstance(verdict, Skipped)}
    if skipped - _ABOUT_THE_CHOICE:
        return " Others were not available."
    return " You had the fewest reviews open." if SkipReason.BUSIER in skipped else ""
