"""What an image holds, as rules ask for it: names after links, the text of small files, what programs need.

The image is read once, forward; of large files nothing is kept but what :mod:`scmguard.elf` says of programs.
"""

import re
import stat
from functools import cached_property
from typing import Dict, FrozenSet, List, Optional, Tuple

from scmguard import elf
from scmguard.folder import Content, Folder, Status
from scmguard.initrd.model import Fault, Limits, Member, Segment, SegmentEnd, Trouble
from scmguard.initrd.reader import read
from scmguard.initrd.source import Source

#: A file up to this size is kept if it is a script or stands where configuration does.
SMALL = 64 << 10
# modules.dep has some hundred kilobytes, the largest program (a static one) some megabytes.
_TABLE, _PROGRAM = 8 << 20, 16 << 20
_MODULE = re.compile(r"(?:usr/)?lib/modules/([^/]+)/.+\.ko(?:\.(?:gz|xz|zst))?\Z")
_RELEASE = re.compile(r"(?:usr/)?lib/modules/([^/]+)(?:/|\Z)")
_TABLES = re.compile(r"(?:usr/)?lib/modules/[^/]+/modules\.(?:dep|builtin|order)\Z")
_PROGRAMS = re.compile(r"(?:usr/)?(?:local/)?(?:s?bin|lib(?:exec)?)/(?!modules/|firmware/)")
_TEXTS = re.compile(r"(?:conf|scripts|cryptroot|etc|var|(?:usr/)?lib/cryptsetup)/|init\Z")
_ALL_TEXTS = 16 << 20
_MOST_LINKS = 40
# The contents that are looked at pass through; they are not kept.
_LIMITS = Limits(kept_total=1 << 30)


class Contents:
    """An image that was read. ``faults`` are what is wrong with it; where one ended the reading, not all is here."""

    def __init__(self) -> None:
        self.segments: List[Segment] = []
        self.faults: List[Fault] = []
        #: How many archives of the image proper were read to their end.
        self.ended = 0
        self.members: Dict[str, Member] = {}
        self.texts: Dict[str, bytes] = {}
        self.programs: Dict[str, elf.Elf] = {}
        # Of files with several names only one comes with the bytes.
        self._with_data: Dict[Tuple[int, Tuple[int, int, int]], str] = {}
        #: When the newest file in it was made or changed, in seconds since 1970: that of the build.
        self.newest = 0

    def add_data(self, member: Member) -> None:
        """Notes that of a file with several names this one has the bytes."""
        self._with_data[member.segment, member.inode] = member.name

    @property
    def fault(self) -> Optional[Fault]:
        """What says that the image is damaged or cut off; None for one that is whole, or could not be read here."""
        bad = (Trouble.TRUNCATED, Trouble.CORRUPT, Trouble.CHECKSUM, Trouble.LIMIT, Trouble.UNSUPPORTED)
        return next((fault for fault in self.faults if fault.trouble in bad), None)

    @property
    def unread(self) -> Optional[Fault]:
        """What kept it from being read to its end; None where it was."""
        return next((fault for fault in self.faults if fault.ends), None)

    def place(self, path: str) -> Optional[str]:
        """The name under which a path is found in the image, after links; None where it leads nowhere."""
        todo = [part for part in path.split("/") if part not in ("", ".")][::-1]
        done: List[str] = []
        links = 0
        while todo:
            part = todo.pop()
            if part == "..":
                del done[-1:]
                continue
            name = "/".join([*done, part])
            member = self.members.get(name)
            if member is None:
                return None
            if member.target is None:
                done.append(part)
                continue
            links += 1
            if links > _MOST_LINKS:
                return None
            if member.target.startswith("/"):
                done = []
            todo += [each for each in member.target.split("/") if each not in ("", ".")][::-1]
        return "/".join(done)

    def find(self, path: str) -> Optional[Member]:
        """What is at a path, after links; None where nothing is."""
        name = self.place(path)
        return None if name is None else self.members.get(name)

    def text(self, path: str) -> Optional[bytes]:
        """The bytes of a small file; None where there is none, or it is none that is kept."""
        return self.texts.get(self._with_bytes(path))

    def program(self, path: str) -> Optional[elf.Elf]:
        """What the program or library at a path needs; None where there is none."""
        return self.programs.get(self._with_bytes(path))

    def _with_bytes(self, path: str) -> str:
        """The name under which the bytes of a file came."""
        member = self.find(path)
        if member is None:
            return ""
        return self._with_data.get((member.segment, member.inode), member.name) if member.links > 1 else member.name

    @cached_property
    def releases(self) -> Tuple[str, ...]:
        """The kernels for which there is a folder of modules."""
        found = (match.group(1) for match in map(_RELEASE.match, self.members) if match)
        return tuple(sorted(set(found)))

    @cached_property
    def modules(self) -> Dict[str, FrozenSet[str]]:
        """The names of the modules (with underscores) for each kernel that there are any for."""
        found: Dict[str, List[str]] = {}
        for name in self.members:
            match = _MODULE.match(name)
            if match:
                base = name.rpartition("/")[2]
                found.setdefault(match.group(1), []).append(base.partition(".ko")[0].replace("-", "_"))
        return {release: frozenset(names) for release, names in found.items()}

    def table(self, release: str, name: str) -> Optional[str]:
        """A file of a kernel's folder of modules (``modules.builtin``) as text; None where it is not in the image."""
        data = self.text("lib/modules/{}/{}".format(release, name))
        return None if data is None else data.decode("utf-8", "replace")

    def lacking_libraries(self, path: str) -> Tuple[str, ...]:
        """The libraries that the program at a path needs, and those need in turn, that are nowhere in the image."""
        libraries = self._libraries
        lacking: List[str] = []
        todo, seen = [path], {path}
        while todo:
            program = self.program(todo.pop())
            for name in program.needed if program is not None else ():
                if name in seen:
                    continue
                seen.add(name)
                if name in libraries:
                    todo.append(libraries[name])
                else:
                    lacking.append(name)
        return tuple(lacking)

    def needs(self, path: str, library: str) -> bool:
        """Whether the program at a path needs a library, itself or through others; ``library`` begins its name."""
        todo, seen = [path], {path}
        while todo:
            program = self.program(todo.pop())
            for name in program.needed if program is not None else ():
                if name.startswith(library):
                    return True
                if name not in seen:
                    seen.add(name)
                    todo += [self._libraries[name]] if name in self._libraries else []
        return False

    def has_library(self, name: str) -> bool:
        """Whether a library of that name is in the image."""
        return name in self._libraries

    @cached_property
    def _libraries(self) -> Dict[str, str]:
        """Libraries by their file names, links among them that lead to a file; those too that were not looked at."""
        return {name.rpartition("/")[2]: name for name in self.members if ".so" in name and self._is_library(name)}

    def _is_library(self, name: str) -> bool:
        member = self.find(name)
        return member is not None and member.is_file and (self.program(name) is not None or not _wanted(member))


