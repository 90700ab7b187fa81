"""Two facts of one second may contradict each other; then GitHub has to be asked. Examples and laws."""

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


def contradicts(earlier: str, new: str) -> bool:
    return is_contradiction(frozenset({earlier}), frozenset({new}))


@pytest.mark.parametrize(
    ("earlier", "new", "expected"),
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
        "asked and answered: may have been asked again",
        "asked and answered by two people",
        "taken back and answered: not asked in any case",
        "a label gone and there",
        "a label with a colon there and gone",
        "two labels, one the beginning of the other",
        "a title that looks like a state",
    ],
)
def test_two_facts_of_one_second_hold_or_do_not_hold_together(earlier: str, new: str, expected: bool) -> None:
    assert contradicts(earlier, new) is expected


@given(tokens, tokens)
def test_the_order_of_two_facts_makes_no_difference(first: str, second: str) -> None:
    assert contradicts(first, second) is contradicts(second, first)


@given(tokens)
def test_a_fact_never_contradicts_itself(token: str) -> None:
    assert not contradicts(token, token)


@given(st.frozensets(tokens), st.frozensets(tokens))
def test_facts_contradict_a_second_if_any_of_them_contradicts_any_fact_of_it(
    earlier: frozenset[str], new: frozenset[str]
) -> None:
    assert is_contradiction(earlier, new) is any(contradicts(old, token) for old in earlier for token in new)


@given(st.frozensets(tokens), st.frozensets(tokens))
def test_githubs_own_answer_is_contradicted_by_everything_that_it_does_not_contain(
    earlier: frozenset[str], new: frozenset[str]
) -> None:
    assert is_contradiction(earlier | {SYNCED}, new) is not (new <= earlier)
