"""Activation functions."""

from .. import _C
from ._common import check_fits, write_out

SELU = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946, 1.0  # alpha, scale; arXiv 1706.02515
FUNCTIONAL = [
    "celu",
    "elu",
    "gelu",
    "glu",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "logsigmoid",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "celu_",
    "elu_",
    "hardtanh_",
    "leaky_relu_",
    "relu_",
    "selu_",
    "threshold_",
]
__all__ = [
    "celu",
    "celu_",
    "hardshrink",
    "prelu",
    "relu",
    "relu_",
    "selu",
    "selu_",
    "sigmoid",
    "sigmoid_",
    "threshold",
    "threshold_",
]


def check_prelu(input, weight):
    if not isinstance(weight, _C.Tensor):
        raise TypeError(f"[prelu] weight must be a Tensor, got {type(weight).__name__}")
    if input.dtype is not weight.dtype:
        raise RuntimeError(f"[prelu] weight must have input's dtype: input {input.dtype}, weight {weight.dtype}")
    if weight.dim() > 1:
        raise RuntimeError(f"[prelu] weight must be 0-dim or 1-dim, got shape {tuple(weight.shape)}")
    channels = input.shape[1] if input.dim() > 1 else 1
    if weight.numel() != 1 and weight.numel() != channels:
        raise RuntimeError(f"[prelu] weight must have 1 element or input's {channels} channels, got {weight.numel()}")


def celu(input, alpha=1.0, inplace=False):
    """The exponential unit with a continuous derivative for every alpha.

    `out = max(input, 0) + min(alpha * (e^(input / alpha) - 1), 0)`

    Args:
        input: floating tensor.
        alpha: minus the limit at negative infinity.
        inplace: whether to write the result into `input`.

    Returns:
        Tensor of the shape and dtype of `input`.

    Example:
        >>> flambeau.nn.functional.celu(flambeau.tensor([-1.0, 3.0]))
        tensor([-0.6321,  3.0000])
    """
    if alpha == 0:
        raise RuntimeError("[celu] alpha must not be 0")
    return _C.elu_(input, alpha, 1.0, 1.0 / alpha) if inplace else _C.elu(input, alpha, 1.0, 1.0 / alpha)


def elu(input, alpha=1.0, inplace=False):
    """Each element where positive, a saturating exponential where negative.

    `out = input if input > 0, else alpha * (e^input - 1)`

    Args:
        input: floating tensor.
        alpha: minus the limit at negative infinity.
        inplace: whether to write the result into `input`.

    Returns:
        Tensor of the shape and dtype of `input`.

    Example:
        >>> flambeau.nn.functional.elu(flambeau.tensor([-1.0, 3.0]))
        tensor([-0.6321,  3.0000])
    """
    return _C.elu_(input, alpha, 1.0, 1.0) if inplace else _C.elu(input, alpha, 1.0, 1.0)


def gelu(input, approximate="none"):
    """Each element times the normal distribution function at it.

    `out = input * (1 + erf(input / sqrt(2))) / 2`

    Args:
        input: floating tensor.
        approximate: "none", or "tanh" for the formula with tanh in place of erf.

    Returns:
        Tensor of the shape and dtype of `input`.

    Example:
        >>> flambeau.nn.functional.gelu(flambeau.tensor([-1.0, 0.5]))
        tensor([-0.1587,  0.3457])
    """
    if approximate not in ("none", "tanh"):
        raise RuntimeError(f"[gelu] approximate must be 'none' or 'tanh', got {approximate!r}")
    return _C.gelu(input) if approximate == "none" else _C.gelu_tanh(input)


