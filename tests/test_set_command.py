"""``scmguard set`` and ``unset`` as whole programs: what they print, their exit codes, and what they leave alone."""

import json
import os
import subprocess
import sys
from typing import Any, Dict, List

import jsonschema
import pytest

from scmguard import assets
from tests.places import TOP, staged

STOCK = os.path.join(TOP, "tests", "boots", "raspios-bookworm")
BAD = ("set", "dtoverlay=dwc2")


class Folder:
    """A boot folder of an SCM without a fault in it."""

    def __init__(self, top: Any) -> None:
        self.top = top
        self.config, self.cmdline = top / "config.txt", top / "cmdline.txt"
        self.config.write_text("arm_boost=1\n[all]\ndtoverlay=dwc2,dr_mode=host\n")
        self.cmdline.write_text("console=tty1 root=/dev/mapper/cryptrfs rootwait\n")

    def run(self, *words: str, profile: str = "scm") -> "subprocess.CompletedProcess[str]":
        env = {**os.environ, "PYTHONPATH": staged(), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "scmguard", *words, "--profile", profile]
        if "--file" not in words and "--root" not in words:
            command += ["--file", str(self.config)]
        done = subprocess.run(
            command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, cwd=self.top
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def names(self) -> List[str]:
        return sorted(os.listdir(self.top))


@pytest.fixture
def folder(tmp_path: Any) -> Folder:
    return Folder(tmp_path)


def test_changed_and_unchanged(folder: Folder) -> None:
    done = folder.run("set", "gpu_mem=64", "enable_uart=0")
    assert (done.returncode, done.stdout, done.stderr) == (0, "changed\n", "")
    assert folder.config.read_text().endswith("dr_mode=host\ngpu_mem=64\nenable_uart=0\n")
    os.utime(folder.config, ns=(1, 1))
    before = os.stat(folder.config)
    done = folder.run("set", "gpu_mem=64", "enable_uart=0", "--section", "all")
    assert (done.returncode, done.stdout, done.stderr) == (0, "unchanged\n", "")
    after = os.stat(folder.config)
    assert (after.st_ino, after.st_mtime_ns, after.st_size) == (before.st_ino, 1, before.st_size)
    done = folder.run("unset", "gpu_mem", "enable_uart")
    assert (done.returncode, done.stdout) == (0, "changed\n") and "gpu_mem" not in folder.config.read_text()
    assert folder.run("unset", "gpu_mem").stdout == "unchanged\n" and folder.names() == ["cmdline.txt", "config.txt"]


def test_what_would_brick_the_device_is_refused_unless_somebody_answers_for_it(folder: Folder) -> None:
    before = folder.config.read_text()
    done = folder.run("set", "dtoverlay=dwc2")
    assert (done.returncode, done.stdout) == (1, "") and "brick[dwc2-host-missing]" in done.stderr, done.stderr
    assert "nothing was changed" in done.stderr and folder.config.read_text() == before
    assert folder.run("unset", "dtoverlay=dwc2").returncode == 1 and folder.config.read_text() == before
    assert folder.run("set", "dtoverlay=dwc2", profile="pi4").returncode == 0
    folder.config.write_text(before)
    done = folder.run("set", "dtoverlay=dwc2", "--force", "--reason", "on the\nbench")
    assert (done.returncode, done.stdout) == (0, "changed\n")
    assert ": on the bench" in done.stderr and folder.config.read_text() == before + "dtoverlay=dwc2\n"


@pytest.mark.parametrize(
    "words",
    [
        ("set", "gpu_mem"),
        ("set", "gpu_mem=1", "gpu_mem=2"),
        ("set", "gpu_mem=1", "--section", "none"),
        ("set", "gpu_mem=1", "--force"),
        ("set", "gpu_mem=1", "--reason", "x"),
        ("set",),
        ("set", "a b=1"),
        ("unset", "gpu_mem=1"),
        ("unset", "dtoverlay"),
        ("unset", "gpu_mem", "--section", "rpi4"),
        ("set", "quiet", "--file", "cmdline.txt", "--section", "all"),
        ("set", "BOOT_ORDER=0xf1", "--file", "bootconf.txt"),
        ("set", "gpu_mem=1", "--board", "pi9"),
    ],
)
def test_wrong_usage(folder: Folder, words: List[str]) -> None:
    before = folder.config.read_text()
    done = folder.run(*words)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and done.stdout == "", done.stderr
    assert folder.config.read_text() == before


def test_what_cannot_be_put_into_effect(folder: Folder) -> None:
    before = folder.config.read_text()
    (folder.top / "bootconf.txt").write_text("[config.txt]\ngpu_mem=7\n")
    done = folder.run("set", "gpu_mem=64")
    assert done.returncode == 3 and "it is 7 ({}:2)".format(folder.top / "bootconf.txt") in done.stderr, done.stderr
    done = folder.run("set", "kernel=a", "dtoverlay=lirc-rpi")
    assert done.returncode == 3 and folder.config.read_text() == before, "all or nothing"
    done = folder.run("set", "gpu_mem=64", "--file", "no/config.txt")
    assert done.returncode == 3 and "no such folder" in done.stderr


def test_a_dry_run_prints_a_patch(folder: Folder) -> None:
    before = folder.config.read_text()
    done = folder.run("set", "gpu_mem=64", "--dry-run")
    assert done.returncode == 0 and folder.config.read_text() == before
    patched = subprocess.run(["patch", "-p0", "-o", "-"], input=done.stdout, capture_output=True, text=True, cwd="/")
    assert patched.stdout.endswith("gpu_mem=64\n"), done.stdout + patched.stderr
    assert folder.run("set", "arm_boost=1", "--dry-run").stdout == ""
    assert folder.run("set", "dtoverlay=dwc2", "--dry-run").returncode == 1


def test_json(folder: Folder) -> None:
    schema = json.loads(assets.package_file("schema", "change-1.json"))

    def said(*words: str) -> Dict[str, Any]:
        found: Dict[str, Any] = json.loads(folder.run(*words, "--format", "json").stdout)
        jsonschema.validate(found, schema)
        return found

    dry = said("set", "gpu_mem=64", "--dry-run")
    assert (dry["result"], dry["dry_run"], dry["path"]) == ("changed", True, str(folder.config))
    assert "+gpu_mem=64\n" in dry["diff"] and dry["findings"] == []
    real = said("set", "gpu_mem=64")
    assert (real["result"], real["diff"], real["dry_run"]) == ("changed", dry["diff"], False)
    assert said("set", "gpu_mem=64")["result"] == "unchanged"
    # Bytes that are no text come back as they are.
    folder.config.write_bytes(folder.config.read_bytes() + b"# \xff\n")
    assert "# \udcff\n" in said("unset", "gpu_mem")["diff"]
    refused = said("set", "dtoverlay=dwc2")
    assert refused["result"] == "refused" and refused["findings"][0]["rule"] == "dwc2-host-missing"


def test_the_command_line(folder: Folder) -> None:
    words = ("quiet", "console=tty1", "--file", "cmdline.txt")
    assert folder.run("set", *words).stdout == "changed\n" and folder.run("set", *words).stdout == "unchanged\n"
    assert folder.cmdline.read_text() == "console=tty1 root=/dev/mapper/cryptrfs rootwait quiet\n"
    done = folder.run("unset", "root", "--file", "cmdline.txt")
    assert done.returncode == 1 and "root-missing" in done.stderr, done.stderr
    assert folder.run("unset", "quiet", "--file", "cmdline.txt").stdout == "changed\n"
    folder.config.write_text(folder.config.read_text() + "cmdline=other.txt\n")
    done = folder.run("set", "quiet", "--file", "cmdline.txt")
    assert done.returncode == 3 and "the command line is another" in done.stderr, done.stderr


def test_a_root_file_system_and_its_command_line(folder: Folder) -> None:
    place = folder.top / "root" / "boot" / "firmware"
    place.mkdir(parents=True)
    for name in ("config.txt", "cmdline.txt"):
        (folder.top / name).rename(place / name)
    root = ("--root", str(folder.top / "root"))
    assert folder.run("set", "gpu_mem=64", *root).stdout == "changed\n"
    assert (place / "config.txt").read_text().endswith("gpu_mem=64\n")
    assert folder.run("set", "quiet", "--as", "cmdline.txt", *root).stdout == "changed\n"
    assert (place / "cmdline.txt").read_text().endswith(" quiet\n")


@pytest.mark.parametrize("name", ["tryboot.txt", "autoboot.txt"])
def test_other_files_of_the_format(folder: Folder, name: str) -> None:
    (folder.top / name).write_text("[all]\n")
    key = "boot_partition=2" if name == "autoboot.txt" else "gpu_mem=64"
    done = folder.run("set", key, "--section", "tryboot", "--file", name, "--fail-on", "brick", profile="pi4")
    assert done.stdout == "changed\n", done.stderr
    assert (folder.top / name).read_text() == "[all]\n[tryboot]\n{}\n[all]\n".format(key)


def test_the_stock_file(tmp_path: Any) -> None:
    """What an SCM needs is under another board's section there, and what it must not have is in effect."""
    folder = Folder(tmp_path)
    with open(os.path.join(STOCK, "config.txt"), encoding="utf-8") as stream:
        stock = stream.read()
    folder.config.write_text(stock)
    done = folder.run("set", "otg_mode=0", "dtoverlay=dwc2,dr_mode=host")
    assert (done.returncode, done.stdout) == (0, "changed\n"), done.stderr
    assert folder.config.read_text() == stock + "otg_mode=0\ndtoverlay=dwc2,dr_mode=host\n"


def test_several_at_once_do_not_lose_anything(folder: Folder) -> None:
    """Scripts that run at the same time wait for each other."""
    env = {**os.environ, "PYTHONPATH": staged()}
    several = [
        subprocess.Popen(
            [sys.executable, "-m", "scmguard", "set", "my_key{}=1".format(number), "--file", str(folder.config)],
            env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for number in range(4)
    ]  # fmt: skip
    said = [process.communicate(timeout=120) for process in several]
    done = [process.returncode for process in several]
    written = {line for line in folder.config.read_text().splitlines() if line.startswith("my_key")}
    assert len(written) == done.count(0) and all(code in (0, 3) for code in done), said
    assert all("is being changed by" in err for code, (_, err) in zip(done, said) if code == 3)


def test_a_hostile_file_is_no_trouble(folder: Folder) -> None:
    for data in (b"\xff\xfe\x00[\x00", b"[" * 5000, b"\x00" * 10000, b"a=\x1b]0;x\x07\n", b"include config.txt\n"):
        folder.config.write_bytes(data)
        done = folder.run("set", "gpu_mem=64", profile="pi4")
        assert done.returncode in (0, 1, 3) and "\x1b" not in done.stderr + done.stdout
        assert done.returncode == 0 or folder.config.read_bytes() == data
