"""``scmguard edit``."""

import os
import sys
from typing import Any, List, Mapping, Optional, Sequence

from scmguard.cli.console import COULD_NOT, FOUND, complain, fail, print_pieces, write_pieces
from scmguard.cli.judge import Judge, after_writing, held, log_reason, write
from scmguard.editing import editor
from scmguard.editing.store import Copy, kept_before
from scmguard.editing.target import Target
from scmguard.finding import Finding
from scmguard.folder import Unreadable

_QUESTION = "What now? (w)rite anyway with a typed reason / (e)dit again / (q)uit: "

_WORDS = {"w": "write", "e": "edit", "q": "quit"}


def run(path: Optional[str], options: Mapping[str, Any]) -> int:
    """Has the file edited, checked and written; returns the exit code."""
    try:
        words = editor.words(os.environ)
    except editor.NoEditor as error:
        fail(COULD_NOT, str(error))
    with held(path, options, 0.0) as target:
        folder = os.path.dirname(target.real)
        if not os.access(folder, os.W_OK):
            fail(COULD_NOT, "{}: cannot be written: {} is not for {} to change".format(target.path, folder, _me()))
        for kept in kept_before(target.real):
            complain("note: an earlier edit of {} is kept in {}".format(target.path, kept))
        with editor.Watch() as watch:
            judge = Judge(target, options)
            return _Session(judge.target, judge, watch, words).run()


def _me() -> str:
    return "this user" if os.geteuid() != 0 else "root (a read-only file system?)"


class _Session:
    """One edit, from the copy to the end."""

    def __init__(self, target: Target, judge: Judge, watch: editor.Watch, words: List[str]) -> None:
        self._target = target
        self._judge = judge
        self._watch = watch
        self._words = words
        self._old = target.original.data or b""
        self._written = False
        self._copy = Copy(target.real, self._old)

    def run(self) -> int:
        """The exit code; whatever happens, the file is the old one or the new one, and what was typed is somewhere."""
        try:
            return self._edit()
        except editor.Interrupted as error:
            if self._written:
                complain("{} was written; interrupted by {} then".format(self._target.path, error))
            else:
                self._keep("interrupted by {}".format(error))
                self._note(str(error))
            return 128 + error.number
        except editor.NoEditor as error:
            return self._keep(str(error))
        except (Unreadable, OSError) as error:
            # What an editor left in the copy's place, or the disk that it is on.
            return self._keep(str(error) if isinstance(error, Unreadable) else (error.strerror or str(error)).lower())
        except BaseException:
            if not self._written:
                self._keep("stopped")
            raise

    def _edit(self) -> int:
        while True:
            status = self._watch.edit(self._words, self._copy.path)
            if status:
                how = "was ended by signal {}".format(-status) if status < 0 else "ended with status {}".format(status)
                return self._keep("the editor {}".format(how))
            data = self._copy.read()
            if data is None:
                return self._keep("the editor took the copy away")
            if data == self._old:
                self._copy.drop()
                print_pieces(["{}: unchanged\n".format(self._target.path)], sys.stdout)
                return 0
            if not data.strip() and self._old.strip():
                complain("{}: the edit is empty".format(self._target.path))
                answer = self._ask("What now? (e)dit again / (q)uit: ", "eq") if _on_terminal() else "q"
                if answer == "e":
                    continue
                return self._keep("an empty file is not written", FOUND)
            boot = self._target.tree.replaced(data)
            after = self._judge.report(boot)
            for where, reason in after.problems:
                complain("{}: {}".format(where, reason))
            new = self._judge.new(after)
            print_pieces(self._judge.said_of(after, new), sys.stdout)
            against = self._judge.against(new)
            reason = ""
            if against:
                answer = self._ask(_QUESTION, "weq") if _on_terminal() else "q"
                if answer == "e":
                    continue
                if answer == "w":
                    reason = self._reason()
                if not reason:
                    return self._keep("not written: {}".format(_rules(against)), FOUND)
            return self._write(data, reason, against)

    def _write(self, data: bytes, reason: str, against: Sequence[Finding]) -> int:
        with self._watch.held():
            trouble = write(self._target, data)
            if trouble is None:
                self._written = True
                self._copy.drop()
                if reason:
                    log_reason(self._target, reason, against)
        if trouble is not None:
            return self._keep(trouble)
        after_writing(self._judge, self._target, self._target.tree.replaced(data))
        print_pieces(["{}: written\n".format(self._target.path)], sys.stdout)
        return 0

    def _ask(self, question: str, letters: str) -> str:
        """One of the letters, which may be a whole word; q where nobody answers any more."""
        while True:
            answer = _line(question)
            if answer is None:
                return "q"
            given = answer.strip().lower()
            for letter in letters:
                if given in (letter, _WORDS[letter]):
                    return letter

    def _reason(self) -> str:
        """Why somebody writes all the same; empty where nobody says it."""
        while True:
            answer = _line("Reason (goes to the log): ")
            if answer is None:
                return ""
            reason = " ".join("".join(char if char.isprintable() else " " for char in answer).split())
            if reason:
                return reason

    def _keep(self, why: str, code: int = COULD_NOT) -> int:
        """Says why nothing was written, and where the edit is."""
        kept = self._copy.leave()
        complain("{}: {}".format(self._target.path, why) if not why.startswith(self._target.path) else why)
        if kept is not None:
            complain("the edit is kept in {}; {} is as it was".format(kept, self._target.path))
        return code

    def _note(self, signal: str) -> None:
        """Tells syslog: the terminal is often gone."""
        import syslog

        if os.path.exists(self._copy.path):
            said = "edit of {} ended by {}; it is kept in {}".format(self._target.path, signal, self._copy.path)
            syslog.openlog("scmguard", syslog.LOG_PID, syslog.LOG_DAEMON)
            syslog.syslog(syslog.LOG_NOTICE, said.encode("utf-8", "backslashreplace").decode("utf-8"))


def _rules(findings: Sequence[Finding]) -> str:
    return ", ".join(dict.fromkeys("{} ({})".format(finding.rule, finding.severity) for finding in findings))


def _on_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _line(question: str) -> Optional[str]:
    """What somebody types; None at the end of input, or where the terminal is gone."""
    try:
        write_pieces([question], sys.stdout)
        answer = sys.stdin.readline()
    except OSError:
        return None
    return answer if answer else None
