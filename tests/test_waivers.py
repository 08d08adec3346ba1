"""Waivers: what they cover, what they cannot, and that none of it gets lost."""

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone

import jsonschema
import pytest

from scmguard import assets, settings, waivers
from scmguard.finding import Finding, TreeReport, Waived, Waiver
from scmguard.text import Span
from tests.places import TOP, staged
from tests.test_cli import BAD, GOOD, HOUSE_RULE, OTG, check_json, environment, house, one_line, scmguard, tree

SCHEMA = json.loads(assets.package_file("schema", "report-1.json"))
WAIVER = "  - rule: {}\n    reason: a bench unit\n".format(OTG)


def day(offset):
    return (datetime.now(timezone.utc).date() + timedelta(days=offset)).isoformat()


def boot(folder, waiver=WAIVER, config=BAD, select=OTG):
    tree(folder, config_txt=config)
    (folder / ".scmguard.yaml").write_text("select: [{}]\nwaivers:\n{}".format(select, waiver))
    return folder


def rules_of(report):
    return [(finding["rule"], finding["line"]) for finding in report["findings"]]


def demanding(tmp_path, **files):
    """A boot folder with two house rules; house-uart demands a waiver."""
    folder = house(tmp_path, "brick", HOUSE_RULE.replace("check:", "waiver: required\ncheck:"))
    other = HOUSE_RULE.replace("house-uart", "house-gpu").replace("setting: enable_uart", "setting: gpu_on")
    (folder / "rules" / "house-gpu.yaml").write_text(other)
    return folder


# what is waived


def test_a_waived_finding_stays_in_the_report_and_does_not_count(tmp_path):
    code, report = check_json(boot(tmp_path / "b", WAIVER + "    expires: 2999-12-31\n"))
    jsonschema.validate(report, SCHEMA)
    assert code == 0
    assert [finding["waived"] for finding in report["findings"]] == [
        {"by": "waiver", "reason": "a bench unit", "expires": "2999-12-31"}
    ]
    assert report["findings"][0]["severity"] == "brick"
    assert report["summary"] == {"brick": 0, "no-boot": 0, "degraded": 0, "hygiene": 0, "waived": 1, "baseline": 0}


def test_a_waiver_need_not_expire(tmp_path):
    report = check_json(boot(tmp_path / "b"))[1]
    jsonschema.validate(report, SCHEMA)
    assert report["findings"][0]["waived"] == {"by": "waiver", "reason": "a bench unit", "expires": None}


def test_without_waivers_nothing_is_waived(tmp_path):
    report = check_json(boot(tmp_path / "b", "  []\n"))[1]
    assert (report["findings"][0]["waived"], report["summary"]["waived"]) == (None, 0)


def test_text_only_counts_what_is_waived(tmp_path):
    done = scmguard("check", boot(tmp_path / "b"))
    assert (done.returncode, done.err) == (0, "")
    assert done.out == "no findings, 1 waived (--show-waived lists them)\n"


def test_what_is_waived_can_be_seen(tmp_path):
    folder = boot(tmp_path / "b", WAIVER + "    expires: 2999-12-31\n")
    done = scmguard("check", folder, "--show-waived")
    place = "{}:2:1: brick: otg_mode=1 is in effect on cm4 [{}]".format(folder / "config.txt", OTG)
    assert done.returncode == 0
    assert done.out.splitlines() == [place, "  waived (until 2999-12-31): a bench unit", "no findings, 1 waived"]


def test_a_waiver_covers_its_rule_alone(tmp_path):
    folder = boot(tmp_path / "b", config=BAD + "kernel='x'\n", select=OTG + ", quoted-value")
    code, report = check_json(folder)
    assert (code, report["summary"]["degraded"], report["summary"]["waived"]) == (1, 1, 1)


