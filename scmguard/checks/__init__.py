"""Checks: what rules ask. Closed declarative verbs, and Python predicates by bare name.

A predicate is found in ``PREDICATES`` and nowhere else: a YAML file must not choose what a root process imports.
"""

from importlib import import_module
from typing import Callable, Dict, Iterator

from scmguard.checks.base import Context, Hit, Params
from scmguard.checks.lines import reports

Check = Callable[[Context, Params], Iterator[Hit]]


def _later(module: str, name: str) -> Check:
    """A check whose module is imported when it is first used."""

    def check(context: Context, params: Params) -> Iterator[Hit]:
        function: Check = getattr(import_module("scmguard.checks." + module), name)
        return function(context, params)

    return check


#: Every predicate that ``check: {python: NAME}`` can name.
PREDICATES: Dict[str, Check] = {
    "boot_not_emmc": _later("storage", "boot_not_emmc"),
    "bootware_file_missing": _later("bootware", "bootware_file_missing"),
    "bootware_line_missing": _later("bootware", "bootware_line_missing"),
    "cmdline_not_one_line": _later("cmdline", "cmdline_not_one_line"),
    "dtparam_out_of_scope": _later("sections", "dtparam_out_of_scope"),
    "dwc2_host_missing": _later("usb", "dwc2_host_missing"),
    "ends_inside_filter": _later("sections", "ends_inside_filter"),
    "inert_setting": _later("sections", "inert_setting"),
    "root_missing": _later("cmdline", "root_missing"),
    "root_needs_initramfs": _later("cmdline", "root_needs_initramfs"),
    "root_placeholder": _later("cmdline", "root_placeholder"),
    "unattended_upgrades_active": _later("unattended", "unattended_upgrades_active"),
    "bad_encoding": _later("encoding", "bad_encoding"),
    "glued_lines": reports("glued-lines"),
    "line_too_long": reports("line-too-long"),
    "quoted_value": reports("quoted-value"),
    "spaces_around_equals": reports("spaces-around-equals"),
    "trailing_comment": reports("trailing-comment"),
    "unknown_section": reports("unknown-section"),
}
