"""Baselines: what they know, that they only shrink, and that a damaged one is neither all nor nothing."""

import itertools
import json
import os
import shutil
import subprocess
import sys
from typing import List, Tuple

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scmguard import assets, rulebook
from scmguard.baseline import file as baseline_file
from scmguard.baseline.file import Baseline, Entry
from scmguard.baseline.match import Matching, fingerprint
from scmguard.errors import RuleError
from scmguard.finding import SEVERITIES, Finding, TreeReport, order
from scmguard.text import Span
from tests.places import TOP, staged
from tests.test_cli import BAD, GOOD, HOUSE_RULE, OTG, check_json, environment, house, one_line, scmguard, tree

SCHEMA = json.loads(assets.package_file("schema", "report-1.json"))
QUOTED = "quoted-value"
TWO = "kernel='x'\ngpu_mem=64\n"


def boot(folder, config=TWO, select=QUOTED):
    """A boot folder whose one fault is a quoted value, with a configuration that asks for that rule alone."""
    tree(folder, config_txt=config)
    (folder / ".scmguard.yaml").write_text("select: [{}]\nbaseline: ../base.json\n".format(select))
    return folder


def created(tmp_path, *arguments, select=QUOTED, config=TWO):
    folder = boot(tmp_path / "b", config, select)
    done = scmguard("baseline", "create", tmp_path / "base.json", folder, "--reason", "old", *arguments)
    assert done.returncode == 0, done.err
    return folder, tmp_path / "base.json"


def entries(path):
    data = json.loads(path.read_text())
    assert data["schema"] == 1
    return data["findings"]


def rules_of(report):
    return [(finding["rule"], finding["line"]) for finding in report["findings"] if finding["waived"] is None]


# what a baseline knows


def test_what_is_in_the_baseline_stays_in_the_report_and_does_not_count(tmp_path):
    folder, _ = created(tmp_path)
    code, report = check_json(folder)
    jsonschema.validate(report, SCHEMA)
    assert code == 0
    assert [finding["waived"] for finding in report["findings"]] == [
        {"by": "baseline", "reason": "old", "expires": None}
    ]
    assert report["summary"] == {"brick": 0, "no-boot": 0, "degraded": 0, "hygiene": 0, "waived": 0, "baseline": 1}


def test_text_counts_the_baseline_by_itself(tmp_path):
    folder, _ = created(tmp_path)
    done = scmguard("check", folder)
    assert (done.returncode, done.out) == (0, "no findings, 1 in the baseline (--show-waived lists them)\n")
    shown = scmguard("check", folder, "--show-waived").out.splitlines()
    assert shown[0].startswith("{}:1:".format(folder / "config.txt")) and shown[1] == "  in the baseline: old"


def test_the_option_names_a_baseline_too_and_goes_before_the_configuration(tmp_path):
    folder, base = created(tmp_path)
    (folder / ".scmguard.yaml").write_text("select: [{}]\n".format(QUOTED))
    assert scmguard("check", folder).returncode == 1
    assert scmguard("check", folder, "--baseline", base).returncode == 0
    (folder / ".scmguard.yaml").write_text("select: [{}]\nbaseline: nowhere.json\n".format(QUOTED))
    assert scmguard("check", folder, "--baseline", base).returncode == 0


@pytest.mark.parametrize(
    "config, new",
    [
        ("# moved\n\n" + TWO, []),
        ("[all]\n  kernel='x'  \n", []),
        (TWO + "device_tree='z'\n", [(QUOTED, 3)]),
        ("kernel='x2'\n", [(QUOTED, 1)]),
        (TWO + "kernel='x'\n", None),
    ],
)
def test_lines_may_move_and_not_change(tmp_path, config, new):
    folder, _ = created(tmp_path)
    (folder / "config.txt").write_text(config)
    found = [each for each in rules_of(check_json(folder)[1]) if each[0] != "baseline-unused"]
    if new is None:
        # The same line once more is one finding more than the baseline counts.
        assert len(found) == 1
    else:
        assert found == new


