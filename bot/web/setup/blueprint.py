"""Every page of the setup."""

from quart import Blueprint

from bot.web.setup.github_step import add_github_step
from bot.web.setup.guard import guard_setup
from bot.web.setup.pages import add_entrance, add_last_steps, add_profile_step
from bot.web.setup.parts import Parts
from bot.web.setup.slack_step import add_slack_step


def setup_blueprint(parts: Parts) -> Blueprint:
    """`/setup` and everything under it."""
    blueprint = Blueprint(
        "setup",
        __name__,
        template_folder="templates",
        static_folder="static",
        static_url_path="/setup/static",
    )
    guard_setup(blueprint, parts)
    add_entrance(blueprint, parts)
    add_profile_step(blueprint, parts)
    add_github_step(blueprint, parts)
    add_slack_step(blueprint, parts)
    add_last_steps(blueprint, parts)
    return blueprint
