"""Asks GitHub who a person is and which installations they own, with a token that the person grants.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-user-access-token-for-a-github-app
The token is used for these questions only: it is neither stored nor logged.
"""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError

from bot.encryption import tls_context
from bot.github.model import Account, GitHubError
from bot.model import HIDING, AccountId, InstallationId, UserError, Value

if TYPE_CHECKING:
    import httpx

ANSWERS_WITHIN = 15.0
"""Seconds."""
PER_PAGE = 100
MOST_PAGES = 20
LONGEST_CODE = 200

_OBJECT: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any], config=HIDING)


class OAuthError(GitHubError, UserError):
    """GitHub did not say who the person is. The text is for the person; nothing was changed."""


class _NotFoundError(OAuthError):
    """GitHub does not know it, or hides it from this person."""


class _NotGrantedError(OAuthError):
    """The App lacks the permission to ask this."""


class ProvenInstallation(Value):
    """An installation whose owner, as GitHub says, is the person who asks."""

    id: InstallationId
    account: Account
    permissions: dict[str, str]


class Proof(Value):
    """The accounts of a person. `unproven` are organizations whose members the App may not read."""

    user: Account
    installations: tuple[ProvenInstallation, ...]
    unproven: tuple[str, ...]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


Kind = TypeVar("Kind", bound=_Answer)


class _User(_Answer):
    id: AccountId = Field(gt=0)
    login: str = Field(min_length=1)
    type: Literal["User", "Organization", "Bot"] = "User"
    email: str | None = None

    def account(self) -> Account:
        return Account(id=self.id, login=self.login, is_bot=self.type == "Bot")


class _Installation(_Answer):
    id: InstallationId
    account: _User
    permissions: dict[str, str] = {}
    suspended_at: str | None = None


class _Installations(_Answer):
    installations: list[_Installation]


class _Membership(_Answer):
    role: str
    state: str


class Identity(NamedTuple):
    """A person on GitHub. `email` is what they show there to everybody; GitHub has verified it."""

    account: Account
    email: str | None


class GitHubOAuth:
    """The App's side of GitHub's OAuth. GitHub sends people back to `redirect_uri`."""

    def __init__(
        self, web_url: str, api_url: str, client_id: str, client_secret: SecretStr, redirect_uri: str
    ) -> None:
        self._web_url = web_url
        self._api_url = api_url
        self._client_id = client_id
        self._client_secret = client_secret
        self._redirect_uri = redirect_uri

    def authorize_url(self, state: str, verifier: str) -> str:
        """The address of GitHub's page that asks a person whether Ripe may know who they are."""
        query = {
            "client_id": self._client_id,
            "redirect_uri": self._redirect_uri,
            "state": state,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
        }
        return f"{self._web_url}/login/oauth/authorize?{urlencode(query)}"

    async def identify(self, code: str, verifier: str) -> Identity:
        """The person for whom GitHub gave this code. GitHub sees a code once. Raises OAuthError."""
        async with self._session(code, verifier) as session:
            user = await session.load_user()
            return Identity(user.account(), user.email)

    async def prove_ownership(self, code: str, verifier: str) -> Proof:
        """The same person and what they own, without suspended installations. Raises OAuthError."""
        async with self._session(code, verifier) as session:
            user = (await session.load_user()).account()
            proven, unproven = [], []
            for installation in await session.list_installations():
                try:
                    if await session.owns(user, installation.account):
                        proven.append(_proven(installation))
                except _NotGrantedError:
                    unproven.append(installation.account.login)
            return Proof(user=user, installations=tuple(proven), unproven=tuple(unproven))

    @asynccontextmanager
    async def _session(self, code: str, verifier: str) -> AsyncIterator["_Session"]:
        import httpx  # here, because most processes ask nobody

        async with httpx.AsyncClient(
            timeout=ANSWERS_WITHIN, verify=tls_context(), follow_redirects=False
        ) as client:
            yield _Session(client, self._api_url, await self._exchange(client, code, verifier))

    async def _exchange(self, client: "httpx.AsyncClient", code: str, verifier: str) -> SecretStr:
        if not 0 < len(code) <= LONGEST_CODE:
            raise OAuthError("GitHub sent you back without a usable code. Begin again.")
        fields = {
            "client_id": self._client_id,
            "client_secret": self._client_secret.get_secret_value(),
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": verifier,
        }
        # Sent once: if the answer is lost, nobody can know whether the code is used up.
        reply = await _send(
            client.post(
                f"{self._web_url}/login/oauth/access_token",
                data=fields,
                headers={"Accept": "application/json"},
            )
        )
        match _read_object(reply):
            case {"access_token": str(token)} if token:
                return SecretStr(token)
            case {"error": "bad_verification_code"}:
                raise OAuthError("GitHub does not take this code: it was used before, or is too old.")
            case {"error": "incorrect_client_credentials"}:
                raise OAuthError("GitHub refuses GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET. Tell an admin.")
            case _:
                raise OAuthError("GitHub gave no access to your account. Begin again.")


