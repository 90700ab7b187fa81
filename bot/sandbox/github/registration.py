"""How the App is registered: what it asks for, and where its webhooks go.

On GitHub the App's owner sets the first on the App's page, and the App itself may change the second. An
installation has what its owner granted, which may be less than what the App asks for.
"""

from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict
from quart import Blueprint, Response, jsonify, request

from bot.sandbox.github.answers import invalid_field
from bot.sandbox.github.server import GitHubServer, read_body
from bot.sandbox.github.shapes import Shape
from bot.sandbox.webhooks import Webhooks

_HIDDEN = "********"


@dataclass
class Registration:
    """The permissions and events that the App asks for."""

    permissions: dict[str, str] = field(
        default_factory=lambda: {"metadata": "read", "pull_requests": "write", "members": "read"}
    )
    events: list[str] = field(default_factory=lambda: ["pull_request", "pull_request_review"])

    @property
    def shape(self) -> Shape:
        """The fields of answers about the App and its installations."""
        return {"permissions": self.permissions, "events": self.events}


class _HookConfig(BaseModel):
    model_config = ConfigDict(extra="ignore")

    url: str | None = None
    content_type: Literal["json", "form"] | None = None
    insecure_ssl: Literal["0", "1"] | None = None
    secret: str | None = None


class _Changes(BaseModel):
    model_config = ConfigDict(extra="forbid")

    permissions: dict[str, str] | None = None
    events: list[str] | None = None


def add_registration(blueprint: Blueprint, server: GitHubServer, api: str) -> Registration:
    """Add the webhook's configuration under `api`, and the route for what the App's owner does on its page.

    https://docs.github.com/en/rest/apps/webhooks
    """
    registration = Registration()
    _add_hook_config(blueprint, server, f"{api}/app/hook/config")

    @blueprint.post("/sandbox/github/change_app")
    async def change_app() -> tuple[Response, int] | Response:
        # Like all acts of people: a page of another site may post a form to this machine, but not JSON.
        if not request.is_json:
            return jsonify({"error": "send JSON, with Content-Type: application/json"}), 400
        changes = await read_body(_Changes)
        if changes.permissions is not None:
            registration.permissions = changes.permissions
        if changes.events is not None:
            registration.events = changes.events
        return jsonify(registration.shape)

    return registration


def _add_hook_config(blueprint: Blueprint, server: GitHubServer, path: str) -> None:
    webhooks = server.world.webhooks
    config = {"content_type": "json", "insecure_ssl": "0", "secret": _HIDDEN}

    @blueprint.get(path)
    async def hook_config() -> Response:
        server.check_app()
        return jsonify(config | {"url": webhooks.url})

    @blueprint.patch(path)
    async def change_hook_config() -> Response:
        server.check_app()
        wish = await read_body(_HookConfig)
        if wish.url is not None and not wish.url.startswith(("http://", "https://")):
            raise invalid_field("Hook", "url", "url is not a valid URL")
        _apply(wish, config, webhooks)
        return jsonify(config | {"url": webhooks.url})


def _apply(wish: _HookConfig, config: dict[str, str], webhooks: Webhooks) -> None:
    """Change the fields that are named. The sandbox still posts JSON, and signs with the same secret."""
    webhooks.url = wish.url or webhooks.url
    config |= wish.model_dump(include={"content_type", "insecure_ssl"}, exclude_none=True)
