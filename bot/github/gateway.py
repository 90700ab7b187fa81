"""The one door to GitHub. PyGithub blocks, so its calls run on threads of their own.

Every method raises NotFoundError, AccessLostError, or jobq.Postpone until the instant when it may be called
again, after a rate limit, an outage or a time-out.
"""

import asyncio
import random
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import github  # noqa: TID251 - the one door
import jwt
import requests
from github.Auth import AppAuth, AppInstallationAuth  # noqa: TID251
from pydantic import SecretStr, ValidationError

from bot.encryption import load_private_key
from bot.github.model import (
    AccessLostError,
    Account,
    ChangedPaths,
    DeliveryPage,
    NotFoundError,
    PathsRefusedError,
    PullRequestPage,
    PullRequestSnapshot,
    RepositoryPage,
    Review,
    ReviewDecision,
    ReviewersRefusedError,
)
from bot.github.payloads import (
    list_fields,
    parse_account,
    parse_attempt,
    parse_pull_request,
    parse_readable,
    parse_repository,
    parse_review,
)
from bot.model import InstallationId
from jobq import Postpone, utc_now

T = TypeVar("T")

THREADS = 16
CALLS_PER_INSTALLATION = 2
SHORTEST_OUTAGE, LONGEST_OUTAGE = timedelta(minutes=1), timedelta(minutes=15)

_PATHS = """
query($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      reviewDecision
      files(first: 100, after: $after) { nodes { path } pageInfo { hasNextPage endCursor } }
    }
  }
}
"""
"""Not REST, whose "list files" answers with every patch."""


_NEXT_CURSOR = re.compile(r'[?&]cursor=(?P<cursor>[^&>]+)[^>]*>; rel="next"')


class _SharedToken(AppInstallationAuth):
    """An installation's token, minted once however many threads need it at once."""

    def __init__(self, app: AppAuth, installation_id: int) -> None:
        super().__init__(app, installation_id)
        self._mint = threading.Lock()

    @property
    def token(self) -> str:
        with self._mint:
            return super().token


