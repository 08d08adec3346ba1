"""Shell completion, asked of the real shells."""

import os
import shutil
import subprocess
import sys

import pytest

from scmguard.cli.completion import script
from tests.places import staged
from tests.terminal import Interactive
from tests.test_cli import HOUSE_RULE, environment, house, one_line, scmguard, tree

SHELLS = ("bash", "zsh", "fish")


def needs(shell):
    if shutil.which(shell) is None:
        pytest.skip("{} is not here".format(shell))


@pytest.fixture
def home(tmp_path):
    """A folder with the program ``scmguard``, the scripts, and a boot folder."""
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "scmguard"
    program.write_text('#!/bin/sh\nexec {} -m scmguard "$@"\n'.format(sys.executable))
    program.chmod(0o755)
    for shell in SHELLS:
        (tmp_path / shell).write_text(script(shell))
    tree(tmp_path / "place" / "bootfolder", config_txt="")
    (tmp_path / "place" / "waivers.yaml").write_text("{}\n")
    return tmp_path


def variables(home):
    env = environment(HOME=str(home), PS1="$ ", COLUMNS="200", XDG_CONFIG_HOME=str(home), XDG_DATA_HOME=str(home))
    env["PATH"] = "{}:{}".format(home / "bin", env["PATH"])
    return env


def words(shell, home, line):
    """What a shell offers for the last word of a line."""
    needs(shell)
    if shell == "fish":
        code = 'source "$HOME/fish"; complete -C $argv[1]'
        command = ["fish", "--no-config", "-c", code, line]
    else:
        # What bash does at a Tab, with the shell's own words; files are left to the shell where it is asked for them.
        code = (
            'source "$HOME/bash"; read -ra COMP_WORDS <<<"$1"; case "$1" in *" ") COMP_WORDS+=("");; esac; '
            'COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); compopt() { echo "compopt $2"; }; '
            '_scmguard_completion scmguard; printf "%s\\n" "${COMPREPLY[@]}"'
        )
        command = ["bash", "--norc", "-c", code, "bash", line]
    done = subprocess.run(command, cwd=home / "place", env=variables(home), capture_output=True, text=True, timeout=60)
    assert done.stderr == "", done.stderr
    return [each.split("\t")[0] for each in done.stdout.splitlines() if each]


@pytest.mark.parametrize("shell", ["bash", "fish"])
@pytest.mark.parametrize(
    "line, offered, not_offered",
    [
        ("scmguard ru", ["rules"], ["check"]),
        ("scmguard rules otg", ["otg-mode-enabled"], ["dwc2-host-missing"]),
        ("scmguard rules dwc2-", ["dwc2-host-missing", "dwc2-gadget"], ["otg-mode-enabled"]),
        ("scmguard check --select root-", ["root-missing"], ["otg-mode-enabled"]),
        ("scmguard check --ignore dwc2-g", ["dwc2-gadget"], ["dwc2-host-missing"]),
        ("scmguard check --board cm", ["cm4", "cm4s", "cm5"], ["pi4"]),
        ("scmguard check --profile z", ["zymkey"], ["scm"]),
        ("scmguard seal --profile sc", ["scm"], ["zymkey"]),
        ("scmguard check --format ", ["text", "json"], ["scm"]),
        ("scmguard check --fail-on d", ["degraded"], ["brick"]),
        ("scmguard baseline up", ["update"], ["create"]),
        ("scmguard baseline update base.json --select otg", ["otg-mode-enabled"], []),
        ("scmguard completion z", ["zsh"], ["bash"]),
        ("scmguard check --no-w", ["--no-waivers"], ["--no-color"]),
        ("scmguard rules nothing-like-it", [], ["otg-mode-enabled", "place", "bootfolder"]),
    ],
)
def test_words_that_are_offered(shell, home, line, offered, not_offered):
    found = words(shell, home, line)
    assert set(offered) <= set(found), found
    assert not set(not_offered) & set(found)


@pytest.mark.parametrize("shell", ["bash", "fish"])
@pytest.mark.parametrize(
    "line, kind, path",
    [
        ("scmguard check bootf", "default", "bootfolder/"),
        ("scmguard check --config waiv", "default", "waivers.yaml"),
        ("scmguard check --baseline waiv", "default", "waivers.yaml"),
        ("scmguard show bootf", "default", "bootfolder/"),
        ("scmguard check --root bootf", "dirnames", "bootfolder/"),
        ("scmguard init bootf", "dirnames", "bootfolder/"),
    ],
)
def test_paths_are_left_to_the_shell(shell, home, line, kind, path):
    assert words(shell, home, line) == (["compopt " + kind] if shell == "bash" else [path])


def test_house_rules_are_offered_too(home):
    folder = house(home, "brick", HOUSE_RULE)
    (home / "place" / ".scmguard.yaml").write_text("rules: [{}]\n".format(folder / "rules"))
    assert words("bash", home, "scmguard rules house") == ["house-uart"]
    (home / "place" / ".scmguard.yaml").write_text("rules: [\n")
    assert words("bash", home, "scmguard rules otg") == ["otg-mode-enabled"]


COMMANDS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
}
BEGIN = {
    "bash": 'bind "set bell-style none"; eval "$(scmguard completion bash)"; echo rea""dy\n',
    "zsh": 'autoload -Uz compinit; compinit -u -D; eval "$(scmguard completion zsh)"; unsetopt beep; echo rea""dy\n',
}


@pytest.mark.parametrize("shell", COMMANDS)
def test_a_tab_on_a_terminal(shell, home):
    needs(shell)
    terminal = Interactive(COMMANDS[shell], cwd=str(home / "place"), env=variables(home))
    try:
        terminal.type(BEGIN[shell])
        terminal.wait_for("ready\r\n")
        terminal.type("scmguard rules otg\t")
        terminal.wait_for("-mode-enabled")
        terminal.type("\x15scmguard check bootf\t")
        terminal.wait_for("older")
        terminal.type("\x15scmguard rules dwc2-\t\t")
        assert "dwc2-host-missing" in terminal.wait_for("dwc2-host-missing")
        terminal.type("\x15exit\n")
    finally:
        terminal.close()


def test_zsh_finds_the_script_as_a_function_of_its_own(home):
    """As the Debian package installs it."""
    needs("zsh")
    functions = home / "functions"
    functions.mkdir()
    shutil.copy(str(home / "zsh"), str(functions / "_scmguard"))
    terminal = Interactive(COMMANDS["zsh"], cwd=str(home / "place"), env=variables(home))
    try:
        terminal.type('fpath=({} $fpath); autoload -Uz compinit; compinit -u -D; echo rea""dy\n'.format(functions))
        terminal.wait_for("ready\r\n")
        terminal.type("scmguard rules otg\t")
        terminal.wait_for("-mode-enabled")
    finally:
        terminal.close()


@pytest.mark.parametrize("shell", SHELLS)
def test_the_command_prints_the_script(shell):
    done = scmguard("completion", shell)
    assert (done.returncode, done.out, done.err) == (0, script(shell), "")


def test_other_shells_have_none():
    done = scmguard("completion", "csh")
    assert (done.returncode, done.out) == (2, "")
    assert "csh" in one_line(done.err)


def test_the_script_is_made_without_a_shell(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "scmguard", "completion", "bash"],
        env={**environment(), "PATH": str(tmp_path)},
        cwd=staged(),
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0 and done.stdout and done.stderr == b""
    assert os.listdir(tmp_path) == []
