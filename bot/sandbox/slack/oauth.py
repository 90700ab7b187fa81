"""The local Slack's OAuth: the page on which a person installs the app, and the code to exchange for a token.

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

from bot.sandbox.slack.model import Json, MethodError
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
    """One app that may be installed in any of `worlds`. Slack sends codes to its `redirect_uri` only."""

    def __init__(
        self, client_id: str, client_secret: SecretStr, redirect_uri: str, worlds: Sequence[SlackWorld]
    ) -> None:
        self.client_id = client_id
        self._secret = client_secret
        self._redirect_uri = redirect_uri
        self.worlds = worlds
        self._codes: dict[str, _Code] = {}

    def check(self, asked: Json) -> None:
        """Check the query of the page. Raises MethodError if the page may not be shown."""
        if asked.get("client_id") != self.client_id:
            raise MethodError("invalid_client_id")
        if asked.get("redirect_uri") != self._redirect_uri:
            raise MethodError("bad_redirect_uri")
        if not asked.get("scope"):
            raise MethodError("invalid_scope")

    def allow(self, team_id: str, scope: str) -> str:
        """Install the app for a person. Returns the code that Slack sends along with the browser."""
        world = next((world for world in self.worlds if world.state.team_id == team_id), None)
        if world is None:
            raise MethodError("team_access_not_granted")
        code = secrets.token_hex(20)
        scopes = frozenset(scope.split(","))
        self._codes[code] = _Code(world, self._redirect_uri, scopes, utc_now() + CODE_LASTS)
        return code

    def exchange(self, client_id: str, client_secret: str, given: Json) -> Json:
        """A new token, which replaces every older one. Raises MethodError; a code works once."""
        if client_id != self.client_id:
            raise MethodError("invalid_client_id")
        if not secrets.compare_digest(client_secret, self._secret.get_secret_value()):
            raise MethodError("bad_client_secret")
        code = self._codes.pop(str(given.get("code", "")), None)
        if code is None:
            raise MethodError("invalid_code")
        if code.expires_at <= utc_now():
            raise MethodError("code_expired")
        if given.get("redirect_uri") != code.redirect_uri:
            raise MethodError("bad_redirect_uri")
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
    """Add the page, `/oauth/v2/authorize`. The method `oauth.v2.access` belongs to it."""

    @blueprint.get("/oauth/v2/authorize")
    async def ask() -> ResponseReturnValue:
        asked = dict(request.args)
        try:
            oauth.check(asked)
        except MethodError as error:
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
        except MethodError as error:
            return Response(f"{error.code}\n", status=400)
        return redirect(f"{asked['redirect_uri']}?{urlencode(outcome | {'state': asked.get('state', '')})}")
