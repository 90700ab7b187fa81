"""How clicks and commands in Slack reach the bot, and what the doctor says if they cannot."""

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


async def test_a_healthy_bot_in_socket_mode_has_no_findings(scene: Scene) -> None:
    findings = await scene.examine()
    assert {name: finding for name, finding in findings.items() if finding.state is not State.OK} == {}
    assert findings[CHECK].detail == "Socket Mode: no address of ours is needed"


async def test_a_token_without_the_scope_is_a_finding_that_names_it(scene: Scene, sockets: Sockets) -> None:
    sockets.scopes.clear()
    finding = (await scene.examine())[CHECK]
    assert finding.state is State.FAILED
    assert finding.detail.endswith("missing_scope")
    assert "connections:write" in finding.fix


async def test_another_apps_token_is_a_finding(scene: Scene) -> None:
    scene.set(slack_app_token="xapp-of-another-app")
    finding = (await scene.examine())[CHECK]
    assert finding.state is State.FAILED
    assert "SLACK_APP_TOKEN: invalid_auth" in finding.detail
    assert "xapp" not in finding.detail


async def test_a_silent_slack_is_a_finding(scene: Scene) -> None:
    scene.set(slack_api_url="http://127.0.0.1:9/api/")
    finding = (await scene.examine())[CHECK]
    assert finding.state is State.FAILED
    assert "no answer" in finding.detail


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
