"""The lexer of POSIX sh: feeds ``grammars/initramfs_sh.lark`` with the tokens of commands.

Sources: POSIX.1-2017, XCU 2.3 (tokens), 2.6.3 (command substitution), 2.7 (redirections), and what ``dash -n`` of
Debian does (0.5.12; a test compares), which is what mkinitramfs asks.
"""

import re
from typing import Any, Dict, Iterator, List, Match, Optional, Tuple

from scmguard.parse.lalr import Grammar, Run
from scmguard.parse.sh_context import Context
from scmguard.parse.sh_quoting import Mark, Refused, Rewritten
from scmguard.parse.sh_words import Frame, Node, Words
from scmguard.tree import Token, Tree

# Blanks, a comment, and then one of: a line end, a plain word, an operator, the beginning of another word.
_TOKEN = re.compile(
    r"([ \t]*(?:\\\n[ \t]*)*)(\#[^\n]*)?"
    r"(?:(\n)|([^ \t\n;&|()<>'\"\\$`]+)(?=[ \t\n;&|()<>]|\Z)"
    r"|(;J;|;|&J&|&|\|J\||\||\(|\)|<J<J-|<J<|<J[&>]|<|>J[>|&]|>)|([^ \t\n;&|()<>]))?".replace("J", r"(?:\\\n)*")
).match
_BLANKS, _COMMENT, _LINE_END, _PLAIN, _OPERATOR, _OTHER = range(1, 7)
_ASSIGNS = re.compile(r"[A-Za-z_](?:[A-Za-z0-9_]|\\\n)*=").match
_CALLS = re.compile(r"(?:[ \t]|\\\n)*\(").match
_MEANT = re.compile(r"['\"\\$`]").search
_DIGITS = frozenset("0123456789")

# What ends a list, so that dash reads no command there: in backquotes it then stops and ignores the rest.
_LIST_ENDS = frozenset(["RPAREN", "DSEMI", "DO", "DONE", "ELIF", "ELSE", "ESAC", "FI", "THEN", "RBRACE"])
_SEPARATORS = frozenset(["SEMI", "AMP", "NEWLINE", "BACKQUOTE"])

_WORDING = {
    "$END": "the end", "NEWLINE": "a line end", "SEMI": "`;`", "DSEMI": "`;;`", "AMP": "`&`", "AND_IF": "`&&`",
    "OR_IF": "`||`", "PIPE": "`|`", "LPAREN": "`(`", "RPAREN": "`)`", "BACKQUOTE": "a closing backquote",
    "LBRACE": "`{`", "RBRACE": "`}`", "BANG": "`!`", "WORD": "a word", "DELIMITER": "a delimiter", "NAME": "a name",
    "REDIRECT": "a redirection",
}  # fmt: skip
_START = frozenset(["WORD", "IF", "FOR", "WHILE", "UNTIL", "CASE", "LPAREN", "LBRACE", "BANG", "REDIRECT", "NEWLINE"])
_UNSAID = frozenset(["ASSIGNMENT", "FUNCTION_NAME", "IO_NUMBER", "HERE", "HERE_DOCUMENT", "STRAY"])
_COMMANDS = frozenset(["WORD", "IF", "FOR"])


