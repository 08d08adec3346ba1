"""Files replaced as a whole: what is there afterwards, and what is there when that goes wrong."""

import os
import stat
import subprocess
import sys
import threading
from typing import Any, Iterator, List

import pytest

from scmguard import atomic


def names(folder: Any) -> List[str]:
    return sorted(os.listdir(folder))


def mode(path: Any) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


def broken() -> Iterator[bytes]:
    yield b"half"
    raise RuntimeError("no more")


@pytest.fixture
def old(tmp_path: Any) -> Any:
    (tmp_path / "file").write_bytes(b"old")
    return tmp_path / "file"


def test_a_file_is_replaced(old: Any) -> None:
    atomic.replace(str(old), [b"ne", b"w"])
    assert old.read_bytes() == b"new" and names(old.parent) == ["file"]


def test_a_file_that_is_new_in_the_folder_it_starts_in(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    atomic.replace("file", [b"new"])
    assert (tmp_path / "file").read_bytes() == b"new"


@pytest.mark.parametrize("write", [atomic.replace, atomic.write])
def test_what_cannot_be_made_leaves_the_old_file_alone(old: Any, write: Any) -> None:
    with pytest.raises(RuntimeError):
        write(str(old), broken())
    assert old.read_bytes() == b"old" and names(old.parent) == ["file"]


def test_a_file_that_cannot_be_synchronised_leaves_the_old_one_alone(old: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_handle: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="Input/output"):
        atomic.replace(str(old), [b"new"])
    assert old.read_bytes() == b"old" and names(old.parent) == ["file"]


def test_file_and_folder_are_synchronised_in_that_order(old: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    done = []
    real_sync, real_replace = os.fsync, os.replace

    def sync(handle: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        real_sync(handle)

    def rename(source: str, target: str) -> None:
        done.append("rename")
        real_replace(source, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", rename)
    atomic.replace(str(old), [b"new"])
    assert done == ["file", "rename", "folder"]


@pytest.mark.parametrize("mask, expected", [(0o022, 0o644), (0o077, 0o600), (0o027, 0o640)])
def test_a_new_file_has_what_the_mask_leaves(tmp_path: Any, mask: int, expected: int) -> None:
    before = os.umask(mask)
    try:
        atomic.write(str(tmp_path / "file"), [b"new"])
        assert os.umask(mask) == mask, "the mask is as it was"
    finally:
        os.umask(before)
    assert mode(tmp_path / "file") == expected


def test_a_file_for_the_owner_alone_was_never_for_others(old: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    real = os.fchmod
    monkeypatch.setattr(
        os, "fchmod", lambda file, bits: (seen.append(os.fstat(file).st_mode & 0o777), real(file, bits))
    )
    os.chmod(old, 0o666)
    atomic.replace(str(old), [b"new"], 0o600)
    assert mode(old) == 0o600 and seen == [0o600]


def test_what_a_user_named_keeps_its_permissions(old: Any) -> None:
    os.chmod(old, 0o600)
    atomic.write(str(old), [b"new"])
    assert mode(old) == 0o600 and old.read_bytes() == b"new"


def test_a_link_is_replaced_or_followed(old: Any) -> None:
    link = old.parent / "link"
    link.symlink_to("file")
    atomic.write(str(link), [b"through"])
    assert link.is_symlink() and old.read_bytes() == b"through"
    atomic.replace(str(link), [b"instead"])
    assert not link.is_symlink() and link.read_bytes() == b"instead" and old.read_bytes() == b"through"


def test_a_link_to_nothing_makes_what_it_names(tmp_path: Any) -> None:
    (tmp_path / "link").symlink_to("new")
    atomic.write(str(tmp_path / "link"), [b"x"])
    assert (tmp_path / "link").is_symlink() and (tmp_path / "new").read_bytes() == b"x"


def test_a_pipe_is_written_into(tmp_path: Any) -> None:
    pipe, got = str(tmp_path / "pipe"), []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    atomic.write(pipe, [b"a", b"b"])
    reader.join(10)
    assert got == [b"ab"] and stat.S_ISFIFO(os.lstat(pipe).st_mode)


@pytest.mark.skipif(os.geteuid() != 0, reason="making a device takes root")
def test_a_device_is_written_into(tmp_path: Any) -> None:
    """Who writes a report to /dev/null as root has /dev/null afterwards."""
    device = str(tmp_path / "null")
    try:
        os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        open(device, "wb").close()
    except OSError as error:
        pytest.skip("no devices here: {}".format(error))
    (tmp_path / "config.txt").write_text("arm_freq=1500\n")
    command = [sys.executable, "-m", "scmguard", "check", "--output", device, str(tmp_path / "config.txt")]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode in (0, 1) and run.stderr == "", run.stderr
    assert stat.S_ISCHR(os.lstat(device).st_mode) and names(tmp_path) == ["config.txt", "null"]


def test_a_folder_is_an_error_and_stays(tmp_path: Any) -> None:
    (tmp_path / "file").mkdir()
    for write in (atomic.write, atomic.replace):
        with pytest.raises(OSError):
            write(str(tmp_path / "file"), [b"x"])
    assert names(tmp_path) == ["file"] and (tmp_path / "file").is_dir()


def test_a_folder_that_is_not_there(tmp_path: Any) -> None:
    with pytest.raises(FileNotFoundError):
        atomic.write(str(tmp_path / "no" / "file"), [b"x"])
    assert names(tmp_path) == []
