"""The documentation is well formed, and every command line in it (and in the hooks) is one that the program takes."""

import os
import re
import shlex
from typing import Iterator, List, Tuple

import click
import pytest

from scmguard.cli.main import cli
from tests.places import TOP

# Words that stand for others.
_PLACE = re.compile(r"[A-Z][A-Z0-9_]*|\.\.\.|…")
_SPAN = re.compile(r"`+(scmguard [^`]+?)`+")
_BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.M | re.S)
_CALL = re.compile(r"(?:^|[\s$#(;|&])(?:\S*/)?scmguard (.+)")


def texts() -> Iterator[Tuple[str, str]]:
    for folder, inner, names in os.walk(TOP):
        inner[:] = [
            name for name in inner if not name.startswith(".") and name not in ("build", "tests", "node_modules")
        ]
        for name in names:
            if name.endswith(".md"):
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8") as stream:
                    yield os.path.relpath(path, TOP), stream.read()


def command_lines() -> Iterator[Tuple[str, str]]:
    """The place and what stands behind the program's name."""
    for path, text in texts():
        for match in _SPAN.finditer(_BLOCK.sub("", text)):
            yield path, match.group(1)[len("scmguard ") :]
        for block in _BLOCK.findall(text):
            # What the program prints speaks of commands, too: only what somebody types is one.
            console = any(line.startswith(("$ ", "# ")) and "scmguard " in line for line in block.splitlines())
            for line in block.splitlines():
                typed = line.startswith(("$ ", "# ")) if console else not line.startswith(("scmguard:", "#"))
                found = _CALL.search(line) if typed else None
                if found:
                    yield path, found.group(1)
    with open(os.path.join(TOP, ".pre-commit-hooks.yaml"), encoding="utf-8") as stream:
        for entry in re.findall(r"^  entry: scmguard (.*)$", stream.read(), re.M):
            yield ".pre-commit-hooks.yaml", entry


LINES = sorted(set(command_lines()))


def words_of(line: str) -> List[str]:
    return shlex.split(re.split(r" *(?:[|;>]|&&|  #)", line)[0], comments=True)


def unknown(line: str) -> List[str]:
    """The words of a command line that are no command or option."""
    command: click.Command = cli
    context = click.Context(command)
    for word in words_of(line):
        if isinstance(command, click.Group) and not word.startswith("-"):
            inner = command.get_command(context, word)
            if inner is None:
                return [] if _PLACE.fullmatch(word) else [word]
            command, context = inner, click.Context(inner, parent=context, info_name=word)
            continue
        if word.startswith("-") and word != "-":
            names = {name for one in command.get_params(context) for name in (*one.opts, *one.secondary_opts)}
            if word.partition("=")[0] not in names:
                return [word]
    return []


@pytest.mark.parametrize("path, line", LINES)
def test_command_line(path: str, line: str) -> None:
    assert unknown(line) == []


def test_there_are_such_lines() -> None:
    assert len(LINES) > 60
    for line in ("nope", "check --new-only", "guard nope", "guard override --nope"):
        assert unknown(line) != []
    for line in ("check - --profile pi4", "guard override --reason TEXT", "COMMAND", "-V"):
        assert unknown(line) == []


def test_every_fence_is_closed_and_none_is_inside_another() -> None:
    for path, text in texts():
        opened = ""
        for number, line in enumerate(text.splitlines(), 1):
            if line.startswith("```"):
                # An opening fence says what is in it; a closing one says nothing.
                assert (line == "```") == bool(opened), "{}:{}".format(path, number)
                opened = "" if opened else line
        assert not opened, path


def test_links_lead_to_files_and_headings_that_are_there() -> None:
    count = 0
    for path, text in texts():
        for target in re.findall(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"", _BLOCK.sub("", text)):
            name, _, heading = "".join(target).partition("#")
            if re.match(r"[a-z]+:", name):
                continue
            count += 1
            place = (
                os.path.normpath(os.path.join(TOP, os.path.dirname(path), name)) if name else os.path.join(TOP, path)
            )
            assert os.path.exists(place), "{}: {}".format(path, name)
            if heading:
                with open(place, encoding="utf-8") as stream:
                    found = [anchor(line) for line in stream if line.startswith("#")]
                assert heading in found, "{}: #{}".format(path, heading)
    assert count > 200


def anchor(line: str) -> str:
    """What a heading is called in links, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", line.strip("# \n").lower()).replace(" ", "-")
