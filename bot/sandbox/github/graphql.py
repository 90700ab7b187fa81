"""The part of GitHub's GraphQL schema that Ripe reads. Any other field is refused, as GitHub would."""

from typing import Any

from graphql import ExecutionResult, GraphQLResolveInfo, build_schema, graphql_sync

from bot.sandbox.github.model import Pull
from bot.sandbox.github.world import GitHubWorld

_SCHEMA = build_schema(
    """
    type Query { repository(owner: String!, name: String!): Repository }
    type Repository { pullRequest(number: Int!): PullRequest }
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


def answer_query(world: GitHubWorld, query: str, variables: dict[str, Any]) -> dict[str, Any]:
    """GitHub's answer: status 200 also for errors."""
    result: ExecutionResult = graphql_sync(_SCHEMA, query, root_value=_Root(world), variable_values=variables)
    answer: dict[str, Any] = {"data": result.data}
    if result.errors:
        answer["errors"] = [{"message": error.message, "path": error.path} for error in result.errors]
    return answer


class _Root:
    def __init__(self, world: GitHubWorld) -> None:
        self._world = world

    def repository(self, _: GraphQLResolveInfo[Any], owner: str, name: str) -> Any:
        full_name = f"{owner}/{name}"
        return _Repository(self._world, full_name) if self._world.find_repo(full_name) else None


class _Repository:
    def __init__(self, world: GitHubWorld, full_name: str) -> None:
        self._world = world
        self._full_name = full_name

    def pullRequest(self, _: GraphQLResolveInfo[Any], number: int) -> Any:
        pull = self._world.find_pull(self._full_name, number)
        return _PullRequest(pull) if pull else None


class _PullRequest:
    def __init__(self, pull: Pull) -> None:
        self._pull = pull
        self.number = pull.number
        self.reviewDecision = pull.review_decision

    def files(self, _: GraphQLResolveInfo[Any], first: int = 100, after: str | None = None) -> Any:
        if not 1 <= first <= 100:
            raise ValueError("Requesting records on the `files` connection exceeds the `first` limit of 100.")
        start = int(after) if after else 0
        page, end = self._pull.files[start : start + first], start + first
        has_next = end < len(self._pull.files)
        return {
            "nodes": [file.model_dump(exclude={"patch"}) | {"changeType": "MODIFIED"} for file in page],
            "pageInfo": {"hasNextPage": has_next, "endCursor": str(end) if has_next else None},
            "totalCount": len(self._pull.files),
        }
