"""What looks at the bits of numbers: significand and exponent, hashes."""

from .. import _C, return_types
from ._common import check_tensor, write_out
from .selection import where

__all__ = ["frexp", "hash_tensor"]
METHODS = ["frexp", "hash_tensor"]


def _as_ints(x):
    """The bits of float64 numbers as int64."""
    return _C.detach(x).contiguous().view(_C.int64)


def _power_of_two(k):
    """2^k in float64 from its bits, for int64 -1022 <= k <= 1023."""
    return ((k + 1023) << 52).view(_C.float64)


def frexp(input, *, out=None):
    r"""Significands and exponents: $x = m \cdot 2^e$ with $0.5 \le |m| < 1$; zeros, infinities and NaN have e = 0.

    Args:
        input: floating-point tensor.
        out: (mantissa, exponent) for the result.

    Returns: (mantissa of input's dtype, exponent in int32).
    Raises: RuntimeError for other dtypes.

    >>> flambeau.frexp(flambeau.tensor([1.0, 6.0])).exponent
    tensor([1, 3], dtype=torch.int32)
    """
    check_tensor("frexp", input)
    if not input.is_floating_point():
        raise RuntimeError(f"[frexp] torch.frexp() only supports floating-point dtypes, got {input.dtype}")
    wide = input.to(_C.float64)
    field = (_as_ints(wide) >> 52) & 2047
    subnormal = (field == 0) & (wide != 0)
    scaled = (_as_ints(wide * 2.0**54) >> 52) & 2047
    exponent = where(subnormal, scaled - (1022 + 54), field - 1022)
    exponent = where((wide == 0) | (field == 2047), _C.full((), 0, _C.int64), exponent)
    half = _C.div_floor(-exponent, 2)  # 2^1074 is beyond float64
    mantissa = wide * _power_of_two(half) * _power_of_two(-exponent - half)
    return write_out(out, return_types.frexp((mantissa.to(input.dtype), exponent.to(_C.int32))))


def hash_tensor(input, dim=(), *, keepdim=False, mode=0, out=None):
    """Hash of the elements, whatever their order: the exclusive or of their bits, as float64 or as integers.

    Args:
        input: tensor, not complex.
        dim: int or tuple of ints; all dimensions by default.
        mode: 0, the only one there is.

    Returns: uint64 tensor without the reduced dimensions.

    >>> flambeau.hash_tensor(flambeau.tensor([1, 2, 4]))
    tensor(7, dtype=torch.uint64)
    """
    check_tensor("hash_tensor", input)
    if mode != 0:
        raise RuntimeError(f"[hash_tensor] mode must be 0 (exclusive or), got {mode}")
    if input.is_complex():
        raise NotImplementedError(f'[hash_tensor] "xor_sum_cpu" not implemented for {input.dtype}')
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    if not dims and not input.numel():
        raise RuntimeError(
            "[hash_tensor] Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the "
            "'dim' argument."
        )
    shape = _C.sum(_C.detach(input).to(_C.bool), dims, keepdim).shape  # checks dims too
    rank = max(input.dim(), 1)
    reduced = sorted(d % rank for d in dims) if dims else list(range(input.dim()))
    if input.dim() and any(input.shape[d] == 0 for d in reduced):
        raise IndexError(f"[hash_tensor] Expected the reduced dims {tuple(reduced)} to have non-zero size.")
    bits = _as_ints(input.to(_C.float64)) if input.is_floating_point() else _C.detach(input).to(_C.int64)
    if input.dim():
        kept = [d for d in range(input.dim()) if d not in reduced]
        bits = bits.permute(*kept, *reduced).reshape(*(input.shape[d] for d in kept), -1) if _full(bits) else bits
    return write_out(out, _xor_last(bits, shape).view(_C.uint64))


def _full(bits):
    return bits.numel() > 0


def _xor_last(bits, shape):
    """The exclusive or along the last dimension, halving it; 0 of nothing."""
    if not _full(bits):
        return _C.full(tuple(shape), 0, _C.int64, bits.device)
    while bits.dim() and bits.shape[-1] > 1:
        n = bits.shape[-1] // 2
        odd = bits[..., 2 * n :]
        bits = bits[..., :n] ^ bits[..., n : 2 * n]
        if odd.shape[-1]:
            bits = _C.cat([bits[..., :1] ^ odd, bits[..., 1:]], -1)
    return bits.reshape(tuple(shape)).contiguous()
