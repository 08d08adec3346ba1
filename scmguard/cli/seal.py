"""``scmguard seal``."""

import os
import signal
import sys
import time
from types import FrameType
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple, Union

from scmguard.boot import Boot
from scmguard.cli.common import choose, job_for, rulebook_for, settings_for, with_waivers
from scmguard.cli.console import COULD_NOT, FOUND, complain, drop, fail, print_pieces, write_pieces
from scmguard.device.facts import Device, Signed
from scmguard.device.gather import gather
from scmguard.device.ledger import FOLDER, Damaged, of, parse
from scmguard.device.machine import LiveMachine, Machine
from scmguard.finding import Finding, at_least
from scmguard.folder import Unreadable
from scmguard.inputs import discover
from scmguard.inputs.discover import Request
from scmguard.lint import run as lint
from scmguard.report import text
from scmguard.report.session import Style
from scmguard.rulebook import Rule
from scmguard.seal.plan import ASKED, CHANGED, INTERRUPTED, Impossible, Item, Plan, plan
from scmguard.seal.sign import Failed, changed, sign_all
from scmguard.seal.store import Refused, Store
from scmguard.text import date

# What signing itself puts right.
_CURED = frozenset(["supervised-file-changed"])
_REFUSES_AT = "no-boot"


def run(options: Mapping[str, Any]) -> int:
    """Checks this machine's boot files, has the changed ones signed, and returns the exit code."""
    if os.geteuid() != 0:
        fail(COULD_NOT, "seal has files signed and writes /{}: run it as root".format(FOLDER))
    return seal(LiveMachine(), "/" + FOLDER, options)


def prepare() -> None:
    """Ends the program where files of this machine could not be signed, whatever is in them."""
    if os.geteuid() != 0:
        fail(COULD_NOT, "nothing was written: to have files signed takes root")
    try:
        boot = discover.this_machine(Request())
    except Unreadable as error:
        fail(COULD_NOT, str(error))
    device = gather(LiveMachine())
    if _manifest(device):
        _mounted(boot, device)
        _ledger(device, False)


def ledger_now() -> Optional[bytes]:
    """The ledger's bytes: as long as they are the same, no signature was asked for. None where there is none."""
    try:
        return Store("/" + FOLDER).read()
    except OSError:
        return None


def seal(machine: Machine, folder: str, options: Mapping[str, Any]) -> int:
    """As :func:`run`, with the machine to ask and the folder of the ledger given."""
    try:
        boot = discover.this_machine(Request())
        for note in boot.notes:
            complain("note: {}".format(note))
        device = gather(machine)
        manifest = _manifest(device)
        if not manifest:
            _say(["nothing is supervised: the module's list is empty, so Supervised Boot is off\n"])
            return 0
        _mounted(boot, device)
        known = _ledger(device, options["rebuild"])
        # The files are taken down before the rules read them: what is changed from then on is not signed.
        todo = _plan(boot, manifest, known, options["all_"])
        worst = _refused(boot, device, options)
        if worst:
            return worst
    except Unreadable as error:
        fail(COULD_NOT, str(error))
    if isinstance(todo, Impossible):
        for line in todo.lines:
            complain(line)
        fail(COULD_NOT, "nothing was signed; put the file back, or take it off the module's list")
    _say(_lines(todo))
    if options["dry_run"]:
        return 0
    return _sign(machine, boot, todo, Store(folder), None if options["rebuild"] else known)


def _plan(boot: Boot, manifest: Tuple[str, ...], known: Mapping[str, Signed], every: bool) -> Union[Plan, Impossible]:
    """What to sign; or why that is not possible, which is said after what the rules find. Raises Unreadable."""
    try:
        return plan(boot.files, manifest, known, every)
    except Impossible as error:
        return error


def _mounted(boot: Boot, device: Device) -> None:
    """Ends the program where the files are not those of the mounted boot partition.

    The module would sign what the firmware never reads.
    """
    mount = device.boot_mount
    if not mount.known:
        reason = "whether the boot partition is mounted is not known: {}".format(mount.unknown)
    elif mount.value is None:
        reason = "the boot partition at {} is not mounted: these files are none that the firmware reads"
        reason = reason.format(boot.files.path)
    elif os.path.realpath(boot.files.path) != os.path.realpath(mount.value.path):
        reason = "the boot partition is mounted at {}, and these files are in {}"
        reason = reason.format(mount.value.path, boot.files.path)
    else:
        return
    fail(COULD_NOT, "nothing was signed: {}".format(reason))


def _manifest(device: Device) -> Tuple[str, ...]:
    for fact, what in ((device.manifest, "which files are supervised"), (device.binding, "the state of the module")):
        if not fact.known:
            fail(COULD_NOT, "nothing was signed: {} is not known: {}".format(what, fact.unknown))
    return device.manifest.value or ()


def _ledger(device: Device, rebuild: bool) -> Mapping[str, Signed]:
    if device.ledger.known:
        return {} if rebuild else of(device.ledger.value)
    if not rebuild:
        fail(COULD_NOT, "nothing was signed: {}".format(device.ledger.unknown))
    complain("note: {}; all files are signed again".format(device.ledger.unknown))
    return {}