class ImageFolder(Folder):
    """An image as a folder: its small files, and what is known of all of them. Links in it are followed."""

    def __init__(self, contents: Contents, path: str) -> None:
        self.contents = contents
        self.path = path

    def read(self, name: str) -> Optional[bytes]:
        return self.contents.text(name)

    def names(self, folder: str = "") -> List[str]:
        place = self.contents.place(folder)
        prefix = place + "/" if place else ""
        if place is None:
            return []
        every = self.contents.members
        return sorted({name[len(prefix) :].split("/")[0] for name in every if name.startswith(prefix)} - {"."})

    def exists(self, name: str) -> bool:
        return self.contents.place(name) is not None

    def status(self, name: str) -> Optional[Status]:
        member = self.contents.find(name)
        if member is None:
            return Status("folder", 0o755) if self.exists(name) else None
        kind = "file" if member.is_file else "folder" if stat.S_ISDIR(member.mode) else "other"
        return Status(kind, stat.S_IMODE(member.mode), member.size, member.mtime)


def _wanted(member: Member) -> bool:
    if not member.is_file or member.name.endswith((".ko", ".ko.xz", ".ko.zst", ".ko.gz")):
        return False
    if member.size <= SMALL:
        return True
    if _TABLES.match(member.name):
        return member.size <= _TABLE
    return member.size <= _PROGRAM and _PROGRAMS.match(member.name) is not None


def read_contents(content: Content) -> Contents:
    """Reads an image to its end, or to what keeps it from that."""
    found = Contents()
    kept = 0
    for event in read(Source(content.pread, content.size), _wanted, _LIMITS):
        if isinstance(event, Fault):
            found.faults.append(event)
        elif isinstance(event, Segment):
            found.segments.append(event)
        elif isinstance(event, SegmentEnd):
            found.ended += found.segments[-1].kind == "main"
        elif isinstance(event, Member):
            data = event.content
            member = event if data is None else event._replace(content=None)
            found.members[member.name] = member
            found.newest = max(found.newest, member.mtime)
            if member.links > 1 and member.size and member.is_file:
                found.add_data(member)
            # What was there under that name before is gone.
            found.texts.pop(member.name, None)
            found.programs.pop(member.name, None)
            if data is None:
                continue
            if data.startswith(elf.MAGIC):
                program = elf.read(data)
                if program is not None:
                    found.programs[member.name] = program
            elif _is_text(member.name, data) and kept + len(data) <= _ALL_TEXTS:
                kept += len(data)
                found.texts[member.name] = data
    return found


def _is_text(name: str, data: bytes) -> bool:
    return data.startswith(b"#!") or _TEXTS.match(name) is not None or _TABLES.match(name) is not None
