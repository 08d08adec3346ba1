"""Every real file parses, prints back, and evaluates on every board without a crash."""

import os
from typing import Iterator, List

import pytest

from scmguard import rulebook
from scmguard.boot import Boot
from scmguard.effective import evaluate
from scmguard.effective.board import BOARDS
from scmguard.effective.view import view
from scmguard.folder import MemoryFolder
from scmguard.lint import BUILT_IN, Job, run
from scmguard.parse.cmdline_txt import CommandLine
from scmguard.parse.config_txt import Document
from scmguard.text import Source, encode
from tests.places import CORPUS, needs_corpus

BOOK = rulebook.load()
CONFIG_LIKE = ("config", "config_templated", "autoboot_tryboot")


def files(*folders: str) -> Iterator[str]:
    for folder in folders:
        inner = os.path.join(CORPUS, folder)
        if os.path.isdir(inner):
            yield from (os.path.join(inner, name) for name in sorted(os.listdir(inner)))


def data_of(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read()


@needs_corpus
def test_the_corpus_is_whole() -> None:
    assert len(list(files("config"))) >= 448 and len(list(files("cmdline"))) >= 181


@needs_corpus
def test_config_files_print_back() -> None:
    for path in files(*CONFIG_LIKE):
        data = data_of(path)
        source = Source(path, data)
        assert (b"\xef\xbb\xbf" if source.bom else b"") + encode(Document(source).text()) == data, path


@needs_corpus
def test_command_lines_print_back() -> None:
    for path in files("cmdline"):
        line = CommandLine(Source(path, data_of(path)))
        assert line.tree().text() == line.tree("initramfs_tools").text() == line.text, path


@needs_corpus
@pytest.mark.parametrize("board", sorted(BOARDS))
def test_config_files_evaluate(board: str) -> None:
    for path in files(*CONFIG_LIKE):
        config = evaluate(Boot(MemoryFolder({"config.txt": data_of(path)})), BOARDS[board])
        assert view(config)["board"] == board
        config.usb, config.storage  # noqa: B018


@needs_corpus
@pytest.mark.parametrize("profile", ["scm", "cm4", "pi4", "pi5", "pi02"])
def test_no_rule_crashes(profile: str) -> None:
    chosen = BOOK.profiles[profile]
    rules = tuple(rule for rule in BOOK.rules.values() if rule.applies_to(profile))
    job = Job(rules, (BOARDS[chosen.board],), profile, chosen.parameters)
    lines: List[bytes] = [data_of(path) for path in files("cmdline")]
    for number, path in enumerate(files(*CONFIG_LIKE)):
        tree = {"config.txt": data_of(path), "cmdline.txt": lines[number % len(lines)]}
        crashed = [one.message for one in run(job, Boot(MemoryFolder(tree))).findings if one.rule in BUILT_IN]
        assert crashed == [], path
