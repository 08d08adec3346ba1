"""The options of ``scmguard completion``."""

import sys

import click

from scmguard.cli.options import CONTEXT


@click.command("completion", context_settings=CONTEXT)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print what makes a shell complete commands, options, rule ids, boards and files.

    \b
    bash: eval "$(scmguard completion bash)"          in ~/.bashrc
    zsh:  eval "$(scmguard completion zsh)"           in ~/.zshrc, after compinit
    fish: scmguard completion fish | source           in ~/.config/fish/config.fish

    The Debian package has them installed.
    """
    from scmguard.cli.completion import run

    sys.exit(run(shell))
