"""Recordings: what a machine answered, in one JSON file that people can read before they send it.

``{"recording": 1, "note": TEXT, "files": {NAME: TEXT}, "binary": {NAME: BASE64}, "links": {NAME: TARGET}, "folders":
{NAME: [NAMES]}, "unreadable": {NAME: WHY}, "space": {FOLDER: [TOTAL, FREE]}, "answers": {QUESTION: {...}}}``; names
are relative to the root. What is not in a recording is not on the machine.
"""

import base64
import json
from typing import Any, Dict, List, Mapping, Optional

from scmguard.device.facts import Unknown
from scmguard.device.machine import LIMITS, Machine
from scmguard.folder import Folder, MemoryFolder, Space, Status, Unreadable
from scmguard.programs import Answer

FORMAT = 1
_KEYS = {"recording", "note", "files", "binary", "links", "folders", "unreadable", "space", "answers"}


class BadRecording(Exception):
    """A file that is no recording: why, as a clause."""


class Recorder(Machine):
    """A machine that keeps what it is asked, and answers as the one behind it."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._space: Dict[str, List[int]] = {}
        self._answers: Dict[str, Dict[str, Any]] = {}
        self.files = self._kept = _KeptFolder(machine.files)

    def space(self, folder: str) -> Optional[Space]:
        try:
            found = self._machine.space(folder)
        except Unreadable as error:
            self._kept.refused(folder, error)
            raise
        if found is not None:
            self._space[folder] = [found.total, found.free]
        return found

    def ask(self, question: str) -> Answer:
        try:
            answer = self._machine.ask(question)
        except Unknown as error:
            self._answers[question] = {"unknown": str(error)}
            raise
        self._answers[question] = {key: value for key, value in answer._asdict().items() if value not in ("", 0)}
        return answer

    def data(self, note: str) -> Dict[str, Any]:
        """The recording so far."""
        found: Dict[str, Any] = {"recording": FORMAT, "note": note}
        found.update(self._kept.data())
        found.update(space=dict(self._space), answers=dict(self._answers))
        return found


class _KeptFolder(Folder):
    """A folder that keeps what was read of it."""

    def __init__(self, behind: Folder) -> None:
        self.path = behind.path
        self._behind = behind
        self._files: Dict[str, bytes] = {}
        self._links: Dict[str, str] = {}
        self._folders: Dict[str, List[str]] = {}
        self._unreadable: Dict[str, str] = {}

    def refused(self, name: str, error: Unreadable) -> None:
        """Keeps that something cannot be read."""
        self._unreadable[name.strip("/")] = error.reason

    def read(self, name: str) -> Optional[bytes]:
        try:
            data = self._behind.read(name)
        except Unreadable as error:
            self.refused(name, error)
            raise
        if data is not None:
            self._files[name] = data
        return data

    def names(self, folder: str = "") -> List[str]:
        try:
            found = self._behind.names(folder)
        except Unreadable as error:
            self.refused(folder, error)
            raise
        if found:
            self._folders[folder] = found
        return found

    def exists(self, name: str) -> bool:
        try:
            found = self._behind.exists(name)
        except Unreadable as error:
            self.refused(name, error)
            raise
        # It may be a file that nobody reads; as an empty folder it is there, too.
        if found and name not in self._files:
            self._folders.setdefault(name, [])
        return found

    def status(self, name: str) -> Optional[Status]:
        return self._behind.status(name)

    def link(self, name: str) -> Optional[str]:
        try:
            target = self._behind.link(name)
        except Unreadable as error:
            self.refused(name, error)
            raise
        if target is not None:
            self._links[name] = target
        return target

    def label(self, name: str) -> str:
        return self._behind.label(name)

    def data(self) -> Dict[str, Any]:
        texts: Dict[str, str] = {}
        binary: Dict[str, str] = {}
        for name, data in sorted(self._files.items()):
            try:
                texts[name] = data.decode("utf-8")
            except UnicodeDecodeError:
                binary[name] = base64.b64encode(data).decode("ascii")
        folders = {name: found for name, found in sorted(self._folders.items()) if name not in self._files}
        return {
            "files": texts,
            "binary": binary,
            "links": dict(sorted(self._links.items())),
            "folders": folders,
            "unreadable": dict(sorted(self._unreadable.items())),
        }


class RecordedMachine(Machine):
    """A machine as it was when it was recorded."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        """Takes a recording apart. Raises :class:`BadRecording`."""
        if not isinstance(data, dict) or data.get("recording") != FORMAT:
            raise BadRecording("it is no recording of format {}".format(FORMAT))
        unknown = sorted(set(data) - _KEYS)
        if unknown:
            raise BadRecording("it has an unknown part {!r}".format(unknown[0]))
        try:
            files = {name: text.encode("utf-8") for name, text in _mapping(data, "files", str).items()}
        except UnicodeEncodeError:
            raise BadRecording("files has text that is no Unicode") from None
        try:
            for name, text in _mapping(data, "binary", str).items():
                files[name] = base64.b64decode(text, validate=True)
        except ValueError:
            raise BadRecording("{} is not in base64".format(name)) from None
        self.note = str(data.get("note", ""))
        self.files = self._recorded = _RecordedFolder(
            files,
            _mapping(data, "links", str),
            _mapping(data, "folders", list),
            _mapping(data, "unreadable", str),
        )
        self._space = _mapping(data, "space", list)
        self._answers = _mapping(data, "answers", dict)
        for question, answer in self._answers.items():
            if question not in LIMITS or not _is_answer(answer):
                raise BadRecording("the answer to {!r} is none".format(question))
        if not all(len(room) == 2 and all(type(each) is int for each in room) for room in self._space.values()):
            raise BadRecording("space is not two numbers")

    def space(self, folder: str) -> Optional[Space]:
        found = self._space.get(folder)
        if found is None:
            self._recorded.refuse(folder)
            return None
        return Space(*found)

    def ask(self, question: str) -> Answer:
        answer = self._answers.get(question)
        if answer is None:
            raise Unknown("{} was not recorded".format(question))
        if "unknown" in answer:
            raise Unknown(answer["unknown"])
        return Answer(answer.get("status", 0), answer.get("out", ""), answer.get("err", ""), answer.get("late", ""))


class _RecordedFolder(MemoryFolder):
    def __init__(
        self,
        files: Mapping[str, bytes],
        links: Mapping[str, str],
        folders: Mapping[str, List[Any]],
        unreadable: Mapping[str, str],
    ) -> None:
        super().__init__(files, "/", links)
        self._folders = {name.strip("/"): [str(each) for each in found] for name, found in folders.items()}
        self._unreadable = dict(unreadable)

    def read(self, name: str) -> Optional[bytes]:
        self.refuse(name)
        return super().read(name)

    def names(self, folder: str = "") -> List[str]:
        self.refuse(folder)
        return sorted({*super().names(folder), *self._folders.get(folder.strip("/"), ())})

    def exists(self, name: str) -> bool:
        name = name.strip("/")
        above, _, last = name.rpartition("/")
        if name in self._folders or last in self._folders.get(above, ()) or super().exists(name):
            return True
        # What was seen and could not be read is among the folders; this could not even be looked for.
        self.refuse(name)
        return False

    def link(self, name: str) -> Optional[str]:
        return super().link(name) if self.exists(name) else None

    def refuse(self, name: str) -> None:
        """Raises Unreadable for what could not be read when it was recorded."""
        reason = self._unreadable.get(name.strip("/"))
        if reason is not None:
            raise Unreadable(self.label(name), reason)


def load(data: bytes) -> RecordedMachine:
    """A recording's file. Raises :class:`BadRecording`."""
    try:
        content = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadRecording("it is no JSON: {}".format(error)) from None
    return RecordedMachine(content)


def _mapping(data: Mapping[str, Any], key: str, kind: type) -> Dict[str, Any]:
    found = data.get(key, {})
    if not isinstance(found, dict) or not all(isinstance(value, kind) for value in found.values()):
        raise BadRecording("{} is no mapping to {}".format(key, kind.__name__))
    return found


def _is_answer(answer: Mapping[str, Any]) -> bool:
    types = {"status": int, "out": str, "err": str, "late": str, "unknown": str}
    return all(key in types and isinstance(value, types[key]) for key, value in answer.items())
