"""The rulebook: rules and profiles as values. YAML in a checkout and for house rules, JSON in an installed package."""

import json
import os
from typing import Any, Container, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from scmguard import assets
from scmguard.effective.board import BOARDS
from scmguard.errors import RuleError


class Rule(NamedTuple):
    """A rule as its file says it. ``profiles`` are names, or ``all``; ``wants`` is what it also uses if it is there.

    ``looks_at`` are things without any of which the rule has nothing to say, so that it need not even be loaded: names
    of settings, ``dtoverlay``, ``include``, and files of the boot partition with a slash in front; empty: it always
    looks. ``waiver`` is ``required`` where ``ignore`` must not silence the rule, and only a waiver with a reason may.
    ``texts`` is what the rule tells people, as JSON: most rules have nothing to say of most trees.
    """

    id: str
    severity: str
    texts: str
    needs: Sequence[str]
    wants: Sequence[str]
    scope: str
    profiles: Sequence[str]
    check: Mapping[str, Any]
    looks_at: Sequence[str] = ()
    waiver: str = "optional"
    #: The facts of the device that it asks for.
    facts: Sequence[str] = ()
    #: Those in the rule's file; None in an installed package, which reads them when they are asked for.
    own_examples: Optional[Mapping[str, Any]] = None

    @property
    def examples(self) -> Mapping[str, Any]:
        """Boot trees with (``bad``) and without (``good``) findings; :mod:`scmguard.examples` runs them."""
        if self.own_examples is not None:
            return self.own_examples
        stored: Dict[str, Mapping[str, Any]] = json.loads(assets.compiled("examples.json") or b"{}")
        return stored[self.id]

    def _text(self, key: str) -> Any:
        return json.loads(self.texts)[key]

    @property
    def summary(self) -> str:
        """What the rule says, in one line."""
        return str(self._text("summary"))

    @property
    def rationale(self) -> str:
        """What happens on the device."""
        return str(self._text("rationale"))

    @property
    def recovery(self) -> str:
        """What it takes to get the device back."""
        return str(self._text("recovery"))

    @property
    def help(self) -> str:
        """What to do."""
        return str(self._text("help"))

    @property
    def sources(self) -> List[str]:
        """Where it is known from."""
        found: List[str] = self._text("sources")
        return found

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


def examples_of(rules: Iterable[Rule]) -> Dict[str, Mapping[str, Any]]:
    """The examples of rules, by id: those of an installed package are read once for all of them."""
    found = {rule.id: rule.own_examples for rule in rules}
    stored: Dict[str, Mapping[str, Any]] = {}
    if None in found.values():
        stored = json.loads(assets.compiled("examples.json") or b"{}")
    return {id: stored[id] if examples is None else examples for id, examples in found.items()}


def load(extra: Sequence[str] = ()) -> Rulebook:
    """The rules of the package and those in the folders ``extra``. Raises RuleError; one for no rules at all."""
    data = assets.compiled("rules.json")
    if data is not None:
        stored = json.loads(data)
        rules = [Rule(**entry) for entry in stored["rules"]]
        profiles = [Profile(**entry) for entry in stored["profiles"]]
    else:
        rules, profiles = read_folder(assets.rules_folder())
    known = {profile.name for profile in profiles}.union(BOARDS, ["all"])
    for folder in extra:
        rules += _house_rules(folder, {rule.id for rule in rules}, known)
    if not rules:
        raise RuleError("no rules were found")
    book = Rulebook({rule.id: rule for rule in rules}, {profile.name: profile for profile in profiles})
    for board in BOARDS.values():
        book.profiles.setdefault(board.name, Profile(board.name, board.name, board.model, {}))
    return book


def _house_rules(folder: str, taken: Container[str], profiles: Container[str]) -> List[Rule]:
    """The rules of a user's folder. Raises RuleError."""
    from scmguard import rulefile

    try:
        rules, _profiles = read_folder(folder)
    except OSError as error:
        raise RuleError("{}: {}".format(folder, (error.strerror or str(error)).lower())) from None
    for rule in rules:
        path = os.path.join(folder, rule.id + ".yaml")
        if rule.id in taken:
            rulefile.complain(path, ["id"], "the id {} is taken".format(rule.id))
        for number, profile in enumerate(rule.profiles):
            if profile not in profiles:
                rulefile.complain(path, ["profiles", number], "there is no profile {!r}".format(profile))
    return rules


def read_folder(folder: str) -> Tuple[List[Rule], List[Profile]]:
    """The rules in ``folder`` and the profiles in its ``profiles``, from YAML. Raises RuleError, OSError."""
    from scmguard import rulefile

    rules = [_rule(rulefile.read_rule(path)) for path in assets.yaml_files(folder)]
    inner = os.path.join(folder, "profiles")
    paths = assets.yaml_files(inner) if os.path.isdir(inner) else []
    return rules, [_profile(rulefile.read_profile(path)) for path in paths]


def as_data(rules: Sequence[Rule], profiles: Sequence[Profile]) -> Dict[str, Any]:
    """Rules, profiles and examples as what JSON can hold, by file name; :func:`load` reads it back."""
    plain = [rule._replace(own_examples=None)._asdict() for rule in rules]
    return {
        "rules.json": {"rules": plain, "profiles": [profile._asdict() for profile in profiles]},
        "examples.json": {rule.id: rule.examples for rule in rules},
    }


def _rule(entry: Mapping[str, Any]) -> Rule:
    from scmguard.rulefile import TEXTS

    def text(key: str) -> str:
        return " ".join(str(entry[key]).split())

    def several(key: str) -> Tuple[str, ...]:
        return tuple(entry.get(key, ()))

    return Rule(
        id=entry["id"],
        severity=entry["severity"],
        texts=json.dumps({**{key: text(key) for key in TEXTS}, "sources": entry["sources"]}),
        needs=several("needs"),
        wants=several("wants"),
        scope=entry.get("scope", "board"),
        profiles=several("profiles"),
        check=entry["check"],
        looks_at=several("looks-at"),
        waiver=entry.get("waiver", "optional"),
        facts=several("facts"),
        own_examples=entry["examples"],
    )


def _profile(entry: Mapping[str, Any]) -> Profile:
    return Profile(entry["name"], entry["board"], entry["summary"], entry.get("parameters", {}))
