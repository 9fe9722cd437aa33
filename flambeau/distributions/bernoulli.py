"""Trials that succeed or fail, and what is counted: successes, failures, events."""

import math

import flambeau
from flambeau.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from . import constraints
from .distribution import Distribution, ExponentialFamily
from .gamma import Gamma
from .utils import broadcast_all, clamp_probs, lazy_property, logits_to_probs, only_one, probs_to_logits

__all__ = ["Bernoulli", "Binomial", "ContinuousBernoulli", "Geometric", "NegativeBinomial", "Poisson"]


class _Chance(Distribution):
    """A distribution of trials: `probs`, the chance of success, or `logits` = log(probs / (1 - probs))."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}

    def _set_chance(self, probs, logits, validate_args, **others):
        name = only_one(probs=probs, logits=logits)
        self._set(validate_args, **others, **{name: probs if logits is None else logits})

    @lazy_property
    def logits(self):
        """The log-odds of success."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self):
        """The probability of success."""
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def _param(self):
        return self.__dict__["probs" if "probs" in self.__dict__ else "logits"]

    @property
    def param_shape(self):
        """The shape of the probabilities."""
        return self._param.shape


class Bernoulli(_Chance, ExponentialFamily):
    """1 with probability probs, else 0.

    Args:
        probs: in [0, 1].
        logits: log(probs / (1 - probs)). One of the two is given.

    >>> flambeau.distributions.Bernoulli(0.25).log_prob(flambeau.tensor([0.0, 1.0])).exp()
    tensor([0.7500, 0.2500])
    """

    support = constraints.boolean
    has_enumerate_support = True
    _mean_carrier_measure = 0
    _params = ("probs", "logits")

    def __init__(self, probs=None, logits=None, validate_args=None):
        self._set_chance(probs, logits, validate_args)

    @property
    def mean(self):
        return self.probs

    @property
    def mode(self):
        likely = (self.probs >= 0.5).to(self.probs.dtype)
        return flambeau.where(self.probs == 0.5, float("nan"), likely)

    @property
    def variance(self):
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape=()):
        with flambeau.no_grad():
            return flambeau.bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value):
        logits, value = broadcast_all(self.logits, self._checked(value))
        return -binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self):
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def enumerate_support(self, expand=True):
        return self._enumerated(flambeau.arange(2, dtype=self._param.dtype), expand)

    @property
    def _natural_params(self):
        return (self.logits,)

    def _log_normalizer(self, x):
        return flambeau.nn.functional.softplus(x)


