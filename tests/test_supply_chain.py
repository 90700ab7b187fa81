"""Promise D8: every dependency is locked with its hashes, and known holes in them fail `make check`."""

import asyncio
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from quart import Quart, Response, jsonify, request

from bot.web.server import serving
from tests import audit
from tests.audit import AuditSkippedError, find_holes, list_pins
from tests.promises import Promise

LOCKS = (Path("requirements.lock"), Path("tests/requirements.lock"), Path("bench/requirements.lock"))
HOLE = {"id": "GHSA-1", "modified": "2026-01-01T00:00:00Z", "published": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize("lock", LOCKS, ids=str)
def test_every_locked_dependency_has_a_hash(lock: Path) -> None:
    entries = re.split(r"\n(?=\S)", lock.read_text().strip())
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert len(list_pins(lock.read_text())) == len(entries) > 50


def test_all_that_runs_is_audited_under_its_locked_version() -> None:
    runs, audited = (list_pins(lock.read_text()) for lock in LOCKS[:2])
    assert {pin.partition(" ;")[0] for pin in runs} <= {pin.partition(" ;")[0] for pin in audited}


def advisories(vulnerable: str) -> Quart:
    """A service that knows one hole."""
    web = Quart("advisories")

    @web.post("/v1/querybatch")
    async def query() -> Response:
        asked: list[dict[str, Any]] = (await request.get_json())["queries"]
        vulns = {"vulns": [{"id": HOLE["id"], "modified": HOLE["modified"]}]}
        return jsonify(
            {"results": [vulns if each["package"]["name"] == vulnerable else {} for each in asked]}
        )

    @web.get("/v1/vulns/<_>")
    async def show(_: str) -> Response:
        affected = {"package": {"name": vulnerable, "ecosystem": "PyPI"}, "versions": ["2.2.0"]}
        return jsonify({**HOLE, "summary": "a hole", "affected": [affected]})

    return web


async def audit_idna(vulnerable: str) -> tuple[int, list[str]]:
    async with serving(advisories(vulnerable)) as url:
        return await asyncio.to_thread(find_holes, ["idna==3.10"], "--service-url", f"{url}/")


async def test_a_known_hole_fails_the_audit(promise: Promise) -> None:
    holes, none = await asyncio.gather(audit_idna("idna"), audit_idna("other"))
    promise("D8", "a known hole in a locked version", f"{len(holes[1])} found")
    assert holes == (1, ["idna 3.10: GHSA-1 a hole"])
    assert none == (1, [])


def test_without_an_advisory_service_the_audit_is_skipped_loudly_and_in_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(AuditSkippedError, match="gives no answer"):
        find_holes(["idna==3.10"], within=0.001)

    def answer(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 2, "", "error: Request failed after 3 retries")

    monkeypatch.setattr(audit, "_run", answer)
    assert audit.main() == 0
    assert capsys.readouterr().out.startswith("AUDIT SKIPPED: the advisory service cannot be reached.")
