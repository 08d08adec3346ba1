"""Images that the real update-initramfs builds: what scmguard says beforehand is what the image then shows."""

import random
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import pytest

from scmguard import rulebook
from scmguard.boot import Boot
from scmguard.effective.board import BOARDS
from scmguard.finding import Finding, at_least
from scmguard.folder import Content
from scmguard.initramfs import tools as initramfs_tools
from scmguard.initramfs.tsort import order
from scmguard.initrd.contents import read_contents
from scmguard.inputs.disk import DiskFolder
from scmguard.lint import Job
from scmguard.lint import run as lint
from tests.chroots import Chroot, make, needs_chroot

pytestmark = needs_chroot

BOOK = rulebook.load()


@pytest.fixture(scope="module")
def stock(tmp_path_factory: Any) -> Iterator[Chroot]:
    """A stock installation, whose boot partition has kernel and image under the names of a Raspberry Pi 4."""
    folder: Path = tmp_path_factory.mktemp("chroot")
    chroot = make(folder)
    chroot.write("boot/firmware/config.txt", "auto_initramfs=1\narm_64bit=1\n")
    chroot.write("boot/firmware/cmdline.txt", "root=PARTUUID=4b1d4f3a-02 rootfstype=ext4 rootwait\n")
    for name in ("start4.elf", "fixup4.dat", "bcm2711-rpi-4-b.dtb"):
        chroot.write("boot/firmware/" + name, "x")
    chroot.write("etc/fstab", "PARTUUID=4b1d4f3a-02 / ext4 defaults 0 1\n")
    publish(chroot)
    yield chroot
    shutil.rmtree(folder, ignore_errors=True)


def publish(chroot: Chroot) -> None:
    """Copies kernel and image to the boot partition, as the hooks of Raspberry Pi OS do."""
    shutil.copy(chroot.path / "boot" / "vmlinuz-{}".format(chroot.release), chroot.path / "boot/firmware/kernel8.img")
    shutil.copy(chroot.image, chroot.path / "boot/firmware/initramfs8")


def found(chroot: Chroot, profile: str = "pi4", rules: Sequence[str] = ()) -> List[Finding]:
    """What is found on the root file system and its boot partition."""
    path = str(chroot.path)
    boot = Boot(DiskFolder(path, is_root=True, base="boot/firmware"), DiskFolder(path, is_root=True))
    chosen = BOOK.profiles[profile]
    wanted = tuple(rule for rule in BOOK.rules.values() if rule.applies_to(profile) and (not rules or rule.id in rules))
    return lint(Job(wanted, (BOARDS[chosen.board],), profile, chosen.parameters), boot).findings


def test_a_stock_installation_has_no_finding_above_hygiene(stock: Chroot) -> None:
    assert [one for one in found(stock) if at_least(one.severity, "degraded")] == []


def test_an_image_cut_anywhere_is_found(stock: Chroot, tmp_path: Path) -> None:
    data = stock.image.read_bytes()
    choose = random.Random(7)
    offsets = [choose.randrange(len(data)) for _ in range(200)] + [0, 1, len(data) - 1]
    missed = [at for at in offsets if read_contents(Content.of_bytes(data[:at])).fault is None]
    assert missed == []
    assert read_contents(Content.of_bytes(data)).faults == []


