"""Activations: pointwise nonlinearities and softmaxes."""

import flambeau
from flambeau.nn import functional as F
from flambeau.nn import init
from flambeau.nn.parameter import Parameter

from .attention import MultiheadAttention
from .module import Module

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "MultiheadAttention",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
]


class Threshold(Module):
    """y = x where x > threshold, else value.

    Args:
        threshold: the value above which x passes.
        value: what replaces the others.
        inplace: change the input itself.

    Shape:
        any, both ways.

    Example::

        >>> flambeau.nn.Threshold(0.1, 20)(flambeau.tensor([0.0, 1.0]))
        tensor([20.,  1.])
    """

    __constants__ = ["threshold", "value", "inplace"]

    def __init__(self, threshold, value, inplace=False):
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input):
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self):
        return f"threshold={self.threshold}, value={self.value}" + (", inplace=True" if self.inplace else "")


class ReLU(Module):
    """y = max(x, 0).

    Args:
        inplace: change the input itself.

    Shape:
        any, both ways.

    Example::

        >>> flambeau.nn.ReLU()(flambeau.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """

    __constants__ = ["inplace"]

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input):
        return F.relu(input, self.inplace)

    def extra_repr(self):
        return "inplace=True" if self.inplace else ""


class RReLU(Module):
    """y = x where x >= 0, else a x; a is drawn from U(lower, upper) in training, its mean in evaluation (Xu 2015).

    Args:
        lower, upper: the bounds of a.
        inplace: change the input itself.

    Shape:
        any, both ways.

    Example::

        >>> flambeau.nn.RReLU()(flambeau.tensor([-1.0, 0.0, 2.0])).shape
        torch.Size([3])
    """

    __constants__ = ["lower", "upper", "inplace"]

    def __init__(self, lower=1.0 / 8, upper=1.0 / 3, inplace=False):
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input):
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self):
        return f"lower={self.lower}, upper={self.upper}" + (", inplace=True" if self.inplace else "")


class Hardtanh(Module):
    """y = x between min_val and max_val, the nearer of the two outside.

    Args:
        min_val, max_val: the bounds.
        inplace: change the input itself.
        min_value, max_value: old names of the bounds.

    Shape:
        any, both ways.

    Example::

        >>> flambeau.nn.Hardtanh()(flambeau.tensor([-3.0, 0.5]))
        tensor([-1.0000,  0.5000])
    """

    __constants__ = ["min_val", "max_val", "inplace"]

    def __init__(self, min_val=-1.0, max_val=1.0, inplace=False, min_value=None, max_value=None):
        super().__init__()
        min_val = _old_bound("min", min_value, min_val)
        max_val = _old_bound("max", max_value, max_val)
        if min_val >= max_val:
            raise AssertionError(f"max_val ({max_val}) must be larger than min_val ({min_val})")
        self.min_val = min_val
        self.max_val = max_val
        self.inplace = inplace

    def forward(self, input):
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self):
        return f"min_val={self.min_val}, max_val={self.max_val}" + (", inplace=True" if self.inplace else "")


def _old_bound(which, old, new):
    if old is None:
        return new
    import warnings

    warnings.warn(
        f"keyword argument `{which}_value` is deprecated and rename to `{which}_val`",
        FutureWarning,
        stacklevel=3,
    )
    return old


class ReLU6(Hardtanh):
    """y = min(max(x, 0), 6).

    Args:
        inplace: change the input itself.

    Shape:
        any, both ways.

    Example::

        >>> flambeau.nn.ReLU6()(flambeau.tensor([-1.0, 7.0]))
        tensor([0., 6.])
    """

    def __init__(self, inplace=False):
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self):
        return "inplace=True" if self.inplace else ""


class Sigmoid(Module):
    """y = 1 / (1 + exp(-x)).

    Shape:
        any, both ways.

    Example::

        >>> flambeau.nn.Sigmoid()(flambeau.zeros(1))
        tensor([0.5000])
    """

    def forward(self, input):
        return flambeau.sigmoid(input)


class Hardsigmoid(Module):
    """y = min(max(x / 6 + 1/2, 0), 1).

    Args:
        inplace: change the input itself.

    Shape:
        any, both ways.

    Example::

        >>> flambeau.nn.Hardsigmoid()(flambeau.tensor([-1.0, 0.0, 2.0])).shape
        torch.Size([3])
    """

    __constants__ = ["inplace"]

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input):
        return F.hardsigmoid(input, self.inplace)


class Tanh(Module):
    """y = tanh(x).

    Shape:
        any, both ways.

    Example::

        >>> flambeau.nn.Tanh()(flambeau.zeros(1))
        tensor([0.])
    """

    def forward(self, input):
        return flambeau.tanh(input)


class SiLU(Module):
    """y = x sigmoid(x), also called swish.

    Args:
        inplace: change the input itself.

    Shape:
        any, both ways.

    Example::

        >>> flambeau.nn.SiLU()(flambeau.tensor([-1.0, 0.0, 2.0])).shape
        torch.Size([3])
    """

    __constants__ = ["inplace"]

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input):
        return F.silu(input, self.inplace)

    def extra_repr(self):
        return "inplace=True" if self.inplace else ""


