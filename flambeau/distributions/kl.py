"""Kullback-Leibler divergences KL(p || q) = E_p[log p - log q].

Pairs of one family have their own formula. All others are the cross-entropy -E_p[log q], which needs a few means under p
(of x, x^2, log x, exp(-x / s)), less the entropy of p; it is infinite where p reaches beyond q's support.
"""

import functools
import math
import warnings

import flambeau
from flambeau.nn.functional import softplus

from .bernoulli import Bernoulli, Binomial, ContinuousBernoulli, Geometric, Poisson
from .beta import Beta, Dirichlet
from .categorical import Categorical, OneHotCategorical
from .cauchy import Cauchy, Gumbel, HalfCauchy, Laplace, Pareto
from .distribution import ExponentialFamily
from .gamma import Exponential, Gamma
from .multivariate_normal import LowRankMultivariateNormal, MultivariateNormal
from .normal import HalfNormal, Normal
from .transformed_distribution import Independent, TransformedDistribution
from .uniform import Uniform
from .utils import euler_constant, sum_rightmost

__all__ = ["kl_divergence", "register_kl"]
_KL_REGISTRY: dict = {}
_KL_MEMOIZE: dict = {}
INFINITY = float("inf")


def register_kl(type_p, type_q):
    """A decorator of the function of (p, q) that computes KL(p || q) for two classes and their subclasses.

    Raises:
        TypeError: a type is no class.

    >>> class Mine(flambeau.distributions.Normal):
    ...     pass
    >>> @flambeau.distributions.register_kl(Mine, Mine)
    ... def _(p, q):
    ...     return flambeau.zeros(())
    >>> flambeau.distributions.kl_divergence(Mine(0.0, 1.0), Mine(1.0, 1.0))
    tensor(0.)
    """
    for kind, name in ((type_p, "type_p"), (type_q, "type_q")):
        if not isinstance(kind, type):
            raise TypeError(f"[register_kl] issubclass() arg 1 must be a class: {name} is {kind!r}")

    def decorator(function):
        _KL_REGISTRY[type_p, type_q] = function
        _KL_MEMOIZE.clear()
        return function

    return decorator


def _dispatch_kl(type_p, type_q):
    """The function of the nearest classes, seen from p; a warning if seen from q it is another."""
    matches = [(p, q) for p, q in _KL_REGISTRY if issubclass(type_p, p) and issubclass(type_q, q)]
    if not matches:
        return NotImplemented

    def from_p(pair):
        return type_p.__mro__.index(pair[0]), type_q.__mro__.index(pair[1])

    left = min(matches, key=from_p)
    right = min(matches, key=lambda pair: from_p(pair)[::-1])
    if _KL_REGISTRY[left] is not _KL_REGISTRY[right]:
        warnings.warn(
            f"Ambiguous kl_divergence({type_p.__name__}, {type_q.__name__}). "
            f"Please register_kl({left[0].__name__}, {right[1].__name__})",
            RuntimeWarning,
            stacklevel=3,
        )
    return _KL_REGISTRY[left]


def kl_divergence(p, q):
    """KL(p || q), the integral of p(x) log(p(x) / q(x)), of shape batch_shape.

    Raises:
        NotImplementedError: no function is registered for the two classes.

    >>> d = flambeau.distributions
    >>> d.kl_divergence(d.Normal(0.0, 1.0), d.Normal(1.0, 1.0))
    tensor(0.5000)
    """
    types = type(p), type(q)
    if types not in _KL_MEMOIZE:
        _KL_MEMOIZE[types] = _dispatch_kl(*types)
    function = _KL_MEMOIZE[types]
    if function is NotImplemented:
        names = f"p type {types[0].__name__} and q type {types[1].__name__}"
        raise NotImplementedError(f"No KL(p || q) is implemented for {names}")
    return function(p, q)


# ---- one family


def _infinite_where(condition, value):
    return flambeau.where(condition, INFINITY, value)


def _weighted(chance, other, log_ratio):
    """chance * log_ratio, which is infinite where only q excludes an outcome and 0 where p does."""
    value = _infinite_where(other == 0, chance * log_ratio)
    return flambeau.where(chance == 0, 0.0, value)


@register_kl(Bernoulli, Bernoulli)
def _kl_bernoulli(p, q):
    success = _weighted(p.probs, q.probs, softplus(-q.logits) - softplus(-p.logits))
    return success + _weighted(1 - p.probs, 1 - q.probs, softplus(q.logits) - softplus(p.logits))


@register_kl(Binomial, Binomial)
def _kl_binomial(p, q):
    if (p.total_count < q.total_count).any():
        raise NotImplementedError("KL between Binomials where q.total_count > p.total_count is not implemented")
    value = p.total_count * (p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p())
    return _infinite_where(p.total_count > q.total_count, value)


@register_kl(Categorical, Categorical)
def _kl_categorical(p, q):
    return _weighted(p.probs, q.probs, p.logits - q.logits).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _kl_one_hot(p, q):
    return _kl_categorical(p._categorical, q._categorical)


