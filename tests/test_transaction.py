"""What apt says of a transaction, and whether it has to do with booting."""

import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scmguard.packages.lay import Outlook, Pending
from scmguard.packages.protocol import Malformed, package_line, taken_apart, value
from scmguard.packages.relevant import is_boot_file, is_boot_package
from scmguard.packages.transaction import Change, Transaction, changes_of

EXAMPLES = int(os.environ.get("SCMGUARD_EXAMPLES", "100"))

CONFIG = (
    b"VERSION 3\nAPT::Architecture=amd64\nDir=/\nDir::Etc=etc/apt\nDpkg::Foo::B%c3%a4r=%c3%a9%20x=%25y\n"
    b"Twice=first\nTwice=%22second%22\nEmpty=\nfoo::lower=1\nBad=50%\nWorse=%zz%4\nLatin=%e9\n"
    b"CommandLine::AsString=apt-get%20install%20-y%20./bl%20ank/x.deb\n\n"
)
LINES = (
    b"hello - - none < 2.10-3 amd64 none /var/cache/apt/archives/hello_2.10-3_amd64.deb\n"
    b"kmod 30-1 amd64 no < 30-2 amd64 foreign /var/cache/apt/archives/kmod.deb\n"
    b"old 2 all none > 1 all none /tmp/old.deb\n"
    b"same 1:1 arm64 same = 1:1 arm64 same /tmp/bl ank/ two  blanks.deb\n"
    b"gone 2.10-3 amd64 none > - - none **REMOVE**\n"
    b"hello - - none < 2.10-3 amd64 none **CONFIGURE**\n"
    b"lost - - none < 1 all none **ERROR**\n"
)
CHANGES = (
    Change("hello", "install", "", "2.10-3", "amd64", "/var/cache/apt/archives/hello_2.10-3_amd64.deb"),
    Change("kmod", "upgrade", "30-1", "30-2", "amd64", "/var/cache/apt/archives/kmod.deb"),
    Change("old", "downgrade", "2", "1", "all", "/tmp/old.deb"),
    Change("same", "reinstall", "1:1", "1:1", "arm64", "/tmp/bl ank/ two  blanks.deb"),
    Change("gone", "remove", "2.10-3", "", "amd64"),
    Change("hello", "configure", "", "2.10-3", "amd64"),
    Change("lost", "install", "", "1", "all", "**ERROR**"),
)


def test_all_that_apt_does_to_packages() -> None:
    assert changes_of(CONFIG + LINES) == CHANGES


@pytest.mark.parametrize("word, purges", [(b"1", True), (b"True", True), (b"0", False), (b"", False), (b"2", False)])
def test_a_purge_is_in_the_configuration_alone(word: bytes, purges: bool) -> None:
    found = changes_of(CONFIG[:-1] + b"APT::Get::Purge=" + word + b"\n\n" + LINES)
    assert [change.package for change in found if change.purges] == (["gone"] if purges else [])


def test_a_transaction_of_nothing() -> None:
    assert changes_of(CONFIG) == changes_of(b"VERSION 3\n\n") == ()


def test_a_payload_that_is_cut_off_is_malformed_except_between_lines() -> None:
    for size in range(len(CONFIG) + len(LINES)):
        cut = (CONFIG + LINES)[:size]
        if size >= len(CONFIG) and cut.endswith(b"\n"):
            assert changes_of(cut) == CHANGES[: cut[len(CONFIG) :].count(b"\n")]
            continue
        with pytest.raises(Malformed):
            changes_of(cut)


@settings(max_examples=EXAMPLES)
@given(st.binary(max_size=80), st.integers(0, len(CONFIG + LINES)))
def test_whatever_else_comes_is_malformed(junk: bytes, at: int) -> None:
    for payload in (junk, CONFIG + junk, (CONFIG + LINES)[:at] + junk + (CONFIG + LINES)[at:]):
        try:
            config, lines = taken_apart(payload)
            value(config, "Dir")
            for line in lines:
                package_line(line)
        except Malformed:
            continue


@pytest.mark.parametrize("payload", [b"", b"VERSION 2\n\n", b"/tmp/x.deb\n", b"VERSION 3", b"VERSION 30\n\n"])
def test_other_versions_are_malformed(payload: bytes) -> None:
    with pytest.raises(Malformed):
        taken_apart(payload)


@pytest.mark.parametrize(
    "line", [b"a 1 all none < 2 all none", b"a - < 1 /x.deb", b"a 1 all none ! 2 all none /x", b"a"]
)
def test_other_lines_are_malformed(line: bytes) -> None:
    with pytest.raises(Malformed):
        package_line(line)


@pytest.mark.parametrize(
    "key, expected",
    [("Dir", "/"), ("Dir::Etc", "etc/apt"), ("APT::Architecture", "amd64"), ("Twice", '"second"'), ("Bad", "50%"),
     ("Worse", "%zz\x04"), ("Latin", "\ufffd"), ("Dpkg::Foo::B%c3%a4r", "é x=%y"), ("FOO::Lower", "1"),
     ("CommandLine::AsString", "apt-get install -y ./bl ank/x.deb")],
)  # fmt: skip
def test_values_of_the_configuration(key: str, expected: str) -> None:
    assert value(taken_apart(CONFIG)[0], key) == expected


@pytest.mark.parametrize("key", ["Empty", "Di", "Dir::", "Dir::Et", "Etc", "Architecture", "APT", "VERSION 3", "hello"])
def test_what_is_not_set_is_empty(key: str) -> None:
    assert value(taken_apart(CONFIG + LINES)[0], key) == ""


@pytest.mark.parametrize(
    "path, name, counts",
    [("boot/vmlinuz-1", "linux-image-6.1.0-1-arm64", True), ("lib/modules/1/modules.dep", "linux-modules-1", True),
     ("etc/crypttab", "cryptsetup-initramfs", True), ("usr/lib/modules/1/x", "zymbit-x", True),
     ("usr/share/boot/x", "hello", False), ("lib/modules", "linux-libc-dev", False), ("/boot/x", "bootchart", False),
     ("./boot/x", "", False), ("etc/kernels/x", "kmodx", False), ("", "xkmod", False)],
)  # fmt: skip
def test_what_has_to_do_with_booting(path: str, name: str, counts: bool) -> None:
    assert is_boot_file(path) == is_boot_package(name) == counts


@pytest.mark.parametrize(
    "change, brings, takes, counts",
    [(Change("kmod", "upgrade"), (), (), True), (Change("kmod", "remove"), (), (), True),
     (Change("hello", "install"), ("etc/modprobe.d/x",), (), True), (Change("hello", "remove"), (), ("boot/x",), True),
     (Change("kmod", "configure"), (), (), False), (Change("hello", "configure"), ("boot/x",), (), False),
     (Change("hello", "install"), (), (), False), (Change("hello", "remove"), (), (), False)],
)  # fmt: skip
def test_which_transactions_have_to_do_with_booting(change: Change, brings: Any, takes: Any, counts: bool) -> None:
    ahead = Outlook({}, {change.package: brings}, {change.package: takes}, {})
    assert Pending(Transaction((Change("other", "install"), change)), ahead).matters == counts
    assert not Pending(Transaction(()), ahead).matters
