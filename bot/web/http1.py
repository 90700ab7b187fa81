"""Keeps Hypercorn to HTTP/1.1, which is all that GitHub, Slack, browsers and proxies need of us.

Hypercorn has no setting for this: any client may switch a connection to HTTP/2 (h2c), where one connection
carries a hundred requests at once.
"""

from hypercorn import protocol
from hypercorn.protocol.h11 import H11Protocol


class _Http1Protocol(H11Protocol):
    async def _check_protocol(self, event: object) -> None:
        """Never switches: `Upgrade: h2c` is ignored, and `PRI * HTTP/2.0` is an odd request."""

    async def _send_error_response(self, status_code: int) -> None:
        # h11 answers 501 to a Transfer-Encoding that it does not know. It is the client's mistake.
        await super()._send_error_response(400 if status_code >= 500 else status_code)


def speak_http1_only() -> None:
    """Make every server of this process ignore HTTP/2."""
    protocol.H11Protocol = _Http1Protocol  # type: ignore[attr-defined]
