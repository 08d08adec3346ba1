"""The HTML report as markup: it parses without an error, its links lead somewhere, and nothing of a file is markup."""

import base64
import hashlib
import re
import subprocess
import sys
from typing import Any, Dict, Iterator, List

import pytest

from scmguard.examples import boot_of as example_boot
from scmguard.examples import cases, job_of
from scmguard.finding import Edit, Fix, Waived
from scmguard.folder import MemoryFolder, Unreadable
from scmguard.lint import run
from scmguard.text import printable
from tests.html_pages import BOOK, EVIL, boot_of, hostile_reports, page_of, reports_of
from tests.places import staged

html5lib = pytest.importorskip("html5lib", reason="html5lib is not installed")

CASES = {name: (rule, case[1]) for rule in BOOK.rules.values() for name, case in cases(rule).items() if case[0]}


def parsed(text: str) -> Any:
    """The page's tree, of a parser that stops at the first error."""
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    return parser.parse(text)


def elements(tree: Any) -> Iterator[Any]:
    return (element for element in tree.iter() if isinstance(element.tag, str))


def words(element: Any) -> str:
    return " ".join("".join(element.itertext()).split())


def sound(text: str) -> Any:
    """What holds for every page; returns its tree."""
    tree = parsed(text)
    ids: List[str] = [element.get("id") for element in elements(tree) if element.get("id")]
    assert len(ids) == len(set(ids))
    for element in elements(tree):
        tag = element.tag.rpartition("}")[2]
        assert tag not in ("script", "iframe", "object", "embed", "img", "link", "base", "form"), tag
        for name, value in element.items():
            assert not name.lower().startswith("on"), name
            assert name != "style"
            if name.rpartition("}")[2] == "href":
                assert value.startswith("#") and value[1:] in ids, value
            for target in value.split() if name in ("aria-labelledby", "for") else ():
                assert target in ids
        inside = [child.tag for child in element if isinstance(child.tag, str)]
        if tag in ("ul", "ol"):
            assert set(inside) == {"li"}
        if tag == "dl":
            assert inside and set(inside) <= {"dt", "dd", "div"}
        if tag in ("p", "span", "a", "code", "h1", "h2", "h3", "h4", "h5", "summary", "label", "pre"):
            assert not set(inside) & {"div", "p", "ul", "ol", "dl", "section", "article", "details", "li"}, (
                tag,
                inside,
            )
    headings = [int(element.tag[1]) for element in elements(tree) if re.fullmatch("h[1-6]", element.tag)]
    assert headings[0] == 1 and headings.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(headings, headings[1:]))
    assert tree.get("lang") == "en"
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]", text
    )
    return tree


def cards(tree: Any) -> Dict[str, Any]:
    return {element.get("id"): element for element in elements(tree) if element.get("id", "").startswith("finding-")}


def line(tree: Any, file: str, number: int) -> Any:
    """The item of a line; ``file`` is the name in its heading."""
    for section in elements(tree):
        if section.get("class") == "file" and words(section.find("h3")) == file:
            return next(each for each in elements(section) if each.get("id", "").endswith("-L{}".format(number)))
    raise AssertionError("no file " + file)


def row(item: Any) -> Any:
    return next(each for each in elements(item) if "line" in each.get("class", "").split())


@pytest.mark.parametrize("name", CASES)
def test_page_of_an_example(name: str) -> None:
    rule, example = CASES[name]
    job = job_of(rule, example, BOOK.profiles)
    report = run(job, example_boot(example))
    tree = sound(page_of([report], [board.name for board in job.boards]))
    found = cards(tree)
    assert len(found) == len({each._replace(board=None) for each in report.findings})
    said = [words(card) for card in found.values()]
    for finding in report.findings:
        assert any(" ".join(printable(finding.message).split()) in each for each in said)


def test_hostile_trees() -> None:
    reports = hostile_reports()
    tree = sound(page_of(reports, ["cm4", "cm5"]))
    everything = words(tree)
    for evil in EVIL:
        assert " ".join(printable(evil).split()) in everything
    assert len(cards(tree)) == len({each._replace(board=None) for each in reports[0].findings})


