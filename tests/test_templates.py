"""Templates of boot files: what is known of them, and that nothing is claimed that could be filled in otherwise."""

import os
from functools import lru_cache
from typing import Any, Dict, List, Mapping, Sequence, Tuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scmguard.boot import Boot
from scmguard.effective.board import BOARDS
from scmguard.finding import TreeReport
from scmguard.folder import MemoryFolder
from scmguard.lint import Job
from scmguard.lint import run as lint
from scmguard.repository.templateparser import template
from scmguard.repository.templates import Choices
from scmguard.rulebook import load
from scmguard.templated import run
from tests.places import CORPUS, needs_corpus

BOOK = load()
HOST = "dtoverlay=dwc2,dr_mode=host\n"
LINE = "console=tty1 root=/dev/mapper/cryptrfs rootwait\n"


def job(profile: str = "scm") -> Job:
    chosen = BOOK.profiles[profile]
    rules = tuple(rule for rule in BOOK.rules.values() if rule.applies_to(profile))
    return Job(rules, (BOARDS[chosen.board],), profile, chosen.parameters)


def report(files: Mapping[str, str], profile: str = "scm") -> TreeReport:
    data = {name: text.encode("utf-8", "surrogateescape") for name, text in files.items()}
    return run(job(profile), Boot(MemoryFolder(data)))


def found(text: str, cmdline: str = LINE, profile: str = "scm") -> Dict[str, int]:
    """The rules with findings of degraded and above, with the line of the first."""
    result: Dict[str, int] = {}
    for finding in report({"config.txt": text, "cmdline.txt": cmdline}, profile).findings:
        if finding.severity != "hygiene":
            result.setdefault(finding.rule, finding.span.line)
    return result


def not_checked(text: str, cmdline: str = LINE) -> List[str]:
    files = {"config.txt": text, "cmdline.txt": cmdline}
    return [entry.rule for entry in report(files).not_checked if entry.needs == "template"]


FULL = "auto_initramfs=1\n" + HOST


@pytest.mark.parametrize(
    "text, line",
    [
        ("gpu_mem={{ x }}\notg_mode=1\n", 2),
        ("otg_mode=1\n# {{ ansible_managed }}\n", 1),
        ("{{ ansible_managed | comment }}\notg_mode=1\n", 2),
        ("{% if a %}\ngpu_mem=64\n{% endif %}\notg_mode=1\n", 4),
        ("{% if a %}\nhdmi_mode=4\n{% else %}\nhdmi_mode=5\n{% endif %}\n[cm4]\notg_mode=1\n", 7),
        ("{{ lines }}\n[all]\notg_mode=1\n", 3),
        ("hdmi_group=@GROUP@\notg_mode=1\n", 2),
        ("hdmi_group=${GROUP}\notg_mode=1\n", 2),
        ("hdmi_group=%GROUP%\r\notg_mode=1\r\n", 2),
        ("hdmi_group=__GROUP__\notg_mode=1\n", 2),
        ("hdmi_group=<%= group %>\notg_mode=1\n", 2),
        ("{{ if .x }}\nhdmi_group=1\n{{ end }}\notg_mode=1\n", 4),
        ("{{#x}}\nhdmi_group=1\n{{/x}}\notg_mode=1\n", 4),
        ("{# a comment\n over lines #}\notg_mode=1\n", 3),
    ],
)
def test_what_is_known_is_checked(text: str, line: int) -> None:
    assert found(text + FULL)["otg-mode-enabled"] == line


@pytest.mark.parametrize(
    "text",
    [
        "otg_mode={{ x }}\n",
        "otg_mode=@OTG@\n",
        "{% if otg %}\notg_mode=1\n{% endif %}\n",
        "{% if not otg %}\notg_mode=0\n{% else %}\notg_mode=1\n{% endif %}\n",
        "{% for x in y %}\notg_mode=1\n{% endfor %}\n",
        "otg_mode=1\n{{ lines }}\n",
        "otg_mode=1\n{% if fixed %}\notg_mode=0\n{% endif %}\n",
        "otg_mode=1\notg_mode=${OTG}\n",
        "otg_mode=1\n{{ key }}=0\n",
        "[{{ section }}]\notg_mode=1\n",
        "{{ lines }}\notg_mode=1\n",
        "{% include 'more' %}\notg_mode=1\n",
        "{% if pi5 %}\n[pi5]\n{% endif %}\notg_mode=1\n",
        "{% if a %}\n{% if b %}\n[none]\n{% endif %}\n{% endif %}\notg_mode=1\n",
        "otg_mode=1\ninclude {{ file }}\n",
        "{% for x in y %}\notg_mode=1\n[pi5]\n{% endfor %}\n",
        "{% extends 'base' %}\n{% block boot %}\notg_mode=1\n{% endblock %}\n",
        "{% if a %}\notg_mode=1\n",
        "{% if a %}otg_mode=1\n{% endif %}\n",
    ],
)
def test_nothing_is_claimed_of_what_may_be_otherwise(text: str) -> None:
    assert "otg-mode-enabled" not in found(text + "[all]\n" + FULL)


