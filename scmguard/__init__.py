"""scmguard: a linter and guardrail for the boot configuration of Raspberry Pi class devices."""

__version__ = "0.1.0"
