"""Heavy tails and extremes."""

import math

import flambeau

from . import constraints
from .distribution import Distribution, Symmetric
from .gamma import Exponential, Gamma, defined
from .normal import Folded
from .transformed_distribution import TransformedDistribution
from .transforms import AffineTransform, ExpTransform, PowerTransform
from .uniform import Uniform
from .utils import broadcast_all, euler_constant

__all__ = [
    "Cauchy",
    "GeneralizedPareto",
    "Gumbel",
    "HalfCauchy",
    "InverseGamma",
    "Laplace",
    "Pareto",
    "Weibull",
]


class Cauchy(Distribution):
    """Density 1 / (pi scale (1 + ((x - loc) / scale)^2)): no mean, no variance.

    Args:
        loc: the median.
        scale: half the width at half the height, positive.

    >>> flambeau.distributions.Cauchy(0.0, 1.0).cdf(flambeau.tensor(1.0))
    tensor(0.7500)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True
    _params = ("loc", "scale")

    def __init__(self, loc, scale, validate_args=None):
        self._set(validate_args, loc=loc, scale=scale)

    @property
    def mean(self):
        return flambeau.full_like(self.loc, float("nan"))

    @property
    def mode(self):
        return self.loc

    @property
    def variance(self):
        return flambeau.full_like(self.loc, float("inf"))

    def rsample(self, sample_shape=()):
        drawn = flambeau.empty(self._extended_shape(sample_shape), dtype=self.loc.dtype).cauchy_()
        return self.loc + drawn * self.scale

    def log_prob(self, value):
        y = (self._checked(value) - self.loc) / self.scale
        return -math.log(math.pi) - self.scale.log() - (y**2).log1p()

    def cdf(self, value):
        return flambeau.atan((self._checked(value) - self.loc) / self.scale) / math.pi + 0.5

    def icdf(self, value):
        return flambeau.tan(math.pi * (value - 0.5)) * self.scale + self.loc

    def entropy(self):
        return math.log(4 * math.pi) + self.scale.log()


class HalfCauchy(Folded):
    """|x| of x ~ Cauchy(0, scale).

    Args:
        scale: positive.

    >>> flambeau.distributions.HalfCauchy(1.0).cdf(flambeau.tensor(1.0))
    tensor(0.5000)
    """

    _params: tuple = ()

    def __init__(self, scale, validate_args=None):
        super().__init__(Cauchy(0, scale, validate_args=False), validate_args)

    @property
    def mean(self):
        return flambeau.full_like(self.scale, float("inf"))

    @property
    def variance(self):
        return self.base_dist.variance


class Laplace(Symmetric, Distribution):
    """Density exp(-|x - loc| / scale) / (2 scale).

    Args:
        loc: the mean.
        scale: positive.

    >>> flambeau.distributions.Laplace(0.0, 1.0).log_prob(flambeau.tensor(0.0)).exp()
    tensor(0.5000)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True
    _params = ("loc", "scale")

    def __init__(self, loc, scale, validate_args=None):
        self._set(validate_args, loc=loc, scale=scale)

    @property
    def variance(self):
        return 2 * self.scale**2

    @property
    def stddev(self):
        return 2**0.5 * self.scale

    def rsample(self, sample_shape=()):
        u = flambeau.empty(self._extended_shape(sample_shape), dtype=self.loc.dtype)
        u.uniform_(flambeau.finfo(u.dtype).eps - 1, 1)
        return self.loc - self.scale * u.sign() * (-u.abs()).log1p()

    def log_prob(self, value):
        return -(2 * self.scale).log() - (self._checked(value) - self.loc).abs() / self.scale

    def cdf(self, value):
        y = self._checked(value) - self.loc
        return 0.5 - 0.5 * y.sign() * (-y.abs() / self.scale).expm1()

    def icdf(self, value):
        y = value - 0.5
        return self.loc - self.scale * y.sign() * (-2 * y.abs()).log1p()

    def entropy(self):
        return 1 + (2 * self.scale).log()


