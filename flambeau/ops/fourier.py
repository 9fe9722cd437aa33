"""Discrete Fourier transforms: three linear maps that numpy.fft computes, and what torch.fft composes of them.

Each map's derivative is another one of the three, so derivatives of every order come from `_adjoint` alone. Gradients of
complex tensors are torch's: the conjugate Wirtinger derivative, for a linear map its conjugate transpose.
"""

import functools
import math
import operator

from .. import _C
from ._common import write_out
from ._host import along_dims, array_of, tensor_of, without_values
from .complexes import COMPLEX_OF, REAL_OF
from .copies import check_device, moved
from .indexing import roll

__all__: list[str] = []

FORWARD = {None: "none", "backward": "none", "ortho": "root", "forward": "count"}
INVERSE = {None: "count", "backward": "count", "ortho": "root", "forward": "none"}
# How NumPy names a scale: first for its forward, then for its inverse transform.
NUMPY_NORM = {"none": ("backward", "forward"), "root": ("ortho", "ortho"), "count": ("forward", "backward")}


# ---- the three maps


@functools.cache
def _function(name):
    """The autograd function of a linear map: a class, because its name is shown in grad_fn."""
    from ..autograd.function import Function

    def forward(ctx, compute, adjoint, input):
        ctx.adjoint = adjoint
        return compute(input)

    def backward(ctx, grad):
        return None, None, ctx.adjoint(grad)

    return type(name, (Function,), {"forward": staticmethod(forward), "backward": staticmethod(backward)})


def _linear(name, compute, adjoint, input):
    if input.requires_grad and _C.is_grad_enabled():
        return _function(name).apply(compute, adjoint, input)
    return compute(input)


def _order(input, dims, sort):
    """The dims as they follow each other in the result's memory: the transformed ones innermost, as in torch."""
    strides = list(input.stride())
    dims = list(dims)
    while dims:
        if sort:
            dims.sort(key=lambda d: -strides[d])
        last = dims[-7:] if sort else dims
        order = sorted((d for d in range(len(strides)) if d not in last), key=lambda d: -strides[d]) + last
        strides = [0] * len(order)
        step = 1
        for d in reversed(order):
            strides[d] = step
            step *= input.shape[d]
        dims = dims[: -len(last)]
    return order


def _run(input, dims, order, transform, dtype):
    """transform(array, axes) on the array with its dims in the order of the result's memory."""
    import numpy as np

    array = np.ascontiguousarray(array_of(input).transpose(order))
    axes = tuple(order.index(d) for d in dims)
    result = np.ascontiguousarray(transform(np, array, axes))
    shape, strides, step = [0] * len(order), [0] * len(order), 1
    for d, size in zip(reversed(order), reversed(result.shape)):
        shape[d], strides[d], step = size, step, step * max(size, 1)
    made = _C.set_storage_of(tensor_of(result, dtype), shape, strides, 0, dtype)
    return without_values(made) if input.is_meta else made


@along_dims
def _c2c(input, dims, scale, forward):
    """The complex transform along dims."""
    if not dims:
        return input.clone()

    def compute(x):
        def transform(np, array, axes):
            if not array.size:
                return array
            norm = NUMPY_NORM[scale][not forward]
            if len(axes) == 1:
                return (np.fft.fft if forward else np.fft.ifft)(array, axis=axes[0], norm=norm)
            return (np.fft.fftn if forward else np.fft.ifftn)(array, axes=axes, norm=norm)

        return _run(x, dims, _order(x, dims, True), transform, x.dtype)

    return _linear("FftC2C", compute, lambda grad: _c2c(grad, dims, scale, not forward), input)


