"""``scmguard rules``."""

import json
import sys
from typing import Any, Iterator, Mapping, Optional, Sequence

from scmguard.cli.common import rulebook_for, settings_for
from scmguard.cli.console import USAGE, fail, print_pieces
from scmguard.example_files import shown
from scmguard.finding import SEVERITIES, SEVERITY_MEANS
from scmguard.meant import did_you_mean
from scmguard.report.rule_page import transaction_lines
from scmguard.rulebook import Rule


def run(id: Optional[str], options: Mapping[str, Any]) -> int:
    """Prints the table of rules, or one rule's page; returns the exit code."""
    book = rulebook_for(settings_for((), options))
    as_json = options["format_"] == "json"
    if id is None:
        rules = list(book.rules.values())
        print_pieces(
            [json.dumps([_data(rule) for rule in rules], indent=2), "\n"] if as_json else _table(rules), sys.stdout
        )
        return 0
    rule = book.rules.get(id)
    if rule is None:
        fail(USAGE, "no rule {!r}{}".format(id, did_you_mean(id, book.rules)))
    print_pieces([json.dumps(_data(rule), indent=2), "\n"] if as_json else page(rule), sys.stdout)
    return 0


def _data(rule: Rule) -> Mapping[str, Any]:
    data = rule._asdict()
    del data["own_examples"]
    return {"id": data.pop("id"), **json.loads(data.pop("texts")), **data, "examples": rule.examples}


def _table(rules: Sequence[Rule]) -> Iterator[str]:
    rules = sorted(rules, key=lambda rule: (-SEVERITIES.index(rule.severity), rule.id))
    width = max(len(rule.id) for rule in rules)
    for rule in rules:
        yield "{:<{}}  {:<8}  {}\n".format(rule.id, width, rule.severity, rule.summary)


def page(rule: Rule) -> Iterator[str]:
    """A rule's page as text."""
    yield "{}  ({}: {})\n".format(rule.id, rule.severity, SEVERITY_MEANS[rule.severity])
    yield "{}\n".format(rule.summary)
    for title, text in (("What happens", rule.rationale), ("Recovery", rule.recovery), ("What to do", rule.help)):
        yield "\n{}\n".format(title)
        yield from _wrap(text, "  ")
    yield "\nSources\n"
    for source in rule.sources:
        yield from _wrap(source, "  - ", "    ")
    yield "\nApplies to: {}. Needs: {}.\n".format(", ".join(rule.profiles), ", ".join(rule.needs) or "nothing")
    if rule.facts:
        yield "Asks the device for: {}.\n".format(", ".join(rule.facts))
    if rule.waiver == "required":
        yield "It cannot be ignored, only waived: with a reason, under waivers: in .scmguard.yaml.\n"
    for kind in ("bad", "good"):
        yield "\n{} examples\n".format(kind.capitalize())
        for example in rule.examples[kind]:
            yield "  {}\n".format(example["name"])
            yield from ("    {}\n".format(line) for line in transaction_lines(example.get("transaction")))
            for name, content in {**example.get("files", {}), **example.get("root", {})}.items():
                yield "    {}:\n".format(name)
                for line in shown(content).splitlines() or ["(empty)"]:
                    yield "      {}\n".format(line if line.isprintable() else repr(line)[1:-1])


def _wrap(text: str, lead: str, indent: Optional[str] = None) -> Iterator[str]:
    import textwrap

    for line in textwrap.wrap(text, 96, initial_indent=lead, subsequent_indent=lead if indent is None else indent):
        yield line + "\n"
