"""Hooks, boot scripts, configuration and packages of a root file system, held against the shell, tsort and dpkg."""

import hashlib
import os
import re
import shutil
import stat
import subprocess
from typing import Any, Dict, List, Optional, Tuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scmguard.folder import MemoryFolder, Status
from scmguard.initramfs import conf as initramfs_conf
from scmguard.initramfs import tools as initramfs_tools
from scmguard.initramfs.tools import prerequisites, run_order
from scmguard.inputs.disk import DiskFolder
from scmguard.parse.initramfs_sh import Script
from scmguard.rootfs import dpkg
from scmguard.text import Source, decode, encode

EXAMPLES = int(os.environ.get("SCMGUARD_EXAMPLES", "100"))
DASH, TSORT, DPKG, MD5SUM = (shutil.which(name) for name in ("dash", "tsort", "dpkg", "md5sum"))

needs_dash = pytest.mark.skipif(not DASH, reason="dash is not here: nothing to compare with")
needs_tsort = pytest.mark.skipif(not DASH or not TSORT, reason="dash and tsort are not here: nothing to compare with")
needs_dpkg = pytest.mark.skipif(
    not DPKG or not os.path.exists("/var/lib/dpkg/status"), reason="dpkg is not here: nothing to compare with"
)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="what root may run is only seen as root")

HOOKS = "usr/share/initramfs-tools/hooks"
ANSWER = 'PREREQ="{}"\nprereqs() {{ echo "$PREREQ"; }}\ncase $1 in\nprereqs) prereqs; exit 0;;\nesac\n'


def write(top: Any, path: str, text: str, mode: int = 0o644) -> str:
    full = os.path.join(str(top), path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "wb") as stream:
        stream.write(encode(text))
    os.chmod(full, mode)
    return full


def shell(text: str, *arguments: str, **environment: str) -> Tuple[int, str]:
    assert DASH
    run = subprocess.run(
        [DASH, "-c", text, "x", *arguments], capture_output=True, stdin=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", **environment},
    )  # fmt: skip
    return run.returncode, decode(run.stdout)


# --- which files are hooks ---

# What takes a name of letters, digits, dots, dashes and underscores (initramfs-tools(7)), and is not hidden.
NAMES = {
    "hook": True, "a.bak": True, "a-b_c.9": True, "A": True, "-a": True, "_": True, "9": True, "a.dpkg-old": True,
    "a~": False, "a b": False, ".hidden": False, "a@b": False, "a:b": False, "#a#": False, "a+b": False, "a\n": False,
    "é": False, "a,b": False, "a\udcff": False,
}  # fmt: skip
# The first loop is over what * finds; the second asks the case statement's pattern.
_TAKEN = """cd "$1" && for name in *; do
    case $name in *[!A-Za-z0-9._-]*) continue;; esac
    [ ! -x "$name" ] || [ -d "$name" ] || printf '%s/' "$name"
done"""


@as_root
@needs_dash
def test_names_that_are_taken(tmp_path: Any) -> None:
    for name in NAMES:
        write(tmp_path, HOOKS + "/" + name, "#!/bin/sh\n", 0o755)
    found = initramfs_tools.hooks(DiskFolder(str(tmp_path), is_root=True))
    assert {entry.name: entry.takes_name for entry in found} == NAMES
    taken = shell(_TAKEN, os.path.join(str(tmp_path), HOOKS))[1].split("/")[:-1]
    assert sorted(entry.name for entry in found if entry.is_taken) == sorted(taken)