class Mish(Module):
    """y = x tanh(softplus(x)) (Misra 2019).

    Args:
        inplace: change the input itself.

    Shape:
        any, both ways.

    Example::

        >>> flambeau.nn.Mish()(flambeau.tensor([-1.0, 0.0, 2.0])).shape
        torch.Size([3])
    """

    __constants__ = ["inplace"]

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input):
        return F.mish(input, self.inplace)

    def extra_repr(self):
        return "inplace=True" if self.inplace else ""


class Hardswish(Module):
    """y = x min(max(x + 3, 0), 6) / 6 (Howard et al., 2019).

    Args:
        inplace: change the input itself.

    Shape:
        any, both ways.

    Example::

        >>> flambeau.nn.Hardswish()(flambeau.tensor([-1.0, 0.0, 2.0])).shape
        torch.Size([3])
    """

    __constants__ = ["inplace"]

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input):
        return F.hardswish(input, self.inplace)


class ELU(Module):
    """y = x where x > 0, else alpha (exp(x) - 1) (Clevert et al., 2015).

    Args:
        alpha: the limit far below is -alpha.
        inplace: change the input itself.

    Shape:
        any, both ways.

    Example::

        >>> flambeau.nn.ELU()(flambeau.tensor([-1.0, 0.0, 2.0])).shape
        torch.Size([3])
    """

    __constants__ = ["alpha", "inplace"]

    def __init__(self, alpha=1.0, inplace=False):
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input):
        return F.elu(input, self.alpha, self.inplace)

    def extra_repr(self):
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class CELU(Module):
    """y = max(0, x) + min(0, alpha (exp(x / alpha) - 1)) (Barron 2017).

    Args:
        alpha: the limit far below is -alpha.
        inplace: change the input itself.

    Shape:
        any, both ways.

    Example::

        >>> flambeau.nn.CELU()(flambeau.tensor([-1.0, 0.0, 2.0])).shape
        torch.Size([3])
    """

    __constants__ = ["alpha", "inplace"]

    def __init__(self, alpha=1.0, inplace=False):
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input):
        return F.celu(input, self.alpha, self.inplace)

    def extra_repr(self):
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class SELU(Module):
    """y = scale (max(0, x) + min(0, alpha (exp(x) - 1))), which keeps mean 0 and variance 1 (Klambauer 2017).

    Args:
        inplace: change the input itself.

    Shape:
        any, both ways.

    Example::

        >>> flambeau.nn.SELU()(flambeau.tensor([-1.0, 0.0, 2.0])).shape
        torch.Size([3])
    """

    __constants__ = ["inplace"]

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input):
        return F.selu(input, self.inplace)

    def extra_repr(self):
        return "inplace=True" if self.inplace else ""


class GLU(Module):
    """y = a sigmoid(b), a and b being the halves of x along dim (Dauphin et al., 2016).

    Args:
        dim: the dimension that is halved; its size is even.

    Shape:
        any, both ways.

    Example::

        >>> flambeau.nn.GLU()(flambeau.ones(4, 2)).shape
        torch.Size([4, 1])
    """

    __constants__ = ["dim"]

    def __init__(self, dim=-1):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        return F.glu(input, self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"


class GELU(Module):
    """y = x Phi(x), Phi being the cumulative normal distribution (Hendrycks, Gimpel 2016).

    Args:
        approximate: "none", or "tanh" for an approximation of Phi.

    Shape:
        any, both ways.

    Example::

        >>> flambeau.nn.GELU()(flambeau.tensor([-1.0, 0.0, 2.0])).shape
        torch.Size([3])
    """

    __constants__ = ["approximate"]

    def __init__(self, approximate="none"):
        super().__init__()
        self.approximate = approximate

    def forward(self, input):
        return F.gelu(input, approximate=self.approximate)

    def extra_repr(self):
        return f"approximate={self.approximate!r}"


class Hardshrink(Module):
    """y = x where |x| > lambd, else 0.

    Args:
        lambd: the bound.

    Shape:
        any, both ways.

    Example::

        >>> flambeau.nn.Hardshrink()(flambeau.tensor([-1.0, 0.0, 2.0])).shape
        torch.Size([3])
    """

    __constants__ = ["lambd"]

    def __init__(self, lambd=0.5):
        super().__init__()
        self.lambd = lambd

    def forward(self, input):
        return F.hardshrink(input, self.lambd)

    def extra_repr(self):
        return f"{self.lambd}"


class LeakyReLU(Module):
    """y = x where x >= 0, else negative_slope x.

    Args:
        negative_slope: the slope below 0.
        inplace: change the input itself.

    Shape:
        any, both ways.

    Example::

        >>> flambeau.nn.LeakyReLU(0.1)(flambeau.tensor([-1.0, 2.0]))
        tensor([-0.1000,  2.0000])
    """

    __constants__ = ["inplace", "negative_slope"]

    def __init__(self, negative_slope=0.01, inplace=False):
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input):
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self):
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


