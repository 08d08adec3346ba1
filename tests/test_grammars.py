"""Grammars: lossless and total, and the machine that runs their tables agrees with lark."""

import os
from functools import lru_cache
from typing import Any, List, Optional, Tuple

import lark
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scmguard import assets
from scmguard.parse import grammar
from scmguard.parse.cmdline_txt import CommandLine, kernel_argument
from scmguard.parse.config_txt import Document, parse_initramfs, parse_line, parse_overlay, parse_parameters
from scmguard.parse.tables import STARTS, generate
from scmguard.text import Source, decode, encode
from scmguard.tree import Token, Tree

EXAMPLES = int(os.environ.get("SCMGUARD_EXAMPLES", "400"))

# Characters that mean something to one of the grammars, so that random text hits its rules.
_PIECES = st.sampled_from(
    list(" \t\r=#[]:,\"'&<>+-._/01289aAgpioxX")
    + ["dtoverlay", "gpio4", "0x", "EDID=", "HDMI:", "all", "boot_count", "\x00", "é", "\udcff"]
)
_TEXT = st.one_of(st.lists(_PIECES, max_size=14).map("".join), st.text(max_size=30)).map(
    lambda text: text.replace("\n", " ")
)
_BYTES = st.one_of(
    st.binary(max_size=80),
    st.lists(
        st.sampled_from([b"a=1", b"[all]", b"#x", b"\r", b"\n", b"\r\n", b"\xff", b"\xef\xbb\xbf", b"\0", b" "]),
        max_size=12,
    ).map(b"".join),
)


@lru_cache(maxsize=None)
def lark_parser(stem: str) -> Any:
    return lark.Lark(
        assets.grammar(stem), parser="lalr", start=list(STARTS[stem]), keep_all_tokens=True, maybe_placeholders=False
    )


def by_lark(stem: str, text: str, start: str) -> Optional[Tree]:
    try:
        tree = lark_parser(stem).parse(text, start=start)
    except lark.exceptions.LarkError:
        return None
    return _plain(tree)


def _plain(node: Any) -> Any:
    if isinstance(node, lark.Token):
        return Token(node.type, str(node), node.start_pos)
    return Tree(str(node.data), tuple(_plain(child) for child in node.children))


TOTAL = [
    ("config_txt", "line"),
    ("config_txt", "overlay"),
    ("config_txt", "parameters"),
    ("cmdline_txt", "kernel"),
    ("cmdline_txt", "initramfs_tools"),
    ("apt_conf", "apt_conf"),
]
# The shell's lexer is its own: tests/test_sh_grammar.py.
OWN_LEXER = {"initramfs_sh": ("script", "substitution", "backquoted")}
EVERY = [(stem, start) for stem, starts in STARTS.items() for start in starts if stem not in OWN_LEXER]


@pytest.mark.parametrize("stem, start", TOTAL)
def test_every_text_parses_and_prints_back(stem: str, start: str) -> None:
    @settings(max_examples=EXAMPLES, deadline=None)
    @given(_TEXT)
    @example("")
    @example("[")
    @example("a = ")
    def check(text: str) -> None:
        tree = grammar(stem).parse(text, start)
        assert tree is not None
        assert tree.text() == text
        offset = 0
        for token in tree.tokens():
            assert token.start == offset and token.text
            offset = token.end

    check()


@pytest.mark.parametrize("stem, start", EVERY)
def test_tables_give_what_lark_gives(stem: str, start: str) -> None:
    @settings(max_examples=EXAMPLES, deadline=None)
    @given(_TEXT)
    def check(text: str) -> None:
        assert grammar(stem).parse(text, start) == by_lark(stem, text, start)

    check()


def test_grammars_with_lexers_of_their_own_leave_every_terminal_to_them() -> None:
    for stem, starts in OWN_LEXER.items():
        assert STARTS[stem] == starts
        tables = generate(assets.grammar(stem), starts)
        assert not tables["patterns"] and not any(tables["lexers"])


@settings(max_examples=EXAMPLES, deadline=None)
@given(_BYTES)
@example(b"\xef\xbb\xbf")
@example(b"\xef\xbb\xbf\xef\xbb\xbfa=1\r\r\n")
def test_every_file_prints_back_byte_by_byte(data: bytes) -> None:
    source = Source("x", data)
    text = Document(source).text()
    assert text == source.text
    assert (b"\xef\xbb\xbf" if source.bom else b"") + encode(text) == data
    for line in source.lines:
        span = source.span(line.number)
        assert source.line_text(span.line) == line.text and span.end_column == len(line.text) + 1


@settings(max_examples=EXAMPLES, deadline=None)
@given(_BYTES)
def test_every_command_line_parses(data: bytes) -> None:
    line = CommandLine(Source("x", data))
    assert line.tree().text() == line.text
    for argument in line.arguments + line.initramfs_words:
        assert line.text[argument.start : argument.end] == argument.text


@given(st.binary(max_size=60))
def test_decoding_loses_nothing(data: bytes) -> None:
    assert encode(decode(data)) == data


