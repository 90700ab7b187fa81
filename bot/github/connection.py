"""The HTTP connections under PyGithub: safe to share between threads, and they follow a moved repository."""

import math
import threading
from functools import lru_cache
from typing import Any, ClassVar
from urllib.parse import urljoin, urlsplit

import requests
from github import GithubException  # noqa: TID251 - under the door
from github.Requester import RequestsResponse  # noqa: TID251

from bot.github.call_limits import CuttableAdapter, call_within

MOVED = frozenset({301, 302, 307, 308})
"""GitHub asks to repeat the request as it was, whatever its verb:
https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects"""
MOST_MOVES = 5
DEFAULT_PORTS = {"http": 80, "https": 443}
NUMBERS = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")
"""Headers in which PyGithub would stumble over anything else."""


class Connection:
    """As PyGithub's own connection classes, whose `request` and `getresponse` may mix up two threads."""

    protocol: ClassVar[str]

    def __init__(
        self,
        host: str,
        port: int | None = None,
        strict: bool = False,
        timeout: int | None = None,
        retry: object = None,
        pool_size: int | None = None,
        **options: Any,
    ) -> None:
        self.host = host
        self._origin = f"{self.protocol}://{host}:{port or DEFAULT_PORTS[self.protocol]}"
        self._timeout = timeout
        self._verify = options.get("verify", True)
        self._session = _session(self._origin, pool_size or 1)
        self._of_thread = threading.local()

    def request(
        self, verb: str, url: str, input: str | None, headers: dict[str, str], stream: bool = False
    ) -> None:
        """Notes the request that `getresponse` sends."""
        self._of_thread.request = (verb, url, input, headers)

    def getresponse(self) -> RequestsResponse:
        """Sends the request, to another address of the same host if GitHub says that it moved."""
        if self._timeout is None:
            return self._send()
        with call_within(self._timeout):
            return self._send()

    def _send(self) -> RequestsResponse:
        verb, path, body, headers = self._of_thread.request
        url = urljoin(self._origin, path)
        for _ in range(MOST_MOVES):
            response = self._session.request(
                verb, url, data=body, headers=headers, timeout=self._timeout, verify=self._verify,
                allow_redirects=False,
            )  # fmt: skip
            if response.status_code not in MOVED:
                return RequestsResponse(_readable(response))
            url = urljoin(url, response.headers.get("location", ""))
            if _origin_of(url) != self._origin:
                break  # the token is for this host only
        raise GithubException(response.status_code, {"message": "moved to an address that is not followed"})

    def close(self) -> None:
        """Nothing: other threads may use the session."""


class HTTPConnection(Connection):
    protocol = "http"


class HTTPSConnection(Connection):
    protocol = "https"


def close_connections() -> None:
    """Connections that are kept open belong to the process; the next request makes new ones."""
    _session.cache_clear()


@lru_cache(maxsize=8)
def _session(origin: str, pool_size: int) -> requests.Session:
    session = requests.Session()
    session.auth = lambda request: request  # without this, requests would look for a .netrc file
    session.mount(origin, CuttableAdapter(max_retries=0, pool_maxsize=pool_size))
    return session


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or DEFAULT_PORTS.get(parts.scheme)}"


def _readable(response: requests.Response) -> requests.Response:
    for name in NUMBERS:
        if name in response.headers and not _is_number(response.headers[name]):
            del response.headers[name]
    return response


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
