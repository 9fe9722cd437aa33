"""Regions of numbers, vectors and matrices: what parameters and values must satisfy.

A constraint's `check(value)` gives a bool tensor, one entry per event: `event_dim` dimensions on the right are one.
"""

import flambeau

__all__ = [
    "Constraint",
    "MixtureSameFamilyConstraint",
    "boolean",
    "cat",
    "corr_cholesky",
    "dependent",
    "dependent_property",
    "greater_than",
    "greater_than_eq",
    "half_open_interval",
    "independent",
    "integer_interval",
    "interval",
    "is_dependent",
    "less_than",
    "lower_cholesky",
    "lower_triangular",
    "multinomial",
    "nonnegative",
    "nonnegative_integer",
    "one_hot",
    "positive",
    "positive_definite",
    "positive_integer",
    "positive_semidefinite",
    "real",
    "real_vector",
    "simplex",
    "square",
    "stack",
    "symmetric",
    "unit_interval",
]


class Constraint:
    """A region; `check` says which values are inside.

    >>> class Even(flambeau.distributions.constraints.Constraint):
    ...     def check(self, value):
    ...         return value % 2 == 0
    >>> Even().check(flambeau.tensor([1, 2]))
    tensor([False,  True])
    """

    is_discrete = False
    event_dim = 0
    _shown: tuple = ()

    def check(self, value):
        """Which events of value satisfy the constraint."""
        raise NotImplementedError(f"[{type(self).__name__}] a constraint defines check()")

    def __repr__(self):
        return f"{type(self).__name__[1:]}({', '.join(f'{n}={getattr(self, n)}' for n in self._shown)})"


class _Dependent(Constraint):
    """What depends on other values, and cannot be checked on its own.

    >>> flambeau.distributions.constraints.dependent(event_dim=1).event_dim
    1
    """

    def __init__(self, *, is_discrete=NotImplemented, event_dim=NotImplemented):
        self._is_discrete, self._event_dim = is_discrete, event_dim

    def _known(self, name):
        value = getattr(self, f"_{name}")
        if value is NotImplemented:
            raise NotImplementedError(f".{name} cannot be determined statically")
        return value

    @property
    def is_discrete(self):
        return self._known("is_discrete")

    @property
    def event_dim(self):
        return self._known("event_dim")

    def __call__(self, *, is_discrete=NotImplemented, event_dim=NotImplemented):
        """The same with more known about it."""
        return _Dependent(
            is_discrete=self._is_discrete if is_discrete is NotImplemented else is_discrete,
            event_dim=self._event_dim if event_dim is NotImplemented else event_dim,
        )

    def check(self, x):
        raise ValueError("Cannot determine validity of dependent constraint")


def is_dependent(constraint):
    """Whether a constraint depends on other values.

    >>> flambeau.distributions.constraints.is_dependent(flambeau.distributions.Uniform.support)
    True
    """
    return isinstance(constraint, _Dependent)


class _DependentProperty(property, _Dependent):
    """A property whose value is a constraint: dependent on the class, known on an instance.

    >>> class Above:
    ...     low = 2.0
    ...     @flambeau.distributions.constraints.dependent_property(event_dim=0)
    ...     def support(self):
    ...         return flambeau.distributions.constraints.greater_than(self.low)
    >>> Above().support
    GreaterThan(lower_bound=2.0)
    """

    def __init__(self, fn=None, *, is_discrete=NotImplemented, event_dim=NotImplemented):
        super().__init__(fn)
        self._is_discrete, self._event_dim = is_discrete, event_dim

    def __call__(self, fn):
        return type(self)(fn, is_discrete=self._is_discrete, event_dim=self._event_dim)


