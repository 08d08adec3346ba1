"""The files of a rule's examples: what stands in YAML as bytes, with mode and time, and in words for the rule's page.

A file is text, or a mapping. ``mode: "0644"`` and ``time: SECONDS`` (since 1970) may stand beside one of

* ``text``: as without a mapping
* ``start``, ``fill``, ``times``, ``then``: a long file
* ``parameters: [NAME, …]``: a device tree with these parameters; ``map: {OVERLAY: {…}}``: an overlay map
* ``banner: RELEASE``: a kernel of that release, with ``packed: true`` compressed
* ``elf: [LIBRARY, …]``: a program that asks for these libraries
* ``initrd: {NAME: FILE, …}``: an initramfs image of such files, with ``links: {NAME: TARGET}``; ``bare: true`` leaves
  the compression out, ``cut: N`` the last N bytes, ``built: SECONDS`` is when it was made
"""

import gzip
from typing import Any, Dict, List, Mapping, Optional, Sequence

from scmguard.elf_writer import program
from scmguard.fdt_writer import Tree, blob, cell
from scmguard.folder import Status
from scmguard.initrd.writer import Item, image

_FORMS = ("text", "times", "map", "parameters", "banner", "elf", "initrd")
_WITH = {
    "times": {"start", "fill", "then"},
    "banner": {"packed"},
    "initrd": {"links", "bare", "cut", "built"},
}


def form_of(content: Mapping[str, Any]) -> str:
    """Which of the forms a mapping is. Raises ValueError for none, or for keys that do not belong to it."""
    forms = [form for form in _FORMS if form in content]
    if len(forms) != 1:
        raise ValueError("a file is one of {}".format(", ".join(_FORMS)))
    unknown = set(content) - {forms[0], "mode", "time"} - _WITH.get(forms[0], set())
    if unknown:
        raise ValueError("{}: {} unknown".format(forms[0], ", ".join(sorted(unknown))))
    return forms[0]


def data_of(content: Any) -> bytes:
    """The bytes of a file."""
    if not isinstance(content, dict):
        # Characters up to U+00FF stand for bytes where the text would not be what is meant: "\xff" in a YAML string.
        text = str(content)
        return text.encode("latin-1") if any("\x80" <= char <= "\xff" for char in text) else text.encode("utf-8")
    form = form_of(content)
    if form == "text":
        return data_of(content["text"])
    if form == "times":
        parts = content.get("start", ""), str(content["fill"]) * int(content["times"]), content.get("then", "")
        return data_of("".join(parts))
    if form == "banner":
        data = bytes(64) + "Linux version {} (builder) #1 SMP\n".format(content["banner"]).encode() + bytes(64)
        return gzip.compress(data, 1, mtime=0) if content.get("packed") else data
    if form == "elf":
        return program(content["elf"])
    if form == "initrd":
        return _image(content)
    return _device_tree(content.get("parameters", ()), content.get("map", {}))


def _image(content: Mapping[str, Any]) -> bytes:
    items = [Item(name, data_of(inner), _mode(inner)) for name, inner in content["initrd"].items()]
    items += [Item(name, target=target, mode=0o777) for name, target in content.get("links", {}).items()]
    data = image(items, content.get("built", 0), not content.get("bare"))
    return data[: len(data) - content.get("cut", 0)]


def _mode(content: Any) -> int:
    if isinstance(content, dict) and "mode" in content:
        return int(content["mode"], 8)
    return 0o755 if data_of(content).startswith((b"#!", b"\x7fELF")) else 0o644


def status_of(content: Any) -> Optional[Status]:
    """Mode and time of a file where they are given; None where they are the usual ones."""
    if not isinstance(content, dict) or not {"mode", "time", "elf"} & set(content):
        return None
    return Status("file", _mode(content), 0, int(content.get("time", 0)))


def _device_tree(overrides: Sequence[str], overlay_map: Mapping[str, Mapping[str, Any]]) -> bytes:
    """A small flattened device tree: with those parameters, or an overlay map in the catalogue's form."""
    nodes = [
        Tree(name, tuple((key, b"" if value is True else str(value).encode() + b"\0") for key, value in row.items()))
        for name, row in overlay_map.items()
    ]
    if overrides:
        nodes.append(Tree("__overrides__", tuple((name, cell(0) + b"\0") for name in overrides)))
    return blob(Tree("", (), tuple(nodes)))


def shown(content: Any) -> str:
    """The content of a file, for people: what is no text in words."""
    if not isinstance(content, dict):
        return str(content)
    form = form_of(content)
    said: Dict[str, str] = {
        "text": str(content.get("text")),
        "times": "{}({} times {!r}){}".format(
            content.get("start", ""), content.get("times"), str(content.get("fill")), content.get("then", "")
        ),
        "map": "(an overlay map of {})".format(", ".join(content.get("map", ()))),
        "parameters": "(a device tree with the parameters {})".format(", ".join(content.get("parameters", ()))),
        "banner": "(a kernel, {})".format(content.get("banner")),
        "elf": "(a program that needs {})".format(", ".join(content.get("elf") or ["nothing"])),
    }
    notes: List[str] = ["mode {}".format(content["mode"])] if "mode" in content else []
    notes += ["changed at {}".format(content["time"])] if "time" in content else []
    head = "({})\n".format(", ".join(notes)) if notes else ""
    if form != "initrd":
        return head + said[form]
    return head + "\n".join(_image_lines(content))


def _image_lines(content: Mapping[str, Any]) -> List[str]:
    lines = ["(an initramfs image{})".format(", cut off" if content.get("cut") else "")]
    for name, inner in content["initrd"].items():
        lines.append("  {}:".format(name))
        lines += ["    {}".format(line) for line in shown(inner).splitlines()]
    lines += ["  {} -> {}".format(name, target) for name, target in content.get("links", {}).items()]
    return lines
