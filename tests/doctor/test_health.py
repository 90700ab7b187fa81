"""`GET /health`, as an operator or a monitor sees it."""

import asyncio
from typing import Any

import pytest
from pydantic import SecretStr
from quart import Quart

from bot.app import App
from bot.doctor.doctor import OPERATIONS
from bot.web.health import findings_blueprint
from tests.doctor import faults
from tests.doctor.scene import SHARED, Scene

ELSEWHERE = {"client": ("203.0.113.9", 1234)}
HERE = {"client": ("127.0.0.1", 1234)}


def client_of(app: App) -> Any:
    web = Quart("test")
    web.register_blueprint(findings_blueprint(app))
    return web.test_client()


@SHARED
async def test_a_healthy_bot_answers_200_and_lists_what_was_examined(shared: Scene) -> None:
    answer = await client_of(shared.bot.app).get("/health", scope_base=HERE)
    report = await answer.get_json()
    assert (answer.status_code, report["state"]) == (200, "ok")
    assert [finding["check"] for finding in report["findings"]] == [
        name for check in OPERATIONS for name in check.names
    ]
    assert {finding["state"] for finding in report["findings"]} == {"ok"}


async def test_a_warning_answers_200_and_a_failure_503(scene: Scene) -> None:
    await faults.a_rejected_payload(scene)
    answer = await client_of(scene.bot.app).get("/health", scope_base=HERE)
    assert (answer.status_code, (await answer.get_json())["state"]) == (200, "warning")
    await faults.no_worker_for_an_hour(scene)
    answer = await client_of(scene.bot.app).get("/health", scope_base=HERE)
    report = await answer.get_json()
    assert (answer.status_code, report["state"]) == (503, "failed")
    (lag,) = (finding for finding in report["findings"] if finding["check"] == "queue.lag")
    assert set(lag) == {"check", "state", "detail", "fix"}
    assert "`ripe worker`" in lag["fix"]


@SHARED
@pytest.mark.parametrize(
    ("token", "sent", "where", "status"),
    [
        (None, "", ELSEWHERE, 403),
        (None, "", HERE, 200),
        ("t0ken", "", HERE, 401),
        ("t0ken", "Bearer wrong", HERE, 401),
        ("t0ken", "Bearer t0ken", ELSEWHERE, 200),
    ],
)
async def test_only_this_machine_or_who_has_the_token_is_answered(
    shared: Scene, token: str | None, sent: str, where: dict[str, Any], status: int
) -> None:
    secret = SecretStr(token) if token else None
    settings = shared.settings.model_copy(update={"metrics_token": secret})
    app = App(**(vars(shared.bot.app) | {"settings": settings}))
    headers = {"Authorization": sent} if sent else {}
    answer = await client_of(app).get("/health", scope_base=where, headers=headers)
    assert answer.status_code == status
    assert ("findings" in await answer.get_data(as_text=True)) == (status == 200)


async def test_all_who_ask_at_once_share_one_examination(scene: Scene) -> None:
    blocker = await scene.bot.app.database.connect()
    try:
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE delivery")
            client = client_of(scene.bot.app)
            asking = asyncio.gather(*(client.get("/health", scope_base=HERE) for _ in range(5)))
            done, _ = await asyncio.wait({asking}, timeout=0.5)
            waiting = await blocker.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")
            assert not done
            answers = await asyncio.wait_for(asking, 5)
    finally:
        await blocker.close()
    assert waiting == 1
    assert {answer.status_code for answer in answers} == {503}
