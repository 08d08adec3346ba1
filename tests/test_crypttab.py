"""The lines of crypttab: held against the loop of shell commands that crypttab_foreach_entry is made of."""

import os
import shutil
import subprocess
from typing import Any, Dict, List, Optional, Tuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scmguard.folder import MemoryFolder
from scmguard.rootfs.crypttab import PATH, Option, Volume, crypttab, volumes
from scmguard.text import Source, decode, encode

EXAMPLES = int(os.environ.get("SCMGUARD_EXAMPLES", "150"))
DASH = shutil.which("dash")

needs_dash = pytest.mark.skipif(not DASH, reason="dash is not here: nothing to compare with")

# Four fields, each as printf %b makes it; then the options, split at commas, name and value.
_LOOP = r"""
show() { printf '%s\037' "$1"; }
while IFS=" 	" read -r name source key options; do
    case $name in ''|\#*) continue;; esac
    show "$(printf %b "$name")"; show "$(printf %b "$source")"; show "$(printf %b "$key")"
    IFS=,
    for option in $options; do
        [ -n "$option" ] || continue
        show "${option%%=*}"
        case $option in *=*) show "=$(printf %b "${option#*=}")";; *) show "";; esac
    done
    printf '\036'
done
"""


def read(text: str) -> List[Volume]:
    return list(volumes(Source("crypttab", encode(text))))


def ours(text: str) -> List[List[str]]:
    """The lines that are read (those with an end), each as its fields and options."""
    return [
        [volume.target, volume.source, volume.key]
        + [part for one in volume.options for part in (one.text.partition("=")[0], value(one))]
        for volume in read(text)
        if volume.ending
    ]


def value(option: Option) -> str:
    return "" if option.value is None else "=" + option.value


def real(text: str) -> List[List[str]]:
    assert DASH
    run = subprocess.run([DASH, "-f", "-c", _LOOP], input=encode(text), capture_output=True, check=True, env={})
    return [line.split("\x1f")[:-1] for line in decode(run.stdout).split("\x1e")[:-1]]


LINES: Dict[str, Tuple[str, List[List[str]]]] = {
    "four fields": ("a /dev/b c luks\n", [["a", "/dev/b", "c", "luks", ""]]),
    "options": ("a b c luks,tries=3,key-slot=1\n", [["a", "b", "c", "luks", "", "tries", "=3", "key-slot", "=1"]]),
    "three fields": ("a b c\n", [["a", "b", "c"]]),
    "two fields": ("a b\n", [["a", "b", ""]]),
    "one field": ("a\n", [["a", "", ""]]),
    "blanks of all kinds": (" \ta\t \tb  c\t\tluks \t\n", [["a", "b", "c", "luks", ""]]),
    "comments and empty lines": ("# a b c\n\n \n  # a\na b c #luks\n", [["a", "b", "c", "#luks", ""]]),
    "the last field takes the rest": (
        "a b c luks, initramfs more\n",
        [["a", "b", "c", "luks", "", " initramfs more", ""]],
    ),
    "empty options": ("a b c ,luks,,discard,\n", [["a", "b", "c", "luks", "", "discard", ""]]),
    "equals signs": ("a b c header=a=b,=x\n", [["a", "b", "c", "header", "=a=b", "", "=x"]]),
    "an empty value": ("a b c tries=\n", [["a", "b", "c", "tries", "="]]),
    "octal numbers": ("a\\040b /dev/\\0057x c\\\\040 header=\\054\n", [["a b", "/dev//x", "c\\040", "header", "=,"]]),
    "other escapes": ("a\\tb b c x\\ty\n", [["a\tb", "b", "c", "x\\ty", ""]]),
    "a comma that is escaped": ("a b c header=x\\054y,luks\n", [["a", "b", "c", "header", "=x,y", "luks", ""]]),
    "letters that are no text": ("a\udcff b c\\303\\251 é\n", [["a\udcff", "b", "cé", "é", ""]]),
    "quotes are nothing": ("'a b' \"c\" d\n", [["'a", "b'", '"c"', "d", ""]]),
    "no end of the last line": ("a b c\nd e f luks", [["a", "b", "c"]]),
    "nothing": ("", []),
}


@pytest.mark.parametrize("name", LINES)
def test_lines(name: str) -> None:
    text, lines = LINES[name]
    assert ours(text) == lines


@needs_dash
@pytest.mark.parametrize("name", LINES)
def test_a_shell_reads_the_same(name: str) -> None:
    text, lines = LINES[name]
    assert real(text) == lines


_ESCAPES = ["\\", "\\0", "\\40", "\\054", "\\\\", "\\n", "\\c"]
_FIELD = st.lists(st.sampled_from([*"ab/=,#.-'\"$*?~é\udcff", "luks", "tries=1", *_ESCAPES]), max_size=5).map("".join)
_BLANK = st.sampled_from([" ", "\t", "  ", " \t "])
_TEXT = st.lists(st.one_of(_FIELD, _FIELD, _BLANK, st.just("\n")), max_size=24).map("".join)


