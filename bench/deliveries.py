"""The webhooks that are posted: what GitHub sends about pull requests, as large as there."""

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.sandbox.github.seed import REPOSITORIES, seed
from bot.sandbox.github.world import GitHubWorld
from bot.sandbox.webhooks import Webhooks

SECRET = "the secret of the benchmark"  # noqa: S105
PULL_REQUESTS = 200
MADE_AT = datetime(2026, 11, 23, 12, tzinfo=UTC)


class _Kept(Webhooks):
    """Posts nothing."""

    def __init__(self) -> None:
        self.payloads: list[tuple[str, dict[str, Any]]] = []

    def emit(self, event: str, payload: dict[str, Any]) -> Any:
        self.payloads.append((event, payload))


def payload_of(action: str) -> dict[str, Any]:
    """A pull_request event of the sandbox, which has all of GitHub's fields: 19 KB."""
    kept = _Kept()
    world = GitHubWorld(
        seed(1), kept, lambda: MADE_AT, api="https://api.github.com", web="https://github.com"
    )
    world.install(REPOSITORIES)
    world.open_pull_request("acme/api", "ben", "Round up", ["billing/tax.py"])
    return copy.deepcopy(kept.payloads[-1][1]) | {"action": action}


def bodies() -> Iterator[bytes]:
    """Pushes to many pull requests, one after the other, each newer than the one before."""
    payload = payload_of("synchronize")
    for number in range(PULL_REQUESTS):
        pull_request = payload["pull_request"]
        pull_request |= {"id": 1_000 + number, "number": 1_000 + number}
        pull_request["head"]["sha"] = f"{number:040x}"
        pull_request["updated_at"] = f"{MADE_AT + timedelta(seconds=number):%Y-%m-%dT%H:%M:%SZ}"
        yield json.dumps(payload).encode()
