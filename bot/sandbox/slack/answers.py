"""Applies the bot's answers: to commands, to forms, and through response URLs."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from bot.sandbox.slack.arguments import Answer
from bot.sandbox.slack.blocks import check_view
from bot.sandbox.slack.explain import explain
from bot.sandbox.slack.model import Json, Message, MethodError, Reply, ResponseUrl, View
from bot.sandbox.slack.workspace import Workspace
from jobq import utc_now

MOST_USES = 5


def use_response_url(workspace: Workspace, name: str, given: object) -> None:
    """Apply what the bot posts to a response URL. Raises MethodError: used_url, expired_url, a bad answer."""
    place = workspace.state.response_urls.get(name)
    if place is None or utc_now() >= place.expires_at:
        raise MethodError("expired_url")
    if place.uses >= MOST_USES:
        raise MethodError("used_url")
    answer = parse_answer(given)
    place.uses += 1
    original = workspace.state.messages.get(place.message_ts or "")
    if original is not None and answer.delete_original:
        original.is_deleted = True
    elif original is not None and answer.replace_original:
        _require_content(answer)
        workspace.change_message(original, answer.text or "", answer.blocks)
    else:
        show_answer(workspace, place, answer)


def show_answer(workspace: Workspace, place: ResponseUrl, answer: Answer) -> Message:
    """A new message where the person acted, which only they see unless the bot says otherwise."""
    _require_content(answer)
    return workspace.add_message(
        Message(
            ts=workspace.new_ts(),
            channel=place.channel,
            author=workspace.state.bot_user_id,
            text=answer.text or "",
            blocks=answer.blocks or [],
            parse=answer.parse,
            link_names=answer.link_names,
            thread_ts=answer.thread_ts,
            visible_to=place.user if answer.response_type == "ephemeral" else None,
        )
    )


def parse_answer(given: object) -> Answer:
    """An answer of the bot. Raises MethodError."""
    if not isinstance(given, Mapping):
        raise MethodError("invalid_payload")
    fields = {name: value for name, value in given.items() if value is not None}
    try:
        return Answer.model_validate(fields)
    except ValidationError as error:
        raise MethodError("invalid_payload", explain(error, fields)) from None


def _require_content(answer: Answer) -> None:
    if not (answer.text or answer.blocks):
        raise MethodError("no_text")


def apply_command_answer(workspace: Workspace, place: ResponseUrl, reply: Reply) -> Reply:
    """Show the body of an answer to a command, which is a message, as text or as JSON."""
    if not reply.is_ok or not reply.body.strip():
        return reply
    try:
        message = show_answer(workspace, place, parse_answer(_read_body(reply.body)))
    except MethodError as error:
        return _refused(reply, error)
    return reply.model_copy(update={"message_ts": message.ts})


def _read_body(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return {"text": body}


def apply_submission_answer(workspace: Workspace, view: View, reply: Reply) -> Reply:
    """Do what the answer to a form says. An empty body closes the modal; any other says what to show.

    https://docs.slack.dev/surfaces/modals#response_actions
    """
    if not reply.is_ok:
        return reply
    try:
        return _apply(workspace, view, reply, _read_body(reply.body or "{}"))
    except MethodError as error:
        return _refused(reply, error)


def _apply(workspace: Workspace, view: View, reply: Reply, answer: Json) -> Reply:
    match answer.get("response_action"):
        case None:
            workspace.state.views.pop(view.id, None)
        case "errors":
            return reply.model_copy(update={"errors": _field_errors(view, answer)})
        case "update":
            workspace.change_view(view, _checked(answer))
        case "push":
            workspace.add_view(view.user, _checked(answer), view)
        case "clear":
            for modal in workspace.modals_of(view.user):
                del workspace.state.views[modal.id]
        case other:
            raise MethodError("invalid_response_action", [f"[ERROR] unknown response_action: {other}"])
    return reply


def _field_errors(view: View, answer: Json) -> dict[str, str]:
    errors = answer.get("errors")
    fields = {block["block_id"] for block in view.definition["blocks"] if block["type"] == "input"}
    if not isinstance(errors, dict) or not errors or set(errors) - fields:
        raise MethodError("invalid_errors", [f"[ERROR] errors must name input blocks: {sorted(fields)}"])
    return {str(field): str(text) for field, text in errors.items()}


def _checked(answer: Json) -> Json:
    view = answer.get("view")
    if messages := check_view(view):
        raise MethodError("invalid_arguments", messages)
    return dict(view or {})


def _refused(reply: Reply, error: MethodError) -> Reply:
    reason = "; ".join([error.code, *error.messages])
    return reply.model_copy(update={"error": f"invalid_answer: {reason}"})
