"""A healthy bot has no findings."""

from bot.doctor.doctor import CHECKS
from bot.doctor.model import State, overall
from tests.doctor.scene import SHARED, Scene


@SHARED
async def test_a_healthy_bot_has_no_finding_that_is_not_ok(shared: Scene) -> None:
    findings = await shared.examine()
    assert {name: finding for name, finding in findings.items() if finding.state is not State.OK} == {}
    assert overall(findings.values()) is State.OK
    assert list(findings) == [name for check in CHECKS for name in check.names]
