"""The cost of one command in Slack, so that it does not grow unseen."""

import hashlib
import hmac
from urllib.parse import urlencode

from quart import Quart

from bot.web.app import create_web
from bot.web.slack import create_slack_app
from jobq import utc_now
from tests.counting import Count, counted
from tests.journeys.whole import Whole

MOST_FUNCTIONS = 89
"""Of all rooms; the queue, the working time and the people take 37 of them."""
MOST_FUNCTIONS_OF_THE_DOOR = 50
THE_DOOR = ("bot/web/", "bot/slack/", "bot/actions/")
MOST_STATEMENTS = 6
MOST_STATEMENTS_WITH_A_REVIEW = 7
"""One more saves the job of the reminder, which then waits until the snooze ends."""


async def post_command(web: Quart, ripe: Whole, command: str, text: str, trigger: str) -> str:
    """Posts a signed command to `/slack/events` and returns the answer."""
    fields = {
        "command": command,
        "text": text,
        "user_id": "U0CHO00001",
        "team_id": ripe.slack.state.team_id,
        "trigger_id": trigger,
        "response_url": "https://slack.example/respond",
        "channel_id": "D1",
    }
    body, timestamp = urlencode(fields), str(int(utc_now().timestamp()))
    secret = ripe.app.settings.slack_signing_secret
    assert secret is not None
    signed = hmac.new(secret.get_secret_value().encode(), f"v0:{timestamp}:{body}".encode(), hashlib.sha256)
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": f"v0={signed.hexdigest()}",
    }
    reply = await web.test_client().post("/slack/events", data=body.encode(), headers=headers)
    assert reply.status_code == 200
    return str(await reply.get_data(as_text=True))


async def count_command(ripe: Whole, command: str, text: str) -> Count:
    """Counts the second of two commands: at the first one, Bolt and asyncpg prepare themselves."""
    web = create_web(ripe.app, create_slack_app(ripe.app))
    await post_command(web, ripe, command, text, "1.1")
    async with counted(ripe.app.database) as count:
        answer = await post_command(web, ripe, command, text, "2.1")
    assert "Snoozed until" in answer
    print(count.describe())  # noqa: T201 - `pytest -rP` shows it
    return count


async def test_a_snooze_stays_within_its_budget(ripe: Whole) -> None:
    count = await count_command(ripe, "/snooze", "2h")
    at_the_door = [name for file, name in count.functions if file.startswith(THE_DOOR)]
    assert len(count.functions) <= MOST_FUNCTIONS, count.describe()
    assert len(at_the_door) <= MOST_FUNCTIONS_OF_THE_DOOR, count.describe()
    assert len(count.statements) <= MOST_STATEMENTS, count.describe()


async def test_a_snooze_of_a_review_that_waits_stays_within_its_budget(ripe: Whole) -> None:
    await ripe.open_pull_request("docs/intro.md")
    count = await count_command(ripe, "/snooze", "2h")
    assert len(count.statements) <= MOST_STATEMENTS_WITH_A_REVIEW, count.describe()
