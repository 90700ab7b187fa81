"""DMs to a person that are about no single pull request."""

from collections.abc import Sequence
from datetime import datetime

from bot.reviews.model import PullRequest
from bot.slack.escape import disarm
from bot.slack.messages import MOST_IN_NAME, Rendered, context, label, section, title_link

MOST_LISTED = 20
"""Lines: Slack shows at most fifty blocks, and a person reads fewer."""

_WELCOME = (
    "This is the first you hear of Ripe. Your team connected it to its repositories: it reminds you, in your"
    " working hours, of reviews that wait for you. `/snooze` pauses it, `/ooo` says when you are away."
)


def render_backlog(
    pull_requests: Sequence[PullRequest], now: datetime, *, is_first_ever: bool = False
) -> Rendered:
    """The reviews that were open before Ripe came, the oldest first; from the 21st on they are counted."""
    count = len(pull_requests)
    verb = "review has" if count == 1 else "reviews have"
    told = f"{count} {verb} been waiting for you since before Ripe was installed"
    oldest_first = sorted(pull_requests, key=lambda one: (one.created_at, one.id))
    blocks = [section(f"*{told}*")]
    blocks += [section(_line(one, now)) for one in oldest_first[:MOST_LISTED]]
    if count > MOST_LISTED:
        blocks.append(context(f"and {count - MOST_LISTED} more"))
    blocks.append(
        context("You hear of one of these again when something happens to it. `/reviews` lists all.")
    )
    if is_first_ever:
        blocks.append(context(_WELCOME))
    return Rendered(blocks=tuple(blocks), text=f"{told}.")


def _line(pull_request: PullRequest, now: datetime) -> str:
    author = disarm(pull_request.author.login, MOST_IN_NAME)
    age = _describe_age((now - pull_request.created_at).days)
    return f"• {title_link(pull_request)} · {label(pull_request)} · by {author} · {age}"


def _describe_age(days: int) -> str:
    """Of the pull request, in days of the calendar: since when it waits for whom, GitHub does not list."""
    if days < 1:
        return "opened today"
    return f"opened {days} day{'s' if days > 1 else ''} ago"
