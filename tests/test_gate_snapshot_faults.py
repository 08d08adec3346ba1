"""Snapshots that were damaged, that a disk has no room for, and that were killed wherever a disk is changed."""

import json
import os
from typing import Any, Callable, List

import pytest

from scmguard.gate import snapshots
from scmguard.gate.snapshot import Damaged
from scmguard.gate.snapshots import Snapshots
from scmguard.inputs.disk import DiskFolder
from tests.gate_runs import NOON, contents, killed, objects, on_small_disk, sum_of, take, whole

FILES = {"config.txt": b"arm_boost=1\n", "kernel8.img": b"\x00" * 5000}

# --- damage ---


def cut(path: Any) -> None:
    path.write_bytes(path.read_bytes()[:-2])


def flipped(path: Any) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def linked(path: Any) -> None:
    path.rename(str(path) + ".real")
    path.symlink_to(str(path) + ".real")


def a_folder(path: Any) -> None:
    path.unlink()
    path.mkdir()


def a_pipe(path: Any) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGES = [cut, flipped, linked, a_folder, a_pipe]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_list(tmp_path: Any, damage: Callable[[Any], None]) -> None:
    """It is said so, what it may name stays, and nothing else suffers."""
    store = Snapshots(str(tmp_path))
    old, other = take(store, {"a": b"a"}), take(store, {"a": b"b"}, NOON + 1)
    damage(tmp_path / "snapshots" / (other.name + ".json"))
    with pytest.raises(Damaged, match="^[^\n]*{}[^\n]*$".format(other.name)):
        store.read(other.name)
    assert list(store.every()) == [old]
    taken = take(store, {"a": b"c"}, NOON + 2)
    store.prune(1, 0)
    assert set(store.names()) == {other.name, taken.name}
    assert {sum_of(data) for data in (b"a", b"b", b"c")} <= set(objects(tmp_path)), "nobody knows what it names"


@pytest.mark.parametrize("damage", [*DAMAGES, lambda path: path.unlink()])
def test_a_damaged_content(tmp_path: Any, damage: Callable[[Any], None]) -> None:
    store = Snapshots(str(tmp_path))
    taken = take(store, {"a": b"abcdef", "b": b"b"})
    damage(objects(tmp_path)[sum_of(b"abcdef")])
    with pytest.raises(Damaged, match="^a: [^\n]*$"):
        store.content(taken.by_name["a"])
    assert store.content(taken.by_name["b"]) == b"b"
    store.prune(5, 100)
    assert store.names() == [taken.name]


@pytest.mark.parametrize("damage", [cut, linked, a_pipe, lambda path: path.unlink()])
@pytest.mark.parametrize("look", ["as it looks", ""])
def test_a_content_that_is_at_hand_is_mended(tmp_path: Any, damage: Callable[[Any], None], look: str) -> None:
    store = Snapshots(str(tmp_path))
    taken = take(store, {"a": b"abcdef"}, seen={"a": look})
    damage(objects(tmp_path)[sum_of(b"abcdef")])
    take(store, {"a": b"abcdef"}, NOON + 1, seen={"a": look})
    assert store.content(taken.files[0]) == b"abcdef"


def test_a_folder_in_the_place_of_a_content_stops_nothing(tmp_path: Any) -> None:
    store = Snapshots(str(tmp_path))
    take(store, {"a": b"a"})
    a_folder(objects(tmp_path)[sum_of(b"a")])
    taken = take(store, {"a": b"a", "b": b"b"}, NOON + 1)
    assert contents(store, taken) == {"b": b"b"} and [each.stored for each in taken.files] == [False, True]
    assert not any(path.name.startswith(".scmguard-") for path in tmp_path.glob("objects/*"))


def test_every_flipped_bit_of_a_list_is_found(tmp_path: Any) -> None:
    store = Snapshots(str(tmp_path))
    taken = take(store, {"a": b"a"})
    path = tmp_path / "snapshots" / (taken.name + ".json")
    data = path.read_bytes()
    for place in range(len(data)):
        for changed_to in (data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :], data[:place]):
            path.write_bytes(changed_to)
            try:
                assert store.read(taken.name) == taken
            except Damaged:
                continue


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{}", '"body"', "[" * 100_000, '{"body": 1, "sha256": "", "snapshot": 1}']
)
def test_what_is_no_list(tmp_path: Any, text: str) -> None:
    store = Snapshots(str(tmp_path))
    take(store, FILES)
    (tmp_path / "snapshots" / "2040.json").write_text(text)
    with pytest.raises(Damaged):
        store.read("2040")


