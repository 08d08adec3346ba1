"""Makes docs/incidents.md: reported failures, what is needed to see each, and the rule and example that does.

The incidents are in docs/incidents.yaml, and a rule's example names those it shows (``incidents: [30]``). Run it after
a change of either; a test fails while the table is out of date.
"""

import os
import sys
from typing import Any, Dict, List, Tuple

from update_readme import TOP, table

SOURCE = os.path.join(TOP, "docs", "incidents.yaml")
PAGE = os.path.join(TOP, "docs", "incidents.md")

#: What is needed to see an incident.
SEEN_FROM = {
    "yes": "text files",
    "+ctx": "text files and board",
    "+fs": "also the file systems",
    "gate": "only at a change",
    "no": "not",
}

_INTRO = """\
# Incidents

Failures of boot configuration that somebody reported, and whether scmguard sees them. {shown} of {all} are shown by
examples of rules, which run as tests; for the others the table says what it would take.

*Seen from*: the text files alone; with a fact about the board, the system or the profile; also from the rest of the
boot partition or the root file system; only while something changes, such as a package; or not at all.

<!-- made by docs/update_incidents.py from docs/incidents.yaml and rules/ -->

"""


def incidents() -> List[Dict[str, Any]]:
    """The incidents, as docs/incidents.yaml has them."""
    from scmguard.rulefile import read_yaml

    entries: List[Dict[str, Any]] = read_yaml(SOURCE)
    return entries


def examples() -> Dict[int, List[Tuple[str, str]]]:
    """For the number of an incident, the rules and the names of their bad examples that show it."""
    from scmguard import assets, rulebook

    shown: Dict[int, List[Tuple[str, str]]] = {}
    for rule in rulebook.read_folder(assets.rules_folder())[0]:
        for example in rule.examples["bad"]:
            for number in example.get("incidents", ()):
                shown.setdefault(number, []).append((rule.id, example["name"]))
    return shown


def open_questions() -> List[int]:
    """The numbers of incidents that no example shows and no reason excuses."""
    shown = examples()
    return [entry["number"] for entry in incidents() if entry["number"] not in shown and "reason" not in entry]


def page() -> str:
    """The text of docs/incidents.md."""
    shown = examples()
    rows = []
    for entry in incidents():
        caught = ["[`{0}`](../rules/{0}.yaml): {1}".format(*example) for example in shown.get(entry["number"], ())]
        caught += [entry["reason"]] if "reason" in entry else []
        seen_from = SEEN_FROM[entry["static"]]
        rows.append([str(entry["number"]), entry["what"], entry["reference"], seen_from, "<br>".join(caught)])
    head = ["", "what happened", "reported", "seen from", "caught by, or what it would take"]
    count = sum(1 for entry in incidents() if entry["number"] in shown)
    return _INTRO.format(shown=count, all=len(rows)) + table(head, rows) + "\n"


if __name__ == "__main__":
    sys.path.insert(0, TOP)
    with open(PAGE, "w", encoding="utf-8") as stream:
        stream.write(page())
    if open_questions():
        sys.exit("neither an example nor a reason: {}".format(", ".join(map(str, open_questions()))))
