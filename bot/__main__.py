"""The command line. A server starts without its parser, which would stay in memory as long as the server."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

SERVERS = ("web", "worker", "parts")
"""The commands that start a server and have no options. `ripe up` uses `parts`."""


def main() -> None:
    """Run the command that the arguments name; exits with 1 when it fails."""
    with expecting_errors():
        if len(sys.argv) == 2 and sys.argv[1] in SERVERS:
            from bot.cli import servers

            getattr(servers, sys.argv[1])()
        else:
            from bot.cli.program import cli

            cli()


@contextmanager
def expecting_errors() -> Iterator[None]:
    """Print errors whose text says what to do, and exit with 1. All others are bugs, and show a traceback."""
    try:
        yield
    except SystemExit:
        raise
    except _expected() as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


def _expected() -> tuple[type[Exception], ...]:
    """Called when an error has come: `ripe --help` needs none of what this imports."""
    from bot.model import OperatorError, UserError
    from jobq import DatabaseUnavailableError

    return OperatorError, UserError, DatabaseUnavailableError


if __name__ == "__main__":
    main()
