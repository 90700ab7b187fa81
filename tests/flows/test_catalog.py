"""Every job says what it is about."""

import pytest

from bot.flows import catalog
from bot.flows.catalog import SUBJECT, SubjectKind
from bot.model import AccountId, InstallationId, PersonId, PullRequestId, RepositoryId, RequestId, WorkspaceId
from bot.reminders.model import NoticeKind
from jobq import Job

ABOUT = [
    (catalog.ask_for_verdict_job(PullRequestId(7)), SubjectKind.PULL_REQUEST),
    (catalog.assign_reviewers_job(PullRequestId(7)), SubjectKind.PULL_REQUEST),
    (catalog.backfill_repository_job(InstallationId(7), RepositoryId(8)), SubjectKind.INSTALLATION),
    (catalog.compare_installation_job(InstallationId(7), is_whole=True), SubjectKind.INSTALLATION),
    (catalog.compare_repository_job(InstallationId(7), RepositoryId(8)), SubjectKind.INSTALLATION),
    (catalog.enter_installation_job(InstallationId(7), 2), SubjectKind.INSTALLATION),
    (catalog.forget_installation_job(InstallationId(7)), SubjectKind.INSTALLATION),
    (catalog.forget_workspace_job(WorkspaceId(7)), SubjectKind.WORKSPACE),
    (catalog.greet_installer_job(InstallationId(7), AccountId(8)), SubjectKind.INSTALLATION),
    (catalog.poll_installation_job(InstallationId(7)), SubjectKind.INSTALLATION),
    (catalog.poll_repository_job(InstallationId(7), RepositoryId(8)), SubjectKind.INSTALLATION),
    (catalog.remind_reviewer_job(RequestId(7)), SubjectKind.REQUEST),
    (catalog.sync_pull_request_job(PullRequestId(7)), SubjectKind.PULL_REQUEST),
    (catalog.tell_admin_job(WorkspaceId(7)), SubjectKind.WORKSPACE),
    (catalog.refresh_profiles_job(WorkspaceId(7)), SubjectKind.WORKSPACE),
    (catalog.tell_admin_of_accounts_job(WorkspaceId(7)), SubjectKind.WORKSPACE),
    (catalog.tell_admin_of_silence_job(WorkspaceId(7)), SubjectKind.WORKSPACE),
    (catalog.tell_author_job(PullRequestId(7), NoticeKind.NO_ANSWER), SubjectKind.PULL_REQUEST),
    (catalog.digest_job(PersonId(7)), SubjectKind.PERSON),
    (catalog.tell_holder_job(PersonId(7), AccountId(8)), SubjectKind.PERSON),
    (catalog.tell_obstacle_job(PullRequestId(7)), SubjectKind.PULL_REQUEST),
    (catalog.welcome_digest_job(PersonId(7)), SubjectKind.PERSON),
]
ABOUT_NOTHING = {
    catalog.APPLY_FACT,
    catalog.COMPARE_WITH_GITHUB,
    catalog.FIND_MISSED_DELIVERIES,
    catalog.NOTICE_DOWNTIME,
    catalog.POLL,
    catalog.REFRESH_WORKSPACES,
    catalog.REPAIR,
    catalog.SCHEDULE_DIGESTS,
    catalog.TIDY,
}
"""Jobs that belong to no workspace before they run."""


@pytest.mark.parametrize(("job", "kind"), ABOUT, ids=[job.job_type for job, _ in ABOUT])
def test_a_job_names_its_subject_in_its_arguments(job: Job, kind: SubjectKind) -> None:
    subject = SUBJECT[job.job_type]
    assert subject.kind is kind
    assert job.arguments[subject.argument] == 7


def test_every_job_type_has_a_subject_or_belongs_to_no_workspace() -> None:
    constants = {value for name, value in vars(catalog).items() if name.isupper() and isinstance(value, str)}
    assert {job.job_type for job, _ in ABOUT} == set(SUBJECT)
    assert constants == set(SUBJECT) | ABOUT_NOTHING