@pytest.mark.parametrize(
    "line, covered",
    [
        ("path: config.txt", True),
        ("path: 'b/*.txt'", True),
        ("path: b/config.txt", True),
        ("path: '*'", True),
        ("path: usercfg.txt", False),
        ("path: onfig.txt", False),
        ("path: other/config.txt", False),
        ("match: otg_mode=1", True),
        ("match: in effect on cm4", True),
        ("match: '^otg'", False),
        ("match: OTG_MODE", False),
        ("path: config.txt\n    match: dwc2", False),
    ],
)
def test_what_a_waiver_covers(tmp_path, line, covered):
    folder = boot(tmp_path / "b", WAIVER + "    " + line + "\n")
    for cwd, path in (("/", folder), (folder, "."), (folder, "config.txt")):
        code, report = check_json(path, cwd=cwd)
        assert (code, report["summary"]["waived"]) == ((0, 1) if covered else (1, 0)), path


def test_match_looks_at_what_is_printed(tmp_path):
    folder = boot(
        tmp_path / "b",
        "  - {rule: quoted-value, match: \"kernel='x'\", reason: known}\n",
        config="kernel='x'\nkernel='y'\n",
        select="quoted-value",
    )
    report = check_json(folder)[1]
    assert [bool(finding["waived"]) for finding in report["findings"]] == [True, False]


def test_the_first_waiver_that_covers_speaks(tmp_path):
    more = "  - {rule: %s, reason: two}\n" % OTG
    report = check_json(boot(tmp_path / "b", WAIVER + "    path: config.txt\n" + more))[1]
    assert report["findings"][0]["waived"]["reason"] == "a bench unit"
    assert rules_of(report)[1:] == [("waiver-unused", 6)]


def test_one_waiver_covers_several_findings(tmp_path):
    code, report = check_json(boot(tmp_path / "b"), boot(tmp_path / "c", "  []\n"))
    assert (code, report["summary"]["waived"], report["trees"]) == (0, 2, 2)


# dates


@pytest.mark.parametrize("offset, code", [(-1, 1), (1, 0)])
def test_an_expired_waiver_waives_nothing(tmp_path, offset, code):
    folder = boot(tmp_path / "b", WAIVER + "    expires: {}\n".format(day(offset)))
    found, report = check_json(folder)
    assert found == code
    if code:
        assert rules_of(report) == [(OTG, 2), ("waiver-expired", 3)]
        expired = report["findings"][1]
        assert (expired["severity"], expired["path"]) == ("degraded", str(folder / ".scmguard.yaml"))
        assert day(offset) in expired["message"] and expired["waived"] is None


@pytest.mark.parametrize("today, rules", [("2031-12-31", ["x"]), ("2032-01-01", ["x", "waiver-expired"])])
def test_the_last_day_counts(today, rules):
    finding = Finding("x", "no-boot", "certain", None, "m", Span("config.txt", 1, 1, 1, 2))
    report = TreeReport("", [finding], [], ran=frozenset("x"))
    waiver = Waiver("x", None, None, Waived("r", "2031-12-31"), Span("w.yaml", 2, 1, 2, 9))
    (after,) = waivers.applied([report], [waiver], {"x"}, today)
    assert [one.rule for one in after.findings] == rules
    assert (after.findings[0].waived is not None) == (today == "2031-12-31")
    assert report.findings == [finding] and finding.waived is None


def test_an_expired_waiver_is_told_even_if_there_is_nothing_to_waive(tmp_path):
    code, report = check_json(boot(tmp_path / "b", WAIVER + "    expires: 2020-01-01\n", config=GOOD))
    assert (code, rules_of(report)) == (1, [("waiver-expired", 3)])


def test_an_expired_waiver_of_another_rule_is_nobodys_business(tmp_path):
    folder = boot(tmp_path / "b", "  - {rule: quoted-value, reason: x, expires: 2020-01-01}\n", config=GOOD)
    code, report = check_json(folder)
    assert (code, report["findings"]) == (0, [])


# waivers of no use


def test_an_unused_waiver_is_told(tmp_path):
    folder = boot(tmp_path / "b", config=GOOD)
    code, report = check_json(folder)
    assert (code, rules_of(report)) == (0, [("waiver-unused", 3)])
    assert report["summary"]["hygiene"] == 1
    assert "{}:3:5: hygiene:".format(folder / ".scmguard.yaml") in scmguard("check", folder).out
    assert scmguard("check", folder, "--fail-on", "hygiene").returncode == 1


