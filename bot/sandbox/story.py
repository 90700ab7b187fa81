"""Plays one pull request in a new sandbox, and prints in the terminal what happens from then on."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, time, timedelta
from typing import Any

import httpx

from bot.actions.apply_config import apply_config
from bot.actions.import_people import import_people
from bot.app import App
from bot.assignment.rules import describe_decision
from bot.assignment.store import list_assignments
from bot.clock import move_clock
from bot.encryption import tls_context
from bot.github.store import list_repository_names
from bot.people.store import list_people
from bot.reviews.store import list_newest_pull_requests
from bot.working_time import WorkingHours, local_day, local_instant

Show = Callable[[str], None]

LOOK_EVERY = 0.1
"""Seconds between two looks whether all is up. Later, the sandbox's news says when to look."""
SOON = 0.1
"""Seconds after an item of news: what happens in them is looked at together."""
ANSWER_WITHIN = 10.0
NEWS = "/sandbox/news"
MOST_PULL_REQUESTS = 20
MARGIN = "  ┃ "
EARLY_IN_THE_WEEK = (0, 1, 2)
BERLIN = WorkingHours(zone="Europe/Berlin")

PEOPLE = """\
github_login,email,name
ana,ana@acme.example,Ana
ben,ben@acme.example,Ben
cho,cho@acme.example,Cho
dev,dev@acme.example,Dev
eli,eli@acme.example,Eli
"""
RULES = """\
repositories:
  acme/api:
    reviewers: 1
    rules:
      - {paths: ["billing/**", "*.sql"], people: [ana, cho]}
      - {paths: ["**"], people: [dev, eli]}
  acme/web:
    rules:
      - {paths: ["**"], people: [ana, dev]}
"""


