"""A refusal of Slack that passes ends nothing: each due DM arrives once, and each ended one is struck."""

from datetime import timedelta

import pytest

from bot.flows.obstacles import Call, list_obstacles
from bot.flows.reminding import bring_to_rest
from bot.model import RequestId
from bot.reviews.model import CloseReason
from bot.reviews.store import close_review_requests
from bot.sandbox.slack.model import Fault
from jobq import HandlerResult, Postpone
from tests.flows.scene import Scene
from tests.promises import Promise

CODES = (
    "invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "missing_scope",
    "messages_tab_disabled", "ekm_access_denied", "team_access_not_granted", "no_permission",
    "restricted_action", "org_login_required", "access_denied", "a_code_of_next_year",
)  # fmt: skip
POST, UPDATE = "chat.postMessage", "chat.update"
HOUR = timedelta(hours=1)
FEW = slice(None, None, 7)


async def take_steps(scene: Scene, request_id: RequestId) -> HandlerResult:
    world = scene.world
    return await bring_to_rest(request_id, slack=scene.gateway, queue=world.queue, clock=world.clock)


async def remind(scene: Scene, request_id: RequestId) -> HandlerResult:
    return await scene.run_to_rest(lambda: take_steps(scene, request_id))


async def merge(scene: Scene, request_id: RequestId) -> None:
    await close_review_requests([(request_id, CloseReason.MERGED)], scene.world.now)


def refuse(scene: Scene, method: str, code: str, times: int = 3) -> None:
    scene.slack.faults.add(Fault(method=method, kind="refused", code=code, times=times))


def open_channel_anew(scene: Scene, *, keeps_messages: bool = True, new_ts: bool = False) -> None:
    """The app was made anew: the DM of each person has another id."""
    state = scene.slack.state
    for old, user in list(state.channels.items()):
        del state.channels[old]
        state.channels[f"{old}NEW"] = user
        for ts, message in list(state.messages.items()):
            if message.channel == old and keeps_messages:
                message.channel = f"{old}NEW"
                if new_ts:
                    message.ts = f"9{ts}"
                    state.messages[message.ts] = state.messages.pop(ts)


def is_struck(scene: Scene) -> bool:
    return all("Merged" in dm.text or "merged" in dm.text for dm in scene.dms("ana"))


async def is_sent_once_after(scene: Scene, code: str) -> bool:
    _, request_id = await scene.ask("ana")
    refuse(scene, POST, code)
    await remind(scene, request_id)
    return len(scene.dms("ana")) == 1


async def is_struck_after(scene: Scene, code: str) -> bool:
    _, request_id = await scene.ask("ana")
    await remind(scene, request_id)
    await merge(scene, request_id)
    refuse(scene, UPDATE, code)
    await remind(scene, request_id)
    return len(scene.dms("ana")) == 1 and is_struck(scene)


@pytest.mark.parametrize("codes", [CODES[FEW], pytest.param(CODES, marks=pytest.mark.torture)])
async def test_a_refusal_that_passes_ends_nothing(
    scene: Scene, promise: Promise, codes: tuple[str, ...]
) -> None:
    failed = []
    for check in (is_sent_once_after, is_struck_after):
        for code in codes:
            if not await check(scene, code):
                failed.append(f"{check.__name__} {code}")
            await scene.world.db.execute("TRUNCATE pull_request, obstacle CASCADE")
            await scene.world.db.execute("UPDATE person SET dms_per_day = 1000")
            scene.slack.state.messages.clear()
    promise("S9", f"{len(codes)} refusals of 2 methods", f"{len(failed)} DMs lost, doubled or not struck")
    assert failed == []


