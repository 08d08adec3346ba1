"""What may stand in the places of a template that are filled in, as far as it can matter to a rule.

For a value: the values that the name has in the examples of the rules, and a few that any setting may have. Where any
lines may come, for the rule of a finding: its good examples, other values for what the finding is about, and what
switches lines off.
"""

import re
from typing import Any, Dict, Iterator, List, Mapping, Sequence, Set, Tuple

from scmguard.example_files import data_of
from scmguard.parse.config_txt import parse_line
from scmguard.repository.kinds import of_name
from scmguard.repository.templates import TLine
from scmguard.text import decode

_MOST = 80
# What any line may be that comes in between: other filters, and what undoes what is there.
_ANY_LINES = ("[none]", "[all]", "[tryboot]", "device_tree=", "dtoverlay=", "os_prefix=none/", "cmdline=none.txt")
_ANY_HEADERS = ("all", "none", "tryboot", "pi3", "pi4", "cm4", "pi5", "cm5")
_ANY_VALUES = ("", "0", "1", "2", "16", "64", "256", "none", "on", "off")
_ANY_WORDS = ("", "--", "root=/dev/mapper/cryptrfs", "root=/dev/mmcblk0p2", "init=/sbin/init", "rootwait", "ro", "rw")
_KEY = re.compile(r"\s*([\w.-]+)(?::\d+)?\s*=")


class Fillings:
    """What the examples of rules, by the rules' ids, say about names and values."""

    def __init__(self, examples: Mapping[str, Mapping[str, Any]]) -> None:
        # The names in a rule's examples: what else is set does not matter to it, as far as they show.
        self._names: Dict[str, Set[str]] = {}
        # The files of good examples by rule, and whether they are command lines.
        self._good: Dict[str, List[Tuple[bool, str]]] = {}
        # Of command lines and of the others: the values of each name.
        self._values: Tuple[Dict[str, Dict[str, None]], Dict[str, Dict[str, None]]] = ({}, {})
        for id, kinds in examples.items():
            for kind in ("good", "bad"):
                for example in kinds[kind]:
                    for is_cmdline, text in _texts(example):
                        self._names.setdefault(id, set()).update(self._take(is_cmdline, text))
                        if kind == "good":
                            self._good.setdefault(id, []).append((is_cmdline, text))

    def _take(self, is_cmdline: bool, text: str) -> Iterator[str]:
        for word in text.split() if is_cmdline else text.splitlines():
            key, equals, value = word.strip().partition("=")
            if equals:
                self._values[is_cmdline].setdefault(key.strip(), {})[value.strip()] = None
                yield key.strip()

    def of(self, line: TLine, is_cmdline: bool, findings: Sequence[Tuple[str, str]]) -> Iterator[str]:
        """Texts for a line that is filled in. ``findings`` are rules, and what they found, that may go with them.

        A text for a line that may become any lines can have several.
        """
        if is_cmdline:
            yield from self._words(line, findings)
        elif line.free:
            yield from self._lines(findings)
        else:
            yield from self._value(line, findings)

    def _value(self, line: TLine, findings: Sequence[Tuple[str, str]]) -> Iterator[str]:
        statement = parse_line(line.neutral)
        if statement.kind == "header":
            for header in _ANY_HEADERS:
                yield line.filled(header)
            return
        start = max(statement.value_start, 0)
        known = line.text[start : line.holes[0].start]
        matters = any(statement.key in found or statement.key in self._names.get(id, ()) for id, found in findings)
        for value in list(self._values[False].get(statement.key, ()))[: _MOST if matters else 2]:
            if value.startswith(known):
                yield line.text[:start] + value
        for value in _ANY_VALUES if matters else _ANY_VALUES[:3]:
            yield line.filled(value)

    def _lines(self, findings: Sequence[Tuple[str, str]]) -> Iterator[str]:
        yield from _ANY_LINES
        for id, found in dict.fromkeys(findings):
            for text in [text for is_cmdline, text in self._good.get(id, ()) if not is_cmdline][:_MOST]:
                yield text.rstrip("\n")
                yield "[all]\n" + text.rstrip("\n")
            match = _KEY.match(found)
            for value in (*self._values[False].get(match.group(1), ()), *_ANY_VALUES) if match else ():
                yield "[all]\n{}={}".format(match.group(1), value) if match else ""

    def _words(self, line: TLine, findings: Sequence[Tuple[str, str]]) -> Iterator[str]:
        if line.free:
            for id, _found in dict.fromkeys(findings):
                yield from [text.rstrip("\n") for is_cmdline, text in self._good.get(id, ()) if is_cmdline]
            return
        for hole in line.holes:
            start = max(line.text.rfind(blank, 0, hole.start) for blank in " \t") + 1
            known = line.text[start : hole.start]
            name, equals, begun = known.partition("=")
            behind = line.text[hole.end :]
            rest = behind[len(behind.split(None, 1)[0]) :] if behind.strip() and not behind[:1].isspace() else behind
            texts = list(_ANY_VALUES) if known else list(_ANY_WORDS)
            if equals:
                texts += [value[len(begun) :] for value in self._values[True].get(name, ()) if value.startswith(begun)]
            elif not known:
                for id, found in dict.fromkeys(findings):
                    words = [text.strip() for is_cmdline, text in self._good.get(id, ()) if is_cmdline]
                    own = found.partition("=")[0]
                    texts += words + ["{}={}".format(own, value) for value in self._values[True].get(own, ())]
            for text in dict.fromkeys(texts):
                yield line.neutral[: hole.start] + text + rest


def _texts(example: Mapping[str, Any]) -> Iterator[Tuple[bool, str]]:
    for path, content in example.get("files", {}).items():
        name = of_name(path.rpartition("/")[2])
        if name is not None and not (isinstance(content, dict) and "text" not in content):
            yield name.kind == "cmdline.txt", decode(data_of(content))
