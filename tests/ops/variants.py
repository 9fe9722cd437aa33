"""Public functions that are other forms of ops with rows of their own: with indices, in place, from foreign memory, old names."""

import ctypes

import numpy as np

from tests.frame import ALL, FLOATS, Error, Row, Sample, fl, tensor

from .conv import spread
from .pooling import np_max_pool
from .random import check_alpha, check_channels, check_dropout

SECOND = ("float32", "float64")


def array(t):
    return t.detach().to(fl.float64).numpy() if t.dtype in (fl.float16, fl.bfloat16) else t.detach().numpy()


def picked(x, places, dims):
    """The elements of each plane, the last `dims` dimensions, at flat places."""
    planes = x.reshape(*x.shape[: x.ndim - dims], -1)
    return np.take_along_axis(planes, places.reshape(*places.shape[: x.ndim - dims], -1), -1).reshape(places.shape)


def check_with_indices(reference, dims):
    """Values are the reference's, and lie at the given places."""

    def check(result, x, *args, **kwargs):
        values, places = result
        expected = reference(array(x).astype(float), *args, **kwargs)
        np.testing.assert_allclose(array(values), expected, 2e-2)
        np.testing.assert_array_equal(picked(array(x), places.numpy(), dims), array(values))

    return check


def adaptive_max(dims):
    def reference(x, size):
        sizes = spread(size, dims)
        for axis, n in enumerate(sizes, x.ndim - dims):
            length = x.shape[axis]
            cuts = [(i * length // n, -(-(i + 1) * length // n)) for i in range(n)]
            x = np.concatenate([x.take(range(a, b), axis).max(axis, keepdims=True) for a, b in cuts], axis)
        return x

    return reference


def check_fractional(with_indices):
    """Random windows: as many results as asked for, each an element of its plane and at least what a smallest window holds."""

    def check(result, x, kernel_size, output_size=None, **kwargs):
        values, places = result if with_indices else (result, None)
        dims = len(output_size)
        assert tuple(values.shape) == (*x.shape[: x.ndim - dims], *output_size)
        planes = array(x).reshape(*x.shape[: x.ndim - dims], -1)
        flat = array(values).reshape(*planes.shape[:-1], -1)
        assert (flat[..., None] == planes[..., None, :]).any(-1).all()
        assert (flat.max(-1) <= planes.max(-1)).all()
        if with_indices:
            np.testing.assert_array_equal(picked(array(x), places.numpy(), dims), array(values))

    return check


def np_upsample(x, size=None, scale_factor=None, **kwargs):
    """Nearest neighbours by whole factors of the last dimensions."""
    factor = scale_factor or size[0] // x.shape[2]
    for axis in range(2, x.ndim):
        x = np.repeat(x, factor, axis)
    return x


def np_bilinear(x, scale_factor):
    """Linear interpolation with aligned corners along the last two dimensions."""
    for axis in (2, 3):
        n = x.shape[axis]
        at = np.linspace(0, n - 1, n * scale_factor)
        low = np.minimum(np.floor(at).astype(int), n - 2)
        weight = (at - low).reshape([-1 if a == axis else 1 for a in range(x.ndim)])
        x = x.take(low, axis) * (1 - weight) + x.take(low + 1, axis) * weight
    return x


def np_grid(theta, size, align_corners):
    """Base coordinates of every place, through the affine maps."""
    axes = [np.linspace(-1, 1, n) if align_corners else (2 * np.arange(n) + 1) / n - 1 for n in size[2:]]
    mesh = np.meshgrid(*axes, indexing="ij")
    base = np.stack([*reversed(mesh), np.ones_like(mesh[0])], -1)
    return np.einsum("...j,nij->n...i", base, theta)


def np_grid_sampler(x, grid, interpolation, padding, align_corners):
    """Nearest neighbours, zeros outside (modes 1 and 0)."""
    at = [(grid[..., d] + 1) / 2 * (x.shape[-1 - d] - 1) for d in range(grid.shape[-1])]
    places = [np.rint(a).astype(int) for a in reversed(at)]
    inside = np.all([(p >= 0) & (p < n) for p, n in zip(places, x.shape[2:])], 0)
    places = [np.clip(p, 0, n - 1) for p, n in zip(places, x.shape[2:])]
    return np.stack([np.where(inside[n], x[n][(slice(None), *(p[n] for p in places))], 0) for n in range(x.shape[0])])


def check_same_memory(result, source, *args, **kwargs):
    expected = np.asarray(source)
    np.testing.assert_array_equal(result.numpy(), expected)
    assert result.data_ptr() == expected.ctypes.data


def check_dlpack(result, x):
    np.testing.assert_array_equal(array(result), array(x))
    assert result.data_ptr() == x.data_ptr()


def check_buffer(result, buffer, dtype, **kwargs):
    assert (
        result.tolist() == np.frombuffer(buffer, np.float32, kwargs.get("count", -1), kwargs.get("offset", 0)).tolist()
    )
    assert result.data_ptr() == ctypes.addressof(ctypes.c_char.from_buffer(buffer)) + kwargs.get("offset", 0)


def check_empty_permuted(result, size, order, **kwargs):
    assert tuple(result.shape) == tuple(size)
    strides = [result.stride(d) for d in order]
    assert strides == sorted(strides, reverse=True) and strides[-1] == 1


PLAIN = {"method": False, "differentiable": ()}
ROWS = [
    Row("fliplr", np.fliplr, [Sample(tensor(3, 4)), Sample(tensor(2, 3, 2))], dtypes=ALL, errors=[Error(tensor(3), raises=RuntimeError)]),
    Row("flipud", np.flipud, [Sample(tensor(3, 4)), Sample(tensor(4))], dtypes=ALL, errors=[Error(tensor(), raises=RuntimeError)]),
    Row(
        "rot90",
        lambda x, k=1, dims=(0, 1): np.rot90(x, k, dims),
        [Sample(tensor(3, 4), k) for k in range(-1, 5)] + [Sample(tensor(2, 3, 4), 1, (2, 0))],
        dtypes=ALL,
        errors=[Error(tensor(3), raises=RuntimeError)],
    ),
    Row("range", lambda a, b, step=1: np.arange(a, b + step / 2, step), [Sample(1, 4), Sample(0.0, 1.0, 0.25)], dtypes=("float32",), result="float32", **PLAIN),
    Row("result_type", None, [Sample(tensor(2), 1.5), Sample(tensor(), tensor(2))], dtypes=("float32", "float64"),
        check=lambda result, a, b: None if result is a.dtype else (_ for _ in ()).throw(AssertionError(result)), **PLAIN),
    Row("is_complex", np.iscomplexobj, [Sample(tensor(2)), Sample(tensor())], dtypes=ALL, differentiable=(), check=None),
    Row("is_floating_point", lambda x: x.dtype.kind == "f", [Sample(tensor(2))], dtypes=SECOND, differentiable=()),
    Row("is_nonzero", lambda x: bool(x != 0), [Sample(tensor(1)), Sample(tensor())], dtypes=SECOND, differentiable=()),
    Row("is_tensor", lambda x: isinstance(x, np.ndarray), [Sample(tensor(2)), Sample(3.0)], dtypes=SECOND, **PLAIN),
    Row(
        "broadcast_shapes",
        lambda *shapes: np.broadcast_shapes(*shapes),
        [Sample((2, 1), (3,)), Sample((), (0,)), Sample((5,), (5,), (1, 1))],
        dtypes=("float32",),
        errors=[Error((2,), (3,), raises=RuntimeError, match="broadcast")],
        **PLAIN,
    ),
    Row("asarray", None, [Sample(np.arange(3.0))], dtypes=("float32",), check=check_same_memory, **PLAIN),
    Row("from_numpy", None, [Sample(np.arange(6.0).reshape(2, 3).T)], dtypes=("float32",), check=check_same_memory, **PLAIN),
    Row("from_dlpack", None, [Sample(tensor(3, 2, grad=False))], dtypes=SECOND, check=check_dlpack, **PLAIN),
    Row(
        "frombuffer",
        None,
        [Sample(bytearray(np.arange(4, dtype="f4")), dtype="fl.float32"), Sample(bytearray(16), dtype="fl.float32", count=2, offset=4)],
        dtypes=("float32",),
        check=lambda result, buffer, **kwargs: check_buffer(result, buffer, **kwargs),
        **PLAIN,
    ),
    Row("empty_permuted", None, [Sample((2, 3, 4), (1, 0, 2))], dtypes=("float32",), check=check_empty_permuted, **PLAIN),
    Row("nn.functional.upsample", np_upsample, [Sample(tensor(1, 2, 3), scale_factor=2)], dtypes=FLOATS, method=False),
    Row("nn.functional.upsample_nearest", np_upsample, [Sample(tensor(1, 2, 3, 4), scale_factor=2)], dtypes=FLOATS, method=False),
    Row("nn.functional.upsample_bilinear", np_bilinear, [Sample(tensor(1, 2, 3, 4), scale_factor=2)], dtypes=SECOND, method=False),
    Row("affine_grid_generator", np_grid, [Sample(tensor(2, 2, 3), (2, 1, 3, 4), False)], dtypes=SECOND, method=False),
    Row(
        "constant_pad_nd",
        lambda x, pad, value=0: np.pad(x, [(0, 0), tuple(pad)], constant_values=value),
        [Sample(tensor(2, 3), (1, 2)), Sample(tensor(2, 3), (0, 1), 2.0)],
        dtypes=FLOATS,
        method=False,
    ),
    *(
        Row(name, np_grid_sampler, [Sample(tensor(2, 2, *x), tensor(2, *x, len(x), low=-0.9, high=0.9, grad=False), 1, 0, True)],
            dtypes=SECOND, method=False, gradgrad=False, contiguous_only=True)
        for name, x in (("grid_sampler", (3, 4)), ("grid_sampler_2d", (3, 4)), ("grid_sampler_3d", (2, 3, 4)))
    ),
    *(
        Row(name, None, [Sample(tensor(35, grad=False), 0.3, True)], dtypes=SECOND, check=check, random=True, **PLAIN)
        for name, check in (("dropout_", check_dropout), ("alpha_dropout_", check_alpha(False)))
    ),
    *(
        Row(name, None, [Sample(tensor(5, 7, 2, grad=False), 0.3, True)], dtypes=SECOND, check=check, random=True, **PLAIN)
        for name, check in (
            ("feature_alpha_dropout_", check_alpha(True)), ("feature_dropout", check_channels(1)), ("feature_dropout_", check_channels(1)),
        )
    ),
]  # fmt: skip

for dims in (1, 2, 3):
    x = (7, 6, 5)[:dims]
    ROWS += [
        Row(
            f"nn.functional.max_pool{dims}d_with_indices", None, [Sample(tensor(2, 3, *x, distinct=True), 2), Sample(tensor(3, *x, distinct=True), 3, 2)],
            dtypes=SECOND, check=check_with_indices(np_max_pool(dims), dims), method=False, result="first",
        ),
        Row(
            f"nn.functional.adaptive_max_pool{dims}d_with_indices", None, [Sample(tensor(2, 3, *x, distinct=True), 3)],
            dtypes=SECOND, check=check_with_indices(adaptive_max(dims), dims), method=False,
        ),
    ]  # fmt: skip
    if dims > 1:
        ROWS += [
            Row(
                f"nn.functional.fractional_max_pool{dims}d{suffix}", None,
                [Sample(tensor(2, 3, *x, distinct=True), 2, output_size=(3,) * dims)], dtypes=SECOND,
                check=check_fractional(bool(suffix)), method=False, random=True,
            )
            for suffix in ("", "_with_indices")
        ]  # fmt: skip
