"""Turns what GitHub sends into facts and other typed values. Fields that are not on a list are dropped."""

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar

import structlog
from pydantic import ValidationError

from bot.github import model, wire
from bot.github.cleaning import read_json
from bot.github.tolerance import Oddities
from bot.github.usual import read_usual

log = structlog.get_logger()

T = TypeVar("T")
_NEXT_CURSOR = re.compile(r'[?&]cursor=(?P<cursor>[^&>]+)[^>]*>; rel="next"')
_Event = (
    wire.PullRequestEvent
    | wire.ReviewEvent
    | wire.InstallationEvent
    | wire.RepositoriesEvent
    | wire.RepositoryEvent
)

_FOLLOWED: dict[str, tuple[frozenset[str], type[_Event]]] = {
    "pull_request": (frozenset(model.PullRequestAction), wire.PullRequestEvent),
    "pull_request_review": (frozenset({"submitted", "dismissed"}), wire.ReviewEvent),
    "installation": (frozenset(model.InstallationAction), wire.InstallationEvent),
    "installation_repositories": (frozenset({"added", "removed"}), wire.RepositoriesEvent),
    "repository": (frozenset(model.RepositoryAction), wire.RepositoryEvent),
}
"""The actions that Ripe follows of each event, and the event's shape."""


class MalformedPayloadError(model.GitHubError):
    """A followed event in a shape that Ripe does not understand. The text names fields, never values."""


class ParsedEvent(NamedTuple):
    """The fact of a delivery, if Ripe follows its event and action. `note` counts what could not be read."""

    fact: model.Fact | None
    note: str = ""


def parse_event(event: str, body: bytes) -> model.Fact | None:
    """The fact in a delivery, or None for an event or action that Ripe does not follow.

    `event` is the X-GitHub-Event header and `body` the raw JSON. Raises MalformedPayloadError.
    """
    return parse_noted_event(event, body).fact


def parse_noted_event(event: str, body: bytes | bytearray) -> ParsedEvent:
    """As `parse_event`, with a note about the values and characters that were left out."""
    if event == "ping":
        return ParsedEvent(model.Ping())
    if event not in _FOLLOWED:
        return ParsedEvent(None)
    fact = read_usual(event, body)
    return parse_carefully(event, body) if fact is None else ParsedEvent(fact)


def parse_carefully(event: str, body: bytes | bytearray) -> ParsedEvent:
    """The fact of a followed event, without what cannot be read. Raises MalformedPayloadError."""
    try:
        return _parse(event, body)
    except ValidationError as error:
        raise MalformedPayloadError(f"{event}: {list_fields(error)}") from None
    except ValueError:
        raise MalformedPayloadError(f"{event}: body") from None


def _parse(event: str, body: bytes | bytearray) -> ParsedEvent:
    payload, replaced = read_json(body)
    actions, shape = _FOLLOWED[event]
    if wire.Action.model_validate(payload).action not in actions:
        return ParsedEvent(None)
    oddities = Oddities()
    fact = shape.model_validate(payload, context=oddities).fact()
    notes = [str(oddities)] if oddities else []
    notes += [f"characters replaced: {replaced}"] if replaced else []
    return ParsedEvent(fact, "; ".join(notes))


def list_fields(error: ValidationError) -> str:
    """The fields that could not be read, never their values."""
    fields = sorted({".".join(str(part) for part in e["loc"]) or "body" for e in error.errors()})
    return ", ".join(fields[:8])


def parse_readable(parse: Callable[[object], T], answers: object) -> tuple[T, ...]:
    """The elements of a list that can be read. The others are counted in the log."""
    items: Iterable[Any] = answers if isinstance(answers, list) else ()
    read: list[T] = []
    unreadable = 0
    for item in items:
        try:
            read.append(parse(item))
        except ValidationError:
            unreadable += 1
    if unreadable:
        log.warning("GitHub listed something unreadable", what=parse.__name__, unreadable=unreadable)
    return tuple(read)


def parse_account(answer: object) -> model.Account:
    """A user or bot as GitHub's API answers. Like all below it raises pydantic's ValidationError."""
    return wire.Account.model_validate(answer).account()


def parse_pull_request(answer: object) -> model.PullRequestSnapshot:
    """A pull request as GitHub's API answers, which names its repository."""
    pull_request = wire.PullRequestAnswer.model_validate(answer)
    return pull_request.snapshot(pull_request.repository.repository())


def parse_attempt(answer: object) -> model.DeliveryAttempt:
    """An attempt to deliver a webhook as GitHub's API answers."""
    return wire.Attempt.model_validate(answer).attempt()


def parse_delivery_page(answer: object, link: str) -> model.DeliveryPage:
    """A page of attempts. `link` is the header with the address of the next page."""
    following = _NEXT_CURSOR.search(link)
    return model.DeliveryPage(
        attempts=parse_readable(parse_attempt, answer),
        next_cursor=following["cursor"] if following else None,
    )


def parse_repository(answer: object) -> model.Repository:
    """A repository as GitHub's API answers."""
    return wire.Repository.model_validate(answer).repository()


def parse_repository_page(listed: list[Any], total: object, *, is_last: bool) -> model.RepositoryPage:
    """A page of the repositories of an installation. Nobody works in an archived one, so it is left out."""
    live = [each for each in listed if not (isinstance(each, dict) and each.get("archived") is True)]
    repositories = parse_readable(parse_repository, live)
    return model.RepositoryPage(
        repositories=repositories,
        is_last=is_last,
        unreadable=len(live) - len(repositories),
        archived=len(listed) - len(live),
        total=total if isinstance(total, int) else None,
    )


def parse_review(answer: object) -> model.Review:
    """A submitted review as GitHub's API answers: its states are in capitals there."""
    return wire.Review.model_validate(answer).review()