def glu(input, dim=-1):
    """The first half of a tensor times the sigmoid of the second half.

    `out = a * sigmoid(b)` with `a, b` the halves of `input` along `dim`

    Args:
        input: floating tensor whose size along `dim` is even.
        dim: the dimension to halve.

    Returns:
        Tensor of half the size along `dim`.

    Raises:
        RuntimeError: the size along `dim` is odd; a 0-dim tensor.

    Example:
        >>> flambeau.nn.functional.glu(flambeau.tensor([1.0, 2.0, 0.0, 3.0]))
        tensor([0.5000, 1.9051])
    """
    if input.dim() == 0:
        raise RuntimeError("[glu] does not support 0-dimensional tensors")
    size = input.shape[dim]
    if size % 2:
        raise RuntimeError(f"[glu] the size along dim {dim} must be even, got shape {tuple(input.shape)}")
    return _C.narrow(input, dim, 0, size // 2) * _C.sigmoid(_C.narrow(input, dim, size // 2, size // 2))


def hardshrink(input, lambd=0.5):
    """Each element, or 0 where it is small.

    `out = 0 if |input| <= lambd, else input`

    Args:
        input: floating tensor.
        lambd: the largest size that becomes 0.

    Returns:
        Tensor of the shape and dtype of `input`.

    Example:
        >>> flambeau.nn.functional.hardshrink(flambeau.tensor([-1.0, 0.2]))
        tensor([-1.,  0.])
    """
    return _C.hardshrink(input, lambd)


def hardsigmoid(input, inplace=False):
    """A sigmoid made of three straight lines.

    `out = min(max(input + 3, 0), 6) / 6`

    Args:
        input: floating tensor.
        inplace: whether to write the result into `input`.

    Returns:
        Tensor of the shape and dtype of `input`.

    Example:
        >>> flambeau.nn.functional.hardsigmoid(flambeau.tensor([-4.0, 0.0, 1.0]))
        tensor([0.0000, 0.5000, 0.6667])
    """
    return _C.hardsigmoid_(input) if inplace else _C.hardsigmoid(input)


def hardswish(input, inplace=False):
    """Each element times its hardsigmoid.

    `out = input * min(max(input + 3, 0), 6) / 6`

    Args:
        input: floating tensor.
        inplace: whether to write the result into `input`.

    Returns:
        Tensor of the shape and dtype of `input`.

    Example:
        >>> flambeau.nn.functional.hardswish(flambeau.tensor([-4.0, 1.0]))
        tensor([-0.0000, 0.6667])
    """
    return _C.hardswish_(input) if inplace else _C.hardswish(input)


def hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False):
    """Each element, moved into a range.

    `out = min(max(input, min_val), max_val)`

    Args:
        input: floating tensor.
        min_val: the lower bound.
        max_val: the upper bound.
        inplace: whether to write the result into `input`.

    Returns:
        Tensor of the shape and dtype of `input`.

    Example:
        >>> flambeau.nn.functional.hardtanh(flambeau.tensor([-2.0, 0.5]))
        tensor([-1.0000,  0.5000])
    """
    if min_val > max_val:
        raise ValueError(f"[hardtanh] min_val must not be above max_val, got {min_val} and {max_val}")
    if min_val < 0 and input.dtype is _C.uint8:
        raise RuntimeError("[hardtanh] cannot do hardtanh on an unsigned type with negative limits")
    return _C.hardtanh_(input, min_val, max_val) if inplace else _C.hardtanh(input, min_val, max_val)


def leaky_relu(input, negative_slope=0.01, inplace=False):
    """Each element, made smaller where it is negative.

    `out = input if input > 0, else negative_slope * input`

    Args:
        input: floating tensor.
        negative_slope: factor of negative elements.
        inplace: whether to write the result into `input`.

    Returns:
        Tensor of the shape and dtype of `input`.

    Example:
        >>> flambeau.nn.functional.leaky_relu(flambeau.tensor([-1.0, 3.0]))
        tensor([-0.0100,  3.0000])
    """
    return _C.leaky_relu_(input, negative_slope) if inplace else _C.leaky_relu(input, negative_slope)


def logsigmoid(input):
    """The logarithm of the sigmoid, without overflow.

    `out = -ln(1 + e^-input)`

    Args:
        input: floating tensor.

    Returns:
        Tensor of the shape and dtype of `input`.

    Example:
        >>> flambeau.nn.functional.logsigmoid(flambeau.tensor([-1.0, 3.0]))
        tensor([-1.3133, -0.0486])
    """
    return _C.log_sigmoid(input)


def mish(input, inplace=False):
    """Each element times the hyperbolic tangent of its softplus.

    `out = input * tanh(ln(1 + e^input))`

    Args:
        input: floating tensor.
        inplace: whether to write the result into `input`.

    Returns:
        Tensor of the shape and dtype of `input`.

    Example:
        >>> flambeau.nn.functional.mish(flambeau.tensor([-1.0, 3.0]))
        tensor([-0.3034,  2.9865])
    """
    return _C.mish_(input) if inplace else _C.mish(input)