@along_dims
def _r2c(input, dims, scale, onesided, forward=True):
    """The transform of a real tensor along dims (backward: its conjugate); onesided: the first half of the last of them,
    n // 2 + 1 values."""
    last, size = dims[-1], input.shape[dims[-1]]

    def compute(x):
        def transform(np, array, axes):
            if not array.size:
                shape = list(array.shape)
                shape[axes[-1]] = size // 2 + 1 if onesided else size
                return np.zeros(shape, np.complex128)
            if len(axes) == 1:
                result = (np.fft.rfft if onesided else np.fft.fft)(array, axis=axes[0], norm=NUMPY_NORM[scale][0])
            else:
                result = np.fft.rfftn(array, axes=axes, norm=NUMPY_NORM[scale][0])
            return result if forward else np.conj(result, out=result)

        strides = x.stride()
        order = _order(x, [*sorted(dims[:-1], key=lambda d: -strides[d]), last], False)
        return _run(x, dims, order, transform, COMPLEX_OF[x.dtype])

    def adjoint(grad):
        if onesided:
            pad = [0, 0] * (grad.dim() - 1 - last) + [0, size - grad.shape[last]]
            grad = _C.constant_pad(grad, tuple(pad), 0)
        return _c2c(grad, dims, scale, not forward).real

    return _linear("FftR2C", compute, adjoint, input)


@along_dims
def _c2r(input, dims, scale, size):
    """The inverse transform along dims of a Hermitian tensor whose last of them is halved; `size` values there."""
    if len(dims) > 1:
        return _c2r(_c2c(input, dims[:-1], scale, False), dims[-1:], scale, size)
    last = dims[-1]

    def compute(x):
        def transform(np, array, axes):
            if not array.size:
                shape = list(array.shape)
                shape[axes[0]] = size
                return np.zeros(shape)
            return np.fft.irfft(array, size, axes[0], NUMPY_NORM[scale][1])

        return _run(x, dims, _order(x, dims, False), transform, REAL_OF[x.dtype])

    def adjoint(grad):
        # A value away from both ends stands for its mirror image too.
        result = _r2c(grad, dims, scale, True)
        half = result.shape[last]
        twice = size - half
        weights = _C.cat([_weights(n, w, grad) for n, w in ((1, 1), (twice, 2), (half - 1 - twice, 1))], 0)
        return result * weights.reshape([half if d == last else 1 for d in range(grad.dim())])

    return _linear("FftC2R", compute, adjoint, input)


def _weights(count, value, like):
    return _C.full((max(count, 0),), _C.scalar(value), like.dtype, like.device)


# ---- arguments


def _check_tensor(op, input):
    if not isinstance(input, _C.Tensor):
        raise TypeError(f"[{op}] argument 'input' (position 1) must be Tensor, not {type(input).__name__}")


def _prepare(op, input, need_complex):
    """The input in a dtype that can be transformed: integers become the default dtype, real ones complex if needed."""
    _check_tensor(op, input)
    if not (input.is_floating_point() or input.is_complex()):
        input = input.to(_C.get_default_dtype())
    if input.dtype not in COMPLEX_OF and input.dtype not in REAL_OF:
        raise RuntimeError(f"[{op}] Unsupported dtype {input.dtype}: use float32 or float64")
    return input.to(COMPLEX_OF[input.dtype]) if need_complex and not input.is_complex() else input


def _scale(op, norm, table):
    if norm is not None and not isinstance(norm, str):
        raise TypeError(f"[{op}] argument 'norm' must be str, not {type(norm).__name__}")
    if norm not in table:
        raise RuntimeError(f'[{op}] Invalid normalization mode: "{norm}", expected "forward", "backward" or "ortho"')
    return table[norm]


def _int(op, name, value):
    if isinstance(value, bool):
        raise TypeError(f"[{op}] argument '{name}' must be int, not bool")
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"[{op}] argument '{name}' must be int, not {type(value).__name__}") from None


def _wrap(op, dim, rank):
    dim = _int(op, "dim", dim)
    if rank == 0:
        raise IndexError(f"[{op}] Dimension specified as {dim} but tensor has no dimensions")
    if not -rank <= dim < rank:
        raise IndexError(
            f"[{op}] Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got {dim})"
        )
    return dim % rank


