"""Tensors from nothing: sizes, ranges, constants."""

import numpy as np

from tests.frame import ALL, Error, Row, Sample, dtype_name, fl, tensor, to_numpy

REAL64 = {"fl.int64": np.int64, "fl.float64": np.float64, "fl.int32": np.int32, "fl.bool": np.bool_}


def unwrap(sizes):
    return tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], list | tuple) else sizes


def create(name, ref, samples, **fields):
    """A row for a function that takes no tensor, or only its shape and dtype."""
    defaults = {"differentiable": (), "method": False, "dtypes": ("float32",), "result": "float32"}
    return Row(name, ref, samples, **{**defaults, **fields})


def like(name, value):
    """zeros_like and its kin: the dtype and shape of another tensor."""
    samples = [Sample(tensor(2, 3)), Sample(tensor()), Sample(tensor(0, 2))]
    return create(name, lambda x: np.full(np.shape(x), value), samples, dtypes=ALL, result="first")


def new(name, ref, *arguments):
    """A method of a tensor that makes another of the same dtype."""
    return create(f"Tensor.{name}", ref, [Sample(tensor(2), *arguments)], dtypes=ALL, result="first")


def check_empty(result, *args, **kwargs):
    """Sizes, dtype and strides are right; the values are whatever was there."""
    sizes = (
        args if args and isinstance(args[0], int) else args[0] if isinstance(args[0], list | tuple) else args[0].shape
    )
    assert tuple(result.shape) == tuple(sizes)
    assert result.dtype == kwargs.get("dtype", getattr(args[0], "dtype", fl.float32))


def check_empty_strided(result, size, stride):
    assert tuple(result.shape) == tuple(size) and tuple(result.stride()) == tuple(stride)


def check_new_empty(result, source, size):
    assert tuple(result.shape) == tuple(size) and result.dtype == source.dtype


def check_tensor(result, data, **kwargs):
    """What torch.tensor infers: bool, int64, float32, complex64, from the highest kind among the numbers."""
    kinds = {np.dtype(bool): "bool", np.dtype(int): "int64", np.dtype(float): "float32", np.dtype(complex): "complex64"}
    array = np.asarray(data)
    assert dtype_name(result) == (dtype_name(kwargs["dtype"]) if "dtype" in kwargs else kinds[array.dtype])
    np.testing.assert_array_equal(to_numpy(result), array.astype(to_numpy(result).dtype))
    assert result.is_contiguous() and not result.requires_grad


def check_shared(result, array):
    """from_numpy shares memory, in both directions."""
    np.testing.assert_array_equal(result.numpy(), array)
    array[...] = 7
    assert (result.numpy() == 7).all()


NESTED = [[1, 2], [3, 4]], [[1.5, 2]], 3, 2.5, True, [True, False], [], [[]], [1, 2.5], [True, 2], 1 + 2j, [1.0, 2j]

