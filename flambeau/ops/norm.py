"""Normalizations: over features, groups, the batch."""

from math import prod

from .. import _C

__all__ = ["native_batch_norm", "native_group_norm", "native_layer_norm", "rms_norm"]
FUNCTIONAL = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "local_response_norm", "rms_norm"]


def _check_shape(op, input, shape, weight, bias=None):
    """The normalized shape as a tuple, checked against the input and the parameters."""
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if not shape:
        raise RuntimeError(
            f"[{op}] Expected normalized_shape to be at least 1-dimensional, but got normalized_shape = []"
        )
    for name, value in (("weight", weight), ("bias", bias)):
        if value is not None and value.shape != shape:
            raise RuntimeError(
                f"[{op}] Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{list(value.shape)} and normalized_shape = {list(shape)}"
            )
    if input.shape[-len(shape) :] != shape:
        raise RuntimeError(
            f"[{op}] Given normalized_shape={list(shape)}, expected input with shape [*, {', '.join(map(str, shape))}], "
            f"but got input of size{list(input.shape)}"
        )
    return shape


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    r"""Normalizes the last dimensions to mean 0 and variance 1: $(x - \mu) / \sqrt{\sigma^2 + \epsilon} \cdot w + b$.

    Args:
        input: (*, *normalized_shape), floating.
        normalized_shape: sizes of the dimensions that share a mean and a variance.
        weight, bias: of shape normalized_shape, or None.
        eps: added to the variance.
    Returns: tensor like the input.
    Raises: RuntimeError if the shapes disagree.
    Source: Ba, Kiros, Hinton: Layer Normalization (2016).

    >>> flambeau.nn.functional.layer_norm(flambeau.tensor([[1.0, 3.0]]), (2,))
    tensor([[-1.0000,  1.0000]])
    """
    shape = _check_shape("layer_norm", input, normalized_shape, weight, bias)
    return _C.layer_norm(input, shape, weight, bias, eps)


def rms_norm(input, normalized_shape, weight=None, eps=None):
    r"""Divides the last dimensions by their root mean square: $x / \sqrt{\overline{x^2} + \epsilon} \cdot w$.

    Args:
        input: (*, *normalized_shape), floating.
        normalized_shape: sizes of the dimensions that share a root mean square.
        weight: of shape normalized_shape, or None.
        eps: by default the dtype's machine epsilon.
    Returns: tensor like the input.
    Raises: RuntimeError if the shapes disagree.
    Source: Zhang, Sennrich: Root Mean Square Layer Normalization (2019).

    >>> flambeau.rms_norm(flambeau.tensor([[3.0, 3.0]]), (2,))
    tensor([[1., 1.]])
    """
    if not isinstance(normalized_shape, int) and input.dim() < len(normalized_shape):
        raise ValueError(
            f"[rms_norm] Input tensor must have at least {len(normalized_shape)} dimensions, but got {input.dim()}"
        )
    shape = _check_shape("rms_norm", input, normalized_shape, weight)
    if eps is None:
        eps = {_C.float64: 2.0**-52}.get(input.dtype, 2.0**-23)
    if input.is_complex():  # as torch: the mean of squares, not of their absolute values
        dims = tuple(range(-len(shape), 0))
        normal = input * _C.rsqrt(_C.mean(input * input, dims, True, None) + eps)
        return normal if weight is None else normal * weight
    return _C.rms_norm(input, shape, weight, eps)


def _check_channels(op, input, **parameters):
    channels = input.shape[1]
    for name, value in parameters.items():
        if value is not None and value.numel() != channels:
            raise RuntimeError(f"[{op}] {name} should contain {input.shape[1]} elements not {value.numel()}")


