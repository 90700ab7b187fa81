"""Acts of people with two Slack workspaces on one bot."""

import httpx

from bot.actions.apply_config import apply_config
from bot.actions.import_people import import_people
from bot.github.store import save_installation
from bot.model import InstallationId, WorkspaceId
from bot.sandbox.github.seed import REPOSITORIES
from bot.sandbox.slack.world import SlackWorld
from tests.journeys.on_github import open_workspace_link
from tests.journeys.whole import PEOPLE, RULES, Whole

BETA = "T0BETA0001"


async def go_to_slack(browser: httpx.AsyncClient) -> str:
    """Slack's page, to which /slack/install sends the browser that opens an admin's link."""
    sent = await open_workspace_link(browser)
    assert sent.status_code == 303, sent.text
    return sent.headers["location"]


async def allow(browser: httpx.AsyncClient, page: str, team: str = BETA) -> str:
    """Press a button on Slack's page; where it sends the browser back to."""
    shown = await browser.get(page)
    assert f'value="{team}"' in shown.text, shown.text
    answer = await browser.post(page, data={"team": team})
    return answer.headers["location"]


async def install(browser: httpx.AsyncClient, team: str = BETA) -> httpx.Response:
    return await browser.get(await allow(browser, await go_to_slack(browser), team))


async def workspaces(ripe: Whole) -> dict[str, WorkspaceId]:
    """Those that have a token or are the first, by Slack's id."""
    rows = await ripe.app.database.fetch("SELECT id, slack_team_id FROM workspace ORDER BY id")
    return {row["slack_team_id"]: WorkspaceId(row["id"]) for row in rows}


async def beta_id(ripe: Whole) -> WorkspaceId:
    return (await workspaces(ripe))[BETA]


async def move_github_to(ripe: Whole, workspace_id: WorkspaceId) -> None:
    """As if the App had been installed for that workspace from the beginning, with people and rules."""
    app = ripe.app
    uninstalled = ripe.github.document.installations[0]
    ripe.github.uninstall(uninstalled)
    await ripe.settle()
    ripe.github.webhooks.hold()
    installation = ripe.github.install(REPOSITORIES)
    await save_installation(workspace_id, InstallationId(installation.id))
    ripe.github.webhooks.release(lambda held: held)
    await ripe.settle()
    slack = await app.workspaces.of(workspace_id)
    imported = await import_people(
        PEOPLE, "people.csv", workspace_id, apply=True,
        github=app.github, slack=slack, queue=app.queue, clock=app.clock,
    )  # fmt: skip
    assert imported.is_ok, imported.lines()
    applied = await apply_config(RULES, workspace_id, queue=app.queue, now=ripe.clock.now())
    assert applied.is_ok, applied.lines()


def reminders(slack: SlackWorld, name: str) -> int:
    return sum(message.metadata is not None for message in slack.messages_to(name))


async def type_command(slack: SlackWorld, name: str, command: str, text: str = "") -> str:
    reply = await slack.run_command(name, command, text)
    assert reply.is_ok, reply
    assert reply.message_ts is not None, reply
    return slack.rendered_text(slack.state.messages[reply.message_ts])
