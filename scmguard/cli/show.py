"""``scmguard show``."""

import json
import os
import sys
from itertools import chain
from typing import Any, Dict, Mapping, Optional

from scmguard.cli.common import boots, choose, rulebook_for, settings_for
from scmguard.cli.console import COULD_NOT, complain, fail, print_pieces
from scmguard.effective import evaluate
from scmguard.effective.view import view
from scmguard.effective.worlds import TooComplex
from scmguard.folder import Unreadable
from scmguard.report import show_report


def run(path: Optional[str], key: Optional[str], options: Mapping[str, Any]) -> int:
    """Prints the effective configuration (or one key of it) for each board; returns the exit code."""
    hint = ""
    if path is not None and key is None and path != "-" and not os.path.lexists(path) and os.sep not in path:
        # `scmguard show otg_mode` asks about this machine.
        path, key, hint = None, path, "; nor is there a file or folder {}".format(path)
    paths = () if path is None else (path,)
    settings = settings_for(paths, options)
    boards = choose(rulebook_for(settings), settings, options).boards
    boot = next(boots(paths, options))
    if isinstance(boot, Unreadable):
        fail(COULD_NOT, str(boot) + hint)
    for note in boot.notes:
        complain("note: {}".format(note))
    for number, board in enumerate(boards):
        try:
            config = evaluate(boot, board)
            data: Dict[str, Any] = view(config) if key is None else show_report.key_data(config, key)
        except (Unreadable, TooComplex) as error:
            fail(COULD_NOT, str(error))
        if options["format_"] == "json":
            print_pieces([json.dumps(data, indent=2), "\n"], sys.stdout)
            continue
        pieces = show_report.everything(data, board.model) if key is None else show_report.one_key(data)
        print_pieces(chain(["\n"] if number else [], pieces), sys.stdout)
    return 0