def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5):
    """Normalizes each group of channels of each sample to mean 0 and variance 1.

    Args:
        input: (N, C, *), floating.
        num_groups: into how many groups the C channels are divided.
        weight, bias: (C) or None.
    Source: Wu, He: Group Normalization (2018).

    >>> flambeau.nn.functional.group_norm(flambeau.tensor([[1.0, 3.0, 5.0, 9.0]]), 2)
    tensor([[-1.0000,  1.0000, -1.0000,  1.0000]])
    """
    if input.dim() < 2:
        raise RuntimeError(f"[group_norm] Expected at least 2 dimensions for input tensor but received {input.dim()}")
    if input.shape[0] * input.shape[1] // max(num_groups, 1) * prod(input.shape[2:]) == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {list(input.shape)}")
    return core_group_norm(input, num_groups, weight, bias, eps)


def core_group_norm(input, num_groups, weight, bias, eps):
    """group_norm that takes a single value per group, as torch's core does."""
    if num_groups <= 0 or input.shape[1] % num_groups:
        raise RuntimeError(
            f"[group_norm] Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(input.shape)} and num_groups={num_groups}"
        )
    _check_channels("group_norm", input, weight=weight, bias=bias)
    return _C.group_norm(input, num_groups, weight, bias, eps)


def _check_batch(input):
    values = input.shape[0] * prod(input.shape[2:])
    if values == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {input.shape}")


def batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    """Normalizes each channel over the batch: in training by its own statistics, else by the running ones.

    Args:
        input: (N, C, *), floating.
        running_mean, running_var: (C), updated in training: running = (1 - momentum) running + momentum batch (with the
            unbiased variance); may be None in training.
        weight, bias: (C) or None.
    Raises: ValueError for one value per channel in training; RuntimeError if the shapes disagree.
    Source: Ioffe, Szegedy: Batch Normalization (2015).

    >>> x = flambeau.tensor([[1.0], [3.0]])
    >>> flambeau.nn.functional.batch_norm(x, None, None, training=True)
    tensor([[-1.0000],
            [ 1.0000]])
    """
    if input.shape == (0,) and all(t is None or not t.numel() for t in (running_mean, running_var, weight, bias)):
        return input.clone()  # no batch at all, not even of channels: torch takes this one
    if training:
        _check_batch(input)
    return core_batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


def core_batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps):
    """batch_norm that takes a single value per channel, as torch's core does."""
    if not training and (running_mean is None or running_var is None):
        raise RuntimeError("[batch_norm] Expected running_mean and running_var to be defined when training=False")
    if input.dim() < 2:
        raise RuntimeError(
            f"[batch_norm] expected at least 2 dimensions (N, C, *), got input of shape {list(input.shape)}"
        )
    _check_channels("batch_norm", input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    if training and not input.numel():  # nothing to take statistics of: the gradients by weight and bias are zero
        nothing = input.detach().new_zeros(input.shape[1])
        return _C.batch_norm(input, weight, bias, nothing, nothing + 1, False, eps)[0]
    out, mean, var = _C.batch_norm(
        input, weight, bias, None if training else running_mean, None if training else running_var, training, eps
    )
    if training:
        n = input.numel() // input.shape[1]
        _blend(running_mean, mean, momentum, 1.0)
        _blend(running_var, var, momentum, n / max(n - 1, 1))
    return out


def _blend(running, batch, momentum, factor):
    """running = (1 - momentum) running + momentum factor batch, in place and outside the graph."""
    if running is not None:
        running = _C.detach(running)
        _C.copy_(running, running * (1 - momentum) + batch * (momentum * factor))


def instance_norm(
    input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True, momentum=0.1, eps=1e-5
):
    """Normalizes each channel of each sample: batch_norm with every sample's channels as channels of one batch.

    >>> flambeau.nn.functional.instance_norm(flambeau.tensor([[[1.0, 3.0]]]))
    tensor([[[-1.0000,  1.0000]]])
    """
    if use_input_stats and prod(input.shape[2:]) == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.shape}")
    return core_instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


