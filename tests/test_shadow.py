"""boot_ramdisk: the files that count are inside boot.img, and nothing outside is judged as if it counted."""

from typing import Dict, List

import pytest

from scmguard import rulebook
from scmguard.boot import Boot
from scmguard.effective import evaluate
from scmguard.effective.board import BOARDS
from scmguard.effective.view import view
from scmguard.finding import TreeReport
from scmguard.folder import MemoryFolder
from scmguard.lint import Job, run

BOOK = rulebook.load()
BRICK = b"[cm4]\notg_mode=1\n[all]\n"


def report(files: Dict[str, bytes]) -> TreeReport:
    rules = tuple(rule for rule in BOOK.rules.values() if rule.applies_to("scm"))
    return run(Job(rules, (BOARDS["cm4"],), "scm", BOOK.profiles["scm"].parameters), Boot(MemoryFolder(files)))


def bricks(files: Dict[str, bytes]) -> List[str]:
    return [one.rule for one in report(files).findings if one.severity == "brick"]


@pytest.mark.parametrize(
    "line", [b"boot_ramdisk=1\n", b"[cm4]\nboot_ramdisk=1\n[all]\n", b"boot_ramdisk=0\nboot_ramdisk=1\n"]
)
def test_what_is_outside_is_not_judged_and_that_is_said(line: bytes) -> None:
    result = report({"config.txt": BRICK + line})
    assert [(one.rule, one.severity) for one in result.findings] == [("shadowed-by-boot-img", "degraded")]
    reasons = {entry.rule: entry.reason for entry in result.not_checked}
    assert "boot.img" in reasons["otg-mode-enabled"] and "boot.img" in reasons["dwc2-host-missing"]


@pytest.mark.parametrize("line", [b"", b"boot_ramdisk=0\n", b"[cm5]\nboot_ramdisk=1\n[all]\n", b"#boot_ramdisk=1\n"])
def test_without_it_the_files_count(line: bytes) -> None:
    assert bricks({"config.txt": BRICK + line}) == ["dwc2-host-missing", "otg-mode-enabled"]


def test_a_boot_partition_without_the_image_is_judged() -> None:
    files = {
        "config.txt": BRICK + b"boot_ramdisk=1\n",
        "start4.elf": b"",
        "cmdline.txt": b"root=/dev/mapper/cryptrfs\n",
    }
    assert "otg-mode-enabled" in bricks(files)
    assert bricks(dict(files, **{"boot.img": b""})) == []


def test_only_under_a_condition_both_are_possible() -> None:
    assert "otg-mode-enabled" in bricks({"config.txt": BRICK + b"[gpio4=1]\nboot_ramdisk=1\n"})


def test_boards_before_the_pi_4_know_no_boot_ramdisk() -> None:
    config = evaluate(Boot(MemoryFolder({"config.txt": b"boot_ramdisk=1\n"})), BOARDS["pi3"])
    assert view(config)["shadowed_by"] is None


def test_show_says_so() -> None:
    config = evaluate(Boot(MemoryFolder({"config.txt": b"boot_ramdisk=1\n"})), BOARDS["cm4"])
    assert view(config)["shadowed_by"] == "boot.img"
