"""``scmguard diff`` as a whole program, over files, folders, the index and revisions; and its JSON."""

import json
import os
import shutil
from typing import Any, Dict, List

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scmguard import assets
from scmguard.boot import Boot
from scmguard.cli.diff import Comparison
from scmguard.folder import MemoryFolder
from scmguard.inputs.sides import Pair
from scmguard.report import diff_report
from scmguard.settings import Settings
from tests import strategies
from tests.fuzz_fixes import job_of
from tests.repositories import Repo, needs_git
from tests.test_cli import one_line, scmguard, tree

SCHEMA: Dict[str, Any] = json.loads(assets.package_file("schema", "diff-1.json"))
REPORT: Dict[str, Any] = json.loads(assets.package_file("schema", "report-1.json"))
GOOD = "gpu_mem=64\n[all]\ndtoverlay=dwc2,dr_mode=host\n"
OTHER = GOOD.replace("64", "128")
BAD = GOOD + "[cm4]\notg_mode=1\n[all]\n"
CHANGED = "in effect on cm4:\n  gpu_mem: 64 -> 128\n"
OWN = "whose files are in a repository of its own"


def as_json(*words: Any, **more: Any) -> Any:
    done = scmguard("diff", "--format", "json", *words, **more)
    data = json.loads(done.out)
    jsonschema.validate(data, SCHEMA)
    assert done.returncode == (1 if data["worse"] else 0) or done.returncode == 3
    return data


# --- files and folders ---


def test_two_folders_and_two_files(tmp_path: Any) -> None:
    old, new = tree(tmp_path / "old", config_txt=GOOD), tree(tmp_path / "new", config_txt=OTHER)
    for one, other in ((old, new), (old / "config.txt", new / "config.txt")):
        done = scmguard("diff", one, other)
        assert (done.returncode, done.out, done.err) == (0, CHANGED, "")


def test_the_same_and_an_edit_without_effect(tmp_path: Any) -> None:
    old = tree(tmp_path / "old", config_txt=GOOD)
    assert scmguard("diff", old, old).out == "nothing changes\n"
    new = tree(tmp_path / "new", config_txt="# more memory\n[all]\ndtoverlay=dwc2,dr_mode=host\ngpu_mem=64\n")
    done = scmguard("diff", old, new, "--board", "cm4", "--board", "pi5")
    assert done.returncode == 0
    assert done.out == "nothing changes in effect on cm4, pi5 (different in config.txt, but not in what it means)\n"


def test_worse_exits_1_and_better_does_not(tmp_path: Any) -> None:
    good, bad = tree(tmp_path / "good", config_txt=GOOD), tree(tmp_path / "bad", config_txt=BAD)
    done = scmguard("diff", good, bad, cwd=str(tmp_path))
    assert done.returncode == 1 and "usb controller: dwc2 host -> xhci host" in done.out
    assert "findings that are new:\n  + {}/config.txt:5: brick[otg-mode-enabled]".format(bad) in done.out
    done = scmguard("diff", bad, good)
    assert done.returncode == 0 and "findings that are gone:\n  - {}".format(bad) in done.out
    # What was bad before and still is makes nothing worse.
    assert scmguard("diff", bad, tree(tmp_path / "same", config_txt="arm_boost=1\n" + BAD)).returncode == 0


@pytest.mark.parametrize("more, code", [((), 0), (("--fail-on", "hygiene"), 1), (("--fail-on", "brick"), 0)])
def test_the_threshold(tmp_path: Any, more: Any, code: int) -> None:
    old, new = tree(tmp_path / "old", config_txt=GOOD), tree(tmp_path / "new", config_txt=GOOD + "[pi5]\n")
    assert scmguard("diff", old, new, *more).returncode == code


