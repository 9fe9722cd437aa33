"""The base of distributions: shapes, checks of parameters and values, expansion, text."""

import warnings

import flambeau

from .constraints import is_dependent
from .utils import broadcast_all, lazy_property, sum_rightmost

__all__ = ["Distribution", "ExponentialFamily"]


class Distribution:
    """What all distributions have in common.

    A subclass gives `arg_constraints`, `support` and the formulas, and names in `_params` what grows with the batch
    (tensors and distributions kept as attributes) and in `_fixed` what does not: `expand` does the rest.

    Args:
        batch_shape: of parameters: one distribution per entry.
        event_shape: of one draw.
        validate_args: whether parameters and values are checked (the default).

    Raises:
        ValueError: a parameter does not satisfy its constraint.

    >>> class Dice(flambeau.distributions.Distribution):
    ...     arg_constraints = {}
    ...     def sample(self, sample_shape=()):
    ...         return flambeau.randint(1, 7, self._extended_shape(sample_shape))
    >>> Dice().sample((3,)).shape
    torch.Size([3])
    """

    has_rsample = False
    has_enumerate_support = False
    _validate_args = __debug__
    _params: tuple
    _fixed: tuple = ()

    @staticmethod
    def set_default_validate_args(value):
        """Whether distributions made from now on check their arguments."""
        if value not in (True, False):
            raise ValueError(f"[set_default_validate_args] True or False expected, got {value!r}")
        Distribution._validate_args = value

    def __init__(self, batch_shape=(), event_shape=(), validate_args=None):
        self._batch_shape = flambeau.Size(batch_shape)
        self._event_shape = flambeau.Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()

    def _set(self, validate_args, event_dims=0, **parameters):
        """Keep parameters in their common shape, whose last dimensions are the event's."""
        tensors = broadcast_all(*parameters.values())
        self.__dict__.update(zip(parameters, tensors))
        shape = tensors[0].shape
        rank = len(shape) - event_dims
        Distribution.__init__(self, shape[:rank], shape[rank:], validate_args)

    def _check_parameters(self):
        try:
            constraints = self.arg_constraints
        except NotImplementedError:
            constraints = {}
            warnings.warn(
                f"{type(self)} does not define `arg_constraints`. Please set `arg_constraints = {{}}` or initialize "
                "the distribution with `validate_args=False` to turn off validation.",
                stacklevel=4,
            )
        for name, constraint in constraints.items():
            computed = name not in self.__dict__ and isinstance(getattr(type(self), name, None), lazy_property)
            if is_dependent(constraint) or computed:
                continue
            value = getattr(self, name)
            if not constraint.check(value).all():
                raise ValueError(
                    f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of distribution "
                    f"{self!r} to satisfy the constraint {constraint!r}, but found invalid values:\n{value}"
                )

    def expand(self, batch_shape, _instance=None):
        """The same distribution with a larger batch; parameters are views."""
        new = self._get_checked_instance(self._owner(), _instance)
        shape = flambeau.Size(batch_shape)
        self._expand_into(new, shape)
        Distribution.__init__(new, shape, self.event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def _owner(self):
        for kind in type(self).__mro__:
            if "_params" in vars(kind):
                return kind
        raise NotImplementedError(f"[expand] {type(self).__name__} defines no expand()")

    def _get_checked_instance(self, cls, _instance=None):
        if _instance is None and type(self).__init__ is not cls.__init__:
            raise NotImplementedError(
                f"Subclass {type(self).__name__} of {cls.__name__} that defines a custom __init__ method must also "
                "define a custom .expand() method."
            )
        return self.__new__(type(self)) if _instance is None else _instance

    def _expand_into(self, new, shape):
        rank = len(self._batch_shape)
        for name in self._fixed:
            if name in self.__dict__:
                new.__dict__[name] = self.__dict__[name]
        for name in self._params:
            value = self.__dict__.get(name)
            if isinstance(value, Distribution):
                new.__dict__[name] = value.expand(shape + value.batch_shape[rank:])
            elif value is not None:
                new.__dict__[name] = value.expand(shape + value.shape[rank:])

    @property
    def batch_shape(self):
        """The shape of the parameters' batch."""
        return self._batch_shape

    @property
    def event_shape(self):
        """The shape of one draw."""
        return self._event_shape

    @property
    def arg_constraints(self):
        """The constraint of each parameter, by name."""
        raise NotImplementedError

    @property
    def support(self):
        """The constraint that values satisfy."""
        raise NotImplementedError

    @property
    def mean(self):
        """The mean, of shape batch_shape + event_shape."""
        raise NotImplementedError

    @property
    def mode(self):
        """The most probable value."""
        raise NotImplementedError(f"{type(self)} does not implement mode")

    @property
    def variance(self):
        """The variance."""
        raise NotImplementedError

    @property
    def stddev(self):
        """The standard deviation."""
        return self.variance.sqrt()

    def sample(self, sample_shape=()):
        """Draws of shape sample_shape + batch_shape + event_shape, without gradients."""
        with flambeau.no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape=()):
        """Draws through which gradients reach the parameters."""
        raise NotImplementedError(f"[rsample] {type(self).__name__} has no reparametrised samples: use sample()")

    def sample_n(self, n):
        """n draws: the old name of sample((n,))."""
        warnings.warn("sample_n(n) will be deprecated. Use .sample((n,)) instead.", UserWarning, stacklevel=2)
        return self.sample(flambeau.Size((n,)))

    def log_prob(self, value):
        """The logarithm of the density or probability of values."""
        raise NotImplementedError

    def cdf(self, value):
        """The probability of at most value."""
        raise NotImplementedError

    def icdf(self, value):
        """The inverse of cdf."""
        raise NotImplementedError

    def enumerate_support(self, expand=True):
        """All values, along a new first dimension; expanded over the batch or not."""
        raise NotImplementedError

    def entropy(self):
        """The entropy in nats, of shape batch_shape."""
        raise NotImplementedError

    def perplexity(self):
        """exp(entropy)."""
        return flambeau.exp(self.entropy())

    def _extended_shape(self, sample_shape=()):
        return flambeau.Size(sample_shape) + self._batch_shape + self._event_shape

    def _validate_sample(self, value):
        if not isinstance(value, flambeau.Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        rank = value.dim() - len(self._event_shape)
        if rank < 0 or value.shape[rank:] != self._event_shape:
            raise ValueError(
                f"The right-most size of value must match event_shape: {value.shape} vs {self._event_shape}."
            )
        expected = self._batch_shape + self._event_shape
        for a, b in zip(reversed(value.shape), reversed(expected)):
            if 1 not in (a, b) and a != b:
                raise ValueError(
                    f"Value is not broadcastable with batch_shape+event_shape: {value.shape} vs {expected}."
                )
        self._check_support(value)

    def _check_support(self, value):
        try:
            support = self.support
        except NotImplementedError:
            warnings.warn(
                f"{type(self)} does not define `support` to enable sample validation. Please initialize the "
                "distribution with `validate_args=False` to turn off validation.",
                stacklevel=4,
            )
            return
        if not support.check(value).all():
            raise ValueError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) to be within the "
                f"support ({support!r}) of the distribution {self!r}, but found invalid values:\n{value}"
            )

    def _checked(self, value):
        """The value, after validation if that is on."""
        if self._validate_args:
            self._validate_sample(value)
        return value

    def _enumerated(self, values, expand):
        """Values along a first dimension, in front of the batch."""
        values = values.view((-1, *([1] * len(self._batch_shape))))
        return values.expand((-1, *self._batch_shape)) if expand else values

    def __repr__(self):
        shown = [(n, self.__dict__[n]) for n in self.arg_constraints if n in self.__dict__]
        return f"{type(self).__name__}({', '.join(f'{n}: {v if v.numel() == 1 else v.shape}' for n, v in shown)})"