def test_the_policy_lets_in_this_style_alone() -> None:
    for boards in (["cm4"], ["cm4", "cm5", "pi5"]):
        tree = sound(page_of(reports_of([boot_of({"config.txt": "otg_mode=1\n"})], boards), boards))
        styles = [element for element in elements(tree) if element.tag == "style"]
        assert len(styles) == 1
        digest = base64.b64encode(hashlib.sha256(styles[0].text.encode()).digest()).decode()
        policies = [each.get("content") for each in elements(tree) if each.get("http-equiv")]
        assert policies == [
            "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'".format(digest)
        ]
        assert "url(" not in styles[0].text and "@import" not in styles[0].text


def test_same_input_same_page() -> None:
    files = {"config.txt": "[pi4]\notg_mode=1\n[all]\notg_mode=1\ndtoverlay=nope\n", "cmdline.txt": "root=/dev/sda1\n"}
    pages = {page_of(reports_of([boot_of(files)], ["cm4", "pi5"]), ["cm4", "pi5"]) for _ in range(2)}
    assert len(pages) == 1


# verdict


@pytest.mark.parametrize(
    "config, verdict",
    [
        ("otg_mode=1\n", "Would brick the device"),
        ("[pi7]\notg_mode=1\n[all]\ndtoverlay=dwc2,dr_mode=host\n", "Could brick the device"),
    ],
)
def test_verdict(config: str, verdict: str) -> None:
    tree = sound(page_of(reports_of([boot_of({"config.txt": config})])))
    assert words(next(each for each in elements(tree) if each.tag == "h1")) == verdict


def test_several_trees() -> None:
    configs = {"bad": "otg_mode=1\n", "good": "dtoverlay=dwc2,dr_mode=host\n"}
    reports = reports_of([boot_of({"config.txt": text}, name) for name, text in configs.items()])
    reports[1] = reports[1]._replace(findings=[])
    text = words(sound(page_of(reports)))
    assert "So it is in 1 of 2 boot trees." in text
    assert "brickbad" in text and "no findingsgood" in text
    assert "otg_mode=1 is in effect on cm4bad/config.txt:1" in text


def test_nothing_found() -> None:
    report = reports_of([boot_of({"config.txt": "dtoverlay=dwc2,dr_mode=host\n"})])[0]._replace(findings=[])
    assert "<h1>" in page_of([report])
    assert "No findings</h1>" in page_of([report])
    assert "Not everything could be checked</h1>" in page_of([report], errors=[("a<b>", "is a pipe")])
    assert "Nothing could be checked</h1>" in page_of([], errors=[("a<b>", "is a pipe")])
    tree = sound(page_of([], errors=[("a<b>", "is a pipe")]))
    assert "a<b>: is a pipe" in words(tree)


def test_what_was_not_checked_is_folded() -> None:
    tree = sound(page_of(reports_of([boot_of({"config.txt": ""})])))
    fold = next(each for each in elements(tree) if "not-checked" in each.get("class", ""))
    assert fold.tag == "details" and fold.get("open") is None
    assert "Needs a root file system (--root): " in words(fold)
    assert "boot-script-runs-on-host" in words(fold)


def test_a_waived_finding_is_folded_and_does_not_count() -> None:
    report = reports_of([boot_of({"config.txt": "otg_mode=1\ndtoverlay=dwc2,dr_mode=host\n"})])[0]
    findings = [each._replace(waived=Waived("bench <unit>", "2031-12-31")) for each in report.findings]
    tree = sound(page_of([report._replace(findings=findings)]))
    text = words(tree)
    assert "{} waived".format(len(findings)) in text
    assert "bench <unit> (until 2031-12-31)" in text
    assert "No findings" in text
    item = line(tree, "config.txt", 1)
    assert "otg-mode-enabled" in words(item)
    assert any(each.tag == "details" for each in elements(item))


# lines


def test_finding_stands_below_its_line() -> None:
    tree = sound(page_of(reports_of([boot_of({"config.txt": "#\n[cm4]\notg_mode=1\narm_64bit=1\n"})])))
    assert "otg_mode=1 is in effect on cm4" in words(line(tree, "config.txt", 3))
    assert "otg_mode=1 is in effect" not in words(line(tree, "config.txt", 4))
    link = next(each for each in elements(line(tree, "config.txt", 3)) if words(each) == "line 2" and each.tag == "a")
    assert link.get("href") == "#" + line(tree, "config.txt", 2).get("id")


def test_what_a_finding_is_about_is_marked() -> None:
    tree = sound(page_of(reports_of([boot_of({"config.txt": "  otg_mode=1 \n"})])))
    marks = [words(each) for each in elements(line(tree, "config.txt", 1)) if each.tag == "mark"]
    assert "".join(marks) == "otg_mode=1"


