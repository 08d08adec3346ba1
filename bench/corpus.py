"""What a corpus of real config.txt files shows: how many would brick an SCM, how many of those a text search passes.

``SCMGUARD_CORPUS`` names a folder with ``config/`` and ``cmdline/`` in it. Also counts findings by rule, for the noise.
"""

import os
import re
import sys
from collections import Counter

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TOP)

from scmguard import rulebook  # noqa: E402
from scmguard.boot import Boot, MemoryFolder  # noqa: E402
from scmguard.effective.board import BOARDS  # noqa: E402
from scmguard.lint import Job, run  # noqa: E402

CORPUS = os.environ.get("SCMGUARD_CORPUS", os.path.join(os.path.dirname(TOP), "shared", "corpus"))
REQUIRED = re.compile(rb"^[ \t]*dtoverlay=dwc2,dr_mode=host", re.MULTILINE)
FORBIDDEN = re.compile(rb"^[ \t]*otg_mode=1", re.MULTILINE)


def main() -> None:
    """Prints the figures."""
    book = rulebook.load()
    rules = tuple(rule for rule in book.rules.values() if rule.applies_to("scm"))
    job = Job(rules, (BOARDS["cm4"],), "scm", book.profiles["scm"].parameters)
    folder = os.path.join(CORPUS, "config")
    files = bricks = certain = passed = passed_both = spared = 0
    by_rule: Counter = Counter()
    files_by_rule: Counter = Counter()
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as stream:
            data = stream.read()
        files += 1
        found = run(job, Boot(MemoryFolder({"config.txt": data}))).findings
        by_rule.update((one.rule, one.severity, one.confidence) for one in found)
        files_by_rule.update({one.rule for one in found})
        brick = [one for one in found if one.severity == "brick"]
        if brick:
            bricks += 1
            certain += any(one.confidence == "certain" for one in brick)
            has_line = bool(REQUIRED.search(data))
            passed += has_line
            passed_both += has_line and not FORBIDDEN.search(data)
        elif FORBIDDEN.search(data):
            spared += 1
    print("{} config files, profile scm".format(files))
    print("{} would brick an SCM ({} certainly)".format(bricks, certain))
    print("  {} of them contain the required line, so that a text search for it passes them".format(passed))
    print("  {} of them contain it and no otg_mode=1, so that a text search for both passes them".format(passed_both))
    print("{} contain otg_mode=1 and would not".format(spared))
    for (rule, severity, confidence), count in sorted(by_rule.items()):
        row = "  {:<24}{:<10}{:<10}{:>5} findings in {} files"
        print(row.format(rule, severity, confidence, count, files_by_rule[rule]))


if __name__ == "__main__":
    main()