def test_rules_that_are_asked_for_and_waivers(tmp_path: Any) -> None:
    old, new = tree(tmp_path / "old", config_txt=GOOD), tree(tmp_path / "new", config_txt="gpu_mem=64 # x\n" + BAD)
    assert scmguard("diff", old, new, "--select", "otg-*").out.count("+ ") == 1
    done = scmguard("diff", old, new, "--ignore", "otg-mode-enabled", "--ignore", "trailing-comment")
    assert "otg-mode-enabled" not in done.out and done.returncode == 0
    (new / ".scmguard.yaml").write_text("waivers:\n- {rule: otg-mode-enabled, reason: a carrier without USB}\n")
    done = scmguard("diff", old, new)
    assert "otg-mode-enabled" not in done.out and "trailing-comment" in done.out


def test_boards_on_which_it_differs_and_others(tmp_path: Any) -> None:
    old = tree(tmp_path / "old", config_txt=GOOD)
    new = tree(tmp_path / "new", config_txt=GOOD + "[pi5]\ngpu_mem=70\n[pi4]\ngpu_mem=72\n[all]\n")
    boards = ("cm4", "pi4", "pi5", "pi3", "cm5")
    done = scmguard("diff", old, new, *(word for name in boards for word in ("--board", name)))
    assert done.out == (
        "in effect on cm4, pi4:\n  gpu_mem: 64 -> 72\n"
        "in effect on pi5, cm5:\n  gpu_mem: 64 -> 70\n"
        "nothing changes in effect on pi3 (different in config.txt, but not in what it means)\n"
    )


def test_prose_in_the_command_line_is_one_line(tmp_path: Any) -> None:
    def lines(words: str) -> Any:
        old = tree(tmp_path / "old", config_txt=GOOD, cmdline_txt="root=/dev/sda2\n")
        new = tree(tmp_path / "new", config_txt=GOOD, cmdline_txt="root=/dev/sda2 {}\n".format(words))
        return [line for line in scmguard("diff", old, new).out.splitlines() if line.startswith("    + ")]

    assert lines("a b c d e f g h") == ["    + " + each for each in "abcdefgh"]
    assert lines("a b c d e f g h i") == ["    + a b c d e f g h i (9 arguments)"]


def test_files_of_which_all_are_loaded_and_of_which_one_is(tmp_path: Any) -> None:
    old = tree(tmp_path / "old", config_txt="")
    new = tree(tmp_path / "new", config_txt="start_x=1\nfixup_file=a.dat\ninitramfs a.img,b.img followkernel\n")
    lines = scmguard("diff", old, new, "--profile", "pi4").out.splitlines()
    assert "  firmware file: start4.elf -> start4x.elf or start_x.elf" in lines
    assert "  fixup file: fixup4.dat -> a.dat" in lines
    assert "  initramfs file: none -> a.img and b.img" in lines


def test_worlds(tmp_path: Any) -> None:
    old = tree(tmp_path / "old", config_txt="[gpio4=1]\narm_boost=1\n[all]\nkernel=a # b\n" + GOOD)
    new = tree(tmp_path / "new", config_txt="kernel=a\n" + GOOD)
    assert scmguard("diff", old, new).out.splitlines()[:4] == [
        "in effect on cm4:",
        "  arm_boost: 1 -> not set   (only if gpio4=1)",
        "  kernel: a # b -> a   (only if trailing-comment=kept)",
        "  kernel file: a # b -> a   (only if trailing-comment=kept)",
    ]
    # There is more than one case: none of them is the only one.
    old = tree(tmp_path / "two", config_txt="[gpio4=1]\narm_boost=1\n[all]\n[gpio5=1]\narm_boost=1\n[all]\n" + GOOD)
    done = scmguard("diff", old, tree(tmp_path / "none", config_txt=GOOD))
    assert "  arm_boost: 1 -> not set   (among others if gpio4=" in done.out


