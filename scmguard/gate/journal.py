"""Transactions that have begun and not ended, and the log of all that the gate decided.

The log is JSON lines in a file that is only ever added to (logrotate turns it over); each line goes to syslog, too.
"""

import json
import os
import stat
import syslog
import time
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from scmguard import atomic
from scmguard.gate import callers, plain
from scmguard.gate.places import LOG, OPEN

_MOST_READ = 1 << 20


class Entry(NamedTuple):
    """A transaction that was let through: when, for which command, of which process, and whether it was overridden.

    ``owner`` is the number and the start (in ticks since the boot) of the process that runs it.
    """

    id: str
    begun: int
    caller: str
    packages: Tuple[str, ...]
    owner: Tuple[int, int]
    overridden: str = ""

    @property
    def is_running(self) -> bool:
        """Whether the process that runs it is there."""
        pid, started = self.owner
        return started != 0 and callers.started(pid) == started


def new_id() -> str:
    """A name for an entry that no other has."""
    return "{}-{}".format(int(time.time() * 1000), os.getpid())


def begin(entry: Entry, folder: str = OPEN) -> None:
    """Puts an entry on the disk. Raises OSError."""
    os.makedirs(folder, 0o700, exist_ok=True)
    for name in os.listdir(folder):
        if name.startswith(atomic.UNFINISHED):
            os.unlink(os.path.join(folder, name))
    data = json.dumps(entry._asdict(), sort_keys=True).encode("ascii")
    atomic.replace(os.path.join(folder, entry.id + ".json"), [data], 0o600)


def entries(folder: str = OPEN) -> List[Entry]:
    """The entries without an end, the oldest first. One that cannot be read is an entry all the same."""
    found: List[Entry] = []
    with suppress(FileNotFoundError):
        for name in sorted(os.listdir(folder)):
            if not name.endswith(".json"):
                continue
            id = name[: -len(".json")]
            try:
                found.append(_entry(id, json.loads(plain.read(os.path.join(folder, name)))))
            except (OSError, ValueError, TypeError, KeyError, RecursionError):
                found.append(Entry(id, 0, "a transaction whose entry is damaged", (), (0, 0)))
    return sorted(found, key=lambda entry: entry.begun)


def _entry(id: str, data: Any) -> Entry:
    """An entry as it was written. Raises ValueError, TypeError, KeyError for what is none."""
    pid, started = data["owner"]
    # Its end is that of its file, whatever is in there.
    entry = Entry(**{**data, "id": id, "packages": tuple(data["packages"]), "owner": (pid, started)})
    values = (entry.begun, pid, started, entry.caller, entry.overridden)
    if [type(value) for value in values] != [int, int, int, str, str]:
        raise ValueError(id)
    return entry


def end(entry: Entry, folder: str = OPEN) -> None:
    """Takes an entry away. Raises OSError."""
    with suppress(FileNotFoundError):
        os.unlink(os.path.join(folder, entry.id + ".json"))
        atomic.sync_folder(folder)


def record(event: str, message: str, path: str = LOG, **fields: Any) -> Optional[str]:
    """Adds a line to the log and to syslog. What went wrong with the file comes back as a clause."""
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    line: Dict[str, Any] = {"time": now, "event": event, "message": message, **fields}
    data = json.dumps(line, ensure_ascii=True).encode("ascii") + b"\n"
    priority = syslog.LOG_WARNING if event in ("veto", "override", "restore", "edit", "broken") else syslog.LOG_NOTICE
    syslog.openlog("scmguard", syslog.LOG_PID, syslog.LOG_DAEMON)
    # Names of files may have what is no text.
    said = "{}: {}".format(event, message.replace("\0", "")).encode("utf-8", "backslashreplace").decode("utf-8")
    syslog.syslog(priority, said)
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        handle = os.open(path, flags, 0o640)
        try:
            return _append(handle, path, data)
        finally:
            os.close(handle)
    except OSError as error:
        return "{}: {}".format(path, (error.strerror or str(error)).lower())


def _append(handle: int, path: str, data: bytes) -> Optional[str]:
    """Adds a line to an open file. Returns what went wrong; raises OSError."""
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        return "{}: is not a regular file".format(path)
    # A line that the disk had no room for was cut off, and must not spoil this one.
    if status.st_size and os.pread(handle, 1, status.st_size - 1) != b"\n":
        data = b"\n" + data
    if os.write(handle, data) < len(data):
        return "{}: there was no room for a whole line".format(path)
    return None


def last(count: int, path: str = LOG) -> List[Dict[str, Any]]:
    """The last lines of the log, the oldest first; what is no line of it is left out. Raises OSError."""
    try:
        lines = plain.end_of(path, _MOST_READ).split(b"\n")
    except FileNotFoundError:
        return []
    found: List[Dict[str, Any]] = []
    for line in lines:
        with suppress(ValueError, RecursionError):
            entry = json.loads(line.decode("ascii"))
            if isinstance(entry, dict) and "event" in entry:
                found.append(entry)
    return found[-count:] if count else []
