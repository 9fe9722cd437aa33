"""Rules of vmap for convolutions, pooling, norms, attention and losses: the batch becomes part of N, or of the channels."""

from .. import _C
from ._batching import folded, rule, unfolded


def _channels(physical):
    """(B, N, C, ...) as (N, B C, ...)."""
    moved = physical.transpose(0, 1)
    return moved.reshape(moved.shape[0], moved.shape[1] * moved.shape[2], *moved.shape[3:])


def _batches(physical, size):
    """(N, B C, ...) as (B, N, C, ...)."""
    shape = physical.shape
    return physical.reshape(shape[0], size, shape[1] // size, *shape[2:]).transpose(0, 1)


def _convolved(vmap, input, weight, bias, call):
    """call(input, weight, groups factor) with the batch in N, or, where the weights differ, in the channels."""
    if not vmap.holds(weight) and not vmap.holds(bias):
        if input.dim() == weight.dim() - 1:
            return vmap.wrap(call(input.physical, weight, bias, 1))
        return vmap.wrap(unfolded(call(folded(input.physical), weight, bias, 1), vmap.size))
    single = input.dim() == weight.dim() - 1
    x = vmap.spread(input)
    x = x.unsqueeze(1) if single else x
    result = _batches(call(_channels(x), folded(vmap.spread(weight)), None, vmap.size), vmap.size)
    if bias is not None:
        added = vmap.spread(bias)
        result = result + added.reshape(vmap.size, 1, -1, *[1] * (weight.dim() - 2))
    return vmap.wrap(result.squeeze(1) if single else result)


@rule("conv1d", "conv2d", "conv3d")
def _conv(vmap, function, input, weight, bias, stride, padding, dilation, groups):
    def call(x, w, b, factor):
        return function(x, w, b, stride, padding, dilation, groups * factor)

    return _convolved(vmap, input, weight, bias, call)


@rule("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def _conv_transpose(vmap, function, input, weight, bias, stride, padding, output_padding, groups, dilation):
    def call(x, w, b, factor):
        return function(x, w, b, stride, padding, output_padding, groups * factor, dilation)

    return _convolved(vmap, input, weight, bias, call)


@rule("max_pool", "avg_pool", "adaptive_max_pool", "adaptive_avg_pool")
def _pool(vmap, function, op, dims, input, *args, **keywords):
    if input.dim() == dims + 1:
        return vmap.wrap(function(op, dims, input.physical, *args, **keywords))
    return vmap.wrap(unfolded(function(op, dims, folded(input.physical), *args, **keywords), vmap.size))


@rule("im2col", "col2im")
def _columns(vmap, function, input, *args):
    return vmap.wrap(unfolded(function(folded(input.physical), *args), vmap.size))


@rule("attention")
def _attention(vmap, function, query, key, value, mask, causal, scale):
    parts = [folded(vmap.spread(x)) for x in (query, key, value)]
    if mask is not None:
        full = (*query.shape[:-2], query.shape[-2], key.shape[-2])
        mask = folded(_C.expand(vmap.aligned(mask, len(full)), (vmap.size, *full)))
    return vmap.wrap(unfolded(function(*parts, mask, causal, scale), vmap.size))


@rule("recurrent")
def _recurrent(vmap, function, cell, input, h0, c0, weights, batch_sizes):
    from ..nn._recurrence import composed_layer

    if vmap.holds(weights) or len(batch_sizes) > 1:
        with vmap.inside():
            return composed_layer(cell, input, h0, c0, weights, batch_sizes)
    parts = [None if x is None else vmap.spread(x) for x in (input, h0, c0)]
    if batch_sizes:  # a cell
        results = function(
            cell, *[x if x is None else folded(x) for x in parts], weights, (vmap.size * batch_sizes[0],)
        )
        return vmap.wrap([unfolded(x, vmap.size) for x in results])
    results = function(cell, *[x if x is None else _channels(x) for x in parts], weights, ())
    return vmap.wrap([_batches(x, vmap.size) for x in results])


# ------------------------------------------------------------------------------------------------ norms


def _affine(x, weight, bias):
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


@rule("layer_norm")
def _layer_norm(vmap, function, input, shape, weight, bias, eps):
    if not vmap.holds(weight) and not vmap.holds(bias):
        return vmap.wrap(function(input.physical, shape, weight, bias, eps))
    with vmap.inside():
        return _affine(function(input, shape, None, None, eps), weight, bias)


@rule("rms_norm")
def _rms_norm(vmap, function, input, shape, weight, eps):
    if not vmap.holds(weight):
        return vmap.wrap(function(input.physical, shape, weight, eps))
    with vmap.inside():
        return function(input, shape, None, eps) * weight


@rule("group_norm")
def _group_norm(vmap, function, input, groups, weight, bias, eps):
    if not vmap.holds(weight) and not vmap.holds(bias):
        return vmap.wrap(unfolded(function(folded(input.physical), groups, weight, bias, eps), vmap.size))
    with vmap.inside():
        shape = (-1, *[1] * (input.dim() - 2))
        weight, bias = (x if x is None else x.reshape(shape) for x in (weight, bias))
        return _affine(function(input, groups, None, None, eps), weight, bias)


@rule("batch_norm")
def _batch_norm(vmap, function, input, weight, bias, mean, var, train, eps):
    channels = [x if x is None else vmap.spread(x).reshape(-1) for x in (weight, bias, mean, var)]
    out, *statistics = function(_channels(vmap.spread(input)), *channels, train, eps)
    return [vmap.wrap(_batches(out, vmap.size)), *[vmap.wrap(x.reshape(vmap.size, -1)) for x in statistics]]


# ------------------------------------------------------------------------------------------------ losses

_NONE, _MEAN = 0, 1


@rule("cross_entropy")
def _cross_entropy(vmap, function, input, target, weight, reduction, ignore_index, smoothing):
    if vmap.holds(weight):
        return vmap.loop(function, (input, target, weight, reduction, ignore_index, smoothing), {})
    x, y = vmap.spread(input), vmap.spread(target)
    single = input.dim() == 1
    if not single:
        x, y = folded(x), folded(y)
    losses = function(x, y, weight, _NONE, ignore_index, smoothing)
    losses = losses if single else unfolded(losses, vmap.size)
    if reduction == _NONE:
        return vmap.wrap(losses)
    total = losses.reshape(vmap.size, -1).sum(1)
    return vmap.wrap(total if reduction != _MEAN else total / _counted(vmap, input, target, weight, ignore_index))


def _counted(vmap, input, target, weight, ignore_index):
    """What a mean is divided by: how many targets count, or the sum of their weights."""
    if target.is_floating_point():
        return input.numel() // input.shape[0 if input.dim() == 1 else 1]
    y = vmap.spread(target).reshape(vmap.size, -1)
    counts = y != ignore_index
    if weight is not None:
        counts = weight[y.clamp(min=0, max=len(weight) - 1)] * counts
    return counts.sum(1)