@register_kl(Geometric, Geometric)
def _kl_geometric(p, q):
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _kl_poisson(p, q):
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Beta, Beta)
def _kl_beta(p, q):
    return _kl_dirichlet(p._dirichlet, q._dirichlet)


@register_kl(Dirichlet, Dirichlet)
def _kl_dirichlet(p, q):
    a, b = p.concentration, q.concentration
    total = a.sum(-1)
    norms = total.lgamma() - b.sum(-1).lgamma() - (a.lgamma() - b.lgamma()).sum(-1)
    return norms + ((a - b) * (a.digamma() - total.digamma().unsqueeze(-1))).sum(-1)


@register_kl(Gamma, Gamma)
def _kl_gamma(p, q):
    a, b = p.concentration, q.concentration
    value = b * (p.rate / q.rate).log() + b.lgamma() - a.lgamma()
    return value + (a - b) * a.digamma() + (q.rate - p.rate) * (a / p.rate)


@register_kl(Exponential, Exponential)
def _kl_exponential(p, q):
    ratio = q.rate / p.rate
    return -ratio.log() + ratio - 1


@register_kl(Normal, Normal)
def _kl_normal(p, q):
    ratio = (p.scale / q.scale) ** 2
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - ratio.log())


@register_kl(HalfNormal, HalfNormal)
@register_kl(HalfCauchy, HalfCauchy)
@register_kl(TransformedDistribution, TransformedDistribution)
def _kl_transformed(p, q):
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError("[kl_divergence] the two distributions are transformed in different ways")
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Independent, Independent)
def _kl_independent(p, q):
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("[kl_divergence] the two distributions have different reinterpreted_batch_ndims")
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(Laplace, Laplace)
def _kl_laplace(p, q):
    ratio, distance = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + distance / q.scale + ratio * (-distance / p.scale).exp() - 1


@register_kl(Cauchy, Cauchy)
def _kl_cauchy(p, q):
    return ((p.scale + q.scale) ** 2 + (p.loc - q.loc) ** 2).log() - (4 * p.scale * q.scale).log()


@register_kl(Gumbel, Gumbel)
def _kl_gumbel(p, q):
    ratio, shift = p.scale / q.scale, (p.loc - q.loc) / q.scale
    return shift - ratio.log() + ratio * euler_constant + (-shift + (1 + ratio).lgamma()).exp() - (1 + euler_constant)


@register_kl(Pareto, Pareto)
def _kl_pareto(p, q):
    ratio = q.alpha / p.alpha
    value = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return _infinite_where(p.scale < q.scale, value)


@register_kl(Uniform, Uniform)
def _kl_uniform(p, q):
    value = ((q.high - q.low) / (p.high - p.low)).log()
    return _infinite_where((q.low > p.low) | (q.high < p.high), value)


@register_kl(ExponentialFamily, ExponentialFamily)
def _kl_exponential_family(p, q):
    if type(p) is not type(q):
        raise NotImplementedError(
            "The cross KL-divergence between different exponential families cannot be computed using Bregman divergences"
        )
    etas, value, means = p._normalizer_and_means()
    others = q._natural_params
    steps = sum(p._summed((other - eta) * mean) for eta, other, mean in zip(etas, others, means))
    return q._log_normalizer(*others) - value - steps


@register_kl(MultivariateNormal, MultivariateNormal)
@register_kl(MultivariateNormal, LowRankMultivariateNormal)
@register_kl(LowRankMultivariateNormal, MultivariateNormal)
@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _kl_multivariate_normal(p, q):
    if p.event_shape != q.event_shape:
        raise ValueError(
            "KL-divergence between two (Low Rank) Multivariate Normals with different event shapes cannot be computed"
        )
    batch = flambeau.broadcast_shapes(p.batch_shape, q.batch_shape)
    columns = p._columns()
    columns = columns.reshape((columns.shape[0], *[1] * (len(batch) - columns.dim() + 2), *columns.shape[1:]))
    trace = q._mahalanobis(columns.expand((columns.shape[0], *batch, *p.event_shape))).sum(0)
    distance = q._mahalanobis((q.loc - p.loc).expand((*batch, *p.event_shape)))
    return q._half_log_det() - p._half_log_det() + 0.5 * (trace + distance - p.event_shape[0])


# ---- different families: cross-entropy less entropy


def _x_log_x(x):
    return flambeau.xlogy(x, x)


def _mean_log(p):
    """E[log x]."""
    if isinstance(p, Beta):
        return p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma()
    if isinstance(p, Exponential):
        return -euler_constant - p.rate.log()
    if isinstance(p, Pareto):
        return p.scale.log() + 1 / p.alpha
    return (_x_log_x(p.high) - _x_log_x(p.low)) / (p.high - p.low) - 1  # Uniform


def _log_mean_exp(p, s):
    """log E[exp(-x / s)]."""
    if isinstance(p, Normal):
        return -p.loc / s + 0.5 * (p.scale / s) ** 2
    if isinstance(p, Exponential):
        return -(1 / (p.rate * s)).log1p()
    if isinstance(p, Gamma):
        return -p.concentration * (1 / (p.rate * s)).log1p()
    width = (p.high - p.low) / s  # Uniform
    return -p.low / s + (-(-width).expm1() / width).log()


