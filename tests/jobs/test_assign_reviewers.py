"""Reviewers are asked on GitHub by rule: over HTTP, with a real database."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.assignment.model import NoAssignment, Skipped, SkipReason
from bot.flows.catalog import assign_reviewers_job
from bot.model import PullRequestId
from bot.people.store import insert_absence
from bot.sandbox.github.model import Pull
from bot.sandbox.github.routes import Fault
from jobq import Database, Outcome
from tests.jobs.github import MINUTE, Acme, founded_acme

BILLING = {"paths": ["billing/**"], "people": ["ana", "cho"]}
EVERYTHING = {"paths": ["**"], "people": ["dev", "eli"]}
BAD_GATEWAY = Fault(status=502)
PASS = Fault()
SECOND = timedelta(seconds=1)


@pytest.fixture
async def acme(db: Database) -> AsyncIterator[Acme]:
    async with founded_acme(db) as acme:
        yield acme


async def test_who_owns_the_changed_files_is_asked_a_minute_after_opening(acme: Acme) -> None:
    await acme.configure(rules=[BILLING, EVERYTHING])
    pull = acme.open("billing/tax.py")
    await acme.hear()
    assert pull.requested == []
    await acme.hear(then_wait=MINUTE)
    assert pull.requested == ["ana"]
    (stored,) = await acme.decisions(pull)
    assert stored.asked == (acme.world.users["ana"].id,)
    assert [job for job, _ in acme.kept] == ["remind_reviewer"]


async def test_somebody_away_is_skipped_and_the_reason_is_kept(acme: Acme) -> None:
    await acme.configure(rules=[BILLING])
    now = acme.clock.now()
    await insert_absence(await acme.map("ana"), now, now + timedelta(days=3))
    pull = acme.open("billing/tax.py")
    await acme.hear(then_wait=MINUTE)
    assert pull.requested == ["cho"]
    (stored,) = await acme.decisions(pull)
    (ana, _) = stored.decision.verdicts
    assert isinstance(ana, Skipped)
    assert (ana.reason, ana.until) == (SkipReason.AWAY, now + timedelta(days=3))


async def open_and_wait(acme: Acme, *paths: str, draft: bool = False) -> Pull:
    pull = acme.open(*paths, draft=draft)
    await acme.hear(then_wait=MINUTE)
    return pull


async def test_without_rules_github_is_not_even_asked(acme: Acme) -> None:
    pull = await open_and_wait(acme, "billing/tax.py")
    assert (acme.server.calls, await acme.decisions(pull)) == ([], ())


async def test_a_draft_is_left_alone_until_it_is_ready(acme: Acme) -> None:
    await acme.configure(rules=[EVERYTHING])
    pull = await open_and_wait(acme, "a.py", draft=True)
    assert await acme.decisions(pull) == ()
    acme.world.ready_for_review(pull)
    await acme.hear(then_wait=SECOND)
    acme.world.convert_to_draft(pull)
    await acme.hear(then_wait=MINUTE)
    (stored,) = await acme.decisions(pull)
    assert (stored.decision.reason, pull.requested) == (NoAssignment.DRAFT, [])
    acme.clock.shift += MINUTE
    acme.world.ready_for_review(pull)
    await acme.hear(then_wait=MINUTE)
    assert pull.requested == ["dev"]


async def test_the_same_reason_is_stored_once(acme: Acme) -> None:
    await acme.configure(rules=[EVERYTHING], ignore={"labels": ["wip"]})
    pull = acme.open("a.py", labels=["wip"])
    await acme.hear(then_wait=MINUTE)
    for title in ("One", "Two"):
        acme.world.edit_title(pull, title)
        await acme.hear(then_wait=MINUTE)
    assert [stored.decision.reason for stored in await acme.decisions(pull)] == [NoAssignment.IGNORED_LABEL]
    acme.world.unlabel(pull, "wip")
    await acme.hear(then_wait=MINUTE)
    assert pull.requested == ["dev"]


async def test_whom_a_human_asked_in_the_first_minute_counts(acme: Acme) -> None:
    await acme.configure(rules=[BILLING])
    pull = acme.open("billing/tax.py")
    acme.world.request_review(pull, ["eli"], by="ben")
    await acme.hear(then_wait=MINUTE)
    assert pull.requested == ["eli"]
    (stored,) = await acme.decisions(pull)
    assert (stored.decision.reason, stored.decision.counted) == (NoAssignment.ENOUGH_ASKED, 1)


async def test_whom_a_human_removed_is_not_asked_again(acme: Acme) -> None:
    await acme.configure(rules=[BILLING])
    pull = await open_and_wait(acme, "billing/tax.py")
    acme.clock.shift += MINUTE
    acme.world.remove_request(pull, ["ana"], by="ben")
    await acme.hear()
    acme.clock.shift += 10 * MINUTE
    acme.world.push(pull)
    await acme.hear(then_wait=MINUTE)
    assert pull.requested == ["cho"]


async def test_a_push_adds_whom_a_newly_matching_rule_insists_on(acme: Acme) -> None:
    await acme.configure(rules=[{**BILLING, "at_least": 1}, EVERYTHING])
    pull = await open_and_wait(acme, "a.py")
    assert pull.requested == ["dev"]
    acme.clock.shift += 10 * MINUTE
    acme.world.push(pull, ["billing/tax.py"])
    await acme.hear(then_wait=MINUTE)
    assert pull.requested == ["dev", "ana"]


async def test_if_github_refuses_one_the_others_are_asked_and_somebody_in_their_place(acme: Acme) -> None:
    await acme.map("zoe")
    rules = [{"paths": ["**"], "people": ["zoe", "ana"]}, EVERYTHING]
    await acme.configure(rules=rules, reviewers=2)
    await acme.hear()
    now = acme.clock.now()
    await insert_absence(await acme.map("ana"), now, now + timedelta(days=3))
    pull = await open_and_wait(acme, "a.py")
    assert pull.requested == ["dev", "eli"]
    first, second = await acme.decisions(pull)
    assert first.asked == (acme.world.users["dev"].id,)
    assert list(first.refusals) == ["zoe"]
    assert "not a collaborator" in first.refusals["zoe"]
    assert [chosen.login for chosen in second.decision.chosen] == ["eli"]


async def test_if_the_paths_are_refused_the_fallback_is_asked_and_the_decision_says_so(acme: Acme) -> None:
    await acme.configure(rules=[BILLING], fallback=["eli"])
    acme.server.faults.extend([PASS, Fault(status=403, message="Resource not accessible by integration")])
    pull = await open_and_wait(acme, "billing/tax.py")
    assert pull.requested == ["eli"]
    (stored,) = await acme.decisions(pull)
    assert stored.decision.paths_refused


async def test_what_was_interrupted_is_resumed_with_the_same_people(acme: Acme) -> None:
    await acme.configure(rules=[BILLING])
    acme.server.faults.extend([PASS, PASS, BAD_GATEWAY])
    pull = await open_and_wait(acme, "billing/tax.py")
    (stored,) = await acme.decisions(pull)
    assert (pull.requested, stored.asked) == ([], None)
    await acme.hear(then_wait=2 * MINUTE)
    assert pull.requested == ["ana"]
    assert await acme.chosen(pull) == [["ana"]]
    assert acme.server.calls.count("POST /api/graphql") == 1


async def test_a_resumed_decision_does_not_ask_again_whom_a_human_removed(acme: Acme) -> None:
    await acme.configure(rules=[BILLING])
    acme.server.faults.extend([PASS, PASS, BAD_GATEWAY])
    pull = await open_and_wait(acme, "billing/tax.py")
    acme.world.request_review(pull, ["ana"], by="ben")
    await acme.hear()
    acme.clock.shift += SECOND
    acme.world.remove_request(pull, ["ana"], by="ben")
    await acme.hear(then_wait=2 * MINUTE)
    assert pull.requested == ["cho"]


async def test_nothing_is_asked_of_a_pull_request_that_was_merged_meanwhile(acme: Acme) -> None:
    await acme.configure(rules=[BILLING])
    acme.server.faults.extend([PASS, PASS, BAD_GATEWAY])
    pull = await open_and_wait(acme, "billing/tax.py")
    acme.world.merge(pull)
    await acme.hear(then_wait=2 * MINUTE)
    assert pull.requested == []


async def test_whom_github_confirmed_counts_before_its_webhook_comes(acme: Acme) -> None:
    await acme.configure(rules=[BILLING])
    pull = acme.open("billing/tax.py")
    await acme.hear()
    acme.world.webhooks.hold()
    await acme.hear(then_wait=MINUTE)
    assert pull.requested == ["ana"]
    await acme.queue.save(assign_reviewers_job(PullRequestId(pull.id)))
    await acme.hear(then_wait=MINUTE)
    assert await acme.chosen(pull) == [["ana"], []]


async def test_pull_requests_opened_together_are_shared_out(acme: Acme) -> None:
    await acme.configure(rules=[{"paths": ["**"], "people": ["ana", "cho", "dev", "eli"]}])
    pulls = [acme.open("a.py") for _ in range(4)]
    await acme.hear(then_wait=MINUTE)
    assert sorted(login for pull in pulls for login in pull.requested) == ["ana", "cho", "dev", "eli"]


async def test_if_nobody_is_left_the_author_is_notified(acme: Acme) -> None:
    await acme.configure(rules=[{"paths": ["**"], "people": ["ben", "zoe"]}])
    await acme.map("ben")
    pull = await open_and_wait(acme, "a.py")
    (stored,) = await acme.decisions(pull)
    assert stored.decision.reason is NoAssignment.NOBODY_LEFT
    assert acme.kept == [("tell_author", {"pull_request_id": pull.id, "kind": "nobody_left"})]


async def test_an_installation_that_may_only_read_asks_nobody_and_does_not_try_for_days(acme: Acme) -> None:
    await acme.configure(rules=[BILLING])
    acme.installation.permissions["pull_requests"] = "read"
    pull = acme.open("billing/tax.py")
    await acme.hear()
    settlements = await acme.hear(then_wait=MINUTE)
    assert settlements[-1].outcome is Outcome.DISCARDED
    (stored,) = await acme.decisions(pull)
    assert (pull.requested, stored.asked) == ([], None)


async def test_rules_that_change_while_github_is_asked_for_the_paths_count(acme: Acme) -> None:
    await acme.configure(rules=[BILLING])
    pull = acme.open("billing/tax.py")
    await acme.hear()
    acme.server.faults.extend([PASS, Fault(hang=1.0)])
    choosing = asyncio.create_task(acme.hear(then_wait=MINUTE))
    while "POST /api/graphql" not in acme.server.calls:  # noqa: ASYNC110 - a server acts
        await asyncio.sleep(0.01)
    await acme.configure(rules=[EVERYTHING])
    await choosing
    assert pull.requested == ["dev"]
    assert await acme.chosen(pull) == [["dev"]]
