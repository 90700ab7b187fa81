"""Ends our processes after us, even when we are killed and cannot clean up."""

import os
import signal
import subprocess

# The shell reads until the pipe from us closes, which the kernel does however we end.
_SCRIPT = 'while read -r pid; do pids="$pids $pid"; done; [ -z "$pids" ] || kill -INT $pids'


class Guardian:
    """A small shell, the process `pid`, that interrupts those it watches as soon as this process is gone.

    It reads from `pipe`. Both outlive an exec if the pipe is inheritable.
    """

    def __init__(self, pid: int, pipe: int) -> None:
        self.pid = pid
        self.pipe = pipe

    def watch(self, pid: int) -> None:
        """Interrupt that process when we are gone."""
        os.write(self.pipe, b"%d\n" % pid)

    def dismiss(self) -> None:
        """Stop watching, once our processes have ended: other programs may soon get their numbers."""
        os.kill(self.pid, signal.SIGKILL)
        os.close(self.pipe)
        os.waitpid(self.pid, 0)


def start_guardian() -> Guardian:
    """Start one that watches nothing yet."""
    reading, writing = os.pipe()
    try:
        # In a session of its own: a signal from the terminal must not end it before us.
        shell = subprocess.Popen(  # noqa: S603 - every word of it is ours
            ["/bin/sh", "-c", _SCRIPT],
            stdin=reading,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    finally:
        os.close(reading)
    shell.returncode = 0  # dismiss() waits for it
    return Guardian(shell.pid, writing)
