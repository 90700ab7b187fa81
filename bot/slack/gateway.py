"""The only module that calls Slack's Web API.

A call that fails has one of three outcomes: Slack refused it, it has to wait, or its outcome is unknown.
Only in the last case Slack may have carried it out.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import aiohttp
from pydantic import SecretStr
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.errors import describe_error
from bot.model import Value
from bot.slack.errors import SlackOutcomeUnknownError, SlackRefusedError, parse_code
from bot.slack.limits import SlackLimits
from bot.slack.messages import Rendered
from bot.slack.model import SlackGrant
from bot.slack.proxies import find_proxy
from jobq import Postpone, utc_now

T = TypeVar("T")

EVENT_TYPE = "ripe_reminder"
"""The type of the metadata by which we find our own messages."""
MOST_PAGES = 20
USERS_PER_PAGE = 500
UNREACHABLE_FOR = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=1)
"""Slack's limits are refilled every minute, so a longer wait is a mistake."""
RETRY_AFTER = timedelta(seconds=30)
"""The wait if Slack says that there were too many calls, but not how long to wait."""

_UNKNOWN_OUTCOME = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable"})
"""Errors after which Slack may have carried the call out: https://docs.slack.dev/reference/methods."""
_TOO_MANY = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})


class SlackUser(Value):
    """Somebody in the workspace. `zone` is an IANA name, None if Slack has none."""

    id: str
    name: str
    zone: str | None
    email: str | None = None
    is_bot: bool = False
    is_active: bool = True
    is_guest: bool = False
    is_admin: bool = False
    """An admin or an owner of the workspace."""
    team_ids: frozenset[str] = frozenset()
    """The workspaces that they are members of, if Slack says so."""

    def is_outsider(self, team_id: str | None) -> bool:
        """Whether they are a guest in this workspace, or come from another organization (Slack Connect)."""
        is_foreign = team_id is not None and bool(self.team_ids) and team_id not in self.team_ids
        return self.is_guest or is_foreign


