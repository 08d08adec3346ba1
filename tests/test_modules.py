"""The modules of a kernel: names, aliases, and what they take, as kmod finds them."""

import os
import shutil
import struct
import subprocess
from typing import Dict, List, Optional, Sequence, Set, Tuple

import pytest

from scmguard.folder import MemoryFolder
from scmguard.inputs.disk import DiskFolder
from scmguard.rootfs.modules import Modules, module_name

RELEASE = "6.6.31+rpt-rpi-v8"


def _program(name: str) -> Optional[str]:
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))


MODPROBE, DEPMOD = _program("modprobe"), _program("depmod")
needs_kmod = pytest.mark.skipif(
    not MODPROBE or not DEPMOD or not os.path.realpath(MODPROBE).endswith("kmod"),
    reason="kmod is not here: nothing to compare with",
)


def ko(info: Sequence[str] = (), exports: Sequence[str] = (), needs: Sequence[str] = ()) -> bytes:
    """A module as depmod reads it: an object file with its information, the symbols that it has, and those it wants."""
    strings = b"\0" + b"".join(name.encode() + b"\0" for name in needs)
    places = [1 + sum(len(one) + 1 for one in needs[:number]) for number in range(len(needs))]
    symbols = bytes(24) + b"".join(struct.pack("<IBBHQQ", place, 0x10, 0, 0, 0, 0) for place in places)
    sections = [
        (b".modinfo", 1, b"".join(line.encode() + b"\0" for line in info), 0, 0),
        (b"__ksymtab_strings", 1, b"".join(name.encode() + b"\0" for name in exports), 0, 0),
        (b".symtab", 2, symbols, 4, 24),
        (b".strtab", 3, strings, 0, 0),
    ]
    names = b"\0" + b"".join(name + b"\0" for name, *_ in sections) + b".shstrtab\0"
    sections.append((b".shstrtab", 3, names, 0, 0))
    body, heads = b"", bytes(64)
    for name, kind, data, link, size in sections:
        at = 64 + len(body)
        heads += struct.pack(
            "<IIQQQQIIQQ", names.index(b"\0" + name + b"\0") + 1, kind, 0, 0, at, len(data), link, 1, 8, size
        )
        body += data + bytes(-len(data) % 8)
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack(
        "<HHIQQQIHHHHHH", 1, 183, 1, 0, 0, 64 + len(body), 0, 64, 0, 0, 64, len(sections) + 1, len(sections)
    )
    return head + body + heads


