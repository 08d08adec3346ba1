"""Puts what the program prints today into README.md: the examples between ```console fences, and the table of rules.

Run it after a change of rules or output; a test fails while the README is out of date.
"""

import os
import re
import subprocess
import sys
from typing import Match, Sequence

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
README = os.path.join(TOP, "README.md")


def printed(command: str) -> str:
    """What a ``scmguard …`` command prints, run in the checkout."""
    arguments = [sys.executable, "-m", "scmguard", *command.split()[1:]]
    done = subprocess.run(arguments, capture_output=True, text=True, cwd=TOP, timeout=120, check=False)
    return done.stdout.rstrip("\n")


def rules_table() -> str:
    """All rules, worst first, as a Markdown table."""
    from scmguard import rulebook
    from scmguard.finding import SEVERITIES

    rules = sorted(rulebook.load().rules.values(), key=lambda rule: (-SEVERITIES.index(rule.severity), rule.id))
    return table(
        ["rule", "severity", "says"], [["`{}`".format(rule.id), rule.severity, rule.summary] for rule in rules]
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, without the last line end."""
    lines = ["| {} |".format(" | ".join(cell.replace("|", "\\|") for cell in row)) for row in [head, *rows]]
    lines.insert(1, "|---" * len(head) + "|")
    return "\n".join(lines)


def updated(text: str) -> str:
    """The README with fresh output and table."""

    def fresh(match: Match[str]) -> str:
        return "```console\n$ {}\n{}\n```".format(match.group(1), printed(match.group(1)))

    text = re.sub(r"```console\n\$ (scmguard [^\n]*)\n.*?\n```", fresh, text, flags=re.DOTALL)
    table = rules_table()
    return re.sub(r"(## Rules\n\n).*?(\n\n## )", lambda match: match[1] + table + match[2], text, flags=re.DOTALL)


if __name__ == "__main__":
    sys.path.insert(0, TOP)
    with open(README, encoding="utf-8") as stream:
        before = stream.read()
    with open(README, "w", encoding="utf-8") as stream:
        stream.write(updated(before))