class Lexer(Words):
    """Reads one text. A text that backquotes rewrite has a lexer of its own, whose ``parent`` reads the one around.

    ``rewritten`` has the trees of those texts by the offset of their BACKQUOTED token.
    """

    def __init__(
        self, text: str, grammar: Grammar, parent: Optional["Lexer"] = None, origin: Optional[Rewritten] = None
    ) -> None:
        super().__init__(text)
        self._grammar = grammar
        self._parent = parent
        self._origin = origin
        self.rewritten: Dict[int, Tree] = parent.rewritten if parent else {}

    def place(self, offset: int) -> int:
        """Where a character of this text stands in the file."""
        if self._parent is None or self._origin is None:
            return offset
        return self._parent.place(self._origin.place(offset))

    def nested(self, start: int, after: int, end: int, budget: int) -> Frame:
        """See :class:`Words`."""
        return self.commands("substitution", start, after, end, budget)

    def backquoted(self, start: int, stop: int, inner: Optional[Rewritten], budget: int) -> Frame:
        """See :class:`Words`."""
        if inner is None:
            tree, _ = yield self.commands("backquoted", start, start + 1, stop, budget)
            return tree, stop + 1
        lexer = Lexer(inner.text, self._grammar, self, inner)
        try:
            tree, _ = yield lexer.commands("backquoted", 0, 1, len(inner.text) - 1, budget)
        except Refused as refused:
            raise Refused(inner.place(refused.start), refused.expected) from None
        self.rewritten[self.place(start)] = _moved(tree, lexer)
        return Token("BACKQUOTED", self.text[start : stop + 1], start), stop + 1

    def commands(self, symbol: str, start: int, position: int, end: int, budget: int) -> Frame:
        """Commands up to ``end``, or to the bracket that ends ``$(``. Returns the tree and where it ends."""
        text = self.text
        run = self._grammar.run(symbol)
        if position > start:
            opener = "SUBSTITUTE" if symbol == "substitution" else "BACKQUOTE"
            run.feed(opener, Token(opener, text[start:position], start))
        context = Context()
        last = "NEWLINE"
        pending: List[Mark] = []
        while True:
            room = budget - len(run.stack) - 2
            if room < 0:
                raise Refused(position, "fewer constructs inside each other")
            match = _TOKEN(text, position, end)
            if match is None:
                raise AssertionError("every text has a token")
            found = match.lastindex or _BLANKS
            before: List[Node] = _between(match, position)
            if found <= _COMMENT:
                break
            at, position = match.start(found), match.end()
            parts: List[Node] = []
            reads = False
            if found == _LINE_END:
                reads = bool(pending) and context.reads_documents
                kind = context.line_end()
            elif found == _OPERATOR:
                kind = context.operator(match.group(found).replace("\\\n", ""))
            else:
                plain = match.group(found)
                if found == _OTHER and not context.starts_document:
                    position = self.easy(at, end)
                    if not self.ended(position, end):
                        parts, position, _ = yield self.scan(at, position, end, room)
                    plain = text[at:position].replace("\\\n", "")
                    if _MEANT(plain):
                        plain = ""
                if plain in _DIGITS and text[position : min(position + 1, end)] in ("<", ">"):
                    kind, position = self._digit(context, position, end)
                elif context.starts_document:
                    position, mark = self.delimiter(at, end, context.strips_tabs)
                    pending.append(mark)
                    kind = context.word("", False, False) or ""
                else:
                    kind = self._word(context, plain, at, position, end)
            node: Node = Token(kind, text[at:position], at)
            if len(parts) > 1 or parts and parts[0].kind != "TEXT":
                node = Tree(kind.lower(), tuple(parts))
            if not run.feed(kind, node, before):
                stops = symbol == "backquoted" and (last not in _SEPARATORS or kind in _LIST_ENDS)
                if not stops or "BACKQUOTE" not in run.expected():
                    raise Refused(at, _expected(run))
                at -= sum(len(token.text) for token in before if isinstance(token, Token))
                before = [Token("IGNORED", text[at:end], at)]
                break
            last = kind
            if reads:
                for mark in pending:
                    document, position = yield self.here_document(position, end, mark, room)
                    run.feed("HERE_DOCUMENT", document)
                pending = []
            elif kind == "RPAREN" and run.complete:
                return run.finish(), position
        if symbol == "backquoted" and run.feed("BACKQUOTE", Token("BACKQUOTE", "`", end), before):
            before = []
        tree = run.finish(before)
        if tree is None:
            raise Refused(end, _expected(run))
        return tree, end

    def _word(self, context: Context, plain: str, start: int, position: int, end: int) -> str:
        """The terminal of the word from ``start`` to ``position``."""
        assigns = _ASSIGNS(self.text, start, position) is not None
        calls = context.starts_command and _CALLS(self.text, position, end) is not None
        kind = context.word(plain, assigns, calls)
        if kind is None:
            raise Refused(start, "the name of a function" if calls else "the name of a variable")
        return kind

    def _digit(self, context: Context, position: int, end: int) -> Tuple[str, int]:
        """The terminal of a digit in front of ``<`` or ``>``, and its end: as a pattern, dash takes both for one."""
        if not context.any_pattern:
            return "IO_NUMBER", position
        operator = _TOKEN(self.text, position, end)
        return context.stray(), operator.end() if operator else position


def parse(text: str, grammar: Grammar, budget: int) -> Tuple[Tree, Dict[int, Tree]]:
    """The tree of a script, and the trees of backquotes that have to be rewritten. Raises :class:`Refused`.

    ``budget`` bounds how deep constructs may stand inside each other.
    """
    lexer = Lexer(text, grammar)
    frames: List[Frame] = [lexer.commands("script", 0, 0, len(text), budget)]
    result: Any = None
    refused: Optional[Refused] = None
    while frames:
        try:
            if refused is not None:
                thrown, refused = refused, None
                frames.append(frames[-1].throw(thrown))
            else:
                frames.append(frames[-1].send(result))
            result = None
        except StopIteration as stop:
            result = stop.value
            frames.pop()
        except Refused as raised:
            refused = raised.with_traceback(None)
            frames.pop()
    if refused is not None:
        raise refused
    return result[0], lexer.rewritten


def _between(match: Match[str], position: int) -> List[Node]:
    """Blanks and a comment in front of a token."""
    found: List[Node] = []
    if match.end(_BLANKS) > position:
        found.append(Token("BLANK", match.group(_BLANKS), position))
    comment = match.group(_COMMENT)
    if comment:
        found.append(Token("COMMENT", comment, match.start(_COMMENT)))
    return found


def _expected(run: Run) -> str:
    """What could stand here, in words."""
    kinds = run.expected()
    words = ["a command"] if _COMMANDS.issubset(kinds) else []
    for kind in kinds:
        if kind not in _UNSAID and not (words and kind in _START):
            words.append(_WORDING.get(kind, "`{}`".format(kind.lower())))
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words) or "nothing"


def _moved(tree: Tree, lexer: Lexer) -> Tree:
    """``tree`` with its offsets in the file instead of in ``lexer``'s text."""
    done: List[List[Node]] = [[]]
    todo: List[Tuple[str, Iterator[Node]]] = [(tree.kind, iter(tree.children))]
    while True:
        kind, children = todo[-1]
        for child in children:
            if isinstance(child, Tree):
                todo.append((child.kind, iter(child.children)))
                done.append([])
                break
            done[-1].append(Token(child.kind, child.text, lexer.place(child.start)))
        else:
            todo.pop()
            moved = Tree(kind, tuple(done.pop()))
            if not todo:
                return moved
            done[-1].append(moved)
