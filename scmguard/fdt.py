"""Flattened device trees: base trees, overlays (``.dtbo``) and the firmware's ``overlay_map.dtb``.

The format is chapter 5 of the Devicetree Specification, v0.4. How names are looked up, what counts as a parameter and
how the overlay map is read is what Raspberry Pi's own merge engine does (raspberrypi/utils, ``dtmerge``, on libfdt).

The bytes are not trusted: whatever they are, :func:`parse` gives a tree or raises :class:`FdtError`, in time and
memory that grow with their number only.
"""

import re
import struct
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

MAGIC = 0xD00DFEED
# arch/arm64 takes no tree larger than this (MAX_FDT_SIZE), and drivers/of/fdt.c none that is nested deeper.
MOST_BYTES = 2 * 1024 * 1024
MOST_DEPTH = 64
MOST_NODES = 65536
# The specification allows 31 characters in a name; names in use are longer, but not by much. Names are slices that
# may overlap in the file, so without a limit a small file could ask for gigabytes.
MOST_NAME = 255

_HEADER = struct.Struct(">9I")
_CELL = struct.Struct(">I")
_PROPERTY = struct.Struct(">II")
_BEGIN_NODE, _END_NODE, _PROP, _NOP, _END = 1, 2, 3, 4, 9


class FdtError(ValueError):
    """The bytes are no flattened device tree; the message is one line and says why."""


def _text(data: bytes) -> str:
    """As everywhere here: what is not UTF-8 is kept as lone surrogates."""
    return data.decode("utf-8", "surrogateescape")


class Node(NamedTuple):
    """A node: its name with unit address (the root's is empty), properties and children in the order of the file.

    Of properties with the same name the first is kept, as only that one can be looked up.
    """

    name: str
    properties: Dict[str, bytes]
    children: List["Node"]

    def child(self, name: str) -> Optional["Node"]:
        """The first child of that name; as in libfdt, a name without unit address stands for one with any."""
        for node in self.children:
            if node.name == name or ("@" not in name and node.name.partition("@")[0] == name):
                return node
        return None

    def at(self, path: str) -> Optional["Node"]:
        """The node at ``path`` (``/soc/serial``) below this one."""
        node: Optional[Node] = self
        for part in path.split("/"):
            if part and node is not None:
                node = node.child(part)
        return node

    def text(self, name: str) -> Optional[str]:
        """A property as text up to its first NUL; None where there is no such property."""
        value = self.properties.get(name)
        return None if value is None else _text(value.partition(b"\0")[0])


class _Blocks(NamedTuple):
    """The two blocks that matter: tokens of the structure block, and names of properties."""

    structure: bytes
    strings: bytes


def parse(data: bytes) -> Node:
    """The root of the tree in ``data``. What follows the tree in the file is not looked at, as in the merge engine."""
    blocks = _blocks(data)
    names: Dict[int, str] = {}
    root: Optional[Node] = None
    open_nodes: List[Node] = []
    nodes = 0
    for token, name, value in _tokens(blocks):
        if token == _BEGIN_NODE:
            nodes += 1
            if nodes > MOST_NODES:
                raise FdtError("more than {} nodes".format(MOST_NODES))
            if len(open_nodes) >= MOST_DEPTH:
                raise FdtError("nodes nested more than {} deep".format(MOST_DEPTH))
            node = Node(_text(value), {}, [])
            if open_nodes:
                open_nodes[-1].children.append(node)
            elif root is None:
                root = node
            else:
                raise FdtError("a second root node")
            open_nodes.append(node)
        elif not open_nodes:
            raise FdtError("a property or the end of a node outside of any node")
        elif token == _END_NODE:
            open_nodes.pop()
        else:
            # The specification puts properties first, and libfdt does not find any that come later.
            if open_nodes[-1].children:
                raise FdtError("a property after a child node")
            if name not in names:
                names[name] = _text(_string(blocks.strings, name, "strings block"))
            open_nodes[-1].properties.setdefault(names[name], value)
    if root is None:
        raise FdtError("no root node")
    if open_nodes:
        raise FdtError("the tree ends inside a node")
    return root


