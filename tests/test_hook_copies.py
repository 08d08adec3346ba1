"""What a hook brings: its words as a shell passes them, and its files where cp and install put them."""

import os
import shutil
import subprocess
from typing import Any, Dict, List, Optional, Tuple

import pytest

from scmguard.initramfs.copies import Copy, copies
from scmguard.parse.initramfs_sh import Script
from scmguard.text import Source, decode, encode

DASH = shutil.which("dash")
needs_dash = pytest.mark.skipif(not DASH, reason="dash is not here: nothing to compare with")
needs_coreutils = pytest.mark.skipif(
    not DASH or not shutil.which("cp") or not shutil.which("install"), reason="dash, cp and install are not here"
)

# Source (or sources, in one word), target; None for what is not known.
Brought = Tuple[Optional[List[str]], Optional[str]]


def of(text: str) -> Tuple[Copy, ...]:
    found = Script(Source("x", encode("#!/bin/sh\n" + text + "\n")))
    assert found.tree is not None, found.refusal
    return copies(found)


def brought(text: str) -> List[Brought]:
    return [(None if one.sources is None else [field.text for field in one.sources], one.target) for one in of(text)]


FUNCTIONS: Dict[str, Tuple[str, List[Brought]]] = {
    "copy_exec": ("copy_exec /sbin/a", [(["/sbin/a"], "/sbin/a")]),
    "copy_exec with a target": ("copy_exec /sbin/a /bin", [(["/sbin/a"], "/bin")]),
    "copy_exec with a quoted variable": ('X=/sbin\ncopy_exec "$X/a" "$X/b"', [(["/sbin/a"], "/sbin/b")]),
    "copy_exec with a variable that is two words": ("X='/sbin/a /bin'\ncopy_exec $X", [(["/sbin/a"], "/bin")]),
    "copy_exec with a variable that is no word": ("X=\ncopy_exec $X /sbin/a", [(["/sbin/a"], "/sbin/a")]),
    "copy_exec of what is not known": ('copy_exec "$(command -v a)" /bin', [(None, "/bin")]),
    "copy_exec to where is not known": ("copy_exec /sbin/a $Y", [(["/sbin/a"], None)]),
    "copy_exec of files of a pattern": ("copy_exec /sbin/a*", [(["/sbin/a*"], "/sbin/a*")]),
    "copy_exec in a loop": ("for x in a b; do copy_exec /$x; done", [(["/a"], "/a"), (["/b"], "/b")]),
    "copy_exec in two loops": (
        "for x in a b; do for y in 1 2; do copy_exec /$x/$y /z; done; done",
        [(["/a/1"], "/z"), (["/a/2"], "/z"), (["/b/1"], "/z"), (["/b/2"], "/z")],
    ),
    "copy_exec in a loop over nothing": ("for x in; do copy_exec /sbin/a; done", []),
    "copy_exec without arguments": ("copy_exec", [(None, None)]),
    "copy_file": ("copy_file config /etc/a", [(["/etc/a"], "/etc/a")]),
    "copy_file with a target": ("copy_file config /etc/a /etc/b", [(["/etc/a"], "/etc/b")]),
    "manual_add_modules": ("manual_add_modules a b-c", [(["a"], None), (["b-c"], None)]),
    "manual_add_modules of a list": ("X='a b'\nmanual_add_modules $X", [(["a"], None), (["b"], None)]),
    "force_load with options": ("force_load a option=1", [(["a"], None)]),
    "add_firmware": ("add_firmware x/y.bin", [(["x/y.bin"], None)]),
    "copy_modules_dir": ("copy_modules_dir kernel/fs ext4", [(["kernel/fs"], None)]),
    "a name that is none of these": ("copy_exe /sbin/a; echo copy_exec /sbin/a; # copy_exec /sbin/a", []),
    "in a here-document": ("cat <<E\ncopy_exec /sbin/a\nE", []),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str) -> None:
    text, expected = FUNCTIONS[name]
    assert brought(text) == expected


_LOG = r"""
log() { printf '%s\037' "$@"; printf '\036'; }
copy_exec() { log copy_exec "$@"; }
copy_file() { log copy_file "$@"; }
"""


