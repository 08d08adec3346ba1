"""The options of ``scmguard rules``."""

import sys
from typing import Any, Tuple

import click

from scmguard.cli.options import CONTEXT, config_option, rules


@click.command("rules", context_settings=CONTEXT)
@click.argument("rule", nargs=-1, shell_complete=rules)
@config_option("Use this configuration file (it can name house rules).")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="How to report.")
@click.option("--test", is_flag=True, help="Check house rules and run their examples: RULE is a file or folder.")
@click.option("--staged", is_flag=True, help="With --test: as they are in the git index.")
@click.option("--pre-commit", is_flag=True, hidden=True, help="With --test: what pre-commit passes.")
def command(rule: Tuple[str, ...], **options: Any) -> None:
    """List the rules, or show the page of one RULE."""
    if options["test"]:
        from scmguard.cli import testrules

        sys.exit(testrules.run(rule, options))
    if len(rule) > 1:
        raise click.UsageError("one rule at a time", click.get_current_context())
    from scmguard.cli.rules import run

    sys.exit(run(rule[0] if rule else None, options))
