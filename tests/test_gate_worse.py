"""Whether a change made it worse, which files are to blame, and whether the next boot is safe."""

import os
from itertools import combinations
from typing import Any, FrozenSet, List, Sequence, Tuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scmguard.finding import Finding, Waived
from scmguard.gate import blame, reboot
from scmguard.gate.blame import to_put_back
from scmguard.gate.worse import after_boot, counts, faults, weight, worse
from scmguard.text import Span

RULES = ["kernel-missing", "initrd-missing", "root-missing", "supervised-file-changed", "running-differs-from-files"]
SIGNING = "supervised-file-changed"


def finding(
    rule: str = "kernel-missing",
    severity: str = "no-boot",
    confidence: str = "certain",
    line: int = 1,
    message: str = "it is not there",
    waived: bool = False,
) -> Finding:
    span = Span("config.txt", line, 1, line, 1)
    return Finding(rule, severity, confidence, None, message, span, waived=Waived("known") if waived else None)


FINDINGS = st.builds(
    finding,
    rule=st.sampled_from(RULES),
    severity=st.sampled_from(["hygiene", "degraded", "no-boot", "no-boot", "brick"]),
    confidence=st.sampled_from(["certain", "possible"]),
    line=st.integers(0, 3),
    message=st.sampled_from(["a", "b"]),
    waived=st.sampled_from([False, False, False, True]),
)
STATES = st.lists(FINDINGS, max_size=8)
WHICH = st.sampled_from([counts, after_boot])
CAN_STOP = FINDINGS.filter(counts)


# --- worse ---


@settings(deadline=None)
@given(STATES, st.randoms(), st.integers(0, 100), st.text(max_size=3))
def test_the_same_is_never_worse_however_lines_and_messages_move(
    state: List[Finding], random: Any, by: int, message: str
) -> None:
    moved = [one._replace(span=one.span._replace(line=one.span.line + by), message=message) for one in state]
    random.shuffle(moved)
    assert worse(faults(state), state) == [] == worse(faults(state), moved)
    assert faults(moved) == faults(state)


@settings(deadline=None)
@given(STATES, CAN_STOP)
def test_one_more_is_always_worse(state: List[Finding], one: Finding) -> None:
    added = worse(faults(state), [*state, one])
    assert added and all(each.rule == one.rule for each in added)


@settings(deadline=None)
@given(STATES, CAN_STOP)
def test_a_new_rule_is_said_and_nothing_else(state: List[Finding], one: Finding) -> None:
    state = [each for each in state if each.rule != one.rule]
    assert worse(faults(state), [*state, one]) == [one]


@settings(deadline=None)
@given(STATES, FINDINGS.filter(lambda each: not counts(each)))
def test_what_cannot_stop_a_change_makes_nothing_worse(state: List[Finding], one: Finding) -> None:
    assert worse(faults(state), [*state, one]) == []


def softer(one: Finding, how: str) -> List[Finding]:
    if how == "gone":
        return []
    if how == "waived":
        return [one._replace(waived=Waived("known"))]
    if how == "possible":
        return [one._replace(confidence="possible")]
    order = ["hygiene", "degraded", "no-boot", "brick"]
    return [one._replace(severity=order[max(0, order.index(one.severity) - 1)])]


@settings(deadline=None)
@given(STATES, st.lists(st.sampled_from(["as it is", "gone", "waived", "possible", "milder"]), min_size=8, max_size=8))
def test_less_and_softer_is_never_worse(state: List[Finding], hows: List[str]) -> None:
    now = [each for one, how in zip(state, hows) for each in ([one] if how == "as it is" else softer(one, how))]
    assert worse(faults(state), now) == []


@settings(deadline=None)
@given(STATES, st.integers(0, 7))
def test_harder_is_always_worse(state: List[Finding], which: int) -> None:
    judged = [one for one in state if counts(one)]
    if judged:
        one = judged[which % len(judged)]
        harder = one._replace(severity="brick", confidence="certain")
        now = [harder if each is one else each for each in state]
        assert bool(worse(faults(state), now)) == (weight(one) < weight(harder))


@settings(deadline=None)
@given(STATES, STATES, WHICH)
def test_what_is_said_is_there_and_the_worst_comes_first(before: List[Finding], now: List[Finding], which: Any) -> None:
    added = worse(faults(before), now, which)
    weights = [weight(one) for one in added]
    assert all(one in now and which(one) for one in added) and weights == sorted(weights, reverse=True)
    if not faults(before):
        assert len(added) == len([one for one in now if which(one)])


def test_how_bad_each_is() -> None:
    found = [(severity, sure) for severity in ("no-boot", "brick") for sure in ("possible", "certain")]
    assert [weight(finding("x", *each)) for each in found] == [1, 2, 3, 4]


def test_one_fault_that_turned_into_another_is_worse() -> None:
    before = faults([finding("a")])
    assert worse(before, [finding("b")]) == [finding("b")] and worse(before, [finding("a", "brick")])


# --- blame ---


def monotone(cures: Sequence[Sequence[FrozenSet[str]]], calls: List[FrozenSet[str]]) -> Any:
    """A fault for each list of cures, which is gone once all the files of one of them are back."""

    def harm(names: FrozenSet[str]) -> int:
        calls.append(names)
        return sum(not any(cure <= names for cure in each) for each in cures)

    return harm