def test_another_file_is_not_in_the_baseline(tmp_path):
    folder, base = created(tmp_path)
    other = boot(tmp_path / "c")
    assert check_json(folder, other)[1]["summary"]["degraded"] == 1
    shutil.move(str(base), str(tmp_path / "b" / "base.json"))
    assert scmguard("check", folder, "--baseline", tmp_path / "b" / "base.json").returncode == 1


@pytest.mark.parametrize("arguments", [[""], ["no.json"], ["."]])
def test_a_baseline_that_is_not_there_is_an_error(tmp_path, arguments):
    done = scmguard("check", boot(tmp_path / "b"), "--baseline", *arguments, cwd=tmp_path)
    assert (done.returncode, done.out) == (2, "")
    one_line(done.err)


def test_fingerprints_stay_what_they_are():
    """A change of these makes everything new in every baseline there is."""
    finding = Finding("r", "brick", "certain", None, "m", Span("a/config.txt", 1, 1, 1, 9), excerpt=" kernel='x' ")
    assert fingerprint(finding) == "f6db3ad1dd69b962"
    cmdline = finding._replace(span=Span("a/cmdline.txt", 1, 7, 1, 12), excerpt="quiet break root=x")
    assert fingerprint(cmdline) == fingerprint(cmdline._replace(excerpt="xxxxx break")) == "cefd7677bf1129d5"
    assert fingerprint(finding._replace(excerpt=" ")) == "b74989e8932a39c3"


@pytest.mark.parametrize("cwd, path", [("/", None), ("b", "."), ("b", "config.txt"), (".", "b")])
def test_paths_are_those_from_the_baselines_folder(tmp_path, cwd, path):
    folder, base = created(tmp_path)
    assert [entry["path"] for entry in entries(base)] == ["b/config.txt"]
    code, report = check_json(folder if path is None else path, cwd=tmp_path / cwd)
    assert (code, report["summary"]["baseline"]) == (0, 1)


def test_a_folder_that_is_reached_through_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    folder, base = created(tmp_path / "real")
    (tmp_path / "link").symlink_to("real")
    code, report = check_json(tmp_path / "link" / "b", "--baseline", base)
    assert (code, report["summary"]["baseline"]) == (0, 1)


def test_a_tree_that_is_named_twice_is_known_twice(tmp_path):
    folder, _ = created(tmp_path)
    code, report = check_json(folder, folder / "config.txt")
    assert (code, report["summary"]["baseline"], report["trees"]) == (0, 2, 2)


def test_of_a_command_line_the_argument_is_what_counts(tmp_path):
    folder = tree(tmp_path / "b", config_txt="", cmdline_txt="console=serial0,115200 root=/dev/mmcblk0p2 rootwait\n")
    base = tmp_path / "base.json"
    choice = ("--select", "console-on-serial", "--baseline", base)
    assert (
        scmguard("baseline", "create", base, folder, "--reason", "x", "--select", "console-on-serial").returncode == 0
    )
    assert len(entries(base)) == 1
    (folder / "cmdline.txt").write_text("quiet root=/dev/mmcblk0p2 console=serial0,115200\n")
    assert rules_of(check_json(folder, *choice)[1]) == []
    (folder / "cmdline.txt").write_text("quiet root=/dev/mmcblk0p2 console=ttyS0,115200\n")
    assert [rule for rule, _ in rules_of(check_json(folder, *choice)[1])] == ["console-on-serial", "baseline-unused"]


def test_what_gets_worse_is_new(tmp_path):
    # On a Raspberry Pi 4 it does not boot; on a sealed module that is a brick.
    folder = tree(tmp_path / "b", config_txt="device_tree=\n")
    base = tmp_path / "base.json"
    rule = ("--select", "device-tree-off")
    assert scmguard("baseline", "create", base, folder, "--reason", "x", "--profile", "cm4", *rule).returncode == 0
    assert [entry["severity"] for entry in entries(base)] == ["no-boot"]
    assert scmguard("check", folder, "--baseline", base, "--profile", "cm4", *rule).returncode == 0
    code, report = check_json(folder, "--baseline", base, *rule)
    assert (code, report["summary"]["brick"], report["summary"]["baseline"]) == (1, 1, 0)


