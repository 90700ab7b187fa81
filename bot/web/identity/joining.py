"""The choice of an installation to join, from those that GitHub has proved to be the person's."""

from quart import Blueprint, Response, request

from bot.actions.identity import Purpose
from bot.actions.join_installation import join_installation
from bot.github.joining import list_foreign
from bot.web.identity.parts import Choice, IdentityRefused, Parts, Trip
from bot.web.identity.trips import CHOICE, show
from bot.web.states import find_browser, read_state, spend_state
from jobq import utc_now


def add_joining(blueprint: Blueprint, parts: Parts) -> None:
    """`/github/join/choose`."""

    @blueprint.get("/github/join/choose")
    async def choose() -> Response:
        state = request.args.get("state", "")
        choice = await _read(state)
        foreign = await list_foreign(choice.workspace_id, (one.id for one in choice.installations))
        return await show(
            "choose.html",
            state=state,
            choice=choice,
            free=[one for one in choice.installations if one.id not in foreign],
            taken=[one.account.login for one in choice.installations if one.id in foreign],
        )

    @blueprint.post("/github/join/choose")
    async def join() -> Response:
        form = await request.form
        choice = await _read(form.get("state", ""))
        # What is proved counts, never what a form says.
        wanted = next((one for one in choice.installations if str(one.id) == form.get("installation")), None)
        if wanted is None:
            raise IdentityRefused("GitHub did not say that this installation is yours. Nothing was changed.")
        user = await parts.load_user(_as_trip(choice))
        await spend_state(CHOICE, form.get("state", ""), find_browser(request), utc_now())
        await join_installation(choice.workspace_id, wanted, queue=parts.queue)
        return await show("joined.html", account=wanted.account.login, user=user)


async def _read(state: str) -> Choice:
    return Choice.model_validate(await read_state(CHOICE, state, find_browser(request), utc_now()))


def _as_trip(choice: Choice) -> Trip:
    return Trip(purpose=Purpose.JOIN, workspace_id=choice.workspace_id, slack_user_id=choice.slack_user_id)
