"""The options of ``scmguard diff``."""

import sys
from typing import Any, Tuple

import click

from scmguard.cli.options import CONTEXT, SEVERITIES, choosing_rules, files, input_options


@click.command("diff", context_settings=CONTEXT)
@click.argument("sides", nargs=-1, metavar="OLD NEW", shell_complete=files)
@input_options
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="How to report.")
@click.option("--fail-on", type=click.Choice(SEVERITIES), help="Worse is a new finding from here up (degraded).")
@click.option("--staged", is_flag=True, help="Compare HEAD with the git index: the paths given, or all that differs.")
@click.option("--pre-commit", is_flag=True, hidden=True, help="With --staged: paths are what pre-commit passes.")
@choosing_rules
def command(sides: Tuple[str, ...], **options: Any) -> None:
    """Show what changes in effect between two states of boot files, on each board, and which findings come and go.

    OLD and NEW are files, folders (with boot trees anywhere in them), or, as in git, REV:path, :path (what is staged)
    or a revision. Exit codes: 0 not worse, 1 worse, 2 wrong usage, 3 could not be compared.
    """
    from scmguard.cli.diff import run

    sys.exit(run(sides, options))
