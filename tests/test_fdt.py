"""Flattened device trees: dtc as oracle for good ones, one kind of error for all others."""

import os
import shutil
import subprocess
import time
from typing import Any, List, Tuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scmguard import fdt
from scmguard import fdt_writer as writer
from scmguard.fdt_writer import Tree, cell

EXAMPLES = int(os.environ.get("SCMGUARD_EXAMPLES", "400"))
DTC = shutil.which("dtc")
needs_dtc = pytest.mark.skipif(DTC is None, reason="no dtc on PATH (package device-tree-compiler)")

NODE_NAMES = ("a", "b", "a@0", "a@1", "b@ff,0", "soc", "fragment@0", "__overlay__", "x" * 31, "cma-128m@128m")
NAMES = ("reg", "status", "compatible", "#size-cells", "a,b", "_", "x" * 31, "interrupts?", "24db_digital_gain")
values = st.one_of(st.just(b""), st.binary(max_size=9), st.sampled_from([b"okay\0", b"a\0b\0", cell(1, 2, 3)]))
properties = st.dictionaries(st.sampled_from(NAMES), values, max_size=4).map(lambda found: tuple(found.items()))


def nodes(name: str, children: "st.SearchStrategy[Any]") -> "st.SearchStrategy[Tree]":
    return st.builds(Tree, st.just(name), properties, children)


def siblings(inner: "st.SearchStrategy[Any]") -> "st.SearchStrategy[Tuple[Tree, ...]]":
    names = st.lists(st.sampled_from(NODE_NAMES), max_size=3, unique=True)
    return names.flatmap(lambda found: st.tuples(*(nodes(name, inner) for name in found)))


trees = nodes("", siblings(siblings(siblings(st.just(())))))


def plain(node: fdt.Node) -> Tree:
    return Tree(node.name, tuple(node.properties.items()), tuple(plain(child) for child in node.children))