def _ints(op, name, value):
    if value is None:
        return None
    return tuple(_int(op, name, v) for v in value) if isinstance(value, (tuple, list)) else (_int(op, name, value),)


def _check_size(op, size):
    if size < 1:
        raise RuntimeError(f"[{op}] Invalid number of data points ({size}) specified")
    return size


def _sizes(op, input, s, dim):
    """torch's rules for `s` and `dim`: (dims, sizes), with -1 for sizes that stay."""
    _check_tensor(op, input)
    s, dim, rank = _ints(op, "s", s), _ints(op, "dim", dim), input.dim()
    if dim is not None:
        dims = tuple(_wrap(op, d, rank) for d in dim)
        if len(set(dims)) < len(dims):
            raise RuntimeError(f"[{op}] FFT dims must be unique, got {dim}")
        if s is not None and len(s) != len(dims):
            raise RuntimeError(f"[{op}] When given, dim and shape arguments must have the same length: {dim} and {s}")
    elif s is not None:
        if len(s) > rank:
            raise RuntimeError(f"[{op}] Got shape with {len(s)} values but input tensor only has {rank} dimensions.")
        dims = tuple(range(rank - len(s), rank))
    else:
        dims = tuple(range(rank))
    return dims, (-1,) * len(dims) if s is None else s


def _resize(op, input, dims, sizes):
    """The input cut, or with zeros added, to `sizes` along `dims`; -1 leaves it."""
    pads = [0] * (2 * input.dim())
    for d, size in zip(dims, sizes):
        size = _check_size(op, input.shape[d] if size == -1 else size)
        if size < input.shape[d]:
            input = _C.narrow(input, d, 0, size)
        pads[2 * (input.dim() - 1 - d) + 1] = size - input.shape[d]
    return _C.constant_pad(input, tuple(pads), 0) if any(pads) else input


def _finish(op, result, out):
    if out is None:
        return result
    if isinstance(out, _C.Tensor) and result.is_complex() and not out.is_complex():
        raise RuntimeError(f"[{op}] expects a complex output tensor, but got {out.dtype}")
    if isinstance(out, _C.Tensor) and result.is_floating_point() and not out.is_floating_point():
        raise RuntimeError(f"[{op}] expects a floating point output tensor, but got {out.dtype}")
    return write_out(out, result)


def _refuse_complex(op, input):
    if isinstance(input, _C.Tensor) and input.is_complex():
        raise RuntimeError(f"[{op}] expects a real input tensor, but got {input.dtype}")


# ---- along one dimension


def _along_one(op, input, n, dim):
    """(input resized, dim), for transforms whose output is as long as their input."""
    d = _wrap(op, dim, input.dim())
    if n is not None:
        _check_size(op, _int(op, "n", n))
    return _resize(op, input, (d,), (-1 if n is None else n,)), d


def _complex_one(op, input, n, dim, norm, forward, out):
    input = _prepare(op, input, False)
    scale = _scale(op, norm, FORWARD if forward else INVERSE)
    input, d = _along_one(op, input, n, dim)
    if input.is_complex():
        result = _c2c(input, (d,), scale, forward)
    else:
        result = _r2c(input, (d,), scale, False, forward)
    return _finish(op, result, out)


def _real_one(op, input, n, dim, norm, forward, out):
    """rfft, and ihfft as its conjugate."""
    _refuse_complex(op, input)
    input = _prepare(op, input, False)
    scale = _scale(op, norm, FORWARD if forward else INVERSE)
    input, d = _along_one(op, input, n, dim)
    return _finish(op, _r2c(input, (d,), scale, True, forward), out)


