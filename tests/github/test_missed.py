"""Which deliveries are missed, by GitHub's list of attempts."""

from datetime import UTC, datetime, timedelta

from bot.github.differences import list_repositories
from bot.github.missed import find_missed
from bot.github.model import DeliveryAttempt, Repository, RepositoryPage
from bot.model import InstallationId, RepositoryId

NOW = datetime(2037, 11, 23, 12, 0, tzinfo=UTC)


def attempt(
    guid: str, minutes_ago: float, status: int = 0, *, has_ended: bool = True, again: bool = False
) -> DeliveryAttempt:
    return DeliveryAttempt(
        id=int(100_000 - minutes_ago * 10),
        guid=guid,
        delivered_at=NOW - timedelta(minutes=minutes_ago),
        status_code=status,
        has_ended=has_ended,
        is_redelivery=again,
    )


def test_the_oldest_missed_delivery_comes_first_and_one_that_is_stored_never() -> None:
    attempts = [attempt("c", 10, 202), attempt("b", 20, 500), attempt("a", 30), attempt("stored", 40, 504)]
    missed = find_missed(attempts, {"stored", "c"}, {}, NOW)
    assert [each.guid for each in missed.due] == ["a", "b"]
    assert missed.complete_to == NOW - timedelta(minutes=30)
    assert missed.is_arriving


def test_an_answer_that_took_it_counts_for_nothing_if_it_is_not_stored() -> None:
    """A backup was restored, for example."""
    missed = find_missed([attempt("a", 30, 202)], set(), {}, NOW)
    assert [each.guid for each in missed.due] == ["a"]


def test_an_attempt_that_has_not_ended_is_waited_for_and_then_missed() -> None:
    pending = attempt("a", 2, has_ended=False)
    assert find_missed([pending], set(), {}, NOW).due == ()
    assert find_missed([pending], set(), {}, NOW + timedelta(minutes=4)).due == (pending,)
    old = find_missed([attempt("a", 4, has_ended=False)], set(), {}, NOW)
    assert old.complete_to == NOW - timedelta(minutes=5)


def test_a_delivery_is_asked_for_once_unless_github_never_made_the_redelivery() -> None:
    first, asked = attempt("a", 90), {"a": NOW - timedelta(minutes=30)}
    assert find_missed([first], set(), asked, NOW).due == ()
    assert find_missed([first], set(), {"a": NOW - timedelta(minutes=61)}, NOW).due == (first,)
    made = find_missed([attempt("a", 20, 503, again=True), first], set(), asked, NOW)
    assert (made.due, made.lost) == ((), (first,))


def test_nobody_listens_while_the_newest_attempt_failed() -> None:
    attempts = [attempt("new", 1, has_ended=False), attempt("b", 10, 502), attempt("a", 20, 202)]
    assert not find_missed(attempts, {"a"}, {}, NOW).is_arriving
    assert not find_missed([], set(), {}, NOW).is_arriving


class Pages:
    """GitHub's list of repositories, of which one moves to a page that was read before."""

    def __init__(self, *pages: tuple[int, ...], total: int | None, archived: int = 0) -> None:
        self.pages, self.total, self.archived = pages, total, archived

    async def list_repositories(self, installation_id: InstallationId, page: int) -> RepositoryPage:
        repositories = tuple(
            Repository(id=RepositoryId(each), full_name=f"acme/{each}") for each in self.pages[page - 1]
        )
        is_last = page == len(self.pages)
        return RepositoryPage(
            repositories=repositories, is_last=is_last, total=self.total, archived=self.archived * is_last
        )


async def test_a_list_in_which_a_repository_is_missing_is_not_whole() -> None:
    async def is_whole(github: Pages) -> bool:
        return (await list_repositories(github, InstallationId(1))).is_whole

    assert await is_whole(Pages((1, 2), (3,), total=3))
    assert await is_whole(Pages((1, 2), (3,), total=4, archived=1))
    assert await is_whole(Pages((1, 2), (3,), total=None))
    assert not await is_whole(Pages((1, 2), (4,), total=4)), (
        "3 moved to the first page, which was read before"
    )
    assert not await is_whole(Pages((1, 2), (2, 3), total=4)), (
        "2 was listed twice, and another one not at all"
    )