def test_finding_without_a_line_stands_above_the_file() -> None:
    # A command line that is there without a configuration that asks for one.
    report = reports_of([boot_of({"config.txt": ""})])[0]
    finding = next(each for each in report.findings if not each.span.line)
    tree = sound(page_of([report]))
    section = next(each for each in elements(tree) if each.get("class") == "file")
    assert finding.message in words(section)


@pytest.mark.parametrize(
    "config, number, off",
    [
        ("[cm5]\ngpu_mem=16\n", 2, "cm4"),
        ("[cm4]\ngpu_mem=16\n", 2, "cm5"),
        ("[all]\ngpu_mem=16\n", 2, None),
        ("gpu_mem=16\ngpu_mem=32\n", 1, "cm4 cm5"),
        ("gpu_mem=16\n[cm5]\ngpu_mem=32\n", 1, "cm5"),
        ("[pi3]\ndtparam=i2c_arm=on\n", 2, "cm4 cm5"),
        ("dtparam=i2c_arm=on\n", 1, None),
        ("[cm5]\ndtoverlay=dwc2\n", 2, "cm4"),
        ("[gpio4=1]\ngpu_mem=16\n", 2, None),
        ("[none]\ninclude a.txt\n", 2, "cm4 cm5"),
        ("include a.txt\n", 1, None),
        ("# [cm5]\ngpu_mem=16\n", 2, None),
        ("[cm5]\n# a comment\n", 2, None),
        ("gpu_mem\n", 1, "cm4 cm5"),
    ],
)
def test_lines_not_in_effect_are_dimmed(config: str, number: int, off: str) -> None:
    boards = ["cm4", "cm5"]
    boot = boot_of({"config.txt": config, "a.txt": "disable_splash=1\n"})
    tree = sound(page_of(reports_of([boot], boards), boards))
    assert row(line(tree, "config.txt", number)).get("data-off") == off


@pytest.mark.parametrize(
    "config, number, label",
    [
        ("gpu_mem=16\ngpu_mem=32\n", 1, "overridden by line 2"),
        ("gpu_mem=16\ninclude a.txt\n", 1, "overridden by a.txt:1"),
        ("[gpio4=1]\ngpu_mem=16\n", 2, "only if gpio4=1"),
        ("[cm4]\ngpu_mem=16\n", 1, "applies on cm4"),
        ("[pi5]\ngpu_mem=16\n", 1, "does not apply on cm4"),
        ("[gpio4=1]\ngpu_mem=16\n", 1, "may apply on cm4"),
        ("[gpio4=1]\ngpu_mem=16\n[all]\ngpu_mem=32\n", 1, "may apply on cm4"),
        ("[all]\ngpu_mem=16\ngpu_mem=32\n", 1, "applies on cm4"),
        ("[cm4]\ndtoverlay=disable-bt-pi5\n", 1, "applies on cm4"),
        ("gpu_mem\n", 1, "does nothing"),
        ("gpu_mem=16\n[gpio4=1]\ngpu_mem=32\n", 1, "overridden by line 3 if gpio4=1"),
        ("dtoverlay=disable-bt-pi5\n", 1, "not loaded"),
    ],
)
def test_why_a_line_is_not_in_effect(config: str, number: int, label: str) -> None:
    boot = boot_of({"config.txt": config, "a.txt": "gpu_mem=64\n"})
    tree = sound(page_of(reports_of([boot])))
    labels = [words(each) for each in elements(line(tree, "config.txt", number)) if each.get("class") == "label"]
    assert any(each.startswith(label) for each in labels), labels


def files_of(tree: Any) -> List[str]:
    return [words(each.find("h3")) for each in elements(tree) if each.get("class") == "file"]


