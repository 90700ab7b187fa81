"""Ends our processes after us, even when we are killed and cannot clean up."""

import subprocess

# The shell reads until the pipe from us closes, which the kernel does however we end.
_SCRIPT = 'while read -r pid; do pids="$pids $pid"; done; [ -z "$pids" ] || kill -INT $pids'


class Guardian:
    """A small shell that interrupts the processes it watches as soon as this process is gone."""

    def __init__(self) -> None:
        # In a session of its own: a signal from the terminal must not end it before us.
        self._shell = subprocess.Popen(  # noqa: S603 - every word of it is ours
            ["/bin/sh", "-c", _SCRIPT],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            bufsize=0,
        )

    def watch(self, pid: int) -> None:
        """Interrupt that process when we are gone."""
        if self._shell.stdin is not None:
            self._shell.stdin.write(b"%d\n" % pid)

    def dismiss(self) -> None:
        """Stop watching, once our processes have ended: other programs may soon get their numbers."""
        self._shell.kill()
        self._shell.communicate()