class _IndependentConstraint(Constraint):
    """A constraint whose last batch dimensions count as one event.

    >>> k = flambeau.distributions.constraints
    >>> k.independent(k.positive, 1).check(flambeau.tensor([1.0, -1.0]))
    tensor(False)
    """

    def __init__(self, base_constraint, reinterpreted_batch_ndims):
        if not isinstance(base_constraint, Constraint):
            raise AssertionError(f"base_constraint must be a Constraint, got {type(base_constraint).__name__}")
        if not isinstance(reinterpreted_batch_ndims, int):
            found = type(reinterpreted_batch_ndims).__name__
            raise AssertionError(f"reinterpreted_batch_ndims must be an int, got {found}")
        if reinterpreted_batch_ndims < 0:
            raise AssertionError(f"reinterpreted_batch_ndims must be >= 0, got {reinterpreted_batch_ndims}")
        self.base_constraint = base_constraint
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    @property
    def is_discrete(self):
        return self.base_constraint.is_discrete

    @property
    def event_dim(self):
        return self.base_constraint.event_dim + self.reinterpreted_batch_ndims

    def check(self, value):
        inside = self.base_constraint.check(value)
        rank = inside.dim() - self.reinterpreted_batch_ndims
        if rank < 0:
            raise ValueError(f"Expected value.dim() >= {self.event_dim} but got {value.dim()}")
        return inside.reshape((*inside.shape[:rank], inside.shape[rank:].numel())).all(-1)

    def __repr__(self):
        return f"IndependentConstraint({self.base_constraint!r}, {self.reinterpreted_batch_ndims})"


class MixtureSameFamilyConstraint(Constraint):
    """The support of a mixture: that of its components, for every one of them.

    >>> c = flambeau.distributions.constraints.MixtureSameFamilyConstraint(
    ...     flambeau.distributions.constraints.greater_than(flambeau.tensor([0.0, 1.0])))
    >>> c.check(flambeau.tensor([0.5, 2.0]))
    tensor([False,  True])
    """

    def __init__(self, base_constraint):
        if not isinstance(base_constraint, Constraint):
            raise AssertionError(f"base_constraint must be a Constraint, got {type(base_constraint).__name__}")
        self.base_constraint = base_constraint

    @property
    def is_discrete(self):
        return self.base_constraint.is_discrete

    @property
    def event_dim(self):
        return self.base_constraint.event_dim

    def check(self, value):
        if value.dim() < self.event_dim:
            raise ValueError(f"Expected value.dim() >= {self.event_dim} but got {value.dim()}")
        inside = self.base_constraint.check(value.unsqueeze(value.dim() - self.event_dim))
        return inside if self.event_dim else inside.all(-1)

    def __repr__(self):
        return f"MixtureSameFamilyConstraint({self.base_constraint!r})"


class _Boolean(Constraint):
    """0 and 1.

    >>> flambeau.distributions.constraints.boolean.check(flambeau.tensor([0, 2]))
    tensor([ True, False])
    """

    is_discrete = True

    def check(self, value):
        return (value == 0) | (value == 1)


class _OneHot(Constraint):
    """Vectors of zeros with a single one.

    >>> flambeau.distributions.constraints.one_hot.check(flambeau.tensor([[0, 1], [1, 1]]))
    tensor([ True, False])
    """

    is_discrete = True
    event_dim = 1

    def check(self, value):
        return boolean.check(value).all(-1) & (value.sum(-1) == 1)


class _Bounded(Constraint):
    """A region given by its ends."""

    def __init__(self, *bounds):
        if len(bounds) != len(self._shown):
            raise TypeError(f"[{type(self).__name__}] expected {' and '.join(self._shown)}, got {len(bounds)} values")
        self.__dict__.update(zip(self._shown, bounds))


class _Lower(_Bounded):
    _shown = ("lower_bound",)

    def __init__(self, lower_bound):
        super().__init__(lower_bound)


class _Upper(_Bounded):
    _shown = ("upper_bound",)

    def __init__(self, upper_bound):
        super().__init__(upper_bound)


class _Range(_Bounded):
    _shown = ("lower_bound", "upper_bound")

    def __init__(self, lower_bound, upper_bound):
        super().__init__(lower_bound, upper_bound)


class _IntegerInterval(_Range):
    """The integers lower_bound, ..., upper_bound.

    >>> flambeau.distributions.constraints.integer_interval(0, 2).check(flambeau.tensor([0.5, 2.0, 3.0]))
    tensor([False,  True, False])
    """

    is_discrete = True

    def check(self, value):
        return (value % 1 == 0) & (self.lower_bound <= value) & (value <= self.upper_bound)


class _IntegerGreaterThan(_Lower):
    """The integers from lower_bound on."""

    is_discrete = True

    def check(self, value):
        return (value % 1 == 0) & (value >= self.lower_bound)


class _Real(Constraint):
    """All numbers; not NaN.

    >>> flambeau.distributions.constraints.real.check(flambeau.tensor([float("nan"), 1.0]))
    tensor([False,  True])
    """

    def check(self, value):
        return value == value


