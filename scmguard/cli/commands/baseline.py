"""The commands under ``scmguard baseline``, and their options."""

import sys
from typing import Any, Tuple

import click

from scmguard.cli.options import CONTEXT, choosing_options, files, input_options


@click.group(context_settings=CONTEXT)
def command() -> None:
    """The findings that are known already, in a file that only shrinks.

    `scmguard check --baseline FILE`, or baseline: in .scmguard.yaml, does not count them.
    """


@command.command("create")
@click.argument("file", shell_complete=files)
@click.argument("paths", nargs=-1, metavar="[PATH]...", shell_complete=files)
@click.option("--reason", default="", metavar="TEXT", help="Why they may stay for now; it goes into every entry.")
@choosing_options
@input_options
def create(file: str, paths: Tuple[str, ...], reason: str, **options: Any) -> None:
    """Write a new baseline FILE with what is found in the PATHs.

    A finding of severity brick, or of a rule that cannot be ignored, takes a reason of its own: it is taken in where
    --select names its rule.
    """
    from scmguard.cli.baseline import run_create

    sys.exit(run_create(file, paths, reason, options))


@command.command("update")
@click.argument("file", shell_complete=files)
@click.argument("paths", nargs=-1, metavar="[PATH]...", shell_complete=files)
@click.option("--add", is_flag=True, help="Take new findings in, too; takes --reason.")
@click.option("--reason", default="", metavar="TEXT", help="Why the new ones may stay; it goes into each of them.")
@choosing_options
@input_options
def update(file: str, paths: Tuple[str, ...], add: bool, reason: str, **options: Any) -> None:
    """Take out of the baseline FILE what is not found in the PATHs any more.

    What was not looked at stays. New findings are told and not taken in, but with --add; exit code 1 if they reach
    the threshold. With --add, a finding of severity brick, or of a rule that cannot be ignored, takes a reason of its
    own: it is taken in where --select names its rule.
    """
    from scmguard.cli.baseline import run_update

    sys.exit(run_update(file, paths, add, reason, options))
