"""Kernel releases: their order is that of linux-base, and what their names say."""

import os
import shutil
import subprocess
from typing import Dict, List

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scmguard.folder import MemoryFolder
from scmguard.rootfs.kernels import Release, config_path, flavour, newest, releases, sort_key

EXAMPLES = int(os.environ.get("SCMGUARD_EXAMPLES", "100"))
LINUX_VERSION = shutil.which("linux-version")

needs_linux_version = pytest.mark.skipif(
    not LINUX_VERSION, reason="linux-version is not here (linux-base): nothing to compare with"
)

# In the order of linux-version sort.
SORTED = [
    ["2.6.32", "2.6.33", "3.0", "3.10", "10.1"],
    ["6.6-rc1", "6.6", "6.6.1"],
    ["6.6-trunk", "6.6", "6.6-1"],
    ["6.6-rc1", "6.6-rc2", "6.6-rc10"],
    ["6.1.0-9-arm64", "6.1.0-10-arm64"],
    ["5.15.0-1005-raspi", "5.15.0-1050-raspi"],
    ["6.6.31+rpt-rpi-2712", "6.6.31+rpt-rpi-v8"],  # digits come before letters
    ["6.6.31+rpt-rpi-v8", "6.12.20+rpt-rpi-2712", "6.12.20+rpt-rpi-v8"],
    ["6.12.20+rpt-rpi-v7", "6.12.20+rpt-rpi-v7l", "6.12.20+rpt-rpi-v8"],
    ["6.1.0-18-arm64", "6.1.0-18-arm64-16k"],
    ["6.6", "6.6+", "6.6-1", "6.6.1"],
    ["6.6.1-", "6.6.1--", "6.6.1-a"],
]


@pytest.mark.parametrize("names", SORTED, ids=lambda names: names[0])
def test_order_of_releases(names: List[str]) -> None:
    found = names[::-1]
    found.sort(key=sort_key)
    assert found == names


@needs_linux_version
@pytest.mark.parametrize("names", SORTED, ids=lambda names: names[0])
def test_linux_version_has_that_order(names: List[str]) -> None:
    assert really_sorted(names[::-1]) == names


def really_sorted(names: List[str]) -> List[str]:
    assert LINUX_VERSION
    return subprocess.run([LINUX_VERSION, "sort", *names], capture_output=True, check=True, text=True).stdout.split()


_PARTS = st.sampled_from(
    ["6", "5", "10", "12", "0", "08", ".", "-", "+", "~", "_", "-rc", "rc", "-trunk", "-rc1", "rpt", "-rpi", "-rpi-v8"]
    + ["-amd64", "v8", "2712", "a", "Z", "--", "-rt"]
)
_RELEASES = st.lists(_PARTS, min_size=1, max_size=7).map(lambda parts: "6" + "".join(parts))


@needs_linux_version
@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(_RELEASES, max_size=30, unique=True))
def test_linux_version_sorts_the_same(names: List[str]) -> None:
    # Names that it takes for equal (01 and 1) may stand either way.
    keys = {name: sort_key(name) for name in names}
    names = [name for name in names if list(keys.values()).count(keys[name]) == 1]
    if names:
        assert really_sorted(names) == sorted(names, key=sort_key)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.text(max_size=20), st.text(max_size=20))
@example("6.1.0\u00b2", "6.1.0\u0663")
@example("6.1." + "9" * 250, "")
def test_any_names_can_be_compared(one: str, other: str) -> None:
    assert (sort_key(one) < sort_key(other)) + (sort_key(one) > sort_key(other)) + (
        sort_key(one) == sort_key(other)
    ) == 1
    assert isinstance(flavour(one), str)


@pytest.mark.parametrize("release, name", [
    ("6.6.31+rpt-rpi-v8", "rpi-v8"), ("6.12.20+rpt-rpi-2712", "rpi-2712"), ("6.6.31+rpt-rpi-v8-rt", "rpi-v8-rt"),
    ("6.1.0-rpi8-rpi-v7l", "rpi-v7l"), ("5.15.0-1050-raspi", "raspi"), ("6.8.0-1013-raspi-realtime", "raspi-realtime"),
    ("6.1.0-18-arm64", "arm64"), ("6.1.0-18-cloud-arm64", "cloud-arm64"), ("6.12.9+bpo-arm64", "bpo-arm64"),
    ("6.1.21-v8+", "v8+"), ("5.10.103-v7l+", "v7l+"), ("6.6.31+", ""), ("6.6.31", ""), ("6.12-rc3", ""),
    ("6.12-rc3-arm64", "arm64"), ("6.12~rc3-1-arm64", "arm64"), ("", ""), ("custom", ""),
])  # fmt: skip
def test_flavour(release: str, name: str) -> None:
    assert flavour(release) == name


def folder(*names: str) -> MemoryFolder:
    return MemoryFolder(dict.fromkeys(names, b""))


def test_numbers_of_a_release_may_have_any_length() -> None:
    names = ["6.6.9", "6.6.010", "6.6." + "1" * 5000, "6.6." + "2" * 5000, "6.6." + "1" * 5001]
    keys = [sort_key(name) for name in names]
    assert all(one < other for one, other in zip(keys, keys[1:])) and sort_key("6.6.10") == keys[1]


def test_releases_are_those_with_modules() -> None:
    root = folder(
        "usr/lib/modules/6.6.31+rpt-rpi-v8/modules.dep",
        "usr/lib/modules/6.1.0-18-arm64/kernel/fs/x.ko",
        "usr/lib/modules/6.5.0-left/modules.order",
        "usr/lib/modules/README",
        "usr/lib/modules/extra/modules.dep",
        "usr/lib/modules/6/modules.dep",
        "usr/lib/modules/6.12345/modules.dep",
        "lib/modules/5.10.0-old/modules.dep",
        "lib/modules/6.1.0-18-arm64/kernel/fs/x.ko",
    )
    assert releases(root) == [
        Release("5.10.0-old", (5, 10), "lib/modules/5.10.0-old"),
        Release("6.1.0-18-arm64", (6, 1), "usr/lib/modules/6.1.0-18-arm64"),
        Release("6.6.31+rpt-rpi-v8", (6, 6), "usr/lib/modules/6.6.31+rpt-rpi-v8"),
    ]
    assert releases(folder("etc/fstab")) == []


def test_newest_of_each_flavour() -> None:
    names = ["6.6.31+rpt-rpi-v8", "6.12.20+rpt-rpi-v8", "6.6.31+rpt-rpi-2712", "6.6.9+rpt-rpi-2712", "6.1.0-18-arm64"]
    found = newest([Release(name, (6, 0), "") for name in names])
    assert [one.name for one in found] == ["6.1.0-18-arm64", "6.6.31+rpt-rpi-2712", "6.12.20+rpt-rpi-v8"]


CONFIGS: Dict[str, List[str]] = {
    "boot/config-6.6": ["boot/config-6.6", "boot/config-6.6.31"],
    "lib/modules/6.6/config-6.6": ["lib/modules/6.6/config-6.6", "boot/config-6.6"],
    "usr/lib/modules/6.6/config-6.6": ["usr/lib/modules/6.6/config-6.6", "boot/config-6.6"],
    "": ["boot/config-6.6.31", "boot/firmware/config-6.6", "config-6.6"],
}


@pytest.mark.parametrize("path", CONFIGS)
def test_config_path(path: str) -> None:
    assert config_path(folder(*CONFIGS[path]), "6.6") == (path or None)