def test_a_list_under_another_name_is_none(tmp_path: Any) -> None:
    store = Snapshots(str(tmp_path))
    taken = [take(store, {"a": b"%d" % number}, NOON + number) for number in range(3)]
    lists = tmp_path / "snapshots"
    (lists / "copy.json").write_bytes((lists / (taken[0].name + ".json")).read_bytes())
    with pytest.raises(Damaged, match="copy"):
        store.read("copy")
    store.prune(1, 0)
    assert store.names() == [taken[2].name, "copy"]


def test_sweeping_does_not_go_through_links(tmp_path: Any) -> None:
    store = Snapshots(str(tmp_path / "s"))
    take(store, FILES)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("somebody else's")
    (tmp_path / "s" / "objects" / "zz").symlink_to(tmp_path / "other")
    store.prune(1, 0)
    assert (tmp_path / "other" / "file").read_text() == "somebody else's" and whole(tmp_path / "s")


# --- a full disk ---

_FULL = """
import json, os, sys
from scmguard.folder import MemoryFolder
from scmguard.gate.snapshots import Snapshots
store = Snapshots(sys.argv[1])
def take(files, at):
    files = {name: bytes([size % 256]) * size for name, size in files.items()}
    try:
        taken = store.take(MemoryFolder(files), {}, True, "", True, at)
        print(json.dumps({each.name: each.stored for each in taken.files}))
    except OSError as error:
        print(json.dumps("errno %d" % error.errno))
    for one in store.every():
        for each in one.files:
            assert not each.stored or store.content(each) == bytes([each.size % 256]) * each.size
def fill(leaves):
    with open(sys.argv[1] + "/fill", "wb", buffering=0) as stream:
        stream.write(b"x" * max(0, os.statvfs(sys.argv[1]).f_bavail * 4096 - leaves))
"""


def full(tmp_path: Any, options: str, code: str) -> List[Any]:
    return [json.loads(line) for line in on_small_disk(tmp_path / "s", options, _FULL + code).splitlines()]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
def test_what_does_not_fit_is_not_stored(tmp_path: Any) -> None:
    code = 'take({"config.txt": 100, "kernel8.img": 900_000, "last.txt": 200}, 1)\n'
    assert full(tmp_path, "size=600k", code) == [{"config.txt": True, "kernel8.img": False, "last.txt": True}]
    assert full(tmp_path, "size=2m", code) == [{"config.txt": True, "kernel8.img": True, "last.txt": True}]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
def test_what_is_kept_already_needs_no_room(tmp_path: Any) -> None:
    code = """take({"a": 300_000}, 1)
fill(300_000)
take({"a": 300_000, "b": 200_000, "c": 100}, 2)
print(len(store.names()))
"""
    assert full(tmp_path, "size=900k", code) == [{"a": True}, {"a": True, "b": False, "c": True}, 2]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
def test_the_room_runs_out_on_the_way(tmp_path: Any) -> None:
    """Small files take more than their size; there is room for the list all the same."""
    code = 'take({"a": 1}, 1)\ntake({"f%02d" % n: 5 + n for n in range(60)}, 2)\nprint(len(store.names()))\n'
    first, second, count = full(tmp_path, "size=400k", code)
    assert first == {"a": True} and count == 2
    assert 20 < sum(second.values()) < 40 and len(second) == 60


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
def test_a_disk_that_takes_no_more_files(tmp_path: Any) -> None:
    """It has room, and it takes a list all the same."""
    code = 'take({"a": 1}, 1)\ntake({"f%02d" % n: 5 + n for n in range(40)}, 2)\nprint(len(store.names()))\n'
    first, second, count = full(tmp_path, "size=1m,nr_inodes=26", code)
    assert first == {"a": True} and count == 2
    assert 2 < sum(second.values()) < 15 and len(second) == 40


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
def test_a_list_that_does_not_fit_leaves_the_old_ones(tmp_path: Any) -> None:
    code = (
        'take({"a": 1}, 1); fill(4096); take({"n" * 200 + str(n): 1 for n in range(200)}, 2); print(len(store.names()))'
    )
    assert full(tmp_path, "size=600k", code) == [{"a": True}, "errno 28", 1]