@pytest.mark.parametrize(
    "text",
    [
        "{% if scm %}\n" + HOST + "{% endif %}\n",
        "dtoverlay=dwc2,dr_mode={{ mode }}\n",
        "dtoverlay={{ overlay }}\n",
        "dtoverlay={{ overlay }},{{ parameters }}\n",
        "{{ dtoverlays }}\n",
        "@EXTRA@\n",
        "{{ key }}={{ value }}\n",
        "include {{ file }}\n",
        "dtoverlay=dwc2\ndtparam={{ parameter }}\n",
        "[cm5]\n{% if scm %}\n[all]\n{% endif %}\n" + HOST,
        "[{{ board }}]\n" + HOST,
    ],
)
def test_nothing_is_said_to_be_missing_that_may_be_filled_in(text: str) -> None:
    assert "dwc2-host-missing" not in found("auto_initramfs=1\n" + text)
    assert "dwc2-host-missing" in not_checked("auto_initramfs=1\n" + text)


@pytest.mark.parametrize(
    "text",
    [
        "gpu_mem={{ x }}\n",
        "{% if a %}\ngpu_mem=64\n{% endif %}\n",
        "dtoverlay=vc4-kms-v3d,{{ parameters }}\n",
        "# {{ dtoverlays }}\n",
        "[cm5]\nhdmi_mode={{ x }}\n" + HOST,
    ],
)
def test_what_is_missing_whatever_is_filled_in_is_said(text: str) -> None:
    assert "dwc2-host-missing" in found("auto_initramfs=1\n" + text)


@pytest.mark.parametrize(
    "cmdline, wanted, unwanted",
    [
        ("console=tty1 root=ROOTDEV rootwait", [], ["root-placeholder", "encrypted-root-lost"]),
        ("console=tty1 root=ROOTDEV rootfstype=FILE_SYSTEM_TYPE ROOT_FLAGS rootwait", [], ["root-placeholder"]),
        ("console=tty1 root=PARTUUID={{ uuid }} rootwait init=/bin/sh", [], ["root-placeholder"]),
        ("console=tty1 root=@ROOT@ rootwait", [], ["root-placeholder"]),
        ("root=/dev/mmcblk0p2 {{ arguments }} rootwait", [], ["encrypted-root-lost"]),
        ("root=/dev/mmcblk0p2 rootwait\n", ["encrypted-root-lost"], []),
        ("root=/dev/mmcblk0p2 splash={{ splash }} rootwait", ["encrypted-root-lost"], []),
        ("{{ cmdline }}\n", [], ["root-missing", "encrypted-root-lost"]),
        ("root={{ a }} root=/dev/mapper/cryptrfs\n", [], ["root-placeholder"]),
    ],
)
def test_command_lines(cmdline: str, wanted: Sequence[str], unwanted: Sequence[str]) -> None:
    rules = found(FULL, cmdline)
    assert set(wanted) <= set(rules)
    assert set(unwanted).isdisjoint(rules)


def test_what_is_not_checked_is_said_with_its_place() -> None:
    text = "gpu_mem={{ x }}\n{% if a %}\notg_mode=1\n{% endif %}\n{{ lines }}\n"
    notes = report({"config.txt": text}).notes
    assert notes == (
        "config.txt:1: not checked: gpu_mem={{ x }}: what is filled in is not known",
        "config.txt:2-4: may be there or not, depending on {% if a %}",
        "config.txt:5: not checked: {{ lines }} may become any lines",
    )
    entries = [entry for entry in report({"config.txt": text}).not_checked if entry.rule == "otg-mode-enabled"]
    assert [tuple(entry) for entry in entries] == [
        ("otg-mode-enabled", "template", "needs what is filled in for the template config.txt")
    ]


def test_a_template_that_is_not_understood_is_not_checked_at_all() -> None:
    text = "otg_mode=1\n{% if a %}\ngpu_mem=1\n"
    result = report({"config.txt": text})
    assert result.findings == []
    assert result.notes == ("config.txt: not checked: the template is not understood: a block is not closed",)
    assert "otg-mode-enabled" in [entry.rule for entry in result.not_checked if entry.needs == "template"]


