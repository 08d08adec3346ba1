"""Which boot trees of an image repository a file belongs to, and what is known of a part of a root file system."""

import os
from typing import Any, Dict, List, Mapping, Optional, Tuple, Union

import pytest

from scmguard.effective.board import BOARDS
from scmguard.inputs.git import Repository
from scmguard.inputs.gittree import GitFolder
from scmguard.lint import Job
from scmguard.lint import run as lint
from scmguard.repository.kinds import Name, is_like, of_name
from scmguard.repository.trees import INITRAMFS, Place, Trees
from scmguard.rulebook import load
from tests.repositories import Repo, needs_git

CONFIG = "arm_64bit=1\ndtoverlay=vc4-kms-v3d\n"
LINE = "console=tty1 root=/dev/mmcblk0p2 rootwait\n"
BOOK = load()


@pytest.fixture
def repo(tmp_path: Any, monkeypatch: Any) -> Repo:
    found = Repo(tmp_path / "repo")
    monkeypatch.chdir(found.path)
    return found


def places(repo: Repo, *paths: str, named: bool = False) -> List[Tuple[str, str, str, str]]:
    return [tuple(place) for place in Trees(Repository(repo.path).index()).of(paths, named)[0]]


def skipped(repo: Repo, *paths: str, named: bool = True) -> Dict[str, str]:
    return dict(Trees(Repository(repo.path).index()).of(paths, named)[1])


@pytest.mark.parametrize(
    "name, expected",
    [
        ("config.txt", Name("config.txt")),
        ("CONFIG.TXT", Name("config.txt")),
        ("config.txt.j2", Name("config.txt", (), True)),
        ("config.txt.in", Name("config.txt", (), True)),
        ("config_4_64bit.txt", Name("config.txt", ("4", "64bit"))),
        ("config64.txt", Name("config.txt", ("64",))),
        ("config.txt-arm64", Name("config.txt", ("arm64",))),
        ("rpi2_kiosk_config.txt", Name("config.txt", ("rpi2", "kiosk"))),
        ("usercfg.txt", Name("config.txt", ("usercfg",))),
        ("cmdline.txt", Name("cmdline.txt")),
        ("cmdline-a.txt", Name("cmdline.txt", ("a",))),
        ("cmdline_a_tryboot.txt", Name("cmdline.txt", ("a", "tryboot"))),
        ("nobtcmd.txt", Name("cmdline.txt", ("nobtcmd",))),
        ("tryboot.txt", Name("tryboot.txt")),
        ("autoboot-a.txt", Name("autoboot.txt", ("a",))),
        ("bootconf.txt", Name("bootconf.txt")),
        ("boot.conf", Name("boot.conf")),
        ("config.txt.bak", None),
        ("config.txt.orig", None),
        ("0001-config.txt-set-start_x.patch", None),
        ("configuration.txt", None),
        ("config.json", None),
        ("README.txt", None),
        ("autoboot.py", None),
        ("", None),
    ],
)
def test_names(name: str, expected: Optional[Name]) -> None:
    assert of_name(name) == expected


@pytest.mark.parametrize(
    "kind, text, expected",
    [
        ("config.txt", CONFIG, True),
        ("config.txt", "[pi4]\narm_boost=1\n", True),
        ("config.txt", "#dtparam=i2c_arm=on\n", True),
        ("config.txt", "gpu_mem={{ gpu_mem }}\n{% if x %}\n{% endif %}\n", True),
        ("config.txt", "# nothing\n\n", None),
        ("config.txt", "", None),
        ("config.txt", "host=example.org\nport=80\nuser=me\n", False),
        ("config.txt", "Usage: config [options]\n\nThis tells how it works.\n", False),
        ("config.txt", "kernel=x\nlearning_rate=0.1\nepochs=3\nlayers=4\n", False),
        ("config.txt", "a\0b", False),
        ("cmdline.txt", LINE, True),
        ("cmdline.txt", "# why\n" + LINE, True),
        ("cmdline.txt", "root={{ root }} quiet\n", True),
        ("cmdline.txt", "", None),
        ("cmdline.txt", "Usage: prog [options] FILE\n", False),
    ],
)
def test_content(kind: str, text: str, expected: Optional[bool]) -> None:
    assert is_like(kind, text.encode()) is expected