def prelu(input, weight):
    """Each element, times a learned weight where negative.

    `out = input if input > 0, else weight * input`

    Args:
        input: floating tensor (N, C, ...) or of any shape.
        weight: tensor with one element, or with one for each of the C channels of `input`.

    Returns:
        Tensor of the shape and dtype of `input`.

    Raises:
        RuntimeError: the number of weights is neither 1 nor C; the dtypes differ.

    Example:
        >>> flambeau.nn.functional.prelu(flambeau.tensor([-2.0, 3.0]), flambeau.tensor([0.25]))
        tensor([-0.5000,  3.0000])
    """
    check_prelu(input, weight)
    if weight.numel() == 1:
        return _C.prelu(input, weight.reshape(()))
    return _C.prelu(input, weight.reshape((-1,) + (1,) * (input.dim() - 2)))


def relu(input, inplace=False):
    """Each element where positive, else 0.

    `out = max(input, 0)`

    Args:
        input: tensor.
        inplace: whether to write the result into `input`.

    Returns:
        Tensor of the shape and dtype of `input`.

    Example:
        >>> flambeau.relu(flambeau.tensor([-1.0, 3.0]))
        tensor([0., 3.])
    """
    return _C.relu_(input) if inplace else _C.relu(input)


def relu6(input, inplace=False):
    """Each element, moved into the range from 0 to 6.

    `out = min(max(input, 0), 6)`

    Args:
        input: floating tensor.
        inplace: whether to write the result into `input`.

    Returns:
        Tensor of the shape and dtype of `input`.

    Example:
        >>> flambeau.nn.functional.relu6(flambeau.tensor([-1.0, 3.0, 8.0]))
        tensor([0., 3., 6.])
    """
    return _C.hardtanh_(input, 0.0, 6.0) if inplace else _C.hardtanh(input, 0.0, 6.0)


def selu(input, inplace=False):
    """The exponential unit whose scale keeps mean 0 and variance 1 through layers.

    `out = 1.0507 * (input if input > 0, else 1.6733 * (e^input - 1))`

    Args:
        input: floating tensor.
        inplace: whether to write the result into `input`.

    Returns:
        Tensor of the shape and dtype of `input`.

    Example:
        >>> flambeau.nn.functional.selu(flambeau.tensor([-1.0, 3.0]))
        tensor([-1.1113,  3.1521])
    """
    return _C.elu_(input, *SELU) if inplace else _C.elu(input, *SELU)


def sigmoid(input, *, out=None):
    """The logistic function.

    `out = 1 / (1 + e^-input)`

    Args:
        input: tensor of any shape.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.sigmoid(flambeau.tensor([0.0, 2.0]))
        tensor([0.5000, 0.8808])
    """
    result = _C.sigmoid(input)
    return result if out is None else write_out(out, result)


def silu(input, inplace=False):
    """Each element times its sigmoid.

    `out = input / (1 + e^-input)`

    Args:
        input: floating tensor.
        inplace: whether to write the result into `input`.

    Returns:
        Tensor of the shape and dtype of `input`.

    Example:
        >>> flambeau.nn.functional.silu(flambeau.tensor([-1.0, 3.0]))
        tensor([-0.2689,  2.8577])
    """
    return _C.silu_(input) if inplace else _C.silu(input)


def softplus(input, beta=1.0, threshold=20.0):
    """A smooth version of relu.

    `out = ln(1 + e^(beta * input)) / beta, and input where beta * input > threshold`

    Args:
        input: floating tensor.
        beta: how sharp the bend is.
        threshold: where the function becomes the identity.

    Returns:
        Tensor of the shape and dtype of `input`.

    Example:
        >>> flambeau.nn.functional.softplus(flambeau.tensor([-1.0, 3.0]))
        tensor([0.3133, 3.0486])
    """
    return _C.softplus(input, beta, threshold)


def softshrink(input, lambd=0.5):
    """Each element, moved towards 0.

    `out = sign(input) * max(|input| - lambd, 0)`

    Args:
        input: floating tensor.
        lambd: how far to move; at least 0.

    Returns:
        Tensor of the shape and dtype of `input`.

    Example:
        >>> flambeau.nn.functional.softshrink(flambeau.tensor([-1.0, 0.2]))
        tensor([-0.5000,  0.0000])
    """
    if lambd < 0:
        raise RuntimeError(f"[softshrink] lambd must be at least 0, got {lambd}")
    return _C.softshrink(input, lambd)


def softsign(input):
    """Each element divided by one more than its size.

    `out = input / (1 + |input|)`

    Args:
        input: floating tensor.

    Returns:
        Tensor of the shape and dtype of `input`.

    Example:
        >>> flambeau.nn.functional.softsign(flambeau.tensor([-1.0, 3.0]))
        tensor([-0.5000,  0.7500])
    """
    return input / (_C.abs(input) + 1)


