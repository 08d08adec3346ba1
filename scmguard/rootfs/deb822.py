"""Files of stanzas: fields with a name, a colon and a value that may go on in the next lines.

Sources: deb822(5); apt's readers of sources.list.d/*.sources and of apt_preferences(5), which leave out lines that
start with ``#``.
"""

from typing import Iterator, List, NamedTuple, Optional

from scmguard.text import Line, Source


class Field(NamedTuple):
    """A field: the line with its name, the name in small letters, and its value line by line, without blanks."""

    line: Line
    name: str
    parts: List[str]

    @property
    def value(self) -> str:
        """The value as one line."""
        return " ".join(part for part in self.parts if part)


def stanzas(file: Source) -> Iterator[List[Field]]:
    """The stanzas of a file that have fields, in order. What is before the first field is left out."""
    fields: List[Field] = []
    for line in file.lines:
        text = line.text
        if text.startswith("#"):
            continue
        if not text.strip():
            if fields:
                yield fields
            fields = []
        elif text[0] in " \t":
            if fields:
                fields[-1].parts.append(text.strip())
        else:
            name, _, value = text.partition(":")
            fields.append(Field(line, name.strip().lower(), [value.strip()]))
    if fields:
        yield fields


def field(stanza: List[Field], name: str) -> Optional[Field]:
    """The first field of that name (in small letters); None where there is none."""
    return next((each for each in stanza if each.name == name), None)
