"""Sets of worlds behave like sets."""

from itertools import product
from typing import Any, Dict, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scmguard.effective.conditions import _least, _passes, _samples
from scmguard.effective.meaning import Filter
from scmguard.effective.worlds import FALSE, TRUE, Split, TooComplex, Worlds

VARIABLES = {"a": ("0", "1"), "b": ("x", "y", "z"), "c": ("0", "1")}
ALL: List[Dict[str, str]] = [dict(zip(VARIABLES, values)) for values in product(*VARIABLES.values())]

# A formula is a literal or an operation on formulas.
_LITERALS = st.sampled_from([(name, choice) for name, choices in VARIABLES.items() for choice in choices])
FORMULAS = st.recursive(
    _LITERALS,
    lambda inner: (
        st.tuples(st.sampled_from(["and", "or", "but", "if"]), inner, inner) | st.tuples(st.just("not"), inner)
    ),
    max_leaves=8,
)


def build(worlds: Worlds, formula: Any) -> int:
    operation = formula[0]
    if operation in VARIABLES:
        return worlds.among(operation, VARIABLES[operation], lambda each: each == formula[1])
    parts = [build(worlds, part) for part in formula[1:]]
    if operation == "not":
        return worlds.none_of(parts[0])
    if operation == "if":
        return worlds.choose(parts[0], parts[1], FALSE)
    return {"and": worlds.both, "or": worlds.either, "but": worlds.without}[operation](*parts)


def truth(world: Dict[str, str], formula: Any) -> bool:
    operation = formula[0]
    if operation in VARIABLES:
        return bool(world[operation] == formula[1])
    parts = [truth(world, part) for part in formula[1:]]
    if operation == "not":
        return not parts[0]
    return {
        "and": parts[0] and parts[-1],
        "if": parts[0] and parts[-1],
        "or": parts[0] or parts[-1],
        "but": parts[0] and not parts[-1],
    }[operation]


@given(FORMULAS)
def test_a_condition_holds_where_its_formula_is_true(formula: Any) -> None:
    worlds = Worlds()
    condition = build(worlds, formula)
    assert [worlds.holds(condition, world) for world in ALL] == [truth(world, formula) for world in ALL]


@given(FORMULAS, FORMULAS)
def test_equal_sets_are_equal_numbers(one: Any, other: Any) -> None:
    worlds = Worlds()
    same = [truth(world, one) for world in ALL] == [truth(world, other) for world in ALL]
    assert (build(worlds, one) == build(worlds, other)) == same


@given(FORMULAS)
def test_an_explanation_leads_into_the_set(formula: Any) -> None:
    worlds = Worlds()
    condition = build(worlds, formula)
    if condition == FALSE:
        with pytest.raises(ValueError):
            worlds.explain(condition)
        return
    partial = dict(worlds.explain(condition))
    assert all(worlds.holds(condition, world) for world in ALL if partial.items() <= world.items())


@given(st.lists(st.tuples(FORMULAS, st.integers(0, 3)), max_size=5))
def test_a_split_has_the_last_value_put_in(changes: Any) -> None:
    worlds = Worlds()
    split: Split[int] = Split.always(worlds, -1)
    for formula, value in changes:
        split = split.replaced(build(worlds, formula), value)
    for world in ALL:
        expected = ([-1] + [value for formula, value in changes if truth(world, formula)])[-1]
        assert split.at(world) == expected
    union = FALSE
    for condition, _ in split:
        assert worlds.both(union, condition) == FALSE
        union = worlds.either(union, condition)
    assert union == TRUE


_TESTS = st.lists(
    st.builds(
        lambda comparison, number, mask: Filter(
            "expression", "partition", number, mask if comparison in "=&" else None, comparison
        ),
        st.sampled_from(["=", "<", ">", "&"]),
        st.integers(0, 20),
        st.one_of(st.none(), st.integers(1, 15)),
    ).filter(lambda one: one.comparison != "&" or one.mask is not None),
    max_size=4,
)


@given(_TESTS)
def test_samples_show_every_combination_of_answers(tests: Any) -> None:
    answers = {tuple(_passes(test, number) for test in tests) for number in range(70)}
    assert {tuple(_passes(test, number) for test in tests) for number in _samples(tests)} == answers


_MASKED = st.builds(
    lambda equals, number, mask: Filter("expression", "partition", number, mask, "=" if equals else "&"),
    st.booleans(),
    st.integers(0, 4095),
    st.integers(1, 4095),
)


@given(st.lists(_MASKED, min_size=1, max_size=2))
def test_samples_of_many_bits_show_every_combination_of_answers(tests: Any) -> None:
    answers = {tuple(_passes(test, number) for test in tests) for number in range(4096)}
    assert {tuple(_passes(test, number) for test in tests) for number in _samples(tests)} == answers


@given(st.integers(0, 300), st.integers(0, 255), st.integers(0, 255))
def test_least_number_with_a_pattern(low: int, mask: int, bits: int) -> None:
    wanted = next((number for number in range(low, 2000) if number & mask == bits & mask), None)
    assert _least(low, mask, bits & mask) == wanted


def test_too_many_unknowns_are_refused_and_not_guessed() -> None:
    worlds = Worlds()
    with pytest.raises(TooComplex):
        for number in range(1000):
            worlds.among("v{}".format(number), ("0", "1"), lambda each: each == "1")
