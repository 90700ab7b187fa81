"""The forms of GitHub's answers: errors, and lists in pages with links to the others."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from quart import Response, jsonify, request

from bot.sandbox.github.errors import AnswerError

DOCUMENTATION = "https://docs.github.com/rest"
MOST_PER_PAGE = 100
USUAL_PER_PAGE = 30


NOT_FOUND = "Not Found"
FORBIDDEN = "Resource not accessible by integration"


def invalid_field(resource: str, name: str, message: str) -> AnswerError:
    """422 for one bad argument."""
    error = {"resource": resource, "field": name, "code": "custom", "message": message}
    return AnswerError(422, "Validation Failed", [error])


def answer_error(
    status: int,
    message: str,
    errors: Sequence[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An error as GitHub words it."""
    body: dict[str, Any] = {"message": message}
    if errors:
        body["errors"] = list(errors)
    response = jsonify(body | {"documentation_url": DOCUMENTATION, "status": str(status)})
    response.status_code = status
    response.headers.update(dict(headers or {}))
    return response


def answer_page(rows: Sequence[Any], item: str | None = None) -> Response:
    """The page of a list that the caller asks for. With `item`, an object with this key and the total."""
    size, page = per_page(), max(request.args.get("page", 1, int), 1)
    listed, last = list(rows[(page - 1) * size : page * size]), max(-(-len(rows) // size), 1)
    response = jsonify(listed if item is None else {"total_count": len(rows), item: listed})
    links: dict[str, Any] = {}
    if page > 1:
        links |= {"prev": {"page": min(page - 1, last)}, "first": {"page": 1}}
    if page < last:
        links |= {"next": {"page": page + 1}, "last": {"page": last}}
    return add_links(response, links)


def per_page() -> int:
    """The size of a page. GitHub replaces an impossible size by the nearest possible one."""
    return min(max(request.args.get("per_page", USUAL_PER_PAGE, int), 1), MOST_PER_PAGE)


def add_links(response: Response, links: Mapping[str, Mapping[str, Any]]) -> Response:
    """Add the header with the addresses of other pages: this one's with other arguments."""
    if links:
        response.headers["Link"] = ", ".join(
            f'<{request.base_url}?{urlencode({**request.args, **changed})}>; rel="{name}"'
            for name, changed in links.items()
        )
    return response
