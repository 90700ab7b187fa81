"""The pages of /setup: their texts, and the secrets and foreign content that they never show or load."""

import asyncio
import html
import json
import re
from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr

from bot.app import open_app
from bot.credentials import complete_settings, load_choices
from bot.encryption import tls_context
from bot.sandbox.github.seed import REPOSITORIES
from bot.web.app import create_setup_web, create_web
from bot.web.server import serving
from bot.web.setup.manifests import socket_manifest
from bot.web.setup.passes import issue_token
from bot.web.slack import create_slack_app
from jobq import Database, utc_now
from tests.github_server import APP_ID, WEBHOOK_SECRET, private_key
from tests.web.setup_scene import (
    APP_TOKEN,
    PAGES,
    SIGNING_SECRET,
    TOKEN,
    Scene,
    choose,
    connect_github,
    connect_slack,
    entered,
    form_for_github,
    send,
    setup_scene,
)


@pytest.fixture
async def scene(db: Database, dsn: str) -> AsyncIterator[Scene]:
    async with setup_scene(db, dsn) as scene:
        yield scene


async def test_a_slack_token_that_does_not_work_is_not_kept(scene: Scene) -> None:
    async with entered(scene) as browser:
        await choose(browser, scene)
        refused = await connect_slack(browser, "xoxb-mistyped")
        assert (refused.status_code, "invalid_auth" in refused.text) == (422, True)
        assert "xoxb-mistyped" not in refused.text
        assert "begins with xoxb-" in (await connect_slack(browser, "xoxp-user")).text
        no_secret = await send(browser, "/setup/slack", slack_bot_token=TOKEN)
        assert "signing secret is missing" in no_secret.text
        assert not (await complete_settings(scene.settings)).has_slack


async def test_an_app_level_token_takes_the_place_of_the_signing_secret(scene: Scene) -> None:
    async with entered(scene) as browser:
        await choose(browser, scene)
        tokens = {"slack_bot_token": TOKEN, "slack_app_token": "xoxb-mistaken"}
        assert "begins with xapp-" in (await send(browser, "/setup/slack", **tokens)).text
        refused = await send(browser, "/setup/slack", **tokens | {"slack_app_token": "xapp-mistyped"})
        assert "Slack refuses this app-level token: invalid_auth" in refused.text
        assert not (await complete_settings(scene.settings)).has_slack
        page = await send(browser, "/setup/slack", **tokens | {"slack_app_token": APP_TOKEN})
        assert "Socket Mode: no address of ours is needed" in page.text
    settings = await complete_settings(scene.settings)
    assert settings.slack_app_token == SecretStr(APP_TOKEN)
    assert settings.slack_signing_secret is None


async def test_the_manifest_for_socket_mode_is_a_file_to_download(scene: Scene) -> None:
    async with entered(scene) as browser:
        await choose(browser, scene)
        assert "/setup/slack/socket-manifest.json" in (await browser.get("/setup/slack")).text
        manifest = (await browser.get("/setup/slack/socket-manifest.json")).json()
    assert manifest == socket_manifest(scene.address)


async def test_without_a_public_address_slack_is_connected_in_socket_mode(db: Database, scene: Scene) -> None:
    settings = scene.settings.model_copy(
        update={
            "github_app_id": APP_ID,
            "github_app_private_key": private_key(),
            "github_webhook_secret": [WEBHOOK_SECRET],
            "github_poll": True,
        }
    )
    async with serving(await create_setup_web(settings, db)) as scene.address, entered(scene) as browser:
        page = await browser.get("/setup")
        assert page.url.path == "/setup/slack"
        assert "/setup/slack/socket-manifest.json" in page.text
        assert "slack_signing_secret" not in page.text
        tokens = {"slack_bot_token": TOKEN, "slack_app_token": APP_TOKEN}
        page = await send(browser, "/setup/slack", **tokens)
        assert "not needed: GitHub is polled, Slack is in Socket Mode" in page.text