@needs_dash
@settings(max_examples=EXAMPLES, deadline=None)
@given(_TEXT)
@example("a b c \\c,x\n")
def test_a_shell_reads_the_same_of_any_lines(text: str) -> None:
    assert ours(text) == real(text)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.one_of(_TEXT.map(encode), st.binary(max_size=80)))
def test_every_option_is_where_it_is_said_to_be(data: bytes) -> None:
    file = Source("crypttab", data)
    for volume in volumes(file):
        line = file.line_text(volume.span.line)
        for option in volume.options:
            assert line[option.span.column - 1 : option.span.end_column - 1] == option.text
        assert isinstance(volume.keyscript, (str, type(None))) and isinstance(volume.is_whole, bool)


def test_where_options_stand() -> None:
    (volume,) = read("luks /dev/x none \t luks,luks,keyscript=a\n")
    assert [(one.span.column, one.span.end_column) for one in volume.options] == [(20, 24), (25, 29), (30, 41)]


def option(text: str) -> Option:
    (found,) = read("a b c {}\n".format(text))[0].options
    return found


@pytest.mark.parametrize("text, name, known, valid", [
    ("luks", "luks", True, True), ("read-only", "readonly", True, True), ("key-slot=1", "keyslot", True, True),
    ("tcrypt-hidden", "tcrypthidden", True, True), ("tcrypt-veracrypt", "veracrypt", True, True),
    ("tries=3", "tries", True, True), ("tries=0", "tries", True, True), ("tries=", "tries", True, False),
    ("tries=-1", "tries", True, False), ("tries", "tries", True, False), ("tries=3x", "tries", True, False),
    ("size=512", "size", True, True), ("size=0", "size", True, False), ("size=010", "size", True, True),
    ("cipher=aes", "cipher", True, True), ("cipher=", "cipher", True, False), ("hash", "hash", True, False),
    ("keyscript=x", "keyscript", True, True), ("keyscript=", "keyscript", True, False),
    ("keyscript", "keyscript", True, False),
    ("header=/x", "header", True, True), ("offset=0", "offset", True, True), ("discard=x", "discard", True, True),
    ("tmp", "tmp", True, True), ("tmp=ext4", "tmp", True, True), ("tmp=", "tmp", True, False),
    ("checkargs=", "checkargs", True, True), ("checkargs=x", "checkargs", True, True),
    ("checkargs", "checkargs", True, False),
    ("check", "check", True, True), ("timeout=30s", "timeout", False, True), ("LUKS", "LUKS", False, True),
    ("tpm2-device=auto", "tpm2-device", False, True),
    ("x-systemd.device-timeout=0", "x-systemd.device-timeout", False, True),
    ("-", "-", False, True),
])  # fmt: skip
def test_options(text: str, name: str, known: bool, valid: bool) -> None:
    found = option(text)
    assert (found.name, found.is_known, found.is_valid) == (name, known, valid)


def test_options_of_systemd() -> None:
    assert option("tpm2-device=auto").is_systemds and option("fido2-device=auto").is_systemds
    assert not option("luks").is_systemds and not option("timeout=3").is_systemds


@pytest.mark.parametrize("options, script", [
    ("keyscript=zk_get_key", "lib/cryptsetup/scripts/zk_get_key"), ("keyscript=/usr/local/x", "usr/local/x"),
    ("keyscript=sub/x", "lib/cryptsetup/scripts/sub/x"), ("keyscript=a,keyscript=b", "lib/cryptsetup/scripts/b"),
    ("keyscript=a\\040b", "lib/cryptsetup/scripts/a b"), ("keyscript=", None), ("keyscript", None), ("luks", None),
    ("KEYSCRIPT=x", None),
])  # fmt: skip
def test_the_key_script(options: str, script: Optional[str]) -> None:
    assert read("a b c {}\n".format(options))[0].keyscript == script


def test_the_last_option_of_a_name_counts() -> None:
    (volume,) = read("a b c tries=1,luks,tries=2\n")
    found = volume.option("tries")
    assert found is not None and found.value == "2" and volume.option("nothing") is None


def test_lines_and_their_ends() -> None:
    found = read("a b c\r\nd e f luks\r\ng h i")
    assert [(one.target, one.key, one.ending) for one in found] == [
        ("a", "c", "\r\n"),
        ("d", "f", "\r\n"),
        ("g", "i", ""),
    ]
    assert [one.span.line for one in found] == [1, 2, 3] and [one.is_whole for one in found] == [True] * 3
    assert not read("a b\n")[0].is_whole and not read("a\n")[0].is_whole


def test_the_file_of_a_root(tmp_path: Any) -> None:
    assert [one.target for one in crypttab(MemoryFolder({PATH: b"a b c\n"}))] == ["a"]
    assert list(crypttab(MemoryFolder({}))) == []
