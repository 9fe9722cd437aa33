"""Multi-head attention as a function."""

import math

import flambeau


def multi_head_attention_forward(
    query,
    key,
    value,
    embed_dim_to_check,
    num_heads,
    in_proj_weight,
    in_proj_bias,
    bias_k,
    bias_v,
    add_zero_attn,
    dropout_p,
    out_proj_weight,
    out_proj_bias,
    training=True,
    key_padding_mask=None,
    need_weights=True,
    attn_mask=None,
    use_separate_proj_weight=False,
    q_proj_weight=None,
    k_proj_weight=None,
    v_proj_weight=None,
    static_k=None,
    static_v=None,
    average_attn_weights=True,
    is_causal=False,
):
    """What `nn.MultiheadAttention` computes, see there; sequences come first: query (L, N, E), key and value (S, N, E).

    Args:
        embed_dim_to_check: E.
        in_proj_weight, in_proj_bias: (3 E, E) and (3 E), or None with use_separate_proj_weight.
        bias_k, bias_v: a key and a value to add, or None.
        add_zero_attn: add a key and a value of zeros.
        dropout_p: probability to drop a weight, in training.
        static_k, static_v: projected keys and values to use instead, (N * heads, S, head_dim).

    Returns:
        The result (L, N, E) and the weights or None.

    Example::

        >>> x, layer = flambeau.ones(3, 1, 4), flambeau.nn.MultiheadAttention(4, 2)
        >>> projections = layer.in_proj_weight, layer.in_proj_bias
        >>> output, weights = flambeau.nn.functional.multi_head_attention_forward(
        ...     x, x, x, 4, 2, *projections, None, None, False, 0.0, layer.out_proj.weight, layer.out_proj.bias
        ... )
        >>> output.shape, weights.shape
        (torch.Size([3, 1, 4]), torch.Size([1, 3, 3]))
    """
    single = query.dim() == 2
    if query.dim() not in (2, 3) or key.dim() != query.dim() or value.dim() != query.dim():
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor and key and value like it, but received query "
            f"{query.dim()}-D, key {key.dim()}-D and value {value.dim()}-D"
        )
    if single:
        same_key, same_value = key is query, value is key
        query = query.unsqueeze(1)
        key = query if same_key else key.unsqueeze(1)
        value = key if same_value else value.unsqueeze(1)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    length, batch, embed = query.shape
    _check(embed, embed_dim_to_check, num_heads, is_causal and attn_mask is None)
    weights = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else in_proj_weight
    q, k, v = _project(query, key, value, weights, in_proj_bias, use_separate_proj_weight, num_heads)
    is_causal = is_causal and key_padding_mask is None and not need_weights  # then the mask itself is not looked at
    attn_mask = None if is_causal else _checked_mask(attn_mask, batch, num_heads, length, key.shape[0], query.dtype)
    key_padding_mask = _as_float(key_padding_mask, query.dtype)
    k, v, extra = _more_keys(k, v, bias_k, bias_v, static_k, static_v, add_zero_attn)
    mask = _merged_mask(attn_mask, key_padding_mask, extra, batch, k.shape[2])
    result, attention = _attend(q, k, v, mask, is_causal, dropout_p if training else 0.0, need_weights)
    result = result.permute(2, 0, 1, 3).flatten(2)
    result = flambeau.nn.functional.linear(result, out_proj_weight, out_proj_bias)
    if need_weights and average_attn_weights:
        attention = attention.mean(1)
    if single:
        result = result.squeeze(1)
        attention = attention.squeeze(0) if need_weights else None
    return result, attention


def _check(embed, wanted, heads, lacks_mask):
    if embed != wanted:
        raise AssertionError(f"was expecting embedding dimension of {wanted}, but got {embed}")
    if embed % heads != 0:
        raise AssertionError(f"embed_dim {embed} not divisible by num_heads {heads}")
    if lacks_mask:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )


def _batch_first(x):
    """Whether a batch of sequences (L, N, E) lies in memory as (N, L, E), as it does after a transpose."""
    return x.shape[1] > 1 and x.stride(0) < x.stride(1)


