"""The web process: a few routes, each of which stores a request, queues its work and answers."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog
from prometheus_client import CollectorRegistry
from quart import Blueprint, Quart, Response
from werkzeug.exceptions import HTTPException

from bot.app import App, announce, following_clock, make_database, open_app
from bot.clock import Clock
from bot.credentials import complete_settings, open_store
from bot.errors import describe_error
from bot.flows.metrics import DatabaseHealthMetrics, Exposition, LaneMetrics
from bot.settings import Settings, SettingsError
from bot.slack.bolt import SlackApp
from bot.slack.socket_mode import hearing_slack
from bot.web import slack as slack_requests
from bot.web import webhooks
from bot.web.files import WebResponse
from bot.web.health import findings_blueprint, health_blueprint
from bot.web.identity.blueprint import LARGEST_FORM, identity_blueprint
from bot.web.limits import limit_requests
from bot.web.metrics import metrics_blueprint
from bot.web.server import serve_until
from bot.web.setup.blueprint import setup_blueprint
from bot.web.setup.outside import closed_blueprint, installed_blueprint
from bot.web.setup.passes import is_opened
from bot.web.setup.ports import SetupPorts
from bot.web.setup.slack_step import LARGEST_CHALLENGE, challenge_blueprint
from bot.web.slack import create_slack_app, slack_blueprint, socket_mode_blueprint
from bot.web.slack_install import recognizing_first_workspace, slack_install_blueprint
from bot.web.webhooks import NO_DATABASE, accept_webhooks
from jobq import Database, Queue, is_transient

log = structlog.get_logger()

MakePages = Callable[[App], Sequence[Blueprint]]
"""Makes the pages that only the sandbox has."""
CAPS = {
    webhooks.PATH: webhooks.LARGEST_BODY,
    slack_requests.PATH: slack_requests.LARGEST_BODY,
    "/github/": LARGEST_FORM,
}
"""Bytes of a body by path; elsewhere limits.LARGEST_BODY."""


def create_web(app: App, slack: SlackApp, pages: Sequence[Blueprint] = ()) -> Quart:
    """Every route of the bot. The sandbox adds its `pages`; without them `/setup` is closed."""
    web = Quart("ripe")
    settings = app.settings
    web.register_blueprint(health_blueprint(app.database, settings.public_url))
    web.register_blueprint(findings_blueprint(app))
    web.register_blueprint(metrics_blueprint(_exposition(app), settings.metrics_token))
    web.register_blueprint(_slack_blueprint(settings, slack))
    web.register_blueprint(slack_install_blueprint(settings, app.workspaces, app.queue, app.clock))
    web.register_blueprint(identity_blueprint(app))
    for page in pages or [closed_blueprint(settings.github_web_url)]:
        web.register_blueprint(page)
    web.register_blueprint(installed_blueprint(settings.github_web_url))
    accept_webhooks(web, settings.github_webhook_secret, app.queue, app.clock)
    finish_web(web, app.database, CAPS)
    return web


async def create_setup_web(settings: Settings, database: Database) -> Quart:
    """/setup, for a bot that may have no credentials yet. It already stores the deliveries of a new App."""
    web = Quart("ripe")
    entered = await complete_settings(settings)
    ports = SetupPorts(settings, database, open_store(settings), list(entered.github_webhook_secret))
    clock = Clock()
    web.register_blueprint(health_blueprint(database, settings.public_url))
    web.register_blueprint(challenge_blueprint())
    web.register_blueprint(setup_blueprint(ports))
    web.register_blueprint(installed_blueprint(settings.github_web_url))
    accept_webhooks(web, ports.webhook_secrets, Queue(database, clock.now), clock)
    finish_web(web, database, {**CAPS, slack_requests.PATH: LARGEST_CHALLENGE})
    return web


def finish_web(web: Quart, database: Database, caps: Mapping[str, int]) -> None:
    """Give an application with all its routes their database, their limits and their answers to errors."""
    web.response_class = WebResponse
    web.register_error_handler(Exception, _answer_after_error)
    limit_requests(web, caps, around=database.ambient)


def _exposition(app: App) -> Exposition:
    """The metrics of queue and database. The workers count the outcomes of jobs: see docs/decisions.md."""
    registry = CollectorRegistry()
    lanes, health = LaneMetrics(app.queue, registry), DatabaseHealthMetrics(app.queue, app.clock, registry)
    return Exposition(registry, (lanes.look, health.look))


def _slack_blueprint(settings: Settings, slack: SlackApp) -> Blueprint:
    """Slack over HTTP or in Socket Mode, never both."""
    if settings.slack_app_token is not None:
        return socket_mode_blueprint()
    if settings.slack_signing_secret is None:
        raise SettingsError("SLACK_SIGNING_SECRET: missing")
    return slack_blueprint(slack, settings.slack_signing_secret)


def _answer_without_database(error: Exception) -> Response:
    log.warning("a request was not served", error=describe_error(error))
    return Response(f"{NO_DATABASE}
", status=503, headers={"Retry-After": "5"})


async def _answer_after_error(error: Exception) -> Response | HTTPException:
    if isinstance(error, HTTPException):
        return error
    if is_transient(error):
        return _answer_without_database(error)
    log.exception("a request failed")
    return Response("Ripe made a mistake; it is in its log\n", status=500)


async def run_web(settings: Settings, stop: asyncio.Event, make_pages: MakePages | None = None) -> None:
    """Serve the bot, or /setup while that is open, until `stop` is set."""
    if settings.ripe_setup:
        async with make_database(settings) as database:
            # RIPE_SETUP may stay set for ever, so it is not enough: `ripe up` must have opened the setup.
            if await is_opened():
                web = await create_setup_web(settings, database)
                await serve_until(web, settings.host, settings.port, stop)
                return
    async with (
        open_app(settings) as app,
        following_clock(app, lambda: None),
        recognizing_first_workspace(app),
        hearing_slack(
            slack := create_slack_app(app), app.settings.slack_app_token, app.settings.slack_api_url
        ),
    ):
        await announce(app, "web", listens_on=f"{app.settings.host}:{app.settings.port}")
        pages = make_pages(app) if make_pages else ()
        await serve_until(create_web(app, slack, pages), app.settings.host, settings.port, stop)