def _hermitian_one(op, input, n, dim, norm, forward, out):
    """irfft, and hfft as that of the conjugate."""
    input = _prepare(op, input, True)
    scale = _scale(op, norm, FORWARD if forward else INVERSE)
    d = _wrap(op, dim, input.dim())
    size = _check_size(op, 2 * (input.shape[d] - 1) if n is None else _int(op, "n", n))
    input = _resize(op, input, (d,), (size // 2 + 1,))
    return _finish(op, _c2r(input.conj() if forward else input, (d,), scale, size), out)


def fft(input, n=None, dim=-1, norm=None, *, axis=None, out=None):
    r"""The discrete Fourier transform along one dimension.

    `X[k] = sum over t of x[t] e^(-2 pi i k t / n)`

    Args:
        input: real or complex tensor; integers become the default floating dtype.
        n: length to which the dimension is cut, or filled with zeros, before.
        dim: the dimension (`axis` is another name for it).
        norm: "backward" (default: no factor), "ortho" (1 / sqrt(n)) or "forward" (1 / n).
        out: tensor for the result.

    Returns:
        Complex tensor of the shape of `input`, with n values in `dim`.

    Raises:
        RuntimeError: n below 1, an unknown norm, or a dtype that cannot be transformed.
        IndexError: there is no such dimension.

    Source: Cooley and Tukey, An algorithm for the machine calculation of complex Fourier series (1965), as in numpy.fft.

    >>> flambeau.fft.fft(flambeau.tensor([1.0, 2.0, 3.0, 4.0]))
    tensor([10.+0.j, -2.+2.j, -2.+0.j, -2.-2.j])
    """
    return _complex_one("fft", input, n, dim if axis is None else axis, norm, True, out)


def ifft(input, n=None, dim=-1, norm=None, *, axis=None, out=None):
    """The inverse discrete Fourier transform along one dimension; arguments as of `fft`.

    `x[t] = 1 / n sum over k of X[k] e^(2 pi i k t / n)`

    >>> flambeau.fft.ifft(flambeau.tensor([2 + 0j, 0j]))
    tensor([1.+0.j, 1.+0.j])
    """
    return _complex_one("ifft", input, n, dim if axis is None else axis, norm, False, out)


def rfft(input, n=None, dim=-1, norm=None, *, axis=None, out=None):
    """The first half of the transform of a real tensor, n // 2 + 1 values; the others are their conjugates.

    Arguments as of `fft`; a complex `input` raises RuntimeError.

    >>> flambeau.fft.rfft(flambeau.tensor([1.0, 2.0, 3.0, 4.0]))
    tensor([10.+0.j, -2.+2.j, -2.+0.j])
    """
    return _real_one("rfft", input, n, dim if axis is None else axis, norm, True, out)


def irfft(input, n=None, dim=-1, norm=None, *, axis=None, out=None):
    """The inverse of `rfft`: a real tensor from half of its transform.

    Arguments as of `fft`; n, the length of the result, is 2 (m - 1) of m values if it is not given.

    >>> flambeau.fft.irfft(flambeau.tensor([10 + 0j, -2 + 2j, -2 + 0j]))
    tensor([1., 2., 3., 4.])
    """
    return _hermitian_one("irfft", input, n, dim if axis is None else axis, norm, False, out)


def hfft(input, n=None, dim=-1, norm=None, *, axis=None, out=None):
    """The transform of a Hermitian signal of which half is given; it is real. Arguments as of `irfft`.

    >>> flambeau.fft.hfft(flambeau.tensor([1 + 0j, 2 + 1j, 3 + 0j]))
    tensor([ 8.,  0.,  0., -4.])
    """
    return _hermitian_one("hfft", input, n, dim if axis is None else axis, norm, True, out)


def ihfft(input, n=None, dim=-1, norm=None, *, axis=None, out=None):
    """The inverse of `hfft`: half of a Hermitian signal. Arguments as of `rfft`.

    >>> flambeau.fft.ihfft(flambeau.tensor([8.0, 0.0, 0.0, -4.0]))
    tensor([1.-0.j, 2.+1.j, 3.-0.j])
    """
    return _real_one("ihfft", input, n, dim if axis is None else axis, norm, False, out)


# ---- along several dimensions


def _complex_many(op, input, s, dim, norm, forward, out):
    input = _prepare(op, input, True)
    dims, sizes = _sizes(op, input, s, dim)
    scale = _scale(op, norm, FORWARD if forward else INVERSE)
    return _finish(op, _c2c(_resize(op, input, dims, sizes), dims, scale, forward), out)


def _check_some(op, dims):
    if not dims:
        raise RuntimeError(f"[{op}] must transform at least one axis")


def _real_many(op, input, s, dim, norm, forward, out):
    if forward:
        _refuse_complex(op, input)
    dims, sizes = _sizes(op, input, s, dim)
    _check_some(op, dims)
    _refuse_complex(op, input)
    input = _prepare(op, input, False)
    scale = _scale(op, norm, FORWARD if forward else INVERSE)
    input = _resize(op, input, dims, sizes)
    if forward:
        return _finish(op, _r2c(input, dims, scale, True), out)
    result = _r2c(input, dims[-1:], scale, True, False)
    return _finish(op, _c2c(result, dims[:-1], scale, False) if len(dims) > 1 else result, out)


def _hermitian_many(op, input, s, dim, norm, forward, out):
    dims, sizes = _sizes(op, input, s, dim)
    _check_some(op, dims)
    input = _prepare(op, input, True)
    scale = _scale(op, norm, FORWARD if forward else INVERSE)
    size = _check_size(op, 2 * (input.shape[dims[-1]] - 1) if sizes[-1] == -1 else sizes[-1])
    input = _resize(op, input, dims, (*sizes[:-1], size // 2 + 1))
    if not forward:
        return _finish(op, _c2r(input, dims, scale, size), out)
    input = _c2c(input, dims[:-1], scale, True) if len(dims) > 1 else input
    return _finish(op, _c2r(input.conj(), dims[-1:], scale, size), out)


def fftn(input, s=None, dim=None, norm=None, *, axis=None, out=None):
    """The discrete Fourier transform along several dimensions.

    Args:
        input: real or complex tensor; integers become the default floating dtype.
        s: lengths to which the dimensions are cut, or filled with zeros, before; -1 leaves one as it is.
        dim: the dimensions (`axis` is another name); by default the last len(s), or all.
        norm: "backward" (default: no factor), "ortho" (1 / sqrt(n)) or "forward" (1 / n), n the number of values.
        out: tensor for the result.

    Returns:
        Complex tensor.

    Raises:
        RuntimeError: lengths below 1, dimensions given twice, an unknown norm, or a dtype that cannot be transformed.
        IndexError: there is no such dimension.

    >>> flambeau.fft.fftn(flambeau.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[10.+0.j, -2.+0.j],
            [-4.+0.j,  0.+0.j]])
    """
    return _complex_many("fftn", input, s, dim if axis is None else axis, norm, True, out)


def ifftn(input, s=None, dim=None, norm=None, *, axis=None, out=None):
    """The inverse transform along several dimensions, divided by the number of values; arguments as of `fftn`.

    >>> flambeau.fft.ifftn(flambeau.tensor([[4.0, 0.0], [0.0, 0.0]]))
    tensor([[1.+0.j, 1.+0.j],
            [1.+0.j, 1.+0.j]])
    """
    return _complex_many("ifftn", input, s, dim if axis is None else axis, norm, False, out)


def rfftn(input, s=None, dim=None, norm=None, *, axis=None, out=None):
    """`fftn` of a real tensor; of the last dimension only the first half. Arguments as of `fftn`.

    >>> flambeau.fft.rfftn(flambeau.ones(2, 4))
    tensor([[8.+0.j, 0.+0.j, 0.+0.j],
            [0.+0.j, 0.+0.j, 0.+0.j]])
    """
    return _real_many("rfftn", input, s, dim if axis is None else axis, norm, True, out)


def irfftn(input, s=None, dim=None, norm=None, *, axis=None, out=None):
    """The inverse of `rfftn`; the last length in `s` is that of the result. Arguments as of `fftn`.

    >>> flambeau.fft.irfftn(flambeau.tensor([[8.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))
    tensor([[1., 1., 1., 1.],
            [1., 1., 1., 1.]])
    """
    return _hermitian_many("irfftn", input, s, dim if axis is None else axis, norm, False, out)


def hfftn(input, s=None, dim=None, norm=None, *, axis=None, out=None):
    """The transform along several dimensions of a Hermitian signal of which half is given. Arguments as of `irfftn`.

    >>> flambeau.fft.hfftn(flambeau.tensor([[1.0, 0.0], [0.0, 0.0]]))
    tensor([[1., 1.],
            [1., 1.]])
    """
    return _hermitian_many("hfftn", input, s, dim if axis is None else axis, norm, True, out)


def ihfftn(input, s=None, dim=None, norm=None, *, axis=None, out=None):
    """The inverse of `hfftn`, for real tensors. Arguments as of `rfftn`.

    >>> flambeau.fft.ihfftn(flambeau.ones(2, 2))
    tensor([[1.-0.j, 0.-0.j],
            [0.+0.j, 0.+0.j]])
    """
    return _real_many("ihfftn", input, s, dim if axis is None else axis, norm, False, out)


def fft2(input, s=None, dim=(-2, -1), norm=None, *, axis=None, out=None):
    """`fftn` along the last two dimensions.

    >>> flambeau.fft.fft2(flambeau.ones(2, 2))
    tensor([[4.+0.j, 0.+0.j],
            [0.+0.j, 0.+0.j]])
    """
    return _complex_many("fft2", input, s, dim if axis is None else axis, norm, True, out)


def ifft2(input, s=None, dim=(-2, -1), norm=None, *, axis=None, out=None):
    """`ifftn` along the last two dimensions.

    >>> flambeau.fft.ifft2(flambeau.ones(2, 2))
    tensor([[1.+0.j, 0.+0.j],
            [0.+0.j, 0.+0.j]])
    """
    return _complex_many("ifft2", input, s, dim if axis is None else axis, norm, False, out)


def rfft2(input, s=None, dim=(-2, -1), norm=None, *, axis=None, out=None):
    """`rfftn` along the last two dimensions.

    >>> flambeau.fft.rfft2(flambeau.ones(2, 2))
    tensor([[4.+0.j, 0.+0.j],
            [0.+0.j, 0.+0.j]])
    """
    return _real_many("rfft2", input, s, dim if axis is None else axis, norm, True, out)


def irfft2(input, s=None, dim=(-2, -1), norm=None, *, axis=None, out=None):
    """`irfftn` along the last two dimensions.

    >>> flambeau.fft.irfft2(flambeau.tensor([[4.0, 0.0], [0.0, 0.0]]))
    tensor([[1., 1.],
            [1., 1.]])
    """
    return _hermitian_many("irfft2", input, s, dim if axis is None else axis, norm, False, out)


def hfft2(input, s=None, dim=(-2, -1), norm=None, *, axis=None, out=None):
    """`hfftn` along the last two dimensions.

    >>> flambeau.fft.hfft2(flambeau.tensor([[2.0, 0.0], [0.0, 0.0]]))
    tensor([[2., 2.],
            [2., 2.]])
    """
    return _hermitian_many("hfft2", input, s, dim if axis is None else axis, norm, True, out)


def ihfft2(input, s=None, dim=(-2, -1), norm=None, *, axis=None, out=None):
    """`ihfftn` along the last two dimensions.

    >>> flambeau.fft.ihfft2(flambeau.ones(2, 2))
    tensor([[1.-0.j, 0.-0.j],
            [0.+0.j, 0.+0.j]])
    """
    return _real_many("ihfft2", input, s, dim if axis is None else axis, norm, False, out)


# ---- frequencies


def _frequencies(op, numbers, n, d, out, dtype, device, requires_grad):
    if dtype is None:
        dtype = _C.get_default_dtype() if out is None else out.dtype
    if not (dtype.is_floating_point or dtype.is_complex):
        raise RuntimeError(f"[{op}] requires a floating point or complex dtype, got {dtype}")
    if out is not None and out.dtype is not dtype:
        raise RuntimeError(f"[{op}] dtype {dtype} does not match dtype of out parameter ({out.dtype})")
    if not isinstance(d, (int, float)):
        raise TypeError(f"[{op}] argument 'd' must be float, not {type(d).__name__}")
    width = float(n * d)
    step = 1.0 / width if width else math.copysign(math.inf, width)
    result = moved(_C.to_dtype(numbers, dtype, 0) * step, check_device(device, op))
    return write_out(out, result) if out is not None else result.requires_grad_(requires_grad)


def fftfreq(n, d=1.0, *, out=None, dtype=None, layout=None, device=None, requires_grad=False):
    """The frequencies that the values of `fft` belong to: 0, 1, ..., -2, -1, divided by n d.

    Args:
        n: number of values.
        d: distance of two samples.
        out, dtype, device, requires_grad: as of `zeros`.

    >>> flambeau.fft.fftfreq(4)
    tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    n = _int("fftfreq", "n", n)
    if n < 0:
        raise RuntimeError(f"[fftfreq] Trying to create tensor with negative dimension {n}")
    numbers = _C.cat([_C.arange(0, (n + 1) // 2, 1, _C.int64), _C.arange(-(n // 2), 0, 1, _C.int64)], 0)
    return _frequencies("fftfreq", numbers, n, d, out, dtype, device, requires_grad)


def rfftfreq(n, d=1.0, *, out=None, dtype=None, layout=None, device=None, requires_grad=False):
    """The frequencies that the values of `rfft` belong to: 0 ... n // 2, divided by n d. Arguments as of `fftfreq`.

    >>> flambeau.fft.rfftfreq(4)
    tensor([0.0000, 0.2500, 0.5000])
    """
    n = _int("rfftfreq", "n", n)
    if n < -1:
        raise RuntimeError(f"[rfftfreq] Trying to create tensor with negative dimension {n // 2 + 1}")
    return _frequencies("rfftfreq", _C.arange(0, n // 2 + 1, 1, _C.int64), n, d, out, dtype, device, requires_grad)


def _shift(op, input, dim, sign):
    _check_tensor(op, input)
    dims = tuple(range(input.dim())) if dim is None else _ints(op, "dim", dim)
    dims = tuple(_wrap(op, d, input.dim()) for d in dims)
    if not dims:
        raise RuntimeError(f"[{op}] `shifts` required: a tensor without dimensions cannot be shifted")
    sizes = [input.shape[d] for d in dims]
    return roll(input, [n // 2 if sign > 0 else (n + 1) // 2 for n in sizes], dims)


def fftshift(input, dim=None):
    """The values of a transform in the order of their frequencies: negative ones first, 0 in the middle.

    Args:
        input: tensor.
        dim: dimensions to shift; None for all.

    >>> flambeau.fft.fftshift(flambeau.tensor([0, 1, -2, -1]))
    tensor([-2, -1,  0,  1])
    """
    return _shift("fftshift", input, dim, 1)


def ifftshift(input, dim=None):
    """The inverse of `fftshift`.

    >>> flambeau.fft.ifftshift(flambeau.tensor([-2, -1, 0, 1]))
    tensor([ 0,  1, -2, -1])
    """
    return _shift("ifftshift", input, dim, -1)
