"""Measures ``scmguard diff`` of two revisions of a repository with 200 boot trees, all of which differ.

Whole processes of an installed wheel, as ``bench/run.py`` does it: the goal is at most 3 s. A commit that touches one
tree, and one that touches none, are measured beside it.
"""

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from typing import Dict, List

from run import _originals, _varied, git, install, seconds

TREES = 200
GOAL = 3.0


def repository(folder: str) -> None:
    """A repository with four commits: all trees, one of them changed, a README changed, all of them changed."""
    dice = random.Random(20261130)
    originals = _originals()

    def write(name: str, data: bytes) -> None:
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as stream:
            stream.write(data)

    def commit() -> None:
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", "x")

    def tree(number: int) -> None:
        config, line = originals[number % len(originals)]
        write("boards/{:03d}/boot/config.txt".format(number), _varied(config, dice))
        write("boards/{:03d}/boot/cmdline.txt".format(number), line.rstrip() + b" quiet%d\n" % dice.randrange(10**6))

    git(folder, "init", "-q")
    for number in range(TREES):
        tree(number)
    commit()
    tree(0)
    commit()
    write("docs/README.md", b"x\n")
    commit()
    for number in range(TREES):
        tree(number)
    commit()


def main() -> None:
    """Prints seconds, the ratio to ``python -c pass``, and whether the goal is met."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as folder:
        python = install(os.path.join(folder, "venv"))
        where = os.path.join(folder, "repository")
        os.makedirs(where)
        repository(where)
        os.chdir(where)
        script = os.path.join(os.path.dirname(python), "scmguard")
        rows: Dict[str, List[str]] = {
            "all {} trees".format(TREES): [script, "diff", "HEAD~1", "HEAD"],
            "all of them, as JSON": [script, "diff", "--format", "json", "HEAD~1", "HEAD"],
            "all of them, against the working tree": [script, "diff", "HEAD~1", "."],
            "one tree": [script, "diff", "HEAD~3", "HEAD~2"],
            "no tree": [script, "diff", "HEAD~2", "HEAD~1"],
        }
        done = subprocess.run(rows["all of them, as JSON"], capture_output=True, check=False)
        found = len(json.loads(done.stdout)["trees"])
        if found != TREES:
            sys.exit("{} trees differ, and not {}: nothing was measured".format(found, TREES))
        base = statistics.median(seconds([python, "-c", "pass"]) for _ in range(2 * runs + 1))
        print("diff: median of {} runs; python -c pass takes {:.0f} ms".format(runs, base * 1000))
        for name, command in rows.items():
            seconds(command)
            taken = statistics.median(seconds(command) for _ in range(runs))
            goal = (
                "" if "all" not in name else "   goal {:.0f} s: {}".format(GOAL, "met" if taken <= GOAL else "missed")
            )
            print("  {:<40}{:6.2f} s  {:6.1f} x{}".format(name, taken, taken / base, goal), flush=True)


if __name__ == "__main__":
    main()
