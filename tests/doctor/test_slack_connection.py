"""How what people do in Slack comes here, and what the doctor says where it cannot."""

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from bot.doctor.model import State
from bot.doctor.settings import judge_public_url
from bot.sandbox.slack.socket_mode import Sockets
from bot.settings import Settings
from tests.doctor.scene import Scene, healthy
from tests.doctor.test_doctor import real
from tests.journeys.whole import APP_TOKEN

CHECK = "slack.connection"


@pytest.fixture
def sockets() -> Sockets:
    return Sockets(SecretStr(APP_TOKEN))


@pytest.fixture
async def scene(dsn: str, sockets: Sockets) -> AsyncIterator[Scene]:
    """A healthy bot in Socket Mode."""
    async with healthy(dsn, sockets) as made:
        yield made


async def test_a_healthy_bot_in_socket_mode_is_told_so(scene: Scene) -> None:
    found = await scene.examine()
    assert {name: one for name, one in found.items() if one.state is not State.OK} == {}
    assert found[CHECK].detail == "Socket Mode: no address of ours is needed"


async def test_a_token_without_the_scope_is_told_which(scene: Scene, sockets: Sockets) -> None:
    sockets.scopes.clear()
    found = (await scene.examine())[CHECK]
    assert found.state is State.FAILED
    assert found.detail.endswith("missing_scope")
    assert "connections:write" in found.fix


async def test_another_apps_token_is_told(scene: Scene) -> None:
    scene.set(slack_app_token="xapp-of-another-app")
    found = (await scene.examine())[CHECK]
    assert found.state is State.FAILED
    assert "SLACK_APP_TOKEN: invalid_auth" in found.detail
    assert "xapp" not in found.detail


async def test_a_slack_that_is_silent_is_told(scene: Scene) -> None:
    scene.set(slack_api_url="http://127.0.0.1:9/api/")
    found = (await scene.examine())[CHECK]
    assert found.state is State.FAILED
    assert "no answer" in found.detail


@pytest.mark.parametrize(
    ("settings", "lost"),
    [
        (real(), "neither webhooks nor clicks arrive"),
        (real(slack_app_token="xapp-1"), "webhooks do not arrive"),
        (real(github_poll=True), "clicks do not arrive"),
    ],
)
def test_what_does_not_arrive_without_an_address_is_named(settings: Settings, lost: str) -> None:
    assert judge_public_url(settings).detail == f"missing, so {lost}"