def test_what_is_in_order_and_what_is_not_set(tmp_path: Any) -> None:
    old = tree(tmp_path / "old", config_txt="dtoverlay=a,x=1\ndtoverlay=b\ngpio=4=op\ndtparam=spi=on\nkernel=\n" + GOOD)
    new = tree(tmp_path / "new", config_txt="dtoverlay=b\ndtoverlay=a,x=1\ngpio=4=ip\nkernel=k\n" + GOOD)
    assert scmguard("diff", old, new, "--profile", "cm4").out.splitlines() == [
        "in effect on cm4:",
        "  kernel: empty -> k",
        "  overlays",
        "    + b",
        "      a,x=1",
        "    - b",
        "  parameters of the base device tree",
        "    - spi=on",
        "  gpio",
        "    - 4=op",
        "    + 4=ip",
        "  kernel file: kernel8.img -> k",
    ]


def test_the_command_line_appears_and_vanishes(tmp_path: Any) -> None:
    old = tree(tmp_path / "old", config_txt=GOOD, cmdline_txt="root=/dev/a quiet\n")
    new = tree(tmp_path / "new", config_txt=GOOD)
    assert "  command line: root=/dev/a quiet -> no file\n" in scmguard("diff", old, new).out
    (new / "cmdline.txt").write_text("root=/dev/b quiet\n")
    assert "  command line\n    - root=/dev/a\n    + root=/dev/b\n" in scmguard("diff", old, new).out


def test_standard_input_and_files_of_other_names(tmp_path: Any) -> None:
    old = tree(tmp_path / "old", config_txt=GOOD, tryboot_txt=OTHER, my_cfg=OTHER, cmdline_txt="quiet\n")
    assert scmguard("diff", old / "config.txt", "-", data=OTHER.encode()).out == CHANGED
    assert scmguard("diff", old / "config.txt", old / "tryboot.txt").out == CHANGED.replace("gpu", "tryboot.txt: gpu")
    assert "gpu_mem: 128 -> 64" in scmguard("diff", old / "tryboot.txt", old / "config.txt").out
    assert scmguard("diff", "--as", "config.txt", old / "config.txt", old / "my.cfg").out == CHANGED


@pytest.mark.parametrize(
    "arguments, code, says",
    [
        (("old", "missing"), 3, "missing: no such file or folder"),
        (("missing/a", "old"), 3, "missing/a: no such file or folder"),
        (("old", "empty"), 3, "empty: no boot files here"),
        (("old", "old/config.txt"), 3, "old/config.txt: is a file, and old a folder"),
        (
            ("old/config.txt", "old/cmdline.txt"),
            3,
            "old/config.txt: is a config.txt, and old/cmdline.txt a cmdline.txt",
        ),
        (("old/config.txt", "old/my.cfg"), 3, "not a name scmguard knows"),
        (("HEAD", "old"), 3, "HEAD: no such file or folder, and no revision: this folder is in no git repository"),
        ((":old", "old"), 3, ":old: no such file or folder, and no revision"),
        (("", "old"), 3, "no such file or folder"),
        (("-", "-"), 2, "standard input can be one side alone"),
        (("old", "old", "--board", "pi9"), 2, "no board 'pi9'"),
        (("old", "old", "--select", "nope"), 2, "no rule 'nope'"),
        (("old", "/dev/null"), 3, "not a name scmguard knows"),
        (("--as", "config.txt", "old/config.txt", "/dev/zero"), 3, "is not a regular file"),
    ],
)
def test_wrong_use_is_one_clear_line(tmp_path: Any, arguments: Any, code: int, says: str) -> None:
    tree(tmp_path / "old", config_txt=GOOD, cmdline_txt="quiet\n", my_cfg=GOOD)
    tree(tmp_path / "empty")
    done = scmguard("diff", *arguments, cwd=str(tmp_path), GIT_CEILING_DIRECTORIES=str(tmp_path.parent))
    assert done.returncode == code and done.out == "" and says in one_line(done.err), done.err


@pytest.mark.parametrize("words", [(), ("old",), ("a", "b", "c"), ("a", "b", "--format", "yaml")])
def test_wrong_arguments(words: Any) -> None:
    done = scmguard("diff", *words)
    says = "see scmguard diff --help" if "--format" in words else "it takes two sides"
    assert done.returncode == 2 and says in one_line(done.err)


