"""Invertible maps with the logarithm of their Jacobian's determinant."""

import math
import weakref
from numbers import Number

import flambeau
from flambeau.nn.functional import softplus

from . import constraints
from .utils import lazy_property, sum_rightmost, tiny, tril_matrix_to_vec, vec_to_tril_matrix

__all__ = [
    "AbsTransform",
    "AffineTransform",
    "CatTransform",
    "ComposeTransform",
    "CorrCholeskyTransform",
    "CumulativeDistributionTransform",
    "ExpTransform",
    "IndependentTransform",
    "LowerCholeskyTransform",
    "PositiveDefiniteTransform",
    "PowerTransform",
    "ReshapeTransform",
    "SigmoidTransform",
    "SoftmaxTransform",
    "SoftplusTransform",
    "StackTransform",
    "StickBreakingTransform",
    "TanhTransform",
    "Transform",
    "identity_transform",
]
real, positive = constraints.real, constraints.positive


class Transform:
    """A map y = f(x) from `domain` to `codomain`.

    A subclass gives `domain`, `codomain`, `_call`, `_inverse` and `log_abs_det_jacobian`. Args of all transforms:
    cache_size: 1 to remember the last pair (x, y), so that the inverse of y is x itself.

    >>> class Double(flambeau.distributions.Transform):
    ...     domain = codomain = constraints.real
    ...     bijective = True
    ...     def _call(self, x):
    ...         return 2 * x
    ...     def _inverse(self, y):
    ...         return y / 2
    >>> t = Double()
    >>> t.inv(t(flambeau.tensor(3.0)))
    tensor(3.)
    """

    bijective = False
    _made_of: tuple = ()  # the attributes that the constructor takes, in order

    def __init__(self, cache_size=0):
        if cache_size not in (0, 1):
            raise ValueError("cache_size must be 0 or 1")
        self._cache_size, self._inv, self._last = cache_size, None, (None, None)

    def __getstate__(self):
        return {**self.__dict__, "_inv": None, "_last": (None, None)}

    @property
    def event_dim(self):
        """How many dimensions on the right are one event, for a map that keeps that number."""
        if self.domain.event_dim != self.codomain.event_dim:
            raise ValueError("Please use either .domain.event_dim or .codomain.event_dim")
        return self.domain.event_dim

    @property
    def inv(self):
        """The inverse map; its own inverse is this transform."""
        inverse = None if self._inv is None else self._inv()
        if inverse is None:
            inverse = _InverseTransform(self)
            self._inv = weakref.ref(inverse)
        return inverse

    @property
    def sign(self):
        """1 where the map increases, -1 where it decreases."""
        raise NotImplementedError

    def with_cache(self, cache_size=1):
        """The same map, with a cache or without."""
        if self._cache_size == cache_size:
            return self
        return type(self)(*(getattr(self, name) for name in self._made_of), cache_size=cache_size)

    def __eq__(self, other):
        if self is other or not self._has_equality or type(self) is not type(other):
            return self is other
        return all(self._same(other, name) for name in self._made_of)

    _has_equality = False

    def _same(self, other, name):
        a, b = getattr(self, name), getattr(other, name)
        if isinstance(a, flambeau.Tensor) or isinstance(b, flambeau.Tensor):
            return bool(flambeau.as_tensor(a == b).all())
        return a == b

    def __call__(self, x):
        """y = f(x)."""
        if self._cache_size == 0:
            return self._call(x)
        if x is not self._last[0] or x is None:
            self._last = x, self._call(x)
        return self._last[1]

    def _inv_call(self, y):
        if self._cache_size == 0:
            return self._inverse(y)
        if y is not self._last[1] or y is None:
            self._last = self._inverse(y), y
        return self._last[0]

    def _call(self, x):
        raise NotImplementedError

    def _inverse(self, y):
        raise NotImplementedError

    def log_abs_det_jacobian(self, x, y):
        """log |det dy/dx|, one number per event."""
        raise NotImplementedError

    def __repr__(self):
        return f"{type(self).__name__}()"

    def forward_shape(self, shape):
        """The shape of f(x) for x of a shape."""
        return shape

    def inverse_shape(self, shape):
        """The shape of x for f(x) of a shape."""
        return shape


