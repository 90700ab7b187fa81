"""`ripe forget OWNER`: deletes the data about a GitHub account that has uninstalled Ripe."""

from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.running import run_on_app, show

if TYPE_CHECKING:
    from bot.app import App
    from bot.slack.gateway import SlackGateway


def forget(
    owner: Annotated[str, typer.Argument(metavar="OWNER", help="The user or organisation on GitHub.")],
    is_sure: Annotated[bool, typer.Option("--yes", help="Delete it; without this, only count.")] = False,
) -> None:
    """Delete the data about a GitHub account.

    These are its repositories, pull requests, reviews, messages and payloads. People and rules stay. Without
    --yes it only counts.
    """

    async def run(app: "App") -> bool:
        from bot.actions.forget import forget_owner, plan_forgetting

        if not is_sure:
            show(["Would be deleted:", *await plan_forgetting(owner, app.workspace_id)])
            typer.echo("Nothing was deleted; --yes does it.")
            return True
        deleted = await forget_owner(
            owner,
            app.workspace_id,
            github=app.github,
            slack=await _find_slack(app) if await app.switch.is_live() else None,
            queue=app.queue,
            clock=app.clock,
        )
        show(["Deleted:", *deleted])
        return True

    run_on_app(run)


async def _find_slack(app: "App") -> "SlackGateway | None":
    from bot.slack.errors import WorkspaceGoneError

    try:
        return await app.workspaces.of(app.workspace_id)
    except WorkspaceGoneError:
        return None
