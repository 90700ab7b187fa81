"""The permissions and events that the App asks its owners for.

Owners accept all of them or none, and GitHub asks them again if the App wants more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ProfileOption:
    """Something a person may choose, and its price: permissions by name, and webhook events."""

    title: str
    explanation: str
    permissions: Mapping[str, str]
    events: Sequence[str] = field(default=())


_PULL_REQUESTS = ("pull_request", "pull_request_review", "pull_request_review_thread", "repository")

PROFILES = {
    "assign": ProfileOption(
        "Assign and remind",
        "Ripe picks reviewers who own the changed files and are at work, asks them on GitHub, and reminds "
        "them in Slack. It writes nothing but review requests, and only where you give it rules.",
        {"metadata": "read", "pull_requests": "write", "members": "read"},
        (*_PULL_REQUESTS, "team", "membership"),
    ),
    "notify": ProfileOption(
        "Only remind",
        "People ask for reviews as before; Ripe reminds the people they ask. It cannot change anything on "
        "GitHub, and does not see who is in a team.",
        {"metadata": "read", "pull_requests": "read"},
        _PULL_REQUESTS,
    ),
}
OPTIONS = {
    "ci": ProfileOption(
        "Checks",
        "To stay quiet while checks fail. This version does not use it yet; granted now, nobody has to be "
        "asked again.",
        {"checks": "read", "statuses": "read"},
        ("check_suite", "status"),
    ),
    "comments": ProfileOption(
        "Comments",
        "To see that somebody has answered in the conversation. This version does not use it yet.",
        {"issues": "read"},
    ),
}
USUAL_PROFILE = "assign"

_MEANINGS = {
    "metadata": "names of repositories and who works in them (every App has this)",
    "pull_requests": "pull requests: titles, authors, reviewers, paths of changed files",
    "members": "who is in your organization and in which team",
    "checks": "results of checks",
    "statuses": "results of commit statuses",
    "issues": "comments in conversations",
}


def permissions_of(profile: str, options: Sequence[str]) -> dict[str, str]:
    """Every permission that this choice asks for, with its level."""
    permissions = dict(PROFILES[profile].permissions)
    for option in options:
        permissions |= OPTIONS[option].permissions
    return permissions


def events_of(profile: str, options: Sequence[str]) -> list[str]:
    """Every event that this choice subscribes to. GitHub sends those about installations unasked."""
    return [*PROFILES[profile].events, *(event for option in options for event in OPTIONS[option].events)]


def describe_permissions(permissions: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Each permission with its level and what it shows us."""
    return [(name, level, _MEANINGS[name]) for name, level in permissions.items()]
