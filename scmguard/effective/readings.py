"""Readings: the questions about the firmware's parser on which sources conflict, and what each answer means.

The firmware is closed. Where Raspberry Pi's documentation does not settle a question and what users, first-party tools
or other parsers say differs, scmguard evaluates every answer. ``docs/evaluation.md`` says what each does exactly.
"""

from typing import Dict, NamedTuple, Tuple


class Reading(NamedTuple):
    """A question, its answers (choice and meaning), and who says what."""

    id: str
    question: str
    choices: Tuple[Tuple[str, str], ...]
    sources: Tuple[str, ...]


def _reading(id: str, question: str, choices: Dict[str, str], *sources: str) -> Reading:
    return Reading(id, question, tuple(choices.items()), sources)


_ALL = (
    _reading(
        "bom",
        "Does the firmware skip a UTF-8 byte order mark?",
        {"skipped": "it is skipped", "text": "it sticks to the first line, which then means nothing"},
        "undocumented",
    ),
    _reading(
        "carriage-return",
        "Is a carriage return part of a line?",
        {"ends-line": "it ends the line", "text": "it stays in the line, and in its value"},
        "undocumented; NOOBS wrote CR LF files (recalbox/recalbox-os#946), dtmerge keeps a CR in the value",
    ),
    _reading(
        "long-line",
        "What happens to a line of more than 98 characters?",
        {
            "whole": "nothing, it is read as a whole",
            "cut": "the excess is ignored",
            "wrap": "the excess becomes a line of its own",
        },
        "documentation, what_is_config_txt: the excess is ignored",
        "raspberrypi/firmware#1669: the end of a long comment was obeyed; #2041: parts in the middle were lost",
    ),
    _reading(
        "section-tail",
        "Is text behind the bracket of a section header ignored?",
        {"ignored": "the header counts", "unknown": "the line is no known header"},
        "undocumented",
    ),
    _reading(
        "section-padding",
        "May blanks stand inside the brackets of a section header?",
        {"trimmed": "they are skipped", "unknown": "such a header is not known"},
        "undocumented",
    ),
    _reading(
        "section-case",
        "Does the case of a section header matter?",
        {"folded": "no", "exact": "yes, such a header is not known"},
        "Ubuntu's documentation of config.txt: case matters; dtapply (raspberrypi/utils) folds case",
    ),
    _reading(
        "unknown-filter",
        "What does a section header do that the firmware does not know?",
        {"ignored": "nothing: what applied before it applies after it", "inactive": "nothing applies below it"},
        "bluerobotics/BlueOS#4481 and pibootctl: it is ignored; dtapply (raspberrypi/utils): inactive",
    ),
    _reading(
        "none-scope",
        "Does a model filter end [none]?",
        {"sticky": "no, only [all] does", "model": "yes"},
        "documentation, conditional: silent; pibootctl: only [all] ends it",
        "dtapply (raspberrypi/utils): any header ends it",
    ),
    _reading(
        "include-filters",
        "Do section headers of an included file hold on after it?",
        {"leak": "yes", "restored": "no"},
        "undocumented",
    ),
    _reading(
        "key-case",
        "Does the case of a setting's name matter?",
        {"folded": "no", "exact": "yes, such a setting is not known"},
        "Ubuntu's documentation of config.txt: case matters; dtapply (raspberrypi/utils) folds case",
    ),
    _reading(
        "spaces-around-equals",
        "May blanks stand beside the equals sign?",
        {"accepted": "they are skipped", "discarded": "such a line does nothing"},
        "Ubuntu's documentation: they must not be used; a kernel_address line with blanks was seen to do nothing",
        "dtapply (raspberrypi/utils) accepts them",
    ),
    _reading(
        "trailing-comment",
        "Does a # after a value start a comment?",
        {"stripped": "yes", "kept": "no, it becomes part of the value"},
        "documentation, what_is_config_txt: comments are lines that start with #",
        "bluerobotics/BlueOS#4488: the marker became part of an overlay's name; dtapply (raspberrypi/utils) strips it",
    ),
    _reading(
        "trailing-space",
        "Are blanks at the end of a value part of it?",
        {"stripped": "no", "kept": "yes"},
        "undocumented; other parsers strip them, dtmerge keeps them",
    ),
    _reading(
        "space-form",
        "May a setting be written with a blank instead of an equals sign?",
        {"accepted": "yes", "ignored": "no, such a line does nothing"},
        "documentation: only initramfs and include; raspberrypi/firmware#414: cmdline, too",
    ),
    _reading(
        "equals-form",
        "May initramfs and include be written with an equals sign?",
        {"accepted": "yes", "ignored": "no, such a line does nothing"},
        "documentation, boot: no equals sign; raspberrypi/firmware#1358",
    ),
    _reading(
        "eeprom-filters",
        "Do section headers of config.txt hold on in the lines that the EEPROM appends?",
        {"continue": "yes", "reset": "no, these lines start as under [all]"},
        "documentation, eeprom-bootloader: silent; the section is appended to the file in memory",
    ),
    _reading(
        "eeprom-section",
        "Is the [config.txt] section of the EEPROM obeyed on the Pi 5 family?",
        {"appended": "yes, as on the Pi 4 family", "ignored": "no"},
        "documentation, eeprom-bootloader: start4.elf does it, which a Pi 5 does not have",
    ),
    _reading(
        "cmdline-lines",
        "Which lines of cmdline.txt reach the kernel?",
        {"first": "the first", "all": "all of them, comments too"},
        "documentation, kernel-command-line-config: all must be on one line; reports: what follows is dropped",
        "nerves-project/nerves_system_rpi4 ships a cmdline.txt with comment lines in front, and boots",
    ),
)  # fmt: skip

#: All readings by id.
READINGS: Dict[str, Reading] = {reading.id: reading for reading in _ALL}

#: The choices of each reading, by id.
CHOICES: Dict[str, Tuple[str, ...]] = {reading.id: tuple(choice for choice, _ in reading.choices) for reading in _ALL}


def meaning(id: str, choice: str) -> str:
    """What a choice means, in words."""
    return dict(READINGS[id].choices)[choice]
