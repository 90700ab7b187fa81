"""Applies facts about pull requests, their review requests and their reviews, many in one transaction.

Facts come in any order and twice. bot/reviews/rules.py explains how the newest one wins.

A batch costs as many statements as one fact, so that fifty facts need one commit and a few round trips.
Each decision is pure and about one fact (bot/reviews/relation.py); only reading and writing is done for all
at once. A pull request takes part with one fact at a time: its next fact has its turn in the next round, in
the same transaction.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple, TypeAlias

from bot.flows.catalog import sync_pull_request_job
from bot.flows.change import AppliedChange, DecidedChange, record_changes
from bot.flows.fact_effects import accounts_in, ends_snoozes, find_unnamed, follow_up
from bot.flows.follow_names import Sighting, follow_logins
from bot.flows.repositories import RegisteredRepository, confirm_repositories, register_repository
from bot.flows.visibility import hold_pull_requests
from bot.github.deliveries import DeliveryOutcome
from bot.github.model import ReviewFact
from bot.github.store import NamedRepository
from bot.model import PullRequestId, WorkspaceId
from bot.reviews import relation, rules, store
from bot.reviews.changes import (
    correct_close_reasons,
    end_snoozes_until_change,
    insert_pull_requests,
    save_reviews,
    update_pull_requests,
)
from bot.reviews.model import PullRequest, ReviewRequest
from bot.reviews.names import name_requesters
from bot.reviews.relation import Relation
from bot.reviews.rules import AnyFact, Change

ORDINARY = (Relation.NEWER, Relation.SAME_SECOND)
"""Facts that change the pull request."""


class OwnedFact(NamedTuple):
    """A fact, and the workspace that its installation belongs to."""

    workspace_id: WorkspaceId
    fact: AnyFact

    @property
    def repository(self) -> NamedRepository:
        """The repository as the fact names it."""
        named = self.fact.pull_request.repository
        return NamedRepository(named.id, self.workspace_id, self.fact.installation_id, named.full_name)

    @property
    def pull_request_id(self) -> PullRequestId:
        return self.fact.pull_request.id


async def apply_pull_request_facts(facts: Sequence[OwnedFact]) -> list[AppliedChange | None]:
    """Stores what these facts change, in a transaction that holds no locks yet. Save the jobs in it.

    None stands for a fact that has changed nothing: apply it in a transaction of its own, with
    apply_pull_request_fact. Its repository is new, renamed or moved, or another transaction has just stored
    the same new pull request.

    Locks: the repositories (shared), then the pull requests, each by id.
    """
    repositories = await confirm_repositories(each.repository for each in facts) if facts else {}
    applied: list[AppliedChange | None] = [None] * len(facts)
    waiting = [place for place, each in enumerate(facts) if each.repository in repositories]
    while waiting:
        now, later = _split(facts, waiting)
        done = await _apply_round([(facts[place], repositories[facts[place].repository]) for place in now])
        for place in now:
            applied[place] = done.get(facts[place].pull_request_id)
        waiting = [place for place in later if facts[place].pull_request_id in done]
    return applied


async def apply_pull_request_fact(owned: OwnedFact) -> AppliedChange:
    """Stores what one fact changes, its repository included, in a transaction of its own.

    Save the jobs in it. It locks the repository, not shared, so nobody else stores the same new pull request
    meanwhile.
    """
    snapshot = owned.fact.pull_request
    repository = await register_repository(
        owned.workspace_id, owned.fact.installation_id, snapshot.repository, snapshot.updated_at
    )
    return (await _apply_round([(owned, repository)]))[snapshot.id]


def _split(facts: Sequence[OwnedFact], places: Iterable[int]) -> tuple[list[int], list[int]]:
    """The first fact of each pull request, and the others."""
    first: dict[PullRequestId, int] = {}
    others = []
    for place in places:
        if first.setdefault(facts[place].pull_request_id, place) != place:
            others.append(place)
    return list(first.values()), others


Applied: TypeAlias = dict[PullRequestId, AppliedChange]


async def _apply_round(facts: Sequence[tuple[OwnedFact, RegisteredRepository]]) -> Applied:
    """Facts about different pull requests. Those that lost the race for a new one are not in the result."""
    steps = await _store([owned for owned, repository in facts if repository.is_visible])
    applied = {
        **{owned.pull_request_id: _INVISIBLE for owned, repository in facts if not repository.is_visible},
        **await _apply_ordinary([step for step in steps if step.relation in ORDINARY]),
        **await _apply_older([step for step in steps if step.relation is Relation.OLDER]),
        **{step.id: _ask_github(step) for step in steps if step.relation is Relation.CONTRADICTING},
    }
    # Nothing is sent about a contradiction until GitHub was asked.
    if held := [step.id for step in steps if rules.contradicts_itself(step.fact)]:
        await hold_pull_requests(held)
    return {
        owned.pull_request_id: _with_doubts(change, owned, repository)
        for owned, repository in facts
        if (change := applied.get(owned.pull_request_id))
    }


_INVISIBLE = AppliedChange("the App was removed from this repository", outcome=DeliveryOutcome.LATE)


def _with_doubts(change: AppliedChange, owned: OwnedFact, repository: RegisteredRepository) -> AppliedChange:
    """GitHub is asked if the fact contradicts itself or is partial."""
    is_doubtful = rules.contradicts_itself(owned.fact) or owned.fact.pull_request.is_partial
    sync = sync_pull_request_job(owned.pull_request_id, owned.fact.installation_id)
    doubts = (sync,) if is_doubtful and repository.is_visible else ()
    return replace(change, jobs=(*repository.jobs, *change.jobs, *doubts))


class _Step(NamedTuple):
    """A fact and the stored pull request, as it is `after` the fact."""

    fact: AnyFact
    relation: Relation
    is_new: bool
    after: PullRequest

    @property
    def id(self) -> PullRequestId:
        return self.after.id

    @property
    def at(self) -> datetime:
        """When it happened, by GitHub's clock."""
        return self.fact.pull_request.updated_at


