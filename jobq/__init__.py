"""A queue of jobs in Postgres. A job is a row until it is done."""

from jobq.db import Database, current_database, read_transaction, write_transaction
from jobq.errors import DatabaseUnavailable, TransactionDoomed
from jobq.job import ClaimedJob, Discard, Handler, Job, Postpone
from jobq.queue import DeadJob, LaneStats, Queue, QueuedJob, Vitals
from jobq.recurring import Recurring, next_tick
from jobq.settlement import Outcome, Settlement
from jobq.timing import Timing
from jobq.worker import Observer, Worker

__all__ = [
    "ClaimedJob",
    "Database",
    "DatabaseUnavailable",
    "DeadJob",
    "Discard",
    "Handler",
    "Job",
    "LaneStats",
    "Observer",
    "Outcome",
    "Postpone",
    "Queue",
    "QueuedJob",
    "Recurring",
    "Settlement",
    "Timing",
    "TransactionDoomed",
    "Vitals",
    "Worker",
    "current_database",
    "next_tick",
    "read_transaction",
    "write_transaction",
]
