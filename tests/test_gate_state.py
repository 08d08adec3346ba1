"""What the gate remembers: how files looked, what is open, the log, and the word of who overrides it."""

import json
import os
import time
from typing import Any, Dict

import pytest

from scmguard.gate import fingerprint, override, state
from scmguard.gate.gate import looks
from scmguard.gate.override import LONGEST, Override
from scmguard.gate.state import State

# --- how files look ---

STRANGE = [
    *("plain", " blank ", "a\nb", "a\n\nb", "\n\n", "a\tb", "\t\t1\t2", "a\\nb", "a\\\nb", "back\\slash", "\\"),
    *("a\rb", "\r\n\r\n", "caf\u00e9", "\udcff\udced\udca0\udc80", "\u2028\x85\x0b\x1c", "-", "scmguard gate 1"),
]


@pytest.fixture
def root(tmp_path: Any) -> Any:
    (tmp_path / "boot" / "firmware").mkdir(parents=True)
    return tmp_path


def old(path: Any, seconds: int = 1_600_000_000) -> None:
    os.utime(path, (seconds, seconds))


def test_strange_names_come_back(root: Any) -> None:
    for name in STRANGE:
        (root / "boot" / "firmware" / name).write_text("x")
    lines = fingerprint.fingerprint(str(root))
    assert len(lines.split("\n")) == len(STRANGE) and fingerprint.newest(lines) > time.time_ns() - 10**11
    state.write(State(lines, True, {("rule", 2): 3}, "name"), str(root / "state"))
    known = state.read(str(root / "state"))
    assert known is not None and known.seen == lines == fingerprint.fingerprint(str(root))
    assert (known.settled, known.faults, known.snapshot) == (True, {("rule", 2): 3}, "name")


def test_no_file_is_taken_for_another(root: Any) -> None:
    """Two names that are written alike in a way would be: a line break, and a backslash with an n."""
    boot = root / "boot" / "firmware"
    for name in STRANGE:
        (boot / name).write_text(name, errors="surrogateescape")
    seen = looks(fingerprint.fingerprint(str(root)), str(boot))
    assert set(seen) <= set(STRANGE) and {"plain", " blank ", "caf\u00e9"} <= set(seen)
    for name, look in seen.items():
        assert look.split("\t")[3] == str(os.lstat(boot / name).st_ino)


@pytest.mark.parametrize("faults", [{}, {("a", 1): 1}, {("a", 1): 2, ("a", 4): 1, ("b", 3): 10}])
@pytest.mark.parametrize("seen", ["", "/boot/a\t1\t2\t3\t4\t5", "/boot/a\t1\n/boot/b\t2"])
@pytest.mark.parametrize("settled", [True, False])
def test_a_state_that_is_cut_off_anywhere_is_none(tmp_path: Any, faults: Any, seen: str, settled: bool) -> None:
    path = tmp_path / "state"
    state.write(State(seen, settled, faults, "2031-01-01T00-00-00Z"), str(path))
    known = state.read(str(path))
    assert known is not None and (known.seen, known.settled, known.faults) == (seen, settled, faults)
    data = path.read_bytes()
    for end in range(len(data)):
        path.write_bytes(data[:end])
        assert state.read(str(path)) is None, data[:end]


@pytest.mark.parametrize("text", ["", "\n\n\n\n", "scmguard gate 2\nsettled\nx\n\n\n\n", "scmguard gate 1\n\n\n\n"])
def test_what_is_no_state(tmp_path: Any, text: str) -> None:
    (tmp_path / "state").write_text(text)
    assert state.read(str(tmp_path / "state")) is None and state.read(str(tmp_path / "no")) is None
    assert state.read(str(tmp_path)) is None, "a folder"


def test_what_is_not_watched_changes_nothing(root: Any) -> None:
    (root / "boot" / "a").write_text("x")
    (root / "etc" / "kernel").mkdir(parents=True)
    before = fingerprint.fingerprint(str(root))
    (root / "etc" / "hosts").write_text("x")
    (root / "boot" / "empty").mkdir()
    (root / "boot" / "a").read_text()
    assert fingerprint.fingerprint(str(root)) == before


@pytest.mark.parametrize("path", ["boot/new", "boot/firmware/new", "etc/fstab", "etc/kernel/x/y"])
def test_what_is_watched_changes_it(root: Any, path: str) -> None:
    before = fingerprint.fingerprint(str(root))
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text("x")
    after = fingerprint.fingerprint(str(root))
    (root / path).unlink()
    (root / path).symlink_to("/nowhere")
    assert len({before, after, fingerprint.fingerprint(str(root))}) == 3


