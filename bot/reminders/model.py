"""Reminders: the DMs about review requests, what they show, and the next step about each request."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Literal, Self

from bot.model import PersonId, PullRequestId, RequestId, Value, WorkspaceId
from bot.people.model import Person
from bot.reviews.model import CloseReason, PullRequest, ReviewRequest
from bot.slack.model import MESSAGE_ERRORS

UNTIL_CHANGE = datetime(9999, 1, 1, tzinfo=UTC)
"""Later than any instant: until a fact or a person changes something."""


class Rhythm(Value):
    """When reminders follow the first DM, and when the author hears: working time since that DM."""

    after: tuple[timedelta, ...] = (timedelta(hours=4), timedelta(hours=12), timedelta(hours=28))
    notify_author_after: timedelta = timedelta(hours=16)


class MessageState(StrEnum):
    """SENDING: the call may be on the wire. UNKNOWN: its reply was lost. FAILED: Slack refused it."""

    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"
    FAILED = "failed"


class Message(Value):
    """One DM. `sequence` counts the DMs about one review request; a notice has sequence 0.

    `sending_at` is when the call began on the application's clock, `sending_started_at` the same moment in
    real time. `shown` is the fingerprint of the card that the DM shows now. A DM that is SENT but has no
    address (`channel`, `ts`) was recorded in shadow mode and never left.
    """

    id: int
    sequence: int
    state: MessageState
    sending_at: datetime
    sending_started_at: datetime
    sent_at: datetime | None = None
    channel: str | None = None
    ts: str | None = None
    shown: str | None = None
    error: str | None = None

    @property
    def is_shadow(self) -> bool:
        """Whether it was decided and recorded, but not sent."""
        return self.state is MessageState.SENT and self.ts is None

    @property
    def is_unresolved(self) -> bool:
        """Whether it may or may not have arrived: a worker died, or Slack's reply was lost."""
        return self.state in (MessageState.SENDING, MessageState.UNKNOWN)


class Look(StrEnum):
    """How a DM presents itself: LIVE with buttons, OLDER collapsed under a newer one, or OVER and struck.

    QUIET keeps the card but says why nothing is asked for now (draft, approved enough).
    """

    LIVE = "live"
    QUIET = "quiet"
    OLDER = "older"
    OVER = "over"


class Card(Value):
    """Everything that a DM about a review request shows, before it becomes Slack blocks.

    `turn` says why it is the reader's turn; if a rule chose them, `owned` is the pattern that they own.
    `note` says why nothing is asked for now. `sequence` 0 is the first contact and n the n-th of
    `reminders`; a digest that lists the review counts.
    Texts come from GitHub unchanged: rendering must disarm them. The fields are part of the fingerprint: a
    new field, or a new name of one, makes Ripe edit every DM that is still live.
    """

    request_id: RequestId
    look: Look
    sequence: int
    repository: str
    number: int
    title: str
    url: str
    author: str
    additions: int | None
    deletions: int | None
    turn: str
    owned: str = ""
    reminders: int = 0
    note: str = ""
    close_reason: CloseReason | None = None
    is_first_ever: bool = False


class Send(Value):
    """Post DM number `sequence` now. It says that so many `more` wait for the reader's next digest."""

    kind: Literal["send"] = "send"
    sequence: int
    more: int = 0


class After(Value):
    """First post the DM about this other request, which is more important to the same reader."""

    kind: Literal["after"] = "after"
    request_id: RequestId


class Reconcile(Value):
    """Before anything else, ask Slack whether a DM arrived whose reply was lost."""

    kind: Literal["reconcile"] = "reconcile"
    message: Message


class Edit(Value):
    """Edit the DMs that show something outdated."""

    kind: Literal["edit"] = "edit"
    message_ids: tuple[int, ...]