def test_files_in_the_order_in_which_they_are_read() -> None:
    boot = boot_of(
        {
            "config.txt": "include b.txt\ninclude a.txt\ninclude gone.txt\n[cm5]\ncmdline=five.txt\n",
            "a.txt": "gpu_mem=16\n",
            "b.txt": "include c.txt\n",
            "c.txt": "#\n",
            "never.txt": "gpu_mem=16\n",
            "tryboot.txt": "gpu_mem=16\n",
            "autoboot.txt": "[all]\nboot_partition=2\n",
            "cmdline.txt": "root=/dev/mapper/cryptrfs\n",
            "five.txt": "root=/dev/sda1\n",
            "bootconf.txt": "[all]\nBOOT_ORDER=0xf1\n[config.txt]\ngpu_mem=32\n",
        }
    )
    boards = ["cm4", "cm5"]
    tree = sound(page_of(reports_of([boot], boards), boards))
    found = files_of(tree)
    start = ["config.txt", "b.txt", "c.txt", "a.txt", "bootconf.txt", "autoboot.txt", "tryboot.txt"]
    assert found[:9] == [*start, "cmdline.txt", "five.txt"]
    assert "never.txt" not in found
    assert row(line(tree, "five.txt", 1)).get("data-off") == "cm4"
    assert row(line(tree, "cmdline.txt", 1)).get("data-off") == "cm5"
    assert row(line(tree, "a.txt", 1)).get("data-off") is None
    assert "overridden by bootconf.txt:4 if eeprom-filters=reset" in words(line(tree, "a.txt", 1))


def test_a_file_of_the_root_file_system_that_a_finding_points_to() -> None:
    hook = "#!/bin/sh\n" + "\n" * 40 + "copy_exec /usr/bin/nothing /bin || true\n" + "# end\n" * 40
    report = reports_of([boot_of({"config.txt": ""}, root={"etc/initramfs-tools/hooks/x": hook})])[0]
    finding = report.findings[0]._replace(span=report.findings[0].span._replace(path="root/etc/initramfs-tools/hooks/x",
                                          line=42, column=1, end_line=42, end_column=10))  # fmt: skip
    tree = sound(page_of([report._replace(findings=[finding])]))
    assert "etc/initramfs-tools/hooks/x" in files_of(tree)
    assert "copy_exec /usr/bin/nothing" in words(line(tree, "etc/initramfs-tools/hooks/x", 42))
    assert "Lines 1 to 35 are not shown" in words(tree)


@pytest.mark.parametrize("data", [b"\0" * 50, b"x" * (3 << 20), None])
def test_a_file_that_is_no_text_is_not_shown(data: Any) -> None:
    root = {} if data is None else {"bin/x": data}
    report = reports_of([boot_of({"config.txt": ""}, root=root)])[0]
    span = report.findings[0].span._replace(path="root/bin/x", line=1, column=1, end_line=1, end_column=2)
    page = page_of([report._replace(findings=[report.findings[0]._replace(span=span, excerpt="")])])
    assert report.findings[0].message in words(sound(page))
    assert len(page) < 200_000


def test_a_file_that_cannot_be_read() -> None:
    class Refuses(MemoryFolder):
        def read(self, name: str) -> Any:
            if name == "etc/x":
                raise Unreadable("root/etc/x", "is a <pipe>")
            return super().read(name)

    boot = boot_of({"config.txt": ""})
    boot.root = Refuses({}, "root")
    report = reports_of([boot])[0]
    span = report.findings[0].span._replace(path="root/etc/x", line=1, column=1, end_line=1, end_column=2)
    page = page_of([report._replace(findings=[report.findings[0]._replace(span=span, excerpt="")])])
    assert "It cannot be read: is a <pipe>." in words(sound(page))


def test_the_line_that_a_finding_brings_with_it() -> None:
    report = reports_of([boot_of({"config.txt": ""})])[0]
    span = report.findings[0].span._replace(path=".scmguard.yaml", line=7, column=3, end_line=7, end_column=7)
    finding = report.findings[0]._replace(span=span, excerpt="- rule: x")
    tree = sound(page_of([report._replace(findings=[finding])]))
    assert "- rule: x" in words(line(tree, ".scmguard.yaml", 7))


def test_without_the_tree_at_hand() -> None:
    report = reports_of([boot_of({"config.txt": "[cm4]\notg_mode=1\n"})])[0]._replace(boot=None)
    tree = sound(page_of([report]))
    assert "otg_mode=1 is in effect on cm4" in words(tree)
    assert "The files are not at hand." in words(tree)


def test_too_many_unknowns() -> None:
    filters = "".join("[gpio{}=1]\n[serial]\ngpu_mem={}\n".format(n, n) for n in range(27))
    config = "".join("[board_attributes&{}]\ngpu_mem=1\n".format(1 << n) for n in range(20))
    boards = ["cm4", "pi5"]
    reports = reports_of([boot_of({"config.txt": config + filters})], boards)
    tree = sound(page_of(reports, boards))
    assert ["on cm4, pi5" in words(each) for each in cards(tree).values()] == [True]
    assert words(tree).count("Not worked out: ") == 2
    assert "gpu_mem=26" in words(tree)


