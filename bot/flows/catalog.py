"""Every job this bot queues: its name, its subject, its arguments and its lane, in one place.

A job's identity is its type and arguments, so saving one of these twice never queues it twice.
"""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple

from bot.model import (
    AccountId,
    InstallationId,
    PersonId,
    PullRequestId,
    RepositoryId,
    RequestId,
    WorkspaceId,
)
from bot.reminders.model import AuthorNoticeKind
from jobq import Job


class Lane(IntEnum):
    """Each lane has a worker of its own, so that a merge never waits behind 10,000 DMs."""

    FACTS = 0
    """Fast, database only."""
    CALLS = 1
    """Talks to GitHub or Slack."""


def describe_lane(lane: int) -> str:
    """A lane's name; its number if this version does not know it."""
    return Lane(lane).name.lower() if lane in set(Lane) else str(lane)


APPLY_FACT = "apply_fact"
ASK_FOR_VERDICT = "ask_for_verdict"
ASSIGN_REVIEWERS = "assign_reviewers"
BACKFILL_REPOSITORY = "backfill_repository"
COMPARE_INSTALLATION = "compare_installation"
COMPARE_REPOSITORY = "compare_repository"
COMPARE_WITH_GITHUB = "compare_with_github"
DIGEST = "digest"
ENTER_INSTALLATION = "enter_installation"
FIND_MISSED_DELIVERIES = "find_missed_deliveries"
FORGET_INSTALLATION = "forget_installation"
FORGET_WORKSPACE = "forget_workspace"
GREET_INSTALLER = "greet_installer"
NOTICE_DOWNTIME = "notice_downtime"
POLL = "poll"
POLL_INSTALLATION = "poll_installation"
POLL_REPOSITORY = "poll_repository"
REFRESH_PROFILES = "refresh_profiles"
REFRESH_WORKSPACES = "refresh_workspaces"
REMIND_REVIEWER = "remind_reviewer"
REPAIR = "repair"
SCHEDULE_DIGESTS = "schedule_digests"
SYNC_PULL_REQUEST = "sync_pull_request"
TELL_ADMIN = "tell_admin"
TELL_ADMIN_OF_ACCOUNTS = "tell_admin_of_accounts"
TELL_ADMIN_OF_SILENCE = "tell_admin_of_silence"
TELL_AUTHOR = "tell_author"
TELL_HOLDER = "tell_holder"
TELL_OBSTACLE = "tell_obstacle"
TIDY = "tidy"
WELCOME_DIGEST = "welcome_digest"


class SubjectKind(StrEnum):
    """The kinds of rows that a job can be about. Each row belongs to one workspace."""

    INSTALLATION = "installation"
    PERSON = "person"
    PULL_REQUEST = "pull_request"
    REQUEST = "review_request"
    WORKSPACE = "workspace"


class Subject(NamedTuple):
    """The row that a job is about: its kind, and the argument that is its id."""

    kind: SubjectKind
    argument: str


SUBJECT: Mapping[str, Subject] = {
    ASK_FOR_VERDICT: Subject(SubjectKind.PULL_REQUEST, "pull_request_id"),
    ASSIGN_REVIEWERS: Subject(SubjectKind.PULL_REQUEST, "pull_request_id"),
    BACKFILL_REPOSITORY: Subject(SubjectKind.INSTALLATION, "installation_id"),
    COMPARE_INSTALLATION: Subject(SubjectKind.INSTALLATION, "installation_id"),
    COMPARE_REPOSITORY: Subject(SubjectKind.INSTALLATION, "installation_id"),
    DIGEST: Subject(SubjectKind.PERSON, "person_id"),
    ENTER_INSTALLATION: Subject(SubjectKind.INSTALLATION, "installation_id"),
    FORGET_INSTALLATION: Subject(SubjectKind.INSTALLATION, "installation_id"),
    FORGET_WORKSPACE: Subject(SubjectKind.WORKSPACE, "workspace_id"),
    GREET_INSTALLER: Subject(SubjectKind.INSTALLATION, "installation_id"),
    POLL_INSTALLATION: Subject(SubjectKind.INSTALLATION, "installation_id"),
    POLL_REPOSITORY: Subject(SubjectKind.INSTALLATION, "installation_id"),
    REFRESH_PROFILES: Subject(SubjectKind.WORKSPACE, "workspace_id"),
    REMIND_REVIEWER: Subject(SubjectKind.REQUEST, "request_id"),
    SYNC_PULL_REQUEST: Subject(SubjectKind.PULL_REQUEST, "pull_request_id"),
    TELL_ADMIN: Subject(SubjectKind.WORKSPACE, "workspace_id"),
    TELL_ADMIN_OF_ACCOUNTS: Subject(SubjectKind.WORKSPACE, "workspace_id"),
    TELL_ADMIN_OF_SILENCE: Subject(SubjectKind.WORKSPACE, "workspace_id"),
    TELL_AUTHOR: Subject(SubjectKind.PULL_REQUEST, "pull_request_id"),
    TELL_HOLDER: Subject(SubjectKind.PERSON, "person_id"),
    TELL_OBSTACLE: Subject(SubjectKind.PULL_REQUEST, "pull_request_id"),
    WELCOME_DIGEST: Subject(SubjectKind.PERSON, "person_id"),
}
"""The subject of each job type, which says whose workspace a job belongs to.

The other jobs belong to no workspace before they run: a delivery finds out, and those that recur serve all.
"""