@needs_dash
@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name.startswith(("copy_exec", "copy_file"))])
def test_functions_get_these_words_from_a_shell(name: str) -> None:
    assert DASH
    text, expected = FUNCTIONS[name]
    run = subprocess.run(
        [DASH, "-f", "-c", _LOG + text], capture_output=True, env={"PATH": "/usr/bin:/bin"}, check=False
    )
    calls = [each.split("\x1f")[:-1] for each in decode(run.stdout).split("\x1e")[:-1]]
    assert len(calls) == len(expected)
    for (kind, *words), (sources, target) in zip(calls, expected):
        words = words[kind == "copy_file" :]
        assert sources is None or words[0] == sources[0]
        assert target is None or words[min(1, len(words) - 1)] == target


# What copies by hand with sources and targets; /SRC has the files a, b and the folder d with c in it.
BY_HAND: Dict[str, Tuple[str, List[Brought]]] = {
    "cp": ("cp /SRC/a $DESTDIR/bin/", [(["/SRC/a"], "/bin/")]),
    "cp to another name": ('cp "/SRC/a" "${DESTDIR}/bin/x"', [(["/SRC/a"], "/bin/x")]),
    "cp of several": ("cp -p /SRC/a /SRC/b $DESTDIR/bin", [(["/SRC/a"], "/bin"), (["/SRC/b"], "/bin")]),
    "cp to the top": ("cp /SRC/a $DESTDIR", [(["/SRC/a"], "/")]),
    "cp with options behind": ("cp /SRC/a $DESTDIR/bin -v", [(["/SRC/a"], "/bin")]),
    "cp -a of a folder": ("cp -a /SRC/d ${DESTDIR}/bin", [(["/SRC/d"], "/bin")]),
    "cp -t": ("cp -t $DESTDIR/bin /SRC/a /SRC/b", [(["/SRC/a"], "/bin"), (["/SRC/b"], "/bin")]),
    "cp -pt": ("cp -pt $DESTDIR/bin /SRC/a", [(["/SRC/a"], "/bin")]),
    "cp -t and its value in one": ("cp -vt$DESTDIR/bin /SRC/a", [(["/SRC/a"], "/bin")]),
    "cp --target-directory=": ('cp --target-directory="$DESTDIR/bin" /SRC/a', [(["/SRC/a"], "/bin")]),
    "cp --target-directory": ("cp --target-directory $DESTDIR/bin /SRC/a", [(["/SRC/a"], "/bin")]),
    "cp -dR": ("cp -dR /SRC/d $DESTDIR/bin", [(["/SRC/d"], "/bin")]),
    "cp -S": ("cp -b -S .old /SRC/a $DESTDIR/bin", [(["/SRC/a"], "/bin")]),
    "install": ("install /SRC/a $DESTDIR/bin", [(["/SRC/a"], "/bin")]),
    "install -m": ("install -m 0755 /SRC/a $DESTDIR/bin/x", [(["/SRC/a"], "/bin/x")]),
    "install -m0755": ("install -m0755 /SRC/a $DESTDIR/bin/x", [(["/SRC/a"], "/bin/x")]),
    "install -Dm755": ("install -Dm755 /SRC/a $DESTDIR/new/x", [(["/SRC/a"], "/new/x")]),
    "install -Dm 755": ("install -Dm 755 /SRC/a $DESTDIR/new/x", [(["/SRC/a"], "/new/x")]),
    "install --mode": ("install --mode 755 -D /SRC/a $DESTDIR/new/x", [(["/SRC/a"], "/new/x")]),
    "install --mode=": ("install --mode=755 /SRC/a $DESTDIR/bin", [(["/SRC/a"], "/bin")]),
    "install -t": ("install -m 755 -t $DESTDIR/bin /SRC/a /SRC/b", [(["/SRC/a"], "/bin"), (["/SRC/b"], "/bin")]),
    "in a loop": ("for x in a b; do cp /SRC/$x $DESTDIR/bin; done", [(["/SRC/a"], "/bin"), (["/SRC/b"], "/bin")]),
    "a folder in a variable": ('D=$DESTDIR/bin\ncp /SRC/a "$D"', [(["/SRC/a"], "/bin")]),
    "install -d": ("install -d $DESTDIR/x $DESTDIR/y", []),
    "install -dm755": ("install -dm755 $DESTDIR/x $DESTDIR/y", []),
    "install --directory": ("install --directory $DESTDIR/x $DESTDIR/y", []),
    "from the image to the image": ("cp $DESTDIR/bin/old $DESTDIR/bin/new", []),
    "from the image": ("cp $DESTDIR/bin/old /SRC/x", []),
    "elsewhere": ("cp /SRC/a /SRC/x", []),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_HAND)
