"""What folders say of files: kind, mode, size and time, contents of any size, and room on the file system."""

import errno
import os
import shutil
import socket
import stat
import subprocess
from typing import Any, Callable, Iterator, List, Optional

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scmguard.boot import Boot
from scmguard.folder import Content, Folder, MemoryFolder, Space, Status, Unreadable
from scmguard.inputs.discover import Request, from_path, from_stdin
from scmguard.inputs.disk import MAX_BYTES, DiskFolder

EXAMPLES = int(os.environ.get("SCMGUARD_EXAMPLES", "100"))
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may make devices and mount")


def kind(folder: Folder, name: str) -> Optional[str]:
    found = folder.status(name)
    return None if found is None else found.kind


def data(folder: Folder, name: str) -> Optional[bytes]:
    content = folder.content(name)
    if content is None:
        return None
    with content:
        return content.pread(content.size + 10, 0)


@pytest.fixture
def top(tmp_path: Any) -> str:
    """A tree with files, folders and links of all sorts in ``in``, and something to be kept out of, beside it."""
    inner = tmp_path / "in"
    (inner / "sub" / "deep").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "secret").write_bytes(b"secret")
    (inner / "file").write_bytes(b"data")
    (inner / "sub" / "script").write_bytes(b"#!/bin/sh\n")
    os.chmod(inner / "sub" / "script", 0o750)
    os.utime(inner / "file", (1, 1700000000))
    for name, target in (
        ("link", "file"), ("chain", "link"), ("folder", "sub"), ("sub/up", "../file"), ("dot", "."),
        ("sub/deep/around", "../../sub/script"), ("nowhere", "nothing"), ("self", "self"), ("a", "b"), ("b", "a"),
        ("leaves", "../out/secret"), ("outside", "../out"), ("absolute", "/file"), ("machine", "/etc/passwd"),
        ("climbs", "sub/../../in/file"), ("down-and-up", "sub/../file"), ("through", "file/more"),
    ):  # fmt: skip
        os.symlink(target, inner / name)
    return str(inner)


# --- DiskFolder: kinds ---

# Name, kind in a boot folder, kind in a root file system; "!" where it is unreadable.
KINDS = [
    ("file", "file", "file"), ("/file", "file", "file"), ("./file", "file", "file"), ("sub", "folder", "folder"),
    ("sub/", "folder", "folder"), ("", "folder", "folder"), ("/", "folder", "folder"), ("sub/script", "file", "file"),
    ("link", "file", "file"), ("chain", "file", "file"), ("folder", "folder", "folder"),
    ("folder/script", "file", "file"), ("sub/up", "file", "file"), ("sub/deep/around", "file", "file"),
    ("dot", "folder", "folder"), ("dot/file", "file", "file"),
    ("folder/up", "file", "file"), ("down-and-up", "file", "file"), ("sub/../file", "file", "file"),
    ("nothing", None, None), ("sub/nothing", None, None), ("nothing/more", None, None), ("file/more", None, None),
    ("nowhere", None, None), ("through", None, None), ("../out/secret", None, None), ("..", None, None),
    ("sub/../../out/secret", None, None), ("sub/up/x", None, None), ("a\0b", None, None), ("x" * 300, None, None),
    ("self", "!", "!"), ("a", "!", "!"), ("leaves", "!", None), ("outside", "!", None), ("outside/secret", "!", None),
    ("absolute", "!", "file"), ("machine", "!", None), ("climbs", "!", None),
    ("FILE", "file", None), ("Sub/SCRIPT", "file", None),
]  # fmt: skip


@pytest.mark.parametrize("name, plain, in_root", KINDS, ids=[repr(name[:20]) for name, _, _ in KINDS])
def test_kinds_after_links(top: str, name: str, plain: Optional[str], in_root: Optional[str]) -> None:
    for folder, expected in ((DiskFolder(top), plain), (DiskFolder(top, is_root=True), in_root)):
        if expected == "!":
            with pytest.raises(Unreadable):
                folder.status(name)
            with pytest.raises(Unreadable):
                folder.content(name)
            continue
        assert kind(folder, name) == expected
        assert folder.exists(name) == (expected is not None)
        if expected == "folder":
            if name.strip("/."):
                with pytest.raises(Unreadable, match="is a folder"):
                    folder.content(name)
        else:
            whole = data(folder, name)
            assert whole == folder.read(name) and (whole is None) == (expected is None) and whole != b"secret"


