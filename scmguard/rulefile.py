"""Rule and profile files: YAML in, checked plain values out.

The only module that imports ruamel.yaml. Whatever is wrong with a file is said with its path and line.
"""

import os
import re
from typing import Any, Callable, Dict, List, Mapping, NoReturn, Optional, Sequence, Tuple

from scmguard.checks import PREDICATES
from scmguard.checks.verbs import VERBS
from scmguard.device.facts import Device
from scmguard.effective.board import BOARDS
from scmguard.errors import RuleError
from scmguard.finding import SEVERITIES
from scmguard.folder import Unreadable
from scmguard.inputs.disk import contents, open_named
from scmguard.meant import did_you_mean
from scmguard.text import Span

#: What a rule can need. ``binaries``: the folder carries kernels and firmware, and not only text files.
#: ``initramfs-files``: files that make the initramfs, on a root file system or (in a repository) on a part of one.
NEEDS = (
    *(
        "config",
        "cmdline",
        "rootfs",
        "initramfs-files",
        "binaries",
        "overlays",
        "bootconf",
        "initrd",
        "space",
        "device",
    ),
    "transaction",
)
SCOPES = ("board", "every-board")
WAIVERS = ("optional", "required")

#: The texts of a rule beside its sources.
TEXTS = ("summary", "rationale", "recovery", "help")
_KEYS = (
    "id",
    "severity",
    *TEXTS,
    "sources",
    "needs",
    "wants",
    "scope",
    "profiles",
    "looks-at",
    "waiver",
    "facts",
    "check",
    "examples",
)
_OPTIONAL = ("wants", "scope", "looks-at", "waiver", "facts")
_EXAMPLE_KEYS = (
    "name",
    "profile",
    "board",
    "files",
    "root",
    "links",
    "space",
    "device",
    "ledger",
    "transaction",
    "supervised",
    "finds",
    "severity",
    "possible",
    "incidents",
)


#: What a rule's id looks like; it stands in reports, configurations and file names.
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


# What the parts of an example are, in the words of a complaint.
_EXAMPLE_PARTS: Dict[str, Tuple[str, Callable[[Any], bool]]] = {
    "name": ("text", lambda value: isinstance(value, str) and bool(value.strip())),
    "profile": ("text", lambda value: isinstance(value, str)),
    "board": ("text, or a list of texts", lambda value: isinstance(value, str) or _is_texts(value)),
    "possible": ("true or false", lambda value: isinstance(value, bool)),
    "finds": ("a list of texts", _is_texts),
    "supervised": ("a list of texts", _is_texts),
    "incidents": (
        "a list of numbers",
        lambda value: isinstance(value, list) and all(type(each) is int for each in value),
    ),
    **{
        key: ("a mapping", lambda value: isinstance(value, dict))
        for key in ("files", "root", "links", "space", "device", "ledger", "transaction")
    },
}


def read_yaml(path: str) -> Any:
    """A YAML file as plain values. Raises RuleError, with path and line for what is no YAML."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml = YAML(typ="safe")
    text = text_of(path)
    try:
        return yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        raise RuleError("{}:{}: {}".format(path, line, error.problem or error.context)) from None
    except YAMLError as error:
        raise RuleError("{}: {}".format(path, str(error).splitlines()[0])) from None
    except ValueError as error:  # a date that no calendar has
        raise RuleError("{}: {}".format(path, error)) from None


def text_of(path: str) -> str:
    """A file's text. A folder, a pipe or what is no UTF-8 is refused; none of them may hang a hook."""
    try:
        file = open_named(path)
        try:
            return contents(file, path).decode("utf-8")
        finally:
            os.close(file)
    except Unreadable as error:
        raise RuleError(str(error)) from None
    except UnicodeDecodeError as error:
        raise RuleError("{}: not UTF-8 (byte {})".format(path, error.start)) from None


def complain(path: str, keys: Sequence[Any], reason: str) -> NoReturn:
    """Raises RuleError for the value at ``keys`` in a YAML file, with its line (the file is read again to find it)."""
    from ruamel.yaml import YAML

    node = YAML(typ="rt").compose(text_of(path))
    line = 1
    for key in keys:
        found = _child(node, key)
        if found is None:
            break
        line, node = found
    raise RuleError("{}:{}: {}".format(path, line, reason))


def places_of(path: str, key: str) -> List[Tuple[Span, str]]:
    """Where the entries of a list under ``key`` stand in a YAML file: from the first letter to the end of its line."""
    from ruamel.yaml import YAML

    text = text_of(path)
    found = _child(YAML(typ="rt").compose(text), key)
    lines = text.splitlines()
    places = []
    for node in found[1].value if found else []:
        number, column = node.start_mark.line + 1, node.start_mark.column + 1
        line = lines[number - 1] if number <= len(lines) else ""
        places.append((Span(path, number, column, number, max(column, len(line)) + 1), line))
    return places


def _child(node: Any, key: Any) -> Optional[Tuple[int, Any]]:
    value = getattr(node, "value", None)
    if not isinstance(value, list):
        return None
    if isinstance(key, int):
        return (value[key].start_mark.line + 1, value[key]) if key < len(value) else None
    for pair in value:
        if isinstance(pair, tuple) and pair[0].value == key:
            return pair[0].start_mark.line + 1, pair[1]
    return None


