"""Slack workspaces, each of which is a tenant."""

from datetime import datetime

from pydantic import SecretStr

from bot.model import Value, WorkspaceId

MESSAGE_ERRORS = frozenset(
    {
        "message_not_found", "cant_update_message", "cant_broadcast_message", "edit_window_closed",
        "no_dual_broadcast_content_update", "cannot_reply_to_message", "restricted_action_thread_locked",
        "no_text", "msg_too_long", "msg_blocks_too_long", "invalid_blocks", "invalid_blocks_format",
        "invalid_attachments", "too_many_attachments", "attachment_payload_limit_exceeded", "block_mismatch",
        "invalid_metadata_format", "invalid_metadata_schema", "metadata_too_large",
        "metadata_must_be_sent_from_app", "markdown_text_conflict", "duplicate_channel_not_found",
        "duplicate_message_not_found", "too_many_contact_cards", "missing_file_data",
        "invalid_arguments", "invalid_arg_name", "invalid_array_arg", "invalid_charset", "invalid_form_data",
        "invalid_post_type", "missing_post_type", "as_user_not_supported",
    }
)  # fmt: skip
"""Slack's errors about a message that can be neither posted nor edited: our mistake, not its reader's."""


class SlackWorkspace(Value):
    """A row of workspaces. `team_id` is Slack's id of it, None until Slack first says it.

    `sealed_token` is the encrypted token of its bot, None if /slack/install was not used. The app was removed
    there at `gone_at`.
    """

    id: WorkspaceId
    team_id: str | None
    name: str | None
    sealed_token: bytes | None
    gone_at: datetime | None


class SlackGrant(Value):
    """The workspace, the scopes and the bot user of a token."""

    team_id: str
    team: str
    scopes: frozenset[str]
    bot_user_id: str = ""


class SlackInstallation(Value):
    """The grant and the token of a workspace that has just installed the app."""

    grant: SlackGrant
    token: SecretStr
