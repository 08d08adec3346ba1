"""What a format is given beside the findings, and which formats there are.

A format is a module with ``render(reports, session)``: from the reports on the boot trees, one after the other, to the
pieces of a text. It never has all reports in memory unless its form asks for that.
"""

from importlib import import_module
from typing import Callable, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from scmguard.finding import NotChecked, Statistic, Summary, TreeReport
from scmguard.rulebook import Rule

#: The module of each format of ``check``, by the format's name.
FORMATS: Dict[str, str] = {
    "text": "text",
    "json": "json_report",
    "sarif": "sarif_report",
    "gitlab": "gitlab_report",
    "junit": "junit_report",
    "github": "github_report",
    "html": "html_report",
}
#: The formats that show what would correct a finding without being asked.
WITH_FIXES = frozenset(["html", "sarif"])
#: The formats that can tell how many findings each rule has.
WITH_STATISTICS = frozenset(["text", "json"])


_COLOURS = {"brick": "1;31", "no-boot": "31", "degraded": "33", "hygiene": "36", "path": "1", "dim": "2"}


class Style(NamedTuple):
    """How to print: with colour or without; ``quiet`` leaves out hygiene, explanations and what was not checked.

    ``waived`` lists the waived findings, too; ``statistics`` is for a table in place of the findings.
    """

    colour: bool = False
    quiet: bool = False
    waived: bool = False
    statistics: bool = False

    def paint(self, text: str, kind: str) -> str:
        """``text`` in the colour of a severity, ``path`` or ``dim``."""
        return "\x1b[{}m{}\x1b[0m".format(_COLOURS[kind], text) if self.colour else text


class Tail(NamedTuple):
    """What is known when all trees are checked. An error is an input that could not be: its ``path`` and ``reason``.

    ``statistics`` are by rule, worst and most first; None where they were not asked for.
    """

    not_checked: Sequence[NotChecked]
    errors: Sequence[Dict[str, str]]
    notes: Sequence[str]
    summary: Summary
    statistics: Optional[Sequence[Statistic]] = None


class Session(NamedTuple):
    """One run of ``check``. ``tail`` is to be called when the last report has been taken, not before.

    ``rules`` are all that there are, those that were not asked among them; ``boards`` are names. ``notes`` are about
    the run as a whole, for those who read it from the start; the tail has them, too. ``fail_on`` is the severity from
    which a finding counts, ``asked`` are the ids of the rules that this run is about, ``folder`` is the working
    directory, to which paths are relative; empty where it is not known.
    """

    version: str
    rules: Mapping[str, Rule]
    profile: str
    boards: Tuple[str, ...]
    style: Style
    tail: Callable[[], Tail]
    notes: Tuple[str, ...] = ()
    fail_on: str = "degraded"
    asked: Tuple[str, ...] = ()
    folder: str = ""


def render(format: str, reports: Iterable[TreeReport], session: Session) -> Iterator[str]:
    """The report in one of the :data:`FORMATS`, in pieces."""
    pieces: Iterator[str] = import_module("scmguard.report." + FORMATS[format]).render(reports, session)
    return pieces


def everything(reports: Iterable[TreeReport], session: Session) -> Tuple[List[TreeReport], Tail]:
    """All reports and the tail, for forms that begin with what is known at the end."""
    found = [report._replace(boot=None) for report in reports]
    return found, session.tail()
