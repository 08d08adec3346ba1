"""The rulebook: rules and profiles as values. YAML in a checkout and for house rules, JSON in an installed package.

The only module that imports ruamel.yaml, and only when there is YAML to read.
"""

import json
import os
from typing import Any, Dict, List, Mapping, NamedTuple, NoReturn, Optional, Sequence, Tuple

from scmguard import assets
from scmguard.checks import PREDICATES
from scmguard.checks.verbs import VERBS
from scmguard.effective.board import BOARDS
from scmguard.finding import SEVERITIES

#: What a rule can need. ``binaries``: the folder carries kernels and firmware, and not only text files.
NEEDS = ("config", "cmdline", "rootfs", "binaries")
SCOPES = ("board", "every-board")

_TEXTS = ("summary", "rationale", "recovery", "help")
_KEYS = ("id", "severity", *_TEXTS, "sources", "needs", "wants", "scope", "profiles", "check", "examples")
_OPTIONAL = ("wants", "scope")
_EXAMPLE_KEYS = ("name", "profile", "board", "files", "root", "links", "finds", "possible")


class RuleError(Exception):
    """A rule, profile or configuration file that is wrong: one line with path, line and reason. A user's error."""


class Rule(NamedTuple):
    """A rule as its file says it. ``profiles`` are names, or ``all``; ``wants`` is what it also uses if it is there."""

    id: str
    severity: str
    summary: str
    rationale: str
    recovery: str
    help: str
    sources: Tuple[str, ...]
    needs: Tuple[str, ...]
    wants: Tuple[str, ...]
    scope: str
    profiles: Tuple[str, ...]
    check: Mapping[str, Any]
    examples: Mapping[str, Any]

    def applies_to(self, profile: str) -> bool:
        """Whether the rule belongs to a profile."""
        return "all" in self.profiles or profile in self.profiles


class Profile(NamedTuple):
    """A board, and parameters for the rules that apply to it."""

    name: str
    board: str
    summary: str
    parameters: Mapping[str, Any]


class Rulebook(NamedTuple):
    """All rules by id, and all profiles by name."""

    rules: Dict[str, Rule]
    profiles: Dict[str, Profile]


def load(extra: Sequence[str] = ()) -> Rulebook:
    """The rules of the package and those in the folders ``extra``. Raises RuleError; one for no rules at all."""
    data = assets.compiled("rules.json")
    if data is not None:
        stored = json.loads(data)
        rules = [_rule(entry) for entry in stored["rules"]]
        profiles = [_profile(entry) for entry in stored["profiles"]]
    else:
        rules, profiles = read_folder(assets.rules_folder())
    for folder in extra:
        try:
            more, _ = read_folder(folder)
        except OSError as error:
            raise RuleError("{}: {}".format(folder, (error.strerror or str(error)).lower())) from None
        known = {rule.id for rule in rules}
        for rule in more:
            if rule.id in known:
                raise RuleError("{}: the id {} is taken by a rule that comes with scmguard".format(folder, rule.id))
        rules += more
    if not rules:
        raise RuleError("no rules were found")
    book = Rulebook({rule.id: rule for rule in rules}, {profile.name: profile for profile in profiles})
    for board in BOARDS.values():
        book.profiles.setdefault(board.name, Profile(board.name, board.name, board.model, {}))
    return book


def read_folder(folder: str) -> Tuple[List[Rule], List[Profile]]:
    """The rules in ``folder`` and the profiles in its ``profiles``, from YAML. Raises RuleError, OSError."""
    rules = [_rule(_checked(path)) for path in assets.yaml_files(folder)]
    inner = os.path.join(folder, "profiles")
    paths = assets.yaml_files(inner) if os.path.isdir(inner) else []
    return rules, [_profile(_checked_profile(path)) for path in paths]


def as_data(rules: Sequence[Rule], profiles: Sequence[Profile]) -> Dict[str, Any]:
    """Rules and profiles as what JSON can hold; :func:`load` reads it back."""
    return {"rules": [rule._asdict() for rule in rules], "profiles": [profile._asdict() for profile in profiles]}


def _rule(entry: Mapping[str, Any]) -> Rule:
    def text(key: str) -> str:
        return " ".join(str(entry[key]).split())

    def several(key: str) -> Tuple[str, ...]:
        return tuple(entry.get(key, ()))

    return Rule(
        id=entry["id"],
        severity=entry["severity"],
        summary=text("summary"),
        rationale=text("rationale"),
        recovery=text("recovery"),
        help=text("help"),
        sources=several("sources"),
        needs=several("needs"),
        wants=several("wants"),
        scope=entry.get("scope", "board"),
        profiles=several("profiles"),
        check=entry["check"],
        examples=entry["examples"],
    )


