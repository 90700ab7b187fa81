"""The real PyGithub against the sandbox's GitHub, over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.clock import Clock
from bot.github.gateway import GitHubGateway
from bot.github.model import (
    AccessLostError,
    NotFoundError,
    PathsRefusedError,
    PullRequestState,
    ReviewersRefusedError,
    ReviewState,
)
from bot.model import InstallationId
from bot.sandbox.github.model import File, Pull
from bot.sandbox.github.routes import Fault
from jobq import Postpone, utc_now
from tests.github_server import APP_ID, ServedGitHub, private_key, served_github


@pytest.fixture
async def github() -> AsyncIterator[ServedGitHub]:
    async with served_github(Clock()) as served:
        yield served


@pytest.fixture
async def gateway(github: ServedGitHub) -> AsyncIterator[GitHubGateway]:
    made = GitHubGateway(str(APP_ID), private_key(), github.api_url, timeout=2)
    yield made
    await made.close()


@pytest.fixture
def pull(github: ServedGitHub) -> Pull:
    files = [File(path="billing/tax.sql", additions=7, deletions=2, patch="canary-in-the-patch")]
    return github.world.open_pull_request("acme/api", "ben", "Round up", files, body="canary-in-the-body")


def where(github: ServedGitHub, pull: Pull) -> tuple[InstallationId, str, int]:
    return InstallationId(github.installation_id), "acme/api", pull.number


async def test_a_pull_request_is_loaded_as_it_stands(
    github: ServedGitHub, gateway: GitHubGateway, pull: Pull
) -> None:
    github.world.request_review(pull, ["ana"], by="ben")
    github.world.label(pull, "wip")
    loaded = await gateway.load_pull_request(*where(github, pull))
    assert (loaded.id, loaded.number, loaded.title) == (pull.id, 1, "Round up")
    assert (loaded.repository.full_name, loaded.author.login) == ("acme/api", "ben")
    assert (loaded.state, loaded.is_draft, loaded.labels) == (PullRequestState.OPEN, False, ("wip",))
    assert [account.login for account in loaded.requested] == ["ana"]
    assert (loaded.additions, loaded.deletions) == (7, 2)
    assert "canary" not in loaded.model_dump_json()


async def test_reviews_are_listed_with_their_states(
    github: ServedGitHub, gateway: GitHubGateway, pull: Pull
) -> None:
    github.world.inline_reply(pull, "cho", body="canary")
    github.world.review(pull, "ana", "APPROVED")
    reviews = await gateway.list_reviews(*where(github, pull))
    assert [(r.author.login, r.state) for r in reviews] == [
        ("cho", ReviewState.COMMENTED),
        ("ana", ReviewState.APPROVED),
    ]


async def test_paths_come_by_graphql_page_by_page_and_never_with_a_patch(
    github: ServedGitHub, gateway: GitHubGateway
) -> None:
    files = [f"src/{number}.py" for number in range(250)]
    pull = github.world.open_pull_request("acme/api", "ben", "Much", files)
    assert await gateway.load_changed_paths(*where(github, pull)) == tuple(files)
    assert github.server.calls.count("POST /api/graphql") == 3
    assert not [call for call in github.server.calls if call.endswith("/files")]


async def test_refused_paths_are_not_taken_for_lost_access(
    github: ServedGitHub, gateway: GitHubGateway, pull: Pull
) -> None:
    await gateway.load_pull_request(*where(github, pull))
    github.server.faults.append(Fault(403, message="Resource not accessible by integration"))
    with pytest.raises(PathsRefusedError, match="not accessible"):
        await gateway.load_changed_paths(*where(github, pull))


async def test_the_answer_lists_everybody_who_is_asked_now(
    github: ServedGitHub, gateway: GitHubGateway, pull: Pull
) -> None:
    github.world.request_review(pull, ["ana"], by="ben")
    asked = await gateway.request_reviewers(*where(github, pull), ["cho"])
    assert [account.login for account in asked] == ["ana", "cho"]
    assert pull.requested == ["ana", "cho"]


@pytest.mark.parametrize(("login", "reason"), [("ben", "author"), ("nobody", "collaborator")])
async def test_a_reviewer_who_cannot_be_asked_is_refused_with_githubs_reason(
    github: ServedGitHub, gateway: GitHubGateway, pull: Pull, login: str, reason: str
) -> None:
    with pytest.raises(ReviewersRefusedError, match=reason):
        await gateway.request_reviewers(*where(github, pull), ["ana", login])
    assert pull.requested == []


async def test_accounts_are_found_by_login_in_any_case(github: ServedGitHub, gateway: GitHubGateway) -> None:
    installation = InstallationId(github.installation_id)
    ana = await gateway.find_account(installation, "ANA")
    assert ana is not None
    assert (ana.login, ana.is_bot) == ("ana", False)
    assert await gateway.find_account(installation, "zoe") is None


async def test_a_token_is_minted_once_for_many_calls_at_once(
    github: ServedGitHub, gateway: GitHubGateway, pull: Pull
) -> None:
    await asyncio.gather(*(gateway.load_pull_request(*where(github, pull)) for _ in range(16)))
    assert github.server.access.minted == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault(403, {"Retry-After": "30"}, "You have exceeded a secondary rate limit"),
        Fault(
            429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "4102444800"}, "API rate limit exceeded"
        ),
        Fault(502, {}, "Bad gateway"),
        Fault(hang=3.0),
    ],
    ids=["secondary limit", "primary limit", "outage", "time-out"],
)
async def test_a_limit_an_outage_and_a_time_out_postpone_the_job(
    github: ServedGitHub, gateway: GitHubGateway, pull: Pull, fault: Fault
) -> None:
    await gateway.load_pull_request(*where(github, pull))
    github.server.faults.append(fault)
    with pytest.raises(Postpone):
        await gateway.load_pull_request(*where(github, pull))


async def test_a_limited_installation_is_not_called_before_its_time_and_the_others_are(
    github: ServedGitHub, pull: Pull
) -> None:
    clock = Clock()
    gateway = GitHubGateway(str(APP_ID), private_key(), github.api_url, now=clock.now, timeout=2)
    await gateway.load_pull_request(*where(github, pull))
    github.server.faults.append(Fault(429, {"Retry-After": "300"}, "slow down", path="/pulls"))
    with pytest.raises(Postpone) as first:
        await gateway.load_pull_request(*where(github, pull))
    calls = len(github.server.calls)
    with pytest.raises(Postpone) as second:
        await gateway.find_account(InstallationId(github.installation_id), "ana")
    assert second.value.until == first.value.until
    assert len(github.server.calls) == calls
    await gateway.load_as_app("/app")
    clock.shift += timedelta(seconds=301)
    await gateway.load_pull_request(*where(github, pull))
    await gateway.close()


async def test_a_pull_request_that_github_does_not_show_is_not_found(
    github: ServedGitHub, gateway: GitHubGateway
) -> None:
    with pytest.raises(NotFoundError):
        await gateway.load_pull_request(InstallationId(github.installation_id), "acme/api", 99)


async def test_a_suspended_installation_has_lost_its_access(
    github: ServedGitHub, gateway: GitHubGateway, pull: Pull
) -> None:
    github.world.suspend(github.world.document.installations[0])
    with pytest.raises(AccessLostError):
        await gateway.load_pull_request(*where(github, pull))


@pytest.mark.parametrize(
    "kind", ["RATE_LIMITED", "RATE_LIMIT", "MAX_NODE_LIMIT_EXCEEDED", "SERVICE_UNAVAILABLE"]
)
async def test_a_query_that_github_refuses_with_status_200_is_asked_again(
    github: ServedGitHub, gateway: GitHubGateway, pull: Pull, kind: str
) -> None:
    github.server.faults.append(Fault(graphql=kind, message="Something went wrong"))
    with pytest.raises(Postpone) as refused:
        await gateway.load_changed_paths(*where(github, pull))
    assert timedelta(seconds=50) < refused.value.until - utc_now() < timedelta(minutes=2)


@pytest.mark.parametrize(
    "text",
    [
        "You have triggered an abuse detection mechanism. Please wait a few minutes before you try again.",
        "You have exceeded a secondary rate limit",
        "Your request was submitted too quickly",
    ],
)
async def test_a_limit_without_a_time_is_waited_for_longer_and_longer(
    github: ServedGitHub, pull: Pull, text: str
) -> None:
    clock = Clock()
    gateway = GitHubGateway(str(APP_ID), private_key(), github.api_url, now=clock.now, timeout=2)
    await gateway.load_pull_request(*where(github, pull))
    github.server.faults.append(Fault(403, message=text, times=6))
    waits = []
    for _ in range(6):
        with pytest.raises(Postpone) as refused:
            await gateway.load_pull_request(*where(github, pull))
        waits.append(refused.value.until - clock.now())
        clock.shift += refused.value.until - clock.now()
    await gateway.close()
    assert waits == sorted(waits[:4]) + waits[4:]
    assert timedelta(seconds=59) < waits[0] < timedelta(seconds=76)
    assert timedelta(minutes=11) < waits[-1] <= timedelta(minutes=15)


async def test_a_token_that_is_refused_once_is_replaced(
    github: ServedGitHub, gateway: GitHubGateway, pull: Pull
) -> None:
    github.server.faults.append(Fault(401, message="Bad credentials", path="/pulls"))
    assert (await gateway.load_pull_request(*where(github, pull))).number == pull.number
    assert github.server.access.minted == 2
    github.server.faults.append(Fault(401, message="Bad credentials", path="/pulls", times=2))
    with pytest.raises(Postpone):
        await gateway.load_pull_request(*where(github, pull))


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_renamed_repository_is_followed_for_reads_and_writes(
    github: ServedGitHub, gateway: GitHubGateway, pull: Pull, status: int
) -> None:
    installation, _, number = where(github, pull)
    for _ in range(2):
        path = f"/api/v3/repos/acme/api/pulls/{number}/requested_reviewers"
        github.server.faults.append(Fault(status, {"Location": path}, "Moved", path="/old/name"))
        asked = await gateway.request_reviewers(installation, "old/name", number, ["cho"])
        assert [account.login for account in asked] == ["cho"]
    listing = f"{github.api_url}/repos/acme/api/pulls?state=open&per_page=100&page=1"
    github.server.faults.append(Fault(status, {"Location": listing}, "Moved", path="/old/name"))
    page = await gateway.list_open_pull_requests(installation, "old/name", 1)
    assert [listed.number for listed in page.pull_requests] == [number]


async def test_a_move_to_another_host_never_gets_the_token(
    github: ServedGitHub, gateway: GitHubGateway, pull: Pull
) -> None:
    fault = Fault(307, {"Location": "http://elsewhere.example/repos"}, "Moved", path="/pulls")
    github.server.faults.append(fault)
    with pytest.raises(Postpone):
        await gateway.load_pull_request(*where(github, pull))


@pytest.mark.parametrize(
    ("headers", "longest"),
    [
        ({"Retry-After": "31536000"}, timedelta(hours=1)),
        ({"Retry-After": "999999999999"}, timedelta(hours=1)),
        ({"Retry-After": "9" * 5_000}, timedelta(hours=1)),
        ({"Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT"}, timedelta(hours=1)),
        ({"Retry-After": "-1"}, timedelta(minutes=2)),
        ({"Retry-After": "soon"}, timedelta(minutes=2)),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, timedelta(minutes=2)),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "999999999999"}, timedelta(hours=1)),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "-5"}, timedelta(minutes=2)),
        ({"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "tomorrow"},
         timedelta(minutes=2)),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9" * 400}, timedelta(minutes=2)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("status", [403, 429])
async def test_no_time_that_github_names_closes_an_installation_for_more_than_an_hour(
    github: ServedGitHub,
    gateway: GitHubGateway,
    pull: Pull,
    status: int,
    headers: dict[str, str],
    longest: timedelta,
) -> None:
    await gateway.load_pull_request(*where(github, pull))
    github.server.faults.append(Fault(status, headers, "You have exceeded a secondary rate limit"))
    with pytest.raises(Postpone) as refused:
        await gateway.load_pull_request(*where(github, pull))
    assert longest / 3 < refused.value.until - utc_now() <= longest


async def test_calls_of_many_threads_are_never_mixed_up(github: ServedGitHub, gateway: GitHubGateway) -> None:
    pulls = [github.world.open_pull_request("acme/api", "ben", f"{n}", ["a"]) for n in range(40)]
    loaded = await asyncio.gather(*(gateway.load_pull_request(*where(github, pull)) for pull in pulls))
    assert [answer.number for answer in loaded] == [pull.number for pull in pulls]


async def test_of_many_reviews_the_newest_thousand_are_read(
    github: ServedGitHub, gateway: GitHubGateway, pull: Pull
) -> None:
    for _ in range(1_210):
        github.world.inline_reply(pull, "cho")
    github.world.review(pull, "ana", "APPROVED")
    github.server.calls.clear()
    reviews = await gateway.list_reviews(*where(github, pull))
    assert reviews[-1].author.login == "ana"
    assert [review.id for review in reviews] == sorted({review.id for review in reviews})
    assert sum("/reviews" in call for call in github.server.calls) == 11
