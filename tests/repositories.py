"""Git repositories for tests, made with the real git, as nobody's configuration has it."""

import os
import shutil
import subprocess
from typing import Any, Dict, Mapping, Optional, Union

import pytest

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

#: What git sees: none of the tester's configuration, and fixed names and times.
ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
}


def environment(more: Optional[Mapping[str, str]] = None) -> Dict[str, str]:
    """The environment of programs in the tests: no word about a repository that the tests may run in."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PRE_COMMIT"))}
    return {**kept, **ENVIRONMENT, **(more or {})}


class Repo:
    """A repository in a folder. ``git`` runs git there and returns what it prints."""

    def __init__(self, path: Any, *options: str) -> None:
        self.path = str(path)
        os.makedirs(self.path, exist_ok=True)
        self.git("init", "-q", "-b", "main", *options)

    def git(self, *arguments: str, input: Optional[bytes] = None, more: Optional[Mapping[str, str]] = None) -> str:
        """Runs git; a failure is the test's."""
        done = self.run("git", *arguments, input=input, more=more)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout.decode("utf-8", "surrogateescape")

    def run(
        self, *command: str, input: Optional[bytes] = None, more: Optional[Mapping[str, str]] = None, at: str = ""
    ) -> "subprocess.CompletedProcess[bytes]":
        """Runs a command in the repository, whatever becomes of it."""
        return subprocess.run(
            command,
            cwd=os.path.join(self.path, at),
            env=environment(more),
            input=b"" if input is None else input,
            capture_output=True,
            timeout=300,
        )

    def write(self, name: str, data: Union[str, bytes], executable: bool = False) -> str:
        """Writes a file in the working tree alone, and returns its path."""
        path = os.path.join(self.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as stream:
            stream.write(data.encode("utf-8") if isinstance(data, str) else data)
        os.chmod(path, 0o755 if executable else 0o644)
        return path

    def stage(self, files: Mapping[str, Union[str, bytes]]) -> None:
        """Writes files and stages them."""
        for name, data in files.items():
            self.write(name, data)
        self.git("add", "--", *files)

    def commit(self, files: Optional[Mapping[str, Union[str, bytes]]] = None, message: str = "x") -> str:
        """Stages the files and commits what is staged, without hooks; returns the commit's id."""
        if files:
            self.stage(files)
        self.git("commit", "-q", "--no-verify", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD").strip()
