"""The words for an outlook, and nowhere else: one sentence for the reviewer, one about them for others. Pure.

Others learn until when a reviewer is out, and never the kind of absence. Names come from GitHub or Slack
unchanged: rendering must disarm them.
"""

from datetime import date, datetime, time, timedelta

from bot.reminders.model import Outlook, Silence
from bot.working_time import load_zone

_FOR_REVIEWER = {
    Silence.OVER: "It is over: {detail}.",
    Silence.BLOCKED: "Nothing is sent about it for now: {detail}.",
    Silence.UNLINKED: "The GitHub account that was asked is not connected with you any more.",
    Silence.DEACTIVATED: "You are deactivated or a guest in Slack.",
    Silence.DRAFT: "Back in draft: no review is needed until it is ready.",
    Silence.APPROVED: "It has the approvals it needs: your review is welcome, but nobody waits for it.",
    Silence.MUTED: "Muted: no more reminders about this one.",
    Silence.BACKLOG: "Asked before Ripe was installed: you are reminded once something changes.",
    Silence.SNOOZED_UNTIL_CHANGE: "Snoozed until something changes.",
    Silence.TWIN: "Asked on another GitHub account of yours: you are reminded of that request.",
    Silence.REFUSED: "Slack refused the DM about it. Ripe tries again every day.",
    Silence.ALL_SENT: "{reminded} no more come.",
    Silence.NEVER_AT_WORK: "You have no working hours, so no reminders come.",
    Silence.UNCONFIRMED: "Slack is being asked whether the last DM arrived.",
    Silence.ALL_SNOOZED: "All reminders are snoozed until {moment}.",
    Silence.AWAY: "You are out of office until {last_day}.",
    Silence.SNOOZED: "Snoozed until {moment}.",
    Silence.NOT_DUE: "{next_dm} comes {next_moment}.",
    Silence.OUTSIDE_HOURS: "{next_dm} comes when you are at work: {next_moment}.",
    Silence.IN_DIGEST: "It is in your next digest: {next_moment}.",
    Silence.LATE: "GitHub is asked how it stands before you are reminded.",
    Silence.AFTER_OTHERS: "{next_dm} comes after more important ones, in a few minutes.",
    None: "{next_dm} comes now.",
}

_ABOUT_REVIEWER = {
    Silence.OVER: "it is over: {detail}",
    Silence.BLOCKED: "{detail}",
    Silence.UNLINKED: "{name} is not connected with anybody in Slack",
    Silence.DEACTIVATED: "{name} is deactivated or a guest in Slack",
    Silence.DRAFT: "it is in draft",
    Silence.APPROVED: "it has the approvals it needs, so {name} is not reminded any more",
    Silence.MUTED: "{name} muted it",
    Silence.BACKLOG: "{name} was asked before Ripe was installed, and is reminded once something changes",
    Silence.SNOOZED_UNTIL_CHANGE: "{name} snoozed it until something changes",
    Silence.TWIN: "{name} is reminded on another GitHub account",
    Silence.REFUSED: "Slack refused the DM to {name}{reason}",
    Silence.ALL_SENT: "{name} was {reminded}, Ripe has stopped",
    Silence.NEVER_AT_WORK: "{name} has no working hours",
    Silence.UNCONFIRMED: "Slack is being asked whether the last DM to {name} arrived",
    Silence.ALL_SNOOZED: "{name} gets no reminders until {day}",
    Silence.AWAY: "{name} is out until {last_day}",
    Silence.SNOOZED: "{name} snoozed it until {day}",
    Silence.NOT_DUE: "{next_dm} to {name} is not due",
    Silence.OUTSIDE_HOURS: "{name} is not at work",
    Silence.IN_DIGEST: "it is in the next digest of {name}",
    Silence.LATE: "GitHub is asked how it stands before {name} is reminded",
    Silence.AFTER_OTHERS: "{name} gets more important DMs first",
    None: "{next_dm} to {name} is due now",
}


def for_reviewer(outlook: Outlook) -> str:
    """A sentence to the person who was asked."""
    text = _FOR_REVIEWER[outlook.silence].format(
        detail=outlook.detail,
        reminded=_all_sent(outlook.sent - 1),
        moment=outlook.until and _moment(outlook.until, outlook),
        last_day=outlook.until and _last_day(outlook.until, outlook, with_weekday=True),
        next_dm=_next_dm(outlook),
        next_moment=outlook.next_at and _moment(outlook.next_at, outlook),
    )
    return text[0].upper() + text[1:]


def about_reviewer(outlook: Outlook, name: str) -> str:
    """A clause, without a full stop, to anybody else. `name` is the reviewer."""
    if outlook.is_our_mistake:
        return f"a mistake in Ripe keeps its DM from {name}, and it tries again every day"
    return _ABOUT_REVIEWER[outlook.silence].format(
        name=name,
        detail=outlook.detail,
        reason=f": {outlook.detail}" if outlook.detail else "",
        reminded=_times(outlook.sent - 1),
        last_day=outlook.until and _last_day(outlook.until, outlook),
        day=outlook.until and day_of(outlook.until, outlook),
        next_dm=_next_dm(outlook),
    )


def what_comes(outlook: Outlook, name: str) -> str:
    """The next thing that Ripe does for this reviewer, as a clause to anybody else."""
    if outlook.is_end:
        return "nothing more is sent"
    if outlook.sequence == 0:
        return f"{name} gets the first DM"
    return f"{name} is reminded (reminder {outlook.sequence} of {max(outlook.reminders, outlook.sequence)})"


def day_of(instant: datetime, outlook: Outlook) -> str:
    """Such as `23 Dec`, with the year if it is another one than that of the outlook."""
    return _day(_local(instant, outlook), outlook)


def _local(instant: datetime, outlook: Outlook) -> datetime:
    return instant.astimezone(load_zone(outlook.zone))


def _day(day: date, outlook: Outlook) -> str:
    year = "" if day.year == _local(outlook.now, outlook).year else f" {day.year}"
    return f"{day.day} {day:%b}{year}"


def _next_dm(outlook: Outlook) -> str:
    if outlook.sequence == 0:
        return "the first DM"
    return f"reminder {outlook.sequence} of {max(outlook.reminders, outlook.sequence)}"


def _times(reminders: int) -> str:
    if reminders <= 0:
        return "asked in one DM"
    return "reminded once" if reminders == 1 else f"reminded {reminders} times"


def _all_sent(reminders: int) -> str:
    if reminders <= 0:
        return "You got the DM about it:"
    return "The reminder was sent:" if reminders == 1 else f"All {reminders} reminders were sent:"


def _moment(instant: datetime, outlook: Outlook) -> str:
    local = _local(instant, outlook)
    return f"{local:%a} {_day(local, outlook)}, {local:%H:%M} ({outlook.zone})"


def _last_day(ends_at: datetime, outlook: Outlook, *, with_weekday: bool = False) -> str:
    """The last day before this moment; or, if it is in the middle of a day, that day and the time."""
    local = _local(ends_at, outlook)
    is_whole = local.time() == time.min
    day = local.date() - timedelta(days=1) if is_whole else local.date()
    weekday = f"{day:%a} " if with_weekday else ""
    return f"{weekday}{_day(day, outlook)}" + ("" if is_whole else f" {local:%H:%M}")
