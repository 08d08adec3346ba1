"""The hooks with the real pre-commit, and the plain git hook: what is staged is judged, on layouts of image builders.

pre-commit installs scmguard once a session from a repository made of the working tree's files, which takes PyPI; all
else runs offline.
"""

import os
import shutil
import subprocess
import sys
from typing import Any, Iterator, Mapping, Tuple

import pytest

from tests.places import TOP, staged
from tests.repositories import Repo, environment, needs_git

pytest.importorskip("pre_commit")
if os.environ.get("SCMGUARD_PRE_COMMIT") == "skip":
    pytest.skip("SCMGUARD_PRE_COMMIT=skip", allow_module_level=True)
pytestmark = needs_git

GOOD = "auto_initramfs=1\n[all]\ndtoverlay=dwc2,dr_mode=host\n"
BAD = "auto_initramfs=1\n[cm4]\notg_mode=1\n[all]\ndtoverlay=dwc2,dr_mode=host\n"
LINE = "console=tty1 root=/dev/mapper/cryptrfs rootwait\n"
HOOK = '#!/bin/sh\nPREREQ=""\nprereqs() { echo "$PREREQ"; }\ncase "$1" in prereqs) prereqs; exit 0;; esac\n'

# A layout: its files, all good, and one that is bad, with the rule that says so.
Layout = Tuple[Mapping[str, str], str, str, str]
LAYOUTS: Mapping[str, Layout] = {
    "pi-gen": (
        {
            "stage1/00-boot-files/files/config.txt": GOOD,
            "stage1/00-boot-files/files/cmdline.txt": "console=tty1 root=ROOTDEV rootfstype=ext4 rootwait\n",
            "stage1/00-boot-files/00-run.sh": "#!/bin/sh\n",
            "config": "IMG_NAME=x\n",
        },
        "stage1/00-boot-files/files/config.txt",
        BAD,
        "otg-mode-enabled",
    ),
    "buildroot": (
        {
            "board/raspberrypi/config_cm4io_64bit.txt": GOOD,
            "board/raspberrypi/config_4_64bit.txt": GOOD,
            "board/raspberrypi/cmdline.txt": LINE,
            "board/raspberrypi/post-image.sh": "#!/bin/sh\n",
        },
        "board/raspberrypi/config_cm4io_64bit.txt",
        BAD,
        "otg-mode-enabled",
    ),
    "rpi-image-gen": (
        {
            "device/rootfs-overlay/boot/firmware/config.txt": GOOD + "include more.txt\n",
            "device/rootfs-overlay/boot/firmware/more.txt": "dtparam=audio=on\n",
            "device/rootfs-overlay/boot/firmware/cmdline.txt": LINE,
        },
        "device/rootfs-overlay/boot/firmware/more.txt",
        "otg_mode=1\n",
        "otg-mode-enabled",
    ),
    "nerves": (
        {"config.txt": GOOD, "cmdline-a.txt": LINE, "cmdline-b.txt": LINE, "mix.exs": "x\n"},
        "cmdline-b.txt",
        "console=tty1 root=/dev/mmcblk0p2 rootwait\n",
        "encrypted-root-lost",
    ),
    "custompios": (
        {
            "src/modules/x/filesystem/boot/config.txt": GOOD,
            "src/modules/x/filesystem/root/etc/initramfs-tools/hooks/x": HOOK + "# good\n",
        },
        "src/modules/x/filesystem/root/etc/initramfs-tools/hooks/x",
        HOOK + "if true; then\n",
        "hook-does-not-parse",
    ),
}

CONFIG = """repos:
- repo: {source}
  rev: {rev}
  hooks:
{hooks}"""


class Tool:
    """pre-commit, with scmguard installed as its hook."""

    def __init__(self, source: Repo, home: str) -> None:
        self.source = source
        self.rev = "v0"
        # What pip says before and after: it must not be asked again.
        self.more = {"PRE_COMMIT_HOME": home, "PRE_COMMIT_COLOR": "never", "PATH": self._path(home)}

    @staticmethod
    def _path(home: str) -> str:
        return os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])

    @property
    def offline(self) -> Mapping[str, str]:
        """The environment in which nothing can be installed."""
        return {**self.more, "PIP_NO_INDEX": "1", "PIP_INDEX_URL": "https://localhost:1/", "NO_COLOR": "1"}

    def configure(self, repo: Repo, *ids: str, extra: str = "") -> None:
        """Puts the configuration into a repository, and installs pre-commit there."""
        hooks = "".join("  - id: {}\n{}".format(id, extra) for id in ids or ("scmguard",))
        repo.write(".pre-commit-config.yaml", CONFIG.format(source=self.source.path, rev=self.rev, hooks=hooks))
        repo.git("add", ".pre-commit-config.yaml")
        self.run(repo, "install", "--install-hooks", code=0)

    def run(self, repo: Repo, *arguments: str, code: int) -> str:
        """Runs pre-commit; returns what it says."""
        done = repo.run(sys.executable, "-m", "pre_commit", *arguments, more=self.offline)
        out = (done.stdout + done.stderr).decode("utf-8", "replace")
        assert done.returncode == code, out
        return out

    def commit(self, repo: Repo, *options: str) -> Tuple[bool, str]:
        """Whether a commit goes through, and what was said."""
        done = repo.run("git", "commit", "-m", "x", *options, more=self.offline)
        return done.returncode == 0, (done.stdout + done.stderr).decode("utf-8", "replace")


def clone_of_the_working_tree(path: str) -> Repo:
    """A repository of the files that git tracks here, as they are in the working tree."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=TOP, capture_output=True, env=environment())
    names = [os.fsdecode(name) for name in listed.stdout.split(b"\0") if name]
    if listed.returncode != 0 or not names:
        pytest.skip("the tests do not run in a repository of scmguard")
    repo = Repo(path)
    for name in names:
        if name.startswith("tests/") or not os.path.isfile(os.path.join(TOP, name)):
            continue
        target = os.path.join(path, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(os.path.join(TOP, name), target)
    repo.git("add", "--all")
    repo.commit()
    repo.git("tag", "v0")
    return repo


@pytest.fixture(scope="session")
def tool(tmp_path_factory: Any) -> Iterator[Tool]:
    source = clone_of_the_working_tree(str(tmp_path_factory.mktemp("source")))
    made = Tool(source, str(tmp_path_factory.mktemp("home")))
    first = Repo(tmp_path_factory.mktemp("first"))
    hooks = "  - id: scmguard\n"
    first.write(".pre-commit-config.yaml", CONFIG.format(source=source.path, rev=made.rev, hooks=hooks))
    done = first.run(sys.executable, "-m", "pre_commit", "install-hooks", more=made.more)
    if done.returncode != 0:
        said = (done.stdout + done.stderr).decode("utf-8", "replace")
        if "Could not find a version" in said or "onnection" in said:
            pytest.skip("pre-commit could not install scmguard's dependencies: PyPI is not reached")
        pytest.fail(said)
    yield made


@pytest.fixture
def repo(tmp_path: Any) -> Repo:
    return Repo(tmp_path / "image")


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_a_good_commit_goes_through_and_a_bad_one_does_not(tool: Tool, repo: Repo, layout: str) -> None:
    files, path, bad, rule = LAYOUTS[layout]
    for name, text in files.items():
        repo.write(name, text, executable=text.startswith("#!"))
    repo.git("add", ".")
    tool.configure(repo)
    done, said = tool.commit(repo)
    assert done, said
    head = repo.git("rev-parse", "HEAD")
    repo.write(path, bad, executable=bad.startswith("#!"))
    repo.git("add", ".")
    done, said = tool.commit(repo)
    assert not done and "[{}]".format(rule) in said and path in said, said
    assert repo.git("rev-parse", "HEAD") == head
    repo.write(path, files[path] + "# again\n" * ("cmdline" not in path), executable=bad.startswith("#!"))
    repo.write("README.md", "what this is\n")
    repo.git("add", ".")
    done, said = tool.commit(repo)
    assert done, said


@pytest.fixture
def image(tool: Tool, repo: Repo) -> Repo:
    """A repository with a good boot folder in its first commit, and the hook installed."""
    repo.stage({"boot/config.txt": GOOD, "boot/cmdline.txt": LINE})
    tool.configure(repo)
    done, said = tool.commit(repo)
    assert done, said
    return repo


def test_bad_staged_and_good_in_the_working_tree_is_refused(tool: Tool, image: Repo) -> None:
    image.stage({"boot/config.txt": BAD})
    image.write("boot/config.txt", GOOD)
    done, said = tool.commit(image)
    assert not done and "otg-mode-enabled" in said, said


def test_good_staged_and_bad_in_the_working_tree_goes_through(tool: Tool, image: Repo) -> None:
    image.stage({"boot/config.txt": GOOD + "# more\n"})
    image.write("boot/config.txt", BAD)
    done, said = tool.commit(image)
    assert done, said
    with open(os.path.join(image.path, "boot/config.txt")) as stream:
        assert stream.read() == BAD


def test_a_part_of_a_file_is_staged(tool: Tool, image: Repo) -> None:
    """As ``git add --patch`` does it: one hunk is staged, and the other is not."""
    image.write("boot/config.txt", "gpu_mem=64\n" + BAD)
    patch = "--- a/boot/config.txt\n+++ b/boot/config.txt\n@@ -1,1 +1,2 @@\n+gpu_mem=64\n auto_initramfs=1\n"
    image.git("apply", "--cached", "--unidiff-zero", "-", input=patch.encode())
    done, said = tool.commit(image)
    assert done, said
    image.git("add", ".")
    done, said = tool.commit(image)
    assert not done and "otg-mode-enabled" in said, said


def test_deleting_what_is_still_named_is_seen(tool: Tool, image: Repo) -> None:
    image.stage({"boot/config.txt": GOOD.replace("dtoverlay=dwc2,dr_mode=host\n", "include usb.txt\n")})
    image.stage({"boot/usb.txt": "dtoverlay=dwc2,dr_mode=host\n"})
    done, said = tool.commit(image)
    assert done, said
    image.git("rm", "-q", "boot/usb.txt")
    done, said = tool.commit(image)
    assert not done and "dwc2-host-missing" in said, said


def test_a_commit_without_boot_files_says_nothing(tool: Tool, image: Repo) -> None:
    image.stage({"README.md": "x\n", "tool/config.txt": "host=x\nport=1\n"})
    done, said = tool.commit(image)
    assert done, said


def test_all_files_and_ranges_of_commits(tool: Tool, image: Repo) -> None:
    tool.run(image, "run", "--all-files", code=0)
    good = image.git("rev-parse", "HEAD").strip()
    bad = image.commit({"boot/config.txt": BAD})
    fixed = image.commit({"boot/config.txt": GOOD})
    said = tool.run(image, "run", "--from-ref", good, "--to-ref", bad, code=1)
    assert "otg-mode-enabled" in said and "boot/config.txt:3:1" in said, said
    tool.run(image, "run", "--from-ref", bad, "--to-ref", fixed, code=0)
    image.commit({"boot/config.txt": BAD})
    said = tool.run(image, "run", "--all-files", code=1)
    assert "otg-mode-enabled" in said, said


def test_files_in_the_configuration_narrows(tool: Tool, image: Repo) -> None:
    tool.configure(image, extra="    files: ^other/\n")
    image.stage({"boot/config.txt": BAD})
    done, said = tool.commit(image)
    assert done, said


def test_arguments_widen(tool: Tool, image: Repo) -> None:
    tool.configure(image, extra="    files: ^pi/own\\.cfg$\n    args: [--as, config.txt, --quiet]\n")
    image.stage({"pi/own.cfg": BAD})
    done, said = tool.commit(image)
    assert not done and "pi/own.cfg:3:1" in said, said


def test_what_gets_worse_is_refused_and_what_was_there_is_not(tool: Tool, repo: Repo) -> None:
    repo.commit({"boot/config.txt": BAD, "boot/cmdline.txt": LINE})
    tool.configure(repo, "scmguard-diff")
    repo.stage({"boot/config.txt": BAD + "gpu_mem=64\n"})
    done, said = tool.commit(repo)
    assert done, said
    repo.stage({"boot/cmdline.txt": "console=tty1 root=/dev/mmcblk0p2 rootwait\n"})
    done, said = tool.commit(repo)
    assert not done and "encrypted-root-lost" in said and "[otg-mode-enabled]" not in said, said
    assert "in effect on cm4:" in said and "- root=/dev/mapper/cryptrfs\n" in said, said


def test_a_file_that_was_moved_is_compared_with_what_it_was(tool: Tool, repo: Repo) -> None:
    repo.commit({"boot/config.txt": BAD, "boot/cmdline.txt": LINE})
    tool.configure(repo, "scmguard-diff")
    repo.git("mv", "boot", "stage1")
    done, said = tool.commit(repo)
    assert done, said


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
    - {name: nothing, files: {config.txt: ""}, finds: ["config.txt: FINDS"]}
  good:
    - {name: off, files: {config.txt: "disable_splash=1\\n"}}
"""


