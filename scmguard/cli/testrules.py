"""``scmguard rules --test``: house rules checked, and their examples run."""

import os
import sys
from tempfile import TemporaryDirectory
from typing import Any, Dict, Iterator, List, Mapping, Sequence, Tuple

from scmguard.cli.common import settings_for
from scmguard.cli.console import COULD_NOT, FOUND, USAGE, complain, fail, print_pieces
from scmguard.errors import RuleError
from scmguard.examples import cases, faults
from scmguard.folder import Unreadable
from scmguard.rulebook import load
from scmguard.text import printable


def run(paths: Sequence[str], options: Mapping[str, Any]) -> int:
    """Tests the rules in the files and folders (else those that the configuration names); returns the exit code."""
    settings = settings_for(paths, options)
    folders = [os.path.realpath(folder) for folder in settings.rules]
    chosen = list(paths)
    if options["pre_commit"]:
        # It passes every YAML file. A changed configuration may name other folders, so that all are tested.
        everything = any(os.path.realpath(path) == os.path.realpath(settings.path or "") for path in paths)
        chosen = folders if everything else [path for path in paths if _is_in(path, folders)]
    elif not paths:
        chosen = folders
        if not folders:
            fail(USAGE, "no rules to test: name files or folders, or put them under rules: in .scmguard.yaml")
    try:
        with TemporaryDirectory(prefix="scmguard-rules-") as scratch:
            files = _staged(chosen, scratch) if options["staged"] else _on_disk(chosen)
            return _test(files)
    except Unreadable as error:
        fail(COULD_NOT, str(error))


def _is_in(path: str, folders: Sequence[str]) -> bool:
    return os.path.dirname(os.path.realpath(path)) in folders


def _on_disk(paths: Sequence[str]) -> Dict[str, str]:
    """The rule files by the paths that people know."""
    found: Dict[str, str] = {}
    for path in paths:
        if os.path.isdir(path):
            inside = sorted(name for name in os.listdir(path) if name.endswith((".yaml", ".yml")))
            found.update((os.path.join(path, name), os.path.join(path, name)) for name in inside)
        else:
            found[path] = path
    return found


def _staged(paths: Sequence[str], scratch: str) -> Dict[str, str]:
    """The same, as they are in the git index: copies in a folder that nobody else can write to."""
    from scmguard.inputs.git import Repository

    found: Dict[str, str] = {}
    if not paths:
        return found
    with Repository(os.curdir) as repository:
        index = repository.index()
        top = os.path.realpath(repository.top)
        for number, path in enumerate(paths):
            inner = os.path.relpath(os.path.realpath(path), top)
            names = [inner]
            if index.entry(inner) is None:
                names = ["{}/{}".format(inner, name) for name in index.below(inner).paths() if "/" not in name]
            for name in names:
                data = index.read(name) if name.endswith((".yaml", ".yml")) else None
                if data is None:
                    continue
                copy = os.path.join(scratch, str(number), os.path.basename(name))
                os.makedirs(os.path.dirname(copy), exist_ok=True)
                with open(copy, "wb") as stream:
                    stream.write(data)
                found[index.label(name)] = copy
    return found


def _test(files: Mapping[str, str]) -> int:
    """Reads the rules and runs their examples; every fault is a line."""
    said: List[str] = []
    tested = 0
    for label, path in files.items():
        for fault in _faults(label, path):
            said.append(fault)
        tested += 1
    print_pieces([printable(line) + "\n" for line in said], sys.stdout)
    if tested:
        print_pieces(["{} rule{} tested\n".format(tested, "" if tested == 1 else "s")], sys.stdout)
    elif not said:
        complain("note: none of the files is in a folder of house rules")
    return FOUND if said else 0


def _faults(label: str, path: str) -> Iterator[str]:
    with TemporaryDirectory(prefix="scmguard-rule-") as folder:
        # The rulebook reads folders; each rule is tested by itself, so that all faults are said.
        copy = os.path.join(folder, os.path.basename(path))
        try:
            with open(path, "rb") as stream, open(copy, "wb") as out:
                out.write(stream.read())
            book = load([folder])
        except RuleError as error:
            yield str(error).replace(copy, label).replace(folder, label)
            return
        except OSError as error:
            yield "{}: {}".format(label, (error.strerror or str(error)).lower())
            return
        stem = os.path.splitext(os.path.basename(path))[0]
        rule = book.rules.get(stem)
        if rule is None:
            return
        for name, (bad, example) in _named(cases(rule)):
            for fault in faults(rule, example, bad, book.profiles):
                yield "{}: {}: {}".format(label, name, fault)


def _named(found: Mapping[str, Tuple[bool, Mapping[str, Any]]]) -> Iterator[Tuple[str, Tuple[bool, Mapping[str, Any]]]]:
    for name, case in found.items():
        yield name.partition(" ")[2], case
