"""Finds the deliveries that never arrived, in GitHub's list of its attempts. Pure: `now` is an argument.

GitHub never repeats a delivery by itself: https://docs.github.com/en/webhooks/using-webhooks/handling-failed-webhook-deliveries
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from bot.github.model import DeliveryAttempt
from bot.model import Value

WINDOW = timedelta(days=3)
"""GitHub lists and redelivers the deliveries of so long."""
ENDS_WITHIN = timedelta(minutes=5)
"""An attempt that is listed as pending for longer was lost. GitHub waits ten seconds for an answer."""
LISTED_WITHIN = timedelta(hours=1)
"""A redelivery that GitHub has not listed after this time was never made."""


class Missed(Value):
    """The deliveries that are not stored, an attempt at each, the oldest first.

    `due` are to be asked for. `lost` did not arrive at the redelivery that was asked for either. All
    deliveries before `complete_to` are stored or lost. `is_arriving` says whether the newest attempt arrived.
    """

    due: tuple[DeliveryAttempt, ...] = ()
    lost: tuple[DeliveryAttempt, ...] = ()
    complete_to: datetime
    is_arriving: bool


def find_missed(
    attempts: Sequence[DeliveryAttempt],
    stored: Collection[str],
    asked: Mapping[str, datetime],
    now: datetime,
) -> Missed:
    """Compares GitHub's attempts with the stored GUIDs. `asked` says when each redelivery was asked for."""
    by_guid: defaultdict[str, list[DeliveryAttempt]] = defaultdict(list)
    for attempt in sorted(attempts, key=lambda each: (each.delivered_at, each.id)):
        by_guid[attempt.guid].append(attempt)
    due, lost, waiting = [], [], []
    for guid, tries in by_guid.items():
        if guid in stored:
            continue
        if any(_is_pending(attempt, now) for attempt in tries):
            waiting.append(tries[0])
        elif guid not in asked:
            due.append(tries[0])
        elif any(attempt.is_redelivery for attempt in tries):
            lost.append(tries[0])
        else:
            (waiting if now - asked[guid] < LISTED_WITHIN else due).append(tries[0])
    return Missed(
        due=tuple(due),
        lost=tuple(lost),
        complete_to=min([now - ENDS_WITHIN, *(attempt.delivered_at for attempt in [*due, *waiting])]),
        is_arriving=_is_newest_arrived(attempts, stored),
    )


def _is_pending(attempt: DeliveryAttempt, now: datetime) -> bool:
    return not attempt.has_ended and now - attempt.delivered_at < ENDS_WITHIN


def _is_newest_arrived(attempts: Sequence[DeliveryAttempt], stored: Collection[str]) -> bool:
    ended = [attempt for attempt in attempts if attempt.has_ended]
    newest = max(ended, key=lambda attempt: (attempt.delivered_at, attempt.id), default=None)
    return newest is not None and (newest.has_arrived or newest.guid in stored)
