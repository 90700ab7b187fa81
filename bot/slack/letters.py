"""DMs to a person that are about no single pull request."""

from collections.abc import Collection, Sequence
from datetime import datetime

from bot.reviews.model import PullRequest
from bot.slack.escape import disarm
from bot.slack.messages import MOST_IN_NAME, Rendered, context, join_words, label, section, title_link

MOST_LISTED = 20
"""Lines: Slack shows at most fifty blocks, and a person reads fewer."""

_WELCOME = (
    "This is the first you hear of Ripe. Your team connected it to its repositories: it reminds you, in your"
    " working hours, of reviews that wait for you. `/snooze` pauses it, `/ooo` says when you are away."
)

_NOW = (
    "*What happens now.* Open pull requests of the last 14 days are read. Nobody gets a DM about each: every"
    " reviewer gets one list when their next working day begins."
)
_NEXT = (
    "`ripe people import FILE` connects GitHub logins to Slack, and `ripe config apply FILE` says who reviews"
    " which files. Where there is no rule, Ripe writes nothing to GitHub: it only reminds those whom somebody"
    " asked."
)
_STOP = (
    "*How to stop it.* Suspend or uninstall the App in the account's settings on GitHub: from then on"
    " nothing is asked or sent, and a day after it was uninstalled its data is deleted. `/snooze` pauses"
    " your own DMs."
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


def render_greeting(account: str, repositories: Sequence[str], ruled: Collection[str]) -> Rendered:
    """To whoever installed the App on an account. `ruled` are the repositories with rules, in lower case."""
    told = f"You installed Ripe on {disarm(account, MOST_IN_NAME) or 'GitHub'}"
    names = _join_names(repositories) or "no repositories yet"
    without = _join_names([name for name in repositories if name.lower() not in ruled])
    ruleless = f" No rules yet for {without}." if without else ""
    blocks = (
        section(f"*{told}*\n{names}"),
        section(_NOW),
        section(f"*What to do next.*{ruleless} {_NEXT}"),
        section(_STOP),
    )
    return Rendered(blocks=blocks, text=f"{told}: {names}.")


def _join_names(repositories: Sequence[str]) -> str:
    names = [disarm(name, MOST_IN_NAME) for name in repositories]
    return join_words(names) if names else ""
