"""Compares the stored pull requests of a repository with those that GitHub lists."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from bot.github.model import PullRequestSnapshot, PullRequestState
from bot.model import AccountId, PullRequestId, RepositoryId, Value
from jobq import current_database


class Belief(Value):
    """A stored pull request, as far as a list of GitHub can confirm it. `asked` are the open requests."""

    id: PullRequestId
    repository_id: RepositoryId
    author_id: AccountId
    state: PullRequestState
    is_draft: bool
    head_sha: str
    title: str
    labels: frozenset[str]
    updated_at: datetime
    asked: frozenset[AccountId]

    @property
    def is_open(self) -> bool:
        return self.state is PullRequestState.OPEN


class Comparison(Value):
    """`outdated` are stored, but GitHub shows them otherwise; `unknown` are not stored."""

    outdated: tuple[PullRequestId, ...] = ()
    unknown: tuple[PullRequestSnapshot, ...] = ()

    @property
    def differences(self) -> int:
        return len(self.outdated) + len(self.unknown)


def compare(beliefs: Iterable[Belief], listed: Sequence[PullRequestSnapshot]) -> Comparison:
    """The differences. `listed` are all pull requests that are open on GitHub."""
    stored = {belief.id: belief for belief in beliefs}
    on_github = {snapshot.id: snapshot for snapshot in listed}
    return Comparison(
        outdated=tuple(belief.id for belief in stored.values() if _differs(belief, on_github.get(belief.id))),
        unknown=tuple(snapshot for snapshot in on_github.values() if snapshot.id not in stored),
    )


def _differs(belief: Belief, snapshot: PullRequestSnapshot | None) -> bool:
    if snapshot is None:
        return belief.is_open
    if snapshot.is_partial:
        return not belief.is_open
    asked = {each.id for each in snapshot.requested if each.id != belief.author_id and not each.is_bot}
    return (
        (belief.repository_id, belief.state, belief.is_draft, belief.title, belief.labels)
        != (
            snapshot.repository.id, snapshot.state, snapshot.is_draft, snapshot.title,
            frozenset(snapshot.labels),
        )
        or belief.head_sha != (snapshot.head_sha or belief.head_sha)
        or belief.updated_at != snapshot.updated_at
        or belief.asked != asked
    )  # fmt: skip


async def list_beliefs(repository_id: RepositoryId, listed: Iterable[PullRequestId]) -> tuple[Belief, ...]:
    """The stored pull requests that are open in this repository, and those that GitHub lists."""
    rows = await current_database().fetch(
        """
        SELECT id, repository_id, author_id, state, is_draft, head_sha, title, labels, updated_at, ARRAY(
                SELECT reviewer_id FROM review_request
                WHERE pull_request_id = pull_request.id AND closed_at IS NULL) AS asked
        FROM pull_request WHERE repository_id = $1 AND state = 'open' OR id = ANY($2::bigint[])
        ORDER BY id
        """,
        repository_id,
        list(listed),
    )
    return tuple(Belief.model_validate(dict(row)) for row in rows)
