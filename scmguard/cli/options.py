"""What commands have in common: options, and the words that options take."""

from typing import Any, Callable

import click

from scmguard.inputs.discover import KINDS

CONTEXT = {"help_option_names": ["-h", "--help"]}
SEVERITIES = ("hygiene", "degraded", "no-boot", "brick")


def input_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command that reads boot trees."""
    return _with(command, "")


def change_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command that changes a file: those of one that reads, and from where on it holds back."""
    command = click.option(
        "--fail-on", type=click.Choice(SEVERITIES), help="Hold back from this severity up (degraded)."
    )(command)
    return _with(command, "--stdin-filename")


def _with(command: Callable[..., Any], without: str) -> Callable[..., Any]:
    for name, option in _INPUT.items():
        if name != without:
            command = option(command)
    return command


_INPUT = {
    "--profile": click.option(
        "--profile", metavar="NAME", help="What the device is: scm (the default), cm4, pi4, pi5, ..."
    ),
    "--board": click.option(
        "--board", "boards", multiple=True, metavar="NAME", help="Check for this board; repeat for several."
    ),
    "--root": click.option("--root", metavar="DIR", help="The root file system that belongs to the boot files."),
    "--as": click.option("--as", "kind", type=click.Choice(KINDS), help="What a file is, whatever its name."),
    "--stdin-filename": click.option(
        "--stdin-filename", metavar="PATH", help="The path that standard input (-) stands for."
    ),
    "--config": click.option("--config", "config_file", metavar="FILE", help="Use this configuration file."),
    "--no-color": click.option("--no-color", is_flag=True, help="No colour. So does NO_COLOR in the environment."),
}