def test_places_are_those_of_the_template() -> None:
    text = (
        "{% if a %}\nhdmi_mode=1\nhdmi_mode=2\n{% else %}\nhdmi_mode=3\n{% endif %}\n[cm4]\notg_mode=1\n[all]\n" + FULL
    )
    finding = next(one for one in report({"config.txt": text}).findings if one.rule == "otg-mode-enabled")
    assert (finding.span.line, finding.excerpt) == (8, "otg_mode=1")
    assert [related.span.line for related in finding.related] == [7]


def test_what_is_included_may_be_a_template() -> None:
    files = {"config.txt": "include more.txt\n" + FULL, "cmdline.txt": LINE, "more.txt": "otg_mode={{ x }}\n"}
    assert "otg-mode-enabled" not in [finding.rule for finding in report(files).findings]
    files["more.txt"] = "otg_mode=1\nhdmi_mode={{ x }}\n"
    finding = next(one for one in report(files).findings if one.rule == "otg-mode-enabled")
    assert (finding.span.path, finding.span.line) == ("more.txt", 1)


@pytest.mark.parametrize("text", ["", "otg_mode=1\n", "# @ 100%\n", "a=b@c\n", "x=$5\n", "[all]\n", "dtparam=x={1}\n"])
def test_what_has_no_marks_is_no_template(text: str) -> None:
    assert template("config.txt", text.encode()) is None


def test_marks_of_image_builders_are_some_of_the_command_line_alone() -> None:
    assert template("config.txt", b"x=ROOTDEV\n") is None
    assert template("cmdline.txt", b"root=ROOTDEV\n", is_cmdline=True) is not None
    assert template("cmdline.txt", b"root=LABEL=RASPI_ROOT quiet\n", is_cmdline=True) is None


def test_lines_and_their_ends_are_kept() -> None:
    data = b"\xef\xbb\xbfa=1\r\n{% if x %}\r\nb={{ y }}\r\n{% endif %}\r\nc=3"
    made = template("config.txt", data)
    assert made is not None
    assert made.render(Choices(), numbered=True) == (b"\xef\xbb\xbfa=1\r\n\r\nb=zqzqzqz\r\n\r\nc=3", (1, 2, 3, 4, 5))
    assert made.render(made.least) == (b"\xef\xbb\xbfa=1\r\nc=3", (1, 5))
    assert made.render(Choices({}, {3: "b=1\nd=2"})) == (b"\xef\xbb\xbfa=1\r\nb=1\r\nd=2\r\nc=3", (1, 3, 3, 5))


@needs_corpus
def test_real_templates_are_understood() -> None:
    folder = os.path.join(CORPUS, "config_templated")
    names = sorted(os.listdir(folder))
    assert len(names) == 16
    for name in names:
        with open(os.path.join(folder, name), "rb") as stream:
            data = stream.read()
        made = template(name, data, "cmdline" in name)
        assert made is not None and made.broken == "", name
        known = made.render(Choices(), numbered=True)
        assert len(known.lines) == len(made.source.lines)
        assert b"{{" not in b"\n".join(line for line in known.data.splitlines() if not line.startswith(b"#")), name


# Lines that matter to rules about the USB port, sections and the root; and what is filled in.
KNOWN = ["otg_mode=1", "otg_mode=0", HOST.strip(), "dtoverlay=dwc2", "[all]", "[cm5]", "[cm4]", "[none]", "gpu_mem=64"]
KNOWN += ["auto_initramfs=1", "dtparam=dr_mode=host", "dtoverlay=", "# c", "", "enable_uart=1", "arm_64bit=0"]
FILLED = {
    "otg_mode={}": ["0", "1", ""],
    "dtoverlay=dwc2,dr_mode={}": ["host", "otg", "peripheral"],
    "dtoverlay={}": ["dwc2,dr_mode=host", "dwc2", "vc4-kms-v3d", ""],
    "[{}]": ["all", "cm4", "pi5", "none"],
    "{}": ["otg_mode=0", "otg_mode=1", HOST.strip(), "[none]", "[all]", "[pi4]", "", "[all]\n" + HOST.strip()],
    "gpu_mem={}": ["16", "64", "x"],
}


@st.composite
def filled(draw: Any) -> Tuple[str, str]:
    """A template, and one file that it may become."""
    made: List[str] = []
    became: List[str] = []

    def lines(there: bool, depth: int) -> None:
        for _ in range(draw(st.integers(0, 5 if depth else 8))):
            kind = draw(st.integers(0, 9))
            if kind < 6:
                line = draw(st.sampled_from(KNOWN))
                made.append(line)
                became.extend([line] * there)
            elif kind < 8 or depth > 1:
                form = draw(st.sampled_from(sorted(FILLED)))
                made.append(form.format("{{ x }}"))
                became.extend([form.format(draw(st.sampled_from(FILLED[form])))] * there)
            else:
                chosen = draw(st.booleans())
                made.append("{% if x %}")
                lines(there and chosen, depth + 1)
                if draw(st.booleans()):
                    made.append("{% else %}")
                    lines(there and not chosen, depth + 1)
                made.append("{% endif %}")

    lines(True, 0)
    return "\n".join(made) + "\n", "\n".join(became) + "\n"