class _InverseTransform(Transform):
    """The inverse of a transform, which keeps the transform alive."""

    def __init__(self, transform):
        super().__init__(transform._cache_size)
        self._inv = transform

    def __getstate__(self):
        return self.__dict__

    @constraints.dependent_property(is_discrete=False)
    def domain(self):
        return self._inv.codomain

    @constraints.dependent_property(is_discrete=False)
    def codomain(self):
        return self._inv.domain

    @property
    def bijective(self):
        return self._inv.bijective

    @property
    def sign(self):
        return self._inv.sign

    @property
    def inv(self):
        return self._inv

    def with_cache(self, cache_size=1):
        return self.inv.with_cache(cache_size).inv

    def __eq__(self, other):
        return isinstance(other, _InverseTransform) and self._inv == other._inv

    def __repr__(self):
        return f"_InverseTransform({self._inv!r})"

    def __call__(self, x):
        return self._inv._inv_call(x)

    def log_abs_det_jacobian(self, x, y):
        return -self._inv.log_abs_det_jacobian(y, x)

    def forward_shape(self, shape):
        return self._inv.inverse_shape(shape)

    def inverse_shape(self, shape):
        return self._inv.forward_shape(shape)


class ComposeTransform(Transform):
    """One transform after the other: y = f_n(... f_1(x)).

    >>> t = flambeau.distributions.ComposeTransform([ExpTransform(), AffineTransform(1.0, 2.0)])
    >>> t(flambeau.tensor(0.0))
    tensor(3.)
    """

    def __init__(self, parts, cache_size=0):
        if cache_size:
            parts = [part.with_cache(cache_size) for part in parts]
        super().__init__(cache_size)
        self.parts = parts

    def __eq__(self, other):
        return isinstance(other, ComposeTransform) and self.parts == other.parts

    def _ends(self, parts, first, last):
        """The first end of the chain, with as many event dimensions as the whole chain needs there."""
        if not parts:
            return real
        needed = getattr(parts[-1], last).event_dim
        for part in reversed(parts):
            a, b = getattr(part, first).event_dim, getattr(part, last).event_dim
            needed = max(needed + a - b, a)
        end = getattr(parts[0], first)
        return constraints.independent(end, needed - end.event_dim) if needed > end.event_dim else end

    @constraints.dependent_property(is_discrete=False)
    def domain(self):
        return self._ends(self.parts, "domain", "codomain")

    @constraints.dependent_property(is_discrete=False)
    def codomain(self):
        return self._ends(self.parts[::-1], "codomain", "domain")

    @lazy_property
    def bijective(self):
        return all(part.bijective for part in self.parts)

    @lazy_property
    def sign(self):
        return math.prod(part.sign for part in self.parts)

    @property
    def inv(self):
        inverse = None if self._inv is None else self._inv()
        if inverse is None:
            inverse = ComposeTransform([part.inv for part in reversed(self.parts)])
            self._inv, inverse._inv = weakref.ref(inverse), weakref.ref(self)
        return inverse

    def with_cache(self, cache_size=1):
        return self if self._cache_size == cache_size else ComposeTransform(self.parts, cache_size=cache_size)

    def __call__(self, x):
        for part in self.parts:
            x = part(x)
        return x

    def log_abs_det_jacobian(self, x, y):
        if not self.parts:
            return flambeau.zeros_like(x)
        values = [x]
        for part in self.parts[:-1]:
            values.append(part(values[-1]))
        values.append(y)
        event_dim, terms = self.domain.event_dim, []
        for part, before, after in zip(self.parts, values, values[1:]):
            terms.append(sum_rightmost(part.log_abs_det_jacobian(before, after), event_dim - part.domain.event_dim))
            event_dim += part.codomain.event_dim - part.domain.event_dim
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total

    def forward_shape(self, shape):
        for part in self.parts:
            shape = part.forward_shape(shape)
        return shape

    def inverse_shape(self, shape):
        for part in reversed(self.parts):
            shape = part.inverse_shape(shape)
        return shape

    def __repr__(self):
        return "ComposeTransform(\n    " + ",\n    ".join(repr(part) for part in self.parts) + "\n)"


