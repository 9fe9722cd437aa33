"""Filling parameters with their first values.

Every function changes the tensor in place, without recording gradients, and returns it. The random numbers are drawn
from the given generator, or from the global one, in torch's order.
"""

import math
import warnings

import flambeau

_LINEAR_KINDS = frozenset(
    [
        "linear",
        "conv1d",
        "conv2d",
        "conv3d",
        "conv_transpose1d",
        "conv_transpose2d",
        "conv_transpose3d",
        "sigmoid",
    ]
)


def calculate_gain(nonlinearity, param=None):
    """The factor by which a nonlinearity's weights are widened.

    Args:
        nonlinearity: "linear", "conv1d" ... , "sigmoid" (1), "tanh" (5/3), "relu" (sqrt 2), "leaky_relu", "selu" (3/4).
        param: the negative slope of leaky_relu (0.01).

    Example::

        >>> flambeau.nn.init.calculate_gain("tanh")
        1.6666666666666667
    """
    if nonlinearity in _LINEAR_KINDS:
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "selu":
        return 3.0 / 4
    if nonlinearity != "leaky_relu":
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    if param is None:
        slope = 0.01
    elif isinstance(param, int | float) and not isinstance(param, bool):
        slope = param
    else:
        raise ValueError(f"negative_slope {param} not a valid number")
    return math.sqrt(2.0 / (1 + slope**2))


def _calculate_fan_in_and_fan_out(tensor):
    if tensor.dim() < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _calculate_correct_fan(tensor, mode):
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return fan_in if mode == "fan_in" else fan_out


def uniform_(tensor, a=0.0, b=1.0, generator=None):
    """Fills with numbers drawn evenly from [a, b).

    Example::

        >>> w = flambeau.nn.init.uniform_(flambeau.empty(3, 5))
        >>> bool((w >= 0).all())
        True
    """
    with flambeau.no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor, mean=0.0, std=1.0, generator=None):
    """Fills with normal numbers of the given mean and standard deviation."""
    with flambeau.no_grad():
        return tensor.normal_(mean, std, generator=generator)


def trunc_normal_(tensor, mean=0.0, std=1.0, a=-2.0, b=2.0, generator=None):
    """Fills with normal numbers of the given mean and standard deviation that lie in [a, b].

    Numbers are drawn anew until they lie there: from the normal distribution if it puts at least 0.3 into [a, b], else
    evenly from [a, b] and kept with the probability that the normal density asks for.
    """

    def below(x):
        return (1.0 + math.erf((x - mean) / (std * math.sqrt(2.0)))) / 2.0

    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            stacklevel=2,
        )
    draw = _draw_normal if below(b) - below(a) >= 0.3 else _draw_evenly
    with flambeau.no_grad():
        values, good = draw(flambeau.empty_like(tensor), mean, std, a, b, generator)
        for _ in range(MOST_ROUNDS):
            if bool(good.all()):
                break
            more, fine = draw(flambeau.empty_like(tensor), mean, std, a, b, generator)
            values = flambeau.where(good, values, more)
            good = good | fine
        return tensor.copy_(values.clamp_(a, b))


MOST_ROUNDS = 10_000


def _draw_normal(values, mean, std, a, b, generator):
    """Normal numbers, and which of them lie in [a, b]."""
    values.normal_(mean, std, generator=generator)
    return values, (values >= a) & (values <= b)


def _draw_evenly(values, mean, std, a, b, generator):
    """Numbers from [a, b], and which of them to keep so that those are normal."""
    low, high = (a - mean) / std, (b - mean) / std
    peak = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
    values.uniform_(low, high, generator=generator)
    chance = flambeau.empty_like(values).uniform_(generator=generator)
    return values * std + mean, chance <= ((peak**2 - values * values) / 2).exp()


def constant_(tensor, val):
    """Fills with one value."""
    with flambeau.no_grad():
        return tensor.fill_(val)


def ones_(tensor):
    """Fills with ones."""
    return constant_(tensor, 1.0)


def zeros_(tensor):
    """Fills with zeros."""
    with flambeau.no_grad():
        return tensor.zero_()


def eye_(tensor):
    """Makes a matrix the identity, so that a linear layer passes on as many inputs as it can.

    Example::

        >>> flambeau.nn.init.eye_(flambeau.empty(2, 3))
        tensor([[1., 0., 0.],
                [0., 1., 0.]])
    """
    if tensor.dim() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    with flambeau.no_grad():
        tensor.zero_()
        tensor.diagonal().fill_(1)
    return tensor


