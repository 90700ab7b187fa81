"""JSON routes through which people, scripts and the sandbox's page act in the local Slack."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from quart import Blueprint, Response, jsonify, request
from quart.typing import ResponseReturnValue

from bot.sandbox.slack.explain import explain
from bot.sandbox.slack.model import Fault, ImpossibleError, Json, Reply
from bot.sandbox.slack.world import SlackWorld

T = TypeVar("T", bound=BaseModel)


class _Act(BaseModel):
    """`user` is an id or a name."""

    model_config = ConfigDict(extra="forbid")

    user: str


class Click(_Act):
    """A click on a message or, with `view_id`, in a modal or on the Home tab."""

    action_id: str
    message_ts: str | None = None
    view_id: str | None = None
    value: str | list[str] | None = None


class Command(_Act):
    """`/snooze` and `2h`, or both in `command`, as people type them."""

    command: str
    text: str = ""

    def split(self) -> tuple[str, str]:
        """The command, and the text after it."""
        name, _, rest = self.command.partition(" ")
        return name, f"{rest} {self.text}".strip()


class Submit(_Act):
    view_id: str
    values: dict[str, str | list[str] | None]


class Close(_Act):
    view_id: str


class Dm(_Act):
    text: str


class Home(_Act):
    pass


class Shortcut(_Act):
    callback_id: str
    message_ts: str | None = None


def add_control(blueprint: Blueprint, world: SlackWorld) -> None:
    """Adds `/sandbox/...`: POST click, command, submit, close, dm, home, shortcut, faults; GET state."""
    _add(blueprint, world, "click", Click, _click)
    _add(blueprint, world, "command", Command, _command)
    _add(blueprint, world, "submit", Submit, _submit)
    _add(blueprint, world, "close", Close, _close)
    _add(blueprint, world, "dm", Dm, _send_dm)
    _add(blueprint, world, "home", Home, _open_home)
    _add(blueprint, world, "shortcut", Shortcut, _shortcut)
    _add(blueprint, world, "faults", Fault, _order_fault)

    @blueprint.get("/sandbox/state")
    async def state() -> Response:
        return jsonify(world.snapshot())


async def _click(world: SlackWorld, given: Click) -> Json:
    if given.view_id is not None:
        reply = await world.click_in_view(given.user, given.view_id, given.action_id, given.value)
    elif given.message_ts is not None:
        reply = await world.click(given.user, given.message_ts, given.action_id, given.value)
    else:
        raise ImpossibleError("click on what? message_ts or view_id is missing")
    return _show(world, reply)


async def _command(world: SlackWorld, given: Command) -> Json:
    return _show(world, await world.run_command(given.user, *given.split()))


async def _submit(world: SlackWorld, given: Submit) -> Json:
    return _show(world, await world.submit_view(given.user, given.view_id, given.values))


async def _close(world: SlackWorld, given: Close) -> Json:
    reply = await world.close_view(given.user, given.view_id)
    return {} if reply is None else _show(world, reply)


async def _send_dm(world: SlackWorld, given: Dm) -> Json:
    return _show(world, await world.send_dm(given.user, given.text))


async def _open_home(world: SlackWorld, given: Home) -> Json:
    return _show(world, await world.open_home(given.user))


async def _shortcut(world: SlackWorld, given: Shortcut) -> Json:
    return _show(world, await world.shortcut(given.user, given.callback_id, given.message_ts))


async def _order_fault(world: SlackWorld, given: Fault) -> Json:
    world.faults.add(given)
    return {"waiting": given.model_dump(mode="json")}


def _add(
    blueprint: Blueprint,
    world: SlackWorld,
    name: str,
    shape: type[T],
    act: Callable[[SlackWorld, T], Awaitable[Json]],
) -> None:
    async def route() -> ResponseReturnValue:
        # A page from elsewhere may post a form to loopback, but not JSON.
        if not request.is_json:
            return jsonify({"errors": ["[ERROR] send JSON, with Content-Type: application/json"]}), 400
        body = await request.get_data()
        try:
            return jsonify(await act(world, shape.model_validate_json(body)))
        except ValidationError as error:
            return jsonify({"errors": explain(error, None)}), 400
        except ImpossibleError as error:
            return jsonify({"errors": [f"[ERROR] {error}"]}), 400

    blueprint.add_url_rule(f"/sandbox/{name}", name, route, methods=["POST"])


def _show(world: SlackWorld, reply: Reply) -> Json:
    """The bot's answer as JSON; if it became a message, `shown` is its text as the person reads it."""
    answer: Json = reply.model_dump(mode="json", exclude={"sent"})
    if reply.message_ts is not None:
        answer["shown"] = world.rendered_text(world.state.messages[reply.message_ts])
    return answer
