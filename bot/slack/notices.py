"""Renders notices: DMs that are not about one review request."""

from collections.abc import Collection, Sequence

from bot.reminders.model import AuthorNoticeKind, NoticeKind
from bot.reviews.model import PullRequest
from bot.slack.escape import disarm, web_address
from bot.slack.messages import (
    MOST_IN_NAME,
    MOST_IN_TITLE,
    OPEN,
    Rendered,
    button,
    context,
    join_words,
    label,
    section,
    title_link,
)

MOST_IN_SENTENCE = 400
"""Characters."""
MOST_LISTED = 20
"""Lines: Slack shows at most fifty blocks, and a person reads fewer."""


_OUR_OWN = ("it ", "a mistake ")
"""A sentence that begins with a name keeps its small letter: names are case-sensitive to their owners."""
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


def render_greeting(account: str, repositories: Sequence[str], ruled: Collection[str]) -> Rendered:
    """Greets the person who installed the App on an account.

    `ruled` are the names of repositories with rules, in lower case.
    """
    headline = f"You installed Ripe on {disarm(account, MOST_IN_NAME) or 'GitHub'}"
    names = _join_names(repositories) or "no repositories yet"
    without = _join_names([name for name in repositories if name.lower() not in ruled])
    ruleless = f" No rules yet for {without}." if without else ""
    blocks = (
        section(f"*{headline}*\n{names}"),
        section(_NOW),
        section(f"*What to do next.*{ruleless} {_NEXT}"),
        section(_STOP),
    )
    return Rendered(blocks=blocks, text=f"{headline}: {names}.")


def _join_names(repositories: Sequence[str]) -> str:
    names = [disarm(name, MOST_IN_NAME) for name in repositories]
    return join_words(names) if names else ""


def render_obstacle_notice(pull_request: PullRequest, sentences: Sequence[str]) -> Rendered:
    """Tells an author that GitHub refuses to help Ripe with their pull request."""
    title = disarm(pull_request.title, MOST_IN_TITLE) or "(no title)"
    headline = "GitHub does not help Ripe with it"
    text = "\n".join(disarm(sentence, MOST_IN_SENTENCE) for sentence in sentences)
    blocks = [section(f"*{title_link(pull_request)}*\n{label(pull_request)} · {headline}"), context(text)]
    return Rendered(blocks=tuple(blocks), text=f"{headline}: {title} ({label(pull_request)})")


def render_admin_notice(sentences: Sequence[str]) -> Rendered:
    """Tells an admin what GitHub and Slack refuse. Only the first 20 are listed."""
    headline = "Ripe cannot do all of its work"
    blocks = [section(f"*{headline}*")]
    blocks += [section(f"• {disarm(sentence, MOST_IN_SENTENCE)}") for sentence in sentences[:MOST_LISTED]]
    if len(sentences) > MOST_LISTED:
        blocks.append(context(f"and {len(sentences) - MOST_LISTED} more"))
    blocks.append(
        context("`ripe doctor` lists all of it, with what to do. You hear of each once, as an admin.")
    )
    return Rendered(blocks=tuple(blocks), text=f"{headline}.")


def render_author_notice(
    kind: AuthorNoticeKind,
    pull_request: PullRequest,
    reviewers: Sequence[str],
    sentences: Sequence[str] = (),
    choices: Sequence[str] = (),
) -> Rendered:
    """Tells an author that a review needs their help.

    `reviewers` are the logins that it is about. `sentences` say what Ripe does about each and why, `choices`
    what the author can do.
    """
    title = disarm(pull_request.title, MOST_IN_TITLE) or "(no title)"
    headline = _headline(kind, reviewers)
    text = " ".join([*map(_sentence, sentences[:MOST_LISTED]), *_choices(choices)])
    blocks = [section(f"*{title_link(pull_request)}*\n{label(pull_request)} · {headline}")]
    blocks += [context(text)] if text else []
    if (url := web_address(pull_request.url)) is not None:
        opening = {**button("Open", OPEN, str(pull_request.id)), "url": url}
        blocks.append({"type": "actions", "elements": [opening]})
    return Rendered(blocks=tuple(blocks), text=f"{headline}: {title} ({label(pull_request)})")


def describe_standstill(kind: AuthorNoticeKind, reviewers: Sequence[str], sentences: Sequence[str]) -> str:
    """The same for one line of a list."""
    return f"{_headline(kind, reviewers)}\n{' '.join(map(_sentence, sentences[:MOST_LISTED]))}"


def _headline(kind: AuthorNoticeKind, reviewers: Sequence[str]) -> str:
    names = join_words([disarm(login, MOST_IN_NAME) for login in reviewers])
    match kind:
        case NoticeKind.NOBODY_REACHABLE:
            return "nobody who was asked can be reached in Slack"
        case NoticeKind.NOBODY_LEFT:
            return "no reviewer could be found"
        case NoticeKind.NO_ANSWER:
            return f"no answer yet from {names}"
        case NoticeKind.NOBODY_ACTS:
            return "nobody is being reminded to review it"


def _sentence(text: str) -> str:
    sentence = disarm(text, MOST_IN_SENTENCE)
    return sentence[:1].upper() + sentence[1:] if sentence.startswith(_OUR_OWN) else sentence


def _choices(choices: Sequence[str]) -> list[str]:
    if not choices:
        return []
    return [f"You can {', '.join(choices[:-1])}{' or ' if choices[1:] else ''}{choices[-1]}."]


def render_unheard(unheard: Sequence[tuple[PullRequest, Sequence[str]]]) -> Rendered:
    """Tells an admin on which pull requests nobody acts, and why. Only the first 20 are listed."""
    count = len(unheard)
    headline = f"Nobody is being reminded to review {count} pull request{'' if count == 1 else 's'}"
    blocks = [section(f"*{headline}*")]
    for about, sentences in unheard[:MOST_LISTED]:
        why = " ".join(map(_sentence, sentences))
        blocks.append(section(f"• {title_link(about)} · {label(about)}\n{why}"))
    if count > MOST_LISTED:
        blocks.append(context(f"and {count - MOST_LISTED} more"))
    readers = "Its author gets" if count == 1 else "Their authors get"
    blocks.append(context(f"{readers} no DMs, so you hear of it once, as an admin."))
    return Rendered(blocks=tuple(blocks), text=f"{headline}.")