def test_a_waiver_of_a_rule_that_could_not_look_is_not_unused(tmp_path):
    folder = boot(tmp_path / "b", WAIVER + "  - {rule: unattended-upgrades-active, reason: x}\n", select=OTG + ", una*")
    assert rules_of(check_json(folder)[1]) == [(OTG, 2)]


def test_a_waiver_of_a_rule_that_was_not_selected_is_not_unused(tmp_path):
    assert rules_of(check_json(boot(tmp_path / "b", config=GOOD), "--select", "quoted-value")[1]) == []


@pytest.mark.parametrize("order", [("b", "c"), ("c", "b")])
def test_a_waiver_that_one_of_several_trees_uses_is_used(tmp_path, order):
    boot(tmp_path / "b", "  []\n")
    tree(tmp_path / "c", config_txt=GOOD)
    (tmp_path / "w.yaml").write_text("select: [{}]\nwaivers:\n{}".format(OTG, WAIVER))
    code, report = check_json(*(tmp_path / name for name in order), "--config", tmp_path / "w.yaml")
    assert (code, rules_of(report), report["trees"]) == (0, [(OTG, 2)], 2)


@pytest.mark.parametrize("path, unused", [("c/config.txt", False), ("b/config.txt", True), ("config.txt", True)])
def test_a_waiver_for_a_file_elsewhere_is_not_unused(tmp_path, path, unused):
    folder = boot(tmp_path / "b", WAIVER + "    path: {}\n".format(path), config=GOOD)
    assert rules_of(check_json(folder)[1]) == ([("waiver-unused", 3)] if unused else [])


def test_nothing_is_said_of_waivers_where_nothing_was_checked(tmp_path):
    folder = boot(tmp_path / "b", WAIVER + "    expires: 2020-01-01\n")
    code, report = check_json(tmp_path / "nowhere", "--config", folder / ".scmguard.yaml")
    assert (code, report["findings"], report["trees"]) == (3, [], 0)


def test_findings_about_waivers_cannot_be_waived(tmp_path):
    done = scmguard("check", boot(tmp_path / "b", "  - {rule: waiver-unused, reason: x}\n"))
    assert (done.returncode, done.out) == (2, "")
    assert "waiver-unused" in one_line(done.err)


# faults in the configuration


@pytest.mark.parametrize(
    "waiver, line, says",
    [
        ("  - rule: %s\n" % OTG, 3, "reason"),
        ("  - rule: %s\n    reason:\n" % OTG, 4, "reason"),
        ("  - rule: %s\n    reason: ' '\n" % OTG, 4, "reason"),
        ("  - rule: %s\n    reason: 1\n" % OTG, 4, "reason"),
        ("  - reason: x\n", 3, "rule"),
        ("  - reason: x\n    rule: [%s]\n" % OTG, 4, "rule"),
        ("  - reason: x\n    rule: otg-mode-enable\n", 3, "otg-mode-enable"),
        ("  - reason: x\n    rule: 'otg-*'\n", 3, "otg-*"),
        ("  - rule: internal-error\n    reason: x\n", 3, "internal-error"),
        (WAIVER + "    until: 2031-12-31\n", 5, "until"),
        (WAIVER + "    expire: 2031-12-31\n", 5, "did you mean expires"),
        (WAIVER + "    expires: soon\n", 5, "expires"),
        (WAIVER + "    expires: 2031-13-31\n", None, "month"),
        (WAIVER + "    expires: '2031-02-30'\n", 5, "expires"),
        (WAIVER + "    expires: 2031-12-31 10:00:00\n", 5, "expires"),
        (WAIVER + "    expires: 20311231\n", 5, "expires"),
        (WAIVER + "    expires: '2031-W01-1'\n", 5, "expires"),
        (WAIVER + "    expires:\n", 5, "expires"),
        (WAIVER + "    path: [config.txt]\n", 5, "path"),
        (WAIVER + "    path: ''\n", 5, "path"),
        (WAIVER + "    match: 1\n", 5, "match"),
        (WAIVER + WAIVER + "    match: 1\n", 7, "match"),
        ("  - %s\n" % OTG, 3, "mapping"),
        ("  rule: %s\n" % OTG, 2, "list"),
        ("", 2, "list"),
    ],
)
def test_fault_in_a_waiver(tmp_path, waiver, line, says):
    done = scmguard("check", boot(tmp_path / "b", waiver))
    assert (done.returncode, done.out) == (2, "")
    place = str(tmp_path / "b" / ".scmguard.yaml") + (":%d: " % line if line else "")
    assert place in one_line(done.err) and says in done.err


