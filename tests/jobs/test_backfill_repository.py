"""A page of open pull requests is read without telling anybody, and may be read again."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from bot.flows.catalog import BACKFILL_REPOSITORY, backfill_repository_job
from bot.github.model import PullRequestPage
from bot.jobs.backfill_repository import GitHub, backfill_repository
from bot.model import InstallationId, RepositoryId
from bot.reviews.store import list_newest_pull_requests, list_open_request_ids_of_workspace, load_request
from bot.sandbox.github.model import Pull
from jobq import Database, Discard
from tests.jobs.facts import claimed, refusing, rows_of
from tests.jobs.github import Acme, founded_acme
from tests.stored import list_unlisted_backlog

TABLES = ("pull_request", "review_request", "backlog")


@pytest.fixture
async def acme(db: Database) -> AsyncIterator[Acme]:
    """No webhook of a pull request arrives."""
    async with founded_acme(db) as acme:
        acme.world.webhooks.hold()
        yield acme


def repository_id(acme: Acme) -> RepositoryId:
    return RepositoryId(acme.installation.repository_ids[0])


async def read(acme: Acme, github: GitHub | None = None) -> Discard | None:
    job = backfill_repository_job(InstallationId(acme.installation.id), repository_id(acme))
    return await backfill_repository(
        claimed(job), github=github or acme.gateway, queue=acme.queue, clock=acme.clock
    )


async def stored(acme: Acme) -> list[str]:
    return sorted(pull.label for pull in await list_newest_pull_requests(acme.workspace_id, 100))


async def jobs(acme: Acme) -> list[str]:
    return sorted(queued.job.job_type for queued in await acme.queue.queued())


def open_two(acme: Acme) -> tuple[Pull, Pull]:
    """GitHub lists the second pull request first. It has no reviewer."""
    return acme.open("src/main.py", reviewers=["ana"]), acme.open("src/main.py")


class Answer:
    """One page, with whatever happens while GitHub answers."""

    def __init__(self, acme: Acme, *, is_last: bool = True, meanwhile: str = "SELECT") -> None:
        self.acme, self.is_last, self.meanwhile = acme, is_last, meanwhile

    async def list_open_pull_requests(
        self, installation_id: InstallationId, repository: str, page: int
    ) -> PullRequestPage:
        answer = await self.acme.gateway.list_open_pull_requests(installation_id, repository, page)
        await self.acme.queue.database.execute(self.meanwhile)
        return answer.model_copy(update={"is_last": self.is_last})


async def test_requests_are_opened_silently_and_join_the_backlog(acme: Acme) -> None:
    open_two(acme)
    await read(acme)
    assert await stored(acme) == ["acme/api#1", "acme/api#2"]
    (request_id,) = await list_open_request_ids_of_workspace(acme.workspace_id)
    assert (await load_request(request_id)).is_snoozed_until_change
    assert await list_unlisted_backlog(await acme.map("ana")) == (request_id,)
    assert await jobs(acme) == ["remind_reviewer", "sync_pull_request", "welcome_digest"]


async def test_a_page_read_twice_changes_nothing(acme: Acme) -> None:
    open_two(acme)
    await read(acme)
    once = await rows_of(acme.queue.database, TABLES)
    await read(acme)
    assert await rows_of(acme.queue.database, TABLES) == once


@pytest.mark.parametrize("writes", ["INSERT ON backlog", "INSERT ON job"])
async def test_a_page_that_fails_in_its_middle_keeps_whole_pull_requests_and_the_next_try_goes_on(
    acme: Acme, writes: str
) -> None:
    open_two(acme)
    async with refusing(acme.queue.database, writes):
        with pytest.raises(asyncpg.RaiseError):
            await read(acme, Answer(acme, is_last=False))
    assert await stored(acme) == ["acme/api#2"]
    assert await jobs(acme) == []
    await read(acme, Answer(acme, is_last=False))
    assert await stored(acme) == ["acme/api#1", "acme/api#2"]
    assert len(await list_unlisted_backlog(await acme.map("ana"))) == 1
    assert BACKFILL_REPOSITORY in await jobs(acme), "the next page"


@pytest.mark.parametrize(
    "meanwhile",
    [
        "UPDATE repository SET removed_at = now()",
        "UPDATE installation SET deleted_at = now()",
        "UPDATE installation SET suspended_at = now()",
    ],
)
async def test_nothing_is_stored_of_a_repository_that_was_lost_while_github_answered(
    acme: Acme, meanwhile: str
) -> None:
    open_two(acme)
    await read(acme, Answer(acme, meanwhile=meanwhile))
    assert await stored(acme) == []


async def test_nothing_is_stored_under_a_name_that_another_repository_has_taken_over(acme: Acme) -> None:
    open_two(acme)
    repo = acme.world.find_repo("acme/api")
    assert repo is not None
    repo.id += 1000
    for pull in acme.world.document.pulls:
        pull.repository_id = repo.id
    acme.installation.repository_ids.append(repo.id)
    await read(acme)
    assert await stored(acme) == []


async def test_an_older_answer_does_not_undo_a_newer_fact(acme: Acme) -> None:
    open_two(acme)
    await read(acme)
    await acme.queue.database.execute(
        "UPDATE pull_request SET title = 'Newer', updated_at = updated_at + interval '1 minute'"
    )
    await read(acme)
    titles = {pull.title for pull in await list_newest_pull_requests(acme.workspace_id, 100)}
    assert titles == {"Newer"}


async def test_a_pull_request_whose_state_differs_in_the_same_second_is_asked_about(acme: Acme) -> None:
    open_two(acme)
    await read(acme)
    await acme.queue.database.execute("UPDATE pull_request SET state = 'closed'")
    await acme.queue.database.execute("DELETE FROM job")
    await read(acme)
    assert await jobs(acme) == ["sync_pull_request", "sync_pull_request"]