# Real layouts, by the files that they have in common.
PI_GEN = {
    "stage1/00-boot-files/files/config.txt": CONFIG,
    "stage1/00-boot-files/files/cmdline.txt": "console=tty1 root=ROOTDEV rootwait\n",
    "stage2/01-sys-tweaks/files/noclear.conf": "[Service]\n",
    "config": "IMG_NAME=x\n",
}
BUILDROOT = {
    "board/raspberrypi/config_4_64bit.txt": CONFIG,
    "board/raspberrypi/config_5.txt": CONFIG,
    "board/raspberrypi/config_cm4io_64bit.txt": CONFIG,
    "board/raspberrypi/cmdline.txt": LINE,
    "board/raspberrypi/cmdline_5.txt": LINE,
    "board/raspberrypi/post-build.sh": "#!/bin/sh\n",
}
NERVES = {
    "config.txt": CONFIG,
    "cmdline-a.txt": LINE,
    "cmdline-b.txt": LINE,
    "autoboot-a.txt": "[all]\nboot_partition=2\n",
    "mix.exs": "x\n",
}
IMAGE_GEN = {
    "device/rootfs-overlay/boot/firmware/config.txt": CONFIG,
    "device/rootfs-overlay/boot/firmware/cmdline.txt": LINE,
    "device/rootfs-overlay/etc/initramfs-tools/hooks/x": "#!/bin/sh\n",
}
YOCTO = {"meta-x/recipes-bsp/bootfiles/files/config.txt": CONFIG, "meta-x/recipes-bsp/bootfiles/x.bbappend": "x\n"}
CUSTOM_PI_OS = {"src/modules/x/filesystem/boot/config.txt": CONFIG, "src/modules/x/filesystem/root/etc/x": "x\n"}


@needs_git
@pytest.mark.parametrize(
    "files, path, expected",
    [
        (PI_GEN, "stage1/00-boot-files/files/config.txt", [("config.txt", "cmdline.txt")]),
        (PI_GEN, "stage1/00-boot-files/files/cmdline.txt", [("config.txt", "cmdline.txt")]),
        (PI_GEN, "stage2/01-sys-tweaks/files/noclear.conf", []),
        (PI_GEN, "config", []),
        (BUILDROOT, "board/raspberrypi/config_5.txt", [("config_5.txt", "cmdline_5.txt")]),
        (BUILDROOT, "board/raspberrypi/config_4_64bit.txt", [("config_4_64bit.txt", "cmdline.txt")]),
        (BUILDROOT, "board/raspberrypi/cmdline_5.txt", [("config_5.txt", "cmdline_5.txt")]),
        (
            BUILDROOT,
            "board/raspberrypi/cmdline.txt",
            [("config_4_64bit.txt", "cmdline.txt"), ("config_cm4io_64bit.txt", "cmdline.txt")],
        ),
        (BUILDROOT, "board/raspberrypi/post-build.sh", []),
        (NERVES, "config.txt", [("config.txt", "")]),
        (NERVES, "cmdline-b.txt", [("cmdline-b.txt", "")]),
        (NERVES, "autoboot-a.txt", [("autoboot-a.txt", "")]),
        (NERVES, "mix.exs", []),
        (IMAGE_GEN, "device/rootfs-overlay/boot/firmware/cmdline.txt", [("config.txt", "cmdline.txt")]),
        (IMAGE_GEN, "device/rootfs-overlay/etc/initramfs-tools/hooks/x", [("", "")]),
        (YOCTO, "meta-x/recipes-bsp/bootfiles/files/config.txt", [("config.txt", "")]),
        (YOCTO, "meta-x/recipes-bsp/bootfiles/x.bbappend", []),
        (CUSTOM_PI_OS, "src/modules/x/filesystem/boot/config.txt", [("config.txt", "")]),
        (CUSTOM_PI_OS, "src/modules/x/filesystem/root/etc/x", []),
    ],
)
def test_layouts(repo: Repo, files: Mapping[str, str], path: str, expected: List[Tuple[str, str]]) -> None:
    repo.stage(files)
    found = places(repo, path)
    assert [(name, cmdline) for _, _, name, cmdline in found] == expected
    top = Repository(repo.path).index()
    for place in found:
        assert Place(*place).boot(top) is not None


@needs_git
def test_what_a_config_names_belongs_to_its_tree(repo: Repo) -> None:
    config = (
        "include extra/common.txt\n[tryboot]\ncmdline=try.cmd\n[all]\ndtoverlay=mine\ninitramfs a.cpgz followkernel\n"
    )
    repo.stage(
        {
            "boot/config.txt": CONFIG + config,
            "boot/cmdline.txt": LINE,
            "boot/extra/common.txt": "include deep.txt\n",
            "boot/deep.txt": "dtparam=audio=on\n",
            "boot/try.cmd": LINE,
            "boot/overlays/mine.dtbo": b"\0",
            "boot/a.cpgz": b"\0",
            "boot/notes.md": "x",
            "other/extra/common.txt": "x",
        }
    )
    tree = [("boot", "config.txt", "config.txt", "cmdline.txt")]
    for path in ("extra/common.txt", "deep.txt", "try.cmd", "overlays/mine.dtbo", "a.cpgz", "EXTRA/Common.txt"):
        assert places(repo, "boot/" + path) == tree, path
    for path in ("boot/notes.md", "other/extra/common.txt", "extra/common.txt", "boot/extra/deep.txt"):
        assert places(repo, path) == [], path
    every = [path for path in Repository(repo.path).index().paths() if path.startswith("boot")]
    assert places(repo, *every) == tree


