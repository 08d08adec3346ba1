"""Files in the folders of hooks: names, modes and links on a real disk, and the names that run-parts really takes."""

import os
import shutil
import subprocess
from typing import Dict, List, Tuple

import pytest

from scmguard import rulebook
from scmguard.boot import Boot
from scmguard.effective.board import BOARDS
from scmguard.folder import MemoryFolder, Unreadable
from scmguard.initramfs.runparts import IMAGES, run_parts
from scmguard.initramfs.tools import hooks
from scmguard.inputs.disk import DiskFolder
from scmguard.lint import Job, run
from scmguard.rootfs import dpkg
from scmguard.rootfs.asides import aside, is_note, is_rest
from scmguard.rootfs.links import after_links, is_program, is_there, status_of

BOOK = rulebook.load()
HOOKS = "etc/initramfs-tools/hooks"
SCRIPT = "#!/bin/sh\ncase $1 in prereqs) exit 0;; esac\n"
NAMES = [
    "a",
    "Z9",
    "_x",
    "-x",
    "x.sh",
    "x~",
    "#x#",
    ".x",
    "x,y",
    "x+y",
    "x y",
    "x@y",
    "x:y",
    "é",
    "x.dpkg-old",
    "0-1_2",
]


def put(tmp_path, name, text=SCRIPT, mode=0o755):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)
    return path


def found(tmp_path, rule: str, profile: str = "scm") -> List[Tuple[str, str, str]]:
    """What a rule says of a root file system on disk: severity, path in it, message."""
    chosen = BOOK.profiles[profile]
    boot = Boot(MemoryFolder({"config.txt": b""}), DiskFolder(str(tmp_path), is_root=True))
    job = Job((BOOK.rules[rule],), (BOARDS[chosen.board],), profile, chosen.parameters)
    report = run(job, boot)
    assert not report.not_checked and not report.problems
    top = str(tmp_path) + "/"
    return [(one.severity, one.span.path.replace(top, ""), one.message) for one in report.findings]


@pytest.mark.skipif(shutil.which("run-parts") is None, reason="run-parts is not here")
def test_names_are_those_that_run_parts_takes(tmp_path):
    for name in NAMES:
        put(tmp_path, IMAGES + "/" + name, '#!/bin/sh\necho "${0##*/}"\n')
    done = subprocess.run(["run-parts", str(tmp_path / IMAGES)], stdout=subprocess.PIPE, check=True)
    taken = {entry.name for entry in run_parts(DiskFolder(str(tmp_path), is_root=True)) if entry.is_taken}
    assert taken == set(done.stdout.decode().split())


def test_modes_are_those_that_let_root_run_a_file(tmp_path):
    modes = [0o755, 0o644, 0o700, 0o600, 0o611]
    for mode in modes:
        put(tmp_path, "{}/m{:o}".format(IMAGES, mode), mode=mode)
    taken = {entry.name for entry in run_parts(DiskFolder(str(tmp_path), is_root=True)) if entry.is_taken}
    assert taken == {"m755", "m700", "m611"}


def test_links_on_a_disk(tmp_path):
    put(tmp_path, "opt/hook")
    put(tmp_path, HOOKS + "/plain")
    folder = tmp_path / HOOKS
    targets = {"there": "/opt/hook", "gone": "/opt/gone", "itself": "itself", "up": "../../../../../../opt/hook"}
    for name, target in targets.items():
        (folder / name).symlink_to(target)
    root = DiskFolder(str(tmp_path), is_root=True)
    assert {entry.name for entry in hooks(root) if entry.is_taken} == {"plain", "there", "up"}
    assert status_of(root, HOOKS + "/itself") is None
    said = found(tmp_path, "hook-not-executable")
    assert [(severity, path.rpartition("/")[2]) for severity, path, _ in said] == [
        ("degraded", "gone"),
        ("degraded", "itself"),
    ]


def test_a_boot_script_that_is_a_link_is_not_in_the_image(tmp_path):
    put(tmp_path, "opt/unlock")
    put(tmp_path, "etc/initramfs-tools/scripts/local-top/plain")
    (tmp_path / "etc/initramfs-tools/scripts/local-top/unlock").symlink_to("/opt/unlock")
    ((severity, path, message),) = found(tmp_path, "hook-not-executable")
    assert (severity, path) == ("brick", "etc/initramfs-tools/scripts/local-top/unlock")
    assert message.startswith("this boot script is a link")


def test_what_is_no_file_or_no_script_is_no_hook(tmp_path):
    put(tmp_path, HOOKS + "/data", b"\0\1\2#!", 0o644)
    put(tmp_path, HOOKS + "/README", "Don't", 0o755)
    (tmp_path / HOOKS / "folder.bak").mkdir()
    os.mkfifo(str(tmp_path / HOOKS / "pipe.bak"))
    with open(str(tmp_path / HOOKS / "huge.bak"), "wb") as stream:
        stream.truncate(1 << 34)
    (tmp_path / HOOKS / "huge.bak").chmod(0o755)
    for rule in ("hook-not-executable", "hook-name-ignored", "hook-bad-interpreter", "editor-backup-runs"):
        assert found(tmp_path, rule) == []


def test_a_folder_where_a_file_is_expected(tmp_path):
    for name in ("etc/initramfs/post-update.d", "etc/kernel/postinst.d", HOOKS):
        put(tmp_path, name, "x")
    for name in ("var/lib/dpkg/triggers/Unincorp", "usr/share/initramfs-tools/hooks/udev"):
        (tmp_path / name).mkdir(parents=True)
    put(tmp_path, "var/lib/dpkg/info/udev.md5sums", "0" * 32 + "  usr/share/initramfs-tools/hooks/udev\n", 0o644)
    for rule in ("hook-not-executable", "hook-name-ignored", "hook-bad-interpreter", "packaged-hook-edited"):
        assert found(tmp_path, rule) == []