def test_a_file_that_cannot_be_read_is_an_error_and_others_are_compared(tmp_path: Any) -> None:
    for side, text in (("old", GOOD), ("new", OTHER)):
        for name in ("a", "b"):
            tree(tmp_path / side / name, config_txt="include inc.txt\n" + text)
    (tmp_path / "new" / "a" / "inc.txt").mkdir()
    done = scmguard("diff", tmp_path / "old", tmp_path / "new")
    assert done.returncode == 3 and "a/inc.txt: is a folder" in done.err
    assert done.out.count("gpu_mem: 64 -> 128") >= 1 and done.out.endswith("b\n" + CHANGED)
    assert any("inc.txt" in entry["path"] for entry in as_json(tmp_path / "old", tmp_path / "new")["errors"])


def test_what_is_too_complex_is_unknown(tmp_path: Any) -> None:
    numbers = "".join("[gpio{}=1]\ndtoverlay=o{}\n[all]\n".format(n, n) for n in range(18))
    old, new = tree(tmp_path / "old", config_txt=GOOD), tree(tmp_path / "new", config_txt=numbers + GOOD)
    done = scmguard("diff", old, new)
    assert done.returncode == 3 and "on cm4 it could not be worked out what changes" in done.out, done.out + done.err
    assert as_json(old, new)["trees"][0]["boards"][0]["unknown"]


def test_control_characters_never_reach_the_output(tmp_path: Any) -> None:
    evil = "\x1b]0;x\x07\x9b2J\u202e"
    text = "my{0}=1\nkernel={0}\ndtoverlay={0},a{0}=b{0}\ndtparam=x{0}=y\ngpio={0}\n[EDID={0}]\narm_boost=1\n[wat{0}]\n"
    text += "gpu_mem=1 # {0}\n[all]\ninclude inc{0}.txt\ncmdline=c{0}\n"
    name = "b\x1b[31m\u202e\n"
    old = tree(tmp_path / "old" / name, config_txt=GOOD, cmdline_txt="a=\x1b[2J\n")
    new = tree(tmp_path / "new" / name, config_txt=text.format(evil) + GOOD)
    (new / "inc{}.txt".format(evil)).write_bytes(b"kernel=\xff\xfe\x00\x1b\n")
    (new / "c{}".format(evil)).write_bytes(b"b=\x1b[2J\n")
    for words in ((old.parent, new.parent), (new.parent, old.parent), (old, new)):
        for more in ((), ("--format", "json")):
            done = scmguard("diff", *words, *more)
            seen = done.out + done.err
            bad = {char for char in seen if not (char.isprintable() or char in "\n\t")}
            assert not bad and done.returncode in (0, 1, 3), (bad, seen)
    as_json(old.parent, new.parent)


# --- trees in a folder ---


def test_trees_that_are_new_gone_and_changed(tmp_path: Any) -> None:
    for name, text in (("a", GOOD), ("b", GOOD), ("c/boot", GOOD)):
        tree(tmp_path / "old" / name, config_txt=text)
    for name, text in (("a", OTHER), ("c/boot", GOOD), ("d", "arm_freq=1000 # x\n" + GOOD)):
        tree(tmp_path / "new" / name, config_txt=text)
    done = scmguard("diff", tmp_path / "old", tmp_path / "new")
    path = tmp_path / "new" / "d" / "config.txt"
    assert done.out == (
        "a\n"
        + CHANGED
        + "\nb\nthis boot tree is gone\n\nd\nthis boot tree is new\nfindings that are new:\n"
        "  + {}:1: hygiene[trailing-comment]: a comment behind a number; the firmware reads the number and stops"
        " there\n".format(path)
    )
    assert done.returncode == 0