@as_root
@needs_dash
def test_modes_that_are_taken(tmp_path: Any) -> None:
    for mode in (0o644, 0o755, 0o700, 0o744, 0o654, 0o645, 0o001, 0o010, 0o000, 0o4644, 0o1666):
        write(tmp_path, "{}/m{:04o}".format(HOOKS, mode), "#!/bin/sh\n", mode)
    folder = os.path.join(str(tmp_path), HOOKS)
    os.makedirs(folder + "/folder")
    os.symlink("m0755", folder + "/link")
    os.symlink("m0644", folder + "/plain-link")
    os.symlink("nowhere", folder + "/nowhere")
    found = {entry.name: entry for entry in initramfs_tools.hooks(DiskFolder(str(tmp_path), is_root=True))}
    taken = shell(_TAKEN, folder)[1].split("/")[:-1]
    assert sorted(name for name, entry in found.items() if entry.is_taken) == sorted(taken)
    assert found["nowhere"].status is None and not found["folder"].is_file and found["link"].is_file


def test_where_hooks_and_boot_scripts_are() -> None:
    root = MemoryFolder({
        HOOKS + "/a": b"#!/bin/sh", "etc/initramfs-tools/hooks/b": b"", "etc/initramfs-tools/hooks/sub/c": b"",
        "usr/share/initramfs-tools/scripts/local-top/d": b"", "etc/initramfs-tools/scripts/panic/e": b"",
        "usr/share/initramfs-tools/scripts/functions": b"", "etc/initramfs-tools/scripts/local-middle/f": b"",
    })  # fmt: skip
    hooks = initramfs_tools.hooks(root)
    assert [(entry.name, entry.packaged, entry.is_taken) for entry in hooks] == [
        ("a", True, True),
        ("b", False, False),
        ("sub", False, False),
    ]
    scripts = initramfs_tools.boot_scripts(root)
    assert [(entry.name, entry.stage) for entry in scripts] == [("d", "local-top"), ("e", "panic")]


def test_the_administrators_boot_script_replaces_the_packages() -> None:
    theirs, own = "usr/share/initramfs-tools/scripts/", "etc/initramfs-tools/scripts/"
    root = MemoryFolder({
        theirs + "local-top/a": b"#!1", own + "local-top/a": b"2", theirs + "init-top/a": b"#!3",
        own + "panic/a~": b"#!4",
    })  # fmt: skip
    found = {
        (entry.stage, entry.name): entry.path for entry in initramfs_tools.in_image(initramfs_tools.boot_scripts(root))
    }
    assert found == {("local-top", "a"): own + "local-top/a", ("init-top", "a"): theirs + "init-top/a"}


def test_large_files_are_no_scripts() -> None:
    root = MemoryFolder({HOOKS + "/a": b"#!/bin/sh\n" + b"#" * (1 << 20), HOOKS + "/b": b"#!/bin/sh\n"})
    assert [entry.script is None for entry in initramfs_tools.hooks(root)] == [True, False]


# --- prerequisites ---