def test_what_gets_milder_is_known_and_the_update_says_so(tmp_path):
    folder = tree(tmp_path / "b", config_txt="device_tree=\n")
    base = tmp_path / "base.json"
    rule = ("--select", "device-tree-off")
    scmguard("baseline", "create", base, folder, "--reason", "x", *rule)
    assert [entry["severity"] for entry in entries(base)] == ["brick"]
    assert scmguard("check", folder, "--baseline", base, "--profile", "cm4", *rule).returncode == 0
    done = scmguard("baseline", "update", base, folder, "--profile", "cm4", *rule)
    assert (done.returncode, done.out) == (0, "{}: 1 in the baseline, 1 lowered\n".format(base))
    assert [entry["severity"] for entry in entries(base)] == ["no-boot"]


def test_a_waiver_goes_before_the_baseline(tmp_path):
    folder, _ = created(tmp_path)
    with open(folder / ".scmguard.yaml", "a") as stream:
        stream.write("waivers: [{{rule: {}, reason: mine}}]\n".format(QUOTED))
    report = check_json(folder)[1]
    assert (report["summary"]["waived"], report["summary"]["baseline"]) == (1, 0)
    assert rules_of(report) == [("baseline-unused", 4)]


# what is left out for a release


def test_for_a_release_neither_waivers_nor_the_baseline_count(tmp_path):
    folder = created(tmp_path)[0]
    (folder / "config.txt").write_text(TWO + "otg_mode=1\n")
    (folder / ".scmguard.yaml").write_text("select: [{}, {}]\nbaseline: ../base.json\n".format(QUOTED, OTG))
    with open(folder / ".scmguard.yaml", "a") as stream:
        stream.write("waivers: [{{rule: {}, reason: mine}}]\n".format(OTG))
    assert scmguard("check", folder).returncode == 0
    code, report = check_json(folder, "--no-waivers")
    jsonschema.validate(report, SCHEMA)
    assert code == 1
    assert report["summary"] == {"brick": 1, "no-boot": 0, "degraded": 1, "hygiene": 0, "waived": 0, "baseline": 0}
    assert report["notes"] == ["waivers and baselines do not count (--no-waivers)"]
    assert scmguard("check", folder, "--no-waivers").out.startswith("note: waivers and baselines do not count")


def test_for_a_release_a_damaged_baseline_does_not_matter(tmp_path):
    folder, base = created(tmp_path)
    base.write_text("{")
    assert scmguard("check", folder).returncode == 2
    assert scmguard("check", folder, "--no-waivers").returncode == 1


def test_a_baseline_and_no_waivers_contradict_each_other(tmp_path):
    folder, base = created(tmp_path)
    done = scmguard("check", folder, "--no-waivers", "--baseline", base)
    assert (done.returncode, done.out) == (2, "")
    assert "contradict" in one_line(done.err)


# entries of no use


def test_an_entry_that_covers_nothing_is_told_and_nothing_is_written(tmp_path):
    folder, base = created(tmp_path)
    (folder / "config.txt").write_text(GOOD)
    before = base.read_bytes()
    code, report = check_json(folder)
    assert (code, rules_of(report), base.read_bytes()) == (0, [("baseline-unused", 4)], before)
    finding = report["findings"][0]
    assert finding["path"] == os.path.join(str(folder), "../base.json") and "b/config.txt" in finding["message"]
    assert scmguard("check", folder, "--fail-on", "hygiene").returncode == 1


def test_an_entry_that_covers_less_than_it_counts_is_told(tmp_path):
    folder, base = created(tmp_path, select="duplicate-overlay", config="dtoverlay=vc4-kms-v3d\n" * 4)
    (entry,) = entries(base)
    assert entry["count"] == 3
    (folder / "config.txt").write_text("dtoverlay=vc4-kms-v3d\n" * 3)
    (finding,) = [one for one in check_json(folder)[1]["findings"] if one["rule"] == "baseline-unused"]
    assert finding["message"].startswith("2 of 3 findings of duplicate-overlay")
    assert scmguard("baseline", "update", base, folder).out == "{}: 2 in the baseline, 1 removed\n".format(base)
    (folder / "config.txt").write_text("dtoverlay=vc4-kms-v3d\n" * 4)
    assert len(rules_of(check_json(folder)[1])) == 1