def test_a_new_tree_that_would_not_boot_is_worse(tmp_path: Any) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    tree(old / "a", config_txt=GOOD)
    tree(new / "a", config_txt=GOOD)
    tree(new / "b", config_txt="gpu_mem=64\n")
    done = scmguard("diff", old, new)
    assert done.returncode == 1 and "brick[dwc2-host-missing]" in done.out
    done = scmguard("diff", new, old)
    assert done.returncode == 0 and "b\nthis boot tree is gone\nfindings that are gone:\n" in done.out


def test_a_tree_in_a_tree(tmp_path: Any) -> None:
    for side, text in (("old", GOOD), ("new", OTHER)):
        tree(tmp_path / side, config_txt=GOOD)
        tree(tmp_path / side / "boards" / "x", config_txt=text)
    assert scmguard("diff", tmp_path / "old", tmp_path / "new").out == "boards/x\n" + CHANGED


def test_a_folder_that_only_says_where_its_files_are_is_one_tree(tmp_path: Any) -> None:
    for side, text in (("old", GOOD), ("new", OTHER)):
        tree(tmp_path / side, config_txt="# moved to /boot/firmware/config.txt\n")
        tree(tmp_path / side / "firmware", config_txt=text)
    assert scmguard("diff", tmp_path / "old", tmp_path / "new").out == CHANGED


def test_a_root_file_system_is_its_boot_partition(tmp_path: Any) -> None:
    for side, text in (("old", GOOD), ("new", OTHER)):
        tree(tmp_path / side / "etc")
        tree(tmp_path / side / "boot" / "firmware", config_txt=text)
        tree(tmp_path / side / "usr" / "share" / "doc", config_txt=text)
    assert scmguard("diff", tmp_path / "old", tmp_path / "new").out == CHANGED


# --- git ---


@pytest.fixture
def repo(tmp_path: Any) -> Repo:
    made = Repo(tmp_path / "repo")
    made.commit({"boot/config.txt": GOOD, "boot/cmdline.txt": "quiet\n", "image/x/config.txt": GOOD})
    made.commit({"boot/config.txt": OTHER})
    return made


def diff(repo: Repo, *words: str, at: str = "", **more: Any) -> Any:
    return scmguard("diff", *words, cwd=os.path.join(repo.path, at), **more)


@needs_git
@pytest.mark.parametrize(
    "words, expected",
    [
        (("HEAD~1", "HEAD"), "boot\n" + CHANGED),
        (("HEAD~1:boot", "HEAD:boot"), CHANGED),
        (("HEAD~1:boot/", "boot"), CHANGED),
        (("HEAD~1:boot", ":boot"), CHANGED),
        (("HEAD~1", ":"), "boot\n" + CHANGED),
        (("HEAD~1", "."), "boot\n" + CHANGED),
        (("HEAD~1:boot/config.txt", "boot/config.txt"), CHANGED),
        (("HEAD~1:boot/config.txt", "HEAD:boot/config.txt"), CHANGED),
        (("HEAD~1:boot/config.txt", ":boot/config.txt"), CHANGED),
        (("HEAD~1:image/x/config.txt", "boot/config.txt"), CHANGED),
        (("HEAD", "HEAD"), "nothing changes\n"),
        (("HEAD~1:image", "HEAD:image"), "nothing changes\n"),
        (("main~1", "main"), "boot\n" + CHANGED),
        (("feature/x~1", "feature/x"), "boot\n" + CHANGED),
        (("v1", "HEAD"), "boot\n" + CHANGED),
        (("HEAD@{0}~1", "HEAD@{0}:"), "boot\n" + CHANGED),
        (("HEAD^{/fix: it}~1", "HEAD^{/fix: it}:"), "boot\n" + CHANGED),
    ],
)
def test_revisions_and_the_index(repo: Repo, words: Any, expected: str) -> None:
    repo.git("commit", "-q", "--amend", "--no-verify", "-m", "fix: it")
    repo.git("branch", "feature/x")
    repo.git("tag", "v1", "HEAD~1")
    done = diff(repo, *words)
    assert (done.returncode, done.out, done.err) == (0, expected, "")