class Gumbel(TransformedDistribution):
    """The distribution function exp(-exp(-(x - loc) / scale)): of the largest of many numbers.

    Args:
        loc: the mode.
        scale: positive.

    >>> flambeau.distributions.Gumbel(0.0, 1.0).mean
    tensor(0.5772)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    _params = ("loc", "scale")

    def __init__(self, loc, scale, validate_args=None):
        self.loc, self.scale = broadcast_all(loc, scale)
        info = flambeau.finfo(self.loc.dtype)
        low, high = flambeau.full_like(self.loc, info.tiny), flambeau.full_like(self.loc, 1 - info.eps)
        steps = [
            ExpTransform().inv,
            AffineTransform(0, -flambeau.ones_like(self.scale)),
            ExpTransform().inv,
            AffineTransform(self.loc, -self.scale),
        ]
        super().__init__(Uniform(low, high, validate_args=validate_args), steps, validate_args=validate_args)

    def log_prob(self, value):
        y = (self.loc - self._checked(value)) / self.scale
        return y - y.exp() - self.scale.log()

    @property
    def mean(self):
        return self.loc + self.scale * euler_constant

    @property
    def mode(self):
        return self.loc

    @property
    def stddev(self):
        return math.pi / math.sqrt(6) * self.scale

    @property
    def variance(self):
        return self.stddev**2

    def entropy(self):
        return self.scale.log() + (1 + euler_constant)


class Pareto(TransformedDistribution):
    """Density alpha scale^alpha / x^(alpha + 1) from scale on.

    Args:
        scale: the least value, positive.
        alpha: positive.

    >>> flambeau.distributions.Pareto(1.0, 2.0).mean
    tensor(2.)
    """

    arg_constraints = {"alpha": constraints.positive, "scale": constraints.positive}
    _params = ("scale", "alpha")

    def __init__(self, scale, alpha, validate_args=None):
        self.scale, self.alpha = broadcast_all(scale, alpha)
        base = Exponential(self.alpha, validate_args=validate_args)
        super().__init__(base, [ExpTransform(), AffineTransform(0, self.scale)], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self):
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self):
        a = self.alpha
        return defined(a > 1, a * self.scale / (a - 1), float("inf"))

    @property
    def mode(self):
        return self.scale

    @property
    def variance(self):
        a = self.alpha
        return defined(a > 2, self.scale**2 * a / ((a - 1) ** 2 * (a - 2)), float("inf"))

    def entropy(self):
        return (self.scale / self.alpha).log() + (1 + self.alpha.reciprocal())


class GeneralizedPareto(Distribution):
    """What exceeds a threshold: 1 - F(x) = (1 + k z)^(-1/k), z = (x - loc) / scale, with k the concentration;
    exp(-z) at k = 0.

    Args:
        loc: the threshold.
        scale: positive.
        concentration: k; below 0 the support ends at loc - scale / k.

    >>> flambeau.distributions.GeneralizedPareto(0.0, 1.0, 0.5).mean
    tensor(2.)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive, "concentration": constraints.real}
    has_rsample = True
    _params = ("loc", "scale", "concentration")

    def __init__(self, loc, scale, concentration, validate_args=None):
        self._set(validate_args, loc=loc, scale=scale, concentration=concentration)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self):
        k = self.concentration
        return constraints.interval(self.loc, defined(k < 0, self.loc - self.scale / k, float("inf")))

    def _shape(self):
        """Where the concentration is as good as 0, and the concentration with 1 there."""
        zero = flambeau.isclose(self.concentration, flambeau.zeros_like(self.concentration))
        return zero, flambeau.where(zero, 1.0, self.concentration)

    def _z(self, x):
        return (x - self.loc) / self.scale

    def rsample(self, sample_shape=()):
        return self.icdf(flambeau.rand(self._extended_shape(sample_shape), dtype=self.loc.dtype))

    def log_prob(self, value):
        z, (zero, k) = self._z(self._checked(value)), self._shape()
        power = 1 / k + 1
        power = flambeau.where(power == 0, power, power * (k * z).log1p())  # k = -1: uniform up to the very end
        return -self.scale.log() - flambeau.where(zero, z, power)

    def log_survival_function(self, value):
        """log(1 - F(value))."""
        z, (zero, k) = self._z(self._checked(value)), self._shape()
        return flambeau.where(zero, -z, -(k * z).log1p() / k)

    def log_cdf(self, value):
        """log F(value)."""
        return (-self.log_survival_function(value).exp()).log1p()

    def cdf(self, value):
        return -self.log_survival_function(value).expm1()

    def icdf(self, value):
        (zero, k), log_survival = self._shape(), (-value).log1p()
        far = self.loc + self.scale * (-k * log_survival).expm1() / k
        return flambeau.where(zero, self.loc - self.scale * log_survival, far)

    @property
    def mean(self):
        k = self.concentration
        return defined(k < 1, self.loc + self.scale / (1 - flambeau.where(k < 1, k, 0.5)))

    @property
    def variance(self):
        below = self.concentration < 0.5
        k = flambeau.where(below, self.concentration, 0.25)
        return defined(below, self.scale**2 / ((1 - k) ** 2 * (1 - 2 * k)))

    @property
    def mode(self):
        return self.loc

    def entropy(self):
        return self.scale.log() + self.concentration + 1


