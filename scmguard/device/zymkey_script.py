"""Run by the system's Python, which has Zymbit's module ``zymkey``; it imports nothing of scmguard.

``facts`` asks the module what it is; ``sign`` and a file name signs the file's present content. Every answer is a line
of JSON as soon as it is there, because the next call may never return: ``{"fact": NAME, "value": VALUE}`` or
``{"fact": NAME, "error": TEXT}``.

Source of the calls: Zymbit's Python API (``get_supervised_boot_file_manifest``, ``add_or_update_supervised_boot_file``,
``get_current_binding_info``, ``get_firmware_version``, ``get_model_number``, ``get_serial_number``).
"""

import json
import os
import sys
from functools import partial
from typing import Any, Callable, List

FACTS = (
    ("module_model", "get_model_number"),
    ("module_firmware", "get_firmware_version"),
    ("module_serial", "get_serial_number"),
    ("binding", "get_current_binding_info"),
    ("manifest", "get_supervised_boot_file_manifest"),
)
# The slot that the documentation's examples sign with.
SLOT = 15


def main(words: List[str]) -> None:
    """Answers one question."""
    # What the module prints goes to standard error, so that standard output has the answers alone.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(fact: str, call: Callable[[], Any]) -> bool:
        answer = {"fact": fact}
        try:
            answer["value"] = plain(call())
        except BaseException as error:  # whatever the module raises is its answer
            answer["error"] = "{}: {}".format(type(error).__name__, error)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
        return "value" in answer

    if say("imported", load):
        client = sys.modules["zymkey"].client
        if words[0] == "facts":
            for fact, name in FACTS:
                # Looked up inside the call: an older module has not all of them.
                say(fact, partial(answer_of, client, name))
        else:
            # By keyword: an older module has the two the other way round.
            say("signed", lambda: client.add_or_update_supervised_boot_file(filepath=words[1], slot=SLOT))


def answer_of(client: Any, name: str) -> Any:
    """What a call of the module returns."""
    return getattr(client, name)()


def load() -> bool:
    """Imports the module, which connects to zkifc."""
    import zymkey  # type: ignore[import-not-found]

    return zymkey.client is not None


def plain(value: Any) -> Any:
    """A value that JSON can hold: tuples as lists, anything strange as its text."""
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return value.decode("utf-8", "replace") if isinstance(value, (bytes, bytearray)) else str(value)


main(sys.argv[1:])
