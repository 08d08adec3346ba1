"""Who called: the programs above a hook, and whether anybody watches.

Source: proc(5); what apt and dpkg of bullseye, bookworm and trixie gave to their hooks when it was tried (a hook of
dpkg's under apt has apt's own terminal, so that nothing may be asked there).
"""

import os
from typing import List, NamedTuple, Optional, Tuple

_DEEPEST = 12
_INTERPRETERS = ("python", "sh", "dash", "bash", "perl")
# What stands between a hook and the program that runs it.
_BETWEEN = frozenset(["sh", "dash", "bash", "timeout", "apt-hook"])


class Process(NamedTuple):
    """A running program: its number, when it started (in the kernel's ticks), its words, and its folder."""

    pid: int
    started: int
    words: Tuple[str, ...]
    folder: str = "/"

    @property
    def name(self) -> str:
        """The program's name; a script's where it is one of Python's or a shell's."""
        names = [os.path.basename(word) for word in self.words]
        if names and names[0].rstrip("0123456789.") in _INTERPRETERS and self.words[1:2] != ("-c",):
            return next((name for name in names[1:] if not name.startswith("-")), names[0])
        return names[0] if names else ""


def started(pid: int) -> int:
    """When a process was started, in ticks since the boot; 0 where none of that number runs any more."""
    try:
        with open("/proc/{}/stat".format(pid), encoding="utf-8", errors="replace") as stream:
            fields = stream.read().rpartition(")")[2].split()
        # One that has ended and that nobody has asked about yet (a zombie) is still listed.
        return 0 if fields[0] in ("Z", "X") else int(fields[19])
    except (OSError, IndexError, ValueError):
        return 0


def above(pid: int) -> List[Process]:
    """The processes above one, the nearest first, as far as they can be seen."""
    found: List[Process] = []
    for _ in range(_DEEPEST):
        try:
            with open("/proc/{}/stat".format(pid), encoding="utf-8", errors="replace") as stream:
                pid = int(stream.read().rpartition(")")[2].split()[1])
            if pid <= 0:
                break
            with open("/proc/{}/cmdline".format(pid), "rb") as stream:
                line = stream.read().decode("utf-8", "surrogateescape")
            # A program that writes its own line there may leave out the last end.
            words = tuple((line[:-1] if line.endswith("\0") else line).split("\0")) if line else ()
            found.append(Process(pid, started(pid), words, _folder(pid)))
        except (OSError, IndexError, ValueError):
            break
    return found


def _folder(pid: int) -> str:
    try:
        return os.readlink("/proc/{}/cwd".format(pid))
    except OSError:  # of another user's, or one that is ending
        return "/"


def owner(processes: List[Process]) -> Optional[Process]:
    """The program that runs the hook: apt, dpkg, or what uses apt's library."""
    return next((process for process in processes if process.name not in _BETWEEN), None)


def unattended(callers: List[Process]) -> str:
    """How it is known that nobody watches; empty where somebody does."""
    for caller in callers:
        if caller.name in ("unattended-upgrade", "unattended-upgrades"):
            return "unattended-upgrade runs it"
        if caller.name in ("apt.systemd.daily", "packagekitd", "cron", "anacron", "crond"):
            return "{} runs it".format(caller.name)
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return "it has no terminal"
    return ""
