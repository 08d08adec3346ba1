"""A rule's examples as boot trees, for tests and for the rule's page."""

from typing import Any, Dict, List, Mapping, Sequence, Tuple

from scmguard.boot import Boot, MemoryFolder
from scmguard.effective.board import BOARDS
from scmguard.fdt_writer import Tree, blob, cell
from scmguard.finding import Finding
from scmguard.lint import Job
from scmguard.lint import run as lint
from scmguard.rulebook import Profile, Rule


def _device_tree(overrides: Sequence[str], overlay_map: Mapping[str, Mapping[str, Any]]) -> bytes:
    """A small flattened device tree: with those parameters, or an overlay map in the catalogue's form."""
    nodes = [
        Tree(name, tuple((key, b"" if value is True else str(value).encode() + b"\0") for key, value in row.items()))
        for name, row in overlay_map.items()
    ]
    if overrides:
        nodes.append(Tree("__overrides__", tuple((name, cell(0) + b"\0") for name in overrides)))
    return blob(Tree("", (), tuple(nodes)))


def boot_of(example: Mapping[str, Any]) -> Boot:
    """The boot tree of an example: ``files`` on the boot partition, ``root`` and ``links`` on the root file system."""
    files = {name: _bytes(content) for name, content in example.get("files", {}).items()}
    root = None
    if "root" in example or "links" in example:
        contents = {name: _bytes(content) for name, content in example.get("root", {}).items()}
        root = MemoryFolder(contents, links=example.get("links", {}))
    return Boot(MemoryFolder(files), root)


def shown(content: Any) -> str:
    """The content of an example's file, for people: device trees and long files in words."""
    if not isinstance(content, dict):
        return str(content)
    if "times" in content:
        filling = "({} times {!r})".format(content["times"], str(content["fill"]))
        return "{}{}{}".format(content.get("start", ""), filling, content.get("then", ""))
    if "map" in content:
        return "(an overlay map of {})".format(", ".join(content["map"]))
    return "(a device tree with the parameters {})".format(", ".join(content.get("parameters", ())))


def _bytes(content: Any) -> bytes:
    if isinstance(content, dict) and "times" in content:  # a long file: {start, fill, times, then}
        parts = content.get("start", ""), str(content["fill"]) * int(content["times"]), content.get("then", "")
        return _bytes("".join(parts))
    if isinstance(content, dict):  # a device tree: {parameters: [NAME, …]} or {map: {OVERLAY: {…}}}
        return _device_tree(content.get("parameters", ()), content.get("map", {}))
    # Characters up to U+00FF stand for bytes where the text would not be what is meant: "\xff" in a YAML string.
    text = str(content)
    return text.encode("latin-1") if any("\x80" <= char <= "\xff" for char in text) else text.encode("utf-8")


def job_of(rule: Rule, example: Mapping[str, Any], profiles: Mapping[str, Profile]) -> Job:
    """The rule alone, on the example's boards: those of ``board`` (a name or a list), or the profile's."""
    fallback = "scm" if "scm" in rule.profiles or "all" in rule.profiles else rule.profiles[0]
    profile = profiles[example.get("profile", fallback)]
    boards = example.get("board", profile.board)
    names = [boards] if isinstance(boards, str) else boards
    applies: Tuple[Rule, ...] = (rule,) if rule.applies_to(profile.name) else ()
    return Job(applies, tuple(BOARDS[name] for name in names), profile.name, profile.parameters)


def findings(rule: Rule, example: Mapping[str, Any], profiles: Mapping[str, Profile]) -> List[Finding]:
    """What the rule finds in an example."""
    return lint(job_of(rule, example, profiles), boot_of(example)).findings


def expected(text: str) -> Tuple[str, int, str]:
    """``path:line: start of the message`` (``path: …`` for a file as a whole, then line 0), taken apart."""
    place, _, message = text.partition(": ")
    path, _, line = place.rpartition(":")
    if path and line.isdigit():
        return path, int(line), message
    return place, 0, message


def cases(rule: Rule) -> Dict[str, Tuple[bool, Mapping[str, Any]]]:
    """All examples of a rule, by a name for people; True marks the bad ones."""
    found: Dict[str, Tuple[bool, Mapping[str, Any]]] = {}
    for kind in ("bad", "good"):
        for example in rule.examples[kind]:
            found["{} {}: {}".format(rule.id, kind, example["name"])] = (kind == "bad", example)
    return found
