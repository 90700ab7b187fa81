"""`make audit`: asks an advisory service about every locked version, and says loudly if it cannot.

`uv audit` reads uv's own lock file, so the pins of our lock go into a project in a folder of its own.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LOCK = Path("tests/requirements.lock")
"""Everything that runs Ripe, and everything that tests it."""
WITHIN = 60
"""Seconds in all. A check that hangs is worse than one that is left out."""
_PIN = re.compile(r"^([\w.-]+(?:\[[\w,-]+\])?==[^\s;\\]+)(?: ; ([^\\\n]+))?", re.MULTILINE)
_PROJECT = '[project]\nname = "audited"\nversion = "0"\nrequires-python = ">=3.11"\ndependencies = {pins}\n'


class AuditSkippedError(Exception):
    """The audit could not be made."""


def list_pins(lock: str) -> list[str]:
    """Each locked version, with the systems that it is for."""
    return [f"{pin} ; {marker.strip()}" if marker else pin for pin, marker in _PIN.findall(lock)]


def find_holes(pins: Sequence[str], *options: str, within: float = WITHIN) -> tuple[int, list[str]]:
    """How many packages were asked about, and a line for each known hole. Raises AuditSkippedError."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder, "pyproject.toml")
        project.write_text(_PROJECT.format(pins=json.dumps(list(pins))))
        _run(folder, within, "lock", "--quiet")
        report = _run(folder, within, "audit", "--frozen", "--output-format", "json", *options)
    try:
        answer: dict[str, Any] = json.loads(report.stdout)
        asked = answer["summary"]["audited_packages"]
        return asked, [_describe(hole) for hole in answer["vulnerabilities"]]
    except (ValueError, LookupError, TypeError):
        raise AuditSkippedError("the advisory service cannot be reached") from None


def _describe(hole: dict[str, Any]) -> str:
    dependency = hole.get("dependency", {})
    return (
        f"{dependency.get('name')} {dependency.get('version')}: {hole.get('id')} {hole.get('summary') or ''}"
    )


def _run(folder: str, within: float, *command: str) -> subprocess.CompletedProcess[str]:
    uv = Path(sys.executable).with_name("uv")
    try:
        return subprocess.run(  # noqa: S603 - every word of it is ours
            [uv, *command], cwd=folder, capture_output=True, text=True, timeout=within, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AuditSkippedError(f"uv gives no answer ({type(error).__name__})") from None


def main() -> int:
    """Exits with 1 for a known hole, and with 0 if there is none or nobody can be asked."""
    try:
        asked, holes = find_holes(list_pins(LOCK.read_text()))
    except AuditSkippedError as error:
        print(f"AUDIT SKIPPED: {error}. Known holes in dependencies were not looked for.")  # noqa: T201
        return 0
    for line in holes or [f"{asked} locked packages have no known hole."]:
        print(line)  # noqa: T201
    return 1 if holes else 0


if __name__ == "__main__":
    sys.exit(main())
