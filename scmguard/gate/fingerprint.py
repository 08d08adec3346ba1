"""What the files that booting depends on look like from outside, so that a hook can tell that nothing has changed.

Loaded by every apt run, so that it imports nothing but ``os``.
"""

from __future__ import annotations

import os

#: What is looked at below the root: folders with all that is in them, and single files.
WATCHED = (
    "boot",
    "etc/initramfs-tools",
    "etc/kernel",
    "etc/cryptsetup-initramfs",
    "etc/crypttab",
    "etc/fstab",
    "etc/modules",
    "etc/default/raspi-firmware",
    "etc/scmguard.yaml",
)
#: What decides beside these whether the next boot is safe.
FOR_REBOOT = (*WATCHED, "var/lib/scmguard/ledger.json", "var/lib/scmguard/gate/booted", "etc/apt/apt.conf.d")
# FAT keeps times in steps of two seconds: a file that was changed this short before it was looked at may be changed
# again without a trace.
_STEP = 3_000_000_000
_DEEPEST = 8


def fingerprint(root: str = "/", watched: tuple[str, ...] = WATCHED) -> str:
    """One line for each file: path, size, times, inode, mode. Raises OSError for a folder that cannot be read."""
    lines: list[str] = []
    for name in watched:
        path = os.path.join(root, name)
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            continue
        if os.path.isdir(path) and not os.path.islink(path):
            _walk(path, lines, _DEEPEST)
        else:
            lines.append(_line(path, status))
    lines.sort()
    return "\n".join(lines)


def _walk(folder: str, lines: list[str], depth: int) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if depth:
                    _walk(entry.path, lines, depth - 1)
            else:
                try:
                    lines.append(_line(entry.path, entry.stat(follow_symlinks=False)))
                except FileNotFoundError:
                    continue


def _line(path: str, status: os.stat_result) -> str:
    path = path.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
    return f"{path}\t{status.st_size}\t{status.st_mtime_ns}\t{status.st_ctime_ns}\t{status.st_ino}\t{status.st_mode}"


def newest(lines: str) -> int:
    """The time of the youngest change among a fingerprint's files, in nanoseconds since 1970; 0 for no file."""
    # Who unpacks an archive sets the one time to what it was there, and nobody sets the other.
    return max((int(time) for line in lines.split("\n") if line for time in line.split("\t")[2:4]), default=0)


def is_settled(lines: str, began: int) -> bool:
    """Whether no file was changed so short ago that a later change could look the same, or will be in the future.

    ``began`` is when the look at the files began, in nanoseconds since 1970.
    """
    return newest(lines) + _STEP < began
