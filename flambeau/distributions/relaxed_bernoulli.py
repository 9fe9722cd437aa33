"""Bernoulli and categorical numbers made smooth (Maddison, Mnih, Teh, 2017; Jang, Gu, Poole, 2017)."""

import flambeau

from . import constraints
from .bernoulli import _Chance
from .categorical import Categorical
from .distribution import Distribution
from .transformed_distribution import TransformedDistribution
from .transforms import ExpTransform, SigmoidTransform
from .utils import broadcast_all, clamp_probs

__all__ = ["ExpRelaxedCategorical", "LogitRelaxedBernoulli", "RelaxedBernoulli", "RelaxedOneHotCategorical"]


class LogitRelaxedBernoulli(_Chance):
    """The log-odds of `RelaxedBernoulli`: (logits + logistic noise) / temperature.

    Args:
        temperature: positive tensor; towards 0 the sigmoid becomes 0 or 1.
        probs, logits: the chance of 1 or its log-odds. One of the two is given.

    >>> d = flambeau.distributions.relaxed_bernoulli.LogitRelaxedBernoulli(flambeau.tensor(1.0), probs=0.5)
    >>> d.log_prob(flambeau.tensor(0.0)).exp()
    tensor(0.2500)
    """

    support = constraints.real
    _params = ("probs", "logits")
    _fixed = ("temperature",)

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        self.temperature = temperature
        self._set_chance(probs, logits, validate_args)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        probs = clamp_probs(self.probs.expand(shape))
        u = clamp_probs(flambeau.rand(shape, dtype=probs.dtype))
        return (u.log() - (-u).log1p() + probs.log() - (-probs).log1p()) / self.temperature

    def log_prob(self, value):
        logits, value = broadcast_all(self.logits, self._checked(value))
        diff = logits - value * self.temperature
        return flambeau.as_tensor(self.temperature).log() + diff - 2 * diff.exp().log1p()


class _Relaxed(TransformedDistribution):
    """What a relaxed distribution takes from its base."""

    has_rsample = True

    @property
    def temperature(self):
        """How far from discrete."""
        return self.base_dist.temperature

    @property
    def logits(self):
        """The log-odds."""
        return self.base_dist.logits

    @property
    def probs(self):
        """The probabilities."""
        return self.base_dist.probs


class RelaxedBernoulli(_Relaxed):
    """Numbers in (0, 1) that come near to Bernoulli's as the temperature falls, with gradients.

    Args:
        temperature: positive tensor.
        probs, logits: the chance of 1 or its log-odds. One of the two is given.

    >>> d = flambeau.distributions.RelaxedBernoulli(flambeau.tensor(1.0), probs=flambeau.tensor(0.5))
    >>> d.log_prob(flambeau.tensor(0.3)).exp()
    tensor(1.)
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    _params: tuple = ()

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        super().__init__(LogitRelaxedBernoulli(temperature, probs, logits), SigmoidTransform(), validate_args)


class ExpRelaxedCategorical(Distribution):
    """The logarithms of `RelaxedOneHotCategorical`: log_softmax((logits + Gumbel noise) / temperature).

    Args:
        temperature: positive tensor.
        probs, logits: (..., n), weights or their logarithms. One of the two is given.

    >>> d = flambeau.distributions.relaxed_categorical.ExpRelaxedCategorical(flambeau.tensor(1.0), flambeau.ones(2))
    >>> d.event_shape
    torch.Size([2])
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.real_vector
    has_rsample = True
    _params = ("_categorical",)
    _fixed = ("temperature",)

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        self._categorical = Categorical(probs, logits)
        self.temperature = temperature
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args)

    @property
    def param_shape(self):
        """The shape of the probabilities."""
        return self._categorical.param_shape

    @property
    def logits(self):
        """Logarithms of the probabilities."""
        return self._categorical.logits

    @property
    def probs(self):
        """The probabilities."""
        return self._categorical.probs

    def rsample(self, sample_shape=()):
        u = clamp_probs(flambeau.rand(self._extended_shape(sample_shape), dtype=self.logits.dtype))
        scores = (self.logits - (-u.log()).log()) / self.temperature
        return scores - scores.logsumexp(-1, keepdim=True)

    def log_prob(self, value):
        n = self._categorical._num_events
        logits, value = broadcast_all(self.logits, self._checked(value))
        temperature = flambeau.as_tensor(self.temperature, dtype=logits.dtype)
        score = flambeau.log_softmax(logits - value * temperature, -1).sum(-1)
        return score + flambeau.full_like(temperature, float(n)).lgamma() + (n - 1) * temperature.log()


class RelaxedOneHotCategorical(_Relaxed):
    """Shares that come near to one-hot vectors as the temperature falls, with gradients.

    Args:
        temperature: positive tensor.
        probs, logits: (..., n), weights or their logarithms. One of the two is given.

    >>> flambeau.distributions.RelaxedOneHotCategorical(flambeau.tensor(0.5), flambeau.ones(3)).sample().shape
    torch.Size([3])
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.simplex
    _params: tuple = ()

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        super().__init__(ExpRelaxedCategorical(temperature, probs, logits), ExpTransform(), validate_args)