identity_transform = ComposeTransform([])


class IndependentTransform(Transform):
    """A transform whose last batch dimensions count as one event: their log Jacobians are summed.

    >>> t = flambeau.distributions.IndependentTransform(ExpTransform(), 1)
    >>> t.log_abs_det_jacobian(flambeau.ones(2), flambeau.ones(2).exp())
    tensor(2.)
    """

    _made_of = ("base_transform", "reinterpreted_batch_ndims")

    def __init__(self, base_transform, reinterpreted_batch_ndims, cache_size=0):
        super().__init__(cache_size)
        self.base_transform = base_transform.with_cache(cache_size)
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    @constraints.dependent_property(is_discrete=False)
    def domain(self):
        return constraints.independent(self.base_transform.domain, self.reinterpreted_batch_ndims)

    @constraints.dependent_property(is_discrete=False)
    def codomain(self):
        return constraints.independent(self.base_transform.codomain, self.reinterpreted_batch_ndims)

    @property
    def bijective(self):
        return self.base_transform.bijective

    @property
    def sign(self):
        return self.base_transform.sign

    def _ranked(self, value, constraint):
        if value.dim() < constraint.event_dim:
            raise ValueError("Too few dimensions on input")
        return value

    def _call(self, x):
        return self.base_transform(self._ranked(x, self.domain))

    def _inverse(self, y):
        return self.base_transform.inv(self._ranked(y, self.codomain))

    def log_abs_det_jacobian(self, x, y):
        return sum_rightmost(self.base_transform.log_abs_det_jacobian(x, y), self.reinterpreted_batch_ndims)

    def forward_shape(self, shape):
        return self.base_transform.forward_shape(shape)

    def inverse_shape(self, shape):
        return self.base_transform.inverse_shape(shape)

    def __repr__(self):
        return f"IndependentTransform({self.base_transform!r}, {self.reinterpreted_batch_ndims})"


class ReshapeTransform(Transform):
    """The last dimensions, of shape in_shape, as out_shape.

    >>> flambeau.distributions.ReshapeTransform((2, 3), (6,))(flambeau.zeros(4, 2, 3)).shape
    torch.Size([4, 6])
    """

    bijective = True
    _made_of = ("in_shape", "out_shape")

    def __init__(self, in_shape, out_shape, cache_size=0):
        self.in_shape, self.out_shape = flambeau.Size(in_shape), flambeau.Size(out_shape)
        if self.in_shape.numel() != self.out_shape.numel():
            raise ValueError("in_shape, out_shape have different numbers of elements")
        super().__init__(cache_size)

    @constraints.dependent_property(is_discrete=False)
    def domain(self):
        return constraints.independent(real, len(self.in_shape))

    @constraints.dependent_property(is_discrete=False)
    def codomain(self):
        return constraints.independent(real, len(self.out_shape))

    def _call(self, x):
        return x.reshape(x.shape[: x.dim() - len(self.in_shape)] + self.out_shape)

    def _inverse(self, y):
        return y.reshape(y.shape[: y.dim() - len(self.out_shape)] + self.in_shape)

    def log_abs_det_jacobian(self, x, y):
        return x.new_zeros(x.shape[: x.dim() - len(self.in_shape)])

    def forward_shape(self, shape):
        return _exchanged(shape, self.in_shape, self.out_shape)

    def inverse_shape(self, shape):
        return _exchanged(shape, self.out_shape, self.in_shape)


