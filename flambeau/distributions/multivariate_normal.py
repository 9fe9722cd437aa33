"""Normal vectors, by a full covariance or by one of low rank plus a diagonal."""

import math

import flambeau

from . import constraints
from .distribution import Distribution, Symmetric
from .utils import lazy_property

__all__ = ["LowRankMultivariateNormal", "MultivariateNormal"]


def mahalanobis(lower, diff):
    """diff^T (L L^T)^-1 diff of vectors (..., n), for L (batch, n, n): one solve per matrix of the batch."""
    batch, n = diff.shape[:-1], diff.shape[-1]
    extra = len(batch) - (lower.dim() - 2)
    columns = diff.reshape((batch[:extra].numel(), *batch[extra:], n)).movedim(0, -1)
    solved = flambeau.linalg.solve_triangular(lower, columns, upper=False)
    return solved.pow(2).sum(-2).movedim(-1, 0).reshape(batch)


def half_log_det(lower):
    """log det L."""
    return lower.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def precision_to_scale_tril(precision):
    """L with L L^T the inverse: the Cholesky factor of the matrix turned by 180 degrees, turned back and inverted."""
    turned = flambeau.linalg.cholesky(precision.flip((-2, -1))).flip((-2, -1)).mT
    return flambeau.linalg.solve_triangular(turned, flambeau.eye(precision.shape[-1], dtype=turned.dtype), upper=False)


def given_matrix(**matrices):
    """(name, matrix) of the one that is not None.

    Raises:
        ValueError: none or several are given, or it is no matrix.
    """
    given = [(name, m) for name, m in matrices.items() if m is not None]
    if len(given) != 1:
        raise ValueError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
    name, matrix = given[0]
    if matrix.dim() < 2:
        title = "scale_tril matrix" if name == "scale_tril" else name
        raise ValueError(f"{title} must be at least two-dimensional, with optional leading batch dimensions")
    return name, matrix


def factor_of(name, matrix):
    """The lower Cholesky factor of the covariance that is given in one of three ways."""
    if name == "scale_tril":
        return matrix
    return flambeau.linalg.cholesky(matrix) if name == "covariance_matrix" else precision_to_scale_tril(matrix)


class FactoredMatrix(Distribution):
    """A distribution with a covariance matrix L L^T: L is kept as it was given, unexpanded."""

    def _matrix_shape(self):
        n = self._event_shape[0]
        return self._batch_shape + (n, n)

    @lazy_property
    def scale_tril(self):
        """The lower Cholesky factor of the covariance."""
        return self._unbroadcasted_scale_tril.expand(self._matrix_shape())

    @lazy_property
    def covariance_matrix(self):
        """The covariance."""
        lower = self._unbroadcasted_scale_tril
        return (lower @ lower.mT).expand(self._matrix_shape())

    @lazy_property
    def precision_matrix(self):
        """The inverse of the covariance."""
        return flambeau.cholesky_inverse(self._unbroadcasted_scale_tril).expand(self._matrix_shape())


