"""Rules as SARIF's reportingDescriptors: what a rule is about, what to do, and how bad it is."""

import re
from typing import Any, Dict, Iterator, List, Mapping, Optional, Set, Tuple

from scmguard import lint, waivers
from scmguard.finding import SEVERITY_MEANS, Finding
from scmguard.rulebook import Rule
from scmguard.text import printable

#: SARIF's level of each severity.
LEVELS = {"brick": "error", "no-boot": "error", "degraded": "warning", "hygiene": "note"}
# GitHub's name for the same thing, for rules that are not about security.
_PROBLEM = {"error": "error", "warning": "warning", "note": "recommendation"}
# Of the rules that no file describes.
_BUILT_IN_SEVERITY = {"waiver-expired": "degraded", "waiver-unused": "hygiene"}
# GitHub shows no more of a description.
_LONGEST = 1024
_MARKDOWN = re.compile(r"([\\`*_\[\]<>~|])")


class Rules:
    """The rules of a run and their places in the list, which begins with those that were asked.

    A rule that was not asked and has a finding all the same (one that no file describes) comes behind them.
    """

    def __init__(self, rules: Mapping[str, Rule], asked: Tuple[str, ...]) -> None:
        self._rules = rules
        self._index: Dict[str, int] = {}
        self._certain: Set[str] = set()
        self._possible: Set[str] = set()
        for id in asked:
            self.index(id)

    def index(self, id: str) -> int:
        """The place of a rule, from 0."""
        return self._index.setdefault(id, len(self._index))

    def note(self, finding: Finding) -> int:
        """The place of a finding's rule; what it was certain of decides on the rule's precision."""
        (self._possible if finding.confidence == "possible" else self._certain).add(finding.rule)
        return self.index(finding.rule)

    def descriptors(self) -> Iterator[Dict[str, Any]]:
        """All of them, in their order."""
        for id in self._index:
            # A rule that in this run was never certain is one whose findings depend on what nobody knows.
            precision = "medium" if id in self._possible and id not in self._certain else "high"
            yield _descriptor(id, self._rules.get(id), precision)


def _descriptor(id: str, rule: Optional[Rule], precision: str) -> Dict[str, Any]:
    severity = _BUILT_IN_SEVERITY.get(id, "no-boot") if rule is None else rule.severity
    level = LEVELS[severity]
    properties = {
        "tags": ["boot-configuration"] + ([] if rule is None else list(rule.needs)),
        "precision": precision,
        "severity": severity,
        "problem.severity": _PROBLEM[level],
    }
    found: Dict[str, Any] = {"id": id}
    if rule is None:
        text = lint.BUILT_IN.get(id) or waivers.BUILT_IN.get(id) or id
        found.update(shortDescription=message(id.replace("-", " ") + "."), fullDescription=message(text))
        found["help"] = message(text)
    else:
        found.update(shortDescription=message(rule.summary), fullDescription=message(_cut(rule.rationale)))
        found["help"] = dict(message(_plain(rule)), markdown=escape(_markdown(rule)))
    found.update(defaultConfiguration={"level": level}, properties=properties)
    return found


def _cut(text: str) -> str:
    text = text.strip()
    return text if len(text) <= _LONGEST else text[: _LONGEST - 4] + " ..."


def _parts(rule: Rule) -> Iterator[Tuple[str, str]]:
    yield "What happens on the device", rule.rationale
    yield "Recovery", rule.recovery
    yield "What to do", rule.help
    yield "Severity", "{}: {}.".format(rule.severity, SEVERITY_MEANS[rule.severity])


def _plain(rule: Rule) -> str:
    said = ["{}: {}".format(title, text.strip()) for title, text in _parts(rule)]
    return "\n".join([*said, "Sources: " + "; ".join(rule.sources)])


def _markdown(rule: Rule) -> str:
    said = ["**{}**\n\n{}".format(title, _unmarked(text)) for title, text in _parts(rule)]
    sources = "\n".join("* {}".format(_unmarked(source)) for source in rule.sources)
    return "\n\n".join([*said, "**Sources**\n\n" + sources])


def _unmarked(text: str) -> str:
    """Text that Markdown and HTML make nothing of, in one paragraph; addresses stay what can be followed."""
    words: List[str] = text.split()
    return " ".join(
        word if word.startswith(("http://", "https://")) else _MARKDOWN.sub(r"\\\1", word) for word in words
    )


def message(text: str) -> Dict[str, str]:
    """A message of plain text."""
    return {"text": escape(text)}


def escape(text: str) -> str:
    """Text as SARIF's messages have it (2.1.0, 3.11.5 and 3.11.6): braces are doubled, and nothing is a link."""
    shown = "\n".join(printable(line) for line in text.split("\n"))
    return shown.replace("{", "{{").replace("}", "}}").replace("](", "] (")
