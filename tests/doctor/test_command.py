"""`ripe doctor` as a shell sees it: its output and its exit code."""

import asyncio
import json
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bot.cli.doctor import render_lines
from bot.doctor.doctor import CHECKS
from bot.doctor.model import failed, ok, skipped, warning
from tests.doctor import faults
from tests.doctor.scene import SHARED, Scene
from tests.shell import ripe

NAMES = [name for check in CHECKS for name in check.names]


async def doctor(folder: Path, scene: Scene, *arguments: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(ripe, folder, "doctor", *arguments, **environment(scene))


def environment(scene: Scene) -> dict[str, str]:
    """The scene's settings as a shell gives them."""
    settings = scene.settings
    secret = {
        "DATABASE_URL": settings.database_url, "GITHUB_APP_PRIVATE_KEY": settings.github_app_private_key,
        "GITHUB_WEBHOOK_SECRET": settings.github_webhook_secret[0],
        "SLACK_BOT_TOKEN": settings.slack_bot_token, "SLACK_SIGNING_SECRET": settings.slack_signing_secret,
    }  # fmt: skip
    return {
        **{name: value.get_secret_value() for name, value in secret.items() if value is not None},
        "SECRET_KEYS": ",".join(key.get_secret_value() for key in settings.secret_keys),
        "GITHUB_APP_ID": str(settings.github_app_id),
        "PUBLIC_URL": settings.public_url or "",
        "SANDBOX_URL": settings.sandbox_url or "",
        "GITHUB_API_URL": settings.github_api_url,
        "SLACK_API_URL": settings.slack_api_url,
    }


@SHARED
async def test_a_healthy_bot_ends_with_0_and_a_line_for_each_check(shared: Scene, tmp_path: Path) -> None:
    ended = await doctor(tmp_path, shared)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
    *lines, total = ended.stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [["ok", name] for name in NAMES]
    assert total == f"{len(NAMES)} ok"


@pytest.mark.parametrize(
    ("break_it", "check", "state", "code"),
    [
        (faults.a_revoked_token, "slack.token", "failed", 1),
        (faults.no_postgres_there, "database", "failed", 1),
        (faults.no_secret_keys, "settings.secret_keys", "warning", 2),
    ],
)
async def test_a_failure_ends_with_1_and_a_mere_warning_with_2(
    scene: Scene,
    tmp_path: Path,
    break_it: Callable[[Scene], Awaitable[None]],
    check: str,
    state: str,
    code: int,
) -> None:
    await break_it(scene)
    ended = await doctor(tmp_path, scene, "--json")
    assert (ended.returncode, ended.stderr) == (code, "")
    report = json.loads(ended.stdout)
    assert list(report) == ["state", "findings"]
    assert report["state"] == state
    assert [each["check"] for each in report["findings"]] == NAMES
    (finding,) = (each for each in report["findings"] if each["check"] == check)
    assert list(finding) == ["check", "state", "detail", "fix"]
    assert finding["state"] == state
    assert finding["fix"]


async def test_no_secret_is_printed(scene: Scene, tmp_path: Path) -> None:
    await faults.a_revoked_token(scene)
    scene.set(database_url="postgresql://me:pa55word@127.0.0.1:9/ripe", github_webhook_secret=["hook-s3cret"])
    given = environment(scene)
    ended = await doctor(tmp_path, scene)
    assert ended.returncode == 1
    secrets = ["pa55word", *(given[name] for name in given if name.endswith(("SECRET", "TOKEN", "KEYS")))]
    assert [secret for secret in secrets if secret in ended.stdout + ended.stderr] == []


def test_unreadable_settings_are_a_finding(tmp_path: Path) -> None:
    ended = ripe(tmp_path, "doctor", "--json", PORT="eighty", SLACK_BOT_TOKEN="nonsense")
    assert (ended.returncode, ended.stderr) == (1, "")
    first, *others = json.loads(ended.stdout)["findings"]
    assert first["check"] == "settings"
    assert "PORT: input should be a valid integer" in first["detail"]
    assert "SLACK_BOT_TOKEN: must start with xoxb-." in first["detail"]
    assert "nonsense" not in ended.stdout
    assert ".env.example" in first["fix"]
    assert [each["check"] for each in others] == NAMES[1:]
    assert {each["state"] for each in others} == {"skipped"}


def test_without_any_settings_the_fix_says_how_to_start(tmp_path: Path) -> None:
    ended = ripe(tmp_path, "doctor")
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "-> Start `ripe up`" in ended.stdout


def test_help_lists_the_exit_codes(tmp_path: Path) -> None:
    help_text = " ".join(ripe(tmp_path, "doctor", "--help").stdout.split())
    assert (
        "exits with 0 when all is well, 1 when something failed, 2 when there are only warnings." in help_text
    )


def test_findings_are_aligned_and_each_fix_stands_under_its_finding() -> None:
    findings = [
        ok("a", "fine"),
        warning("bb.c", "so so", "Look at it."),
        failed("d", "broken", "Mend it."),
        skipped("e", "needs d"),
    ]
    assert list(render_lines(findings)) == [
        "ok       a     fine",
        "warning  bb.c  so so",
        "               -> Look at it.",
        "failed   d     broken",
        "               -> Mend it.",
        "skipped  e     needs d",
        "1 ok, 1 warning, 1 failed, 1 skipped",
    ]
