"""Parts of what people type about times: a cleaned line, a length of time, a day with a time of day. Pure."""

import re
from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta

from bot.model import Value
from bot.slack.days import FAR, MONTHS, WEEKDAYS, Dotted, Unclear, parse_clock, parse_day, parse_dotted
from bot.slack.phrases import rewrite
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
_PART = re.compile(rf"(\d+(?:[.,]\d{{1,2}})?) ?({_UNIT})(?![a-z])(?: and| ,|,)? ?")
_HOURS_MINUTES = re.compile(r"(\d+) ?h ?(\d{1,2})")
_WORDS = {"an hour": "1h", "a day": "1d", "a week": "1w", "a minute": "1m"}
_DOTTED_DAY = re.compile(r"(?<![\d.])\d{1,2}\.\d{1,2}\.$")
"""Its last dot is no end of a sentence: `2.5.` is a day, `2.5` may be hours."""
_TONIGHT = re.compile(r"tonight (?:at )?(\d{1,2})(?:[:.](\d\d))?")
_NOTE = re.compile(r" ?\(([^()]*)\)")
_ZONE = re.compile(
    r"[\w+-]+/[\w+/-]+|utc\S*|gmt\S*|a?[ecmp][sd]t|ist|jst|kst|bst|cest|cet|eest|eet|west|wet|msk|sgt|hkt"
)
"""The name of a zone, or an abbreviation such as `cest`."""
_SAYS_WHEN = re.compile(
    rf"\d|\b(?:{'|'.join([*WEEKDAYS, *MONTHS])}|not|no|or|until|till|except|but|half|noon|midnight|today|"
    r"tomorrow|morning|afternoon|evening|night|tonight|next|am|pm|hours?|days?|weeks?|minutes?)\b"
)
_UTC = re.compile(r"(\d{4}-\d\d-\d\d)[ t](\d\d:\d\d)(?::\d\d)?(?: ?z| utc)\b")
_BACK_AT_WORK = re.compile(r"(?:\. back |; you are at work again ).*$")

PART_OF_DAY = re.compile(r"(?:(.+) )?(morning|afternoon|evening|night)")
PARTS_OF_DAY = {
    "morning": (time.min, time(12)), "afternoon": (time(12), None), "evening": (time(18), None),
    "night": (time(18), None),
}  # fmt: skip
"""From when until when each part of a day lasts; None is the end of the day."""
UNTIL = re.compile(r"(?:until|till|til|thru|through|to) (.+)")
MIDNIGHT = re.compile(r"(?:midnight|tonight (?:at )?midnight|midnight tonight|today midnight)")
MONTHS_AHEAD = re.compile(r"(?:for |in )?(\d{1,2}|a) months?")


class Moment(Value):
    """A day, with a time of day if one was typed."""

    day: date
    clock: time | None = None


def normalize(text: str) -> str:
    """A cleaned line in lower case, without the punctuation of a sentence around it."""
    phrase = rewrite(clean_typed(text).lower().lstrip(" .!,;:").rstrip(" !,;:")).rstrip(" !,;:")
    return phrase if _DOTTED_DAY.search(phrase) else phrase.rstrip(" .!,;:")


def read_line(text: str, hours: WorkingHours) -> str | Unclear:
    """The normalized phrase, in this person's own time wherever it names a zone. A question about another."""
    if len(text) > MOST_TYPED:
        return Unclear(question=f"That is longer than {MOST_TYPED} characters. When, in a few words?")
    phrase = _BACK_AT_WORK.sub("", normalize(text))
    for note in _NOTE.findall(phrase):
        if note == hours.zone.lower() or not (_ZONE.fullmatch(note) or _SAYS_WHEN.search(note)):
            phrase = phrase.replace(f"({note})", "")
        elif _ZONE.fullmatch(note):
            return Unclear(question=f"Ripe reads times in your own zone, {hours.zone}. When is that there?")
    return _UTC.sub(lambda match: _to_local(match, hours), " ".join(phrase.split()).replace(" ,", ","))


def _to_local(match: re.Match[str], hours: WorkingHours) -> str:
    try:
        instant = datetime.fromisoformat(f"{match[1]} {match[2]}").replace(tzinfo=UTC)
        return f"{instant.astimezone(hours.tz):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError):
        return match[0]


def parse_duration(phrase: str) -> timedelta | None:
    """A length of time, perhaps zero. One beyond all bounds is cut, to a length that is still too long."""
    phrase = _WORDS.get(phrase, phrase)
    if match := _HOURS_MINUTES.fullmatch(phrase):
        return min(float(match[1]), 100_000) * timedelta(hours=1) + timedelta(minutes=int(match[2]))
    total, place = timedelta(0), 0
    while place < len(phrase):
        match = _PART.match(phrase, place)
        if match is None:
            return None
        total += min(float(match[1].replace(",", ".")), 100_000) * _UNITS[match[2]]
        place = match.end()
    return min(total, _TOO_LONG) if phrase else None


def parse_moment(phrase: str, now: datetime, hours: WorkingHours) -> Moment | Unclear | None:
    """A day, a time today, or a day and a time in either order. None if the text is none of these."""
    if (tonight := _TONIGHT.fullmatch(phrase)) is not None and int(tonight[1]) < 12:
        phrase = f"today {int(tonight[1]) + 12}:{tonight[2] or '00'}"
    today = local_day(hours, now)
    if phrase.isdecimal():
        return _ask_hour_or_day(phrase, now, hours)
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


def _ask_hour_or_day(number: str, now: datetime, hours: WorkingHours) -> Unclear | None:
    """A question about `until 17`: five o'clock, or a day of the month?"""
    today = local_day(hours, now)
    clock, day = parse_clock(number), parse_day(f"{number}th", today)
    halves = map(parse_clock, clock.choices) if isinstance(clock, Unclear) else [clock]
    ahead = sorted(
        (today if local_instant(hours, today, half) > now else today + _DAY, half)
        for half in halves
        if isinstance(half, time)
    )
    times = [f"{day.isoformat()} {half:%H:%M}" for day, half in ahead]
    days = [day.isoformat()] if isinstance(day, date) else list(day.choices) if day else []
    if not times and not days:
        return None
    return Unclear(question=f"Is {number} a time, or a day of the month?", choices=(*times, *days))


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


def add_months(number: str, today: date) -> date:
    """The same day of a later month, or its last day if it is shorter. Far months become too far a day."""
    ahead = 1 if number == "a" else min(int(number), 24)
    year, month = divmod(today.year * 12 + today.month - 1 + ahead, 12)
    return date(year, month + 1, min(today.day, monthrange(year, month + 1)[1]))


def not_understood(text: str, choices: tuple[str, ...]) -> Unclear:
    if not clean_typed(text):
        return Unclear(question="When?", choices=choices)
    return Unclear(question=f"Ripe does not understand “{clean_typed(text)[:80]}”. When?", choices=choices)
