"""``scmguard show --initrd``."""

import os
import stat
import sys
from contextlib import closing
from typing import Any, Generator, List, Mapping, Optional

from scmguard.cli.console import COULD_NOT, USAGE, complain, fail, print_pieces
from scmguard.folder import Unreadable
from scmguard.initrd.model import Event, Fault
from scmguard.initrd.reader import read
from scmguard.initrd.source import Source
from scmguard.inputs.disk import open_named
from scmguard.report import initrd_report


def run(image: str, path: Optional[str], options: Mapping[str, Any]) -> int:
    """Lists an image; returns the exit code, 3 where anything is wrong with it."""
    if path is not None:
        fail(USAGE, "show lists an image or a boot configuration: --initrd and {} do not go together".format(path))
    try:
        file = open_named(image)
    except Unreadable as error:
        fail(COULD_NOT, str(error))
    try:
        mode = os.fstat(file).st_mode
        if not stat.S_ISREG(mode):
            fail(COULD_NOT, "{}: is {}".format(image, "a folder" if stat.S_ISDIR(mode) else "not a regular file"))
        faults: List[Fault] = []
        with closing(_noting(Source.of_file(file), faults)) as events:
            form = options["format_"]
            pieces = initrd_report.as_json(events, image) if form == "json" else initrd_report.text(events)
            print_pieces(pieces, sys.stdout)
    finally:
        os.close(file)
    if not faults:
        return 0
    # The one that ended the reading is the last.
    more = " (and {} more)".format(len(faults) - 1) if len(faults) > 1 else ""
    complain("{}: {}{}".format(image, initrd_report.fault_text(faults[-1]), more))
    return COULD_NOT


def _noting(source: Source, faults: List[Fault]) -> Generator[Event, None, None]:
    with closing(read(source)) as events:
        for event in events:
            if isinstance(event, Fault):
                faults.append(event)
            yield event
