"""Which facts of one second cannot both hold, so that GitHub has to be asked: sentences and laws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.reviews.rules import SYNCED, is_contradiction

PEOPLE = ["2", "3", "23"]
LABELS = ["ui", "wip", "kind:bug", "kind"]
TOKENS = [
    *(f"{what}:{person}" for what in ("requested", "removed", "reviewed") for person in PEOPLE),
    *(f"{what}:{label}" for what in ("label+", "label-") for label in LABELS),
    *("state:open", "state:closed", "draft:true", "draft:false", "head:a1", "head:b2"),
    *("title:Round up", "title:Round up: again", "title:state:open"),
]
tokens = st.sampled_from(TOKENS)


def contradicts(fact: str, other: str) -> bool:
    return is_contradiction(frozenset({fact}), frozenset({other}))


@pytest.mark.parametrize(
    ("fact", "other", "expected"),
    [
        ("requested:2", "reviewed:2", True),
        ("requested:2", "reviewed:23", False),
        ("removed:2", "reviewed:2", False),
        ("label-:wip", "label+:wip", True),
        ("label+:kind:bug", "label-:kind:bug", True),
        ("label+:kind:bug", "label-:kind", False),
        ("title:state:open", "state:closed", False),
    ],
    ids=[
        "asked and answered: perhaps asked again",
        "asked and answered by two people",
        "taken back and answered: not asked in any case",
        "a label gone and there",
        "a label with a colon there and gone",
        "two labels, one the beginning of the other",
        "a title that looks like a state",
    ],
)
def test_two_facts_of_one_second_hold_or_do_not_hold_together(fact: str, other: str, expected: bool) -> None:
    assert contradicts(fact, other) is expected


@given(tokens, tokens)
def test_which_of_two_facts_comes_first_makes_no_difference(fact: str, other: str) -> None:
    assert contradicts(fact, other) is contradicts(other, fact)


@given(tokens)
def test_a_fact_heard_twice_never_contradicts_itself(token: str) -> None:
    assert not contradicts(token, token)


@given(st.frozensets(tokens), st.frozensets(tokens))
def test_facts_contradict_a_second_when_any_of_them_contradicts_any_fact_of_it(
    same_second: frozenset[str], new: frozenset[str]
) -> None:
    assert is_contradiction(same_second, new) is any(
        contradicts(fact, other) for fact in same_second for other in new
    )


@given(st.frozensets(tokens), st.frozensets(tokens))
def test_after_githubs_own_answer_only_what_it_knew_of_is_no_news(
    same_second: frozenset[str], new: frozenset[str]
) -> None:
    assert is_contradiction(same_second | {SYNCED}, new) is not (new <= same_second)
