"""Parts of what people type about times: a cleaned line, a length of time, a day with a time of day. Pure."""

import re
from datetime import UTC, date, datetime, time, timedelta

from bot.model import Value
from bot.slack.days import FAR, Dotted, Unclear, parse_clock, parse_day, parse_dotted
from bot.slack.typed_text import MOST_TYPED, clean_typed
from bot.working_time import WorkingHours, local_day, local_instant

_DAY = timedelta(days=1)
_TOO_LONG = 10 * FAR

_UNITS = {
    "m": timedelta(minutes=1), "min": timedelta(minutes=1), "mins": timedelta(minutes=1),
    "minute": timedelta(minutes=1), "minutes": timedelta(minutes=1),
    "h": timedelta(hours=1), "hr": timedelta(hours=1), "hrs": timedelta(hours=1),
    "hour": timedelta(hours=1), "hours": timedelta(hours=1),
    "d": _DAY, "day": _DAY, "days": _DAY,
    "w": 7 * _DAY, "wk": 7 * _DAY, "wks": 7 * _DAY, "week": 7 * _DAY, "weeks": 7 * _DAY,
}  # fmt: skip
_UNIT = "|".join(sorted(_UNITS, key=len, reverse=True))
_PART = re.compile(rf"(\d+(?:[.,]\d+)?) ?({_UNIT})(?![a-z])(?: and| ,|,)? ?")
_HOURS_MINUTES = re.compile(r"(\d+) ?h ?(\d{1,2})")
_WORDS = {"an hour": "1h", "half an hour": "30m", "a day": "1d", "a week": "1w", "a minute": "1m"}
_DOTTED_DAY = re.compile(r"(?<![\d.])\d{1,2}\.\d{1,2}\.$")
"""Its last dot is no end of a sentence: `2.5.` is a day, `2.5` may be hours."""
_TONIGHT = re.compile(r"tonight (?:at )?(\d{1,2})(?:[:.](\d\d))?")
_ZONE = re.compile(r" ?\(([a-z0-9_+/-]+)\)")
_UTC = re.compile(r"(\d{4}-\d\d-\d\d)[ t](\d\d:\d\d)(?::\d\d)?(?: ?z| utc)\b")
_BACK_AT_WORK = re.compile(r"(?:\. back |; you are at work again ).*$")


class Moment(Value):
    """A day, with a time of day if one was typed."""

    day: date
    clock: time | None = None


def normalize(text: str) -> str:
    """A cleaned line in lower case, without the punctuation of a sentence around it."""
    phrase = clean_typed(text).lower().lstrip(" .!,;:").rstrip(" !,;:")
    return phrase if _DOTTED_DAY.search(phrase) else phrase.rstrip(" .!,;:")


def read_line(text: str, hours: WorkingHours) -> str | Unclear:
    """The normalized phrase, in this person's own time wherever it names a zone. A question about another."""
    if len(text) > MOST_TYPED:
        return Unclear(question=f"That is longer than {MOST_TYPED} characters. When, in a few words?")
    phrase = _BACK_AT_WORK.sub("", normalize(text))
    for zone in _ZONE.findall(phrase):
        if zone != hours.zone.lower():
            return Unclear(question=f"Ripe reads times in your own zone, {hours.zone}. When is that there?")
    return _UTC.sub(lambda match: _to_local(match, hours), _ZONE.sub("", phrase))


def _to_local(match: re.Match[str], hours: WorkingHours) -> str:
    try:
        instant = datetime.fromisoformat(f"{match[1]} {match[2]}").replace(tzinfo=UTC)
        return f"{instant.astimezone(hours.tz):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError):
        return match[0]


def parse_duration(phrase: str) -> timedelta | None:
    """A length of time. One beyond all bounds is cut, to a length that is still too long."""
    phrase = _WORDS.get(phrase, phrase)
    if match := _HOURS_MINUTES.fullmatch(phrase):
        return min(float(match[1]), 100_000) * timedelta(hours=1) + timedelta(minutes=int(match[2])) or None
    total, place = timedelta(0), 0
    while place < len(phrase):
        match = _PART.match(phrase, place)
        if match is None:
            return None
        total += min(float(match[1].replace(",", ".")), 100_000) * _UNITS[match[2]]
        place = match.end()
    return min(total, _TOO_LONG) or None


def parse_moment(phrase: str, now: datetime, hours: WorkingHours) -> Moment | Unclear | None:
    """A day, a time today, or a day and a time in either order. None if the text is none of these."""
    if (tonight := _TONIGHT.fullmatch(phrase)) is not None and int(tonight[1]) < 12:
        phrase = f"today {int(tonight[1]) + 12}:{tonight[2] or '00'}"
    today = local_day(hours, now)
    if (dotted := parse_dotted(phrase, today)) is not None and (
        dotted.hours or (dotted.day and dotted.clock)
    ):
        return ask_which(dotted, now, hours)
    day, clock = parse_day(phrase.removeprefix("on "), today), parse_clock(phrase)
    if clock is not None and not isinstance(day, date):
        return clock if isinstance(clock, Unclear) else Moment(day=today, clock=clock)
    if day is not None:
        return day if isinstance(day, Unclear) else Moment(day=day)
    return _parse_day_and_clock(phrase, today)


def _parse_day_and_clock(phrase: str, today: date) -> Moment | Unclear | None:
    for place in [match.start() for match in re.finditer(" ", phrase)]:
        for left, right in ((phrase[:place], phrase[place + 1 :]), (phrase[place + 1 :], phrase[:place])):
            day, clock = parse_day(left.strip(" ,"), today), parse_clock(right.strip(" ,"))
            if day is None or clock is None:
                continue
            if isinstance(day, Unclear):
                return complete_choices(day, f"{{}} {right.strip(' ,')}")
            if isinstance(clock, Unclear):
                return complete_choices(clock, f"{day.isoformat()} {{}}")
            return Moment(day=day, clock=clock)
    return None


def ask_which(dotted: Dotted, now: datetime, hours: WorkingHours) -> Unclear:
    """A question about `2.5` (a day, or hours) or `10.12` (a day, or a time)."""
    today = local_day(hours, now)
    choices = [dotted.hours] if dotted.hours else []
    if dotted.clock is not None:
        is_ahead = local_instant(hours, today, dotted.clock) > now
        choices.append(f"{'today' if is_ahead else 'tomorrow'} {dotted.clock:%H:%M}")
    if dotted.day is not None and today < dotted.day <= today + FAR:
        choices.append(dotted.day.isoformat())
    return Unclear(question="Is that a day, or a time?", choices=tuple(choices))


def complete_choices(unclear: Unclear, phrase: str) -> Unclear:
    """Completes the choices of a question about a part of the text. An empty phrase drops the choices."""
    choices = tuple(phrase.replace("{}", choice) for choice in unclear.choices) if phrase else ()
    return unclear.model_copy(update={"choices": choices})


def end_of(moment: Moment, hours: WorkingHours) -> datetime:
    if moment.clock is not None:
        return local_instant(hours, moment.day, moment.clock)
    return local_instant(hours, moment.day + _DAY, time.min)
