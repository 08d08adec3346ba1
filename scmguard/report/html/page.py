"""The page around the trees: the head with its security policy, the verdict, and what was not checked."""

import base64
import hashlib
from collections import Counter
from typing import Dict, Iterator, List, NamedTuple, Sequence, Tuple

from scmguard import assets
from scmguard.effective.board import BOARDS
from scmguard.finding import SEVERITIES, SEVERITY_MEANS, Finding, NotChecked
from scmguard.report.html.markup import escape, folded, icon, items, say, severity, symbols
from scmguard.report.session import Session, Tail

_IN_PART = "in part: "
_MOST_LISTED = 60

_VERDICTS = {
    "brick": ("Would brick the device", "Could brick the device"),
    "no-boot": ("Would not boot", "Might not boot"),
    "degraded": ("Something will not work", "Something might not work"),
    "hygiene": ("Nothing serious found", "Nothing serious found"),
}


class Entry(NamedTuple):
    """A finding in the list at the top: its boards, the id of its card, and its place as HTML, short and whole."""

    finding: Finding
    boards: Tuple[str, ...]
    anchor: str
    place: str
    whole: str


class Listed(NamedTuple):
    """What the top of the page says of one tree."""

    path: str
    anchor: str
    entries: Sequence[Entry]
    waived: Sequence[Entry]


def style(boards: Sequence[str]) -> str:
    """The style sheet, with what depends on the boards that can be chosen between."""
    text = assets.package_file("report", "html", "style.css").decode("utf-8")
    if len(boards) < 2:
        return text + "[data-off] { --line: var(--dim); }\n"
    rules = []
    for board in boards:
        chosen = ":root:has(#board-{}:checked)".format(board)
        rules.append("{} [data-only]:not([data-only~={}]) {{ display: none; }}".format(chosen, board))
        rules.append("{} [data-off~={}] {{ --line: var(--dim); }}".format(chosen, board))
    # A browser that does not know :has shows what there is of all boards, and no choice.
    rules.append(".switch { display: block; }")
    return "{}.switch {{ display: none; }}\n@supports selector(:has(a)) {{\n{}\n}}\n".format(text, "\n".join(rules))


def head(title: str, boards: Sequence[str]) -> str:
    """The page up to its body. The policy lets in the page's own style, and nothing else: no script at all."""
    sheet = "\n" + style(boards)
    digest = base64.b64encode(hashlib.sha256(sheet.encode("utf-8")).digest()).decode("ascii")
    policy = "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'".format(digest)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="{}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n{}"
    ).format(policy.replace('"', "&quot;"), say(title), sheet, symbols())


def worst_of(listed: Sequence[Listed], end: Tail) -> Tuple[str, str]:
    """The worst severity (or ``none``), and the verdict in words."""
    worst = end.summary.worst()
    if worst is None:
        if not end.summary.trees:
            return "no-boot", "Nothing could be checked"
        return ("degraded", "Not everything could be checked") if end.errors else ("none", "No findings")
    certain = any(
        entry.finding.severity == worst and entry.finding.confidence == "certain"
        for tree in listed
        for entry in tree.entries
    )
    return worst, _VERDICTS[worst][0 if certain else 1]


def counts(end: Tail) -> List[Tuple[str, int]]:
    """How many of each severity there are, worst first, without those of which there are none."""
    found: Dict[str, int] = end.summary.counts
    return [(name, found[name]) for name in reversed(SEVERITIES) if found.get(name)]


def verdict(session: Session, listed: Sequence[Listed], end: Tail) -> Iterator[str]:
    """The top of the page."""
    worst, words = worst_of(listed, end)
    yield '<a class="skip" href="#details">Skip to the files</a>\n<header class="top {}">\n'.format(worst)
    yield '<p class="brand">scmguard {}</p>\n'.format(say(session.version))
    yield "<h1>{}{}</h1>\n".format(icon(worst), words)
    if worst in SEVERITY_MEANS and worst != "hygiene" and end.summary.counts.get(worst):
        in_some = ""
        if len(listed) > 1:
            trees = sum(any(entry.finding.severity == worst for entry in tree.entries) for tree in listed)
            in_some = " So it is in {} of {} boot trees.".format(trees, len(listed))
        yield '<p class="means">{}: {}.{}</p>\n'.format(worst.capitalize(), escape(SEVERITY_MEANS[worst]), in_some)
    chips = ['<span class="chip {0}">{1}<b>{2}</b> {0}</span>'.format(name, icon(name), n) for name, n in counts(end)]
    if end.summary.waived:
        chips.append('<span class="chip waived"><b>{}</b> waived</span>'.format(end.summary.waived))
    if any(len(entry.boards) > 1 for tree in listed for entry in tree.entries):
        chips.append("<small>counted for each board</small>")
    if chips:
        yield '<p class="chips">{}</p>\n'.format(" ".join(chips))
    yield '<dl class="facts">\n<div><dt>Profile</dt><dd>{}</dd></div>\n<div><dt>{}</dt><dd>{}</dd></div>\n'.format(
        say(session.profile),
        "Boards" if len(session.boards) > 1 else "Board",
        ", ".join("{}<small> {}</small>".format(say(name), escape(BOARDS[name].model)) for name in session.boards),
    )
    checked = "{} boot trees".format(len(listed) or "no")
    if len(listed) == 1:
        checked = '<a href="#{}">{}</a>'.format(listed[0].anchor, say(listed[0].path or "."))
    yield "<div><dt>Checked</dt><dd>{}</dd></div>\n</dl>\n".format(checked)
    yield from _said(session, listed, end)
    yield "</header>\n"


