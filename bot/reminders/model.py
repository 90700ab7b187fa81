"""What is sent to whom, when, and what it shows."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from bot.model import RequestId, Value
from bot.people.model import Person
from bot.reviews.model import CloseReason, PullRequest, ReviewRequest


class Rhythm(Value):
    """When reminders follow the first DM, and when the author is told: working time after it."""

    after: tuple[timedelta, ...] = (timedelta(hours=4), timedelta(hours=12), timedelta(hours=28))
    tell_author_after: timedelta = timedelta(hours=16)


class MessageState(StrEnum):
    """SENDING: the call may be on the wire. UNKNOWN: its reply was lost. FAILED: Slack said no."""

    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"
    FAILED = "failed"


class Message(Value):
    """One DM about one review request. `shown` is the fingerprint of what it shows now.

    SENT without an address (`channel`, `ts`): it would have been sent, had it not been for shadow mode.
    """

    id: int
    sequence: int
    state: MessageState
    sending_at: datetime
    sending_on: datetime
    sent_at: datetime | None = None
    channel: str | None = None
    ts: str | None = None
    shown: str | None = None
    error: str | None = None

    @property
    def is_shadow(self) -> bool:
        """Whether it was decided and recorded, but not sent."""
        return self.state is MessageState.SENT and self.ts is None


class Look(StrEnum):
    """How a DM presents itself: LIVE with buttons, OLDER collapsed under a newer one, or OVER and struck.

    QUIET keeps the card but says why nothing is asked for now (draft, approved enough).
    """

    LIVE = "live"
    QUIET = "quiet"
    OLDER = "older"
    OVER = "over"


class Card(Value):
    """All that a DM about a review request shows, before it becomes Slack blocks.

    `turn` says why it is the reader's turn, because of the pattern `owned` where a rule chose them; `note`
    why nothing is asked for now. `sequence` 0 is the first DM and n the n-th of `reminders`. Texts come from
    GitHub as they are: rendering must disarm them.
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
    """Post DM number `sequence` now."""

    kind: Literal["send"] = "send"
    sequence: int


class Settle(Value):
    """Find out whether a DM arrived whose reply was lost, before anything else."""

    kind: Literal["settle"] = "settle"
    message: "Message"


class Edit(Value):
    """Bring DMs that show something outdated up to date."""

    kind: Literal["edit"] = "edit"
    message_ids: tuple[int, ...]


class Wait(Value):
    """Nothing to do until then; None: until a fact or a person changes something."""

    kind: Literal["wait"] = "wait"
    until: datetime | None
    why: str


class Close(Value):
    """The request is over and every DM about it says so."""

    kind: Literal["close"] = "close"
    why: str


Step = Settle | Send | Edit | Wait | Close


class NoticeKind(StrEnum):
    """What an author is told, at most once a round."""

    NOBODY_REACHABLE = "nobody_reachable"
    NOBODY_LEFT = "nobody_left"
    NO_ANSWER = "no_answer"


class View(Value):
    """All that the next step about one review request depends on, as it stands at this moment.

    `person` is None while nobody has mapped the reviewer. `pattern` is what a rule chose them for, empty if a
    human asked. `dms_today` counts what that person was sent on
    their local day; `has_twin` says that another account of the same person is asked for the same review.
    `held` says why nobody may be asked for now, whatever the request's own state; empty where they may.
    `away_until` is the end (exclusive) of the absence that the person is in.
    """

    request: ReviewRequest
    pull_request: PullRequest
    person: Person | None
    rhythm: Rhythm
    pattern: str = ""
    messages: tuple[Message, ...] = ()
    is_approved_enough: bool = False
    has_twin: bool = False
    held: str = ""
    dms_today: int = 0
    away_until: datetime | None = None

    @property
    def is_over(self) -> bool:
        return self.request.closed_at is not None or not self.pull_request.is_open

    @property
    def sent(self) -> tuple[Message, ...]:
        """The DMs that arrived, oldest first."""
        return tuple(message for message in self.messages if message.state is MessageState.SENT)

    @property
    def unresolved(self) -> Message | None:
        """A DM of which nobody knows whether it arrived: a worker died, or Slack's reply was lost."""
        lost = (MessageState.SENDING, MessageState.UNKNOWN)
        return next((message for message in self.messages if message.state in lost), None)
