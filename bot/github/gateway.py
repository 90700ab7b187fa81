"""The one door to GitHub. PyGithub blocks, so its calls run on threads of their own.

Every method raises RefusedError if GitHub refuses for good (NotFoundError and AccessLostError among them),
and GitHubWaitError, a jobq.Postpone, after a rate limit, an outage or a time-out: see refusals.py.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import github  # noqa: TID251 - the one door
import jwt
import requests
from github.Auth import AppAuth, AppInstallationAuth  # noqa: TID251
from github.Requester import Requester  # noqa: TID251
from pydantic import SecretStr, ValidationError

from bot.encryption import load_private_key
from bot.github.changed_paths import ask_for_paths, ask_for_verdict
from bot.github.connection import HTTPConnection, HTTPSConnection, close_connections
from bot.github.lists import list_newest, read_list
from bot.github.model import (
    AccessLostError,
    Account,
    DeliveryPage,
    NotFoundError,
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
    parse_delivery_page,
    parse_pull_request,
    parse_readable,
    parse_repository_page,
    parse_review,
)
from bot.github.refusals import (
    Later,
    NewToken,
    OddAnswerError,
    describe,
    describe_silence,
    judge,
    reason,
)
from bot.github.share import Share
from bot.github.waiting import GitHubWaitError
from bot.model import AccountId, InstallationId
from jobq import BackOff, utc_now

T = TypeVar("T")

THREADS = 16
CALLS_PER_INSTALLATION = 4
"""In this process. Jobs need not wait for it: their concurrency keys let no more of them start."""

Requester.injectConnectionClasses(HTTPConnection, HTTPSConnection)  # type: ignore[arg-type]


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
        self._closed: dict[InstallationId | None, GitHubWaitError] = {}
        self._back_off = BackOff()
        self._share = Share()

    async def close(self) -> None:
        """Starts no more calls. Those that have started end within their time-out."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        close_connections()

    async def load_as_app(self, path: str) -> Any:
        """GitHub's answer to a GET of `path` by the App itself, without an installation."""
        return await self._call(
            None, path, lambda client: client.requester.requestJsonAndCheck("GET", path)[1]
        )

    async def load_as_installation(self, installation_id: InstallationId, path: str) -> Any:
        """GitHub's answer to a GET of `path` by an installation."""
        return await self._call(
            installation_id, path, lambda client: client.requester.requestJsonAndCheck("GET", path)[1]
        )

    async def list_delivery_attempts(self, cursor: str | None = None) -> DeliveryPage:
        """A hundred attempts to deliver the App's webhooks; GitHub lists those of the last days."""

        def load(client: github.Github) -> DeliveryPage:
            query = {"per_page": 100} | ({"cursor": cursor} if cursor else {})
            headers, answer = client.requester.requestJsonAndCheck(
                "GET", "/app/hook/deliveries", parameters=query
            )
            return parse_delivery_page(read_list(answer), headers.get("link", ""))

        return await self._call(None, "delivery attempts", load)

    async def redeliver(self, attempt_id: int) -> None:
        """GitHub soon delivers the same event once more, under the same GUID."""
        url = f"/app/hook/deliveries/{attempt_id}/attempts"
        await self._call(None, url, lambda client: client.requester.requestJsonAndCheck("POST", url))

    def leave_half(self, installation_id: InstallationId | None) -> None:
        """Raises Postpone until the rate limit is refilled if GitHub's last answer left less than half of it.

        For work that can wait, so that facts never wait behind it.
        """
        client = self._clients.get(installation_id)
        if client is None:
            return
        until = self._share.find_wait(installation_id, client.requester, self._now(), utc_now())
        if until is not None:
            raise GitHubWaitError(until, "half of its rate limit is left to facts")

    async def load_pull_request(
        self, installation_id: InstallationId, repository: str, number: int
    ) -> PullRequestSnapshot:
        """The pull request as it stands now."""

        def load(client: github.Github) -> PullRequestSnapshot:
            _, answer = client.requester.requestJsonAndCheck("GET", f"/repos/{repository}/pulls/{number}")
            return parse_pull_request(answer)

        return await self._call(installation_id, f"{repository}#{number}", load)

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
                pull_requests=parse_readable(parse_pull_request, read_list(answer)),
                is_last='rel="next"' not in headers.get("link", ""),
            )

        return await self._call(installation_id, f"{repository} {state} {page}", load)

    async def list_repositories(self, installation_id: InstallationId, page: int) -> RepositoryPage:
        """A hundred of the repositories that an installation sees. Pages count from 1."""

        def load(client: github.Github) -> RepositoryPage:
            headers, answer = client.requester.requestJsonAndCheck(
                "GET", "/installation/repositories", parameters={"per_page": 100, "page": page}
            )
            listed, is_last = (
                read_list(_read(answer, "repositories")),
                'rel="next"' not in headers.get("link", ""),
            )
            return parse_repository_page(listed, answer.get("total_count"), is_last=is_last)

        return await self._call(installation_id, f"repositories {page}", load)

    async def list_reviews(
        self, installation_id: InstallationId, repository: str, number: int
    ) -> tuple[Review, ...]:
        """The newest thousand submitted reviews, oldest first, without those that are not submitted yet."""

        def load(client: github.Github) -> tuple[Review, ...]:
            answers = list_newest(client, f"/repos/{repository}/pulls/{number}/reviews")
            return parse_readable(parse_review, [answer for answer in answers if not _is_pending(answer)])

        return await self._call(installation_id, f"reviews {repository}#{number}", load)

    async def load_changed_paths(
        self, installation_id: InstallationId, repository: str, number: int
    ) -> tuple[str, ...]:
        """The paths that a pull request touches, a hundred a call. Raises PathsRefusedError."""
        ask = partial(ask_for_paths, repository=repository, number=number)
        return await self._call(installation_id, f"paths {repository}#{number}", ask)

    async def load_verdict(
        self, installation_id: InstallationId, repository: str, number: int
    ) -> ReviewDecision | None:
        """Whether there are enough approvals, by one call.

        None if no rule on GitHub demands any, or the installation may not know.
        """
        ask = partial(ask_for_verdict, repository=repository, number=number)
        return await self._call(installation_id, f"verdict {repository}#{number}", ask)

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
                    raise ReviewersRefusedError(reason(error)) from error
                raise
            return parse_readable(parse_account, _read(answer, "requested_reviewers"))

        return await self._call(installation_id, f"reviewers {repository}#{number}", ask)

    async def find_account(self, installation_id: InstallationId, login: str) -> Account | None:
        """None if no account has this login."""

        def find(client: github.Github) -> Account | None:
            try:
                return parse_account(client.get_user(login).raw_data)
            except github.UnknownObjectException:
                return None

        return await self._call(installation_id, f"account {login}", find)

    async def find_account_by_id(
        self, installation_id: InstallationId, account_id: AccountId
    ) -> Account | None:
        """The account with the login that it has now. None if it was deleted."""

        def find(client: github.Github) -> Account | None:
            try:
                return parse_account(client.get_user_by_id(account_id).raw_data)
            except github.UnknownObjectException:
                return None

        return await self._call(installation_id, f"account {account_id}", find)

    async def _call(
        self, installation_id: InstallationId | None, call: str, work: Callable[[github.Github], T]
    ) -> T:
        """The answer to a call. `call` names it, so that its failures in a row are counted."""
        call = f"{installation_id} {call}"
        async with self._turns.setdefault(installation_id, asyncio.Semaphore(CALLS_PER_INSTALLATION)):
            closed = self._closed.get(installation_id)
            if closed is not None and self._now() < closed.until:
                raise GitHubWaitError(closed.until, closed.reason, is_limit=True)
            try:
                result = await self._ask(installation_id, work)
            except github.GithubException as error:
                raise self._refused(error, installation_id, call) from error
            except (
                requests.RequestException,
                json.JSONDecodeError,
                UnicodeDecodeError,
                RecursionError,
            ) as error:
                raise self._later(Later(), installation_id, call, describe_silence(error)) from error
            except ValidationError as error:
                raise NotFoundError(f"GitHub's answer is odd in {list_fields(error)}") from None
        self._back_off.succeed(call)
        return result

    async def _ask(self, installation_id: InstallationId | None, work: Callable[[github.Github], T]) -> T:
        """A token that GitHub does not take is replaced once: a fresh one is not known everywhere at once."""
        loop = asyncio.get_running_loop()
        client = self._client(installation_id)
        try:
            return await loop.run_in_executor(self._threads, work, client)
        except github.GithubException as error:
            if not isinstance(judge(error, utc_now()), NewToken):
                raise
        if self._clients.get(installation_id) is client:
            del self._clients[installation_id]
        return await loop.run_in_executor(self._threads, work, self._client(installation_id))

    def _refused(
        self, error: github.GithubException, installation_id: InstallationId | None, call: str
    ) -> Exception:
        match judge(error, utc_now()):
            case Later() as later:
                return self._later(later, installation_id, call, describe(error))
            case NewToken() if installation_id is None:
                return AccessLostError(reason(error))
            case NewToken():
                # Ripe's key or clock is wrong. An installation that has gone is not found instead.
                return self._later(Later(), installation_id, call, describe(error))
            case final:
                return final

    def _later(
        self, later: Later, installation_id: InstallationId | None, call: str, why: str
    ) -> GitHubWaitError:
        until = self._now() + self._back_off.next_wait(call, later.wait)
        waits = GitHubWaitError(until, why, is_limit=later.is_limit)
        if later.is_limit:
            # Kept for the installation's other jobs, which would run into the same limit.
            self._closed[installation_id] = waits
        return waits

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


def _sign(pem: str, claims: dict[str, Any]) -> str:
    # PyGithub itself would load the key anew for each token.
    return jwt.encode(claims, load_private_key(pem), algorithm="RS256")


def _read(answer: object, name: str) -> Any:
    """A member of an answer. A proxy's page has none."""
    if not isinstance(answer, Mapping) or name not in answer:
        raise OddAnswerError(f"the answer has no {name}")
    return answer[name]


def _is_pending(review: object) -> bool:
    return isinstance(review, Mapping) and review.get("state") == "PENDING"