def _exchanged(shape, old, new):
    """A shape that ends in `old` with `new` there."""
    if len(shape) < len(old):
        raise ValueError("Too few dimensions on input")
    cut = len(shape) - len(old)
    if tuple(shape[cut:]) != tuple(old):
        raise ValueError(f"Shape mismatch: expected {shape[cut:]} but got {old}")
    return shape[:cut] + type(shape)(new)


class _Pointwise(Transform):
    """An increasing map of numbers, without parameters."""

    domain = real
    bijective = True
    sign = 1
    _has_equality = True


class ExpTransform(_Pointwise):
    """y = exp(x).

    >>> flambeau.distributions.ExpTransform()(flambeau.tensor(0.0))
    tensor(1.)
    """

    codomain = positive

    def _call(self, x):
        return x.exp()

    def _inverse(self, y):
        return y.log()

    def log_abs_det_jacobian(self, x, y):
        return x


class SigmoidTransform(_Pointwise):
    """y = 1 / (1 + exp(-x)).

    >>> flambeau.distributions.SigmoidTransform()(flambeau.tensor(0.0))
    tensor(0.5000)
    """

    codomain = constraints.unit_interval

    def _call(self, x):
        return clipped_sigmoid(x)

    def _inverse(self, y):
        y = y.clamp(min=tiny(y), max=1.0 - flambeau.finfo(y.dtype).eps)
        return y.log() - (-y).log1p()

    def log_abs_det_jacobian(self, x, y):
        return -softplus(-x) - softplus(x)


def clipped_sigmoid(x):
    """The sigmoid, kept inside (0, 1)."""
    return flambeau.sigmoid(x).clamp(min=tiny(x), max=1.0 - flambeau.finfo(x.dtype).eps)


class SoftplusTransform(_Pointwise):
    """y = log(1 + exp(x)).

    >>> flambeau.distributions.SoftplusTransform()(flambeau.tensor(0.0))
    tensor(0.6931)
    """

    codomain = positive

    def _call(self, x):
        return softplus(x)

    def _inverse(self, y):
        return (-y).expm1().neg().log() + y

    def log_abs_det_jacobian(self, x, y):
        return -softplus(-x)


class TanhTransform(_Pointwise):
    """y = tanh(x).

    >>> flambeau.distributions.TanhTransform()(flambeau.tensor(0.0))
    tensor(0.)
    """

    codomain = constraints.interval(-1.0, 1.0)

    def _call(self, x):
        return x.tanh()

    def _inverse(self, y):
        return y.atanh()

    def log_abs_det_jacobian(self, x, y):
        return 2.0 * (math.log(2.0) - x - softplus(-2.0 * x))


class AbsTransform(Transform):
    """y = |x|, whose inverse chooses x = y.

    >>> flambeau.distributions.AbsTransform()(flambeau.tensor(-1.0))
    tensor(1.)
    """

    domain, codomain, _has_equality = real, positive, True

    def _call(self, x):
        return x.abs()

    def _inverse(self, y):
        return y


class PowerTransform(Transform):
    """y = x ^ exponent, of positive x.

    >>> flambeau.distributions.PowerTransform(flambeau.tensor(2.0))(flambeau.tensor(3.0))
    tensor(9.)
    """

    domain = codomain = positive
    bijective = _has_equality = True
    _made_of = ("exponent",)

    def __init__(self, exponent, cache_size=0):
        super().__init__(cache_size)
        self.exponent = exponent

    @lazy_property
    def sign(self):
        return flambeau.as_tensor(self.exponent).sign()

    def _call(self, x):
        return x.pow(self.exponent)

    def _inverse(self, y):
        return y.pow(1 / self.exponent)

    def log_abs_det_jacobian(self, x, y):
        return (self.exponent * y / x).abs().log()

    def forward_shape(self, shape):
        return flambeau.broadcast_shapes(shape, getattr(self.exponent, "shape", ()))

    inverse_shape = forward_shape


