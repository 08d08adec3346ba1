"""Makes docs/rules/: a page for each rule, and README.md with the table of all of them, from the YAML files in rules/.

Run it after a change of a rule; a test fails while a page is out of date. Pages of rules that are no more are removed.
"""

import os
import sys
from typing import Dict

from update_readme import TOP, table

FOLDER = os.path.join(TOP, "docs", "rules")
INDEX = "README.md"

_INTRO = """\
# Rules

{number} rules, worst first. Each page says what happens on the device, how to get it back, what to do, and from where
that is known, with the examples that run as tests. `scmguard rules ID` prints the same.

<!-- made by docs/update_rules.py from rules/ -->

"""


def pages() -> Dict[str, str]:
    """The text of each file in docs/rules/, by its name."""
    from scmguard import assets, rulebook
    from scmguard.finding import SEVERITIES
    from scmguard.report.rule_page import markdown, prose

    rules = rulebook.read_folder(assets.rules_folder())[0]
    rules.sort(key=lambda rule: (-SEVERITIES.index(rule.severity), rule.id))
    rows = [
        ["[`{0}`]({0}.md)".format(rule.id), rule.severity, ", ".join(rule.profiles), prose(rule.summary)]
        for rule in rules
    ]
    found = {rule.id + ".md": markdown(rule) for rule in rules}
    found[INDEX] = _INTRO.format(number=len(rules)) + table(["rule", "severity", "profiles", "says"], rows) + "\n"
    return found


def main() -> None:
    """Writes what changed, and removes what should not be there."""
    fresh = pages()
    os.makedirs(FOLDER, exist_ok=True)
    for name in sorted(set(os.listdir(FOLDER)) - set(fresh)):
        os.unlink(os.path.join(FOLDER, name))
    for name, text in fresh.items():
        with open(os.path.join(FOLDER, name), "w", encoding="utf-8") as stream:
            stream.write(text)


if __name__ == "__main__":
    sys.path.insert(0, TOP)
    main()