class Silence(StrEnum):
    """Why no DM about a review request is sent at this moment, most final first.

    BACKLOG was asked before Ripe was installed, and waits in one list until something changes. UNCONFIRMED:
    nobody knows yet whether the last DM arrived. IN_DIGEST is listed in the reader's next digest instead of
    in a DM of its own. LATE: it is late, or nothing was heard of it for hours, so GitHub must answer first.
    AFTER_OTHERS: a more important DM to the same reader is being sent.
    """

    OVER = "over"
    BLOCKED = "blocked"
    DRAFT = "in draft"
    APPROVED = "approved enough"
    BACKLOG = "asked before Ripe was installed"
    UNLINKED = "nobody is mapped to this GitHub account"
    DEACTIVATED = "deactivated in Slack"
    MUTED = "muted"
    SNOOZED_UNTIL_CHANGE = "snoozed until something changes"
    TWIN = "asked on another account of the same person"
    REFUSED = "Slack refused the DM"
    ALL_SENT = "all reminders were sent"
    NEVER_AT_WORK = "never at work"
    UNCONFIRMED = "Slack is asked whether the last DM arrived"
    ALL_SNOOZED = "reminders are snoozed"
    AWAY = "not available"
    SNOOZED = "snoozed"
    NOT_DUE = "the next reminder is not due"
    OUTSIDE_HOURS = "outside working hours"
    IN_DIGEST = "listed in the next digest"
    LATE = "GitHub is asked how it stands"
    AFTER_OTHERS = "more important DMs go first"


class Outlook(Value):
    """Why no DM about a review request is sent at this moment, and what comes next. No `silence`: one is due.

    `detail` completes three reasons: how it is OVER, what BLOCKED it, why Slack REFUSED. `until` is when the
    reason ends by itself: the end (exclusive) of an absence, or of a snooze, in the reader's `zone`. Days of
    another year than `now` are shown with their year. `sent` counts the DMs that arrived. The next one comes
    at `next_at` (None: none comes unless something changes), has the number `sequence`, and is the n-th of
    `reminders`. `is_stuck`: the review is wanted, and its reviewer is not reminded of it in time.
    """

    silence: Silence | None
    now: datetime
    detail: str = ""
    until: datetime | None = None
    zone: str = "UTC"
    sent: int = 0
    next_at: datetime | None = None
    sequence: int = 0
    reminders: int = 0
    is_stuck: bool = False

    @property
    def is_end(self) -> bool:
        """Whether nothing more is sent unless something changes."""
        goes_on = self.silence in (Silence.LATE, Silence.UNCONFIRMED) or self.is_our_mistake
        return self.next_at is None and not goes_on

    @property
    def is_our_mistake(self) -> bool:
        """Whether Slack refused what the DM says, not its reader. It is tried again every day."""
        return self.silence is Silence.REFUSED and self.detail in MESSAGE_ERRORS


class Wait(Value):
    """Do nothing until then. None: do nothing until a fact or a person changes something."""

    kind: Literal["wait"] = "wait"
    until: datetime | None
    why: Silence
    detail: str = ""


class Close(Value):
    """The request is over, and every DM about it says so."""

    kind: Literal["close"] = "close"
    detail: str


Step = Reconcile | Send | After | Edit | Wait | Close


class NoticeKind(StrEnum):
    """The kinds of notices, the DMs that are not about one review request.

    The author of a pull request hears what only they can mend: NOBODY_REACHABLE (nobody who was asked is
    known in Slack), NOBODY_LEFT (no reviewer could be found), NO_ANSWER, and NOBODY_ACTS (nobody is reminded,
    and why); and GITHUB_REFUSES to help Ripe with it. DIGEST lists reviews that get no DM of their own;
    BACKLOG is a digest with reviews that waited before Ripe was installed. GREETING goes to the person who
    installed it. An admin hears of REFUSALS of GitHub and Slack, of ACCOUNTS that wait to be
    allowed, and what is UNHEARD because its author gets no DMs. ACCOUNT_MOVED goes to the
    person whose GitHub account was connected with somebody else.
    """

    NOBODY_REACHABLE = "nobody_reachable"
    NOBODY_LEFT = "nobody_left"
    NO_ANSWER = "no_answer"
    GITHUB_REFUSES = "github_refuses"
    NOBODY_ACTS = "nobody_acts"
    UNHEARD = "unheard"
    BACKLOG = "backlog"
    GREETING = "greeting"
    DIGEST = "digest"
    REFUSALS = "refusals"
    ACCOUNTS = "accounts"
    ACCOUNT_MOVED = "account_moved"


