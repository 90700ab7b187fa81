"""Lists the calls that GitHub and Slack refuse, and the people who get no DMs for that reason."""

from collections.abc import Sequence
from datetime import datetime

from bot.doctor.model import Finding, name_some, ok, warning
from bot.doctor.ports import DoctorPorts
from bot.flows.obstacles import Call, Obstacle, describe_mistake, describe_obstacle, list_obstacles
from bot.flows.refused_people import RefusedPerson, list_refused_people
from bot.model import WorkspaceId
from bot.slack.model import MESSAGE_ERRORS

GITHUB, SLACK = "github.obstacles", "slack.obstacles"

_OF_SLACK = (Call.DMS, Call.EDITS)


async def check_obstacles(ports: DoctorPorts) -> Sequence[Finding]:
    """The calls that have waited for a while, or are refused for good."""
    now = ports.clock.now()
    with ports.load_database().ambient():
        listed = [obstacle for obstacle in await list_obstacles(now) if obstacle.is_shown(now)]
        refused = await list_refused_people()
    of_github = [_describe(obstacle) for obstacle in listed if obstacle.call not in _OF_SLACK]
    noted = {(obstacle.workspace_id, obstacle.subject) for obstacle in listed if obstacle.call is Call.DMS}
    of_slack = [_describe(obstacle) for obstacle in listed if obstacle.call in _OF_SLACK]
    of_slack += [
        f"{_describe_refusal(person)} ({person.reason})."
        for person in refused
        if (WorkspaceId(person.workspace_id), person.name) not in noted
    ]
    return [
        _judge(
            GITHUB,
            of_github,
            "See what https://www.githubstatus.com says, and that the installation may do this: an owner"
            " accepts permissions on its page on GitHub. `ripe why OWNER/REPO#N` says what Ripe did instead.",
        ),
        _judge(
            SLACK,
            of_slack,
            "See slack.token and slack.scopes. A person who is gone or a bot: take them out of the rules, or"
            " connect the login to who they are now (`ripe people import FILE`). Ripe tries again every day.",
        ),
    ]


def _describe_refusal(person: RefusedPerson) -> str:
    is_mistake = person.reason in MESSAGE_ERRORS
    return describe_mistake(person.name) if is_mistake else f"Slack refuses DMs to {person.name}"


def _describe(obstacle: Obstacle) -> str:
    return describe_obstacle(obstacle, _time(obstacle.since))


def _time(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"


def _judge(check: str, sentences: Sequence[str], fix: str) -> Finding:
    if not sentences:
        return ok(check, "none")
    return warning(check, name_some([sentence.removesuffix(".") for sentence in sentences]), fix)