CALLING_AT_ONCE = 2
"""Jobs that ask GitHub about single pull requests, for one installation. GitHub wants few calls at a time:
https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api"""
LISTING_AT_ONCE = 2
"""Jobs that read lists from GitHub, for one installation. They take minutes, so they have a key of their own:
an assignment must not wait until they end."""
SENDING_AT_ONCE = 10
"""Jobs that send for one workspace: half of a worker's slots, so that a slow Slack leaves the rest."""


def _calling(installation_id: InstallationId | None) -> dict[str, Any]:
    """The concurrency key of an installation. Without one, the job keeps the key of an earlier save."""
    if installation_id is None:
        return {}
    return {"concurrency_key": f"github:{installation_id}", "concurrency_limit": CALLING_AT_ONCE}


def _listing(installation_id: InstallationId) -> dict[str, Any]:
    return {"concurrency_key": f"github-lists:{installation_id}", "concurrency_limit": LISTING_AT_ONCE}


def _sending(workspace_id: WorkspaceId | None) -> dict[str, Any]:
    if workspace_id is None:
        return {}
    return {"concurrency_key": f"slack:{workspace_id}", "concurrency_limit": SENDING_AT_ONCE}


def apply_fact_job(guid: str) -> Job:
    """Applies the fact in the delivery with this GUID."""
    return Job(job_type=APPLY_FACT, arguments={"guid": guid}, lane=Lane.FACTS)


def assign_reviewers_job(
    pull_request_id: PullRequestId, installation_id: InstallationId | None = None
) -> Job:
    """Chooses reviewers, and asks them on GitHub."""
    return Job(
        job_type=ASSIGN_REVIEWERS,
        arguments={"pull_request_id": pull_request_id},
        lane=Lane.CALLS,
        **_calling(installation_id),
    )


def ask_for_verdict_job(pull_request_id: PullRequestId, installation_id: InstallationId | None = None) -> Job:
    """Asks GitHub whether a pull request has enough approvals."""
    return Job(
        job_type=ASK_FOR_VERDICT,
        arguments={"pull_request_id": pull_request_id},
        lane=Lane.CALLS,
        **_calling(installation_id),
    )


def sync_pull_request_job(
    pull_request_id: PullRequestId, installation_id: InstallationId | None = None
) -> Job:
    """Asks GitHub for the current state of a pull request, which replaces ours."""
    return Job(
        job_type=SYNC_PULL_REQUEST,
        arguments={"pull_request_id": pull_request_id},
        lane=Lane.CALLS,
        **_calling(installation_id),
    )


def remind_reviewer_job(request_id: RequestId, workspace_id: WorkspaceId | None = None) -> Job:
    """Owns every DM about one review request. Saved for now, it looks at the request again."""
    return Job(
        job_type=REMIND_REVIEWER,
        arguments={"request_id": request_id},
        lane=Lane.CALLS,
        **_sending(workspace_id),
    )


def tell_author_job(
    pull_request_id: PullRequestId, kind: AuthorNoticeKind, workspace_id: WorkspaceId | None = None
) -> Job:
    """Notifies the author, once a round, if the notice is still true when it runs."""
    arguments = {"pull_request_id": pull_request_id, "kind": kind.value}
    return Job(job_type=TELL_AUTHOR, arguments=arguments, lane=Lane.CALLS, **_sending(workspace_id))


def tell_obstacle_job(pull_request_id: PullRequestId, workspace_id: WorkspaceId | None = None) -> Job:
    """Tells the author, once a round, that GitHub refuses to help with a pull request."""
    return Job(
        job_type=TELL_OBSTACLE,
        arguments={"pull_request_id": pull_request_id},
        lane=Lane.CALLS,
        **_sending(workspace_id),
    )


def tell_admin_job(workspace_id: WorkspaceId) -> Job:
    """Tells an admin, at most once a day, what GitHub and Slack refuse."""
    return Job(
        job_type=TELL_ADMIN,
        arguments={"workspace_id": workspace_id},
        lane=Lane.CALLS,
        **_sending(workspace_id),
    )


def tell_admin_of_accounts_job(workspace_id: WorkspaceId) -> Job:
    """Asks an admin whether Ripe may work for the GitHub accounts that wait."""
    return Job(job_type=TELL_ADMIN_OF_ACCOUNTS, arguments={"workspace_id": workspace_id}, lane=Lane.CALLS)


def tell_admin_of_silence_job(workspace_id: WorkspaceId) -> Job:
    """Tells an admin on which pull requests nobody acts while their authors get no DMs."""
    return Job(
        job_type=TELL_ADMIN_OF_SILENCE,
        arguments={"workspace_id": workspace_id},
        lane=Lane.CALLS,
        **_sending(workspace_id),
    )


