"""Locks, copies, and what a new file takes over from the old one."""

import os
import stat
import subprocess
import sys
import time
from typing import Any

import pytest

from scmguard import atomic
from scmguard.editing import store
from scmguard.editing.store import Busy, Changed, Copy, Original, kept_before, locked
from tests.places import TOP

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="takes root")


@pytest.fixture
def file(tmp_path: Any) -> Any:
    (tmp_path / "config.txt").write_bytes(b"old")
    return tmp_path / "config.txt"


@pytest.fixture(autouse=True)
def places(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "copies").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "copies"))


def other_process(code: str, *words: str) -> "subprocess.Popen[str]":
    env = {**os.environ, "PYTHONPATH": TOP}
    return subprocess.Popen([sys.executable, "-c", code, *words], stdout=subprocess.PIPE, text=True, env=env)


HOLD = """
import sys, time
from scmguard.editing.store import locked
with locked(sys.argv[1], "somebody"):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def test_another_process_is_kept_out_until_the_first_ends(file: Any) -> None:
    process = other_process(HOLD, str(file), "60")
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    try:
        message = r"being changed by somebody \(process {}, since ".format(process.pid)
        with pytest.raises(Busy, match=message), locked(str(file), "me"):
            raise AssertionError("both have it")
        with locked(str(file) + ".other", "me"):
            pass
    finally:
        process.kill()
        process.wait()
    with locked(str(file), "me"):
        pass


def test_who_waits_gets_it(file: Any) -> None:
    process = other_process(HOLD, str(file), "1")
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    with locked(str(file), "me", 30.0):
        assert process.wait(30) == 0


COUNT = """
import sys
from scmguard.editing.store import locked
for _ in range(40):
    with locked(sys.argv[1], "me", 60.0):
        with open(sys.argv[2]) as stream: number = int(stream.read())
        with open(sys.argv[2], "w") as stream: stream.write(str(number + 1))
