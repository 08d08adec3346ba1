"""Images of initial RAM file systems: real ones from the real tools, and hostile ones."""

import contextlib
import gzip
import json
import os
import random
import re
import shutil
import stat
import struct
import subprocess
import sys
import threading
import time

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scmguard import programs
from scmguard.initrd import cpio, unpack
from scmguard.initrd.model import Limits, Member, Trouble
from scmguard.initrd.reader import collect, read
from scmguard.initrd.source import Source
from tests.places import TOP
from tests.test_cli import environment, one_line, scmguard

EXAMPLES = int(os.environ.get("SCMGUARD_EXAMPLES", "300"))
MAGIC = {
    "gzip": b"\x1f\x8b\x08\0",
    "zstd": b"\x28\xb5\x2f\xfd",
    "xz": b"\xfd7zXZ\0",
    "lz4": b"\x02\x21\x4c\x18",
    "lz4-frame": b"\x04\x22\x4d\x18",
    "bzip2": b"BZh9",
    "lzma": b"\x5d\0\0\x80\0",
}
PROGRAMS = {
    "none": ["cat"],
    "gzip": ["gzip", "-n", "-9"],
    "zstd": ["zstd", "-q", "-19"],
    "xz": ["xz", "--check=crc32"],
    "lzma": ["xz", "--format=lzma"],
    "lz4": ["lz4", "-q", "-l", "-9"],
    "lz4-frame": ["lz4", "-q", "-9"],
    "bzip2": ["bzip2", "-9"],
}
FORMATS = list(PROGRAMS)
# Those for which there is a library and a program.
TWO_WAYS = ["zstd", "lz4", "lz4-frame"]


def needs(program):
    if shutil.which(program) is None:
        pytest.skip("{} is not installed".format(program))
    return program


def squeeze(form, data):
    """Compressed by the real program."""
    command = PROGRAMS[form]
    needs(command[0])
    more = ["-c"] if command[0] != "cat" else []
    return subprocess.run([*command, *more], input=data, stdout=subprocess.PIPE, check=True).stdout


def library(form):
    """Skips where what unpacks the format is not there."""
    module = {"zstd": "zstandard", "lz4": "lz4.block", "lz4-frame": "lz4.frame"}.get(form)
    if module and unpack._library(module) is None and unpack._library("compression.zstd") is None:
        pytest.skip("{} is not installed".format(module))


def entry(name, data=b"", mode=0o100644, magic=b"070701", check=0, namesize=None, size=None, links=1, ino=7):
    raw = (name if isinstance(name, bytes) else name.encode()) + b"\0"
    fields = (ino, mode, 0, 0, links, 0, len(data) if size is None else size, 0, 0, 0, 0)
    fields += (len(raw) if namesize is None else namesize, check)
    head = magic + b"".join(b"%08X" % field for field in fields) + raw
    head += b"\0" * (-len(head) & 3)
    return head + data + b"\0" * (-len(data) & 3)


TRAILER = entry("TRAILER!!!", mode=0)


def archive(*entries):
    return b"".join(entries) + TRAILER


def padded(data, to=512):
    return data + b"\0" * (-len(data) % to)


SMALL = padded(
    archive(
        entry(".", mode=0o40755),
        entry("init", b"#!/bin/sh\nexec /bin/sh\n", mode=0o100755),
        entry("bin", mode=0o40755),
        entry("bin/sh", b"busybox", mode=0o120777),
        entry("etc/noise", random.Random(1).getrandbits(8 * 300).to_bytes(300, "big")),
    )
)
EARLY = padded(archive(entry("kernel", mode=0o40755), entry("kernel/firmware", b"code" * 9)), 16)


def of(data, keep=lambda member: False, **limits):
    return collect(Source.of_bytes(data), keep, Limits(**limits))


def names(image):
    return [member.name for member in image.members]


def only_fault(image, trouble):
    (fault,) = image.faults
    assert fault.trouble is trouble, fault
    assert fault.ends
    assert fault.offset >= 0
    return fault.reason


@pytest.fixture(params=["library", "program"])
def way(request, monkeypatch):
    """How zstd and lz4 are unpacked."""
    if request.param == "program":
        monkeypatch.setattr(unpack, "_library", lambda name: None)
        needs("zstd"), needs("lz4")
    return request.param


