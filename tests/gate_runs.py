"""What the tests of the gate share: snapshots of few files, and code in processes of its own, to be killed at each call
that changes a disk, or with a small disk."""

import hashlib
import signal
import subprocess
import sys
from typing import Any, Dict, List

import pytest

from scmguard.folder import MemoryFolder
from scmguard.gate.snapshot import Snapshot
from scmguard.gate.snapshots import Snapshots
from tests.killed import counting

NOON = 1_900_000_000

_COUNTED = counting(
    *("replace", "rename", "link", "symlink", "fsync", "fchmod", "utime", "mkdir", "rmdir", "unlink", "remove")
)


def take(store: Snapshots, files: Any, at: int = NOON, good: bool = True, **named: Any) -> Snapshot:
    folder = MemoryFolder(files) if isinstance(files, dict) else files
    return store.take(folder, named.get("seen", {}), named.get("settled", True), "a test", good, at)


def contents(store: Snapshots, one: Snapshot) -> Dict[str, bytes]:
    return {each.name: store.content(each) for each in one.files if each.stored}


def whole(folder: Any) -> List[str]:
    """The names of all snapshots, each of which must be readable with all that it says it has."""
    store = Snapshots(str(folder))
    for name in store.names():
        contents(store, store.read(name))
    return store.names()


def objects(folder: Any) -> Dict[str, Any]:
    """The kept contents' files, by their sums."""
    return {each.parent.name + each.name: each for each in (folder / "objects").glob("*/*")}


def sum_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def killed(number: int, code: str, *arguments: Any) -> bool:
    """Runs code and kills it right before the call of that number that changes a disk. Whether it came to its end."""
    command = [sys.executable, "-c", _COUNTED + code, str(number), *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode in (0, -signal.SIGKILL), run.stderr
    return run.returncode == 0


def on_small_disk(folder: Any, options: str, code: str, *arguments: Any) -> str:
    """Runs code with a disk of its own mounted on a folder, which nobody else sees. Returns what it prints."""
    folder.mkdir(exist_ok=True)
    script = 'mount -t tmpfs -o "$1,mode=700" none "$2" || exit 99; shift 2; exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", script, "sh", options, str(folder), sys.executable, "-c", code]
    run = subprocess.run([*command, str(folder), *map(str, arguments)], capture_output=True, text=True)
    if run.returncode == 99 or run.stderr.startswith("unshare:"):
        pytest.skip("no mount namespaces here: {}".format(run.stderr.strip()))
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout
