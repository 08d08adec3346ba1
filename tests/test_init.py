"""scmguard init: what it writes is read by scmguard itself and by the real pre-commit, and nothing is overwritten."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from scmguard import settings
from scmguard.rulefile import read_yaml
from scmguard.survey import survey
from tests.places import TOP, staged
from tests.test_cli import BAD, GOOD, one_line, scmguard, tree

PRE_COMMIT = [sys.executable, "-m", "pre_commit"]


def pre_commit(folder, *arguments, **env):
    done = subprocess.run(
        [*PRE_COMMIT, *arguments], cwd=folder, capture_output=True, text=True, timeout=120, env={**os.environ, **env}
    )
    if "No module named pre_commit" in done.stderr:
        pytest.skip("pre-commit is not here")
    return done


def git(folder, *arguments):
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def repository(tmp_path):
    if shutil.which("git") is None:
        pytest.skip("git is not here")
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    return folder


def uncommented(text):
    """The configuration with everything that its comments propose switched on."""
    kept = []
    inside = False
    for line in text.splitlines():
        inside = bool(re.match(r"# [a-z-]+:( [\[\w]|$)", line)) or (inside and line.startswith("#   "))
        kept.append(line[2:] if inside else line)
    return "\n".join(kept) + "\n"


def test_it_writes_what_scmguard_and_pre_commit_take(tmp_path, repository):
    tree(repository / "boot", config_txt=GOOD, cmdline_txt="root=/dev/mmcblk0p2\n")
    done = scmguard("init", repository)
    assert (done.returncode, done.err) == (0, "")
    assert sorted(os.listdir(repository)) == [".git", ".pre-commit-config.yaml", ".scmguard.yaml", "boot"]
    assert settings.load(str(repository / ".scmguard.yaml")).profile == "scm"
    assert scmguard("check", repository / "boot").returncode in (0, 1)
    assert pre_commit(repository, "validate-config").returncode == 0


def test_the_hook_runs_and_stops_a_bad_commit(tmp_path, repository):
    tree(repository / "boot", config_txt=GOOD)
    scmguard("init", repository)
    (repository / ".scmguard.yaml").write_text("select: [otg-mode-enabled]\n")
    hook = read_yaml(str(repository / ".pre-commit-config.yaml"))["repos"][0]["hooks"][0]
    (shipped,) = [one for one in read_yaml(os.path.join(TOP, ".pre-commit-hooks.yaml")) if one["id"] == hook["id"]]
    for key in ("entry", "always_run", "require_serial"):
        assert hook[key] == shipped[key], key
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "scmguard").write_text(
        '#!/bin/sh\nPYTHONPATH={} exec {} -m scmguard "$@"\n'.format(staged(), sys.executable)
    )
    (programs / "scmguard").chmod(0o755)
    path = "{}:{}".format(programs, os.environ["PATH"])
    git(repository, "add", ".")
    done = pre_commit(repository, "run", "--all-files", PATH=path, HOME=str(tmp_path))
    assert done.returncode == 0 and "Passed" in done.stdout, done.stdout + done.stderr
    (repository / "boot" / "config.txt").write_text(BAD)
    git(repository, "add", ".")
    done = pre_commit(repository, "run", PATH=path, HOME=str(tmp_path))
    assert done.returncode == 1 and "otg-mode-enabled" in done.stdout


@pytest.mark.parametrize("profile", [None, "pi5", "pi3+"])
def test_what_the_comments_propose_is_valid(tmp_path, profile):
    tree(tmp_path / "boot", config_txt="[pi4]\narm_freq=1500\n[cm4]\n[nonsense]\n[pi3+]\n")
    scmguard("init", tmp_path, *(["--profile", profile] if profile else []))
    (tmp_path / "house-rules").mkdir()
    plain = (tmp_path / ".scmguard.yaml").read_text()
    (tmp_path / ".scmguard.yaml").write_text(uncommented(plain))
    found = settings.load(str(tmp_path / ".scmguard.yaml"))
    assert found.profile == (profile or "scm")
    assert set(found.boards) == {"pi4", "cm4", "pi3+"}
    assert found.fail_on == "degraded" and found.baseline and found.waivers and found.rules and found.ignore
    assert ("If that is no SCM" in plain) == (profile is None)
    (tmp_path / ".scmguard.yaml").write_text(uncommented(plain).replace("baseline:", "# baseline:"))
    assert scmguard("check", tmp_path / "boot").returncode in (0, 1)


def test_it_tells_what_it_found(tmp_path):
    tree(tmp_path / "a" / "files", config_txt="[cm5]\ndtparam=audio=on\n")
    tree(tmp_path / "b", config_txt="dtparam=audio=on\n")
    (tmp_path / "b" / "bcm2711-rpi-4-b.dtb").write_bytes(b"")
    tree(tmp_path / "other", config_txt="this is a text\nabout nothing\n")
    tree(tmp_path / ".hidden", config_txt="dtparam=audio=on\n")
    (tmp_path / "link").symlink_to("a")
    assert scmguard("init", tmp_path).out.splitlines()[0].endswith("2 boot trees found")
    text = (tmp_path / ".scmguard.yaml").read_text()
    assert "#   a/files: config.txt; sections of cm5\n" in text
    assert "#   b: config.txt; device trees of pi4\n" in text
    assert "other" not in text.split("boards")[0] and "hidden" not in text


def test_nothing_found_is_a_configuration_too(tmp_path):
    assert scmguard("init", cwd=tmp_path).returncode == 0
    assert "Found here" not in (tmp_path / ".scmguard.yaml").read_text()
    assert settings.load(str(tmp_path / ".scmguard.yaml")).profile == "scm"


def test_a_folder_with_a_name_that_is_no_comment(tmp_path):
    name = "a\nprofile: pi4\n\x1b[31m\u2028b: \udcff"
    tree(tmp_path / name, config_txt="dtparam=audio=on\n")
    done = scmguard("init", tmp_path)
    assert done.returncode == 0
    assert settings.load(str(tmp_path / ".scmguard.yaml")).profile == "scm"
    assert "\x1b" not in (tmp_path / ".scmguard.yaml").read_text() + done.out


@pytest.mark.parametrize("what", ["file", "folder", "link to nowhere"])
def test_an_existing_configuration_is_left_alone(tmp_path, what):
    path = tmp_path / ".scmguard.yaml"
    if what == "file":
        path.write_text("mine")
    elif what == "folder":
        path.mkdir()
    else:
        path.symlink_to("nowhere")
    done = scmguard("init", tmp_path)
    assert (done.returncode, done.out, os.listdir(tmp_path)) == (2, "", [".scmguard.yaml"])
    assert "already" in one_line(done.err)
    assert what != "file" or path.read_text() == "mine"


def test_an_existing_pre_commit_configuration_gets_its_entry_printed(repository):
    mine = "# mine\nrepos:\n  - repo: meta\n    hooks:\n      - id: identity\n"
    path = repository / ".pre-commit-config.yaml"
    path.write_text(mine)
    done = scmguard("init", repository)
    assert (done.returncode, path.read_text()) == (0, mine)
    path.write_text(mine + done.out.split("\n\n", 1)[1])
    assert pre_commit(repository, "validate-config").returncode == 0
    assert "entry: scmguard check --staged" in path.read_text()


def test_below_the_top_of_a_repository_the_hook_is_printed(repository):
    folder = repository / "images"
    folder.mkdir()
    done = scmguard("init", folder)
    assert done.returncode == 0 and os.listdir(folder) == [".scmguard.yaml"]
    assert str(repository / ".pre-commit-config.yaml") in done.out
    (repository / ".pre-commit-config.yaml").write_text(done.out.split("\n\n", 1)[1])
    assert pre_commit(repository, "validate-config").returncode == 0


@pytest.mark.parametrize(
    "arguments, says",
    [(["nowhere"], "no such folder"), (["file"], "no folder"), ([".", "--profile", "pi9"], "no profile 'pi9'")],
)
def test_wrong_usage_writes_nothing(tmp_path, arguments, says):
    (tmp_path / "file").write_text("")
    done = scmguard("init", *arguments, cwd=tmp_path)
    assert (done.returncode, done.out, os.listdir(tmp_path)) == (2, "", ["file"])
    assert says in one_line(done.err)


def test_the_stock_trees_are_found():
    found = survey(os.path.join(TOP, "tests", "boots"))
    assert {one.path for one in found} == set(os.listdir(os.path.join(TOP, "tests", "boots")))