def _blocks(data: bytes) -> _Blocks:
    """What the header says about where the blocks are, held against the size of the file."""
    if len(data) < _HEADER.size + _CELL.size:
        raise FdtError("too short for a device tree: {} bytes".format(len(data)))
    magic, total, structure, strings, reserved, version, compatible, _, size_strings = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise FdtError("not a device tree: it starts with {:08x} in place of {:08x}".format(magic, MAGIC))
    if version < 16 or compatible > 17 or compatible > version:
        raise FdtError("device tree of version {}, compatible with {}; known: 16, 17".format(version, compatible))
    if total > MOST_BYTES:
        raise FdtError("larger than {} bytes: {}".format(MOST_BYTES, total))
    if total > len(data):
        raise FdtError("cut off: {} bytes of {}".format(len(data), total))
    if version > 16:
        (size_structure,) = _CELL.unpack_from(data, _HEADER.size)
        header = _HEADER.size + _CELL.size
    else:  # has no field for the structure's size
        size_structure = max(total - structure, 0)
        header = _HEADER.size
    for name, start, size in (
        ("memory reservation", reserved, 0),
        ("structure", structure, size_structure),
        ("strings", strings, size_strings),
    ):
        if not header <= start <= start + size <= total:
            raise FdtError("the {} block is outside of the tree: {} bytes at {}".format(name, size, start))
    return _Blocks(data[structure : structure + size_structure], data[strings : strings + size_strings])


def _tokens(blocks: _Blocks) -> Iterator[Tuple[int, int, bytes]]:
    """Tokens to the end of the tree: kind, a property's name as an offset, a node's name or a property's value."""
    data = blocks.structure
    at = 0
    try:
        while True:
            (token,) = _CELL.unpack_from(data, at)
            at += 4
            if token == _PROP:
                size, name = _PROPERTY.unpack_from(data, at)
                at += 8
                if size > len(data) - at:
                    raise FdtError("a property of {} bytes where {} are left".format(size, len(data) - at))
                yield token, name, data[at : at + size]
                at += (size + 3) & ~3
            elif token == _BEGIN_NODE:
                value = _string(data, at, "structure block")
                yield token, 0, value
                at += (len(value) + 4) & ~3
            elif token == _END_NODE:
                yield token, 0, b""
            elif token == _END:
                return
            elif token != _NOP:
                raise FdtError("unknown token {} at {} of the structure block".format(token, at - 4))
    except struct.error:
        raise FdtError("the structure block ends without an end token") from None


def _string(data: bytes, at: int, where: str) -> bytes:
    end = data.find(b"\0", at, at + MOST_NAME + 1)
    if end >= 0:
        return data[at:end]
    if at + MOST_NAME < len(data):
        raise FdtError("a name of more than {} characters in the {}".format(MOST_NAME, where))
    raise FdtError("a name that does not end in the {}".format(where))


def parameters(node: Node) -> Dict[str, bytes]:
    """The parameters of an overlay or a base tree: name to what it does, in the engine's encoding.

    The engine knows a parameter where ``/__overrides__`` has a property of exactly that name, whatever is in it; an
    empty one is a parameter that changes nothing. (What is in it may still make the engine give up when the parameter
    is set.) A parameter that an overlay lacks is looked for in the base tree.
    """
    overrides = node.at("/__overrides__")
    return {} if overrides is None else dict(overrides.properties)


# Where the base tree has no alias i2c, the engine makes these of what the tree has before it applies anything.
_SYNONYMS = (
    ("i2c_arm", "i2c0"),
    ("i2c_vc", "i2c1"),
    ("i2c_baudrate", "i2c0_baudrate"),
    ("i2c_arm_baudrate", "i2c0_baudrate"),
    ("i2c_vc_baudrate", "i2c1_baudrate"),
)


def base_parameters(node: Node) -> Dict[str, bytes]:
    """The parameters of a base tree, with those that the engine adds to old trees."""
    found = parameters(node)
    aliases = node.at("/aliases")
    if aliases is None or "i2c" not in aliases.properties:
        for name, source in _SYNONYMS:
            if source in found:
                found[name] = found[source]
    return found


_NOT_A_SOC = re.compile(r"(?:linux,)?phandle|name|compatible")


def overlay_map(node: Node) -> Dict[str, Dict[str, Any]]:
    """An ``overlay_map.dtb``: per overlay, for each SoC true or what to load instead; its new name; why it is gone.

    The engine asks for the SoC first, then for ``renamed``, then for ``deprecated``. An overlay that has none of them
    is not for that SoC, and one that the map lacks loads under its own name.
    """
    found: Dict[str, Dict[str, Any]] = {}
    for overlay in node.children:
        entry: Dict[str, Any] = {}
        for name in overlay.properties:
            value = overlay.text(name)
            if name in ("renamed", "deprecated"):
                entry[name] = value
            elif not _NOT_A_SOC.fullmatch(name):
                entry[name] = value or True
        found.setdefault(overlay.name, entry)
    return found
