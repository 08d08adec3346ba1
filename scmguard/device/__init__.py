"""Facts of the machine that scmguard runs on: each with how it was found, or why it is not known."""

from scmguard.device.facts import Device, Fact

__all__ = ["Device", "Fact"]