class Symmetric:
    """What distributions have in common that are symmetric about `loc`, where they are highest."""

    @property
    def mean(self):
        return self.loc

    @property
    def mode(self):
        return self.loc


class ExponentialFamily(Distribution):
    """Densities of the form h(x) exp(eta . t(x) - A(eta)).

    A subclass gives the natural parameters eta, the log normaliser A and the mean of log h. Entropy and divergences
    within a family follow by differentiating A (Nielsen and Nock, "Entropies and cross-entropies of exponential
    families", 2010).

    >>> d = flambeau.distributions.Exponential(2.0)
    >>> isinstance(d, flambeau.distributions.ExponentialFamily)
    True
    """

    @property
    def _natural_params(self):
        raise NotImplementedError

    def _log_normalizer(self, *natural_params):
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self):
        raise NotImplementedError

    def _normalizer_and_means(self):
        """The natural parameters, A there, and its gradients: the means of the statistics t."""
        with flambeau.enable_grad():
            etas = [p.detach().requires_grad_() for p in self._natural_params]
            value = self._log_normalizer(*etas)
            means = flambeau.autograd.grad(value.sum(), etas, create_graph=True)
        return etas, value, means

    def entropy(self):
        carrier = self._mean_carrier_measure
        etas, value, means = self._normalizer_and_means()
        return value - carrier - sum(self._summed(eta * mean) for eta, mean in zip(etas, means))

    def _summed(self, value):
        """The sum over all dimensions that are not the batch's."""
        return sum_rightmost(value, value.dim() - len(self.batch_shape))
