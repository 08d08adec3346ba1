"""Files that are put back: the old one or the new one is there, on a full disk and killed anywhere, too."""

import json
import os
import stat
from typing import Any, List, Optional

import pytest

from scmguard.gate import putback
from scmguard.gate.putback import Back, NotPutBack, put_back
from tests.gate_runs import killed, on_small_disk


@pytest.fixture
def boot(tmp_path: Any) -> Any:
    folder = tmp_path / "boot"
    folder.mkdir()
    (folder / "config.txt").write_bytes(b"old")
    return folder


def tree(folder: Any) -> List[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.glob("**/*"))


# --- what happens ---


def test_a_file_is_put_back(boot: Any) -> None:
    put_back(str(boot), Back("config.txt", b"new", 1_600_000_000))
    assert (boot / "config.txt").read_bytes() == b"new" and tree(boot) == ["config.txt"]
    assert os.stat(boot / "config.txt").st_mtime == 1_600_000_000


def test_a_file_that_is_gone_comes_back_with_its_folder(boot: Any) -> None:
    put_back(str(boot), Back("overlays/more/dwc2.dtbo", b"new"))
    assert (boot / "overlays/more/dwc2.dtbo").read_bytes() == b"new"
    assert stat.S_IMODE(os.stat(boot / "overlays/more/dwc2.dtbo").st_mode) == 0o755


def test_a_file_is_taken_away(boot: Any) -> None:
    put_back(str(boot), Back("config.txt", None))
    assert tree(boot) == []


@pytest.mark.parametrize("name", ["other.txt", "no/folder/other.txt", "config.txt/below"])
def test_what_is_not_there_is_not_taken_away(boot: Any, name: str) -> None:
    put_back(str(boot), Back(name, None))
    assert tree(boot) == ["config.txt"] and (boot / "config.txt").read_bytes() == b"old"


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755])
def test_the_mode_is_kept(boot: Any, mode: int) -> None:
    os.chmod(boot / "config.txt", mode)
    put_back(str(boot), Back("config.txt", b"new"))
    assert stat.S_IMODE(os.stat(boot / "config.txt").st_mode) == mode


def test_what_a_killed_run_left_is_removed(boot: Any) -> None:
    (boot / ".scmguard-half").write_bytes(b"x" * 1000)
    (boot / ".scmguard-folder").mkdir()
    put_back(str(boot), Back("config.txt", b"new"))
    assert tree(boot) == [".scmguard-folder", "config.txt"]


def test_the_top_may_be_reached_through_a_link(boot: Any, tmp_path: Any) -> None:
    (tmp_path / "link").symlink_to("boot")
    put_back(str(tmp_path / "link"), Back("config.txt", b"new"))
    assert (boot / "config.txt").read_bytes() == b"new"


