"""Fixes held against the slow evaluator, on many generated boot trees: ``python -m tests.fuzz_fixes COUNT``.

The promise of a safe fix is that nothing changes in effect, on any board and under any reading, but what the finding
is about. Here each fix that was made is judged by itself: its edits are applied by a function of this module, the trees
before and behind it are run by ``tests/slow_evaluator.py`` in worlds drawn at random, and what differs must be what the
rule and the text of the line allow. Tree ``N`` of a seed is the same each time: ``--only N`` looks at it again.
"""

import argparse
import itertools
import os
import random
import re
import sys
import time
import traceback
from collections import Counter
from multiprocessing import Pool
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from scmguard import rulebook
from scmguard.boot import Boot
from scmguard.effective.board import BOARDS, Board
from scmguard.effective.readings import CHOICES
from scmguard.finding import Edit, Finding, Fix, at_least
from scmguard.fixes import TOPICS
from scmguard.fixes.mend import Mended, mend
from scmguard.folder import MemoryFolder
from scmguard.lint import Job
from scmguard.lint import run as lint
from tests import fuzz_files, slow_evaluator
from tests.places import CORPUS
from tests.test_evaluator_agrees import SLOW_CATALOGUE, catalogue, slow_board

Files = Dict[str, bytes]
BOM = b"\xef\xbb\xbf"
JOBS = (
    ("scm", ()),
    ("scm", ()),
    ("scm", ()),
    ("scm", ("cm4", "pi4")),
    ("pi4", ()),
    ("pi5", ()),
    ("pi02", ()),
    ("cm4", ()),
)
OVERLAY_KEYS = frozenset(["dtoverlay", "device_tree_overlay", "dtparam", "device_tree_param"])
FAR_REACHING = frozenset(["include", "os_prefix", "overlay_prefix", "device_tree"])
NUMBERS = ("partition", "boot_partition", "boot_arg1", "boot_count", "bootvar0", "board_attributes")
_BOOK = rulebook.load()
_JOBS: Dict[Tuple[str, Tuple[str, ...]], Job] = {}
_CATALOGUES = {
    board.name: SLOW_CATALOGUE._replace(
        base_params=catalogue.tree_parameters(board.device_trees) or catalogue.base_parameters()
    )
    for board in BOARDS.values()
}


class Wrong(Exception):
    """A promise that did not hold, in words."""


class Step(NamedTuple):
    """One fix that was made: the finding, the text of its line, and the tree before and behind it."""

    finding: Finding
    fix: Fix
    text: str
    before: Files
    after: Files
    boards: Tuple[str, ...]


class Summary(NamedTuple):
    """What came of the trees so far."""

    fixes: "Counter[str]"
    refused: "Counter[str]"
    worlds: "Counter[str]"
    wrong: List[str]


def job_of(profile: str, names: Sequence[str] = ()) -> Job:
    """All rules of a profile, for its board or those that are named."""
    key = profile, tuple(names)
    if key not in _JOBS:
        chosen = _BOOK.profiles[profile]
        rules = tuple(
            rule for rule in _BOOK.rules.values() if rule.applies_to(profile) and "transaction" not in rule.needs
        )
        boards = tuple(BOARDS[name] for name in names) or (BOARDS[chosen.board],)
        of_profile = frozenset([chosen.board]) if names else frozenset(board.name for board in boards)
        _JOBS[key] = Job(rules, boards, profile, chosen.parameters, of_profile)
    return _JOBS[key]


def boot_of(files: Files, single: str = "") -> Boot:
    return Boot(MemoryFolder(files), single=single)


# ---- edits, applied by themselves ----------------------------------------------------------------------------