def core_instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps):
    """instance_norm that takes a single spatial element, as torch's core does."""
    _check_channels(
        "instance_norm", input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
    )
    n, c, space = input.shape[0], input.shape[1], tuple(input.shape[2:])
    flat = _C.reshape(input, (1, n * c, *space))
    weight, bias, mean, var = (None if t is None else t.repeat(n) for t in (weight, bias, running_mean, running_var))
    out = core_batch_norm(flat, mean, var, weight, bias, use_input_stats or mean is None, momentum, eps)
    if use_input_stats:
        for running, each in ((running_mean, mean), (running_var, var)):
            if running is not None:
                _C.copy_(running, _C.mean(_C.reshape(each, (n, c)), 0))
    return _C.reshape(out, (n, c, *space))


def local_response_norm(input, size, alpha=1e-4, beta=0.75, k=1.0):
    r"""Divides by a power of the mean square of `size` neighbouring channels: $x / (k + \alpha \overline{x^2})^\beta$.

    >>> flambeau.nn.functional.local_response_norm(flambeau.ones(1, 2, 1), 2, alpha=0.0)
    tensor([[[1.],
             [1.]]])
    """
    if input.dim() < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality                          input (got {input.dim()} dimensions)"
        )
    if input.numel() == 0:
        return input
    channels = input.shape[1]
    square = input * input
    before, after = (
        _C.zeros((input.shape[0], w, *input.shape[2:]), input.dtype, input.device) for w in (size // 2, (size - 1) // 2)
    )
    padded = _C.cat([before, square, after], 1)
    total = _C.slice(padded, 1, 0, channels, 1)
    for i in range(1, size):
        total = total + _C.slice(padded, 1, i, i + channels, 1)
    return input / _C.pow(total * (alpha / size) + k, beta)


# ---- with the statistics


def _statistics(rows, eps):
    """Mean and 1 / standard deviation of each row."""
    variance, mean = _C.var_mean(rows, (-1,), 0.0, False)
    return mean, _C.rsqrt(variance + eps)


def native_layer_norm(input, normalized_shape, weight, bias, eps):
    """layer_norm with what it computed on the way: (output, mean, 1 / standard deviation).

    >>> flambeau.native_layer_norm(flambeau.tensor([[1.0, 3.0]]), (2,), None, None, 0.0)[1]
    tensor([[2.]])
    """
    out = layer_norm(input, normalized_shape, weight, bias, eps)
    outer = tuple(input.shape[: input.dim() - len(normalized_shape)])
    kept = (*outer, *(1 for _ in normalized_shape))
    if not input.numel():
        return out, _C.full(kept, 0, input.dtype), _C.full(kept, 0, input.dtype)
    mean, scale = _statistics(_C.detach(input).reshape(*outer, -1), eps)
    return out, mean.reshape(kept), scale.reshape(kept)


def native_group_norm(input, weight, bias, N, C, HxW, group, eps):
    """group_norm with what it computed on the way: (output, mean, 1 / standard deviation), these of shape (N, group).

    >>> flambeau.native_group_norm(flambeau.tensor([[1.0, 3.0]]), None, None, 1, 2, 1, 1, 0.0)[1]
    tensor([[2.]])
    """
    out = group_norm(input, group, weight, bias, eps)
    if not input.numel():
        nothing = input.reshape(N, group, C // group * HxW).sum(-1)
        return out, nothing, nothing + float("nan")
    return out, *_statistics(input.reshape(N, group, C // group * HxW), eps)


def native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps):
    """batch_norm with the statistics of the batch: (output, mean, 1 / standard deviation), these empty if not training.

    >>> flambeau.native_batch_norm(flambeau.tensor([[1.0], [3.0]]), None, None, None, None, True, 0.1, 0.0)[1]
    tensor([2.])
    """
    if training and input.numel() == 0:
        raise RuntimeError(
            f"[native_batch_norm] input tensor must have at least one element, but got input_sizes = {list(input.shape)}"
        )
    out = core_batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    if not training:
        return out, *(_C.empty((0,), input.dtype, input.device) for _ in range(2))
    return out, *_statistics(_C.detach(input).transpose(0, 1).reshape(input.shape[1], -1), eps)
