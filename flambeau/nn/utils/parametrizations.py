"""Ready parametrizations: orthogonal matrices, weight normalisation and spectral normalisation."""

import enum

import flambeau
from flambeau.nn.modules.module import Module

from . import parametrize

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


class _OrthMaps(enum.Enum):
    matrix_exp = enum.auto()
    cayley = enum.auto()
    householder = enum.auto()


class _Orthogonal(Module):
    """A matrix with orthonormal columns (or rows, if it is wide) from any matrix of its shape."""

    def __init__(self, weight, orthogonal_map, *, use_trivialization=True):
        super().__init__()
        if weight.is_complex() and orthogonal_map is _OrthMaps.householder:
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X):
        wide = X.shape[-2] < X.shape[-1]
        tall = X.mT if wide else X
        if self.orthogonal_map is _OrthMaps.householder:
            Q = _reflections(tall)
        else:
            Q = self._rotation(tall)
        if hasattr(self, "base"):
            Q = self.base @ Q
        return Q.mT if wide else Q

    def _rotation(self, tall):
        """The first columns of exp(A), or of (I + A/2) / (I - A/2), of a skew-symmetric A."""
        rows, columns = tall.shape[-2:]
        lower = flambeau.nn.functional.pad(tall.tril(), (0, rows - columns))
        A = lower - lower.mH
        if self.orthogonal_map is _OrthMaps.matrix_exp:
            Q = flambeau.linalg.matrix_exp(A)
        else:
            eye = flambeau.eye(rows, dtype=A.dtype, device=A.device)
            Q = flambeau.linalg.solve(eye - A / 2, eye + A / 2)
        return Q[..., :columns]

    @flambeau.no_grad()
    def right_inverse(self, Q):
        if Q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape {Q.shape}."
            )
        wide = Q.shape[-2] < Q.shape[-1]
        tall = Q.mT if wide else Q
        if hasattr(self, "base"):
            self.base = _completed(tall)
            negative = flambeau.zeros_like(Q)  # which all maps send to the identity
            negative.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
            return negative
        if self.orthogonal_map is not _OrthMaps.householder:
            raise NotImplementedError(
                "It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                "use_trivialization=False."
            )
        A, tau = flambeau.geqrf(tall)
        diagonal = A.diagonal(dim1=-2, dim2=-1)
        diagonal.copy_(diagonal.sign() * flambeau.where(tau == 0, -1.0, 1.0))
        return A.mT if wide else A


def _reflections(tall):
    """The product of the Householder reflections given by the columns below the diagonal; the diagonal holds signs."""
    A = tall.tril(-1)
    tau = 2 / (1 + (A * A).sum(-2))
    signs = tall.diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)
    return flambeau.linalg.householder_product(A, tau) * signs


def _completed(tall):
    """A square orthogonal matrix with these columns first, the others drawn at random."""
    rows, columns = tall.shape[-2:]
    if rows == columns:
        return tall.clone() if _is_orthogonal(tall) else _make_orthogonal(tall)
    drawn = flambeau.randn(*tall.shape[:-2], rows, rows - columns, dtype=tall.dtype, device=tall.device)
    return _make_orthogonal(flambeau.cat([tall, drawn], -1))


def _is_orthogonal(Q, eps=None):
    rows, columns = Q.shape[-2:]
    eye = flambeau.eye(columns, dtype=Q.dtype, device=Q.device)
    return flambeau.allclose(Q.mH @ Q, eye, atol=10 * rows * flambeau.finfo(Q.dtype).eps if eps is None else eps)


def _make_orthogonal(A):
    """The Q of A = QR with a positive diagonal of R."""
    X, tau = flambeau.geqrf(A)
    return flambeau.linalg.householder_product(X, tau) * X.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


