"""One table says what to do about each refusal of GitHub."""

from datetime import UTC, datetime, timedelta

import pytest
from github import GithubException  # noqa: TID251 - the table's own input

from bot.github.model import AccessLostError, NotFoundError
from bot.github.refusals import GraphQLRefusedError, Later, NewToken, judge
from jobq import BackOff

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def error(kind: str | None, message: str, **more: object) -> dict[str, object]:
    return {"data": None, "errors": [{"message": message, **({"type": kind} if kind else {}), **more}]}


@pytest.mark.parametrize(
    ("answer", "is_limit"),
    [
        (error("RATE_LIMITED", "API rate limit exceeded for installation ID 1."), True),
        (error("RATE_LIMIT", "API rate limit already exceeded for user ID 1."), True),
        (error(None, "You have exceeded a secondary rate limit."), True),
        (error(None, "Something went wrong while executing your query. This may be a timeout."), False),
        (error(None, "Timeout on validation of query"), False),
        (error("MAX_NODE_LIMIT_EXCEEDED", "This query requests up to 1,010,000 possible nodes"), False),
        (error("RESOURCE_LIMITS_EXCEEDED", "Resource limits for this query exceeded."), False),
        (error("INTERNAL", "oops"), False),
        ({"message": "We couldn't respond to your request in time."}, False),
        ({"data": None}, False),
        ({"data": {"repository": None}, "errors": "odd"}, False),
        ({"data": "<html>"}, False),
        (None, False),
    ],
)
def test_a_query_refused_for_a_passing_reason_is_asked_again(answer: object, is_limit: bool) -> None:
    assert judge(GraphQLRefusedError(200, answer), NOON) == Later(is_limit=is_limit)


def test_a_limited_query_waits_until_the_limit_is_refilled() -> None:
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOON.timestamp()) + 600)}
    refused = GraphQLRefusedError(200, error("RATE_LIMITED", "exceeded"), headers)
    assert judge(refused, NOON) == Later(timedelta(minutes=10), is_limit=True)


@pytest.mark.parametrize(
    ("status", "message", "headers", "refusal"),
    [
        (403, "You have triggered an abuse detection mechanism.", {}, Later(is_limit=True)),
        (403, "Please wait a few minutes before you try again.", {}, Later(is_limit=True)),
        (403, "slow down", {"Retry-After": "60"}, Later(timedelta(minutes=1), is_limit=True)),
        (429, "", {}, Later(is_limit=True)),
        (408, "time-out", {}, Later()),
        (502, "<html>", {}, Later()),
        (503, "maintenance", {"Retry-After": "120"}, Later(timedelta(minutes=2))),
        (520, "unknown", {}, Later()),
        (307, "moved", {}, Later()),
        (401, "Bad credentials", {}, NewToken()),
    ],
)
def test_a_passing_refusal_is_waited_for(
    status: int, message: str, headers: dict[str, str], refusal: object
) -> None:
    assert judge(GithubException(status, {"message": message}, headers), NOON) == refusal


@pytest.mark.parametrize(
    ("refused", "final"),
    [
        (GithubException(404, {"message": "Not Found"}), NotFoundError),
        (GithubException(410, {"message": "Gone"}), NotFoundError),
        (GithubException(403, {"message": "Resource not accessible by integration"}), AccessLostError),
        (GithubException(451, {"message": "Repository access blocked"}), AccessLostError),
        (GithubException(422, {"message": "Validation failed"}), GithubException),
        (GraphQLRefusedError(200, error("NOT_FOUND", "no such repository")), NotFoundError),
        (GraphQLRefusedError(200, error("FORBIDDEN", "not accessible")), AccessLostError),
        (GraphQLRefusedError(200, error(None, "no such field", extensions={"code": "undefinedField"})),
         GraphQLRefusedError),
    ],
)  # fmt: skip
def test_a_final_refusal_has_a_type(refused: GithubException, final: type[Exception]) -> None:
    assert isinstance(judge(refused, NOON), final)


def test_waits_double_from_one_minute_to_fifteen_and_start_again_after_an_answer() -> None:
    back_off = BackOff()
    waits = [back_off.next_wait("a") for _ in range(8)]
    for wait, minutes in zip(waits, [1, 2, 4, 8, 12, 12, 12, 12], strict=True):
        assert timedelta(minutes=minutes) <= wait <= timedelta(minutes=minutes * 1.25)
    back_off.succeed("b")
    assert back_off.next_wait("a") >= timedelta(minutes=12)
    back_off.succeed("a")
    assert back_off.next_wait("a") < timedelta(minutes=2)