def dtc(data: bytes, taken: str, *options: str) -> bytes:
    assert DTC is not None
    command = [DTC, "-q", "-q", "-I", taken, "-o", "-", *options, "-"]
    done = subprocess.run(command, input=data, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def dts(tree: Tree) -> str:
    """The same tree for dtc; without duplicates."""
    return "/dts-v1/;\n/ " + _dts_node(tree, 0)


def _dts_node(tree: Tree, depth: int) -> str:
    pad = "\t" * (depth + 1)
    lines: List[str] = ["{\n"]
    for name, value in tree.properties:
        lines.append("{}{}{};\n".format(pad, name, " = [{}]".format(value.hex()) if value else ""))
    for child in tree.children:
        lines.append("{}{} {}".format(pad, child.name, _dts_node(child, depth + 1)))
    return "".join(lines) + "\t" * depth + "};\n"


def compiled(text: str) -> fdt.Node:
    return fdt.parse(dtc(text.encode(), "dts", "-O", "dtb"))


# --- good trees


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(trees, st.sampled_from((16, 17)))
def test_what_is_written_is_read(tree: Tree, version: int) -> None:
    assert plain(fdt.parse(writer.blob(tree, version))) == tree


@needs_dtc
@settings(max_examples=max(EXAMPLES // 8, 20), deadline=None)
@given(trees, st.sampled_from(("16", "17")))
def test_what_dtc_writes_is_read(tree: Tree, version: str) -> None:
    made = dtc(dts(tree).encode(), "dts", "-O", "dtb", "-V", version)
    assert plain(fdt.parse(made)) == tree


@needs_dtc
@settings(max_examples=max(EXAMPLES // 8, 20), deadline=None)
@given(trees)
def test_dtc_reads_the_writer_as_the_reader_does(tree: Tree) -> None:
    shown = dtc(writer.blob(tree), "dtb", "-O", "dts")
    assert plain(compiled(shown.decode())) == tree


@needs_dtc
def test_what_dtc_adds_is_read() -> None:
    text = '/dts-v1/;\n/plugin/;\n/memreserve/ 0x1000 0x2000;\n/ { a: n { x = <&b>; }; b: m@1 { s = "x", "y"; e; }; };'
    root = fdt.parse(dtc(text.encode(), "dts", "-O", "dtb", "-@", "-p", "1000"))
    assert [child.name for child in root.children] == ["n", "m@1", "__symbols__", "__local_fixups__"]
    found = root.at("/m@1")
    assert found is not None and list(found.properties) == ["s", "e", "phandle"]
    assert root.at("/__symbols__") == fdt.Node("__symbols__", {"a": b"/n\0", "b": b"/m@1\0"}, [])


def test_no_operation_is_skipped_and_what_follows_the_tree_is_not_read() -> None:
    nop = cell(writer.NOP)
    a = cell(writer.BEGIN_NODE) + b"\0\0\0\0" + nop + cell(writer.PROP, 1, 0) + b"v\0\0\0" + nop + cell(writer.END_NODE)
    data = writer.joined(nop + a + nop + cell(writer.END) + b"rest", b"p\0")
    assert plain(fdt.parse(data + b"more")) == Tree("", (("p", b"v"),))


def test_newer_but_compatible_is_read() -> None:
    assert fdt.parse(writer.joined(cell(1, 0, 2, 9), b"", 18, 17)) == fdt.Node("", {}, [])


def test_names_may_be_the_tail_of_others() -> None:
    data = writer.joined(cell(1, 0) + cell(3, 0, 0) + cell(3, 0, 6) + cell(2, 9), b"linux,phandle\0")
    assert list(fdt.parse(data).properties) == ["linux,phandle", "phandle"]


# --- looking up


def test_a_name_without_unit_address_stands_for_one_with() -> None:
    one, two = Tree("a@1", (("x", b"1"),)), Tree("a", (("x", b"2"),))
    root = fdt.parse(writer.blob(Tree("", (), (Tree("soc", (), (one, two)), Tree("aa")))))
    for path, expected in (("/soc/a", b"1"), ("/soc/a@1", b"1"), ("//soc//a/", b"1")):
        found = root.at(path)
        assert found is not None and found.properties == {"x": expected}
    assert root.at("/") is root
    assert root.at("/soc/a@2") is None and root.at("/a") is None and root.at("/soc/a/b") is None


def test_the_first_of_equal_names_counts() -> None:
    root = fdt.parse(writer.blob(Tree("", (("x", b"1"), ("x", b"2")), (Tree("n", (("y", b""),)), Tree("n")))))
    assert root.properties == {"x": b"1"}
    found = root.child("n")
    assert found is not None and list(found.properties) == ["y"]


def test_text_of_a_property() -> None:
    root = fdt.parse(writer.blob(Tree("", (("one", b"a\0b\0"), ("bare", b"ab"), ("raw", b"\xff\0"), ("none", b"")))))
    assert [root.text(name) for name in ("one", "bare", "raw", "none", "other")] == ["a", "ab", "\udcff", "", None]


# --- anything else


BLOB = writer.blob(
    Tree(
        "",
        (("compatible", b"brcm,bcm2711\0"), ("#address-cells", cell(1))),
        (
            Tree("fragment@0", (("target", cell(0xFFFFFFFF)),), (Tree("__overlay__", (("status", b"okay\0"),)),)),
            Tree("__overrides__", (("speed", cell(1) + b"speed:0\0"), ("empty", b""))),
            Tree("__fixups__", (("spi0", b"/fragment@0:target:0\0"),)),
        ),
    )
)


def attempt(data: bytes) -> None:
    try:
        root = fdt.parse(data)
    except fdt.FdtError as error:
        assert str(error) and "\n" not in str(error)
    else:
        fdt.parameters(root), fdt.base_parameters(root), fdt.overlay_map(root)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes(data: bytes) -> None:
    attempt(data)
    attempt(BLOB[:40] + data)
    attempt(writer.joined(data, b"reg\0status\0"))


words = st.one_of(
    st.sampled_from([cell(1), cell(2), cell(3), cell(4), cell(9), b"a\0\0\0"]), st.binary(min_size=4, max_size=4)
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(words, max_size=40).map(b"".join), st.binary(max_size=12))
def test_random_tokens(structure: bytes, strings: bytes) -> None:
    attempt(writer.joined(structure, strings))


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(BLOB) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_changed_bytes(changes: List[Tuple[int, int]]) -> None:
    data = bytearray(BLOB)
    for at, value in changes:
        data[at] = value
    attempt(bytes(data))


def test_every_bit_flipped() -> None:
    for bit in range(len(BLOB) * 8):
        data = bytearray(BLOB)
        data[bit // 8] ^= 1 << bit % 8
        attempt(bytes(data))


def test_every_truncation() -> None:
    for size in range(len(BLOB)):
        with pytest.raises(fdt.FdtError):
            fdt.parse(BLOB[:size])


def header(**changes: int) -> bytes:
    """BLOB with words of its header changed, by their names in the specification."""
    names = ("magic", "totalsize", "off_dt_struct", "off_dt_strings", "off_mem_rsvmap", "version", "last_comp_version")
    names += ("boot_cpuid_phys", "size_dt_strings", "size_dt_struct")
    data = bytearray(BLOB)
    for name, value in changes.items():
        data[names.index(name) * 4 : names.index(name) * 4 + 4] = cell(value)
    return bytes(data)


def shaped(*parts: Any, strings: bytes = b"p\0") -> bytes:
    return writer.joined(b"".join(cell(part) if isinstance(part, int) else part for part in parts), strings)


DEEP = b"".join(cell(1) + b"a\0\0\0" for _ in range(fdt.MOST_DEPTH))
WRONG = {
    "too short for a device tree: 0 bytes": b"",
    "not a device tree: it starts with 64746f76 in place of d00dfeed": b"dtoverlay=dwc2\n" * 4,
    "device tree of version 15, compatible with 15; known: 16, 17": header(version=15, last_comp_version=15),
    "device tree of version 18, compatible with 18; known: 16, 17": header(version=18, last_comp_version=18),
    "device tree of version 16, compatible with 17; known: 16, 17": header(version=16, last_comp_version=17),
    "larger than 2097152 bytes: 4294967295": header(totalsize=0xFFFFFFFF),
    "cut off: {} bytes of {}".format(len(BLOB), len(BLOB) + 1): header(totalsize=len(BLOB) + 1),
    "the memory reservation block is outside of the tree: 0 bytes at 0": header(off_mem_rsvmap=0),
    "the structure block is outside of the tree: {} bytes at 8".format(len(BLOB) - 8): header(
        off_dt_struct=8, size_dt_struct=len(BLOB) - 8
    ),
    "the structure block is outside of the tree: 4294967295 bytes at 56": header(size_dt_struct=0xFFFFFFFF),
    "the strings block is outside of the tree: 1 bytes at {}".format(len(BLOB)): header(
        off_dt_strings=len(BLOB), size_dt_strings=1
    ),
    "unknown token 7 at 8 of the structure block": shaped(1, 0, 7),
    "the structure block ends without an end token": shaped(1, 0, 2),
    "a second root node": shaped(1, 0, 2, 1, 0, 2, 9),
    "no root node": shaped(4, 9),
    "the tree ends inside a node": shaped(1, 0, 9),
    "a property or the end of a node outside of any node": shaped(2, 9),
    "a property after a child node": shaped(1, 0, 1, b"a\0\0\0", 2, 3, 0, 0, 2, 9),
    "a property of 5 bytes where 4 are left": shaped(1, 0, 3, 5, 0, b"abcd"),
    "a name that does not end in the structure block": shaped(1, b"abcd"),
    "a name that does not end in the strings block": shaped(1, 0, 3, 0, 0, 2, 9, strings=b"p"),
    "a name of more than 255 characters in the structure block": shaped(1, b"a" * 300 + b"\0\0\0\0", 2, 9),
    "a name of more than 255 characters in the strings block": shaped(1, 0, 3, 0, 0, 2, 9, strings=b"a" * 300 + b"\0"),
    "nodes nested more than 64 deep": shaped(DEEP, 1, 0),
    "more than 65536 nodes": shaped(1, 0, cell(1, 0, 2) * 65536, 2, 9),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_is_said_of_wrong_ones(message: str) -> None:
    with pytest.raises(fdt.FdtError) as caught:
        fdt.parse(WRONG[message])
    assert str(caught.value) == message


def test_the_largest_ones_take_no_time() -> None:
    room = fdt.MOST_BYTES - 64
    long_names = bytes(range(1, 255)) * 2000 + b"\0" * 300000
    many = b"".join(cell(3, 0, at) for at in range(100000))
    start = time.process_time()
    attempt(shaped(1, 0, cell(4) * (room // 4 - 4), 2, 9))
    attempt(shaped(1, 0, cell(1, 0, 2) * 65535, 2, 9))
    attempt(shaped(1, 0, many, 2, 9, strings=long_names))
    attempt(shaped(1, 0, many, 2, 9, strings=(b"a" * 250 + b"\0") * 2000))
    assert time.process_time() - start < 10


# --- parameters


def overlay(*overrides: Tuple[str, bytes], name: str = "__overrides__") -> fdt.Node:
    return fdt.parse(writer.blob(Tree("", (), (Tree("__symbols__"), Tree(name, overrides)))))


def test_every_override_is_a_parameter_the_empty_ones_too() -> None:
    found = fdt.parameters(overlay(("addr", cell(1) + b"reg:0\0"), ("empty", b""), ("cut", b"\0")))
    assert found == {"addr": cell(1) + b"reg:0\0", "empty": b"", "cut": b"\0"}


def test_no_overrides_no_parameters() -> None:
    assert fdt.parameters(fdt.Node("", {"addr": b""}, [])) == {}
    assert fdt.parameters(overlay(("addr", b""), name="overrides")) == {}
    inner = Tree("", (), (Tree("a", (), (Tree("__overrides__", (("addr", b""),)),)),))
    assert fdt.parameters(fdt.parse(writer.blob(inner))) == {}


def test_overrides_below_a_unit_address_are_found_as_libfdt_finds_them() -> None:
    assert list(fdt.parameters(overlay(("addr", b""), name="__overrides__@0"))) == ["addr"]


def base(aliases: Tuple[str, ...], *overrides: str) -> List[str]:
    parts = (
        Tree("aliases", tuple((name, b"/x\0") for name in aliases)),
        Tree("__overrides__", tuple((name, b"") for name in overrides)),
    )
    return sorted(fdt.base_parameters(fdt.parse(writer.blob(Tree("", (), parts)))))


def test_old_base_trees_get_names_of_buses() -> None:
    old = base((), "i2c0", "i2c0_baudrate", "audio")
    assert old == ["audio", "i2c0", "i2c0_baudrate", "i2c_arm", "i2c_arm_baudrate", "i2c_baudrate"]
    assert base(("i2c",), "i2c0", "i2c0_baudrate") == ["i2c0", "i2c0_baudrate"]
    assert base((), "i2c1") == ["i2c1", "i2c_vc"]


# --- the overlay map

MAP = """/dts-v1/;
/ {
	compatible = "anything";
	disable-bt { bcm2835; bcm2711; bcm2712 = "disable-bt-pi5"; };
	only-pi4 { bcm2711; };
	empty-text { bcm2711 = ""; };
	old { deprecated = "use new"; };
	moved { renamed = "new,with,parameters"; };
	mixed { bcm2712; deprecated = "on all others"; };
	nowhere { };
};
"""
MAPPED = {
    "disable-bt": {"bcm2835": True, "bcm2711": True, "bcm2712": "disable-bt-pi5"},
    "only-pi4": {"bcm2711": True},
    "empty-text": {"bcm2711": True},
    "old": {"deprecated": "use new"},
    "moved": {"renamed": "new,with,parameters"},
    "mixed": {"bcm2712": True, "deprecated": "on all others"},
    "nowhere": {},
}


@needs_dtc
def test_overlay_map() -> None:
    assert fdt.overlay_map(compiled(MAP)) == MAPPED


def test_overlay_map_with_what_does_not_belong_there() -> None:
    children = (
        Tree("a", (("phandle", cell(1)), ("name", b"a\0"), ("bcm2711", b"b\0c\0"))),
        Tree("a", (("bcm2835", b""),)),
    )
    assert fdt.overlay_map(fdt.parse(writer.blob(Tree("", (), children)))) == {"a": {"bcm2711": "b"}}
