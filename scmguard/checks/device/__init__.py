"""Checks that ask the machine that scmguard runs on."""
