"""Random matrices: covariances (Wishart) and correlations (LKJCholesky)."""

import math
from numbers import Number

import flambeau

from . import constraints
from .beta import Beta
from .distribution import Distribution, ExponentialFamily
from .gamma import Chi2, defined
from .multivariate_normal import FactoredMatrix, factor_of, half_log_det
from .utils import tiny, vec_to_tril_matrix

__all__ = ["LKJCholesky", "Wishart"]


class Wishart(FactoredMatrix, ExponentialFamily):
    """X X^T of df normal columns X with a covariance; df need not be an integer.

    `rsample` is Bartlett's decomposition. As in PyTorch, which draws once more whatever the first draw was, the second
    draw is the sample, so that the random streams agree.

    Args:
        df: degrees of freedom, above n - 1.
        covariance_matrix, precision_matrix, scale_tril: (..., n, n), one of the three.

    Raises:
        ValueError: df is too small, or the matrix has too few dimensions.
        AssertionError: not exactly one matrix is given.

    >>> flambeau.distributions.Wishart(3.0, flambeau.eye(2)).mean
    tensor([[3., 0.],
            [0., 3.]])
    """

    support = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0
    _params = ("df", "covariance_matrix", "precision_matrix", "scale_tril", "_chi2")
    _fixed = ("_unbroadcasted_scale_tril",)

    def __init__(self, df, covariance_matrix=None, precision_matrix=None, scale_tril=None, validate_args=None):
        matrices = {"covariance_matrix": covariance_matrix, "precision_matrix": precision_matrix}
        given = [(n, m) for n, m in {**matrices, "scale_tril": scale_tril}.items() if m is not None]
        if len(given) != 1:
            raise AssertionError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        name, matrix = given[0]
        if matrix.dim() < 2:
            raise ValueError("scale_tril must be at least two-dimensional, with optional leading batch dimensions")
        df = flambeau.tensor(df, dtype=matrix.dtype) if isinstance(df, Number) else df
        batch, n = flambeau.broadcast_shapes(df.shape, matrix.shape[:-2]), matrix.shape[-1]
        if (df <= n - 1).any():
            raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {n - 1}.")
        self.df = df.expand(batch)
        setattr(self, name, matrix.expand(batch + matrix.shape[-2:]))
        self._batch_shape, self._event_shape = batch, matrix.shape[-2:]
        super().__init__(batch, matrix.shape[-2:], validate_args)
        self._unbroadcasted_scale_tril = factor_of(name, matrix)
        self._chi2 = Chi2(self.df.unsqueeze(-1) - flambeau.arange(n, dtype=self.df.dtype), validate_args=False)

    @property
    def arg_constraints(self):
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self._event_shape[-1] - 1),
        }

    def _df(self):
        return self.df[..., None, None]

    @property
    def mean(self):
        return self._df() * self.covariance_matrix

    @property
    def mode(self):
        factor = self._df() - self._event_shape[-1] - 1
        return defined(factor > 0, factor) * self.covariance_matrix

    @property
    def variance(self):
        v = self.covariance_matrix
        d = v.diagonal(dim1=-2, dim2=-1)
        return self._df() * (v**2 + d.unsqueeze(-1) * d.unsqueeze(-2))

    def _bartlett_sampling(self, sample_shape=()):
        n = self._event_shape[-1]
        roots = self._chi2.rsample(sample_shape).sqrt()
        roots = roots.clamp(min=flambeau.finfo(roots.dtype).eps)
        below = flambeau.randn(roots.shape[:-1] + (n * (n - 1) // 2,), dtype=roots.dtype)
        lower = self._unbroadcasted_scale_tril @ (roots.diag_embed() + vec_to_tril_matrix(below, -1))
        return lower @ lower.mT

    def rsample(self, sample_shape=(), max_try_correction=None):
        """Draws; those that rounding made singular are drawn again, at most max_try_correction times (10)."""
        tries = 10 if max_try_correction is None else max_try_correction
        sample = self._bartlett_sampling(sample_shape)
        for number in range(tries):
            fine = self.support.check(sample)
            if number and fine.all():
                break
            again = self._bartlett_sampling(sample_shape)
            sample = flambeau.where(fine[..., None, None], sample, again) if number else again
        return sample

    def log_prob(self, value):
        value, df, n = self._checked(value), self.df, self._event_shape[-1]
        lower = self._unbroadcasted_scale_tril
        trace = flambeau.cholesky_solve(value, lower).diagonal(dim1=-2, dim2=-1).sum(-1)
        norm = df / 2 * (n * math.log(2.0) + 2 * half_log_det(lower)) + flambeau.mvlgamma(df / 2, n)
        return (df - n - 1) / 2 * flambeau.linalg.slogdet(value).logabsdet - trace / 2 - norm

    def entropy(self):
        df, n = self.df, self._event_shape[-1]
        steps = flambeau.arange(n, dtype=df.dtype) / 2
        digammas = ((df / 2).unsqueeze(-1) - steps).digamma().sum(-1)
        scale = (n + 1) / 2 * (n * math.log(2.0) + 2 * half_log_det(self._unbroadcasted_scale_tril))
        return scale + flambeau.mvlgamma(df / 2, n) - (df - n - 1) / 2 * digammas + df * n / 2

    @property
    def _natural_params(self):
        return -self.precision_matrix / 2, (self.df - self._event_shape[-1] - 1) / 2

    def _log_normalizer(self, x, y):
        n = self._event_shape[-1]
        half = y + (n + 1) / 2
        return half * (n * math.log(2.0) - flambeau.linalg.slogdet(-2 * x).logabsdet) + flambeau.mvlgamma(half, n)


class LKJCholesky(Distribution):
    """Cholesky factors of correlation matrices whose density is proportional to det^(concentration - 1)
    (Lewandowski, Kurowicka, Joe, 2009; drawn by their onion method).

    Args:
        dim: rows of the matrices, at least 2.
        concentration: positive; 1: all correlation matrices alike.

    Raises:
        ValueError: dim is below 2.

    >>> flambeau.distributions.LKJCholesky(2).log_prob(flambeau.eye(2)).exp()
    tensor(0.5000)
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky
    _params = ("concentration", "_beta")
    _fixed = ("dim",)

    def __init__(self, dim, concentration=1.0, validate_args=None):
        if dim < 2:
            raise ValueError(f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}.")
        self.dim = dim
        (self.concentration,) = flambeau.distributions.utils.broadcast_all(concentration)
        # The squared length of row i that is left of the diagonal; row 0 has none, and is drawn all the same.
        rows = flambeau.arange(dim - 1, dtype=self.concentration.dtype)
        rows = flambeau.cat([rows.new_zeros(1), rows])
        marginal = self.concentration + 0.5 * (dim - 2)
        self._beta = Beta(rows + 0.5, marginal.unsqueeze(-1) - 0.5 * rows)
        super().__init__(self.concentration.shape, (dim, dim), validate_args)

    def sample(self, sample_shape=()):
        with flambeau.no_grad():
            length = self._beta.sample(sample_shape).unsqueeze(-1).sqrt()
            normal = flambeau.randn(self._extended_shape(sample_shape), dtype=length.dtype).tril(-1)
            direction = normal / normal.norm(dim=-1, keepdim=True)
            direction[..., 0, :] = 0.0
            below = length * direction
            diagonal = (1 - (below**2).sum(-1)).clamp(min=tiny(below)).sqrt()
            return below + diagonal.diag_embed()

    def log_prob(self, value):
        value, n, c = self._checked(value), self.dim, self.concentration
        diagonal = value.diagonal(dim1=-1, dim2=-2)[..., 1:]
        order = 2 * (c - 1).unsqueeze(-1) + n - flambeau.arange(2, n + 1)
        alpha = c + 0.5 * (n - 1)
        norm = 0.5 * (n - 1) * math.log(math.pi) + flambeau.mvlgamma(alpha - 0.5, n - 1) - alpha.lgamma() * (n - 1)
        return (order * diagonal.log()).sum(-1) - norm
