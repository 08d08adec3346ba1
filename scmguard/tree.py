"""Lossless syntax trees: every character of the text parsed is in exactly one token.

Trees are made per line and shared by all equal lines, so they carry offsets inside the line; a
:class:`scmguard.text.Source` turns line and offset into a :class:`scmguard.text.Span`.
"""

from typing import Iterator, NamedTuple, Optional, Tuple, Union, cast


class Token(NamedTuple):
    """A terminal of the grammar: its name, its text, and where it starts (offset in characters, from 0)."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """Offset after the last character."""
        return self.start + len(self.text)


class Tree(NamedTuple):
    """A rule of the grammar and what it was made of, in order."""

    kind: str
    children: Tuple[Union["Tree", Token], ...]

    def tokens(self) -> Iterator[Token]:
        """All tokens below, in the order of the text."""
        for child in self.children:
            if isinstance(child, Token):
                yield child
            else:
                yield from child.tokens()

    @property
    def leaves(self) -> Tuple[Token, ...]:
        """The children of a rule that is made of terminals alone."""
        return cast(Tuple[Token, ...], self.children)

    def text(self) -> str:
        """The text that was parsed, character by character."""
        return "".join(token.text for token in self.tokens())

    def token(self, kind: str) -> Optional[Token]:
        """The first token of that kind among the direct children."""
        for child in self.children:
            if child.kind == kind and isinstance(child, Token):
                return child
        return None
