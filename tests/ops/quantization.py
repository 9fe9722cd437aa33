"""Rounding to what a quantized tensor could hold."""

import numpy as np

from tests.frame import FLOATS, INTS, Error, Row, Sample, T, fl, tensor


def rounded(x, scale, zero_point, low, high):
    steps = np.rint(np.asarray(x, np.float64) / scale) + zero_point
    return (np.where(np.isnan(steps), low, np.clip(steps, low, high)) - zero_point) * scale


def per_channel(x, scale, zero_point, axis, low, high):
    shape = [-1 if d == axis else 1 for d in range(np.ndim(x))]
    return rounded(x, np.reshape(scale, shape), np.reshape(zero_point, shape), low, high)


def passing(call, x, *arguments):
    """The call's gradient with the values of what it stands for: the identity, up to half a step beyond the bounds."""
    scale, zero_point, *rest = arguments
    low, high = rest[-2:]
    shape = [-1 if len(rest) == 3 and d == rest[0] else 1 for d in range(x.dim())]
    scale, zero_point = (v.double().reshape(shape) if isinstance(v, fl.Tensor) else v for v in (scale, zero_point))
    bounds = [fl.as_tensor((b - zero_point) * scale, dtype=fl.float64) for b in (low - 0.5, high + 0.5)]
    found = call(x, *arguments)
    return found - found.detach() + fl.minimum(fl.maximum(x, bounds[0]), bounds[1]).detach()


scales = T((3,), values=[0.25, 0.5, 1.0], dtype="float32", grad=False)
zeros = T((3,), values=[0, 2, -1], dtype="int32")
ROWS = [
    Row(
        "fake_quantize_per_tensor_affine",
        rounded,
        [
            *(Sample(tensor(*s), 0.25, 1, -8, 7) for s in ((), (5,), (3, 4), (2, 1, 3), (0,))),
            Sample(tensor(3, 4), 0.5, 0, 0, 255),
            Sample(
                tensor(3, 4),
                T((1,), values=[0.5], dtype="float32", grad=False),
                T((1,), values=[2], dtype="int32"),
                0,
                255,
            ),
        ],
        dtypes=FLOATS,
        rejects=INTS,
        through=passing,
        method=False,
        extremes=(0.0, -0.0, np.inf, -np.inf, np.nan, 1e30),
        large=Sample(tensor(300_001), 0.25, 1, -8, 7),
        errors=[
            Error(tensor(3), 0.25, 1, 7, -8, raises=RuntimeError, match="quant_min"),
            Error(tensor(3), 0.25, 9, -8, 7, raises=RuntimeError, match="zero_point"),
            Error(tensor(3), 0.25, 0.5, -8, 7, raises=TypeError),
        ],
    ),
    Row(
        "fake_quantize_per_channel_affine",
        per_channel,
        [
            Sample(tensor(3, 4), scales, zeros, 0, -8, 7),
            Sample(tensor(2, 3), scales, zeros, 1, -8, 7),
            Sample(tensor(2, 3, 2), scales, zeros, 1, -8, 7),
            Sample(tensor(3, 0), scales, zeros, 0, -8, 7),
        ],
        dtypes=FLOATS,
        rejects=INTS,
        through=passing,
        method=False,
        large=Sample(tensor(3, 100_001), scales, zeros, 0, -8, 7),
        errors=[
            Error(tensor(3), scales, zeros, 1, -8, 7, raises=IndexError),
            Error(tensor(3), scales, zeros, -1, -8, 7, raises=RuntimeError),
            Error(tensor(4), scales, zeros, 0, -8, 7, raises=RuntimeError, match="not consistent"),
            Error(tensor(3), scales, zeros, 0, 0, 7, raises=RuntimeError, match="zero_point"),
            Error(
                tensor(3),
                scales,
                T((3,), values=[0, 0, 0], dtype="int64"),
                0,
                -8,
                7,
                raises=RuntimeError,
                match="Int32",
            ),
        ],
    ),
]