@pytest.mark.parametrize("text, kind, key, value", [
    ("dtoverlay=vc4-kms-v3d", "setting", "dtoverlay", "vc4-kms-v3d"),
    ("  arm_64bit=1", "setting", "arm_64bit", "1"),
    ("initramfs initrd.img followkernel", "directive", "initramfs", "initrd.img followkernel"),
    ("hdmi_cvt  800  480  60  6  0  0  0 ", "directive", "hdmi_cvt", "800  480  60  6  0  0  0"),
    ("include syscfg.txt", "directive", "include", "syscfg.txt"),
    ("hdmi_ignore_hotplug", "word", "hdmi_ignore_hotplug", ""),
    ("hdmi_mode:1=16", "setting", "hdmi_mode", "16"),
    ("gpio=4=op,dh", "setting", "gpio", "4=op,dh"),
    ("dtoverlay=", "setting", "dtoverlay", ""),
    ("cmdline=console=tty1 root=/dev/x", "setting", "cmdline", "console=tty1 root=/dev/x"),
    ("[EDID=VSC-TD2220]", "header", "EDID=VSC-TD2220", ""),
    ("[pi4]         ", "header", "pi4", ""),
    ("[ cm4 ]", "header", " cm4 ", ""),
    ("[pi4", "unknown", "", ""),
    ('foo"bar=1', "unknown", "", ""),
    ("=1", "unknown", "", ""),
    ("# dtoverlay=x", "comment", "", ""),
    (" \t", "blank", "", ""),
])  # fmt: skip
def test_line(text: str, kind: str, key: str, value: str) -> None:
    statement = parse_line(text)
    assert (statement.kind, statement.key, statement.value) == (kind, key, value)
    assert statement.tree.text() == text


def test_port_of_a_setting() -> None:
    assert parse_line("hdmi_mode:1=16").port == 1
    assert parse_line("hdmi_mode=16").port is None


@pytest.mark.parametrize(
    "text, spaced", [("a=1", False), ("a =1", True), ("a= 1", True), ("a = ", True), ("a= ", False), ("a=1 ", False)]
)
def test_blanks_beside_the_equals_sign(text: str, spaced: bool) -> None:
    assert parse_line(text).spaced is spaced


@pytest.mark.parametrize("value, name, parameters", [
    ("dwc2,dr_mode=host", "dwc2", [("dr_mode", "host")]),
    ("anyspi:spi0-0,dev=\"jedec,spi-nor\",speed=1", "anyspi", [("spi0-0", "true"), ("dev", '"jedec,spi-nor"'),
    ("speed", "1")]), ("overlays/dwc2.dtbo", "dwc2", []), ("a,,b=", "a", [("b", "true"[:0])]), ("", "", []),
    ('a,x="never, closed', "a", [("x", '"never, closed')]),
])  # fmt: skip
def test_overlay_value(value: str, name: str, parameters: List[Tuple[str, str]]) -> None:
    parsed = parse_overlay(value)
    assert parsed.name == name
    assert [(one.name, one.value) for one in parsed.parameters] == parameters


def test_parameters_know_where_they_stand() -> None:
    value = "i2c_arm=on,,spi"
    assert [value[one.start :].split(",")[0] for one in parse_parameters(value)] == ["i2c_arm=on", "spi"]


@pytest.mark.parametrize("value, files, address", [
    ("initrd.img followkernel", ("initrd.img",), "followkernel"),
    ("a.img,b.img 0x00800000", ("a.img", "b.img"), "0x00800000"),
    ("initrd.img", ("initrd.img",), ""),
])  # fmt: skip
def test_initramfs_value(value: str, files: Tuple[str, ...], address: str) -> None:
    assert parse_initramfs(value) == (files, address)


@pytest.mark.parametrize("text, name, value", [
    ("root=/dev/mmcblk0p2", "root", "/dev/mmcblk0p2"),
    ('root="PARTUUID=1-2"', "root", "PARTUUID=1-2"),
    ('"a=b c"', "a", "b c"),
    ('a="b c"', "a", "b c"),
    ("quiet", "quiet", None),
    ("=x", "=x", None),
    ('a=b"c"', "a", 'b"c"'),
    ("a=", "a", ""),
])  # fmt: skip
def test_kernel_argument(text: str, name: str, value: Optional[str]) -> None:
    argument = kernel_argument(text)
    assert (argument.name, argument.value) == (name, value)


def test_the_kernel_stops_at_two_dashes_and_initramfs_tools_does_not() -> None:
    line = CommandLine(Source("x", b'root=/dev/a "x y" -- root=/dev/b\n'))
    assert [one.name for one in line.arguments] == ["root", "x y"]
    assert [one.text for one in line.initramfs_words] == ["root=/dev/a", '"x', 'y"', "--", "root=/dev/b"]


def test_a_line_of_megabytes_takes_no_recursion() -> None:
    for text in ("a" * 3_000_000, "dtoverlay=x" + ",p=1" * 300_000, "[" * 200_000, "a " * 500_000):
        assert parse_line(text).tree.text() == text
    assert len(parse_overlay("x" + ",p=1" * 300_000).parameters) == 300_000