ROWS = [
    create(
        "zeros",
        lambda *s: np.zeros(unwrap(s)),
        [Sample(2, 3), Sample((2, 0)), Sample(())],
        errors=[Error(-1, raises=RuntimeError, match="-1"), Error(2.5, raises=TypeError)],
    ),
    create("ones", lambda *s: np.ones(unwrap(s)), [Sample(2, 3), Sample([2, 0]), Sample(())]),
    create(
        "full",
        lambda s, v: np.full(s, v),
        [Sample((2, 3), v) for v in (1.5, 7, True)] + [Sample((), -2.0), Sample((0,), 1.0)],
        result="promote",
    ),
    create("empty", None, [Sample(2, 3), Sample((0, 2)), Sample((), dtype="fl.int64")], check=check_empty),
    create("empty_like", None, [Sample(tensor(2, 3)), Sample(tensor())], check=check_empty, dtypes=ALL),
    create("empty_strided", None, [Sample((2, 3), (1, 2)), Sample((2,), (5,))], check=check_empty_strided),
    like("zeros_like", 0),
    like("ones_like", 1),
    create(
        "full_like",
        lambda x, v: np.full(np.shape(x), v),
        [Sample(tensor(2, 3), 1), Sample(tensor(), 1)],
        dtypes=ALL,
        result="first",
    ),
    new("new_zeros", lambda x, s: np.zeros(s), (2, 3)),
    new("new_ones", lambda x, s: np.ones(s), (2, 3)),
    new("new_full", lambda x, s, v: np.full(s, v), (2, 3), 1),
    create("Tensor.new_empty", None, [Sample(tensor(2), (3, 2))], check=check_new_empty, dtypes=ALL),
    create("Tensor.new_tensor", lambda x, d: np.array(d), [Sample(tensor(2), [1, 0])], dtypes=ALL, result="first"),
    create("eye", np.eye, [Sample(3), Sample(2, 4), Sample(0), Sample(4, 2)], out=True),
    create(
        "arange",
        np.arange,
        [Sample(5), Sample(2, 5), Sample(0, 10, 3), Sample(5, 0, -2), Sample(0), Sample(3, 3)]
        + [Sample(5.0), Sample(0.5, 3), Sample(0, 1, 0.25), Sample(1.0, -1.0, -0.5)],
        result="promote",
        errors=[
            Error(0, 1, 0, raises=RuntimeError),
            Error(3, 0, raises=RuntimeError),
            Error(0, float("nan"), raises=RuntimeError),
        ],
    ),
    create(
        "linspace",
        np.linspace,
        [Sample(0, 1, 5), Sample(-2.5, 10, 1), Sample(3, -3, 7), Sample(0, 1, 0), Sample(0, 10, 101)],
        out=True,
        errors=[Error(0, 1, -1, raises=RuntimeError, match="-1")],
    ),
    create("logspace", np.logspace, [Sample(0, 2, 5), Sample(-1, 1, 3), Sample(0, 1, 0)], out=True),
    create(
        "tensor",
        None,
        [Sample(v) for v in NESTED] + [Sample([1, 2], dtype="fl.float64"), Sample([0, 2], dtype="fl.bool")],
        check=check_tensor,
        errors=[
            Error([[1, 2], [3]], raises=ValueError),
            Error("abc", raises=(TypeError, ValueError)),
            Error([None], raises=(TypeError, RuntimeError)),
        ],
    ),
    create("as_tensor", None, [Sample(v) for v in NESTED[:5]], check=check_tensor),
    create("scalar_tensor", np.array, [Sample(2.5), Sample(3)]),
    create(
        "complex",
        lambda a, b: a + 1j * b,
        [Sample(tensor(2, 3), tensor(2, 3)), Sample(tensor(), tensor())],
        dtypes=("float32", "float64"),
        differentiable=("float64",),
        result=lambda d: {"float32": "complex64", "float64": "complex128"}[d],
        out=True,
        errors=[Error(tensor(2, dtype="float32"), tensor(2, dtype="float64"), raises=RuntimeError)],
    ),
    create(
        "polar",
        lambda a, b: a * np.exp(1j * b),
        [Sample(tensor(2, 3, low=0.5), tensor(2, 3)), Sample(tensor(low=0.5), tensor())],
        dtypes=("float32", "float64"),
        differentiable=("float64",),
        result=lambda d: {"float32": "complex64", "float64": "complex128"}[d],
        out=True,
    ),
    create(
        "tril_indices",
        lambda r, c, o=0: np.array(np.tril_indices(r, o, c)),
        [Sample(3, 3), Sample(2, 4, 1), Sample(4, 2, -1)],
        result="int64",
    ),
    create(
        "triu_indices",
        lambda r, c, o=0: np.array(np.triu_indices(r, o, c)),
        [Sample(3, 3), Sample(2, 4, 1), Sample(4, 2, -1)],
        result="int64",
    ),
    create(
        "vander",
        np.vander,
        [Sample(tensor(3)), Sample(tensor(3), 2), Sample(tensor(3), 4, increasing=True)],
        dtypes=("int64",),
        result="first",
    ),
]
