"""Random numbers: torch's streams, number for number (docs/random.md)."""

import contextlib
import math

from .. import _C
from ._common import check_tensor, sizes_of, write_out
from .copies import check_device
from .creation import empty_as

__all__ = [
    "Generator", "alpha_dropout", "alpha_dropout_", "bernoulli", "binomial", "default_generator", "dropout", "dropout_",
    "feature_alpha_dropout", "feature_alpha_dropout_", "feature_dropout", "feature_dropout_", "get_rng_state", "initial_seed",
    "manual_seed", "multinomial", "normal", "poisson", "rand", "rand_like", "randint", "randint_like", "randn", "randn_like", "randperm",
    "rrelu", "rrelu_", "seed", "set_rng_state",
]  # fmt: skip
FUNCTIONAL = [
    "alpha_dropout",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_alpha_dropout",
    "gumbel_softmax",
    "rrelu",
    "rrelu_",
]  # fmt: skip
METHODS: list[str | tuple[str, object]] = ["bernoulli", "multinomial"]

Generator = _C.Generator
Generator.__module__ = "flambeau"
default_generator = _C.default_generator


# ---- seeds and states


def manual_seed(seed):
    """Restart the default generator from a seed, an int in [-2**63, 2**64).

    >>> flambeau.manual_seed(0).initial_seed()
    0
    """
    return default_generator.manual_seed(int(seed))


def seed():
    """Restart the default generator from a seed of the operating system, and return the seed.

    >>> flambeau.seed() == flambeau.initial_seed()
    True
    """
    return default_generator.seed()


def initial_seed():
    """The seed that the default generator was started from.

    >>> _ = flambeau.manual_seed(3)
    >>> flambeau.initial_seed()
    3
    """
    return default_generator.initial_seed()


def get_rng_state():
    """The default generator's state, as a tensor of 5056 bytes that torch understands too.

    >>> flambeau.get_rng_state().shape
    torch.Size([5056])
    """
    return default_generator.get_state()


def set_rng_state(new_state):
    """Set the default generator's state.

    >>> state = flambeau.get_rng_state()
    >>> x = flambeau.rand(2)
    >>> flambeau.set_rng_state(state)
    >>> (flambeau.rand(2) == x).all()
    tensor(True)
    """
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(devices=None, enabled=True, _caller="fork_rng", _devices_kw="devices", device_type=None):
    """A context at whose end the default generator's state is what it was at the start.

    >>> from flambeau.ops.random import fork_rng
    >>> with fork_rng():
    ...     _ = flambeau.rand(2)
    """
    if not enabled:
        yield
        return
    state = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(state)


# ---- new tensors


def _drawn(op, draw, size, dtype, out, device, requires_grad):
    """draw(size, dtype), or what stands in its place for out= and device=."""
    if out is device is None:
        made = draw(size, _C.get_default_dtype() if dtype is None else dtype)
        return made.requires_grad_() if requires_grad else made
    device = check_device(device, op)
    if out is not None and dtype not in (None, out.dtype):
        raise RuntimeError(f"[{op}] dtype {dtype} does not match dtype of out parameter ({out.dtype})")
    if out is not None:
        return write_out(out, draw(size, out.dtype))
    dtype = _C.get_default_dtype() if dtype is None else dtype
    made = draw(size, dtype) if device is None else _C.empty(size, dtype, device)
    return made.requires_grad_() if requires_grad else made


def _size(op, size, size_keyword):
    if size_keyword:
        size = (size_keyword.pop("size"),)
    if size_keyword or not size:
        raise TypeError(f"[{op}] expected sizes, got {size_keyword or 'none'}")
    return sizes_of(size)


def rand(
    *size,
    generator=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    **size_keyword,
):
    r"""Uniform random numbers in [0, 1).

    Args:
        size: ints, or one tuple of ints.
        generator: the stream to draw from; the default generator if None.
        dtype: floating-point or complex; by default the default floating-point type.

    >>> _ = flambeau.manual_seed(0)
    >>> flambeau.rand(3)
    tensor([0.4963, 0.7682, 0.0885])
    """
    size = _size("rand", size, size_keyword)
    return _drawn("rand", lambda s, t: _C.rand(s, t, generator), size, dtype, out, device, requires_grad)