async def tell_story(app: App, sandbox_url: str, stop: asyncio.Event, show: Show) -> None:
    """Print the story until `stop` is set."""
    async with httpx.AsyncClient(
        base_url=sandbox_url, timeout=ANSWER_WITHIN, verify=tls_context()
    ) as sandbox:
        telling = asyncio.create_task(_Story(app, sandbox, show).run())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({telling, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        telling.cancel()
        await asyncio.wait({telling, stopping})
        if not telling.cancelled():
            telling.result()


class _Story:
    def __init__(self, app: App, sandbox: httpx.AsyncClient, show: Show) -> None:
        self._app = app
        self._sandbox = sandbox
        self._show = show
        self._shown_decisions: set[int] = set()
        self._shown_dms: dict[str, str] = {}
        self._is_outdated = asyncio.Event()

    async def run(self) -> None:
        """Play the beginning, unless an earlier run did; then show all that is new, for ever."""
        await self._wait_for_sandbox()
        while not await list_repository_names(self._app.workspace_id):  # noqa: ASYNC110 - a webhook brings them
            await asyncio.sleep(LOOK_EVERY)
        if await list_people(self._app.workspace_id):
            await self._skip_history()
        else:
            await self._play_beginning()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hear_news())
            while True:
                self._is_outdated.clear()
                await self._show_news()
                await self._is_outdated.wait()
                await asyncio.sleep(SOON)

    async def _hear_news(self) -> None:
        """Note each time that something happens in the sandbox: webhooks, calls, jobs, orders of people."""
        last_id = ""
        while True:
            with suppress(httpx.TransportError):
                headers = {"Last-Event-ID": last_id}
                async with self._sandbox.stream("GET", NEWS, headers=headers, timeout=None) as answer:
                    async for line in answer.aiter_lines():
                        if line.startswith("id: "):
                            last_id = line.removeprefix("id: ")
                            self._is_outdated.set()
            await asyncio.sleep(LOOK_EVERY)

    async def _wait_for_sandbox(self) -> None:
        """All processes start at once, so the sandbox may not listen yet."""
        while True:
            with suppress(httpx.TransportError):
                await self._sandbox.get("/sandbox/world")
                return
            await asyncio.sleep(LOOK_EVERY)

    async def _skip_history(self) -> None:
        """Show three lines about earlier runs, and count all that happened in them as shown."""
        lines: list[str] = []
        show, self._show = self._show, lines.append
        await self._show_news()
        self._show = show
        self._show(f"Back where you left it: {len(self._shown_dms)} messages.")
        last = max((number for number, line in enumerate(lines) if line.startswith("DM ")), default=None)
        if last is not None:
            self._show(f"Last {lines[last]}: {lines[last + 1].removeprefix(MARGIN)}")
        self._show(f"{self._app.settings.public_url} shows all of it.")

    async def _play_beginning(self) -> None:
        app = self._app
        await import_people(
            PEOPLE, "people.csv", app.workspace_id, apply=True,
            github=app.github, slack=app.slack, queue=app.queue, clock=app.clock,
        )  # fmt: skip
        await apply_config(RULES, app.workspace_id, queue=app.queue, now=app.clock.now())
        await self._pass_time(time_until_early_in_the_week(app.clock.now()))
        self._show(f"It is {_in_berlin(app.clock.now())} in Berlin. Cho types: /ooo until friday")
        await self._post("/slack/sandbox/command", user="cho", command="/ooo", text="until friday")
        await self._show_news()
        self._show(
            "Ben opens a pull request in acme/api that changes billing/invoice.py and billing/tax.sql."
        )
        await self._post(
            "/sandbox/github/open_pull_request",
            repository="acme/api",
            author="ben",
            title="Round invoice totals half up",
            files=["billing/invoice.py", "billing/tax.sql"],
        )
        await self._pass_first_minute()

    async def _pass_first_minute(self) -> None:
        """Skip the minute that Ripe leaves to people, once it knows the pull request."""
        while not await list_newest_pull_requests(self._app.workspace_id, 1):  # noqa: ASYNC110 - as above
            await asyncio.sleep(LOOK_EVERY)
        self._show("A minute passes, in which nobody asks for a review.")
        await self._pass_time(timedelta(minutes=1))

    async def _pass_time(self, by: timedelta) -> None:
        self._app.clock.shift = await move_clock(self._app.database, by)

    async def _post(self, path: str, **body: Any) -> None:
        (await self._sandbox.post(path, json=body)).raise_for_status()

    async def _show_news(self) -> None:
        now = self._app.clock.now()
        pulls = await list_newest_pull_requests(self._app.workspace_id, MOST_PULL_REQUESTS)
        for pull_request in reversed(pulls):
            for assignment in await list_assignments(pull_request.id):
                if assignment.id not in self._shown_decisions:
                    self._shown_decisions.add(assignment.id)
                    self._show_lines(
                        f"Decision on {pull_request.label}", describe_decision(assignment.decision, now)
                    )
        snapshot = (await self._sandbox.get("/sandbox/world")).raise_for_status().json()
        for dm in snapshot["slack"]["dms"]:
            for message in dm["messages"]:
                self._show_message(dm["user"], message)

    def _show_message(self, user: str, message: dict[str, Any]) -> None:
        text, before = message["rendered"], self._shown_dms.get(message["ts"])
        if text == before or message["author"] == user:
            return
        self._shown_dms[message["ts"]] = text
        headline = _headline(user.title(), is_answer=message["is_ephemeral"], is_new=before is None)
        self._show_lines(headline, text.splitlines())

    def _show_lines(self, title: str, lines: list[str]) -> None:
        self._show("")
        self._show(title)
        for line in lines:
            self._show(f"{MARGIN}{line}")


def _headline(name: str, *, is_answer: bool, is_new: bool) -> str:
    if is_answer:
        return f"{name} is answered"
    return f"DM · to {name}" if is_new else f"DM to {name} now reads"


def time_until_early_in_the_week(now: datetime) -> timedelta:
    """Zero while it is early in a working week in Berlin, else the time until ten on the next such morning.

    The story needs this: "until Friday" makes sense only before Friday, and DMs arrive in working hours only.
    """
    for days in range(8):
        day = local_day(BERLIN, now) + timedelta(days=days)
        opens, closes = (local_instant(BERLIN, day, wall) for wall in (time(10), time(15)))
        if day.weekday() in EARLY_IN_THE_WEEK and now < closes:
            return max(opens - now, timedelta(0))
    raise AssertionError("no week is without a Monday")


def _in_berlin(now: datetime) -> str:
    return f"{now.astimezone(BERLIN.tz):%A %H:%M}"