# A script, and the words that it answers; None where only running it tells.
ANSWERS: Dict[str, Tuple[str, Optional[List[str]]]] = {
    "none": (ANSWER.format(""), []),
    "two": (ANSWER.format("a b-c"), ["a", "b-c"]),
    "blanks and lines": (ANSWER.format(" a\n\tb "), ["a", "b"]),
    "without a function": ('PREREQ="a"\ncase "$1" in prereqs) echo "$PREREQ"; exit 0;; esac', ["a"]),
    "without a variable": ('case "${1-}" in prereqs) echo a b; exit 0;; esac', ["a", "b"]),
    "with printf": ("case $1 in prereqs) printf '%s' a; exit;; esac", ["a"]),
    "with printf and a line end": ("case $1 in prereqs) printf '%s\\n' 'a b' c; exit 0;; esac", ["a", "b", "c"]),
    "without line ends": ("case $1 in prereqs) printf %s a; echo -n b; exit 0;; esac", ["ab"]),
    "elsewhere": ("case $1 in prereqs) echo a >&2; echo b >/dev/null; : $(echo c); echo d 2>&1; exit;; esac", ["d"]),
    "in a loop over nothing": ("case $1 in prereqs) for x in; do echo a; done; exit 0;; esac", []),
    "in a loop without line ends": ("case $1 in prereqs) for x in a b; do echo -n $x; done; exit 0;; esac", None),
    "a backslash": ("case $1 in prereqs) echo 'a\\tb'; exit 0;; esac", None),
    "in several commands": ("case $1 in prereqs) echo a; echo b; exit 0;; esac", ["a", "b"]),
    "unquoted": ("P='a  b'\nprereqs() { echo $P; }\ncase $1 in prereqs) prereqs; exit 0;; esac", ["a", "b"]),
    "another variable": ('X=b\nPREREQ="a $X"\n' + ANSWER.format("")[10:], ["a", "b"]),
    "in a loop": ("case $1 in prereqs) for x in a b; do echo $x; done; exit 0;; esac", ["a", "b"]),
    "a quoted pattern": ("case $1 in 'prereqs') echo a; exit 0;; esac", ["a"]),
    "of two patterns": ("case $1 in -h|prereqs) echo a; exit 0;; esac", ["a"]),
    "a command": ('PREREQ="$(ls /nonexistent)"\n' + ANSWER.format("")[10:], None),
    "another program": ("case $1 in prereqs) basename /a/b; exit 0;; esac", None),
    "a pattern of files": ("case $1 in prereqs) echo /nonexistent*; exit 0;; esac", None),
    "set twice": ("PREREQ=a\nif false; then PREREQ=b; fi\n" + ANSWER.format("")[10:], None),
    "nothing set": ('case $1 in prereqs) echo "$PREREQ"; exit 0;; esac', None),
    "set too late": ('case $1 in prereqs) echo "$PREREQ"; exit 0;; esac\nPREREQ=a', None),
}  # fmt: skip


def script(text: str) -> Script:
    return Script(Source("x", encode(text)))


@pytest.mark.parametrize("name", ANSWERS)
def test_prerequisites(name: str) -> None:
    text, words = ANSWERS[name]
    found = prerequisites(script(text))
    assert (None if found is None else list(found)) == words


@needs_dash
@pytest.mark.parametrize("name", [name for name, (_, words) in ANSWERS.items() if words is not None])
def test_prerequisites_are_what_the_script_prints(name: str) -> None:
    text, words = ANSWERS[name]
    assert shell(text, "prereqs")[1].split() == words


_WORDS = st.lists(
    st.sampled_from(
        ["a", "b-c", "c", "$X", '"$X"', "'d e'", "-n", "''"] * 2 + ["${Y}", "$(echo f)", "x*", "'\\\\f'", "~"]
    ),
    max_size=3,
)
_ASSIGNMENTS = st.lists(
    st.builds(
        "{}={}".format,
        st.sampled_from(["X", "Y", "PREREQ"]),
        st.sampled_from(["a", "'b c'", "e", '"$Y d"', "$X", "$(echo e)", "''"]),
    ),
    max_size=4,
)
_COMMANDS = st.builds(
    "{} {}".format,
    st.sampled_from(
        ["echo", "echo", "echo -n", "printf '%s '", "printf '%s\\n'", "printf", ":", "true", "echo -e", "echo >&2"]
    ),
    _WORDS.map(" ".join),
)
_ANSWERS = st.one_of(
    st.lists(_COMMANDS, min_size=1, max_size=3).map("; ".join),
    st.builds("for X in {}; do echo {}; done".format, _WORDS.map(" ".join), _WORDS.map(" ".join)),
    st.builds("if {0}; then {1}; fi".format, st.sampled_from(["true", "false", "[ -f /none ]"]), _COMMANDS),
    st.just('echo "$PREREQ"'),
)


def _script(before: List[str], in_function: bool, answer: str) -> str:
    function = "prereqs() {{ {}; }}\n".format(answer) if in_function else ""
    asked = "case $1 in prereqs) {}; exit 0;; esac".format("prereqs" if in_function else answer)
    return "{}\n{}{}".format("\n".join(before), function, asked)