@lru_cache(maxsize=None)
def asked() -> Job:
    ids = (
        "otg-mode-enabled",
        "dwc2-host-missing",
        "dwc2-gadget",
        "root-needs-initramfs",
        "inert-setting",
        "gpu-mem-low",
    )
    return job()._replace(rules=tuple(rule for rule in job().rules if rule.id in ids))


@settings(
    max_examples=int(os.environ.get("SCMGUARD_EXAMPLES", "150")), deadline=None, suppress_health_check=list(HealthCheck)
)
@given(filled())
def test_what_is_claimed_of_a_template_is_so_in_all_that_it_may_become(case: Tuple[str, str]) -> None:
    made, became = case
    claimed = run(asked(), Boot(MemoryFolder({"config.txt": made.encode(), "cmdline.txt": LINE.encode()})))
    real = lint(asked(), Boot(MemoryFolder({"config.txt": became.encode(), "cmdline.txt": LINE.encode()})))
    # Of findings that say which line is of no use, other lines may be so, too.
    said = {finding.rule for finding in claimed.findings} - {"inert-setting"}
    assert said <= {finding.rule for finding in real.findings}, (made, became)


@settings(
    max_examples=int(os.environ.get("SCMGUARD_EXAMPLES", "50")), deadline=None, suppress_health_check=list(HealthCheck)
)
@given(filled())
def test_what_is_found_in_a_file_that_a_template_may_become_is_claimed_or_not_checked(case: Tuple[str, str]) -> None:
    """Nothing passes in silence: what the rule would say is said, or the rule is listed, or a line is noted."""
    made, became = case
    result = run(asked(), Boot(MemoryFolder({"config.txt": made.encode(), "cmdline.txt": LINE.encode()})))
    real = lint(asked(), Boot(MemoryFolder({"config.txt": became.encode(), "cmdline.txt": LINE.encode()})))
    spoken = {finding.rule for finding in result.findings} | {entry.rule for entry in result.not_checked}
    if not result.notes:
        assert {finding.rule for finding in real.findings} <= spoken, (made, became)


WORDS = ["console=tty1", "root=/dev/mmcblk0p2", "root=/dev/mapper/cryptrfs", "rootwait", "init=/bin/sh", "quiet", "ro"]
WORDS += ["rootfstype=ext4", "break=premount", "splash", "apparmor=0"]
FILLED_WORDS = {
    "root={}": ["/dev/mmcblk0p2", "/dev/mapper/cryptrfs", "UUID=1-2", "ROOTDEV"],
    "root=PARTUUID={}-02": ["1234abcd"],
    "rootfstype={}": ["ext4", "f2fs"],
    "init={}": ["/sbin/init", "/bin/sh"],
    "{}": ["", "root=/dev/mapper/cryptrfs", "root=/dev/mmcblk0p2", "rootwait", "--", "init=/sbin/init", "ro quiet"],
    "apparmor={}": ["0", "1"],
}


@st.composite
def filled_line(draw: Any) -> Tuple[str, str]:
    """A command line with places that are filled in, and what it may become."""
    made: List[str] = []
    became: List[str] = []
    for _ in range(draw(st.integers(1, 7))):
        if draw(st.integers(0, 2)):
            word = draw(st.sampled_from(WORDS))
            made.append(word)
            became.append(word)
        else:
            form = draw(st.sampled_from(sorted(FILLED_WORDS)))
            made.append(form.format("{{ x }}"))
            became.append(form.format(draw(st.sampled_from(FILLED_WORDS[form]))))
    return " ".join(made) + "\n", " ".join(became) + "\n"


@settings(
    max_examples=int(os.environ.get("SCMGUARD_EXAMPLES", "60")), deadline=None, suppress_health_check=list(HealthCheck)
)
@given(filled_line())
def test_what_is_claimed_of_a_command_line_is_so_in_all_that_it_may_become(case: Tuple[str, str]) -> None:
    made, became = case
    claimed = run(job(), Boot(MemoryFolder({"config.txt": FULL.encode(), "cmdline.txt": made.encode()})))
    real = lint(job(), Boot(MemoryFolder({"config.txt": FULL.encode(), "cmdline.txt": became.encode()})))
    said = {finding.rule for finding in claimed.findings}
    assert said <= {finding.rule for finding in real.findings}, (made, became)
