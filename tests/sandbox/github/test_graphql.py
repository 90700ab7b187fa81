"""The sandbox's GraphQL answers Ripe's queries, and refuses others with GitHub's messages."""

from typing import Any

import pytest

from bot.sandbox.github.model import File, Pull
from bot.sandbox.github.server import Fault
from bot.sandbox.github.world import GitHubWorld
from tests.github_server import ServedGitHub
from tests.sandbox.github.conftest import Client

FILES = """
query($owner: String!, $name: String!, $number: Int!, $first: Int, $after: String) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      reviewDecision
      files(first: $first, after: $after) {
        nodes { path additions deletions changeType }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
}
"""
WHERE: dict[str, Any] = {"owner": "acme", "name": "api", "number": 1, "first": 100}


async def test_paths_sizes_and_kinds_of_change_come_without_a_patch(
    world: GitHubWorld, installed: Client
) -> None:
    gone = File(path="old.sql", additions=0, deletions=9, patch="canary", status="removed")
    world.open_pull_request("acme/api", "ben", "Tidy", ["new.sql", gone])
    answer = await installed.query(FILES, **WHERE)
    pull = answer["data"]["repository"]["pullRequest"]
    assert pull["files"]["nodes"] == [
        {"path": "new.sql", "additions": 12, "deletions": 3, "changeType": "MODIFIED"},
        {"path": "old.sql", "additions": 0, "deletions": 9, "changeType": "DELETED"},
    ]
    assert (pull["reviewDecision"], "errors" in answer) == (None, False)
    assert not pull["files"]["pageInfo"]["hasNextPage"]


async def test_pages_follow_one_another_by_cursor(world: GitHubWorld, installed: Client) -> None:
    paths = [f"{number}.py" for number in range(7)]
    world.open_pull_request("acme/api", "ben", "Much", paths)
    seen: list[str] = []
    after = None
    while True:
        answer = await installed.query(FILES, **WHERE | {"first": 3, "after": after})
        files = answer["data"]["repository"]["pullRequest"]["files"]
        seen += [node["path"] for node in files["nodes"]]
        after = files["pageInfo"]["endCursor"]
        if not files["pageInfo"]["hasNextPage"]:
            break
    assert seen == paths


async def test_an_unknown_field_is_refused_before_anything_is_read(installed: Client, pull: Pull) -> None:
    query = '{ repository(owner: "acme", name: "api") { pullRequest(number: 1) { body } } }'
    answer = await installed.query(query)
    (error,) = answer["errors"]
    assert "data" not in answer
    assert error["message"] == "Field 'body' doesn't exist on type 'PullRequest'"
    assert error["extensions"] == {"code": "undefinedField", "typeName": "PullRequest", "fieldName": "body"}
    assert error["locations"] == [{"line": 1, "column": 1 + query.index("body")}]


async def test_a_query_that_does_not_parse_is_an_error_with_its_place(installed: Client) -> None:
    (error,) = (await installed.query("{ repository("))["errors"]
    assert "locations" in error


@pytest.mark.parametrize(
    ("changed", "kind", "message"),
    [
        ({"number": 99}, "NOT_FOUND", "Could not resolve to a PullRequest with the number of 99."),
        (
            {"name": "nope"},
            "NOT_FOUND",
            "Could not resolve to a Repository with the name 'acme/nope'.",
        ),
        ({"first": None}, "MISSING_PAGINATION_BOUNDARIES", "You must provide a `first` or `last` value"),
        ({"first": 101}, "EXCESSIVE_PAGINATION", "Requesting 101 records on the `files` connection"),
        ({"after": "§"}, "INVALID_CURSOR_ARGUMENTS", "`§` does not appear to be a valid cursor."),
    ],
)
async def test_a_failed_query_is_an_error_of_githubs_type(
    installed: Client, pull: Pull, changed: dict[str, Any], kind: str, message: str
) -> None:
    answer = await installed.query(FILES, **WHERE | changed)
    (error,) = answer["errors"]
    assert error["type"] == kind
    assert error["message"].startswith(message)
    assert error["path"][0] == "repository"


async def test_a_repository_outside_the_installation_cannot_be_queried(
    world: GitHubWorld, installed: Client, pull: Pull
) -> None:
    world.change_repositories(world.document.installations[0], removed=["acme/api"])
    answer = await installed.query(FILES, **WHERE)
    assert answer["data"] == {"repository": None}
    assert answer["errors"][0]["type"] == "NOT_FOUND"


async def test_without_the_permission_pull_requests_are_forbidden(
    world: GitHubWorld, installed: Client, pull: Pull
) -> None:
    world.accept_permissions(world.document.installations[0], {"metadata": "read"})
    (error,) = (await installed.query(FILES, **WHERE))["errors"]
    assert (error["type"], error["message"]) == ("FORBIDDEN", "Resource not accessible by integration")


async def test_a_refusal_can_be_ordered_for_graphql_alone(
    github: ServedGitHub, installed: Client, pull: Pull
) -> None:
    refusal = Fault(graphql="FORBIDDEN", message="Resource not accessible by integration", times=2)
    github.server.faults.append(refusal)
    assert (await installed.get("/api/v3/repos/acme/api")).status_code == 200
    for _ in range(2):
        (error,) = (await installed.query(FILES, **WHERE))["errors"]
        assert error["type"] == "FORBIDDEN"
    assert "errors" not in await installed.query(FILES, **WHERE)
