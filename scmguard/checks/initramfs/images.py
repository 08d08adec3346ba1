"""The initramfs images that the firmware loads, read, and the releases of the kernels with them.

Everything is read once a tree, whatever the boards. What cannot be read here (no program that unpacks it) is said by
:class:`scmguard.folder.Lacking`, once all that can be judged was judged.
"""

from typing import Callable, Iterator, List, NamedTuple, Optional, Sequence, Tuple, TypeVar

from scmguard.boot import Boot
from scmguard.checks.base import Context, Hit
from scmguard.effective.worlds import FALSE, Condition
from scmguard.folder import Content, Folder, Lacking, Unreadable
from scmguard.initrd.contents import Contents, read_contents
from scmguard.initrd.model import Trouble
from scmguard.rootfs.kernels import Release
from scmguard.rootfs.modules import Modules
from scmguard.text import Span

T = TypeVar("T")


class Image(NamedTuple):
    """An image that is loaded in some worlds: the names of its files, their path for people, and what it holds."""

    names: Tuple[str, ...]
    path: str
    when: Condition
    contents: Contents

    @property
    def span(self) -> Span:
        """The image as a place for findings."""
        return Span(self.path)

    @property
    def is_initramfs_tools(self) -> bool:
        """Whether initramfs-tools made it, so that what is missing in it can be told."""
        return self.contents.find("conf/arch.conf") is not None and self.contents.find("scripts/functions") is not None


def with_content(folder: Folder, names: Sequence[str], look: Callable[[Content], T]) -> T:
    """What ``look`` makes of files put one behind the other. Raises Unreadable, and what ``look`` raises."""
    parts: List[Content] = []
    label = folder.label(names[0])
    try:
        for name in names:
            part = folder.content(name)
            if part is None:
                raise Unreadable(folder.label(name), "no such file")
            parts.append(part)
        return look(Content.joined(parts))
    except OSError as error:
        raise Unreadable(label, (error.strerror or str(error)).lower()) from None
    finally:
        for part in parts:
            part.close()


def contents_of(boot: Boot, folder: Folder, names: Tuple[str, ...]) -> Contents:
    """What the image of those files in a folder of the tree holds. Raises Lacking, Unreadable."""
    key = "image", id(folder), names
    if key not in boot.memo:
        boot.memo[key] = with_content(folder, names, read_contents)
    found: Contents = boot.memo[key]
    unread = found.unread
    if unread is not None and unread.trouble is Trouble.NOT_CHECKED:
        reason = unread.reason.replace("not checked: ", "")
        raise Lacking("initrd", "{} to read {}".format(reason, folder.label(names[0])))
    return found


def each_image(context: Context, judge: Callable[[Image], Iterator[Hit]], damaged: bool = False) -> Iterator[Hit]:
    """What ``judge`` says of each image that is loaded. Damaged ones only with ``damaged``: they do not hold all.

    Raises Lacking in the end, where one could not be read here or is damaged; Unreadable.
    """
    lacking: Optional[Lacking] = None
    for names, when in context.images.items():
        path = context.boot.files.label(names[0])
        try:
            contents = contents_of(context.boot, context.boot.files, names)
            if contents.unread is not None and not damaged:
                raise Lacking("initrd", "needs {} whole".format(path))
            yield from judge(Image(names, path, when, contents))
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
        label = folder.label(name)
        boot.memo[key] = with_content(folder, (name,), lambda content: kernelimage.release(content, label))
    found: Optional[str] = boot.memo[key]
    return found


class Present:
    """The modules that a kernel has once an image is unpacked: those in it, and those that are built in.

    ``builtin_known`` is false where no modules.builtin is in the image or on the root file system: then nothing can be
    said of what is not in the image.
    """

    def __init__(self, contents: Contents, release: str, installed: Optional[Modules]) -> None:
        own = Modules(release, lambda name: contents.table(release, name))
        self.release = release
        self.loadable = contents.modules.get(release, frozenset())
        builtin = own.builtin if own.builtin is not None else installed.builtin if installed is not None else None
        self.builtin_known = builtin is not None
        self._builtin = builtin or frozenset()
        self._installed = installed

    @property
    def installed_known(self) -> bool:
        """Whether the root file system tells which modules the kernel has."""
        return self._installed is not None and self._installed.depends is not None

    def __contains__(self, name: str) -> bool:
        wanted = name.replace("-", "_")
        return wanted in self.loadable or wanted in self._builtin

    def names(self) -> Iterator[str]:
        """All of them."""
        yield from self.loadable
        yield from self._builtin

    def is_missed(self, name: str) -> bool:
        """Whether the kernel has such a module (or may have, where its modules are not known), but not here."""
        if name in self or not self.builtin_known:
            return False
        installed = self._installed
        return installed is None or installed.depends is None or name.replace("-", "_") in installed.depends


def present_modules(context: Context, contents: Contents, release: str) -> Present:
    """The modules of a release in an image, beside those on the root file system. Raises Unreadable."""
    from scmguard.initramfs.facts import facts

    found = facts(context.boot)
    installed: Optional[Modules] = None
    if found is not None:
        match: Optional[Release] = next((each for each in found.releases if each.name == release), None)
        installed = found.modules(match) if match is not None else None
    return Present(contents, release, installed)
