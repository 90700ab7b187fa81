"""The ways in which a review can come to a standstill, each as people bring it about."""

from datetime import UTC, datetime

from bot.sandbox.github.model import Pull
from bot.sandbox.slack.model import Fault
from bot.slack.messages import MUTE, SNOOZE
from tests.journeys.whole import Whole


def at(text: str) -> datetime:
    """November 2037 in UTC; Berlin is one hour ahead, Tokyo nine. "23" is Monday."""
    day, _, clock = text.partition(" ")
    hour, _, minute = (clock or "0:00").partition(":")
    return datetime(2037, 11, int(day), int(hour), int(minute), tzinfo=UTC)


async def ask(ripe: Whole, *reviewers: str, by: str = "ben", author: str = "ben") -> Pull:
    """A human asks these people. No rule is about these files."""
    pull = ripe.github.open_pull_request("acme/web", author, "Round up", ["src/main.py"])
    ripe.github.request_review(pull, reviewers, by=by)
    await ripe.pass_time(minutes=1)
    return pull


async def press(ripe: Whole, name: str, action: str, value: str | None = None) -> None:
    reply = await ripe.slack.click(name, ripe.messages(name)[-1].ts, action, value)
    assert reply.error is None, reply
    await ripe.settle()


async def say(ripe: Whole, name: str, command: str, text: str) -> None:
    assert (await ripe.slack.run_command(name, command, text)).error is None
    await ripe.settle()


async def muted(ripe: Whole) -> None:
    await ask(ripe, "cho")
    await press(ripe, "cho", MUTE)


async def snoozed_until_change(ripe: Whole) -> None:
    await ask(ripe, "cho")
    await press(ripe, "cho", SNOOZE, "1:change")


async def snoozed_for_long(ripe: Whole) -> None:
    await ask(ripe, "cho")
    await say(ripe, "cho", "/snooze", "acme/web#1 until 7 dec")


async def everything_snoozed(ripe: Whole) -> None:
    await say(ripe, "cho", "/snooze", "until 7 dec")
    await ask(ripe, "cho")


async def away_before(ripe: Whole) -> None:
    """A human asks somebody who is out."""
    await say(ripe, "cho", "/ooo", "until 11 dec")
    await ask(ripe, "cho")


async def away_after(ripe: Whole) -> None:
    await ask(ripe, "cho")
    await say(ripe, "cho", "/ooo", "24 nov - 11 dec")


async def deactivated(ripe: Whole) -> None:
    await ask(ripe, "cho")
    await ripe.slack.change_user("cho", deleted=True)
    await ripe.settle()


async def refused(ripe: Whole) -> None:
    """Slack refuses the DM, and sends no event about the person."""
    ripe.slack.user("cho").deleted = True
    await ask(ripe, "cho")


async def all_sent(ripe: Whole) -> None:
    await ask(ripe, "cho")


async def unconfirmed(ripe: Whole) -> None:
    """The DM arrives, Slack's reply is lost, and the app may not read the history."""
    ripe.slack.faults.add(Fault(method="chat.postMessage", kind="cut", moment="after"))
    ripe.slack.faults.add(
        Fault(method="conversations.history", kind="refused", code="missing_scope", times=99_999)
    )
    await ask(ripe, "cho")
    # Real time, which the clock of this bot does not move.
    await ripe.app.database.execute("UPDATE message SET sending_on = sending_on - interval '1 hour'")


async def never_at_work(ripe: Whole) -> None:
    await ripe.app.database.execute("UPDATE person SET spans = '{}' WHERE name ILIKE 'cho%'")
    await ask(ripe, "cho")


async def unlinked(ripe: Whole) -> None:
    await ask(ripe, "eli")


async def one_muted_one_unlinked(ripe: Whole) -> None:
    await ask(ripe, "cho", "eli")
    await press(ripe, "cho", MUTE)


async def only_a_team(ripe: Whole) -> None:
    pull = ripe.github.open_pull_request("acme/web", "ben", "Round up", ["src/main.py"])
    ripe.github.request_review(pull, [], by="ben", teams=["payments"])
    await ripe.settle()


async def no_rule_matches(ripe: Whole) -> None:
    ripe.github.open_pull_request("acme/api", "ben", "Round up", ["src/main.py"])
    await ripe.settle()


async def nobody_left(ripe: Whole) -> None:
    await say(ripe, "cho", "/ooo", "until 11 dec")
    await ripe.open_pull_request("docs/intro.md")


async def approved_enough(ripe: Whole) -> None:
    pull = await ask(ripe, "cho", "ana")
    ripe.github.review(pull, "ana", "APPROVED")
    await ripe.settle()
