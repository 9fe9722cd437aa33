"""Attention over sequences of different lengths that stand behind each other in one tensor."""

import math
from typing import NamedTuple

import flambeau

__all__ = ["AuxRequest", "varlen_attn", "varlen_attn_out"]


class AuxRequest(NamedTuple):
    """What `varlen_attn` gives besides the result.

    Example::

        >>> flambeau.nn.attention.varlen.AuxRequest(lse=True)
        AuxRequest(lse=True)
    """

    lse: bool = False


def varlen_attn(
    query,
    key,
    value,
    cu_seq_q,
    cu_seq_k,
    max_q,
    max_k,
    *,
    return_aux=None,
    scale=None,
    window_size=(-1, -1),
    enable_gqa=False,
    seqused_k=None,
    block_table=None,
    num_splits=None,
):
    """Attention within each of several sequences.

    Args:
        query: `(all queries, heads, e)`, the sequences behind each other.
        key, value: `(all keys, heads, e)`.
        cu_seq_q, cu_seq_k: where the sequences begin, and at last where they end: `(sequences + 1)` integers. None for
            keys that begin where the queries do.
        max_q, max_k: the largest lengths; accepted.
        return_aux: an `AuxRequest`: give the logarithms of the softmax's sums `(heads, all queries)`, too.
        scale: factor of the scores; `1 / sqrt(e)` by default.
        window_size: how many keys before and after its own place a query sees, -1 for all; (-1, 0) is causal. The last query's
            place is that of the last key.
        enable_gqa: key and value may have fewer heads, each serving a group of query heads.
        seqused_k: how many keys of each sequence count, `(sequences)`; all if left out.
        num_splits: accepted.

    Returns:
        `(all queries, heads, e)`, and the logarithms if they are asked for.

    Raises:
        NotImplementedError: with a `block_table`.

    Example::

        >>> x, begins = flambeau.ones(5, 2, 4), flambeau.tensor([0, 2, 5], dtype=flambeau.int32)
        >>> flambeau.nn.attention.varlen.varlen_attn(x, x, x, begins, begins, 3, 3).shape
        torch.Size([5, 2, 4])
    """
    if block_table is not None:
        raise NotImplementedError("[varlen_attn] keys in pages (block_table) need a GPU; give the keys in one tensor")
    cu_seq_k = cu_seq_q if cu_seq_k is None else cu_seq_k
    if len(cu_seq_q) != len(cu_seq_k):
        raise ValueError(f"[varlen_attn] {len(cu_seq_q) - 1} sequences of queries but {len(cu_seq_k) - 1} of keys")
    if enable_gqa:
        key, value = (t.repeat_interleave(query.shape[1] // t.shape[1], 1) for t in (key, value))
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    begins, key_begins = cu_seq_q.tolist(), cu_seq_k.tolist()
    results, sums = [], []
    for i, (start, key_start) in enumerate(zip(begins[:-1], key_begins[:-1], strict=True)):
        end = key_start + int(seqused_k[i]) if seqused_k is not None else key_begins[i + 1]
        q = query[start : begins[i + 1]].transpose(0, 1)
        k, v = (t[key_start:end].transpose(0, 1) for t in (key, value))
        mask = _window(q.shape[1], k.shape[1], window_size)
        attended = flambeau.nn.functional.scaled_dot_product_attention(q, k, v, mask, scale=scale)
        results.append(attended.transpose(0, 1))
        if return_aux is not None and return_aux.lse:
            scores = q @ k.mT * scale
            sums.append((scores if mask is None else scores.masked_fill(~mask, -math.inf)).logsumexp(-1))
    result = flambeau.cat(results) if results else query.new_zeros(query.shape)
    return (result, flambeau.cat(sums, -1)) if sums else result


def varlen_attn_out(out, query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, **kwargs):
    """`varlen_attn` whose result is written to `out`.

    Example::

        >>> x, begins = flambeau.ones(5, 2, 4), flambeau.tensor([0, 2, 5], dtype=flambeau.int32)
        >>> flambeau.nn.attention.varlen.varlen_attn_out(flambeau.zeros(5, 2, 4), x, x, x, begins, None, 3, 3).sum().item()
        40.0
    """
    result = varlen_attn(query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, **kwargs)
    if isinstance(result, tuple):
        return out.copy_(result[0]), result[1]
    return out.copy_(result)


def _window(queries, keys, size):
    """What each query sees, or None for everything."""
    before, after = size
    if before < 0 and after < 0:
        return None
    distance = flambeau.arange(keys) - flambeau.arange(queries).unsqueeze(1) - (keys - queries)
    mask = flambeau.ones(queries, keys, dtype=flambeau.bool)
    if before >= 0:
        mask &= distance >= -before
    if after >= 0:
        mask &= distance <= after
    return mask
