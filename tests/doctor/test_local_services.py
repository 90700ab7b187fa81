"""The local GitHub and Slack answer the doctor's questions as the real ones do."""

import httpx
import pytest

from bot.encryption import tls_context
from bot.sandbox.github.registration import Registration
from bot.slack.errors import SlackRefusedError
from tests.doctor.scene import SHARED, Scene

SCOPES = frozenset({"commands", "chat:write", "im:write", "im:history", "users:read", "users:read.email"})


async def test_the_app_shows_what_it_asks_for_and_an_installation_what_it_was_granted(scene: Scene) -> None:
    github = scene.bot.app.github
    await scene.change_app(permissions={"metadata": "read"}, events=["pull_request"])
    app = await github.load_as_app("/app")
    assert (app["permissions"], app["events"]) == ({"metadata": "read"}, ["pull_request"])
    assert app["installations_count"] == 1
    (installation,) = await github.load_as_app("/app/installations")
    assert installation["permissions"] == Registration().permissions
    assert installation["events"] == ["pull_request"]


async def test_the_webhooks_configuration_never_shows_the_secret(scene: Scene) -> None:
    await scene.change_hook(secret="another")
    assert await scene.bot.app.github.load_as_app("/app/hook/config") == {
        "content_type": "json",
        "insecure_ssl": "0",
        "secret": "********",
        "url": f"{scene.settings.public_url}/github/webhooks",
    }


async def test_webhooks_go_where_the_configuration_says(scene: Scene) -> None:
    await scene.change_hook(url="http://127.0.0.1:9/elsewhere")
    scene.bot.github.ping("acme/api")
    await scene.bot.github.webhooks.idle()
    newest, *_ = await scene.bot.app.github.load_as_app("/app/hook/deliveries")
    assert (newest["event"], newest["status_code"]) == ("ping", 0)


@SHARED
async def test_only_the_app_sees_or_changes_its_webhook_and_only_to_an_address(shared: Scene) -> None:
    url = f"{shared.settings.github_api_url}/app/hook/config"
    async with httpx.AsyncClient(verify=tls_context()) as client:
        assert (await client.get(url)).status_code == 401
        assert (await client.patch(url, json={"url": "http://127.0.0.1:9"})).status_code == 401
    with pytest.raises(AssertionError, match="url is not a valid URL"):
        await shared.change_hook(url="ftp://old.example.com")


@SHARED
async def test_what_the_apps_owner_changes_must_be_json_and_known(shared: Scene) -> None:
    url = f"{shared.settings.sandbox_url}/sandbox/github/change_app"
    async with httpx.AsyncClient(verify=tls_context()) as client:
        assert (await client.post(url, data={"events": "none"})).status_code == 400
        assert (await client.post(url, json={"name": "Ripe"})).status_code == 422


async def test_slack_names_the_scopes_to_a_good_token_only(scene: Scene) -> None:
    grant = await scene.bot.app.slack.load_grant()
    assert (grant.team_id, grant.team, grant.scopes) == ("T0ACME0001", "Acme", SCOPES)
    url = f"{scene.settings.slack_api_url}auth.test"
    token = scene.settings.slack_bot_token
    assert token is not None
    async with httpx.AsyncClient(verify=tls_context()) as client:
        good = await client.post(url, headers={"Authorization": f"Bearer {token.get_secret_value()}"})
        bad = await client.post(url, headers={"Authorization": "Bearer xoxb-other"})
    assert frozenset(good.headers["x-oauth-scopes"].split(",")) == SCOPES
    assert "x-oauth-scopes" not in bad.headers
    scene.bot.slack.state.is_revoked = True
    with pytest.raises(SlackRefusedError, match="token_revoked"):
        await scene.bot.app.slack.load_grant()