async def test_a_bot_that_asks_github_is_set_up_without_any_address(db: Database, scene: Scene) -> None:
    settings = scene.settings.model_copy(update={"github_poll": True})
    async with serving(await create_setup_web(settings, db)) as scene.address, entered(scene) as browser:
        refused = await send(browser, "/setup/profile", profile="assign", owner="", public_url="nowhere")
        assert refused.status_code == 422
        page = await send(browser, "/setup/profile", profile="assign", owner="", public_url="")
        assert page.url.path == "/setup/github"
        page = await connect_github(browser)
        assert f"App {APP_ID} is connected" in page.text
        scene.github.world.install(REPOSITORIES)
        tokens = {"slack_bot_token": TOKEN, "slack_app_token": APP_TOKEN}
        page = await send(browser, "/setup/slack", **tokens)
        assert "not needed: GitHub is polled, Slack is in Socket Mode" in page.text
        assert "failed" not in page.text
        assert "Ripe is live" in (await send(browser, "/setup/mode", mode="live")).text
    async with open_app(settings) as app:
        assert app.settings.public_url is None
        assert app.settings.github_webhook_secret == []
        assert await app.github.load_as_app("/app")


async def test_missing_scopes_and_a_missing_installation_are_named(scene: Scene) -> None:
    scene.slack.scopes -= {"im:write", "users:read.email"}
    async with entered(scene) as browser:
        await choose(browser, scene)
        await connect_github(browser)
        page = html.unescape((await connect_slack(browser)).text)
        assert "im:write (every first DM)" in page
        assert "users:read.email" in page
        assert "Install the App on an account" in page
        assert "PUBLIC_URL" in page  # it is not encrypted here


async def test_the_setup_cannot_end_before_both_are_connected(scene: Scene) -> None:
    async with entered(scene) as browser:
        await choose(browser, scene)
        early = await send(browser, "/setup/mode", mode="live")
        assert (early.status_code, "have to be connected first" in early.text) == (409, True)
        await connect_github(browser)
        await connect_slack(browser)
        unclear = await send(browser, "/setup/mode", mode="loud")
        assert unclear.status_code == 422
    assert "ripe_mode" not in await load_choices()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("profile", "admin"),
        ("owner", "acme/../evil"),
        ("owner", "-acme"),
        ("public_url", "ripe.example.com"),
        ("public_url", "https://ripe.example.com/path"),
        ("public_url", "https://user:secret@ripe.example.com"),
        ("public_url", "https://ripe.example.com:port"),
        ("public_url", "javascript:alert(1)"),
    ],
)
async def test_impossible_choices_are_refused_at_the_first_step(scene: Scene, field: str, value: str) -> None:
    form: dict[str, object] = {"profile": "assign", "owner": "", "public_url": "https://ripe.example.com"}
    async with entered(scene) as browser:
        answer = await send(browser, "/setup/profile", **{**form, field: value})
        assert answer.status_code == 422
        assert 'role="alert"' in answer.text
    assert await load_choices() == {}


async def test_the_setup_does_not_ask_for_settings_of_the_environment(
    dsn: str, db: Database, scene: Scene
) -> None:
    settings = scene.settings.model_copy(
        update={"slack_bot_token": SecretStr(TOKEN), "slack_signing_secret": SecretStr("s")}
    )
    scene.token = await issue_token(utc_now())
    async with serving(await create_setup_web(settings, db)) as scene.address, entered(scene) as browser:
        await choose(browser, scene)
        page = (await browser.get("/setup/slack")).text
        assert "by the environment" in page
        assert "<form" not in page


async def test_the_environment_wins_over_the_last_choice_and_the_end_says_so(
    db: Database, scene: Scene
) -> None:
    settings = scene.settings.model_copy(update={"ripe_mode": "shadow"})
    async with serving(await create_setup_web(settings, db)) as scene.address, entered(scene) as browser:
        await choose(browser, scene)
        await connect_github(browser)
        await connect_slack(browser)
        assert "RIPE_MODE=shadow is set in the environment" in (await browser.get("/setup/mode")).text
        end = (await send(browser, "/setup/mode", mode="live")).text
    assert "Ripe is in shadow mode" in end
    assert "You chose live; RIPE_MODE=shadow in the environment wins." in end


async def test_an_address_that_only_this_machine_knows_is_not_offered_for_the_internet(
    db: Database, scene: Scene
) -> None:
    settings = scene.settings.model_copy(update={"github_web_url": "https://github.com"})
    async with serving(await create_setup_web(settings, db)) as scene.address, entered(scene) as browser:
        assert 'name="public_url" type="url" value=""' in (await browser.get("/setup/profile")).text


