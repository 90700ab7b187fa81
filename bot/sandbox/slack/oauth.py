"""The local Slack's OAuth: a page on which a person installs the app, and the code that is worth a token.

https://docs.slack.dev/authentication/installing-with-oauth
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlencode

from pydantic import SecretStr
from quart import Blueprint, Response, redirect, render_template_string, request
from quart.typing import ResponseReturnValue

from bot.sandbox.slack.model import Json, SlackError
from bot.sandbox.slack.world import SlackWorld
from jobq import utc_now

CODE_LASTS = timedelta(minutes=10)

_PAGE = """<!doctype html>
<title>Install {{ client_id }}</title>
<h1>The app asks for access</h1>
<p>{{ scope }}</p>
<form method="post">
  {% for world in worlds %}<button name="team" value="{{ world.state.team_id }}">
    Allow in {{ world.state.team_name }}</button>{% endfor %}
  <button name="team" value="">Cancel</button>
</form>
"""


class _Code(NamedTuple):
    world: SlackWorld
    redirect_uri: str
    scopes: frozenset[str]
    expires_at: datetime


class OAuth:
    """One app that may be installed in any of `worlds`, and where it does not lie about its address."""

    def __init__(
        self, client_id: str, client_secret: SecretStr, redirect_uri: str, worlds: Sequence[SlackWorld]
    ) -> None:
        self.client_id = client_id
        self._secret = client_secret
        self._redirect_uri = redirect_uri
        self.worlds = worlds
        self._codes: dict[str, _Code] = {}

    def check(self, asked: Json) -> None:
        """Whether the page may be shown. Raises SlackError."""
        if asked.get("client_id") != self.client_id:
            raise SlackError("invalid_client_id")
        if asked.get("redirect_uri") != self._redirect_uri:
            raise SlackError("bad_redirect_uri")
        if not asked.get("scope"):
            raise SlackError("invalid_scope")

    def allow(self, team_id: str, scope: str) -> str:
        """A person installs the app; the code that Slack sends with the browser."""
        world = next((one for one in self.worlds if one.state.team_id == team_id), None)
        if world is None:
            raise SlackError("team_access_not_granted")
        code = secrets.token_hex(20)
        scopes = frozenset(scope.split(","))
        self._codes[code] = _Code(world, self._redirect_uri, scopes, utc_now() + CODE_LASTS)
        return code

    def exchange(self, client_id: str, client_secret: str, given: Json) -> Json:
        """A new token, which is the only good one from now on. Raises SlackError; a code is good once."""
        if client_id != self.client_id:
            raise SlackError("invalid_client_id")
        if not secrets.compare_digest(client_secret, self._secret.get_secret_value()):
            raise SlackError("bad_client_secret")
        code = self._codes.pop(str(given.get("code", "")), None)
        if code is None:
            raise SlackError("invalid_code")
        if code.expires_at <= utc_now():
            raise SlackError("code_expired")
        if given.get("redirect_uri") != code.redirect_uri:
            raise SlackError("bad_redirect_uri")
        return self._install(code)

    def _install(self, code: _Code) -> Json:
        world, state = code.world, code.world.state
        token = f"xoxb-{state.team_id}-{secrets.token_hex(12)}"
        world.bot_token, world.scopes, state.is_revoked = SecretStr(token), set(code.scopes), False
        world.save()
        return {
            "access_token": token,
            "token_type": "bot",
            "scope": ",".join(sorted(code.scopes)),
            "bot_user_id": state.bot_user_id,
            "app_id": state.app_id,
            "team": {"name": state.team_name, "id": state.team_id},
            "enterprise": None,
            "authed_user": {"id": next(user.id for user in state.users.values() if user.is_owner)},
            "is_enterprise_install": False,
        }


def add_oauth(blueprint: Blueprint, oauth: OAuth) -> None:
    """Adds the page, `/oauth/v2/authorize`. The method beside it is `oauth.v2.access`."""

    @blueprint.get("/oauth/v2/authorize")
    async def ask() -> ResponseReturnValue:
        asked = dict(request.args)
        try:
            oauth.check(asked)
        except SlackError as error:
            return Response(f"{error.code}\n", status=400)
        return await render_template_string(_PAGE, worlds=oauth.worlds, **asked)

    @blueprint.post("/oauth/v2/authorize")
    async def decide() -> ResponseReturnValue:
        asked, team_id = dict(request.args), (await request.form).get("team", "")
        try:
            oauth.check(asked)
            outcome = (
                {"code": oauth.allow(team_id, asked["scope"])} if team_id else {"error": "access_denied"}
            )
        except SlackError as error:
            return Response(f"{error.code}\n", status=400)
        return redirect(f"{asked['redirect_uri']}?{urlencode(outcome | {'state': asked.get('state', '')})}")
