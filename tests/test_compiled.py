"""What tests keep of a checkout in compiled form counts for that state of it alone."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import scmguard

TOP = Path(scmguard.__file__).parents[1]


def copied(folder: Path) -> Path:
    for name in ("scmguard", "rules", "grammars"):
        shutil.copytree(TOP / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def run(checkout: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(checkout), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=checkout, env=environment, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


LOADED = (
    "import sys; from scmguard.rulebook import load; book = load(); "
    "print('ruamel.yaml' in sys.modules, len(book.rules), {})"
)


def test_a_change_of_a_rule_counts_at_once(tmp_path: Path) -> None:
    checkout = copied(tmp_path)
    said = LOADED.format("book.rules['usb-off'].summary")
    before = run(checkout, "-c", said)
    assert before.startswith("True ")
    run(checkout, "-m", "scmguard.compiled")
    assert run(checkout, "-c", said) == before.replace("True", "False", 1)
    rule = checkout / "rules/usb-off.yaml"
    rule.write_text(rule.read_text().replace("summary: ", "summary: Changed. ", 1))
    assert "Changed. " in run(checkout, "-c", said)
    (checkout / "rules/no-final-newline.yaml").unlink()
    number = int(before.split()[1])
    assert run(checkout, "-c", said).split()[:2] == ["True", str(number - 1)]


def test_what_was_kept_of_another_state_goes(tmp_path: Path) -> None:
    checkout = copied(tmp_path)
    run(checkout, "-m", "scmguard.compiled")
    first = os.listdir(checkout / ".compiled")
    run(checkout, "-m", "scmguard.compiled")
    assert os.listdir(checkout / ".compiled") == first and len(first) == 1
    (checkout / "rules/no-final-newline.yaml").unlink()
    run(checkout, "-m", "scmguard.compiled")
    assert len(os.listdir(checkout / ".compiled")) == 1 and os.listdir(checkout / ".compiled") != first
