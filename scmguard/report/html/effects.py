"""What is effective on a board, as ``scmguard show`` tells it, with links to the lines that made it so."""

from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence

from scmguard.effective.bootfiles import joined
from scmguard.effective.readings import READINGS, meaning
from scmguard.report.html.files import Files
from scmguard.report.html.lines import link
from scmguard.report.html.markup import escape, items, say
from scmguard.text import printable

_TREE_WORDS = {"device_tree": "device tree", "cmdline": "command line"}


class Effects:
    """Renders the data of :func:`scmguard.effective.view.view` for one tree. ``level`` is that of its own heading."""

    def __init__(self, files: Files, level: int) -> None:
        self._paths = {printable(path): path for path in reversed(list(files.by_path))}
        self._files = files
        self._level = level

    def board(self, name: str, model: str, data: Optional[Mapping[str, Any]], why_not: Sequence[str] = ()) -> str:
        """The view of one board, or what is missing in it and why."""
        inside = "".join('<p class="callout">{}</p>\n'.format(say(why)) for why in why_not)
        if data is not None:
            inside += "".join(self._all(data))
        return (
            '<section class="effects" data-only="{name}">\n'
            "<h{level}>In effect on {name} <small>{model}</small></h{level}>\n"
            '<div class="panel">\n{inside}</div>\n</section>\n'
        ).format(name=escape(name), model=escape(model), level=self._level, inside=inside)

    def _all(self, data: Mapping[str, Any]) -> Iterator[str]:
        if data["shadowed_by"]:
            yield (
                '<p class="callout">boot_ramdisk is on: the firmware goes on with the files inside boot.img, '
                "and not with these.</p>\n"
            )
        yield self._group("It would be different", map(_difference, data["readings"]))
        yield self._group("Boot files", (_file(kind, names) for kind, names in data["files"].items()))
        usb = data["usb"]
        mode = " in {} mode".format(say(usb["dr_mode"])) if usb["dr_mode"] else ""
        yield self._group(
            "USB controller", ['<span class="what"><b>{}</b>{}</span>'.format(say(usb["controller"]), mode)]
        )
        yield self._group("Settings", (self._setting(key, entry) for key, entry in data["settings"].items()))
        yield self._group("Overlays, in load order", map(self._overlay, data["overlays"]), ordered=True)
        yield self._group("Parameters of the base device tree", (_pair(*pair) for pair in data["base_params"].items()))
        yield self._group("GPIO", (_row(_code(one["value"]), self._where(one)) for one in data["gpio"]))
        yield self._group("Command line", (_pair(one["name"], one["value"]) for one in data["cmdline"]))

    def _group(self, title: str, rows: Iterable[str], ordered: bool = False) -> str:
        listed = items("rows", rows)
        if ordered:
            listed = listed.replace("<ul", "<ol", 1).replace("</ul>", "</ol>") if listed else ""
        return "<h{level}>{}</h{level}>\n{}".format(title, listed, level=self._level + 1) if listed else ""

    def _where(self, entry: Mapping[str, Any]) -> str:
        path = self._paths.get(entry["path"])
        name = entry["path"] if path is None else self._files.name(path)
        anchor = None if path is None else self._files.anchor(path, entry["line"])
        filters = "".join(" <code>{}</code>".format(escape(text)) for text in entry.get("filters", ()))
        return "{}{}".format(link(anchor, "{}:{}".format(name, entry["line"])), filters)

    def _setting(self, key: str, entry: Mapping[str, Any]) -> str:
        beaten = [
            "over {} at {}".format(_code(one["value"], "an empty value"), self._where(one))
            for one in entry["overridden"]
        ]
        return _row(_pair(key, entry["value"]), self._where(entry), *beaten)

    def _overlay(self, load: Mapping[str, Any]) -> str:
        name = "<b>{}</b>".format(say(load["name"]))
        notes: List[str] = []
        if load["loaded"] is None:
            notes.append('<span class="not-loaded">not loaded: {}</span>'.format(say(load["remark"] or "")))
        elif load["loaded"] != load["name"]:
            notes.append("loaded as {}".format(_code(load["loaded"])))
        parameters = ["<code>{}={}</code>".format(say(key), say(value)) for key, value in load["params"].items()]
        return _row("<code>{}</code> {}".format(name, " ".join(parameters)).strip(), self._where(load), *notes)


def _row(what: str, where: str, *more: str) -> str:
    notes = "".join('<span class="note">{}</span>'.format(each) for each in more)
    return '<span class="what">{}</span> <span class="where">{}</span>{}'.format(what, where, notes)


def _code(text: str, empty: str = "") -> str:
    return "<code>{}</code>".format(say(text)) if text else empty


def _pair(name: str, value: Optional[str]) -> str:
    if value is None:
        return "<code><b>{}</b></code>".format(say(name))
    return "<code><b>{}</b>={}</code>".format(say(name), say(value))


def _file(kind: str, names: List[str]) -> str:
    title = _TREE_WORDS.get(kind, kind)
    return '<span class="what">{}</span> <span class="where">{}</span>'.format(
        title, joined(kind, map(_code, names)) if names else "none"
    )


def _difference(one: Dict[str, Any]) -> str:
    id, choice = one["id"], one["choice"]
    if id in READINGS:
        said = "If <code>{}={}</code>: {} {}.".format(
            escape(id), escape(choice), escape(READINGS[id].question), escape(_sentence(meaning(id, choice)))
        )
    else:
        said = "When <code>{}={}</code>.".format(say(id), say(choice))
    return '<span class="what">{}</span> <span class="note">Different then: {}</span>'.format(
        said, ", ".join(_code(key) for key in one["differs"])
    )


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]
