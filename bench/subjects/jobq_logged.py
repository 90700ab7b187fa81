"""jobq with the log of production: lines of JSON from INFO on, into a file."""

import asyncio
import tempfile

from bench.subjects.jobq import Jobq
from bench.subjects.model import Body
from bot.logs import setup_logs


class JobqLogged(Jobq):
    """See `Subject`."""

    name = "jobq_logged"

    async def work(self, dsn: str, body: Body, stop: asyncio.Event) -> None:
        """Run one worker until `stop` is set."""
        with tempfile.TemporaryFile("w") as stream:
            setup_logs("INFO", "json", stream)
            await super().work(dsn, body, stop)


SUBJECT = JobqLogged()
