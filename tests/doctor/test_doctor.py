"""Checks that hang or fail, and how single facts are judged."""

import asyncio
import socket
from collections.abc import Sequence
from datetime import timedelta

import pytest

from bot.doctor.database import judge_skew, judge_version
from bot.doctor.doctor import Check, examine
from bot.doctor.github import judge_refusal
from bot.doctor.model import CheckSkippedError, Finding, State, ok, overall, skipped
from bot.doctor.ports import DoctorPorts, open_ports
from bot.doctor.queue import judge_lag
from bot.doctor.settings import judge_completeness, judge_public_url
from bot.sandbox.github.routes import Fault
from bot.sandbox.slack.model import Fault as SlackFault
from bot.settings import Settings
from jobq import LaneStats
from tests.doctor.scene import Scene
from tests.github_server import private_key

NOTHING = Settings(_env_file=None)


async def sees_nothing(ports: DoctorPorts) -> Sequence[Finding]:
    return [ok("first", "fine")]


async def hangs(ports: DoctorPorts) -> Sequence[Finding]:
    await asyncio.Event().wait()
    return []


async def fails(ports: DoctorPorts) -> Sequence[Finding]:
    raise ValueError("an odd token:\nxoxb-1234-secret")


async def cannot_say(ports: DoctorPorts) -> Sequence[Finding]:
    raise CheckSkippedError("no pull request yet")


async def examined(*checks: Check) -> list[Finding]:
    async with open_ports(NOTHING) as ports:
        return await examine(ports, checks, within=0.1)


async def test_a_check_that_hangs_is_a_failed_finding_and_holds_up_nobody() -> None:
    stuck, after, fine = await examined(
        Check(("stuck", "stuck.more"), hangs, "Pull the plug."), Check(("first",), sees_nothing, "")
    )
    assert (stuck.check, stuck.state, stuck.detail) == ("stuck", State.FAILED, "no answer in 0.1 s")
    assert stuck.fix == "Pull the plug."
    assert after == skipped("stuck.more", "no answer")
    assert fine.state is State.OK


async def test_a_check_that_raises_is_a_failed_finding_without_secrets() -> None:
    odd, other = await examined(Check(("odd", "odd.more"), fails, "Look there."))
    assert (odd.state, odd.detail) == (State.FAILED, "ValueError: an odd token: [hidden]")
    assert odd.fix == "Look there."
    assert other == skipped("odd.more", "needs odd")


async def test_a_check_that_cannot_say_anything_says_why() -> None:
    assert await examined(Check(("a", "b"), cannot_say, "")) == [
        skipped("a", "no pull request yet"),
        skipped("b", "no pull request yet"),
    ]


async def test_what_a_check_leaves_out_is_skipped() -> None:
    _, left_out = await examined(Check(("first", "second"), sees_nothing, ""))
    assert left_out == skipped("second", "needs first")


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], State.OK),
        ([State.OK, State.SKIPPED], State.OK),
        ([State.OK, State.WARNING, State.SKIPPED], State.WARNING),
        ([State.WARNING, State.FAILED, State.OK], State.FAILED),
    ],
)
def test_the_whole_is_as_its_worst_finding(states: list[State], expected: State) -> None:
    assert overall(Finding(check="x", state=state, detail="") for state in states) is expected


async def test_while_a_table_is_locked_the_others_are_examined(scene: Scene) -> None:
    blocker = await scene.bot.app.database.connect()
    scene.within = 0.7
    try:
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE job")
            findings = await scene.examine()
    finally:
        await blocker.close()
    assert (findings["queue.lag"].state, findings["queue.lag"].detail) == (State.FAILED, "no answer in 0.7 s")
    assert "Postgres" in findings["queue.lag"].fix
    assert findings["queue.dead"].state is State.OK


async def test_a_postgres_that_never_answers_is_given_up(scene: Scene) -> None:
    # The kernel accepts the connection, but nothing ever answers on it.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        scene.set(database_url=f"postgresql://me@127.0.0.1:{silent.getsockname()[1]}/ripe")
        async with asyncio.timeout(10):
            findings = await scene.examine()
    assert findings["database"].detail == "cannot connect: no answer in 1 s"
    assert findings["queue.lag"] == skipped("queue.lag", "needs the database")
    assert findings["slack.token"].state is State.OK


async def test_a_github_and_a_slack_that_hang_are_given_up(scene: Scene) -> None:
    scene.within = 0.7
    scene.bot.server.faults.append(Fault(hang=1.5, times=50, path="/api"))
    scene.bot.slack.faults.add(SlackFault(method="auth.test", kind="hang"))
    findings = await scene.examine()
    for check in ("github.app", "github.installations", "github.webhook", "github.deliveries", "slack.token"):
        assert (findings[check].state, findings[check].detail) == (State.FAILED, "no answer in 0.7 s"), check
    assert findings["github.events"].state is State.SKIPPED
    assert findings["database"].state is State.OK


