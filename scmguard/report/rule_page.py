"""A rule's page as Markdown: what happens, recovery, what to do, sources as links, and the examples that run as tests.

For the pages of the documentation and for reports that carry a rule's text.
"""

import json
import re
from typing import Any, Iterator, List, Mapping, Match, Optional

from scmguard.example_files import shown
from scmguard.finding import SEVERITY_MEANS
from scmguard.rulebook import Rule
from scmguard.text import printable

_GITHUB = "https://github.com/"
# In this order: an issue of a repository, with further numbers behind it; bugs of Debian; pages of documentations; man
# pages.
_REFERENCE = re.compile(
    r"(?P<repository>[\w.-]+/[\w.-]+)#(?P<issue>[0-9]+)(?P<issues>(?:(?:, | and )#[0-9]+)*)"
    r"|(?<=Debian )(?P<bugs>#[0-9]+(?:(?:, | and )#[0-9]+)*)"
    r"|(?<=Raspberry Pi documentation, )(?P<adoc>[\w-]+/[\w-]+\.adoc)"
    r"|(?<=Zymbit documentation, )(?P<zymbit>[a-z]+/[\w./-]*\w)"
    r"|(?P<manual>[a-z][\w.-]*)\((?P<section>[1-8])\)"
)
# What Markdown takes for more than a character: anywhere (an underscore inside a word is none), and at the start.
_SPECIAL = re.compile(r"([*<\[\\]|~(?=~)|&(?=#?\w+;)|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
_AT_START = re.compile(r"^([0-9]*)([#>+.)~-])")
_NUMBER = re.compile(r"#([0-9]+)")


def markdown(rule: Rule, examples: bool = True) -> str:
    """The page, from its heading to a line end; ``examples`` can be left out."""
    return "".join(_page(rule, examples))


def _page(rule: Rule, examples: bool) -> Iterator[str]:
    yield "# {}\n\n".format(rule.id)
    yield "{}\n\n".format(prose(rule.summary))
    sealed = "; on a sealed unit (profile `scm`) that is a brick" if rule.severity == "no-boot" else ""
    yield "**{}**: {}{}.\n".format(rule.severity, SEVERITY_MEANS[rule.severity], sealed)
    for title, text in (("What happens", rule.rationale), ("Recovery", rule.recovery), ("What to do", rule.help)):
        yield "\n## {}\n\n{}\n".format(title, prose(text))
    yield "\n## Where it is asked\n\n"
    yield "- profiles: {}\n".format(", ".join(rule.profiles))
    for title, values in (("needs", rule.needs), ("also uses", rule.wants), ("asks the device for", rule.facts)):
        if values:
            yield "- {}: {}\n".format(title, ", ".join(values))
    if rule.waiver == "required":
        yield "- cannot be ignored, only waived: with a reason, under `waivers:` in `.scmguard.yaml`\n"
    yield "\n## Sources\n\n"
    for source in rule.sources:
        yield "- {}\n".format(linked(" ".join(source.split())))
    if examples:
        for kind in ("bad", "good"):
            yield "\n## {} examples\n".format(kind.capitalize())
            for example in rule.examples[kind]:
                yield from _example(example)


def _example(example: Mapping[str, Any]) -> Iterator[str]:
    yield "\n### {}\n\n".format(prose(example["name"]))
    boards = example.get("board", [])
    about = ["profile {}".format(example["profile"])] if "profile" in example else []
    about += ["for {}".format(boards if isinstance(boards, str) else ", ".join(boards))] if boards else []
    if about:
        yield "With {}:\n\n".format(", ".join(about))
    lines: List[str] = list(transaction_lines(example.get("transaction")))
    for title, key in (("the device", "device"), ("the boot partition", "space")):
        if key in example:
            lines.append("{}:".format(title))
            lines += ["  {}: {}".format(name, _plain(value)) for name, value in example[key].items()]
    if "supervised" in example:
        lines.append("supervised: {}".format(", ".join(example["supervised"])))
    for title, key in (("", "files"), ("", "root"), (" as it was signed", "ledger")):
        for name, content in example.get(key, {}).items():
            lines.append("{}{}:".format(name if key != "root" else "/" + name.lstrip("/"), title))
            lines += ["  " + line for line in shown(content).splitlines() or ["(empty)"]]
    lines += ["/{} -> {}".format(name.lstrip("/"), target) for name, target in example.get("links", {}).items()]
    yield _block(lines or ["(nothing)"])
    if "finds" in example:
        possible = "possible" if example.get("possible") else ""
        marks = " ({})".format(", ".join(filter(None, [example.get("severity", ""), possible])))
        yield "\nFinds{}:\n\n".format(marks if marks != " ()" else "")
        for found in example["finds"]:
            yield "- {}\n".format(prose(found))


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def transaction_lines(given: Optional[Mapping[str, Any]]) -> Iterator[str]:
    """What an example's transaction does, in a line for each package."""
    if given is None:
        return
    if given.get("unattended"):
        yield "(nobody watches: {})".format(given["unattended"])
    for change in given["changes"]:
        versions = " to ".join(change[key] for key in ("old", "new") if change.get(key))
        yield "{} {} {}".format(change["action"], change["package"], versions).rstrip()
        for what in ("brings", "takes"):
            for path in change.get(what, ()):
                yield "  {} /{}".format(what, path)


def _block(lines: List[str]) -> str:
    """Lines as a block of code; what cannot be printed is escaped."""
    text = "\n".join(line if line.isprintable() else repr(line)[1:-1] for line in lines)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return "{}text\n{}\n{}\n".format(fence, text, fence)


def prose(text: str) -> str:
    """A text whose characters mean nothing to Markdown, but for pairs of backticks."""
    text = printable(" ".join(text.split()))
    if text.count("`") % 2:
        text = text.replace("`", "\\`")
    parts = re.split(r"(`[^`]*`)", text)
    for place in range(0, len(parts), 2):
        parts[place] = _SPECIAL.sub(r"\\\1", parts[place])
    return _AT_START.sub(r"\1\\\2", "".join(parts))


def linked(source: str) -> str:
    """A source, with what it names as links."""
    pieces, end = [], 0
    for found in _REFERENCE.finditer(source):
        pieces += [prose_inside(source[end : found.start()]), _link(found)]
        end = found.end()
    return "".join([*pieces, prose_inside(source[end:])]).strip()


def prose_inside(text: str) -> str:
    """As :func:`prose`, of a part whose blanks at the ends count."""
    stripped = text.strip()
    if not stripped:
        return text
    start = text.index(stripped)
    return text[:start] + prose(stripped) + text[start + len(stripped) :]


def _link(found: Match[str]) -> str:
    text, groups = found.group(), found.groupdict()
    if groups["repository"]:
        base = "{}{}/issues/".format(_GITHUB, groups["repository"])
        first = "[{0}#{1}]({2}{1})".format(groups["repository"], groups["issue"], base)
        return first + _numbers(groups["issues"], base)
    if groups["bugs"]:
        return _numbers(text, "https://bugs.debian.org/")
    if groups["adoc"]:
        place = "raspberrypi/documentation/blob/HEAD/documentation/asciidoc/computers/"
        return "[{0}]({1}{2}{0})".format(text, _GITHUB, place)
    if groups["zymbit"]:
        return "[{0}](https://docs.zymbit.com/{0}/)".format(text)
    return "[{}](https://manpages.debian.org/{}.{})".format(text, groups["manual"], groups["section"])


def _numbers(text: str, base: str) -> str:
    return _NUMBER.sub(lambda found: "[#{0}]({1}{0})".format(found.group(1), base), text)
