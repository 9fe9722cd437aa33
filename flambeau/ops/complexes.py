"""Complex numbers and their parts, as views where torch has views."""

from .. import _C
from ._pointwise import check_tensors

__all__ = [
    "conj",
    "imag",
    "is_conj",
    "is_neg",
    "real",
    "resolve_conj",
    "resolve_neg",
    "view_as_complex",
    "view_as_real",
]
REAL_OF = {_C.complex64: _C.float32, _C.complex128: _C.float64}
COMPLEX_OF = {_C.float32: _C.complex64, _C.float64: _C.complex128}


def view_as_real(input):
    """A complex tensor as a real one with a last dimension of size 2: real and imaginary part.

    `out[..., 0] = real`, `out[..., 1] = imag`

    Args:
        input: complex tensor (...).

    Returns:
        Real tensor (..., 2) that shares memory with `input`.

    Raises:
        RuntimeError: the tensor is not complex.

    Example:
        >>> flambeau.view_as_real(flambeau.tensor([1 + 2j, 3 - 1j]))
        tensor([[ 1.,  2.],
                [ 3., -1.]])
    """
    check_tensors("view_as_real", input)
    if not input.is_complex():
        raise RuntimeError(f"[view_as_real] expected a complex tensor, got {input.dtype}")
    return _C.view_dtype(_C.unsqueeze(input, -1), REAL_OF[input.dtype])


def view_as_complex(input):
    """A real tensor whose last dimension has size 2 as a complex one.

    `out = input[..., 0] + i input[..., 1]`

    Args:
        input: tensor (..., 2) of float32 or float64; the last dimension has stride 1, the others even strides.

    Returns:
        Complex tensor (...) that shares memory with `input`.

    Raises:
        RuntimeError: another dtype, size or stride.

    Example:
        >>> flambeau.view_as_complex(flambeau.tensor([[1.0, 2.0], [3.0, -1.0]]))
        tensor([1.+2.j, 3.-1.j])
    """
    check_tensors("view_as_complex", input)
    if input.dtype not in COMPLEX_OF:
        raise RuntimeError(f"[view_as_complex] expected a float32 or float64 tensor, got {input.dtype}")
    if input.dim() == 0 or input.shape[-1] != 2:
        raise RuntimeError(f"[view_as_complex] the last dimension must have size 2, got shape {tuple(input.shape)}")
    return _C.squeeze(_C.view_dtype(input, COMPLEX_OF[input.dtype]), (-1,))


def real(input):
    """The real part; of a real tensor, the tensor itself.

    `out = Re(input)`

    Args:
        input: tensor.

    Returns:
        Real tensor of the shape of `input` that shares its memory.

    Example:
        >>> flambeau.real(flambeau.tensor([1 + 2j, 3 - 1j]))
        tensor([1., 3.])
    """
    return _C.select(view_as_real(input), -1, 0) if input.is_complex() else input


def imag(input):
    """The imaginary part.

    `out = Im(input)`

    Args:
        input: complex tensor.

    Returns:
        Real tensor of the shape of `input` that shares its memory.

    Raises:
        RuntimeError: the tensor is not complex.

    Example:
        >>> flambeau.imag(flambeau.tensor([1 + 2j, 3 - 1j]))
        tensor([ 2., -1.])
    """
    check_tensors("imag", input)
    if not input.is_complex():
        raise RuntimeError(f"[imag] expected a complex tensor, got {input.dtype}")
    return _C.select(view_as_real(input), -1, 1)


def conj(input):
    """The complex conjugate of each element; of a real tensor, the tensor itself.

    `out = Re(input) - i Im(input)`

    Args:
        input: tensor.

    Returns:
        Tensor of the shape and dtype of `input`.

    Example:
        >>> flambeau.conj(flambeau.tensor([1 + 2j]))
        tensor([1.-2.j])
    """
    return _C.conj_(input) if input.is_complex() else input


def is_conj(input):
    """Whether a tensor is a lazy conjugate: never, as `conj` computes its result.

    Args:
        input: tensor.

    Returns:
        False.

    Example:
        >>> flambeau.is_conj(flambeau.tensor([1 + 2j]).conj())
        False
    """
    check_tensors("is_conj", input)
    return False


def is_neg(input):
    """Whether a tensor is a lazy negative: never.

    Args:
        input: tensor.

    Returns:
        False.

    Example:
        >>> flambeau.is_neg(-flambeau.tensor([1.0]))
        False
    """
    check_tensors("is_neg", input)
    return False


def resolve_conj(input):
    """The tensor itself: there are no lazy conjugates.

    Args:
        input: tensor.

    Returns:
        `input`.

    Example:
        >>> flambeau.resolve_conj(flambeau.tensor([1 + 2j]))
        tensor([1.+2.j])
    """
    check_tensors("resolve_conj", input)
    return input


def resolve_neg(input):
    """The tensor itself: there are no lazy negatives.

    Args:
        input: tensor.

    Returns:
        `input`.

    Example:
        >>> flambeau.resolve_neg(flambeau.tensor([1.0]))
        tensor([1.])
    """
    check_tensors("resolve_neg", input)
    return input


def _set_real(self, value):
    real(self).copy_(value)


def _set_imag(self, value):
    imag(self).copy_(value)


METHODS = [
    "conj",
    "is_conj",
    "is_neg",
    "resolve_conj",
    "resolve_neg",
    ("real", property(real, _set_real)),
    ("imag", property(imag, _set_imag)),
]
