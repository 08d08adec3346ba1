"""What the rules say of a corpus of real files, each on the board it was made for: counts per rule, and random samples.

``SCMGUARD_CORPUS`` names a folder with ``config/``, ``cmdline/`` and ``manifest.csv`` (columns file, repo, path). The
board is guessed from the file's path and repository; what tells none is taken for a Raspberry Pi 4.

    python bench/noise.py                               counts per rule and severity
    python bench/noise.py --sample 10 --rule 'root-*'   and ten findings of each rule, drawn with --seed
"""

import argparse
import csv
import os
import random
import re
import sys
from collections import Counter, defaultdict
from fnmatch import fnmatch

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TOP)

from scmguard import rulebook  # noqa: E402
from scmguard.boot import Boot, MemoryFolder  # noqa: E402
from scmguard.effective.board import BOARDS  # noqa: E402
from scmguard.finding import SEVERITIES, at_least  # noqa: E402
from scmguard.lint import Job, run  # noqa: E402

CORPUS = os.environ.get("SCMGUARD_CORPUS", os.path.join(os.path.dirname(TOP), "shared", "corpus"))

# The first that matches counts.
_BOARDS = tuple(
    (re.compile(pattern, re.IGNORECASE), board)
    for pattern, board in (
        (r"config_cm5", "cm5"),
        (r"config_cm4", "cm4"),
        (r"config_5", "pi5"),
        (r"config_4", "pi4"),
        (r"config_(?:zero|0).?2", "pi02"),
        (r"config_zero", "pi0"),
        (r"config_3|config_rpi3", "pi3"),
        (r"config_2", "pi2"),
        (r"cm5|compute.?module.?5", "cm5"),
        (r"(?:pi|rpi|raspberrypi)[-_]?500", "pi500"),
        (r"(?:pi|rpi|raspberrypi)[-_]?5(?!\d)|bcm2712", "pi5"),
        (r"cm4s", "cm4s"),
        (r"cm4|compute.?module.?4", "cm4"),
        (r"(?:pi|rpi|raspberrypi)[-_]?400", "pi400"),
        (r"(?:pi|rpi|raspberrypi)[-_]?(?:zero|0)[-_]?(?:2|w2)", "pi02"),
        (r"(?:pi|rpi|raspberrypi)[-_]?(?:zero|0)[-_]?w", "pi0w"),
        (r"(?:pi|rpi|raspberrypi)[-_]?(?:zero|0(?!\d))", "pi0"),
        (r"cm3", "cm3"),
        (r"(?:pi|rpi|raspberrypi)[-_]?3(?!\d)|bcm2710|bcm2837", "pi3"),
        (r"(?:pi|rpi|raspberrypi)[-_]?2(?!\d)|bcm2709|bcm2836", "pi2"),
        (r"(?:pi|rpi|raspberrypi)[-_]?1(?!\d)|bcm2708|board/raspberrypi/config", "pi1"),
    )
)


def board_of(row: "dict[str, str]") -> str:
    """The board that a file of the corpus was made for, as far as its path tells."""
    for text in (os.path.basename(row["path"]), row["path"], row["repo"]):
        for pattern, board in _BOARDS:
            if pattern.search(text):
                return board
    return "pi4"


def trees() -> "list[tuple[str, str, dict[str, bytes]]]":
    """Name, board, and the boot files of each file of the corpus."""
    found = []
    with open(os.path.join(CORPUS, "manifest.csv"), encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        kind, name = row["file"].split("/", 1)
        if kind not in ("config", "cmdline"):
            continue
        with open(os.path.join(CORPUS, row["file"]), "rb") as stream:
            found.append((name, board_of(row), {kind + ".txt": stream.read()}))
    return found


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rule", default="*", help="rules to look at, a glob")
    parser.add_argument("--severity", default="hygiene", choices=SEVERITIES, help="the least severity to look at")
    parser.add_argument("--profile", help="check all files with this profile, not as made for their boards")
    parser.add_argument("--sample", type=int, default=0, help="so many random findings of each rule")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    book = rulebook.load()
    counts: Counter = Counter()
    samples = defaultdict(list)
    all_trees = trees()
    boards: Counter = Counter()
    for name, guessed, files in all_trees:
        profile = book.profiles[options.profile or guessed]
        boards[profile.board] += 1
        rules = tuple(
            rule for rule in book.rules.values() if rule.applies_to(profile.name) and fnmatch(rule.id, options.rule)
        )
        single = "cmdline.txt" if "cmdline.txt" in files else ""
        job = Job(rules, (BOARDS[profile.board],), profile.name, profile.parameters)
        for one in run(job, Boot(MemoryFolder(files), single=single)).findings:
            if at_least(one.severity, options.severity):
                counts[one.rule, one.severity, one.confidence] += 1
                place = "{} {}:{}".format(profile.board, name, one.span.line)
                samples[one.rule].append((one.severity, place, one.message, one.excerpt))
    print("{} files; boards: {}".format(len(all_trees), ", ".join("{} {}".format(*each) for each in boards.items())))
    for (rule, severity, confidence), count in sorted(counts.items()):
        print("  {:<32}{:<10}{:<10}{:>5}".format(rule, severity, confidence, count))
    chosen = random.Random(options.seed)
    for rule, found in sorted(samples.items()) if options.sample else ():
        print("\n{} ({})".format(rule, len(found)))
        for severity, place, message, excerpt in chosen.sample(found, min(options.sample, len(found))):
            print("  {:<9}{}\n           {}\n           | {}".format(severity, place, message, excerpt[:150]))


if __name__ == "__main__":
    main()
