"""The commands of a busybox are read from its bytes, whatever these are."""

import shutil
import subprocess
from typing import Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scmguard.folder import MemoryFolder
from scmguard.initramfs.busybox import applets
from scmguard.inputs.disk import DiskFolder

NAMES = b"[\0[[\0ash\0cat\0head\0ls\0sh\0tail\0\0"


def read(data: bytes) -> Optional[frozenset]:
    return applets(MemoryFolder({"bin/busybox": data}), "bin/busybox")


def test_names_between_other_bytes() -> None:
    found = read(b"\x7fELF\0[\0\xff\0" + NAMES + b"/var/log\0zz\0")
    assert found == {"[", "[[", "ash", "cat", "head", "ls", "sh", "tail"}


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"\0[\0a\0b\0", b"\0[\0" * 1000, b"\0[\0zz\0a\0b\0c\0d\0e\0"])
def test_no_list(data: bytes) -> None:
    assert read(data) is None


def test_no_such_file() -> None:
    assert applets(MemoryFolder({}), "bin/busybox") is None


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    found = read(data)
    assert found is None or len(found) >= 5


def test_agrees_with_the_program() -> None:
    path = shutil.which("busybox")
    if path is None:
        pytest.skip("no busybox here")
    told = subprocess.run([path, "--list"], stdout=subprocess.PIPE, check=True).stdout.decode().split()
    assert applets(DiskFolder("/", is_root=True), path) == set(told)
