"""Rewrites a typed phrase in the few forms that are parsed: `two hours, please` becomes `2 hours`. Pure."""

import re

_NUMBERS = {
    "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
    "nine": "9", "ten": "10", "eleven": "11", "twelve": "12", "fifteen": "15", "twenty": "20",
    "thirty": "30", "forty-five": "45", "forty": "40", "sixty": "60", "ninety": "90",
}  # fmt: skip
_COUNTED = r"(?:min|mins|minutes?|h|hrs?|hours?|days?|weeks?|wks?|months?)\b"
_NUMBER = re.compile(rf"(?<![\w-])({'|'.join(_NUMBERS)})(?= {_COUNTED}| and a half )")
_POLITE = "please|pls|plz|thanks a lot|thanks|thank you|thx|cheers|ok|okay"

_REWRITES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r" ?[:;]-?[()]$", ""),
        (rf"^(?:(?:{_POLITE}|just)[ ,!.]+)+", ""),
        (rf"(?:^|[ ,!]+)(?:{_POLITE})(?:[ ,!]+(?:{_POLITE}))*[.!]*$", ""),
        (r" from now$", ""),
        (r"(?<=\d) ?([ap])\. ?m\b\.?", r"\1m"),
        (r"(?<=[:.]\d\d) ?uhr\b", ""),
        (r"\b(\d{1,2}) ?uhr (\d\d)\b", r"\1:\2"),
        (r"\b(\d{1,2}) ?uhr\b", r"\1:00"),
        (rf"\b(\d{{1,3}}) and a half (?={_COUNTED})", r"\1.5 "),
        (r"\b(?:an|a|1) (hour|day|week) and a half\b", r"1.5 \1s"),
        (r"\b(?:a )?half(?: an)? hour\b", "30m"),
        (r"\b(?:a )?quarter(?: of an)? hour\b", "15m"),
    )
)


def rewrite(phrase: str) -> str:
    """The phrase without politeness and smileys, its numbers in digits and its times as in English."""
    phrase = _NUMBER.sub(lambda match: _NUMBERS[match[1]], phrase)
    for pattern, replacement in _REWRITES:
        phrase = pattern.sub(replacement, phrase)
    return phrase