@pytest.mark.parametrize("how", ["another rule", "another tree", "one file"])
def test_an_entry_that_nothing_was_looked_at_for_is_not_unused(tmp_path, how):
    folder, base = created(tmp_path)
    (folder / "config.txt").write_text(GOOD)
    tree(tmp_path / "c", config_txt=GOOD)
    tree(folder, cmdline_txt="root=/dev/mmcblk0p2\n")
    paths = {
        "another rule": [folder, "--select", OTG],
        "another tree": [tmp_path / "c", "--select", QUOTED],
        "one file": [folder / "cmdline.txt"],
    }[how]
    assert rules_of(check_json(*paths, "--baseline", base)[1]) == []
    before = base.read_bytes()
    assert scmguard("baseline", "update", base, *paths).returncode == 0
    assert base.read_bytes() == before


def test_an_entry_of_a_folder_that_is_gone_is_unused(tmp_path):
    folder, base = created(tmp_path)
    other = boot(tmp_path / "c", GOOD)
    shutil.rmtree(folder)
    assert rules_of(check_json(other)[1]) == [("baseline-unused", 4)]
    assert scmguard("baseline", "update", base, other).returncode == 0
    assert entries(base) == []


# what an update does


def test_an_update_takes_out_and_takes_nothing_in(tmp_path):
    folder, base = created(tmp_path)
    (folder / "config.txt").write_text("kernel='other'\n")
    done = scmguard("baseline", "update", base, folder)
    assert (done.returncode, done.out) == (1, "{}: 0 in the baseline, 1 removed\n".format(base))
    assert "--add --reason" in one_line(done.err) and QUOTED in done.err
    assert entries(base) == []
    assert json.loads(base.read_text()) == {"schema": 1, "findings": []}


def test_what_is_added_has_its_reason_and_its_day(tmp_path):
    folder, base = created(tmp_path)
    (folder / "config.txt").write_text(TWO + "device_tree='z'\n")
    done = scmguard("baseline", "update", base, folder, "--add", "--reason", " the  new one ")
    assert (done.returncode, done.out, done.err) == (0, "{}: 2 in the baseline, 1 added\n".format(base), "")
    assert [entry["reason"] for entry in entries(base)] == ["the new one", "old"]
    assert all(len(entry["added"]) == 10 for entry in entries(base))
    assert scmguard("check", folder).returncode == 0


def test_one_more_of_a_known_line_has_a_reason_of_its_own(tmp_path):
    folder, base = created(tmp_path, select="duplicate-overlay", config="dtoverlay=vc4-kms-v3d\n" * 3)
    (folder / "config.txt").write_text("dtoverlay=vc4-kms-v3d\n" * 4)
    scmguard("baseline", "update", base, folder, "--add", "--reason", "one more")
    assert sorted((entry["count"], entry["reason"]) for entry in entries(base)) == [(1, "one more"), (2, "old")]
    assert rules_of(check_json(folder)[1]) == []


def test_an_update_without_a_change_writes_nothing(tmp_path):
    folder, base = created(tmp_path)
    before = base.stat().st_ino
    assert scmguard("baseline", "update", base, folder).out == "{}: 1 in the baseline\n".format(base)
    assert base.stat().st_ino == before


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["--add"], "--reason"),
        (["--add", "--reason", " "], "--reason"),
        (["--reason", "x"], "--add"),
    ],
)
def test_adding_takes_a_reason(tmp_path, arguments, says):
    folder, base = created(tmp_path)
    (folder / "config.txt").write_text("kernel='other'\n")
    before = base.read_bytes()
    done = scmguard("baseline", "update", base, folder, *arguments)
    assert (done.returncode, done.out, base.read_bytes()) == (2, "", before)
    assert says in one_line(done.err)


def test_creating_takes_a_reason_and_never_overwrites(tmp_path):
    folder = boot(tmp_path / "b")
    base = tmp_path / "base.json"
    done = scmguard("baseline", "create", base, folder)
    assert (done.returncode, base.exists()) == (2, False)
    assert "--reason" in one_line(done.err)
    base.write_text("mine")
    done = scmguard("baseline", "create", base, folder, "--reason", "x")
    assert (done.returncode, base.read_text()) == (2, "mine")
    assert "already" in one_line(done.err)