def _project(query, key, value, weights, bias, separate, heads):
    """Queries, keys and values as (N, heads, L, E / heads), views of products in the order of memory."""
    linear = flambeau.nn.functional.linear
    turned = [_batch_first(x) for x in (query, key, value)]
    x, y, z = (t.transpose(0, 1) if turn else t for t, turn in zip((query, key, value), turned, strict=True))
    if separate:
        biases = (None, None, None) if bias is None else bias.chunk(3)
        parts = [linear(t, w, b) for t, w, b in zip((x, y, z), weights, biases, strict=True)]
    elif key is query and value is key:
        parts = linear(x, weights, bias).chunk(3, -1)
    elif key is value:
        sizes = [query.shape[-1], 2 * query.shape[-1]]
        q_weight, kv_weight = weights.split(sizes)
        q_bias, kv_bias = (None, None) if bias is None else bias.split(sizes)
        parts = (linear(x, q_weight, q_bias), *linear(y, kv_weight, kv_bias).chunk(2, -1))
    else:
        biases = (None, None, None) if bias is None else bias.chunk(3)
        parts = [linear(t, w, b) for t, w, b in zip((x, y, z), weights.chunk(3), biases, strict=True)]
    return [
        part.unflatten(-1, (heads, -1)).permute((0, 2, 1, 3) if turn else (1, 2, 0, 3))
        for part, turn in zip(parts, turned, strict=True)
    ]


def _more_keys(k, v, bias_k, bias_v, static_k, static_v, add_zero_attn):
    """Keys and values with those that are learned, given instead, or zero, and how many were added."""
    batch, heads, _, size = k.shape
    extra = 0
    if bias_k is not None and bias_v is not None:
        if static_k is not None or static_v is not None:
            raise AssertionError("bias cannot be added to static key or value.")
        more = [b.view(1, heads, 1, size).expand(batch, -1, -1, -1) for b in (bias_k, bias_v)]
        k, v, extra = flambeau.cat([k, more[0]], 2), flambeau.cat([v, more[1]], 2), 1
    k = k if static_k is None else static_k.view(batch, heads, -1, size)
    v = v if static_v is None else static_v.view(batch, heads, -1, size)
    if add_zero_attn:
        zeros = k.new_zeros((batch, heads, 1, size))
        k, v, extra = flambeau.cat([k, zeros], 2), flambeau.cat([v, zeros], 2), extra + 1
    return k, v, extra


def _as_float(mask, dtype):
    """A mask that is added to the scores: minus infinity where a boolean one is True."""
    if mask is None or mask.is_floating_point():
        return mask
    if mask.dtype != flambeau.bool:
        raise AssertionError("only bool and floating types of masks are supported")
    return flambeau.zeros_like(mask, dtype=dtype).masked_fill_(mask, float("-inf"))


def _checked_mask(mask, batch, heads, length, keys, dtype):
    """The attention mask as (1, 1, L, S) or (N, heads, L, S)."""
    mask = _as_float(mask, dtype)
    if mask is None:
        return None
    if mask.dim() == 2:
        if tuple(mask.shape) != (length, keys):
            raise RuntimeError(f"The shape of the 2D attn_mask is {mask.shape}, but should be {(length, keys)}.")
        return mask[None, None]
    if mask.dim() == 3:
        if tuple(mask.shape) != (batch * heads, length, keys):
            raise RuntimeError(
                f"The shape of the 3D attn_mask is {mask.shape}, but should be {(batch * heads, length, keys)}."
            )
        return mask.unflatten(0, (batch, heads))
    raise RuntimeError(f"attn_mask's dimension {mask.dim()} is not supported")


def _merged_mask(attn_mask, key_padding_mask, extra, batch, keys):
    """Both masks in one, with room for the keys that were added."""
    pad = flambeau.nn.functional.pad
    if extra:
        attn_mask = attn_mask if attn_mask is None else pad(attn_mask, (0, extra))
        key_padding_mask = key_padding_mask if key_padding_mask is None else pad(key_padding_mask, (0, extra))
    if key_padding_mask is None:
        return attn_mask
    if tuple(key_padding_mask.shape) != (batch, keys):
        raise AssertionError(f"expecting key_padding_mask shape of {(batch, keys)}, but got {key_padding_mask.shape}")
    padding = key_padding_mask[:, None, None]
    return padding if attn_mask is None else attn_mask + padding


def _attend(q, k, v, mask, is_causal, dropout_p, need_weights):
    """(result (N, heads, L, size), weights (N, heads, L, S) or None)."""
    if not need_weights:
        attend = flambeau.nn.functional.scaled_dot_product_attention
        return attend(q, k, v, mask, dropout_p, is_causal), None
    scores = flambeau.matmul(q * math.sqrt(1.0 / q.shape[-1]), k.transpose(-2, -1))
    attention = (scores if mask is None else scores + mask.to(scores.dtype)).softmax(-1)
    if dropout_p > 0.0:
        attention = flambeau.nn.functional.dropout(attention, dropout_p)
    return flambeau.matmul(attention, v), attention
