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
from jobq import Postpone
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
    changed = await gateway.load_changed_paths(*where(github, pull))
    assert changed.paths == tuple(files)
    assert changed.review_decision is None
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