class Weibull(TransformedDistribution):
    """1 - F(x) = exp(-(x / scale)^k), with k the concentration. The mode is 0 for k up to 1.

    Args:
        scale: positive.
        concentration: k, positive.

    >>> flambeau.distributions.Weibull(2.0, 1.0).mean
    tensor(2.)
    """

    arg_constraints = {"scale": constraints.positive, "concentration": constraints.positive}
    support = constraints.positive
    _params = ("scale", "concentration", "concentration_reciprocal")

    def __init__(self, scale, concentration, validate_args=None):
        self.scale, self.concentration = broadcast_all(scale, concentration)
        self.concentration_reciprocal = self.concentration.reciprocal()
        base = Exponential(flambeau.ones_like(self.scale), validate_args=validate_args)
        steps = [PowerTransform(self.concentration_reciprocal), AffineTransform(0, self.scale)]
        super().__init__(base, steps, validate_args=validate_args)

    def _moment(self, n):
        return (1 + n * self.concentration_reciprocal).lgamma().exp()

    @property
    def mean(self):
        return self.scale * self._moment(1)

    @property
    def mode(self):
        k = self.concentration
        return self.scale * ((k - 1) / k).clamp(min=0) ** k.reciprocal()

    @property
    def variance(self):
        return self.scale**2 * (self._moment(2) - self._moment(1) ** 2)

    def entropy(self):
        r = self.concentration_reciprocal
        return euler_constant * (1 - r) + (self.scale * r).log() + 1


class InverseGamma(TransformedDistribution):
    """1 / x of x ~ Gamma(concentration, rate).

    Args:
        concentration, rate: positive.

    >>> flambeau.distributions.InverseGamma(3.0, 2.0).mean
    tensor(1.)
    """

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.positive
    has_rsample = True
    _params: tuple = ()

    def __init__(self, concentration, rate, validate_args=None):
        base = Gamma(concentration, rate, validate_args=validate_args)
        super().__init__(base, PowerTransform(-base.rate.new_ones(())), validate_args=validate_args)

    @property
    def concentration(self):
        """The concentration of 1 / x."""
        return self.base_dist.concentration

    @property
    def rate(self):
        """The rate of 1 / x."""
        return self.base_dist.rate

    @property
    def mean(self):
        c = self.concentration
        return defined(c > 1, self.rate / (c - 1), float("inf"))

    @property
    def mode(self):
        return self.rate / (self.concentration + 1)

    @property
    def variance(self):
        c = self.concentration
        return defined(c > 2, self.rate**2 / ((c - 1) ** 2 * (c - 2)), float("inf"))

    def entropy(self):
        c = self.concentration
        return c + self.rate.log() + c.lgamma() - (1 + c) * c.digamma()