"""


def test_no_two_have_it_at_once(file: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    several = [other_process(COUNT, str(file), str(counter)) for _ in range(3)]
    assert [process.wait(120) for process in several] == [0, 0, 0]
    assert counter.read_text() == "120"


def test_a_lock_file_that_is_a_link_is_not_followed(file: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_LOCKS", (str(tmp_path / "copies"),))
    with locked(str(file), "me"):
        (name,) = os.listdir(tmp_path / "copies")
    os.symlink(str(file), tmp_path / "copies" / name)
    with pytest.raises(OSError), locked(str(file), "me"):
        pass
    assert file.read_bytes() == b"old"


def test_what_others_did_is_seen(file: Any) -> None:
    original = Original.opened(str(file))
    original.verify()
    os.utime(file, (1, 1))
    original.verify()
    file.write_bytes(b"new")
    with pytest.raises(Changed, match="changed"):
        original.verify()
    file.write_bytes(b"old")
    original.verify()
    os.replace(Original.opened(str(file)).path, str(file) + "2")
    with pytest.raises(Changed, match="taken it away"):
        original.replace(b"x")
    file.write_bytes(b"old")
    with pytest.raises(Changed, match="replaced"):
        original.replace(b"x")
    assert file.read_bytes() == b"old"
    original.close()


def test_leftovers_of_who_was_killed_go_after_an_hour(file: Any) -> None:
    old, fresh = file.parent / ".scmguard-old", file.parent / ".scmguard-fresh"
    for path in (old, fresh):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 4000, time.time() - 4000))
    original = Original.opened(str(file))
    assert original.replace(b"new") == () and file.read_bytes() == b"new"
    assert not old.exists() and fresh.exists()


def test_a_copy_is_for_nobody_else_and_is_found_again(file: Any) -> None:
    copy = Copy(str(file), b"old")
    assert os.path.basename(copy.path) == "config.txt" and copy.read() == b"old"
    assert stat.S_IMODE(os.stat(copy.folder).st_mode) == 0o700 and stat.S_IMODE(os.stat(copy.path).st_mode) == 0o600
    assert copy.leave() is None and not os.path.exists(copy.folder)
    copy = Copy(str(file), b"old")
    with open(copy.path, "ab") as stream:
        stream.write(b"more")
    assert copy.leave() == copy.path and copy.read() == b"oldmore"
    assert kept_before(str(file)) == [copy.path] and kept_before(str(file) + "x") == []
    os.chmod(copy.folder, 0o755)
    assert kept_before(str(file)) == []


def test_a_folder_for_copies_that_is_not_there(file: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/no/such/folder")
    copy = Copy(str(file), b"old")
    assert copy.folder.startswith(("/var/tmp/", "/tmp/"))
    copy.drop()


# --- what the new file takes over ---


def replaced(path: Any) -> Any:
    handle = os.open(path, os.O_RDONLY)
    try:
        return atomic.replace(str(path), [b"new"], like=handle)
    finally:
        os.close(handle)


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664, 0o755])
def test_permissions(file: Any, mode: int) -> None:
    os.chmod(file, mode)
    assert replaced(file) == ()
    assert stat.S_IMODE(os.stat(file).st_mode) == mode and file.read_bytes() == b"new"


def test_extended_attributes(file: Any) -> None:
    try:
        os.setxattr(file, "user.a", b"1")
        os.setxattr(file, "user.b", bytes(range(256)))
    except OSError as error:
        pytest.skip("no extended attributes here: {}".format(error))
    assert replaced(file) == ()
    assert os.getxattr(file, "user.a") == b"1" and os.getxattr(file, "user.b") == bytes(range(256))


@AS_ROOT
def test_access_lists(file: Any) -> None:
    # version 2; user::rw-, user 1234:r--, group::r--, mask::r--, other::---
    entries = [(1, 6, -1), (2, 4, 1234), (4, 4, -1), (16, 4, -1), (32, 0, -1)]
    value = (2).to_bytes(4, "little") + b"".join(
        tag.to_bytes(2, "little") + bits.to_bytes(2, "little") + (who & 0xFFFFFFFF).to_bytes(4, "little")
        for tag, bits, who in entries
    )
    try:
        os.setxattr(file, "system.posix_acl_access", value)
    except OSError as error:
        pytest.skip("no access lists here: {}".format(error))
    assert replaced(file) == ()
    assert os.getxattr(file, "system.posix_acl_access") == value


@AS_ROOT
def test_owner_and_group(file: Any) -> None:
    os.chown(file, 1234, 4321)
    os.chmod(file, 0o640)
    assert replaced(file) == ()
    found = os.stat(file)
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (1234, 4321, 0o640)


@AS_ROOT
def test_who_may_not_give_it_to_the_owner_says_so_and_gives_the_group_nothing_more(file: Any) -> None:
    os.chown(file, 0, 4321)
    os.chmod(file, 0o664)
    os.chmod(file.parent, 0o777)
    code = """
import os, sys
sys.path.insert(0, sys.argv[2])
from scmguard import atomic
handle = os.open(sys.argv[1], os.O_RDONLY)
os.setgid(65534); os.setgroups([]); os.setuid(65534)
print(atomic.replace(sys.argv[1], [b"new"], like=handle))
"""
    above = file.parent
    while str(above) != "/tmp" and str(above) != "/":
        os.chmod(above, os.stat(above).st_mode | 0o011)
        above = above.parent
    done = subprocess.run([sys.executable, "-c", code, str(file), TOP], capture_output=True, text=True)
    if "Permission" in done.stderr or "ModuleNotFound" in done.stderr:
        pytest.skip("another user cannot get here: {}".format(done.stderr.strip().splitlines()[-1]))
    assert done.stdout == "('group', 'owner')\n", done.stderr
    found = os.stat(file)
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (65534, 65534, 0o644)


def test_a_file_system_without_permissions_or_attributes(file: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """FAT refuses to change what it does not keep, and lists no attributes."""

    def refuses(*_: Any, **__: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    def unsupported(*_: Any, **__: Any) -> None:
        raise OSError(95, "Operation not supported")

    for name in ("fchown", "fchmod"):
        monkeypatch.setattr(os, name, refuses)
    monkeypatch.setattr(os, "listxattr", unsupported)
    os.chmod(file, 0o600)
    assert replaced(file) == () and file.read_bytes() == b"new"
    os.chmod(file, 0o644)
    assert replaced(file) == ("permissions",)