@needs_git
def test_what_is_gone_and_still_named_belongs_to_the_tree(repo: Repo) -> None:
    repo.stage({"boot/config.txt": CONFIG + "include gone.txt\n", "boot/cmdline.txt": LINE})
    tree = [("boot", "config.txt", "config.txt", "cmdline.txt")]
    assert places(repo, "boot/gone.txt") == tree
    repo.git("rm", "-q", "--cached", "boot/cmdline.txt")
    assert places(repo, "boot/cmdline.txt") == [("boot", "config.txt", "config.txt", "")]
    repo.stage({"boot/cmdline.txt": LINE})
    repo.git("rm", "-q", "--cached", "boot/config.txt")
    assert places(repo, "boot/config.txt") == tree
    repo.git("rm", "-q", "--cached", "boot/cmdline.txt")
    assert places(repo, "boot/config.txt", "boot/cmdline.txt") == []


@needs_git
def test_a_config_of_another_program_is_passed_over(repo: Repo) -> None:
    repo.stage(
        {"tool/config.txt": "host=example.org\nport=80\n", "tool/main.py": "x", "docs/cmdline.txt": "Usage: x\n"}
    )
    assert places(repo, "tool/config.txt", "docs/cmdline.txt", named=True) == []
    said = skipped(repo, "tool/config.txt", "docs/cmdline.txt", "tool/main.py", "absent.txt", named=True)
    assert said["tool/config.txt"].startswith("is not like a configuration of the firmware")
    assert said["docs/cmdline.txt"].startswith("is not like a kernel command line")
    assert said["tool/main.py"].startswith("is no boot file by its name or content")
    assert list(skipped(repo, "tool/config.txt", "tool/main.py", named=False)) == ["tool/config.txt"]


@needs_git
def test_what_is_beside_a_strange_config_makes_it_one(repo: Repo) -> None:
    strange = {"boot/config.txt": "hots=1\nprot=2\n"}
    repo.stage({**strange, "boot/cmdline.txt": LINE})
    assert len(places(repo, "boot/config.txt")) == 1
    repo.git("rm", "-q", "--cached", "boot/cmdline.txt")
    assert places(repo, "boot/config.txt") == []
    repo.stage({"boot/start4.elf": b"\0"})
    assert len(places(repo, "boot/config.txt")) == 1


@needs_git
def test_a_file_of_another_name_is_taken_where_somebody_chose_it(repo: Repo) -> None:
    repo.stage({"pi/settings.cfg": CONFIG, "pi/other.cfg": "host=x\n"})
    assert places(repo, "pi/settings.cfg") == []
    assert places(repo, "pi/settings.cfg", "pi/other.cfg", named=True) == [("pi", "config.txt", "settings.cfg", "")]


def rules(boot: Any, profile: str = "pi4") -> Tuple[List[Tuple[str, str]], Dict[str, str]]:
    chosen = BOOK.profiles[profile]
    kept = tuple(rule for rule in BOOK.rules.values() if rule.applies_to(profile))
    report = lint(Job(kept, (BOARDS[chosen.board],), profile, chosen.parameters), boot)
    assert report.problems == ()
    found = [(finding.rule, finding.span.path) for finding in report.findings]
    return found, {entry.rule: entry.needs for entry in report.not_checked}


def part(repo: Repo, path: str) -> Any:
    top = Repository(repo.path).index()
    (place,), _ = Trees(top).of([path])
    assert place.kind == INITRAMFS
    return place.boot(top)


HOOK = '#!/bin/sh\nPREREQ=""\nprereqs() { echo "$PREREQ"; }\ncase "$1" in prereqs) prereqs; exit 0;; esac\n'


def hooks(repo: Repo, files: Mapping[str, Tuple[Union[str, bytes], bool]]) -> None:
    for name, (data, executable) in files.items():
        repo.write(name, data, executable)
    repo.git("add", ".")


