"""What a hook brings, and what is said of commands that it may bring."""

from typing import Dict, Optional

import pytest

from scmguard.folder import MemoryFolder
from scmguard.initramfs import tools as initramfs_tools
from scmguard.initramfs.broughtfiles import brought, in_image
from scmguard.initramfs.programs import ImagePrograms
from scmguard.parse.initramfs_sh import read_script

BUSYBOX = b"\x7fELF\0[\0[[\0ash\0cat\0head\0sh\0\0"
BASE = {
    "usr/bin/busybox": BUSYBOX,
    "usr/share/initramfs-tools/hooks/zz-busybox": b"#!/bin/sh\ncopy_exec /bin/busybox\n",
}


def programs(files: Dict[str, bytes], busybox: Optional[str] = "y") -> ImagePrograms:
    root = MemoryFolder({**BASE, **files})
    return ImagePrograms(root, initramfs_tools.hooks(root), busybox, frozenset())


def hook(text: str) -> Dict[str, bytes]:
    return {"etc/initramfs-tools/hooks/own": b"#!/bin/sh\n" + text.encode()}


@pytest.mark.parametrize(
    ("text", "command", "answer"),
    [
        ("copy_exec /sbin/tool /sbin", "tool", True),
        ("copy_exec /sbin/tool /sbin", "/sbin/tool", True),
        ("copy_exec /sbin/tool /sbin", "/usr/sbin/tool", True),
        ("copy_exec /sbin/tool /sbin", "/bin/tool", False),
        ("copy_exec /sbin/tool", "other", False),
        ("copy_exec /usr/local/bin/tool", "tool", False),
        ("copy_exec /usr/local/bin/tool /bin/other", "other", True),
        ("cp -p /opt/a /opt/b $DESTDIR/bin/", "b", True),
        ("cp -r /opt/tools $DESTDIR/bin", "anything", None),
        ("cp /opt/zk* ${DESTDIR}/sbin", "zkunlock", None),
        ("cp /opt/zk* ${DESTDIR}/sbin", "tool", False),
        ("cp /opt/* ${DESTDIR}/etc", "tool", False),
        ('copy_exec "$(command -v tool)"', "tool", None),
        ("for so in $(ldconfig -p); do copy_exec $so; done", "tool", False),
        ("ln -s busybox $DESTDIR/bin/tool", "tool", True),
        ('cat > "$DESTDIR/bin/tool" <<END\nEND', "tool", True),
        ('tar -C "$DESTDIR" -xf /opt/x.tar', "tool", None),
        ("mkdir -p $DESTDIR/bin/tool", "tool", False),
        (". /opt/lib.sh\nbring tool", "tool", None),
        (". /usr/share/initramfs-tools/hook-functions", "tool", False),
        ("find $DESTDIR -name x -delete", "tool", False),
        ("find /opt -exec cp {} $DESTDIR/bin ;", "tool", None),
    ],
)
def test_hook(text: str, command: str, answer: Optional[bool]) -> None:
    found = programs({**hook(text), "opt/tools/x": b""})
    assert found.has(command) is answer


def test_what_is_there_without_a_hook() -> None:
    found = programs({})
    assert [
        found.has(name) for name in ("head", "/usr/bin/head", "cd", "[[", "modprobe", "/lib/cryptsetup/askpass")
    ] == ([True] * 6)
    assert found.has("tool") is False
    assert found.has("/run/tool") is None


@pytest.mark.parametrize("busybox", [None, "n"])
def test_nothing_is_said_without_knowing_the_tools(busybox: Optional[str]) -> None:
    assert programs({}, busybox).has("tool") is None


def test_klibc_alone() -> None:
    hooks = {
        "usr/share/initramfs-tools/hooks/klibc-utils": b"#!/bin/sh\n",
        "usr/lib/klibc/bin/cat": b"",
        "usr/lib/klibc/bin/gzip": b"",
    }
    found = programs(hooks, "n")
    assert [found.has(name) for name in ("cat", "gzip", "head", "[[", "test")] == [True, False, False, False, True]


def test_a_hook_that_is_not_run() -> None:
    text = "copy_exec /sbin/tool"
    files = {"etc/initramfs-tools/hooks/a b": text.encode(), "etc/initramfs-tools/hooks/own": text.encode()}
    found = programs(files)
    assert found.has("tool") is False
    entry = found.idle("tool")
    assert entry is not None and entry.path == "etc/initramfs-tools/hooks/a b"


def test_elsewhere() -> None:
    assert programs(hook("copy_exec /opt/tool")).elsewhere("tool") == "/opt/tool"


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/usr/bin/x", "bin/x"),
        ("usr//lib/a", "lib/a"),
        ("/usr/local/bin/x", "usr/local/bin/x"),
        ("/", ""),
        ("/usr", "usr"),
    ],
)
def test_in_image(path: str, place: str) -> None:
    assert in_image(path) == place


def test_a_refused_hook_brings_nothing() -> None:
    found = brought(read_script("x", b"if then\n"), MemoryFolder({}))
    assert not found.files and not found.doubtful