class GitHubGateway:
    """Asks GitHub as the App's installations. `timeout` is in seconds and bounds one HTTP request."""

    def __init__(
        self,
        app_id: str,
        private_key: SecretStr,
        api_url: str,
        *,
        now: Callable[[], datetime] = utc_now,
        timeout: int = 15,
    ) -> None:
        self._app = AppAuth(app_id, sign_func=partial(_sign, private_key.get_secret_value()))
        self._api_url = api_url
        self._now = now
        self._timeout = timeout
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="github")
        # The key None stands for the App itself.
        self._clients: dict[InstallationId | None, github.Github] = {}
        self._turns: dict[InstallationId | None, asyncio.Semaphore] = {}
        self._closed_until: dict[InstallationId | None, datetime] = {}
        self._failures = 0

    async def close(self) -> None:
        """Starts no more calls. Those that have started end within their time-out."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def load_as_app(self, path: str) -> Any:
        """GitHub's answer to a GET of `path` by the App itself, without an installation."""
        return await self._call(None, lambda client: client.requester.requestJsonAndCheck("GET", path)[1])

    async def load_as_installation(self, installation_id: InstallationId, path: str) -> Any:
        """GitHub's answer to a GET of `path` by an installation."""
        return await self._call(
            installation_id, lambda client: client.requester.requestJsonAndCheck("GET", path)[1]
        )

    async def list_delivery_attempts(self, cursor: str | None = None) -> DeliveryPage:
        """A hundred attempts to deliver the App's webhooks; GitHub lists those of the last days."""

        def load(client: github.Github) -> DeliveryPage:
            query = {"per_page": 100} | ({"cursor": cursor} if cursor else {})
            headers, answer = client.requester.requestJsonAndCheck(
                "GET", "/app/hook/deliveries", parameters=query
            )
            following = _NEXT_CURSOR.search(headers.get("link", ""))
            return DeliveryPage(
                attempts=parse_readable(parse_attempt, answer),
                next_cursor=following["cursor"] if following else None,
            )

        return await self._call(None, load)

    async def redeliver(self, attempt_id: int) -> None:
        """GitHub soon delivers the same event once more, under the same GUID."""
        url = f"/app/hook/deliveries/{attempt_id}/attempts"
        await self._call(None, lambda client: client.requester.requestJsonAndCheck("POST", url))

    async def load_pull_request(
        self, installation_id: InstallationId, repository: str, number: int
    ) -> PullRequestSnapshot:
        """The pull request as it stands now."""

        def load(client: github.Github) -> PullRequestSnapshot:
            _, answer = client.requester.requestJsonAndCheck("GET", f"/repos/{repository}/pulls/{number}")
            return parse_pull_request(answer)

        return await self._call(installation_id, load)

    async def list_open_pull_requests(
        self, installation_id: InstallationId, repository: str, page: int
    ) -> PullRequestPage:
        """A hundred open pull requests, the last updated first. Pages count from 1."""
        return await self._list_pull_requests(installation_id, repository, page, "open")

    async def list_touched_pull_requests(
        self, installation_id: InstallationId, repository: str, page: int
    ) -> PullRequestPage:
        """A hundred pull requests in any state, the last updated first. Pages count from 1."""
        return await self._list_pull_requests(installation_id, repository, page, "all")

    async def _list_pull_requests(
        self, installation_id: InstallationId, repository: str, page: int, state: str
    ) -> PullRequestPage:
        def load(client: github.Github) -> PullRequestPage:
            query = {"state": state, "sort": "updated", "direction": "desc", "per_page": 100, "page": page}
            headers, answer = client.requester.requestJsonAndCheck(
                "GET", f"/repos/{repository}/pulls", parameters=query
            )
            return PullRequestPage(
                pull_requests=parse_readable(parse_pull_request, answer),
                is_last='rel="next"' not in headers.get("link", ""),
            )

        return await self._call(installation_id, load)

    async def list_repositories(self, installation_id: InstallationId, page: int) -> RepositoryPage:
        """A hundred of the repositories that an installation sees. Pages count from 1."""

        def load(client: github.Github) -> RepositoryPage:
            headers, answer = client.requester.requestJsonAndCheck(
                "GET", "/installation/repositories", parameters={"per_page": 100, "page": page}
            )
            listed = answer["repositories"]
            repositories = parse_readable(parse_repository, listed)
            return RepositoryPage(
                repositories=repositories,
                is_last='rel="next"' not in headers.get("link", ""),
                unreadable=len(listed or ()) - len(repositories),
            )

        return await self._call(installation_id, load)

    async def list_reviews(
        self, installation_id: InstallationId, repository: str, number: int
    ) -> tuple[Review, ...]:
        """Every submitted review, oldest first, without those that their authors have not submitted yet."""

        def load(client: github.Github) -> tuple[Review, ...]:
            answers = _list_all(client, f"/repos/{repository}/pulls/{number}/reviews")
            return parse_readable(parse_review, [answer for answer in answers if not _is_pending(answer)])

        return await self._call(installation_id, load)

    async def load_changed_paths(
        self, installation_id: InstallationId, repository: str, number: int
    ) -> ChangedPaths:
        """The paths that a pull request touches, and GitHub's review decision. Raises PathsRefusedError."""

        def load(client: github.Github) -> ChangedPaths:
            try:
                return _load_paths(client, repository, number)
            except github.GithubException as error:
                if "not accessible" in _message(error):
                    raise PathsRefusedError(_message(error)) from error
                raise

        return await self._call(installation_id, load)

    async def request_reviewers(
        self, installation_id: InstallationId, repository: str, number: int, logins: Sequence[str]
    ) -> tuple[Account, ...]:
        """Asks for reviews. Returns everybody who is asked now, as GitHub lists them.

        Raises ReviewersRefusedError.
        """

        def ask(client: github.Github) -> tuple[Account, ...]:
            url = f"/repos/{repository}/pulls/{number}/requested_reviewers"
            try:
                _, answer = client.requester.requestJsonAndCheck("POST", url, input={"reviewers": [*logins]})
            except github.GithubException as error:
                if error.status == 422:
                    raise ReviewersRefusedError(_message(error)) from error
                raise
            return parse_readable(parse_account, answer["requested_reviewers"])

        return await self._call(installation_id, ask)

    async def find_account(self, installation_id: InstallationId, login: str) -> Account | None:
        """None if no account has this login."""

        def find(client: github.Github) -> Account | None:
            try:
                return parse_account(client.get_user(login).raw_data)
            except github.UnknownObjectException:
                return None

        return await self._call(installation_id, find)

    async def _call(self, installation_id: InstallationId | None, work: Callable[[github.Github], T]) -> T:
        turn = self._turns.setdefault(installation_id, asyncio.Semaphore(CALLS_PER_INSTALLATION))
        client = self._client(installation_id)
        async with turn:
            if (until := self._closed_until.get(installation_id)) is not None and self._now() < until:
                raise Postpone(until)
            try:
                result = await asyncio.get_running_loop().run_in_executor(self._threads, work, client)
            except github.GithubException as error:
                raise self._translate(error, installation_id) from error
            except requests.RequestException as error:
                raise self._outage() from error
            except ValidationError as error:
                raise NotFoundError(f"GitHub's answer is odd in {list_fields(error)}") from None
        self._failures = 0
        return result

    def _client(self, installation_id: InstallationId | None) -> github.Github:
        if installation_id not in self._clients:
            self._clients[installation_id] = github.Github(
                auth=self._app if installation_id is None else _SharedToken(self._app, installation_id),
                base_url=self._api_url,
                timeout=self._timeout,
                per_page=100,
                pool_size=THREADS,
                retry=None,
                seconds_between_requests=None,
                seconds_between_writes=None,
                lazy=True,
            )
        return self._clients[installation_id]

    def _translate(self, error: github.GithubException, installation_id: InstallationId | None) -> Exception:
        if error.status >= 500:
            return self._outage()
        if error.status == 404:
            return NotFoundError(_message(error))
        if (wait := _rate_limited_for(error)) is not None:
            # Kept for the installation's other jobs, which would run into the same limit.
            until = self._closed_until[installation_id] = self._now() + wait
            return Postpone(until)
        if error.status in (401, 403):
            return AccessLostError(_message(error))
        return error

    def _outage(self) -> Postpone:
        """Waits a minute, doubled while no call succeeds; at random, so that not all jobs return at once."""
        pause = min(SHORTEST_OUTAGE * 2**self._failures, LONGEST_OUTAGE)
        self._failures = min(self._failures + 1, 10)
        return Postpone(self._now() + pause * random.uniform(0.8, 1.2))  # noqa: S311 - not a secret


def _sign(pem: str, claims: dict[str, Any]) -> str:
    # PyGithub itself would load the key anew for each token.
    return jwt.encode(claims, load_private_key(pem), algorithm="RS256")


def _load_paths(client: github.Github, repository: str, number: int) -> ChangedPaths:
    owner, _, name = repository.partition("/")
    paths: list[str] = []
    after: str | None = None
    while True:
        variables = {"owner": owner, "name": name, "number": number, "after": after}
        _, answer = client.requester.graphql_query(_PATHS, variables)
        pull_request = (answer["data"]["repository"] or {}).get("pullRequest")
        if pull_request is None:
            raise github.UnknownObjectException(404, answer)
        paths += [node["path"] for node in pull_request["files"]["nodes"]]
        page = pull_request["files"]["pageInfo"]
        if not page["hasNextPage"]:
            decision = pull_request["reviewDecision"]
            return ChangedPaths(
                paths=tuple(paths), review_decision=ReviewDecision(decision) if decision else None
            )
        after = page["endCursor"]


def _list_all(client: github.Github, url: str) -> list[Any]:
    """Every element of a list, from all its pages."""
    listed: list[Any] = []
    page = 1
    while True:
        query = {"per_page": 100, "page": page}
        headers, answer = client.requester.requestJsonAndCheck("GET", url, parameters=query)
        listed += answer or ()
        if 'rel="next"' not in headers.get("link", ""):
            return listed
        page += 1


def _is_pending(review: object) -> bool:
    return isinstance(review, Mapping) and review.get("state") == "PENDING"


def _message(error: github.GithubException) -> str:
    data: Any = error.data
    if isinstance(data, Mapping):
        errors = data.get("errors")
        first = errors[0] if isinstance(errors, list) and errors else None
        detail = first.get("message") if isinstance(first, Mapping) else first
        return str(detail or data.get("message") or error.status)
    return str(error.message or error.status)


def _rate_limited_for(error: github.GithubException) -> timedelta | None:
    """How long GitHub asks us to wait; None if this is no rate limit.

    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
    """
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    if error.status not in (403, 429):
        return None
    if headers.get("retry-after", "").isdecimal():
        return timedelta(seconds=int(headers["retry-after"]))
    if headers.get("x-ratelimit-remaining") == "0" and headers.get("x-ratelimit-reset", "").isdecimal():
        reset_at = datetime.fromtimestamp(int(headers["x-ratelimit-reset"]), UTC)
        return max(reset_at - utc_now(), timedelta(seconds=1))
    return SHORTEST_OUTAGE if error.status == 429 or "rate limit" in _message(error).lower() else None