async def _store(facts: Sequence[OwnedFact]) -> list[_Step]:
    """Locks and saves the pull requests, and saves reviews. Omits those that lost the race for a new one."""
    if not facts:
        return []
    locked = await store.lock_pull_requests(owned.pull_request_id for owned in facts)
    steps = [_meet(owned, locked.get(owned.pull_request_id)) for owned in facts]
    new = [step.after for step in steps if step.is_new]
    inserted = await insert_pull_requests(new) if new else ()
    changed = [step.after for step in steps if step.relation in ORDINARY and not step.is_new]
    if changed:
        await update_pull_requests(changed)
    steps = [step for step in steps if not step.is_new or step.id in inserted]
    reviews = [(step.after, step.fact.review) for step in steps if isinstance(step.fact, ReviewFact)]
    if reviews:
        await save_reviews(reviews)
    return steps


def _meet(owned: OwnedFact, stored: PullRequest | None) -> _Step:
    related = relation.relate(stored, owned.fact)
    after = relation.apply(stored, owned.workspace_id, owned.fact)
    return _Step(owned.fact, related, stored is None, after)


async def _apply_ordinary(steps: Sequence[_Step]) -> Applied:
    if not steps:
        return {}
    open_requests = await store.list_open_requests_with_replies(
        step.after for step in steps if not step.is_new
    )
    asked = [open_requests.get(step.id, store.Asked()) for step in steps]
    changes = [
        relation.change(step.relation, step.after, step.fact, requests, replies)
        for step, (requests, replies) in zip(steps, asked, strict=True)
    ]
    owners = await follow_logins(
        [
            Sighting(step.after.workspace_id, accounts_in(step.fact), requests, step.at)
            for step, (requests, _) in zip(steps, asked, strict=True)
        ]
    )
    kept = [_kept(requests, change) for (requests, _), change in zip(asked, changes, strict=True)]
    await _note_on_requests(list(zip(steps, kept, strict=True)))
    recorded = await record_changes(
        [
            DecidedChange(step.after, change, requests, owned, step.at)
            for step, change, (requests, _), owned in zip(steps, changes, asked, owners, strict=True)
        ]
    )
    return {
        step.id: _with_follow_up(step, applied, is_somebody_asked=bool(still_open or change.opened))
        for step, applied, change, still_open in zip(steps, recorded, changes, kept, strict=True)
    }


def _with_follow_up(step: _Step, applied: AppliedChange, *, is_somebody_asked: bool) -> AppliedChange:
    jobs = follow_up(step.after, step.fact, is_somebody_asked=is_somebody_asked)
    return replace(applied, jobs=(*applied.jobs, *jobs))


def _kept(requests: Iterable[ReviewRequest], change: Change) -> list[ReviewRequest]:
    """The open requests that stay open."""
    closed = {request.id for request, _ in change.closed}
    return [request for request in requests if request.id not in closed]


async def _note_on_requests(steps: Sequence[tuple[_Step, Sequence[ReviewRequest]]]) -> None:
    """Ends snoozes, and names those who asked."""
    await end_snoozes_until_change([step.id for step, kept in steps if ends_snoozes(step.fact, kept)])
    unnamed = {
        request_id: login for step, kept in steps for request_id, login in find_unnamed(step.fact, kept)
    }
    if unnamed:
        await name_requesters(unnamed)


async def _apply_older(steps: Sequence[_Step]) -> Applied:
    """Records a review, which counts however late it comes. A newer fact has overtaken everything else."""
    reviews = {
        step.id: step.fact
        for step in steps
        if isinstance(step.fact, ReviewFact) and rules.counts(step.fact.review.author, step.after)
    }
    requests = await store.list_requests_of(reviews)
    await correct_close_reasons(
        corrected
        for pull_request_id, fact in reviews.items()
        for corrected in relation.correct(fact, requests.get(pull_request_id, ()))
    )
    return {
        step.id: AppliedChange("review recorded" if step.id in reviews else "", outcome=DeliveryOutcome.LATE)
        for step in steps
    }


def _ask_github(step: _Step) -> AppliedChange:
    note = "contradicts another fact of the same second: GitHub is asked"
    sync = sync_pull_request_job(step.id, step.fact.installation_id)
    return AppliedChange(note, (sync,), DeliveryOutcome.TIED)
