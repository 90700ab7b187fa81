"""Reads pull requests and reviews in events as GitHub usually sends them, in an eighth of the time.

These shapes accept less than those of bot/github/wire.py: nothing odd, and no event of which Ripe would leave
out a value. For the rest `read_usual` returns None, and the careful way decides. Both read the same facts.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from bot.github import model
from bot.github.tolerance import LARGEST_BIGINT, LARGEST_INT, LONGEST_TITLE
from bot.github.wire import is_bot, may_write

Id = Annotated[int, Field(ge=1, le=LARGEST_BIGINT)]
Size = Annotated[int, Field(ge=0, le=LARGEST_INT)]
Text = Annotated[str, Field(pattern=r"^[^\x00]*$")]
Name = Annotated[str, Field(pattern=r"^[^\x00]+$", max_length=255)]
Instant = Annotated[str, Field(pattern=r"^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")]


class _Account(TypedDict):
    id: Id
    login: Name
    type: NotRequired[Text | None]


class _Team(TypedDict):
    id: Id
    slug: Name


class _Label(TypedDict):
    name: Name


class _Head(TypedDict):
    sha: Name


class _Repository(TypedDict):
    id: Id
    full_name: Annotated[str, Field(pattern=r"^[^/\s\x00]+/[^/\s\x00]+$", max_length=300)]
    owner: NotRequired[_Account | None]


class _Installation(TypedDict):
    id: Id


class _PullRequest(TypedDict):
    id: Id
    number: Annotated[int, Field(ge=1, le=LARGEST_INT)]
    title: Annotated[Text, Field(max_length=LONGEST_TITLE)]
    html_url: Annotated[str, Field(pattern=r"^https?://[^\s<>|\x00]+$", max_length=2000)]
    user: _Account | None
    state: Literal["open", "closed"]
    merged_at: Instant | None
    closed_at: NotRequired[Instant | None]
    draft: bool
    head: _Head
    labels: list[_Label]
    requested_reviewers: list[_Account]
    requested_teams: list[_Team]
    additions: NotRequired[Size | None]
    deletions: NotRequired[Size | None]
    changed_files: NotRequired[Size | None]
    created_at: Instant
    updated_at: Instant


class _Review(TypedDict):
    id: Id
    user: _Account | None
    state: Literal["approved", "changes_requested", "commented", "dismissed"]
    submitted_at: Instant
    author_association: NotRequired[Text | None]


class _PullRequestEvent(TypedDict):
    action: model.PullRequestAction
    installation: _Installation
    sender: NotRequired[_Account | None]
    repository: _Repository
    pull_request: _PullRequest
    requested_reviewer: NotRequired[_Account | None]
    requested_team: NotRequired[_Team | None]
    label: NotRequired[_Label | None]


class _ReviewEvent(TypedDict):
    action: Literal["submitted", "dismissed"]
    installation: _Installation
    sender: NotRequired[_Account | None]
    repository: _Repository
    pull_request: _PullRequest
    review: _Review


def read_usual(event: str, body: bytes | bytearray) -> model.PullRequestFact | model.ReviewFact | None:
    """The fact in a delivery. None if the careful way must read it, or if there is no fact in it."""
    if event not in _USUAL:
        return None
    shape, make_fact = _USUAL[event]
    try:
        fact: model.PullRequestFact | model.ReviewFact = make_fact(shape.validate_json(body, strict=True))
    except ValueError:  # pydantic's ValidationError is one, and so is the error of a date that does not exist
        return None
    return fact


def _pull_request_fact(event: Mapping[str, Any]) -> model.PullRequestFact:
    team, label = event.get("requested_team"), event.get("label")
    return model.PullRequestFact(
        action=event["action"],
        installation_id=event["installation"]["id"],
        sender=_maybe_account(event.get("sender")),
        owner=_maybe_account(event["repository"].get("owner")),
        pull_request=_snapshot(event),
        reviewer=_maybe_account(event.get("requested_reviewer")),
        team=model.Team(id=team["id"], slug=team["slug"]) if team else None,
        label=label["name"] if label else None,
    )


def _review_fact(event: Mapping[str, Any]) -> model.ReviewFact:
    review = event["review"]
    return model.ReviewFact(
        action=event["action"],
        installation_id=event["installation"]["id"],
        sender=_maybe_account(event.get("sender")),
        owner=_maybe_account(event["repository"].get("owner")),
        pull_request=_snapshot(event),
        review=model.Review(
            id=review["id"],
            author=_maybe_account(review["user"]) or model.GHOST,
            state=model.ReviewState(review["state"]),
            submitted_at=datetime.fromisoformat(review["submitted_at"]),
            may_write=review["user"] is not None and may_write(review.get("author_association")),
        ),
    )


def _snapshot(event: Mapping[str, Any]) -> model.PullRequestSnapshot:
    pull_request, repository = event["pull_request"], event["repository"]
    state = "merged" if pull_request["merged_at"] else pull_request["state"]
    return model.PullRequestSnapshot(
        id=pull_request["id"],
        repository=model.Repository(id=repository["id"], full_name=repository["full_name"]),
        number=pull_request["number"],
        title=pull_request["title"],
        url=pull_request["html_url"],
        author=_maybe_account(pull_request["user"]) or model.GHOST,
        state=model.PullRequestState(state),
        is_draft=pull_request["draft"],
        head_sha=pull_request["head"]["sha"],
        labels=tuple(label["name"] for label in pull_request["labels"]),
        requested=tuple(map(_account, pull_request["requested_reviewers"])),
        requested_teams=tuple(
            model.Team(id=team["id"], slug=team["slug"]) for team in pull_request["requested_teams"]
        ),
        additions=pull_request.get("additions"),
        deletions=pull_request.get("deletions"),
        changed_files=pull_request.get("changed_files"),
        created_at=datetime.fromisoformat(pull_request["created_at"]),
        updated_at=datetime.fromisoformat(pull_request["updated_at"]),
    )


def _maybe_account(account: Mapping[str, Any] | None) -> model.Account | None:
    return None if account is None else _account(account)


def _account(account: Mapping[str, Any]) -> model.Account:
    login = account["login"]
    return model.Account(id=account["id"], login=login, is_bot=is_bot(account.get("type"), login))


_USUAL: Mapping[str, tuple[TypeAdapter[Any], Callable[[Mapping[str, Any]], Any]]] = {
    "pull_request": (TypeAdapter(_PullRequestEvent), _pull_request_fact),
    "pull_request_review": (TypeAdapter(_ReviewEvent), _review_fact),
}