class MultivariateNormal(Symmetric, FactoredMatrix):
    """Normal vectors with mean loc and a covariance, given in one of three ways.

    Args:
        loc: (..., n).
        covariance_matrix, precision_matrix: (..., n, n), positive definite.
        scale_tril: (..., n, n), lower triangular with a positive diagonal: the fastest.

    Raises:
        ValueError: not exactly one matrix is given, or too few dimensions.

    >>> d = flambeau.distributions.MultivariateNormal(flambeau.zeros(2), flambeau.eye(2))
    >>> d.log_prob(flambeau.zeros(2))
    tensor(-1.8379)
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True
    _params = ("loc", "covariance_matrix", "precision_matrix", "scale_tril")
    _fixed = ("_unbroadcasted_scale_tril",)

    def __init__(self, loc, covariance_matrix=None, precision_matrix=None, scale_tril=None, validate_args=None):
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        name, matrix = given_matrix(
            covariance_matrix=covariance_matrix, precision_matrix=precision_matrix, scale_tril=scale_tril
        )
        batch = flambeau.broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        setattr(self, name, matrix.expand(batch + matrix.shape[-2:]))
        self.loc = loc.expand(batch + loc.shape[-1:])
        super().__init__(batch, loc.shape[-1:], validate_args)
        self._unbroadcasted_scale_tril = factor_of(name, matrix)

    @property
    def variance(self):
        return self._unbroadcasted_scale_tril.pow(2).sum(-1).expand(self._batch_shape + self._event_shape)

    def rsample(self, sample_shape=()):
        noise = flambeau.empty(self._extended_shape(sample_shape), dtype=self.loc.dtype).normal_()
        return self.loc + (self._unbroadcasted_scale_tril @ noise.unsqueeze(-1)).squeeze(-1)

    def _half_log_det(self):
        return half_log_det(self._unbroadcasted_scale_tril)

    def _mahalanobis(self, diff):
        return mahalanobis(self._unbroadcasted_scale_tril, diff)

    def _columns(self):
        """Vectors along a first dimension whose outer products sum to the covariance."""
        return self._unbroadcasted_scale_tril.movedim(-1, 0)

    def log_prob(self, value):
        distance = self._mahalanobis(self._checked(value) - self.loc)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + distance) - self._half_log_det()

    def entropy(self):
        value = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + self._half_log_det()
        return value.expand(self._batch_shape)


class LowRankMultivariateNormal(Symmetric, Distribution):
    """Normal vectors with covariance W W^T + diag(d): all is done with r x r matrices, by Woodbury's identity.

    Args:
        loc: (..., n).
        cov_factor: W (..., n, r).
        cov_diag: d (..., n), positive.

    Raises:
        ValueError: too few dimensions, or shapes that do not fit.

    >>> d = flambeau.distributions.LowRankMultivariateNormal(
    ...     flambeau.zeros(2), flambeau.ones(2, 1), flambeau.ones(2))
    >>> d.covariance_matrix
    tensor([[2., 1.],
            [1., 2.]])
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True
    _params = ("loc", "cov_factor", "cov_diag")
    _fixed = ("_unbroadcasted_cov_factor", "_unbroadcasted_cov_diag", "_capacitance_tril")

    def __init__(self, loc, cov_factor, cov_diag, validate_args=None):
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        event = loc.shape[-1:]
        if cov_factor.dim() < 2:
            raise ValueError("cov_factor must be at least two-dimensional, with optional leading batch dimensions")
        if cov_factor.shape[-2:-1] != event:
            raise ValueError(f"cov_factor must be a batch of matrices with shape {event[0]} x m")
        if cov_diag.shape[-1:] != event:
            raise ValueError(f"cov_diag must be a batch of vectors with shape {event}")
        batch = flambeau.broadcast_shapes(loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1])
        self.loc, self.cov_diag = loc.expand(batch + event), cov_diag.expand(batch + event)
        self.cov_factor = cov_factor.expand(batch + cov_factor.shape[-2:])
        self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag = cov_factor, cov_diag
        scaled = cov_factor.mT / cov_diag.unsqueeze(-2)
        self._capacitance_tril = flambeau.linalg.cholesky(
            scaled @ cov_factor + flambeau.eye(cov_factor.shape[-1], dtype=cov_factor.dtype)
        )
        super().__init__(batch, event, validate_args)

    def _matrix_shape(self):
        return self._batch_shape + self._event_shape + self._event_shape

    @lazy_property
    def variance(self):
        """The diagonal of the covariance."""
        value = self._unbroadcasted_cov_factor.pow(2).sum(-1) + self._unbroadcasted_cov_diag
        return value.expand(self._batch_shape + self._event_shape)

    @lazy_property
    def scale_tril(self):
        """The lower Cholesky factor of the covariance."""
        root = self._unbroadcasted_cov_diag.sqrt().unsqueeze(-1)
        scaled = self._unbroadcasted_cov_factor / root
        inner = scaled @ scaled.mT + flambeau.eye(self._event_shape[0], dtype=scaled.dtype)
        return (root * flambeau.linalg.cholesky(inner)).expand(self._matrix_shape())

    @lazy_property
    def covariance_matrix(self):
        """The covariance."""
        w = self._unbroadcasted_cov_factor
        return (w @ w.mT + self._unbroadcasted_cov_diag.diag_embed()).expand(self._matrix_shape())

    @lazy_property
    def precision_matrix(self):
        """The inverse of the covariance."""
        d = self._unbroadcasted_cov_diag
        scaled = self._unbroadcasted_cov_factor.mT / d.unsqueeze(-2)
        part = flambeau.linalg.solve_triangular(self._capacitance_tril, scaled, upper=False)
        return (d.reciprocal().diag_embed() - part.mT @ part).expand(self._matrix_shape())

    def rsample(self, sample_shape=()):
        shape, dtype = self._extended_shape(sample_shape), self.loc.dtype
        short = flambeau.empty(shape[:-1] + self.cov_factor.shape[-1:], dtype=dtype).normal_()
        long = flambeau.empty(shape, dtype=dtype).normal_()
        correlated = (self._unbroadcasted_cov_factor @ short.unsqueeze(-1)).squeeze(-1)
        return self.loc + correlated + self._unbroadcasted_cov_diag.sqrt() * long

    def _half_log_det(self):
        return half_log_det(self._capacitance_tril) + 0.5 * self._unbroadcasted_cov_diag.log().sum(-1)

    def _mahalanobis(self, diff):
        scaled = diff / self._unbroadcasted_cov_diag
        inner = (self._unbroadcasted_cov_factor.mT @ scaled.unsqueeze(-1)).squeeze(-1)
        return (diff * scaled).sum(-1) - mahalanobis(self._capacitance_tril, inner)

    def _columns(self):
        """Vectors along a first dimension whose outer products sum to the covariance."""
        diagonal = self._unbroadcasted_cov_diag.sqrt().diag_embed()
        batch = self._batch_shape
        parts = (self._unbroadcasted_cov_factor, diagonal)
        return flambeau.cat([p.expand(batch + p.shape[-2:]) for p in parts], -1).movedim(-1, 0)

    log_prob = MultivariateNormal.log_prob
    entropy = MultivariateNormal.entropy