def randn(
    *size,
    generator=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    **size_keyword,
):
    r"""Normal random numbers of mean 0 and standard deviation 1 (for complex dtypes: 1/2 of the variance per part).

    Args:
        size: ints, or one tuple of ints.
        generator: the stream to draw from; the default generator if None.

    Source: G. E. P. Box and M. E. Muller, 1958.

    >>> _ = flambeau.manual_seed(0)
    >>> flambeau.randn(3)
    tensor([ 1.5410, -0.2934, -2.1788])
    """
    size = _size("randn", size, size_keyword)
    return _drawn("randn", lambda s, t: _C.randn(s, t, generator), size, dtype, out, device, requires_grad)


def randint(
    *args, low=None, high=None, size=None, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False,
    pin_memory=False,
):  # fmt: skip
    """Random integers, uniform in [low, high); called as randint(high, size) or randint(low, high, size).

    >>> _ = flambeau.manual_seed(0)
    >>> flambeau.randint(0, 10, (4,))
    tensor([4, 9, 3, 0])
    """
    args = list(args)
    if size is None:
        if not args or isinstance(args[-1], int):
            raise TypeError("[randint] argument 'size' must be tuple of ints; call randint(low, high, (2, 3))")
        size = args.pop()
    if high is None and args:
        high = args.pop()
    if low is None:
        low = args.pop() if args else 0
    if args or high is None or not (hasattr(low, "__index__") and hasattr(high, "__index__")):
        raise TypeError(
            "[randint] received an invalid combination of arguments; call randint(high, size) or randint(low, high, size)"
        )
    low, high = low.__index__(), high.__index__()
    if not (-(2**63) <= low < 2**63 and -(2**63) <= high < 2**63):
        raise ValueError("[randint] Overflow when unpacking long long")
    dtype = _C.int64 if dtype is None and out is None else dtype
    made = _drawn(
        "randint", lambda s, t: _C.randint(low, high, s, t, generator), tuple(size), dtype, out, device, False
    )
    return made.requires_grad_() if requires_grad else made


