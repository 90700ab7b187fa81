"""An answer that names no paths is neither yes nor no: GitHub is asked again."""

from collections.abc import Iterator
from typing import Any

import pytest

from bot.github.gateway import GitHubGateway
from bot.github.model import NotFoundError, PathsRefusedError, ReviewDecision
from bot.github.waiting import GitHubWaitError
from tests.github.test_odd_answers import ACME, answering

NODES = [{"path": "a.py"}]
LAST = {"hasNextPage": False, "endCursor": None}


def answer(files: Any) -> dict[str, Any]:
    return {"data": {"repository": {"pullRequest": {"files": files}}}}


async def ask(answered: Any) -> Any:
    async with answering(answered) as gateway:
        return await gateway.load_changed_paths(ACME, "acme/api", 12)


@pytest.mark.parametrize(
    "files",
    [
        None,
        [],
        "odd",
        {"nodes": None, "pageInfo": LAST},
        {"nodes": [*NODES, None], "pageInfo": LAST},
        {"nodes": [{"path": None}], "pageInfo": LAST},
        {"nodes": [{"path": 7}], "pageInfo": LAST},
        {"nodes": ["a.py"], "pageInfo": LAST},
        {"nodes": [{}], "pageInfo": LAST},
        {"nodes": NODES, "pageInfo": None},
        {"nodes": NODES},
        {"nodes": NODES, "pageInfo": {"hasNextPage": True, "endCursor": None}},
        {"nodes": NODES, "pageInfo": {"hasNextPage": True, "endCursor": "same"}},
    ],
    ids=str,
)
async def test_an_answer_without_all_paths_is_asked_for_again(files: Any) -> None:
    with pytest.raises(GitHubWaitError) as waits:
        await ask(answer(files))
    assert waits.value.reason
    assert not waits.value.is_limit


@pytest.mark.parametrize(
    "odd",
    [
        "<html>sorry</html>", [], 7, None, {}, {"data": None}, {"data": {}, "errors": "odd"},
        {"data": None, "errors": [{"message": "Something went wrong while executing your query."}]},
    ],
    ids=str,
)  # fmt: skip
async def test_an_answer_that_is_none_is_asked_for_again(odd: Any) -> None:
    with pytest.raises(GitHubWaitError):
        await ask(odd)


@pytest.mark.parametrize("data", [{}, {"repository": None}, {"repository": {"pullRequest": None}}])
async def test_a_pull_request_that_is_not_there_is_not_found(data: Any) -> None:
    with pytest.raises(NotFoundError):
        await ask({"data": data})


@pytest.mark.parametrize(
    "refused",
    [
        {"type": "FORBIDDEN", "message": "Resource not accessible by integration"},
        {"type": "INSUFFICIENT_SCOPES", "message": "Your token has not been granted the required scopes"},
        {"message": "Field 'files' doesn't exist", "extensions": {"code": "undefinedField"}},
    ],
    ids=str,
)
async def test_a_refusal_for_good_is_about_the_paths_only(refused: Any) -> None:
    with pytest.raises(PathsRefusedError, match=r"accessible|scopes|exist"):
        await ask({"data": None, "errors": [refused]})


def verdict(word: Any) -> dict[str, Any]:
    return {"data": {"repository": {"pullRequest": {"reviewDecision": word}}}}


async def ask_for_verdict(answered: Any) -> Any:
    async with answering(answered) as gateway:
        return await gateway.load_verdict(ACME, "acme/api", 12)


@pytest.mark.parametrize("word", ["SOMETHING_NEW", 7, {}, None])
async def test_an_unknown_verdict_of_github_is_none(word: Any) -> None:
    assert await ask_for_verdict(verdict(word)) is None


async def test_a_verdict_takes_one_call_without_the_files() -> None:
    assert await ask_for_verdict(verdict("APPROVED")) is ReviewDecision.APPROVED


async def test_a_verdict_that_the_installation_may_not_see_is_none() -> None:
    forbidden = {"type": "FORBIDDEN", "message": "Resource not accessible by integration"}
    assert await ask_for_verdict({"data": None, "errors": [forbidden]}) is None


@pytest.mark.parametrize("odd", ["<html>sorry</html>", {"data": None}, {"errors": None}], ids=str)
async def test_an_odd_answer_is_no_verdict(odd: Any) -> None:
    with pytest.raises(GitHubWaitError):
        await ask_for_verdict(odd)


@pytest.mark.parametrize(
    "odd", ["<html>sorry</html>", {"message": "moved"}, None, {"requested_reviewers": 1}]
)
async def test_no_list_is_an_empty_one_by_mistake(odd: Any) -> None:
    async with answering(odd) as gateway:
        for call in calls(gateway):
            with pytest.raises((GitHubWaitError, NotFoundError)):
                await call


def calls(gateway: GitHubGateway) -> Iterator[Any]:
    yield gateway.list_open_pull_requests(ACME, "acme/api", 1)
    yield gateway.list_reviews(ACME, "acme/api", 12)
    yield gateway.list_repositories(ACME, 1)
    yield gateway.list_delivery_attempts()
    yield gateway.load_pull_request(ACME, "acme/api", 12)
