"""The scripts of a root file system that may take part in making the initramfs: hooks, jobs, and what these call.

Sources: Debian kernel handbook, chapter 8; run-parts(8): names of letters, digits, dashes and underscores, and what is
not executable is passed over; cron(8), for the folders of its jobs.
"""

import re
from typing import Dict, Iterator, NamedTuple, Optional, Tuple

from scmguard.folder import Folder, Unreadable
from scmguard.initramfs.runparts import takes_name
from scmguard.initramfs.tools import Entry
from scmguard.parse.initramfs_sh import Script, read_script

_CRON = ("etc/cron.hourly", "etc/cron.daily", "etc/cron.weekly", "etc/cron.monthly")
# Where programs are found that are called by their names, in the order of root's PATH.
_PATH = ("usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin")
# Where people put scripts that somebody starts by hand, or that their hooks call.
_BY_HAND = ("usr/local/sbin", "usr/local/bin", "usr/sbin", "sbin")
_SHEBANG = re.compile(rb"#![ \t]*(?:/usr)?/bin/(?:env[ \t]+)?(?:ba|da|a)?sh\b")
_TOPIC = re.compile(rb"initramfs|initrd|dracut")
_LARGEST = 256 * 1024
_HEAD = 64
# Words that are no programs' names, or those of programs that are no scripts, so that no file has to be looked at.
_NO_SCRIPTS = frozenset(
    ["[", ":", ".", "basename", "break", "cat", "cd", "chmod", "chown", "continue", "cp", "cut", "date", "dd", "df"]
    + [
        "dirname",
        "dpkg",
        "echo",
        "eval",
        "exit",
        "export",
        "expr",
        "false",
        "find",
        "grep",
        "head",
        "id",
        "ln",
        "local",
    ]
    + ["logger", "ls", "mkdir", "mktemp", "mount", "mountpoint", "mv", "printf", "pwd", "read", "readlink", "return"]
    + ["rm", "rmdir", "sed", "set", "shift", "sleep", "sort", "stat", "sync", "tail", "tar", "tee", "test", "touch"]
    + ["tr", "trap", "true", "umask", "umount", "uname", "unset", "wc", "xargs", "awk", "gzip"]
)
#: The programs that make images; they are not looked into.
BUILDERS = frozenset(["update-initramfs", "mkinitramfs", "dracut"])


class BuildScript(NamedTuple):
    """A shell script: its path in the root folder, and who runs it (``kernel``, ``cron`` or ``hand``)."""

    path: str
    script: Script
    runs: str


class BuildScripts:
    """The scripts of one root file system, each looked up and read once. Everything may raise Unreadable."""

    def __init__(self, root: Folder, run_parts: Tuple[Entry, ...], hooks: Tuple[Entry, ...]) -> None:
        self.root = root
        self._entries = (*run_parts, *(entry for entry in hooks if not entry.packaged))
        self._called: Dict[str, Optional[BuildScript]] = {}

    def starts(self) -> Iterator[BuildScript]:
        """The scripts to begin with: hooks of kernels and of initramfs-tools, jobs of cron, and helpers for those."""
        for entry in self._entries:
            found = self._read(entry.path, "kernel") if entry.is_taken else None
            if found is not None:
                yield found
        for folder in _CRON:
            for name in self.root.names(folder):
                found = self._read("{}/{}".format(folder, name), "cron") if takes_name(name) else None
                if found is not None:
                    yield found
        for folder in _BY_HAND:
            # On a merged root sbin is usr/sbin once more.
            for name in self.root.names(folder) if self.root.link(folder) is None else ():
                found = self._read("{}/{}".format(folder, name), "hand", about=_TOPIC) if name not in BUILDERS else None
                if found is not None:
                    yield found

    def called(self, name: str) -> Optional[BuildScript]:
        """The script that a command of that name starts; None for what is none. Raises nothing."""
        if name in _NO_SCRIPTS or name.rpartition("/")[2] in BUILDERS or not name.isprintable():
            return None
        if name not in self._called:
            self._called[name] = self._find(name)
        return self._called[name]

    def _find(self, name: str) -> Optional[BuildScript]:
        if "/" in name:
            path = name.strip("/")
            places = [path] if name.startswith("/") and path.startswith((*_PATH, "opt/")) else []
        else:
            places = ["{}/{}".format(folder, name) for folder in _PATH]
        for place in places:
            try:
                if self.root.exists(place):
                    return self._read(place, "hand")
            except Unreadable:
                return None
        return None

    def _read(self, path: str, runs: str, about: "Optional[re.Pattern[bytes]]" = None) -> Optional[BuildScript]:
        """The file if it is an executable shell script; with ``about`` if those bytes are in it as well."""
        status = self.root.status(path)
        if status is None or not status.is_executable or status.size > _LARGEST:
            return None
        content = self.root.content(path)
        if content is None:
            return None
        with content:
            try:
                if _SHEBANG.match(content.pread(_HEAD, 0)) is None:
                    return None
                data = content.pread(_LARGEST, 0)
            except OSError as error:
                raise Unreadable(self.root.label(path), (error.strerror or str(error)).lower()) from None
        if about is not None and about.search(data) is None:
            return None
        return BuildScript(path, read_script(self.root.label(path), data), runs)
