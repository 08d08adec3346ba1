"""What the commands share: settings, rulebook, boards, and turning paths into boot trees."""

import fnmatch
import gc
import os
import sys
from functools import partial
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    FrozenSet,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
    Union,
)

from scmguard.boot import Boot
from scmguard.cli.console import COULD_NOT, USAGE, complain, fail
from scmguard.effective.board import BOARDS, Board
from scmguard.errors import RuleError
from scmguard.finding import TreeReport
from scmguard.folder import Unreadable
from scmguard.inputs import discover
from scmguard.inputs.discover import Request
from scmguard.lint import Job
from scmguard.meant import did_you_mean
from scmguard.rulebook import Profile, Rule, Rulebook, load
from scmguard.settings import NAME, Settings
from scmguard.settings import find as find_settings
from scmguard.settings import load as load_settings

if TYPE_CHECKING:
    from scmguard.device.facts import Device

T = TypeVar("T")

#: What a device is taken for where nothing is said.
DEFAULT_PROFILE = "scm"


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


class Choice(NamedTuple):
    """The profile, the boards to check for, and the boards on which the profile's own rules run."""

    profile: Profile
    boards: Tuple[Board, ...]
    profile_boards: FrozenSet[str]


def choose(book: Rulebook, settings: Settings, options: Mapping[str, Any]) -> Choice:
    """The profile and the boards, from options or settings.

    Without a word about the profile it is the SCM, because to guess wrong towards another one would switch off the
    rules that prevent a brick. Only where boards are named without the SCM's does the first stand for itself.
    """
    names, said = _given("boards", options, settings.boards, settings)
    for name in names:
        if name not in BOARDS:
            fail(USAGE, "{}no board {!r}; boards are {}".format(said, name, " ".join(BOARDS)))
    wanted, said = _given("profile", options, () if settings.profile is None else (settings.profile,), settings)
    if not wanted:
        profile = book.profiles[DEFAULT_PROFILE]
        if names and profile.board not in names:
            profile = book.profiles[names[0]]
        return Choice(profile, _boards(names or (profile.board,)), frozenset([profile.board]))
    if wanted[0] not in book.profiles:
        fail(USAGE, "{}no profile {!r}; profiles are {}".format(said, wanted[0], " ".join(book.profiles)))
    profile = book.profiles[wanted[0]]
    boards = _boards(names or (profile.board,))
    return Choice(profile, boards, frozenset(board.name for board in boards))


def _boards(names: Sequence[str]) -> Tuple[Board, ...]:
    return tuple(BOARDS[name] for name in dict.fromkeys(names))


def _given(
    key: str, options: Mapping[str, Any], configured: Tuple[str, ...], settings: Settings
) -> Tuple[Tuple[str, ...], str]:
    """The values of an option, else those of the configuration, and what to put before a complaint about them."""
    given = options.get(key)
    values = (given,) if isinstance(given, str) else tuple(given or ())
    return (values, "") if values else (configured, "{}: ".format(settings.path))


def job_for(
    book: Rulebook, choice: Choice, settings: Settings, options: Mapping[str, Any], transaction: bool = False
) -> Job:
    """The rules of the profile, narrowed by ``--select`` and ``--ignore``; those about transactions for the gate alone.

    A rule that demands a waiver is not to be ignored: by its id that is an error, and a pattern does not cover it.
    """
    profile = choice.profile
    select, origin = _given("select", options, settings.select, settings)
    patterns = [(pattern, origin) for pattern in select] + [(pattern, "") for pattern in options.get("ignore") or ()]
    patterns += [(pattern, "{}: ".format(settings.path)) for pattern in settings.ignore]
    for pattern, said in patterns:
        if not fnmatch.filter(book.rules, pattern):
            hint = did_you_mean(pattern, book.rules) or "; `scmguard rules` lists them"
            fail(USAGE, "{}no rule {!r}{}".format(said, pattern, hint))
    ignore = tuple(options.get("ignore") or ()) + settings.ignore
    _refuse_to_ignore(book, options, settings)
    rules: List[Rule] = [
        rule
        for rule in book.rules.values()
        if rule.applies_to(profile.name) and (not select or _matches(rule.id, select))
        if transaction or "transaction" not in rule.needs
    ]
    for id in () if transaction else select:
        if id in book.rules and "transaction" in book.rules[id].needs:
            fail(USAGE, "{}{} is about transactions of apt and dpkg; the gate alone asks it".format(origin, id))
    ignored = [rule for rule in rules if _matches(rule.id, ignore)]
    if len(ignored) == len(rules):
        fail(COULD_NOT, "no rules are left to check with")
    kept = [rule.id for rule in ignored if rule.waiver == "required"]
    if kept:
        complain("note: {} is checked all the same: only a waiver with a reason silences it".format(", ".join(kept)))
    rules = [rule for rule in rules if rule.id in kept or not _matches(rule.id, ignore)]
    parameters = dict(profile.parameters)
    if settings.supervised:
        parameters["supervised"] = list(settings.supervised)
    return Job(tuple(rules), choice.boards, profile.name, parameters, choice.profile_boards)


