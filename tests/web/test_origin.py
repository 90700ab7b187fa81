"""A page that points its own domain at this machine (DNS rebinding) reads nothing, on any route."""

import re
from collections.abc import Mapping

import httpx
import pytest
from pydantic import SecretStr
from quart import Quart

from bot.encryption import tls_context
from bot.sandbox.entry import make_pages
from bot.web.app import create_setup_web, create_web
from bot.web.health import health_blueprint
from bot.web.metrics import create_metrics_web
from bot.web.origin import names_this_machine
from bot.web.server import serving
from jobq import Database, Queue
from tests.journeys.whole import MONDAY_MORNING, whole_bot
from tests.web.raw_http import ask, head
from tests.web.test_metrics import exposition

FOREIGN = ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8080", "192.0.2.7")
SHOW_NOTHING: Mapping[str, str] = {
    "static": "a folder that does not exist",
    "installed": "a fixed text",
    "closed_setup": "a fixed text",
    "setup": "a fixed text, or a session that only the printed link opens",
    "slack_install": "a link to Slack, or a state and the cookie of its browser",
    "identity": "one-time secrets",
}
"""The blueprints that answer every Host, and why nothing can be read there."""


def list_guarded(web: Quart) -> list[str]:
    """An address for each route that is read and shows something."""
    return [
        re.sub("<[^>]*>", "x", rule.rule)
        for rule in web.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and rule.endpoint.partition(".")[0] not in SHOW_NOTHING
    ]


async def test_no_route_that_shows_something_answers_a_foreign_name(dsn: str) -> None:
    answered = {}
    async with whole_bot(dsn, MONDAY_MORNING) as ripe:
        app = ripe.app
        for web in (
            create_web(app, ripe.listeners, make_pages(app)),
            create_web(app, ripe.listeners),
            await create_setup_web(app.settings, app.database),
        ):
            async with serving(web) as url:
                for path in list_guarded(web):
                    for host in FOREIGN:
                        answered[path, host] = await ask(url, head("GET", path, host=host))
    assert {path for path, _ in answered} >= {"/", "/metrics", "/health", "/livez", "/readyz", "/page/state"}
    assert set(answered.values()) == {403}, answered


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("localhost", True),
        ("LOCALHOST:8080", True),
        ("127.0.0.1:8080", True),
        ("127.0.0.2", True),
        ("[::1]:8080", True),
        ("", True),
        ("localhost.evil.example", False),
        ("evil.example@localhost.example", False),
        ("127.0.0.1.nip.io", False),
        ("[::1", False),
        ("192.0.2.7", False),
        ("2130706433", False),
        ("ripe.example", False),
    ],
)
def test_the_names_of_this_machine(host: str, is_ours: bool) -> None:
    assert names_this_machine(host) is is_ours


async def test_the_health_routes_answer_to_public_url_and_to_a_proxy(db: Database) -> None:
    web = Quart("test")
    web.register_blueprint(health_blueprint(db, "https://Ripe.example:8443"))
    async with serving(web) as url, httpx.AsyncClient(base_url=url, verify=tls_context()) as client:
        for headers, status in (
            ({}, 200),
            ({"Host": "ripe.example"}, 200),
            ({"Host": "other.example"}, 403),
            ({"Host": "other.example", "X-Forwarded-For": "192.0.2.7"}, 200),
        ):
            assert (await client.get("/livez", headers=headers)).status_code == status, headers


async def test_a_token_is_enough_under_every_name(db: Database) -> None:
    web = create_metrics_web(exposition(Queue(db)), SecretStr("s3cret"))
    bearer = {"Authorization": "Bearer s3cret", "Host": "ripe.internal"}
    async with serving(web) as url, httpx.AsyncClient(base_url=url, verify=tls_context()) as client:
        assert (await client.get("/metrics", headers=bearer)).status_code == 200
        assert (await client.get("/metrics", headers={"Host": "ripe.internal"})).status_code == 401