async def test_without_the_schema_the_migrations_are_all_that_fails(scene: Scene) -> None:
    await scene.execute("DROP SCHEMA public CASCADE")
    await scene.execute("CREATE SCHEMA public")
    findings = await scene.examine()
    assert findings["database.migrations"].state is State.FAILED
    assert findings["database.migrations"].fix == "Run `ripe migrate`."
    assert findings["queue.lag"] == skipped("queue.lag", "needs database.migrations")
    failed = [name for name, finding in findings.items() if finding.state is State.FAILED]
    assert failed == ["database.migrations"]


async def test_a_role_that_may_only_read_is_a_finding_with_the_grant(scene: Scene) -> None:
    await scene.execute("CREATE ROLE onlooker LOGIN")
    try:
        await scene.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO onlooker")
        scene.set(database_url=scene.dsn.replace("//postgres@", "//onlooker@"))
        findings = await scene.examine()
    finally:
        await scene.execute("DROP OWNED BY onlooker")
        await scene.execute("DROP ROLE onlooker")
    assert findings["database.rights"].detail.startswith("onlooker may not change absence, account, ")
    assert findings["database.rights"].fix.endswith('ON ALL TABLES IN SCHEMA public TO "onlooker".')


@pytest.mark.parametrize(("major", "state"), [(13, State.FAILED), (14, State.OK), (18, State.OK)])
def test_postgres_may_not_be_older_than_14(major: int, state: State) -> None:
    assert judge_version(major).state is state


@pytest.mark.parametrize(
    ("minutes", "state", "detail"),
    [
        (None, State.OK, "3 ripe, none for longer than 2 minutes"),
        (2, State.OK, "3 ripe"),
        (3, State.WARNING, "calls for 3 min"),
        (16, State.FAILED, "calls for 16 min"),
        (60 * 5, State.FAILED, "calls for 5 h"),
        (60 * 24 * 3, State.FAILED, "calls for 3 days"),
    ],
)
def test_how_long_ripe_jobs_wait_is_judged(minutes: int | None, state: State, detail: str) -> None:
    age = None if minutes is None else timedelta(minutes=minutes)
    finding = judge_lag([LaneStats(1, 3, 0, 0, 0, age), LaneStats(0, 0, 0, 0, 0, None)])
    assert finding.state is state
    assert detail in finding.detail


@pytest.mark.parametrize(("seconds", "state"), [(-31, State.FAILED), (-30, State.OK), (30, State.OK)])
def test_half_a_minute_of_skew_is_tolerated(seconds: int, state: State) -> None:
    assert judge_skew(timedelta(seconds=seconds)).state is state


def test_a_slow_clock_is_called_slow() -> None:
    assert "45 s behind Postgres" in judge_skew(timedelta(seconds=-45)).detail


def test_a_clock_that_github_refuses_is_not_taken_for_a_wrong_key() -> None:
    assert "clock" in judge_refusal("'Expiration time' claim ('exp') is too far in the future").fix
    assert "GITHUB_APP_ID" in judge_refusal("Integration not found").fix


def real(**values: object) -> Settings:
    credentials = {
        "github_app_id": 1, "github_app_private_key": private_key(), "github_webhook_secret": ["s"],
        "slack_bot_token": "xoxb-1", "slack_signing_secret": "s",
    }  # fmt: skip
    return Settings(_env_file=None, **(credentials | values))  # type: ignore[arg-type]


def test_no_public_address_is_needed_where_github_is_polled_and_slack_is_in_socket_mode() -> None:
    assert judge_public_url(real(github_poll=True, slack_app_token="xapp-1")).state is State.OK
    assert judge_public_url(real(github_poll=True)).state is State.WARNING


def test_in_shadow_mode_an_address_without_encryption_is_only_a_warning() -> None:
    assert judge_public_url(real(public_url="http://ripe.example.com")).state is State.WARNING
    assert (
        judge_public_url(real(public_url="http://ripe.example.com", ripe_mode="live")).state is State.FAILED
    )
    assert judge_public_url(real(public_url="https://ripe.example.com", ripe_mode="live")).state is State.OK


def test_the_mode_is_named() -> None:
    assert judge_completeness(real()).detail == "complete; mode shadow: decides and records, sends nothing"
    assert judge_completeness(real(ripe_mode="live")).detail == "complete; mode live: sends"


async def test_users_whom_slack_does_not_list_are_not_called_well(scene: Scene) -> None:
    scene.bot.slack.faults.add(SlackFault(method="users.list", kind="refused", code="missing_scope"))
    findings = await scene.examine()
    for check in ("people.deactivated", "people.guests"):
        assert findings[check].state is State.SKIPPED
        assert "Slack refuses to list its users (missing_scope)" in findings[check].detail
