"""acme on the sandbox's GitHub, and a bot that talks with it over HTTP. Only DMs are left out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr
from quart import Quart

from bot.assignment.config import RepositoryConfig
from bot.assignment.model import Assignment
from bot.assignment.store import list_assignments, save_config
from bot.clock import Clock
from bot.flows.catalog import compare_installation_job
from bot.flows.workspaces import find_first_workspace
from bot.github.gateway import GitHubGateway
from bot.jobs.apply_fact import apply_fact
from bot.jobs.ask_for_verdict import ask_for_verdict
from bot.jobs.assign_reviewers import assign_reviewers
from bot.jobs.sync_pull_request import sync_pull_request
from bot.model import AccountId, InstallationId, PersonId, PullRequestId, WorkspaceId
from bot.people.store import map_account, upsert_person
from bot.sandbox.github.access import Access
from bot.sandbox.github.model import Installation, Pull
from bot.sandbox.github.routes import GitHubServer, github_blueprint
from bot.sandbox.github.seed import seed
from bot.sandbox.github.world import GitHubWorld
from bot.sandbox.webhooks import Webhooks
from bot.web.server import serving
from bot.web.webhooks import accept_webhooks
from jobq import ClaimedJob, Database, Handler, Queue, Settlement
from jobq.testing import drain

SECRET = SecretStr("it is only a sandbox")
MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
APP_ID = 7
MINUTE = timedelta(minutes=1)


class StoppedClock(Clock):
    """Stands at Monday, 10:00 in Berlin, plus what a test moved it by."""

    def now(self) -> datetime:
        return MONDAY + self.shift


@dataclass
class Acme:
    """The sandbox's GitHub, and a bot that follows it. `kept` are the jobs that would send DMs."""

    world: GitHubWorld
    server: GitHubServer
    gateway: GitHubGateway
    queue: Queue
    clock: StoppedClock
    workspace_id: WorkspaceId
    installation: Installation
    kept: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def open(self, *paths: str, **changes: Any) -> Pull:
        """Ben opens a pull request that touches these files."""
        return self.world.open_pull_request("acme/api", "ben", "Round half to even", paths, **changes)

    async def hear(self, then_wait: timedelta = timedelta(0)) -> list[Settlement]:
        """Deliver all webhooks and run the jobs that are due; then move the clock, and do both again."""
        settlements = await self._settle()
        self.clock.shift += then_wait
        return settlements + (await self._settle() if then_wait else [])

    async def _settle(self) -> list[Settlement]:
        settlements: list[Settlement] = []
        while True:
            await self.world.webhooks.idle()
            done = await drain(self.queue, self._handlers())
            settlements += done
            if not done:
                return settlements

    async def map(self, login: str, zone: str = "Europe/Berlin") -> PersonId:
        """Links a GitHub login to a person, who is stored."""
        user = self.world.users.get(login)
        account_id = AccountId(user.id if user else 999)
        person_id = await upsert_person(self.workspace_id, f"U{login.upper()}", login.title(), zone)
        await map_account(self.workspace_id, account_id, login, person_id)
        return person_id

    async def configure(self, **config: Any) -> None:
        parsed = RepositoryConfig.model_validate(config)
        await save_config(self.workspace_id, "acme/api", parsed, self.clock.now())

    async def decisions(self, pull: Pull) -> tuple[Assignment, ...]:
        return await list_assignments(PullRequestId(pull.id))

    async def chosen(self, pull: Pull) -> list[list[str]]:
        """The logins that each decision chose."""
        stored = await self.decisions(pull)
        return [[chosen.login for chosen in assignment.decision.chosen] for assignment in stored]

    def _handlers(self) -> dict[str, Handler]:
        github, queue, clock = self.gateway, self.queue, self.clock
        return {
            "apply_fact": partial(apply_fact, queue=queue, clock=clock),
            "ask_for_verdict": partial(ask_for_verdict, github=github, queue=queue, clock=clock),
            "sync_pull_request": partial(sync_pull_request, github=github, queue=queue, clock=clock),
            "assign_reviewers": partial(
                assign_reviewers, github=github, queue=queue, clock=clock, is_live=True
            ),
            "backfill_repository": self._pass_over,
            "greet_installer": self._pass_over,
            "remind_reviewer": self._keep,
            "tell_admin": self._keep,
            "tell_author": self._keep,
            "tell_obstacle": self._keep,
        }

    async def _pass_over(self, job: ClaimedJob) -> None:
        """Nothing was open before the App was installed."""

    async def _keep(self, job: ClaimedJob) -> None:
        self.kept.append((job.job_type, job.arguments))


@cache
def private_key() -> SecretStr:
    key = generate_private_key(public_exponent=65537, key_size=2048)
    return SecretStr(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


@asynccontextmanager
async def founded_acme(db: Database) -> AsyncIterator[Acme]:
    """acme with the App installed on acme/api. Ana, Cho, Dev and Eli are linked."""
    clock = StoppedClock()
    queue, workspace_id = Queue(db, clock.now), await find_first_workspace()
    bot = Quart("bot")
    accept_webhooks(bot, [SECRET], queue, clock)
    async with serving(bot) as bot_address:
        webhooks = Webhooks(f"{bot_address}/github/webhooks", SECRET, clock.now)
        world = GitHubWorld(
            seed(APP_ID), webhooks, clock.now, api="http://github.test", web="http://web.test"
        )
        server = GitHubServer(world, Access(APP_ID, private_key()))
        github = Quart("github")
        github.register_blueprint(github_blueprint(server))
        async with serving(github) as address:
            world.shapes.api = f"{address}/api/v3"
            gateway = GitHubGateway(str(APP_ID), private_key(), f"{address}/api/v3", now=clock.now)
            installation = world.install(["acme/api"])
            acme = Acme(world, server, gateway, queue, clock, workspace_id, installation)
            for login in ("ana", "cho", "dev", "eli"):
                await acme.map(login)
            await acme.hear()
            # It would ask GitHub in a minute, in the middle of a test.
            await queue.cancel(compare_installation_job(InstallationId(installation.id), is_whole=False))
            try:
                yield acme
            finally:
                await gateway.close()
                await webhooks.close()
