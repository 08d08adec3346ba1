"""What commands have in common: options, and the words that options take."""

from typing import Any, Callable

import click

from scmguard.inputs.discover import KINDS

CONTEXT = {"help_option_names": ["-h", "--help"]}
SEVERITIES = ("hygiene", "degraded", "no-boot", "brick")


def input_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command that reads boot trees."""
    for option in (
        click.option("--profile", metavar="NAME", help="What the device is: scm (the default), cm4, pi4, pi5, ..."),
        click.option(
            "--board", "boards", multiple=True, metavar="NAME", help="Check for this board; repeat for several."
        ),
        click.option("--root", metavar="DIR", help="The root file system that belongs to the boot files."),
        click.option("--as", "kind", type=click.Choice(KINDS), help="What a file is, whatever its name."),
        click.option("--stdin-filename", metavar="PATH", help="The path that standard input (-) stands for."),
        click.option("--config", "config_file", metavar="FILE", help="Use this configuration file."),
        click.option("--no-color", is_flag=True, help="No colour. So does NO_COLOR in the environment."),
    ):
        command = option(command)
    return command