_SCRIPTS = st.builds(_script, _ASSIGNMENTS, st.booleans(), _ANSWERS)


@needs_dash
def test_claimed_prerequisites_are_what_is_printed() -> None:
    claimed: List[str] = []

    @settings(max_examples=EXAMPLES * 2, deadline=None)
    @given(_SCRIPTS)
    def check(text: str) -> None:
        found, sure = prerequisites(script(text)), prerequisites(script(text), sure=True)
        if found is None and sure is None:
            return
        printed = shell(text, "prereqs", HOME="/home/u")[1].split()
        if "prereqs()" in text:
            assert set(sure or ()) <= set(printed)
        # What is printed under a condition is among what is claimed, where it is not asked for what is sure.
        saying = [one.context for one in script(text).commands if one.name in ("echo", "printf")]
        if found is not None and not any(context.conditional and not context.substitution for context in saying):
            assert set(found) == set(printed)
            claimed.extend(found)

    check()
    assert len(claimed) > EXAMPLES / 20


# --- the order ---

_ORDERED = """cd "$1" && for name in *; do
    echo "$name $name"
    for before in $("./$name" prereqs); do echo "$before $name"; done
done | tsort 2>/dev/null"""


@needs_tsort
@settings(max_examples=EXAMPLES // 4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "c.bak", "d-1", "D", "e", "_"]),
        st.lists(st.sampled_from(["a", "b", "c.bak", "d-1", "D", "zz"]), max_size=3),
        min_size=1,
    )
)
def test_scripts_are_run_in_that_order(tmp_path: Any, hooks: Dict[str, List[str]]) -> None:
    top = os.path.join(str(tmp_path), "root")
    shutil.rmtree(top, ignore_errors=True)
    for name, before in hooks.items():
        write(top, HOOKS + "/" + name, "#!/bin/sh\n" + ANSWER.format(" ".join(before)), 0o755)
    found = run_order(initramfs_tools.hooks(DiskFolder(top, is_root=True)))
    assert list(found.names) == shell(_ORDERED, os.path.join(top, HOOKS))[1].split()


def test_what_is_not_run_is_not_in_the_order() -> None:
    files = {
        "a": "#!/bin/sh\n" + ANSWER.format("b none"),
        "b": ANSWER.format("c"),
        "c": "#!/bin/sh\nif",
        "d~": "#!/bin/sh\n",
    }
    root = MemoryFolder({HOOKS + "/" + name: text.encode() for name, text in files.items()})
    found = run_order(initramfs_tools.hooks(root))
    assert (found.names, found.cycles) == (("b", "none", "a"), ())


def test_cycles_are_told() -> None:
    files = {"a": "b", "b": "a", "c": ""}
    root = MemoryFolder(
        {HOOKS + "/" + name: ("#!/bin/sh\n" + ANSWER.format(one)).encode() for name, one in files.items()}
    )
    found = run_order(initramfs_tools.hooks(root))
    assert sorted(found.names) == ["a", "b", "c"] and [sorted(cycle) for cycle in found.cycles] == [["a", "b"]]


# --- configuration ---

_CONF = "etc/initramfs-tools/initramfs.conf"
_OWN, _THEIRS = "etc/initramfs-tools/conf.d/", "usr/share/initramfs-tools/conf.d/"
_LATE = "usr/share/initramfs-tools/conf-hooks.d/"

# The files that mkinitramfs(8) and initramfs.conf(5) tell of, in their order: the main one, the packages' parts that
# the administrator's do not mask, the administrator's, and last those of the packages' hooks, whatever their names.
_READ = r"""
cd "$1"
took() { printf '%s\n' "$1"; . "./$1"; }
part() {
    name=${1##*/}
    [ -f "$1" ] || return 0
    case $name in [!A-Za-z0-9]*|*[!A-Za-z0-9._-]*|*.dpkg-*) ;; *) took "$1";; esac
}
took etc/initramfs-tools/initramfs.conf
for part in usr/share/initramfs-tools/conf.d/*; do
    [ -e "etc/initramfs-tools/conf.d/${part##*/}" ] || part "$part"
done
for part in etc/initramfs-tools/conf.d/*; do part "$part"; done
for hook in usr/share/initramfs-tools/conf-hooks.d/*; do [ ! -f "$hook" ] || took "$hook"; done
echo "MODULES=$MODULES"
"""