@needs_git
def test_from_a_folder_below_the_top(repo: Repo) -> None:
    assert diff(repo, "HEAD~1:boot", "HEAD:boot", at="image").out == CHANGED
    assert diff(repo, "HEAD~1:./config.txt", "config.txt", at="boot").out == CHANGED
    assert diff(repo, "HEAD~1:.", ".", at="boot").out == CHANGED
    assert diff(repo, "HEAD~1:./", ":./", at="boot").out == CHANGED


@needs_git
def test_what_is_staged_and_what_is_not(repo: Repo) -> None:
    repo.stage({"boot/config.txt": BAD})
    repo.write("boot/config.txt", OTHER)
    done = diff(repo, "HEAD", ":")
    assert done.returncode == 1 and "otg_mode: not set -> 1" in done.out and "boot/config.txt:5: brick" in done.out
    assert diff(repo, "HEAD", ".").out == "nothing changes\n"


@needs_git
def test_a_tree_that_was_moved(repo: Repo) -> None:
    repo.git("mv", "boot", "moved")
    repo.commit()
    assert diff(repo, "HEAD~1", "HEAD").out == "nothing changes\n"
    repo.commit({"moved/config.txt": BAD})
    done = diff(repo, "HEAD~2", "HEAD")
    assert "boot\nthis boot tree is gone\n" in done.out and "moved\nthis boot tree is new\n" in done.out
    assert done.returncode == 1


@needs_git
def test_a_link_to_what_has_changed(repo: Repo) -> None:
    """The bytes below the folder are the same; what is at the end of the link is not."""
    os.makedirs(os.path.join(repo.path, "linked"))
    os.symlink("../common/config.txt", os.path.join(repo.path, "linked", "config.txt"))
    repo.write("common/config.txt", GOOD)
    repo.git("add", "-A")
    repo.commit()
    repo.commit({"common/config.txt": OTHER})
    assert "linked\n" + CHANGED in diff(repo, "HEAD~1", "HEAD").out
    assert diff(repo, "HEAD~1:linked/config.txt", "HEAD:linked/config.txt").out == CHANGED


@needs_git
def test_a_link_that_leaves_the_tree(repo: Repo, tmp_path: Any) -> None:
    tree(tmp_path / "secret", config_txt="kernel=secret\n")
    for target in ("../../secret/config.txt", str(tmp_path / "secret" / "config.txt")):
        os.makedirs(os.path.join(repo.path, "out"), exist_ok=True)
        path = os.path.join(repo.path, "out", "config.txt")
        if os.path.lexists(path):
            os.unlink(path)
        os.symlink(target, path)
        repo.git("add", "-A")
        repo.commit()
        for words in (("HEAD~1", "HEAD"), ("HEAD:boot", "HEAD:out"), ("HEAD:boot", "out")):
            done = diff(repo, *words)
            assert "secret" not in done.out.replace(str(tmp_path), ""), done.out
            assert done.returncode == 3 and "symbolic link that leaves the tree" in done.err, (
                words,
                done.out,
                done.err,
            )


@needs_git
def test_names_in_another_case(repo: Repo) -> None:
    repo.commit({"fat/CONFIG.TXT": GOOD})
    repo.commit({"fat/CONFIG.TXT": OTHER})
    assert diff(repo, "HEAD~1", "HEAD").out == "fat\n" + CHANGED
    assert diff(repo, "HEAD~1", ".").out == "fat\n" + CHANGED
    assert diff(repo, "HEAD~1:fat/CONFIG.TXT", "fat/CONFIG.TXT").out == CHANGED
    assert diff(repo, "HEAD~1:fat/config.txt", "HEAD:fat/CONFIG.TXT").returncode == 3