class ContinuousBernoulli(_Chance, ExponentialFamily):
    """Numbers in [0, 1] with density C probs^x (1 - probs)^(1 - x) (Loaiza-Ganem and Cunningham, 2019).

    Args:
        probs: in (0, 1).
        logits: log(probs / (1 - probs)). One of the two is given.
        lims: between these, where the formulas cancel, Taylor's series are used.

    >>> flambeau.distributions.ContinuousBernoulli(0.5).log_prob(flambeau.tensor(0.3))
    tensor(0.)
    """

    support = constraints.unit_interval
    _mean_carrier_measure = 0
    has_rsample = True
    _params = ("probs", "logits")
    _fixed = ("_lims",)

    def __init__(self, probs=None, logits=None, lims=(0.499, 0.501), validate_args=None):
        self._lims = lims
        self._set_chance(probs, logits, validate_args)
        if logits is None:
            self.probs = clamp_probs(self.probs)

    def _outside(self):
        return (self.probs <= self._lims[0]) | (self.probs > self._lims[1])

    def _cut_probs(self):
        """The probabilities, and a harmless one where they are near 1/2."""
        return flambeau.where(self._outside(), self.probs, self._lims[0])

    def _cont_bern_log_norm(self):
        """log C, with C = 2 artanh(1 - 2p) / (1 - 2p)."""
        p, x = self._cut_probs(), (self.probs - 0.5) ** 2
        exact = ((-p).log1p() - p.log()).abs().log() - (1 - 2 * p).abs().log()
        return flambeau.where(self._outside(), exact, math.log(2.0) + (4 / 3 + 104 / 45 * x) * x)

    @property
    def mean(self):
        p, x = self._cut_probs(), self.probs - 0.5
        exact = p / (2 * p - 1) + 1 / ((-p).log1p() - p.log())
        return flambeau.where(self._outside(), exact, 0.5 + (1 / 3 + 16 / 45 * x**2) * x)

    @property
    def variance(self):
        p, x = self._cut_probs(), (self.probs - 0.5) ** 2
        exact = p * (p - 1) / (1 - 2 * p) ** 2 + 1 / ((-p).log1p() - p.log()) ** 2
        return flambeau.where(self._outside(), exact, 1 / 12 - (1 / 15 - 128 / 945 * x) * x)

    def rsample(self, sample_shape=()):
        return self.icdf(flambeau.rand(self._extended_shape(sample_shape), dtype=self.probs.dtype))

    def log_prob(self, value):
        logits, value = broadcast_all(self.logits, self._checked(value))
        return -binary_cross_entropy_with_logits(logits, value, reduction="none") + self._cont_bern_log_norm()

    def cdf(self, value):
        p, value = self._cut_probs(), self._checked(value)
        exact = (p**value * (1 - p) ** (1 - value) + p - 1) / (2 * p - 1)
        return flambeau.where(self._outside(), exact, value).clamp(0.0, 1.0)

    def icdf(self, value):
        p = self._cut_probs()
        exact = ((-p + value * (2 * p - 1)).log1p() - (-p).log1p()) / (p.log() - (-p).log1p())
        return flambeau.where(self._outside(), exact, value)

    def entropy(self):
        log_odds = (-self.probs).log1p() - self.probs.log()
        return self.mean * log_odds - self._cont_bern_log_norm() - (-self.probs).log1p()

    @property
    def _natural_params(self):
        return (self.logits,)

    def _log_normalizer(self, x):
        """log((exp(x) - 1) / x)."""
        far = (x < self._lims[0] - 0.5) | (x > self._lims[1] - 0.5)
        cut = flambeau.where(far, x, self._lims[0] - 0.5)
        exact = cut.expm1().abs().log() - cut.abs().log()
        return flambeau.where(far, exact, 0.5 * x + x**2 / 24 - x**4 / 2880)


class Binomial(_Chance):
    """The number of successes in total_count trials.

    Args:
        total_count: number or tensor of counts.
        probs: the chance of success, in [0, 1].
        logits: log(probs / (1 - probs)). One of the two is given.

    >>> flambeau.distributions.Binomial(2, flambeau.tensor(0.5)).log_prob(flambeau.tensor([0.0, 1.0])).exp()
    tensor([0.2500, 0.5000])
    """

    arg_constraints = {"total_count": constraints.nonnegative_integer, **_Chance.arg_constraints}
    has_enumerate_support = True
    _params = ("total_count", "probs", "logits")

    def __init__(self, total_count=1, probs=None, logits=None, validate_args=None):
        if isinstance(total_count, flambeau.Tensor):
            given = probs if logits is None else logits
            total_count = total_count.to(getattr(given, "dtype", flambeau.get_default_dtype()))
        self._set_chance(probs, logits, validate_args, total_count=total_count)
        self.total_count = self.total_count.to(self._param.dtype)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self):
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self):
        return self.total_count * self.probs

    @property
    def mode(self):
        return flambeau.minimum(((self.total_count + 1) * self.probs).floor(), self.total_count)

    @property
    def variance(self):
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        with flambeau.no_grad():
            return flambeau.binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value):
        n, value = self.total_count, self._checked(value)
        choose = (n + 1).lgamma() - (value + 1).lgamma() - (n - value + 1).lgamma()
        return choose + value * self.logits + n * logsigmoid(-self.logits)

    def _one_count(self):
        count = int(self.total_count.max())
        if not self.total_count.min() == count:
            raise NotImplementedError("Inhomogeneous total count not supported by `enumerate_support`.")
        return count

    def entropy(self):
        self._one_count()
        log_probs = self.log_prob(self.enumerate_support(False))
        return -(log_probs.exp() * log_probs).sum(0)

    def enumerate_support(self, expand=True):
        return self._enumerated(flambeau.arange(1 + self._one_count(), dtype=self._param.dtype), expand)