def _refuse_to_ignore(book: Rulebook, options: Mapping[str, Any], settings: Settings) -> None:
    for ids, said in ((options.get("ignore") or (), ""), (settings.ignore, "{}: ".format(settings.path))):
        for id in ids:
            if id in book.rules and book.rules[id].waiver == "required":
                reason = "cannot be ignored; waive it, with a reason, under waivers: in {}".format(NAME)
                fail(USAGE, "{}{} {}".format(said, id, reason))


def device_for(boot: Boot, job: Job) -> "Optional[Device]":
    """The facts that the rules ask for, where the files are those of the machine that this runs on."""
    if not boot.live or boot.root is None:
        return None
    wanted = {fact for rule in job.rules for fact in rule.facts}
    from scmguard.device.identity import is_raspberry_pi

    if not wanted or not is_raspberry_pi(boot.root):
        return None
    from scmguard.device.gather import gather
    from scmguard.device.machine import LiveMachine

    return gather(LiveMachine(), wanted)


def with_waivers(reports: Iterator[TreeReport], settings: Settings, book: Rulebook, job: Job) -> Iterator[TreeReport]:
    """The reports with what the settings waive marked."""
    from scmguard import waivers

    verify_waivers(settings, book)
    return waivers.applied(reports, settings.waivers, {rule.id for rule in job.rules}, today())


def verify_waivers(settings: Settings, book: Rulebook) -> None:
    """Ends with one line where a waiver is for a rule that there is not."""
    from scmguard import waivers

    try:
        waivers.verify(settings.waivers, book.rules)
    except RuleError as error:
        fail(USAGE, str(error))


def today() -> str:
    """The date by which waivers expire, as in ``2031-12-31``: that of UTC."""
    from datetime import datetime, timezone

    return datetime.now(timezone.utc).date().isoformat()


def with_baseline(reports: Iterator[TreeReport], path: str, book: Rulebook) -> Iterator[TreeReport]:
    """The reports with what the baseline at ``path`` knows marked."""
    from scmguard.baseline import file, match

    try:
        baseline = file.read(path)
        file.verify(baseline, book.rules)
    except RuleError as error:
        fail(USAGE, str(error))
    return match.applied(reports, baseline)


def collecting(items: Iterable[T]) -> Iterator[T]:
    """Passes things on. The first one needs no collecting of garbage, which is off at start; many do."""
    for number, item in enumerate(items):
        if number == 1:
            gc.freeze()
            gc.enable()
        yield item


def _matches(id: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(id, pattern) for pattern in patterns)


def boots(paths: Sequence[str], options: Mapping[str, Any]) -> Iterator[Union[Boot, Unreadable]]:
    """The boot tree of each path, or why there is none."""
    request = Request(options.get("kind"), options.get("root"), options.get("stdin_filename"))
    if not paths:
        found = _attempt(partial(discover.this_machine, request))
        yield _explained(found) if isinstance(found, Unreadable) and request.root is None else found
    for path in paths:
        yield _attempt(partial(_named, path, request))


def _named(path: str, request: Request) -> Boot:
    if path == "-":
        return discover.from_stdin(sys.stdin.buffer.read(), request)
    return discover.from_path(path, request)


def _explained(error: Unreadable) -> Unreadable:
    """Why this machine has no boot files, where fstab tells: the boot partition is not mounted."""
    from scmguard.inputs.disk import DiskFolder
    from scmguard.rootfs.mounts import fstab

    try:
        lines = [mount for mount in fstab(DiskFolder("/", is_root=True)) if mount.is_boot]
    except Unreadable:
        return error
    reason = "{}; fstab has the boot partition at {}, so it is not mounted, or empty"
    return Unreadable(error.path, reason.format(error.reason, lines[0].target)) if lines else error


def _attempt(make: Callable[[], Boot]) -> Union[Boot, Unreadable]:
    try:
        return make()
    except Unreadable as error:
        return error