def test_names_that_no_locale_has(tmp_path):
    path = os.fsencode(str(tmp_path / HOOKS))
    os.makedirs(path)
    with open(path + b"/a\xff\n", "wb") as stream:
        stream.write(SCRIPT.encode())
    ((severity, _, message),) = found(tmp_path, "hook-name-ignored")
    assert severity == "brick" and message.endswith("its name has \\xff in it")


MERGED = {"bin": "usr/bin", "usr/bin/python3": "python3.11", "a": "b", "b": "/a", "up": "../../usr/bin/sh"}


@pytest.mark.parametrize(
    "path, after, there",
    [
        ("bin/sh", "usr/bin/sh", True),
        ("/bin/../bin/./sh", "usr/bin/sh", True),
        ("bin/python3", "usr/bin/python3.11", False),
        ("up", "usr/bin/sh", True),
        ("nothing", "nothing", False),
        ("../..", "", False),
    ],
)
def test_after_links(tmp_path, path: str, after: str, there: bool) -> None:
    for folder in both(tmp_path, {"usr/bin/sh": ""}, MERGED):
        assert after_links(folder, path) == after
        assert is_there(folder, path) == there


def test_links_in_a_circle(tmp_path):
    for folder in both(tmp_path, {"usr/bin/sh": ""}, MERGED):
        assert not is_there(folder, "a")
        assert is_program(folder, "/bin/sh") and is_program(folder, "/usr/bin/sh")
        assert not is_program(folder, "/") and not is_program(folder, "/bin/bash")


def both(tmp_path, files: Dict[str, str], links: Dict[str, str]):
    """The same files in memory and on disk."""
    for name, text in files.items():
        put(tmp_path, name, text)
    for name, target in links.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).symlink_to(target)
    yield MemoryFolder({name: text.encode() for name, text in files.items()}, "", links)
    yield DiskFolder(str(tmp_path), is_root=True)


def test_a_file_that_cannot_be_looked_at_is_said(tmp_path):
    class Broken(MemoryFolder):
        def status(self, name):
            raise Unreadable(name, "input/output error")

    with pytest.raises(Unreadable):
        status_of(Broken({"x": b""}), "x")


@pytest.mark.parametrize(
    "name, kind, original",
    [
        ("x.bak", "copy", "x"),
        ("x.sh.BAK2", "copy", "x.sh"),
        ("x.dpkg-dist", "copy", "x"),
        ("x.ucf-old", "copy", "x"),
        ("x.distrib", "copy", "x"),
        ("x.disabled", "off", "x"),
        ("x.1", "copy", "x"),
        ("x-old", "copy", "x"),
        ("x.2024-01-31", "copy", "x"),
        ("y.1", "", ""),
        ("y-old", "", ""),
        (".bak", "", ""),
        ("bak", "", ""),
        ("x.sh", "", ""),
        ("x.baker", "", ""),
    ],
)
def test_names_of_copies(name: str, kind: str, original: str) -> None:
    said = aside(name, {"x"})
    assert (("", "") if said is None else (said.kind, said.original)) == (kind, original)


@pytest.mark.parametrize(
    "name", ["x~", "#x#", ".x.swp", ".#x", ".gitkeep", "x (copy)", "Copy of x", "x - Copy (2)", "x 2"]
)
def test_names_that_nobody_expects_to_be_run(name: str) -> None:
    assert is_rest(name, {"x"})


@pytest.mark.parametrize("name", [".x", "y (copy)", "x y", "10:x", "x@1", "README", "xcopy"])
def test_names_that_say_nothing(name: str) -> None:
    assert not is_rest(name, {"x"})


@pytest.mark.parametrize(
    "name, note", [("README", True), ("readme.first", True), ("x.md", True), ("notes", True), ("x.sh", False)]
)
def test_names_of_notes(name: str, note: bool) -> None:
    assert is_note(name) == note


def test_what_dpkg_has_moved_and_configured():
    moved = b"/bin/sh\n/bin/sh.distrib\ndash\n/usr/share/x\n/var/x\n:\n/cut\n"
    status = b"Package: x\nConffiles:\n /etc/kernel/postinst.d/x 0123 obsolete\n /etc/y 0\n"
    root = MemoryFolder({dpkg.DIVERSIONS: moved, dpkg.STATUS: status})
    assert dpkg.diversions(root) == {"bin/sh": "bin/sh.distrib", "usr/share/x": "var/x"}
    assert dpkg.is_conffile(root, "etc/kernel/postinst.d/x")
    assert not dpkg.is_conffile(root, "etc/kernel/postinst.d")
    assert dpkg.diversions(MemoryFolder({})) == {} and not dpkg.is_conffile(MemoryFolder({}), "etc/y")


def test_checksums_of_several_folders():
    sums = b"%s  usr/share/a/x\n%s  lib/b/y\n%s  usr/share/doc/usr/share/a/z\nnonsense\n" % ((b"0" * 32,) * 3)
    root = MemoryFolder({"var/lib/dpkg/info/p:arm64.md5sums": sums, "var/lib/dpkg/info/p.list": sums})
    assert set(dpkg.checksums(root, "usr/share/a/", "lib/b/")) == {"usr/share/a/x", "lib/b/y"}
    assert dpkg.checksums(root, "lib/b/")["lib/b/y"] == ("p", "0" * 32)