class _Session:
    """The questions that the person's token allows."""

    def __init__(self, client: "httpx.AsyncClient", api_url: str, token: SecretStr) -> None:
        self._client = client
        self._api_url = api_url
        self._token = token

    async def load_user(self) -> _User:
        return _parse(_User, await self._get("/user"))

    async def list_installations(self) -> Sequence[_Installation]:
        """The installations that this person can see: access to one repository is enough for that."""
        visible: list[_Installation] = []
        for page in range(1, MOST_PAGES + 1):
            reply = await self._get(f"/user/installations?per_page={PER_PAGE}&page={page}")
            listed = _parse(_Installations, reply).installations
            visible += [installation for installation in listed if installation.suspended_at is None]
            if len(listed) < PER_PAGE:
                break
        return visible

    async def owns(self, user: Account, account: _User) -> bool:
        """Whether an account is this person's own, or an organization that they administer.

        https://docs.github.com/en/rest/orgs/members#get-an-organization-membership-for-the-authenticated-user
        """
        if account.type != "Organization":
            return account.id == user.id
        try:
            reply = await self._get(f"/user/memberships/orgs/{quote(account.login, safe='')}")
        except _NotFoundError:
            return False
        membership = _parse(_Membership, reply)
        return membership.role == "admin" and membership.state == "active"

    async def _get(self, path: str) -> "httpx.Response":
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self._token.get_secret_value()}",
        }
        reply = await _send(self._client.get(f"{self._api_url}{path}", headers=headers))
        match reply.status_code:
            case 200:
                return reply
            case 404:
                raise _NotFoundError("GitHub does not know what was asked for.")
            case 403 if reply.headers.get("X-RateLimit-Remaining") != "0":
                raise _NotGrantedError("GitHub does not let Ripe ask this.")
            case status:
                raise OAuthError(f"GitHub answers {status}. Try again later.")


async def _send(sending: "Awaitable[httpx.Response]") -> "httpx.Response":
    import httpx

    try:
        async with asyncio.timeout(ANSWERS_WITHIN):  # of the whole; httpx bounds each part of an answer
            return await sending
    except (httpx.HTTPError, TimeoutError) as error:
        raise OAuthError(f"GitHub gave no answer ({type(error).__name__}). Begin again.") from None


def _read_object(reply: "httpx.Response") -> dict[str, Any]:
    try:
        return _OBJECT.validate_json(reply.content)
    except ValidationError:
        # From None: the validation error carries the answer, which may hold a token.
        raise OAuthError(f"GitHub's answer ({reply.status_code}) makes no sense. Begin again.") from None


def _parse(kind: type[Kind], reply: "httpx.Response") -> Kind:
    try:
        return kind.model_validate_json(reply.content)
    except ValidationError:
        raise OAuthError("GitHub's answer makes no sense. Begin again.") from None


def _proven(installation: _Installation) -> ProvenInstallation:
    return ProvenInstallation(
        id=installation.id, account=installation.account.account(), permissions=installation.permissions
    )


def challenge_of(verifier: str) -> str:
    """PKCE's S256: https://www.rfc-editor.org/rfc/rfc7636#section-4.2."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