def test_file_systems_without_modes(boot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_handle: int, _mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchmod", fails)
    put_back(str(boot), Back("config.txt", b"new"))
    assert (boot / "config.txt").read_bytes() == b"new"


@pytest.mark.parametrize("name", ["config.txt", "overlays/new.dtbo"])
def test_file_and_folders_are_on_the_disk_in_that_order(boot: Any, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    done = []
    real_sync, real_replace = os.fsync, os.replace

    def sync(handle: int) -> None:
        kind = (
            "file"
            if stat.S_ISREG(os.fstat(handle).st_mode)
            else os.path.basename(os.readlink("/proc/self/fd/%d" % handle))
        )
        done.append(kind)
        real_sync(handle)

    def rename(source: str, target: str) -> None:
        done.append("rename")
        real_replace(source, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", rename)
    put_back(str(boot), Back(name, b"new"))
    assert done == (["file", "rename", "boot"] if "/" not in name else ["boot", "file", "rename", "overlays"])


# --- what does not ---


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "/etc/passwd", "a//b", "a/../b", "a/./b", "a/"])
@pytest.mark.parametrize("data", [b"new", None])
def test_a_name_that_is_none(boot: Any, name: str, data: Optional[bytes]) -> None:
    with pytest.raises(NotPutBack, match="no name"):
        put_back(str(boot), Back(name, data))
    assert tree(boot.parent) == ["boot", "boot/config.txt"]


@pytest.mark.parametrize("data", [b"new", None])
def test_a_folder_that_is_a_link_is_not_followed(boot: Any, tmp_path: Any, data: Optional[bytes]) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x").write_bytes(b"somebody else's")
    (boot / "overlays").symlink_to(tmp_path / "other")
    with pytest.raises(NotPutBack, match="symbolic link"):
        put_back(str(boot), Back("overlays/x", data))
    assert (tmp_path / "other" / "x").read_bytes() == b"somebody else's"


@pytest.mark.parametrize("data", [b"new", None])
def test_a_file_that_is_a_link_is_replaced_itself(boot: Any, tmp_path: Any, data: Optional[bytes]) -> None:
    (tmp_path / "other").write_bytes(b"somebody else's")
    (boot / "config.txt").unlink()
    (boot / "config.txt").symlink_to(tmp_path / "other")
    put_back(str(boot), Back("config.txt", data))
    assert (tmp_path / "other").read_bytes() == b"somebody else's"
    assert tree(boot) == (["config.txt"] if data else [])
    if data:
        assert stat.S_IMODE(os.lstat(boot / "config.txt").st_mode) == 0o755, "and not what a link has"


@pytest.mark.parametrize("data", [b"new", None])
@pytest.mark.parametrize("broken", [True, False])
def test_a_folder_of_that_name_stays(boot: Any, data: Optional[bytes], broken: bool) -> None:
    (boot / "kernel").mkdir()
    (boot / "kernel" / "x").write_bytes(b"x")
    with pytest.raises(NotPutBack, match="^[^\n]*kernel: [^\n]*$"):
        put_back(str(boot), Back("kernel", data, 0, broken))
    assert tree(boot) == ["config.txt", "kernel", "kernel/x"]


def test_a_file_where_a_folder_should_be(boot: Any) -> None:
    with pytest.raises(NotPutBack):
        put_back(str(boot), Back("config.txt/x", b"new"))
    assert (boot / "config.txt").read_bytes() == b"old" and tree(boot) == ["config.txt"]


@pytest.mark.parametrize("fails", ["fsync", "replace", "utime"])
@pytest.mark.parametrize("broken", [True, False])
def test_a_disk_that_fails_leaves_the_old_file(
    boot: Any, monkeypatch: pytest.MonkeyPatch, fails: str, broken: bool
) -> None:
    def failing(*_arguments: Any) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, fails, failing)
    with pytest.raises(NotPutBack, match="input/output error$"):
        put_back(str(boot), Back("config.txt", b"new", 1, broken))
    assert (boot / "config.txt").read_bytes() == b"old" and tree(boot) == ["config.txt"]


# --- a full disk ---

_FULL = """
import json, os, sys
from scmguard.gate.putback import Back, NotPutBack, put_back
top, path = sys.argv[1], sys.argv[1] + "/kernel8.img"
def back(size, broken):
    try:
        put_back(top, Back("kernel8.img", b"n" * size, 1, broken))
        said = "done"
    except NotPutBack as error:
        said = str(error)[len(top):]
    there = os.path.exists(path) and set(open(path, "rb").read().decode())
    print(json.dumps([said, "".join(there or ()), sorted(os.listdir(top))]))
def put(size):
    open(path, "wb").write(b"o" * size)
"""
NO_ROOM = "/kernel8.img: no space left on device"


