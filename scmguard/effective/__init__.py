"""The evaluator: a boot tree and a board in, the effective configuration out, with how every value got there."""

from scmguard.effective.config import EffectiveConfig, evaluate

__all__ = ["EffectiveConfig", "evaluate"]
