"""Whether what a fix goes by may be filled in: files that are templates of others."""

import re
from typing import Dict, Optional

from scmguard.boot import Boot
from scmguard.repository.templates import Template

# Fixes that take lines for needless, or put them together, because of what the whole of the files says.
_OF_ALL_LINES = frozenset(["cmdline-not-one-line", "duplicate-overlay", "inert-setting"])
# No file that is none of a template has these in it.
_MARKS = (b"{{", b"{%", b"{#", b"@", b"$", b"%", b"__", b"ROOT", b"DEV", b"IMGID")
_IN_LINE = re.compile(r"\{\{|\{%|\{#|#\}|\$\{|<%")


def depends_on_template(boot: Boot, rule: str, name: str, line: int) -> bool:
    """Whether a fix for a finding of that rule, in that line of a file, depends on what a template leaves open."""
    if rule in _OF_ALL_LINES and any(_template(boot, each) is not None for each in boot.read_names()):
        return True
    source, own = boot.source(name), _template(boot, name)
    if source is not None and _IN_LINE.search(source.line_text(line)):
        return True
    if own is None or line not in own.lines:
        return own is not None and bool(own.broken)
    return own.lines[line].free or bool(own.lines[line].holes)


def _template(boot: Boot, name: str) -> Optional[Template]:
    known: Dict[str, Optional[Template]] = boot.memo.setdefault("templates", {})
    if name not in known:
        source, found = boot.source(name), None
        if source is not None and any(mark in source.data for mark in _MARKS):
            from scmguard.repository.templateparser import template  # few files are templates

            found = template(source.path, source.data, "cmdline" in name)
        known[name] = found
    return known[name]
