"""The declarative verbs of a rule's ``check``. The set is closed: what they cannot say is a Python predicate.

* ``setting: KEY`` with ``never: VALUE`` or ``always: VALUE``
* ``parameter: NAME`` (of the kernel command line) with ``never: VALUE`` or ``always: VALUE``
* ``file: [NAME, …]`` with ``always: present`` or ``never: present``

A VALUE is a number (compared as the firmware reads numbers), ``on`` (a number other than 0), ``off`` (0), ``present``
or text.
"""

from typing import Callable, Iterator, Optional, Union

from scmguard.checks.base import Context, Hit, Params, because, hit_at, hit_file, hit_on, one_hit, span_of
from scmguard.effective.config import integer
from scmguard.effective.worlds import FALSE
from scmguard.finding import Related
from scmguard.text import Span

Value = Union[str, int]


def value_test(value: Value) -> Callable[[Optional[str]], bool]:
    """A test of a setting's text (None: not set) against a rule's value."""
    if value == "present":
        return lambda text: text is not None
    if value == "on":
        return lambda text: text is not None and integer(text) != 0
    if value == "off":
        return lambda text: text is None or integer(text) == 0
    if isinstance(value, int):
        return lambda text: text is not None and integer(text) == value
    return lambda text: text == value


def setting(context: Context, params: Params) -> Iterator[Hit]:
    """A setting must never, or always, have a value."""
    config, key = context.config, str(params["setting"])
    never = "never" in params
    test = value_test(params["never"] if never else params["always"])
    hits = []
    for condition, found in config.outcome(key):
        if test(None if found is None else found.value) != never:
            continue
        if found is None:
            hits.append(
                hit_file(
                    config.start, "{} is not set on {}".format(key, config.board.name), condition, _inert(context, key)
                )
            )
        else:
            message = "{}={} is in effect on {}".format(key, found.value, config.board.name)
            hits.append(hit_at(found.place, message, condition))
    yield from one_hit(hits, context)


def _inert(context: Context, key: str) -> Iterator[Related]:
    """Lines that would set ``key`` and do not apply."""
    for found in context.config.run.settings.get((key, 0), []):
        if found.when == FALSE:
            headers = ", ".join(related.message for related in because(found.place, "not active because of"))
            yield Related(span_of(found.place), headers or "never active")


def parameter(context: Context, params: Params) -> Iterator[Hit]:
    """A parameter of the kernel command line must never, or always, have a value."""
    name, never = str(params["parameter"]), "never" in params
    wanted = params["never"] if never else params["always"]
    hits = []
    for condition, line in context.cmdlines:
        if line is None:
            continue
        found = [argument for argument in line.arguments if argument.name == name]
        last = found[-1] if found else None
        text = None if last is None else last.value if last.value is not None else ""
        if value_test(wanted)(text) != never:
            continue
        if last is None:
            message = "{} is not given".format(name)
            hits.append(Hit(line.source, Span(line.source.path), message, condition))
        else:
            hits.append(hit_on(line, last, "{} is in effect".format(last.text), condition))
    yield from one_hit(hits, context)


def file(context: Context, params: Params) -> Iterator[Hit]:
    """Files of the boot partition that must be there, or must not."""
    boot = context.boot
    never = "never" in params
    for name in params["file"]:
        if boot.exists(name) == never:
            message = "{} is {} the boot partition".format(name, "on" if never else "missing on")
            yield Hit(None, Span(boot.files.label(name)), message)


VERBS = {"setting": setting, "parameter": parameter, "file": file}