@pytest.mark.parametrize("set_back", [False, True])
def test_a_change_within_the_same_time_is_never_taken_for_settled(root: Any, set_back: bool) -> None:
    """Same size, same inode, and with ``set_back`` the time that an archive gives it (tar, dpkg, cp -p)."""
    path = root / "boot" / "config.txt"
    for number in range(20):
        path.write_text(str(number % 10))
        if set_back:
            old(path)
        began = time.time_ns()
        assert not fingerprint.is_settled(fingerprint.fingerprint(str(root)), began)


@pytest.mark.parametrize("ago, settled", [(0, False), (2.0, False), (2.9, False), (3.1, True), (-60, False)])
def test_settled_after_the_steps_of_fat(ago: float, settled: bool) -> None:
    now = 1_900_000_000 * 10**9
    at = now - int(ago * 10**9)
    for times in ("{}\t5".format(at), "5\t{}".format(at), "{0}\t{0}".format(at)):
        assert fingerprint.is_settled("/boot/a\t1\t{}\t7\t8\n/boot/b\t1\t2\t3\t4\t5".format(times), now) == settled
    assert fingerprint.is_settled("", now) and fingerprint.newest("") == 0


# --- the override ---

NOW = 1_900_000_000
COUNTED = Override("a test", "me", NOW, NOW + LONGEST, 2)
TIMED = Override("a test", "me", NOW, NOW + 10 * LONGEST)


@pytest.fixture
def word(tmp_path: Any) -> str:
    return str(tmp_path / "gate" / "override.json")


def test_an_override_counts_down_and_ends(word: str) -> None:
    override.write(COUNTED, word)
    assert os.stat(word).st_mode & 0o777 == 0o600
    for left in (2, 1):
        found = override.read(NOW + 1, word)
        assert found == COUNTED._replace(transactions=left)
        override.use(found, word)
    assert override.read(NOW + 1, word) is None and os.listdir(os.path.dirname(word)) == []


def test_an_override_until_a_time_is_not_used_up(word: str) -> None:
    override.write(TIMED, word)
    for _ in range(5):
        override.use(TIMED, word)
    assert override.read(NOW + 1, word) == TIMED
    override.end(word)
    override.end(word)
    assert override.read(NOW + 1, word) is None


@pytest.mark.parametrize(
    "one, lasts", [(COUNTED, LONGEST), (TIMED, 10 * LONGEST), (COUNTED._replace(until=NOW + 60), 60)]
)
def test_it_ends_in_time_whatever_the_clock_does(word: str, one: Override, lasts: int) -> None:
    override.write(one, word)
    assert override.read(NOW, word) == override.read(NOW + lasts - 1, word) == one
    assert override.read(NOW - 3600, word) == one, "a clock that went back a little"
    for now in (NOW + lasts, NOW + 10 * lasts, NOW - LONGEST - 1, 0):
        assert override.read(now, word) is None


def test_one_for_transactions_lasts_a_day_at_most(word: str) -> None:
    override.write(COUNTED._replace(until=NOW * 2), word)
    assert override.read(NOW + LONGEST - 1, word) is not None and override.read(NOW + LONGEST, word) is None


@pytest.mark.parametrize("reason", ["", " ", "\n\t"])
def test_none_without_a_reason(word: str, reason: str) -> None:
    override.write(COUNTED._replace(reason=reason), word)
    assert override.read(NOW + 1, word) is None


@pytest.mark.parametrize(
    "change",
    [{"until": "9"}, {"until": None}, {"made": True}, {"until": 2e9}, {"who": 1}, {"more": 1}, {"transactions": "2"}],
)
def test_a_damaged_override_is_none(word: str, change: Dict[str, Any]) -> None:
    override.write(TIMED, word)
    with open(word, "w") as stream:
        json.dump({**TIMED._asdict(), **change}, stream)
    assert override.read(NOW + 1, word) is None


def test_an_override_that_is_cut_off_or_no_object(word: str) -> None:
    override.write(TIMED, word)
    with open(word, "rb") as stream:
        data = stream.read()
    for text in [*(data[:end] for end in range(len(data))), b"[]", b"null", b"\xff", b"[" * 100_000, b"1" * 5000]:
        with open(word, "wb") as stream:
            stream.write(text)
        assert override.read(NOW + 1, word) is None
    os.unlink(word)
    os.mkdir(word)
    assert override.read(NOW + 1, word) is None
