"""One table says what to do about each refusal of GitHub."""

from datetime import UTC, datetime, timedelta

import pytest
from github import GithubException  # noqa: TID251 - the table's own input

from bot.github.model import AccessLostError, NotFoundError, RefusedError
from bot.github.refusals import GraphQLRefusedError, Later, NewToken, OddAnswerError, describe, judge
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
        (GithubException(422, {"message": "Validation failed"}), RefusedError),
        (GithubException(400, {"message": "Problems parsing JSON"}), RefusedError),
        (GraphQLRefusedError(200, error("NOT_FOUND", "no such repository")), NotFoundError),
        (GraphQLRefusedError(200, error("FORBIDDEN", "not accessible")), AccessLostError),
        (GraphQLRefusedError(200, error(None, "no such field", extensions={"code": "undefinedField"})),
         RefusedError),
    ],
)  # fmt: skip
def test_a_final_refusal_has_a_type(refused: GithubException, final: type[Exception]) -> None:
    assert isinstance(judge(refused, NOON), final)


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [
        ("999999999999", timedelta(hours=1)),
        ("1e30", timedelta(hours=1)),
        ("inf", timedelta(hours=1)),
        ("Mon, 23 Nov 2026 12:02:00 GMT", timedelta(minutes=2)),
        ("Monday, 23-Nov-26 12:02:00 GMT", timedelta(minutes=2)),
        ("Mon Nov 23 12:02:00 2026", timedelta(minutes=2)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", timedelta(hours=1)),
        ("Mon, 23 Nov 2026 11:00:00 GMT", None),
        ("0", timedelta(0)),
        ("-1", None),
        ("nan", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_wait_that_github_names_is_an_hour_at_most(retry_after: str, wait: timedelta | None) -> None:
    for status in (403, 429, 503):
        refused = GithubException(status, {"message": "wait"}, {"Retry-After": retry_after})
        refusal = judge(refused, NOON)
        assert isinstance(refusal, Later)
        assert refusal.wait == wait


def test_an_answer_that_lacks_what_was_asked_for_is_asked_for_again() -> None:
    refused = OddAnswerError("the answer is no list")
    assert (judge(refused, NOON), describe(refused)) == (Later(), "the answer is no list")


@pytest.mark.parametrize(
    ("refused", "text"),
    [
        (GithubException(502, "<html><h1>Bad Gateway</h1></html>"), "502"),
        (GithubException(502, None), "502"),
        (GithubException(503, {"message": "x" * 500}), "503: " + "x" * 150),
        (GithubException(403, {"message": "Not\n accessible"}), "403: Not accessible"),
        (GraphQLRefusedError(200, error(None, "Something went wrong")), "Something went wrong"),
        (GraphQLRefusedError(200, {"data": None}), "no usable answer"),
    ],
)
def test_a_reason_is_short_and_no_page(refused: GithubException, text: str) -> None:
    assert describe(refused) == text


def test_a_service_that_always_asks_for_a_second_is_not_called_every_second() -> None:
    back_off, second = BackOff(), timedelta(seconds=1)
    waits = [back_off.next_wait("a", second) for _ in range(5)]
    assert waits[0] == second
    assert timedelta(minutes=1) < waits[1] < waits[4] <= timedelta(minutes=15)
    assert back_off.next_wait("a", timedelta(hours=1)) == timedelta(hours=1)


def test_waits_double_from_one_minute_to_fifteen_and_start_again_after_an_answer() -> None:
    back_off = BackOff()
    waits = [back_off.next_wait("a") for _ in range(8)]
    for wait, minutes in zip(waits, [1, 2, 4, 8, 12, 12, 12, 12], strict=True):
        assert timedelta(minutes=minutes) <= wait <= timedelta(minutes=minutes * 1.25)
    back_off.succeed("b")
    assert back_off.next_wait("a") >= timedelta(minutes=12)
    back_off.succeed("a")
    assert back_off.next_wait("a") < timedelta(minutes=2)
