"""Turns what GitHub sends into facts and other typed values. Fields that are not on a list are dropped."""

from pydantic import ValidationError

from bot.github import model, wire

_PULL_REQUEST_ACTIONS = frozenset(model.PullRequestAction)
_INSTALLATION_ACTIONS = frozenset(model.InstallationAction)
_REVIEW_ACTIONS = frozenset({"submitted", "dismissed"})
_REPOSITORY_ACTIONS = frozenset(model.RepositoryAction)
_REPOSITORIES_ACTIONS = frozenset({"added", "removed"})


class MalformedPayloadError(model.GitHubError):
    """A followed event in a shape that Ripe does not understand. The text names fields, never values."""


def parse_event(event: str, body: bytes) -> model.Fact | None:
    """The fact in a delivery, or None for an event or action that Ripe does not follow.

    `event` is the X-GitHub-Event header and `body` the raw JSON. Raises MalformedPayloadError.
    """
    try:
        return _parse(event, body)
    except ValidationError as error:
        fields = sorted({".".join(str(part) for part in e["loc"]) or "body" for e in error.errors()})
        raise MalformedPayloadError(f"{event}: {', '.join(fields[:8])}") from None


def _parse(event: str, body: bytes) -> model.Fact | None:
    if event == "ping":
        return model.Ping()
    action = wire.Action.model_validate_json(body).action
    if event == "pull_request" and action in _PULL_REQUEST_ACTIONS:
        return wire.PullRequestEvent.model_validate_json(body).fact()
    if event == "pull_request_review" and action in _REVIEW_ACTIONS:
        return wire.ReviewEvent.model_validate_json(body).fact()
    if event == "installation" and action in _INSTALLATION_ACTIONS:
        return wire.InstallationEvent.model_validate_json(body).fact()
    if event == "installation_repositories" and action in _REPOSITORIES_ACTIONS:
        return wire.RepositoriesEvent.model_validate_json(body).fact()
    if event == "repository" and action in _REPOSITORY_ACTIONS:
        return wire.RepositoryEvent.model_validate_json(body).fact()
    return None


def parse_account(answer: object) -> model.Account:
    """A user or bot as GitHub's API answers. Like all below it raises pydantic's ValidationError."""
    return wire.Account.model_validate(answer).account()


def parse_pull_request(answer: object) -> model.PullRequestSnapshot:
    """A pull request as GitHub's API answers, which names its repository."""
    pull_request = wire.PullRequestAnswer.model_validate(answer)
    return pull_request.snapshot(pull_request.repository.repository())


def parse_repository(answer: object) -> model.Repository:
    """A repository as GitHub's API answers."""
    return wire.Repository.model_validate(answer).repository()


def parse_review(answer: object) -> model.Review:
    """A submitted review as GitHub's API answers: its states are in capitals there."""
    return wire.Review.model_validate(answer).review()
