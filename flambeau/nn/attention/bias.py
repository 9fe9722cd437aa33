"""Causal masks for queries and keys of different numbers."""

import enum
import warnings

import flambeau
from flambeau import Tensor

from ... import _C

__all__ = ["CausalBias", "CausalVariant", "causal_lower_right", "causal_upper_left"]


class CausalVariant(enum.IntEnum):
    """Where the diagonal of a causal mask begins, or ends.

    Example::

        >>> [variant.name for variant in flambeau.nn.attention.bias.CausalVariant]
        ['UPPER_LEFT', 'LOWER_RIGHT']
    """

    UPPER_LEFT = 1
    LOWER_RIGHT = 2


class CausalBias(Tensor):
    """A causal mask, True where a query may look at a key; `scaled_dot_product_attention` takes it as `attn_mask`.

    Args:
        variant: the `CausalVariant`.
        seq_len_q, seq_len_kv: numbers of queries and keys.

    Example::

        >>> from flambeau.nn.attention.bias import CausalBias, CausalVariant
        >>> CausalBias(CausalVariant.LOWER_RIGHT, 2, 3)
        tensor([[ True,  True, False],
                [ True,  True,  True]])
    """

    __torch_function__ = _C._disabled_torch_function_impl  # results are plain tensors

    def __new__(cls, variant, seq_len_q, seq_len_kv):
        if not isinstance(variant, CausalVariant):
            raise AssertionError(f"variant must be a CausalVariant, got {type(variant).__name__}")
        if variant is CausalVariant.LOWER_RIGHT and seq_len_q > seq_len_kv:
            warnings.warn(
                f"The first {seq_len_q - seq_len_kv} queries may look at no key: their results are zeros",
                stacklevel=3,
            )
        shift = seq_len_kv - seq_len_q if variant is CausalVariant.LOWER_RIGHT else 0
        mask = flambeau.ones(seq_len_q, seq_len_kv, dtype=flambeau.bool).tril(shift)
        result = Tensor._make_subclass(cls, mask)
        result.variant, result.seq_len_q, result.seq_len_kv = variant, seq_len_q, seq_len_kv
        return result

    def _materialize(self, device=None):
        """The mask as an ordinary tensor."""
        return self.as_subclass(Tensor).to(device)

    def __repr__(self):
        return repr(self._materialize())


def _sizes(size, name):
    if len(size) != 2:
        raise AssertionError(f"{name} only supports 2D tensors")
    return size


def causal_upper_left(*size):
    """A causal mask whose diagonal begins in the upper left corner: query i looks at the keys 0..i.

    Args:
        size: numbers of queries and keys.

    Example::

        >>> flambeau.nn.attention.bias.causal_upper_left(2, 3)
        tensor([[ True, False, False],
                [ True,  True, False]])
    """
    return CausalBias(CausalVariant.UPPER_LEFT, *_sizes(size, "causal_upper_left"))


def causal_lower_right(*size):
    """A causal mask whose diagonal ends in the lower right corner: the last query looks at all keys.

    Args:
        size: numbers of queries and keys.

    Example::

        >>> flambeau.nn.attention.bias.causal_lower_right(2, 3)
        tensor([[ True,  True, False],
                [ True,  True,  True]])
    """
    return CausalBias(CausalVariant.LOWER_RIGHT, *_sizes(size, "causal_lower_right"))