class SlackGateway:
    """Calls Slack with the bot's token. `now` is the application's clock; `timeout` is in seconds.

    `limits` are those of the workspace. Before the workspace is known there are none.

    Every method raises SlackRefusedError, SlackOutcomeUnknownError, or jobq.Postpone, which says when to try
    again: nothing was done.
    """

    def __init__(
        self,
        token: SecretStr,
        api_url: str,
        *,
        limits: SlackLimits | None = None,
        now: Callable[[], datetime] = utc_now,
        timeout: float = 10.0,
    ) -> None:
        self._token = token
        self._api_url = api_url
        self._limits = limits
        self._now = now
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Closes the connections. Calls that are under way fail."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def load_grant(self) -> SlackGrant:
        """The workspace and the scopes of the token."""
        reply = await self._guard(self._client().auth_test())
        headers = {name.lower(): value for name, value in reply.headers.items()}
        named = headers.get("x-oauth-scopes", "").split(",")
        scopes = frozenset(scope.strip() for scope in named if scope.strip())
        return SlackGrant(
            team_id=reply["team_id"], team=reply["team"], scopes=scopes, bot_user_id=reply.get("user_id", "")
        )

    async def try_socket_mode(self) -> None:
        """Checks an app-level token: asks for the address of a connection, and opens none."""
        await self._ask(self._client().apps_connections_open(app_token=self._token.get_secret_value()))

    async def post_dm(self, channel: str, rendered: Rendered, metadata_key: str | None = None) -> str:
        """Posts a message, which `find_posted` finds by `metadata_key`. Returns its `ts`."""
        metadata = {"event_type": EVENT_TYPE, "event_payload": {"key": metadata_key}}
        reply = await self._ask(
            self._client().chat_postMessage(
                channel=channel,
                blocks=list(rendered.blocks),
                text=rendered.text,
                metadata=metadata if metadata_key else None,
                unfurl_links=False,
                unfurl_media=False,
                parse="none",
            )
        )
        return str(reply["ts"])

    async def edit_dm(self, channel: str, ts: str, rendered: Rendered) -> None:
        """Replaces the content of a message. May be repeated without harm."""
        await self._ask(
            self._client().chat_update(
                channel=channel, ts=ts, blocks=list(rendered.blocks), text=rendered.text, parse="none"
            )
        )

    async def open_dm(self, slack_user_id: str) -> str:
        """The id of the DM channel of the bot and this user."""
        reply = await self._ask(self._client().conversations_open(users=[slack_user_id]))
        return str(reply["channel"]["id"])

    async def find_posted(self, channel: str, metadata_key: str, since: datetime) -> str | None:
        """The `ts` of our message with this key, None if the channel's history since then has none."""
        cursor = ""
        for _ in range(MOST_PAGES):
            reply = await self._ask(
                self._client().conversations_history(
                    channel=channel,
                    oldest=f"{since.timestamp():.6f}",
                    include_all_metadata=True,
                    limit=200,
                    cursor=cursor or None,
                )
            )
            for message in reply.get("messages") or ():
                if _key_of(message) == metadata_key:
                    return str(message["ts"])
            cursor = (reply.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return None
        raise SlackOutcomeUnknownError(f"not within {MOST_PAGES} pages of history")

    async def find_user(self, slack_user_id: str) -> SlackUser | None:
        """None if there is nobody with this id."""
        try:
            reply = await self._ask(self._client().users_info(user=slack_user_id))
        except SlackRefusedError as error:
            if error.error in ("user_not_found", "user_not_visible"):
                return None
            raise
        return parse_user(reply["user"])

    async def find_user_by_email(self, email: str) -> SlackUser | None:
        """None if nobody has this address."""
        try:
            reply = await self._ask(self._client().users_lookupByEmail(email=email))
        except SlackRefusedError as error:
            if error.error == "users_not_found":
                return None
            raise
        return parse_user(reply["user"])

    async def list_users(self) -> list[SlackUser]:
        """Everybody in the workspace, including deactivated people."""
        users: list[SlackUser] = []
        cursor = ""
        for _ in range(MOST_PAGES):
            reply = await self._ask(self._client().users_list(limit=USERS_PER_PAGE, cursor=cursor))
            users += [parse_user(user) for user in reply["members"]]
            cursor = (reply.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return users
        raise SlackOutcomeUnknownError(f"not within {MOST_PAGES} pages of users")

    async def open_view(self, trigger_id: str, view: Mapping[str, Any]) -> str:
        """Opens a modal; returns its id. A trigger expires after three seconds."""
        reply = await self._ask(self._client().views_open(trigger_id=trigger_id, view=dict(view)))
        return str(reply["view"]["id"])

    async def update_view(self, view_id: str, view: Mapping[str, Any]) -> None:
        await self._ask(self._client().views_update(view_id=view_id, view=dict(view)))

    async def publish_home(self, slack_user_id: str, view: Mapping[str, Any]) -> None:
        await self._ask(self._client().views_publish(user_id=slack_user_id, view=dict(view)))

    async def respond(self, response_url: str, rendered: Rendered, *, replace: bool = False) -> None:
        """Answers where the person clicked or typed, for their eyes only. `replace` replaces that message."""
        answer = {
            "response_type": "ephemeral",
            "replace_original": replace,
            "text": rendered.text,
            "blocks": list(rendered.blocks),
        }
        await self._guard(self._post(response_url, answer))

    async def _post(self, url: str, answer: Mapping[str, Any]) -> None:
        async with self._open_session().post(url, json=answer, proxy=find_proxy(url)) as reply:
            if reply.status == 200:
                return
            if reply.status == 429:
                raise Postpone(self._now() + _retry_after(reply.headers), "Slack limits answers")
            if reply.status >= 500:
                raise SlackOutcomeUnknownError(f"HTTP {reply.status}")
            raise SlackRefusedError(f"HTTP {reply.status}")

    def _open_session(self) -> aiohttp.ClientSession:
        # Created on first use, because aiohttp needs the running loop.
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        return self._session

    def _client(self) -> AsyncWebClient:
        # Without retry handlers: the default one posts a message again if the reply was lost.
        return _LimitedClient(
            self._limits,
            token=self._token.get_secret_value(),
            base_url=self._api_url,
            session=self._open_session(),
            retry_handlers=[],
        )

    async def _ask(self, call: Awaitable[AsyncSlackResponse]) -> Mapping[str, Any]:
        reply = await self._guard(call)
        if not isinstance(reply.data, dict):
            raise SlackOutcomeUnknownError("the reply is not JSON")
        return reply.data

    async def _guard(self, call: Awaitable[T]) -> T:
        """Awaits a call and turns each failure into one of the three outcomes."""
        try:
            return await call
        except SlackApiError as error:
            raise self._outcome(error) from error
        except aiohttp.ClientConnectorError as error:
            # There was no connection, so Slack never got the call.
            raise Postpone(self._now() + UNREACHABLE_FOR, "Slack cannot be reached") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise SlackOutcomeUnknownError(describe_error(error)) from error
        except (AttributeError, ValueError) as error:
            # slack_sdk fails like this on a reply that is text or bytes, such as a proxy's page.
            raise SlackOutcomeUnknownError(f"the reply makes no sense: {describe_error(error)}") from error

    def _outcome(self, error: SlackApiError) -> Exception:
        reply = error.response
        if not isinstance(reply, AsyncSlackResponse):
            return SlackOutcomeUnknownError("the reply is not JSON")
        code = parse_code(reply.data.get("error")) if isinstance(reply.data, dict) else None
        if (wait := _find_wait(reply)) is not None:
            return Postpone(self._now() + wait, "Slack limits calls")
        if reply.status_code >= 500 or code is None or code in _UNKNOWN_OUTCOME:
            return SlackOutcomeUnknownError(f"HTTP {reply.status_code}: {code}")
        return SlackRefusedError(code)


class _LimitedClient(AsyncWebClient):
    """Makes no call that Slack does not want yet, and passes rate limits on to all other processes."""

    def __init__(self, limits: SlackLimits | None, **given: Any) -> None:
        super().__init__(**given)
        self._limits = limits
        self.proxy = find_proxy(self.base_url)

    async def api_call(self, api_method: str, **given: Any) -> AsyncSlackResponse:
        if self._limits is None:
            return await super().api_call(api_method, **given)
        await self._limits.check(api_method)
        try:
            return await super().api_call(api_method, **given)
        except SlackApiError as error:
            if (wait := _find_wait(error.response)) is None:
                raise
            raise await self._limits.close(api_method, wait) from error


def _find_wait(reply: object) -> timedelta | None:
    """How long Slack wants no more calls like this one. None if there is no limit."""
    if not isinstance(reply, AsyncSlackResponse):
        return None
    code = reply.data.get("error") if isinstance(reply.data, dict) else None
    return _retry_after(reply.headers) if reply.status_code == 429 or code in _TOO_MANY else None


def _retry_after(headers: Mapping[str, str]) -> timedelta:
    """Seconds, or a date: https://www.rfc-editor.org/rfc/rfc9110#name-retry-after."""
    value = next((str(value) for name, value in headers.items() if name.lower() == "retry-after"), "")
    seconds = _seconds(value)
    return RETRY_AFTER if seconds is None else min(timedelta(seconds=seconds), LONGEST_WAIT)


def _seconds(value: str) -> float | None:
    """An hour at most; None for a time that is over, or for no time at all."""
    try:
        seconds = float(value)
    except ValueError:
        try:
            until = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        seconds = (until.replace(tzinfo=until.tzinfo or UTC) - utc_now()).total_seconds()
    return min(seconds, LONGEST_WAIT.total_seconds()) if seconds >= 0 else None


def _key_of(message: Mapping[str, Any]) -> str | None:
    metadata = message.get("metadata") or {}
    if metadata.get("event_type") != EVENT_TYPE:
        return None
    key = (metadata.get("event_payload") or {}).get("key")
    return key if isinstance(key, str) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def parse_user(user: Mapping[str, Any]) -> SlackUser:
    """Reads a user from a reply of Slack's or from an event."""
    profile = user.get("profile")
    profile = profile if isinstance(profile, Mapping) else {}
    names = (profile.get("display_name"), profile.get("real_name"), user.get("real_name"), user.get("name"))
    return SlackUser(
        id=user["id"],
        name=next((name for name in names if isinstance(name, str) and name), user["id"]),
        zone=_text(user.get("tz")),
        email=_text(profile.get("email")),
        is_bot=bool(user.get("is_bot")),
        is_active=not user.get("deleted"),
        is_guest=any(user.get(name) for name in ("is_restricted", "is_ultra_restricted", "is_stranger")),
        is_admin=bool(user.get("is_admin") or user.get("is_owner")),
        team_ids=_team_ids(user),
    )


def _team_ids(user: Mapping[str, Any]) -> frozenset[str]:
    """In an Enterprise organization a user has several: https://docs.slack.dev/reference/objects/user-object."""
    enterprise = user.get("enterprise_user")
    teams = enterprise.get("teams") if isinstance(enterprise, Mapping) else None
    listed = [user.get("team_id"), *(teams if isinstance(teams, list) else ())]
    return frozenset(team for team in listed if isinstance(team, str) and team)
