"""What else knows POSIX sh: dash's verdict and shfmt's tree."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from typing import Any, Dict, List

import pytest

from scmguard.parse.initramfs_sh import Script
from scmguard.text import Source, encode
from scmguard.tree import Tree

_BESIDE_PYTHON = os.path.join(os.path.dirname(sys.executable), "shfmt")
DASH = shutil.which("dash")
SHFMT = _BESIDE_PYTHON if os.path.exists(_BESIDE_PYTHON) else shutil.which("shfmt")

needs_dash = pytest.mark.skipif(not DASH, reason="dash is not here: nothing to compare verdicts with")
needs_shfmt = pytest.mark.skipif(not SHFMT, reason="shfmt is not here (shfmt-py): nothing to compare trees with")

COUNTED = {
    "if_clause": "if",
    "elif_part": "elif",
    "for_clause": "for",
    "while_clause": "while",
    "until_clause": "until",
    "case_clause": "case",
    "function": "function",
    "subshell": "subshell",
    "group": "group",
    "substitution": "substitution",
    "backquoted": "substitution",
    "simple_command": "command",
}


def dash_takes(text: str) -> bool:
    assert DASH
    return subprocess.run([DASH, "-n"], input=encode(text), capture_output=True).returncode == 0


def our_counts(script: Script) -> Dict[str, int]:
    found: Counter[str] = Counter()
    todo: List[Any] = [script.tree, *script.rewritten.values()]
    while todo:
        node = todo.pop()
        if isinstance(node, Tree):
            if node.kind in COUNTED and not _is_bare_redirection(node):
                found[COUNTED[node.kind]] += 1
            todo.extend(node.children)
    return dict(found)


def _is_bare_redirection(tree: Tree) -> bool:
    """To shfmt, redirections alone are no command."""
    return tree.kind == "simple_command" and not any(
        child.kind.upper() in ("WORD", "ASSIGNMENT") for child in tree.children
    )


def shfmt_counts(text: str) -> Dict[str, int]:
    """Counts of constructs; raises ValueError where shfmt refuses the text."""
    assert SHFMT
    run = subprocess.run([SHFMT, "-ln", "posix", "--to-json"], input=encode(text), capture_output=True)
    if run.returncode:
        raise ValueError(run.stderr.decode())
    found: Counter[str] = Counter()
    todo: List[Any] = [json.loads(run.stdout)]
    while todo:
        node = todo.pop()
        if isinstance(node, list):
            todo.extend(node)
        elif isinstance(node, dict):
            kind = node.get("Type")
            if kind == "WhileClause":
                found["until" if node.get("Until") else "while"] += 1
            elif kind == "IfClause":
                found["if"] += 1
                branch = node.get("Else")
                while branch:
                    found["elif"] += "Cond" in branch
                    branch = branch.get("Else")
            elif kind in _SHFMT:
                found[_SHFMT[kind]] += 1
            todo.extend(node.values())
    return {kind: number for kind, number in found.items() if number}


_SHFMT = {
    "ForClause": "for",
    "CaseClause": "case",
    "FuncDecl": "function",
    "Subshell": "subshell",
    "Block": "group",
    "CmdSubst": "substitution",
    "CallExpr": "command",
}


@needs_dash
@pytest.mark.parametrize("text, taken", [("if a; then b; fi", True), ("if a; then; fi", False), ("a)", False)])
def test_dash_is_asked(text: str, taken: bool) -> None:
    assert dash_takes(text) is taken


@needs_shfmt
def test_shfmt_is_asked() -> None:
    text = "if a; then b; elif c; then (d); fi; until e; do f `g`; done; h() { i; }"
    assert shfmt_counts(text) == our_counts(Script(Source("x", encode(text))))
    with pytest.raises(ValueError):
        shfmt_counts("if a")
