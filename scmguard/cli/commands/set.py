"""The options of ``scmguard set``."""

import sys
from typing import Any, Tuple

import click

from scmguard.cli.options import CONTEXT, setting_options


@click.command("set", context_settings=CONTEXT)
@click.argument("words", nargs=-1, required=True, metavar="KEY=VALUE...")
@setting_options("Where it is to be in effect: all (the default), cm4, gpio4=1, ...")
def command(words: Tuple[str, ...], **options: Any) -> None:
    """Put settings into effect, and change nothing else; prints "changed" or "unchanged".

    Of cmdline.txt (also with --as cmdline.txt) the words are arguments, as in: quiet console=tty1.
    """
    from scmguard.cli.setting import run

    sys.exit(run(words, options, away=False))