def orthogonal(module, name="weight", orthogonal_map=None, *, use_trivialization=True):
    """Keeps a matrix orthogonal: Q^H Q = I if it is tall or square, Q Q^H = I if it is wide.

    Args:
        module: the module; the same is returned.
        name: the name of a parameter with two dimensions or more (a batch of matrices).
        orthogonal_map: "matrix_exp" (exp of a skew-symmetric matrix), "cayley" ((I + A/2) / (I - A/2)) or "householder" (a
            product of reflections; real matrices only). The first for square and complex matrices, else the last.
        use_trivialization: compute B times the map, where B is the present matrix, so that it can be assigned.

    Raises:
        ValueError: no such parameter, no such map, fewer than two dimensions, reflections of complex numbers.

    Example::

        >>> layer = flambeau.nn.utils.parametrizations.orthogonal(flambeau.nn.Linear(4, 3))
        >>> flambeau.allclose(layer.weight @ layer.weight.T, flambeau.eye(3), atol=1e-5)
        True

    Source: Lezcano-Casado, Trivializations for gradient-based optimization on manifolds, 2019.
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, flambeau.Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if weight.dim() < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.dim()} dimensions.")
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1]
        orthogonal_map = "matrix_exp" if square or weight.is_complex() else "householder"
    if orthogonal_map not in _OrthMaps.__members__:
        raise ValueError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}'
        )
    orth = _Orthogonal(weight, _OrthMaps[orthogonal_map], use_trivialization=use_trivialization)
    parametrize.register_parametrization(module, name, orth, unsafe=True)
    return module


class _WeightNorm(Module):
    """w = g v / |v| (Salimans, Kingma 2016)."""

    def __init__(self, dim=0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g, weight_v):
        return weight_v * (weight_g / flambeau.norm_except_dim(weight_v, 2, self.dim))

    def right_inverse(self, weight):
        return flambeau.norm_except_dim(weight, 2, self.dim), weight


def weight_norm(module, name="weight", dim=0):
    """Trains a weight's length g and direction v apart: w = g v / |v| (Salimans, Kingma 2016).

    Args:
        module: the module; the same is returned.
        name: the weight's name.
        dim: the dimension of the slices that have a length each; None for one length.

    Example::

        >>> layer = flambeau.nn.utils.parametrizations.weight_norm(flambeau.nn.Linear(4, 2))
        >>> layer.parametrizations.weight.original0.shape, layer.parametrizations.weight.original1.shape
        (torch.Size([2, 1]), torch.Size([2, 4]))
    """
    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)
    module._register_load_state_dict_pre_hook(_OldNames(name))
    return module


class _OldNames:
    """Reads state that the older `weight_norm` wrote."""

    def __init__(self, name):
        self.name = name

    def __call__(self, state_dict, prefix, *rest):
        old = [f"{prefix}{self.name}_g", f"{prefix}{self.name}_v"]
        if all(key in state_dict for key in old):
            for i, key in enumerate(old):
                state_dict[f"{prefix}parametrizations.{self.name}.original{i}"] = state_dict.pop(key)


class _SpectralNorm(Module):
    """w / sigma(w), the largest singular value being followed by power iteration."""

    def __init__(self, weight, n_power_iterations=1, dim=0, eps=1e-12):
        super().__init__()
        if not -weight.dim() <= dim < weight.dim():
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{weight.dim()}, {weight.dim() - 1}] "
                f"but got {dim})"
            )
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim = dim if dim >= 0 else dim + weight.dim()
        self.eps = eps
        if weight.dim() > 1:
            self.n_power_iterations = n_power_iterations
            matrix = self._reshape_weight_to_matrix(weight)
            rows, columns = matrix.shape
            u, v = matrix.new_empty(rows).normal_(0, 1), matrix.new_empty(columns).normal_(0, 1)
            self.register_buffer("_u", flambeau.nn.functional.normalize(u, dim=0, eps=eps))
            self.register_buffer("_v", flambeau.nn.functional.normalize(v, dim=0, eps=eps))
            self._power_method(matrix, 15)

    def _reshape_weight_to_matrix(self, weight):
        if self.dim != 0:
            weight = weight.permute(self.dim, *[d for d in range(weight.dim()) if d != self.dim])
        return weight.flatten(1)

    def _power_method(self, matrix, iterations):
        normalize = flambeau.nn.functional.normalize
        with flambeau.no_grad():
            for _ in range(iterations):
                self._u = normalize(flambeau.mv(matrix, self._v), dim=0, eps=self.eps)
                self._v = normalize(flambeau.mv(matrix.t(), self._u), dim=0, eps=self.eps)

    def forward(self, weight):
        if weight.dim() == 1:
            return flambeau.nn.functional.normalize(weight, dim=0, eps=self.eps)
        matrix = self._reshape_weight_to_matrix(weight)
        if self.training:
            self._power_method(matrix, self.n_power_iterations)
        sigma = flambeau.vdot(self._u.clone(), flambeau.mv(matrix, self._v.clone()))
        return weight / sigma

    def right_inverse(self, value):
        return value


def _transposed(module):
    from flambeau.nn import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d

    return isinstance(module, ConvTranspose1d | ConvTranspose2d | ConvTranspose3d)


def spectral_norm(module, name="weight", n_power_iterations=1, eps=1e-12, dim=None):
    """Divides a weight by its largest singular value (Miyato et al., 2018).

    Args:
        module: the module; the same is returned.
        name: the weight's name.
        n_power_iterations: steps of power iteration at each call in training.
        eps: the smallest length to divide by.
        dim: the dimension of the outputs; 0, or 1 for transposed convolutions.

    Example::

        >>> layer = flambeau.nn.utils.parametrizations.spectral_norm(flambeau.nn.Linear(4, 2))
        >>> bool(layer.weight.norm() >= 0.99)
        True
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, flambeau.Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    dim = (1 if _transposed(module) else 0) if dim is None else dim
    parametrize.register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))
    return module
