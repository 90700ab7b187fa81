"""The command line as a shell sees it."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tests.shell import ROOT, bare_environment, modules_of


def ripe(folder: Path, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run `ripe` as a shell does."""
    return subprocess.run(  # noqa: S603 - every word of it is ours
        [sys.executable, "-m", "bot", *arguments],
        env=bare_environment() | settings,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_migrate_lists_what_it_applied_and_then_says_that_nothing_is_left(
    tmp_path: Path, empty_dsn: str
) -> None:
    names = sorted(path.name for path in (ROOT / "migrations").glob("*.sql"))
    first = ripe(tmp_path, "migrate", DATABASE_URL=empty_dsn)
    assert (first.returncode, first.stdout.splitlines()) == (0, [f"Applied {name}" for name in names])
    second = ripe(tmp_path, "migrate", DATABASE_URL=empty_dsn)
    assert (second.returncode, second.stdout) == (0, "The database is up to date.\n")


@pytest.mark.parametrize("command", ["web", "worker"])
def test_a_process_on_a_database_without_the_schema_says_what_to_run(
    tmp_path: Path, empty_dsn: str, command: str
) -> None:
    ended = ripe(tmp_path, command, DATABASE_URL=empty_dsn)
    assert ended.returncode == 1
    assert ended.stderr.endswith("run `ripe migrate` first.\n")
    assert ended.stderr.count("\n") == 1


def test_what_is_missing_is_one_line_and_no_traceback(tmp_path: Path) -> None:
    ended = ripe(tmp_path, "migrate")
    assert ended.returncode == 1
    assert ended.stderr.startswith("DATABASE_URL: missing; ")
    assert ended.stderr.count("\n") == 1


def test_the_version_is_that_of_the_package(tmp_path: Path) -> None:
    assert ripe(tmp_path, "--version").stdout == f"ripe {metadata.version('ripe')}\n"


def test_the_sandbox_is_not_a_command_for_people(tmp_path: Path) -> None:
    help_text = ripe(tmp_path, "--help").stdout
    assert "worker" in help_text
    assert "sandbox" not in help_text


def test_help_needs_neither_the_bot_nor_its_libraries() -> None:
    loaded = modules_of("from bot.cli.program import cli; cli(['--help'], standalone_mode=False)")
    assert not loaded & {"asyncio", "asyncpg", "pydantic", "rich", "structlog", "bot.settings"}


def test_a_server_loads_no_parser_no_colours_and_pygithub_only_when_it_is_used() -> None:
    loaded = modules_of("import bot.__main__, bot.cli.servers, bot.web.app, bot.worker")
    assert "structlog" in loaded
    assert not loaded & {"typer", "rich", "pygments", "github", "requests", "httpx"}


def test_a_process_runs_on_a_platform_without_uvloop() -> None:
    code = (
        "import asyncio, sys; sys.modules['uvloop'] = None\n"
        "from bot.cli.servers import run_until_signal\n"
        "async def run(stop): print(type(asyncio.get_running_loop()).__module__)\n"
        "run_until_signal(run)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert result.stdout.startswith("asyncio.")
