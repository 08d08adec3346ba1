"""``python -m scmguard``."""

from scmguard.cli.main import main

main()
