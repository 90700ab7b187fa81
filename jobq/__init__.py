"""A queue of jobs in Postgres. A job is a row until it is done."""

from jobq.back_off import BackOff
from jobq.clock import utc_now
from jobq.db import Database, current_database, read_transaction, write_transaction
from jobq.dsn import clean_dsn, is_pooled
from jobq.errors import (
    TRANSIENT_ERRORS,
    DatabaseUnavailableError,
    JobQueueError,
    LeaseLostError,
    TransactionDoomedError,
    is_lost_connection,
    is_transient,
)
from jobq.job import (
    BatchHandler,
    BatchResult,
    ClaimedJob,
    Discard,
    Handler,
    HandlerResult,
    InBatches,
    Job,
    Postpone,
    RunAlone,
    WithDeadline,
)
from jobq.listener import listen
from jobq.queue import DatabaseHealth, DeadJob, LaneStats, Queue, QueuedJob
from jobq.recurring import Recurring, next_tick
from jobq.runner import Observer
from jobq.settlement import Outcome, Settlement
from jobq.timing import Timing
from jobq.waiting import wait_without_cancelling
from jobq.worker import Worker

__all__ = [
    "TRANSIENT_ERRORS",
    "BackOff",
    "BatchHandler",
    "BatchResult",
    "ClaimedJob",
    "Database",
    "DatabaseHealth",
    "DatabaseUnavailableError",
    "DeadJob",
    "Discard",
    "Handler",
    "HandlerResult",
    "InBatches",
    "Job",
    "JobQueueError",
    "LaneStats",
    "LeaseLostError",
    "Observer",
    "Outcome",
    "Postpone",
    "Queue",
    "QueuedJob",
    "Recurring",
    "RunAlone",
    "Settlement",
    "Timing",
    "TransactionDoomedError",
    "WithDeadline",
    "Worker",
    "clean_dsn",
    "current_database",
    "is_lost_connection",
    "is_pooled",
    "is_transient",
    "listen",
    "next_tick",
    "read_transaction",
    "utc_now",
    "wait_without_cancelling",
    "write_transaction",
]
