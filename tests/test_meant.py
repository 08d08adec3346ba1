"""What a slip of the hand was meant to be, and words that are no slip."""

from typing import Any, List

import pytest

from scmguard.cli.main import COMMANDS
from scmguard.meant import did_you_mean, nearest
from tests.test_cli import scmguard


@pytest.mark.parametrize(
    "word, known, expected",
    [
        ("chekc", COMMANDS, "check"),
        ("gpu_men", ["gpu_mem", "kernel"], "gpu_mem"),
        ("gpu_mem", [], ""),
        ("xyzzy", COMMANDS, ""),
        ("", COMMANDS, ""),
        ("check" * 20, ["check" * 20], ""),
    ],
)
def test_nearest(word: str, known: List[str], expected: str) -> None:
    assert nearest(word, known) == expected
    assert did_you_mean(word, known) == ("; did you mean {}?".format(expected) if expected else "")


def test_how_like_it_has_to_be() -> None:
    assert nearest("gpu_mix", ["gpu_mem"]) == "gpu_mem"
    assert nearest("gpu_mix", ["gpu_mem"], 0.8) == ""


@pytest.mark.parametrize(
    "words, said",
    [
        (["chekc", "boot"], "no command 'chekc'; did you mean check? (see scmguard --help)"),
        (["/"], "no command '/'; did you mean check /? (see scmguard --help)"),
        (["xyzzy"], "no command 'xyzzy' (see scmguard --help)"),
        (["check", "--select", "otg-mode-enable"], "no rule 'otg-mode-enable'; did you mean otg-mode-enabled?"),
        (["check", "--select", "xyzzy-*"], "no rule 'xyzzy-*'; `scmguard rules` lists them"),
        (["rules", "otg-mode-enable"], "no rule 'otg-mode-enable'; did you mean otg-mode-enabled?"),
        (["rules", "xyzzy"], "no rule 'xyzzy'"),
    ],
)
def test_a_mistake_at_the_keyboard(words: List[str], said: str) -> None:
    done = scmguard(*words)
    assert (done.returncode, done.out, done.err) == (2, "", "scmguard: {}\n".format(said))


@pytest.mark.parametrize("words", [["--help"], ["-V"], ["check", "--help"]])
def test_what_is_no_mistake(words: List[str]) -> None:
    done = scmguard(*words)
    assert (done.returncode, done.err) == (0, "")


def test_a_word_that_is_neither_a_path_nor_asked_of_a_machine(tmp_path: Any) -> None:
    done = scmguard("show", "nowhere", "--root", tmp_path)
    assert done.returncode == 3 and done.err.endswith("; nor is there a file or folder nowhere\n"), done.err
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot" / "config.txt").write_text("gpu_mem=64\n")
    done = scmguard("show", "gpu_mem", "--root", tmp_path)
    assert done.returncode == 0 and "gpu_mem=64" in done.out and done.err == ""
