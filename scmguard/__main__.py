"""``python -m scmguard``."""

from scmguard.cli import main

main()
