"""A rule's examples as boot trees, for tests and for the rule's page."""

from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Tuple

from scmguard.boot import Boot
from scmguard.effective.board import BOARDS
from scmguard.example_files import data_of, status_of
from scmguard.finding import Finding
from scmguard.folder import MemoryFolder, Space
from scmguard.lint import Job
from scmguard.lint import run as lint
from scmguard.rulebook import Profile, Rule

if TYPE_CHECKING:
    from scmguard.device.facts import Device
    from scmguard.packages.lay import Pending


def boot_of(example: Mapping[str, Any]) -> Boot:
    """The boot tree of an example: ``files`` on the boot partition, ``root`` and ``links`` on the root file system.

    ``space: {total: N, free: N}`` are the bytes of a boot partition that is mounted.
    """
    space = Space(example["space"]["total"], example["space"]["free"]) if "space" in example else None
    root = None
    if "root" in example or "links" in example:
        root = _folder(example.get("root", {}), example.get("links", {}), None)
    return Boot(_folder(example.get("files", {}), {}, space), root)


def _folder(files: Mapping[str, Any], links: Mapping[str, str], space: Optional[Space]) -> MemoryFolder:
    statuses = {name: status_of(content) for name, content in files.items()}
    known = {name: status for name, status in statuses.items() if status is not None}
    return MemoryFolder({name: data_of(content) for name, content in files.items()}, "", links, known, space)


def device_of(example: Mapping[str, Any]) -> "Optional[Device]":
    """The facts of an example's machine, as plain values under ``device``; None where it is about none.

    ``ledger`` has the contents that supervised files had when they were signed, by name.
    """
    if "device" not in example and "ledger" not in example:
        return None
    from hashlib import sha256

    from scmguard.device.facts import from_data

    facts = dict(example.get("device", {}))
    if "ledger" in example:
        contents = {name: data_of(content) for name, content in example["ledger"].items()}
        facts["ledger"] = [
            {"name": name, "size": len(data), "sha256": sha256(data).hexdigest(), "time": 0}
            for name, data in contents.items()
        ]
    return from_data(facts)


def pending_of(example: Mapping[str, Any]) -> "Optional[Pending]":
    """The transaction of an example; None where it is about none.

    ``transaction: {unattended: WHY, changes: [{package, action, old, new, brings: {PATH: FILE}, takes: [PATH]}]}``. A
    file that is brought may be a number, its size in bytes.
    """
    if "transaction" not in example:
        return None
    from scmguard.packages.ahead import GONE
    from scmguard.packages.archive import Member
    from scmguard.packages.lay import Outlook, Pending
    from scmguard.packages.transaction import Change, Transaction

    given = example["transaction"]
    changes, brings, takes = [], {}, {}
    members: Dict[str, Member] = {}
    for entry in given["changes"]:
        entry = dict(entry)
        laid, taken = entry.pop("brings", {}), tuple(entry.pop("takes", ()))
        change = Change(**entry)
        changes.append(change)
        brings[change.package], takes[change.package] = tuple(laid), taken
        members.update((path, GONE) for path in taken)
        for path, content in laid.items():
            data = None if isinstance(content, int) else data_of(content)
            size = content if isinstance(content, int) else len(data or b"")
            members[path] = Member("file", 0o644, size, data=data)
    transaction = Transaction(tuple(changes), given.get("caller", ""), given.get("unattended", ""))
    return Pending(transaction, Outlook(members, brings, takes, dict(brings)))


def job_of(rule: Rule, example: Mapping[str, Any], profiles: Mapping[str, Profile]) -> Job:
    """The rule alone, on the example's boards: those of ``board`` (a name or a list), or the profile's.

    ``supervised`` is the list of supervised files that a configuration gives.
    """
    fallback = "scm" if "scm" in rule.profiles or "all" in rule.profiles else rule.profiles[0]
    profile = profiles[example.get("profile", fallback)]
    boards = example.get("board", profile.board)
    names = [boards] if isinstance(boards, str) else boards
    applies: Tuple[Rule, ...] = (rule,) if rule.applies_to(profile.name) else ()
    parameters = profile.parameters
    if "supervised" in example:
        parameters = {**parameters, "supervised": example["supervised"]}
    return Job(applies, tuple(BOARDS[name] for name in names), profile.name, parameters)


def findings(rule: Rule, example: Mapping[str, Any], profiles: Mapping[str, Profile]) -> List[Finding]:
    """What the rule finds in an example."""
    pending = pending_of(example)
    boot = boot_of(example)
    if pending is not None:
        from scmguard.packages.future import after

        boot = after(boot, pending.outlook)
    return lint(job_of(rule, example, profiles), boot, device_of(example), pending).findings


def expected(text: str) -> Tuple[str, int, str]:
    """``path:line: start of the message`` (``path: …`` for a file as a whole, then line 0), taken apart."""
    place, _, message = text.partition(": ")
    path, _, line = place.rpartition(":")
    if path and line.isdigit():
        return path, int(line), message
    return place, 0, message


def faults(rule: Rule, example: Mapping[str, Any], bad: bool, profiles: Mapping[str, Profile]) -> List[str]:
    """In what an example is not as it says: a bad one has just the findings of ``finds``, a good one has none."""
    found = findings(rule, example, profiles)
    said = ["{}:{}: {}".format(one.span.path, one.span.line, one.message) for one in found]
    if not bad:
        return ["finds {}".format(one) for one in said]
    wanted = [expected(text) for text in example["finds"]]
    wrong = []
    for number, text in enumerate(example["finds"]):
        path, line, message = wanted[number]
        one = found[number] if number < len(found) else None
        if one is None:
            wrong.append("does not find {}".format(text))
        elif (one.span.path, one.span.line) != (path, line) or not one.message.startswith(message):
            wrong.append("finds {}, not {}".format(said[number], text))
    wrong += ["also finds {}".format(one) for one in said[len(wanted) :]]
    severities = sorted({one.severity for one in found})
    if "severity" in example and severities not in ([], [example["severity"]]):
        wrong.append("has the severity {}, not {}".format(" and ".join(severities), example["severity"]))
    possible = bool(example.get("possible", False))
    if any((one.confidence == "possible") != possible for one in found):
        wrong.append("is {}possible, other than it says".format("not " if possible else ""))
    return wrong


def cases(rule: Rule) -> Dict[str, Tuple[bool, Mapping[str, Any]]]:
    """All examples of a rule, by a name for people; True marks the bad ones."""
    found: Dict[str, Tuple[bool, Mapping[str, Any]]] = {}
    for kind in ("bad", "good"):
        for example in rule.examples[kind]:
            found["{} {}: {}".format(rule.id, kind, example["name"])] = (kind == "bad", example)
    return found
