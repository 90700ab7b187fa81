"""The sandbox's GitHub is real enough for the real PyGithub, over HTTP and with nothing changed in it."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import github as pygithub  # noqa: TID251 - this test is about the library itself
import pytest
from github.Auth import AppAuth  # noqa: TID251 - as above
from github.NamedUser import NamedUser  # noqa: TID251 - as above
from github.Organization import Organization  # noqa: TID251 - as above
from github.PullRequest import PullRequest  # noqa: TID251 - as above
from github.Team import Team  # noqa: TID251 - as above

from bot.sandbox.github.model import File, Pull
from bot.sandbox.github.server import Fault
from bot.sandbox.github.world import GitHubWorld
from tests.github_server import APP_ID, ServedGitHub, private_key

T = TypeVar("T")


@pytest.fixture
def auth() -> AppAuth:
    return AppAuth(APP_ID, private_key().get_secret_value())


@pytest.fixture
def integration(github: ServedGitHub, auth: AppAuth) -> pygithub.GithubIntegration:
    return pygithub.GithubIntegration(auth=auth, base_url=github.api_url, retry=None)


@pytest.fixture
def client(github: ServedGitHub, auth: AppAuth) -> pygithub.Github:
    return pygithub.Github(
        auth=auth.get_installation_auth(github.installation_id),
        base_url=github.api_url,
        retry=None,
        seconds_between_requests=None,
        seconds_between_writes=None,
    )


async def ask(question: Callable[[], T]) -> T:
    """PyGithub blocks, and the sandbox runs beside it."""
    return await asyncio.to_thread(question)


async def test_the_app_finds_itself_and_where_it_is_installed(
    github: ServedGitHub, integration: pygithub.GithubIntegration
) -> None:
    app = await ask(integration.get_app)
    assert isinstance(app.owner, Organization)
    assert (app.id, app.slug, app.owner.login) == (APP_ID, "ripe", "acme")
    (listed,) = await ask(lambda: list(integration.get_installations()))
    covering = await ask(lambda: integration.get_repo_installation("acme", "api"))
    again = await ask(lambda: integration.get_app_installation(github.installation_id))
    assert listed.id == covering.id == again.id == github.installation_id
    assert listed.created_at.tzinfo is not None
    assert listed.permissions["pull_requests"] == "write"


async def test_a_token_may_be_asked_for_less(
    github: ServedGitHub, integration: pygithub.GithubIntegration
) -> None:
    wish = {"pull_requests": "read"}
    token = await ask(lambda: integration.get_access_token(github.installation_id, wish))
    assert token.permissions["pull_requests"] == "read"
    with pytest.raises(pygithub.GithubException) as refused:
        await ask(lambda: integration.get_access_token(github.installation_id, {"contents": "write"}))
    assert refused.value.status == 422


async def test_repositories_and_people_are_found_by_name_and_by_number(client: pygithub.Github) -> None:
    by_name, by_id = await ask(lambda: (client.get_repo("ACME/API"), client.get_repo(301)))
    assert by_name.full_name == by_id.full_name == "acme/api"
    user, same = await ask(lambda: (client.get_user("Ana"), client.get_user_by_id(202)))
    assert (user.login, user.id) == (same.login, same.id) == ("ana", 202)
    with pytest.raises(pygithub.UnknownObjectException):
        await ask(lambda: client.get_user("zoe"))


async def test_an_installation_lists_its_repositories(
    github: ServedGitHub, integration: pygithub.GithubIntegration
) -> None:
    installation = await ask(lambda: integration.get_app_installation(github.installation_id))
    repos = await ask(lambda: list(installation.get_repos()))
    assert [repo.full_name for repo in repos] == ["acme/api", "acme/web"]
    assert repos[0].private


async def test_a_pull_request_is_read_whole(world: GitHubWorld, client: pygithub.Github, pull: Pull) -> None:
    world.request_review(pull, ["ana"], by="ben", teams=["payments"])
    world.label(pull, "wip")
    read = await ask(lambda: client.get_repo("acme/api").get_pull(1))
    assert (read.title, read.state, read.draft, read.merged) == ("Round up", "open", False, False)
    assert (read.user.login, read.head.sha, read.base.repo.id) == ("ben", pull.head_sha, 301)
    assert (read.additions, read.changed_files) == (12, 1)
    assert [label.name for label in read.labels] == ["wip"]
    assert [user.login for user in read.requested_reviewers] == ["ana"]
    assert [team.slug for team in read.requested_teams] == ["payments"]
    assert (read.created_at, read.updated_at) == (pull.created_at, pull.updated_at)
    world.merge(pull, by="eli")
    read = await ask(lambda: client.get_repo("acme/api").get_pull(1))
    assert (read.merged, read.merged_by.login, read.merged_at) == (True, "eli", pull.merged_at)


async def test_every_page_of_pull_requests_comes(world: GitHubWorld, client: pygithub.Github) -> None:
    for number in range(70):
        opened = world.open_pull_request("acme/api", "ben", str(number), ["a.py"])
        if number < 35:
            world.close(opened)

    def listed(state: str) -> list[PullRequest]:
        return list(client.get_repo("acme/api").get_pulls(state=state))

    everything, closed, still_open = await ask(lambda: (listed("all"), listed("closed"), listed("open")))
    assert [pull.number for pull in everything] == list(range(70, 0, -1))
    assert [pull.number for pull in closed] == list(range(35, 0, -1))
    assert (len(still_open), {pull.state for pull in still_open}) == (35, {"open"})


async def test_reviews_and_files_are_listed(world: GitHubWorld, client: pygithub.Github) -> None:
    files = [File(path="a.py", patch="@@ -1 +1 @@", additions=1, deletions=1)]
    pull = world.open_pull_request("acme/api", "ben", "Round up", files)
    world.review(pull, "ana", "CHANGES_REQUESTED")
    dismissed = world.review(pull, "cho", "APPROVED")
    world.dismiss_review(pull, dismissed, by="ben")
    read = await ask(lambda: client.get_repo("acme/api").get_pull(1))
    reviews, changed = await ask(lambda: (list(read.get_reviews()), list(read.get_files())))
    assert [(review.user.login, review.state) for review in reviews] == [
        ("ana", "CHANGES_REQUESTED"),
        ("cho", "DISMISSED"),
    ]
    assert [(file.filename, file.patch, file.changes) for file in changed] == [("a.py", "@@ -1 +1 @@", 2)]


async def test_reviewers_are_asked_and_released(
    world: GitHubWorld, client: pygithub.Github, pull: Pull
) -> None:
    read = await ask(lambda: client.get_repo("acme/api").get_pull(1))
    await ask(lambda: read.create_review_request(reviewers=["Ana", "cho"], team_reviewers=["payments"]))
    people, teams = await ask(lambda: [list(asked) for asked in read.get_review_requests()])
    assert [user.login for user in people if isinstance(user, NamedUser)] == ["ana", "cho"]
    assert [team.slug for team in teams if isinstance(team, Team)] == ["payments"]
    await ask(lambda: read.delete_review_request(reviewers=["ana"], team_reviewers=[]))
    assert (pull.requested, pull.requested_teams) == (["cho"], ["payments"])


async def test_the_author_cannot_be_asked(client: pygithub.Github, pull: Pull) -> None:
    read = await ask(lambda: client.get_repo("acme/api").get_pull(1))
    with pytest.raises(pygithub.GithubException) as refused:
        await ask(lambda: read.create_review_request(reviewers=["ana", "ben"]))
    assert refused.value.status == 422
    assert refused.value.data["message"] == "Review cannot be requested from pull request author."
    assert pull.requested == []


async def test_limits_are_shown(client: pygithub.Github) -> None:
    limits = await ask(client.get_rate_limit)
    assert limits.rate.limit == 5000


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (
            Fault(403, {"Retry-After": "30"}, "You have exceeded a secondary rate limit."),
            pygithub.RateLimitExceededException,
        ),
        (Fault(429, {"Retry-After": "30"}, "Too many requests"), pygithub.GithubException),
        (Fault(502, message="Bad Gateway"), pygithub.GithubException),
        (Fault(401, message="Bad credentials"), pygithub.BadCredentialsException),
    ],
    ids=["secondary limit", "too many", "outage", "credentials"],
)
async def test_faults_arrive_as_pygithubs_own_errors_and_pass(
    github: ServedGitHub, client: pygithub.Github, fault: Fault, error: type[pygithub.GithubException]
) -> None:
    await ask(lambda: client.get_repo("acme/api"))
    github.server.faults.append(fault)
    with pytest.raises(error) as raised:
        await ask(lambda: client.get_repo("acme/api"))
    assert raised.value.status == fault.status
    assert (await ask(lambda: client.get_repo("acme/api"))).id == 301


async def test_graphql_is_asked_through_the_same_client(
    world: GitHubWorld, client: pygithub.Github, pull: Pull
) -> None:
    query = (
        "query($n: Int!) { repository(owner: \"acme\", name: \"api\")"
        " { pullRequest(number: $n) { files(first: 9) { nodes { path } } } } }"
    )  # fmt: skip
    _, answer = await ask(lambda: client.requester.graphql_query(query, {"n": 1}))
    files = answer["data"]["repository"]["pullRequest"]["files"]
    assert files == {"nodes": [{"path": "billing/tax.sql"}]}
    with pytest.raises(pygithub.UnknownObjectException):
        await ask(lambda: client.requester.graphql_query(query, {"n": 99}))
    world.accept_permissions(world.document.installations[0], {"metadata": "read"})
    with pytest.raises(pygithub.GithubException, match="not accessible"):
        await ask(lambda: client.requester.graphql_query(query, {"n": 1}))
