"""The sandbox's page over HTTP: what it shows, what it does, and whom it refuses."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from quart import Quart

from bot.encryption import tls_context
from bot.sandbox.page.routes import page_blueprint
from bot.web.server import find_free_port
from tests.journeys.whole import MONDAY_MORNING, Whole, whole_bot

CHANGES = ("/page/github/merge", "/page/slack/dm", "/page/working-hours", "/sandbox/clock")
FOREIGN: Mapping[str, dict[str, str]] = {
    "another page's Origin": {"Origin": "https://evil.example"},
    "an Origin on another port": {"Origin": "http://127.0.0.1:1"},
    "the Origin of a sandboxed frame": {"Origin": "null"},
    "a name that was pointed at this machine": {"Host": "evil.example:8080"},
    "a name that only begins like this machine": {"Host": "localhost.evil.example"},
    "a Host that is no name": {"Host": "[::1"},
}


@pytest.fixture
async def ripe(dsn: str) -> AsyncIterator[Whole]:
    """A running bot on a Monday at 10:00 in Berlin, with the clock where the page moves it."""
    async with whole_bot(dsn, MONDAY_MORNING) as whole:
        await whole.app.database.execute("INSERT INTO sandbox_clock (shift) VALUES ($1)", whole.clock.shift)
        yield whole


@pytest.fixture
async def page(ripe: Whole) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=ripe.app.settings.public_url or "", verify=tls_context()) as client:
        yield client


async def state_of(page: httpx.AsyncClient) -> dict[str, Any]:
    state: dict[str, Any] = (await page.get("/page/state")).raise_for_status().json()
    return state


async def test_the_first_page_has_it_all_and_may_load_from_itself_only(
    ripe: Whole, page: httpx.AsyncClient
) -> None:
    await ripe.open_pull_request("billing/tax.sql")
    answer = await page.get("/")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self';")
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert "local sandbox: nothing leaves this machine" in answer.text
    assert state_in(answer.text)["pulls"][0]["title"] == "Round up"
    for address in re.findall(r'(?:src|href)="([^"#]+)"', answer.text):
        assert (await page.get(address)).headers["X-Content-Type-Options"] == "nosniff"


def state_in(html: str) -> dict[str, Any]:
    script = re.search(r'<script type="application/json" id="state">(.*?)</script>', html, re.DOTALL)
    assert script is not None
    state: dict[str, Any] = json.loads(script[1])
    return state


async def test_a_title_cannot_become_markup(ripe: Whole, page: httpx.AsyncClient) -> None:
    title = "</script><script>alert(1)</script>"
    ripe.github.open_pull_request("acme/api", "ben", title, ["a.py"])
    html = (await page.get("/")).text
    assert "alert(1)</script>" not in html
    assert state_in(html)["pulls"][0]["title"] == title


async def test_the_decision_is_shown_with_what_comes_next(ripe: Whole, page: httpx.AsyncClient) -> None:
    await ripe.slack.run_command("cho", "/ooo", "until friday")
    await ripe.open_pull_request("billing/tax.sql")
    [pull] = (await state_of(page))["pulls"]
    verdicts = [
        (verdict["name"], verdict["outcome"], verdict["reason"]) for verdict in pull["decisions"][0]["people"]
    ]
    assert verdicts == [("ana", "asked", "owns billing/**"), ("cho", "skipped", "out until Friday")]
    [request] = pull["requests"]
    asked_at = datetime.fromisoformat(request["opened_at"])
    assert datetime.fromisoformat(request["looks_at"]) - asked_at >= timedelta(hours=4)


async def test_before_the_first_minute_is_over_it_says_when_ripe_decides(
    ripe: Whole, page: httpx.AsyncClient
) -> None:
    ripe.github.open_pull_request("acme/api", "ben", "Round up", ["billing/tax.sql"])
    await ripe.settle()
    [pull] = (await state_of(page))["pulls"]
    assert pull["decisions"] == []
    assert datetime.fromisoformat(pull["decides_at"]) > ripe.clock.now()


async def test_an_order_on_github_is_carried_out_and_a_refusal_shows_githubs_message(
    ripe: Whole, page: httpx.AsyncClient
) -> None:
    pull = await ripe.open_pull_request("billing/tax.sql")
    order = {"repository": "acme/api", "number": 1, "reviewer": "ben", "state": "APPROVED"}
    refused = await page.post("/page/github/review", json=order)
    assert (refused.status_code, refused.json()["error"]) == (422, "Can not approve your own pull request")
    approved = await page.post("/page/github/review", json={**order, "reviewer": "ana"})
    assert approved.status_code == 200
    assert pull.reviews[-1].login == "ana"


async def test_people_act_in_slack_through_the_page(ripe: Whole, page: httpx.AsyncClient) -> None:
    typed = await page.post("/page/slack/command", json={"user": "ana", "command": "/ooo"})
    assert typed.status_code == 200
    await ripe.settle()
    [modal] = (await state_of(page))["views"]
    assert (modal["user"], modal["submit"]["text"]) == ("ana", "Save")
    closed = await page.post("/page/slack/close", json={"user": "ana", "view_id": modal["id"]})
    assert closed.status_code == 200
    assert (await state_of(page))["views"] == []


async def test_nonsense_is_refused_with_a_reason(page: httpx.AsyncClient) -> None:
    for path, body, status in (
        ("/page/github/review", "{not json", 400),
        ("/page/github/review", '{"number": 1}', 400),
        ("/page/github/merge", '{"repository": "acme/api", "number": 99}', 404),
        ("/page/github/faults", "{}", 404),
        ("/page/slack/command", "[]", 400),
        ("/page/slack/click", '{"user": "nobody", "action_id": "x", "message_ts": "1"}', 400),
        ("/page/slack/faults", "{}", 404),
        ("/page/working-hours", "{", 400),
        ("/page/working-hours", '{"slack_user_id": "U0NOBODY", "hours": 4}', 404),
        ("/page/working-hours", '{"slack_user_id": "U0ANA00001", "hours": -4}', 400),
        ("/sandbox/clock", "{", 400),
    ):
        answer = await page.post(path, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == status, (path, body)
        assert answer.json().get("error") or answer.json().get("errors"), (path, body)


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
async def test_a_page_from_elsewhere_cannot_drive_the_sandbox(
    ripe: Whole, page: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    before = ripe.clock.shift
    for path in CHANGES:
        answer = await page.post(path, json={"hours": 1}, headers=headers)
        assert answer.status_code == 403, path
        assert "Only the sandbox's own page" in answer.text or "this machine only" in answer.text
    assert ripe.clock.shift == before


async def test_a_name_pointed_at_this_machine_reads_nothing(page: httpx.AsyncClient) -> None:
    for path in ("/", "/page/state", "/page/events", "/sandbox/state"):
        assert (await page.get(path, headers={"Host": "evil.example"})).status_code == 403, path


async def test_the_local_github_and_slack_refuse_foreign_pages_too(ripe: Whole) -> None:
    async with httpx.AsyncClient(base_url=ripe.app.settings.sandbox_url or "", verify=tls_context()) as world:
        for headers in FOREIGN.values():
            assert (await world.get("/sandbox/world", headers=headers)).status_code == 403
            ordered = await world.post("/sandbox/github/hold_webhooks", json={}, headers=headers)
            assert ordered.status_code == 403


async def test_a_form_is_refused_since_any_page_may_send_one(page: httpx.AsyncClient) -> None:
    for path in CHANGES:
        answer = await page.post(path, data={"hours": "1"})
        assert answer.status_code == 415, path
        assert "JSON" in answer.json()["error"]


async def test_the_page_itself_is_welcome_under_each_name_of_this_machine(
    ripe: Whole, page: httpx.AsyncClient
) -> None:
    port = page.base_url.port
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}"):
        headers = {"Host": host, "Origin": f"http://{host}"}
        answer = await page.post("/page/slack/dm", json={"user": "ana", "text": "help"}, headers=headers)
        assert answer.status_code == 200


async def test_four_working_hours_are_those_of_the_reader(ripe: Whole, page: httpx.AsyncClient) -> None:
    ana = {"slack_user_id": "U0ANA00001", "hours": 4}
    await page.post("/page/working-hours", json=ana)
    assert about(ripe.clock.now()) == datetime(2037, 11, 23, 13, 0, tzinfo=UTC)
    await page.post("/page/working-hours", json=ana)
    assert about(ripe.clock.now()) == datetime(2037, 11, 24, 9, 0, tzinfo=UTC)


async def test_people_unknown_to_ripe_work_nine_to_five_in_their_zone(
    ripe: Whole, page: httpx.AsyncClient
) -> None:
    await page.post("/page/working-hours", json={"slack_user_id": "U0ELI00001", "hours": 4})
    assert about(ripe.clock.now()) == datetime(2037, 11, 24, 4, 0, tzinfo=UTC)  # 13:00 in Tokyo


async def test_while_somebody_is_away_none_of_their_hours_pass(ripe: Whole, page: httpx.AsyncClient) -> None:
    await ripe.slack.run_command("ana", "/ooo", "until friday")
    await page.post("/page/working-hours", json={"slack_user_id": "U0ANA00001", "hours": 4})
    assert about(ripe.clock.now()) == datetime(2037, 11, 30, 12, 0, tzinfo=UTC)


def about(instant: datetime) -> datetime:
    """To the minute, since the clock goes on."""
    return (instant + timedelta(seconds=30)).replace(second=0, microsecond=0)


@pytest.mark.parametrize(
    ("moved_by", "typed"),
    [(timedelta(0), "until friday"), (timedelta(days=4), "until 4 dec"), (timedelta(days=6), "until 4 dec")],
    ids=["Monday", "Friday", "Sunday"],
)
async def test_a_leave_is_the_rest_of_this_week_or_of_the_next(
    ripe: Whole, page: httpx.AsyncClient, moved_by: timedelta, typed: str
) -> None:
    ripe.clock.shift += moved_by
    ana = next(person for person in (await state_of(page))["people"] if person["name"] == "ana")
    assert ana["leave"] == typed
    await page.post("/page/slack/command", json={"user": "ana", "command": "/ooo", "text": typed})
    assert "Out" in ripe.dms("ana")[-1]


async def test_news_come_as_they_happen_and_a_reconnect_resumes(ripe: Whole, page: httpx.AsyncClient) -> None:
    await ripe.open_pull_request("billing/tax.sql")
    news = await news_until(page, "chat.postMessage ana")
    assert "pull_request.opened acme/api#1" in news.values()
    assert "POST /repos/acme/api/pulls/1/requested_reviewers" in news.values()
    await page.post("/page/slack/command", json={"user": "ana", "command": "/reviews"})
    resumed = await news_until(page, "ana /reviews", after=[*news][-1])
    assert not resumed.keys() & news.keys()


async def news_until(page: httpx.AsyncClient, text: str, after: str = "") -> dict[str, str]:
    """The texts of the news by id, up to the item with this text."""
    news: dict[str, str] = {}
    event_id = ""
    async with page.stream("GET", "/page/events", headers={"Last-Event-ID": after}) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if name == "id":
                event_id = value
            elif name == "data":
                news[event_id] = json.loads(value)["text"]
                if news[event_id] == text:
                    return news
    raise AssertionError(f"{text!r} did not come: {news}")


async def test_a_link_to_a_pull_request_leads_to_the_page(ripe: Whole) -> None:
    async with httpx.AsyncClient(base_url=ripe.app.settings.sandbox_url or "", verify=tls_context()) as world:
        answer = await world.get("/acme/api/pull/1")
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"{ripe.app.settings.public_url}/#acme/api/1"


async def test_until_the_sandbox_listens_the_page_waits(ripe: Whole) -> None:
    web = Quart("test")
    web.register_blueprint(page_blueprint(ripe.app, f"http://127.0.0.1:{find_free_port('127.0.0.1')}"))
    client = web.test_client()
    page, state, events = [await client.get(path) for path in ("/", "/page/state", "/page/events")]
    assert page.status_code == 200
    assert 'id="state">null</script>' in await page.get_data(as_text=True)
    assert state.status_code == 503
    assert await events.get_data(as_text=True) == "retry: 1000\n\n"