class AffineTransform(Transform):
    """y = loc + scale x.

    Args:
        loc, scale: numbers or tensors.
        event_dim: how many dimensions on the right are one event.

    >>> flambeau.distributions.AffineTransform(1.0, 2.0)(flambeau.tensor(3.0))
    tensor(7.)
    """

    bijective = _has_equality = True
    _made_of = ("loc", "scale", "event_dim")

    def __init__(self, loc, scale, event_dim=0, cache_size=0):
        super().__init__(cache_size)
        self.loc, self.scale, self._event_dim = loc, scale, event_dim

    @property
    def event_dim(self):
        return self._event_dim

    @constraints.dependent_property(is_discrete=False)
    def domain(self):
        return constraints.independent(real, self.event_dim) if self.event_dim else real

    codomain = domain

    @property
    def sign(self):
        if isinstance(self.scale, Number):
            return (float(self.scale) > 0) - (float(self.scale) < 0)
        return self.scale.sign()

    def _call(self, x):
        return self.loc + self.scale * x

    def _inverse(self, y):
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x, y):
        if isinstance(self.scale, Number):
            result = flambeau.full_like(x, math.log(abs(self.scale)))
        else:
            result = self.scale.abs().log()
        shape = x.shape[: x.dim() - self.event_dim]
        return (sum_rightmost(result, self.event_dim) if self.event_dim else result).expand(shape)

    def forward_shape(self, shape):
        return flambeau.broadcast_shapes(shape, getattr(self.loc, "shape", ()), getattr(self.scale, "shape", ()))

    inverse_shape = forward_shape


class CumulativeDistributionTransform(Transform):
    """y = F(x), the cumulative distribution function: uniform numbers of those that follow the distribution.

    >>> n = flambeau.distributions.Normal(0.0, 1.0)
    >>> flambeau.distributions.CumulativeDistributionTransform(n)(flambeau.tensor(0.0))
    tensor(0.5000)
    """

    bijective = True
    codomain = constraints.unit_interval
    sign = 1
    _made_of = ("distribution",)

    def __init__(self, distribution, cache_size=0):
        super().__init__(cache_size)
        self.distribution = distribution

    @property
    def domain(self):
        return self.distribution.support

    def _call(self, x):
        return self.distribution.cdf(x)

    def _inverse(self, y):
        return self.distribution.icdf(y)

    def log_abs_det_jacobian(self, x, y):
        return self.distribution.log_prob(x)


class _OfVectors(Transform):
    """A map of vectors."""

    domain = constraints.real_vector
    codomain = constraints.simplex

    def forward_shape(self, shape):
        if len(shape) < 1:
            raise ValueError("Too few dimensions on input")
        return shape

    inverse_shape = forward_shape


class SoftmaxTransform(_OfVectors):
    """y = softmax(x); one of many inverses is log y.

    >>> flambeau.distributions.SoftmaxTransform()(flambeau.zeros(2))
    tensor([0.5000, 0.5000])
    """

    _has_equality = True

    def _call(self, x):
        return flambeau.softmax(x, -1)

    def _inverse(self, y):
        return y.log()


class StickBreakingTransform(_OfVectors):
    """n numbers to n + 1 shares of a stick: share k is sigmoid(x_k - log(n - k)) of what is left.

    >>> flambeau.distributions.StickBreakingTransform()(flambeau.zeros(2))
    tensor([0.3333, 0.3333, 0.3333])
    """

    bijective = _has_equality = True

    def _offset(self, like, count):
        return (count + 1 - like.new_ones(count).cumsum(-1)).log()

    def _call(self, x):
        z = clipped_sigmoid(x - self._offset(x, x.shape[-1]))
        one = z.new_ones((*z.shape[:-1], 1))
        return flambeau.cat([z, one], -1) * flambeau.cat([one, (1 - z).cumprod(-1)], -1)

    def _inverse(self, y):
        head = y[..., :-1]
        left = (1 - head.cumsum(-1)).clamp(min=tiny(y))
        return head.log() - left.log() + self._offset(y, head.shape[-1])

    def log_abs_det_jacobian(self, x, y):
        x = x - self._offset(x, x.shape[-1])
        return (y[..., :-1].log() - softplus(x)).sum(-1)

    def forward_shape(self, shape):
        shape = super().forward_shape(shape)
        return shape[:-1] + (shape[-1] + 1,)

    def inverse_shape(self, shape):
        shape = super().forward_shape(shape)
        return shape[:-1] + (shape[-1] - 1,)


