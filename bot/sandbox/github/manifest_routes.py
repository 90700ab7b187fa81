"""GitHub's manifest flow: an App is made from a document, and its secrets are told once for a code.

The sandbox has one App. Making another means that the same one asks for what the new document says.
https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
"""

import re
import secrets
from dataclasses import dataclass, field
from html import escape
from typing import Any
from urllib.parse import urlencode, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from quart import Blueprint, Response, jsonify, redirect, request

from bot.sandbox.github.answers import NOT_FOUND, Answer
from bot.sandbox.github.registration import Registration
from bot.sandbox.github.server import GitHubServer
from bot.sandbox.github.shapes import Shape

NEW_APP = frozenset({"github.new_app", "github.new_app_of_organization"})
"""Pages that other pages may post to, as on GitHub: they only ask the person."""

_NEEDS = {
    "pull_request": "pull_requests",
    "pull_request_review": "pull_requests",
    "pull_request_review_thread": "pull_requests",
    "repository": "metadata",
    "team": "members",
    "membership": "members",
    "check_suite": "checks",
    "status": "statuses",
}
_LEVELS = frozenset({"read", "write", "admin"})
_PAGE = """<!doctype html><html lang="en"><meta name="viewport" content="width=device-width">
<title>Create GitHub App</title><link rel="icon" href="data:,"><style>
body {{ font: 1rem/1.5 system-ui; margin: 2rem auto; max-width: 30rem; padding: 0 1rem }}
button {{ display: block; width: 100%; margin: .5rem 0; padding: .6rem; font: inherit }}</style>
<h1>Create GitHub App for {owner}</h1><p>Name: <b>{name}</b></p><form method="post" action="/settings/apps">
<input type="hidden" name="manifest" value="{manifest}"><input type="hidden" name="state" value="{state}">
<button>Create GitHub App</button></form></html>"""


class _Hook(BaseModel):
    model_config = ConfigDict(extra="forbid")

    url: str
    active: bool = True


class Manifest(BaseModel):
    """What GitHub accepts. Keys that it does not know are refused here, so that a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=34)
    url: str
    hook_attributes: _Hook | None = None
    redirect_url: str
    callback_urls: list[str] = Field(default=[], max_length=10)
    setup_url: str | None = None
    description: str | None = None
    public: bool = False
    default_permissions: dict[str, str] = {}
    default_events: list[str] = []
    request_oauth_on_install: bool = False
    setup_on_update: bool = False

    @field_validator("url", "redirect_url", "setup_url")
    @classmethod
    def _check_url(cls, value: str | None) -> str | None:
        if value is not None and not re.match(r"https?://[^/]+", value):
            raise ValueError("must be an http(s) address")
        return value

    def problems(self) -> list[str]:
        """What GitHub's page says instead of asking for a name."""
        wrong = [
            f"Default permission {name}: {level} is not valid"
            for name, level in self.default_permissions.items()
            if level not in _LEVELS
        ]
        for event in self.default_events:
            if event.startswith("installation") or event not in _NEEDS:
                wrong.append(f"Default events unsupported: {event}")
            elif _NEEDS[event] not in self.default_permissions:
                wrong.append(f"Default events are not supported by permissions: {event}")
        return wrong


@dataclass
class _Made:
    """Manifests by the code that was given for them; a code is good once."""

    by_code: dict[str, Manifest] = field(default_factory=dict)


def add_manifest_routes(
    blueprint: Blueprint, server: GitHubServer, api: str, registration: Registration
) -> None:
    """The pages that a person sees, and the exchange of the code under `api`."""
    made = _Made()
    _add_pages(blueprint, server, made)
    _add_conversion(blueprint, server, api, registration, made)


def _add_pages(blueprint: Blueprint, server: GitHubServer, made: _Made) -> None:
    async def ask(owner: str) -> Response | tuple[Response, int]:
        text = (await request.form).get("manifest", "")
        if (wrong := _problems(text)) is not None:
            return Response(escape(wrong), status=422, mimetype="text/html"), 422
        manifest = Manifest.model_validate_json(text)
        page = _PAGE.format(
            owner=escape(owner),
            name=escape(manifest.name),
            manifest=escape(text),
            state=escape(request.args.get("state", "")),
        )
        return Response(page, mimetype="text/html")

    @blueprint.post("/settings/apps/new")
    async def new_app() -> Any:
        return await ask("yourself")

    @blueprint.post("/organizations/<owner>/settings/apps/new")
    async def new_app_of_organization(owner: str) -> Any:
        if owner.lower() != server.world.document.organization.login.lower():
            raise Answer(404, NOT_FOUND)
        return await ask(owner)

    @blueprint.post("/settings/apps")
    async def create_app() -> Any:
        form = await request.form
        if (wrong := _problems(form.get("manifest", ""))) is not None:
            raise Answer(422, wrong)
        manifest = Manifest.model_validate_json(form["manifest"])
        code = secrets.token_hex(20)
        made.by_code[code] = manifest
        back = {"code": code} | ({"state": form["state"]} if form.get("state") else {})
        joint = "&" if urlsplit(manifest.redirect_url).query else "?"
        return redirect(f"{manifest.redirect_url}{joint}{urlencode(back)}", 302)


def _problems(text: str) -> str | None:
    try:
        found = Manifest.model_validate_json(text).problems()
    except ValidationError as error:
        found = [f"{'/'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
    return "; ".join(found) or None


def _add_conversion(
    blueprint: Blueprint, server: GitHubServer, api: str, registration: Registration, made: _Made
) -> None:
    world = server.world

    @blueprint.post(f"{api}/app-manifests/<code>/conversions")
    async def conversions(code: str) -> tuple[Response, int]:
        if (manifest := made.by_code.pop(code, None)) is None:
            raise Answer(404, NOT_FOUND)
        registration.permissions = dict(manifest.default_permissions)
        registration.events = list(manifest.default_events)
        hook = manifest.hook_attributes
        if hook is not None:
            world.webhooks.url = hook.url
        told: Shape = {
            "name": manifest.name,
            "description": manifest.description,
            "external_url": manifest.url,
            "client_id": server.users.client_id,
            "client_secret": server.users.client_secret.get_secret_value(),
            "webhook_secret": world.webhooks.secret.get_secret_value() if hook else None,
            "pem": server.access.private_key.get_secret_value(),
        }
        return jsonify(world.shapes.app() | registration.shape | told), 201
