"""GitHub payloads for tests, with canaries in everything that must never be kept."""

from typing import Any

Json = dict[str, Any]

CANARY = "canary"
"""Stands in every body, patch and commit text."""


def account(login: str, number: int, kind: str = "User") -> Json:
    return {"id": number, "login": login, "type": kind, "bio": CANARY}


BEN, ANA = account("ben", 201), account("ana", 202)


def pull_request(**changes: Any) -> Json:
    made: Json = {
        "id": 7,
        "number": 12,
        "title": "Round up",
        "html_url": "https://github.com/acme/api/pull/12",
        "body": CANARY,
        "user": BEN,
        "state": "open",
        "merged_at": None,
        "draft": False,
        "head": {"sha": "a1", "repo": {"description": CANARY}},
        "base": {"repo": {"id": 301, "full_name": "acme/api", "description": CANARY}},
        "labels": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "created_at": "2026-11-23T12:00:00Z",
        "updated_at": "2026-11-23T12:00:00Z",
        "additions": 12,
        "deletions": 3,
        "changed_files": 1,
    }
    return made | changes


def pull_request_payload(action: str, *, more: Json | None = None, **changes: Any) -> Json:
    """A pull_request event. `changes` are of the pull request, `more` of the payload itself."""
    return _payload(action, {"pull_request": pull_request(**changes), **(more or {})})


def review_payload(state: str = "approved", action: str = "submitted", **changes: Any) -> Json:
    """A pull_request_review event by Ana."""
    review = {
        "id": 9,
        "user": ANA,
        "state": state,
        "body": CANARY,
        "diff_hunk": CANARY,
        "submitted_at": "2026-11-23T12:00:00Z",
    }
    payload = _payload(action, {"pull_request": pull_request(**changes), "review": review})
    for left_out in ("additions", "deletions", "changed_files"):
        del payload["pull_request"][left_out]
    return payload


def installation_payload(action: str = "created") -> Json:
    """An installation event of acme."""
    return {
        "action": action,
        "installation": {
            "id": 5,
            "account": account("acme", 100, "Organization"),
            "permissions": {"pull_requests": "write"},
            "note": CANARY,
        },
        "repositories": [{"id": 301, "full_name": "acme/api", "note": CANARY}],
        "sender": BEN,
    }


def _payload(action: str, about: Json) -> Json:
    return {
        "action": action,
        "installation": {"id": 5},
        "repository": {
            "id": 301,
            "full_name": "acme/api",
            "owner": {"id": 100, "login": "acme"},
            "description": CANARY,
        },
        "sender": BEN,
        "commits": [{"message": CANARY, "patch": CANARY}],
        **about,
    }