# real trees


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    top = tmp_path_factory.mktemp("tree")
    for name, data in (
        ("init", b"#!/bin/sh\n"),
        ("usr/bin/busybox", os.urandom(70_001)),
        ("usr/lib/modules/6.1.0/kernel/dm-crypt.ko", os.urandom(40_000) + b"\0" * 60_000),
        ("etc/na\u00efve name", b"x"),
        ("conf/conf.d/empty", b""),
    ):
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (top / "init").chmod(0o4755)
    with open(os.path.join(os.fsencode(str(top)), b"etc", b"not-utf8-\xff"), "wb") as stream:
        stream.write(b"y")
    (top / "bin").symlink_to("usr/bin")
    (top / "dangling").symlink_to("/no/such/place")
    for other in ("a-first", "zz-last"):
        os.link(str(top / "usr/bin/busybox"), str(top / other))
    os.mkfifo(str(top / "pipe"))
    with contextlib.suppress(PermissionError):
        os.mknod(str(top / "console"), 0o600 | stat.S_IFCHR, os.makedev(5, 1))
    for number, path in enumerate([top, *sorted(top.rglob("*"))]):
        os.utime(str(path), (0, 1_600_000_000 + number * 86_400), follow_symlinks=False)
    return top


def pack(folder, form="newc"):
    needs("cpio")
    command = "find . | LC_ALL=C sort | cpio --quiet -o -H {}".format(form)
    return subprocess.run(command, shell=True, cwd=str(folder), stdout=subprocess.PIPE, check=True).stdout


@pytest.fixture(scope="module")
def real(tree):
    return pack(tree)


def unquoted(line):
    """A line of cpio or lsinitramfs; bytes that a terminal might not show are octal in it."""
    return re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match.group(1), 8)]), line)


def as_cpio_tells(member):
    """A member in the columns of `cpio -itv`, without the owner, who has a name there."""
    size = "{}, {}".format(*member.rdev) if stat.S_ISCHR(member.mode) else str(member.size)
    date = time.strftime("%b %e  %Y", time.gmtime(member.mtime))
    arrow = " -> " + member.target if member.target is not None else ""
    row = [stat.filemode(member.mode), str(member.links), *size.split(), *date.split(), member.name + arrow]
    return [os.fsencode(column) for column in row]


@pytest.mark.parametrize("form", ["newc", "crc"])
def test_members_as_cpio_lists_them(tree, form):
    data = pack(tree, form)
    env = dict(os.environ, TZ="UTC", LC_ALL="C")
    told = subprocess.run(["cpio", "-itv", "--quiet"], input=data, stdout=subprocess.PIPE, env=env).stdout
    image = of(data)
    assert image.faults == []
    theirs = []
    for line in told.splitlines():
        columns = unquoted(line).split(None, 9 if line[:1] == b"c" else 8)
        theirs.append(columns[:2] + columns[4:])
    assert [as_cpio_tells(member) for member in image.members] == theirs
    assert any(member.name == "etc/not-utf8-\udcff" for member in image.members)


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_behind_an_early_archive(way, real, form):
    data = EARLY + squeeze(form, real)
    image = of(data)
    assert image.faults == []
    assert [(one.number, one.kind, one.compression, one.offset) for one in image.segments] == [
        (1, "early", "none", 0),
        (2, "main", form, len(EARLY)),
    ]
    assert image.members[2:] == [one._replace(segment=2) for one in of(real).members]
    assert {one.kind for one in image.members[:2]} == {"early"}
    assert [one.members for one in image.ends] == [2, len(image.members) - 2]
    assert image.ends[1].end <= len(data)
    assert image.complete


@pytest.mark.parametrize("first", FORMATS)
@pytest.mark.parametrize("second", ["gzip", "zstd", "lz4", "none"])
def test_appended_archives(way, first, second):
    data = squeeze(first, SMALL)
    at = len(data) + (-len(data) & 3)
    image = of(EARLY + padded(data, 4) + squeeze(second, archive(entry("added", b"1"))))
    assert image.faults == []
    # A magic of lz4's legacy format inside such a stream is skipped, as the kernel does.
    if (first, second) != ("lz4", "lz4"):
        forms = [(one.kind, one.compression) for one in image.segments]
        assert forms == [("early", "none"), ("main", first), ("main", second)]
        if first != "none":
            assert image.segments[2].offset in (len(EARLY) + at, len(EARLY) + len(data))
    assert names(image)[-1] == "added"


def test_archives_one_after_another_in_one_stream():
    image = of(gzip.compress(SMALL + archive(entry("more"))))
    assert image.complete
    assert names(image)[-1] == "more"
    assert len(image.segments) == 1


@pytest.mark.parametrize("form", ["gzip", "zstd", "lz4", "xz", "bzip2"])
def test_names_as_lsinitramfs_lists_them(tmp_path, real, form):
    needs("lsinitramfs")
    path = tmp_path / "initrd.img"
    early = padded(archive(entry("kernel", mode=0o40755), entry("kernel/x", b"12345")))
    path.write_bytes(early + squeeze(form, real))
    told = subprocess.run(["lsinitramfs", str(path)], stdout=subprocess.PIPE, check=True).stdout
    assert [os.fsencode(one.name) for one in of(path.read_bytes()).members] == unquoted(told).splitlines()


