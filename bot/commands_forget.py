"""`ripe forget OWNER`."""

from typing import Annotated

import typer

from bot.actions.forget import forget_owner, plan_forgetting
from bot.app import App
from bot.running import run_on_app, show


def forget(
    owner: Annotated[str, typer.Argument(metavar="OWNER", help="The user or organisation on GitHub.")],
    is_sure: Annotated[bool, typer.Option("--yes", help="Do it.")] = False,
) -> None:
    """Delete what is known of an account: its repositories, pull requests, reviews, messages, payloads.

    People and rules stay. Without --yes it only counts.
    """

    async def run(app: App) -> bool:
        if not is_sure:
            show(["Would be deleted:", *await plan_forgetting(owner, app.workspace_id)])
            typer.echo("Nothing was deleted; --yes does it.")
            return True
        now = app.clock.now()
        show(["Deleted:", *await forget_owner(owner, app.workspace_id, github=app.github, now=now)])
        return True

    run_on_app(run)