class _GreaterThan(_Lower):
    """Numbers above lower_bound.

    >>> flambeau.distributions.constraints.greater_than(0.0).check(flambeau.tensor([0.0, 1.0]))
    tensor([False,  True])
    """

    def check(self, value):
        return self.lower_bound < value


class _GreaterThanEq(_Lower):
    """Numbers from lower_bound on.

    >>> flambeau.distributions.constraints.greater_than_eq(0.0).check(flambeau.tensor([0.0, -1.0]))
    tensor([ True, False])
    """

    def check(self, value):
        return self.lower_bound <= value


class _LessThan(_Upper):
    """Numbers below upper_bound.

    >>> flambeau.distributions.constraints.less_than(0.0).check(flambeau.tensor([0.0, -1.0]))
    tensor([False,  True])
    """

    def check(self, value):
        return value < self.upper_bound


class _Interval(_Range):
    """Numbers in [lower_bound, upper_bound].

    >>> flambeau.distributions.constraints.interval(0.0, 1.0).check(flambeau.tensor([1.0, 2.0]))
    tensor([ True, False])
    """

    def check(self, value):
        return (self.lower_bound <= value) & (value <= self.upper_bound)


class _HalfOpenInterval(_Range):
    """Numbers in [lower_bound, upper_bound).

    >>> flambeau.distributions.constraints.half_open_interval(0.0, 1.0).check(flambeau.tensor([0.0, 1.0]))
    tensor([ True, False])
    """

    def check(self, value):
        return (self.lower_bound <= value) & (value < self.upper_bound)


class _Simplex(Constraint):
    """Vectors of numbers that are not negative and sum to 1 (within 1e-6).

    >>> flambeau.distributions.constraints.simplex.check(flambeau.tensor([[0.5, 0.5], [0.5, 0.6]]))
    tensor([ True, False])
    """

    event_dim = 1

    def check(self, value):
        return (value >= 0).all(-1) & ((value.sum(-1) - 1).abs() < 1e-6)


class _Multinomial(_Upper):
    """Vectors of counts that sum to at most upper_bound.

    >>> flambeau.distributions.constraints.multinomial(3).check(flambeau.tensor([[1, 2], [2, 2]]))
    tensor([ True, False])
    """

    is_discrete = True
    event_dim = 1

    def check(self, x):
        return (x >= 0).all(-1) & (x.sum(-1) <= self.upper_bound)

    def __repr__(self):
        return "Multinomial()"


def _everywhere(inside):
    """Whether the whole matrix is True."""
    return inside.all(-1).all(-1)


class _LowerTriangular(Constraint):
    """Matrices with zeros above the diagonal.

    >>> flambeau.distributions.constraints.lower_triangular.check(flambeau.ones(2, 2))
    tensor(False)
    """

    event_dim = 2

    def check(self, value):
        return _everywhere(value.tril() == value)


class _LowerCholesky(Constraint):
    """Lower triangular matrices with a positive diagonal.

    >>> flambeau.distributions.constraints.lower_cholesky.check(flambeau.eye(2))
    tensor(True)
    """

    event_dim = 2

    def check(self, value):
        return lower_triangular.check(value) & (value.diagonal(dim1=-2, dim2=-1) > 0).all(-1)


class _CorrCholesky(Constraint):
    """Lower Cholesky factors of correlation matrices: every row has length 1.

    >>> flambeau.distributions.constraints.corr_cholesky.check(flambeau.eye(2))
    tensor(True)
    """

    event_dim = 2

    def check(self, value):
        tolerance = flambeau.finfo(value.dtype).eps * value.shape[-1] * 10
        lengths = flambeau.linalg.norm(value.detach(), dim=-1)
        return ((lengths - 1).abs() <= tolerance).all(-1) & lower_cholesky.check(value)


class _Square(Constraint):
    """Square matrices.

    >>> flambeau.distributions.constraints.square.check(flambeau.zeros(2, 3))
    tensor(False)
    """

    event_dim = 2

    def check(self, value):
        return flambeau.full(value.shape[:-2], value.shape[-2] == value.shape[-1], dtype=flambeau.bool)


