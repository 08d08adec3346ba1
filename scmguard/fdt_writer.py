"""Writes flattened device trees, right ones and wrong ones, for rules' examples and for tests.

With nothing but the specification in hand (see :mod:`scmguard.fdt`, which shares no code with this).
"""

import struct
from typing import Any, Dict, NamedTuple, Tuple

BEGIN_NODE, END_NODE, PROP, NOP, END = 1, 2, 3, 4, 9


class Tree(NamedTuple):
    """A node to write; ``properties`` and ``children`` in order, duplicates allowed."""

    name: str
    properties: Tuple[Tuple[str, bytes], ...] = ()
    children: Tuple[Any, ...] = ()


def cell(*numbers: int) -> bytes:
    """Numbers as cells of 32 bits."""
    return struct.pack(">{}I".format(len(numbers)), *numbers)


def padded(data: bytes) -> bytes:
    """Bytes filled up to whole cells."""
    return data + b"\0" * (-len(data) % 4)


def tokens(tree: Tree, strings: Dict[str, int]) -> bytes:
    """The structure block without its end token; ``strings`` receives the names of properties with their offsets."""
    out = cell(BEGIN_NODE) + padded(tree.name.encode() + b"\0")
    for name, value in tree.properties:
        at = strings.setdefault(name, sum(len(one.encode()) + 1 for one in strings))
        out += cell(PROP, len(value), at) + padded(value)
    return out + b"".join(tokens(child, strings) for child in tree.children) + cell(END_NODE)


def joined(structure: bytes, strings: bytes, version: int = 17, compatible: int = 16) -> bytes:
    """A file of two blocks and an empty list of memory reservations."""
    at = 56
    return (
        cell(0xD00DFEED, at + len(structure) + len(strings), at, at + len(structure), 40, version, compatible, 0)
        + cell(len(strings), len(structure))
        + bytes(16)
        + structure
        + strings
    )


def blob(tree: Tree, version: int = 17) -> bytes:
    """The file that a tree makes."""
    strings: Dict[str, int] = {}
    structure = tokens(tree, strings) + cell(END)
    return joined(structure, b"".join(name.encode() + b"\0" for name in strings), version)
