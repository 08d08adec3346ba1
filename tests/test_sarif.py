"""SARIF: identities that outlive edits, waivers, fixes that a reader can apply, and what was not checked."""

import json
from typing import Any, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scmguard.boot import Boot
from scmguard.examples import boot_of, job_of
from scmguard.finding import Edit, Fix, NotChecked, Related, Waived
from scmguard.fixes import TOPICS
from scmguard.fixes.mend import edits_of, with_fixes
from scmguard.folder import MemoryFolder
from scmguard.lint import run as lint
from scmguard.report.places import relative, uri
from scmguard.text import Span
from tests.format_runs import BOOK, FOLDER, SARIF, applied, finding, rendered, report, sarif
from tests.test_cli import BAD, HOUSE_RULE, scmguard, tree

BOM = b"\xef\xbb\xbf"


def checked(config: str, *ids: str, path: str = "boot") -> Any:
    """The run on a boot folder with a config.txt, by the real rules."""
    from scmguard.effective.board import BOARDS
    from scmguard.lint import Job

    rules = tuple(BOOK.rules[id] for id in ids)
    job = Job(rules, (BOARDS["cm4"],), "scm", BOOK.profiles["scm"].parameters)
    return sarif([lint(job, Boot(MemoryFolder({"config.txt": config.encode()}, path)))], asked=ids)


def prints(run: Any) -> List[str]:
    return [result["partialFingerprints"]["scmguard/v1"] for result in run["results"]]


def lines(run: Any) -> List[int]:
    return [result["locations"][0]["physicalLocation"]["region"]["startLine"] for result in run["results"]]


TWICE = "dtoverlay=mine\ndtoverlay=mine\ndtoverlay=yours\n"


def test_lines_above_do_not_change_a_fingerprint() -> None:
    before = checked(TWICE, "unknown-overlay")
    after = checked("# a comment\n\ndisable_splash=1\n" + TWICE, "unknown-overlay")
    assert len(before["results"]) == 3 and len(set(prints(before))) == 3
    assert prints(before) == prints(after)
    assert lines(after) == [line + 3 for line in lines(before)]


def test_a_line_below_or_between_does_not_change_a_fingerprint() -> None:
    first, second, third = prints(checked(TWICE, "unknown-overlay"))
    other = checked("dtoverlay=mine\ndisable_splash=1\ndtoverlay=mine\n\ndtoverlay=yours\n[all]\n", "unknown-overlay")
    assert prints(other) == [first, second, third]


def test_a_third_like_two_others_leaves_them_theirs() -> None:
    before = prints(checked(TWICE, "unknown-overlay"))
    after = prints(checked("dtoverlay=mine\n" + TWICE, "unknown-overlay"))
    assert set(before) < set(after) and len(after) == 4


def test_another_text_file_or_rule_is_another_fingerprint() -> None:
    one = finding()
    others = [
        one._replace(excerpt="otg_mode=2"),
        one._replace(span=Span("other/config.txt", 2, 1, 2, 11)),
        one._replace(rule="house-rule"),
    ]
    assert len(set(prints(sarif([report(one, *others)])))) == 4


def test_a_file_is_the_same_whatever_way_it_is_named() -> None:
    names = ["boot/config.txt", "./boot//config.txt", "boot/x/../config.txt", FOLDER + "/boot/config.txt"]
    runs = [sarif([report(finding(span=Span(name, 2, 1, 2, 11)))]) for name in names]
    assert len({prints(run)[0] for run in runs}) == 1


def test_blanks_around_a_line_are_no_part_of_it() -> None:
    runs = [sarif([report(finding(excerpt=text))]) for text in ("otg_mode=1", "\totg_mode=1  ", "otg_mode = 1")]
    first, indented, other = (prints(run)[0] for run in runs)
    assert first == indented != other


def test_two_boards_at_one_line_are_two() -> None:
    run = sarif([report(finding(board="cm4"), finding(board="pi5"))])
    assert len(set(prints(run))) == 2


def test_missing_files_are_told_apart_by_what_is_said_of_them() -> None:
    kernel = finding("boot-file-missing", span=Span("boot/config.txt"), excerpt="", message="there is no kernel8.img")
    tree_ = kernel._replace(message="there is no bcm2711-rpi-cm4.dtb")
    both = prints(sarif([report(kernel, tree_)]))
    assert both[1:] == prints(sarif([report(tree_)]))


