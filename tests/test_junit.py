"""JUnit: what passes, fails, is skipped or in error, and that no text breaks the XML."""

from typing import Any, Dict

import pytest
from lxml import etree

from scmguard.finding import SEVERITIES, NotChecked, Waived, at_least
from scmguard.report.junit_report import escaped, escaped_lines
from scmguard.text import Span, printable, printable_lines
from tests.format_runs import finding, junit, rendered, report
from tests.test_cli import BAD, scmguard, tree

WAIVED = Waived("a bench unit", "2031-12-31")


def cases(*reports: Any, **given: Any) -> Dict[str, Any]:
    return {case.get("name"): case for suite in junit(reports, **given) for case in suite}


def outcome(case: Any) -> str:
    return next((each.tag for each in case if each.tag != "system-out"), "passed")


@pytest.mark.parametrize("fail_on", SEVERITIES)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_the_threshold_decides_what_fails(severity: str, fail_on: str) -> None:
    (case,) = cases(report(finding(severity=severity)), fail_on=fail_on).values()
    assert outcome(case) == ("failure" if at_least(severity, fail_on) else "passed")
    text = "".join(case.itertext())
    assert "boot/config.txt:2:1: {}: otg_mode=1 is in effect".format(severity) in text and "    otg_mode=1" in text


def test_a_rule_with_several_findings_is_one_case() -> None:
    minor = finding(severity="hygiene", message="a small thing")
    (case,) = cases(report(finding(), finding(span=Span("boot/config.txt", 9, 1, 9, 11)), minor)).values()
    failure = case.find("failure")
    assert failure.get("message") == "otg_mode=1 is in effect on cm4 (and 1 more)"
    assert failure.get("type") == "brick"
    assert "config.txt:2:1" in failure.text and "config.txt:9:1" in failure.text and "small" not in failure.text
    assert "a small thing" in case.find("system-out").text


def test_every_rule_that_looked_is_a_case() -> None:
    ran = frozenset(["otg-mode-enabled", "usb-off", "unknown-setting", "wifi-country-missing"])
    lacks = [
        NotChecked("initrd-stale", "initrd", "needs an initramfs image"),
        NotChecked("initrd-stale", "rootfs", "needs a root file system"),
        NotChecked("usb-off", "rootfs", "in part: would also use a root file system"),
    ]
    found = cases(report(finding(), ran=ran, not_checked=lacks))
    assert {name: outcome(case) for name, case in found.items()} == {
        "initrd-stale": "skipped",
        "otg-mode-enabled": "failure",
        "unknown-setting": "passed",
        "usb-off": "passed",
        "wifi-country-missing": "passed",
    }
    assert found["initrd-stale"].find("skipped").get("message") == "needs an initramfs image; needs a root file system"
    assert found["usb-off"].find("system-out").text == "in part: would also use a root file system"


def test_waived_findings_are_skipped_unless_another_counts() -> None:
    waived = finding(waived=WAIVED)
    (case,) = cases(report(waived)).values()
    assert (
        outcome(case) == "skipped" and case.find("skipped").get("message") == "waived (until 2031-12-31): a bench unit"
    )
    assert "waived (until 2031-12-31): a bench unit" in case.find("skipped").text
    known = finding(waived=Waived("known since then", by="baseline"))
    (case,) = cases(report(known)).values()
    assert case.find("skipped").get("message") == "in the baseline: known since then"
    (case,) = cases(report(waived, finding(message="another"))).values()
    assert case.find("failure").get("message") == "another" and case.find("skipped") is None
    assert "a bench unit" in case.find("system-out").text


def test_a_crash_and_what_could_not_be_read_are_errors() -> None:
    crash = finding("internal-error", "no-boot", message="the rule x crashed", span=Span("boot/config.txt"))
    made = report(crash, problems=(("boot/a.txt", "permission denied"),))
    suites = junit([made], errors=[("/nowhere", "no such file"), ("boot/a.txt", "permission denied")])
    assert [suite.get("name") for suite in suites] == ["boot", "/nowhere"]
    assert [outcome(case) for suite in suites for case in suite] == ["error", "error", "error"]
    assert [case.get("name") for case in suites[0]] == ["internal-error", "read boot/a.txt"]


def test_trees_are_suites_and_their_dots_are_no_packages() -> None:
    suites = junit([report(finding(), path="ubuntu-22.04"), report(finding(), path="/elsewhere")])
    assert [suite.get("name") for suite in suites] == ["ubuntu-22.04", "/elsewhere"]
    assert suites[0][0].get("classname") == "scmguard.ubuntu-22_04"


def test_notes_are_output_of_the_suite() -> None:
    (suite,) = junit([report(finding(), notes=("it moved",))], notes=("no waivers count",))
    assert suite.find("system-out").text == "no waivers count\nit moved"
    (suite,) = junit([report(finding())])
    assert suite.find("system-out") is None


def test_every_character_survives_or_is_shown() -> None:
    """All of Unicode, through a real parser: what is printable comes back, the rest is escaped as elsewhere."""
    for start in range(0, 0x110000, 0x4000):
        text = "".join(map(chr, range(start, start + 0x4000)))
        node = etree.fromstring('<a b="{0}">{1}</a>'.format(escaped(text), escaped_lines(text)))
        assert (node.get("b") or "") == printable(text)
        assert (node.text or "") == printable_lines(text)


def test_the_text_is_ascii() -> None:
    text = rendered("junit", [report(finding(message="ü 😀 ]]> \x1b[0m"), path="ä")])
    assert text.isascii() and text.startswith('<?xml version="1.0" encoding="UTF-8"?>')
    (suite,) = etree.fromstring(text.encode())
    assert suite.get("name") == "ä"
    assert suite[0].find("failure").get("message") == "ü 😀 ]]> \\x1b[0m"


def test_a_run_of_the_command(tmp_path: Any) -> None:
    tree(tmp_path / "boot", config_txt=BAD)
    for fail_on, failures in (("degraded", "1"), ("brick", "1")):
        done = scmguard("check", "--format", "junit", "--fail-on", fail_on, "boot", cwd=tmp_path)
        assert done.returncode == 1
        (suite,) = etree.fromstring(done.stdout)
        assert (suite.get("name"), suite.get("failures")) == ("boot", failures)
        assert int(suite.get("skipped")) > 10 and int(suite.get("tests")) > 100
    tree(tmp_path / "boot", config_txt='arm_freq="700"\n')
    for fail_on, code in (("degraded", 1), ("brick", 0)):
        (tmp_path / ".scmguard.yaml").write_text("select: [quoted-value]\nfail-on: {}\n".format(fail_on))
        done = scmguard("check", "--format", "junit", "boot", cwd=tmp_path)
        (suite,) = etree.fromstring(done.stdout)
        assert (done.returncode, suite.get("failures"), suite.get("tests")) == (code, str(code), "1")