def test_nothing_is_written_where_something_could_not_be_checked(tmp_path):
    folder, base = created(tmp_path)
    (folder / "config.txt").write_text(GOOD)
    before = base.read_bytes()
    done = scmguard("baseline", "update", base, folder, tmp_path / "nowhere")
    assert (done.returncode, base.read_bytes()) == (3, before)
    assert "not written" in done.err
    done = scmguard("baseline", "create", tmp_path / "new.json", tmp_path / "nowhere", "--reason", "x")
    assert (done.returncode, (tmp_path / "new.json").exists()) == (3, False)


def test_an_update_needs_a_baseline(tmp_path):
    done = scmguard("baseline", "update", tmp_path / "no.json", boot(tmp_path / "b"))
    assert done.returncode == 2 and "no such file" in one_line(done.err)


def test_what_waivers_cover_is_not_taken_in(tmp_path):
    folder = boot(tmp_path / "b")
    with open(folder / ".scmguard.yaml", "a") as stream:
        stream.write("waivers: [{{rule: {}, reason: mine}}]\n".format(QUOTED))
    scmguard("baseline", "create", tmp_path / "base.json", folder, "--reason", "x")
    assert entries(tmp_path / "base.json") == []


# what takes a reason of its own


def test_a_brick_is_taken_in_where_its_rule_is_named(tmp_path):
    folder = boot(tmp_path / "b", TWO + "otg_mode=1\n", select="'*-value', otg-*")
    base = tmp_path / "base.json"
    done = scmguard("baseline", "create", base, folder, "--reason", "before us")
    assert (done.returncode, [entry["rule"] for entry in entries(base)]) == (1, [QUOTED])
    assert OTG in one_line(done.err) and "reason of its own" in done.err
    for how in (["--select", "otg-*"], ["--select", "*"], []):
        done = scmguard("baseline", "update", base, folder, "--add", "--reason", "x", *how)
        assert done.returncode == 1 and OTG not in [entry["rule"] for entry in entries(base)], how
    done = scmguard("baseline", "update", base, folder, "--add", "--select", OTG, "--reason", "a bench unit")
    assert (done.returncode, done.err) == (0, "")
    reasons = {entry["rule"]: entry["reason"] for entry in entries(base)}
    assert reasons[OTG] == "a bench unit" and reasons[QUOTED] == "before us"
    assert scmguard("check", folder).returncode == 0


def test_so_is_a_rule_that_cannot_be_ignored(tmp_path):
    folder = house(tmp_path, "degraded", HOUSE_RULE.replace("check:", "waiver: required\ncheck:"))
    (folder / ".scmguard.yaml").write_text("rules: [rules]\nselect: ['house-*']\n")
    base = tmp_path / "base.json"
    assert scmguard("baseline", "create", base, folder, "--reason", "x").returncode == 1
    assert entries(base) == []
    choice = ("--select", "house-uart", "--reason", "the lab needs it")
    assert scmguard("baseline", "update", base, folder, "--add", *choice).returncode == 0
    assert len(entries(base)) == 1


def test_findings_about_waivers_are_never_taken_in(tmp_path):
    folder = boot(tmp_path / "b", GOOD)
    with open(folder / ".scmguard.yaml", "a") as stream:
        stream.write("waivers: [{{rule: {}, reason: mine, expires: 2020-01-01}}]\n".format(QUOTED))
    done = scmguard("baseline", "create", tmp_path / "base.json", folder, "--reason", "x")
    assert (done.returncode, entries(tmp_path / "base.json")) == (1, [])
    assert "no baseline holds" in one_line(done.err) and "waiver-expired" in done.err


# damaged files


ENTRY = {
    "path": "b/config.txt",
    "rule": QUOTED,
    "message": "m",
    "severity": "degraded",
    "confidence": "certain",
    "count": 1,
    "fingerprint": "0123456789abcdef",
    "reason": "r",
    "added": "2026-11-30",
}


def text_of(*found, **top):
    lines = ",\n".join(json.dumps(each) for each in found)
    return '{{\n{}"schema": 1,\n"findings": [\n{}\n]\n}}\n'.format(
        "".join('"{}": {},\n'.format(key, json.dumps(value)) for key, value in top.items()), lines
    )


