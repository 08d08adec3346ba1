"""``scmguard device``."""

import json
import os
import sys
from typing import Any, Mapping

from scmguard import __version__, atomic
from scmguard.cli.console import COULD_NOT, complain, fail, print_pieces
from scmguard.device.anonymous import anonymised
from scmguard.device.gather import gather
from scmguard.device.identity import is_raspberry_pi
from scmguard.device.machine import LiveMachine, Machine
from scmguard.device.recording import BadRecording, RecordedMachine, Recorder, load
from scmguard.folder import Unreadable
from scmguard.inputs.disk import contents, open_named
from scmguard.report import device_report


def run(options: Mapping[str, Any]) -> int:
    """Prints what is known of the machine, or of a recording; 3 if that is no Raspberry Pi."""
    machine: Machine = LiveMachine() if options["from_"] is None else recorded(options["from_"])
    recorder = Recorder(machine) if options["record"] is not None else None
    machine = recorder or machine
    is_one = is_raspberry_pi(machine.files)
    device = gather(machine)
    if options["format_"] == "json":
        print_pieces([device_report.as_json(device, __version__)], sys.stdout)
    else:
        print_pieces(device_report.as_text(device), sys.stdout)
    if recorder is not None:
        _write(recorder, options["record"])
    if not is_one:
        complain("this is no Raspberry Pi: there is no device tree of one under /proc/device-tree")
        return COULD_NOT
    return 0


def recorded(path: str) -> RecordedMachine:
    """The machine of a recording's file. Ends the program where there is none."""
    try:
        file = open_named(path)
        try:
            return load(contents(file, path))
        finally:
            os.close(file)
    except Unreadable as error:
        fail(COULD_NOT, str(error))
    except BadRecording as error:
        fail(COULD_NOT, "{}: {}".format(path, error))


def _write(recorder: Recorder, path: str) -> None:
    note = "Recorded by scmguard {}; serial numbers, addresses and identifiers are replaced.".format(__version__)
    try:
        atomic.write(path, [json.dumps(anonymised(recorder.data(note)), indent=1).encode("ascii"), b"\n"])
    except OSError as error:
        fail(COULD_NOT, "{}: {}".format(path, (error.strerror or str(error)).lower()))
    complain("note: {} is text; read it before you pass it on".format(path))
