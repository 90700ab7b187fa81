"""Whether reviewers can be reached in Slack, as far as the database and Slack know."""

from collections.abc import Sequence

from bot.assignment.config import logins_of
from bot.doctor.model import Finding, State, name_some, ok, skipped, warning
from bot.doctor.ports import DoctorPorts
from bot.flows.current_rules import list_rules
from bot.flows.open_requests import list_unmapped_reviewers
from bot.flows.unheard import HEARD_WITHIN, list_unheard_labels
from bot.flows.workspaces import find_first_workspace
from bot.people import store
from bot.slack.errors import SlackOutcomeUnknownError, SlackRefusedError
from bot.slack.gateway import SlackUser
from jobq import Postpone

UNMAPPED, GONE, GUESTS = "people.unmapped", "people.deactivated", "people.guests"
UNHEARD = "people.unheard"

_CONNECT = (
    "Each types `/reviews link` in Slack. Or import all: `ripe people import FILE` with the columns"
    " github_login and slack_id or email."
)


async def check_unmapped(ports: DoctorPorts) -> Sequence[Finding]:
    """Reviewers, or people named in rules, who are not linked to a Slack user."""
    with ports.load_database().ambient():
        workspace_id = await find_first_workspace()
        mapped = {account.login.lower() for account in await store.list_accounts(workspace_id)}
        waiting = dict(await list_unmapped_reviewers(workspace_id))
        configs = await list_rules(workspace_id)
    named_in_rules = {login for config in configs.values() for login in logins_of(config)}
    asked = {login.lower() for login in waiting}
    others = sorted(named_in_rules - mapped - asked)
    if not mapped:
        return [warning(UNMAPPED, "nobody is connected to a GitHub account, so nobody gets a DM", _CONNECT)]
    if not waiting and not others:
        return [
            ok(UNMAPPED, f"everybody who is asked or named in rules is connected ({len(mapped)} accounts)")
        ]
    unmapped = [f"{login} ({reviews} waiting)" for login, reviews in waiting.items()]
    unmapped += [f"{login} (named in rules)" for login in others]
    return [
        warning(
            UNMAPPED,
            f"not connected to Slack, so they get no DM: {name_some(unmapped)}",
            "Connect them: `ripe people import FILE` with the columns github_login and slack_id or email.",
        )
    ]


async def check_profiles(ports: DoctorPorts) -> Sequence[Finding]:
    """Linked people whose Slack account was deactivated or is a guest's."""
    with ports.load_database().ambient():
        workspace_id = await find_first_workspace()
        people = await store.list_people(workspace_id)
        accounts = await store.list_accounts(workspace_id)
    profiles, why_unknown = await _list_profiles(ports)
    owners = {person.id: profiles.get(person.slack_user_id) for person in people}
    gone = {person.id for person in people if not person.is_active}
    gone |= {identity for identity, profile in owners.items() if profile and not profile.is_active}
    guests = {identity for identity, profile in owners.items() if profile and profile.is_guest} - gone
    judged = [
        _judge(
            GONE,
            [account.login for account in accounts if account.person_id in gone],
            "deactivated or guests in Slack",
            "Take them out of the rules (`ripe config apply FILE`), or connect them to who they are now.",
        ),
        _judge(
            GUESTS,
            [account.login for account in accounts if account.person_id in guests],
            "guests in Slack, who get titles and paths of pull requests",
            "See that each may know these repositories; otherwise take them out of the people file.",
        ),
    ]
    return [_skip_if_unknown(finding, why_unknown) for finding in judged]


def _skip_if_unknown(finding: Finding, why_unknown: str) -> Finding:
    """People of whom we know it are worth a warning even then."""
    is_unknown = why_unknown and finding.state is State.OK
    return skipped(finding.check, why_unknown) if is_unknown else finding


async def check_unheard(ports: DoctorPorts) -> Sequence[Finding]:
    """Pull requests on which nobody acts, and of which neither their author nor an admin has heard."""
    with ports.load_database().ambient():
        labels = await list_unheard_labels(ports.clock.now() - HEARD_WITHIN)
    if not labels:
        return [ok(UNHEARD, "nobody who should hear of a silent pull request is out of reach")]
    return [
        warning(
            UNHEARD,
            f"nobody is reminded, and neither the author nor an admin gets a DM: {name_some(labels)}",
            "`ripe why` says why for each. Connect their authors (`ripe people import FILE`), and see that an"
            " admin of the Slack workspace can get DMs.",
        )
    ]


async def _list_profiles(ports: DoctorPorts) -> tuple[dict[str, SlackUser], str]:
    """Slack's users by id; or none, and why Slack does not list them."""
    if ports.slack is None:
        return {}, "no Slack app is set"
    try:
        return {user.id: user for user in await ports.slack.list_users()}, ""
    except SlackRefusedError as error:
        return {}, f"Slack refuses to list its users ({error.error}): see slack.token and slack.scopes"
    except (SlackOutcomeUnknownError, Postpone):
        return {}, "Slack does not list its users now"


def _judge(check: str, logins: Sequence[str], problem: str, fix: str) -> Finding:
    if not logins:
        return ok(check, "nobody who is connected")
    return warning(check, f"{problem}: {name_some(logins)}", fix)
