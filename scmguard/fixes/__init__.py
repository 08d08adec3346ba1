"""Fixes: what corrects a finding, proposed by rule and proved by the evaluator before anybody sees it."""

from importlib import import_module
from typing import Dict

from scmguard.fixes.proposal import Fixer

#: Where the fixer of each rule is: a module of this room and a function in it, which has the rule's name.
TOPICS: Dict[str, str] = {
    "bad-encoding": "files",
    "cmdline-not-one-line": "files",
    "duplicate-overlay": "needless",
    "dwc2-host-missing": "required",
    "ends-inside-filter": "files",
    "glued-lines": "lines",
    "inert-setting": "needless",
    "line-too-long": "lines",
    "no-final-newline": "files",
    "otg-mode-enabled": "required",
    "overlay-renamed": "lines",
    "spaces-around-equals": "lines",
    "trailing-comment": "lines",
    "unknown-section": "lines",
    "unknown-setting": "lines",
}


def fixer(rule: str) -> Fixer:
    """The fixer of a rule that is among the :data:`TOPICS`."""
    found: Fixer = getattr(import_module("scmguard.fixes." + TOPICS[rule]), rule.replace("-", "_"))
    return found
