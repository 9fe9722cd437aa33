"""What modules use instead of operators, so that a tool may watch or replace the values that pass."""

import flambeau

from .modules import Identity, Module

__all__ = ["FloatFunctional"]


class FloatFunctional(Module):
    """Operations on floating-point tensors as methods of a module, whose results pass `activation_post_process`.

    Example::

        >>> ops = flambeau.nn.quantized.FloatFunctional()
        >>> ops.add_relu(flambeau.ones(2), flambeau.tensor([1.0, -3.0]))
        tensor([2., 0.])
    """

    def __init__(self):
        super().__init__()
        self.activation_post_process = Identity()

    def forward(self, x):
        raise RuntimeError("FloatFunctional is not intended to use the 'forward'. Please use the underlying operation")

    def add(self, x, y):
        """x + y."""
        return self.activation_post_process(flambeau.add(x, y))

    def add_scalar(self, x, y):
        """x + y for a number y; it passes nothing."""
        return flambeau.add(x, y)

    def mul(self, x, y):
        """x * y."""
        return self.activation_post_process(flambeau.mul(x, y))

    def mul_scalar(self, x, y):
        """x * y for a number y; it passes nothing."""
        return flambeau.mul(x, y)

    def cat(self, x, dim=0):
        """The tensors joined along a dimension."""
        return self.activation_post_process(flambeau.cat(x, dim))

    def add_relu(self, x, y):
        """max(0, x + y)."""
        return self.activation_post_process(flambeau.relu(flambeau.add(x, y)))

    def matmul(self, x, y):
        """The matrix product."""
        return self.activation_post_process(flambeau.matmul(x, y))
