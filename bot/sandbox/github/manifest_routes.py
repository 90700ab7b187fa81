"""GitHub's manifest flow: it makes an App from a document, and gives the App's secrets once for a code.

The sandbox has one App. Making another changes what this one asks for.
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

from bot.sandbox.github.answers import NOT_FOUND
from bot.sandbox.github.errors import AnswerError
from bot.sandbox.github.registration import Registration
from bot.sandbox.github.server import GitHubServer
from bot.sandbox.github.shapes import Shape

NEW_APP = frozenset({"github.new_app", "github.new_app_of_organization"})
"""Pages to which any site may post, as on GitHub: they only ask the person."""

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
    """A manifest that GitHub accepts. Unknown keys are refused, so that tests notice a misspelt one."""

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
        """The errors that GitHub shows in place of its question to the person; empty if it would ask."""
        problems = [
            f"Default permission {name}: {level} is not valid"
            for name, level in self.default_permissions.items()
            if level not in _LEVELS
        ]
        for event in self.default_events:
            if event.startswith("installation") or event not in _NEEDS:
                problems.append(f"Default events unsupported: {event}")
            elif _NEEDS[event] not in self.default_permissions:
                problems.append(f"Default events are not supported by permissions: {event}")
        return problems


@dataclass
class _Codes:
    """Manifests by the code that was given for them. A code works once."""

    manifests: dict[str, Manifest] = field(default_factory=dict)


def add_manifest_routes(
    blueprint: Blueprint, server: GitHubServer, api: str, registration: Registration
) -> None:
    """Add the pages that a person sees, and the exchange of the code under `api`."""
    codes = _Codes()
    _add_pages(blueprint, server, codes)
    _add_conversion(blueprint, server, api, registration, codes)


def _add_pages(blueprint: Blueprint, server: GitHubServer, codes: _Codes) -> None:
    async def ask(owner: str) -> Response | tuple[Response, int]:
        text = (await request.form).get("manifest", "")
        if (problem := _find_problem(text)) is not None:
            return Response(escape(problem), status=422, mimetype="text/html"), 422
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
            raise AnswerError(404, NOT_FOUND)
        return await ask(owner)

    @blueprint.post("/settings/apps")
    async def create_app() -> Any:
        form = await request.form
        if (problem := _find_problem(form.get("manifest", ""))) is not None:
            raise AnswerError(422, problem)
        manifest = Manifest.model_validate_json(form["manifest"])
        code = secrets.token_hex(20)
        codes.manifests[code] = manifest
        query = {"code": code} | ({"state": form["state"]} if form.get("state") else {})
        separator = "&" if urlsplit(manifest.redirect_url).query else "?"
        return redirect(f"{manifest.redirect_url}{separator}{urlencode(query)}", 302)


def _find_problem(text: str) -> str | None:
    try:
        problems = Manifest.model_validate_json(text).problems()
    except ValidationError as error:
        problems = [f"{'/'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in error.errors()]
    return "; ".join(problems) or None


def _add_conversion(
    blueprint: Blueprint, server: GitHubServer, api: str, registration: Registration, codes: _Codes
) -> None:
    world = server.world

    @blueprint.post(f"{api}/app-manifests/<code>/conversions")
    async def conversions(code: str) -> tuple[Response, int]:
        if (manifest := codes.manifests.pop(code, None)) is None:
            raise AnswerError(404, NOT_FOUND)
        registration.permissions = dict(manifest.default_permissions)
        registration.events = list(manifest.default_events)
        hook = manifest.hook_attributes
        if hook is not None:
            world.webhooks.url = hook.url
        secret_fields: Shape = {
            "name": manifest.name,
            "description": manifest.description,
            "external_url": manifest.url,
            "client_id": server.users.client_id,
            "client_secret": server.users.client_secret.get_secret_value(),
            "webhook_secret": world.webhooks.secret.get_secret_value() if hook else None,
            "pem": server.access.private_key.get_secret_value(),
        }
        return jsonify(world.shapes.app() | registration.shape | secret_fields), 201
