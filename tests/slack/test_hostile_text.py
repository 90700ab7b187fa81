"""No typed text costs much time, however it was made (promise Q14)."""

import time

import pytest

from bot.slack.absences import parse_absence
from bot.slack.commands import parse_target
from bot.slack.escape import disarm
from bot.slack.times import parse_snooze_time
from bot.slack.typed_text import MOST_TYPED, clean_typed
from tests.promises import Promise
from tests.slack.test_times import BERLIN, NOW
from tests.slack.test_typed_text import understood

HOSTILE = [
    "a" + "_" * 39_000 + "b",
    "<@UA|" * 7_800,
    "https://a/" + "b" * 38_990,
    "\N{REGIONAL INDICATOR SYMBOL LETTER A}" * 39_000,
    "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * MOST_TYPED,
    "snooze " + "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * (MOST_TYPED - 7),
    ("snooze " + "acme/api#1 " * 50)[:MOST_TYPED],
    ("ooo " + "acme/api#1 https://github.com/acme/api/pull/1 " * 20)[:MOST_TYPED],
    ("ooo cover " + "." * MOST_TYPED)[: MOST_TYPED - 1] + "x",
    ("ooo " + "mon 1 " * 100)[:MOST_TYPED],
    ("ooo 1 - " + "1 - " * 200)[:MOST_TYPED],
    ("snooze " + ":a:" * 200)[: MOST_TYPED - 1] + ":",
    ("snooze 2h " + "please, " * 80)[: MOST_TYPED - 1] + "x",
    ("please " * 80)[:MOST_TYPED],
    ("snooze " + "(a" * 300)[:MOST_TYPED],
    ("snooze " + "(lunch) " * 80)[:MOST_TYPED],
    ("snooze " + "a." * 300)[:MOST_TYPED],
    ("snooze " + "a.b/" * 200)[:MOST_TYPED],
    ("snooze " + "all " * 200)[:MOST_TYPED],
    ("ooo " + "cover " * 100)[:MOST_TYPED],
    ("snooze " + "\N{VULGAR FRACTION ONE HALF}" * MOST_TYPED)[:MOST_TYPED],
]
"""Long runs of whatever makes a regular expression try again."""


def seconds_for(text: str) -> float:
    """The processor time of everything that may read or show a typed text."""
    began = time.process_time()
    understood(text)
    parse_target(text)
    clean_typed(text)
    parse_absence(text, NOW, BERLIN)
    parse_snooze_time(text, NOW, BERLIN)
    disarm(text, 140)
    return time.process_time() - began


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_typed_text_stops_the_loop(text: str) -> None:
    assert seconds_for(text) < 2


@pytest.mark.torture
def test_hostile_typed_texts_are_cheap(promise: Promise) -> None:
    slowest = max(seconds_for(text) for text in HOSTILE)
    promise("Q14", f"{len(HOSTILE)} hostile typed texts", f"the slowest {slowest * 1000:.0f} ms")
    assert slowest < 2