def dirac_(tensor, groups=1):
    """Makes a 3, 4 or 5-dimensional convolution weight pass on as many input channels of each group as it can."""
    if tensor.dim() not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    if tensor.shape[0] % groups != 0:
        raise ValueError("dim 0 must be divisible by groups")
    per_group = tensor.shape[0] // groups
    centre = tuple(size // 2 for size in tensor.shape[2:])
    with flambeau.no_grad():
        tensor.zero_()
        for group in range(groups):
            for channel in range(min(per_group, tensor.shape[1])):
                place = (group * per_group + channel, channel, *centre)
                tensor[place] = 1
    return tensor


def xavier_uniform_(tensor, gain=1.0, generator=None):
    """Fills evenly from [-a, a] with a = gain sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010).

    Example::

        >>> flambeau.nn.init.xavier_uniform_(flambeau.empty(3, 5), gain=2.0).shape
        torch.Size([3, 5])
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    std = gain * math.sqrt(2.0 / float(fan_in + fan_out))
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor, gain=1.0, generator=None):
    """Fills with normal numbers of deviation gain sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    std = gain * math.sqrt(2.0 / float(fan_in + fan_out))
    return normal_(tensor, 0.0, std, generator)


def _kaiming_std(tensor, a, mode, nonlinearity):
    return calculate_gain(nonlinearity, a) / math.sqrt(_calculate_correct_fan(tensor, mode))


def _is_empty(tensor):
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return True
    return False


def kaiming_uniform_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """Fills evenly from [-b, b] with b = gain sqrt(3 / fan) (He et al., 2015).

    Args:
        tensor: at least 2-dimensional.
        a: the negative slope of the leaky ReLU that follows.
        mode: "fan_in" keeps the variance forward, "fan_out" backward.
        nonlinearity: see `calculate_gain`.
        generator: where the numbers are drawn from.
    """
    if _is_empty(tensor):
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """Fills with normal numbers of deviation gain / sqrt(fan) (He et al., 2015); arguments as `kaiming_uniform_`."""
    if _is_empty(tensor):
        return tensor
    return normal_(tensor, 0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def orthogonal_(tensor, gain=1, generator=None):
    """Makes the rows (or columns) of the tensor, taken as a matrix, orthonormal times `gain` (Saxe et al., 2013)."""
    if tensor.dim() < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.shape[0]
    columns = tensor.numel() // rows
    flat = tensor.new_empty((rows, columns)).normal_(0, 1, generator=generator)
    if rows < columns:
        flat.t_()
    q = _orthonormal(flat)
    if rows < columns:
        q.t_()
    with flambeau.no_grad():
        tensor.view_as(q).copy_(q)
        tensor.mul_(gain)
    return tensor


def _orthonormal(matrix):
    """The orthonormal factor of a QR decomposition, unique because R's diagonal is made positive."""
    import numpy

    from ..ops._host import one_thread

    with one_thread():
        q, r = numpy.linalg.qr(matrix.numpy())
    return flambeau.from_numpy(q * numpy.sign(numpy.diagonal(r)))


def sparse_(tensor, sparsity, std=0.01, generator=None):
    """Fills a matrix with normal numbers and sets a fraction of every column to zero (Martens, 2010)."""
    if tensor.dim() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    with flambeau.no_grad():
        tensor.normal_(0, std, generator=generator)
        for column in range(columns):
            tensor[flambeau.randperm(rows)[:zeros], column] = 0
    return tensor


def _old_name(function):
    name = function.__name__[:-1]

    def deprecated(*args, **kwargs):
        warnings.warn(
            f"`nn.init.{name}` is now deprecated in favor of `nn.init.{function.__name__}`.",
            FutureWarning,
            stacklevel=2,
        )
        return function(*args, **kwargs)

    deprecated.__name__ = name
    deprecated.__doc__ = f"The old name of `{function.__name__}`."
    return deprecated


uniform = _old_name(uniform_)
normal = _old_name(normal_)
constant = _old_name(constant_)
eye = _old_name(eye_)
dirac = _old_name(dirac_)
xavier_uniform = _old_name(xavier_uniform_)
xavier_normal = _old_name(xavier_normal_)
kaiming_uniform = _old_name(kaiming_uniform_)
kaiming_normal = _old_name(kaiming_normal_)
orthogonal = _old_name(orthogonal_)
sparse = _old_name(sparse_)
