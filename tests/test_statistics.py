"""check --statistics: how many findings each rule has."""

import json

import jsonschema
import pytest

from scmguard import assets
from tests.test_cli import BAD, GOOD, OTG, check_json, one_line, scmguard, tree

SCHEMA = json.loads(assets.package_file("schema", "report-1.json"))
SELECT = ("--select", OTG, "--select", "quoted-value", "--select", "duplicate-overlay")


@pytest.fixture
def trees(tmp_path):
    tree(tmp_path / "a", config_txt=BAD + "kernel='x'\nstart_file='y'\n")
    tree(tmp_path / "b", config_txt=GOOD + "kernel='x'\n")
    tree(tmp_path / "c", config_txt="dtoverlay=vc4-kms-v3d\n" * 3)
    return [tmp_path / name for name in "abc"]


def test_the_table_stands_for_the_findings(trees):
    done = scmguard("check", *trees, *SELECT, "--statistics")
    assert (done.returncode, done.err) == (1, "")
    assert done.out.splitlines() == [
        "findings  trees  severity  rule",
        "       1      1  brick     otg-mode-enabled",
        "       3      2  degraded  quoted-value",
        "       2      1  hygiene   duplicate-overlay",
        "",
        "1 brick, 3 degraded, 2 hygiene in 3 boot trees",
    ]


def test_quiet_leaves_hygiene_out(trees):
    out = scmguard("check", *trees, *SELECT, "--statistics", "--quiet").out
    assert "duplicate-overlay" not in out and "quoted-value" in out and "2 hygiene" in out


def test_without_findings_there_is_no_table(trees):
    done = scmguard("check", trees[1], "--select", OTG, "--statistics")
    assert (done.returncode, done.out) == (0, "no findings\n")


def test_json_has_both(trees):
    code, report = check_json(*trees, *SELECT, "--statistics")
    jsonschema.validate(report, SCHEMA)
    assert (code, len(report["findings"])) == (1, 6)
    assert report["statistics"] == [
        {"rule": OTG, "severity": "brick", "count": 1, "trees": 1},
        {"rule": "quoted-value", "severity": "degraded", "count": 3, "trees": 2},
        {"rule": "duplicate-overlay", "severity": "hygiene", "count": 2, "trees": 1},
    ]
    assert "statistics" not in check_json(*trees, *SELECT)[1]
    assert check_json(trees[1], "--select", OTG, "--statistics")[1]["statistics"] == []


def test_a_rule_with_two_severities_has_two_rows(tmp_path):
    text = "initramfs 'y' followkernel\n" * 2 + "device_tree=\n"
    tree(tmp_path / "a", config_txt=text)
    report = check_json(tmp_path / "a", "--statistics", "--profile", "pi4")[1]
    assert sum(row["count"] for row in report["statistics"]) == len(report["findings"])
    assert len({(row["rule"], row["severity"]) for row in report["statistics"]}) == len(report["statistics"])


def test_what_is_set_aside_is_not_counted(trees):
    folder = trees[0]
    (folder / ".scmguard.yaml").write_text("waivers: [{{rule: {}, reason: x}}]\n".format(OTG))
    scmguard("baseline", "create", folder / "base.json", folder, "--reason", "x", "--select", "quoted-value")
    done = scmguard("check", folder, "--statistics", "--baseline", folder / "base.json", *SELECT)
    assert done.out == "no findings, 1 waived, 2 in the baseline (--show-waived lists them)\n"
    assert len(check_json(folder, "--statistics", "--no-waivers", *SELECT)[1]["statistics"]) == 2


def test_what_could_not_be_checked_is_told_all_the_same(trees, tmp_path):
    done = scmguard("check", *trees, tmp_path / "nowhere", *SELECT, "--statistics")
    assert done.returncode == 3 and "nowhere" in one_line(done.err)
    assert "quoted-value" in done.out