def tanh(input):
    """The hyperbolic tangent of each element, as flambeau.tanh.

    Example:
        >>> flambeau.nn.functional.tanh(flambeau.tensor([-1.0, 0.5]))
        tensor([-0.7616,  0.4621])
    """
    return _C.tanh(input)


def tanhshrink(input):
    """Each element less its hyperbolic tangent.

    `out = input - tanh(input)`

    Args:
        input: floating tensor.

    Returns:
        Tensor of the shape and dtype of `input`.

    Example:
        >>> flambeau.nn.functional.tanhshrink(flambeau.tensor([-1.0, 0.5]))
        tensor([-0.2384,  0.0379])
    """
    return input - _C.tanh(input)


def threshold(input, threshold, value, inplace=False):
    """Each element, or a value where it is not above a threshold.

    `out = input if input > threshold, else value`

    Args:
        input: floating tensor.
        threshold: the bound.
        value: what replaces elements up to the bound.
        inplace: whether to write the result into `input`.

    Returns:
        Tensor of the shape and dtype of `input`.

    Example:
        >>> flambeau.nn.functional.threshold(flambeau.tensor([-1.0, 0.5]), 0.0, -1.0)
        tensor([-1.0000,  0.5000])
    """
    for number in (threshold, value):
        check_fits("threshold", number, input.dtype)
    return _C.threshold_(input, threshold, value) if inplace else _C.threshold(input, threshold, value)


def celu_(input, alpha=1.0):
    """`celu` in place.

    Example:
        >>> x = flambeau.tensor([-1.0, 3.0])
        >>> _ = flambeau.nn.functional.celu_(x)
        >>> x
        tensor([-0.6321,  3.0000])
    """
    return celu(input, alpha, inplace=True)


def elu_(input, alpha=1.0):
    """`elu` in place.

    Example:
        >>> x = flambeau.tensor([-1.0, 3.0])
        >>> _ = flambeau.nn.functional.elu_(x, 0.5)
        >>> x
        tensor([-0.3161,  3.0000])
    """
    return elu(input, alpha, inplace=True)


def hardtanh_(input, min_val=-1.0, max_val=1.0):
    """`hardtanh` in place.

    Example:
        >>> x = flambeau.tensor([-2.0, 0.5])
        >>> _ = flambeau.nn.functional.hardtanh_(x)
        >>> x
        tensor([-1.0000,  0.5000])
    """
    return hardtanh(input, min_val, max_val, inplace=True)


def leaky_relu_(input, negative_slope=0.01):
    """`leaky_relu` in place.

    Example:
        >>> x = flambeau.tensor([-1.0, 3.0])
        >>> _ = flambeau.nn.functional.leaky_relu_(x, 0.1)
        >>> x
        tensor([-0.1000,  3.0000])
    """
    return leaky_relu(input, negative_slope, inplace=True)


def relu_(input):
    """`relu` in place.

    Example:
        >>> x = flambeau.tensor([-1.0, 3.0])
        >>> _ = flambeau.nn.functional.relu_(x)
        >>> x
        tensor([0., 3.])
    """
    return relu(input, inplace=True)


def selu_(input):
    """`selu` in place.

    Example:
        >>> x = flambeau.tensor([-1.0, 3.0])
        >>> _ = flambeau.nn.functional.selu_(x)
        >>> x
        tensor([-1.1113,  3.1521])
    """
    return selu(input, inplace=True)


def threshold_(input, threshold, value):
    """`threshold` in place.

    Example:
        >>> x = flambeau.tensor([-1.0, 3.0])
        >>> _ = flambeau.nn.functional.threshold_(x, 0.0, -5.0)
        >>> x
        tensor([-5.,  3.])
    """
    return _C.threshold_(input, threshold, value)


def sigmoid_(input):
    """The logistic function, in place.

    >>> flambeau.sigmoid_(flambeau.zeros(2))
    tensor([0.5000, 0.5000])
    """
    return _C.sigmoid_(input)


METHODS = [
    "hardshrink",
    "prelu",
    ("relu", _C.as_method(_C.relu)),
    ("relu_", _C.as_method(_C.relu_)),
    ("sigmoid", _C.as_method(_C.sigmoid)),
    ("sigmoid_", _C.as_method(_C.sigmoid_)),
]