def full(tmp_path: Any, code: str) -> List[Any]:
    out = on_small_disk(tmp_path / "boot", "size=256k", _FULL + code)
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
@pytest.mark.parametrize(
    "old, new, broken, expected",
    [
        (100_000, 100_000, False, ["done", "n", ["kernel8.img"]]),
        (100_000, 100_000, True, ["done", "n", ["kernel8.img"]]),
        (200_000, 200_000, False, [NO_ROOM, "o", ["kernel8.img"]]),
        (200_000, 200_000, True, ["done", "n", ["kernel8.img"]]),
        (200_000, 262_144, True, ["done", "n", ["kernel8.img"]]),
        # A broken file is worth more than none, where the whole one does not fit anyhow.
        (200_000, 262_145, True, [NO_ROOM, "o", ["kernel8.img"]]),
        (200_000, 900_000, True, [NO_ROOM, "o", ["kernel8.img"]]),
    ],
)
def test_where_there_is_no_room_for_both(tmp_path: Any, old: int, new: int, broken: bool, expected: Any) -> None:
    assert full(tmp_path, "put({}); back({}, {})".format(old, new, broken)) == [expected]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
def test_no_room_and_no_old_file(tmp_path: Any) -> None:
    assert full(tmp_path, "back(300_000, True)") == [[NO_ROOM, "", []]]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
def test_an_old_file_with_another_name_gives_no_room(tmp_path: Any) -> None:
    code = 'put(200_000); os.link(path, top + "/same"); back(200_000, True)'
    assert full(tmp_path, code) == [[NO_ROOM, "o", ["kernel8.img", "same"]]]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
def test_what_a_killed_run_left_takes_no_room(tmp_path: Any) -> None:
    code = 'put(1000); open(top + "/.scmguard-half", "wb").write(b"x" * 200_000); back(200_000, False)'
    assert full(tmp_path, code) == [["done", "n", ["kernel8.img"]]]


# --- killed anywhere ---

_PUT = """
from scmguard.gate.putback import Back, put_back
put_back(sys.argv[2], Back(sys.argv[3], sys.argv[4].encode() or None, 1_600_000_000))
"""


@pytest.mark.parametrize("name, old, new", [("a", b"old", b"new"), ("a", b"old", b""), ("b/c/a", None, b"new")])
def test_killed_while_it_is_put_back(tmp_path: Any, name: str, old: Optional[bytes], new: bytes) -> None:
    """An empty ``new`` takes the file away."""
    number, completed = 0, False
    while not completed:
        number += 1
        boot = tmp_path / str(number)
        boot.mkdir()
        if old is not None:
            (boot / name).write_bytes(old)
        completed = killed(number, _PUT, boot, name, new.decode())
        there = (boot / name).read_bytes() if (boot / name).exists() else None
        assert there in ((new or None,) if completed else (old, new or None))
        put_back(str(boot), Back(name, new or None))
        left = [path for path in tree(boot) if not (boot / path).is_dir()]
        assert left == ([name] if new else []), "and nothing that is not finished"
    assert number > (4 if new else 2)


_BROKEN = """
import errno
from scmguard.gate import putback
real, full = putback._write, [True]
def write(*arguments):
    if full.pop() if full else False:
        raise OSError(errno.ENOSPC, "no space left on device")
    real(*arguments)
putback._write = write
putback.put_back(sys.argv[2], putback.Back("a", b"new", 0, sys.argv[3] == "broken"))
"""


def test_killed_while_a_broken_file_makes_room(tmp_path: Any) -> None:
    """The one time that there may be no file at all; never half of one."""
    seen, number, completed = set(), 0, False
    while not completed:
        number += 1
        boot = tmp_path / str(number)
        boot.mkdir()
        (boot / "a").write_bytes(b"old")
        completed = killed(number, _BROKEN, boot, "broken")
        seen.add((boot / "a").read_bytes() if (boot / "a").exists() else None)
        put_back(str(boot), Back("a", b"new"))
        assert (boot / "a").read_bytes() == b"new" and tree(boot) == ["a"]
    assert seen == {b"old", None, b"new"}


def test_only_a_broken_file_makes_room(boot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(putback, "_write", full)
    with pytest.raises(NotPutBack, match="no space left"):
        put_back(str(boot), Back("config.txt", b"new"))
    assert (boot / "config.txt").read_bytes() == b"old"