@needs_git
@pytest.mark.parametrize("prefix", ["", "overlay/", "stage2/02/files/root/"])
def test_hooks_are_judged_as_a_part_of_a_root_file_system(repo: Repo, prefix: str) -> None:
    folder = prefix + "etc/initramfs-tools/"
    hooks(
        repo,
        {
            folder + "hooks/good": (HOOK + ". /usr/share/initramfs-tools/hook-functions\ncopy_exec /opt/x\n", True),
            folder + "hooks/off": (HOOK, False),
            folder + "hooks/broken": (HOOK + "if true; then\n", True),
            folder + "scripts/local-top/wild": ("#!/bin/sh\necho hi\n", True),
            folder + "conf.d/own": ("MODULES=most\n", False),
        },
    )
    found, not_checked = rules(part(repo, folder + "hooks/good"))
    assert sorted(found) == [
        ("boot-script-runs-on-host", folder + "scripts/local-top/wild"),
        ("hook-does-not-parse", folder + "hooks/broken"),
        ("hook-not-executable", folder + "hooks/off"),
    ]
    assert not_checked["hook-copies-missing-file"] == "rootfs"
    assert "overlay-file-missing" not in not_checked


@needs_git
def test_a_part_says_nothing_of_what_is_not_there(repo: Repo) -> None:
    hooks(
        repo,
        {
            "etc/initramfs-tools/hooks/python": ("#!/usr/bin/python3\nimport prereqs\n", True),
            "etc/initramfs-tools/scripts/init-top/py": ("#!/usr/bin/python3\nimport prereqs\n", True),
            "etc/initramfs-tools/initramfs.conf": ("MODULES=most\nBUSYBOX=y\n", False),
            "etc/kernel/postinst.d/zz-own": ("#!/usr/bin/perl\nexit 0;\n", True),
            "etc/crypttab": ("cryptrfs /dev/mmcblk0p2 none luks,keyscript=/lib/none\n", False),
            "etc/fstab": ("/dev/mapper/other / ext4 defaults 0 1\n", False),
        },
    )
    os.symlink("/usr/lib/elsewhere", os.path.join(repo.path, "etc/initramfs-tools/hooks/link"))
    os.symlink("/lib/elsewhere", os.path.join(repo.path, "etc/kernel/postinst.d/link"))
    repo.git("add", ".")
    found, _ = rules(part(repo, "etc/initramfs-tools/initramfs.conf"))
    assert found == []


@needs_git
def test_a_carriage_return_behind_the_interpreter_is_seen(repo: Repo) -> None:
    hooks(repo, {"etc/initramfs-tools/hooks/dos": (HOOK.replace("\n", "\r\n"), True)})
    found, _ = rules(part(repo, "etc/initramfs-tools/hooks/dos"), "scm")
    assert {rule for rule, _ in found} & {"hook-bad-interpreter", "hook-does-not-parse"}


@needs_git
def test_the_mode_is_that_of_the_index(repo: Repo) -> None:
    path = "etc/initramfs-tools/hooks/x"
    hooks(repo, {path: (HOOK, True)})
    os.chmod(os.path.join(repo.path, path), 0o644)
    assert rules(part(repo, path))[0] == []
    repo.git("update-index", "--chmod=-x", path)
    os.chmod(os.path.join(repo.path, path), 0o755)
    assert rules(part(repo, path))[0] == [("hook-not-executable", path)]


@needs_git
def test_trees_are_read_under_the_names_that_the_firmware_knows(repo: Repo) -> None:
    repo.stage(
        {
            "b/config_4.txt": "otg_mode=1\n",
            "b/config_5.txt": "include inc.txt\n",
            "b/inc.txt": "dtparam=audio=on\n",
            "b/cmdline.txt": "console=tty1 root=/dev/a\n",
            "b/cmdline_5.txt": "console=tty1 root=/dev/b\n",
        }
    )
    top: GitFolder = Repository(repo.path).index()
    boots = {place.name: place.boot(top) for place in Trees(top).of(["b/cmdline.txt", "b/cmdline_5.txt"])[0]}
    four, five = boots["config_4.txt"], boots["config_5.txt"]
    assert four is not None and five is not None
    assert four.files.names() == ["cmdline.txt", "cmdline_5.txt", "config.txt", "config_5.txt", "inc.txt"]
    assert five.files.names() == ["cmdline.txt", "config.txt", "config_4.txt", "inc.txt"]
    assert four.files.label("config.txt") == "b/config_4.txt"
    assert five.files.label("cmdline.txt") == "b/cmdline_5.txt"
    assert five.files.read("cmdline.txt") == b"console=tty1 root=/dev/b\n"
    assert five.files.read("config_5.txt") is None and not five.files.exists("config_5.txt")
    assert five.files.read("inc.txt") == b"dtparam=audio=on\n"
    assert five.files.status("config.txt").size == len("include inc.txt\n")