def test_modes_sizes_and_times(top: str) -> None:
    folder = DiskFolder(top)
    assert folder.status("link") == Status("file", 0o644, 4, 1700000000)
    script = folder.status("folder/script")
    assert script is not None and script.is_executable and script.mode == 0o750
    for mode in (0o000, 0o755, 0o4711, 0o1777, 0o100, 0o010, 0o001, 0o644):
        os.chmod(os.path.join(top, "file"), mode)
        found = folder.status("file")
        assert found is not None and found.mode == mode and found.is_executable == bool(mode & 0o111)
    found = folder.status("sub")
    assert found is not None and not found.is_executable and not found.is_file


def test_odd_files(top: str) -> None:
    os.mkfifo(os.path.join(top, "fifo"), 0o777)
    os.symlink("fifo", os.path.join(top, "to-fifo"))
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.getcwd()
        os.chdir(top)  # the names of sockets are short
        try:
            listening.bind("socket")
        finally:
            os.chdir(here)
    folder = DiskFolder(top)
    for name in ("fifo", "to-fifo", "socket"):
        found = folder.status(name)
        assert found is not None and found.kind == "other" and not found.is_executable and not found.is_file
        with pytest.raises(Unreadable):
            folder.content(name)
        with pytest.raises(Unreadable):
            folder.read(name)


@as_root
def test_devices(top: str) -> None:
    try:
        os.mknod(os.path.join(top, "null"), stat.S_IFCHR | 0o666, os.makedev(1, 3))
        os.mknod(os.path.join(top, "disk"), stat.S_IFBLK | 0o666, os.makedev(7, 250))
    except OSError as error:
        pytest.skip("devices cannot be made here: {}".format(error))
    folder = DiskFolder(top)
    for name in ("null", "disk"):
        assert kind(folder, name) == "other"
        with pytest.raises(Unreadable):
            folder.content(name)


def test_links_as_they_are_written(top: str) -> None:
    for folder in (DiskFolder(top), DiskFolder(top, is_root=True)):
        assert folder.link("link") == "file" and folder.link("folder/up") == "../file" and folder.link("self") == "self"
        assert folder.link("leaves") == "../out/secret" and folder.link("nowhere") == "nothing"
        for name in ("file", "sub", "nothing", "sub/nothing", "file/x", "", "a\0b"):
            assert folder.link(name) is None


def test_a_folder_below_another_has_its_borders(top: str) -> None:
    inner = DiskFolder(top).below("sub")
    assert kind(inner, "script") == kind(inner, "up") == "file" and kind(inner, "../file") is None
    assert inner.status("") == inner.status("/") and kind(inner, "") == "folder"
    assert kind(DiskFolder(top).below("nothing"), "") is None and kind(DiskFolder(top).below("nothing"), "x") is None
    root = DiskFolder(top, is_root=True, base="sub")
    assert kind(root, "up") == kind(root, "SCRIPT") == "file" and root.label("x") == os.path.join(top, "sub", "x")


def test_a_tree_that_is_gone() -> None:
    for folder in (DiskFolder("/nonexistent/x"), DiskFolder("/nonexistent/x", is_root=True)):
        asked: List[Callable[[], Any]] = [
            folder.space,
            folder.names,
            lambda: folder.status(""),
            lambda: folder.content("x"),
        ]  # noqa: B023
        for ask in asked:
            with pytest.raises(Unreadable):
                ask()


def test_a_large_file_is_content_and_no_text(top: str) -> None:
    path = os.path.join(top, "large")
    with open(path, "wb") as stream:
        stream.truncate(MAX_BYTES + 1)
        stream.seek(MAX_BYTES - 2)
        stream.write(b"abc")
    folder = DiskFolder(top)
    with pytest.raises(Unreadable, match="larger"):
        folder.read("large")
    content = folder.content("large")
    assert content is not None and content.size == MAX_BYTES + 1
    with content:
        assert content.pread(10, MAX_BYTES - 2) == b"abc" and content.pread(10, MAX_BYTES + 1) == b""
    with pytest.raises(OSError) as closed:
        content.pread(1, 0)
    assert closed.value.errno == errno.EBADF


