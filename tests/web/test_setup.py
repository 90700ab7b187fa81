"""/setup over HTTP: from a printed link to a connected bot, and everybody who is refused on the way."""

from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from bot.app import open_app
from bot.credentials import complete_settings, load_choices
from bot.sandbox.github.seed import REPOSITORIES
from bot.sandbox.github.server import Fault
from bot.web.setup.passes import issue_token
from jobq import Database, utc_now
from tests.github_server import APP_ID, WEBHOOK_SECRET
from tests.web.setup_scene import (
    PAGES,
    SIGNING_SECRET,
    Scene,
    choose,
    confirm_on_github,
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


async def test_from_the_printed_link_to_a_live_bot(scene: Scene, dsn: str) -> None:
    async with entered(scene) as browser:
        await choose(browser, scene)
        page = await connect_github(browser)
        assert (page.status_code, page.url.path) == (200, "/setup/github")
        assert f"App {APP_ID} is connected" in page.text
        assert f"{scene.world_url}/github-apps/ripe" in page.text
        scene.github.world.install(REPOSITORIES)
        page = await connect_slack(browser)
        assert (page.status_code, page.url.path) == (200, "/setup/check")
        assert "failed" not in page.text
        assert "acme" in page.text
        done = await send(browser, "/setup/mode", mode="live")
        assert "Ripe is live" in done.text
        assert (await browser.get("/setup")).status_code == 403
    async with open_app(scene.settings) as app:
        assert await app.switch.is_live()
        assert app.settings.public_url == scene.address
        assert await app.github.load_as_app("/app")
        assert (await app.slack.load_grant()).team
        assert app.settings.github_webhook_secret == [WEBHOOK_SECRET]
        assert app.settings.slack_signing_secret == SecretStr(SIGNING_SECRET)
        assert app.settings.github_client_id
        assert app.settings.github_client_secret


async def test_installing_the_app_during_the_setup_is_not_lost(scene: Scene) -> None:
    async with entered(scene) as browser:
        await choose(browser, scene)
        await connect_github(browser)
        scene.github.world.install(REPOSITORIES)
        await scene.github.world.webhooks.idle()
        rows = await scene.database.fetch("SELECT event, action, outcome FROM delivery")
        assert ("installation", "created", "queued") in [tuple(row) for row in rows]
        landed = await browser.get("/github/setup?installation_id=1&setup_action=install")
        assert "GitHub has installed Ripe" in landed.text


async def test_the_setup_may_end_in_shadow_mode(scene: Scene) -> None:
    async with entered(scene) as browser:
        await choose(browser, scene)
        await connect_github(browser)
        await connect_slack(browser)
        assert "RIPE_MODE" not in (await browser.get("/setup/mode")).text
        assert "Ripe is in shadow mode" in (await send(browser, "/setup/mode", mode="shadow")).text
    async with open_app(scene.settings) as app:
        assert not await app.switch.is_live()


async def test_every_step_leads_to_the_first_open_one(scene: Scene) -> None:
    async with entered(scene) as browser:
        assert (await browser.get("/setup")).url.path == "/setup/profile"
        for early in ("/setup/github", "/setup/slack", "/setup/slack/manifest.json", "/setup/mode"):
            assert (await browser.get(early)).url.path == "/setup/profile", early
        await choose(browser, scene)
        assert (await browser.get("/setup")).url.path == "/setup/github"
        await connect_github(browser)
        assert (await browser.get("/setup")).url.path == "/setup/slack"
        await connect_slack(browser)
        assert (await browser.get("/setup")).url.path == "/setup/check"


async def test_without_the_link_every_page_is_closed(scene: Scene) -> None:
    async with scene.browser() as stranger:
        for path in PAGES:
            answer = await stranger.get(path)
            assert answer.status_code == 403, path
            assert "ripe up --setup" in answer.text
        for path in ("/setup/profile", "/setup/slack", "/setup/mode"):
            assert (await send(stranger, path, mode="live")).status_code == 403, path
    assert await load_choices() == {}


async def test_the_link_works_once(scene: Scene) -> None:
    async with entered(scene) as browser, scene.browser() as other:
        refused = await other.get("/setup", params={"token": scene.token})
        assert refused.status_code == 403
        assert "used before" in refused.text
        assert (await browser.get("/setup", params={"token": scene.token})).status_code == 200


async def test_looking_at_the_link_does_not_use_it_up(scene: Scene) -> None:
    async with scene.browser() as browser:
        assert (await browser.head("/setup", params={"token": scene.token})).status_code == 403
        assert (await browser.get("/setup", params={"token": scene.token})).status_code == 200


async def test_a_wrong_an_old_and_an_expired_link_are_refused_in_words(scene: Scene) -> None:
    async with scene.browser() as browser:
        for token in ("guessed", "ü", "x" * 5000):
            assert "not the link" in (await browser.get("/setup", params={"token": token})).text
        await scene.database.execute("UPDATE setup_pass SET expires_at = now()")
        expired = await browser.get("/setup", params={"token": scene.token})
        assert (expired.status_code, "older than an hour" in expired.text) == (403, True)
        await issue_token(utc_now())
        assert "not the link" in (await browser.get("/setup", params={"token": scene.token})).text


async def test_the_session_is_a_strict_cookie_that_ends_after_an_hour(scene: Scene) -> None:
    async with scene.browser() as browser:
        browser.follow_redirects = False
        answer = await browser.get("/setup", params={"token": scene.token})
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Max-Age=3600" in cookie
        assert answer.headers["Location"] == "/setup"
        assert (await browser.get("/setup/profile")).status_code == 200
        await scene.database.execute("UPDATE setup_pass SET expires_at = now() WHERE kind = 'session'")
        assert (await browser.get("/setup/profile")).status_code == 403


async def test_a_cookie_that_somebody_made_up_opens_nothing(scene: Scene) -> None:
    async with scene.browser() as browser:
        for made_up in ("session", Fernet(Fernet.generate_key()).encrypt(b"session").decode()):
            browser.cookies.set("ripe_setup", made_up)
            assert (await browser.get("/setup/profile")).status_code == 403


async def test_neither_link_nor_session_nor_state_is_in_the_database(scene: Scene) -> None:
    async with entered(scene) as browser:
        await choose(browser, scene)
        state = (await form_for_github(browser)).state
        rows = await scene.database.fetch("SELECT setup_pass::text AS row FROM setup_pass")
        assert len(rows) >= 3
        kept = "".join(row["row"] for row in rows)
        for held in (scene.token, state, browser.cookies["ripe_setup"]):
            assert held not in kept
            assert held.encode().hex() not in kept


@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", "http://127.0.0.1:1", "file://", "http://"]
)
async def test_a_form_on_a_foreign_page_changes_nothing(scene: Scene, origin: str | None) -> None:
    headers = {} if origin is None else {"Origin": origin}
    async with entered(scene) as browser:
        for path in ("/setup/profile", "/setup/slack", "/setup/mode"):
            form = {"profile": "assign", "public_url": "https://evil.example", "mode": "live"}
            answer = await browser.post(path, data=form, headers=headers)
            assert answer.status_code == 403, path
            assert "own pages" in answer.text
    assert await load_choices() == {}