def _refused(boot: Boot, device: Device, options: Mapping[str, Any]) -> int:
    """The exit code where the files must not be signed as they are; 0 where they may."""
    settings = settings_for((), options)
    book = rulebook_for(settings)
    job = job_for(book, choose(book, settings, options), settings, options)
    reports = [lint(job, boot, device)]
    if settings.waivers:
        reports = list(with_waivers(iter(reports), settings, book, job))
    for path, reason in reports[0].problems:
        complain("{}: {}".format(path, reason))
    against = [finding for finding in reports[0].findings if _speaks_against(finding)]
    if not against:
        if reports[0].problems:
            complain("nothing was signed: what could not be read was not checked")
        return COULD_NOT if reports[0].problems else 0
    _say(text.trees([reports[0]._replace(findings=against)], _by_id(book.rules), Style()))
    rules = ", ".join(dict.fromkeys(finding.rule for finding in against))
    complain("nothing was signed: with these files the next boot would fail ({})".format(rules))
    return COULD_NOT if any(finding.rule == "internal-error" for finding in against) else FOUND


def _speaks_against(finding: Finding) -> bool:
    return finding.waived is None and finding.rule not in _CURED and at_least(finding.severity, _REFUSES_AT)


def _by_id(rules: Mapping[str, Rule]) -> "dict[str, Rule]":
    return dict(rules)


def _lines(todo: Plan) -> List[str]:
    lines = ["{}: {}\n".format(item.name, _why(item)) for item in todo.items]
    count = len(todo.unchanged)
    if count:
        lines.append("{} as {} signed\n".format(_files(count), "it was" if count == 1 else "they were"))
    return lines


def _why(item: Item) -> str:
    if item.why == CHANGED:
        return "to sign: changed since {}".format(date(item.signed))
    if item.why == INTERRUPTED:
        return "to sign: signing was interrupted at {}".format(date(item.signed))
    if item.why == ASKED:
        return "to sign: unchanged since {}, and asked for".format(date(item.signed))
    return "to sign: not in the ledger, so nobody knows what of it was signed"


class _Stop:
    """Whether somebody wants an end: signals are heard between two files, so that each is signed or not.

    A connection that is lost (SIGHUP) asks for none: nobody would read what is signed and what is not.
    """

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._hear)

    def _hear(self, _number: int, _frame: Optional[FrameType]) -> None:
        self.asked = True


class _Teller:
    """Says what is signed. Whether anybody can read it changes nothing of what is done; ``lost`` is why not."""

    def __init__(self) -> None:
        self.lost = ""

    def say(self, line: str) -> None:
        try:
            write_pieces([line], sys.stdout)
        except OSError as error:
            self.lost = (error.strerror or str(error)).lower()
            drop(sys.stdout)


def _sign(machine: Machine, boot: Boot, todo: Plan, store: Store, known: Optional[Mapping[str, Signed]]) -> int:
    """Signs what is planned. ``known`` is the ledger that it was planned with; None where that does not matter."""
    stop, teller, done = _Stop(), _Teller(), []
    try:
        with store.opened() as held:
            if known is not None and _entries(held.read()) != known:
                raise Refused("another scmguard has signed meanwhile")
            # An edit may be in memory alone. Were the power cut after its signature, the disk would have the file from
            # before: on Linux this waits until all is written (sync(2)).
            os.sync()
            for entry in sign_all(machine, boot.files, todo, held, time.time):
                done.append(entry.name)
                teller.say("{}: signed\n".format(entry.name))
                if stop.asked and len(done) < len(todo.items):
                    return _ended(todo, done, "interrupted")
            again = changed(boot.files, todo)
            if again:
                return _ended(todo, done, "changed while others were looked at: {}".format(", ".join(again)))
    except (Failed, Refused, Unreadable) as error:
        return _ended(todo, done, str(error))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        return _ended(todo, done, "the ledger cannot be written: {}: {}".format(error.filename or "/" + FOLDER, reason))
    teller.say("{} signed, {} unchanged: the next boot verifies these\n".format(len(done), len(todo.unchanged)))
    if teller.lost:
        complain("all files are signed; not all of that could be said: standard output: {}".format(teller.lost))
        return COULD_NOT
    return 0


def _entries(data: Optional[bytes]) -> Optional[Dict[str, Signed]]:
    """The entries of a ledger's file; None for a damaged one."""
    try:
        return of(None if data is None else parse(data))
    except Damaged:
        return None


def _ended(todo: Plan, done: List[str], reason: str) -> int:
    left = [item.name for item in todo.items if item.name not in done]
    complain(reason)
    complain("signed: {}; not signed: {}".format(", ".join(done) or "none", ", ".join(left) or "none"))
    complain("do not reboot; run `scmguard seal` again")
    return COULD_NOT


def _files(count: int) -> str:
    return "1 file is" if count == 1 else "{} files are".format(count)


def _say(pieces: Iterable[str]) -> None:
    print_pieces(pieces, sys.stdout)