def test_a_large_file_is_shown_in_part() -> None:
    config = "".join("# {}\n".format(n) for n in range(30_000)) + "otg_mode=1\n"
    tree = sound(page_of(reports_of([boot_of({"config.txt": config})])))
    assert "otg_mode=1 is in effect on cm4" in words(line(tree, "config.txt", 30_001))
    assert "Lines 10001 to 29994 are not shown." in words(tree)


def test_a_long_line_is_shown_with_what_is_marked() -> None:
    config = "#" * 99 + "\n" + " " * 50_000 + "otg_mode=1\n"
    page = page_of(reports_of([boot_of({"config.txt": config})]))
    tree = sound(page)
    code = next(each for each in elements(line(tree, "config.txt", 2)) if each.tag == "code")
    assert "otg_mode=1" in words(code) and "characters more" in words(code)
    assert len(page) < 300_000


def test_invisible_characters_are_named() -> None:
    tree = sound(page_of(reports_of([boot_of({"config.txt": "gpu_mem=1\u202e6\u00a0\x07\n"})])))
    odd = [each for each in elements(line(tree, "config.txt", 1)) if each.get("class") == "odd"]
    assert [words(each) for each in odd] == ["\\u202e", "\\xa0", "\\x07"]
    assert odd[0].get("title") == "U+202E RIGHT-TO-LEFT OVERRIDE"


def test_ordinary_characters_are_left_as_they_are() -> None:
    said = "gpu_mem=16 # gr\u00fc\u00dfe \u65e5\u672c \U0001f600 \\x1b"
    tree = sound(page_of(reports_of([boot_of({"config.txt": said + "\n"})])))
    code = next(each for each in elements(line(tree, "config.txt", 1)) if each.tag == "code")
    assert words(code) == said


def test_a_file_beside_config_that_cannot_be_worked_out() -> None:
    filters = "".join("[board_attributes&{}]\ngpu_mem=1\n".format(1 << n) for n in range(20)) + "[serial]\ngpu_mem=2\n"
    tests = "".join("[board_attributes={}]\ngpu_mem={}\n".format(n, n) for n in range(3))
    boot = boot_of({"config.txt": "gpu_mem=16\n", "tryboot.txt": filters + tests})
    tree = sound(page_of(reports_of([boot])))
    text = effects(tree, "cm4")
    assert "Which lines are in effect was not worked out: " in text
    assert "gpu_mem=16 config.txt:1" in text
    assert "tryboot.txt" in files_of(tree)


# cards


def test_what_is_the_same_on_several_boards_is_said_once() -> None:
    boards = ["cm4", "cm5"]
    boot = boot_of({"config.txt": "dtoverlay=nothing-known\n[cm4]\ndtoverlay=no-such\n"})
    tree = sound(page_of(reports_of([boot], boards), boards))
    both, one = (
        [words(each) for each in cards(tree).values() if name in words(each)] for name in ("nothing-known", "no-such")
    )
    assert len(both) == 1 and "on cm4, cm5" in both[0]
    assert len(one) == 1 and "on cm4 " in one[0] and "cm5" not in one[0]


def test_a_fix_is_shown_as_a_difference() -> None:
    report = reports_of([boot_of({"config.txt": "arm_64bit=1\notg_mode=1\ndtoverlay=dwc2,dr_mode=host\n"})])[0]
    finding = next(each for each in report.findings if each.rule == "otg-mode-enabled")
    fix = Fix("say 0", (Edit("boot/config.txt", 2, 3, "otg_mode=0\n# <done>\n"),), True)
    tree = sound(page_of([report._replace(findings=[finding._replace(fix=fix)])]))
    lines = [words(each) for pre in elements(tree) if pre.get("class") == "diff" for each in pre]
    assert [each.replace("\xa0", "").strip() for each in lines] == [
        "arm_64bit=1",
        "-otg_mode=1",
        "+otg_mode=0",
        "+# <done>",
    ]


def test_a_fix_of_what_is_not_seen() -> None:
    report = reports_of([boot_of({"config.txt": b"\xef\xbb\xbfarm_64bit=1\r\n"})])[0]
    fix = Fix("end lines as Linux does", (Edit("boot/config.txt", 1, 2, "arm_64bit=1\n"),), True)
    tree = sound(page_of([report._replace(findings=[report.findings[0]._replace(fix=fix)])]))
    lines = [words(each) for pre in elements(tree) if pre.get("class") == "diff" for each in pre]
    assert lines == ["-\\ufeffarm_64bit=1\\x0d", "+arm_64bit=1"]