def test_the_configuration_in_the_readme_is_one(tmp_path):
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as stream:
        text = stream.read().split("## Configuration")[1].split("```yaml\n")[1].split("```")[0]
    (tmp_path / "w.yaml").write_text(text)
    (waiver,) = settings.load(str(tmp_path / "w.yaml")).waivers
    assert (waiver.rule, waiver.waived.expires) == ("boot-not-emmc", "2031-12-31")
    assert waiver.excerpt == text.splitlines()[waiver.place.line - 1] == "  - rule: boot-not-emmc"


# rules that demand a waiver


@pytest.mark.parametrize("how", ["option", "configuration"])
def test_a_rule_that_demands_a_waiver_is_not_ignored_by_its_id(tmp_path, how):
    folder = demanding(tmp_path)
    arguments = ["--ignore", "house-uart"] if how == "option" else []
    if not arguments:
        (folder / ".scmguard.yaml").write_text("rules: [rules]\nignore: [house-uart]\n")
    done = scmguard("check", folder, *arguments)
    assert (done.returncode, done.out) == (2, "")
    for word in ("house-uart", "waive", "reason", ".scmguard.yaml"):
        assert word in one_line(done.err)


@pytest.mark.parametrize("how", ["option", "configuration"])
def test_a_pattern_does_not_cover_a_rule_that_demands_a_waiver(tmp_path, how):
    folder = demanding(tmp_path)
    arguments = ["--select", "house-*"] + (["--ignore", "*-uart"] if how == "option" else [])
    if how == "configuration":
        (folder / ".scmguard.yaml").write_text("rules: [rules]\nignore: ['*-uart']\n")
    done = scmguard("check", folder, *arguments)
    assert done.returncode == 1 and "house-uart" in done.out
    assert "house-uart" in one_line(done.err) and "waiver" in done.err


def test_a_pattern_for_a_rule_that_is_not_checked_anyway_says_nothing(tmp_path):
    done = scmguard("check", demanding(tmp_path), "--select", OTG, "--select", "quoted-value", "--ignore", "*d")
    assert (done.returncode, done.err) == (0, "")


def test_ignoring_everything_is_no_check(tmp_path):
    assert scmguard("check", demanding(tmp_path), "--ignore", "*").returncode == 3


def test_a_waiver_silences_a_rule_that_demands_one(tmp_path):
    folder = demanding(tmp_path)
    text = "rules: [rules]\nselect: [house-uart]\nwaivers:\n  - {rule: house-uart, reason: the lab needs it}\n"
    (folder / ".scmguard.yaml").write_text(text)
    code, report = check_json(folder)
    assert (code, report["summary"]["brick"], report["summary"]["waived"]) == (0, 0, 1)


def test_the_page_of_a_rule_says_that_it_demands_a_waiver(tmp_path):
    folder = demanding(tmp_path)
    page = scmguard("rules", "house-uart", "--config", folder / ".scmguard.yaml").out
    assert "only waived" in page
    assert "only waived" not in scmguard("rules", "house-gpu", "--config", folder / ".scmguard.yaml").out


def test_the_waiver_key_of_a_rule_is_one_of_two_words(tmp_path):
    folder = house(tmp_path, "degraded", HOUSE_RULE.replace("check:", "waiver: maybe\ncheck:"))
    done = scmguard("check", folder)
    assert (done.returncode, done.out) == (2, "")
    assert "house-uart.yaml:11: waiver must be one of optional, required" in one_line(done.err)


# start-up


def test_without_waivers_their_module_is_not_imported(tmp_path):
    tree(tmp_path / "b", config_txt=GOOD)
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "scmguard", "check", str(tmp_path / "b"), "--select", OTG],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=staged(),
        env=environment(),
        timeout=60,
    )
    assert done.returncode == 0
    assert b"scmguard.cli.check" in done.stderr and b"scmguard.waivers" not in done.stderr
