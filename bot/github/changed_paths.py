"""The paths that a pull request changes, and GitHub's verdict on it, by GraphQL.

Not by REST, whose "list files" answers with every patch. The paths take a call for each hundred of them, the
verdict takes one.
"""

from collections.abc import Mapping
from typing import Any

import github  # noqa: TID251 - a part of the door

from bot.github.model import PathsRefusedError, ReviewDecision
from bot.github.refusals import GraphQLRefusedError, OddAnswerError, describe, refuses_paths

MOST_PAGES = 100
"""GitHub lists at most 3,000 paths of one pull request."""

_FILES = """
query($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      files(first: 100, after: $after) { nodes { path } pageInfo { hasNextPage endCursor } }
    }
  }
}
"""
_VERDICT = """
query($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) { pullRequest(number: $number) { reviewDecision } }
}
"""


def ask_for_paths(client: github.Github, repository: str, number: int) -> tuple[str, ...]:
    """Raises PathsRefusedError, and OddAnswerError if an answer does not name all paths."""
    try:
        return _list_paths(client, repository, number)
    except github.GithubException as error:
        if refuses_paths(error):
            raise PathsRefusedError(describe(error)) from error
        raise


def ask_for_verdict(client: github.Github, repository: str, number: int) -> ReviewDecision | None:
    """None: no rule of GitHub demands reviews, the installation may not see it, or it is a new word."""
    try:
        verdict = _ask(client, _VERDICT, repository, number).get("reviewDecision")
    except github.GithubException as error:
        if refuses_paths(error):
            return None
        raise
    try:
        return ReviewDecision(str(verdict))
    except ValueError:
        return None


def _list_paths(client: github.Github, repository: str, number: int) -> tuple[str, ...]:
    paths: list[str] = []
    after: str | None = None
    for _ in range(MOST_PAGES):
        page = _ask(client, _FILES, repository, number, after=after).get("files")
        paths += _read_paths(page)
        following = _read_cursor(page)
        if following is None:
            return tuple(paths)
        after = following
    raise OddAnswerError("the list of changed files does not end")


def _ask(
    client: github.Github, query: str, repository: str, number: int, **more: object
) -> Mapping[str, Any]:
    """The pull request of the answer. GitHub refuses with status 200 as well."""
    owner, _, name = repository.partition("/")
    variables = {"owner": owner, "name": name, "number": number, **more}
    requester = client.requester
    headers, answer = requester.requestJsonAndCheck(
        "POST", requester.graphql_url, input={"query": query, "variables": variables}
    )
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict) or answer.get("errors"):
        raise GraphQLRefusedError(200, answer, headers)
    listed = data.get("repository")
    pull_request = listed.get("pullRequest") if isinstance(listed, dict) else None
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
