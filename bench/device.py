"""Measures what looking at the device costs.

Without being a Raspberry Pi: `scmguard check` of this machine's own boot files against the same with `--no-device`, run
in turn, as the median of the ratios of pairs (goal: at most 1.05). A stock boot folder is mounted over /boot in a mount
namespace of its own for that, which takes root. `scmguard device`: its whole process less the slowest child that it has
to start, with all questions at once (goal: at most 0.5 s), and of a recorded machine, where no child is started.
"""

import argparse
import os
import statistics
import sys
import tempfile
from typing import List, Sequence

from measure import measured
from run import STOCK, TOP, install

RECORDING = os.path.join(TOP, "tests", "recordings", "scm-bookworm.json")
CHILDREN = ("zymkey_script.py", "password_script.py")


def overlaid(command: Sequence[str]) -> List[str]:
    """A command that finds the stock boot folder at /boot."""
    return ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /boot && exec "$@"', STOCK, *command]


def in_turn(first: Sequence[str], second: Sequence[str], pairs: int) -> List[List[float]]:
    """The seconds of two commands, run in turn, the one that begins changing; the first pair only warms up."""
    rows: List[List[float]] = [[], []]
    for number in range(pairs + 1):
        order = [(0, first), (1, second)] if number % 2 else [(1, second), (0, first)]
        for row, command in order:
            taken, _, status = measured(command)
            if status not in (0, 1, 3):
                sys.exit("{} ended with {}".format(" ".join(command), status))
            if number:
                rows[row].append(taken)
    return rows


def told(name: str, seconds: Sequence[float]) -> None:
    """One line of figures."""
    kept = sorted(seconds)
    print("  {:<42} {:.3f} s ({:.3f} to {:.3f})".format(name, statistics.median(kept), kept[0], kept[-1]), flush=True)


def no_pi(script: str, pairs: int) -> None:
    """A check on a machine that is no Raspberry Pi."""
    base = overlaid([script, "check"])
    looking, not_looking = in_turn(base, [*base, "--no-device"], pairs)
    ratios = [one / other for one, other in zip(looking, not_looking)]
    told("check", looking)
    told("check --no-device", not_looking)
    print("  ratio {:.3f}".format(statistics.median(ratios)))


def device(script: str, runs: int) -> None:
    """The command that shows all facts."""
    rows: List[List[float]] = [[] for _ in range(4)]
    children = [
        ["/usr/bin/python3", "-I", "-B", os.path.join(TOP, "scmguard", "device", name), word]
        for name, word in zip(CHILDREN, ("facts", "zymbit"))
    ]
    for _ in range(runs):
        commands = [[script, "device"], *children, [script, "device", "--from", RECORDING]]
        for row, command in zip(rows, commands):
            row.append(measured(command)[0])
    told("device", rows[0])
    told("its slowest child alone", [max(pair) for pair in zip(rows[1], rows[2])])
    told("device, less that child", [one - max(pair) for one, *pair in zip(rows[0], rows[1], rows[2])])
    told("device --from a recording", rows[3])


def main() -> None:
    """Measures both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=31)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="scmguard-bench-") as folder:
        script = os.path.join(os.path.dirname(install(os.path.join(folder, "venv"))), "scmguard")
        if os.path.isdir("/proc/device-tree"):
            print("this machine has a device tree: no figures for one that is no Raspberry Pi")
        elif os.geteuid() != 0:
            print("only root can mount a boot folder: no figures for `check`")
        else:
            no_pi(script, options.pairs)
        device(script, max(options.pairs // 3, 3))


if __name__ == "__main__":
    main()