@needs_git
def test_a_submodule_is_not_there(repo: Repo, tmp_path: Any) -> None:
    inner = Repo(tmp_path / "inner")
    inner.commit({"config.txt": GOOD})
    repo.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", inner.path, "sub")
    repo.commit()
    done = diff(repo, "HEAD~1", "HEAD")
    assert (done.returncode, done.out) == (0, "nothing changes\n")
    assert one_line(done.err) == "scmguard: note: sub: passed over: it is a submodule, " + OWN
    done = diff(repo, "HEAD:sub", "HEAD:boot")
    assert done.returncode == 3 and "HEAD:sub: is a submodule, which is a repository" in one_line(done.err)
    # One that stays where it is has no say, nor has one elsewhere.
    assert diff(repo, "HEAD", "HEAD").err == diff(repo, "HEAD~1:boot", "HEAD:boot").err == ""


@needs_git
def test_a_submodule_that_is_about_to_move(repo: Repo, tmp_path: Any) -> None:
    inner = Repo(tmp_path / "inner")
    inner.commit({"config.txt": GOOD})
    repo.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", inner.path, "sub")
    note = "scmguard: note: sub: passed over: it is a submodule, " + OWN
    for words in ((), (".",), ("sub",)):
        assert note in diff(repo, "--staged", *words).err.splitlines()
    assert "sub" not in diff(repo, "--staged", "boot").err
    # As all paths that it prints, from where somebody is.
    assert note.replace("note: sub", "note: ../sub") in diff(repo, "--staged", at="boot").err.splitlines()
    repo.commit()
    assert "sub" not in diff(repo, "--staged").err
    done = diff(repo, "--staged", "sub")
    assert (done.returncode, note in done.err.splitlines()) == (0, True)


@needs_git
@pytest.mark.parametrize(
    "words, says",
    [
        (("nope", "HEAD"), "nope: no such file or folder, and"),
        (("HEAD~9", "HEAD"), "HEAD~9: no such file or folder, and"),
        (("nope:boot", "HEAD:boot"), "has no revision nope"),
        (("HEAD:nope", "HEAD:boot"), "HEAD:nope: no such file or folder in that revision"),
        (("HEAD:docs", "HEAD:boot"), "HEAD:docs: no boot files there"),
        (("HEAD:docs/x.md", "HEAD:boot/config.txt"), "not a name scmguard knows"),
        (("HEAD:boot", "HEAD:boot/config.txt"), "is a file, and HEAD:boot a folder"),
        (("--", "-x", "HEAD"), "-x: no such file or folder, and"),
        (("HEAD\x1b[31m", "HEAD"), "HEAD\\x1b[31m"),
        (("HEAD:../secret", "HEAD"), "no such file or folder in that revision"),
        (("HEAD:/boot/../..", "HEAD"), "no such file or folder in that revision"),
    ],
)
def test_wrong_revisions_are_one_clear_line(repo: Repo, words: Any, says: str) -> None:
    repo.commit({"docs/x.md": "x\n"})
    done = diff(repo, *words)
    assert done.returncode == 3 and done.out == "" and says in one_line(done.err), done.err


@needs_git
def test_a_path_that_is_there_is_a_path(repo: Repo) -> None:
    repo.git("branch", "boot", "HEAD~1")
    assert diff(repo, "boot", "HEAD:boot").out == "nothing changes\n"
    assert diff(repo, "refs/heads/boot", "HEAD").out == "boot\n" + CHANGED
    assert diff(repo, "heads/boot:boot", "boot").out == CHANGED


@needs_git
def test_without_commits_and_without_a_working_tree(tmp_path: Any) -> None:
    empty = Repo(tmp_path / "empty")
    empty.stage({"config.txt": GOOD})
    done = diff(empty, "HEAD", ":")
    assert done.returncode == 3 and "has no revision HEAD" in one_line(done.err)
    assert diff(empty, ":", ".").out == "nothing changes\n"
    shutil.copytree(os.path.join(empty.path, ".git"), str(tmp_path / "bare.git"))
    bare = tmp_path / "bare.git"
    Repo.run(empty, "git", "--git-dir", str(bare), "config", "core.bare", "true")
    done = scmguard("diff", "main", ":", cwd=str(bare))
    assert done.returncode == 3 and "bare" in one_line(done.err), done.err