def read_rule(path: str) -> Dict[str, Any]:
    """A rule's file, with everything in it checked. Raises RuleError, OSError."""
    entry = read_yaml(path)
    if not isinstance(entry, dict):
        raise RuleError("{}:1: a rule is a mapping".format(path))
    check_keys(path, entry, _KEYS, [key for key in _KEYS if key not in _OPTIONAL])
    stem = os.path.splitext(os.path.basename(path))[0]
    if not isinstance(entry["id"], str) or not _ID.fullmatch(entry["id"]):
        complain(path, ["id"], "an id is made of small letters, digits and single hyphens")
    if entry["id"] != stem:
        complain(path, ["id"], "the id must be the file's name, {}".format(stem))
    if entry["severity"] not in SEVERITIES:
        complain(path, ["severity"], "severity must be one of {}".format(", ".join(SEVERITIES)))
    for key in TEXTS:
        if not isinstance(entry[key], str) or not entry[key].strip():
            complain(path, [key], "{} must be text".format(key))
    for key in ("sources", "needs", "wants", "profiles", "looks-at", "facts"):
        if not _is_texts(entry.get(key, [])):
            complain(path, [key], "{} must be a list of texts".format(key))
    for key in ("needs", "wants"):
        for number, value in enumerate(entry.get(key, [])):
            if value not in NEEDS:
                complain(path, [key, number], "{!r} is none of {}".format(value, ", ".join(NEEDS)))
    _check_facts(path, entry)
    for key in ("sources", "profiles"):
        if not entry[key]:
            complain(path, [key], "{} must not be empty".format(key))
    if entry.get("scope", "board") not in SCOPES:
        complain(path, ["scope"], "scope must be one of {}".format(", ".join(SCOPES)))
    if entry.get("waiver", "optional") not in WAIVERS:
        complain(path, ["waiver"], "waiver must be one of {}".format(", ".join(WAIVERS)))
    _check_check(path, entry["check"])
    _check_examples(path, entry["examples"])
    return entry


def _check_facts(path: str, entry: Mapping[str, Any]) -> None:
    facts = entry.get("facts", [])
    if not facts and "device" in (*entry["needs"], *entry.get("wants", ())):
        complain(path, ["needs"], "a rule about the device names the facts that it asks for")
    for number, fact in enumerate(facts):
        if fact not in Device._fields:
            complain(path, ["facts", number], "{!r} is none of {}".format(fact, ", ".join(Device._fields)))


def check_keys(
    path: str, entry: Mapping[str, Any], known: Sequence[str], required: Sequence[str], above: Sequence[Any] = ()
) -> None:
    """Raises RuleError for a key that is not known, or one that is missing."""
    for key in entry:
        if key not in known:
            complain(path, [*above, key], "unknown key {!r}{}".format(key, did_you_mean(str(key), known)))
    for key in required:
        if key not in entry:
            complain(path, above, "the key {} is missing".format(key))


def _check_check(path: str, check: Any) -> None:
    if not isinstance(check, dict) or not check:
        complain(path, ["check"], "check must name a verb")
    verb = next(iter(check))
    if verb == "python":
        check_keys(path, check, ["python"], ["python"], ["check"])
        if not isinstance(check["python"], str) or check["python"] not in PREDICATES:
            complain(path, ["check", "python"], "there is no predicate {!r}".format(check["python"]))
        return
    if verb not in VERBS:
        complain(path, ["check", verb], "{!r} is no verb; there are {}, python".format(verb, ", ".join(VERBS)))
    check_keys(path, check, [verb, "never", "always"], [verb], ["check"])
    if ("never" in check) == ("always" in check):
        complain(path, ["check"], "{} takes either never or always".format(verb))
    named, sense = check[verb], "never" if "never" in check else "always"
    if verb == "file":
        if not named or not _is_texts(named):
            complain(path, ["check", verb], "file must be a list of names")
        if check[sense] != "present":
            complain(path, ["check", sense], "of a file, {} can only be present".format(sense))
    elif not isinstance(named, str) or not named.strip():
        complain(path, ["check", verb], "{} must be a name".format(verb))
    elif not isinstance(check[sense], str) and type(check[sense]) is not int:
        complain(path, ["check", sense], "{} must be a number or text".format(sense))


def _check_examples(path: str, examples: Any) -> None:
    if not isinstance(examples, dict):
        complain(path, ["examples"], "examples must have bad and good")
    check_keys(path, examples, ["bad", "good"], ["bad", "good"], ["examples"])
    for kind in ("bad", "good"):
        cases = examples[kind]
        if not isinstance(cases, list) or not cases:
            complain(path, ["examples", kind], "there must be at least one {} example".format(kind))
        for number, case in enumerate(cases):
            above = ["examples", kind, number]
            if not isinstance(case, dict):
                complain(path, above, "an example is a mapping")
            check_keys(path, case, _EXAMPLE_KEYS, ["name", "finds"] if kind == "bad" else ["name"], above)
            if case.get("severity", "brick") not in SEVERITIES:
                complain(path, [*above, "severity"], "severity must be one of {}".format(", ".join(SEVERITIES)))
            for key, (what, fits) in _EXAMPLE_PARTS.items():
                if key in case and not fits(case[key]):
                    complain(path, [*above, key], "{} must be {}".format(key, what))


def read_profile(path: str) -> Dict[str, Any]:
    """A profile's file, with everything in it checked. Raises RuleError, OSError."""
    entry = read_yaml(path)
    if not isinstance(entry, dict):
        raise RuleError("{}:1: a profile is a mapping".format(path))
    check_keys(path, entry, ["name", "board", "summary", "parameters"], ["name", "board", "summary"])
    if entry["board"] not in BOARDS:
        complain(path, ["board"], "there is no board {!r}".format(entry["board"]))
    return entry
