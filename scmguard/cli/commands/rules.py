"""The options of ``scmguard rules``."""

import sys
from typing import Any, Optional

import click

from scmguard.cli.options import CONTEXT


@click.command("rules", context_settings=CONTEXT)
@click.argument("rule", required=False)
@click.option("--config", "config_file", metavar="FILE", help="Use this configuration file (it can name house rules).")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="How to report.")
def command(rule: Optional[str], **options: Any) -> None:
    """List the rules, or show the page of one RULE."""
    from scmguard.cli.rules import run

    sys.exit(run(rule, options))