@needs_git
def test_conflicts(repo: Repo) -> None:
    repo.git("checkout", "-q", "-b", "other", "HEAD~1")
    repo.commit({"boot/config.txt": GOOD.replace("64", "32")})
    repo.run("git", "merge", "-q", "main")
    done = diff(repo, "HEAD", ":")
    assert done.returncode == 3 and "boot/config.txt: has unresolved conflicts" in done.err, done.out + done.err


@needs_git
def test_the_work_of_many_trees_is_all_shown(tmp_path: Any) -> None:
    many = Repo(tmp_path / "many")
    many.commit({"b{:03}/config.txt".format(n): GOOD for n in range(40)})
    many.commit({"b{:03}/config.txt".format(n): OTHER for n in range(0, 40, 2)})
    data = as_json("HEAD~1", "HEAD", cwd=many.path)
    assert [one["path"] for one in data["trees"]] == ["b{:03}".format(n) for n in range(0, 40, 2)]


# --- JSON ---


def test_the_schema_describes_every_key() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for name, definition in REPORT["$defs"].items():
        assert SCHEMA["$defs"][name] == definition
    own = {**SCHEMA, "$defs": {name: SCHEMA["$defs"][name] for name in ("tree", "difference")}}
    lacking: List[str] = []

    def look(where: str, node: Any) -> None:
        if isinstance(node, dict):
            if node.get("type") == "object":
                assert node["additionalProperties"] is False and set(node["required"]) == set(node["properties"]), where
            for name, inner in node.get("properties", {}).items():
                if where.rpartition("/")[2] != "if" and "description" not in inner:
                    lacking.append(where + "." + name)
            for name, inner in node.items():
                look(where + "/" + name, inner)
        elif isinstance(node, list):
            for inner in node:
                look(where, inner)

    look("", own)
    assert lacking == []


def test_a_report_in_full(tmp_path: Any) -> None:
    old, new = tree(tmp_path / "old", config_txt=GOOD), tree(tmp_path / "new", config_txt="dtoverlay=a,x=1\n" + BAD)
    data = as_json(old, new)
    [one] = data["trees"]
    assert (data["old"], data["new"], data["worse"], data["errors"]) == (str(old), str(new), True, [])
    assert {key: one[key] for key in ("path", "state", "files", "worse")} == {
        "path": "",
        "state": "changed",
        "files": ["config.txt"],
        "worse": True,
    }
    by_kind = {each["kind"]: each for each in one["boards"][0]["differences"]}
    always = {"file": "config.txt", "name": None, "when": [], "only": True}
    assert by_kind["usb"] == {**always, "kind": "usb", "old": ["dwc2", "host"], "new": ["xhci", "host"]}
    loads = [{"name": "a", "params": [["x", "1"]]}]
    assert by_kind["overlays"] == {**always, "kind": "overlays", "old": [], "new": loads}
    assert [each["rule"] for each in one["findings"]["new"]][0] == "otg-mode-enabled"


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(strategies.trees(), strategies.trees(), st.sampled_from(["scm", "pi5", "pi3"]))
def test_reports_on_any_two_trees_are_what_the_schema_says(old: Any, new: Any, profile: str) -> None:
    comparison = Comparison(job_of(profile), Settings())
    sides = [Boot(MemoryFolder(files)) for files in (old, new)]
    pairs = [Pair("", *sides), Pair("a", None, sides[1]), Pair("b", sides[0], None)]
    trees = list(comparison.trees(pairs))
    data = diff_report.data(trees, "1", profile, ("a", "b"), comparison.errors)
    jsonschema.validate(json.loads(json.dumps(data)), SCHEMA)
    text = "".join(diff_report.text(trees))
    assert all(char.isprintable() or char in "\n\t" for char in text), text
