"""The options of ``scmguard fix``."""

import sys
from typing import Any, Tuple

import click

from scmguard.cli.options import CONTEXT, choosing_rules, files, input_options


@click.command("fix", context_settings=CONTEXT)
@click.argument("paths", nargs=-1, metavar="[PATH]...", shell_complete=files)
@input_options
@click.option("--write", is_flag=True, help="Change the files, instead of printing a patch.")
@click.option("--unsafe", is_flag=True, help="Also fixes that bring something into effect that was not; look at them.")
@click.option("--seal", is_flag=True, help="With --write, on an SCM: have the module sign the files afterwards.")
@choosing_rules
@click.option("--quiet", "-q", is_flag=True, help="Say nothing of what was done and what is left.")
def command(paths: Tuple[str, ...], **options: Any) -> None:
    """Print a patch that corrects what can be corrected; with --write, apply it.

    Each fix is held against the evaluator first: on no board and under no reading of the firmware may anything change
    in effect but what the finding is about. Exit codes: 0 nothing is left to do, 1 there is a patch, or findings are
    left, 2 wrong usage, 3 could not be checked or written.
    """
    from scmguard.cli.fix import run

    sys.exit(run(paths, options))