MODULES = {
    "kernel/drivers/md/dm-mod.ko": ko(["alias=devname:mapper/control"], ["dm_register"]),
    "kernel/drivers/md/dm-crypt.ko": ko([], [], ["dm_register", "crypto_get"]),
    "kernel/crypto/cryptd_base.ko": ko(["alias=crypto-cryptd", "alias=cryptd"], ["crypto_get"], ["base_thing"]),
    "kernel/lib/base.ko": ko([], ["base_thing"]),
    "kernel/crypto/aes-one.ko": ko(["alias=aes", "alias=crypto-aes", "alias=fs-one"]),
    "kernel/crypto/aes_two.ko": ko(["alias=aes", "alias=crypto-aes"]),
    "kernel/net/lan78xx.ko": ko(["alias=usb:v0424p78[0-9]0d*", "alias=usb:v0424p7[A-C]-x*"]),
    "updates/x_y-z.ko": ko(["alias=x y", "alias=star*"]),
}
BUILTIN = ["kernel/fs/nls/nls-utf8.ko", "kernel/drivers/i2c/i2c_bcm2835.ko"]
MODINFO = [
    "nls_utf8.alias=nls-utf",
    "nls_utf8.license=GPL",
    "i2c_bcm2835.alias=of:N*T*Cbrcm,bcm2835-i2c",
    "i2c_bcm2835.alias=i2c-soc",
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A root with the modules, as depmod leaves it."""
    top = str(tmp_path_factory.mktemp("root"))
    folder = os.path.join(top, "lib/modules", RELEASE)
    for path, data in MODULES.items():
        os.makedirs(os.path.dirname(os.path.join(folder, path)), exist_ok=True)
        with open(os.path.join(folder, path), "wb") as stream:
            stream.write(data)
    for name, text in (
        ("modules.builtin", "".join(line + "\n" for line in BUILTIN)),
        ("modules.builtin.modinfo", "".join(line + "\0" for line in MODINFO)),
        ("modules.order", "".join(path + "\n" for path in MODULES)),
    ):
        with open(os.path.join(folder, name), "w", encoding="ascii") as stream:
            stream.write(text)
    assert DEPMOD
    subprocess.run([DEPMOD, "-b", top, RELEASE], check=True, capture_output=True)
    return top


def modprobe(top: str, *arguments: str) -> Optional[List[str]]:
    """What modprobe prints, None where it finds nothing."""
    assert MODPROBE
    command = [MODPROBE, "-S", RELEASE, "-d", top, "-C", "/dev/null", *arguments]
    run = subprocess.run(command, capture_output=True, text=True)
    return run.stdout.splitlines() if run.returncode == 0 else None


def real_names(top: str, name: str) -> Set[str]:
    return {each.replace("-", "_") for each in modprobe(top, "-R", name) or ()}


def real_depends(top: str, name: str) -> Optional[Set[str]]:
    """The modules that would be loaded; None where nothing is found."""
    found = modprobe(top, "--show-depends", name)
    return None if found is None else {module_name(line.split()[1]) for line in found if line.startswith("insmod ")}


def modules(top: str) -> Modules:
    return Modules.of_folder(RELEASE, DiskFolder(top, is_root=True), "lib/modules/" + RELEASE)


# A name, and the modules that it means.
NAMES: Dict[str, Tuple[str, ...]] = {
    "dm-crypt": ("dm_crypt",), "dm_crypt": ("dm_crypt",), "dm-mod": ("dm_mod",), "base": ("base",),
    "x-y_z": ("x_y_z",), "x_y_z": ("x_y_z",), "aes-one": ("aes_one",), "aes_two": ("aes_two",),
    "cryptd": ("cryptd_base",), "crypto-cryptd": ("cryptd_base",), "crypto_cryptd": ("cryptd_base",),
    "aes": ("aes_one", "aes_two"), "crypto-aes": ("aes_one", "aes_two"), "fs_one": ("aes_one",),
    "usb:v0424p7850d0100": ("lan78xx",), "usb:v0424p78-0d0100": (), "usb:v0424p78_0d0100": (),
    "usb:v0424p78A0d0100": (),
    "usb:v0424p7B-x9": ("lan78xx",), "starfish": ("x_y_z",), "nls-utf8": ("nls_utf8",), "nls_utf8": ("nls_utf8",),
    "i2c-bcm2835": ("i2c_bcm2835",), "symbol:dm_register": ("dm_mod",), "devname:mapper/control": ("dm_mod",),
    "nosuch": (), "dm": (), "dm-crypt.ko": (), "dm_crypt2": (), "Dm-crypt": (), "nls-utf": ("nls_utf8",),
    "i2c-soc": ("i2c_bcm2835",), "of:NxTyCbrcm,bcm2835-i2c": ("i2c_bcm2835",), "i2c-bcm2708": (),
}  # fmt: skip


@needs_kmod
@pytest.mark.parametrize("name", NAMES)
def test_names(tree: str, name: str) -> None:
    found = modules(tree)
    assert sorted(found.named(name)) == sorted(NAMES[name])
    assert found.has(name) == bool(NAMES[name]) and found.known


@needs_kmod
@pytest.mark.parametrize("name", NAMES)
def test_modprobe_finds_the_same(tree: str, name: str) -> None:
    depends = real_depends(tree, name)
    assert (depends is not None) == bool(NAMES[name])
    found = modules(tree)
    if depends is not None and not all(found.is_builtin(each) for each in NAMES[name]):
        assert real_names(tree, name) == set(NAMES[name])


@needs_kmod
@pytest.mark.parametrize("name", [module_name(path) for path in MODULES])
def test_what_modules_take(tree: str, name: str) -> None:
    found = modules(tree)
    assert (
        found.with_dependencies({name}) == found.with_dependencies({name.replace("_", "-")}) == real_depends(tree, name)
    )


@needs_kmod
def test_where_modules_are(tree: str) -> None:
    found = modules(tree)
    assert found.depends is not None and set(found.depends) == {module_name(path) for path in MODULES}
    assert found.folders["dm_crypt"] == "kernel/drivers/md" and found.folders["x_y_z"] == "updates"
    assert found.builtin == frozenset(["nls_utf8", "i2c_bcm2835"])
    assert found.is_builtin("nls-utf8") and not found.is_builtin("base")
    assert found.with_dependencies({"dm-crypt", "nosuch", "nls_utf8"}) == {"dm_crypt", "dm_mod", "cryptd_base", "base"}


@pytest.mark.parametrize("path, name", [
    ("kernel/fs/x.ko", "x"), ("kernel/fs/a-b_c.ko.xz", "a_b_c"), ("x.ko.gz", "x"), ("x.ko.zst", "x"),
    ("x.ko.lzma", "x"),
    ("x.kool", "x.kool"), ("x.ko.bak", "x.ko.bak"), ("a.b.ko", "a.b"), ("", ""),
])  # fmt: skip
def test_the_name_of_a_file(path: str, name: str) -> None:
    assert module_name(path) == name


def of(**files: str) -> Modules:
    root = MemoryFolder({"m/" + name.replace("_", "."): text.encode() for name, text in files.items()})
    return Modules.of_folder("6.6", root, "m")


def test_what_is_not_there_is_not_known() -> None:
    assert not of().known and not of(modules_dep="a.ko:").known and of(modules_dep="a.ko:", modules_builtin="").known
    assert (
        of().depends is None and of().builtin is None and not of().has("a") and of().with_dependencies({"a"}) == set()
    )


def test_lines_that_are_none() -> None:
    found = of(
        modules_dep="\ngarbage\n a b\nkernel/x.ko: kernel/y.ko\n:\n",
        modules_builtin="\n\n",
        modules_alias="alias\n# x\nalias a b c\nalias q x\n",
    )
    assert found.has("x") and found.has("q") and not found.has("garbage") and not found.has("a")
    assert found.with_dependencies({"x"}) == {"x", "y"}


@pytest.mark.parametrize("alias", ["[" * 1000000, "[a-" * 300000, "*a" * 100000, "[]" * 300000, "-" * 1000000])
def test_long_aliases_end(alias: str) -> None:
    found = of(modules_dep="x.ko:", modules_builtin="", modules_alias="alias {} x\nalias q x\n".format(alias))
    assert found.has("q") and not found.has("nosuch")


def test_modules_that_are_compressed() -> None:
    found = of(modules_dep="kernel/a-b.ko.xz: kernel/c.ko.zst\nkernel/c.ko.zst:\n", modules_builtin="")
    assert found.has("a_b") and found.has("c") and found.with_dependencies({"a-b"}) == {"a_b", "c"}
