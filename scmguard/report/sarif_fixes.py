"""What would correct a finding as SARIF's fixes: edits of whole lines as replacements of regions.

Text regions wherever they can say it. SARIF's text has no byte order mark in it, and no bytes that are no UTF-8: what
is about those is said in bytes.
"""

from base64 import b64encode
from typing import Any, Dict, List, Optional, Tuple

from scmguard.boot import Boot
from scmguard.finding import Edit, Fix
from scmguard.folder import Unreadable
from scmguard.report.sarif_rules import message
from scmguard.text import BOM, Source, encode

_MARK = BOM.decode("utf-8")


def changes(fix: Fix, boot: Optional[Boot]) -> Optional[List[Any]]:
    """The replacements for each file, as pairs of path and list; None where one of them cannot be said."""
    by_path: Dict[str, List[Dict[str, Any]]] = {}
    sources: Dict[str, Optional[Source]] = {}
    for edit in fix.edits:
        if edit.path not in sources:
            sources[edit.path] = None if boot is None else source_of(boot, edit.path)
        made = replacement(edit, sources[edit.path])
        if made is None:
            return None
        by_path.setdefault(edit.path, []).append(made)
    return list(by_path.items()) or None


def description(fix: Fix) -> Dict[str, str]:
    """What the fix does, and whether somebody has to look at it first."""
    return message(fix.title if fix.safe else "{} (look at it first)".format(fix.title))


def source_of(boot: Boot, path: str) -> Optional[Source]:
    """The file of a tree that people know by ``path``, as it was when it was checked; None where it is not found."""
    prefix = boot.files.path.rstrip("/") + "/"
    inside = path[len(prefix) :] if path.startswith(prefix) else path
    try:
        for name in dict.fromkeys((inside, path, boot.single, boot.start)):
            if name and boot.files.label(name) == path:
                return boot.source(name)
        if boot.root is not None:
            prefix = boot.root.path.rstrip("/") + "/"
            name = path[len(prefix) :] if path.startswith(prefix) else path
            if name and boot.root.label(name) == path:
                return boot.root.source(name)
    except Unreadable:
        return None  # that it cannot be read is in the report already
    return None


def replacement(edit: Edit, source: Optional[Source]) -> Optional[Dict[str, Any]]:
    """An edit as a replacement; None where bytes are needed and the file is not known."""
    text, mark = edit.text, False
    # Only an edit that takes the first line away has to do with the mark, which is before it.
    if edit.line == 1 and edit.end_line > 1:
        mark = source is not None and source.bom
        if text.startswith(_MARK) == mark:
            text = _unmarked(text)
        elif source is not None and _unmarked(text) == _between(source, 1, edit.end_line):
            return _binary(0, len(BOM) if mark else 0, b"" if mark else BOM)
        else:
            return _bytes(edit, source)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return _bytes(edit, source)
    line, column = _position(edit.line, source)
    end_line, end_column = _position(edit.end_line, source)
    made: Dict[str, Any] = {
        "deletedRegion": {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}
    }
    if text:
        made["insertedContent"] = {"text": text}
    return made


def _unmarked(text: str) -> str:
    return text[1:] if text.startswith(_MARK) else text


def _between(source: Source, line: int, end_line: int) -> str:
    return "".join(one.text + one.ending for one in source.lines[line - 1 : end_line - 1])


def _position(line: int, source: Optional[Source]) -> Tuple[int, int]:
    """Where a line begins. One past a last line that nothing ends is not there: that is that line's end."""
    if source is None or line <= len(source.lines):
        return line, 1
    if not source.lines:  # nothing but a byte order mark, which the text does not have
        return 1, 1
    last = source.lines[-1]
    return (last.number + 1, 1) if last.ending else (last.number, len(last.text) + 1)


def _bytes(edit: Edit, source: Optional[Source]) -> Optional[Dict[str, Any]]:
    if source is None:
        return None
    end = _offset(source, edit.end_line)
    # What comes before the first line comes behind the mark.
    start = _offset(source, edit.line) if edit.line < edit.end_line else max(end, len(BOM) if source.bom else 0)
    return _binary(start, max(end - start, 0), encode(edit.text))


def _offset(source: Source, line: int) -> int:
    """The byte at which a line begins; the first one begins with the mark."""
    before = len(encode(_between(source, 1, line)))
    return before + len(BOM) if source.bom and line > 1 else before


def _binary(offset: int, length: int, data: bytes) -> Dict[str, Any]:
    made: Dict[str, Any] = {"deletedRegion": {"byteOffset": offset, "byteLength": length}}
    if data:
        made["insertedContent"] = {"binary": b64encode(data).decode("ascii")}
    return made
