"""Whether the stored state is GitHub's, and what the last comparison mended."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from bot.doctor.github import APP, describe_outage
from bot.doctor.model import CheckSkippedError, Finding, failed, ok, skipped, warning
from bot.doctor.ports import DoctorPorts
from bot.github.differences import list_repositories
from bot.github.inspection import list_installations
from bot.github.missed import find_missed
from bot.github.model import AccessLostError, RefusedError
from bot.github.watch import list_asked, list_stored_guids, load_watch
from bot.model import InstallationId, RepositoryId, Value
from bot.reviews.backlog import TOUCHED_WITHIN
from bot.reviews.comparison import compare, list_beliefs
from jobq import Database, Postpone

if TYPE_CHECKING:
    from bot.github.gateway import GitHubGateway

BELIEF, COMPARISON, MISSED = "github.belief", "github.comparison", "github.missed"

MOST_INSTALLATIONS = 20
"""Their repositories are listed."""
MOST_REPOSITORIES = 10
"""Their open pull requests are listed; these were compared longest ago."""
TOO_LONG = timedelta(days=2)
"""A comparison is made once a day."""

_PLACES = """
    SELECT installation.id AS installation_id,
        coalesce(account_login, 'installation ' || installation.id) AS account,
        suspended_at IS NOT NULL AS is_suspended, repository.id AS repository_id, full_name
    FROM installation LEFT JOIN repository ON installation_id = installation.id AND removed_at IS NULL
    WHERE deleted_at IS NULL ORDER BY installation.id, repository.compared_at NULLS FIRST, repository.id
"""
_COMPARED = """
    SELECT count(*) AS repositories, count(compared_at) AS compared, min(compared_at) AS oldest,
        coalesce(sum(mended), 0) AS mended
    FROM (
        SELECT repository.compared_at, repository.mended
        FROM repository JOIN installation ON installation.id = installation_id
        WHERE removed_at IS NULL AND deleted_at IS NULL AND suspended_at IS NULL
        UNION ALL
        SELECT compared_at, mended FROM installation WHERE deleted_at IS NULL AND compared_at IS NOT NULL
    ) AS places