async def test_a_token_wrong_for_an_hour_delays_dms_and_strikes(scene: Scene) -> None:
    _, request_id = await scene.ask("ana")
    await remind(scene, request_id)
    await merge(scene, request_id)
    _, other_id = await scene.ask("cho")
    scene.slack.faults.add(Fault(method="*", kind="refused", code="invalid_auth", times=10_000))
    for _ in range(6):
        for identity in (request_id, other_id):
            with pytest.raises(Postpone):
                await take_steps(scene, identity)
        scene.world.clock.move(HOUR / 6)
    assert (scene.dms("cho"), is_struck(scene)) == ([], False)
    [obstacle] = await list_obstacles(scene.world.now)
    assert (obstacle.call, obstacle.subject, obstacle.reason) == (Call.DMS, "cho", "invalid_auth")
    scene.slack.faults.clear()
    await remind(scene, request_id)
    await remind(scene, other_id)
    assert (len(scene.dms("cho")), is_struck(scene)) == (1, True)
    assert await list_obstacles(scene.world.now) == ()


@pytest.mark.parametrize("new_ts", [False, True])
async def test_a_dm_in_a_stale_channel_is_struck_in_the_new_one(scene: Scene, *, new_ts: bool) -> None:
    _, request_id = await scene.ask("ana")
    await remind(scene, request_id)
    open_channel_anew(scene, new_ts=new_ts)
    await merge(scene, request_id)
    await remind(scene, request_id)
    assert is_struck(scene)
    row = await scene.world.db.fetchrow("SELECT channel, error FROM message")
    assert row is not None
    assert row["channel"].endswith("NEW")
    assert row["error"] is None
    assert await list_obstacles(scene.world.now) == ()


async def test_a_dm_that_cannot_be_struck_any_more_is_said_once(scene: Scene) -> None:
    _, request_id = await scene.ask("ana")
    await remind(scene, request_id)
    open_channel_anew(scene, keeps_messages=False)
    await merge(scene, request_id)
    await remind(scene, request_id)
    calls = len(scene.slack.calls)
    await remind(scene, request_id)
    assert len(scene.slack.calls) == calls
    [obstacle] = await list_obstacles(scene.world.now)
    assert (obstacle.call, obstacle.is_final) == (Call.EDITS, True)


async def test_a_due_dm_goes_to_the_channel_that_is_opened_anew(scene: Scene) -> None:
    _, request_id = await scene.ask("ana")
    await remind(scene, request_id)
    await scene.world.db.execute("DELETE FROM message")
    scene.slack.state.messages.clear()
    open_channel_anew(scene)
    await remind(scene, request_id)
    assert len(scene.dms("ana")) == 1


async def test_without_the_scope_for_history_a_lost_dm_waits(scene: Scene) -> None:
    _, request_id = await scene.ask("ana")
    scene.slack.scopes.discard("im:history")
    scene.slack.faults.add(Fault(method=POST, kind="cut", moment="after"))
    with pytest.raises(AssertionError, match="rest"):
        await remind(scene, request_id)
    assert len(scene.dms("ana")) == 1
    scene.slack.scopes.add("im:history")
    await remind(scene, request_id)
    assert (len(scene.dms("ana")), await scene.states()) == (1, ["sent"])


async def test_slacks_trouble_with_posting_is_met_less_and_less_often(scene: Scene) -> None:
    _, request_id = await scene.ask("ana")
    began = scene.world.now
    scene.slack.faults.add(Fault(method=POST, kind="error", status=503, times=6))
    await remind(scene, request_id)
    assert len(scene.dms("ana")) == 1
    assert scene.world.now - began > timedelta(minutes=15)


@pytest.mark.parametrize("code", ["user_not_found", "user_disabled", "cannot_dm_bot"])
async def test_a_person_who_gets_no_dms_is_named(scene: Scene, code: str) -> None:
    _, request_id = await scene.ask("ana")
    refuse(scene, POST, code, times=1)
    await remind(scene, request_id)
    [obstacle] = await list_obstacles(scene.world.now)
    assert (obstacle.subject, obstacle.reason, obstacle.is_final) == ("ana", code, True)
    jobs = [job.job.job_type for job in await scene.world.queue.queued()]
    assert "tell_admin" in jobs