def test_a_cut_image_is_a_finding(stock: Chroot) -> None:
    image = stock.path / "boot/firmware/initramfs8"
    whole = image.read_bytes()
    try:
        image.write_bytes(whole[: len(whole) // 2])
        (one,) = found(stock, rules=["initrd-truncated"])
        assert one.severity == "no-boot" and "is not whole" in one.message
        assert [each.message[:17] for each in one.related] == ["this one is whole"]
    finally:
        image.write_bytes(whole)


def prerequisites(chroot: Chroot, entry: initramfs_tools.Entry) -> List[str]:
    """What a hook really answers."""
    return chroot.run("env", "BUSYBOX=y", "BUSYBOXDIR=/bin", "/" + entry.path, "prereqs").stdout.split()


def test_hooks_run_in_the_order_that_is_told(stock: Chroot) -> None:
    """mkinitramfs -v says which hook it calls. A few compute their prerequisites: only those are asked here."""
    entries = initramfs_tools.hooks(DiskFolder(str(stock.path), is_root=True))
    pairs, computed = [], []
    for entry in entries:
        assert entry.script is not None
        told, real = initramfs_tools.prerequisites(entry.script), prerequisites(stock, entry)
        if told is None:
            computed.append(entry.name)
        else:
            assert sorted(told) == sorted(real), entry.path
        pairs += [(entry.name, entry.name)] + [(name, entry.name) for name in real]
    assert computed == ["cryptroot-unlock"]
    done = stock.run("mkinitramfs", "-v", "-o", "/tmp/image", stock.release)
    called = [line.split()[-1] for line in done.stdout.splitlines() if line.startswith("Calling hook")]
    assert len(called) > 8
    assert list(order(pairs).names) == called


def test_boot_scripts_run_in_the_order_that_is_told(stock: Chroot) -> None:
    image = read_contents(Content.of_bytes(stock.image.read_bytes()))
    scripts = initramfs_tools.in_image(initramfs_tools.boot_scripts(DiskFolder(str(stock.path), is_root=True)))
    stages = {entry.stage for entry in scripts}
    assert len(stages) > 4
    for stage in stages:
        order = (image.text("scripts/{}/ORDER".format(stage)) or b"").decode()
        real = [line.split()[0].rpartition("/")[2] for line in order.splitlines() if line.startswith("/scripts/")]
        told = initramfs_tools.run_order(tuple(entry for entry in scripts if entry.stage == stage)).names
        assert [name for name in told if name in {entry.name for entry in scripts}] == real, stage


HEADER = """#!/bin/sh
PREREQ="{0}"
prereqs() {{ echo "$PREREQ"; }}
case $1 in prereqs) prereqs; exit 0;; esac
. /usr/share/initramfs-tools/hook-functions
"""
#: A hook as it should be, which brings a file by which its work is seen.
GOOD = HEADER.format("") + "copy_file mark /etc/debian_version /mark\n"
HOOKS = "etc/initramfs-tools/hooks/"
SCRIPTS = "etc/initramfs-tools/scripts/"
VAULT = "vault /dev/vdz none luks,initramfs"
#: It is the root. (No chroot shows that to cryptsetup's hook.)
ROOT: Dict[str, Optional[Tuple[str, int]]] = {"etc/fstab": ("/dev/mapper/vault / ext4 defaults 0 1\n", 0o644)}


class Case(NamedTuple):
    """A way to break it: files to write (text and mode; None takes one away), what is said, and what then happens.

    ``status`` is that of update-initramfs: 0, or FAILS for any other. ``absent`` and ``present`` are names in the
    image, ``prints`` is in what update-initramfs prints, ``starts`` begins the image.
    """

    rule: str
    says: str
    files: Dict[str, Optional[Tuple[str, int]]]
    status: Optional[int] = 0
    absent: Tuple[str, ...] = ()
    present: Tuple[str, ...] = ()
    prints: str = ""
    starts: bytes = b""


def hook(text: str, mode: int = 0o755, name: str = "mark") -> Dict[str, Optional[Tuple[str, int]]]:
    return {HOOKS + name: (text, mode)}


def table(line: str, **files: Tuple[str, int]) -> Dict[str, Optional[Tuple[str, int]]]:
    found: Dict[str, Optional[Tuple[str, int]]] = {"etc/crypttab": (line + "\n", 0o644)}
    found.update((name.replace("__", "/"), content) for name, content in files.items())
    return found


FAILS = None
CASES = {
    "not executable": Case("hook-not-executable", "not executable", hook(GOOD, 0o644), absent=("mark",)),
    "a name with an at sign": Case("hook-name-ignored", "mark@home", hook(GOOD, name="mark@home"), absent=("mark",)),
    "a syntax error": Case("hook-does-not-parse", "sh refuses", hook(GOOD + "if true; then\n"), absent=("mark",)),
    "bash alone takes it": Case(
        "hook-does-not-parse", "sh refuses", hook(GOOD.replace("/sh", "/bash", 1) + "a=(1 2)\n"), absent=("mark",)
    ),
    "a Python hook": Case(
        "hook-does-not-parse", "sh refuses", hook("#!/usr/bin/python3\nif True:\n    print(1)\n"), absent=("mark",)
    ),
    "line ends of Windows": Case(
        "hook-does-not-parse", "sh refuses", hook(GOOD.replace("\n", "\r\n")), absent=("mark",)
    ),
    "line ends of Windows in a plain script": Case(
        "hook-bad-interpreter", "carriage return", hook("#!/bin/sh\r\nexit 0\r\n"), FAILS
    ),
    "no such interpreter": Case("hook-bad-interpreter", "/bin/zsh", hook(GOOD.replace("/sh", "/zsh", 1)), FAILS),
    "a boot script that is not executable": Case(
        "hook-not-executable",
        "not executable",
        {SCRIPTS + "local-top/mark": ("#!/bin/sh\ncase $1 in prereqs) exit 0;; esac\n", 0o644)},
        present=("scripts/local-top/mark",),
    ),
    "an editor's copy": Case(
        "editor-backup-runs", "mark.bak", {**hook(GOOD), **hook(GOOD.replace("/mark", "/old"), name="mark.bak")},
        present=("mark", "old"),
    ),
    "a copy of a setting": Case(
        "editor-backup-runs", "zz.bak", {"etc/initramfs-tools/conf.d/zz.bak": ("COMPRESS=gzip\n", 0o644)},
        starts=b"\x1f\x8b",
    ),
    "a circle": Case(
        "hook-prerequisite-cycle", "one",
        {**hook(HEADER.format("two"), name="one"), **hook(HEADER.format("one"), name="two")},
        prints="loop",
    ),
    "a copy that nobody looks at": Case(
        "hook-unchecked-copy", "nobody notices", hook(HEADER.format("") + "copy_exec /sbin/nosuch\n: end\n"),
        absent=("usr/sbin/nosuch",),
    ),
    "a file that is not there": Case(
        "hook-copies-missing-file", "/sbin/nosuch", hook(HEADER.format("") + "copy_exec /sbin/nosuch\n: end\n"),
        absent=("usr/sbin/nosuch",),
    ),
    "a file that is not there, and set -e": Case(
        "hook-copies-missing-file", "/sbin/nosuch", hook(HEADER.format("") + "set -e\ncopy_exec /sbin/nosuch\n: end\n"),
        FAILS,
    ),
    "a module that no kernel has": Case(
        "unknown-module", "nosuch", hook(HEADER.format("") + "manual_add_modules nosuch\n"), prints="Generating"
    ),
    "a module in the list that no kernel has": Case(
        "unknown-module", "nosuch", {"etc/initramfs-tools/modules": ("nosuch\n", 0o644)}, prints="Generating"
    ),
    "modules of the running system": Case(
        "modules-dep", "MODULES=dep", {"etc/initramfs-tools/conf.d/zz": ("MODULES=dep\n", 0o644)}, FAILS
    ),
    "no program for the compression": Case(
        "compressor-unsupported", "lzop", {"etc/initramfs-tools/conf.d/zz": ("COMPRESS=lzop\n", 0o644)},
        starts=b"\x1f\x8b",
    ),
    "no COMPRESS at all": Case(
        "initramfs-conf-invalid", "COMPRESS", {"etc/initramfs-tools/initramfs.conf": ("MODULES=list\n", 0o644)}, FAILS
    ),
    "a setting that sh refuses": Case(
        "hook-does-not-parse", "sh refuses", {"etc/initramfs-tools/conf.d/zz": ("A='\n", 0o644)}, FAILS
    ),
    "updates off": Case(
        "initramfs-updates-off", "update_initramfs=no",
        {"etc/initramfs-tools/update-initramfs.conf": ("update_initramfs=no\n", 0o644)},
        prints="Not updating",
    ),
    "cryptsetup's hook is gone": Case(
        "cryptsetup-missing", "cryptroot", {**table(VAULT), **ROOT, "usr/share/initramfs-tools/hooks/cryptroot": None},
        absent=("usr/sbin/cryptsetup",),
    ),
    "a packaged hook was edited": Case(
        "packaged-hook-edited", "thermal", {"usr/share/initramfs-tools/hooks/thermal": (GOOD, 0o755)}, present=("mark",)
    ),
    "a key that gets into the image": Case(
        "key-in-initramfs",
        "vault.key",
        table(
            "vault /dev/vdz /etc/keys/vault.key luks,initramfs",
            **{
                "etc__keys__vault.key": ("secret", 0o600),
                "etc__cryptsetup-initramfs__conf-hook": ("KEYFILE_PATTERN=/etc/keys/*.key\n", 0o644),
            },
        ),
        present=("cryptroot/keyfiles/vault.key",),
    ),
}  # fmt: skip
# Ways to lose a line of crypttab: the image is made, the status is 0, and the volume is not in its table.
LOST = {
    "the key script is not there": Case("keyscript-missing", "nosuch", table(VAULT + ",keyscript=nosuch")),
    "the key script is not executable": Case(
        "keyscript-missing", "0644",
        table(VAULT + ",keyscript=/etc/key.sh", **{"etc__key.sh": ("#!/bin/sh\necho key\n", 0o644)}),
    ),
    "a blank in the options": Case("crypttab-unusable", "initramfs", table("vault /dev/vdz none luks, initramfs")),
    "two fields": Case("crypttab-unusable", "two fields", {**table("vault /dev/vdz"), **ROOT}),
    "a value that is not taken": Case("crypttab-unusable", "tries", table(VAULT + ",tries=many")),
    "no line end": Case("crypttab-unusable", "line end", {"etc/crypttab": (VAULT, 0o644)}),
}  # fmt: skip


@contextmanager
def changed(chroot: Chroot, files: Mapping[str, Optional[Tuple[str, int]]]) -> Iterator[None]:
    """The chroot with files written or taken away, and afterwards as it was."""
    before = {}
    for name, content in files.items():
        path = chroot.path / name
        before[name] = (path.read_bytes(), path.stat().st_mode) if path.is_file() else None
        if content is None:
            path.unlink()
        else:
            chroot.write(name, *content)
    try:
        yield
    finally:
        for name, old in before.items():
            path = chroot.path / name
            path.unlink(missing_ok=True)
            if old is not None:
                path.write_bytes(old[0])
                path.chmod(old[1] & 0o7777)


@pytest.fixture(scope="module")
def quick(stock: Chroot) -> Iterator[Chroot]:
    """The same, with few modules, so that an image takes seconds."""
    with changed(stock, {"etc/initramfs-tools/conf.d/a-few": ("MODULES=list\n", 0o644)}):
        yield stock


def said(chroot: Chroot, case: Case) -> None:
    """The rule says it, beforehand: in its message, or in the name of the file."""
    said = ["{}: {}".format(one.span.path, one.message) for one in found(chroot, rules=[case.rule])]
    assert any(case.says in each for each in said), said


def test_a_good_hook_is_silent_and_works(quick: Chroot) -> None:
    with changed(quick, hook(GOOD)):
        assert [one for one in found(quick) if "mark" in one.span.path] == []
        assert quick.update().returncode == 0
        assert "mark" in quick.members()


@pytest.mark.parametrize("name", CASES)
def test_what_is_said_is_what_happens(quick: Chroot, name: str) -> None:
    case = CASES[name]
    with changed(quick, case.files):
        said(quick, case)
        done = quick.update()
        assert (done.returncode == 0) == (case.status == 0), done.stderr
        assert case.prints in done.stdout + done.stderr
        if case.status == 0:
            members = quick.members()
            assert not set(case.absent) & set(members)
            assert set(case.present) <= set(members)
            assert quick.image.read_bytes().startswith(case.starts)


@pytest.mark.parametrize("name", LOST)
def test_a_volume_that_is_lost_is_said_before_and_after(quick: Chroot, name: str) -> None:
    case = LOST[name]
    with changed(quick, case.files):
        said(quick, case)
        assert quick.update().returncode == 0
        inside = read_contents(Content.of_bytes(quick.image.read_bytes()))
        assert inside.text("cryptroot/crypttab") == b""
        publish(quick)
        with changed(quick, {"boot/firmware/cmdline.txt": ("root=/dev/mapper/vault rootwait\n", 0o644)}):
            assert any("does not open vault" in one.message for one in found(quick, rules=["initrd-without-crypto"]))


def test_a_volume_with_a_good_line_is_in_the_image(quick: Chroot) -> None:
    files = table(VAULT + ",keyscript=/etc/key.sh", **{"etc__key.sh": ("#!/bin/sh\necho key\n", 0o755)})
    with changed(quick, {**files, "boot/firmware/cmdline.txt": ("root=/dev/mapper/vault rootwait\n", 0o644)}):
        rules = ["keyscript-missing", "keyscript-tool-missing", "crypttab-unusable", "cryptsetup-missing"]
        assert found(quick, rules=rules) == []
        assert quick.update().returncode == 0
        publish(quick)
        assert found(quick, rules=["initrd-without-keyscript"]) == []
        assert [one.message for one in found(quick, rules=["initrd-without-crypto"]) if "vault" in one.message] == []


def test_what_a_key_script_lacks_is_said_before_and_after(quick: Chroot) -> None:
    script = "#!/bin/sh\nnosuchtool /dev/vdz\nsed -n 1p /etc/fstab\n"
    files = table(VAULT + ",keyscript=/etc/key.sh", **{"etc__key.sh": (script, 0o755)})
    with changed(quick, files):
        (before,) = found(quick, rules=["keyscript-tool-missing"])
        assert "nosuchtool" in before.message and "sed" not in before.message
        assert quick.update().returncode == 0
        publish(quick)
        (after,) = found(quick, rules=["initrd-without-keyscript"])
        assert "nosuchtool" in after.message and "sed" not in after.message


def test_a_hook_without_prereqs_runs_twice(quick: Chroot) -> None:
    with changed(quick, hook("#!/bin/sh\necho run >>/var/tmp/ran\n")):
        assert found(quick, rules=["hook-without-prereqs"])
        quick.update()
        assert (quick.path / "var/tmp/ran").read_text() == "run\nrun\n"
    (quick.path / "var/tmp/ran").unlink()


def test_a_boot_script_without_prereqs_runs_on_the_host(quick: Chroot) -> None:
    with changed(quick, {SCRIPTS + "local-top/mark": ("#!/bin/sh\necho run >>/var/tmp/ran\n", 0o755)}):
        assert found(quick, rules=["boot-script-runs-on-host"])
        assert quick.update().returncode == 0
        assert (quick.path / "var/tmp/ran").read_text() == "run\n"
    (quick.path / "var/tmp/ran").unlink()


def test_a_boot_script_that_masks_a_packaged_one(quick: Chroot) -> None:
    name = SCRIPTS + "local-top/cryptroot"
    with changed(quick, {name: ("#!/bin/sh\ncase $1 in prereqs) exit 0;; esac\n", 0o644)}):
        (one,) = found(quick, rules=["hook-not-executable"])
        assert one.span.path.endswith(name)
        assert quick.update().returncode == 0
        inside = read_contents(Content.of_bytes(quick.image.read_bytes()))
        assert b"cryptroot" not in (inside.text("scripts/local-top/ORDER") or b"")


def test_a_kernel_without_its_configuration_gets_no_image(quick: Chroot) -> None:
    with changed(quick, {"boot/config-{}".format(quick.release): None}):
        (one,) = found(quick, rules=["kernel-config-missing"])
        assert one.severity == "degraded"  # an image is there
        assert quick.update().returncode != 0


def test_no_modules_for_the_kernel_and_status_0(quick: Chroot) -> None:
    folder = quick.path / "usr/lib/modules" / quick.release
    aside = quick.path / "usr/lib/aside"
    folder.rename(aside)
    try:
        assert quick.update().returncode == 0
        publish(quick)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)
    with changed(quick, table(VAULT)):
        (one,) = found(quick, rules=["initrd-without-modules"])
        assert one.severity == "no-boot" and quick.release in one.message


def test_a_failed_update_leaves_a_package_half_configured(quick: Chroot) -> None:
    trigger = "dpkg-trigger --by-package=initramfs-tools-core --no-await update-initramfs; dpkg --configure -a"
    with changed(quick, hook("#!/bin/sh\nexit 3\n")):
        quick.run("sh", "-c", trigger)
        found_now = found(quick, rules=["half-configured-package"])
        assert any("initramfs-tools" in one.message for one in found_now)
    assert quick.run("dpkg", "--configure", "-a").returncode == 0
    assert found(quick, rules=["half-configured-package"]) == []


def test_a_script_that_removes_the_image_first_leaves_none(quick: Chroot) -> None:
    script = (
        "#!/bin/sh\nIMAGE=/boot/initrd.img-$(uname -r)\n"
        'if [ -n "$1" ]; then IMAGE=/boot/initrd.img-$1; fi\nrm -f "$IMAGE"\n'
        'update-initramfs -c -k "$1" >/dev/null || exit\n'
    )
    with changed(quick, {"usr/local/sbin/renew": (script, 0o755), **hook("#!/bin/sh\nexit 3\n")}):
        assert found(quick, rules=["removes-image-before-build"])
        whole = quick.image.read_bytes()
        try:
            assert quick.run("/usr/local/sbin/renew", quick.release).returncode != 0
            assert not quick.image.exists()
        finally:
            quick.image.write_bytes(whole)


def test_a_status_that_is_thrown_away_hides_a_failed_build(quick: Chroot) -> None:
    script = '#!/bin/sh\nupdate-initramfs -u -k "$1" >/dev/null 2>&1 || true\n'
    with changed(quick, {"etc/kernel/postinst.d/zz-renew": (script, 0o755), **hook("#!/bin/sh\nexit 3\n")}):
        assert found(quick, rules=["discarded-update-status"])
        done = quick.run("/etc/kernel/postinst.d/zz-renew", quick.release)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert quick.update().returncode != 0


def test_run_parts_passes_over_a_name_with_a_dot(quick: Chroot) -> None:
    name = "etc/initramfs/post-update.d/zz-mark.sh"
    with changed(quick, {name: ("#!/bin/sh\ntouch /var/tmp/ran\n", 0o755)}):
        assert any(one.span.path.endswith(name) for one in found(quick, rules=["hook-name-ignored"]))
        assert quick.update().returncode == 0
        assert not (quick.path / "var/tmp/ran").exists()


def test_an_image_of_before_a_change_is_stale_and_its_copy_another(quick: Chroot) -> None:
    assert quick.update().returncode == 0
    publish(quick)
    rules = ["initrd-stale", "initrd-copy-differs"]
    assert found(quick, rules=rules) == []
    with changed(quick, {SCRIPTS + "local-top/mark": ("#!/bin/sh\ncase $1 in prereqs) exit 0;; esac\n", 0o755)}):
        (one,) = found(quick, rules=rules)
        assert one.rule == "initrd-stale" and "local-top/mark" in one.message
        assert quick.update().returncode == 0
        assert {one.rule for one in found(quick, rules=rules)} == {"initrd-stale", "initrd-copy-differs"}
        publish(quick)
        assert found(quick, rules=rules) == []


def test_a_copy_onto_a_full_partition_is_said_before_and_after(quick: Chroot) -> None:
    """The plain cp of Raspberry Pi OS; the partition is a small tmpfs, as there is no FAT everywhere."""
    firmware = quick.path / "boot/firmware"
    kept = quick.path / "boot/kept"
    shutil.copytree(firmware, kept)
    size = sum(each.stat().st_size for each in kept.iterdir()) + (64 << 10)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size={}".format(size), "tmpfs", str(firmware)], check=True)
    try:
        for each in kept.iterdir():
            shutil.copy(each, firmware / each.name)
        script = '#!/bin/sh\nset -e\ncp "$2" /boot/firmware/initramfs8\n'
        grown = HEADER.format("") + 'head -c 3000000 /dev/urandom >"$DESTDIR/mark"\n'
        files = {"etc/initramfs/post-update.d/z50-raspi-firmware": (script, 0o755), **hook(grown)}
        with changed(quick, files):
            (before,) = found(quick, rules=["boot-space-low"])
            assert at_least(before.severity, "degraded")
            assert found(quick, rules=["initrd-truncated"]) == []
            assert quick.update().returncode != 0
            (after,) = found(quick, rules=["initrd-truncated"])
            assert "is not whole" in after.message
            # What update-initramfs keeps beside the image stays behind when a script after it fails.
            assert any(".dpkg-bak" in one.message for one in found(quick, rules=["stray-backup"]))
    finally:
        subprocess.run(["umount", str(firmware)], check=True)
        shutil.rmtree(kept)
        for each in (quick.path / "boot").glob("*.dpkg-bak"):
            each.unlink()
