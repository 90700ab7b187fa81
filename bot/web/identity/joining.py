"""The page on which a person picks, of the installations proved to be theirs, one for the workspace."""

from quart import Blueprint, Response, request

from bot.actions.identity import Purpose
from bot.actions.join_installation import join_installation
from bot.github.joining import list_foreign
from bot.model import UserError
from bot.web.html import render_page
from bot.web.identity.ports import IdentityPorts, InstallationOffer, Trip
from bot.web.identity.trips import OFFER
from bot.web.states import find_browser, read_state, spend_state
from jobq import utc_now


def add_joining(blueprint: Blueprint, ports: IdentityPorts) -> None:
    """Add `/github/join/choose`."""

    @blueprint.get("/github/join/choose")
    async def choose() -> Response:
        state = request.args.get("state", "")
        offer = await _read_offer(state)
        foreign = await list_foreign(
            offer.workspace_id, (installation.id for installation in offer.installations)
        )
        return await render_page(
            "identity/choose.html",
            state=state,
            offer=offer,
            free=[each for each in offer.installations if each.id not in foreign],
            taken=[each.account.login for each in offer.installations if each.id in foreign],
        )

    @blueprint.post("/github/join/choose")
    async def join() -> Response:
        form = await request.form
        state, chosen_id = form.get("state", ""), form.get("installation")
        offer = await _read_offer(state)
        # A form may name any installation: only those that GitHub has proved are looked at.
        installation = next((each for each in offer.installations if str(each.id) == chosen_id), None)
        if installation is None:
            raise UserError("GitHub did not say that this installation is yours. Nothing was changed.")
        user = await ports.load_user(_trip_of(offer))
        await spend_state(OFFER, state, find_browser(request), utc_now())
        await join_installation(offer.workspace_id, installation, queue=ports.queue, by=user.name)
        return await render_page("identity/joined.html", account=installation.account.login, user=user)


async def _read_offer(state: str) -> InstallationOffer:
    payload = await read_state(OFFER, state, find_browser(request), utc_now())
    return InstallationOffer.model_validate(payload)


def _trip_of(offer: InstallationOffer) -> Trip:
    return Trip(purpose=Purpose.JOIN, workspace_id=offer.workspace_id, slack_user_id=offer.slack_user_id)
