"""``scmguard init``: a first configuration, commented, with what the folder looks like."""

import os
import sys
from typing import List, Optional, Sequence

from scmguard import atomic
from scmguard.cli.common import DEFAULT_PROFILE
from scmguard.cli.console import COULD_NOT, USAGE, fail, print_pieces, reason_of
from scmguard.errors import RuleError
from scmguard.rulebook import load
from scmguard.settings import NAME
from scmguard.survey import Found, survey
from scmguard.text import printable, printable_lines

PRE_COMMIT = ".pre-commit-config.yaml"
_MOST_SHOWN = 20

_CONFIGURATION = """\
# What scmguard checks in this folder and those below it, and how. Unknown keys are errors, with their line.
# `scmguard schema config` prints a JSON Schema of this file, for editors.

# What the device is: scm (a sealed Zymbit SCM, the default), zymkey, or a board such as cm4, pi4, pi5.
{proposal}profile: {profile}

# Check for these boards, where one file is for several. Rules of the profile then run for all of them.
{boards}
# The exit code is 1 from this severity up: hygiene, degraded, no-boot or brick.
# fail-on: degraded

# Rules that are not asked, by id or pattern; `scmguard rules` lists them. Or ask only those under select.
# ignore: [inert-setting]
# select: []

# Folders with rules of your own, from here.
# rules: [house-rules]

# Findings that were here before scmguard: scmguard baseline create scmguard-baseline.json --reason TEXT PATH...
# baseline: scmguard-baseline.json

# Findings that somebody answers for, each with its reason.
# waivers:
#   - rule: boot-not-emmc
#     path: boot/cmdline.txt
#     reason: the development boards boot from USB
#     expires: 2031-12-31
"""

#: The hook, as an item under ``repos``: that of .pre-commit-hooks.yaml, but with the scmguard that is installed.
_HOOK = """\
  - repo: local
    hooks:
      - id: scmguard
        name: scmguard (boot files)
        language: system
        entry: scmguard check --staged --pre-commit
        always_run: true
        require_serial: true
      - id: scmguard-diff
        name: scmguard (what gets worse)
        language: system
        entry: scmguard diff --staged --pre-commit
        always_run: true
        require_serial: true
"""
_PRE_COMMIT_FILE = (
    "# https://pre-commit.com; `pre-commit install` makes git run this before each commit.\nrepos:\n" + _HOOK
)


def run(folder: str, profile: Optional[str]) -> int:
    """Writes the files, says what was done, and returns the exit code."""
    if not os.path.isdir(folder):
        fail(USAGE, "{}: {}".format(folder, "is no folder" if os.path.lexists(folder) else "no such folder"))
    configuration = os.path.normpath(os.path.join(folder, NAME))
    if os.path.lexists(configuration):
        fail(USAGE, "{}: is there already; nothing was written".format(configuration))
    try:
        profiles = load().profiles
    except RuleError as error:
        fail(COULD_NOT, str(error))
    if profile is not None and profile not in profiles:
        fail(USAGE, "no profile {!r}; profiles are {}".format(profile, " ".join(profiles)))
    found = survey(folder)
    _write(configuration, configuration_text(found, profile))
    trees = "1 boot tree" if len(found) == 1 else "{} boot trees".format(len(found))
    lines = ["{}: written; {} found\n".format(configuration, trees)]
    top = _repository(folder)
    hooks = os.path.normpath(os.path.join(top, PRE_COMMIT))
    if os.path.lexists(hooks):
        lines += ["{}: is there already; scmguard's entry, for the list under repos:\n\n".format(hooks), _HOOK]
    elif not os.path.samefile(top, folder):
        lines += ["{}: not written; it belongs to the repository as a whole:\n\n".format(hooks), _PRE_COMMIT_FILE]
    else:
        _write(hooks, _PRE_COMMIT_FILE)
        lines.append("{}: written; `pre-commit install` makes git run it\n".format(hooks))
    print_pieces(map(printable_lines, lines), sys.stdout)
    return 0


def configuration_text(found: Sequence[Found], profile: Optional[str]) -> str:
    """The text of a first configuration, with the boot trees that were found as comments."""
    named = [board for one in found for board in (one.trees or one.sections)]
    boards = list(dict.fromkeys(named))
    proposal: List[str] = ["# Found here:"] if found else []
    proposal += ["#   {}".format(_described(one)) for one in found[:_MOST_SHOWN]]
    if len(found) > _MOST_SHOWN:
        proposal.append("#   and {} more".format(len(found) - _MOST_SHOWN))
    if boards and profile is None:
        # To guess wrong would switch off the rules that prevent a brick; that is for somebody who knows.
        proposal.append("# If that is no SCM: profile: {}".format(boards[0]))
    return _CONFIGURATION.format(
        proposal="".join(line + "\n" for line in proposal),
        profile=profile or DEFAULT_PROFILE,
        boards="# boards: [{}]\n".format(", ".join(boards) or "cm4"),
    )


def _described(one: Found) -> str:
    parts = [", ".join(one.files)]
    if one.sections:
        parts.append("sections of {}".format(" ".join(one.sections)))
    if one.trees:
        parts.append("device trees of {}".format(" ".join(one.trees)))
    return "{}: {}".format(printable(one.path), "; ".join(parts))


def _repository(folder: str) -> str:
    """The folder of the git repository that a folder is in; the folder itself outside of any."""
    place = os.path.abspath(folder)
    while not os.path.lexists(os.path.join(place, ".git")):
        above = os.path.dirname(place)
        if above == place:
            return folder
        place = above
    return folder if os.path.samefile(place, folder) else place


def _write(path: str, text: str) -> None:
    try:
        atomic.replace(path, [text.encode("utf-8", "backslashreplace")])
    except OSError as error:
        fail(COULD_NOT, reason_of(error, path))
