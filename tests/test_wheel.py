"""The installed wheel: it carries its grammars and rules in compiled form and starts without lark and ruamel.yaml."""

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path
from typing import Any, List

import pytest

from tests.places import TOP

BOOT = os.path.join(TOP, "tests", "boots", "raspios-bookworm")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: Any) -> Path:
    folder: Path = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), TOP]
    made = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if made.returncode and "No matching distribution" in made.stderr:
        pytest.skip("no package index to build the wheel with")
    assert made.returncode == 0, made.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: Any) -> Path:
    folder: Path = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    made = subprocess.run(
        [str(python), "-m", "pip", "install", "--quiet", str(wheel)], capture_output=True, text=True, timeout=600
    )
    assert made.returncode == 0, made.stderr
    return python


def run(python: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    # -I: nothing of the checkout may be found by accident.
    return subprocess.run([str(python), "-I", *arguments], capture_output=True, text=True, timeout=60, cwd="/")


def test_it_carries_grammars_rules_and_their_compiled_forms(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for stem in ("config_txt", "cmdline_txt", "apt_conf"):
        assert "scmguard/_data/grammars/{}.lark".format(stem) in names
        assert "scmguard/_data/compiled/{}.json".format(stem) in names
    assert "scmguard/_data/compiled/rules.json" in names
    rules = [name for name in os.listdir(os.path.join(TOP, "rules")) if name.endswith(".yaml")]
    assert all("scmguard/_data/rules/" + name in names for name in rules)
    assert "scmguard/schema/report-1.json" in names and "scmguard/py.typed" in names
    assert not [name for name in names if name.startswith(("tests/", "bench/", "rules/", "grammars/"))]


def test_it_needs_three_libraries_and_nothing_else(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    metadata = next(name for name in archive.namelist() if name.endswith("METADATA"))
    required: List[str] = [
        line.split(":", 1)[1].strip()
        for line in archive.read(metadata).decode().splitlines()
        if line.startswith("Requires-Dist")
    ]
    assert sorted(line.split(">")[0] for line in required if "extra" not in line) == [
        "click",
        "lark",
        "ruamel-yaml",
    ] or sorted(line.split(">")[0] for line in required if "extra" not in line) == ["click", "lark", "ruamel.yaml"]


def test_check_starts_without_lark_and_yaml(installed: Path) -> None:
    code = (
        "import sys; from scmguard.cli.main import cli\n"
        "try: cli(['check', {!r}])\n"
        "except SystemExit as end: print('code', end.code)\n"
        "print(sorted(set(sys.modules) & {{'lark', 'ruamel', 'ruamel.yaml', 'dataclasses', 'subprocess'}}))"
    ).format(BOOT)
    done = run(installed, "-c", code)
    assert done.stdout.endswith("code 1\n[]\n"), done.stdout + done.stderr


def test_it_says_what_the_checkout_says(installed: Path) -> None:
    arguments = ["-m", "scmguard", "check", "--format", "json", BOOT]
    there = run(installed, *arguments)
    here = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=60, cwd=TOP)
    assert there.returncode == here.returncode == 1
    assert json.loads(there.stdout) == json.loads(here.stdout)


def test_all_rules_are_there(installed: Path) -> None:
    listed = json.loads(run(installed, "-m", "scmguard", "rules", "--format", "json").stdout)
    assert {rule["id"] + ".yaml" for rule in listed} == {
        name for name in os.listdir(os.path.join(TOP, "rules")) if name.endswith(".yaml")
    }
