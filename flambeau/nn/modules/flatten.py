"""Reshaping as layers."""

from .module import Module

__all__ = ["Flatten", "Unflatten"]


class Flatten(Module):
    """Joins the dimensions from start_dim to end_dim into one.

    Args:
        start_dim: first dimension to join (1: the batch stays).
        end_dim: last dimension to join.

    Example::

        >>> flambeau.nn.Flatten()(flambeau.ones(32, 1, 5, 5)).shape
        torch.Size([32, 25])
    """

    __constants__ = ["start_dim", "end_dim"]

    def __init__(self, start_dim=1, end_dim=-1):
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input):
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self):
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Splits one dimension into several.

    Args:
        dim: the dimension, by index (or by name, with named sizes).
        unflattened_size: the sizes it becomes; one of them may be -1.

    Example::

        >>> flambeau.nn.Unflatten(1, (2, 5))(flambeau.ones(3, 10)).shape
        torch.Size([3, 2, 5])
    """

    __constants__ = ["dim", "unflattened_size"]

    def __init__(self, dim, unflattened_size):
        super().__init__()
        if isinstance(dim, int):
            _require_ints(unflattened_size)
        elif isinstance(dim, str):
            _require_named(unflattened_size)
        else:
            raise TypeError("invalid argument type for dim parameter")
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input):
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self):
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


def _require_ints(sizes):
    if not isinstance(sizes, tuple | list):
        raise TypeError(f"unflattened_size must be a tuple of ints, but found type {type(sizes).__name__}")
    for i, size in enumerate(sizes):
        if not isinstance(size, int):
            raise TypeError(
                f"unflattened_size must be tuple of ints, but found element of type {type(size).__name__} at pos {i}"
            )


def _require_named(sizes):
    if not isinstance(sizes, tuple):
        raise TypeError(f"unflattened_size must be a tuple of tuples, but found type {type(sizes).__name__}")
    for i, pair in enumerate(sizes):
        if not isinstance(pair, tuple):
            raise TypeError(
                f"unflattened_size must be tuple of tuples, but found element of type {type(pair).__name__} at pos {i}"
            )
