"""Serves people: who is asking, one effect each, and an honest sentence whatever happens."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

import structlog

from bot.actions.admin import ADMIN, Office
from bot.actions.buttons import PRESS
from bot.actions.forms import SUBMIT, State, render_form
from bot.actions.identity import Invite, answer_identity, no_invite
from bot.actions.leave import leave_workspace
from bot.actions.profile import follow_profile
from bot.actions.reviews import list_reviews_at_home
from bot.actions.typed import obey
from bot.clock import Clock
from bot.model import UserError, WorkspaceId
from bot.people.model import Person
from bot.people.store import find_person_by_slack_user
from bot.slack.commands import AdminCommand, IdentityCommand, parse_admin, parse_identity
from bot.slack.effect import Effects, NotSaved, PerhapsSaved
from bot.slack.escape import disarm
from bot.slack.gateway import SlackUser
from bot.slack.messages import Block, Rendered, render_text
from bot.slack.views import FORMS, View, render_home_of_stranger, render_message_view
from jobq import Queue

T = TypeVar("T")

log = structlog.get_logger()

NOT_SAVED = "Ripe could not reach its database: nothing was saved and nothing changed. Please try again."
PERHAPS_SAVED = (
    "Ripe's database did not answer in time, so Ripe cannot tell whether this was saved."
    " `/reviews` shows how things stand."
)


class Stranger(UserError):
    """Somebody whom nobody connected to a GitHub account."""

    def __init__(self, slack_user_id: str) -> None:
        super().__init__(
            "Ripe does not know your GitHub account yet, so there is nothing it can do for you. Connect it"
            " with `/reviews link`. Or an admin connects people with `ripe people import`; they need your"
            " GitHub login and your Slack id,"
            f" which is `{disarm(slack_user_id, 20)}`."
        )


class Desk:
    """What people do in Slack, whatever way they do it. See bot.slack.listeners.Desk for the promises."""

    def __init__(
        self,
        queue: Queue,
        clock: Clock,
        workspace_id: WorkspaceId,
        effects: Effects | None = None,
        invite: Invite = no_invite,
        office: Office | None = None,
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._workspace_id = workspace_id
        self._effects = effects or Effects(workspace_id, clock)
        self._invite = invite
        self._office = office

    async def say(self, key: str, slack_user_id: str, words: str) -> Rendered | None:
        async def act(person: Person) -> Rendered:
            return await obey(person, words, queue=self._queue, now=self._clock.now())

        if (command := parse_identity(words)) is not None:
            return await self._tell_identity(key, slack_user_id, command)
        if (order := parse_admin(words)) is not None:
            return await self._run(key, slack_user_id, order)
        return await self._answer(key, slack_user_id, act)

    def knows_button(self, name: str) -> bool:
        return name in PRESS or name == ADMIN

    async def press(self, key: str, slack_user_id: str, name: str, value: str) -> Rendered | None:
        async def act(person: Person) -> Rendered:
            return await PRESS[name](person, value, queue=self._queue, now=self._clock.now())

        if name == ADMIN:
            return await self._run(key, slack_user_id, AdminCommand(word=value))
        return await self._answer(key, slack_user_id, act)

    async def fill_form(self, key: str, slack_user_id: str, name: str) -> View | None:
        async def act(person: Person) -> View:
            return render_form(name, person, self._clock.now())

        try:
            return await self._serve(key, slack_user_id, act)
        except UserError as error:
            return render_message_view(FORMS[name].title, render_text(str(error)))

    async def submit(self, key: str, slack_user_id: str, name: str, state: State) -> Rendered | None:
        async def act(person: Person) -> Rendered:
            return await SUBMIT[name](person, state, queue=self._queue, now=self._clock.now())

        return await self._serve(key, slack_user_id, act)

    async def show_home(self, slack_user_id: str) -> View:
        home = await self._render_home(slack_user_id)
        return {**home, "blocks": [*home["blocks"], *await self._show_office(slack_user_id)]}

    async def _render_home(self, slack_user_id: str) -> View:
        try:
            person = await self._load_person(slack_user_id)
        except Stranger as stranger:
            return render_home_of_stranger(str(stranger))
        return await list_reviews_at_home(person, now=self._clock.now())

    async def _show_office(self, slack_user_id: str) -> list[Block]:
        """What only admins see."""
        if self._office is None:
            return []
        try:
            admin = await self._office.check(slack_user_id)
        except UserError:
            return []
        return await self._office.show(admin)

    async def follow(self, key: str, user: SlackUser) -> None:
        async def act() -> bool:
            return await follow_profile(self._workspace_id, user, queue=self._queue)

        await self._once(key, act)

    async def leave(self, key: str, told_at: datetime) -> None:
        async def act() -> bool:
            return await leave_workspace(
                self._workspace_id, told_at, queue=self._queue, now=self._clock.now()
            )

        await self._once(key, act)

    async def _tell_identity(self, key: str, slack_user_id: str, command: IdentityCommand) -> Rendered | None:
        async def work() -> Rendered:
            return await answer_identity(
                command, self._workspace_id, slack_user_id, invite=self._invite, queue=self._queue
            )

        try:
            return await self._once(key, work)
        except UserError as error:
            return render_text(str(error))

    async def _run(self, key: str, slack_user_id: str, command: AdminCommand) -> Rendered | None:
        if (office := self._office) is None:
            return render_text("This Ripe cannot be run from Slack.")
        try:
            admin = await office.check(slack_user_id)
            return await self._once(key, lambda: office.obey(admin, command))
        except UserError as error:
            return render_text(str(error))

    async def _answer(
        self, key: str, slack_user_id: str, act: Callable[[Person], Awaitable[Rendered]]
    ) -> Rendered | None:
        try:
            return await self._serve(key, slack_user_id, act)
        except UserError as error:
            return render_text(str(error))

    async def _serve(self, key: str, slack_user_id: str, act: Callable[[Person], Awaitable[T]]) -> T | None:
        async def work() -> T:
            return await act(await self._load_person(slack_user_id))

        return await self._once(key, work)

    async def _load_person(self, slack_user_id: str) -> Person:
        person = await find_person_by_slack_user(self._workspace_id, slack_user_id)
        if person is None:
            raise Stranger(slack_user_id)
        return person

    async def _once(self, key: str, work: Callable[[], Awaitable[T]]) -> T | None:
        try:
            return await self._effects.once(key, work)
        except NotSaved:
            log.warning("the database did not answer in time", key=key, saved="no")
            raise UserError(NOT_SAVED) from None
        except PerhapsSaved:
            log.warning("the database did not answer in time", key=key, saved="perhaps")
            raise UserError(PERHAPS_SAVED) from None
