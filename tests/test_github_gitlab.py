"""Workflow commands of GitHub Actions, read back as GitHub's runner reads them; and GitLab's entries."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scmguard.finding import SEVERITIES, NotChecked, Related, Waived
from scmguard.report.github_report import command
from scmguard.report.session import Style
from scmguard.text import Span, printable, printable_lines
from tests.format_runs import commands, finding, gitlab, rendered, report
from tests.test_cli import BAD, scmguard, tree


def read(*reports: Any, **given_: Any) -> Any:
    return commands(rendered("github", reports, **given_))


def test_a_finding_is_an_annotation() -> None:
    related = (Related(Span("boot/config.txt", 1, 1, 1, 6), "active because of [cm4]"),)
    ((name, properties, message),), other = read(report(finding(related=related)))
    assert name == "error"
    assert properties == {
        "file": "boot/config.txt",
        "line": "2",
        "endLine": "2",
        "col": "1",
        "endColumn": "10",
        "title": "brick: otg-mode-enabled",
    }
    assert message.split("\n") == [
        "otg_mode=1 is in effect on cm4",
        "boot/config.txt:1:1: active because of [cm4]",
        "Remove the line.",
    ]
    assert other == ["1 brick"]


@given(st.text(), st.text())
def test_the_runner_reads_back_what_was_written(value: str, text: str) -> None:
    written = command("warning", [("file", "x" + value + "x"), ("title", "t")], text)
    assert written.endswith("\n") and written.count("\n") == 1
    (one,), other = commands(written)
    assert one == ("warning", {"file": printable("x" + value + "x"), "title": "t"}, printable_lines(text))
    assert other == []


@pytest.mark.parametrize("text", ["100%", "%0A", "%250A", "a:b,c", "::error::x", "\r\n::add-mask::x", "##[error]x"])
def test_escapes(text: str) -> None:
    test_the_runner_reads_back_what_was_written.hypothesis.inner_test(text, text)


def test_the_worst_comes_first_over_all_trees() -> None:
    trees = [
        report(finding("inert-setting", "hygiene"), path="a"),
        report(finding("usb-off", "degraded"), finding("unknown-setting", "hygiene"), path="b"),
        report(finding("boot-file-missing", "no-boot"), path="c"),
        report(finding(), path="d"),
    ]
    found, other = read(*trees, errors=[("/nowhere", "no such file")])
    assert [name for name, _, _ in found] == ["error", "error", "error", "warning", "notice", "notice"]
    assert [one["title"].split(":")[0] for _, one, _ in found] == [
        "not checked",
        "brick",
        "no-boot",
        "degraded",
        "hygiene",
        "hygiene",
    ]
    assert other == ["1 brick, 1 no-boot, 1 degraded, 2 hygiene in 4 boot trees"]


def test_a_place_over_several_lines_has_no_columns() -> None:
    ((_, properties, _),), _ = read(report(finding(span=Span("c", 2, 3, 4, 2))))
    assert (properties["line"], properties["endLine"]) == ("2", "4")
    assert not {"col", "endColumn"} & set(properties)


def test_a_file_as_a_whole_is_its_first_line() -> None:
    ((_, properties, _),), _ = read(report(finding(span=Span("c"))))
    assert set(properties) == {"file", "line", "title"} and properties["line"] == "1"


def test_what_was_not_checked_is_one_notice() -> None:
    lacks = [NotChecked("usb-off", "x", "needs a, b: c"), NotChecked("root-missing", "x", "in part: would use d")]
    ((name, properties, message),), _ = read(report(not_checked=lacks))
    assert (name, properties) == ("notice", {"title": "not checked"})
    assert message == "not checked, needs a, b: c: usb-off\nchecked in part, would use d: root-missing"


def test_quiet_leaves_out_what_is_no_fault() -> None:
    made = report(finding(), finding(severity="hygiene"), not_checked=[NotChecked("usb-off", "x", "needs y")])
    found, _ = read(made, style=Style(quiet=True))
    assert [name for name, _, _ in found] == ["error"]


def test_waived_findings_are_shown_when_asked_for() -> None:
    made = report(finding(waived=Waived("a bench unit")))
    assert read(made) == ([], ["no findings, 1 waived (--show-waived lists them)"])
    ((name, properties, message),), other = read(made, style=Style(waived=True))
    assert (name, properties["title"]) == ("notice", "brick: otg-mode-enabled")
    assert message.endswith("\nwaived: a bench unit")
    assert other == ["no findings, 1 waived"]


def test_notes_are_one_notice() -> None:
    found, _ = read(report(finding(), notes=("a moved",)), report(notes=("b moved",)))
    assert found[1:] == [("notice", {"title": "note"}, "a moved\nb moved")]


def test_a_run_of_the_command(tmp_path: Any) -> None:
    tree(tmp_path / "a,b%", config_txt=BAD)
    done = scmguard("check", "--format", "github", "a,b%", cwd=tmp_path)
    assert done.returncode == 1
    found, other = commands(done.stdout.decode())
    assert found[0][1]["file"] == "a,b%/config.txt" and found[0][1]["line"] == "2"
    assert other[-1].startswith("1 brick")


def test_gitlab_severities() -> None:
    made = report(*[finding(severity=severity) for severity in reversed(SEVERITIES)])
    assert [entry["severity"] for entry in gitlab([made])] == ["blocker", "critical", "major", "info"]


def test_gitlab_gets_no_waived_findings_and_others_keep_their_identity() -> None:
    one, two = finding(), finding(span=Span("boot/config.txt", 5, 1, 5, 11))
    both = gitlab([report(one, two)])
    (left,) = gitlab([report(one._replace(waived=Waived("a bench unit")), two)])
    assert left == both[1]


def test_gitlab_lines_begin_at_one_and_paths_are_relative() -> None:
    one = finding(span=Span("/work tree/α/boot/./start4.elf"), excerpt="")
    (entry,) = gitlab([report(one)])
    assert entry["location"] == {"path": "boot/start4.elf", "lines": {"begin": 1}}


def test_gitlab_does_not_take_what_could_not_be_read_for_corrected() -> None:
    (entry,) = gitlab([], errors=[("boot", "permission denied")])
    assert (entry["check_name"], entry["severity"]) == ("could-not-check", "blocker")
    assert entry["description"] == "boot: this could not be checked: permission denied"
    assert gitlab([], errors=[("boot", "another reason")])[0]["fingerprint"] == entry["fingerprint"]


def test_gitlab_says_what_a_finding_depends_on() -> None:
    one = finding(confidence="possible", when=("gpio4=1", "serial=x"))
    (entry,) = gitlab([report(one)])
    assert entry["description"] == (
        "otg_mode=1 is in effect on cm4. Only when gpio4=1 and serial=x, which is not known here."
    )
