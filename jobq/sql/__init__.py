"""The statements of the queue, one file each."""

import re
from functools import lru_cache
from pathlib import Path


def _text(name: str) -> str:
    return (Path(__file__).parent / f"{name}.sql").read_text()


def _read(name: str) -> str:
    """A statement, with the clauses that it shares with others put in."""
    text = _text(name)
    for clause in ("on_conflict", "requeue"):
        text = text.replace(f"{{{clause}}}", _text(clause))
    return text


ADMISSION_LOCK = _read("admission_lock")
ADMIT = _read("admit")
BLOCKED_KEYS = _read("blocked_keys")
CANCEL = _read("cancel")
CLAIM = _read("claim")
CONFIRM = _read("confirm")
DATABASE_HEALTH = _read("database_health")
DEAD = _read("dead")
EXTEND = _read("extend")
FINISH = _read("finish")
FINISH_LEASED = _read("finish_leased")
MOVE_TO_DEAD = _read("move_to_dead")
POP_RIPE = _read("pop_ripe")
PRUNE = _read("prune")
QUEUED = _read("queued")
RELEASE = _read("release")
RESCHEDULE = _read("reschedule")
REVIVE = _read("revive")
RIPE_LANES = _read("ripe_lanes")
SAVE = _read("save")
SAVE_ALL = _read("save_all")
SAVE_WITH = _read("save_with")
STATS = _read("stats")
STILL_LEASED = _read("still_leased")


@lru_cache
def save_with(statement: str) -> str:
    """The statement that runs an application's `statement` and queues the jobs of the rows it returns."""
    first = max(int(number) for number in re.findall(r"\$(\d+)", SAVE_WITH))
    after_ours = re.sub(r"\$(\d+)", lambda match: f"${int(match[1]) + first}", statement)
    return SAVE_WITH.replace("{statement}", after_ours)
