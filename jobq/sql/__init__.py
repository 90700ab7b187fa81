"""The statements of the queue, one file each."""

from pathlib import Path


def _read(name: str) -> str:
    return (Path(__file__).parent / f"{name}.sql").read_text()


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
STATS = _read("stats")
STILL_LEASED = _read("still_leased")