def test_a_fix_at_the_end_of_a_file() -> None:
    report = reports_of([boot_of({"config.txt": "arm_64bit=1\n"})])[0]
    fix = Fix("add it", (Edit("boot/config.txt", 2, 2, "[all]\ndtoverlay=dwc2,dr_mode=host\n"),), True)
    tree = sound(page_of([report._replace(findings=[report.findings[0]._replace(fix=fix)])]))
    lines = [words(each) for pre in elements(tree) if pre.get("class") == "diff" for each in pre]
    assert [each.replace("\xa0", "").strip() for each in lines] == [
        "arm_64bit=1",
        "+[all]",
        "+dtoverlay=dwc2,dr_mode=host",
    ]


def test_what_happens_on_the_device_is_said_once_in_full() -> None:
    boards = ["cm4", "cm4s"]
    reports = reports_of([boot_of({"config.txt": "otg_mode=1\n"}, name) for name in ("a", "b")], boards)
    tree = sound(page_of(reports, boards))
    told = [each for each in elements(tree) if each.get("class") == "told" and "XHCI" in words(each)]
    assert len(told) == 2
    folded = [each for fold in elements(tree) if fold.tag == "details" for each in elements(fold) if each in told]
    assert folded == told[1:]


def test_quiet_leaves_out_hygiene_and_explanations() -> None:
    boot = boot_of({"config.txt": "otg_mode=1\n[cm5]\ngpu_mem=16\n"})
    loud, quiet = (words(sound(page_of(reports_of([boot]), quiet=quiet))) for quiet in (False, True))
    for text in ("inert-setting", "XHCI controller and", "not checked"):
        assert text in loud
        assert text not in quiet
    assert "otg_mode=1 is in effect on cm4" in quiet


# what is in effect


def effects(tree: Any, board: str) -> str:
    return words(
        next(each for each in elements(tree) if each.get("class") == "effects" and each.get("data-only") == board)
    )


def test_what_is_in_effect_by_board() -> None:
    config = (
        "gpu_mem=16\n[cm4]\ngpu_mem=32\notg_mode=1\n[cm5]\ndtoverlay=dwc2,dr_mode=host\n[all]\ndtparam=audio=on\n"
        "gpio=4=op\n[gpio4=1]\narm_freq=1800\n"
    )
    boards = ["cm4", "cm5"]
    boot = boot_of({"config.txt": config, "cmdline.txt": "console=tty1 quiet\n"})
    tree = sound(page_of(reports_of([boot], boards), boards))
    four, five = effects(tree, "cm4"), effects(tree, "cm5")
    assert "gpu_mem=32 config.txt:3 [cm4]over 16 at config.txt:1" in four
    assert "gpu_mem=16 config.txt:1" in five
    assert "xhci in host mode" in four
    assert "dwc2 dr_mode=host config.txt:6 [cm5]" in five and "dr_mode=host" not in four
    for text in (four, five):
        assert "audio=on" in text and "4=op config.txt:9" in text and "console=tty1" in text
        assert "When gpio4=1. Different then: arm_freq" in text


def test_no_choice_with_one_board() -> None:
    one, two = (
        sound(page_of(reports_of([boot_of({"config.txt": ""})], boards), boards))
        for boards in (["cm4"], ["cm4", "pi5"])
    )
    assert [each for each in elements(one) if each.tag == "input"] == []
    assert [each.get("id") for each in elements(two) if each.tag == "input"] == ["board-cm4", "board-pi5"]


# the command


def scmguard(*arguments: str) -> Any:
    return subprocess.run(
        [sys.executable, "-m", "scmguard", *arguments], capture_output=True, cwd=staged(), timeout=120
    )


def test_the_command(tmp_path: Any) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.txt").write_text("otg_mode=1\n")
    output = tmp_path / "report.html"
    done = scmguard("check", str(tmp_path / "a"), str(tmp_path / "b"), str(tmp_path / "gone"), "--format", "html",
                    "--output", str(output))  # fmt: skip
    assert done.returncode == 3 and done.stdout == b"" and b"gone: no such file" in done.stderr
    text = words(sound(output.read_text(encoding="utf-8")))
    assert "Could not be checked" in text and str(tmp_path / "b") in text
    done = scmguard("check", str(tmp_path / "a"), "--format", "html")
    assert done.returncode == 1
    sound(done.stdout.decode("utf-8"))
