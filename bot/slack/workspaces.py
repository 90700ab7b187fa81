"""One gateway for each Slack workspace, which calls Slack with the token of that workspace."""

from collections.abc import Callable, Mapping
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
    """`first` is the gateway of the workspace `first_id`, whose token is in the environment.

    The other tokens are in Postgres; without keys `cipher` is None, and there are none. The token is looked
    up with each request for a gateway, so a replaced or deleted token counts from its commit.
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
        """Whether a token could be encrypted and saved."""
        return self._cipher is not None

    async def of(self, workspace_id: WorkspaceId) -> SlackGateway:
        """The gateway of a workspace. Raises WorkspaceGoneError, TokenUnreadableError and LookupError."""
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
        """Asks Slack which workspace SLACK_BOT_TOKEN belongs to. True if that was gone and is back.

        Raises the errors of SlackGateway.
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
        """True until Slack has said which workspace the token in the environment belongs to."""
        return (await store.load_workspace(self._first_id)).team_id is None

    @write_transaction
    async def save(self, installation: SlackInstallation, now: datetime) -> WorkspaceId:
        """Encrypts and keeps a workspace's token in place of its old one. Raises TokenUnreadableError."""
        return await store.save_installed_workspace(
            installation.grant, self._keys().encrypt(installation.token), now
        )

    async def renew(self) -> None:
        """Encrypts all tokens with the newest key. Raises TokenUnreadableError."""
        for workspace_id, sealed in (await store.list_sealed_tokens()).items():
            if not self._keys().is_newest(sealed):
                try:
                    await store.replace_sealed_token(workspace_id, sealed, self._keys().renew(sealed))
                except UndecryptableError:
                    log.error(explain_unreadable(workspace_id))

    async def close(self) -> None:
        """Closes all gateways except the first, which belongs to the caller."""
        for gateway in (*self._replaced, *(opened.gateway for opened in self._opened.values())):
            await gateway.close()
        self._replaced.clear()
        self._opened.clear()

    def _gateway(self, workspace_id: WorkspaceId, sealed: bytes) -> SlackGateway:
        opened = self._opened.get(workspace_id)
        if opened is not None and opened.sealed_token == sealed:
            return opened.gateway
        try:
            gateway = self._open(workspace_id, self._keys().decrypt(sealed))
        except UndecryptableError:
            raise TokenUnreadableError(explain_unreadable(workspace_id)) from None
        if opened is not None:
            # A call may be under way in it, so it is closed at the end.
            self._replaced.append(opened.gateway)
        self._opened[workspace_id] = _Opened(sealed, gateway)
        return gateway

    def _keys(self) -> Cipher:
        if self._cipher is None:
            raise TokenUnreadableError("SECRET_KEYS: missing, and needed for the tokens of Slack workspaces")
        return self._cipher


def list_unreadable(cipher: Cipher | None, sealed: Mapping[WorkspaceId, bytes]) -> list[WorkspaceId]:
    """The workspaces whose tokens no key decrypts."""
    return [workspace_id for workspace_id, token in sealed.items() if not _fits(cipher, token)]


def _fits(cipher: Cipher | None, token: bytes) -> bool:
    if cipher is None:
        return False
    try:
        cipher.decrypt(token)
    except UndecryptableError:
        return False
    return True


def explain_unreadable(workspace_id: WorkspaceId) -> str:
    return (
        f"SECRET_KEYS: none of them decrypts the Slack token of workspace {workspace_id}; add the key that"
        " was in use then, or install Ripe there again with the link that `ripe slack-link` prints"
    )