def test_no_file_stays_open(top: str) -> None:
    os.mkfifo(os.path.join(top, "fifo"))
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    folder = DiskFolder(top)
    for name, _, _ in KINDS:
        for ask in (folder.status, folder.read, folder.content, folder.names, folder.exists, folder.link):
            try:
                found = ask(name)
            except Unreadable:
                continue
            if isinstance(found, Content):
                found.close()
    folder.space()
    if before:
        assert len(os.listdir("/proc/self/fd")) == before


# --- room ---


def test_the_room_is_that_of_statvfs(top: str) -> None:
    found = DiskFolder(top).space()
    real = os.statvfs(top)
    assert found is not None and found.total == real.f_blocks * real.f_frsize
    assert abs(found.free - real.f_bavail * real.f_frsize) < found.total / 10
    assert not found.own and DiskFolder(top).below("nothing").space() is None
    assert DiskFolder(top).below("file").space() is None


def test_the_root_has_its_room_for_itself() -> None:
    found = DiskFolder("/", is_root=True).space()
    assert found is not None and found.own


@pytest.fixture
def mounted(top: str) -> Iterator[str]:
    """A file system of a mebibyte, mounted at ``sub``."""
    place = os.path.join(top, "sub")
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("only root may mount")
    run = subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "none", place], capture_output=True, text=True)
    if run.returncode:
        pytest.skip("nothing can be mounted here: {}".format(run.stderr.strip()))
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def test_room_of_a_file_system_of_its_own(top: str, mounted: str) -> None:
    for folder in (
        DiskFolder(mounted),
        DiskFolder(top).below("sub"),
        DiskFolder(top, is_root=True, base="sub"),
        DiskFolder(os.path.join(top, "folder")),
    ):
        assert folder.space() == Space(1 << 20, 1 << 20, True)
    with open(os.path.join(mounted, "file"), "wb") as stream:
        stream.write(bytes(1 << 19))
    assert DiskFolder(mounted).space() == Space(1 << 20, 1 << 19, True)
    os.mkdir(os.path.join(mounted, "inner"))
    assert DiskFolder(os.path.join(mounted, "inner")).space() == Space(1 << 20, 1 << 19, False)


def test_files_on_a_file_system_of_its_own_are_in_the_tree(top: str, mounted: str) -> None:
    with open(os.path.join(mounted, "file"), "wb") as stream:
        stream.write(b"mounted")
    os.symlink("../file", os.path.join(mounted, "up"))
    folder = DiskFolder(top)
    assert (
        folder.read("sub/file") == b"mounted"
        and folder.read("folder/up") == b"data"
        and kind(folder, "sub") == "folder"
    )


# --- MemoryFolder ---


def test_files_in_memory() -> None:
    folder = MemoryFolder(
        {"a": b"text", "d/run": b"#!/bin/sh", "d/e/f": b"", "timed": b"xyz"},
        links={"l": "a", "d/n": "nowhere", "only/link": "x"},
        statuses={"timed": Status("file", 0o600, 99, 5), "a": Status("other", 0o4755)},
        space=Space(10, 5, False),
    )
    assert folder.status("d/run") == Status("file", 0o755, 9) and folder.status("/d/e/f/") == Status("file", 0o644, 0)
    assert folder.status("timed") == Status("file", 0o600, 3, 5) and folder.status("a") == Status("other", 0o4755, 4)
    for name in ("d", "d/e", "/d/", "only", ""):
        assert kind(folder, name) == "folder" and folder.exists(name) and folder.content(name) is None
    for name in ("x", "d/x", "a/b", "d/e/f/g", "D"):
        assert folder.status(name) is None and not folder.exists(name) and folder.content(name) is None
    assert (
        folder.names() == ["a", "d", "l", "only", "timed"]
        and folder.names("d") == ["e", "n", "run"]
        and folder.names("a") == []
    )
    assert folder.link("l") == "a" and folder.link("/d/n") == "nowhere" and folder.link("a") is None
    assert folder.exists("l") and folder.status("l") is None and folder.read("l") is None  # none is followed
    assert data(folder, "d/run") == b"#!/bin/sh" and folder.space() == Space(10, 5, False)
    assert MemoryFolder({}).space() is None and MemoryFolder({}).names() == []


_TREES = st.dictionaries(
    st.lists(st.sampled_from(["a", "b", "c.d"]), min_size=1, max_size=3).map("/".join),
    st.binary(max_size=8),
    max_size=5,
).filter(lambda tree: not any(name.startswith(other + "/") for name in tree for other in tree))