def both(top: Any) -> Tuple[List[str], str]:
    """The files that are read, in their order, and MODULES; the same for here and the shell."""
    found = initramfs_conf.build_settings(DiskFolder(str(top), is_root=True))
    *files, last = shell(_READ, str(top))[1].splitlines()
    assert found.files == files and "MODULES={}".format(found.value("MODULES", "")) == last
    return files, last[len("MODULES=") :]


@needs_dash
def test_the_order_of_files(tmp_path: Any) -> None:
    for number, path in enumerate(
        [_CONF, _THEIRS + "b", _THEIRS + "z", _OWN + "a", _OWN + "B", _OWN + "b", _LATE + "x"]
    ):
        write(tmp_path, path, "MODULES=m{}\n".format(number))
    files = [_CONF, _THEIRS + "z", _OWN + "B", _OWN + "a", _OWN + "b", _LATE + "x"]
    assert both(tmp_path) == (files, "m6")
    os.remove(os.path.join(str(tmp_path), _LATE + "x"))
    assert both(tmp_path) == (files[:-1], "m5")


@needs_dash
@pytest.mark.parametrize("name, is_read", [
    ("a", True), ("a.bak", True), ("a.conf", True), ("9-a_b", True), ("a~", False), (".a", False), ("-a", False),
    ("_a", False), ("a.dpkg-old", False), ("a.dpkg-new.x", False), ("a.dpkg", True), ("adpkg-old", True),
    ("a b", False),     ("a.dpkg-", False), ("a+", False), ("dpkg-old", True),
])  # fmt: skip
def test_names_of_parts(tmp_path: Any, name: str, is_read: bool) -> None:
    write(tmp_path, _CONF, "MODULES=a\n")
    write(tmp_path, _OWN + name, "MODULES=b\n")
    assert initramfs_conf.is_read(name) == is_read
    assert both(tmp_path)[1] == ("b" if is_read else "a")


@needs_dash
@pytest.mark.parametrize(
    "mask, masks", [("file", True), ("folder", True), ("link", True), ("nowhere", False), ("unread", True)]
)
def test_what_masks_a_packages_part(tmp_path: Any, mask: str, masks: bool) -> None:
    write(tmp_path, _CONF, "MODULES=a\n")
    name = "a.dpkg-new" if mask == "unread" else "p"
    write(tmp_path, _THEIRS + "p", "MODULES=b\n")
    write(tmp_path, _OWN + "q", "")
    own = os.path.join(str(tmp_path), _OWN, "p")
    if mask == "folder":
        os.mkdir(own)
    elif mask in ("link", "nowhere"):
        os.symlink("q" if mask == "link" else "none", own)
    elif name == "p":
        write(tmp_path, _OWN + "p", "")
    else:
        os.rename(os.path.join(str(tmp_path), _THEIRS, "p"), os.path.join(str(tmp_path), _THEIRS, name))
        write(tmp_path, _OWN + name, "MODULES=c\n")
    assert both(tmp_path)[1] == ("a" if masks else "b")


