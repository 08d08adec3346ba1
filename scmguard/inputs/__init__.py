"""Inputs: what builds a :class:`scmguard.boot.Boot` from what the user named."""
