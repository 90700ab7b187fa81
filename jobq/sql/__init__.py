"""The queue's statements, each a file beside this one that can be pasted into psql."""

from pathlib import Path


def _read(name: str) -> str:
    return (Path(__file__).parent / f"{name}.sql").read_text()


BURY = _read("bury")
CANCEL = _read("cancel")
CLAIM = _read("claim")
DEAD = _read("dead")
EXTEND = _read("extend")
FINISH = _read("finish")
HELD = _read("held")
PRUNE = _read("prune")
QUEUED = _read("queued")
RELEASE = _read("release")
RESCHEDULE = _read("reschedule")
REVIVE = _read("revive")
RIPE_LANES = _read("ripe_lanes")
SAVE = _read("save")
SAVE_ALL = _read("save_all")
STATS = _read("stats")
SYNC = _read("sync")
TAKE = _read("take")
VITALS = _read("vitals")
