"""One of n categories, as a number or a vector of zeros and a one, and counts of them."""

import flambeau

from . import constraints
from .distribution import Distribution
from .utils import broadcast_all, clamp_probs, lazy_property, logits_to_probs, only_one, probs_to_logits

__all__ = ["Categorical", "Multinomial", "OneHotCategorical", "OneHotCategoricalStraightThrough"]


class Categorical(Distribution):
    """Integers 0, ..., n - 1 with given probabilities.

    Args:
        probs: (..., n), not negative; divided by their sum.
        logits: (..., n), logarithms of such weights. One of the two is given.

    Raises:
        ValueError: both or neither are given, or they are 0-dimensional.

    >>> flambeau.distributions.Categorical(flambeau.tensor([1.0, 3.0])).log_prob(flambeau.tensor(1)).exp()
    tensor(0.7500)
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True
    _params = ("probs", "logits")
    _fixed = ("_num_events",)

    def __init__(self, probs=None, logits=None, validate_args=None):
        name = only_one(probs=probs, logits=logits)
        given = probs if logits is None else logits
        if given.dim() < 1:
            raise ValueError(f"`{name}` parameter must be at least one-dimensional.")
        if logits is None:
            self.probs = probs / probs.sum(-1, keepdim=True)
        else:
            self.logits = logits - logits.logsumexp(-1, keepdim=True)
        self._num_events = given.shape[-1]
        super().__init__(given.shape[:-1], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self):
        return constraints.integer_interval(0, self._num_events - 1)

    @lazy_property
    def logits(self):
        """Logarithms of the probabilities."""
        return probs_to_logits(self.probs)

    @lazy_property
    def probs(self):
        """The probabilities."""
        return logits_to_probs(self.logits)

    @property
    def _param(self):
        return self.__dict__["probs" if "probs" in self.__dict__ else "logits"]

    @property
    def param_shape(self):
        """The shape of the probabilities."""
        return self._param.shape

    @property
    def mean(self):
        return flambeau.full(self._extended_shape(), float("nan"), dtype=self.probs.dtype)

    @property
    def mode(self):
        return self.probs.argmax(-1)

    @property
    def variance(self):
        return self.mean

    def sample(self, sample_shape=()):
        sample_shape = flambeau.Size(sample_shape)
        rows = self.probs.detach().reshape(-1, self._num_events)
        drawn = flambeau.multinomial(rows, sample_shape.numel(), True)
        return drawn.T.reshape(self._extended_shape(sample_shape))

    def log_prob(self, value):
        value = self._checked(value).long().unsqueeze(-1)
        value, logits = flambeau.broadcast_tensors(value, self.logits)
        return logits.gather(-1, value[..., :1]).squeeze(-1)

    def entropy(self):
        logits = self.logits.clamp(min=flambeau.finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand=True):
        return self._enumerated(flambeau.arange(self._num_events), expand)


class OneHotCategorical(Distribution):
    """Vectors of n - 1 zeros and a one, whose place follows Categorical.

    Args:
        probs: (..., n), not negative; divided by their sum.
        logits: (..., n), logarithms of such weights. One of the two is given.

    >>> flambeau.distributions.OneHotCategorical(flambeau.tensor([0.0, 1.0])).sample()
    tensor([0., 1.])
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.one_hot
    has_enumerate_support = True
    _params = ("_categorical",)

    def __init__(self, probs=None, logits=None, validate_args=None):
        self._categorical = Categorical(probs, logits)
        shape = self._categorical.param_shape
        super().__init__(self._categorical.batch_shape, shape[-1:], validate_args)

    @property
    def _param(self):
        return self._categorical._param

    @property
    def probs(self):
        """The probabilities."""
        return self._categorical.probs

    @property
    def logits(self):
        """Logarithms of the probabilities."""
        return self._categorical.logits

    @property
    def param_shape(self):
        """The shape of the probabilities."""
        return self._categorical.param_shape

    @property
    def mean(self):
        return self.probs

    @property
    def mode(self):
        return self._one_hot(self.probs.argmax(-1))

    @property
    def variance(self):
        return self.probs * (1 - self.probs)

    def _one_hot(self, places):
        return flambeau.nn.functional.one_hot(places, self._event_shape[0]).to(self._param.dtype)

    def sample(self, sample_shape=()):
        return self._one_hot(self._categorical.sample(sample_shape))

    def log_prob(self, value):
        return self._categorical.log_prob(self._checked(value).argmax(-1))

    def entropy(self):
        return self._categorical.entropy()

    def enumerate_support(self, expand=True):
        n = self._event_shape[0]
        values = flambeau.eye(n, dtype=self._param.dtype).view((n, *[1] * len(self.batch_shape), n))
        return values.expand((n, *self.batch_shape, n)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """OneHotCategorical whose draws pass gradients on to the probabilities as if they were these
    (Bengio, Leonard, Courville, "Estimating or propagating gradients through stochastic neurons", 2013).

    >>> p = flambeau.tensor([0.0, 1.0], requires_grad=True)
    >>> flambeau.distributions.OneHotCategoricalStraightThrough(p, validate_args=False).rsample().requires_grad
    True
    """

    has_rsample = True
    _params = ("_categorical",)

    def rsample(self, sample_shape=()):
        probs = self.probs
        return self.sample(sample_shape) + (probs - probs.detach())


class Multinomial(Distribution):
    """How often each of n categories comes in `total_count` independent draws.

    Args:
        total_count: how many draws: one number for the whole batch.
        probs: (..., n), not negative; divided by their sum.
        logits: (..., n), logarithms of such weights. One of the two is given.

    Raises:
        NotImplementedError: total_count is a tensor.

    >>> d = flambeau.distributions.Multinomial(2, flambeau.tensor([0.5, 0.5]))
    >>> d.log_prob(flambeau.tensor([1.0, 1.0])).exp()
    tensor(0.5000)
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    _params = ("_categorical",)
    _fixed = ("total_count",)

    def __init__(self, total_count=1, probs=None, logits=None, validate_args=None):
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        self._categorical = Categorical(probs, logits)
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self):
        return constraints.multinomial(self.total_count)

    @property
    def probs(self):
        """The probabilities."""
        return self._categorical.probs

    @property
    def logits(self):
        """Logarithms of the probabilities."""
        return self._categorical.logits

    @property
    def param_shape(self):
        """The shape of the probabilities."""
        return self._categorical.param_shape

    @property
    def mean(self):
        return self.probs * self.total_count

    @property
    def variance(self):
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape=()):
        drawn = self._categorical.sample((self.total_count, *sample_shape))
        drawn = drawn.permute(*range(1, drawn.dim()), 0)
        counts = flambeau.zeros(self._extended_shape(sample_shape), dtype=self.probs.dtype)
        return counts.scatter_add_(-1, drawn, flambeau.ones_like(drawn, dtype=counts.dtype))

    def log_prob(self, value):
        logits, value = broadcast_all(self.logits, self._checked(value))
        powers = flambeau.where((value == 0) & (logits == -float("inf")), 0.0, logits) * value
        return (value.sum(-1) + 1).lgamma() - (value + 1).lgamma().sum(-1) + powers.sum(-1)

    def entropy(self):
        # n H - log n! + the mean of sum_i log x_i!, where x_i alone is binomial.
        n, probs = self.total_count, clamp_probs(self.probs)
        k = flambeau.arange(1, n + 1, dtype=probs.dtype).view((-1, *[1] * probs.dim()))
        choose = flambeau.lgamma(probs.new_full((), n + 1.0)) - (k + 1).lgamma() - (n - k + 1).lgamma()
        chance = (choose + k * probs.log() + (n - k) * (-probs).log1p()).exp()
        mean = (chance * (k + 1).lgamma()).sum((0, -1))
        return n * self._categorical.entropy() - flambeau.lgamma(probs.new_full((), n + 1.0)) + mean
