"""Runs the rules over a boot tree. A crash in a rule becomes a finding; a rule that cannot run is listed."""

from typing import (
    TYPE_CHECKING,
    Callable,
    Dict,
    FrozenSet,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from scmguard.boot import BOOTCONF_NAMES, Boot
from scmguard.checks import PREDICATES
from scmguard.checks.base import Context, Hit, merged
from scmguard.checks.verbs import VERBS
from scmguard.effective.board import Board
from scmguard.effective.config import evaluate
from scmguard.effective.readings import READINGS
from scmguard.effective.worlds import TRUE, TooComplex
from scmguard.finding import Finding, NotChecked, TreeReport, order
from scmguard.folder import Lacking, Unreadable
from scmguard.rulebook import Rule
from scmguard.text import Source, Span, encode, shortened

if TYPE_CHECKING:
    from scmguard.device.facts import Device
    from scmguard.packages.lay import Pending

#: Rules that no file describes: faults of scmguard itself, and files that it cannot evaluate.
BUILT_IN = {
    "internal-error": "A rule crashed. What it would have said is not known; please report it.",
    "too-many-unknowns": "The file depends on more unknown conditions than can be worked out.",
}

_MISSING = {
    "config": "a config.txt",
    "cmdline": "a kernel command line (cmdline.txt)",
    "rootfs": "a root file system (--root)",
    "initramfs-files": "a root file system (--root)",
    "binaries": "a boot partition with its kernels and firmware",
    "overlays": "the boot partition's overlays (*.dtbo)",
    "bootconf": "the EEPROM's configuration (bootconf.txt)",
    "initrd": "an initramfs image that the firmware loads",
    "space": "the boot partition mounted, for its free space",
    "device": "the device itself (run scmguard on it)",
    "transaction": "a transaction of apt or dpkg",
    "boot.img": "the files inside boot.img, where boot_ramdisk makes the firmware look",
}


class Job(NamedTuple):
    """What to check with: rules, boards, and the profile's name and parameters.

    Rules of the profile alone run on the boards in ``profile_boards``; the others run on all.
    """

    rules: Tuple[Rule, ...]
    boards: Tuple[Board, ...]
    profile: str
    parameters: Mapping[str, object]
    profile_boards: Optional[FrozenSet[str]] = None

    def parameters_of(self, board: Board) -> Mapping[str, object]:
        """The profile's parameters for a board: none for boards that it is not about."""
        return self.parameters if self.profile_boards is None or board.name in self.profile_boards else {}


def run(job: Job, boot: Boot, device: "Optional[Device]" = None, pending: "Optional[Pending]" = None) -> TreeReport:
    """The report on one boot tree, with the facts of the machine that it is on.

    ``pending`` is the transaction after which the tree will be as it is here. Raises Unreadable.
    """
    lend_eeprom(boot, device)
    found: List[Finding] = []
    not_checked: Dict[Tuple[str, str], NotChecked] = {}
    ran: Set[str] = set()
    for board in job.boards:
        try:
            context = Context(evaluate(boot, board), job.parameters_of(board), device, pending)
        except TooComplex as error:
            found.append(_too_complex(boot, board, error))
            continue
        for rule in job.rules if not boot.partial else _about_parts(job.rules):
            if job.profile_boards is not None and "all" not in rule.profiles and board.name not in job.profile_boards:
                continue
            if _run_rule(rule, context, found, not_checked):
                ran.add(rule.id)
    findings = sorted(_settle(found, job), key=order)
    problems = tuple(dict.fromkeys((problem.path, problem.reason) for problem in boot.problems))
    return TreeReport(boot.files.path, findings, list(not_checked.values()), boot.notes, problems, frozenset(ran), boot)


def _about_parts(rules: Sequence[Rule]) -> Iterable[Rule]:
    """The rules about root file systems: those that judge a part of one, and those that want it as a whole."""
    return [rule for rule in rules if not {"initramfs-files", "rootfs"}.isdisjoint(rule.needs)]


def lend_eeprom(boot: Boot, device: "Optional[Device]") -> None:
    """Puts what is in the machine's EEPROM with the tree: it is the end of config.txt, and has rules of its own."""
    if device is not None and device.bootloader_config.value and not (boot.bootconf or boot.single):
        fact = device.bootloader_config
        boot.lend(BOOTCONF_NAMES[0], Source(fact.source or "the EEPROM", encode(fact.value or "")))


def _run_rule(
    rule: Rule,
    context: Context,
    found: List[Finding],
    not_checked: Dict[Tuple[str, str], NotChecked],
) -> bool:
    """Whether the rule could look, and came to its end. What it found before something stopped it counts."""
    hits: List[Hit] = []

    def look() -> bool:
        if not _can_look(rule, context, not_checked):
            return False
        for hit in _hits(rule, context):
            hits.append(hit)
        return True

    def say() -> bool:
        found.extend(_finding(rule, hit, context) for hit in merged(hits, context))
        return True

    looked = _guarded(look, rule, context, found, not_checked)
    # Most rules have nothing to say of most trees.
    return looked if not hits else _guarded(say, rule, context, found, not_checked) and looked


def _guarded(
    step: Callable[[], bool],
    rule: Rule,
    context: Context,
    found: List[Finding],
    not_checked: Dict[Tuple[str, str], NotChecked],
) -> bool:
    """What the step returns; False, and a finding or an entry in ``not_checked``, where it cannot go on."""
    try:
        return step()
    except TooComplex as error:
        found.append(_too_complex(context.boot, context.config.board, error))
    except Lacking as error:
        not_checked[rule.id, error.needs] = NotChecked(rule.id, error.needs, error.reason)
    except Unreadable as error:
        context.boot.problems.append(error)
        not_checked[rule.id, error.path] = NotChecked(rule.id, error.path, "needs {}".format(error.path))
    except Exception:  # a bug in a rule must not hide what the others find
        found.append(_crash(rule, context))
    return False


def _can_look(rule: Rule, context: Context, not_checked: Dict[Tuple[str, str], NotChecked]) -> bool:
    """Whether all is there that the rule needs. What it needs or wants and is not there goes to ``not_checked``."""
    lacking = False
    for need in rule.needs:
        if not _has(context, need):
            not_checked[rule.id, need] = _not_checked(rule.id, context, need, "needs {}")
            lacking = True
    if not lacking:
        for want in rule.wants:
            if not _has(context, want):
                not_checked[rule.id, want] = _not_checked(rule.id, context, want, "in part: would also use {}")
    return not lacking


def _not_checked(id: str, context: Context, need: str, reason: str) -> NotChecked:
    missing = (
        "boot.img"
        if need not in ("rootfs", "initramfs-files", "device", "transaction") and context.config.shadowed == TRUE
        else need
    )
    return NotChecked(id, need, reason.format(_MISSING[missing]))


def _hits(rule: Rule, context: Context) -> Iterable[Hit]:
    if rule.looks_at and not any(_is_there(context, name) for name in rule.looks_at):
        return ()
    if "python" in rule.check:
        return PREDICATES[rule.check["python"]](context, rule.check)
    return VERBS[next(iter(rule.check))](context, rule.check)


def _is_there(context: Context, name: str) -> bool:
    """Whether the tree has one of the things that a rule looks at, in effect or not."""
    if name.startswith("/"):
        return context.boot.exists(name)
    run = context.config.run
    if name == "dtoverlay":
        return bool(run.loads)
    if name == "include":
        return len(run.documents) > 1 or bool(run.missing_includes)
    return any(key == name for key, _port in run.settings)


def _has(context: Context, need: str) -> bool:
    """Whether the tree has what rules need; looked up once for all of them."""
    known: Dict[str, bool] = context.memo.setdefault("has", {})
    if need not in known:
        known[need] = _look_for(context, need)
    return known[need]


def _look_for(context: Context, need: str) -> bool:
    boot = context.boot
    if need in ("config", "cmdline") and context.config.shadowed == TRUE:
        return False
    if need == "config":
        return boot.has_config
    if need == "overlays":
        return bool(context.config.overlays.names)
    if need == "bootconf":
        return bool(boot.bootconf)
    if need == "rootfs":
        return boot.root is not None and not boot.partial
    if need == "initramfs-files":
        return boot.root is not None
    if need == "binaries":
        return boot.has_binaries and not boot.single
    if need == "device":
        return context.device is not None
    if need == "transaction":
        return context.pending is not None
    if need == "initrd":
        return bool(context.images)
    if need == "space":
        space = None if boot.single else boot.files.space()
        return space is not None and space.own
    # What is left is the command line.
    if not boot.has_cmdline:
        return False
    # On a real boot partition a missing command line is a fault; in a folder of sources it is made later.
    return boot.has_binaries or any(line is not None for _, line in context.cmdlines)


def _severity(rule: Rule, hit: Hit, context: Context) -> str:
    """The check's word, or the rule's; on a sealed unit, which nobody can touch, what stops the boot is a brick."""
    if hit.severity is None and rule.severity == "no-boot" and context.profile.get("sealed"):
        return "brick"
    return hit.severity or rule.severity


def _finding(rule: Rule, hit: Hit, context: Context) -> Finding:
    config = context.config
    values = [] if hit.when == TRUE else config.worlds.explain(hit.when)
    readings = [value for value in values if value[0] in READINGS]
    when = tuple("{}={}".format(name, choice) for name, choice in values if name not in READINGS)
    when += tuple("{}={}".format(name, choice) for name, choice in readings[1:])
    return Finding(
        rule.id,
        _severity(rule, hit, context),
        "certain" if hit.when == TRUE and not hit.possible else "possible",
        None if hit.boardless else config.board.name,
        shortened(hit.message),
        hit.span,
        tuple(related._replace(message=shortened(related.message)) for related in hit.related),
        readings[0] if readings else None,
        when,
        rule.help,
        hit.source.line_text(hit.span.line) if hit.source is not None else "",
    )


def _crash(rule: Rule, context: Context) -> Finding:
    import traceback

    lines = traceback.format_exc().strip().splitlines()
    message = shortened("the rule {} crashed: {}".format(rule.id, lines[-1]))
    where = lines[-3].strip() if len(lines) > 2 else ""
    return _built_in(
        "internal-error", message + (" ({})".format(where) if where else ""), context.boot, context.config.board
    )


def _too_complex(boot: Boot, board: Board, error: TooComplex) -> Finding:
    return _built_in("too-many-unknowns", "not evaluated: {}".format(error), boot, board)


def _built_in(id: str, message: str, boot: Boot, board: Board) -> Finding:
    return Finding(id, "no-boot", "certain", board.name, message, Span(boot.files.label(boot.start)), help=BUILT_IN[id])


def _settle(found: Sequence[Finding], job: Job) -> List[Finding]:
    """Each finding once. What no board decides is said of all of them; with one board, of that one.

    A rule of scope ``every-board`` only counts where all boards have the finding.
    """
    every_board = {rule.id for rule in job.rules if rule.scope == "every-board"}
    boards: Dict[Tuple[str, Span], Set[Optional[str]]] = {}
    for finding in found:
        if finding.rule in every_board:
            boards.setdefault((finding.rule, finding.span), set()).add(finding.board)
    settled: Dict[Finding, None] = {}
    said: Set[Tuple[str, Span]] = set()
    for finding in found:
        place = finding.rule, finding.span
        if finding.rule in every_board:
            if place in said or (None not in boards[place] and len(boards[place]) < len(job.boards)):
                continue
            said.add(place)
        if finding.board is None and len(job.boards) == 1:
            finding = finding._replace(board=job.boards[0].name)
        settled[finding] = None
    return list(settled)
