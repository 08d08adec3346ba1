"""The names in tar archives, and packages that are read through dpkg-deb."""

import io
import os
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Any, List

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scmguard.packages import archive
from scmguard.packages.archive import Broken
from scmguard.packages.relevant import is_boot_file
from scmguard.packages.tarnames import Names, Odd, plain
from tests.debs import Deb, Link, Same, needs_dpkg

EXAMPLES = int(os.environ.get("SCMGUARD_EXAMPLES", "100"))

# --- Names in tar archives ---

PARTS = st.text(st.sampled_from("ab.é\udcff "), min_size=1, max_size=9)
LONG = st.integers(80, 300).map(lambda size: "x" * size)
PATHS = st.lists(st.one_of(PARTS, PARTS, LONG), min_size=1, max_size=4).map(lambda parts: "./" + "/".join(parts))
KINDS = st.sampled_from(
    (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE)
    + (tarfile.BLKTYPE, tarfile.FIFOTYPE)
)
MEMBERS = st.lists(st.tuples(PATHS, KINDS, st.sampled_from((0, 1, 511, 512, 513, 70000))), max_size=6)


def tar(members: Any, format: int = tarfile.GNU_FORMAT) -> bytes:
    """An archive of members: name, kind and size."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=format, errors="surrogateescape", encoding="utf-8") as stream:
        for name, kind, size in members:
            info = tarfile.TarInfo(name)
            # tarfile takes a file of the old type for a folder where its name has a slash at the hundredth place.
            info.type = kind if kind != tarfile.AREGTYPE or len(os.fsencode(name)) < 100 else tarfile.REGTYPE
            info.linkname = "boot/x" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
            info.size = size if kind in tarfile.REGULAR_TYPES else 0
            try:
                stream.addfile(info, io.BytesIO(b"\x01" * info.size))
            except ValueError:  # ustar has no name of that length
                continue
    return made.getvalue()


def names(data: bytes) -> List[str]:
    return [name.rstrip("/") for name in Names(io.BytesIO(data).read)]


def by_tarfile(data: bytes) -> List[str]:
    with tarfile.open(fileobj=io.BytesIO(data), errors="surrogateescape", encoding="utf-8") as stream:
        return [plain(info.name).rstrip("/") for info in stream]


@settings(max_examples=EXAMPLES, deadline=None)
@given(MEMBERS, st.sampled_from((tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT)))
def test_names_are_those_of_the_library(members: Any, format: int) -> None:
    data = tar(members, format)
    assert names(data) == by_tarfile(data)


@settings(max_examples=EXAMPLES, deadline=None)
@given(MEMBERS)
def test_pax_is_left_to_the_library_or_read_as_it_does(members: Any) -> None:
    data = tar(members, tarfile.PAX_FORMAT)
    try:
        found = names(data)
    except Odd:
        return
    assert found == by_tarfile(data)


@settings(max_examples=EXAMPLES, deadline=None)
@given(MEMBERS, st.data())
def test_an_archive_that_is_cut_off_is_never_taken_for_a_whole_one(members: Any, data: Any) -> None:
    whole = tar(members)
    # Behind the first block of zeros nothing more is read.
    needed = len(whole) - len(whole) % 512
    while needed and not whole[needed - 512 : needed].strip(b"\0"):
        needed -= 512
    cut = whole[: data.draw(st.integers(0, needed + 511))]
    with pytest.raises(Odd):
        names(cut)


def test_an_empty_archive_has_no_names() -> None:
    assert names(b"\0" * 1024) == names(b"\0" * 10240) == []


@pytest.mark.parametrize("data", [b"", b"\0" * 511, b"x" * 100], ids=["nothing", "half a block", "no archive"])
def test_what_is_no_archive_is_odd(data: bytes) -> None:
    with pytest.raises(Odd):
        names(data)


@pytest.mark.parametrize(
    "at, bytes_",
    [(156, b"x"), (156, b"g"), (156, b"K"), (156, b"7"), (156, b"S"), (124, b"\x80" + b"\0" * 11),
     (124, b"-0000000010\0"), (124, b"+0000000010\0"), (124, b"0000_000010\0"), (124, b"00000000089\0"),
     (124, b"0x000000010\0")],
)  # fmt: skip
def test_what_is_not_read_here_is_odd(at: int, bytes_: bytes) -> None:
    data = tar([("./a", tarfile.REGTYPE, 1)])
    with pytest.raises(Odd):
        names(data[:at] + bytes_ + data[at + len(bytes_) :])


def test_a_long_name_ends_at_its_first_zero() -> None:
    data = tar([("./" + "x" * 150, tarfile.REGTYPE, 1)]).replace(b"x" * 150, b"x" * 120 + b"\0" + b"y" * 29, 1)
    assert names(data) == by_tarfile(data) == ["x" * 120]


def test_only_ustar_has_prefixes() -> None:
    data = bytearray(tar([("./a", tarfile.REGTYPE, 0)]))
    # GNU tar has the times of incremental dumps there.
    data[345:357] = b"14720551234\0"
    assert names(bytes(data)) == ["a"]


@pytest.mark.parametrize(
    "name, expected", [("./a", "a"), ("/a", "a"), (".//./a/", "a/"), ("a/./b", "a/./b"), ("./", ""), ("..a", "..a")]
)
def test_plain_names(name: str, expected: str) -> None:
    assert plain(name) == expected


# --- Packages ---

FILES = {"boot/a": b"kernel", "boot/b": Same("boot/a"), "boot/l": Link("a"), "lib/modules/1/x.ko": b"m", "opt/x": b"1",
         "boot/é": b"2", "etc/kernel": None, "etc/fstab": b"#\n"}  # fmt: skip


def left_over(*marks: str) -> List[str]:
    """Children of this process, and whatever has one of the marks in its command line, whoever its parent is by now."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path("/proc", pid, "cmdline").read_bytes()
            parent = Path("/proc", pid, "stat").read_bytes().rpartition(b")")[2].split()[1]
        except OSError:
            continue
        if int(parent) == os.getpid() or any(os.fsencode(mark) in words for mark in marks):
            found.append(pid + " " + words.decode("utf-8", "replace"))
    return found


