"""What a shell script may have done by the time that it does something else, and what becomes of a status."""

from typing import FrozenSet, List, Optional

import pytest

from scmguard.folder import MemoryFolder
from scmguard.initramfs.shellwords import Texts
from scmguard.initramfs.updates import refreshed, takes_every_flavour
from scmguard.parse.initramfs_sh import Script
from scmguard.parse.sh_flow import Flow
from scmguard.parse.sh_model import Command
from scmguard.parse.sh_status import Statuses
from scmguard.text import Source


def script(text: str) -> Script:
    found = Script(Source("x", text.encode()))
    assert found.refusal is None
    return found


def before(text: str, name: str) -> str:
    """The names of all that may have run before the last command of that name."""
    seen: List[FrozenSet[str]] = []

    def step(command: Command, state: FrozenSet[str]) -> FrozenSet[str]:
        if command.name == name:
            seen.append(state)
        return state | {command.name or ""}

    Flow[str](script(text), step).run(frozenset())
    return " ".join(sorted(seen[-1])) if seen else "(never)"


@pytest.mark.parametrize(
    "text, expected",
    [
        ("a\nb\nz\n", "a b"),
        ("if a; then b; exit 1; else c; fi\nz\n", "a c"),
        ("if a; then b; elif c; then d; fi\nz\n", "a b c d"),
        ("case $1 in x) a;; y) z;; esac\n", ""),
        ("case $1 in x) a;; *) b; exit;; esac\nz\n", "a"),
        ("a || exit\nz\n", "a"),
        ("a && { b; exit; }\nz\n", "a"),
        ("exit\nz\n", "(never)"),
        ("( a; exit )\nz\n", "a"),
        ("x=$(a; exit)\nb | c\nz\n", " a b c"),
        ("f() { a; return; b; }\ng() { c; }\nf\nz\n", "a"),
        ("f() { a; exit 1; }\nb || f\nz\n", "b"),
        ("f() { f; a; }\nf\nz\n", "a"),
        ("for i in 1 2; do a; done\nwhile b; do c; done\nz\n", "a b c"),
        ("exec a\nz\n", "(never)"),
        ("exec >log\nz\n", "exec"),
    ],
)
def test_what_ran_before(text: str, expected: str) -> None:
    assert before(text, "z") == expected


def test_scripts_that_never_end_end() -> None:
    doubled = "".join("f{0}() {{ f{1}; f{1}; }}\n".format(number, number + 1) for number in range(40))
    assert before(doubled + "f40() { a; }\nf0\nz\n", "z") in ("a", "(never)")
    assert before("if a; then\n" * 50 + "b\n" + "fi\n" * 50 + "z\n", "z") == "a b"


@pytest.mark.parametrize(
    "text, expected",
    [
        ("z", None),
        ("z\nb\n", "ignored"),
        ("set -e\nz\nb\n", None),
        ("z || true\n", "or"),
        ("z || : ; b\n", "or"),
        ("z || exit\nb\n", None),
        ("z || exit 0\n", "or"),
        ("z || echo no && exit 1\n", None),
        ("z &\n", "background"),
        ("z | b\n", "pipe"),
        ("a | z\n", None),
        ("set -o pipefail\nz | b\n", None),
        ("z\nexit $?\n", None),
        ("z\nr=$?\nb\n", None),
        ("if z; then b; fi\nexit 0\n", None),
        ("f() { z; }\nf\nb\n", "ignored"),
        ("f() { z; }\nf\n", None),
        ("f() { z; b; }\nset -e\nf\n", None),
        ("set -e\nz && b\nc\n", "ignored"),
    ],
)
def test_what_becomes_of_the_status(text: str, expected: Optional[str]) -> None:
    found = script(text)
    command = next(each for each in found.commands if each.name == "z")
    assert Statuses(found).lost(command) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ("z $B/x", ["${B}/x"]),
        ("B=/boot\nz $B/x", ["/boot/x"]),
        ("B=${B:-/boot}\nz ${B}/x", ["/boot/x"]),
        ('z "${B:-/boot}/x"', ["/boot/x"]),
        ("B=/a\nB=/b\nz $B", ["/a", "/b"]),
        ("z $B\nB=/late", ["/late"]),
        ("V=$(uname -r)\nz x-$V", ["x-${uname -r}"]),
        ("for i in a b; do z $i; done", ["a", "b"]),
        ("f() { local d=/boot; z $d; }", ["/boot"]),
        ("a=$b\nb=$a\nz $a", ["${a}"]),
    ],
)
def test_what_words_look_like(text: str, expected: List[str]) -> None:
    found = script(text)
    command = next(each for each in found.commands if each.name == "z")
    assert Texts(found).all(command.words[1], command)[-2:] == expected


def test_the_images_that_a_plain_update_makes_anew() -> None:
    v8, pi5, old = "6.6.31+rpt-rpi-v8", "6.6.31+rpt-rpi-2712", "6.6.20+rpt-rpi-v8"
    assert refreshed([old, pi5, v8], [old, pi5, v8], False) == [v8]
    assert refreshed([old, pi5, v8], [old, pi5, v8], True) == [v8, pi5]
    # The fork stops where an image is missing, and then does as Debian's.
    assert refreshed([old, pi5, v8], [old, pi5], True) == [pi5]
    assert refreshed(["6.8.0-45-generic", v8], ["6.8.0-45-generic", v8], True) == ["6.8.0-45-generic"]
    assert refreshed([v8], [], True) == []


@pytest.mark.parametrize(
    "version, expected",
    [
        ("0.142+rpt2+deb12u1", True),
        ("0.142+rpt1", False),
        ("0.148.3+rpt1", True),
        ("0.142+deb12u3", False),
        ("0.{}+rpt1".format("9" * 5000), None),
        ("0.142+rpt{}".format("9" * 5000), False),
    ],
)
def test_the_fork_is_known_by_its_version(version: str, expected: Optional[bool]) -> None:
    stanza = "Package: initramfs-tools-core\nStatus: install ok installed\nVersion: {}\n".format(version)
    assert takes_every_flavour(MemoryFolder({"var/lib/dpkg/status": stanza.encode()})) is expected
    assert takes_every_flavour(MemoryFolder({})) is None