async def test_a_state_is_good_once_and_a_code_is_exchanged_once(scene: Scene) -> None:
    async with entered(scene) as browser:
        await choose(browser, scene)
        back = await confirm_on_github(await form_for_github(browser))
        assert (await browser.get(back)).status_code == 200
        again = await browser.get(back)
        assert again.status_code == 403
        assert "already taken" in again.text
        assert await scene.conversions() == 1


async def test_a_used_code_is_refused_with_what_to_do(scene: Scene) -> None:
    async with entered(scene) as browser:
        await choose(browser, scene)
        back = await confirm_on_github(await form_for_github(browser))
        await browser.get(back)
        code = parse_qs(urlsplit(back).query)["code"][0]
        fresh = (await form_for_github(browser)).state
        replayed = await browser.get("/setup/github/callback", params={"code": code, "state": fresh})
        assert replayed.status_code == 502
        assert "used before" in replayed.text


async def test_a_state_expires_after_ten_minutes(scene: Scene) -> None:
    async with entered(scene) as browser:
        await choose(browser, scene)
        back = await confirm_on_github(await form_for_github(browser))
        lives = await scene.database.fetchval("SELECT max(expires_at) FROM setup_pass WHERE kind = 'state'")
        assert timedelta(minutes=9) < lives - utc_now() <= timedelta(minutes=10)
        await scene.database.execute("UPDATE setup_pass SET expires_at = now() WHERE kind = 'state'")
        late = await browser.get(back)
        assert (late.status_code, "ten minutes" in late.text) == (403, True)
        assert await scene.conversions() == 0


async def test_a_state_of_another_browser_is_refused_and_still_good_there(scene: Scene) -> None:
    async with entered(scene) as victim:
        await choose(victim, scene)
        back = await confirm_on_github(await form_for_github(victim))
        cookie = victim.cookies["ripe_setup"]
        scene.token = await _another_token(scene)
        async with entered(scene) as other:
            foreign = await other.get(back)
            assert (foreign.status_code, "another browser" in foreign.text) == (403, True)
            assert await scene.conversions() == 0
        victim.cookies.set("ripe_setup", cookie)
        assert (await victim.get(back)).status_code == 200


async def _another_token(scene: Scene) -> str:
    """A second link, which the bot never prints while the first session goes on."""
    kept = await scene.database.fetch("SELECT * FROM setup_pass ORDER BY session NULLS FIRST")
    token = await issue_token(utc_now())
    for row in kept:
        await scene.database.execute("INSERT INTO setup_pass VALUES ($1, $2, $3, $4, $5)", *row.values())
    return token


@pytest.mark.parametrize("query", [{}, {"code": "abc"}, {"code": "abc", "state": "made-up"}])
async def test_without_a_state_of_ours_github_is_not_even_asked(scene: Scene, query: dict[str, str]) -> None:
    async with entered(scene) as browser:
        await choose(browser, scene)
        answer = await browser.get(f"/setup/github/callback?{urlencode(query)}")
        assert (answer.status_code, "did not begin" in answer.text) == (403, True)
        assert await scene.conversions() == 0


@pytest.mark.parametrize("code", ["", "../../user", "a/b", "a" * 300, "ä"])
async def test_a_malformed_code_never_reaches_github(scene: Scene, code: str) -> None:
    async with entered(scene) as browser:
        await choose(browser, scene)
        state = (await form_for_github(browser)).state
        answer = await browser.get("/setup/github/callback", params={"code": code, "state": state})
        assert (answer.status_code, "usable code" in answer.text) == (502, True)
        assert await scene.conversions() == 0


@pytest.mark.parametrize("status", [422, 500])
async def test_when_github_fails_nothing_is_stored_and_nothing_is_tried_twice(
    scene: Scene, status: int
) -> None:
    async with entered(scene) as browser:
        await choose(browser, scene)
        back = await confirm_on_github(await form_for_github(browser))
        scene.github.faults.append(Fault(status=status, message="no", path="/conversions"))
        failed = await browser.get(back)
        assert (failed.status_code, f"GitHub answers {status}" in failed.text) == (502, True)
        assert await scene.conversions() == 1
        assert not (await complete_settings(scene.settings)).has_github
        assert (await connect_github(browser)).status_code == 200
