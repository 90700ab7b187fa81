"""The page names the rules as they are, and its routes accept what people type with curl."""

import re
import shlex
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from bot.assignment.config import RepositoryConfig
from bot.encryption import tls_context
from bot.sandbox.page.state import describe_rules
from bot.sandbox.slack.control import Command
from tests.journeys.whole import MONDAY_MORNING, whole_bot

EXAMPLES = re.findall(r"^curl .*$", Path("README.md").read_text(), re.MULTILINE)


def test_the_hint_below_the_form_follows_the_rules() -> None:
    rules = [
        {"paths": ["billing/**", "*.sql"], "people": ["ana", "cho"]},
        {"paths": ["**"], "people": ["dev"]},
    ]
    config = RepositoryConfig.model_validate({"rules": rules})
    hint = describe_rules("acme/api", config)
    assert hint == "acme/api: Ana, Cho for billing/**, *.sql; Dev for all files."
    for none in (None, RepositoryConfig()):
        assert describe_rules("acme/web", none) == "acme/web has no rules, so Ripe asks nobody."


@pytest.mark.parametrize(
    ("command", "text", "split"),
    [
        ("/snooze", "2h", ("/snooze", "2h")),
        ("/snooze 2h", "", ("/snooze", "2h")),
        ("/reviews", "", ("/reviews", "")),
        ("/ooo until", "friday", ("/ooo", "until friday")),
    ],
)
def test_a_command_may_come_in_one_field(command: str, text: str, split: tuple[str, str]) -> None:
    assert Command(user="ana", command=command, text=text).split() == split


async def test_the_curl_examples_of_the_readme_work_as_printed(dsn: str) -> None:
    async with whole_bot(dsn, MONDAY_MORNING) as ripe, httpx.AsyncClient(verify=tls_context()) as client:
        await ripe.app.database.execute("INSERT INTO sandbox_clock (shift) VALUES ($1)", ripe.clock.shift)
        before = ripe.clock.shift
        await ripe.open_pull_request("billing/invoice.py")
        for line in EXAMPLES:
            _, _, _, address, _, body, *_ = shlex.split(line, comments=True)
            url = f"{ripe.app.settings.public_url}{address.removeprefix('localhost:8080')}"
            answer = await client.post(url, content=body, headers={"Content-Type": "application/json"})
            assert answer.is_success, f"{line}: {answer.text}"
        await client.post(f"{ripe.app.settings.public_url}/sandbox/clock", json={"days": 1})
        await ripe.settle()
        assert ripe.clock.shift - before >= timedelta(days=1, hours=4)
        state = (await client.get(f"{ripe.app.settings.public_url}/page/state")).json()
    assert len(EXAMPLES) == 3
    assert (state["mode"], list(state["rules"])) == ("live", ["acme/api", "acme/web"])
