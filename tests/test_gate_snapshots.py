"""Snapshots of the boot files: what is kept, in which order, and for how long."""

import os
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scmguard.folder import MemoryFolder
from scmguard.gate.snapshot import Snapshot
from scmguard.gate.snapshots import Snapshots, changed, walk
from scmguard.inputs.disk import DiskFolder
from tests.gate_runs import NOON, contents, objects, sum_of, take, whole

FILES = {"config.txt": b"arm_boost=1\n", "kernel8.img": b"\x00" * 5000, "overlays/dwc2.dtbo": b"\xd0\r\xfe\xed"}


# --- what is kept ---


def test_what_was_there_comes_back(tmp_path: Any) -> None:
    store = Snapshots(str(tmp_path))
    taken = take(store, FILES)
    again = Snapshots(str(tmp_path)).read(taken.name)
    assert again == taken and contents(store, again) == FILES
    assert {each.sha256 for each in taken.files} == set(objects(tmp_path))


def test_for_root_alone(tmp_path: Any) -> None:
    take(Snapshots(str(tmp_path)), FILES)
    for path in tmp_path.glob("**/*"):
        assert os.lstat(path).st_mode & 0o077 == 0, path


@pytest.mark.parametrize("settled", [(True, True), (False, False), (False, True), (True, False)])
def test_the_same_files_are_no_new_snapshot(tmp_path: Any, settled: Tuple[bool, bool]) -> None:
    store, seen = Snapshots(str(tmp_path)), dict.fromkeys(FILES, "as it looks")
    first = take(store, FILES, seen=seen, settled=settled[0])
    second = take(store, FILES, NOON + 60, seen=seen, settled=settled[1])
    assert second.name == first.name and store.names() == [first.name]
    assert second == store.read(first.name), "what is returned is what is kept"


def test_the_same_files_that_are_found_good_are_a_new_one(tmp_path: Any) -> None:
    store = Snapshots(str(tmp_path))
    first, second = take(store, FILES, good=False), take(store, FILES, NOON + 1)
    assert (first.good, second.good) == (False, True) and store.names() == [first.name, second.name]
    assert take(store, FILES, NOON + 2, good=False) == second, "known to be good stays so"


def test_one_content_of_several_files_is_kept_once(tmp_path: Any) -> None:
    take(Snapshots(str(tmp_path)), {"a": b"same", "b": b"same"})
    assert list(objects(tmp_path)) == [sum_of(b"same")]


def test_what_looks_as_before_is_not_read_again(tmp_path: Any) -> None:
    class Closed(MemoryFolder):
        def content(self, name: str) -> Any:
            raise AssertionError("read again: " + name)

    store, seen = Snapshots(str(tmp_path)), dict.fromkeys(FILES, "as it looks")
    first = take(store, FILES, seen=seen)
    assert take(store, Closed(FILES), NOON + 1, seen=seen) == first
    assert changed(first, Closed(FILES), seen) == ()


@pytest.mark.parametrize("settled, seen", [(False, "as it looks"), (True, "")])
def test_what_may_have_changed_unseen_is_read_again(tmp_path: Any, settled: bool, seen: str) -> None:
    store, looks, other = (
        Snapshots(str(tmp_path)),
        dict.fromkeys(FILES, seen),
        {**FILES, "config.txt": b"arm_boost=0\n"},
    )
    first = take(store, FILES, seen=looks, settled=settled)
    assert changed(first, MemoryFolder(other), looks) == ("config.txt",)
    assert contents(store, take(store, other, NOON + 1, seen=looks, settled=settled)) == other


def test_what_is_others_gone_or_new(tmp_path: Any) -> None:
    taken = take(Snapshots(str(tmp_path)), FILES)
    now = {**FILES, "config.txt": b"arm_boost=0\n", "new.txt": b""}
    del now["kernel8.img"]
    assert changed(taken, MemoryFolder(now), {}) == ("config.txt", "kernel8.img", "new.txt")
    assert changed(taken, MemoryFolder(FILES), {}) == ()


def test_many_new_files_do_not_use_up_handles(tmp_path: Any) -> None:
    (tmp_path / "boot").mkdir()
    taken = take(Snapshots(str(tmp_path / "s")), {})
    for number in range(50):
        (tmp_path / "boot" / str(number)).write_bytes(b"")
    before = len(os.listdir("/proc/self/fd"))
    assert len(changed(taken, DiskFolder(str(tmp_path / "boot")), {})) == 50
    assert len(os.listdir("/proc/self/fd")) == before


def test_links_and_unfinished_files_are_left_out(tmp_path: Any) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "loop").symlink_to(".")
    (tmp_path / ".scmguard-half").write_bytes(b"x")
    os.mkfifo(tmp_path / "pipe")
    assert list(walk(DiskFolder(str(tmp_path)))) == ["file"]


def test_names_are_in_the_order_of_time(tmp_path: Any) -> None:
    """Many in a second, and a clock that goes back in between."""
    store, made = Snapshots(str(tmp_path)), []
    for number in range(25):
        made.append(take(store, {"a": b"%d" % number}, NOON - (5000 if number > 12 else 0)).name)
    made.append(take(store, {"a": b""}, NOON + 1).name)
    assert store.names() == made and len(set(made)) == 26
    assert [each.name for each in store.every()] == made[::-1]