def damaged():
    yield "", 1, "no baseline"
    yield "\0", 1, "no baseline"
    yield "[]", 1, "object"
    yield "null", 1, "object"
    yield "{}", 1, "schema"
    yield '{"schema": 1}', 1, "findings"
    yield '{"schema": 2, "findings": []}', 1, "schema"
    yield '{"schema": true, "findings": []}', 1, "schema"
    yield '{"schema": 1, "findings": {}}', 1, "list"
    yield '{"schema": 1,\n"findings": [1]}', 2, "list"
    yield '{"schema": 1, "schema": 1, "findings": []}', None, "twice"
    yield "[" * 100000, None, "no baseline"
    yield '{"schema": ' + "1" * 5000 + ', "findings": []}', None, ""
    yield text_of(ENTRY)[:-30], None, "no baseline"
    yield text_of(ENTRY, extra=1), 2, "extra"
    yield text_of(ENTRY, {**ENTRY, "path": "x", "until": "y"}), 5, "until"
    yield text_of(ENTRY, ENTRY), 5, "twice"
    yield text_of(ENTRY, {**ENTRY, "count": 2}), 5, "twice"
    yield text_of(ENTRY, {**ENTRY, "rule": "no-such-rule"}), 5, "no-such-rule"
    yield text_of({**ENTRY, "rule": "internal-error"}), 4, "internal-error"
    for key in ENTRY:
        yield text_of({name: value for name, value in ENTRY.items() if name != key}), 4, key
        yield text_of({**ENTRY, key: None}), 4, key
        yield text_of({**ENTRY, key: " "}), 4, key
    for count in (0, -1, 1.5, True, "1"):
        yield text_of({**ENTRY, "count": count}), 4, "count"
    for day in ("soon", "2026-13-01", "2026-11-30T10:00"):
        yield text_of({**ENTRY, "added": day}), 4, "added"
    yield text_of({**ENTRY, "fingerprint": "0123456789ABCDEF"}), 4, "fingerprint"
    yield text_of({**ENTRY, "severity": "fatal"}), 4, "severity"
    yield text_of({**ENTRY, "confidence": "sure"}), 4, "confidence"
    for mark in ("<<<<<<< HEAD\n", "=======\n", ">>>>>>> theirs\n"):
        yield text_of(ENTRY).replace("]\n", mark + "]\n"), 5, "conflict"


@pytest.mark.parametrize("text, line, says", list(damaged()))
def test_a_damaged_baseline_is_said_with_its_line(text, line, says):
    with pytest.raises(RuleError) as error:
        baseline_file.verify(baseline_file.parse("x.json", text), rulebook.load().rules)
    assert str(error.value).startswith("x.json:{}: ".format(line) if line else "x.json:")
    assert says in str(error.value) and "\n" not in str(error.value)


def test_the_whole_entry_is_none(tmp_path):
    assert baseline_file.parse("x", text_of(ENTRY)).entries[0].line == 4


@pytest.mark.parametrize("text", ["", "<<<<<<< HEAD\n", text_of({**ENTRY, "rule": "no-such-rule"}), None, "folder"])
def test_with_a_damaged_baseline_nothing_is_checked(tmp_path, text):
    folder, base = created(tmp_path)
    base.unlink()
    if text == "folder":
        base.mkdir()
    elif text is not None:
        base.write_text(text)
    for arguments in (["check", folder], ["check", folder, "--format", "json"]):
        done = scmguard(*arguments)
        assert (done.returncode, done.out) == (2, "")
        assert "base.json" in one_line(done.err)


def test_an_update_takes_out_rules_that_are_no_more(tmp_path):
    folder, base = created(tmp_path)
    base.write_text(text_of({**ENTRY, "rule": "no-such-rule"}))
    done = scmguard("check", folder)
    assert done.returncode == 2 and "baseline update" in one_line(done.err)
    assert scmguard("baseline", "update", base, folder).returncode == 1
    assert entries(base) == []


@pytest.mark.parametrize("value", ["[x]", "1", "''", "{a: b}", ""])
def test_the_key_baseline_is_a_path(tmp_path, value):
    folder = tree(tmp_path / "b", config_txt=GOOD)
    (folder / ".scmguard.yaml").write_text("profile: scm\nbaseline: {}\n".format(value))
    done = scmguard("check", folder)
    assert (done.returncode, done.out) == (2, "")
    assert ".scmguard.yaml:2: baseline" in one_line(done.err)