class _Symmetric(_Square):
    """Symmetric matrices (within 1e-6).

    >>> flambeau.distributions.constraints.symmetric.check(flambeau.tensor([[1.0, 2.0], [0.0, 1.0]]))
    tensor(False)
    """

    def check(self, value):
        square = super().check(value)
        return _everywhere(flambeau.isclose(value, value.mT, atol=1e-6)) if square.all() else square


class _PositiveSemidefinite(_Symmetric):
    """Symmetric matrices without negative eigenvalues.

    >>> flambeau.distributions.constraints.positive_semidefinite.check(flambeau.zeros(2, 2))
    tensor(True)
    """

    def check(self, value):
        symmetric = super().check(value)
        return flambeau.linalg.eigvalsh(value).ge(0).all(-1) if symmetric.all() else symmetric


class _PositiveDefinite(_Symmetric):
    """Symmetric matrices with positive eigenvalues: those that have a Cholesky factor.

    >>> flambeau.distributions.constraints.positive_definite.check(flambeau.zeros(2, 2))
    tensor(False)
    """

    def check(self, value):
        symmetric = super().check(value)
        return flambeau.linalg.cholesky_ex(value).info.eq(0) if symmetric.all() else symmetric


class _Parts(Constraint):
    """Constraints of the parts of a tensor along one dimension."""

    def __init__(self, cseq, dim=0):
        self.cseq = list(cseq)
        if not all(isinstance(c, Constraint) for c in self.cseq):
            raise AssertionError("All elements of cseq must be Constraint instances")
        self.dim = dim

    @property
    def is_discrete(self):
        return any(c.is_discrete for c in self.cseq)

    def _rank_checked(self, value):
        if not -value.dim() <= self.dim < value.dim():
            raise AssertionError(f"dim {self.dim} out of range for tensor with {value.dim()} dimensions")


class _Cat(_Parts):
    """Constraints of parts of the given lengths along dim.

    >>> k = flambeau.distributions.constraints
    >>> c = k.cat([k.positive, k.real], 0, [1, 1])
    >>> c.check(flambeau.tensor([1.0, -1.0]))
    tensor([True, True])
    """

    def __init__(self, cseq, dim=0, lengths=None):
        super().__init__(cseq, dim)
        self.lengths = [1] * len(self.cseq) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.cseq):
            raise AssertionError(f"lengths ({len(self.lengths)}) must match cseq ({len(self.cseq)})")

    @property
    def event_dim(self):
        return max(c.event_dim for c in self.cseq)

    def check(self, value):
        self._rank_checked(value)
        parts = value.split(self.lengths, self.dim)
        return flambeau.cat([c.check(part) for c, part in zip(self.cseq, parts)], self.dim)


class _Stack(_Parts):
    """Constraints of the slices along dim.

    >>> k = flambeau.distributions.constraints
    >>> c = k.stack([k.positive, k.real])
    >>> c.check(flambeau.tensor([-1.0, -1.0]))
    tensor([False,  True])
    """

    @property
    def event_dim(self):
        dim = max(c.event_dim for c in self.cseq)
        return dim + 1 if self.dim + dim < 0 else dim

    def check(self, value):
        self._rank_checked(value)
        slices = value.unbind(self.dim)
        return flambeau.stack([c.check(part) for c, part in zip(self.cseq, slices)], self.dim)


dependent, dependent_property = _Dependent(), _DependentProperty
independent, cat, stack = _IndependentConstraint, _Cat, _Stack
boolean, one_hot, real, simplex = _Boolean(), _OneHot(), _Real(), _Simplex()
nonnegative_integer, positive_integer, integer_interval = (
    _IntegerGreaterThan(0),
    _IntegerGreaterThan(1),
    _IntegerInterval,
)
real_vector = independent(real, 1)
greater_than, greater_than_eq, less_than = _GreaterThan, _GreaterThanEq, _LessThan
interval, half_open_interval, multinomial = _Interval, _HalfOpenInterval, _Multinomial
positive, nonnegative, unit_interval = _GreaterThan(0.0), _GreaterThanEq(0.0), _Interval(0.0, 1.0)
lower_triangular, lower_cholesky, corr_cholesky = _LowerTriangular(), _LowerCholesky(), _CorrCholesky()
square, symmetric = _Square(), _Symmetric()
positive_semidefinite, positive_definite = _PositiveSemidefinite(), _PositiveDefinite()
