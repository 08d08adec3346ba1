"""Stock files: condemned for the SCM at the right lines, and silent on their own boards."""

import os
from typing import List, Tuple

import pytest

from scmguard import rulebook
from scmguard.boot import Boot
from scmguard.effective.board import BOARDS
from scmguard.finding import Finding, at_least
from scmguard.inputs.discover import Request, from_path
from scmguard.lint import Job, run
from tests.places import CORPUS, needs_corpus

HERE = os.path.join(os.path.dirname(__file__), "boots")
BOOK = rulebook.load()
STOCK = sorted(name for name in os.listdir(HERE) if name != "scm-bookworm")


def findings(boot: Boot, profile: str) -> List[Finding]:
    chosen = BOOK.profiles[profile]
    rules = tuple(rule for rule in BOOK.rules.values() if rule.applies_to(profile))
    return run(Job(rules, (BOARDS[chosen.board],), profile, chosen.parameters), boot).findings


def serious(boot: Boot, profile: str) -> List[Tuple[str, int]]:
    return sorted((one.rule, one.span.line) for one in findings(boot, profile) if at_least(one.severity, "degraded"))


def tree(name: str) -> Boot:
    return from_path(os.path.join(HERE, name), Request())


@pytest.mark.parametrize("board", ["pi3", "pi02", "pi4", "pi400", "cm4", "pi5", "cm5", "pi500"])
@pytest.mark.parametrize("name", STOCK)
def test_stock_is_silent_on_its_own_boards(name: str, board: str) -> None:
    assert serious(tree(name), board) == []


@pytest.mark.parametrize("name, expected", [
    ("raspios-bullseye", [("dwc2-host-missing", 0), ("encrypted-root-lost", 1), ("otg-mode-enabled", 12)]),
    ("raspios-bookworm", [("dwc2-host-missing", 23), ("encrypted-root-lost", 1), ("otg-mode-enabled", 20)]),
    ("raspios-trixie", [("dwc2-host-missing", 22), ("encrypted-root-lost", 1), ("otg-mode-enabled", 19)]),
    ("ubuntu-22.04-server", []),
    ("ubuntu-22.04-desktop", [("dwc2-host-missing", 26)]),
    ("ubuntu-24.04-server", []),
    ("ubuntu-24.04-desktop", [("dwc2-host-missing", 33)]),
    ("scm-bookworm", []),
])  # fmt: skip
def test_stock_on_an_scm(name: str, expected: List[Tuple[str, int]]) -> None:
    assert serious(tree(name), "scm") == expected


@needs_corpus
@pytest.mark.parametrize("name, expected", [
    ("133_RPi-Distro+pi-gen_stage1_00-boot-files_files_config.txt", [("dwc2-host-missing", 46), ("otg-mode-enabled",
    43)]), ("310_canonical+pi-gadget_configs_jammy-arm64-server_config.txt", []),
    ("309_canonical+pi-gadget_configs_jammy-arm64-desktop_config.txt", [("dwc2-host-missing", 46)]),
    ("312_canonical+pi-gadget_configs_noble-arm64-desktop_config.txt", [("dwc2-host-missing", 55)]),
    ("313_canonical+pi-gadget_configs_noble-arm64-server_config.txt", []),
])  # fmt: skip
def test_the_real_stock_files_on_an_scm(name: str, expected: List[Tuple[str, int]]) -> None:
    boot = from_path(os.path.join(CORPUS, "config", name), Request(kind="config.txt"))
    assert serious(boot, "scm") == expected
    assert serious(boot, "cm4") == serious(boot, "pi4") == serious(boot, "pi5") == []