def test_a_disk_that_is_full_in_spite_of_what_it_said(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fsync

    def fails(handle: int) -> None:
        if "objects/.scmguard-" in os.readlink("/proc/self/fd/%d" % handle):
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", fails)
    taken = take(Snapshots(str(tmp_path)), FILES)
    assert not any(each.stored for each in taken.files) and whole(tmp_path) == [taken.name]
    monkeypatch.undo()
    again = take(Snapshots(str(tmp_path)), FILES, NOON + 1)
    assert contents(Snapshots(str(tmp_path)), again) == FILES and again.name != taken.name


def test_a_disk_that_fails_is_no_full_disk(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_handle: int) -> None:
        raise OSError(5, "Input/output error")

    store = Snapshots(str(tmp_path))
    taken = take(store, {})
    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="Input/output"):
        take(store, FILES, NOON + 1)
    monkeypatch.undo()
    assert store.names() == [taken.name] and objects(tmp_path) == {} and os.listdir(tmp_path / "objects") == []


def test_large_files_leave_the_system_its_room(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "_LEFT_FREE", 1 << 60)
    monkeypatch.setattr(snapshots, "_SMALL", 100)
    taken = take(Snapshots(str(tmp_path)), {"a": b"x" * 100, "b": b"x" * 101})
    assert [each.stored for each in taken.files] == [True, False]
    with pytest.raises(Damaged, match="^b: .*no room"):
        Snapshots(str(tmp_path)).content(taken.by_name["b"])


# --- killed anywhere ---

_TAKE = """
from scmguard.gate.snapshots import Snapshots
from scmguard.inputs.disk import DiskFolder
Snapshots(sys.argv[2]).take(DiskFolder(sys.argv[3]), {}, True, "killed", True, 2_000_000_000)
"""
_PRUNE = """
from scmguard.gate.snapshots import Snapshots
Snapshots(sys.argv[2]).prune(1, 0)
"""


@pytest.mark.parametrize("begun", [True, False])
def test_killed_while_it_is_taken(tmp_path: Any, begun: bool) -> None:
    boot = tmp_path / "boot"
    boot.mkdir()
    for name in ("a", "b", "c"):
        (boot / name).write_text(name)
    for number, completed in enumerate(killed_each(tmp_path, _TAKE, boot, begun)):
        folder = tmp_path / str(number)
        before = whole(folder)
        assert len(before) >= begun and (not completed or len(before) == begun + 1)
        taken = take(Snapshots(str(folder)), DiskFolder(str(boot)), 2_000_000_001)
        assert contents(Snapshots(str(folder)), taken) == {"a": b"a", "b": b"b", "c": b"c"}
        assert len(whole(folder)) == begun + 1
        assert not [path for path in folder.glob("**/*") if path.name.startswith(".scmguard-")]
        Snapshots(str(folder)).prune(1, 0)
        assert len(objects(folder)) == 3
    assert number > 12


def killed_each(tmp_path: Any, code: str, boot: Any, begun: bool) -> Any:
    """Runs code on a folder of its own each time: 0, 1, 2 …"""
    number = 0
    while True:
        folder = tmp_path / str(number)
        if begun:
            for made in range(3 if code == _PRUNE else 1):
                take(Snapshots(str(folder)), {"a": b"%d" % made, "b": b"same"}, NOON + made)
        completed = killed(number + 1, code, folder, boot)
        yield completed
        if completed:
            return
        number += 1


def test_killed_while_the_oldest_go(tmp_path: Any) -> None:
    for number, completed in enumerate(killed_each(tmp_path, _PRUNE, tmp_path, True)):
        folder = tmp_path / str(number)
        left = whole(folder)
        assert left and (len(left) == 1 or not completed)
        Snapshots(str(folder)).prune(1, 0)
        assert whole(folder) == left[-1:] and len(objects(folder)) == 2
    assert number > 3
