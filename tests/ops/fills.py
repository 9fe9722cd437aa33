"""Random fills in place (their streams: tests/test_random.py), basic indexing, bits seen as another dtype."""

import numpy as np

from tests.frame import ALL, COMPLEX, FLOATS, Error, Row, Sample, dtype_name, index, tensor, to_numpy


def fill(name, check, *arguments, errors=(), dtypes=FLOATS):
    """A row for Tensor.name_: the same shape and dtype, and values that `check` accepts."""

    def accept(result, x, *rest):
        assert result.shape == x.shape and dtype_name(result) == dtype_name(x)
        values = to_numpy(result).astype(float)
        assert check(values).all() if values.size else True
        assert values.size < 9 or values.std() > 0

    samples = [Sample(tensor(40, 5), *arguments), Sample(tensor(), *arguments), Sample(tensor(0, 2), *arguments)]
    return Row(
        f"Tensor.{name}_",
        None,
        samples,
        dtypes=dtypes,
        check=accept,
        random=True,
        differentiable=(),
        method=False,
        errors=[Error(tensor(3), *bad, raises=RuntimeError) for bad in errors],
    )


def check_bits(result, x, target):
    """view(dtype) reinterprets memory; view(shape) keeps the values."""
    if isinstance(target, tuple):
        np.testing.assert_array_equal(to_numpy(result), to_numpy(x).reshape(target))
    else:
        assert dtype_name(result) == dtype_name(target)
        assert to_numpy(result).tobytes() == to_numpy(x).tobytes()


ROWS = [
    fill("uniform", lambda v: (v >= 2) & (v <= 3), 2.0, 3.0, errors=[(3.0, 2.0)]),
    fill("normal", lambda v: abs(v - 1) < 12, 1.0, 2.0, errors=[(0.0, -1.0)]),
    fill("exponential", lambda v: v >= 0, 1.5, errors=[(-1.0,)]),
    fill("geometric", lambda v: (v >= 1) & (v == np.floor(v)), 0.4, errors=[(1.5,)]),
    fill("cauchy", np.isfinite, 0.0, 1.0, errors=[(0.0, -1.0)], dtypes=("float32", "float64")),
    fill("log_normal", lambda v: v > 0, 0.0, 0.5, errors=[(0.0, -1.0)]),
    fill("random", lambda v: (v >= 3) & (v < 90) & (v == np.floor(v)), 3, 90, errors=[(5, 5)]),
    fill("bernoulli", lambda v: (v == 0) | (v == 1), 0.4, errors=[(1.5,)]),
    Row(
        "Tensor.__getitem__",
        lambda x, place: x[place],
        [
            Sample(tensor(3, 4), place)
            for place in (1, -1, (slice(1, None), 0), (None, Ellipsis, -1), slice(None, None, 2), (slice(2, 1),), ())
        ]
        + [Sample(tensor(5), index(4, high=5)), Sample(tensor(), ()), Sample(tensor(0, 2), slice(None))],
        dtypes=ALL,
        differentiable=("float64", COMPLEX[1]),
        method=False,
        covers=("index", "embed", "advanced_index"),
        errors=[Error(tensor(3), 3, raises=IndexError), Error(tensor(3), (0, 0), raises=IndexError)],
    ),
    Row(
        "view_copy",
        None,
        [Sample(tensor(4, 4), "fl.int32"), Sample(tensor(4, 4), "fl.int64"), Sample(tensor(12), (3, 4))],
        dtypes=("float32",),
        check=check_bits,
        differentiable=(),
        method=False,
        view=False,
        contiguous_only=True,
        covers=("view_dtype",),
    ),
]