ObstacleNoticeKind = Literal[NoticeKind.GITHUB_REFUSES]
AuthorNoticeKind = Literal[
    NoticeKind.NOBODY_REACHABLE, NoticeKind.NOBODY_LEFT, NoticeKind.NO_ANSWER, NoticeKind.NOBODY_ACTS
]


class Notice(Value):
    """Which notice goes to which person: to an author once a `round`, to anybody else once an `occasion`.

    `topics` are the reasons for silence that a notice to an author states. Each is stated once a round.
    """

    kind: NoticeKind
    workspace_id: WorkspaceId
    person_id: PersonId
    pull_request_id: PullRequestId | None = None
    round: int | None = None
    occasion: str | None = None
    topics: frozenset[str] = frozenset()

    @classmethod
    def to_author(
        cls,
        author: Person,
        kind: AuthorNoticeKind | ObstacleNoticeKind,
        pull_request: PullRequest,
        topics: frozenset[str] = frozenset(),
    ) -> Self:
        """Once for the current round of the pull request."""
        return cls(
            kind=kind,
            workspace_id=pull_request.workspace_id,
            person_id=author.id,
            pull_request_id=pull_request.id,
            round=pull_request.round,
            topics=topics,
        )

    @classmethod
    def to_person(cls, person: Person, kind: NoticeKind, occasion: str) -> Self:
        """Once for each occasion, such as a day."""
        return cls(kind=kind, workspace_id=person.workspace_id, person_id=person.id, occasion=occasion)


class ReminderState(Value):
    """Everything that the next step about one review request depends on, at one moment.

    `person` is None if nobody is mapped to the reviewer's account. `pattern` is the pattern for which a rule
    chose the reviewer, empty if a human asked; `is_fallback` says that nobody else could be. `dms_today`
    counts the DMs to that person on their local day, and `dms_about_it_today` those of them about this pull
    request. `has_twin` means that an older request asks another
    account of the same person for the same review. `blocked_by` says why nobody may be asked about this pull
    request for now, empty if nothing blocks it. `away_until` is the end (exclusive) of the person's current
    absence and of those that follow at once. `is_backlog`: it was asked before Ripe was installed, and
    `is_unlisted` that no digest has said so yet.

    `digested` are the times of the digests that listed it; `digest_planned_at` is the time of the next one
    that is to list it. `quiet_until` is until when its pull request or its reviewer wants no DM, as of the
    last decision, or UNTIL_CHANGE. `synced_at` is when GitHub last answered how the pull request stands.
    `clock_moved_at` is where the sandbox's clock went on when somebody last moved it. `other_request_ids` are
    the person's other open requests.
    """

    request: ReviewRequest
    pull_request: PullRequest
    person: Person | None
    rhythm: Rhythm
    pattern: str = ""
    is_fallback: bool = False
    messages: tuple[Message, ...] = ()
    is_approved_enough: bool = False
    has_twin: bool = False
    blocked_by: str = ""
    dms_today: int = 0
    dms_about_it_today: int = 0
    away_until: datetime | None = None
    is_backlog: bool = False
    is_unlisted: bool = False
    has_digest_today: bool = False
    digested: tuple[datetime, ...] = ()
    digest_planned_at: datetime | None = None
    quiet_until: datetime | None = None
    synced_at: datetime | None = None
    clock_moved_at: datetime | None = None
    other_request_ids: tuple[RequestId, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether the request was closed, or its pull request was."""
        return self.request.closed_at is not None or not self.pull_request.is_open

    @property
    def sent(self) -> tuple[Message, ...]:
        """The DMs that arrived, oldest first."""
        return tuple(message for message in self.messages if message.state is MessageState.SENT)

    @property
    def contacts(self) -> tuple[datetime, ...]:
        """When the reviewer heard of it, oldest first: in a DM about it, or in a digest."""
        dms = (message.sent_at for message in self.sent if message.sent_at is not None)
        return tuple(sorted((*dms, *self.digested)))

    @property
    def unresolved(self) -> Message | None:
        """A DM that may or may not have arrived."""
        return next((message for message in self.messages if message.is_unresolved), None)
