"""Ripe."""

import sys

# Two libraries import rich, 4 MB in every process, for what we never do: tracebacks in colour, and httpx's
# own command line. An import of None fails, and both then go on without it.
for _name in ("rich", "httpx._main"):
    sys.modules.setdefault(_name, None)  # type: ignore[arg-type]
