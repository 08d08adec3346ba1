"""Names in /sys and /proc after all their links, part by part: the kernel's trees say most by where a link leads."""

from typing import List, Optional

from scmguard.device.facts import Unknown
from scmguard.folder import Folder, Unreadable

_MOST_LINKS = 40
_LONGEST = 1000


def real(files: Folder, name: str) -> Optional[str]:
    """The name of a file or folder without any link in it; None where there is none. Raises :class:`Unknown`."""
    todo = [part for part in name.split("/") if part not in ("", ".")][::-1]
    done: List[str] = []
    links = 0
    try:
        while todo:
            part = todo.pop()
            if part == "..":
                del done[-1:]
                continue
            target = files.link("/".join([*done, part]))
            if target is None:
                done.append(part)
                continue
            links += 1
            if links > _MOST_LINKS:
                raise Unknown("/{} is a link that leads in a circle".format(name))
            if target.startswith("/"):
                done.clear()
            todo += [each for each in target.split("/") if each not in ("", ".")][::-1]
        return "/".join(done) if files.exists("/".join(done)) else None
    except Unreadable as error:
        raise Unknown(said(error)) from None


def text(files: Folder, name: str) -> Optional[str]:
    """A small file as text, without the line end or NUL at its end; None where there is none. Raises Unknown."""
    data = raw(files, name)
    return None if data is None else data.decode("utf-8", "replace").rstrip("\0\n")


def raw(files: Folder, name: str) -> Optional[bytes]:
    """A file's bytes, after all links; None where there is none. Raises :class:`Unknown`."""
    place = real(files, name)
    if not place:
        return None
    try:
        return files.read(place)
    except Unreadable as error:
        raise Unknown(said(error)) from None


def names(files: Folder, name: str) -> List[str]:
    """The names in a folder, after all links; none where there is no such folder. Raises :class:`Unknown`."""
    place = real(files, name)
    if place is None:
        return []
    try:
        return files.names(place)
    except Unreadable as error:
        raise Unknown(said(error)) from None


def needed(files: Folder, name: str) -> str:
    """A file's text, where nothing can be said without it. Raises :class:`Unknown`."""
    found = text(files, name)
    if found is None:
        raise Unknown("there is no /{}".format(name))
    return found


def is_text(text: str) -> bool:
    """Whether a value is a line of text that somebody meant: not blank, not of undecodable bytes, not endless."""
    return bool(text.strip()) and text.isprintable() and "\ufffd" not in text and len(text) <= _LONGEST


def decimal(text: str) -> Optional[int]:
    """A number of at most 18 digits; None for anything else, also for what ``int`` would take ("1_0")."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None


def said(error: Unreadable) -> str:
    """What could not be read and why, as a clause."""
    return "{}: {}".format(error.path, error.reason)
