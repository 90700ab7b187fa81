"""Asks GitHub and Slack whether the entered credentials work, with the checks of `ripe doctor`."""

import asyncio
from collections.abc import Sequence

from bot.app import make_github, make_slack
from bot.clock import Clock
from bot.doctor.github import check_app, check_installations
from bot.doctor.model import Finding
from bot.doctor.ports import DoctorPorts
from bot.doctor.slack import check_connection, check_token
from bot.settings import Settings
from jobq import Database


async def examine_entered(settings: Settings, database: Database) -> Sequence[Finding]:
    """The findings about GitHub and Slack, each left out as long as it has no credentials."""
    clock = Clock()
    github = make_github(settings, clock) if settings.has_github else None
    slack = make_slack(settings, clock) if settings.has_slack else None
    ports = DoctorPorts(settings, clock, database, None, github, slack)
    checks = [check_app, check_installations] if github else []
    checks += [check_token, check_connection] if slack else []
    try:
        answers = await asyncio.gather(*(check(ports) for check in checks))
    finally:
        if github is not None:
            await github.close()
        if slack is not None:
            await slack.close()
    return [finding for findings in answers for finding in findings]