def test_house_rules_are_tested(tool: Tool, repo: Repo) -> None:
    repo.commit({".scmguard.yaml": "rules: [house]\n", "other.yaml": "a: [\n"})
    tool.configure(repo, "scmguard-rules")
    repo.stage({"house/own-rule.yaml": RULE.replace("FINDS", "no such message")})
    done, said = tool.commit(repo)
    assert not done and "house/own-rule.yaml: bad: nothing: finds config.txt:0: " in said, said
    message = said.partition("finds config.txt:0: ")[2].partition(",")[0]
    repo.stage({"house/own-rule.yaml": RULE.replace("FINDS", message[:20])})
    repo.write("house/own-rule.yaml", "nonsense: [\n")
    done, said = tool.commit(repo)
    assert done, said
    repo.stage({"house/own-rule.yaml": RULE.replace("severity: degraded", "severity: bad")})
    done, said = tool.commit(repo)
    assert not done and "house/own-rule.yaml:2: severity must be one of" in said, said


def test_the_revision_that_is_named_counts(tool: Tool, image: Repo) -> None:
    """What the hook's repository has beside it does not matter: here, a later version that refuses everything."""
    source, head = tool.source, tool.source.git("rev-parse", "HEAD").strip()
    try:
        with open(os.path.join(source.path, ".pre-commit-hooks.yaml")) as stream:
            hooks = stream.read()
        source.commit({".pre-commit-hooks.yaml": hooks.replace("entry: scmguard", "entry: false #")})
        image.stage({"boot/config.txt": GOOD + "# more\n"})
        done, said = tool.commit(image)
        assert done, said
    finally:
        source.git("reset", "-q", "--hard", head)


def test_try_repo(tool: Tool, repo: Repo) -> None:
    repo.stage({"boot/config.txt": BAD})
    done = repo.run(
        sys.executable, "-m", "pre_commit", "try-repo", tool.source.path, "scmguard", "--ref", tool.rev, more=tool.more
    )
    assert done.returncode == 1 and b"otg-mode-enabled" in done.stdout, done.stdout + done.stderr


def test_the_plain_git_hook(repo: Repo) -> None:
    hook = "#!/bin/sh\nPYTHONPATH='{}' exec '{}' -m scmguard check --staged\n".format(staged(), sys.executable)
    repo.write(".git/hooks/pre-commit", hook, executable=True)
    repo.stage({"boot/config.txt": GOOD, "boot/cmdline.txt": LINE})
    done = repo.run("git", "commit", "-m", "first")
    assert done.returncode == 0, done.stdout + done.stderr
    repo.stage({"boot/config.txt": BAD})
    repo.write("boot/config.txt", GOOD)
    done = repo.run("git", "commit", "-m", "second")
    assert done.returncode == 1 and b"otg-mode-enabled" in done.stderr, done.stdout + done.stderr
    # With `git commit FILE` git makes an index of its own for the hook.
    repo.write("boot/config.txt", GOOD + "# c\n")
    done = repo.run("git", "commit", "-m", "third", "boot/config.txt")
    assert done.returncode == 0, done.stdout + done.stderr
    repo.write("boot/config.txt", BAD)
    done = repo.run("git", "commit", "-a", "-m", "fourth", at="boot")
    assert done.returncode == 1 and b"otg-mode-enabled" in done.stderr, done.stdout + done.stderr