def test_waived_findings_are_suppressed() -> None:
    waived = finding(waived=Waived("a bench unit {0}", "2031-12-31"))
    first, second = sarif([report(finding(), waived)])["results"]
    assert "suppressions" not in first
    assert second["suppressions"] == [
        {
            "kind": "external",
            "status": "accepted",
            "justification": "a bench unit {{0}}",
            "properties": {"by": "waiver", "expires": "2031-12-31"},
        }
    ]


def test_a_place_without_a_line_is_the_beginning_of_the_file() -> None:
    (result,) = sarif([report(finding(span=Span("boot/start4.elf")))])["results"]
    region = result["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 1}


def test_columns_are_code_points() -> None:
    text = "\U0001f600\U0001f600=x gpu_mem=1"
    run = sarif([report(finding(span=Span("config.txt", 1, 6, 1, 15), excerpt=text))])
    assert run["columnKind"] == "unicodeCodePoints"
    region = run["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert (region["startColumn"], region["endColumn"]) == (6, 15)
    assert region["snippet"]["text"] == text[5:14] == "gpu_mem=1"


def test_related_places_are_numbered() -> None:
    related = (Related(Span("boot/a.txt", 4, 1, 4, 6), "first"), Related(Span("/etc/x"), "second [all]"))
    (result,) = sarif([report(finding(related=related))])["results"]
    assert [each["id"] for each in result["relatedLocations"]] == [1, 2]
    assert result["relatedLocations"][1]["physicalLocation"]["artifactLocation"] == {"uri": "file:///etc/x"}


def test_a_message_is_no_template_and_no_link() -> None:
    (result,) = sarif([report(finding(message="${A} [x](http://example.org) {0}"))])["results"]
    assert result["message"] == {"text": "${{A}} [x] (http://example.org) {{0}}."}


def test_what_a_finding_depends_on_is_in_its_message() -> None:
    run = checked("[rpi4]\notg_mode=1\n", "otg-mode-enabled")
    (result,) = run["results"]
    assert "Only if unknown-filter=" in result["message"]["text"]
    assert result["properties"] == {
        "severity": "brick",
        "confidence": "possible",
        "board": "cm4",
        "reading": "unknown-filter=ignored",
    }
    assert run["tool"]["driver"]["rules"][0]["properties"]["precision"] == "medium"
    certain = checked("otg_mode=1\n", "otg-mode-enabled")
    assert certain["tool"]["driver"]["rules"][0]["properties"]["precision"] == "high"


def test_levels_are_those_of_the_design() -> None:
    levels = {"brick": "error", "no-boot": "error", "degraded": "warning", "hygiene": "note"}
    made = report(*[finding(severity=severity) for severity in levels])
    assert [result["level"] for result in sarif([made])["results"]] == list(levels.values())
    for rule in sarif([], asked=tuple(BOOK.rules))["tool"]["driver"]["rules"]:
        assert rule["defaultConfiguration"]["level"] == levels[BOOK.rules[rule["id"]].severity]
        assert "security-severity" not in rule["properties"]


def test_rules_that_no_file_describes_have_their_texts() -> None:
    ids = ("internal-error", "too-many-unknowns", "waiver-expired", "waiver-unused")
    rules = sarif([report(*map(finding, ids))])["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(ids)
    assert all(len(rule["help"]["text"]) > 20 for rule in rules)


def test_the_rules_do_not_depend_on_the_files() -> None:
    ids = ("otg-mode-enabled", "unknown-setting")
    one, two = checked("otg_mode=1\n", *ids), checked("gpu_men=1\n", *ids)
    assert one["results"] != two["results"]
    assert one["tool"] == two["tool"]


def test_what_was_not_checked_is_told() -> None:
    lacks = [NotChecked("boot-file-missing", "binaries", "needs a boot partition"), NotChecked("usb-off", "x y", "")]
    run = sarif([report(not_checked=lacks, notes=("it moved",))], errors=[("/nowhere", "no such file")])
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    told = invocation["toolConfigurationNotifications"]
    assert [one["message"]["text"] for one in told] == [
        "boot-file-missing: needs a boot partition",
        "usb-off: needs x y",
    ]
    assert {one["level"] for one in told} == {"note"}
    error, note = invocation["toolExecutionNotifications"]
    assert (error["level"], error["message"]["text"]) == ("error", "/nowhere: no such file")
    assert (note["level"], note["message"]["text"]) == ("note", "it moved")


@pytest.mark.parametrize("count, told", [(5000, 0), (5001, 1)])
def test_more_results_than_github_shows_are_told(count: int, told: int) -> None:
    log = json.loads(rendered("sarif", [report(*[finding(span=Span("c", n, 1, n, 2)) for n in range(1, count + 1)])]))
    (run,) = log["runs"]
    assert len(run["results"]) == count
    assert len(run["invocations"][0]["toolExecutionNotifications"]) == told


def boot(data: bytes, path: str = "boot") -> Boot:
    return Boot(MemoryFolder({"config.txt": data, "sub/a.txt": b"x\n"}, path))


def fixed(data: bytes, *edits: Edit, path: str = "boot", safe: bool = True) -> Any:
    """The one artifactChange of a fix, and the file that comes of it."""
    fix = Fix("make it right", edits, safe)
    (result,) = sarif([report(finding(fix=fix), boot=boot(data, path))])["results"]
    (made,) = result["fixes"]
    (change,) = made["artifactChanges"]
    return made, change, applied(change, data)


def edited(data: bytes, *edits: Edit) -> bytes:
    """What the edits themselves say: whole lines, the first with the mark."""
    import re

    lines = re.findall(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z", data)
    for edit in sorted(edits, key=lambda each: each.line, reverse=True):
        lines[edit.line - 1 : edit.end_line - 1] = [edit.text.encode("utf-8", "surrogateescape")]
    return b"".join(lines)


PATH = "boot/config.txt"
EDITS = [
    (b"a=1\nb=2\nc=3\n", [Edit(PATH, 2, 3, "b=4\n")]),
    (b"a=1\nb=2\nc=3\n", [Edit(PATH, 2, 3, "")]),
    (b"a=1\nb=2\nc=3\n", [Edit(PATH, 1, 4, "")]),
    (b"a=1\nb=2\nc=3\n", [Edit(PATH, 2, 2, "new=1\n")]),
    (b"a=1\nb=2\nc=3\n", [Edit(PATH, 4, 4, "[all]\nlast=1\n")]),
    (b"a=1\nb=2", [Edit(PATH, 2, 3, "b=2\n")]),
    (b"a=1\nb=2", [Edit(PATH, 3, 3, "\nc=3\n")]),
    (b"a=1\r\nb=2\r\n", [Edit(PATH, 1, 3, "a=1\nb=2\n")]),
    (b"a=1\rb=2\r", [Edit(PATH, 2, 3, "b=3\r")]),
    (b"a=1\nb=2\nc=3\n", [Edit(PATH, 3, 4, "d=1\n"), Edit(PATH, 1, 2, "")]),
    (b"\n", [Edit(PATH, 1, 2, "x\n")]),
    (b"", [Edit(PATH, 1, 1, "x\n")]),
    ("ä=😀\nb=2\n".encode(), [Edit(PATH, 2, 3, "ü=😀\n")]),
    (b"a=\xff\nb=2\n", [Edit(PATH, 2, 3, "b=3\n")]),
    (b"a=\xff\nb=2\n", [Edit(PATH, 1, 2, "a=\udcff1\n")]),
    (b"a=1\n\xc3b\xff", [Edit(PATH, 2, 3, "\udcc3b\udcff\n")]),
    (BOM + b"a=1\nb=2\n", [Edit(PATH, 2, 3, "b=3\n")]),
    (BOM + b"a=1\nb=2\n", [Edit(PATH, 1, 2, "\ufeffa=2\n")]),
    (BOM + b"a=1\nb=2\n", [Edit(PATH, 1, 2, "a=2\n")]),
    (BOM + b"a=1\nb=2\n", [Edit(PATH, 1, 3, "a=2\n")]),
    (BOM + b"a=\xff\nb=2\n", [Edit(PATH, 1, 2, "\ufeffa=\udcfe\n")]),
    (b"a=1\n", [Edit(PATH, 1, 2, "\ufeffb=1\n")]),
]


@pytest.mark.parametrize("data, edits", EDITS, ids=range(len(EDITS)))
def test_a_reader_that_applies_a_fix_gets_what_the_edits_say(data: bytes, edits: List[Edit]) -> None:
    _, _, after = fixed(data, *edits)
    assert after == edited(data, *edits)


@pytest.mark.parametrize(
    "data, text, after",
    [
        (BOM + b"a=1\nb=2\n", "a=1\n", {"deletedRegion": {"byteOffset": 0, "byteLength": 3}}),
        (BOM, "", {"deletedRegion": {"byteOffset": 0, "byteLength": 3}}),
        (
            b"a=1\nb=2\n",
            "\ufeffa=1\n",
            {"deletedRegion": {"byteOffset": 0, "byteLength": 0}, "insertedContent": {"binary": "77u/"}},
        ),
    ],
)
def test_a_byte_order_mark_alone_is_a_region_of_bytes(data: bytes, text: str, after: Any) -> None:
    _, change, result = fixed(data, Edit(PATH, 1, 2, text))
    assert change["replacements"] == [after]
    assert result == (data[3:] if data.startswith(BOM) else BOM + data)


def test_what_comes_before_the_first_line_comes_behind_the_mark() -> None:
    _, _, after = fixed(BOM + b"a=1\n", Edit(PATH, 1, 1, "x\n"))
    assert after == BOM + b"x\na=1\n"
    _, _, after = fixed(BOM + b"a=1\n", Edit(PATH, 1, 1, "x=\udcff\n"))
    assert after == BOM + b"x=\xff\na=1\n"


def test_edits_of_text_are_regions_of_text() -> None:
    made, change, _ = fixed(b"a=1\nb=2\n", Edit(PATH, 2, 3, "b=3\n"), safe=False)
    assert change["artifactLocation"] == {"uri": PATH, "uriBaseId": "%SRCROOT%"}
    assert change["replacements"] == [
        {
            "deletedRegion": {"startLine": 2, "startColumn": 1, "endLine": 3, "endColumn": 1},
            "insertedContent": {"text": "b=3\n"},
        }
    ]
    assert made["description"]["text"] == "make it right (look at it first)"


def test_a_fix_of_two_files_changes_each() -> None:
    fix = Fix("both", (Edit(PATH, 1, 2, "a=2\n"), Edit("boot/sub/a.txt", 1, 2, "y\n")), True)
    (result,) = sarif([report(finding(fix=fix), boot=boot(b"a=1\n"))])["results"]
    changes = result["fixes"][0]["artifactChanges"]
    assert [each["artifactLocation"]["uri"] for each in changes] == [PATH, "boot/sub/a.txt"]
    assert applied(changes[1], b"x\n") == b"y\n"


def test_a_fix_that_needs_a_file_that_is_not_there_is_left_out() -> None:
    fix = Fix("bytes", (Edit("elsewhere.txt", 1, 2, "a=\udcff\n"),), True)
    for tree_ in (boot(b"a=1\n"), None):
        (result,) = sarif([report(finding(fix=fix), boot=tree_)])["results"]
        assert "fixes" not in result
    plain = Fix("text", (Edit("elsewhere.txt", 3, 4, "a=1\n"),), True)
    (result,) = sarif([report(finding(fix=plain), boot=None)])["results"]
    assert result["fixes"][0]["artifactChanges"][0]["replacements"][0]["deletedRegion"]["startLine"] == 3


@pytest.mark.parametrize("path", ["", ".", "/boot/firmware", "a/../b"])
def test_the_file_of_a_fix_is_found_wherever_the_folder_is(path: str) -> None:
    folder = MemoryFolder({"config.txt": BOM + b"a=1\n"}, path)
    label = folder.label("config.txt")
    fix = Fix("no mark", (Edit(label, 1, 2, "a=1\n"),), True)
    (result,) = sarif([report(finding(fix=fix), boot=Boot(folder))])["results"]
    assert result["fixes"][0]["artifactChanges"][0]["replacements"][0]["deletedRegion"]["byteLength"] == 3


@pytest.mark.parametrize(
    "path, shown, address",
    [
        ("boot/config.txt", "boot/config.txt", "boot/config.txt"),
        ("/w/boot/config.txt", "boot/config.txt", "boot/config.txt"),
        ("../config.txt", "/config.txt", "file:///config.txt"),
        ("../w/config.txt", "config.txt", "config.txt"),
        ("/wide/config.txt", "/wide/config.txt", "file:///wide/config.txt"),
        ("/w", ".", "."),
        ("", ".", "."),
        ("a:b c%.txt", "a:b c%.txt", "a%3Ab%20c%25.txt"),
        ("\udcff", "\udcff", "%FF"),
        ("ä", "ä", "%C3%A4"),
        ("<stdin>", "<stdin>", "%3Cstdin%3E"),
    ],
)
def test_paths_as_seen_from_the_working_directory(path: str, shown: str, address: str) -> None:
    assert relative(path, "/w") == shown
    assert uri(relative(path, "/w")) == address


def test_without_a_working_directory_paths_stay_as_they_are() -> None:
    run = sarif([report(finding(span=Span("../x/./config.txt")))], folder="")
    assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "../x/config.txt"
    assert "uri" not in run["originalUriBaseIds"]["%SRCROOT%"]


def test_at_the_root_of_the_file_system_all_paths_are_relative() -> None:
    assert relative("/boot/config.txt", "/") == "boot/config.txt"
    assert sarif([report(finding())], folder="/")["originalUriBaseIds"]["%SRCROOT%"]["uri"] == "file:///"


def test_a_run_of_the_command(tmp_path: Any) -> None:
    tree(tmp_path / "a b", config_txt=BAD)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "house-uart.yaml").write_text(HOUSE_RULE)
    waiver = "waivers:\n  - rule: otg-mode-enabled\n    reason: a bench unit\n"
    (tmp_path / ".scmguard.yaml").write_text("rules: [rules]\n" + waiver)
    done = scmguard("check", "--format", "sarif", "--select", "otg-*", "--select", "house-*", "a b", cwd=tmp_path)
    assert done.returncode == 0
    log = json.loads(done.stdout)
    SARIF.validate(log)
    (run,) = log["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["otg-mode-enabled", "house-uart"]
    (result,) = run["results"]
    assert result["suppressions"][0]["justification"] == "a bench unit"
    where = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert where == {"uri": "a%20b/config.txt", "uriBaseId": "%SRCROOT%"}
    assert run["originalUriBaseIds"]["%SRCROOT%"]["uri"] == "file://{}/".format(tmp_path)
    assert run["automationDetails"] == {"id": "scmguard/scm/"}


_TEXTS = st.text("ab=\udcff\udc80ä😀", max_size=3)
_ENDS = st.sampled_from(["\n", "\r\n", "\r"])
_FILES = st.builds(
    lambda mark, lines, last: mark + "".join(text + end for text, end in lines) + last,
    st.sampled_from(["", "\ufeff"]),
    st.lists(st.tuples(_TEXTS, _ENDS), max_size=4),
    _TEXTS,
)


@given(_FILES, _FILES)
def test_any_change_of_any_file(old: str, new: str) -> None:
    """Edits as the fixes make them, of whatever is in a file, end in what they were made for."""
    # Surrogates that were put side by side by chance may be the bytes of a character.
    before, after = (text.encode("utf-8", "surrogateescape") for text in (old, new))
    edits = edits_of(PATH, before, after)
    if edits:
        assert fixed(before, *edits)[2] == after


def test_fixes_of_the_rules_are_what_a_reader_applies() -> None:
    """For every bad example that has a fix: the file that comes of it is what the edits say, and lacks the finding."""
    count = 0
    for rule in BOOK.rules.values():
        if rule.id not in TOPICS:
            continue
        for example in rule.examples["bad"]:
            job, tree_ = job_of(rule, example, BOOK.profiles), boot_of(example)
            made = with_fixes(job, lint(job, tree_))
            for one, result in zip(made.findings, sarif([made])["results"]):
                assert ("fixes" in result) == (one.fix is not None and bool(one.fix.edits))
                if one.fix is None:
                    continue
                for change in result["fixes"][0]["artifactChanges"]:
                    path = change["artifactLocation"]["uri"]
                    edits = [edit for edit in one.fix.edits if edit.path == path]
                    data = tree_.files.read(path) or b""
                    assert edits and applied(change, data) == edited(data, *edits) != data
                    count += 1
    assert count > 20
