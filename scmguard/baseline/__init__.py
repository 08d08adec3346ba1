"""Baselines: the findings that were there when scmguard came, in a file that only shrinks."""
