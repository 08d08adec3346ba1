"""What an image holds: names after links, texts, modules, libraries; and images that are written for tests."""

import gzip
import os
import shutil
import stat
import subprocess
import sys
from typing import Any, Dict, List, Optional

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scmguard.elf_writer import program
from scmguard.folder import Content, Status
from scmguard.initrd.contents import SMALL, Contents, ImageFolder, read_contents
from scmguard.initrd.model import Trouble
from scmguard.initrd.writer import FILE, FOLDER, Item, archive, image

EXAMPLES = int(os.environ.get("SCMGUARD_EXAMPLES", "150"))
CPIO, LSINITRAMFS = shutil.which("cpio"), shutil.which("lsinitramfs")

needs_cpio = pytest.mark.skipif(not CPIO, reason="cpio is not here: nothing to compare with")
needs_lsinitramfs = pytest.mark.skipif(not LSINITRAMFS, reason="lsinitramfs is not here (initramfs-tools-core)")


def contents(*items: Item, **how: Any) -> Contents:
    return read_contents(Content.of_bytes(image(items, **how)))


def link(name: str, target: str) -> Item:
    return Item(name, target=target, mode=0o777)


def linked(*names: str, data: bytes = b"", inode: int = 77, mode: int = 0o644) -> bytes:
    """The members of an archive that are one file: the last name has the bytes (Linux, buffer-format.rst)."""
    found = b""
    for number, name in enumerate(names):
        body = data if number == len(names) - 1 else b""
        raw = name.encode() + b"\0"
        fields = (inode, FILE | mode, 0, 0, len(names), 0, len(body), 0, 0, 0, 0, len(raw), 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + raw
        found += head + bytes(-len(head) & 3) + body + bytes(-len(body) & 3)
    return found


# --- links ---

TREE = [
    Item("usr/bin/tool", b"#!/bin/sh\n", 0o755),
    Item("etc/conf", b"text"),
    link("bin", "usr/bin"),
    link("absolute", "/usr/bin/tool"),
    link("up", "../../usr/bin/tool"),
    link("etc/up", "../usr/bin/../bin/tool"),
    link("etc/self", "."),
    link("etc/own", "./conf"),
    link("chain", "bin/../absolute"),
    link("usr/bin/a", "b"),
    link("usr/bin/b", "a"),
    link("deep", "deep/deep"),
    link("nowhere", "usr/lib/nothing"),
    link("slash", "/"),
    link("empty", ""),
]
PLACES = {
    "usr/bin/tool": "usr/bin/tool",
    "/usr/bin/tool": "usr/bin/tool",
    "./usr//bin/./tool": "usr/bin/tool",
    "bin/tool": "usr/bin/tool",
    "bin": "usr/bin",
    "bin/": "usr/bin",
    "bin/../bin/tool": "usr/bin/tool",  # .. of usr/bin is usr, as for the kernel
    "bin/../../bin/tool": "usr/bin/tool",
    "usr/../../../bin/tool": "usr/bin/tool",
    "absolute": "usr/bin/tool",
    "up": "usr/bin/tool",
    "etc/up": "usr/bin/tool",
    "etc/self/self/conf": "etc/conf",
    "etc/own": "etc/conf",
    "chain": None,  # bin/.. is usr
    "slash/etc/conf": "etc/conf",
    "slash": "",
    "": "",
    "/": "",
    "usr/bin/a": None,
    "deep": None,
    "nowhere": None,
    "nowhere/else": None,
    "etc/conf/more": None,
    "usr/bin/TOOL": None,
    "usr/bin/too": None,
    "tool": None,
}


@pytest.mark.parametrize("path", PLACES)
def test_where_a_path_leads(path: str) -> None:
    assert contents(*TREE).place(path) == PLACES[path]


_REACHED = """
import os, sys
os.chroot(".")
os.chdir("/")
for path in sys.argv[1:]:
    print(os.path.realpath(path) if os.path.exists(path or "/") else None)
"""


@needs_cpio
@pytest.mark.skipif(os.geteuid() != 0 or not hasattr(os, "chroot"), reason="only root may change its root")
def test_the_kernel_goes_the_same_way(tmp_path: Any) -> None:
    assert CPIO
    tree = [item for item in TREE if item.target != ""]  # no file system takes an empty link
    subprocess.run([CPIO, "-idm", "--quiet"], input=archive(tree), cwd=tmp_path, check=True)
    run = subprocess.run([sys.executable, "-c", _REACHED, *PLACES], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [str(None if place is None else "/" + place) for place in PLACES.values()]


def test_a_file_in_a_folder_that_is_not_there_is_not_there() -> None:
    raw = linked("etc/x", data=b"text") + archive([])
    found = read_contents(Content.of_bytes(raw))
    assert "etc/x" in found.members and found.place("etc/x") is None and found.text("etc/x") is None


# --- files with several names ---


def test_files_with_several_names_have_one_content() -> None:
    tail = archive([Item("etc/other", b"other")])
    found = read_contents(Content.of_bytes(linked("init", "etc/a", "etc/b", data=b"#!/bin/sh\n", mode=0o755) + tail))
    assert {found.text(name) for name in ("init", "etc/a", "etc/b")} == {b"#!/bin/sh\n"}
    assert found.text("etc/other") == b"other"


def test_programs_with_several_names() -> None:
    data = program(["libc.so.6"])
    raw = linked("a", "b", data=data, mode=0o755) + archive([])
    found = read_contents(Content.of_bytes(raw))
    for name in ("a", "b"):
        read = found.program(name)
        assert read is not None and read.needed == ("libc.so.6",)


def test_numbers_of_files_count_in_one_archive_alone() -> None:
    first = gzip.compress(linked("init", "init2", data=b"#!first") + archive([]))
    second = gzip.compress(linked("etc2", "init3", data=b"#!second") + archive([]))
    found = read_contents(Content.of_bytes(first + second))
    assert (found.text("init"), found.text("init2")) == (b"#!first", b"#!first")
    assert (found.text("etc2"), found.text("init3")) == (b"#!second", b"#!second")


# --- several archives ---


def test_a_later_member_replaces_an_earlier_one() -> None:
    early = archive([Item("init", b"#!old", 0o755), Item("etc/a", b"a"), Item("etc/b", program(["libold.so"]))])
    late = image([link("etc/a", "b"), Item("init", b"#!new", 0o644), Item("etc/b", b"now a text")], mtime=9)
    found = read_contents(Content.of_bytes(early + late))
    assert found.text("init") == b"#!new" and not found.members["init"].is_executable
    assert found.text("etc/b") == found.text("etc/a") == b"now a text" and found.program("etc/b") is None
    assert [segment.compression for segment in found.segments] == ["none", "gzip"]
    assert found.fault is None and found.unread is None


def test_early_archives_are_told_from_the_image_proper() -> None:
    microcode = archive([Item("kernel/x86/microcode/AuthenticAMD.bin", bytes(100))])
    found = read_contents(Content.of_bytes(microcode + image([Item("init", b"#!")])))
    assert [segment.kind for segment in found.segments] == ["early", "main"] and found.ended == 1


def test_the_newest_file_tells_of_the_build() -> None:
    assert contents(Item("init"), mtime=1700000000).newest == 1700000000
    data = image([Item("init")], mtime=5) + image([Item("etc/x")], mtime=7) + image([Item("etc/y")], mtime=3)
    assert read_contents(Content.of_bytes(data)).newest == 7


# --- texts ---


@pytest.mark.parametrize("name, data, kept", [
    ("etc/fstab", b"x", True), ("conf/conf.d/zz", b"x", True), ("cryptroot/crypttab", b"x", True),
    ("scripts/local-top/ORDER", b"x", True), ("usr/lib/cryptsetup/scripts/a", b"x", True), ("init", b"x", True),
    ("var/lib/zymbit/a.bin", bytes(range(256)), True), ("bin/script", b"#!/bin/sh", True),
    ("etc/x", bytes(SMALL), True), ("usr/lib/modules/6.6/modules.builtin", bytes(SMALL + 1), True),
    ("lib/modules/6.6/modules.dep", b"x", True),
    ("etc/x", bytes(SMALL + 1), False), ("usr/share/x", b"x", False), ("initial", b"x", False), ("bin/x", b"x", False),
    ("bin/script", b"#!" + bytes(SMALL + 1), True), ("usr/share/script", b"#!" + bytes(SMALL + 1), False),
    ("usr/lib/modules/6.6/modules.dep", bytes((8 << 20) + 1), False), ("bin/x", program(["a"]), False),
    ("usr/lib/modules/6.6/modules.alias", b"x", False), ("usr/lib/modules/6.6/kernel/x.ko", b"#!", False),
])  # fmt: skip
def test_which_texts_are_kept(name: str, data: bytes, kept: bool) -> None:
    assert contents(Item(name, data)).text(name) == (data if kept else None)


def test_all_texts_together_have_a_limit() -> None:
    items = [Item("etc/{}".format(number), bytes(SMALL)) for number in range(300)]
    found = contents(*items)
    assert found.fault is None and len(found.members) == 301
    assert sum(map(len, found.texts.values())) == 16 << 20


# --- kernels ---


def test_modules_and_releases() -> None:
    found = contents(
        link("lib", "usr/lib"),
        Item("usr/lib/modules/6.6.31+rpt-rpi-v8/kernel/drivers/md/dm-crypt.ko.xz"),
        Item("usr/lib/modules/6.6.31+rpt-rpi-v8/kernel/fs/ext4/ext4.ko"),
        Item("usr/lib/modules/6.6.31+rpt-rpi-v8/updates/x-y_z.ko.zst"),
        Item("usr/lib/modules/6.6.31+rpt-rpi-v8/modules.builtin", b"kernel/fs/nls/nls_utf8.ko\n"),
        Item("usr/lib/modules/6.1.0-old/modules.dep"),
        Item("usr/lib/firmware/a.ko"),
        Item("etc/modules/6.6/x.ko"),
        Item("opt/lib/modules/6.7/x.ko"),
        Item("usr/lib/modules/6.6.31+rpt-rpi-v8/kernel/readme.ko.txt"),
    )
    assert found.releases == ("6.1.0-old", "6.6.31+rpt-rpi-v8")
    assert found.modules == {"6.6.31+rpt-rpi-v8": {"dm_crypt", "ext4", "x_y_z"}}
    assert found.table("6.6.31+rpt-rpi-v8", "modules.builtin") == "kernel/fs/nls/nls_utf8.ko\n"
    assert found.table("6.6.31+rpt-rpi-v8", "modules.order") is None and found.table("6.7", "modules.dep") is None


def test_modules_where_usr_is_not_merged() -> None:
    found = contents(Item("lib/modules/6.6/kernel/a.ko.gz"), Item("lib/modules/6.6/modules.dep", b"a\xff"))
    assert found.modules == {"6.6": {"a"}} and found.table("6.6", "modules.dep") == "a\ufffd"
    assert contents(Item("init")).releases == () and contents(Item("init")).modules == {}


# --- libraries ---

LIBRARY = Item("usr/lib/libfull.so.1", program(["libc.so.6"], ""))
LIBC = Item("usr/lib/aarch64-linux-gnu/libc.so.6", program([], ""))
LIBRARIES = {
    "all there": ([LIBRARY, LIBC], ()),
    "one that it needs": ([LIBC], ("libfull.so.1",)),
    "one that those need": ([LIBRARY], ("libc.so.6",)),
    "by a link": ([LIBRARY._replace(name="lib/libfull.so.1.2"), link("lib/libfull.so.1", "libfull.so.1.2"), LIBC], ()),
    "a link that leads nowhere": ([link("usr/lib/libfull.so.1", "libfull.so.1.2.3"), LIBC], ("libfull.so.1",)),
    "a file of that name that is no library": ([Item("usr/lib/libfull.so.1", b"GROUP ( x )"), LIBC], ("libfull.so.1",)),
    "a folder of that name": ([Item("usr/lib/libfull.so.1/x"), LIBC], ("libfull.so.1",)),
    "a longer name": ([Item("usr/lib/libfull.so.11", LIBRARY.data), LIBC], ("libfull.so.1",)),
    "two that need each other": (
        [Item("lib/libfull.so.1", program(["liba.so"], "")), Item("lib/liba.so", program(["libfull.so.1"], ""))], (),
    ),
    "one that is too large to look at": ([Item("usr/lib/libfull.so.1", LIBRARY.data + bytes(17 << 20)), LIBC], ()),
    "one of some size in another folder": ([Item("lib64/libfull.so.1", LIBRARY.data + bytes(SMALL)), LIBC], ()),
}  # fmt: skip


@pytest.mark.parametrize("name", LIBRARIES)
def test_libraries_that_are_lacking(name: str) -> None:
    items, lacking = LIBRARIES[name]
    found = contents(Item("usr/bin/tool", program(["libfull.so.1"]), 0o755), link("bin", "usr/bin"), *items)
    assert found.lacking_libraries("usr/bin/tool") == found.lacking_libraries("/bin/tool") == lacking
    assert found.has_library("libfull.so.1") == ("libfull.so.1" not in lacking)
    assert found.needs("/bin/tool", "libfull") and not found.needs("/bin/tool", "libother")


def test_a_script_and_nothing_lack_no_library() -> None:
    found = contents(Item("bin/script", b"#!/bin/sh\n", 0o755))
    assert found.lacking_libraries("bin/script") == found.lacking_libraries("bin/nothing") == ()


# --- images that are damaged ---


def test_a_whole_image_has_no_fault() -> None:
    found = contents(Item("init", b"#!"))
    assert (found.fault, found.unread, found.faults, found.ended) == (None, None, [], 1)


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("cut", [1, 8, 100])
def test_an_image_that_is_cut_off(compress: bool, cut: int) -> None:
    data = image([Item("init", b"#!"), Item("etc/large", os.urandom(5000))], compress=compress)
    found = read_contents(Content.of_bytes(data[:-cut]))
    assert found.fault is not None and found.fault.trouble is Trouble.TRUNCATED and found.fault.ends
    assert found.unread is found.fault and found.ended == 0 and "init" in found.members


def test_an_image_with_a_wrong_byte() -> None:
    data = bytearray(image([Item("init", b"#!")]))
    data[-6] ^= 1  # of the checksum
    found = read_contents(Content.of_bytes(bytes(data)))
    assert found.fault is not None and found.fault.trouble is Trouble.CORRUPT


def test_garbage_behind_an_image() -> None:
    found = read_contents(Content.of_bytes(image([Item("init", b"#!")]) + b"garbage!"))
    assert found.fault is not None and found.ended == 1 and found.text("init") == b"#!"


def test_what_cannot_be_unpacked_here_is_unread_and_not_damaged() -> None:
    found = read_contents(Content.of_bytes(b"\x89LZO\0\r\n\x1a\n" + bytes(100)))
    assert found.fault is None and found.unread is not None and found.unread.trouble is Trouble.NOT_CHECKED


def test_odd_names_do_not_end_the_reading() -> None:
    found = contents(Item("init", b"#!a"), Item("etc/x", b"1"), Item("etc/x", b"2"), compress=False)
    assert found.fault is None and found.unread is None and found.faults and found.text("etc/x") == b"2"


# --- as a folder ---


def test_an_image_as_a_folder() -> None:
    folder = ImageFolder(contents(*TREE, mtime=5), "initrd.img")
    assert folder.read("bin/tool") == b"#!/bin/sh\n" and folder.read("etc/self/conf") == b"text"
    assert folder.read("nowhere") is None and folder.read("etc") is None
    assert folder.names("bin") == ["a", "b", "tool"] == folder.names("/usr/bin/")
    assert folder.names("etc/conf") == [] == folder.names("nowhere") and "etc" in folder.names()
    assert folder.status("bin/tool") == Status("file", 0o755, 10, 5)
    assert folder.status("bin") == Status("folder", 0o755, 0, 5) and folder.status("nowhere") is None
    assert folder.exists("absolute") and folder.exists("") and not folder.exists("deep") and not folder.exists("etc/no")
    root = folder.status("/")
    assert root is not None and root.kind == "folder"
    source = folder.source("etc/conf")
    assert source is not None and (source.path, source.text) == ("initrd.img/etc/conf", "text")


# --- the writer, and the real programs ---

_NAME = st.text(alphabet="abc.-_ é", min_size=1, max_size=6).filter(lambda name: name not in (".", ".."))
_FILES = st.dictionaries(
    _NAME, st.tuples(st.binary(max_size=20), st.sampled_from([0o644, 0o755, 0o600, 0o4755])), max_size=6
)
_TREES = st.dictionaries(st.sampled_from(["a", "b", "a/c", "etc"]), _FILES, max_size=3)


def _items(tree: Dict[str, Dict[str, Any]]) -> List[Item]:
    folders = {*tree, *(name.rpartition("/")[0] for name in tree)}
    return [
        Item("{}/{}".format(folder, name), data, mode)
        for folder, files in tree.items()
        for name, (data, mode) in files.items()
        if "{}/{}".format(folder, name) not in folders
    ]


@needs_cpio
@settings(max_examples=EXAMPLES // 3, deadline=None)
@given(_TREES)
def test_cpio_reads_what_is_written(tree: Any) -> None:
    assert CPIO
    items = _items(tree)
    data = archive(items, mtime=3)
    run = subprocess.run([CPIO, "-it", "--quiet"], input=data, capture_output=True, check=True)
    folders = {item.name[:at] for item in items for at, char in enumerate(item.name) if char == "/"}
    assert sorted(run.stdout.decode().splitlines()) == sorted([*folders, *(item.name for item in items)])
    assert run.stderr == b""


@settings(max_examples=EXAMPLES, deadline=None)
@given(_TREES, st.booleans())
def test_what_is_written_is_read(tree: Any, compress: bool) -> None:
    items = _items(tree)
    found = read_contents(Content.of_bytes(image(items, 3, compress)))
    assert found.faults == []
    for item in items:
        member = found.find(item.name)
        assert member is not None and (member.mode, member.size, member.mtime) == (FILE | item.mode, len(item.data), 3)
    assert all(member.mode == FOLDER | 0o755 for member in found.members.values() if not member.is_file)


@needs_cpio
def test_cpio_unpacks_what_is_written(tmp_path: Any) -> None:
    assert CPIO
    data = archive([Item("etc/a", b"text", 0o640), link("b", "etc/a"), Item("bin/c", b"#!", 0o755)], mtime=1700000000)
    subprocess.run([CPIO, "-idm", "--quiet"], input=data, cwd=tmp_path, check=True)
    assert (tmp_path / "b").read_bytes() == b"text" and os.readlink(tmp_path / "b") == "etc/a"
    found = os.stat(tmp_path / "etc/a")
    assert (stat.S_IMODE(found.st_mode), int(found.st_mtime)) == (0o640, 1700000000)
    assert stat.S_IMODE(os.stat(tmp_path / "bin/c").st_mode) == 0o755


def _really_made(tmp_path: Any, *names: str) -> bytes:
    assert CPIO
    listed = "".join(name + "\0" for name in names).encode()
    command = [CPIO, "-o", "-0", "-H", "newc", "--quiet", "--reproducible"]
    return subprocess.run(command, input=listed, cwd=tmp_path, capture_output=True, check=True).stdout


@needs_cpio
def test_what_cpio_makes_of_files_with_several_names_is_read(tmp_path: Any) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/a").write_bytes(b"text")
    for name in ("etc/b", "init"):
        os.link(tmp_path / "etc/a", tmp_path / name)
    (tmp_path / "z").symlink_to("etc/b")
    data = _really_made(tmp_path, ".", "etc", "etc/a", "etc/b", "init", "z")
    found = read_contents(Content.of_bytes(data))
    assert found.faults == [] and {found.text(name) for name in ("etc/a", "etc/b", "init", "z")} == {b"text"}


@needs_lsinitramfs
@pytest.mark.parametrize("early", [True, False])
def test_lsinitramfs_lists_what_is_written(tmp_path: Any, early: bool) -> None:
    assert LSINITRAMFS
    path = tmp_path / "initrd.img"
    items = [
        Item("init", b"#!/bin/sh\n", 0o755),
        Item("conf/modules", b"x\n"),
        link("bin", "usr/bin"),
        Item("usr/bin/x"),
    ]
    path.write_bytes((archive([Item("kernel/x")]) if early else b"") + image(items))
    run = subprocess.run([LSINITRAMFS, str(path)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    names = ["bin", "conf", "conf/modules", "init", "usr", "usr/bin", "usr/bin/x"]
    assert sorted(run.stdout.split()) == (sorted([*names, "kernel", "kernel/x"]) if early else names)


_LINKS = st.dictionaries(
    st.sampled_from(["a", "b", "a/c", "etc", "x", "y"]),
    st.lists(st.sampled_from(["a", "b", "c", "..", ".", "", "etc", "x", "y"]), min_size=1, max_size=4).map("/".join),
    max_size=5,
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(_LINKS, st.lists(st.sampled_from(["a", "b", "c", "..", "x", "y", "etc"]), max_size=4).map("/".join))
def test_any_links_end(links: Any, path: str) -> None:
    found = contents(Item("etc/x", b"1"), Item("a/b", b"2"), *(link(name, target) for name, target in links.items()))
    place: Optional[str] = found.place(path)
    assert place is None or place == "" or found.members[place].target is None


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data())
def test_no_bytes_take_it_down(data: Any) -> None:
    whole = image(TREE + [LIBRARY], compress=data.draw(st.booleans()))
    raw = bytearray(whole)
    for _ in range(data.draw(st.integers(0, 5))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    found = read_contents(Content.of_bytes(bytes(raw[: data.draw(st.integers(0, len(raw)) | st.just(len(raw)))])))
    if bytes(raw) != whole and not found.faults:
        assert found.members  # a wrong byte in a bare archive may be one of a name or of a file
    assert isinstance(found.lacking_libraries("usr/bin/tool"), tuple) and isinstance(found.modules, dict)
