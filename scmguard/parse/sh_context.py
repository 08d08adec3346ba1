"""Which terminal a word, operator or line end of POSIX sh is: that depends on what stands before it.

Sources: POSIX.1-2017, XCU 2.4 (reserved words), 2.10.2 (the grammar's rules for words), 2.14 (special built-ins), and
what dash 0.5.12 does.
"""

import re
from typing import Optional

# What the next token is. AFTER stands behind a compound command: reserved words count, but nothing else may follow.
# PREFIX: behind an assignment or redirection. IN_FOR and IN_CASE: `in` is next. PATTERN: the first one of an item.
_COMMAND, _AFTER, _PREFIX, _WORDS, _FUNCTION = "command", "after", "prefix", "words", "function"
_NAME, _IN_FOR, _SUBJECT, _IN_CASE = "name", "in for", "subject", "in case"
_FOR_WORDS, _PATTERN, _NEXT_PATTERN, _PATTERN_END = "for words", "pattern", "next pattern", "pattern end"

# Reserved words: the terminal, and what comes next.
_RESERVED = {
    "!": ("BANG", _COMMAND),
    "{": ("LBRACE", _COMMAND),
    "}": ("RBRACE", _AFTER),
    "case": ("CASE", _SUBJECT),
    "do": ("DO", _COMMAND),
    "done": ("DONE", _AFTER),
    "elif": ("ELIF", _COMMAND),
    "else": ("ELSE", _COMMAND),
    "esac": ("ESAC", _AFTER),
    "fi": ("FI", _AFTER),
    "for": ("FOR", _NAME),
    "if": ("IF", _COMMAND),
    "in": ("IN", _WORDS),
    "then": ("THEN", _COMMAND),
    "until": ("UNTIL", _COMMAND),
    "while": ("WHILE", _COMMAND),
}
# Operators but those of redirections: the terminal, and what comes next.
_OPERATORS = {
    ";": ("SEMI", _COMMAND),
    "&": ("AMP", _COMMAND),
    "&&": ("AND_IF", _COMMAND),
    "||": ("OR_IF", _COMMAND),
    "|": ("PIPE", _COMMAND),
    ";;": ("DSEMI", _PATTERN),
    "(": ("LPAREN", _COMMAND),
    ")": ("RPAREN", _AFTER),
}
# No function may have such a name. `local` is special to dash.
_SPECIAL = frozenset(
    ["break", "continue", "eval", "exec", "exit", "export", "local", "readonly", "return", "set", "shift", "times"]
    + ["trap", "unset"]
)
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z").match


class Context:
    """What was read so far, as far as it decides what the next token is."""

    __slots__ = ("_next", "_operand", "_behind")

    def __init__(self) -> None:
        self._next = _COMMAND
        self._operand = ""  # behind an operator of redirection: the operator
        self._behind = _COMMAND  # what comes next behind its operand

    @property
    def starts_document(self) -> bool:
        """Whether the next word is the delimiter of a here-document."""
        return self._operand.startswith("<<")

    @property
    def strips_tabs(self) -> bool:
        """Whether that here-document loses its leading tabs."""
        return self._operand == "<<-"

    @property
    def starts_command(self) -> bool:
        """Whether the next word may be the name of a function."""
        return self._next == _COMMAND and not self._operand

    @property
    def any_pattern(self) -> bool:
        """Whether a pattern comes next, for which dash takes any token."""
        return self._next in (_PATTERN, _NEXT_PATTERN)

    @property
    def reads_documents(self) -> bool:
        """Whether here-documents begin behind a line end that stands here. dash forgets them behind `for x in a b`."""
        return self._next not in (_FOR_WORDS, _NEXT_PATTERN)

    def line_end(self) -> str:
        """The terminal of a line end."""
        if self._next == _NEXT_PATTERN:
            return self.stray()
        if self._next in (_WORDS, _PREFIX, _AFTER, _FOR_WORDS):
            self._next = _COMMAND
        self._operand = ""
        return "NEWLINE"

    def stray(self) -> str:
        """The terminal of what is no pattern in the place of one."""
        self._next = _PATTERN_END
        return "STRAY"

    def operator(self, text: str) -> str:
        """The terminal of an operator (its text without joined lines)."""
        if self.any_pattern:
            if text == "(" and self._next == _PATTERN:
                self._next = _NEXT_PATTERN
                return "LPAREN"
            return self.stray()
        if text not in _OPERATORS:
            if not self._operand:
                # Behind a redirection no word is reserved, nor after one of a compound command.
                self._behind = {_COMMAND: _PREFIX, _AFTER: _WORDS}.get(self._next, self._next)
            self._operand = text
            return "HERE" if text.startswith("<<") else "REDIRECT"
        kind, following = _OPERATORS[text]
        if self._next == _PATTERN_END:
            following = _NEXT_PATTERN if kind == "PIPE" else _COMMAND
        elif self._next == _FUNCTION:
            following = _COMMAND if kind == "RPAREN" else _FUNCTION
        self._next = following
        self._operand = ""
        return kind

    def word(self, plain: str, assigns: bool, calls: bool) -> Optional[str]:
        """The terminal of a word; None for a name that dash takes for no function or variable.

        ``plain`` is its text without joined lines, empty where it has quotes or expansions; ``assigns`` tells that it
        looks like ``name=value``, ``calls`` that a bracket follows.
        """
        if self._operand:
            kind = "DELIMITER" if self.starts_document else "WORD"
            self._operand, self._next = "", self._behind
            return kind
        now = self._next
        if now in (_WORDS, _FOR_WORDS):
            return "WORD"
        if plain in _RESERVED and now in (_COMMAND, _AFTER, _IN_FOR, _IN_CASE):
            kind, self._next = _RESERVED[plain]
            if kind == "IN":
                self._next = _PATTERN if now == _IN_CASE else _FOR_WORDS
            return kind
        if now in (_COMMAND, _PREFIX):
            if assigns:
                self._next = _PREFIX
                return "ASSIGNMENT"
            self._next = _WORDS
            if calls and now == _COMMAND:
                self._next = _FUNCTION
                return "FUNCTION_NAME" if _IDENTIFIER(plain) and plain not in _SPECIAL else None
        elif now == _NAME:
            self._next = _IN_FOR
            return "NAME" if _IDENTIFIER(plain) else None
        elif now == _SUBJECT:
            self._next = _IN_CASE
        elif now == _PATTERN and plain == "esac":
            self._next = _AFTER
            return "ESAC"
        elif now in (_PATTERN, _NEXT_PATTERN):
            self._next = _PATTERN_END
        return "WORD"
