"""What the commands share: settings, rulebook, boards, and turning paths into boot trees."""

import fnmatch
import os
import sys
from functools import partial
from typing import Any, Callable, Iterator, List, Mapping, Sequence, Tuple, Union

from scmguard.boot import Boot, Unreadable
from scmguard.cli.main import COULD_NOT, USAGE, fail
from scmguard.effective.board import BOARDS, Board
from scmguard.errors import RuleError
from scmguard.inputs import discover
from scmguard.inputs.discover import CannotTell, Request
from scmguard.lint import Job
from scmguard.rulebook import Profile, Rule, Rulebook, load
from scmguard.settings import Settings
from scmguard.settings import find as find_settings
from scmguard.settings import load as load_settings


def settings_for(paths: Sequence[str], options: Mapping[str, Any]) -> Settings:
    """The configuration file in force: the one named, or the one found upward from the first path."""
    given = options.get("config_file")
    try:
        if given:
            return load_settings(given)
        start = next((path for path in paths if path != "-"), options.get("root") or "")
        if not os.path.isdir(start):
            start = os.path.dirname(start)
        path = find_settings(start or os.curdir)
        return load_settings(path) if path else Settings()
    except RuleError as error:
        fail(USAGE, str(error))


def rulebook_for(settings: Settings) -> Rulebook:
    """All rules, with the house rules that the settings name."""
    try:
        return load(settings.rules)
    except RuleError as error:
        fail(USAGE if settings.rules else COULD_NOT, str(error))


def choose(book: Rulebook, settings: Settings, options: Mapping[str, Any]) -> Tuple[Profile, Tuple[Board, ...]]:
    """The profile and the boards. A single ``--board`` that is no profile's chooses that board's own profile."""
    names = tuple(options.get("boards") or ()) or settings.boards
    for name in names:
        if name not in BOARDS:
            fail(USAGE, "no board {!r}; boards are {}".format(name, " ".join(BOARDS)))
    wanted = options.get("profile") or settings.profile
    if wanted is None:
        # Without a word about the profile a board stands for itself; without a word at all it is the SCM, because to
        # guess wrong towards another profile would switch off the rules that prevent a brick.
        wanted = names[0] if names else "scm"
    if wanted not in book.profiles:
        fail(USAGE, "no profile {!r}; profiles are {}".format(wanted, " ".join(book.profiles)))
    profile = book.profiles[wanted]
    return profile, tuple(BOARDS[name] for name in names or (profile.board,))


def job_for(
    book: Rulebook, profile: Profile, boards: Tuple[Board, ...], settings: Settings, options: Mapping[str, Any]
) -> Job:
    """The rules of the profile, narrowed by ``--select`` and ``--ignore``."""
    select = tuple(options.get("select") or ()) or settings.select
    ignore = tuple(options.get("ignore") or ()) + settings.ignore
    for pattern in select + ignore:
        if not fnmatch.filter(book.rules, pattern):
            fail(USAGE, "no rule {!r}; `scmguard rules` lists them".format(pattern))
    rules: List[Rule] = [
        rule
        for rule in book.rules.values()
        if rule.applies_to(profile.name) and (not select or _matches(rule.id, select)) and not _matches(rule.id, ignore)
    ]
    if not rules:
        fail(COULD_NOT, "no rules are left to check with")
    return Job(tuple(rules), boards, profile.name, profile.parameters)


def _matches(id: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(id, pattern) for pattern in patterns)


def boots(paths: Sequence[str], options: Mapping[str, Any]) -> Iterator[Union[Boot, Unreadable]]:
    """The boot tree of each path, or why there is none."""
    request = Request(options.get("kind"), options.get("root"), options.get("stdin_filename"))
    if not paths:
        yield _attempt(partial(discover.this_machine, request), "")
    for path in paths:
        yield _attempt(partial(_named, path, request), path)


def _named(path: str, request: Request) -> Boot:
    if path == "-":
        return discover.from_stdin(sys.stdin.buffer.read(), request)
    return discover.from_path(path, request)


def _attempt(make: Callable[[], Boot], path: str) -> Union[Boot, Unreadable]:
    try:
        return make()
    except Unreadable as error:
        return error
    except CannotTell as error:
        where, _, reason = str(error).partition(": ")
        return Unreadable(where or path, reason)
