"""Where the links of a root file system lead, found in its own files alone.

Sources: path_resolution(7); Debian's merged /usr, where ``bin`` and ``lib`` are links to ``usr/bin`` and ``usr/lib``.
"""

from typing import List, Optional

from scmguard.folder import Folder, Status, Unreadable

_MOST = 40


def after_links(root: Folder, path: str) -> str:
    """The path that a path means once all links in it are followed, whether a file is there or not.

    ``..`` never leaves the root; of links that lead in a circle, the path as it is after some rounds.
    """
    todo = [part for part in reversed(path.split("/")) if part not in ("", ".")]
    done: List[str] = []
    followed = 0
    while todo:
        part = todo.pop()
        if part == "..":
            del done[-1:]
            continue
        target = root.link("/".join([*done, part])) if followed < _MOST else None
        if target is None:
            done.append(part)
            continue
        followed += 1
        if target.startswith("/"):
            done = []
        todo += [each for each in reversed(target.split("/")) if each not in ("", ".")]
    return "/".join(done)


def status_of(root: Folder, path: str) -> Optional[Status]:
    """What is known of a file after links; None where there is none, or where a link leads nowhere or in a circle.

    Raises Unreadable for what is no link.
    """
    try:
        return root.status(path)
    except Unreadable:
        if root.link(path) is None:
            raise
        return None


def is_there(root: Folder, path: str) -> bool:
    """Whether a path leads to something, through whatever links. Raises Unreadable."""
    found = after_links(root, path)
    return bool(found) and root.link(found) is None and root.exists(found)


def is_program(root: Folder, path: str) -> bool:
    """Whether a program is there, in the folder named or in that of the same name below ``usr``. Raises Unreadable."""
    path = path.strip("/")
    return is_there(root, path) or (bool(path) and not path.startswith("usr/") and is_there(root, "usr/" + path))
