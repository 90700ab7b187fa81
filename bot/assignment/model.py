"""Assignments: which rules name a person, who was asked, and the reasons."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from bot.model import AccountId, PersonId, Value


class SkipReason(StrEnum):
    """Why somebody whom a rule names is not asked. Stored, and shown to whoever asks why."""

    AUTHOR = "author"
    BOT = "bot"
    AWAY = "away"
    ALREADY_ASKED = "already_asked"
    ALREADY_REVIEWED = "already_reviewed"
    REMOVED_BY_HUMAN = "removed_by_human"
    AT_CAP = "at_cap"
    DEACTIVATED = "deactivated"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    BUSIER = "busier"


class Candidate(Value):
    """Somebody whom a rule names, with all that the choice depends on.

    `account_id` and `person_id` are None for a name that nobody has mapped; `account_ids` are all accounts of
    that person. `away_until` is the end (exclusive) of an absence that keeps them from reading this now, and
    `zone` is where they live. `load` counts open review requests, `last_asked_at` is the newest of all.
    """

    login: str
    account_id: AccountId | None
    person_id: PersonId | None
    name: str
    account_ids: frozenset[AccountId] = frozenset()
    is_bot: bool = False
    is_active: bool = True
    away_until: datetime | None = None
    zone: str = "UTC"
    load: int = 0
    max_open_reviews: int | None = None
    last_asked_at: datetime | None = None


class Chosen(Value):
    """Somebody to ask, and the pattern that led to them ("": the repository's fallback)."""

    outcome: Literal["asked"] = "asked"
    login: str
    account_id: AccountId
    name: str
    pattern: str
    is_fallback: bool = False


class Skipped(Value):
    """Somebody not to ask, and why. `until` is the end (exclusive) of an absence of somebody in `zone`."""

    outcome: Literal["skipped"] = "skipped"
    login: str
    name: str
    pattern: str
    reason: SkipReason
    until: datetime | None = None
    zone: str = "UTC"


class NoAssignment(StrEnum):
    """Why a pull request as a whole is left alone."""

    NOT_OPEN = "not_open"
    DRAFT = "draft"
    IGNORED_LABEL = "ignored_label"
    IGNORED_AUTHOR = "ignored_author"
    IGNORED_TITLE = "ignored_title"
    NO_RULES = "no_rules"
    NO_RULE_MATCHES = "no_rule_matches"
    ENOUGH_ASKED = "enough_asked"
    NOBODY_LEFT = "nobody_left"


Verdict = Annotated[Chosen | Skipped, Field(discriminator="outcome")]


class Demand(Value):
    """What a rule with `at_least` insists on: so many approvals of these logins, which are in lower case."""

    logins: tuple[str, ...]
    at_least: int


class Decision(Value):
    """A choice of reviewers with its reasons.

    `wanted` is how many reviewers the repository asks for; `counted` how many of them were there already.
    `reason` says why nobody, or nobody more, is asked. `paths_refused` is set when GitHub would not tell
    the paths and only the fallback rule could apply.
    """

    head_sha: str
    paths: int
    wanted: int
    counted: int
    verdicts: tuple[Verdict, ...] = ()
    reason: NoAssignment | None = None
    detail: str = ""
    paths_refused: bool = False
    demands: tuple[Demand, ...] = ()

    @property
    def chosen(self) -> tuple[Chosen, ...]:
        return tuple(verdict for verdict in self.verdicts if isinstance(verdict, Chosen))


class Assignment(Value):
    """A decision as it was stored, and what GitHub made of it.

    `asked` is None until GitHub has answered; `refusals` has GitHub's reason by login.
    """

    id: int
    decided_at: datetime
    decision: Decision
    asked: tuple[AccountId, ...] | None
    refusals: dict[str, str]