NAMES = ["a", "b", "c", "d", "e", "f"]
SOME = st.frozensets(st.sampled_from(NAMES), max_size=4)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(NAMES), unique=True),
    st.lists(st.sampled_from([*NAMES, "unrelated"])),
    st.lists(st.lists(SOME, max_size=3), max_size=4),
)
def test_as_few_as_are_enough(changed: List[str], named: List[str], cures: List[List[FrozenSet[str]]]) -> None:
    calls: List[FrozenSet[str]] = []
    found = to_put_back(changed, iter(named), monotone(cures, calls))
    harm = monotone(cures, [])
    now, best = harm(frozenset()), harm(frozenset(changed))
    assert set(found) <= set(changed) and len(set(found)) == len(found) and len(calls) == len(set(calls)) <= 60
    assert all(each <= set(changed) for each in calls)
    assert bool(found) == (best < now)
    if found:
        assert harm(frozenset(found)) == best
        for size in range(len(found)):
            for fewer in combinations(found, size):
                assert harm(frozenset(fewer)) > best, "fewer would have been enough"


@pytest.mark.parametrize("changed", [(), ("a",), ("a", "b", "c")])
def test_nothing_is_put_back_where_that_helps_nothing(changed: Tuple[str, ...]) -> None:
    assert to_put_back(changed, changed, lambda _names: 3) == ()
    assert to_put_back(changed, changed, len) == (), "nor where it makes it worse"


@pytest.mark.parametrize("named", [[], ["f250"], ["unrelated"], ["f250", "f251", "f300"]])
def test_one_of_a_kernels_files(named: List[str]) -> None:
    calls: List[FrozenSet[str]] = []
    files = ["f{}".format(number) for number in range(400)]
    assert to_put_back(files, named, monotone([[frozenset(["f250"])]], calls)) == ("f250",)
    assert len(calls) <= 60


@pytest.mark.parametrize("needed", [300, 400])
def test_trials_are_bounded(needed: int) -> None:
    """Where nearly all files are to blame, it is not worth a day to find the others."""
    calls: List[FrozenSet[str]] = []
    files = ["f{}".format(number) for number in range(400)]
    harm = monotone([[frozenset(files[:needed])]], calls)
    found = to_put_back(files, files[:5], harm)
    assert len(calls) <= blame._MOST_TRIES and harm(frozenset(found)) == 0


def test_who_is_named_and_enough_is_taken_at_once() -> None:
    calls: List[FrozenSet[str]] = []
    harm = monotone([[frozenset("a"), frozenset("b")]], calls)
    assert to_put_back(["a", "b", "c"], iter(["b"]), harm) == ("b",) and len(calls) == 3


# --- the next boot ---


@pytest.fixture
def booted(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "boot_id").write_text("b1\n")
    monkeypatch.setattr(reboot, "_BOOT_ID", str(tmp_path / "boot_id"))
    return str(tmp_path / "gate" / "booted")


@pytest.mark.parametrize("state", [[], [finding()], [finding(), finding("b", "brick"), finding("c", "degraded")]])
def test_what_the_boot_began_with_is_safe(booted: str, state: List[Finding]) -> None:
    reboot.remember(faults(state), booted)
    assert reboot.began_with(booted) == faults(state)
    assert reboot.unsafe(state, reboot.began_with(booted)) == []


def test_what_came_since_is_not(booted: str) -> None:
    reboot.remember(faults([finding("a")]), booted)
    now = [finding("a"), finding("b"), finding("c", "degraded"), finding("d", waived=True), finding("e", "brick")]
    assert [each.rule for each in reboot.unsafe(now, reboot.began_with(booted))] == ["e", "b"]


def test_files_that_are_not_signed_speak_against_a_reboot_and_not_against_a_change() -> None:
    assert worse({}, [finding(SIGNING)]) == [] and reboot.unsafe([finding(SIGNING)], {}) == [finding(SIGNING)]


@pytest.mark.parametrize("boot_id", ["b2\n", "", None])
def test_another_boot_has_proven_nothing(booted: str, tmp_path: Any, boot_id: Any) -> None:
    reboot.remember(faults([finding()]), booted)
    if boot_id is None:
        os.unlink(tmp_path / "boot_id")
    else:
        (tmp_path / "boot_id").write_text(boot_id)
    assert reboot.began_with(booted) is None
    assert reboot.unsafe([finding()], reboot.began_with(booted)) == [finding()]


def test_a_kernel_that_does_not_say_which_boot_it_is(booted: str, tmp_path: Any) -> None:
    (tmp_path / "boot_id").write_text("")
    reboot.remember(faults([finding()]), booted)
    assert reboot.began_with(booted) is None


def test_what_was_noted_is_damaged_or_not_there(booted: str) -> None:
    assert reboot.began_with(booted) is None
    reboot.remember(faults([finding()]), booted)
    with open(booted, "rb") as stream:
        data = stream.read()
    for end in range(len(data)):
        with open(booted, "wb") as stream:
            stream.write(data[:end])
        assert reboot.began_with(booted) is None


def test_why_the_next_boot_is_not_safe_is_for_all_to_read(tmp_path: Any) -> None:
    path = tmp_path / "run" / "unsafe"
    reboot.note("caf\u00e9 \udcff", str(path))
    assert path.read_text() == "caf\u00e9 \\udcff\n" and path.stat().st_mode & 0o777 == 0o644
    reboot.note("", str(path))
    assert not path.exists()
    reboot.note("", str(path))
    assert os.listdir(tmp_path / "run") == []
