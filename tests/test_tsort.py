"""The order of scripts: held against the real tsort."""

import os
import shutil
import subprocess
from typing import List, Tuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scmguard.initramfs.tsort import Order, order
from scmguard.text import decode, encode

EXAMPLES = int(os.environ.get("SCMGUARD_EXAMPLES", "300"))
TSORT = shutil.which("tsort")
_GNU = bool(TSORT) and b"GNU" in subprocess.run([str(TSORT), "--version"], capture_output=True).stdout

needs_tsort = pytest.mark.skipif(not _GNU, reason="GNU tsort is not here: nothing to compare with")

Pairs = List[Tuple[str, str]]


def real(pairs: Pairs) -> Order:
    """What tsort of GNU coreutils prints: the names, and on its standard error each cycle's members, one a line."""
    assert TSORT
    text = "".join("{} {}\n".format(*pair) for pair in pairs)
    environment = {"LC_ALL": "C"}
    run = subprocess.run([TSORT], input=encode(text), capture_output=True, env=environment)
    cycles: List[List[str]] = []
    for line in decode(run.stderr).splitlines():
        if line.endswith("input contains a loop:"):
            cycles.append([])
        else:
            cycles[-1].append(line.split(": ", 1)[1])
    assert run.returncode == (1 if cycles else 0)
    return Order(tuple(decode(run.stdout).splitlines()), tuple(map(tuple, cycles)))


# Pairs, the order, and the cycles.
ORDERS = {
    "nothing": ([], "", []),
    "one name": ([("a", "a")], "a", []),
    "names that nothing orders stand by their characters": ([("b", "b"), ("a", "a"), ("C", "C")], "C a b", []),
    "a prerequisite": ([("a", "a"), ("b", "b"), ("b", "a")], "b a", []),
    "a prerequisite that is not there": ([("a", "a"), ("b", "b"), ("z", "a")], "b z a", []),
    "a prerequisite named twice": ([("a", "a"), ("b", "a"), ("b", "a")], "b a", []),
    "itself": ([("a", "a"), ("a", "a")], "a", []),
    "a chain": ([("c", "b"), ("b", "a")], "c b a", []),
    "two that wait for each other": ([("a", "b"), ("b", "a")], "a b", [("a", "b")]),
    "names of different length": ([("ab", "ab"), ("a", "a"), ("a-b", "a-b")], "a a-b ab", []),
    "a name that is no text": ([("\udcff", "\udcff"), ("é", "é"), ("z", "z")], "z é \udcff", []),
}


@pytest.mark.parametrize("name", ORDERS)
def test_order(name: str) -> None:
    pairs, names, cycles = ORDERS[name]
    assert order(pairs) == Order(tuple(names.split()), tuple(cycles))


@needs_tsort
@pytest.mark.parametrize("name", ORDERS)
def test_the_real_order(name: str) -> None:
    pairs, names, cycles = ORDERS[name]
    assert real(pairs) == Order(tuple(names.split()), tuple(cycles))


_NAMES = st.sampled_from(["a", "b", "c", "d", "e", "ab", "a-b", "a_b", "B", "1", "10", "2", ".x", "é", "\udcff", "zz"])
_PAIRS = st.lists(st.tuples(_NAMES, _NAMES), max_size=24)


@needs_tsort
@settings(max_examples=EXAMPLES, deadline=None)
@given(_PAIRS)
@example([("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")])
@example([("a", "b"), ("b", "c"), ("c", "a"), ("c", "b"), ("d", "a")])
@example([("a", "b"), ("a", "b"), ("b", "a"), ("b", "a")])
def test_the_real_tsort_says_the_same(pairs: Pairs) -> None:
    assert order(pairs) == real(pairs)


@settings(max_examples=EXAMPLES, deadline=None)
@given(_PAIRS)
def test_each_name_stands_once_and_behind_what_it_waits_for(pairs: Pairs) -> None:
    found = order(pairs)
    assert sorted(found.names) == sorted({name for pair in pairs for name in pair})
    if not found.cycles:
        assert all(found.names.index(one) <= found.names.index(other) for one, other in pairs)
    for cycle in found.cycles:
        # Each comes before the next, and the last before the first.
        assert set(zip(cycle, (*cycle[1:], cycle[0]))) <= set(pairs)


def test_many_names_and_cycles_end() -> None:
    names = ["n{:03}".format(number) for number in range(300)]
    found = order([pair for one, other in zip(names, names[1:]) for pair in ((one, other), (other, one))])
    assert sorted(found.names) == names and len(found.cycles) >= 1
