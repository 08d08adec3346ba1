"""The tasks of docs/editing.md in a real ansible-playbook.

SCMGUARD_ANSIBLE names an ansible-playbook, or is skip; without it, ansible-core is installed from the package index
into an environment of its own, and where that cannot be done the tests are skipped.
"""

import os
import re
import subprocess
import sys
import venv
from typing import Any, Dict

import pytest

from tests.places import TOP, staged

GOOD = "# mine\narm_boost=1\n"


@pytest.fixture(scope="module")
def playbook(tmp_path_factory: Any) -> str:
    """The path of an ansible-playbook."""
    given = os.environ.get("SCMGUARD_ANSIBLE")
    if given == "skip":
        pytest.skip("SCMGUARD_ANSIBLE=skip")
    if given:
        return given
    place = str(tmp_path_factory.mktemp("ansible"))
    venv.create(place, with_pip=True)
    install = [os.path.join(place, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", "ansible-core"]
    try:
        done = subprocess.run(install, capture_output=True, text=True, timeout=300)
    except subprocess.TimeoutExpired:
        pytest.skip("ansible-core was not installed within five minutes")
    if done.returncode != 0:
        pytest.skip("ansible-core cannot be installed: {}".format(done.stderr.strip().splitlines()[-1:]))
    return os.path.join(place, "bin", "ansible-playbook")


class Play:
    """A boot folder, and playbooks run on it."""

    def __init__(self, top: Any, playbook: str) -> None:
        self.top = top
        self.playbook = playbook
        self.config, self.cmdline = top / "boot" / "config.txt", top / "boot" / "cmdline.txt"
        (top / "boot").mkdir()
        self.config.write_text(GOOD)
        self.cmdline.write_text("console=tty1 root=/dev/mmcblk0p2 rootwait\n")
        (top / ".scmguard.yaml").write_text("profile: pi4\n")
        scmguard = top / "bin" / "scmguard"
        scmguard.parent.mkdir()
        scmguard.write_text('#!/bin/sh\nPYTHONPATH={} exec {} -m scmguard "$@"\n'.format(staged(), sys.executable))
        scmguard.chmod(0o755)

    def run(self, tasks: str) -> "subprocess.CompletedProcess[str]":
        """Runs tasks here, with what is said of each."""
        lines = "".join("    " + line + "\n" for line in tasks.splitlines())
        interpreter = "    ansible_python_interpreter: {}\n".format(sys.executable)
        head = "- hosts: localhost\n  gather_facts: false\n  vars:\n" + interpreter + "  tasks:\n"
        (self.top / "play.yml").write_text(head + lines)
        env = {**os.environ, "PATH": "{}:{}".format(self.top / "bin", os.environ["PATH"]), "LC_ALL": "C.UTF-8"}
        env.update(ANSIBLE_NOCOLOR="1", ANSIBLE_HOME=str(self.top / "home"), ANSIBLE_LOCALHOST_WARNING="False")
        env.update(ANSIBLE_INVENTORY_UNPARSED_WARNING="False")
        command = [self.playbook, "-c", "local", "-i", "localhost,", str(self.top / "play.yml")]
        return subprocess.run(command, env=env, cwd=self.top, capture_output=True, text=True, timeout=300)

    def counts(self, tasks: str) -> Dict[str, int]:
        """The recap: ok, changed, failed."""
        done = self.run(tasks)
        recap = dict(re.findall(r"(ok|changed|failed)=(\d+)", done.stdout))
        assert recap, done.stdout + done.stderr
        return {name: int(number) for name, number in recap.items()}


@pytest.fixture
def play(tmp_path: Any, playbook: str) -> Play:
    return Play(tmp_path, playbook)


def documented(path: Any) -> str:
    """All tasks of docs/editing.md, for the boot folder of a test."""
    with open(os.path.join(TOP, "docs", "editing.md"), encoding="utf-8") as stream:
        blocks = re.findall(r"```yaml\n(.*?)```", stream.read(), flags=re.S)
    assert len(blocks) == 2
    return "\n".join(blocks).replace("/boot/firmware/", "{}/".format(path))


LINEINFILE = """\
- ansible.builtin.lineinfile:
    path: "{path}"
    line: "{line}"
    validate: scmguard check --profile pi4 --as config.txt --quiet %s
"""
TEMPLATE = """\
- ansible.builtin.copy:
    dest: "{path}"
    content: "{line}\\n"
    validate: scmguard check --profile pi4 --as config.txt --quiet %s
"""
BLOCK = """\
- ansible.builtin.blockinfile:
    path: "{path}"
    block: "{line}"
    validate: scmguard check --profile pi4 --as config.txt --quiet %s
"""


def test_validate_blocks_bad_edits_and_passes_good_ones(play: Play) -> None:
    bad = "".join(
        "- block:\n"
        + "".join("    " + line + "\n" for line in task.format(path=play.config, line="gpu_mem = 64").splitlines())
        + "  rescue:\n    - ansible.builtin.debug: {msg: stopped}\n"
        for task in (LINEINFILE, TEMPLATE, BLOCK)
    )
    done = play.run(bad)
    assert done.stdout.count('"msg": "stopped"') == 3, done.stdout + done.stderr
    assert "failed to validate" in done.stdout and play.config.read_text() == GOOD
    good = "".join(task.format(path=play.config, line="gpu_mem=64") for task in (LINEINFILE, BLOCK))
    assert play.counts(good) == {"ok": 2, "changed": 2, "failed": 0}
    assert "gpu_mem=64\n" in play.config.read_text()


def test_the_documented_tasks_change_something_once(play: Play) -> None:
    tasks = documented(play.config.parent)
    first = play.counts(tasks)
    # The block says already what the second task wants.
    assert first == {"ok": 3, "changed": 2, "failed": 0}
    text = play.config.read_text()
    assert play.counts(tasks) == {"ok": 3, "changed": 0, "failed": 0}
    assert play.config.read_text() == text and play.cmdline.read_text().endswith("rootwait quiet\n")


def test_set_fails_the_play_where_it_makes_things_worse(play: Play) -> None:
    tasks = "- ansible.builtin.command: scmguard set dtoverlay=no-such --fail-on hygiene --file {}\n".format(
        play.config
    )
    assert play.counts(tasks)["failed"] == 1 and play.config.read_text() == GOOD