class LogSigmoid(Module):
    """y = -log(1 + exp(-x)), computed without overflow.

    Shape:
        any, both ways.

    Example::

        >>> flambeau.nn.LogSigmoid()(flambeau.tensor([-1.0, 0.0, 2.0])).shape
        torch.Size([3])
    """

    def forward(self, input):
        return F.logsigmoid(input)


class Softplus(Module):
    """y = log(1 + exp(beta x)) / beta, and x itself where beta x > threshold.

    Args:
        beta: how sharp the bend is.
        threshold: above it the function is linear.

    Shape:
        any, both ways.

    Example::

        >>> flambeau.nn.Softplus()(flambeau.tensor([-1.0, 0.0, 2.0])).shape
        torch.Size([3])
    """

    __constants__ = ["beta", "threshold"]

    def __init__(self, beta=1.0, threshold=20.0):
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input):
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self):
        return f"beta={self.beta}, threshold={self.threshold}"


class Softshrink(Module):
    """y = x moved towards 0 by lambd, and 0 where |x| <= lambd.

    Args:
        lambd: the bound.

    Shape:
        any, both ways.

    Example::

        >>> flambeau.nn.Softshrink()(flambeau.tensor([-1.0, 0.0, 2.0])).shape
        torch.Size([3])
    """

    __constants__ = ["lambd"]

    def __init__(self, lambd=0.5):
        super().__init__()
        self.lambd = lambd

    def forward(self, input):
        return F.softshrink(input, self.lambd)

    def extra_repr(self):
        return str(self.lambd)


class PReLU(Module):
    """y = x where x >= 0, else a x with a learned slope a (He et al., 2015).

    Args:
        num_parameters: 1, or the number of channels for a slope each.
        init: first value of the slopes.

    Shape:
        any, both ways; channels are dimension 1. weight (num_parameters).

    Example::

        >>> flambeau.nn.PReLU()(flambeau.tensor([-1.0, 2.0])).detach()
        tensor([-0.2500,  2.0000])
    """

    __constants__ = ["num_parameters"]

    def __init__(self, num_parameters=1, init=0.25, device=None, dtype=None):
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(flambeau.empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self):
        """Sets the slopes to their first value."""
        init.constant_(self.weight, self.init)

    def forward(self, input):
        return F.prelu(input, self.weight)

    def extra_repr(self):
        return f"num_parameters={self.num_parameters}"


class Softsign(Module):
    """y = x / (1 + |x|).

    Shape:
        any, both ways.

    Example::

        >>> flambeau.nn.Softsign()(flambeau.tensor([-1.0, 0.0, 2.0])).shape
        torch.Size([3])
    """

    def forward(self, input):
        return F.softsign(input)


class Tanhshrink(Module):
    """y = x - tanh(x).

    Shape:
        any, both ways.

    Example::

        >>> flambeau.nn.Tanhshrink()(flambeau.tensor([-1.0, 0.0, 2.0])).shape
        torch.Size([3])
    """

    def forward(self, input):
        return F.tanhshrink(input)


class Softmin(Module):
    """y_i = exp(-x_i) / sum_j exp(-x_j) along dim.

    Args:
        dim: the dimension along which the results sum to 1.

    Shape:
        any, both ways.

    Example::

        >>> flambeau.nn.Softmin(dim=0)(flambeau.zeros(4))
        tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """

    __constants__ = ["dim"]

    def __init__(self, dim=None):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        return F.softmin(input, self.dim, _stacklevel=5)

    def extra_repr(self):
        return f"dim={self.dim}"


class Softmax(Module):
    """y_i = exp(x_i) / sum_j exp(x_j) along dim.

    Args:
        dim: the dimension along which the results sum to 1.

    Shape:
        any, both ways.

    Example::

        >>> flambeau.nn.Softmax(dim=0)(flambeau.zeros(4))
        tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """

    __constants__ = ["dim"]

    def __init__(self, dim=None):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        return F.softmax(input, self.dim, _stacklevel=5)

    def extra_repr(self):
        return f"dim={self.dim}"


class Softmax2d(Module):
    """`Softmax` over the channels of each pixel.

    Shape:
        (N, C, H, W) or (C, H, W), both ways.

    Example::

        >>> flambeau.nn.Softmax2d()(flambeau.zeros(1, 2, 1, 1)).flatten()
        tensor([0.5000, 0.5000])
    """

    def forward(self, input):
        if input.dim() not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.dim()}D instead")
        return F.softmax(input, -3, _stacklevel=5)


class LogSoftmax(Module):
    """y_i = x_i - log sum_j exp(x_j) along dim.

    Args:
        dim: the dimension along which the exponentials sum to 1.

    Shape:
        any, both ways.

    Example::

        >>> flambeau.nn.LogSoftmax(dim=0)(flambeau.zeros(2))
        tensor([-0.6931, -0.6931])
    """

    __constants__ = ["dim"]

    def __init__(self, dim=None):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        return F.log_softmax(input, self.dim, _stacklevel=5)

    def extra_repr(self):
        return f"dim={self.dim}"
