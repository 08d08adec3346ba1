"""``scmguard check --staged`` and ``scmguard rules --test``, as people call them."""

import json
import os
import subprocess
import sys
from typing import Any, Tuple

import pytest

from tests.places import staged
from tests.repositories import Repo, environment, needs_git

pytestmark = needs_git

GOOD = "auto_initramfs=1\n[all]\ndtoverlay=dwc2,dr_mode=host\n"
BAD = "auto_initramfs=1\n[cm4]\notg_mode=1\n[all]\ndtoverlay=dwc2,dr_mode=host\n"
LINE = "console=tty1 root=/dev/mapper/cryptrfs rootwait\n"


@pytest.fixture
def repo(tmp_path: Any) -> Repo:
    return Repo(tmp_path / "image")


def scmguard(repo: Repo, *arguments: str, at: str = "", **more: str) -> Tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "scmguard", *arguments],
        cwd=os.path.join(repo.path, at),
        env=environment({"PYTHONPATH": staged(), "NO_COLOR": "1", **more}),
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


def test_before_the_first_commit_all_that_is_staged_is_checked(repo: Repo) -> None:
    repo.stage({"boot/config.txt": BAD, "boot/cmdline.txt": LINE})
    code, out, err = scmguard(repo, "check", "--staged")
    assert code == 1 and "boot/config.txt:3:1" in out and err == ""
    code, out, err = scmguard(repo, "diff", "--staged")
    assert code == 1 and "+ boot/config.txt:3: brick[otg-mode-enabled]" in out and err == ""
    repo.git("rm", "-q", "-r", "--cached", "boot")
    code, out, err = scmguard(repo, "check", "--staged")
    assert (code, out) == (0, "") and err == "scmguard: note: no boot files are among what is staged\n"


def test_nothing_staged_is_nothing_checked(repo: Repo) -> None:
    repo.commit({"boot/config.txt": BAD, "boot/cmdline.txt": LINE})
    repo.write("boot/config.txt", GOOD + BAD)
    assert scmguard(repo, "check", "--staged")[:2] == (0, "")


def test_the_index_counts_and_not_the_working_tree(repo: Repo) -> None:
    repo.commit({"boot/config.txt": GOOD, "boot/cmdline.txt": LINE})
    repo.stage({"boot/config.txt": BAD})
    repo.write("boot/config.txt", GOOD)
    assert scmguard(repo, "check", "--staged")[0] == 1
    assert scmguard(repo, "check", "boot")[0] == 0
    repo.stage({"boot/config.txt": GOOD + "# c\n"})
    repo.write("boot/config.txt", BAD)
    assert scmguard(repo, "check", "--staged")[0] == 0
    os.remove(os.path.join(repo.path, "boot/config.txt"))
    assert scmguard(repo, "check", "--staged", "boot/config.txt")[0] == 0


def test_paths_are_those_from_the_folder_that_people_are_in(repo: Repo) -> None:
    repo.commit({"a/boot/config.txt": BAD, "a/boot/cmdline.txt": LINE, "a/other": "x"})
    for at, path, label in (
        ("", "a/boot/config.txt", "a/boot/config.txt:3:1"),
        ("a", "boot/config.txt", "boot/config.txt:3:1"),
        ("a/boot", "config.txt", "config.txt:3:1"),
        ("a/boot", "../boot/cmdline.txt", "config.txt:3:1"),
        ("a", "boot", "boot/config.txt:3:1"),
        ("", ".", "a/boot/config.txt:3:1"),
        ("", os.path.join(repo.path, "a/boot/config.txt"), "a/boot/config.txt:3:1"),
    ):
        code, out, err = scmguard(repo, "check", "--staged", "--quiet", path, at=at)
        assert code == 1 and "--> {}\n".format(label) in out, (at, path, out, err)


def test_a_file_outside_the_index_is_read_from_disk_and_that_is_said(repo: Repo, tmp_path: Any) -> None:
    repo.commit({"boot/config.txt": GOOD})
    repo.write("new/config.txt", BAD)
    code, out, err = scmguard(repo, "check", "--staged", "new/config.txt")
    assert code == 1 and "otg-mode-enabled" in out
    assert err == "scmguard: note: new/config.txt is not in the index; it was read from disk\n"
    (tmp_path / "config.txt").write_text(BAD)
    code, _, err = scmguard(repo, "check", "--staged", str(tmp_path / "config.txt"))
    assert code == 1 and "is not in the index" in err
    code, _, err = scmguard(repo, "check", "--staged", "nowhere/config.txt")
    assert code == 3 and err == "scmguard: nowhere/config.txt: no such file or folder\n"


