"""What commands have in common: options, and the words that options take."""

from typing import TYPE_CHECKING, Any, Callable, List

import click

from scmguard.inputs.discover import KINDS

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

CONTEXT = {"help_option_names": ["-h", "--help"]}
SEVERITIES = ("hygiene", "degraded", "no-boot", "brick")


def files(context: click.Context, parameter: click.Parameter, begun: str) -> "List[CompletionItem]":
    """Lets the shell complete a path."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(begun, type="file")]


def folders(context: click.Context, parameter: click.Parameter, begun: str) -> "List[CompletionItem]":
    """Lets the shell complete a folder's path."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(begun, type="dir")]


def rules(context: click.Context, parameter: click.Parameter, begun: str) -> "List[CompletionItem]":
    """The ids of rules that begin so, those of house rules among them, with what they say."""
    from click.shell_completion import CompletionItem

    from scmguard import rulebook, settings
    from scmguard.errors import RuleError

    try:
        path = context.params.get("config_file") or settings.find(".")
        book = rulebook.load(settings.load(path).rules if path else ())
    except RuleError:
        # A faulty configuration is said when the command is run.
        book = rulebook.load()
    return [CompletionItem(id, help=rule.summary) for id, rule in sorted(book.rules.items()) if id.startswith(begun)]


def boards(context: click.Context, parameter: click.Parameter, begun: str) -> "List[CompletionItem]":
    """The names of boards that begin so."""
    from click.shell_completion import CompletionItem

    from scmguard.effective.board import BOARDS

    return [CompletionItem(name, help=board.model) for name, board in BOARDS.items() if name.startswith(begun)]


def profiles(context: click.Context, parameter: click.Parameter, begun: str) -> "List[CompletionItem]":
    """The names of profiles that begin so."""
    from click.shell_completion import CompletionItem

    from scmguard import rulebook

    found = rulebook.load().profiles
    return [CompletionItem(name, help=one.summary) for name, one in found.items() if name.startswith(begun)]


def profile_option(help: str = "What the device is: scm (the default), cm4, pi4, pi5, ...") -> Callable[..., Any]:
    """``--profile``."""
    return click.option("--profile", metavar="NAME", help=help, shell_complete=profiles)


def config_option(help: str = "Use this configuration file.") -> Callable[..., Any]:
    """``--config``."""
    return click.option("--config", "config_file", metavar="FILE", help=help, shell_complete=files)


def choosing_rules(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--select`` and ``--ignore``."""
    command = click.option("--ignore", multiple=True, metavar="RULE", help="Not these rules.", shell_complete=rules)(
        command
    )
    select = "Only these rules; ids and patterns like 'root-*'."
    return click.option("--select", multiple=True, metavar="RULE", help=select, shell_complete=rules)(command)


def choosing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command that runs rules, on this machine too."""
    no_device = "Do not ask the hardware when the files are this machine's own."
    return choosing_rules(click.option("--no-device", is_flag=True, help=no_device)(command))


def input_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command that reads boot trees."""
    return _with(command, "")


def setting_options(section: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The options of ``set`` and ``unset``; ``section`` is the help of ``--section``."""

    def options(command: Callable[..., Any]) -> Callable[..., Any]:
        command = change_options(command)
        for option in (
            click.option(
                "--format", "format_", type=click.Choice(["text", "json"]), default="text", help="How to report."
            ),
            click.option("--reason", metavar="TEXT", default="", help="Why, for the log."),
            click.option("--force", is_flag=True, help="Write in spite of new findings; takes a --reason."),
            click.option("--dry-run", is_flag=True, help="Print what would change as a patch; write nothing."),
            click.option("--section", metavar="FILTER", help=section),
            click.option("--file", metavar="PATH", help="The file to change; this machine's config.txt by default."),
        ):
            command = option(command)
        return command

    return options


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
    "--profile": profile_option(),
    "--board": click.option(
        "--board",
        "boards",
        multiple=True,
        metavar="NAME",
        help="Check for this board; repeat for several.",
        shell_complete=boards,
    ),
    "--root": click.option(
        "--root", metavar="DIR", help="The root file system that belongs to the boot files.", shell_complete=folders
    ),
    "--as": click.option("--as", "kind", type=click.Choice(KINDS), help="What a file is, whatever its name."),
    "--stdin-filename": click.option(
        "--stdin-filename",
        metavar="PATH",
        help="The path that standard input (-) stands for.",
        shell_complete=files,
    ),
    "--config": config_option(),
    "--no-color": click.option("--no-color", is_flag=True, help="No colour. So does NO_COLOR in the environment."),
}
