"""`ripe up` as its user sees it: real processes, a real Postgres, real signals."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from bot.local.embedded import embedded_postgres
from bot.settings import Settings
from bot.web.server import find_free_port
from tests.local.conftest import wait_for_ends
from tests.shell import when_late

ROOT = Path(__file__).parent.parent.parent
SCRIPT = """
import json, sys
from bot.__main__ import expecting_errors
from bot.cli.servers import run_until_signal
from bot.settings import load_settings
from bot.local.up import run_up
with expecting_errors():
    settings, command = load_settings(), json.loads(sys.argv[1])
    run_until_signal(lambda stop: run_up(settings, command, stop, print))
"""
PATIENCE = 30
FOR_EVER = "while :; do sleep 0.05; done"


def says(text: str) -> list[str]:
    """A process that prints and then waits."""
    return ["/bin/sh", "-c", f"echo {text}; exec sleep 1000"]


class Up:
    """A running `ripe up` with a small process instead of the bot's own."""

    def __init__(self, home: Path, command: Sequence[str], **settings: str) -> None:
        names = [name.upper() for name in Settings.model_fields]
        bare = {name: value for name, value in os.environ.items() if name not in names}  # noqa: TID251
        self.port = settings.setdefault("PORT", str(find_free_port("127.0.0.1")))
        self.process = subprocess.Popen(  # noqa: S603 - every word of it is ours
            [sys.executable, "-c", SCRIPT, json.dumps(command)],
            env={
                **bare,
                "RIPE_HOME": str(home),
                "PYTHONPATH": str(Path(__file__).parent.parent.parent),
                **settings,
            },
            cwd=home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []

    def wait_for(self, text: str) -> str:
        """The next line that contains `text`."""
        assert self.process.stdout is not None
        with when_late(PATIENCE, self.process.kill):
            for line in self.process.stdout:
                self.lines.append(line.rstrip("\n"))
                if text in line:
                    return line
        pytest.fail(f"ended without saying {text!r}:\n" + "\n".join(self.lines))

    def wait_for_end(self) -> int:
        """Its exit code."""
        rest, _ = self.process.communicate(timeout=PATIENCE)
        self.lines += rest.splitlines()
        return self.process.returncode

    def close(self) -> None:
        self.process.terminate()
        self.process.communicate(timeout=PATIENCE)


@pytest.fixture(scope="module")
def used_home() -> Iterator[Path]:
    """A home whose Postgres exists and on which nothing runs. To make one takes longer than to use it."""
    folder = Path(tempfile.mkdtemp(prefix="ripe-test-"))
    with embedded_postgres(folder / "postgres"):
        pass
    yield folder
    shutil.rmtree(folder)


Start = Callable[..., Up]


@pytest.fixture
def start(home: Path) -> Iterator[Start]:
    with ExitStack() as stack:

        def start(command: Sequence[str], on: Path = home, **settings: str) -> Up:
            up = Up(on, command, **settings)
            stack.callback(up.close)
            return up

        yield start


def processes_of(up: Up) -> list[int]:
    """Its children and their descendants."""
    descendants: list[int] = []
    queue = [up.process.pid]
    while queue:
        children = _children(queue.pop())
        descendants += children
        queue += children
    return descendants


def _children(pid: int) -> Sequence[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def test_the_address_is_shown_first_and_the_output_follows(start: Start) -> None:
    up = start(says("hello"))
    up.wait_for("hello")
    lines = [line for line in up.lines if not line.startswith(("Making", "Starting", "Applied"))]
    assert lines[0] == f"Ripe: http://127.0.0.1:{up.port}  (local sandbox: nothing leaves this machine)"
    assert lines[1:] == ["hello"]
    assert "Starting embedded Postgres ..." in up.lines


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_processes_then_postgres_and_leaves_none(
    start: Start, used_home: Path, number: signal.Signals
) -> None:
    note = used_home / "postgres" / "postmaster.pid"
    script = f"trap 'test -e {note} && echo ended before Postgres; exit 0' TERM; echo ready; " + FOR_EVER
    up = start(["/bin/sh", "-c", script], used_home)
    up.wait_for("ready")
    pids = processes_of(up)
    os.killpg(up.process.pid, number)  # as a terminal does: it reaches every process of the group
    assert up.wait_for_end() == 0
    assert "ended before Postgres" in up.lines
    assert up.lines[-1] == "Stopped."
    assert not any("is killed" in line for line in up.lines)
    wait_for_ends(pids)
    assert len(pids) > 4
    assert not note.exists()


def test_a_second_signal_kills_what_does_not_end(start: Start, dsn: str) -> None:
    script = "trap 'echo stays' TERM; echo ready; " + FOR_EVER
    up = start(["/bin/sh", "-c", script], DATABASE_URL=dsn)
    up.wait_for("ready")
    pids = processes_of(up)
    up.process.send_signal(signal.SIGINT)
    up.wait_for("stays")
    up.process.send_signal(signal.SIGINT)
    assert up.wait_for_end() != 0
    assert "Ripe still runs and is killed." in up.lines
    wait_for_ends(pids)


def test_ctrl_c_reaches_the_processes_only_through_us_so_that_they_end_in_good_order(
    start: Start, dsn: str
) -> None:
    script = "trap 'echo interrupted' INT; trap 'exit 0' TERM; echo ready; " + FOR_EVER
    up = start(["/bin/sh", "-c", script], DATABASE_URL=dsn)
    up.wait_for("ready")
    os.killpg(up.process.pid, signal.SIGINT)
    assert up.wait_for_end() == 0
    assert "interrupted" not in up.lines


def test_a_second_run_finds_its_data_and_its_keys(start: Start, home: Path) -> None:
    keys = []
    for _ in range(2):
        up = start(["/bin/sh", "-c", 'echo "keys $SECRET_KEYS $SLACK_BOT_TOKEN"; exec sleep 1000'])
        keys.append(up.wait_for("keys "))
        up.process.terminate()
        up.wait_for_end()
    assert keys[0] == keys[1]
    assert not any("once" in line or "Applied" in line for line in up.lines)
    files = [path for path in home.iterdir() if path.is_file()]
    assert {path.name for path in files} >= {"secret-key", "sandbox-credentials.json", "postgres.log", "lock"}
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_the_processes_get_the_addresses_of_the_sandbox(start: Start, dsn: str) -> None:
    script = (
        'echo "at $GITHUB_API_URL $GITHUB_WEB_URL $SLACK_API_URL $PUBLIC_URL $RIPE_MODE"; exec sleep 1000'
    )
    up = start(["/bin/sh", "-c", script], DATABASE_URL=dsn)
    at = up.wait_for("at http").split("at ", 1)[1].split()
    sandbox = at[1]
    assert at == [
        f"{sandbox}/api/v3",
        sandbox,
        f"{sandbox}/slack/api/",
        f"http://127.0.0.1:{up.port}",
        "live",
    ]


def test_with_credentials_nothing_is_generated_for_a_sandbox(start: Start, dsn: str, home: Path) -> None:
    script = 'echo "at <$GITHUB_API_URL> <$SLACK_BOT_TOKEN>"; exec sleep 1000'
    up = start(
        ["/bin/sh", "-c", script],
        SLACK_BOT_TOKEN="xoxb-real",
        SLACK_SIGNING_SECRET="s",
        DATABASE_URL=dsn,
    )
    assert "at <> <xoxb-real>" in up.wait_for("at <")
    assert not any("sandbox" in line for line in up.lines)
    assert not (home / "sandbox-credentials.json").exists()


def test_a_process_that_gives_up_at_once_is_not_repeated_and_the_last_line_says_why(
    start: Start, used_home: Path
) -> None:
    up = start(["/bin/sh", "-c", "echo no luck; exit 3"], used_home)
    assert up.wait_for_end() == 1
    assert "no luck" in up.lines
    assert up.lines[-1] == "Ripe ended with exit code 3: no luck. Everything was stopped."
    assert not (used_home / "running.json").exists()
    assert not (used_home / "postgres" / "postmaster.pid").exists()


def test_a_process_that_was_killed_is_started_again(start: Start, dsn: str, tmp_path: Path) -> None:
    script = f"echo $$ > {tmp_path}/pid; echo ready; exec sleep 1000"
    up = start(["/bin/sh", "-c", script], DATABASE_URL=dsn)
    up.wait_for("ready")
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    up.wait_for("Ripe was ended by SIGKILL: ready. It is started again in 1 s.")
    up.wait_for("ready")
    up.process.terminate()
    assert up.wait_for_end() == 0
    assert up.lines[-1] == "Stopped."


def test_a_stop_does_not_wait_for_a_process_that_is_to_start_again(
    start: Start, dsn: str, tmp_path: Path
) -> None:
    script = f"echo ready; test -e {tmp_path}/dying && kill -9 $$; touch {tmp_path}/dying; kill -9 $$"
    up = start(["/bin/sh", "-c", script], DATABASE_URL=dsn)
    up.wait_for("again in 2 s.")
    up.process.terminate()
    assert up.wait_for_end() == 0


def test_when_postgres_dies_all_stop_and_the_last_line_names_its_log(start: Start, used_home: Path) -> None:
    up = start(says("ready"), used_home)
    up.wait_for("ready")
    pid = int((used_home / "postgres" / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGQUIT)
    assert up.wait_for_end() == 1
    assert up.lines[-1] == f"The embedded Postgres ended by itself: see {used_home}/postgres.log"


def test_killed_without_a_chance_to_clean_up_it_leaves_no_process_and_starts_again(
    start: Start, used_home: Path
) -> None:
    up = start(says("ready"), used_home)
    up.wait_for("ready")
    pids = processes_of(up)
    up.process.kill()
    wait_for_ends(pids)
    again = start(says("ready"), used_home)
    again.wait_for("ready")


def test_a_second_one_on_the_same_home_refuses_and_names_the_first(
    start: Start, home: Path, dsn: str
) -> None:
    first = start(says("ready"), DATABASE_URL=dsn)
    first.wait_for("ready")
    second = start(says("ready"), DATABASE_URL=dsn)
    assert second.wait_for_end() == 1
    assert second.lines == [
        f"Ripe is already up on {home} (process {first.process.pid}). "
        "Stop that one, or set RIPE_HOME and PORT to others."
    ]


def test_a_busy_port_is_named_before_anything_starts(start: Start, home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        up = start(says("ready"), PORT=port)
        assert up.wait_for_end() == 1
    assert f"127.0.0.1:{port}" in up.lines[0]
    assert not (home / "postgres").exists()


def test_a_wrong_setting_is_one_clean_line(start: Start) -> None:
    up = start([], PORT="many")
    assert up.wait_for_end() == 1
    assert len(up.lines) == 1
    assert up.lines[0].startswith("PORT: ")


def test_other_commands_find_the_running_database(start: Start, used_home: Path) -> None:
    up = start(says("ready"), used_home)
    up.wait_for("ready")
    announced = json.loads((used_home / "running.json").read_text())
    assert announced["DATABASE_URL"].startswith("postgresql://")
    assert (used_home / "running.json").stat().st_mode & 0o777 == 0o600
    up.process.terminate()
    up.wait_for_end()
    assert not (used_home / "running.json").exists()


def test_output_of_any_size_passes_and_bytes_that_are_no_text_do_no_harm(start: Start, dsn: str) -> None:
    big = "import sys; sys.stdout.buffer.write(b'x' * 3_000_000 + b'\\xff\\n'); print('ready')"
    up = start([sys.executable, "-c", big + "; import time; time.sleep(1000)"], DATABASE_URL=dsn)
    assert len(up.wait_for("xxx")) > 3_000_000
    up.wait_for("ready")