def _to_normal(p, q):
    distance = p.variance + (p.mean - q.loc) ** 2
    return q.scale.log() + 0.5 * math.log(2 * math.pi) + 0.5 * distance / q.scale**2


def _to_exponential(p, q):
    return q.rate * p.mean - q.rate.log()


def _to_gamma(p, q):
    c = q.concentration
    return c.lgamma() - c * q.rate.log() - (c - 1) * _mean_log(p) + q.rate * p.mean


def _to_gumbel(p, q):
    return q.scale.log() + (p.mean - q.loc) / q.scale + (q.loc / q.scale + _log_mean_exp(p, q.scale)).exp()


def _to_continuous_bernoulli(p, q):
    return -p.mean * q.logits - (-q.probs).log1p() - q._cont_bern_log_norm()


def _to_uniform(p, q):
    return _infinite_where((q.low > 0) | (q.high < 1), (q.high - q.low).log())  # of p on [0, 1]


def _to_poisson(p, q):
    return q.rate - p.probs * q.rate.log()


def _to_laplace(p, q):
    """Of a normal p: the mean of |x - loc|."""
    y = (p.loc - q.loc) / p.scale
    folded = math.sqrt(2 / math.pi) * (-0.5 * y**2).exp() + y * (y * math.sqrt(0.5)).erf()
    return (2 * q.scale).log() + p.scale * folded / q.scale


def _to_beta(p, q):
    """Of a uniform p."""
    width = p.high - p.low
    below = 1 - (_x_log_x(1 - p.low) - _x_log_x(1 - p.high)) / width  # -E[log(1 - x)]
    a, b = q.concentration1, q.concentration0
    return a.lgamma() + b.lgamma() - (a + b).lgamma() - (a - 1) * _mean_log(p) + (b - 1) * below


def _to_pareto(p, q):
    """Of a uniform p."""
    value = (q.alpha + 1) * _mean_log(p) - q.alpha.log() - q.alpha * q.scale.log()
    return _infinite_where(p.low < q.scale, value)


def _below_zero(p):
    return p.low < 0


def _outside_unit(p):
    return (p.low < 0) | (p.high > 1)


def _crossed(cross, p, q, outside=None):
    value = cross(p, q) - p.entropy()
    return value if outside is None else _infinite_where(outside(p), value)


def _register_crossed():
    plain = {
        Bernoulli: {Poisson: _to_poisson},
        Beta: {
            ContinuousBernoulli: _to_continuous_bernoulli,
            Exponential: _to_exponential,
            Gamma: _to_gamma,
            Normal: _to_normal,
            Uniform: _to_uniform,
        },
        ContinuousBernoulli: {Exponential: _to_exponential, Normal: _to_normal, Uniform: _to_uniform},
        Exponential: {Gamma: _to_gamma, Gumbel: _to_gumbel, Normal: _to_normal},
        Gamma: {Exponential: _to_exponential, Gumbel: _to_gumbel, Normal: _to_normal},
        Gumbel: {Normal: _to_normal},
        Laplace: {Normal: _to_normal},
        Normal: {Gumbel: _to_gumbel, Laplace: _to_laplace},
        Pareto: {Exponential: _to_exponential, Gamma: _to_gamma, Normal: _to_normal},
        Uniform: {Gumbel: _to_gumbel, Normal: _to_normal, Pareto: _to_pareto},
    }
    for p, row in plain.items():
        for q, cross in row.items():
            register_kl(p, q)(functools.partial(_crossed, cross))
    bounded = {Beta: (_to_beta, _outside_unit), Exponential: (_to_exponential, _below_zero)}
    bounded[Gamma] = (_to_gamma, _below_zero)
    bounded[ContinuousBernoulli] = (_to_continuous_bernoulli, _outside_unit)
    for q, (cross, outside) in bounded.items():
        register_kl(Uniform, q)(functools.partial(_crossed, cross, outside=outside))


def _infinity(p, q):
    """p has values that q excludes, whatever the parameters."""
    return flambeau.full(flambeau.broadcast_shapes(p.batch_shape, q.batch_shape), INFINITY, dtype=p.mean.dtype)


def _register_infinite():
    narrow = (Beta, ContinuousBernoulli, Pareto, Uniform)
    rows = {
        Beta: (Pareto,),
        ContinuousBernoulli: (Pareto,),
        Exponential: narrow,
        Gamma: narrow,
        Gumbel: (*narrow, Exponential, Gamma),
        Laplace: (*narrow, Exponential, Gamma),
        Normal: (*narrow, Exponential, Gamma),
        Pareto: (Beta, ContinuousBernoulli, Uniform),
        Poisson: (Bernoulli, Binomial),
    }
    for p, row in rows.items():
        for q in row:
            register_kl(p, q)(_infinity)


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _kl_continuous_bernoulli(p, q):
    return _to_continuous_bernoulli(p, q) - _to_continuous_bernoulli(p, p)


_register_crossed()
_register_infinite()