def test_a_full_disk_leaves_the_old_baseline(tmp_path):
    folder, base = created(tmp_path)
    (folder / "config.txt").write_text(GOOD)
    before = base.read_bytes()
    # No file may get any byte.
    command = ["bash", "-c", 'ulimit -f 0; exec "$@"', "bash", sys.executable, "-m", "scmguard", "baseline", "update"]
    done = subprocess.run(
        [*command, str(base), str(folder)], cwd=staged(), env=environment(), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 3 and "base.json" in one_line(done.stderr)
    assert sorted(os.listdir(tmp_path)) == ["b", "base.json"]
    assert base.read_bytes() == before


# the gate and sealing know nothing of baselines


def test_the_gate_knows_no_baseline(tmp_path, monkeypatch):
    """Its judgement counts what a baseline that its configuration names would not count."""
    from scmguard.cli import common, the_gate
    from scmguard.inputs import discover
    from scmguard.inputs.discover import Request

    tree(tmp_path / "root" / "boot", config_txt=BAD, cmdline_txt="root=/dev/mmcblk0p2\n")
    configuration = tmp_path / "scmguard.yaml"
    configuration.write_text("select: [{}]\nbaseline: base.json\n".format(OTG))
    base, folder = tmp_path / "base.json", tmp_path / "root"
    choice = ("--config", configuration, "--select", OTG, "--reason", "x")
    assert scmguard("baseline", "create", base, folder, *choice).returncode == 0
    assert scmguard("check", folder, "--config", configuration).returncode == 0
    monkeypatch.setattr(the_gate, "SYSTEM", str(configuration))
    monkeypatch.setattr(common, "find_settings", lambda start: str(configuration))
    boot = discover.from_path(str(folder), Request())
    found = the_gate.the_gate(boot).judge(boot, None).findings
    assert [(finding.rule, finding.waived) for finding in found] == [(OTG, None)]


def test_gate_and_seal_say_nothing_of_baselines():
    paths = [os.path.join("cli", name + ".py") for name in ("the_gate", "seal", "stages", "guard", "hook")]
    paths += [os.path.join("gate", name) for name in os.listdir(os.path.join(TOP, "scmguard", "gate"))]
    for path in paths:
        if path.endswith(".py"):
            with open(os.path.join(TOP, "scmguard", path), encoding="utf-8") as stream:
                assert "baseline" not in stream.read(), path


# properties


TEXT = st.text(
    st.one_of(st.characters(min_codepoint=1), st.sampled_from('\\"[]{},\n\x1b\u202e\udcff\U000e0001é')), min_size=1
).map(lambda text: text + "x")
ENTRIES = st.builds(
    Entry,
    TEXT,
    st.sampled_from([QUOTED, OTG]),
    TEXT,
    st.sampled_from(SEVERITIES),
    st.sampled_from(baseline_file.CONFIDENCES),
    st.integers(1, 9),
    st.text("0123456789abcdef", min_size=16, max_size=16),
    TEXT,
    st.just("2026-11-30"),
    st.just(0),
)


@given(st.lists(ENTRIES, max_size=4, unique_by=lambda entry: entry._replace(times=1)))
def test_what_is_written_is_read_back(many: List[Entry]) -> None:
    text = baseline_file.written(many)
    assert text == baseline_file.written(reversed(many))
    text.encode("utf-8")
    assert all(line.isprintable() for line in text.splitlines())
    back = baseline_file.parse("x", text)
    assert sorted(entry._replace(line=0) for entry in back.entries) == sorted(many)
    for entry in back.entries:
        assert json.loads(back.lines[entry.line - 1].rstrip(","))["path"] == entry.path


@given(st.text(), st.integers(0, 400), st.integers(0, 400))
def test_whatever_is_damaged_is_one_line(text: str, start: int, length: int) -> None:
    whole = text_of(ENTRY, {**ENTRY, "path": "c"})
    try:
        baseline_file.parse("x.json", whole[:start] + text + whole[start + length :])
    except RuleError as error:
        assert str(error).startswith("x.json:") and "\n" not in str(error)


KINDS = list(itertools.product(SEVERITIES, baseline_file.CONFIDENCES))


def made(kind: Tuple[str, str], message: str = "m") -> Finding:
    return Finding("r", kind[0], kind[1], "cm4", message, Span("b/c", 1, 1, 1, 2), excerpt="line")


@given(st.lists(st.sampled_from(KINDS), max_size=5), st.lists(st.sampled_from(KINDS), max_size=5))
def test_as_many_are_covered_as_can_be(found: List[Tuple[str, str]], known: List[Tuple[str, str]]) -> None:
    """Held against trying all ways to give entries to findings."""
    findings = sorted(map(made, found), key=order)
    mark = fingerprint(findings[0]) if findings else ""
    many = [Entry("b/c", "r", "m", kind[0], kind[1], 1, mark, str(at), "") for at, kind in enumerate(known)]
    matching = Matching(Baseline("x.json", tuple(many)))
    got = matching.of(TreeReport("b", findings, [], ran=frozenset("r")))

    def fits(finding: Finding, entry: Entry) -> bool:
        return SEVERITIES.index(finding.severity) <= SEVERITIES.index(entry.severity) and (
            entry.confidence == "certain" or finding.confidence == "possible"
        )

    def most(left: List[Finding], free: List[Entry]) -> int:
        if not left:
            return 0
        best = most(left[1:], free)
        for entry in {(each.severity, each.confidence): each for each in free}.values():
            if fits(left[0], entry):
                best = max(best, 1 + most(left[1:], [each for each in free if each is not entry]))
        return best

    given_out = [entry for entry in got if entry is not None]
    assert len(given_out) == len(set(given_out))
    assert all(entry is None or fits(finding, entry) for finding, entry in zip(findings, got))
    assert len(given_out) == most(findings, many)


def test_of_two_findings_in_a_line_the_new_one_is_the_other() -> None:
    known, new = made(("degraded", "certain"), "known"), made(("degraded", "certain"), "new")
    entry = Entry("b/c", "r", "known", "degraded", "certain", 1, fingerprint(known), "r", "2026-11-30")
    for findings in ([known, new], [new, known]):
        matching = Matching(Baseline("x.json", (entry,)))
        covered = matching.of(TreeReport("b", findings, [], ran=frozenset("r")))
        assert [finding.message for finding, by in zip(findings, covered) if by] == ["known"]


def test_baselines_merge_line_by_line(tmp_path):
    """Two branches that each take another entry out make no conflict."""
    if shutil.which("git") is None:
        pytest.skip("git is not here")

    def git(*arguments):
        done = subprocess.run(
            ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    many = [Entry("b/%d" % n, QUOTED, "m", "degraded", "certain", 1, "0" * 16, "r", "2026-11-30") for n in range(9)]
    base = tmp_path / "base.json"
    git("init", "-q", "-b", "start")
    for branch, left in (("main", many), ("one", many[:2] + many[3:]), ("two", many[:6] + many[7:])):
        git("checkout", "-q", "-b", branch, *(["main"] if branch != "main" else []))
        base.write_text(baseline_file.written(left))
        git("add", "base.json")
        git("commit", "-q", "-m", branch)
    git("merge", "-q", "-m", "merged", "one")
    left = baseline_file.read(str(base)).entries
    assert [entry.path for entry in left] == ["b/0", "b/1", "b/3", "b/4", "b/5", "b/7", "b/8"]


def test_the_bad_examples_of_all_rules_can_be_taken_in_and_are_then_known() -> None:
    from scmguard.baseline.update import Adding, updated
    from scmguard.examples import cases, findings

    book = rulebook.load()
    for rule in book.rules.values():
        for name, (_, example) in cases(rule).items():
            found = findings(rule, example, book.profiles)
            report = TreeReport("", found, [], ran=frozenset([rule.id]))
            adding = Adding("r", "2026-11-30", lambda finding: True)
            change = updated(Baseline("base.json"), [report], book.rules, adding)
            assert change.added == len(found), name
            text = baseline_file.written(change.entries)
            matching = Matching(baseline_file.parse("base.json", text))
            assert all(matching.of(report)), name
            assert list(matching.loose()) == [], name
