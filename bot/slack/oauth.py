"""Installing the app in a workspace by Slack's OAuth: https://docs.slack.dev/authentication/installing-with-oauth."""

import asyncio
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode, urljoin

from pydantic import SecretStr, TypeAdapter, ValidationError

from bot.encryption import tls_context
from bot.model import HIDING
from bot.slack.errors import NotOneWorkspaceError, SlackOutcomeUnknownError, SlackRefusedError, parse_code
from bot.slack.model import SlackGrant, SlackInstallation

TIMEOUT = 10.0
"""Seconds."""
_ANSWER: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any], config=HIDING)


def authorize_url(api_url: str, client_id: str, scopes: Iterable[str], redirect_uri: str, state: str) -> str:
    """The address of Slack's page on which a person installs the app. `api_url` ends with a slash."""
    query = {
        "client_id": client_id,
        "scope": ",".join(sorted(scopes)),
        "redirect_uri": redirect_uri,
        "state": state,
    }
    return f"{urljoin(api_url, '../oauth/v2/authorize')}?{urlencode(query)}"


async def exchange_code(
    api_url: str, client_id: str, client_secret: SecretStr, code: str, redirect_uri: str
) -> SlackInstallation:
    """Exchanges a code for a token. A code is good for one time, so a lost reply is not retried.

    Raises SlackRefusedError, SlackOutcomeUnknownError and NotOneWorkspaceError.
    """
    import httpx  # here, because most processes exchange none

    fields = {"code": code, "redirect_uri": redirect_uri}
    auth = httpx.BasicAuth(client_id, client_secret.get_secret_value())
    try:
        async with (
            asyncio.timeout(TIMEOUT),  # of all; httpx bounds each part of an answer
            httpx.AsyncClient(timeout=TIMEOUT, verify=tls_context(), follow_redirects=False) as client,
        ):
            reply = await client.post(urljoin(api_url, "oauth.v2.access"), data=fields, auth=auth)
        answer = _ANSWER.validate_json(reply.content)
    except (httpx.HTTPError, TimeoutError) as error:
        raise SlackOutcomeUnknownError(type(error).__name__) from error
    except ValidationError:
        # Not chained: the reply may hold the token.
        raise SlackOutcomeUnknownError("the reply is not JSON") from None
    if answer.get("ok") is not True:
        raise SlackRefusedError(parse_code(answer.get("error")) or f"HTTP {reply.status_code}")
    return _read(answer)


def _read(answer: dict[str, Any]) -> SlackInstallation:
    match answer:
        case {
            "token_type": "bot",
            "access_token": str(token),
            "bot_user_id": str(bot_user_id),
            "scope": str(scope),
            "team": {"id": str(team_id), **team},
        } if not answer.get("is_enterprise_install"):
            scopes = frozenset(filter(None, scope.split(",")))
            name = str(team.get("name") or team_id)
            grant = SlackGrant(team_id=team_id, team=name, scopes=scopes, bot_user_id=bot_user_id)
            return SlackInstallation(grant=grant, token=SecretStr(token))
        case _:
            raise NotOneWorkspaceError
