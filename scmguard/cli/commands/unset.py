"""The options of ``scmguard unset``."""

import sys
from typing import Any, Tuple

import click

from scmguard.cli.options import CONTEXT, setting_options


@click.command("unset", context_settings=CONTEXT)
@click.argument("words", nargs=-1, required=True, metavar="KEY...")
@setting_options("Only what stands in that section: all, cm4, gpio4=1, ...")
def command(words: Tuple[str, ...], **options: Any) -> None:
    """Take away the lines that set something, and change nothing else; prints "changed" or "unchanged".

    KEY is a setting, dtoverlay=NAME, dtparam=NAME, or gpio; of cmdline.txt the name of an argument, or NAME=VALUE.
    """
    from scmguard.cli.setting import run

    sys.exit(run(words, options, away=True))
