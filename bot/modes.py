"""Whether anything is sent: the mode of the whole bot, and the pause of each workspace.

Both are read from Postgres whenever a send is decided, so that a change holds in every process at once.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.credentials import save_choices
from bot.model import Value, WorkspaceId
from bot.settings import Settings
from jobq import current_database

Mode = Literal["live", "shadow"]


class ModeSetting(Value):
    """The mode, and who set it when, if that was in Slack."""

    mode: Mode
    by: str | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class ModeSwitch:
    """The mode is `fixed` by the environment, else chosen at /setup or in Slack, else it is the `default`."""

    fixed: Mode | None = None
    default: Mode = "shadow"

    async def load(self) -> ModeSetting:
        """The mode of this moment."""
        if self.fixed is not None:
            return ModeSetting(mode=self.fixed)
        row = await current_database().fetchrow(
            """
            SELECT mode.value AS mode, mode.set_at AS at, by.value AS by
            FROM setting AS mode
            LEFT JOIN setting AS by ON by.name = 'ripe_mode_by' AND by.set_at = mode.set_at
            WHERE mode.name = 'ripe_mode'
            """
        )
        return ModeSetting(mode=self.default) if row is None else ModeSetting.model_validate(dict(row))

    def resolve(self, chosen: Mode | None) -> Mode:
        """The mode in force, given the stored one."""
        return self.fixed or chosen or self.default

    async def is_live(self) -> bool:
        """Whether messages and review requests leave the building; otherwise they are only recorded."""
        return (await self.load()).mode == "live"

    async def turn(self, mode: Mode, by: str, now: datetime) -> None:
        """Sets the mode from the next decision on, in every process. A fixed mode stays."""
        await save_choices({"ripe_mode": mode, "ripe_mode_by": by}, now)


def make_switch(settings: Settings, *, is_sandbox: bool) -> ModeSwitch:
    """The switch for `settings` as they are in the environment, before stored settings complete them.

    The sandbox sends only to itself, so it is live until somebody there chooses otherwise.
    """
    if is_sandbox:
        return ModeSwitch(default="live")
    return ModeSwitch(fixed=settings.ripe_mode if "ripe_mode" in settings.model_fields_set else None)


class Pause(Value):
    """While it lasts, nobody is asked for a review and no DM is sent. `paused_by` is a Slack id."""

    workspace_id: WorkspaceId
    paused_by: str
    paused_by_name: str
    paused_at: datetime

    def __str__(self) -> str:
        return f"paused by {self.paused_by_name} since {self.paused_at:%Y-%m-%d %H:%M}Z"


async def find_pause(workspace_id: WorkspaceId) -> Pause | None:
    """The pause in force."""
    row = await current_database().fetchrow(
        """
        SELECT workspace_id, paused_by, paused_by_name, paused_at FROM pause
        WHERE resumed_at IS NULL AND workspace_id = $1
        """,
        workspace_id,
    )
    return None if row is None else Pause.model_validate(dict(row))


async def lock_pause(workspace_id: WorkspaceId) -> Pause | None:
    """Like `find_pause`, but waits for the commit of a resume that is under way.

    Such a resume may not have seen the caller's job; a later resume does see it.
    """
    row = await current_database().fetchrow(
        """
        SELECT workspace_id, paused_by, paused_by_name, paused_at FROM pause
        WHERE resumed_at IS NULL AND workspace_id = $1 FOR SHARE
        """,
        workspace_id,
    )
    return None if row is None else Pause.model_validate(dict(row))


async def list_pauses() -> tuple[Pause, ...]:
    """The pauses in force in all workspaces, for the operator."""
    rows = await current_database().fetch(
        """
        SELECT workspace_id, paused_by, paused_by_name, paused_at FROM pause
        WHERE resumed_at IS NULL ORDER BY paused_at
        """
    )
    return tuple(Pause.model_validate(dict(row)) for row in rows)


async def begin_pause(pause: Pause) -> bool:
    """Returns False if a pause is in force already; it stays as it is."""
    tag = await current_database().execute(
        """
        INSERT INTO pause (workspace_id, paused_by, paused_by_name, paused_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT DO NOTHING
        """,
        pause.workspace_id,
        pause.paused_by,
        pause.paused_by_name,
        pause.paused_at,
    )
    return tag == "INSERT 0 1"


async def end_pause(workspace_id: WorkspaceId, resumed_by: str, name: str, now: datetime) -> Pause | None:
    """Returns the pause that was in force, if there was one."""
    row = await current_database().fetchrow(
        """
        UPDATE pause SET resumed_by = $2, resumed_by_name = $3, resumed_at = $4
        WHERE workspace_id = $1 AND resumed_at IS NULL
        RETURNING workspace_id, paused_by, paused_by_name, paused_at
        """,
        workspace_id,
        resumed_by,
        name,
        now,
    )
    return None if row is None else Pause.model_validate(dict(row))
