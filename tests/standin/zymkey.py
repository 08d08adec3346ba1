"""A stand-in for Zymbit's Python module: the documented calls, over a state kept in state.json beside this file.

It keeps a digest of the content that it signs, so that a file that was changed since is told. ``faults`` in the state
make it misbehave: a call's name with ``raise``, ``hang`` or a value to return instead, and ``import``. ``noise`` prints
on standard output, ``old`` has the older order of arguments, ``edit`` appends to that file while it is signed, ``slow``
is how many seconds a signature takes.
"""

import hashlib
import json
import os
import time

HERE = os.path.dirname(os.path.abspath(__file__))
STATE = os.path.join(HERE, "state.json")


def load():
    with open(STATE, encoding="utf-8") as stream:
        return json.load(stream)


class _Client:
    def _call(self, name, value):
        state = load()
        fault = state.get("faults", {}).get(name)
        if state.get("noise"):
            print("noise from", name)
        if fault == "raise":
            raise RuntimeError("zkifc does not answer")
        if fault == "hang":
            time.sleep(600)
        return value(state) if fault is None else fault["return"]

    def get_model_number(self):
        return self._call("get_model_number", lambda state: "SCM")

    def get_firmware_version(self):
        return self._call("get_firmware_version", lambda state: state["firmware"])

    def get_serial_number(self):
        return self._call("get_serial_number", lambda state: "0123456789")

    def get_current_binding_info(self):
        return self._call("get_current_binding_info", lambda state: tuple(state["binding"]))

    def get_supervised_boot_file_manifest(self):
        return self._call("get_supervised_boot_file_manifest", lambda state: " ".join(state["signed"]))

    def add_or_update_supervised_boot_file(self, filepath, slot=15):
        def sign(state):
            time.sleep(state.get("slow", 0))
            path = os.path.join(state["boot"], filepath)
            if state.get("edit") == filepath:
                with open(path, "ab") as stream:
                    stream.write(b"# changed\n")
            with open(path, "rb") as stream:
                state["signed"][filepath] = hashlib.sha256(stream.read()).hexdigest()
            state["calls"].append([filepath, slot])
            with open(STATE + ".new", "w", encoding="utf-8") as stream:
                json.dump(state, stream)
            os.replace(STATE + ".new", STATE)
            return 0

        return self._call("add_or_update_supervised_boot_file", sign)


class _OldClient(_Client):
    def add_or_update_supervised_boot_file(self, slot, filepath):
        return super().add_or_update_supervised_boot_file(filepath, slot)


if load().get("faults", {}).get("import"):
    raise ConnectionError("cannot connect to zkifc")
client = _OldClient() if load().get("old") else _Client()