def _said(session: Session, listed: Sequence[Listed], end: Tail) -> Iterator[str]:
    if end.errors:
        errors = ("<b>{}</b>: {}".format(say(one["path"]), say(one["reason"])) for one in end.errors)
        yield '<section class="errors">\n<h2>Could not be checked</h2>\n{}</section>\n'.format(items("plain", errors))
    if end.notes:
        yield '<section class="notes">\n<h2>Notes</h2>\n{}</section>\n'.format(items("plain", map(say, end.notes)))
    if len(listed) > 1:
        yield '<nav class="findings trees" aria-labelledby="trees">\n<h2 id="trees">Boot trees</h2>\n<ol>\n'
        yield from map(_tree, listed)
        yield "</ol>\n</nav>\n"
    entries = [entry for tree in listed for entry in tree.entries]
    if entries:
        yield '<nav class="findings" aria-labelledby="findings">\n<h2 id="findings">Findings</h2>\n<ol>\n'
        for entry in sorted(entries, key=lambda each: -SEVERITIES.index(each.finding.severity))[:_MOST_LISTED]:
            yield _entry(entry, len(session.boards) > 1, len(listed) > 1)
        yield "</ol>\n"
        if len(entries) > _MOST_LISTED:
            yield "<p>{} more are shown with their files.</p>\n".format(len(entries) - _MOST_LISTED)
        yield "</nav>\n"
    waived = [entry for tree in listed for entry in tree.waived]
    if waived:
        rows = (
            '<a href="#{}">{}</a> {} <code>{}</code> {}'.format(
                entry.anchor, say(entry.finding.message), entry.place, say(entry.finding.rule), _reason(entry.finding)
            )
            for entry in waived
        )
        yield folded("{} waived".format(len(waived)), items("plain", rows), "waived-list")
    if end.not_checked and not session.style.quiet:
        yield _not_checked(end.not_checked)


def _tree(tree: Listed) -> str:
    by_severity = Counter(entry.finding.severity for entry in tree.entries)
    worst = next((name for name in reversed(SEVERITIES) if by_severity[name]), "none")
    said = ", ".join("{} {}".format(by_severity[name], name) for name in reversed(SEVERITIES) if by_severity[name])
    badge = '<span class="severity {0}">{1}{2}</span>'.format(worst, icon(worst), "no findings" if not said else worst)
    return '<li>{}<span class="what"><a href="#{}">{}</a></span><span class="where">{}</span></li>\n'.format(
        badge, tree.anchor, say(tree.path or "."), said
    )


def _reason(finding: Finding) -> str:
    if finding.waived is None:
        return ""
    until = "without an end" if finding.waived.expires is None else "until {}".format(finding.waived.expires)
    return '<span class="note">{} ({})</span>'.format(say(finding.waived.reason), say(until))


def _entry(entry: Entry, with_boards: bool, whole: bool) -> str:
    finding = entry.finding
    tags = ["possible"] if finding.confidence == "possible" else []
    if with_boards and entry.boards:
        tags.append("on " + ", ".join(entry.boards))
    marked = "".join(' <span class="tag">{}</span>'.format(escape(tag)) for tag in tags)
    return '<li>{}<span class="what"><a href="#{}">{}</a>{}</span><span class="where">{}</span></li>\n'.format(
        severity(finding.severity), entry.anchor, say(finding.message), marked, entry.whole if whole else entry.place
    )


def _not_checked(entries: Sequence[NotChecked]) -> str:
    by_reason: Dict[str, List[str]] = {}
    for entry in entries:
        by_reason.setdefault(entry.reason, []).append(entry.rule)
    whole = [pair for pair in by_reason.items() if not pair[0].startswith(_IN_PART)]
    part = [(reason[len(_IN_PART) :], rules) for reason, rules in by_reason.items() if reason.startswith(_IN_PART)]
    rules = {entry.rule for entry in entries if not entry.reason.startswith(_IN_PART)}
    body = items("plain", map(_lacking, whole))
    if part:
        body += "<p>Checked in part:</p>\n" + items("plain", map(_lacking, part))
    title = "{} {} not checked".format(len(rules), "rule" if len(rules) == 1 else "rules")
    if not rules:
        title = "Some rules were checked in part"
    return folded(title, body, "not-checked")


def _lacking(pair: Tuple[str, List[str]]) -> str:
    reason, rules = pair
    said = reason[:1].upper() + reason[1:]
    return '{}: <span class="rules">{}</span>'.format(
        say(said), ", ".join("<code>{}</code>".format(say(rule)) for rule in rules)
    )


def switch(boards: Sequence[str]) -> str:
    """The choice between boards; nothing where there is one."""
    if len(boards) < 2:
        return ""
    each = "".join(
        '<label for="board-{0}"><input type="radio" name="board" id="board-{0}"{2}> {0} '
        "<small>{1}</small></label>\n".format(escape(name), escape(BOARDS[name].model), "" if number else " checked")
        for number, name in enumerate(boards)
    )
    return '<fieldset class="switch">\n<legend>As the board runs it</legend>\n{}</fieldset>\n'.format(each)


def foot() -> str:
    """The end of the page."""
    return "</body>\n</html>\n"