@needs_dash
@settings(max_examples=EXAMPLES // 2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.tuples(
            st.sampled_from([_OWN, _THEIRS, _LATE]),
            st.sampled_from(["a", "b", "B", "a.b", ".x", "c~", "d.dpkg-old", "_e"]),
        ),
        st.sampled_from(["MODULES=dep", "MODULES=list", "X=$MODULES\nMODULES=a$X", ":", "MODULES="]),
        max_size=6,
    )
)
def test_the_configuration_is_the_shells(tmp_path: Any, files: Dict[Tuple[str, str], str]) -> None:
    top = os.path.join(str(tmp_path), "root")
    shutil.rmtree(top, ignore_errors=True)
    write(top, _CONF, "MODULES=most\nX=\n")
    for (folder, name), text in files.items():
        write(top, folder + name, text)
    both(top)


def test_settings_of_update_initramfs() -> None:
    root = MemoryFolder(
        {"etc/initramfs-tools/update-initramfs.conf": b"update_initramfs=all\n", _CONF: b"update_initramfs=no"}
    )
    found = initramfs_conf.update_settings(root)
    assert found.value("update_initramfs", "yes") == "all" and found.value("backup_initramfs", "no") == "no"


def test_listed_modules() -> None:
    root = MemoryFolder({
        "etc/initramfs-tools/modules": b"# comment\n\ni2c-dev\n  spi-bcm2835 option=1\n # x\nlast",
        "usr/share/initramfs-tools/modules.d/b~": b"b\n", "usr/share/initramfs-tools/modules.d/.c": b"c\n",
        "usr/share/initramfs-tools/modules.d/a": b"a\r\n", "etc/initramfs-tools/modules.d/x": b"x\n",
    })  # fmt: skip
    found = initramfs_conf.listed_modules(root)
    assert [one.name for one in found] == ["i2c-dev", "spi-bcm2835", "#", "last", "a", "b"]
    assert [(one.span.line, one.span.column, one.span.end_column) for one in found][:2] == [(3, 1, 8), (4, 3, 14)]


# --- packages ---


@needs_dpkg
def test_packages_of_this_system_are_those_of_dpkg() -> None:
    assert DPKG
    root = DiskFolder("/", is_root=True)
    audit = subprocess.run(
        [DPKG, "--audit"], capture_output=True, text=True, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"}
    )
    listed = re.findall(r"^ ([a-z0-9][a-z0-9+.-]+)(?::\w+)?\s", audit.stdout, re.MULTILINE)
    assert sorted({one.name for one in dpkg.unfinished(root)}) == sorted(set(listed))
    found = dpkg.package(root, "dpkg")
    assert found is not None and found.is_present and (found.want, found.error, found.state)[1:] == ("ok", "installed")
    assert dpkg.package(root, "no-such-package") is None


def stanza(name: str, status: str, more: str = "") -> str:
    return "Package: {}\nStatus: {}\nArchitecture: arm64\nVersion: 1-1\n{}Description: x\n .\n\n".format(
        name, status, more
    )


STATES = {
    "install ok installed": False, "install ok half-configured": True, "install ok unpacked": True,
    "install ok half-installed": True, "install ok triggers-awaited": True, "install ok triggers-pending": True,
    "install reinstreq installed": True, "deinstall ok config-files": False, "purge ok not-installed": False,
    "hold ok installed": False, "unknown ok not-installed": False, "deinstall ok half-installed": True,
}  # fmt: skip


@pytest.mark.parametrize("state", STATES)
def test_packages_that_are_not_finished(state: str) -> None:
    text = stanza("first", "install ok installed") + stanza("middle", state) + stanza("last", "install ok installed")
    root = MemoryFolder({dpkg.STATUS: text.encode()})
    found = list(dpkg.unfinished(root))
    assert [one.name for one in found] == (["middle"] if STATES[state] else [])
    for one in found:
        assert (one.want, one.error, one.state) == tuple(state.split()) and one.span.line == 8