class Geometric(_Chance):
    """The number of failures before the first success.

    Args:
        probs: the chance of success, in (0, 1].
        logits: log(probs / (1 - probs)). One of the two is given.

    >>> flambeau.distributions.Geometric(0.5).log_prob(flambeau.tensor([0.0, 1.0])).exp()
    tensor([0.5000, 0.2500])
    """

    support = constraints.nonnegative_integer
    _params = ("probs", "logits")

    def __init__(self, probs=None, logits=None, validate_args=None):
        self._set_chance(probs, logits, validate_args)
        if self._validate_args and logits is None and not (self.probs > 0).all():
            raise ValueError(
                f"Expected parameter probs ({type(self.probs).__name__} of shape {tuple(self.probs.shape)}) of "
                f"distribution {self!r} to be positive but found invalid values:\n{self.probs[~(self.probs > 0)]}"
            )

    @property
    def mean(self):
        return 1 / self.probs - 1

    @property
    def mode(self):
        return flambeau.zeros_like(self.probs)

    @property
    def variance(self):
        return (1 / self.probs - 1) / self.probs

    def sample(self, sample_shape=()):
        with flambeau.no_grad():
            u = flambeau.empty(self._extended_shape(sample_shape), dtype=self.probs.dtype)
            u.uniform_(flambeau.finfo(u.dtype).tiny, 1)
            return (u.log() / (-self.probs).log1p()).floor()

    def log_prob(self, value):
        value, probs = broadcast_all(self._checked(value), self.probs)
        failing = flambeau.where((probs == 1) & (value == 0), 0.0, probs)
        return value * (-failing).log1p() + self.probs.log()

    def entropy(self):
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none") / self.probs


class NegativeBinomial(_Chance):
    """The number of successes before total_count failures.

    Args:
        total_count: number or tensor, not negative; need not be an integer.
        probs: the chance of success, in [0, 1).
        logits: log(probs / (1 - probs)). One of the two is given.

    >>> flambeau.distributions.NegativeBinomial(1.0, flambeau.tensor(0.5)).log_prob(flambeau.tensor(1.0)).exp()
    tensor(0.2500)
    """

    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer
    _params = ("total_count", "probs", "logits")

    def __init__(self, total_count, probs=None, logits=None, validate_args=None):
        self._set_chance(probs, logits, validate_args, total_count=total_count)
        self.total_count = self.total_count.to(self._param.dtype)

    @property
    def mean(self):
        return self.total_count * self.logits.exp()

    @property
    def mode(self):
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self):
        return self.mean / flambeau.sigmoid(-self.logits)

    @lazy_property
    def _gamma(self):
        return Gamma(self.total_count, (-self.logits).exp(), validate_args=False)

    def sample(self, sample_shape=()):
        with flambeau.no_grad():
            return flambeau.poisson(self._gamma.sample(sample_shape))

    def log_prob(self, value):
        n, value = self.total_count, self._checked(value)
        powers = n * logsigmoid(-self.logits) + value * logsigmoid(self.logits)
        choose = (n + value).lgamma() - (1 + value).lgamma() - n.lgamma()
        return powers + choose.masked_fill(n + value == 0, 0.0)


class Poisson(ExponentialFamily):
    """The number of events of a given rate: rate^k exp(-rate) / k!.

    Args:
        rate: number or tensor, not negative.

    >>> flambeau.distributions.Poisson(1.0).log_prob(flambeau.tensor([0.0, 1.0]))
    tensor([-1., -1.])
    """

    arg_constraints = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer
    _params = ("rate",)

    def __init__(self, rate, validate_args=None):
        self._set(validate_args, rate=rate)

    @property
    def mean(self):
        return self.rate

    @property
    def mode(self):
        return self.rate.floor()

    @property
    def variance(self):
        return self.rate

    def sample(self, sample_shape=()):
        with flambeau.no_grad():
            return flambeau.poisson(self.rate.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value):
        rate, value = broadcast_all(self.rate, self._checked(value))
        return value.xlogy(rate) - rate - (value + 1).lgamma()

    @property
    def _natural_params(self):
        return (self.rate.log(),)

    def _log_normalizer(self, x):
        return x.exp()
