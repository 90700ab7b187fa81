"""The base of all values of the domain, which never change, and the numbers that identify them."""

from typing import NewType

from pydantic import BaseModel, ConfigDict

WorkspaceId = NewType("WorkspaceId", int)
"""Ours: one Slack workspace, the tenant. Leads every row."""
PersonId = NewType("PersonId", int)
"""Ours: one human, known by a Slack user and any number of GitHub accounts."""
AccountId = NewType("AccountId", int)
"""GitHub's numeric id of a user or bot. Logins are labels: they are renamed and reused."""
InstallationId = NewType("InstallationId", int)
RepositoryId = NewType("RepositoryId", int)
PullRequestId = NewType("PullRequestId", int)
"""GitHub's id of a pull request, not its number in the repository."""
RequestId = NewType("RequestId", int)
"""Ours: one pull request asked of one reviewer, once."""


HIDING = ConfigDict(hide_input_in_errors=True)
"""For pydantic: an error names the field, and never quotes what was read. It may end up in a log."""


class Parsed(BaseModel):
    """The base of everything that is read from outside the code."""

    model_config = HIDING


class Value(Parsed):
    """A frozen value. An unknown field is a mistake in the code that makes it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class UserError(Exception):
    """Something a person asked for cannot be done. Its text is shown to that person."""


class OperatorError(Exception):
    """Ripe cannot start or go on. Its text tells the operator what is wrong and what to do.

    OperatorError
    ├── SettingsError     bot/settings.py: a setting is missing or malformed
    └── PortInUseError    bot/web/server.py: another process listens there
    """


class Problem(Value):
    """A mistake in a file that somebody wrote. `line` counts from 1; `where` names the field."""

    line: int
    where: str
    text: str

    def __str__(self) -> str:
        return (
            f"line {self.line}: {self.where}: {self.text}" if self.where else f"line {self.line}: {self.text}"
        )
