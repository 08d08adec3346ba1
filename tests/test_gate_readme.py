"""The README's transcript of the gate is what a machine says."""

import os
import re
from typing import List

from tests.machines import BOOT, FATAL_ON_SCM, Machine, Maker, needs_machines
from tests.places import TOP

pytestmark = needs_machines

HEAD = "# apt-get install -y ./board-setup_1.1_all.deb\n"
COMMANDS = (
    "apt-get install -y ./board-setup_1.1_all.deb",
    'scmguard guard override --reason "bench unit, its card can be taken out"',
    "apt-get install -y ./board-setup_1.1_all.deb",
    "scmguard guard reboot",
    "scmguard snapshot --list",
    "scmguard restore {good} config.txt",
    "scmguard guard reboot",
    "scmguard guard status",
)


def transcript(machine: Machine) -> str:
    """The commands, each with what scmguard says of it, and apt's errors."""
    pieces: List[str] = []
    good = machine.run("scmguard", "snapshot", "--reason", "before board-setup").output.split(":")[0]
    for command in COMMANDS:
        command = command.format(good=good)
        done = machine.watched("sh", "-c", "cd /root && " + command)
        lines = done.output.splitlines()
        if command.startswith("apt-get"):
            lines = [line for line in lines if line.startswith(("scmguard: ", "E: "))]
        pieces += ["# {}".format(command), *lines]
    return "".join(line + "\n" for line in pieces)


def without_times(text: str) -> str:
    """The text with all times the same, and what they leave of a table."""
    text = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d[:-]\d\d(?:[:-]\d\d)?(?:Z| UTC)(?:-\d+)?", "TIME", text)
    return re.sub(r" +", " ", text)


def test_the_transcript_is_what_a_machine_says(maker: Maker) -> None:
    machine = maker.guarded(profile="scm")
    machine.deb("board-setup", "1.1", files={"boot/firmware/config.txt": BOOT["config.txt"] + FATAL_ON_SCM})
    machine.run("scmguard", "guard", "boot")
    said = transcript(machine)
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as stream:
        readme = stream.read()
    start = readme.index(HEAD)
    shown = readme[start : readme.index("```", start)]
    assert without_times(shown) == without_times(said), said
