"""The state that `ripe up` hands to the supervisor. Imports the standard library only, as that does."""

import json
import os
import shutil
import signal
import time
from collections.abc import Sequence

STOP_SECONDS = 5.0
"""Postgres gets this long to stop before it gets the next, stronger signal."""
LOOK_EVERY = 0.01


class PostgresProcess:
    """A running embedded server, our child. `own_sockets` is the folder that was made for its socket."""

    def __init__(self, pid: int, log: str, own_sockets: str | None = None) -> None:
        self.pid = pid
        self.log = log
        self.own_sockets = own_sockets
        self._has_ended = False

    def has_ended(self) -> bool:
        """Whether the process has ended, by itself or by `stop`."""
        if not self._has_ended:
            self._has_ended = os.waitpid(self.pid, os.WNOHANG)[0] != 0
        return self._has_ended

    def stop(self) -> None:
        """Stop the server, dropping its connections. Does nothing when it does not run."""
        # Postgres's "fast" shutdown, then its "immediate" one: the next start recovers.
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if not self._ends_within(0):
                os.kill(self.pid, number)
                self._ends_within(STOP_SECONDS)
        if self.own_sockets is not None:
            shutil.rmtree(self.own_sockets, ignore_errors=True)

    def _ends_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not self.has_ended():
            if time.monotonic() >= deadline:
                return False
            time.sleep(LOOK_EVERY)
        return True


class Handover:
    """The process to keep running, the note of the running bot, a greeting, and an embedded database.

    `guardian` is the process and the pipe of the guardian that watches the database.
    """

    def __init__(
        self,
        command: Sequence[str],
        note: str,
        greeting: str,
        postgres: PostgresProcess | None = None,
        guardian: tuple[int, int] | None = None,
    ) -> None:
        self.command = command
        self.note = note
        self.greeting = greeting
        self.postgres = postgres
        self.guardian = guardian

    def dump(self) -> str:
        """All of it as text, without secrets: every user of this machine may read a command line."""
        postgres = self.postgres
        server = None if postgres is None else [postgres.pid, postgres.log, postgres.own_sockets]
        return json.dumps([self.command, self.note, self.greeting, server, self.guardian])


def load_handover(text: str) -> Handover:
    """Read the output of `dump`, in the same process."""
    command, note, greeting, server, guardian = json.loads(text)
    return Handover(command, note, greeting, PostgresProcess(*server) if server else None, guardian)