def test_a_file_of_no_boot_tree_is_passed_over_with_the_reason(repo: Repo) -> None:
    repo.stage({"tool/config.txt": "host=x\nport=1\n", "README.md": "x"})
    code, _, err = scmguard(repo, "check", "--staged")
    assert code == 0 and "tool/config.txt: passed over: it is not like a configuration of the firmware" in err
    assert "README.md" not in err
    code, _, err = scmguard(repo, "check", "--staged", "README.md")
    assert code == 0 and "README.md: passed over: it is no boot file by its name or content" in err
    code, out, _ = scmguard(
        repo, "check", "--staged", "--as", "config.txt", "--select", "unknown-setting", "tool/config.txt"
    )
    assert "tool/config.txt:1" in out


@pytest.mark.parametrize(
    "arguments, code, said",
    [
        (["--staged", "-"], 2, "--staged reads the git index; it takes no standard input"),
        (["--staged", "--root", "."], 2, "--staged reads the git index; it takes no --root"),
    ],
)
def test_wrong_usage(repo: Repo, arguments: Any, code: int, said: str) -> None:
    assert scmguard(repo, "check", *arguments) == (code, "", "scmguard: {}\n".format(said))


def test_outside_a_repository(tmp_path: Any) -> None:
    (tmp_path / "empty").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "scmguard", "check", "--staged"],
        cwd=str(tmp_path / "empty"),
        env=environment({"PYTHONPATH": staged(), "GIT_CEILING_DIRECTORIES": str(tmp_path)}),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "scmguard: .: is in no git repository\n")


def test_a_conflict_could_not_be_checked(repo: Repo) -> None:
    repo.commit({"boot/config.txt": GOOD, "boot/cmdline.txt": LINE})
    repo.git("checkout", "-q", "-b", "side")
    repo.commit({"boot/config.txt": GOOD + "arm_64bit=1\n"})
    repo.git("checkout", "-q", "main")
    repo.commit({"boot/config.txt": GOOD + "arm_64bit=0\n"})
    repo.run("git", "merge", "side")
    code, _, err = scmguard(repo, "check", "--staged")
    assert (code, err) == (3, "scmguard: boot/config.txt: has unresolved conflicts\n")


def test_templates_in_the_index(repo: Repo) -> None:
    repo.stage({"roles/boot/templates/config.txt.j2": "gpu_mem={{ x }}\n" + BAD + "{{ more }}\n[all]\n", "a.yml": ""})
    repo.stage({"roles/boot/templates/cmdline.txt.j2": "console=tty1 root={{ root }} rootwait\n"})
    code, out, _ = scmguard(repo, "check", "--staged")
    assert code == 0 and "roles/boot/templates/config.txt.j2:1: not checked: gpu_mem={{ x }}" in out
    assert "needs what is filled in for the templates" in out and "otg-mode-enabled" in out
    repo.stage({"roles/boot/templates/config.txt.j2": "gpu_mem={{ x }}\n" + BAD})
    code, out, _ = scmguard(repo, "check", "--staged")
    assert code == 1 and "--> roles/boot/templates/config.txt.j2:4:1" in out and "[otg-mode-enabled]" in out


def test_a_configuration_that_is_staged_otherwise_is_said(repo: Repo) -> None:
    repo.stage({".scmguard.yaml": "profile: pi4\n", "boot/config.txt": BAD, "boot/cmdline.txt": LINE})
    assert scmguard(repo, "check", "--staged", at="boot")[2] == ""
    repo.write(".scmguard.yaml", "profile: pi5\n")
    err = scmguard(repo, "check", "--staged", at="boot")[2]
    assert err == "scmguard: note: ../.scmguard.yaml is not the one that is staged; it was read from disk\n"
    assert scmguard(repo, "diff", "--staged", at="boot")[2] == err


