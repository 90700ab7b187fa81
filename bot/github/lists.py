"""Reads lists that GitHub answers in pages, oldest first."""

import re
from typing import Any

import github  # noqa: TID251 - a part of the door

from bot.github.refusals import OddAnswerError

MOST_PAGES = 10
"""Of a hundred. Anybody can review a public pull request as often as they like."""

_LAST = re.compile(r'[?&]page=(?P<page>\d{1,9})[^>]*>; rel="last"')


def list_newest(client: github.Github, url: str) -> list[Any]:
    """The elements of the first page, which says how many follow, and of the last ones, oldest first."""
    listed, page, last = [], 1, 1
    while page <= last:
        query = {"per_page": 100, "page": page}
        headers, answer = client.requester.requestJsonAndCheck("GET", url, parameters=query)
        listed += read_list(answer)
        if page == 1:
            last = _last_page(headers.get("link", ""))
            page = max(1, last - MOST_PAGES)
        page += 1
    return listed


def _last_page(links: str) -> int:
    if 'rel="next"' not in links:
        return 1
    if (last := _LAST.search(links)) is None:
        raise OddAnswerError("the answer does not say how many pages follow")
    return int(last["page"])


def read_list(answer: object) -> list[Any]:
    """Raises OddAnswerError."""
    if not isinstance(answer, list):
        raise OddAnswerError("the answer is no list")
    return answer
