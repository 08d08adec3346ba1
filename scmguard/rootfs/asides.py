"""Names that people and programs give to files which they put aside: copies, what is switched off, notes, rests.

Sources: dpkg(1) (``.dpkg-old``, ``.dpkg-dist``, ``.dpkg-new``, ``.dpkg-tmp``), dpkg-divert(1) (``.distrib``), ucf(1)
(``.ucf-old``, ``.ucf-dist``), patch(1) (``.orig``, ``.rej``), nano(1) (``.save``), GNU coreutils, backup options
(``x~``, ``x.~1~``); the manuals of vim (``.x.swp``) and emacs (``#x#``, ``.#x``).
"""

import re
from typing import Collection, NamedTuple, Optional

_COPY = re.compile(
    r"(.+)\.(?:bak\d*|bck|bkp|backup|old\d*|orig|save|sav|copy|prev|rej|distrib|diverted|dpkg-[a-z]+|ucf-[a-z]+|rpm(?:new|save|orig))\Z",
    re.IGNORECASE,
)
_OFF = re.compile(r"(.+)\.(?:disabled?|deactivated|off|inactive|unused)\Z", re.IGNORECASE)
# Names that are only taken for a copy's where the original is there.
_PERHAPS = re.compile(
    r"(.+?)(?:\.\d{1,14}|\.(?:new|tmp)|[._-]\d{4}-\d\d-\d\d.*|[_-](?:bak|backup|old|orig|save|copy|new|disabled|off)\d*)\Z",
    re.IGNORECASE,
)
_NOTE = re.compile(
    r"(?:README|LICEN[CS]E|COPYING|CHANGELOG|NOTES|TODO)(?:[._-].*)?\Z"
    r"|.+\.(?:txt|md|rst|adoc|html|pdf|example|sample|template|in|patch|diff|dist|skel|conf|log)\Z",
    re.IGNORECASE,
)
# Of file managers.
_COPIES_OF = re.compile(
    r"copy of (.+)\Z"
    r"|(.+?) (?:- )?(?:\((?:\d+|(?:another |\d+[a-z]+ )?copy(?: \d+)?)\)|copy(?: \(?\d+\)?)?|\d+)\Z",
    re.IGNORECASE,
)
_RESTS = re.compile(
    r".*~\Z|#.*#\Z|.*,v\Z|\.#.*|\._.*|\.nfs.*|\..*\.sw[a-z]\Z"
    r"|\.(?:git.*|hg.*|svn|bzr.*|cvsignore|keep(?:me)?|placeholder|directory|DS_Store|editorconfig|empty)\Z"
)


class Aside(NamedTuple):
    """What a name says: that the file is a ``copy`` of another or is switched ``off``; and the original's name."""

    kind: str
    original: str


def aside(name: str, beside: Collection[str] = ()) -> Optional[Aside]:
    """What the suffix of a name says; None for other names. ``beside`` are the names that originals are known by.

    A number or a word behind a dash says something only where the original is beside it.
    """
    for kind, form in (("copy", _COPY), ("off", _OFF), ("copy", _PERHAPS)):
        match = form.match(name)
        if match is not None and (form is not _PERHAPS or match.group(1) in beside):
            return Aside(kind, match.group(1))
    return None


def is_note(name: str) -> bool:
    """Whether a file of that name is for people to read."""
    return _NOTE.match(name) is not None


def is_rest(name: str, beside: Collection[str] = ()) -> bool:
    """Whether a name is one that nobody expects to be run: what editors and tools leave, keep, or copy."""
    if _RESTS.match(name) or aside(name, beside) is not None:
        return True
    match = _COPIES_OF.match(name)
    return match is not None and (match.group(1) or match.group(2)) in beside
