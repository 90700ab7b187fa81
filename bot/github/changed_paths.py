"""The paths that a pull request changes, and GitHub's verdict on it, by GraphQL.

Not by REST, whose "list files" answers with every patch.
"""

from collections.abc import Mapping
from typing import Any

import github  # noqa: TID251 - a part of the door

from bot.github.model import ChangedPaths, ReviewDecision
from bot.github.refusals import GraphQLRefusedError, OddAnswerError

MOST_PAGES = 100
"""Of a hundred paths each. GitHub lists at most 3,000 paths of one pull request."""

_QUERY = """
query($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      reviewDecision
      files(first: 100, after: $after) { nodes { path } pageInfo { hasNextPage endCursor } }
    }
  }
}
"""


def ask_for_paths(client: github.Github, repository: str, number: int) -> ChangedPaths:
    """Raises GraphQLRefusedError, and OddAnswerError if an answer does not name all paths."""
    owner, _, name = repository.partition("/")
    paths: list[str] = []
    after: str | None = None
    for _ in range(MOST_PAGES):
        pull_request = _ask(client, {"owner": owner, "name": name, "number": number, "after": after})
        page = pull_request.get("files")
        paths += _read_paths(page)
        following = _read_cursor(page)
        if following is None:
            return ChangedPaths(paths=tuple(paths), review_decision=_read_decision(pull_request))
        after = following
    raise OddAnswerError("the list of changed files does not end")


def _ask(client: github.Github, variables: Mapping[str, object]) -> Mapping[str, Any]:
    """The pull request of the answer. GitHub refuses with status 200 as well."""
    requester = client.requester
    headers, answer = requester.requestJsonAndCheck(
        "POST", requester.graphql_url, input={"query": _QUERY, "variables": variables}
    )
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict) or answer.get("errors"):
        raise GraphQLRefusedError(200, answer, headers)
    repository = data.get("repository")
    pull_request = repository.get("pullRequest") if isinstance(repository, dict) else None
    if not isinstance(pull_request, dict):
        raise github.UnknownObjectException(404, answer)
    return pull_request


def _read_paths(page: object) -> list[str]:
    nodes = page.get("nodes") if isinstance(page, dict) else None
    if not isinstance(nodes, list):
        raise OddAnswerError("the answer lists no changed files")
    paths = [node.get("path") if isinstance(node, dict) else None for node in nodes]
    named = [path for path in paths if isinstance(path, str) and path]
    if len(named) < len(paths):
        raise OddAnswerError("a changed file in the answer has no path")
    return named


def _read_cursor(page: Any) -> str | None:
    """Where the next page begins; None if this one is the last."""
    place = page.get("pageInfo")
    if not isinstance(place, dict):
        raise OddAnswerError("the answer does not say whether more files follow")
    if not place.get("hasNextPage"):
        return None
    cursor = place.get("endCursor")
    if not isinstance(cursor, str):
        raise OddAnswerError("the answer does not say where more files follow")
    return cursor


def _read_decision(pull_request: Mapping[str, Any]) -> ReviewDecision | None:
    """None for a verdict that Ripe does not know."""
    try:
        return ReviewDecision(str(pull_request.get("reviewDecision")))
    except ValueError:
        return None