def test_what_gets_worse(repo: Repo) -> None:
    repo.commit({"boot/config.txt": BAD, "boot/cmdline.txt": LINE})
    repo.stage({"boot/cmdline.txt": "console=tty1 root=/dev/mmcblk0p2 rootwait\n"})
    code, out, _ = scmguard(repo, "diff", "--staged", "--format", "json")
    [tree] = json.loads(out)["trees"]
    assert code == 1 and [finding["rule"] for finding in tree["findings"]["new"]] == ["encrypted-root-lost"]
    assert (tree["path"], tree["files"]) == ("boot", ["cmdline.txt"])
    repo.stage({"boot/cmdline.txt": LINE, "boot/config.txt": GOOD})
    code, out, _ = scmguard(repo, "diff", "--staged")
    assert code == 0 and "brick[otg-mode-enabled]" in out.partition("findings that are gone:")[2]


def test_an_executable_bit_alone_is_a_change(repo: Repo) -> None:
    hook = '#!/bin/sh\nPREREQ=""\nprereqs() { echo "$PREREQ"; }\ncase "$1" in prereqs) prereqs; exit 0;; esac\n'
    repo.write("overlay/etc/initramfs-tools/hooks/x", hook, executable=True)
    repo.git("add", ".")
    repo.commit()
    repo.git("update-index", "--chmod=-x", "overlay/etc/initramfs-tools/hooks/x")
    code, out, _ = scmguard(repo, "diff", "--staged")
    assert code == 1 and "hook-not-executable" in out


RULE = """id: own-rule
severity: degraded
summary: Splash screens are not wanted here.
rationale: They hide what the boot says, on every unit of ours.
recovery: None is needed, the unit boots.
help: Set disable_splash=1 in config.txt, under [all].
sources: ["our own decision"]
needs: [config]
profiles: [all]
check: {setting: disable_splash, always: "1"}
examples:
  bad:
    - {name: nothing, files: {config.txt: ""}, finds: ["config.txt: "]}
  good:
    - {name: off, files: {config.txt: "disable_splash=1\\n"}}
"""


def test_rules_are_tested(repo: Repo) -> None:
    repo.write("house/own-rule.yaml", RULE)
    assert scmguard(repo, "rules", "--test", "house") == (0, "1 rule tested\n", "")
    assert scmguard(repo, "rules", "--test", "house/own-rule.yaml")[0] == 0
    assert scmguard(repo, "rules", "--test")[0] == 2
    repo.write(".scmguard.yaml", "rules: [house]\n")
    assert scmguard(repo, "rules", "--test") == (0, "1 rule tested\n", "")
    repo.write("house/own-rule.yaml", RULE.replace("disable_splash=1\\n", "disable_splash=0\\n"))
    code, out, _ = scmguard(repo, "rules", "--test", "house")
    assert code == 1 and out.startswith("house/own-rule.yaml: good: off: finds config.txt:1: ")
    repo.write("house/second.yaml", "id: [\n")
    code, out, _ = scmguard(repo, "rules", "--test", "house")
    assert code == 1 and "house/second.yaml:" in out and "house/own-rule.yaml: good" in out and "2 rules tested" in out
    assert scmguard(repo, "rules", "--test", "nowhere")[0] == 1


@pytest.mark.parametrize(
    "old, new, said",
    [
        ("nothing, files", "x, severity: brick, files", "bad: x: has the severity degraded, not brick"),
        (
            'finds: ["config.txt: "]',
            'finds: ["config.txt: ", "config.txt:9: x"]',
            "bad: nothing: does not find config.txt:9: x",
        ),
        ('finds: ["config.txt: "]', "finds: []", "bad: nothing: also finds config.txt:0: "),
        ("nothing, files", "x, possible: true, files", "bad: x: is not possible, other than it says"),
        ("id: own-rule", "id: other", "house/own-rule.yaml:1: the id must be the file's name, own-rule"),
    ],
)
def test_what_is_wrong_with_a_rule_is_said(repo: Repo, old: str, new: str, said: str) -> None:
    repo.write("house/own-rule.yaml", RULE.replace(old, new))
    code, out, _ = scmguard(repo, "rules", "--test", "house")
    assert code == 1 and said in out, out


def test_rules_still_list_and_show(repo: Repo) -> None:
    code, out, _ = scmguard(repo, "rules", "otg-mode-enabled")
    assert code == 0 and out.startswith("otg-mode-enabled")
    assert scmguard(repo, "rules", "a", "b")[0] == 2
