"""Boot: the files that take part in booting, loaded when they are asked for.

Files are reached through :class:`Folder`; where they really are (a directory, a dictionary, later a git index or a
package) is the business of :mod:`scmguard.inputs`. Names are relative to the folder, with ``/`` between parts.
"""

import os.path
from typing import Dict, FrozenSet, List, Mapping, Optional, Tuple

from scmguard.parse.config_txt import Document
from scmguard.text import Source


class Unreadable(Exception):
    """A file that is there and cannot be used: its path, and why. A user's error, in one line."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__("{}: {}".format(path, reason))
        self.path = path
        self.reason = reason


class Folder:
    """Files by name. ``path`` is how people know the folder; ``label`` puts it before a name."""

    path: str = ""

    def read(self, name: str) -> Optional[bytes]:
        """A file's bytes, or None where there is no such file. Raises :class:`Unreadable`."""
        raise NotImplementedError

    def names(self, folder: str = "") -> List[str]:
        """The names in a folder, sorted; none where there is no such folder. Raises :class:`Unreadable`."""
        raise NotImplementedError

    def exists(self, name: str) -> bool:
        """Whether there is a file or folder of that name. Raises :class:`Unreadable`."""
        raise NotImplementedError

    def link(self, name: str) -> Optional[str]:
        """Where a symbolic link points, as it is written; None for what is no link."""
        return None

    def source(self, name: str) -> Optional[Source]:
        """A file's text, or None where there is no such file. Raises :class:`Unreadable`."""
        data = self.read(name)
        return None if data is None else Source(self.label(name), data)

    def label(self, name: str) -> str:
        """The path of a file, for people."""
        return os.path.join(self.path, name) if self.path not in ("", ".") else name


class MemoryFolder(Folder):
    """Files given as a mapping from name to bytes. Links are names whose target is in ``links``."""

    def __init__(self, files: Mapping[str, bytes], path: str = "", links: Optional[Mapping[str, str]] = None) -> None:
        self.files = dict(files)
        self.path = path
        self.links = dict(links or {})

    def read(self, name: str) -> Optional[bytes]:
        return self.files.get(name.strip("/"))

    def names(self, folder: str = "") -> List[str]:
        prefix = folder.strip("/") + "/" if folder.strip("/") else ""
        every = list(self.files) + list(self.links)
        return sorted({name[len(prefix) :].split("/")[0] for name in every if name.startswith(prefix)})

    def exists(self, name: str) -> bool:
        name = name.strip("/")
        return name in self.files or name in self.links or bool(self.names(name))

    def link(self, name: str) -> Optional[str]:
        return self.links.get(name.strip("/"))


# What only a real boot partition carries; a folder in an image repository has the text files alone.
_BINARIES = (".dtb", ".elf", ".bin")
#: Names under which the configuration of the bootloader in the EEPROM is kept.
BOOTCONF_NAMES = ("bootconf.txt", "boot.conf")

_KERNELS = ("kernel", "vmlinuz", "zImage", "Image")


class Boot:
    """A boot partition, and the root file system that belongs to it where one is known.

    ``single`` is set when one file was given and not a folder: then only ``start`` (or the command line) is judged,
    and the folder serves for its includes. ``notes`` says what was done to get here, for people.
    """

    def __init__(
        self,
        files: Folder,
        root: Optional[Folder] = None,
        start: str = "config.txt",
        single: str = "",
        notes: Tuple[str, ...] = (),
    ) -> None:
        self.files = files
        self.root = root
        self.start = start
        self.single = single
        self.notes = notes
        #: Files that could not be read and were taken for missing: their rules have not seen them.
        self.problems: List[Unreadable] = []
        self._documents: Dict[str, Optional[Document]] = {}
        self._binaries: Optional[bool] = None
        self._bootconf: Optional[str] = None
        self._top: Optional[FrozenSet[str]] = None

    @property
    def has_config(self) -> bool:
        """Whether config.txt is among what is judged (a missing file in a boot folder is: it is empty then)."""
        return self.single in ("", "config.txt", "tryboot.txt")

    @property
    def has_cmdline(self) -> bool:
        """Whether the kernel command line is among what is judged."""
        return self.single in ("", "cmdline.txt")

    @property
    def bootconf(self) -> str:
        """The name of the file with the EEPROM's configuration; empty where there is none.

        ``bootconf.txt`` inside an EEPROM image and in Raspberry Pi's tools, ``boot.conf`` in usbboot's folders.
        """
        if self._bootconf is None:
            names = (self.single,) if self.single in BOOTCONF_NAMES else () if self.single else BOOTCONF_NAMES
            self._bootconf = next((name for name in names if self.exists(name)), "")
        return self._bootconf

    @property
    def has_binaries(self) -> bool:
        """Whether the folder carries firmware, kernels or device trees, so that a missing one means something."""
        if self._binaries is None:
            self._binaries = any(name.endswith(_BINARIES) or name.startswith(_KERNELS) for name in self.files.names())
        return self._binaries

    def document(self, name: str) -> Optional[Document]:
        """A file of config.txt's format, parsed; None where there is none.

        Raises :class:`Unreadable` for the first file; another that cannot be read goes to ``problems`` and counts as
        none.
        """
        name = name.strip("/")
        if name not in self._documents:
            data = None
            try:
                data = self.files.read(name) if name else None
            except Unreadable as error:
                if name in (self.start, self.single):
                    raise
                self.problems.append(error)
            self._documents[name] = None if data is None else Document(Source(self.files.label(name), data))
        return self._documents[name]

    def source(self, name: str) -> Optional[Source]:
        """A file's text, as :meth:`document` finds it."""
        document = self.document(name)
        return None if document is None else document.source

    def exists(self, name: str) -> bool:
        """Whether the boot partition has a file or folder of that name."""
        name = name.strip("/")
        # Most files that are asked for are not there; a listing answers for all of them.
        if name and not self.single and "/" not in name and name not in self._top_names():
            return False
        return self.files.exists(name)

    def _top_names(self) -> FrozenSet[str]:
        if self._top is None:
            self._top = frozenset(self.files.names())
        return self._top
