"""`ripe accounts`: for which GitHub accounts Ripe works."""

from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.running import run_on_app, show

if TYPE_CHECKING:
    from bot.app import App

accounts = typer.Typer(help="The GitHub accounts for which Ripe works.", no_args_is_help=True)

Login = Annotated[str, typer.Argument(metavar="LOGIN", help="The account's login, or id:NUMBER.")]
BY = "the command line"


@accounts.command(name="list")
def list_accounts() -> None:
    """Show which accounts are allowed, wait for an admin, or were refused."""

    async def run(app: "App") -> bool:
        from bot.actions.accounts import describe_accounts

        show(await describe_accounts(app.workspace_id))
        return True

    run_on_app(run)


@accounts.command()
def allow(login: Login) -> None:
    """Work for an account: its reviewers are reminded from now on."""
    _decide("allow", login)


@accounts.command()
def refuse(login: Login) -> None:
    """Do nothing for an account. It may be allowed later."""
    _decide("refuse", login)


def _decide(word: str, login: str) -> None:
    async def run(app: "App") -> bool:
        from bot.actions.accounts import decide_about_account

        now = app.clock.now()
        text = await decide_about_account(app.workspace_id, word, login, BY, queue=app.queue, now=now)
        typer.echo(text.replace("*", "").replace("`", ""))
        return True

    run_on_app(run)