# kinds of segments


def test_a_bare_image_is_the_image_proper():
    assert [one.kind for one in of(SMALL).segments] == ["main"]


def test_a_bare_image_with_something_appended():
    image = of(SMALL + gzip.compress(archive(entry("x"))))
    assert [one.kind for one in image.segments] == ["main", "main"]


def test_other_files_in_front():
    image = of(padded(archive(entry("lib/firmware/x", b"1"))) + gzip.compress(SMALL))
    assert [one.kind for one in image.segments] == ["early", "main"]


def test_two_early_archives():
    image = of(EARLY + EARLY + gzip.compress(SMALL))
    assert [one.kind for one in image.segments] == ["early", "early", "main"]
    assert image.complete


def test_only_an_early_archive_is_half_an_image():
    assert "nothing follows" in only_fault(of(EARLY), Trouble.TRUNCATED)


# contents


def wants(*wanted):
    return lambda member: member.name in wanted


def test_contents_that_are_asked_for(real, tree):
    image = of(real, wants("init", "usr/lib/modules/6.1.0/kernel/dm-crypt.ko"))
    kept = {member.name: member.content for member in image.members if member.content is not None}
    assert kept == {name: (tree / name).read_bytes() for name in kept}
    assert len(kept) == 2


@pytest.mark.parametrize("name", ["a-first", "usr/bin/busybox", "zz-last"])
def test_the_data_of_a_file_with_several_names_comes_with_the_last(real, tree, name):
    image = of(real, wants(name))
    group = [member for member in image.members if member.links == 3 and member.is_file]
    assert {member.name for member in group} == {"a-first", "usr/bin/busybox", "zz-last"}
    assert len({member.inode for member in group}) == 1
    assert [member.size for member in group] == [0, 0, (tree / name).stat().st_size]
    assert group[2].content == (tree / name).read_bytes()


def test_limits_of_what_is_kept():
    data = archive(*[entry(name, name.encode() * size) for name, size in zip("abcd", (4, 5, 4, 4))])
    image = of(data, lambda member: True, kept=4, kept_total=9)
    assert [member.content for member in image.members] == [b"aaaa", None, b"cccc", None]
    assert [member.omitted for member in image.members] == [
        "",
        "larger than 4 bytes",
        "",
        "more than 9 bytes asked for",
    ]
    assert image.complete


# truncation


def whole(form, data, end):
    """Whether an image cut to ``data`` has lost nothing but padding: the bare form has no other end."""
    return form == "none" and len(data) >= end


@pytest.mark.parametrize("early", [b"", EARLY], ids=["alone", "behind an early archive"])
@pytest.mark.parametrize("form", FORMATS)
def test_cut_anywhere(form, early):
    library(form)
    data = early + squeeze(form, SMALL)
    image = of(data)
    assert image.complete
    for cut in range(len(data)):
        if whole(form, data[:cut], image.ends[-1].end):
            continue
        found = of(data[:cut])
        only_fault(found, Trouble.TRUNCATED)
        assert found.members == image.members[: len(found.members)], cut


@pytest.mark.parametrize("form", TWO_WAYS)
def test_cut_anywhere_with_the_program(monkeypatch, form):
    data = squeeze(form, SMALL)
    monkeypatch.setattr(unpack, "_library", lambda name: None)
    needs(PROGRAMS[form][0])
    assert of(data).complete
    for cut in [*range(0, len(data), 17), *range(len(data) - 12, len(data))]:
        only_fault(of(data[:cut]), Trouble.TRUNCATED)


@pytest.fixture(scope="module")
def larger():
    """About two megabytes that compress as code does."""
    folder = os.path.join(TOP, "scmguard")
    texts = []
    for place, _, files in sorted(os.walk(folder)):
        for name in sorted(files):
            if name.endswith(".py"):
                with open(os.path.join(place, name), "rb") as stream:
                    texts.append(stream.read())
    dice = random.Random(5)
    entries = [entry("init", b"1")]
    while sum(map(len, entries)) < 2_000_000:
        data = dice.choice(texts) + dice.getrandbits(8 * 3000).to_bytes(3000, "big")
        entries.append(entry("usr/lib/file{}".format(len(entries)), data))
    return archive(*entries)


@pytest.mark.parametrize("form", FORMATS)
def test_a_larger_one_cut_at_random(form, larger):
    library(form)
    data = squeeze(form, larger)
    image = of(data)
    assert image.complete
    dice = random.Random(6)
    for cut in [dice.randrange(len(data)) for _ in range(min(EXAMPLES, 200))]:
        found = of(data[:cut])
        only_fault(found, Trouble.TRUNCATED)
        assert found.members == image.members[: len(found.members)]
        if form == "none":
            starts = [member.offset for member in image.members[1:]]
            assert len(found.members) == sum(start <= cut for start in starts)


