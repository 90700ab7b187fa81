"""Keeps Ripe's process running: `python -m bot.local.supervisor HANDOVER`, into which `ripe up` turns itself.

It stays as long as Ripe runs, so it imports the standard library only, and little of that.
"""

import codecs
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from bot.local.guardian import Guardian, start_guardian
from bot.local.handover import Handover, load_handover

STEADY_SECONDS = 10.0
"""A process that has run so long once worked. If it ends later, a new one may work again."""
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 30.0
"""Before the process is started again; the wait doubles."""
MOST_RESTARTS = 6
"""In a row, of a process that never runs for STEADY_SECONDS."""
MOST_SHOWN = 300
"""Characters of a last line that are repeated."""
STOP_SECONDS = 10.0
"""A worker gives its jobs 8 s to end. A process that still runs after this time is killed."""
CHUNK = 65_536

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
HEARD = (*STOPS, signal.SIGCHLD)


def main() -> int:
    """Run until a signal stops it, and end everything. Returns the exit code."""
    handover = load_handover(sys.argv[1])
    signals = Signals()
    guardian = start_guardian() if handover.guardian is None else Guardian(*handover.guardian)
    supervisor = Supervisor(handover, signals, guardian)
    try:
        show(handover.greeting)
        problem = supervisor.keep()
    finally:
        supervisor.end()
    if problem:
        show(problem)
        return 1
    if signals.stops > 1:
        return 130
    show("Stopped.")
    return 0


def show(text: str) -> None:
    """Show a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class Signals:
    """Counts the signals that ask for an end, and wakes its waiter when a child ends."""

    def __init__(self) -> None:
        self.stops = 0
        self._pipe, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing)
        for number in HEARD:
            signal.signal(number, lambda *_: None)
        # `ripe up` blocked them, so that none was lost on the way to here.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD)

    def wait(self, seconds: float | None, output: int | None = None) -> bool:
        """Wait for a signal, or for something to read from `output`. Returns whether there is something."""
        watched = [self._pipe] if output is None else [self._pipe, output]
        readable, _, _ = select.select(watched, [], [], seconds)
        if self._pipe in readable:
            self.stops += sum(number in STOPS for number in os.read(self._pipe, CHUNK))
        return output in readable


class Ended:
    """The end of a process: its exit code, its last line, and how many seconds it ran."""

    def __init__(self, code: int, last_line: str, ran_for: float) -> None:
        self.code = code
        self.last_line = last_line.strip().rstrip(".")[:MOST_SHOWN]
        self.ran_for = ran_for

    def __str__(self) -> str:
        how = f"Ripe ended with exit code {self.code}"
        if self.code < 0:
            how = f"Ripe was ended by {signal.Signals(-self.code).name}"
        return f"{how}: {self.last_line}" if self.last_line else how

    @property
    def is_hopeless(self) -> bool:
        """It gave up by itself, right after its start, so a new one would do the same."""
        return self.code >= 0 and self.ran_for < STEADY_SECONDS


class Supervisor:
    """Keeps the process of a handover running until a signal asks for an end."""

    def __init__(self, handover: Handover, signals: Signals, guardian: Guardian) -> None:
        self._handover = handover
        self._signals = signals
        self._guardian = guardian
        self._running: Running | None = None

    def keep(self) -> str:
        """Run the process, again and again. Returns why it cannot go on; nothing after a signal."""
        restarts, wait = 0, FIRST_WAIT_SECONDS
        while not self._is_over():
            ended = self._run()
            if self._is_over():
                break
            if ended.ran_for > STEADY_SECONDS:
                restarts, wait = 0, FIRST_WAIT_SECONDS
            if ended.is_hopeless or restarts == MOST_RESTARTS:
                return f"{ended}. Everything was stopped."
            restarts += 1
            show(f"{ended}. It is started again in {wait:.0f} s.")
            self._pause(wait)
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)
        # The true reason, even if the process died of it first.
        lost = self._handover.postgres if self._has_lost_postgres() else None
        return "" if lost is None else f"The embedded Postgres ended by itself: see {lost.log}"

    def end(self) -> None:
        """End what still runs: the process, then its database."""
        if self._running is not None:
            self._running.kill()
        if self._handover.postgres is not None:
            self._handover.postgres.stop()
        self._guardian.dismiss()
        if os.path.exists(self._handover.note):
            os.unlink(self._handover.note)

    def _is_over(self) -> bool:
        return self._signals.stops > 0 or self._has_lost_postgres()

    def _has_lost_postgres(self) -> bool:
        return self._handover.postgres is not None and self._handover.postgres.has_ended()

    def _pause(self, seconds: float) -> None:
        ends_at = time.monotonic() + seconds
        while not self._is_over():
            if (left := ends_at - time.monotonic()) <= 0:
                return
            self._signals.wait(left)

    def _run(self) -> Ended:
        """Run the process once, and end it when a signal asks for that or Postgres is gone."""
        running = self._running = Running(self._handover.command)
        self._guardian.watch(running.pid)
        while not running.has_ended():
            if self._signals.wait(running.seconds_left(), running.output):
                running.pass_on()
            if self._is_over():
                running.terminate()
            if self._signals.stops > 1 or running.is_late():
                show("Ripe still runs and is killed.")
                running.kill()
        return running.describe_end()


class Running:
    """One run of the process, whose output is passed on."""

    def __init__(self, command: Sequence[str]) -> None:
        self._started_at = time.monotonic()
        # In a session of its own: Ctrl-C in the terminal reaches only us, and we end it in good order.
        self._process = subprocess.Popen(  # noqa: S603 - `ripe up` has chosen it
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            bufsize=0,
        )
        self._text = codecs.getincrementaldecoder("utf-8")("replace")
        self._last, self._line = "", ""
        self._kill_at: float | None = None
        self._is_open = True

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def output(self) -> int | None:
        """The descriptor of its output; None once that is closed."""
        return self._process.stdout.fileno() if self._is_open and self._process.stdout else None

    def has_ended(self) -> bool:
        """Whether the process has ended, and all that it printed was passed on."""
        if self._process.poll() is None:
            return False
        while self.output is not None and select.select([self.output], [], [], 0)[0]:
            self.pass_on()
        return True

    def pass_on(self) -> None:
        """Pass on what there is to read."""
        chunk = os.read(self._process.stdout.fileno(), CHUNK) if self._process.stdout else b""
        self._is_open = bool(chunk)
        text = self._text.decode(chunk, final=not chunk)
        sys.stdout.write(text)
        sys.stdout.flush()
        *lines, self._line = (self._line + text).split("\n")
        self._line = self._line[-CHUNK:]
        self._last = next((line for line in reversed(lines) if line.strip()), self._last)

    def terminate(self) -> None:
        """Ask it to end, once. It is late STOP_SECONDS after that."""
        if self._kill_at is None:
            self._kill_at = time.monotonic() + STOP_SECONDS
            self._process.terminate()

    def seconds_left(self) -> float | None:
        """Until it is late; None as long as it may run."""
        return None if self._kill_at is None else max(self._kill_at - time.monotonic(), 0)

    def is_late(self) -> bool:
        """Whether it was asked to end and still runs."""
        return self.seconds_left() == 0 and self._process.poll() is None

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    def describe_end(self) -> Ended:
        """How it ended. Its output ends with a whole line from now on."""
        if self._line:
            sys.stdout.write("\n")
        ran_for = time.monotonic() - self._started_at
        if self._process.stdout is not None:
            self._process.stdout.close()
        return Ended(self._process.wait(), self._line or self._last, ran_for)


if __name__ == "__main__":
    sys.exit(main())
