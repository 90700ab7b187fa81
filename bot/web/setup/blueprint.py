"""Every page of the setup."""

from quart import Blueprint

from bot.web.setup.entrance import add_entrance
from bot.web.setup.github_step import add_github_step
from bot.web.setup.guard import guard_setup
from bot.web.setup.last_steps import add_last_steps
from bot.web.setup.ports import SetupPorts
from bot.web.setup.profile_step import add_profile_step
from bot.web.setup.slack_step import add_slack_step


def setup_blueprint(ports: SetupPorts) -> Blueprint:
    """`/setup` and everything under it."""
    blueprint = Blueprint(
        "setup",
        __name__,
        template_folder="templates",
        static_folder="static",
        static_url_path="/setup/static",
    )
    guard_setup(blueprint, ports)
    add_entrance(blueprint, ports)
    add_profile_step(blueprint, ports)
    add_github_step(blueprint, ports)
    add_slack_step(blueprint, ports)
    add_last_steps(blueprint, ports)
    return blueprint