async def test_no_page_loads_or_runs_anything_from_elsewhere(scene: Scene) -> None:
    async with entered(scene) as browser:
        await choose(browser, scene)
        await connect_github(browser)
        await connect_slack(browser)
        for path in PAGES[1:3] + PAGES[4:5] + PAGES[6:]:
            page = await browser.get(path)
            policy = page.headers["Content-Security-Policy"]
            assert f"default-src 'self'; base-uri 'none'; form-action 'self' {scene.world_url};" in policy
            assert "unsafe" not in policy
            assert page.headers["Cache-Control"] == "no-store"
            assert "<script" not in page.text
            assert "style=" not in page.text
            for address in re.findall(r'<link rel="[^"]+" href="([^"]+)"', page.text):
                assert (await browser.get(address)).headers["Cache-Control"] == "max-age=3600"


async def test_a_browser_that_goes_away_leaves_no_file_open(scene: Scene) -> None:
    host, port = scene.address.removeprefix("http://").split(":")
    for _ in range(50):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /setup/static/setup.css HTTP/1.1\r\nHost: ripe\r\n\r\n")
        writer.close()
        await writer.wait_closed()
    async with scene.browser() as browser:
        assert (await browser.get("/setup/static/setup.css")).status_code == 200


async def test_no_page_shows_what_was_entered(scene: Scene) -> None:
    async with entered(scene) as browser:
        await choose(browser, scene)
        await connect_github(browser)
        await connect_slack(browser)
        pages = "".join([(await browser.get(path)).text for path in PAGES if "callback" not in path])
        for secret in (TOKEN, SIGNING_SECRET, WEBHOOK_SECRET.get_secret_value(), "BEGIN"):
            assert secret not in pages


async def test_typed_text_cannot_become_markup(scene: Scene) -> None:
    async with entered(scene) as browser:
        answer = await send(browser, "/setup/profile", profile="assign", owner="<script>alert(1)</script>")
        assert "<script>" not in answer.text


OTHERS: tuple[object, ...] = ({"type": "event_callback"}, {"challenge": "x" * 201}, {"challenge": 1}, [])


async def test_slack_may_try_the_address_before_its_secret_is_known(scene: Scene) -> None:
    async with scene.browser() as slack:
        tried = await slack.post("/slack/events", json={"type": "url_verification", "challenge": "abc"})
        assert (tried.status_code, tried.text) == (200, "abc")
        assert tried.headers["Content-Type"].startswith("text/plain")
        for other in OTHERS:
            assert (await slack.post("/slack/events", json=other)).status_code == 503


async def test_a_bot_that_runs_says_that_the_setup_is_closed(scene: Scene) -> None:
    async with entered(scene) as browser:
        await choose(browser, scene)
        await connect_github(browser)
        await connect_slack(browser)
    async with (
        open_app(scene.settings.model_copy(update={"ripe_setup": False})) as app,
        serving(create_web(app, create_slack_app(app))) as address,
        httpx.AsyncClient(base_url=address, verify=tls_context()) as browser,
    ):
        for path in ("/setup", "/setup/mode"):
            closed = await browser.get(path, params={"token": scene.token})
            assert (closed.status_code, "The setup is closed" in closed.text) == (403, True)
        assert (await browser.get("/github/setup")).status_code == 200


async def test_the_manifest_that_goes_to_github_is_the_one_that_was_chosen(scene: Scene) -> None:
    async with entered(scene) as browser:
        await choose(browser, scene, "notify", options=["ci", "nonsense"])
        form = await form_for_github(browser)
        assert f"/organizations/acme/settings/apps/new?state={form.state}" in form.action
        asked = json.loads(form.manifest)["default_permissions"]
        assert asked == {"metadata": "read", "pull_requests": "read", "checks": "read", "statuses": "read"}
        await connect_github(browser)
        async with open_app(
            scene.settings.model_copy(
                update={"slack_bot_token": SecretStr(TOKEN), "slack_signing_secret": SecretStr("s")}
            )
        ) as app:
            assert (await app.github.load_as_app("/app"))["permissions"] == asked