def applied(files: Files, edits: Sequence[Edit]) -> Files:
    """The files with edits applied. Those of one file all tell lines as they were before any of them."""
    found = dict(files)
    for edit in sorted(edits, key=lambda one: (one.path, -one.line)):
        lines = re.findall(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z", found.get(edit.path, b""))
        lines[edit.line - 1 : edit.end_line - 1] = [edit.text.encode("utf-8", "surrogateescape")]
        found[edit.path] = b"".join(lines)
    return found


def line_of(data: bytes, number: int) -> str:
    """The text of a line, from 1, without its end and without a byte order mark."""
    lines = re.split(rb"\r\n|\r|\n", data[len(BOM) :] if data.startswith(BOM) else data)
    return lines[number - 1].decode("utf-8", "surrogateescape") if 0 < number <= len(lines) else ""


# ---- what is in effect ---------------------------------------------------------------------------------------


class InEffect(NamedTuple):
    """What is in effect in one world, as far as the order of what is equal does not matter."""

    settings: Dict[Any, Any]
    overlays: List[Tuple[Optional[str], Dict[str, str]]]
    base: Dict[str, str]
    gpio: List[str]
    usb: Any
    cmdline: Optional[List[str]]


def in_effect(files: Files, start: str, board: Board, world: Dict[str, Any]) -> InEffect:
    """What the slow evaluator says, and the command line."""
    if start in ("bootconf.txt", "boot.conf"):
        # The bootloader's own settings: what stands above the seam, if the board has such a file at all.
        name = next((each for each in ("bootconf.txt", "boot.conf") if each in files), "")
        if start != name or board.soc == "bcm2835":
            return InEffect({}, [], {}, [], None, None)
        own = re.split(rb"(?:\A|(?<=[\r\n]))[ \t]*\[config\.txt\][ \t]*(?=\r|\n|\Z)", files[name])[0]
        files = {name: own}
    found = slow_evaluator.evaluate(files, start, slow_board(board), world, _CATALOGUES[board.name])
    overlays = [(to, dict(given)) for _name, to, given in found.overlays if to is not None]
    cmdline = arguments(files, found.settings, world) if start in ("config.txt", "tryboot.txt") else None
    return InEffect(found.settings, overlays, dict(found.base_params), found.gpio, found.usb, cmdline)


def arguments(files: Files, settings: Dict[Tuple[str, int], str], world: Dict[str, Any]) -> Optional[List[str]]:
    """The kernel's arguments in that world; None without such a file."""
    data = files.get(settings.get(("os_prefix", 0), "") + settings.get(("cmdline", 0), "cmdline.txt"))
    if data is None:
        return None
    lines = re.split(rb"\r\n|\r|\n", data[len(BOM) :] if data.startswith(BOM) else data)
    text = (lines[0] if world["cmdline-lines"] == "first" else b" ".join(lines)).decode("utf-8", "surrogateescape")
    return re.findall(r'(?:[^ \t\n\v\f\r"]|"[^"]*(?:"|\Z))+', text)


def world_of(rng: random.Random, board: Board) -> Dict[str, Any]:
    """A world: often close to the usual one, sometimes anywhere."""
    chance = rng.choice((0.0, 0.1, 0.3, 0.5))
    world: Dict[str, Any] = {
        id: rng.choice(tuple(choices)) if rng.random() < chance else tuple(choices)[0]
        for id, choices in CHOICES.items()
    }
    world.update({"gpio4": rng.randint(0, 1), "gpio17": rng.randint(0, 1), "gpio5": rng.randint(0, 1)})
    world.update(
        {"EDID=ABC-X": rng.random() < 0.5, "EDID=VSC-TD2220": rng.random() < 0.5, "EDID=abc-x": rng.random() < 0.5}
    )
    world.update({name: rng.randint(0, 7) for name in NUMBERS})
    world.update({"cust_otp{}".format(number): 0 for number in range(8)})
    world["serial"] = rng.choice((0x1234ABCD, 0xDEADBEEF, 5))
    world["tryboot"] = rng.random() < 0.3
    world["board-type"] = rng.choice(board.types)
    return world


# ---- what a fix may change -----------------------------------------------------------------------------------


def keys_in(text: str) -> "frozenset[str]":
    """Every key that could be one in a line, in lower case."""
    return frozenset(key.lower() for key in re.findall(r"[A-Za-z0-9_.\-]+", text))


def key_of(text: str) -> str:
    match = re.match(r"[ \t]*([A-Za-z0-9_.\-]+)", text)
    return match.group(1).lower() if match else ""


def only(keys: "frozenset[str]", before: InEffect, after: InEffect) -> bool:
    """Whether nothing differs but what lines with these keys do, and the USB controller."""
    if keys & FAR_REACHING:
        return True
    for one in {*before.settings, *after.settings}:
        if before.settings.get(one) != after.settings.get(one) and one[0].lower() not in keys:
            return False
    if not keys & OVERLAY_KEYS and (before.overlays, before.base) != (after.overlays, after.base):
        return False
    if "gpio" not in keys and before.gpio != after.gpio:
        return False
    return before.cmdline == after.cmdline or "cmdline" in keys


def may_differ(step: Step, start: str, board: Board, world: Dict[str, Any], before: InEffect, after: InEffect) -> bool:
    """Whether a fix of that rule, to a line of that text, may make that difference in that world."""
    rule, text = step.finding.rule, step.text
    is_long = len(text.encode("utf-8", "surrogateescape")) > 98 and world["long-line"] != "whole"
    if rule in ("no-final-newline", "ends-inside-filter", "inert-setting"):
        return False
    if rule == "bad-encoding":
        if not step.fix.safe:
            return True
        what = ("bom", "text") if "byte order mark" in step.finding.message else ("carriage-return", "text")
        return world[what[0]] == what[1]
    if rule == "cmdline-not-one-line":
        return world["cmdline-lines"] == "first" and before._replace(cmdline=None) == after._replace(cmdline=None)
    if rule == "line-too-long":
        return is_long
    if rule == "trailing-comment":
        return is_long or (world["trailing-comment"] == "kept" and only(frozenset([key_of(text)]), before, after))
    if rule == "spaces-around-equals":
        if not step.fix.safe:
            return is_long or only(frozenset([key_of(text)]), before, after)
        discarded = world["spaces-around-equals"] == "discarded"
        return is_long or (discarded and only(frozenset([key_of(text)]), before, after))
    if rule == "unknown-setting":
        return is_long or (world["key-case"] == "exact" and only(frozenset([key_of(text)]), before, after))
    if rule == "unknown-section":
        unknown = [("section-case", "exact"), ("section-padding", "unknown"), ("section-tail", "unknown")]
        return is_long or any(world[id] == choice for id, choice in unknown)
    if rule == "glued-lines":
        return is_long or "[" in text or "\\n" in text or only(keys_in(text) | glued_keys(text), before, after)
    if rule == "overlay-renamed":
        return not step.fix.safe and only(OVERLAY_KEYS, before, after)
    if rule == "duplicate-overlay":
        return only(frozenset(["dtoverlay"]), before, after) and one_less(before, after)
    if rule == "dwc2-host-missing":
        others = [[one for one in side.overlays if one[0] != "dwc2"] for side in (before, after)]
        return (
            others[0] == others[1]
            # More than one where [all] lets the EEPROM's own line count, too.
            and len(after.overlays) > len(before.overlays)
            and before.base == after.base
            and only(frozenset(["dtoverlay"]), before, after)
        )
    if rule == "otg-mode-enabled":
        return board.name == step.finding.board and only(frozenset(["otg_mode"]), before, after)
    raise Wrong("no oracle for " + rule)


def glued_keys(text: str) -> "frozenset[str]":
    """Known keys that run into another word."""
    return frozenset(key for key in {*catalogue.settings(), *OVERLAY_KEYS} if key + "=" in text.lower())


def one_less(before: InEffect, after: InEffect) -> bool:
    """Whether of loads in a row that are the same some went, but not all, and nothing else."""
    old, new = (
        [(one, len(list(several))) for one, several in itertools.groupby(side.overlays)] for side in (before, after)
    )
    return before.base == after.base and all(
        one == other and count >= left
        for (one, count), (other, left) in itertools.zip_longest(old, new, fillvalue=(None, 0))
    )


def must_hold(step: Step, start: str, board: Board, after: InEffect) -> None:
    """What is to be in effect behind a fix, in every world."""
    if start != "config.txt" or board.name != "cm4":
        return
    if step.finding.rule == "dwc2-host-missing" and after.usb not in (("dwc2", "host"), ("xhci", "host")):
        raise Wrong("the USB controller is still {}".format(after.usb))


# ---- one tree ------------------------------------------------------------------------------------------------


def steps_of(files: Files, mended: Mended, names: Tuple[str, ...]) -> List[Step]:
    """The fixes one after the other. Raises Wrong where their edits do not lead to what would be written."""
    now, steps = files, []
    for finding, fix in mended.done:
        after = applied(now, fix.edits)
        steps.append(Step(finding, fix, line_of(now.get(finding.span.path, b""), finding.span.line), now, after, names))
        now = after
    if now != {**files, **mended.contents}:
        raise Wrong("the edits, applied one after the other, do not give what would be written")
    return steps


def judge(files: Files, job: Job, unsafe: bool, boards: Sequence[Board], rng: random.Random, worlds: int) -> Mended:
    """Mends a tree and holds what was done against all promises. Raises Wrong."""
    boot = boot_of(files)
    mended = mend(job, boot, unsafe)
    names = tuple(board.name for board in job.boards)
    if not unsafe and not all(fix.safe for _, fix in mended.done):
        raise Wrong("a fix that is not safe was made without being asked for")
    for name, data in mended.contents.items():
        if is_utf8(files.get(name, b"")) and not is_utf8(data):
            raise Wrong("{} is no longer UTF-8".format(name))
    steps = steps_of(files, mended, names)
    starts = [
        name for name in ("config.txt", "tryboot.txt", "autoboot.txt", "bootconf.txt", "boot.conf") if name in files
    ]
    for step in steps:
        for board in boards:
            for start in starts:
                for world in (world_of(rng, board) for _ in range(worlds)):
                    before, after = (in_effect(side, start, board, world) for side in (step.before, step.after))
                    if before != after and not may_differ(step, start, board, world, before, after):
                        raise Wrong(told(step, start, board, world, before, after))
                    must_hold(step, start, board, after)
    whole = {**files, **mended.contents}
    new = boot_of(whole)
    count(lint(job, boot).findings, lint(job, new).findings)
    again = mend(job, new, unsafe)
    if again.contents or again.done:
        raise Wrong("a second time there is more to do: {}".format([(one.rule, fix.title) for one, fix in again.done]))
    return mended


def is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def count(before: List[Finding], after: List[Finding]) -> None:
    """Raises Wrong where a rule has more findings at or above degraded than before."""
    old, new = (Counter(one.rule for one in side if at_least(one.severity, "degraded")) for side in (before, after))
    for rule, number in new.items():
        if number > old[rule]:
            raise Wrong("{} findings of {}, and {} before".format(number, rule, old[rule]))


def told(step: Step, start: str, board: Board, world: Dict[str, Any], before: InEffect, after: InEffect) -> str:
    readings = {id: world[id] for id, choices in CHOICES.items() if world[id] != tuple(choices)[0]}
    differs = [
        "{}: {} -> {}".format(field, getattr(before, field), getattr(after, field))
        for field in InEffect._fields
        if getattr(before, field) != getattr(after, field)
    ]
    return "{} of {!r} ({}) changed on {} in {} under {}: {}".format(
        step.finding.rule, step.text, step.fix.title, board.name, start, readings, "; ".join(differs)
    )


def one_tree(seed: int, number: int) -> Tuple[Files, str, Optional[Mended], int]:
    """Makes and judges a tree: its files, what was wrong, what was done, and how many worlds were looked at."""
    rng = random.Random(seed * 1_000_003 + number)
    files = fuzz_files.tree(rng)
    profile, names = rng.choice(JOBS)
    job, unsafe = job_of(profile, names), rng.random() < 0.12
    boards: List[Board] = list(BOARDS.values())
    if number % 12:
        boards = list(dict.fromkeys([*job.boards, BOARDS["cm4"], *rng.sample(boards, 3)]))
    worlds = 3 if number % 12 else 2
    try:
        mended = judge(files, job, unsafe, boards, rng, worlds)
        return files, "", mended, worlds * len(boards) * len(mended.done)
    except Wrong as error:
        return files, "{}{}: {}".format(profile, " unsafe" if unsafe else "", error), None, 0
    except Exception:
        return files, "{}{}: {}".format(profile, " unsafe" if unsafe else "", traceback.format_exc()), None, 0


def some_trees(job: Tuple[int, int, int]) -> Summary:
    """The trees from one number up to another."""
    seed, first, last = job
    summary = Summary(Counter(), Counter(), Counter(), [])
    for number in range(first, last):
        files, wrong, mended, worlds = one_tree(seed, number)
        if wrong:
            summary.wrong.append("tree {}: {}\n  {}".format(number, wrong, files))
        if mended is not None:
            take_down(summary, mended, worlds)
        summary.worlds["trees"] += 1
    return summary


def reason_of(rule: str, reason: str) -> str:
    """A reason for which a proposal was refused, without names and numbers."""
    match = re.match(
        r"it would (?:change [a-z.-]+|lead to [a-z-]+)|the fault would still be there|what it would", reason
    )
    return "{}: {}".format(rule, match.group() if match else reason)


def together(several: Iterator[Summary], progress: bool) -> Summary:
    total = Summary(Counter(), Counter(), Counter(), [])
    for number, one in enumerate(several, 1):
        for mine, theirs in zip(total[:3], one[:3]):
            mine.update(theirs)
        total.wrong.extend(one.wrong)
        for wrong in one.wrong:
            print(wrong, flush=True)
        if progress and number % 20 == 0:
            print(
                "{} trees, {} fixes".format(total.worlds["trees"], sum(total.fixes.values())),
                file=sys.stderr,
                flush=True,
            )
        if len(total.wrong) >= 20:
            break
    return total


def run(count: int, seed: int = 1, jobs: int = 1, progress: bool = False) -> Summary:
    """Judges so many trees."""
    work = [(seed, first, min(first + 50, count)) for first in range(0, count, 50)]
    if jobs == 1:
        return together(map(some_trees, work), progress)
    with Pool(jobs) as pool:
        return together(pool.imap_unordered(some_trees, work), progress)


def run_corpus() -> Summary:
    """Judges every real file: those of config.txt's kind each with a real command line."""
    config, lines = ("config", "config_templated", "autoboot_tryboot"), list(real_files("cmdline"))
    work = [
        ({"config.txt": data, "cmdline.txt": lines[number % len(lines)]}, number)
        for number, data in enumerate(real_files(*config))
    ]
    work += [({"cmdline.txt": data}, number) for number, data in enumerate(lines)]
    summary = Summary(Counter(), Counter(), Counter(), [])
    for files, number in work:
        rng = random.Random(number)
        job = job_of(*JOBS[number % len(JOBS)])
        boards = list(dict.fromkeys([*job.boards, BOARDS["cm4"], *rng.sample(list(BOARDS.values()), 2)]))
        try:
            mended = judge(files, job, False, boards, rng, 2)
        except Wrong as error:
            summary.wrong.append("{}\n  {}".format(error, files))
            continue
        finally:
            summary.worlds["trees"] += 1
        take_down(summary, mended, 2 * len(boards) * len(mended.done))
    return summary


def real_files(*folders: str) -> Iterator[bytes]:
    for folder in folders:
        for name in sorted(os.listdir(os.path.join(CORPUS, folder))):
            with open(os.path.join(CORPUS, folder, name), "rb") as stream:
                yield stream.read()


def take_down(summary: Summary, mended: Mended, worlds: int) -> None:
    summary.fixes.update(one.rule + ("" if fix.safe else " (unsafe)") for one, fix in mended.done)
    summary.refused.update(reason_of(one.rule, reason) for one, reason in mended.left)
    summary.worlds["worlds"] += worlds


def said(summary: Summary) -> List[str]:
    """The summary as lines for people."""
    lines = ["{} trees, {} fixes, {} worlds, {} wrong".format(
        summary.worlds["trees"], sum(summary.fixes.values()), summary.worlds["worlds"], len(summary.wrong)
    )]  # fmt: skip
    for title, counter in (("fixes", summary.fixes), ("refused", summary.refused)):
        lines.append(title + ":")
        lines += ["  {:8} {}".format(number, name) for name, number in sorted(counter.items())]
    return lines


def rare(summary: Summary, trees: int) -> List[str]:
    """Rules whose fixers fired fewer than once in a thousand trees: what is said of them would be empty."""
    fired: Counter[str] = Counter()
    for name, number in summary.fixes.items():
        fired[name.partition(" ")[0]] += number
    return [rule for rule in TOPICS if fired[rule] * 1000 < trees]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz_fixes", description=__doc__)
    parser.add_argument("count", type=int, metavar="COUNT", help="how many trees")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", type=int, metavar="N", help="look at this tree alone, and show it")
    options = parser.parse_args()
    if options.only is not None:
        files, wrong, mended, _ = one_tree(options.seed, options.only)
        for name, data in files.items():
            print("--- {}\n{}".format(name, data.decode("utf-8", "backslashreplace")))
        for one, fix in mended.done if mended else ():
            print("{}:{} {}: {}".format(one.span.path, one.span.line, one.rule, fix.title))
        print(wrong or "right")
        return int(bool(wrong))
    start = time.time()
    summary = run(options.count, options.seed, options.jobs, True)
    print("\n".join(said(summary)))
    print("{:.0f} s".format(time.time() - start))
    few = rare(summary, summary.worlds["trees"])
    if few:
        print("too rare to say anything: " + ", ".join(few))
    return int(bool(summary.wrong or few))


if __name__ == "__main__":
    sys.exit(main())