_NAMES = st.lists(st.sampled_from(["a", "b", "c.d", "", "."]), max_size=4).map("/".join)


@settings(max_examples=EXAMPLES, deadline=None)
@given(_TREES, _NAMES.filter(lambda name: bool(name.strip("/.")) or "." not in name))
def test_memory_and_disk_say_the_same(tmp_path_factory: pytest.TempPathFactory, tree: Any, name: str) -> None:
    top = str(tmp_path_factory.getbasetemp() / "same")
    shutil.rmtree(top, ignore_errors=True)
    os.mkdir(top)
    for path, text in tree.items():
        os.makedirs(os.path.dirname(os.path.join(top, path)), exist_ok=True)
        with open(os.path.join(top, path), "wb") as stream:
            stream.write(text)
    memory, disk = MemoryFolder(tree), DiskFolder(top, is_root=True)
    assert memory.names(name) == disk.names(name)
    if name.strip("/") or tree:
        assert memory.exists(name) == disk.exists(name) and kind(memory, name) == kind(disk, name)
    if kind(disk, name) != "folder":
        assert memory.read(name) == disk.read(name) == data(memory, name) == data(disk, name)


# --- contents one behind the other ---


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.binary(max_size=5), max_size=5), st.integers(0, 30), st.integers(0, 30))
def test_joined_contents_read_as_one(parts: List[bytes], size: int, at: int) -> None:
    joined = Content.joined([Content.of_bytes(part) for part in parts])
    whole = b"".join(parts)
    assert joined.size == len(whole) and joined.pread(size, at) == whole[at : at + size]


def test_joined_contents_are_closed_together() -> None:
    closed: List[int] = []

    def part(number: int) -> Content:
        return Content(1, lambda size, at: b"x", lambda: closed.append(number))

    parts = [part(number) for number in range(3)]
    with Content.joined(parts):
        assert closed == []
    assert closed == [0, 1, 2]


# --- a folder in which one file is another's ---


def replaced(top: str, text: bytes = b"other") -> Folder:
    boot: Boot = from_stdin(text, Request(stdin_filename=os.path.join(top, "config.txt")))
    return boot.files


def test_a_file_from_standard_input_stands_in_its_folder(top: str) -> None:
    with open(os.path.join(top, "config.txt"), "wb") as stream:
        stream.write(b"on disk")
    folder = replaced(top)
    for name in ("config.txt", "/config.txt", "config.txt/"):
        assert folder.read(name) == data(folder, name) == b"other"
        assert folder.status(name) == Status("file", 0o644, 5) and folder.exists(name)
    assert folder.label("config.txt") == os.path.join(top, "config.txt") and folder.label("file") == os.path.join(
        top, "file"
    )
    assert folder.read("link") == data(folder, "link") == b"data" and kind(folder, "folder") == "folder"
    assert folder.link("link") == "file" and folder.link("config.txt") is None
    assert folder.status("file") == Status("file", 0o644, 4, 1700000000) and folder.status("nothing") is None
    assert folder.names() == sorted(os.listdir(top)) and folder.names("sub") == ["deep", "script", "up"]
    found = folder.space()
    assert found is not None and found.total == os.statvfs(top).f_blocks * os.statvfs(top).f_frsize
    with pytest.raises(Unreadable):
        folder.status("leaves")


def test_a_file_that_is_not_on_disk_is_in_the_list(top: str) -> None:
    assert replaced(top).names() == sorted([*os.listdir(top), "config.txt"])


def test_a_file_of_other_case_on_disk_is_in_the_list_once(top: str) -> None:
    with open(os.path.join(top, "CONFIG.TXT"), "wb"):
        assert replaced(top).names() == sorted(os.listdir(top))


def test_standard_input_alone_stands_in_no_folder() -> None:
    folder = from_stdin(b"x", Request()).files
    assert folder.names() == ["config.txt"] and folder.read("config.txt") == b"x" and folder.space() is None
    assert folder.read("other") is None and folder.status("other") is None and not folder.exists("cmdline.txt")
    assert folder.label("config.txt") == "<stdin>"


def test_a_single_file_stands_in_its_folder(top: str) -> None:
    path = os.path.join(top, "config.txt")
    with open(path, "wb") as stream:
        stream.write(b"a=1\n")
    folder = from_path(path, Request()).files
    assert folder.read("config.txt") == b"a=1\n" and folder.read("link") == b"data" and folder.link("link") == "file"