class CorrCholeskyTransform(Transform):
    """n(n - 1)/2 numbers to the Cholesky factor of a correlation matrix of n rows.

    tanh makes partial correlations of them; each row is then a stick of length 1 in squares, broken in order
    (Lewandowski, Kurowicka, Joe, 2009).

    >>> flambeau.distributions.CorrCholeskyTransform()(flambeau.zeros(1))
    tensor([[1., 0.],
            [0., 1.]])
    """

    domain = constraints.real_vector
    codomain = constraints.corr_cholesky
    bijective = True

    def _call(self, x):
        self._side(
            x.shape[-1],
            f"The size of last dimension is {x.shape[-1]} which cannot be expressed as the lower triangular part of a "
            "square D x D matrix.",
        )
        eps = flambeau.finfo(x.dtype).eps
        r = vec_to_tril_matrix(x.tanh().clamp(min=-1 + eps, max=1 - eps), -1)
        left = (1 - r * r).sqrt().cumprod(-1)
        return (r + flambeau.eye(r.shape[-1], dtype=r.dtype)) * _shifted(left)

    def _inverse(self, y):
        left = _shifted(1 - (y * y).cumsum(-1))
        return tril_matrix_to_vec(y, -1).div(tril_matrix_to_vec(left, -1).sqrt()).atanh()

    def log_abs_det_jacobian(self, x, y, intermediates=None):
        # dy/dx is triangular: tanh' = 1 - tanh^2, times the length left of the row in front of the entry.
        left = tril_matrix_to_vec(1 - (y * y).cumsum(-1), -2)
        return 0.5 * left.log().sum(-1) - 2.0 * (x + softplus(-2.0 * x) - math.log(2.0)).sum(-1)

    @staticmethod
    def _side(count, message):
        """n of n(n - 1)/2 entries below the diagonal."""
        n = (math.isqrt(8 * count + 1) + 1) // 2
        if n * (n - 1) // 2 != count:
            raise ValueError(message)
        return n

    def forward_shape(self, shape):
        if len(shape) < 1:
            raise ValueError("Too few dimensions on input")
        n = self._side(shape[-1], "Input is not a flattened lower-diagonal number")
        return shape[:-1] + (n, n)

    def inverse_shape(self, shape):
        if len(shape) < 2:
            raise ValueError("Too few dimensions on input")
        if shape[-2] != shape[-1]:
            raise ValueError("Input is not square")
        n = shape[-1]
        return shape[:-2] + (n * (n - 1) // 2,)


def _shifted(left):
    """What is left in front of each entry of a row: 1 in front of the first."""
    return flambeau.cat([left.new_ones((*left.shape[:-1], 1)), left[..., :-1]], -1)


class LowerCholeskyTransform(Transform):
    """The lower triangle of a matrix, with the exponential of its diagonal.

    >>> flambeau.distributions.LowerCholeskyTransform()(flambeau.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """

    domain = constraints.independent(real, 2)
    codomain = constraints.lower_cholesky
    _has_equality = True

    def _call(self, x):
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverse(self, y):
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()


class PositiveDefiniteTransform(Transform):
    """L L^T of the L that `LowerCholeskyTransform` makes.

    >>> flambeau.distributions.PositiveDefiniteTransform()(flambeau.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """

    domain = constraints.independent(real, 2)
    codomain = constraints.positive_definite
    _has_equality = True

    def _call(self, x):
        lower = LowerCholeskyTransform()(x)
        return lower @ lower.mT

    def _inverse(self, y):
        return LowerCholeskyTransform().inv(flambeau.linalg.cholesky(y))


class _OfParts(Transform):
    """Transforms of the parts of a tensor along a dimension."""

    def __init__(self, tseq, dim=0, cache_size=0):
        if not all(isinstance(t, Transform) for t in tseq):
            raise AssertionError("All elements of tseq must be Transform instances")
        super().__init__(cache_size)
        self.transforms = [t.with_cache(cache_size) for t in tseq] if cache_size else list(tseq)
        self.dim = dim

    def _check_size(self, value, size, name, letter):
        if not -value.dim() <= self.dim < value.dim():
            raise AssertionError(f"dim {self.dim} out of range for tensor with {value.dim()} dimensions")
        if value.shape[self.dim] != size:
            found = f"{letter}.size({self.dim}) = {value.shape[self.dim]}"
            raise AssertionError(f"{found} must equal {name} {size}")

    @property
    def bijective(self):
        return all(t.bijective for t in self.transforms)


class CatTransform(_OfParts):
    """Transforms of parts of the given lengths along dim.

    >>> t = flambeau.distributions.CatTransform([ExpTransform(), identity_transform], lengths=[1, 1])
    >>> t(flambeau.zeros(2))
    tensor([1., 0.])
    """

    _made_of = ("transforms", "dim", "lengths")

    def __init__(self, tseq, dim=0, lengths=None, cache_size=0):
        super().__init__(tseq, dim, cache_size)
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.transforms):
            raise AssertionError(f"lengths ({len(self.lengths)}) must match transforms ({len(self.transforms)})")

    @lazy_property
    def event_dim(self):
        return max(t.event_dim for t in self.transforms)

    @lazy_property
    def length(self):
        return sum(self.lengths)

    def _parts(self, value, letter):
        self._check_size(value, self.length, "length", letter)
        return value.split(self.lengths, self.dim)

    def _call(self, x):
        return flambeau.cat([t(part) for t, part in zip(self.transforms, self._parts(x, "x"))], self.dim)

    def _inverse(self, y):
        return flambeau.cat([t.inv(part) for t, part in zip(self.transforms, self._parts(y, "y"))], self.dim)

    def log_abs_det_jacobian(self, x, y):
        terms = []
        for t, before, after in zip(self.transforms, self._parts(x, "x"), self._parts(y, "y")):
            terms.append(sum_rightmost(t.log_abs_det_jacobian(before, after), self.event_dim - t.event_dim))
        dim = (self.dim - x.dim() if self.dim >= 0 else self.dim) + self.event_dim
        if dim < 0:
            return flambeau.cat(terms, dim)
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total

    @constraints.dependent_property
    def domain(self):
        return constraints.cat([t.domain for t in self.transforms], self.dim, self.lengths)

    @constraints.dependent_property
    def codomain(self):
        return constraints.cat([t.codomain for t in self.transforms], self.dim, self.lengths)


class StackTransform(_OfParts):
    """Transforms of the slices along dim.

    >>> t = flambeau.distributions.StackTransform([ExpTransform(), identity_transform])
    >>> t(flambeau.zeros(2))
    tensor([1., 0.])
    """

    _made_of = ("transforms", "dim")

    def _slices(self, value, letter):
        self._check_size(value, len(self.transforms), "len(transforms)", letter)
        return value.unbind(self.dim)

    def _call(self, x):
        return flambeau.stack([t(part) for t, part in zip(self.transforms, self._slices(x, "x"))], self.dim)

    def _inverse(self, y):
        return flambeau.stack([t.inv(part) for t, part in zip(self.transforms, self._slices(y, "y"))], self.dim)

    def log_abs_det_jacobian(self, x, y):
        parts = zip(self.transforms, self._slices(x, "x"), self._slices(y, "y"))
        return flambeau.stack([t.log_abs_det_jacobian(before, after) for t, before, after in parts], self.dim)

    @constraints.dependent_property
    def domain(self):
        return constraints.stack([t.domain for t in self.transforms], self.dim)

    @constraints.dependent_property
    def codomain(self):
        return constraints.stack([t.codomain for t in self.transforms], self.dim)
