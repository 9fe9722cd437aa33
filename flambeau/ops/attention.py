"""Scaled dot-product attention."""

import math

from .. import _C

__all__ = []
FUNCTIONAL = ["scaled_dot_product_attention"]


def scaled_dot_product_attention(
    query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False
):
    """Attention: `softmax(scale * query @ key^T + mask) @ value`, without ever storing the matrix of scores.

    Args:
        query: `(*, heads, l, e)`, floating point.
        key: `(*, heads, s, e)`.
        value: `(*, heads, s, v)`.
        attn_mask: broadcasts to `(*, heads, l, s)`: bool (True: may be looked at) or floats added to the scores. A
            query that may look at nothing gets zeros.
        dropout_p: the probability with which a weight is dropped; then the scores are stored.
        is_causal: query i looks at the keys 0..i only.
        scale: factor of the scores; `1 / sqrt(e)` by default.
        enable_gqa: key and value may have fewer heads, each serving a group of query heads.

    Returns:
        Tensor: `(*, heads, l, v)`.

    Raises:
        RuntimeError: shapes or dtypes disagree.

    Source: Dao et al., FlashAttention, arXiv 2205.14135.

    >>> q = flambeau.ones(1, 2, 3, 4)
    >>> flambeau.nn.functional.scaled_dot_product_attention(q, q, q, is_causal=True).shape
    torch.Size([1, 2, 3, 4])
    """
    _check(query, key, value, attn_mask, dropout_p)
    if scale is None:
        scale = 1.0 / math.sqrt(query.shape[-1]) if query.shape[-1] else 1.0
    learned_mask = attn_mask is not None and attn_mask.requires_grad and _C.is_grad_enabled()
    stored = dropout_p > 0 or learned_mask or not query.is_floating_point()
    if query.ndim == 4 and not stored and _plain(query, key, value, enable_gqa):
        if attn_mask is not None and attn_mask.ndim > 4:
            raise _C.ShapeError(
                f"[scaled_dot_product_attention] attn_mask {tuple(attn_mask.shape)} does not broadcast to the scores"
            )
        return _laid_out_as(query, _C.attention(query, key, value, attn_mask, is_causal, scale))
    if enable_gqa and query.ndim >= 3:
        key, value = _share_heads(query, key, value)
    if stored:
        return _stored(query, key, value, attn_mask, dropout_p, is_causal, scale)
    return _batched(query, key, value, attn_mask, is_causal, scale)


def _check(query, key, value, mask, dropout_p):
    tag = "[scaled_dot_product_attention]"
    named = (("query", query), ("key", key), ("value", value))
    shapes = ", ".join(f"{name} {tuple(x.shape)} {x.dtype}" for name, x in named)
    if not query.dtype == key.dtype == value.dtype:
        raise _C.DTypeError(f"{tag} expected query, key and value to have the same dtype, got {shapes}")
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise _C.ShapeError(f"{tag} expected query, key and value to be at least 2 dimensional, got {shapes}")
    if query.shape[-1] != key.shape[-1]:
        raise _C.ShapeError(f"{tag} query and key must have the same last dimension, got {shapes}")
    if key.shape[-2] != value.shape[-2]:
        raise _C.ShapeError(f"{tag} key and value must have the same length (dimension -2), got {shapes}")
    if mask is not None and mask.dtype not in (_C.bool, _C.float32, query.dtype):
        raise _C.DTypeError(f"{tag} attn_mask must be bool or floats of query's dtype, got {mask.dtype} for {shapes}")
    if not 0 <= dropout_p <= 1:
        raise RuntimeError(f"{tag} dropout probability has to be between 0 and 1, but got {dropout_p}")


def _plain(query, key, value, enable_gqa):
    """Whether the kernel takes the tensors as they are."""
    batch, heads, groups = query.shape[0], query.shape[1], key.shape[1]
    same = key.shape[0] == batch == value.shape[0] and value.shape[1] == groups
    return same and (heads == groups or (enable_gqa and groups > 0 and heads % groups == 0))


def _laid_out_as(query, result):
    """The result with its dimensions in memory in the order of the query's, as torch leaves it.

    Of a query of shape (batch, l, heads, e) transposed, programs view the result, transposed back, as (batch, l, heads x v).
    """
    strides = query.stride()
    order = sorted(range(3), key=lambda dim: -strides[dim])
    if order == [0, 1, 2] or strides[3] != 1 or 0 in strides:
        return result
    back = sorted(range(3), key=order.__getitem__)
    return result.permute(*order, 3).contiguous().permute(*back, 3)


def _share_heads(query, key, value):
    """Key and value with one head per group of query heads, repeated (not copied) where kernels need it."""
    heads = query.shape[-3]
    for x in (key, value):
        if x.shape[-3] == 0 or heads % x.shape[-3]:
            raise _C.ShapeError(
                f"[scaled_dot_product_attention] heads of key and value ({x.shape[-3]}) must divide query's ({heads})"
            )
    return tuple(x if x.shape[-3] == heads else _repeat(x, heads // x.shape[-3]) for x in (key, value))


def _repeat(x, times):
    wide = x.unsqueeze(-3)
    shape = list(wide.shape)
    shape[-3] = times
    return wide.expand(shape).flatten(-4, -3)


def _batched(query, key, value, mask, is_causal, scale):
    """Any number of leading dimensions, broadcast: shown to the kernel as batch and heads."""
    lead = _lead(query, key, value)
    parts = [
        x.expand(*lead, *x.shape[-2:]).reshape(_count(lead[:-1]), _last(lead), *x.shape[-2:])
        for x in (query, key, value)
    ]
    if mask is not None:
        mask = mask.expand(*lead, query.shape[-2], key.shape[-2])
        mask = mask.reshape(_count(lead[:-1]), _last(lead), query.shape[-2], key.shape[-2])
    result = _C.attention(*parts, mask, is_causal, scale)
    return result.reshape(*lead, *result.shape[-2:])


def _last(lead):
    return lead[-1] if lead else 1


def _lead(*tensors):
    from . import broadcast_shapes

    return tuple(broadcast_shapes(*(x.shape[:-2] for x in tensors)))


def _count(sizes):
    total = 1
    for size in sizes:
        total *= size
    return total


def _stored(query, key, value, mask, dropout_p, is_causal, scale):
    """The formula as it stands, for dropout and for masks that are learned."""
    from . import dropout, ones, softmax, where

    low = float("-inf")
    scores = _C.matmul(query * scale, key.transpose(-1, -2))
    if is_causal:
        scores = where(ones(scores.shape[-2:], dtype=_C.bool).tril(), scores, low)
    if mask is not None:
        scores = where(mask, scores, low) if mask.dtype == _C.bool else scores + mask.to(scores.dtype)
    if mask is None:
        weights = softmax(scores, -1)
    else:
        unseen = (scores == low).all(-1, keepdim=True)  # zeros, and no NaN in gradients
        weights = where(unseen, 0.0, softmax(where(unseen, 0.0, scores), -1))
    return _C.matmul(dropout(weights, dropout_p, True) if dropout_p else weights, value)
