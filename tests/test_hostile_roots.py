"""Whole trees with anything in their files: no rule crashes or takes long, and findings are where something is."""

import json
import os
import re
import time
from typing import Any, Dict, List, Tuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scmguard import rulebook
from scmguard.boot import Boot
from scmguard.effective.board import BOARDS
from scmguard.example_files import data_of, status_of
from scmguard.examples import cases, device_of
from scmguard.finding import TreeReport
from scmguard.folder import MemoryFolder, Space, Status
from scmguard.lint import Job
from scmguard.lint import run as lint
from scmguard.report import json_report, text

EXAMPLES = int(os.environ.get("SCMGUARD_EXAMPLES", "150"))
BOOK = rulebook.load()
CASES = [example for rule in BOOK.rules.values() for _, example in cases(rule).values()]
#: Of what a rule reads, the slowest took 0.4 s here; a file that is made to take long takes minutes.
LONGEST = 20.0

Files = Dict[str, bytes]

_LINES = [
    b"[cm4", b"[all]]", b"include config.txt", b"dtoverlay=", b"dtparam=,,=", b"initramfs", b"kernel=" + b"A" * 5000,
    b"gpio=0-999999=op,dl", b"[0x" + b"f" * 40 + b"]", b"cmdline=../../etc/passwd", b"os_prefix=/", b"\xff\xfe", b"\0",
    b"$(" * 200, b"((" * 200, b"if " * 200, b"`" * 99, b"<<E <<F <<G", b"case x in", b"${" * 100, b"\\", b"' \" '",
    b"copy_exec $(", b"PREREQ=\"a b c\"", b"exec 3>&1 </dev/null", b"set -e; set +e; :", b"x=$((1/0))",
    b"a b c d e f g h", b"cryptrfs /dev/mmcblk0p2 none luks,keyscript=", b"UUID= / auto", b"\t\t\t", b"MODULES=$(x)",
    b"deb [signed-by=", b"URIs:", b"Package: x\nStatus: x", b"9" * 400, b"-1", b"i2c-dev" * 300, b"root=" * 100,
]  # fmt: skip


@st.composite
def _trees(draw: Any) -> Tuple[Dict[str, Any], Files, Files, Dict[str, Status]]:
    example = draw(st.sampled_from(CASES))
    other = draw(st.sampled_from(CASES))
    boot = {name: data_of(content) for name, content in example.get("files", {}).items()}
    root = {name: data_of(content) for name, content in {**other.get("root", {}), **example.get("root", {})}.items()}
    names = [(boot, name) for name in boot] + [(root, name) for name in root]
    for _ in range(draw(st.integers(1, 4))) if names else ():
        where, name = draw(st.sampled_from(names))
        others = [data for folder in (boot, root) for data in folder.values()] or [b""]
        where[name] = draw(_changed(where.get(name, b""), others))
        if draw(st.integers(0, 15)) == 0:
            where.pop(name)
    statuses = {
        name: Status(
            draw(st.sampled_from(["file", "file", "other"])),
            draw(st.sampled_from([0o644, 0o755, 0, 0o7777, 0o4711])),
            0,
            draw(st.sampled_from([0, -1, 1 << 40, 1700000000])),
        )
        for name in root
        if draw(st.integers(0, 5)) == 0
    }
    return example, boot, root, statuses


def _changed(data: bytes, others: List[bytes]) -> "st.SearchStrategy[bytes]":
    place = st.integers(0, max(len(data), 1))
    line = st.sampled_from(_LINES)
    return st.one_of(
        st.binary(max_size=300),
        place.map(lambda at: data[:at]),
        st.tuples(place, st.binary(max_size=4)).map(lambda each: data[: each[0]] + each[1] + data[each[0] + 1 :]),
        st.tuples(place, line).map(lambda each: data[: each[0]] + b"\n" + each[1] + b"\n" + data[each[0] :]),
        st.lists(line, min_size=1, max_size=6).map(b"\n".join),
        st.sampled_from(others),
        st.just(data.replace(b"\n", b"\r\n")),
        st.just(b"\xef\xbb\xbf" + data),
        st.just((data + b"\n") * 40),
        st.just(data.replace(b" ", b"\t\0")),
    )


def judged(example: Dict[str, Any], boot: Files, root: Files, statuses: Dict[str, Status], profile: str) -> TreeReport:
    chosen = BOOK.profiles[profile]
    known = {name: status for name, status in statuses.items() if name in root}
    for name, content in example.get("root", {}).items():
        status = status_of(content)
        if status is not None and name in root:
            known.setdefault(name, status)
    links = example.get("links", {})
    tree = Boot(MemoryFolder(boot, space=Space(1 << 28, 1 << 20)), MemoryFolder(root, "", links, known))
    rules = tuple(rule for rule in BOOK.rules.values() if rule.applies_to(profile))
    job = Job(rules, (BOARDS[chosen.board],), profile, chosen.parameters)
    return lint(job, tree, device_of(example))


@pytest.mark.parametrize("profile", ["scm", "pi4", "zymkey", "pi5"])
def test_no_tree_makes_a_rule_crash(profile: str) -> None:
    said = 0

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(_trees())
    def check(tree: Any) -> None:
        nonlocal said
        example, boot, root, statuses = tree
        begin = time.monotonic()
        report = judged(example, boot, root, statuses, profile)
        assert time.monotonic() - begin < LONGEST
        for finding in report.findings:
            assert finding.rule != "internal-error", finding.message
            said += 1
            data = {**root, **boot}.get(finding.span.path)
            if data is not None and finding.span.line:
                # Files of the firmware's have a line end at each carriage return, too.
                lines = re.split(b"\r\n|\r|\n", data)
                assert 1 <= finding.span.line <= len(lines), finding
                assert 1 <= finding.span.column <= max(map(len, lines)) + 1, finding
        shown = "".join(text.render([report], BOOK.rules, text.Style()))
        assert "\x1b" not in shown and "\0" not in shown
        for piece in json_report.findings(report.findings):
            json.loads(piece.strip().strip(","))

    check()
    assert said > EXAMPLES
