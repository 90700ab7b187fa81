"""A connection is cut, or a worker dies, at any point of a DM: it arrives exactly once (promise S3)."""

import asyncio
from collections.abc import Sequence

import pytest

from bot.model import RequestId
from bot.reminders.model import MessageState
from bot.sandbox.slack.model import Fault
from jobq import Postpone
from tests.flows.scene import Scene
from tests.flows.test_slack_refuses import remind, take_steps
from tests.promises import Promise

OPEN, POST, HISTORY = "conversations.open", "chat.postMessage", "conversations.history"
LOST_POST = Fault(method=POST, kind="cut", moment="after")
CUTS: tuple[tuple[Fault, ...], ...] = (
    (Fault(method=OPEN, kind="cut"),),
    (Fault(method=POST, kind="cut"),),
    (LOST_POST,),
    (LOST_POST, Fault(method=HISTORY, kind="cut")),
)
DEATHS = (Fault(method=POST, kind="hang"), Fault(method=POST, kind="hang", moment="after"))


async def cut(scene: Scene, request_id: RequestId, faults: Sequence[Fault]) -> bool:
    """Returns whether nobody knew for a while if the DM had arrived."""
    for fault in faults:
        scene.slack.faults.add(fault)
    with pytest.raises(Postpone):
        await take_steps(scene, request_id)
    was_unknown = MessageState.UNKNOWN in await scene.states()
    await remind(scene, request_id)
    return was_unknown


async def die(scene: Scene, request_id: RequestId, fault: Fault) -> bool:
    """The worker dies while its call is on the wire."""
    scene.slack.faults.add(fault)
    is_on_the_wire = asyncio.Event()
    scene.slack.on_call = lambda call: is_on_the_wire.set() if call.method == POST else None
    work = asyncio.create_task(take_steps(scene, request_id))
    async with asyncio.timeout(10):
        await is_on_the_wire.wait()
    work.cancel()
    await asyncio.wait({work})
    assert MessageState.SENDING in await scene.states()
    await scene.pass_real_time()
    await remind(scene, request_id)
    return True


@pytest.mark.parametrize(
    "times", [1, pytest.param(100, marks=[pytest.mark.torture, pytest.mark.timeout(1800)])]
)
async def test_a_dm_that_is_cut_off_at_any_point_arrives_once(
    scene: Scene, promise: Promise, times: int
) -> None:
    unknown = twice = lost = 0
    await scene.hire("ana")
    await scene.world.db.execute("UPDATE person SET dms_per_day = 10000")
    points: tuple[tuple[Fault, ...] | Fault, ...] = (*CUTS, *DEATHS)
    for number, fault in enumerate(points * times, 1):
        before = len(scene.dms("ana"))
        await scene.world.db.execute("UPDATE person SET dm_channel = NULL")  # it is opened anew
        request_id = await scene.world.ask("ana", number=number)
        was_unknown = await (
            cut(scene, request_id, fault) if isinstance(fault, tuple) else die(scene, request_id, fault)
        )
        arrived = len(scene.dms("ana")) - before
        unknown, twice, lost = unknown + was_unknown, twice + (arrived > 1), lost + (arrived < 1)
        await scene.world.db.execute("UPDATE review_request SET muted_at = now() WHERE id = $1", request_id)
    figure = f"{twice} twice, {lost} lost, {unknown} unknown for a while"
    promise("S3", f"{len(CUTS) + len(DEATHS)} points x {times}", figure)
    assert (twice, lost) == (0, 0)
    assert unknown > 0
