"""The part of GitHub's GraphQL schema that Ripe reads. Any other field is refused, as GitHub refuses it."""

import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSyntaxError,
    build_schema,
    execute_sync,
    parse,
    validate,
)

from bot.sandbox.github.answers import FORBIDDEN
from bot.sandbox.github.model import File, Pull, Repo
from bot.sandbox.github.server import Caller
from bot.sandbox.github.world import GitHubWorld

_SCHEMA = build_schema(
    """
    type Query { repository(owner: String!, name: String!): Repository }
    type Repository { id: ID! nameWithOwner: String! pullRequest(number: Int!): PullRequest }
    type PullRequest {
      number: Int!
      reviewDecision: PullRequestReviewDecision
      files(first: Int, after: String): PullRequestChangedFileConnection
    }
    enum PullRequestReviewDecision { APPROVED CHANGES_REQUESTED REVIEW_REQUIRED }
    type PullRequestChangedFileConnection {
      nodes: [PullRequestChangedFile]
      pageInfo: PageInfo!
      totalCount: Int!
    }
    type PullRequestChangedFile { path: String! additions: Int! deletions: Int! changeType: PatchStatus! }
    enum PatchStatus { ADDED DELETED RENAMED COPIED MODIFIED CHANGED }
    type PageInfo { hasNextPage: Boolean! endCursor: String }
    """
)
_CHANGES = {"added": "ADDED", "modified": "MODIFIED", "removed": "DELETED", "renamed": "RENAMED"}
_UNKNOWN_FIELD = re.compile(r"Cannot query field '(?P<field>\w+)' on type '(?P<type>\w+)'")
_LONGEST_PAGE = 100


class _QueryError(Exception):
    """A query fails, with one of GitHub's error types."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def answer_query(world: GitHubWorld, caller: Caller, query: str, variables: dict[str, Any]) -> dict[str, Any]:
    """GitHub's answer to an installation. Its status is 200, even for errors."""
    try:
        document = parse(query)
    except GraphQLSyntaxError as error:
        return {"errors": [_show(error)]}
    if errors := validate(_SCHEMA, document):
        return {"errors": [_show(error) for error in errors]}
    result = execute_sync(_SCHEMA, document, root_value=_Root(world, caller), variable_values=variables)
    if result.errors:
        return {"data": result.data, "errors": [_show(error) for error in result.errors]}
    return {"data": result.data}


def refuse_query(kind: str, message: str) -> dict[str, Any]:
    """GitHub's answer when it refuses a query as a whole."""
    return {
        "data": {"repository": None},
        "errors": [{"type": kind, "path": ["repository"], "message": message}],
    }


def _show(error: GraphQLError) -> dict[str, Any]:
    answer: dict[str, Any] = {"message": error.message}
    if error.locations:
        answer["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path:
        answer["path"] = error.path
    if isinstance(error.original_error, _QueryError):
        answer["type"] = error.original_error.kind
    if unknown := _UNKNOWN_FIELD.match(error.message):
        name, owner = unknown["field"], unknown["type"]
        answer["message"] = f"Field '{name}' doesn't exist on type '{owner}'"
        answer["extensions"] = {"code": "undefinedField", "typeName": owner, "fieldName": name}
    return answer


class _Root:
    def __init__(self, world: GitHubWorld, caller: Caller) -> None:
        self._world = world
        self._caller = caller

    def repository(self, _: GraphQLResolveInfo[Any], owner: str, name: str) -> "_Repository":
        repo = self._world.find_repo(f"{owner}/{name}")
        if repo is None or repo.id not in self._caller.repository_ids:
            raise _QueryError(
                "NOT_FOUND", f"Could not resolve to a Repository with the name '{owner}/{name}'."
            )
        return _Repository(self._world, self._caller, repo)


class _Repository:
    def __init__(self, world: GitHubWorld, caller: Caller, repo: Repo) -> None:
        self._world = world
        self._caller = caller
        self._repo = repo
        self.id = str(repo.id)
        self.nameWithOwner = repo.full_name

    def pullRequest(self, _: GraphQLResolveInfo[Any], number: int) -> "_PullRequest":
        if not self._caller.may("pull_requests", "read"):
            raise _QueryError("FORBIDDEN", FORBIDDEN)
        pull = self._world.find_pull(self._repo.full_name, number)
        if pull is None:
            raise _QueryError("NOT_FOUND", f"Could not resolve to a PullRequest with the number of {number}.")
        return _PullRequest(pull)


class _PullRequest:
    def __init__(self, pull: Pull) -> None:
        self._files = pull.files
        self.number = pull.number
        self.reviewDecision = pull.review_decision

    def files(
        self, _: GraphQLResolveInfo[Any], first: int | None = None, after: str | None = None
    ) -> dict[str, Any]:
        start, size = _position(after), _size(first)
        end = min(start + size, len(self._files))
        return {
            "nodes": [_node(file) for file in self._files[start:end]],
            "pageInfo": {
                "hasNextPage": end < len(self._files),
                "endCursor": b64encode(str(end).encode()).decode() if start < end else None,
            },
            "totalCount": len(self._files),
        }


def _node(file: File) -> dict[str, Any]:
    return {
        "path": file.path,
        "additions": file.additions,
        "deletions": file.deletions,
        "changeType": _CHANGES[file.status],
    }


def _size(first: int | None) -> int:
    if first is None:
        raise _QueryError(
            "MISSING_PAGINATION_BOUNDARIES",
            "You must provide a `first` or `last` value to properly paginate the `files` connection.",
        )
    if not 0 <= first <= _LONGEST_PAGE:
        raise _QueryError(
            "EXCESSIVE_PAGINATION",
            f"Requesting {first} records on the `files` connection exceeds the `first` limit of"
            f" {_LONGEST_PAGE} records.",
        )
    return first


def _position(after: str | None) -> int:
    """How many files come before a cursor, which is opaque to callers."""
    try:
        return int(b64decode(after, validate=True)) if after else 0
    except (NotBase64, ValueError):
        raise _QueryError(
            "INVALID_CURSOR_ARGUMENTS", f"`{after}` does not appear to be a valid cursor."
        ) from None
