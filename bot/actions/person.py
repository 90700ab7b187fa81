"""Everything that a person can do in Slack. Each request has one effect and one honest answer."""

from collections.abc import Awaitable
from datetime import datetime
from functools import partial
from typing import Protocol, TypeVar

from bot.actions.admin import ADMIN, AdminActions
from bot.actions.buttons import PRESS
from bot.actions.forms import SUBMIT, State, render_form
from bot.actions.identity import Invite, answer_identity, offer_workspace_link
from bot.actions.leave import leave_workspace
from bot.actions.reviews import list_reviews_at_home
from bot.actions.typed import carry_out, render_help
from bot.clock import Clock
from bot.flows.profiles import follow_profile
from bot.model import UserError, WorkspaceId
from bot.people.model import Person
from bot.people.store import find_person_by_slack_user
from bot.slack.commands import (
    AdminCommand,
    Command,
    Help,
    InviteWorkspace,
    JoinInstallation,
    LinkAccount,
    UnlinkAccount,
    parse_command,
)
from bot.slack.effect import OncePerRequest
from bot.slack.escape import disarm
from bot.slack.gateway import SlackUser
from bot.slack.listeners import SlackRequest
from bot.slack.messages import SAY, Rendered, render_text
from bot.slack.views import FORMS, View, render_home_of_unlinked_user, render_message_view
from bot.slack.workspaces import ConnectedWorkspace
from jobq import Queue

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class PersonAction(Protocol[T_co]):
    """Does one thing for one person. Raises UserError."""

    def __call__(self, person: Person, *, queue: Queue, now: datetime) -> Awaitable[T_co]: ...


def explain_unlinked(slack_user_id: str) -> str:
    """The answer to a Slack user who is not linked to a GitHub account."""
    return (
        "Ripe does not know your GitHub account yet, so there is nothing it can do for you. Connect it"
        " with `/reviews link`. Or an admin connects people with `ripe people import`; they need your"
        " GitHub login and your Slack id,"
        f" which is `{disarm(slack_user_id, 20)}`."
    )


class PersonActions:
    """See bot.slack.listeners.Actions for what each method promises."""

    def __init__(
        self, queue: Queue, clock: Clock, once: OncePerRequest, admins: AdminActions, invite: Invite
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._once = once
        self._admins = admins
        self._invite = invite

    async def obey(self, request: SlackRequest, command: Command) -> Rendered | None:
        workspace_id, user_id = request.workspace.id, request.user_id
        try:
            match command:
                case AdminCommand():
                    # Asks Slack, so it comes before the transaction.
                    admin = await self._admins.check_for(command, request.workspace, user_id)
                    work = partial(self._admins.obey, workspace_id, admin, command)
                    return await self._once.run(workspace_id, request.key, work)
                case InviteWorkspace():
                    await self._admins.check_first(request.workspace, user_id)
                    offer = partial(offer_workspace_link, workspace_id, user_id, invite=self._invite)
                    return await self._once.run(workspace_id, request.key, offer)
                case LinkAccount() | UnlinkAccount() | JoinInstallation():
                    answer = partial(answer_identity, command, workspace_id, user_id)
                    work = partial(answer, invite=self._invite, queue=self._queue)
                    return await self._once.run(workspace_id, request.key, work)
                case Help():
                    return render_help(self._clock.now())
                case _:
                    return await self._as_person(request, partial(carry_out, command=command))
        except UserError as error:
            return render_text(str(error))

    async def press(self, request: SlackRequest, name: str, value: str) -> Rendered | None:
        if name == ADMIN:
            return await self.obey(request, AdminCommand(word=value))
        if name == SAY:
            return await self.obey(request, parse_command(value))
        if (act := PRESS.get(name)) is None:
            # Links, fields of forms, and buttons of older versions.
            return None
        try:
            return await self._as_person(request, partial(act, value=value))
        except UserError as error:
            return render_text(str(error))

    async def fill_form(self, request: SlackRequest, name: str) -> View | None:
        async def act(person: Person, *, queue: Queue, now: datetime) -> View:
            return render_form(name, person, now)

        try:
            return await self._as_person(request, act)
        except UserError as error:
            return render_message_view(FORMS[name].title, render_text(str(error)))

    async def submit(self, request: SlackRequest, name: str, state: State) -> Rendered | None:
        return await self._as_person(request, partial(SUBMIT[name], state=state))

    async def show_home(self, workspace: ConnectedWorkspace, slack_user_id: str) -> View:
        person = await find_person_by_slack_user(workspace.id, slack_user_id)
        if person is None:
            home = render_home_of_unlinked_user(explain_unlinked(slack_user_id))
        else:
            home = await list_reviews_at_home(person, now=self._clock.now())
        return {**home, "blocks": [*home["blocks"], *await self._admins.show(workspace, slack_user_id)]}

    async def follow_profile(self, workspace_id: WorkspaceId, key: str, user: SlackUser) -> None:
        await self._once.run(
            workspace_id, key, partial(follow_profile, workspace_id, user, queue=self._queue)
        )

    async def leave(self, workspace_id: WorkspaceId, key: str, at: datetime) -> None:
        work = partial(leave_workspace, workspace_id, at, queue=self._queue, now=self._clock.now())
        await self._once.run(workspace_id, key, work)

    async def _as_person(self, request: SlackRequest, act: PersonAction[T]) -> T | None:
        async def work() -> T:
            person = await find_person_by_slack_user(request.workspace.id, request.user_id)
            if person is None:
                raise UserError(explain_unlinked(request.user_id))
            return await act(person, queue=self._queue, now=self._clock.now())

        return await self._once.run(request.workspace.id, request.key, work)