def _profile(entry: Mapping[str, Any]) -> Profile:
    return Profile(entry["name"], entry["board"], entry["summary"], entry.get("parameters", {}))


# ---- reading YAML ------------------------------------------------------------------------------------------


def read_yaml(path: str) -> Any:
    """A YAML file as plain values. Raises RuleError with path and line for what is no YAML, OSError."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml = YAML(typ="safe")
    try:
        with open(path, encoding="utf-8") as stream:
            return yaml.load(stream)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        raise RuleError("{}:{}: {}".format(path, line, error.problem or error.context)) from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise RuleError("{}: {}".format(path, str(error).splitlines()[0])) from None


def complain(path: str, keys: Sequence[Any], reason: str) -> NoReturn:
    """Raises RuleError for the value at ``keys`` in a YAML file, with its line (the file is read again to find it)."""
    from ruamel.yaml import YAML

    with open(path, encoding="utf-8") as stream:
        node = YAML(typ="rt").compose(stream)
    line = 1
    for key in keys:
        found = _child(node, key)
        if found is None:
            break
        line, node = found
    raise RuleError("{}:{}: {}".format(path, line, reason))


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


def _checked(path: str) -> Dict[str, Any]:
    """A rule's file, with everything in it checked."""
    entry = read_yaml(path)
    if not isinstance(entry, dict):
        raise RuleError("{}:1: a rule is a mapping".format(path))
    check_keys(path, entry, _KEYS, [key for key in _KEYS if key not in _OPTIONAL])
    stem = os.path.splitext(os.path.basename(path))[0]
    if entry["id"] != stem:
        complain(path, ["id"], "the id must be the file's name, {}".format(stem))
    if entry["severity"] not in SEVERITIES:
        complain(path, ["severity"], "severity must be one of {}".format(", ".join(SEVERITIES)))
    for key in _TEXTS:
        if not isinstance(entry[key], str) or not entry[key].strip():
            complain(path, [key], "{} must be text".format(key))
    for key in ("sources", "needs", "wants", "profiles"):
        values = entry.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            complain(path, [key], "{} must be a list of texts".format(key))
    for key in ("needs", "wants"):
        for number, value in enumerate(entry.get(key, [])):
            if value not in NEEDS:
                complain(path, [key, number], "{!r} is none of {}".format(value, ", ".join(NEEDS)))
    for key in ("sources", "profiles"):
        if not entry[key]:
            complain(path, [key], "{} must not be empty".format(key))
    if entry.get("scope", "board") not in SCOPES:
        complain(path, ["scope"], "scope must be one of {}".format(", ".join(SCOPES)))
    _check_check(path, entry["check"])
    _check_examples(path, entry["examples"])
    return entry


def check_keys(
    path: str, entry: Mapping[str, Any], known: Sequence[str], required: Sequence[str], above: Sequence[Any] = ()
) -> None:
    """Raises RuleError for a key that is not known, or one that is missing."""
    for key in entry:
        if key not in known:
            import difflib

            near = difflib.get_close_matches(str(key), known, 1)
            hint = "; did you mean {}?".format(near[0]) if near else ""
            complain(path, [*above, key], "unknown key {!r}{}".format(key, hint))
    for key in required:
        if key not in entry:
            complain(path, above, "the key {} is missing".format(key))


def _check_check(path: str, check: Any) -> None:
    if not isinstance(check, dict) or not check:
        complain(path, ["check"], "check must name a verb")
    verb = next(iter(check))
    if verb == "python":
        check_keys(path, check, ["python"], ["python"], ["check"])
        if check["python"] not in PREDICATES:
            complain(path, ["check", "python"], "there is no predicate {!r}".format(check["python"]))
        return
    if verb not in VERBS:
        complain(path, ["check", verb], "{!r} is no verb; there are {}, python".format(verb, ", ".join(VERBS)))
    check_keys(path, check, [verb, "never", "always"], [verb], ["check"])
    if ("never" in check) == ("always" in check):
        complain(path, ["check"], "{} takes either never or always".format(verb))


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


def _checked_profile(path: str) -> Dict[str, Any]:
    entry = read_yaml(path)
    if not isinstance(entry, dict):
        raise RuleError("{}:1: a profile is a mapping".format(path))
    check_keys(path, entry, ["name", "board", "summary", "parameters"], ["name", "board", "summary"])
    if entry["board"] not in BOARDS:
        complain(path, ["board"], "there is no board {!r}".format(entry["board"]))
    return entry