@needs_dpkg
@pytest.mark.parametrize("how", ["xz", "gzip", "none", "zstd"])
def test_packages_as_dpkg_deb_builds_them(tmp_path: Path, how: str) -> None:
    deb = Deb("a", "1:2-3", FILES, ["etc/fstab", "remove-on-upgrade /etc/modules"], "Multi-Arch: foreign\n")
    try:
        path = deb.build(tmp_path, "-Z" + how)
    except subprocess.CalledProcessError:
        pytest.skip("dpkg-deb cannot do that here")
    found = archive.read(path, is_boot_file)
    fields = [found.fields[key] for key in ("Package", "Version", "Architecture", "Multi-Arch")]
    assert fields == ["a", "1:2-3", "all", "foreign"]
    assert found.conffiles == ("etc/fstab",) and found.withdrawn == ("etc/modules",)
    assert set(FILES) | {"boot", "lib/modules", "usr/share/doc/a"} <= set(found.names)
    contents = {name: (member.kind, member.size, member.data, member.target) for name, member in found.members.items()}
    assert contents == {
        "boot/a": ("file", 6, b"kernel", ""), "boot/b": ("file", 6, b"kernel", ""), "boot/l": ("link", 0, None, "a"),
        "lib/modules/1": ("folder", 0, None, ""), "lib/modules/1/x.ko": ("file", 1, None, ""),
        "boot/é": ("file", 1, b"2", ""), "etc/fstab": ("file", 2, b"#\n", ""),
    }  # fmt: skip
    assert found.members["boot/a"].mode == 0o644 and not left_over(path)


@needs_dpkg
def test_a_second_name_of_a_file_that_was_not_asked_for(tmp_path: Path) -> None:
    path = Deb("a", "1", {"boot/a": b"12", "boot/b": Same("boot/a")}).build(tmp_path)
    second = [name for name in archive.read(path, is_boot_file).names if name in ("boot/a", "boot/b")][1]
    (found,) = archive.read(path, lambda name: name == second).members.values()
    assert (found.kind, found.size, found.data, found.mode) == ("file", 2, None, 0o644)


@needs_dpkg
def test_of_large_packages_what_fits_is_kept(tmp_path: Path) -> None:
    path = Deb("a", "1", {"boot/a": b"x" * 60, "boot/b": b"x" * 60, "boot/c": b"x" * 30}).build(tmp_path)
    members = archive.read(path, is_boot_file, 100).members
    assert {name: (each.size, each.data is None) for name, each in members.items()} == {
        "boot/a": (60, False), "boot/b": (60, True), "boot/c": (30, False)
    }  # fmt: skip
    assert archive.read(path, lambda _name: False).members == {}


@needs_dpkg
def test_a_path_that_begins_with_a_dash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.rename(Deb("a", "1", {"boot/a": b"1"}).build(tmp_path), tmp_path / "--help")
    monkeypatch.chdir(tmp_path)
    assert archive.read("--help", is_boot_file).members["boot/a"].data == b"1"


def broken(path: Any) -> str:
    with pytest.raises(Broken) as error:
        archive.read(str(path), lambda _name: True)
    # While the error is held, too.
    assert not path or not left_over(os.path.abspath(path), "7743")
    assert str(error.value) and str(error.value).isprintable()
    return str(error.value)


@needs_dpkg
@pytest.mark.parametrize("how", ["xz", "gzip", "none"])
def test_packages_that_are_cut_off(tmp_path: Path, how: str) -> None:
    files = {"boot/{}".format(number): os.urandom(700) for number in range(300)}
    whole = Path(Deb("a", "1", files).build(tmp_path, "-Z" + how)).read_bytes()
    cut = tmp_path / "cut.deb"
    for size in {*range(0, len(whole) - 1, len(whole) // 15 + 1), 1, 8, 68, 72, 130, len(whole) - 2}:
        cut.write_bytes(whole[:size])
        broken(cut)


@needs_dpkg
def test_what_is_no_package(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"no package\n" * 100)
    (tmp_path / "empty").write_bytes(b"")
    for name in ("text", "empty", "missing", "-x", "two\nlines", ".", "\udcff"):
        broken(tmp_path / name)
    for path in ("**ERROR**", "", "/dev/full"):
        broken(path)


def test_without_dpkg_deb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "DPKG_DEB", "/nonexistent/dpkg-deb")
    (tmp_path / "x").write_bytes(b"x")
    assert "could not be started" in broken(tmp_path / "x")


@pytest.mark.parametrize("script", ["sleep 7743 & wait", "exec sleep 7743", "while :; do echo x; done"])
def test_what_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n" + script + "\n")
    program.chmod(0o755)
    monkeypatch.setattr(archive, "DPKG_DEB", str(program))
    monkeypatch.setattr(archive, "LIMIT", 0.5)
    start = time.monotonic()
    broken(program)
    assert time.monotonic() - start < 10
