"""A small team with review requests in a real database."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.clock import Clock
from bot.flows.workspaces import find_first_workspace
from bot.github.model import Account, Repository
from bot.github.store import save_installation, save_repositories
from bot.model import AccountId, InstallationId, PullRequestId, RepositoryId, RequestId, WorkspaceId
from bot.people.model import Person
from bot.people.store import load_person, map_account, upsert_person
from bot.reviews import store as reviews
from bot.reviews.model import PullRequest, ReviewRequest
from bot.reviews.rules import Requested
from bot.slack.messages import Rendered
from jobq import Database, Queue
from tests.factories import MONDAY
from tests.factories import pull_request as factory

ACCOUNTS = {"ana": 1, "ben": 2, "cho": 3}
BERLIN = "Europe/Berlin"


class StoppedClock(Clock):
    """Stands at Monday, 10:00 in Berlin, until a test moves it."""

    def now(self) -> datetime:
        return MONDAY + self.shift

    def move(self, by: timedelta) -> None:
        self.shift += by


@dataclass
class World:
    """Ana, Ben and Cho work in Berlin; Ben's pull requests are in acme/api."""

    db: Database
    workspace_id: WorkspaceId
    clock: StoppedClock
    queue: Queue

    @property
    def now(self) -> datetime:
        return self.clock.now()

    async def person(self, name: str) -> Person:
        """The person as stored now. Created if they do not exist yet."""
        identity = await upsert_person(self.workspace_id, f"U{name.upper()}", name, BERLIN)
        await map_account(self.workspace_id, AccountId(ACCOUNTS[name]), f"{name}-gh", identity)
        return await load_person(identity)

    async def ask(
        self, name: str, number: int = 12, by: str | None = "ben-gh", title: str = "Round half to even"
    ) -> RequestId:
        """Opens a review request about a pull request of Ben's."""
        pull_request = self.pull_request(number, title)
        repository = Repository(id=RepositoryId(77), full_name="acme/api")
        await save_installation(self.workspace_id, InstallationId(5))
        await save_repositories(self.workspace_id, InstallationId(5), [repository])
        await reviews.save_pull_request(pull_request)
        account = Account(id=AccountId(ACCOUNTS[name]), login=f"{name}-gh")
        (request_id,) = await reviews.open_review_requests(
            pull_request, [Requested(account=account, by=by)], self.now
        )
        return request_id

    def pull_request(self, number: int = 12, title: str = "Round half to even") -> PullRequest:
        """A pull request of Ben's in acme/api."""
        return factory(
            workspace_id=self.workspace_id, id=PullRequestId(1000 + number), repository_id=RepositoryId(77),
            number=number, title=title, url=f"https://github.example/acme/api/pull/{number}",
            author=Account(id=AccountId(2), login="ben-gh"), created_at=MONDAY, updated_at=MONDAY,
        )  # fmt: skip

    async def request(self, request_id: RequestId) -> ReviewRequest:
        return await reviews.load_request(request_id)

    async def jobs(self) -> list[RequestId]:
        """Removes the reminder jobs that are due, and returns their review requests."""
        rows = await self.db.fetch(
            """
            DELETE FROM job WHERE job_type = 'remind_reviewer' AND coalesce(ripe_at, created_at) <= $1
            RETURNING (arguments ->> 'request_id')::bigint AS id
            """,
            self.now,
        )
        return sorted(RequestId(row["id"]) for row in rows)


async def found_world(db: Database) -> World:
    clock = StoppedClock()
    return World(db, await find_first_workspace(), clock, Queue(db, clock.now))


def action_of(answer: Rendered) -> int:
    """The id of the action that the answer's Undo button undoes."""
    [button] = [button for button in buttons_of(answer) if button["action_id"] == "undo"]
    return int(button["value"])


def buttons_of(answer: Rendered) -> list[dict[str, Any]]:
    return [e for block in answer.blocks if block["type"] == "actions" for e in block["elements"]]