def test_a_stream_that_ends_inside_the_archive():
    for data in (SMALL[:300], SMALL[: len(SMALL) // 2]):
        reason = only_fault(of(gzip.compress(data)), Trouble.TRUNCATED)
        assert "the archive has no end" in reason


def test_a_missing_trailer():
    reason = only_fault(of(gzip.compress(entry("init", b"1") + entry("last", b"2"))), Trouble.TRUNCATED)
    assert reason == "cut off: the archive has no end (after last)"


def test_the_place_is_told():
    data = squeeze("none", SMALL)
    fault = of(data[: data.index(b"etc/noise") + 60]).faults[0]
    assert fault.reason == "cut off: the archive has no end (in etc/noise)"
    assert (fault.segment, fault.offset, fault.unpacked) == (1, data.index(b"etc/noise") + 60, fault.offset)


# hostile archives

HUGE = 0xFFFFFFFF
HOSTILE = {
    "empty": (b"", Trouble.TRUNCATED, "empty"),
    "zeros": (b"\0" * 4096, Trouble.TRUNCATED, "nothing but zero bytes"),
    "text": (b"hello, this is not an image", Trouble.CORRUPT, "garbage"),
    "4 GiB member": (entry("big", b"x", size=HUGE), Trouble.TRUNCATED, "in big"),
    "4 GiB trailer": (entry("a") + entry("TRAILER!!!", size=HUGE), Trouble.TRUNCATED, "after a"),
    "4 GiB name": (entry("big", namesize=HUGE), Trouble.CORRUPT, "a name of 4294967295 bytes"),
    "name too long": (archive(entry("n" * 4096)), Trouble.CORRUPT, "a name of 4097 bytes"),
    "no name": (archive(entry("", namesize=0)), Trouble.CORRUPT, "a name of 0 bytes"),
    "name without an end": (archive(entry("abc", namesize=3)), Trouble.CORRUPT, "a name without an end"),
    "link too long": (archive(entry("l", b"x" * 5000, mode=0o120777)), Trouble.CORRUPT, "a link of 5000 bytes"),
    "4 GiB link": (entry("l", size=HUGE, mode=0o120777), Trouble.CORRUPT, "a link of 4294967295 bytes"),
    "bad magic mid-stream": (entry("good") + b"070709" + b"0" * 104, Trouble.CORRUPT, "no header of a member"),
    "not hex": (entry("good") + b"070701" + b"0x" * 52, Trouble.CORRUPT, "no header of a member"),
    "signs": (entry("good") + b"070701" + b"+0000001" * 13, Trouble.CORRUPT, "no header of a member"),
    "garbage at the end": (SMALL + b"garbage", Trouble.CORRUPT, "garbage"),
    "garbage in the stream": (gzip.compress(SMALL + b"garbage"), Trouble.CORRUPT, "garbage after the trailer"),
    "garbage behind the stream": (gzip.compress(SMALL) + b"garbage", Trouble.CORRUPT, "garbage"),
    "odd place": (gzip.compress(SMALL + b"\0" + SMALL), Trouble.CORRUPT, "garbage after the trailer"),
    "bare at an odd place": (b"\0" + SMALL, Trouble.CORRUPT, "multiple of four"),
    "odc": (b"070707" + b"0" * 70, Trouble.UNSUPPORTED, "odc"),
    "binary": (b"\xc7\x71" + b"\0" * 70, Trouble.UNSUPPORTED, "binary"),
    "binary, big-endian": (b"\x71\xc7" + b"\0" * 70, Trouble.UNSUPPORTED, "binary"),
    "U-Boot": (b"\x27\x05\x19\x56" + b"\0" * 70, Trouble.UNSUPPORTED, "U-Boot"),
    "lzo": (b"\x89LZO\0\r\n\x1a\n" + b"\0" * 70, Trouble.NOT_CHECKED, "not checked: lzo is not read"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile(case):
    data, trouble, reason = HOSTILE[case]
    image = of(data)
    assert reason in only_fault(image, trouble)
    if data.startswith(entry("good")):
        assert names(image) == ["good"]
    if data.startswith(SMALL):
        assert names(image) == names(of(SMALL))
        assert image.faults[0].offset == len(SMALL)


@pytest.mark.parametrize("form, reason", [("odc", "odc"), ("bin", "binary")])
def test_old_archives_from_cpio(tree, form, reason):
    assert reason in only_fault(of(pack(tree / "conf", form)), Trouble.UNSUPPORTED)


@pytest.mark.parametrize("name", ["../etc/passwd", "a/../../b", "..", "/../x"])
def test_names_that_climb(name):
    image = of(archive(entry(name), entry("after")))
    (fault,) = image.faults
    assert (fault.trouble, fault.ends, fault.offset) == (Trouble.NAME, False, 0)
    assert "climbs" in fault.reason
    assert names(image)[-1] == "after"
    assert not image.complete


@pytest.mark.parametrize(
    "name, expected",
    [("/a/b", "a/b"), ("./a", "a"), (".//a//b/", "a/b"), (".", "."), ("", "."), ("..a/b..", "..a/b.."), ("a\0b", "a")],
)
def test_names_are_made_normal(name, expected):
    image = of(archive(entry(name, mode=0o40755)))
    assert (names(image), image.faults) == ([expected], [])


def test_a_name_twice():
    image = of(archive(entry("a", b"1"), entry("./a", b"2"), entry("d", mode=0o40755), entry("d", mode=0o40755)))
    (fault,) = image.faults
    assert (fault.trouble, fault.reason, fault.ends) == (Trouble.NAME, "a name that comes twice: a", False)
    assert len(image.members) == 4


def test_a_file_replaced_by_a_later_archive_is_no_fault():
    image = of(padded(SMALL) + gzip.compress(archive(entry("init", b"new"))), wants("init"))
    assert image.complete
    assert image.by_name()["init"].content == b"new"


def test_faults_that_go_on_have_an_end():
    image = of(archive(*[entry("../x")] * 500))
    assert len(image.faults) == 101
    assert image.faults[-1].reason == "more than 100 faults"


def test_checksums(tree):
    data = pack(tree, "crc")
    assert of(data).complete
    at = data.index(b"#!/bin/sh\n")
    image = of(data[:at] + b"x" + data[at + 1 :])
    (fault,) = image.faults
    assert (fault.trouble, fault.reason) == (Trouble.CHECKSUM, "the checksum of init is wrong")
    assert not fault.ends
    assert len(image.members) == len(of(data).members)


@pytest.mark.parametrize(
    "limit, reason",
    [
        ({"members": 3}, "more than 3 members"),
        ({"names": 10}, "more than 10 bytes of names"),
        ({"output": 600}, "unpacks to more than 600 bytes"),
        ({"padding": 10}, "zero bytes"),
        ({"segments": 1}, "more than 1 archives"),
        ({"seconds": -1}, "not done after -1 seconds"),
        ({"ratio": 1, "ratio_from": 100}, "more than 1 times"),
    ],
)
def test_limits(limit, reason):
    data = gzip.compress(SMALL) + b"\0" * 20 + gzip.compress(SMALL)
    assert reason in only_fault(of(data, **limit), Trouble.LIMIT)


def test_endless_padding_in_the_file(tmp_path):
    path = tmp_path / "initrd"
    with open(str(path), "wb") as stream:
        stream.write(SMALL)
        stream.truncate(1 << 40)
    done = scmguard("show", "--initrd", path, timeout=30)
    assert done.returncode == 3
    assert "zero bytes" in one_line(done.err)
    assert "etc/noise" in done.out


# bombs


def bomb(form):
    """A member of a gigabyte of which there are 256 megabytes of zeros."""
    command = PROGRAMS[form]
    needs(command[0])
    head = entry("zeros", size=1 << 30)
    level = {"zstd": "-3", "gzip": "-6", "xz": "-0", "lzma": "-0", "bzip2": "-1", "lz4": "-1", "lz4-frame": "-1"}[form]
    command = [part for part in command if part not in ("-9", "-19")] + [level, "-c"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:

        def write():
            with process.stdin as stream:
                stream.write(head)
                for _ in range(256):
                    stream.write(b"\0" * (1 << 20))

        threading.Thread(target=write).start()
        return process.stdout.read()


PEAK = (
    "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL);"
    "print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)"
)


def peak(*arguments, **env):
    """Exit code and peak memory in MB of a run."""
    command = [sys.executable, "-c", PEAK, sys.executable, "-m", "scmguard", *map(str, arguments)]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**environment(), **env}, timeout=60
    )
    code, megabytes = done.stdout.split()
    return int(code), int(megabytes), done.stderr.decode()


@pytest.mark.parametrize("form", ["gzip", "zstd", "xz", "lzma", "bzip2", "lz4", "lz4-frame"])
def test_bombs(tmp_path, form):
    library(form)
    path = tmp_path / "bomb"
    path.write_bytes(bomb(form))
    code, megabytes, said = peak("show", "--initrd", path)
    assert "times its size" in said
    assert code == 3
    assert megabytes < 120


def rle_bomb():
    """zstd as dense as it can be: blocks of four bytes for 128 KiB each."""
    block = (131072 << 3 | 1 << 1).to_bytes(3, "little") + b"\0"
    return MAGIC["zstd"] + bytes([0, 0x58]) + block * 60_000


def test_the_densest_zstd(way):
    reason = only_fault(of(rle_bomb()), Trouble.CORRUPT)
    assert "no header of a member" in reason


def test_the_densest_zstd_as_a_member(tmp_path, way):
    head = entry("zeros", size=1 << 31)
    raw = (len(head) << 3).to_bytes(3, "little") + head
    data = rle_bomb()
    started = time.monotonic()
    reason = only_fault(of(data[:6] + raw + data[6:]), Trouble.LIMIT)
    assert "times its size" in reason
    assert time.monotonic() - started < 10


def test_an_empty_block_again_and_again():
    data = MAGIC["zstd"] + bytes([0, 0x58]) + b"\0\0\0" * 3_000_000
    assert only_fault(of(data, seconds=0.05), Trouble.LIMIT)


def test_a_window_that_is_too_large(way):
    data = MAGIC["zstd"] + bytes([0, 0xF8]) + b"\x01\0\0"
    assert len(of(data).faults) == 1


def test_a_dictionary_that_is_too_large():
    data = b"\x5d" + struct.pack("<I", 0x80000000) + b"\xff" * 8 + b"\0" * 100
    assert "memory" in only_fault(of(data), Trouble.LIMIT)


# programs in place of libraries


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Puts a script in the place of zstd and lz4."""

    def put(script):
        folder = tmp_path / "programs"
        folder.mkdir(exist_ok=True)
        for name in ("zstd", "lz4"):
            (folder / name).write_text("#!/bin/sh\n{}\n".format(script))
            (folder / name).chmod(0o755)
        monkeypatch.setattr(unpack, "_library", lambda name: None)
        monkeypatch.setattr(programs, "FOLDERS", (str(folder),))

    return put


@pytest.fixture
def zstd_image():
    library("zstd")
    return EARLY + squeeze("zstd", SMALL)


def test_without_library_and_program(monkeypatch, tmp_path, zstd_image):
    monkeypatch.setattr(unpack, "_library", lambda name: None)
    monkeypatch.setattr(programs, "FOLDERS", (str(tmp_path),))
    image = of(zstd_image)
    assert only_fault(image, Trouble.NOT_CHECKED) == "not checked: needs zstd"
    assert names(image) == ["kernel", "kernel/firmware"]
    for form in ("lz4", "lz4-frame"):
        assert only_fault(of(MAGIC[form] + b"\0" * 20), Trouble.NOT_CHECKED) == "not checked: needs lz4"


def test_the_path_of_the_environment_is_not_searched(monkeypatch, stand_in, tmp_path, zstd_image):
    stand_in("touch {}; cat".format(tmp_path / "was-here"))
    monkeypatch.setattr(programs, "FOLDERS", (str(tmp_path / "none"),))
    monkeypatch.setenv("PATH", str(tmp_path / "programs"))
    assert only_fault(of(zstd_image), Trouble.NOT_CHECKED)
    assert not (tmp_path / "was-here").exists()


@pytest.mark.parametrize("script", ["exec sleep 60", "cat >/dev/null; exec sleep 60", "exec >&-; sleep 2"])
def test_a_program_that_hangs(stand_in, zstd_image, script):
    stand_in(script)
    started = time.monotonic()
    assert "not done after 0.5 seconds" in only_fault(of(zstd_image, seconds=0.5), Trouble.LIMIT)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("script", ["exit 1", "exit 0", "cat >/dev/null; exit 1", "kill -9 $$", "exec <&-; exit 0"])
def test_a_program_that_gives_up(stand_in, zstd_image, script):
    stand_in(script)
    (fault,) = of(zstd_image).faults
    assert fault.trouble in (Trouble.CORRUPT, Trouble.TRUNCATED)
    assert fault.ends


def test_a_program_that_never_stops(stand_in, zstd_image):
    stand_in("exec yes 070701")
    assert "no header" in only_fault(of(zstd_image), Trouble.CORRUPT)
    stand_in("exec cat /dev/zero")
    assert only_fault(of(zstd_image), Trouble.CORRUPT)


def test_a_program_that_cannot_be_started(stand_in, tmp_path, zstd_image):
    stand_in("")
    (tmp_path / "programs" / "zstd").write_bytes(b"\0")
    assert "needs zstd" in only_fault(of(zstd_image), Trouble.NOT_CHECKED)


def test_a_program_is_ended_with_the_reading(stand_in, tmp_path, zstd_image):
    bare = archive(entry("a"), entry("b", b"x" * 100_000))
    (tmp_path / "bare").write_bytes(bare)
    stand_in("echo $$ >{0}/pid; cat {0}/bare; exec sleep 60".format(tmp_path))
    events = read(Source.of_bytes(zstd_image))
    for event in events:
        if isinstance(event, Member) and event.name == "a":
            break
    pid = int((tmp_path / "pid").read_text())
    os.kill(pid, 0)
    events.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_no_process_and_no_file_is_left(zstd_image, way):
    before = len(os.listdir("/proc/self/fd"))
    for cut in (0, 100, 20):
        of(zstd_image[: len(zstd_image) - cut])
    assert len(os.listdir("/proc/self/fd")) == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


# whatever the bytes are


def judged(data, **limits):
    """Reading ends, and nothing is taken for whole that is not."""
    image = of(data, lambda member: True, seconds=20, output=1 << 24, **limits)
    assert all(not fault.ends for fault in image.faults[:-1])
    if not image.faults:
        assert len(image.ends) == len(image.segments) > 0
    for member in image.members:
        assert not member.name.startswith("/")
        member.name.encode("utf-8", "surrogateescape")
    return image


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.sampled_from([b"", *MAGIC.values(), b"070701", b"070702", entry("a")]), st.binary(max_size=300))
def test_any_bytes(magic, data):
    judged(magic + data)


IMAGES = {}


def squeezed(form, data=SMALL):
    if form not in IMAGES:
        IMAGES[form] = EARLY + squeeze(form, data)
    return IMAGES[form]


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data())
def test_mutations(form, data):
    image = bytearray(squeezed(form))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(image)))
        size = data.draw(st.integers(0, 8))
        image[at : at + size] = data.draw(st.binary(max_size=8))
    judged(bytes(image))


@pytest.mark.parametrize("form", TWO_WAYS)
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_mutations_with_the_program(form, data):
    image = bytearray(squeezed(form))
    image[data.draw(st.integers(len(EARLY), len(image) - 1))] = data.draw(st.integers(0, 255))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unpack, "_library", lambda name: None)
        judged(bytes(image))


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=40), st.integers(0, 0o177777)), max_size=6))
def test_any_archive_is_read_back(entries):
    rows = [row for row in entries if b"TRAILER!!!" not in row[0]]
    image = judged(archive(*[entry(name, data, mode) for name, data, mode in rows]))
    assert len(image.members) == len(rows)
    assert not any(fault.ends for fault in image.faults if fault.trouble is not Trouble.TRUNCATED)


def test_headers_are_strict():
    good = entry("a")[: cpio.HEADER]
    assert cpio.header(good) is not None
    for bad in (
        good[:-1],
        good + b"0",
        good[:8] + b" " + good[9:],
        good[:8] + b"_" + good[9:],
        good.replace(b"0", b"\xff"),
    ):
        assert cpio.header(bad) is None


# the command


@pytest.fixture
def image(tmp_path, real):
    path = tmp_path / "initrd.img"
    path.write_bytes(EARLY + gzip.compress(real))
    return path


with open(os.path.join(TOP, "scmguard", "schema", "initrd-1.json"), encoding="utf-8") as described:
    SCHEMA = json.load(described)


def listed(*arguments, **keywords):
    done = scmguard("show", "--initrd", *arguments, "--format", "json", **keywords)
    data = json.loads(done.out)
    jsonschema.validate(data, SCHEMA)
    return done, data


def test_show_lists_an_image(image):
    done = scmguard("show", "--initrd", image)
    assert (done.returncode, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "segment 1: early, not compressed, from byte 0"
    assert lines[1] == "drwxr-xr-x  1     0     0          0 1970-01-01 00:00 kernel"
    assert (
        "segment 1 ends at byte {}: 2 members, ".format(
            len(archive(entry("kernel"), entry("kernel/firmware", b"code" * 9)))
        )
        in done.out
    )
    assert "segment 2: main, gzip, from byte {}".format(len(EARLY)) in lines
    assert any(line.startswith("-rwsr-xr-x") and line.endswith(" init") for line in lines)
    assert any(line.endswith(" bin -> usr/bin") for line in lines)
    assert "etc/not-utf8-\\xff" in done.out
    assert lines[-1].startswith("segment 2 ends at byte {}: ".format(image.stat().st_size))


def test_show_as_json(image, real):
    done, data = listed(image)
    assert (done.returncode, done.err) == (0, "")
    assert list(data) == ["schema", "path", "members", "segments", "faults", "complete"]
    assert data["complete"] is True
    assert data["path"] == str(image)
    assert [one["compression"] for one in data["segments"]] == ["none", "gzip"]
    assert data["segments"][1]["unpacked"] == len(real)
    assert data["segments"][1]["end"] == image.stat().st_size
    (member,) = [one for one in data["members"] if one["name"] == "init"]
    assert list(member) == SCHEMA["properties"]["members"]["items"]["required"]
    assert (member["mode"], member["size"], member["segment"]) == ("104755", 10, 2)


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_cut_image_is_listed_as_far_as_it_goes(image, form):
    whole_image = image.read_bytes()
    image.write_bytes(whole_image[: len(whole_image) // 2])
    done = scmguard("show", "--initrd", image, "--format", form)
    assert done.returncode == 3
    assert one_line(done.err).startswith(
        "scmguard: {}: segment 2, byte {}: cut off".format(image, len(whole_image) // 2)
    )
    assert "kernel/firmware" in done.out
    assert "a-first" in done.out
    if form == "text":
        assert done.out.splitlines()[-1].startswith("! segment 2, byte ")
    else:
        data = listed(image)[1]
        assert data["complete"] is False
        assert data["segments"][1]["end"] is None
        assert [one["trouble"] for one in data["faults"]] == ["truncated"]


def test_several_faults_are_one_line(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(archive(entry("../a"), entry("../b"), entry("c\x1b[31m\n")) + b"rest")
    done = scmguard("show", "--initrd", path, cwd=tmp_path)
    assert done.returncode == 3
    assert one_line(done.err).endswith("(and 2 more)")
    assert "c\\x1b[31m\\x0a" in done.out
    assert "\x1b" not in done.out
    assert os.listdir(str(tmp_path)) == ["x"]
    assert not os.path.exists(str(tmp_path.parent / "a"))


def test_files_that_are_no_images(tmp_path):
    os.mkfifo(str(tmp_path / "pipe"))
    (tmp_path / "none").write_bytes(b"")
    for name, told, reason in (
        ("nowhere", "", "no such file or directory"),
        ("", "", "is a folder"),
        ("pipe", "", "is not a regular file"),
        ("none", "! byte 0: empty\n", "byte 0: empty"),
    ):
        done = scmguard("show", "--initrd", tmp_path / name, timeout=20)
        assert (done.returncode, done.out) == (3, told)
        assert reason in one_line(done.err)


def test_a_path_does_not_go_with_an_image(image):
    done = scmguard("show", "--initrd", image, ".")
    assert (done.returncode, done.out) == (2, "")
    assert "--initrd" in one_line(done.err)


def hiding(folder):
    """A PYTHONPATH on which the libraries are not to be imported."""
    (folder / "hide" / "lz4").mkdir(parents=True)
    for name in ("zstandard.py", "lz4/__init__.py"):
        (folder / "hide" / name).write_text("raise ImportError\n")
    return "{}:{}".format(folder / "hide", environment()["PYTHONPATH"])


@pytest.mark.parametrize("form", TWO_WAYS)
def test_the_command_with_the_programs(tmp_path, real, form):
    path = tmp_path / "initrd"
    path.write_bytes(EARLY + squeeze(form, real))
    command = [sys.executable, "-m", "scmguard", "show", "--initrd", str(path)]
    env = dict(environment(), PYTHONPATH=hiding(tmp_path))
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == scmguard("show", "--initrd", path).out


def test_the_reader_of_the_output_goes_away(tmp_path, larger):
    path = tmp_path / "initrd"
    path.write_bytes(squeeze("zstd", larger * 3))
    env = dict(environment(), PYTHONPATH=hiding(tmp_path))
    command = '"{}" -m scmguard show --initrd "{}" | head -n 1'.format(sys.executable, path)
    done = subprocess.run(command, shell=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, timeout=60)
    assert done.stdout == b"segment 1: main, zstd, from byte 0\n"
    assert b"Traceback" not in done.stderr


def test_memory_does_not_grow_with_the_image(tmp_path):
    library("zstd")
    noise = os.urandom(1 << 20)
    path = tmp_path / "initrd"
    data = archive(*[entry("f{}".format(n), noise[n:] + noise) for n in range(150)])
    path.write_bytes(subprocess.run(["zstd", "-1", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout)
    code, megabytes, said = peak("show", "--initrd", path)
    assert (code, said) == (0, "")
    assert megabytes < 120


@pytest.mark.parametrize("command", ["check", "show"])
def test_other_commands_import_nothing_of_it(tmp_path, command):
    (tmp_path / "config.txt").write_text("arm_64bit=1\n")
    code = (
        "import sys\nfrom scmguard.cli.main import cli\n"
        "try:\n    cli(['{}', {!r}])\nexcept SystemExit:\n    pass\n"
        "print([name for name in sys.modules if 'initrd' in name or name in ('subprocess', 'zstandard')])"
    ).format(command, str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment(), check=True)
    assert done.stdout.splitlines()[-1] == b"[]"