def randperm(
    n, *, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """The numbers 0 ... n - 1 in random order (int64 unless a dtype is given).

    >>> _ = flambeau.manual_seed(0)
    >>> flambeau.randperm(4)
    tensor([0, 1, 3, 2])
    """
    if isinstance(n, (bool, float)) or not hasattr(n, "__index__"):
        raise TypeError(f"[randperm] argument 'n' must be int, not {type(n).__name__}")
    dtype = _C.int64 if dtype is None and out is None else dtype
    return _drawn("randperm", lambda s, t: _C.randperm(n, t, generator), (n,), dtype, out, device, requires_grad)


def rand_like(
    input,
    *,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    memory_format=None,
    pin_memory=False,
    generator=None,
):
    """`rand` in the shape, dtype and layout of another tensor.

    >>> flambeau.rand_like(flambeau.ones(2, 3)).shape
    torch.Size([2, 3])
    """
    made = _C.uniform_(empty_as(input, dtype, device, memory_format, "rand_like"), 0.0, 1.0, generator)
    return made.requires_grad_() if requires_grad else made


def randn_like(
    input,
    *,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    memory_format=None,
    pin_memory=False,
    generator=None,
):
    """`randn` in the shape, dtype and layout of another tensor.

    >>> flambeau.randn_like(flambeau.ones(2, 3)).shape
    torch.Size([2, 3])
    """
    made = _C.normal_(empty_as(input, dtype, device, memory_format, "randn_like"), 0.0, 1.0, generator)
    return made.requires_grad_() if requires_grad else made


def randint_like(
    input, *bounds, low=None, high=None, dtype=None, layout=None, device=None, requires_grad=False, memory_format=None,
    pin_memory=False, generator=None,
):  # fmt: skip
    """`randint` in the shape, dtype and layout of another tensor; called as (input, high) or (input, low, high).

    >>> flambeau.randint_like(flambeau.ones(2, 3), 10).shape
    torch.Size([2, 3])
    """
    bounds = [b.item() if isinstance(b, _C.Tensor) else b for b in (*bounds, low, high) if b is not None]
    if len(bounds) not in (1, 2):
        raise TypeError("[randint_like] expected bounds (high) or (low, high)")
    low, high = (0, *bounds) if len(bounds) == 1 else bounds
    made = empty_as(input, dtype, device, memory_format, "randint_like")
    return _C.random_(made, low, high, generator).requires_grad_(requires_grad)


# ---- draws that depend on tensors


def bernoulli(input, p=None, *, generator=None, out=None):
    """Ones with the probabilities in `input` (or with the probability p everywhere), and zeros.

    >>> flambeau.bernoulli(flambeau.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    check_tensor("bernoulli", input)
    source = input.detach()
    if p is None:
        made = _C.bernoulli_(_C.empty(source.shape, source.dtype, source.device), source, generator)
    else:
        made = _C.bernoulli_(_C.empty_like(source, source.dtype), p, generator)
    if out is None and input.requires_grad and _C.is_grad_enabled():
        return input * 0 + made  # in the graph, with gradients of zero
    return write_out(out, made)


def normal(
    mean,
    std=1.0,
    size=None,
    *,
    generator=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """Normal random numbers with means and standard deviations given by numbers or tensors.

    Args:
        mean: a number or tensor.
        std: a number or tensor, not negative.
        size: of the result, if both are numbers.

    >>> _ = flambeau.manual_seed(0)
    >>> flambeau.normal(10.0, 1.0, (2,))
    tensor([11.5410,  9.7066])
    """
    check_device(device, "normal")
    tensors = [v.detach() for v in (mean, std) if isinstance(v, _C.Tensor)]
    if not tensors:
        if size is None:
            raise TypeError("[normal] received an invalid combination of arguments: with two numbers, a size is needed")
        made = _C.empty(tuple(size), dtype or (_C.get_default_dtype() if out is None else out.dtype))
        return write_out(out, _C.normal_(made, float(mean), float(std), generator).requires_grad_(requires_grad))
    if isinstance(std, _C.Tensor):
        _C.check_std(std)
    elif not std >= 0.0:
        raise RuntimeError(f"[normal] normal expects std >= 0.0, but found std {std}")
    return write_out(out, _scaled(mean, std, tensors, generator))


def _scaled(mean, std, tensors, generator):
    from .shape import broadcast_shapes

    shape = broadcast_shapes(*(t.shape for t in tensors))
    made = _C.empty(shape, tensors[0].dtype, tensors[0].device)
    if not isinstance(std, _C.Tensor):
        return _C.normal_(made, 0.0, float(std), generator) + mean.detach()
    drawn = _C.normal_(made, 0.0, 1.0, generator) * std.detach()
    return drawn + (mean.detach() if isinstance(mean, _C.Tensor) else mean)


def multinomial(input, num_samples, replacement=False, *, generator=None, out=None):
    """Places drawn from each row of weights, which need not sum to one.

    Args:
        input: weights (n,) or (rows, n), not negative, with a positive sum in each row.
        num_samples: how many places to draw per row.
        replacement: whether a place may be drawn twice.

    Returns:
        Tensor: int64 places (num_samples,) or (rows, num_samples).

    >>> flambeau.multinomial(flambeau.tensor([0.0, 3.0]), 1)
    tensor([1])
    """
    return write_out(out, _C.multinomial(input, num_samples, replacement, generator))


def poisson(input, generator=None):
    """Poisson random numbers with the rates in `input`.

    >>> flambeau.poisson(flambeau.zeros(2))
    tensor([0., 0.])
    """
    return _C.poisson(input, generator)


def binomial(count, prob, generator=None):
    """How many of `count` trials succeed, each with probability `prob`.

    >>> flambeau.binomial(flambeau.tensor([10.0]), flambeau.tensor([1.0]))
    tensor([10.])
    """
    return _C.binomial(count, prob, generator)


def _standard_gamma(self, generator=None):
    return _C.standard_gamma(self, generator)


def _sample_dirichlet(self, generator=None):
    return _C.dirichlet(self, generator)


# ---- dropout and what draws alike


def _check_probability(p, op):
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"[{op}] dropout probability has to be between 0 and 1, but got {p}")


def dropout(input, p=0.5, training=True, inplace=False, *, train=None):
    r"""Zeros with probability p, and the other elements scaled by :math:`\frac{1}{1 - p}`; the input itself when not training.

    >>> flambeau.nn.functional.dropout(flambeau.ones(3), 0.5, training=False)
    tensor([1., 1., 1.])
    """
    training = training if train is None else train
    if not 0.0 <= p <= 1.0:
        _check_probability(p, "dropout")
    if not training or p == 0.0 or input.numel() == 0:
        return input
    made = input * 0 if p == 1.0 else _C.dropout(input, p)
    return _replace(input, made) if inplace else made


def _replace(input, made):
    """`made`, a function of `input`, in the place of `input`."""
    scale = made.detach()
    return _C.copy_(input, made) if made.requires_grad else _C.copy_(input, scale)


def dropout_(input, p, train):
    """`dropout` in place.

    >>> flambeau.dropout_(flambeau.ones(2), 0.0, True)
    tensor([1., 1.])
    """
    return dropout(input, p, train, inplace=True)


def _channel_noise(input, p, op):
    """One draw per sample and channel: 1 with probability 1 - p."""
    if input.dim() < 2:
        raise RuntimeError(f"[{op}] Feature dropout requires at least 2 dimensions in the input")
    shape = tuple(input.shape[:2]) + (1,) * (input.dim() - 2)
    return _C.bernoulli_(_C.empty(shape, input.dtype, input.device), 1.0 - p, None)


def feature_dropout(input, p, train):
    """`dropout` of whole channels: one draw for each of the first two dimensions.

    >>> flambeau.feature_dropout(flambeau.ones(1, 2, 3), 0.0, True).shape
    torch.Size([1, 2, 3])
    """
    _check_probability(p, "feature_dropout")
    if not train or p == 0.0 or input.numel() == 0:
        return input
    if p == 1.0:
        return input * 0
    noise = _channel_noise(input, p, "feature_dropout")
    return input * (noise / (1.0 - p))


def feature_dropout_(input, p, train):
    """`feature_dropout` in place.

    >>> flambeau.feature_dropout_(flambeau.ones(1, 2), 0.0, True)
    tensor([[1., 1.]])
    """
    made = feature_dropout(input, p, train)
    return input if made is input else _replace(input, made)


def _channel_dropout(op, ranks, input, p, training, inplace):
    _check_probability(p, op)
    made = feature_dropout(input, p, training)
    return _replace(input, made) if inplace and made is not input else made


def dropout1d(input, p=0.5, training=True, inplace=False):
    """`dropout` of whole channels of (N, C, L) or (C, L).

    >>> flambeau.nn.functional.dropout1d(flambeau.ones(1, 2, 3), training=False).shape
    torch.Size([1, 2, 3])
    """
    if input.dim() not in (2, 3):
        raise RuntimeError(f"[dropout1d] Expected 2D or 3D input, but received a {input.dim()}D input.")
    if input.dim() == 3:
        return _channel_dropout("dropout1d", (2, 3), input, p, training, inplace)
    return _C.squeeze(_channel_dropout("dropout1d", (2, 3), _C.unsqueeze(input, 0), p, training, inplace), (0,))


def dropout2d(input, p=0.5, training=True, inplace=False):
    """`dropout` of whole channels of (N, C, H, W).

    >>> flambeau.nn.functional.dropout2d(flambeau.ones(1, 2, 3, 3), training=False).shape
    torch.Size([1, 2, 3, 3])
    """
    return _channel_dropout("dropout2d", (3, 4), input, p, training, inplace)


def dropout3d(input, p=0.5, training=True, inplace=False):
    """`dropout` of whole channels of (N, C, D, H, W) or (C, D, H, W).

    >>> flambeau.nn.functional.dropout3d(flambeau.ones(1, 2, 1, 1, 1), training=False).shape
    torch.Size([1, 2, 1, 1, 1])
    """
    if input.dim() == 5:
        return _channel_dropout("dropout3d", (4, 5), input, p, training, inplace)
    return _C.squeeze(_channel_dropout("dropout3d", (4, 5), _C.unsqueeze(input, 0), p, training, inplace), (0,))


_ALPHA = 1.7580993408473766  # of SELU: its scale times its alpha


def _alpha(op, input, p, training, noise):
    """Dropped elements become SELU's lower bound; then scaled and shifted to keep mean and variance."""
    _check_probability(p, op)
    if not training or p == 0.0 or input.numel() == 0:
        return input
    if p == 1.0:
        return input * 0
    keep = noise()
    a = 1.0 / math.sqrt((_ALPHA * _ALPHA * p + 1) * (1 - p))
    shift = (keep - 1.0) * (_ALPHA * a) + _ALPHA * a * p
    return input * (keep * a) + shift


def alpha_dropout(input, p=0.5, training=False, inplace=False, *, train=None):
    r"""Dropout that keeps mean and variance of inputs with mean 0 and variance 1 (for SELU networks).

    Source: G. Klambauer et al., "Self-Normalizing Neural Networks", arXiv 1706.02515.

    >>> flambeau.nn.functional.alpha_dropout(flambeau.ones(2))
    tensor([1., 1.])
    """

    def noise():
        return _C.bernoulli_(_C.empty_like(input.detach(), input.dtype), 1.0 - p, None)

    made = _alpha("alpha_dropout", input, p, training if train is None else train, noise)
    return _replace(input, made) if inplace and made is not input else made


def alpha_dropout_(input, p, train):
    """`alpha_dropout` in place.

    >>> flambeau.alpha_dropout_(flambeau.ones(2), 0.0, True)
    tensor([1., 1.])
    """
    return alpha_dropout(input, p, train, inplace=True)


def feature_alpha_dropout(input, p=0.5, training=False, inplace=False, *, train=None):
    """`alpha_dropout` of whole channels.

    >>> flambeau.nn.functional.feature_alpha_dropout(flambeau.ones(1, 2))
    tensor([[1., 1.]])
    """

    def noise():
        return _channel_noise(input, p, "feature_alpha_dropout")

    made = _alpha("feature_alpha_dropout", input, p, training if train is None else train, noise)
    return _replace(input, made) if inplace and made is not input else made


def feature_alpha_dropout_(input, p, train):
    """`feature_alpha_dropout` in place.

    >>> flambeau.feature_alpha_dropout_(flambeau.ones(1, 2), 0.0, True)
    tensor([[1., 1.]])
    """
    return feature_alpha_dropout(input, p, train, inplace=True)


def rrelu(input, lower=1.0 / 8, upper=1.0 / 3, training=False, inplace=False, *, generator=None):
    r"""Each element, times a random slope where it is not positive; the mean slope outside of training.

    `out = input if input > 0, else slope * input` with slopes uniform in [lower, upper)

    Args:
        input: floating tensor.
        lower: the smallest slope.
        upper: the largest slope.
        training: whether slopes are random.
        inplace: whether to write the result into `input`.

    Returns:
        Tensor of the shape and dtype of `input`.

    Raises:
        RuntimeError: `lower` is above `upper`.

    >>> flambeau.nn.functional.rrelu(flambeau.tensor([-2.0, 2.0]), 0.5, 0.5)
    tensor([-1.,  2.])
    """
    if lower > upper:
        raise RuntimeError(
            f"[rrelu] Lower bound should be less than or equal to the upper bound, got {lower} and {upper}"
        )
    if not training:
        slope = (lower + upper) / 2
        return _C.leaky_relu_(input, slope) if inplace else _C.leaky_relu(input, slope)
    made = input * _slopes(input.detach(), lower, upper, generator)
    return _replace(input, made) if inplace else made


def _slopes(input, lower, upper, generator):
    """1 where the input is above 0; elsewhere one draw each, in the order of the elements."""
    below = input <= 0
    slopes = _C.full(input.shape, _C.scalar(1), input.dtype, input.device)
    if input.is_meta:
        return slopes
    count = int(below.sum())
    drawn = _C.uniform_(_C.empty((count,), _C.float64), float(lower), float(upper), generator)
    slopes[below] = _C.to_dtype(drawn, input.dtype, 0)
    return slopes


def rrelu_(input, lower=1.0 / 8, upper=1.0 / 3, training=False):
    """`rrelu` in place.

    >>> flambeau.rrelu_(flambeau.tensor([-2.0, 2.0]), 0.5, 0.5)
    tensor([-1.,  2.])
    """
    return rrelu(input, lower, upper, training, inplace=True)


def gumbel_softmax(logits, tau=1, hard=False, eps=1e-10, dim=-1):
    r"""Samples of the Gumbel-Softmax distribution: :math:`softmax((logits + g) / \tau)`, with Gumbel noise g.

    Args:
        logits: unnormalised log-probabilities (*, classes).
        tau: temperature.
        hard: return one-hot vectors, with the gradient of the soft ones.
        dim: the dimension of the classes.

    Source: E. Jang, S. Gu, B. Poole, "Categorical Reparameterization with Gumbel-Softmax", arXiv 1611.01144.

    >>> flambeau.nn.functional.gumbel_softmax(flambeau.zeros(2, 3), hard=True).sum()
    tensor(2.)
    """
    noise = -_C.exponential_(_C.empty_like(logits.detach(), logits.dtype), 1.0, None).log()
    soft = ((logits + noise) / tau).softmax(dim)
    if not hard:
        return soft
    places = soft.detach().max(dim, keepdim=True)[1]
    one_hot = _C.zeros_like(logits.detach()).scatter_(dim, places, 1.0)
    return one_hot - soft.detach() + soft


# ---- in-place methods


def uniform_(self, from_=0.0, to=1.0, *, generator=None, **bounds):
    """Fill with uniform random numbers in [from, to)."""
    low = bounds.pop("from", from_)
    return _C.uniform_(self, low, to, generator)


def normal_(self, mean=0.0, std=1.0, *, generator=None):
    """Fill with normal random numbers."""
    return _C.normal_(self, mean, std, generator)


def random_(self, *bounds, to=None, generator=None, **named):
    """Fill with random integers: random_(to), random_(from, to), or over the dtype's range."""
    low = named.pop("from", None)
    if len(bounds) == 2:
        low, to = bounds
    elif bounds:
        to = bounds[0]
        low = 0 if low is None else low
    elif to is not None and low is None:
        low = 0
    return _C.random_(self, low, to, generator)


def bernoulli_(self, p=0.5, *, generator=None):
    """Fill with ones with probability p (a number or a tensor), and zeros."""
    return _C.bernoulli_(self, p.detach() if isinstance(p, _C.Tensor) else p, generator)


def exponential_(self, lambd=1, *, generator=None):
    r"""Fill with exponential random numbers of rate lambd: density :math:`\lambda e^{-\lambda x}`."""
    return _C.exponential_(self, lambd, generator)


def geometric_(self, p, *, generator=None):
    r"""Fill with the number of trials up to the first success: :math:`P(k) = (1 - p)^{k - 1} p`."""
    return _C.geometric_(self, p, generator)


def cauchy_(self, median=0, sigma=1, *, generator=None):
    """Fill with random numbers of the Cauchy distribution."""
    return _C.cauchy_(self, median, sigma, generator)


def log_normal_(self, mean=1, std=2, *, generator=None):
    """Fill with exp of normal random numbers of the given mean and standard deviation."""
    return _C.log_normal_(self, mean, std, generator)


METHODS += [
    ("bernoulli_", bernoulli_), ("cauchy_", cauchy_), ("exponential_", exponential_), ("geometric_", geometric_),
    ("log_normal_", log_normal_), ("normal_", normal_), ("random_", random_), ("uniform_", uniform_),
]  # fmt: skip
