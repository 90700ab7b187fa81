"""Every Slack workspace's own door to Slack: what is sent goes through the one whose row it is about."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import structlog
from pydantic import SecretStr

from bot.encryption import Cipher, UndecryptableError
from bot.model import WorkspaceId
from bot.slack import store
from bot.slack.errors import TokenUnreadableError, WorkspaceGoneError
from bot.slack.gateway import SlackGateway
from bot.slack.model import SlackInstallation, SlackWorkspace
from jobq import write_transaction

log = structlog.get_logger()


class ConnectedWorkspace(NamedTuple):
    """A workspace in which Ripe is installed, and the gateway that calls Slack with its token."""

    id: WorkspaceId
    slack: SlackGateway


class _Opened(NamedTuple):
    sealed_token: bytes
    gateway: SlackGateway


class SlackWorkspaces:
    """`first` is the door of the workspace `first_id`, whose token is in the environment.

    The other tokens are in Postgres; `cipher` is None where no keys are set, and then there can be none. A
    token is looked up whenever a door is asked for: one that was replaced or deleted counts from its commit.
    """

    def __init__(
        self,
        first_id: WorkspaceId,
        first: SlackGateway,
        cipher: Cipher | None,
        open_gateway: Callable[[WorkspaceId, SecretStr], SlackGateway],
    ) -> None:
        self._first_id = first_id
        self._first = first
        self._cipher = cipher
        self._open = open_gateway
        self._opened: dict[WorkspaceId, _Opened] = {}
        self._replaced: list[SlackGateway] = []

    @property
    def has_keys(self) -> bool:
        """Whether a token could be kept."""
        return self._cipher is not None

    async def of(self, workspace_id: WorkspaceId) -> SlackGateway:
        """Its door. Raises WorkspaceGoneError, TokenUnreadableError, and LookupError where there is none."""
        return self.connect(await store.load_workspace(workspace_id)).slack

    def connect(self, workspace: SlackWorkspace) -> ConnectedWorkspace:
        """The same for a row that was just loaded. Raises WorkspaceGoneError and TokenUnreadableError."""
        if workspace.gone_at is not None:
            raise WorkspaceGoneError("Ripe was removed from this Slack workspace")
        if (sealed := workspace.sealed_token) is not None:
            return ConnectedWorkspace(workspace.id, self._gateway(workspace.id, sealed))
        if workspace.id != self._first_id:
            raise WorkspaceGoneError("Ripe is not installed in this Slack workspace")
        return ConnectedWorkspace(workspace.id, self._first)

    async def learn_first(self, now: datetime) -> bool:
        """Asks Slack to which workspace the environment's token belongs. Whether it was gone and is back.

        Raises what the gateway raises.
        """
        workspace = await store.load_workspace(self._first_id)
        if workspace.sealed_token is not None:
            return False
        grant = await self._first.load_grant()
        is_back = await store.save_grant(self._first_id, grant, now)
        if (await store.load_workspace(self._first_id)).team_id != grant.team_id:
            log.error("SLACK_BOT_TOKEN belongs to a workspace that was installed by /slack/install")
        return is_back

    async def is_first_unknown(self) -> bool:
        """Whether Slack has not told yet which workspace the environment's token belongs to."""
        return (await store.load_workspace(self._first_id)).team_id is None

    @write_transaction
    async def save(self, installation: SlackInstallation, now: datetime) -> WorkspaceId:
        """Encrypts and keeps a workspace's token in place of its old one. Raises TokenUnreadableError."""
        return await store.save_installed_workspace(
            installation.grant, self._keys().encrypt(installation.token), now
        )

    async def renew(self) -> None:
        """Encrypts with the newest key what an older one has encrypted. Raises TokenUnreadableError."""
        for workspace_id, sealed in (await store.list_sealed_tokens()).items():
            if not self._keys().is_newest(sealed):
                try:
                    await store.replace_sealed_token(workspace_id, sealed, self._keys().renew(sealed))
                except UndecryptableError:
                    log.error(_unreadable(workspace_id))

    async def close(self) -> None:
        """Ends all connections but the first's, which is not ours."""
        for gateway in (*self._replaced, *(one.gateway for one in self._opened.values())):
            await gateway.close()
        self._replaced.clear()
        self._opened.clear()

    def _gateway(self, workspace_id: WorkspaceId, sealed: bytes) -> SlackGateway:
        known = self._opened.get(workspace_id)
        if known is not None and known.sealed_token == sealed:
            return known.gateway
        try:
            gateway = self._open(workspace_id, self._keys().decrypt(sealed))
        except UndecryptableError:
            raise TokenUnreadableError(_unreadable(workspace_id)) from None
        if known is not None:
            # A call may be under way in it: it is closed at the end.
            self._replaced.append(known.gateway)
        self._opened[workspace_id] = _Opened(sealed, gateway)
        return gateway

    def _keys(self) -> Cipher:
        if self._cipher is None:
            raise TokenUnreadableError("SECRET_KEYS: missing, and needed for the tokens of Slack workspaces")
        return self._cipher


def _unreadable(workspace_id: WorkspaceId) -> str:
    return (
        f"SECRET_KEYS: none of them decrypts the Slack token of workspace {workspace_id}; add the key that"
        " was in use then, or install Ripe there again at /slack/install"
    )