"""
_WAIT = (
    "`ripe worker` compares everything with GitHub once a day, and after a doubtful event: see that it runs."
)


class _Place(Value):
    installation_id: InstallationId
    account: str
    is_suspended: bool
    repository_id: RepositoryId | None
    full_name: str | None


async def check_belief(ports: DoctorPorts) -> Sequence[Finding]:
    """Whether installations, repositories and open pull requests are stored as GitHub shows them."""
    github, database = ports.load_github(), ports.load_database()
    places = [_Place.model_validate(dict(row)) for row in await database.fetch(_PLACES)]
    try:
        differences = await _list_differences(github, database, places, ports.clock.now())
    except AccessLostError:
        return [skipped(BELIEF, f"needs {APP}")]
    except Postpone as error:
        return [failed(BELIEF, *describe_outage(error))]
    if not differences:
        return [ok(BELIEF, "installations, repositories and open pull requests are as GitHub shows them")]
    return [warning(BELIEF, "; ".join(differences), _WAIT)]


async def _list_differences(
    github: "GitHubGateway", database: Database, places: Sequence[_Place], now: datetime
) -> Sequence[str]:
    listed = {each.id: each for each in await list_installations(github)}
    accounts = {place.installation_id: place.account for place in places}
    suspended = {place.installation_id for place in places if place.is_suspended}
    differences = [
        *(
            f"{listed[each].login}: GitHub lists it, Ripe does not"
            for each in listed.keys() - accounts.keys()
        ),
        *(f"{accounts[each]}: GitHub does not list it" for each in accounts.keys() - listed.keys()),
        *(
            f"{accounts[each]}: suspended {'on GitHub only' if listed[each].is_suspended else 'in Ripe only'}"
            for each in sorted(accounts.keys() & listed.keys())
            if listed[each].is_suspended != (each in suspended)
        ),
    ]
    usable = [each for each in sorted(accounts.keys() & listed.keys()) if not listed[each].is_suspended]
    compared = (
        _compare_repositories(github, each, accounts[each], places) for each in usable[:MOST_INSTALLATIONS]
    )
    differences += [text for texts in await asyncio.gather(*compared) for text in texts]
    watched = [place for place in places if place.installation_id in usable][:MOST_REPOSITORIES]
    since = now - TOUCHED_WITHIN
    counts = await asyncio.gather(*(_count_outdated(github, database, place, since) for place in watched))
    differences += [
        f"{place.full_name}: {count} open pull requests differ"
        for place, count in zip(watched, counts, strict=True)
        if count
    ]
    return differences


async def _compare_repositories(
    github: "GitHubGateway", installation_id: InstallationId, account: str, places: Sequence[_Place]
) -> Sequence[str]:
    try:
        listed = await list_repositories(github, installation_id)
    except RefusedError:
        return []  # the check of the installations says so
    names = {
        place.repository_id: place.full_name
        for place in places
        if place.installation_id == installation_id and place.repository_id is not None
    }
    on_github = {repository.id: repository.full_name for repository in listed.repositories}
    gone = names.keys() - on_github.keys() if listed.is_whole else set[RepositoryId]()
    renamed = [each for each in names.keys() & on_github.keys() if names[each] != on_github[each]]
    parts = [
        _name(
            "only GitHub lists", {each: on_github[each] for each in on_github.keys() - names.keys()}.values()
        ),
        _name("only Ripe lists", [str(names[each]) for each in gone]),
        _name("renamed", [f"{names[each]} to {on_github[each]}" for each in renamed]),
    ]
    return [f"{account}: {part}" for part in parts if part]


def _name(problem: str, names: Collection[str]) -> str:
    first = sorted(names)[:3]
    more = f" and {len(names) - len(first)} more" if len(names) > len(first) else ""
    return f"{problem} {', '.join(first)}{more}" if names else ""


async def _count_outdated(github: "GitHubGateway", database: Database, place: _Place, since: datetime) -> int:
    """Counts on the first page of a hundred. Those that only Ripe holds for open need all pages."""
    if place.repository_id is None or place.full_name is None:
        return 0
    try:
        page = await github.list_open_pull_requests(place.installation_id, place.full_name, 1)
    except RefusedError:
        return 0
    listed = page.pull_requests
    with database.ambient():
        beliefs = await list_beliefs(place.repository_id, [each.id for each in listed])
    ids = {each.id for each in listed}
    comparison = compare([each for each in beliefs if page.is_last or each.id in ids], listed)
    return len(comparison.outdated) + sum(unknown.updated_at >= since for unknown in comparison.unknown)


async def check_comparison(ports: DoctorPorts) -> Sequence[Finding]:
    """When the stored state was last compared with GitHub's, and how much that mended."""
    database = ports.load_database()
    with database.ambient():
        watch = await load_watch()
    row = await database.fetchrow(_COMPARED)
    return [judge_comparison(watch.compared_at, dict(row or {}), ports.clock.now())]


def judge_comparison(compared_at: datetime | None, places: Mapping[str, Any], now: datetime) -> Finding:
    """Whether the last comparison of everything is recent enough. `places` counts what it covered."""
    if compared_at is None:
        return ok(COMPARISON, "none yet: the first is within a day of the worker's first start")
    mended = f"the last looks mended {places.get('mended', 0)} differences"
    detail = f"everything at {compared_at:%Y-%m-%d %H:%M} UTC; {mended}"
    if now - compared_at <= TOO_LONG:
        return ok(COMPARISON, detail)
    fix = (
        "See that `ripe worker` runs, and that `ripe jobs list` shows no `compare_` job that fails or waits."
    )
    return warning(COMPARISON, detail, fix)


async def check_missed(ports: DoctorPorts) -> Sequence[Finding]:
    """Whether deliveries of the last hundred attempts never arrived and wait to be sent again."""
    if ports.settings.github_poll:
        raise CheckSkippedError("GITHUB_POLL is set")
    try:
        attempts = (await ports.load_github().list_delivery_attempts()).attempts
    except RefusedError:
        return [ok(MISSED, "GitHub lists no deliveries, so it is asked for its state every 6 hours")]
    except Postpone as error:
        return [failed(MISSED, *describe_outage(error))]
    guids = {attempt.guid for attempt in attempts}
    with ports.load_database().ambient():
        asked = await list_asked(guids)
        missed = find_missed(attempts, await list_stored_guids(guids), asked, ports.clock.now())
    if not missed.due and not missed.lost:
        return [ok(MISSED, "none")]
    waiting = f"{len(missed.due)} wait for a redelivery" if missed.due else ""
    lost = f"{len(missed.lost)} were lost twice, and GitHub is asked for its state" if missed.lost else ""
    fix = "`ripe worker` asks GitHub for them once an hour; `github.deliveries` says why they did not arrive."
    return [warning(MISSED, "; ".join(filter(None, [waiting, lost])), fix)]
