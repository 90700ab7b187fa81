"""Assignments: which people a rule names, who was asked, and why the others were not."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from bot.model import AccountId, PersonId, Value


class SkipReason(StrEnum):
    """Why a person named by a rule is not asked. Stored, and shown by `ripe why`."""

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


class TieBreaker(StrEnum):
    """Why somebody else came before a person who could have been asked, in the order in which it counts."""

    MORE_RULES = "more_rules"
    FEWER_REVIEWS = "fewer_reviews"
    ASKED_LONGER_AGO = "asked_longer_ago"
    LOGIN = "login"


CATCH_ALL = frozenset({"*", "**", "**/*", "/**", "/**/*"})
"""Patterns that match every path, known or not."""


class Candidate(Value):
    """A person named by a rule, with everything that the choice depends on.

    `account_id` and `person_id` are None for a login that nobody has mapped; `account_ids` are all accounts
    of that person. `away_until` is the end (exclusive) of an absence that keeps them from reading this now,
    and `zone` their time zone. `load` counts their open review requests; `last_asked_at` is when they were
    last asked for any review.
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
    """A person to ask, and the pattern that led to them ("": the repository's fallback)."""

    outcome: Literal["asked"] = "asked"
    login: str
    account_id: AccountId
    name: str
    pattern: str
    is_fallback: bool = False


class Skipped(Value):
    """A person not to ask, and why. `until` is the end (exclusive) of their absence; they live in `zone`.

    `lost_by` is why others came before a person who was BUSIER; None if enough were asked without comparing.
    """

    outcome: Literal["skipped"] = "skipped"
    login: str
    name: str
    pattern: str
    reason: SkipReason
    until: datetime | None = None
    zone: str = "UTC"
    lost_by: TieBreaker | None = None


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
    """A rule with `at_least` insists on this many approvals by these logins, which are in lower case."""

    logins: tuple[str, ...]
    at_least: int


class Decision(Value):
    """A choice of reviewers with its reasons.

    `paths` counts the changed files. `wanted` is how many reviewers the repository asks for, `counted` how
    many of them it had already. `reason` says why nobody, or nobody else, is asked; `detail` completes it.
    `paths_refused` means that GitHub refused to name the paths, so that only rules for every path and
    fallbacks applied.
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
    """A stored decision, and GitHub's answer to it.

    `asked` are the accounts in GitHub's answer, None until it has answered; `refusals` has its reasons, by
    login.
    """

    id: int
    decided_at: datetime
    decision: Decision
    asked: tuple[AccountId, ...] | None
    refusals: dict[str, str]
