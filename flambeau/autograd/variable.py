"""The old name of tensors with gradients."""

from . import Variable

__all__ = ["Variable"]
