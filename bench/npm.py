"""Peers that are written for Node. They come from npm, into a folder of the environment."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(sys.prefix) / "npm"
SCRIPTS = Path(__file__).parent / "javascript"
OLDEST_NODE = 20
VERSIONS = {"graphile-worker": "0.18.0", "probot": "14.3.2"}
"""The exact versions that are measured."""


class NoPeerError(Exception):
    """A peer cannot be measured here. The text says why."""


def install(package: str) -> str:
    """Install a package once. Returns "name version". Raises NoPeerError."""
    _check_node()
    version, home = VERSIONS[package], FOLDER / package
    if _installed(package) != version:
        home.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--no-audit", "--no-fund", "--save-exact", f"{package}@{version}"]
        done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode != 0:
            raise NoPeerError(f"npm cannot install {package}: {done.stderr.strip()[-200:]}")
    return f"{package} {version}"


def command_of(package: str, script: str) -> list[str]:
    """The command that runs `bench/javascript/SCRIPT` beside an installed package."""
    # Node looks for packages beside the script.
    copy = FOLDER / package / script
    copy.write_text((SCRIPTS / script).read_text())
    return [shutil.which("node") or "node", str(copy)]


def _installed(package: str) -> str | None:
    manifest = FOLDER / package / "node_modules" / package / "package.json"
    if not manifest.exists():
        return None
    version: str = json.loads(manifest.read_text())["version"]
    return version


def _check_node() -> None:
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        raise NoPeerError("there is no npm")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603
    if int(version.strip().removeprefix("v").partition(".")[0]) < OLDEST_NODE:
        raise NoPeerError(f"Node {version.strip()} is older than {OLDEST_NODE}")