def tell_holder_job(person_id: PersonId, account_id: AccountId) -> Job:
    """Tells a person that an account of theirs was connected with somebody else."""
    arguments = {"person_id": person_id, "account_id": account_id}
    return Job(job_type=TELL_HOLDER, arguments=arguments, lane=Lane.CALLS)


def backfill_repository_job(
    installation_id: InstallationId, repository_id: RepositoryId, page: int = 1
) -> Job:
    """Reads a page of the pull requests that were open before the install; saves the job of the next page."""
    arguments = {"installation_id": installation_id, "repository_id": repository_id, "page": page}
    return Job(
        job_type=BACKFILL_REPOSITORY, arguments=arguments, lane=Lane.CALLS, **_listing(installation_id)
    )


def digest_job(person_id: PersonId, workspace_id: WorkspaceId | None = None) -> Job:
    """Sends a person one list of the reviews that get no DM of their own."""
    return Job(job_type=DIGEST, arguments={"person_id": person_id}, lane=Lane.CALLS, **_sending(workspace_id))


def welcome_digest_job(person_id: PersonId, workspace_id: WorkspaceId | None = None) -> Job:
    """The same list. It is saved if something is to be listed that waited before Ripe was installed."""
    return Job(
        job_type=WELCOME_DIGEST, arguments={"person_id": person_id}, lane=Lane.CALLS, **_sending(workspace_id)
    )


def greet_installer_job(installation_id: InstallationId, account_id: AccountId) -> Job:
    """Greets the person who installed the App."""
    arguments = {"installation_id": installation_id, "account_id": account_id}
    return Job(job_type=GREET_INSTALLER, arguments=arguments, lane=Lane.CALLS)


def enter_installation_job(installation_id: InstallationId, page: int = 1) -> Job:
    """Reads a page of the repositories of an installation that joined; saves the job of the next page."""
    arguments = {"installation_id": installation_id, "page": page}
    return Job(job_type=ENTER_INSTALLATION, arguments=arguments, lane=Lane.CALLS, **_listing(installation_id))


def forget_installation_job(installation_id: InstallationId) -> Job:
    """Deletes everything about the GitHub account from which the App was uninstalled."""
    return Job(job_type=FORGET_INSTALLATION, arguments={"installation_id": installation_id}, lane=Lane.FACTS)


def forget_workspace_job(workspace_id: WorkspaceId) -> Job:
    """Deletes everything about the Slack workspace that removed the app."""
    return Job(job_type=FORGET_WORKSPACE, arguments={"workspace_id": workspace_id}, lane=Lane.FACTS)


def poll_installation_job(installation_id: InstallationId) -> Job:
    """Asks GitHub which repositories an installation sees, and saves a job for each."""
    return Job(
        job_type=POLL_INSTALLATION,
        arguments={"installation_id": installation_id},
        lane=Lane.CALLS,
        **_listing(installation_id),
    )


def poll_repository_job(installation_id: InstallationId, repository_id: RepositoryId) -> Job:
    """Asks GitHub which pull requests of a repository have changed."""
    arguments = {"installation_id": installation_id, "repository_id": repository_id}
    return Job(job_type=POLL_REPOSITORY, arguments=arguments, lane=Lane.CALLS, **_listing(installation_id))


def refresh_profiles_job(workspace_id: WorkspaceId) -> Job:
    """Asks Slack whether the people of a workspace are still active and no guests."""
    return Job(job_type=REFRESH_PROFILES, arguments={"workspace_id": workspace_id}, lane=Lane.CALLS)


def refresh_workspaces_job() -> Job:
    """Looks after every workspace. It recurs by itself; saved for now, it runs once more."""
    return Job(job_type=REFRESH_WORKSPACES, arguments={}, lane=Lane.FACTS)


def repair_job() -> Job:
    """Looks at every open review request. It recurs by itself; saved for now, it runs once more."""
    return Job(job_type=REPAIR, arguments={}, lane=Lane.FACTS)


def compare_with_github_job() -> Job:
    """Compares everything with GitHub. It recurs by itself; saved for now, it runs once more."""
    return Job(job_type=COMPARE_WITH_GITHUB, arguments={}, lane=Lane.CALLS)


def compare_installation_job(installation_id: InstallationId, *, is_whole: bool) -> Job:
    """Compares an installation and its repositories with GitHub, and what is open there if `is_whole`."""
    arguments = {"installation_id": installation_id, "is_whole": is_whole}
    return Job(
        job_type=COMPARE_INSTALLATION, arguments=arguments, lane=Lane.CALLS, **_listing(installation_id)
    )


def compare_repository_job(installation_id: InstallationId, repository_id: RepositoryId) -> Job:
    """Compares the open pull requests of a repository with GitHub."""
    arguments = {"installation_id": installation_id, "repository_id": repository_id}
    return Job(job_type=COMPARE_REPOSITORY, arguments=arguments, lane=Lane.CALLS, **_listing(installation_id))


def find_missed_deliveries_job() -> Job:
    """Has GitHub send again what never arrived. It recurs by itself; saved for now, it runs once more."""
    return Job(job_type=FIND_MISSED_DELIVERIES, arguments={}, lane=Lane.CALLS)
