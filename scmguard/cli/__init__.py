"""The command line: the only room that imports click, prints, and exits."""

import gc


def main() -> None:
    """The program ``scmguard``."""
    # What is imported at start stays for good, and collecting garbage over and over would be a tenth of a short run. A
    # long one (many boot trees) switches it on again.
    gc.disable()
    from scmguard.cli.main import run

    run()
