"""Boot: the files that take part in booting, loaded when they are asked for."""

from typing import Any, Dict, FrozenSet, List, Optional, Tuple

from scmguard.folder import Folder, Unreadable
from scmguard.parse.config_txt import Document
from scmguard.text import Source

# What only a real boot partition carries; a folder in an image repository has the text files alone.
_BINARIES = (".dtb", ".elf", ".bin")
#: Names under which the configuration of the bootloader in the EEPROM is kept.
BOOTCONF_NAMES = ("bootconf.txt", "boot.conf")

_KERNELS = ("kernel", "vmlinuz", "zImage", "Image")


class Boot:
    """A boot partition, and the root file system that belongs to it where one is known.

    ``single`` is set when one file was given and not a folder: then only ``start`` (or the command line) is judged,
    and the folder serves for its includes. ``notes`` says what was done to get here, for people. ``live`` marks the
    files that the running machine boots from next. ``partial`` says that of the root file system only some files are
    here, which others join later: what is not there says nothing.
    """

    def __init__(
        self,
        files: Folder,
        root: Optional[Folder] = None,
        start: str = "config.txt",
        single: str = "",
        notes: Tuple[str, ...] = (),
        live: bool = False,
        partial: bool = False,
    ) -> None:
        self.files = files
        self.root = root
        self.start = start
        self.single = single
        self.notes = notes
        self.live = live
        self.partial = partial
        #: What was found out about the tree whatever the board, by names that those who keep it choose.
        self.memo: Dict[Any, Any] = {}
        #: Files that could not be read and were taken for missing: their rules have not seen them.
        self.problems: List[Unreadable] = []
        #: Files of :meth:`lend`, by name.
        self.lent: Dict[str, Source] = {}
        self._documents: Dict[str, Optional[Document]] = {}
        self._binaries: Optional[bool] = None
        self._bootconf: Optional[str] = None
        self._top: Optional[FrozenSet[str]] = None

    def with_files(self, files: Folder) -> "Boot":
        """The same tree with other files on its boot partition, nothing of them read yet."""
        return Boot(files, self.root, self.start, self.single, self.notes, self.live, self.partial)

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

    def lend(self, name: str, source: Source) -> None:
        """Puts a file beside those of the tree that is kept elsewhere: the configuration in the EEPROM."""
        self.lent[name] = source
        self._documents[name] = Document(source)
        if name in BOOTCONF_NAMES:
            self._bootconf = name

    def name_of(self, document: Document) -> str:
        """The name on the boot partition of a document; empty for one that stands for a file that is not there."""
        return next((name for name, each in self._documents.items() if each is document), "")

    def read_names(self) -> List[str]:
        """The names of the files that were read so far as documents, and are there."""
        return [name for name, document in self._documents.items() if document is not None]

    def source(self, name: str) -> Optional[Source]:
        """A file's text, as :meth:`document` finds it."""
        document = self.document(name)
        return None if document is None else document.source

    def data(self, name: str) -> Optional[bytes]:
        """A file's bytes, as :meth:`document` found them; it may be another by now."""
        source = self.source(name)
        return None if source is None else source.data

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