@pytest.mark.parametrize("name", ["", "x", "..", ".", "../x", "a/b", ".hidden"])
def test_a_name_of_no_snapshot(tmp_path: Any, name: str) -> None:
    take(Snapshots(str(tmp_path)), FILES)
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(FileNotFoundError):
        Snapshots(str(tmp_path)).read(name)


def test_what_is_on_the_disk_before_what_names_it(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    done: List[str] = []

    def note(name: str) -> None:
        real = getattr(os, name)

        def call(*arguments: Any, **named: Any) -> Any:
            path = os.readlink("/proc/self/fd/%d" % arguments[0]) if name == "fsync" else arguments[-1]
            parts = os.path.relpath(path, tmp_path).split("/")
            kind = "/".join(part if part in ("objects", "snapshots") else "*" for part in parts)
            done.append("{} {}".format(name, kind))
            return real(*arguments, **named)

        monkeypatch.setattr(os, name, call)

    store = Snapshots(str(tmp_path))
    take(store, {})
    for name in ("fsync", "rename", "replace"):
        note(name)
    take(store, {"a": b"a"}, NOON + 1)
    content = ["fsync objects/*", "rename objects/*/*", "fsync objects/*", "fsync objects"]
    assert done == [*content, "fsync snapshots/*", "replace snapshots/*", "fsync snapshots"]


STEPS = st.tuples(
    st.dictionaries(st.sampled_from(["a", "b/c", "d\n"]), st.sampled_from([b"", b"x", b"y" * 50]), max_size=3),
    st.booleans(),
    st.integers(-2, 2),
    st.integers(0, 3),
    st.sampled_from([0, 51, 1000]),
)


@settings(deadline=None, max_examples=50)  # each waits for the disk
@given(st.lists(STEPS, max_size=12))
def test_whatever_comes_and_goes(steps: List[Tuple[Dict[str, bytes], bool, int, int, int]]) -> None:
    """With a clock that jumps; what is settled looks like its content."""
    with tempfile.TemporaryDirectory() as folder:
        store, last_good, now = Snapshots(folder), "", NOON
        for files, good, later, count, size in steps:
            now += later
            taken = take(store, files, now, good, seen={name: repr(data) for name, data in files.items()})
            last_good = taken.name if taken.good else last_good
            assert contents(store, taken) == files and changed(taken, MemoryFolder(files), {}) == ()
            store.prune(count, size)
            names = whole(folder)
            assert names[-1] == taken.name and (not last_good or last_good in names)
            assert len(names) <= max(count, 1 + (last_good not in ("", taken.name)))
            wanted = {each.sha256 for one in store.every() for each in one.files}
            assert set(objects(Path(folder))) == wanted


# --- how many ---


def test_the_oldest_go(tmp_path: Any) -> None:
    store = Snapshots(str(tmp_path))
    made = [take(store, {"a": b"%d" % number}, NOON + number).name for number in range(6)]
    store.prune(3, 1 << 20)
    assert store.names() == made[3:] == whole(tmp_path)
    assert set(objects(tmp_path)) == {sum_of(b"%d" % number) for number in (3, 4, 5)}


def test_bytes_are_bounded_and_counted_once(tmp_path: Any) -> None:
    store = Snapshots(str(tmp_path))
    made = [take(store, {"a": b"%d" % number * 100, "b": b"x" * 900}, NOON + number).name for number in range(6)]
    store.prune(10, 1200)
    assert store.names() == made[3:] == whole(tmp_path)


@pytest.mark.parametrize("count, size", [(0, 0), (1, 0), (0, 1 << 20), (1, 1 << 20)])
def test_the_youngest_and_the_last_good_one_stay_for_ever(tmp_path: Any, count: int, size: int) -> None:
    store = Snapshots(str(tmp_path))
    made = [take(store, {"a": b"%d" % number}, NOON + number, number < 2).name for number in range(6)]
    store.prune(count, size)
    assert store.names() == [made[1], made[5]] == whole(tmp_path)


def test_a_good_one_that_is_not_whole_does_not_push_out_the_last_whole_one(tmp_path: Any) -> None:
    store = Snapshots(str(tmp_path))
    first = take(store, {"a": b"a"})
    half = store.write(Snapshot("2031-01-01T00-00-00Z", NOON, "", True, (first.files[0]._replace(stored=False),)))
    last = take(store, {"a": b"b"}, 2_000_000_000, good=False)
    store.prune(1, 0)
    assert store.names() == [first.name, half.name, last.name] and contents(store, first) == {"a": b"a"}


def test_nothing_goes_where_there_is_room(tmp_path: Any) -> None:
    store = Snapshots(str(tmp_path))
    made = [take(store, {"a": b"%d" % number}, NOON + number).name for number in range(6)]
    store.prune(6, 6)
    assert store.names() == made == whole(tmp_path) and len(objects(tmp_path)) == 6
