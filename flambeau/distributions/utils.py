"""What distributions share: broadcast parameters, probabilities and log-odds, properties computed once, triangles."""

import math
from numbers import Number

import flambeau

__all__ = [
    "broadcast_all",
    "clamp_probs",
    "lazy_property",
    "logits_to_probs",
    "probs_to_logits",
    "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]
euler_constant = 0.57721566490153286060


def _standard_normal(shape, dtype, device):
    """Draws of the standard normal distribution."""
    return flambeau.normal(flambeau.zeros(shape, dtype=dtype), flambeau.ones(shape, dtype=dtype))


def _sum_rightmost(value, dim):
    """The sum over the last dim dimensions."""
    return value if dim == 0 else value.reshape(value.shape[:-dim] + (-1,)).sum(-1)


def broadcast_all(*values):
    """Numbers and tensors as tensors of one shape.

    Args:
        values: numbers and tensors. Numbers take the dtype of the first tensor, or the default dtype if there is none.

    Returns:
        tuple of Tensor: views in the broadcast shape.

    Raises:
        ValueError: a value is neither a number nor a tensor.

    >>> flambeau.distributions.utils.broadcast_all(1.0, flambeau.zeros(2))
    (tensor([1., 1.]), tensor([0., 0.]))
    """
    if not all(isinstance(v, Number) or _is_tensor(v) for v in values):
        raise ValueError(
            "Input arguments must all be instances of Number, torch.Tensor or objects implementing __torch_function__."
        )
    dtype = next((v.dtype for v in values if isinstance(v, flambeau.Tensor)), flambeau.get_default_dtype())
    return flambeau.broadcast_tensors(*(v if _is_tensor(v) else flambeau.tensor(v, dtype=dtype) for v in values))


def _is_tensor(value):
    return isinstance(value, flambeau.Tensor) or hasattr(value, "__torch_function__")


def logits_to_probs(logits, is_binary=False):
    """Probabilities of log-odds: softmax(logits) over the last dimension, or sigmoid(logits) if is_binary.

    >>> flambeau.distributions.utils.logits_to_probs(flambeau.zeros(2), is_binary=True)
    tensor([0.5000, 0.5000])
    """
    return flambeau.sigmoid(logits) if is_binary else flambeau.softmax(logits, -1)


def clamp_probs(probs):
    """Probabilities moved into [eps, 1 - eps] of their dtype, so that their logarithms are finite.

    >>> flambeau.distributions.utils.clamp_probs(flambeau.tensor([0.0, 0.5]))
    tensor([1.1921e-07, 5.0000e-01])
    """
    eps = flambeau.finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs, is_binary=False):
    """Log-odds of probabilities: log p, or log p - log(1 - p) if is_binary, of p clamped by `clamp_probs`.

    >>> flambeau.distributions.utils.probs_to_logits(flambeau.tensor([0.5, 0.75]), is_binary=True)
    tensor([0.0000, 1.0986])
    """
    clamped = clamp_probs(probs)
    return flambeau.log(clamped) - flambeau.log1p(-clamped) if is_binary else flambeau.log(clamped)


class lazy_property:
    """A property that is computed when first read, with gradients, and then is an attribute.

    >>> class Half:
    ...     x = 3.0
    ...     @flambeau.distributions.utils.lazy_property
    ...     def half(self):
    ...         print("once")
    ...         return self.x / 2
    >>> h = Half()
    >>> h.half + h.half
    once
    3.0
    """

    def __init__(self, wrapped):
        self.wrapped = wrapped
        self.__doc__ = wrapped.__doc__

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        with flambeau.enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.name, value)
        return value


def tril_matrix_to_vec(mat, diag=0):
    """The entries on and below a diagonal of matrices (..., D, D), row by row: (..., n).

    Raises:
        ValueError: the diagonal is outside the matrix.

    >>> flambeau.distributions.utils.tril_matrix_to_vec(flambeau.tensor([[1, 2], [3, 4]]))
    tensor([1, 3, 4])
    """
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    rows, columns = flambeau.tril_indices(n, n, offset=diag)
    return mat[..., rows, columns]


def vec_to_tril_matrix(vec, diag=0):
    """Matrices (..., D, D) with the numbers of (..., n) on and below a diagonal, row by row, and zeros above.

    Raises:
        RuntimeError: n is not the number of entries of such a triangle.

    >>> flambeau.distributions.utils.vec_to_tril_matrix(flambeau.tensor([1.0, 2.0, 3.0]))
    tensor([[1., 0.],
            [2., 3.]])
    """
    length = vec.shape[-1]
    if diag < 0:  # m = n + diag rows: length = m(m + 1)/2
        n = (math.isqrt(8 * length + 1) - 1) // 2 - diag
    else:  # a full triangle and diag more diagonals: 2 length = n^2 + (1 + 2 diag) n - diag (diag + 1)
        n = (math.isqrt((1 + 2 * diag) ** 2 + 4 * diag * (diag + 1) + 8 * length) - 1 - 2 * diag) // 2
    rows, columns = flambeau.tril_indices(n, n, offset=diag)
    if len(rows) != length:
        raise RuntimeError(
            f"[vec_to_tril_matrix] shape mismatch: value tensor of shape {list(vec.shape)} cannot be broadcast to "
            f"indexing result of shape [{len(rows)}]: no triangle below diagonal {diag} has {length} entries"
        )
    places = flambeau.zeros(n, n, dtype=flambeau.int64).index_put(
        (rows, columns), flambeau.arange(1, len(rows) + 1, dtype=flambeau.int64)
    )
    return flambeau.cat([vec.new_zeros((*vec.shape[:-1], 1)), vec], -1)[..., places]


def sum_rightmost(value, dims):
    """The sum over the last `dims` dimensions."""
    return value.sum(tuple(range(-dims, 0))) if dims else value


def tiny(tensor):
    """The least positive normal number of a tensor's dtype."""
    return flambeau.finfo(tensor.dtype).tiny


def only_one(**given):
    """The name of the one argument that is not None.

    Raises:
        ValueError: none is given, or more than one.
    """
    names = [name for name, value in given.items() if value is not None]
    if len(names) != 1:
        raise ValueError(f"Either {' or '.join(f'`{n}`' for n in given)} must be specified, but not both.")
    return names[0]
