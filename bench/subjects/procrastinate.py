"""Procrastinate over psycopg, the most used of our peers."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from procrastinate import App, PsycopgConnector

from bench.subjects.model import Body


class ProcrastinateEnqueuer:
    """Deferrals of one task by name."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def save(self, number: int) -> None:
        """One deferral."""
        await self._app.configure_task("bench").defer_async(n=number)

    async def save_all(self, numbers: Sequence[int], days_ahead: int = 0) -> None:
        """Its batch deferral."""
        later = {"days": days_ahead} if days_ahead else None
        task = self._app.configure_task("bench", schedule_in=later)
        await task.batch_defer_async(*({"n": n} for n in numbers))


class Procrastinate:
    """See `Subject`."""

    name = "procrastinate"
    unfinished = (
        "SELECT EXISTS (SELECT FROM procrastinate_jobs"
        " WHERE status IN ('todo', 'doing') AND (scheduled_at IS NULL OR scheduled_at <= now()))"
    )

    async def install(self, dsn: str) -> None:
        """Its own installer."""
        async with App(connector=PsycopgConnector(conninfo=dsn)).open_async() as app:
            await app.schema_manager.apply_schema_async()

    @asynccontextmanager
    async def enqueuing(self, dsn: str) -> AsyncIterator[ProcrastinateEnqueuer]:
        """Over its own pool."""
        async with App(connector=PsycopgConnector(conninfo=dsn)).open_async() as app:
            yield ProcrastinateEnqueuer(app)

    async def work(self, dsn: str, body: Body, stop: asyncio.Event) -> None:
        """Twenty at once; finished jobs are deleted, as ours are."""
        async with App(connector=PsycopgConnector(conninfo=dsn)).open_async() as app:

            async def handle(n: int) -> None:
                if (waiting := body(n)) is not None:
                    await waiting

            app.task(name="bench")(handle)
            running = asyncio.create_task(
                app.run_worker_async(concurrency=20, delete_jobs="always", install_signal_handlers=False)
            )
            await stop.wait()
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


SUBJECT = Procrastinate()
