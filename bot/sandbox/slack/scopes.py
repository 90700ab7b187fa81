"""What a token may do, as Slack tells it: in a header of every answer that a good token gets.

https://docs.slack.dev/authentication/installing-with-oauth#scopes
"""

from quart import after_this_request
from quart.typing import ResponseTypes

from bot.sandbox.slack.workspace import Workspace


def tell_scopes(world: Workspace) -> None:
    """Adds the header to the answer to the current request."""

    @after_this_request
    def add(response: ResponseTypes) -> ResponseTypes:
        response.headers["X-OAuth-Scopes"] = ",".join(sorted(world.scopes))
        return response
