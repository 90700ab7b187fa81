"""Socket Mode: Slack sends requests over a connection that we open, instead of posting them to us.

https://docs.slack.dev/apis/events-api/using-socket-mode
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import structlog
from pydantic import SecretStr
from slack_bolt.adapter.socket_mode.async_base_handler import AsyncBaseSocketModeHandler
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.bolt import SlackApp
from bot.slack.proxies import find_proxy

log = structlog.get_logger()

PING_EVERY = 10.0
"""Seconds between two checks of the connection, and between two tries to open it."""
ASKS_WITHIN = 10
"""Seconds that Slack has to say where to connect."""
TRIES_OF_ONE_ADDRESS = 2
"""After that we ask for another, since an address is good for one connection, and not for long."""
FINISHES_WITHIN = 3.0
"""Seconds that requests in progress have once we stop. Slack waits no longer for an answer."""
CLOSES_WITHIN = 2.0
"""Seconds to close the connection."""


class SocketMode(AsyncBaseSocketModeHandler):
    """Bolt's handler for Socket Mode. `app_token` is that of the app, for all workspaces.

    It must be made and used in one event loop.
    """

    def __init__(
        self, slack: SlackApp, app_token: SecretStr, api_url: str, ping_every: float = PING_EVERY
    ) -> None:
        self._slack = slack
        self._handling: set[asyncio.Task[None]] = set()
        self._is_stopping = False
        self.client: _Client = _Client(app_token, api_url, ping_every)
        self.client.socket_mode_request_listeners.append(self.handle)

    async def handle(self, client: AsyncBaseSocketModeClient, req: SocketModeRequest) -> None:
        """Serves one envelope. It is acknowledged once its work is done, and not at all if that fails."""
        if self._is_stopping:
            # Without an acknowledgement Slack gives it to another process, or to the one that replaces us.
            return
        handling = asyncio.ensure_future(self._serve(client, req))
        self._handling.add(handling)
        handling.add_done_callback(self._handling.discard)
        await handling

    async def stop(self) -> None:
        """Waits for requests in progress, then disconnects."""
        self._is_stopping = True
        if self._handling:
            await asyncio.wait(set(self._handling), timeout=FINISHES_WITHIN)
        await self.client.stop()
        await self._slack.finish()

    async def _serve(self, client: AsyncBaseSocketModeClient, req: SocketModeRequest) -> None:
        request = AsyncBoltRequest(mode="socket_mode", body=req.payload)
        answer = await self._slack.bolt.async_dispatch(request)
        if answer.status != 200:
            log.warning("an envelope of Slack was not acknowledged", type=req.type, status=answer.status)
            return
        try:
            await client.send_socket_mode_response(
                SocketModeResponse(envelope_id=req.envelope_id, payload=_payload(answer))
            )
        except (ConnectionError, aiohttp.ClientError) as error:
            # Slack sends it again, and its key then shows that it was served.
            log.info("an acknowledgement did not reach Slack", type=req.type, error=type(error).__name__)


class _HidesBodies(logging.Filter):
    """At DEBUG slack_sdk logs the texts of people, and a traceback with every failed try to connect."""

    def filter(self, record: logging.LogRecord) -> bool:
        if "Failed to connect" in record.getMessage():
            record.exc_info = None
        return record.levelno > logging.DEBUG


_HIDES_BODIES = _HidesBodies()


class _Client(SocketModeClient):
    """slack_sdk's client, which reconnects by itself."""

    def __init__(self, app_token: SecretStr, api_url: str, ping_every: float) -> None:
        logger = logging.getLogger("slack_sdk.socket_mode")
        logger.addFilter(_HIDES_BODIES)
        super().__init__(
            app_token=app_token.get_secret_value(),
            logger=logger,
            web_client=AsyncWebClient(
                base_url=api_url, timeout=ASKS_WITHIN, retry_handlers=[], logger=logger
            ),
            ping_interval=ping_every,
            on_message_listeners=[_log_if_disabled],
        )
        self.proxy = self.web_client.proxy = find_proxy(api_url)
        self._may_ask_at = 0.0

    async def issue_new_wss_url(self) -> str:
        now = asyncio.get_running_loop().time()
        wait, self._may_ask_at = self._may_ask_at - now, max(self._may_ask_at, now) + self.ping_interval
        # If Slack ends a connection that has just begun, the client asks again at once, without end.
        await asyncio.sleep(max(wait, 0))
        url = await super().issue_new_wss_url()
        # While it cannot connect, the client would try the same address for ever.
        asyncio.get_running_loop().call_later(TRIES_OF_ONE_ADDRESS * self.ping_interval, self._forget, url)
        return url

    async def stop(self) -> None:
        """Closes the connection and waits for its tasks."""
        closing = asyncio.ensure_future(self.close())  # type: ignore[no-untyped-call]
        # A peer that no longer answers must not hold us up.
        await asyncio.wait([closing], timeout=CLOSES_WITHIN)
        tasks = [
            task
            for task in (closing, self.message_processor, self.current_session_monitor, self.message_receiver)
            if task is not None
        ]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await self.aiohttp_client_session.close()

    def _forget(self, url: str) -> None:
        if self.wss_uri == url:
            self.wss_uri = None


@asynccontextmanager
async def hearing_slack(
    slack: SlackApp, app_token: SecretStr | None, api_url: str, ping_every: float = PING_EVERY
) -> AsyncIterator[None]:
    """Keeps a connection open during the block, which does not wait for it. Without a token there is none."""
    if app_token is None:
        yield
        return
    socket = SocketMode(slack, app_token, api_url, ping_every)
    connecting = asyncio.create_task(socket.connect_async())  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        connecting.cancel()
        await asyncio.wait([connecting])
        await socket.stop()


async def _log_if_disabled(message: aiohttp.WSMessage) -> None:
    # Slack sends empty messages as well.
    if message.data and json.loads(message.data).get("reason") == "link_disabled":
        log.error("Socket Mode is off: switch it on at https://api.slack.com/apps, or unset SLACK_APP_TOKEN")


def _payload(answer: BoltResponse) -> dict[str, object] | None:
    if not answer.body:
        return None
    if answer.headers.get("content-type", [""])[0].startswith("application/json"):
        payload: dict[str, object] = json.loads(answer.body)
        return payload
    return {"text": answer.body}
