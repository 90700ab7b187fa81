"""What becomes of the bot's answers: to commands, to forms, and through response URLs."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from bot.sandbox.slack.arguments import Answer
from bot.sandbox.slack.blocks import check_view
from bot.sandbox.slack.explain import explain
from bot.sandbox.slack.model import Json, Message, Reply, ResponseUrl, SlackError, View
from bot.sandbox.slack.workspace import Workspace
from jobq import utc_now

MOST_USES = 5


def use_response_url(world: Workspace, name: str, given: object) -> None:
    """Raises SlackError: used_url, expired_url, or what is wrong with the answer."""
    place = world.state.response_urls.get(name)
    if place is None or utc_now() >= place.expires_at:
        raise SlackError("expired_url")
    if place.uses >= MOST_USES:
        raise SlackError("used_url")
    answer = parse_answer(given)
    place.uses += 1
    original = world.state.messages.get(place.message_ts or "")
    if original is not None and answer.delete_original:
        original.is_deleted = True
    elif original is not None and answer.replace_original:
        _require_content(answer)
        world.change_message(original, answer.text or "", answer.blocks)
    else:
        show_answer(world, place, answer)


def show_answer(world: Workspace, place: ResponseUrl, answer: Answer) -> Message:
    """A new message where the person acted, for their eyes only unless the bot says otherwise."""
    _require_content(answer)
    return world.add_message(
        Message(
            ts=world.new_ts(),
            channel=place.channel,
            author=world.state.bot_user_id,
            text=answer.text or "",
            blocks=answer.blocks or [],
            parse=answer.parse,
            link_names=answer.link_names,
            thread_ts=answer.thread_ts,
            visible_to=place.user if answer.response_type == "ephemeral" else None,
        )
    )


def parse_answer(given: object) -> Answer:
    """Raises SlackError."""
    if not isinstance(given, Mapping):
        raise SlackError("invalid_payload")
    known = {name: value for name, value in given.items() if value is not None}
    try:
        return Answer.model_validate(known)
    except ValidationError as error:
        raise SlackError("invalid_payload", explain(error, known)) from None


def _require_content(answer: Answer) -> None:
    if not (answer.text or answer.blocks):
        raise SlackError("no_text")


def hear_command(world: Workspace, place: ResponseUrl, reply: Reply) -> Reply:
    """The body of an answer to a command is a message, as text or as JSON."""
    if not reply.is_ok or not reply.body.strip():
        return reply
    try:
        message = show_answer(world, place, parse_answer(_read_body(reply.body)))
    except SlackError as error:
        return _refused(reply, error)
    return reply.model_copy(update={"message_ts": message.ts})


def _read_body(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return {"text": body}


def hear_submission(world: Workspace, view: View, reply: Reply) -> Reply:
    """The body of an answer to a form: nothing closes it, else it says what to show.

    https://docs.slack.dev/surfaces/modals#response_actions
    """
    if not reply.is_ok:
        return reply
    try:
        return _follow(world, view, reply, _read_body(reply.body or "{}"))
    except SlackError as error:
        return _refused(reply, error)


def _follow(world: Workspace, view: View, reply: Reply, answer: Json) -> Reply:
    match answer.get("response_action"):
        case None:
            world.state.views.pop(view.id, None)
        case "errors":
            return reply.model_copy(update={"errors": _field_errors(view, answer)})
        case "update":
            world.change_view(view, _checked(answer))
        case "push":
            world.add_view(view.user, _checked(answer), view)
        case "clear":
            for modal in world.modals_of(view.user):
                del world.state.views[modal.id]
        case unknown:
            raise SlackError("invalid_response_action", [f"[ERROR] unknown response_action: {unknown}"])
    return reply


def _field_errors(view: View, answer: Json) -> dict[str, str]:
    errors = answer.get("errors")
    fields = {block["block_id"] for block in view.definition["blocks"] if block["type"] == "input"}
    if not isinstance(errors, dict) or not errors or set(errors) - fields:
        raise SlackError("invalid_errors", [f"[ERROR] errors must name input blocks: {sorted(fields)}"])
    return {str(field): str(words) for field, words in errors.items()}


def _checked(answer: Json) -> Json:
    view = answer.get("view")
    if messages := check_view(view):
        raise SlackError("invalid_arguments", messages)
    return dict(view or {})


def _refused(reply: Reply, error: SlackError) -> Reply:
    words = "; ".join([error.code, *error.messages])
    return reply.model_copy(update={"error": f"invalid_answer: {words}"})
