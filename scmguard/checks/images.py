"""The initramfs images that the firmware loads, read, and the releases of the kernels with them.

Everything is read once a tree, whatever the boards. What cannot be read here (no program that unpacks it) is said by
:class:`scmguard.folder.Lacking`, once all that can be judged was judged.
"""

from typing import Callable, Iterator, List, NamedTuple, Optional, Tuple

from scmguard.boot import Boot
from scmguard.checks.base import Context, Hit
from scmguard.effective.worlds import FALSE, Condition
from scmguard.folder import Content, Folder, Lacking, Unreadable
from scmguard.initrd.contents import Contents, read_contents
from scmguard.initrd.model import Trouble
from scmguard.text import Span


class Image(NamedTuple):
    """An image on the boot partition that is loaded in some worlds, and what it holds."""

    name: str
    path: str
    when: Condition
    contents: Contents

    @property
    def span(self) -> Span:
        """The image as a place for findings."""
        return Span(self.path)


def contents_of(boot: Boot, folder: Folder, name: str) -> Contents:
    """What the image of that name in a folder holds. Raises Lacking, Unreadable."""
    key = "image", id(folder), name
    if key not in boot.memo:
        boot.memo[key] = _guarded(folder, name, read_contents)
    found: Contents = boot.memo[key]
    unread = found.unread
    if unread is not None and unread.trouble is Trouble.NOT_CHECKED:
        reason = unread.reason.replace("not checked: ", "")
        raise Lacking("initrd", "{} to read {}".format(reason, folder.label(name)))
    return found


def _guarded(folder: Folder, name: str, look: Callable[[Content], object]) -> object:
    content = folder.content(name)
    if content is None:
        raise Unreadable(folder.label(name), "no such file")
    with content:
        try:
            return look(content)
        except OSError as error:
            raise Unreadable(folder.label(name), (error.strerror or str(error)).lower()) from None


def each_image(context: Context, judge: Callable[[Image], Iterator[Hit]], damaged: bool = False) -> Iterator[Hit]:
    """What ``judge`` says of each image that is loaded. Damaged ones only with ``damaged``: they do not hold all.

    Raises Lacking in the end, where one could not be read here or is damaged.
    """
    lacking: Optional[Lacking] = None
    for name, when in context.images.items():
        path = context.boot.files.label(name)
        try:
            contents = contents_of(context.boot, context.boot.files, name)
            if contents.unread is not None and not damaged:
                raise Lacking("initrd", "needs {} whole".format(path))
            yield from judge(Image(name, path, when, contents))
        except Lacking as error:
            lacking = error
    if lacking is not None:
        raise lacking


def kernel_releases(context: Context) -> List[Tuple[str, Condition, Optional[str]]]:
    """The kernels on the boot partition that the firmware may load: name, worlds, release.

    The release is None for what is not Linux, or shows no banner. Raises Lacking, Unreadable.
    """
    boot = context.boot
    found: List[Tuple[str, Condition, Optional[str]]] = []
    if boot.single or not boot.has_binaries:
        return found
    for when, choice in context.files.kernel:
        for name in choice.names:
            if when != FALSE and boot.exists(name):
                found.append((name, when, release_of(boot, boot.files, name)))
                break
    return found


def release_of(boot: Boot, folder: Folder, name: str) -> Optional[str]:
    """The release of the kernel in a file; None where none is found. Raises Lacking, Unreadable."""
    from scmguard import kernelimage

    key = "kernel", id(folder), name
    if key not in boot.memo:
        boot.memo[key] = _guarded(folder, name, lambda content: kernelimage.release(content, folder.label(name)))
    found: Optional[str] = boot.memo[key]
    return found