@needs_dpkg
@pytest.mark.parametrize("state", [state for state in STATES if "not-installed" not in state])
def test_dpkg_says_the_same_of_packages_that_are_not_finished(tmp_path: Any, state: str) -> None:
    assert DPKG
    more = "Triggers-Pending: /x\n" if "pending" in state else "Triggers-Awaited: first\n" if "awaited" in state else ""
    maintained = "Maintainer: x <x@x>\n"
    text = stanza("first", "install ok installed", maintained) + stanza("middle", state, maintained + more)
    text = text.replace("arm64", "all")
    write(tmp_path, "status", text)
    for name in ("info", "updates", "triggers"):
        os.makedirs(os.path.join(str(tmp_path), name), exist_ok=True)
    write(tmp_path, "info/format", "1\n")
    for name in ("first", "middle"):
        write(tmp_path, "info/{}.list".format(name), "/.\n")
        write(tmp_path, "info/{}.md5sums".format(name), "")
    run = subprocess.run(
        [DPKG, "--admindir=" + str(tmp_path), "--audit"],
        capture_output=True,
        text=True,
        env={"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
    )
    assert ("\n middle" in run.stdout) == STATES[state], run.stdout + run.stderr


def test_stanzas_that_look_like_others() -> None:
    text = stanza("a", "install ok installed", " Status: install ok unpacked\n") + "Package: b\nVersion: 1\n\n"
    text += "Status: install ok unpacked\nPackage: c\n\n" + stanza("d", "install ok unpacked")
    root = MemoryFolder({dpkg.STATUS: text.encode()})
    assert [one.name for one in dpkg.unfinished(root)] == ["d"]
    found = dpkg.package(root, "b")
    assert found is not None and not found.is_present


def test_no_status_file() -> None:
    assert list(dpkg.unfinished(MemoryFolder({}))) == [] and dpkg.package(MemoryFolder({}), "x") is None


@needs_dpkg
@pytest.mark.skipif(not MD5SUM, reason="md5sum is not here: nothing to compare with")
def test_sums_of_this_systems_files_are_those_of_md5sum() -> None:
    assert MD5SUM
    root = DiskFolder("/", is_root=True)
    found = dpkg.checksums(root, "usr/share/initramfs-tools/", "usr/lib/dpkg/", "bin/")
    assert found
    paths = sorted(path for path in found if os.path.isfile("/" + path))[:100]
    run = subprocess.run([MD5SUM, "--", *("/" + path for path in paths)], capture_output=True, text=True)
    real = {line[34:]: line[:32] for line in run.stdout.splitlines()}
    same = [path for path in paths if real["/" + path] == found[path][1]]
    assert len(same) > len(paths) * 0.8  # some may have been changed
    for path in same[:5]:
        owner = subprocess.run(["dpkg", "-S", "/" + path], capture_output=True, text=True).stdout
        assert not owner or found[path][0] in re.split(r"[:, ]+", owner.split(": ")[0])


def test_sums_of_files() -> None:
    sums = {
        "a.md5sums": "{0}  usr/share/x/a\n{0}  usr/share/xy\n",
        "b:arm64.md5sums": "{0}  usr/share/x/b c\n{0} usr/share/x/d\n",
        "c.list": "{0}  usr/share/x/e\n",
    }
    text = hashlib.md5(b"").hexdigest()
    root = MemoryFolder({"{}/{}".format(dpkg.INFO, name): each.format(text).encode() for name, each in sums.items()})
    assert dpkg.checksums(root, "usr/share/x/") == {"usr/share/x/a": ("a", text), "usr/share/x/b c": ("b", text)}
    assert dpkg.checksums(root, "usr/lib/") == dpkg.checksums(MemoryFolder({}), "usr/") == {}


def test_modes_of_memory_and_disk_are_the_same_words(tmp_path: Any) -> None:
    path = write(tmp_path, "etc/initramfs-tools/hooks/a", "#!/bin/sh\n", 0o750)
    (entry,) = initramfs_tools.hooks(DiskFolder(str(tmp_path), is_root=True))
    assert entry.status == Status("file", stat.S_IMODE(os.stat(path).st_mode), 10, int(os.stat(path).st_mtime))
