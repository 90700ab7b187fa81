"""A token's scopes, which Slack names in a header of every answer to a good token.

https://docs.slack.dev/authentication/installing-with-oauth#scopes
"""

from quart import after_this_request
from quart.typing import ResponseTypes

from bot.sandbox.slack.workspace import Workspace


def add_scopes_header(workspace: Workspace) -> None:
    """Add the header to the answer to the current request."""

    @after_this_request
    def add(response: ResponseTypes) -> ResponseTypes:
        response.headers["X-OAuth-Scopes"] = ",".join(sorted(workspace.scopes))
        return response
