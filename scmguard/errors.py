"""Errors of users: what they named is wrong, and one line says where and why. Never a traceback."""


class RuleError(Exception):
    """A rule, profile or configuration file that is wrong: path, line and reason in one line."""