def test_copies_by_hand(name: str) -> None:
    text, expected = BY_HAND[name]
    assert brought(text) == expected


@needs_coreutils
@pytest.mark.parametrize("name", BY_HAND)
def test_cp_and_install_put_files_there(tmp_path: Any, name: str) -> None:
    assert DASH
    text, expected = BY_HAND[name]
    source, destination = str(tmp_path / "src"), tmp_path / "dest"
    for folder in (tmp_path / "src" / "d", destination / "bin"):
        folder.mkdir(parents=True)
    for file in ("a", "b", "d/c"):
        (tmp_path / "src" / file).write_text(file)
    (destination / "bin/old").write_text("old")
    before = sorted(str(path) for path in destination.rglob("*"))
    run = subprocess.run(
        [DASH, "-e", "-c", text.replace("/SRC", source)], capture_output=True, text=True,
        env={"PATH": "/usr/bin:/bin", "DESTDIR": str(destination)},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    for sources, target in expected:
        assert sources is not None and target is not None
        place = destination / target.strip("/")
        base = os.path.basename(sources[0])
        found = place / base if place.is_dir() and base != place.name else place
        assert found.exists()
        assert found.is_dir() or found.read_text() == base
    if not expected:
        new = {path for path in destination.rglob("*") if path.is_file()} - {destination / "bin/new"}
        assert {str(path) for path in new} <= set(before)


SURE: Dict[str, Tuple[str, bool]] = {
    "always": ("copy_exec /a", True),
    "in a loop over words": ("for x in a; do copy_exec /a; done", True),
    "behind the answer to prereqs": ("case $1 in prereqs) echo; exit 0;; esac\ncopy_exec /a", True),
    "behind the other answer to prereqs": ('if [ "$1" = prereqs ]; then echo; exit 0; fi\ncopy_exec /a', True),
    "in a function that is called": ("f() { copy_exec /a; }\nf", True),
    "in a function that another calls": ("f() { copy_exec /a; }\ng() { f; }\ng", True),
    "first of a list": ("copy_exec /a || exit 1", True),
    "in a condition": ("if copy_exec /a; then :; fi", True),
    "behind an end that fails": ("[ -x /a ] || exit 1\ncopy_exec /a", True),
    "under a condition": ("if [ -x /a ]; then copy_exec /a; fi", False),
    "behind &&": ("[ -x /a ] && copy_exec /a", False),
    "behind an end under a condition": ("[ -x /a ] || exit 0\ncopy_exec /a", False),
    "behind an end": ("exit 0\ncopy_exec /a", False),
    "behind a continue": ("for x in a b; do [ -x $x ] || continue; copy_exec /a; done", False),
    "behind a break": ("for x in a b; do [ -x $x ] && break; copy_exec /a; done", False),
    "behind a return": ("f() { return; copy_exec /a; }\nf", False),
    "in a function that is not called": ("f() { copy_exec /a; }", False),
    "in a function that is called under a condition": ("f() { copy_exec /a; }\n[ -x /a ] && f", False),
    "in a loop over what is not known": ("for x in $(ls); do copy_exec /a; done", False),
    "in a case": ("case $X in a) copy_exec /a;; esac", False),
    "in a while": ("while read x; do copy_exec /a; done", False),
}  # fmt: skip


@pytest.mark.parametrize("name", SURE)
def test_what_is_sure_to_be_brought(name: str) -> None:
    text, sure = SURE[name]
    assert [one.sure for one in of(text)][:1] == [sure]


def test_a_script_that_is_refused_brings_nothing() -> None:
    assert copies(Script(Source("x", b"#!/bin/sh\ncopy_exec /a\nif\n"))) == ()


def test_what_kinds_bring() -> None:
    found = of("copy_exec /a; cp /b $DESTDIR; manual_add_modules m; force_load n; add_firmware f; copy_file x /c")
    assert [(one.kind, one.brings_files, one.brings_modules) for one in found] == [
        ("copy_exec", True, False), ("cp", True, False), ("manual_add_modules", False, True),
        ("force_load", False, True), ("add_firmware", False, False), ("copy_file", True, False),
    ]  # fmt: skip
