"""Every row of the test table, checked from all sides (tests/frame.py says what a row is)."""

import numpy as np
import pytest

from tests import gradients
from tests.frame import (
    TOLERANCES,
    T,
    assert_close,
    call,
    dtype_name,
    expected_dtype,
    fl,
    from_numpy,
    is_tensor,
    kind,
    load_rows,
    make,
    outputs,
    promote_types,
    reference_arguments,
    resolve,
    strided,
    tensors,
    to_numpy,
)

ROWS = load_rows()
PAIRS = [
    ("bool", "uint8"), ("uint8", "int8"), ("int16", "int64"), ("int32", "float16"), ("int64", "float32"),
    ("float16", "bfloat16"), ("bfloat16", "float32"), ("float32", "float64"), ("float64", "complex64"),
    ("bool", "float32"),
]  # fmt: skip


def rows(condition=lambda row: True):
    """One test per row for which the check means something."""
    chosen = [row for row in ROWS if condition(row)]
    return pytest.mark.parametrize("row", chosen, ids=[row.name for row in chosen])


def rules(row, count):
    return row.result if isinstance(row.result, tuple) else (row.result,) * count


def first_dtype(row):
    return "float32" if "float32" in row.dtypes else row.dtypes[0]


def check_call(row, sample, dtype, transform=None, name=None):
    """One call against the reference: dtypes, shapes, values, and the arguments left as they were."""
    context = f"{name or row.name}{sample} {dtype}"
    args, kwargs = make(sample, dtype, transform=transform)
    before = [to_numpy(t) for t in tensors(args, kwargs)]
    result = call(row, args, kwargs, name)
    for old, now in zip(before, tensors(args, kwargs), strict=True):
        np.testing.assert_array_equal(to_numpy(now), old, err_msg=f"{context}: an argument was changed")
    if row.check is not None:
        row.check(result, *args, **kwargs)
        return
    found = outputs(result)
    rule = rules(row, len(found))
    ref_args, ref_kwargs = reference_arguments(args, kwargs, rule[0])
    with np.errstate(all="ignore"):
        expected = row.ref(*ref_args, **ref_kwargs)
    expected = list(expected) if isinstance(expected, list | tuple) else [expected]
    assert len(found) == len(expected), f"{context}: {len(found)} results, expected {len(expected)}"
    for value, want, one in zip(found, expected, rule[: len(found)], strict=True):  # one result or, with a dim, two
        if not is_tensor(value):
            assert value == want, f"{context}: got {value}, expected {want}"
            continue
        actual = dtype_name(value)
        assert actual == expected_dtype(one, args, kwargs), f"{context}: dtype {actual}"
        assert_close(value, want, actual, row, context)


@rows()
def test_values(row):
    for sample in row.list_samples():
        for dtype in row.dtypes:
            check_call(row, sample, dtype)


@rows(lambda row: not row.contiguous_only)
def test_noncontiguous(row):
    for sample in row.list_samples():
        check_call(row, sample, first_dtype(row), transform=strided)


@rows(lambda row: row.aliases())
def test_alias(row):
    for name in row.aliases():
        in_place = name.endswith("_") and not row.name.endswith("_")
        for sample in row.list_samples():
            if in_place and not fits_in_place(row, sample):
                continue
            check_call(row, sample, first_dtype(row), name=name)


def fits_in_place(row, sample):
    """Whether the result has the shape of the first argument, which an in-place twin writes it to."""
    args, kwargs = make(sample, first_dtype(row))
    result = call(row, args, kwargs)
    return not is_tensor(result) or result.shape == args[0].shape


@rows(lambda row: row.rejects)
def test_rejected_dtypes(row):
    for dtype in row.rejects:
        args, kwargs = make(row.list_samples()[0], dtype)
        with pytest.raises((RuntimeError, TypeError)):
            call(row, args, kwargs)


@rows(lambda row: row.extremes)
def test_extremes(row):
    sample = row.list_samples()[0]
    rest = sample.args[1:]
    if rest and isinstance(rest[0], T):  # all pairs
        column = T((len(row.extremes), 1), values=row.extremes)
        args = (column, T((len(row.extremes),), values=row.extremes), *rest[1:])
    else:
        args = (T((len(row.extremes),), values=row.extremes), *rest)
    for dtype in row.extreme_dtypes:
        check_call(row, type(sample)(*args, **sample.kwargs), dtype)


@rows(lambda row: row.promotes)
def test_promotion(row):
    """Two tensors of different dtypes, with and without dims: the result's dtype and values."""
    for one, two in PAIRS + [(b, a) for a, b in PAIRS]:
        if not {one, two, promote_types(one, two)} <= set(row.dtypes):
            continue
        for first, second in (((3,), (3,)), ((3,), ()), ((), (3,)), ((), ())):
            sample = type(row.list_samples()[0])(T(first, 1, 3, dtype=one), T(second, 1, 3, dtype=two))
            check_call(row, sample, one)


def same_values(result, expected, context):
    """Two ways to the same result: the same dtype, and values that differ by rounding at most."""
    for value, want in zip(outputs(result), outputs(expected), strict=True):
        if is_tensor(want):
            dtype = dtype_name(want)
            assert dtype_name(value) == dtype, context
            relative, absolute = TOLERANCES.get(dtype, (0, 0))
            np.testing.assert_allclose(to_numpy(value), to_numpy(want), relative, absolute, err_msg=context)
        else:
            assert value == want, context


@rows(lambda row: row.method)
def test_method(row):
    name = row.method if isinstance(row.method, str) else row.name.rpartition(".")[2]
    for sample in row.list_samples()[:12]:
        args, kwargs = make(sample, first_dtype(row))
        if args and is_tensor(args[0]):
            expected = call(row, args, kwargs)
            if row.random:
                fl.manual_seed(0)
            same_values(getattr(args[0], name)(*args[1:], **kwargs), expected, f"{row.name}{sample}")


def out_buffers(result):
    """For each form of `out`: the right shape, empty (to be resized), and with gaps in memory."""
    found = outputs(result)
    yield "right shape", [fl.zeros(list(t.shape), dtype=t.dtype) for t in found]
    yield "empty", [fl.zeros([0], dtype=t.dtype) for t in found]
    yield "strided", [strided(fl.zeros(list(t.shape), dtype=t.dtype)) for t in found]


@rows(lambda row: row.out)
def test_out(row):
    for sample in row.list_samples()[:8]:
        args, kwargs = make(sample, first_dtype(row))
        expected = call(row, args, kwargs)
        for form, buffers in out_buffers(expected):
            if form == "empty" and any(to_numpy(t).size == 0 for t in outputs(expected)):
                continue
            target = buffers[0] if is_tensor(expected) else tuple(buffers)
            result = call(row, args, {**kwargs, "out": target})
            context = f"{row.name}{sample} out={form}"
            for returned, given in zip(outputs(result), buffers, strict=True):
                assert returned is given or returned.data_ptr() == given.data_ptr(), context
            same_values(tuple(buffers), tuple(outputs(expected)), context)


@rows(lambda row: row.out and "float32" in row.dtypes)
def test_out_refuses(row):
    """A result that needs a gradient, and a dtype that cannot hold the result."""
    sample = row.list_samples()[0]
    args, kwargs = make(sample, "float32")
    result = outputs(call(row, args, kwargs))[0]
    if not tensors(args, kwargs) or kind(dtype_name(result)) < 2 or len(outputs(call(row, args, kwargs))) > 1:
        return
    with pytest.raises((RuntimeError, TypeError)):
        call(row, args, {**kwargs, "out": fl.zeros(list(result.shape), dtype=fl.int64)})
    if row.differentiable:
        args, kwargs = make(sample, "float32", requires_grad=True)
        with pytest.raises(RuntimeError):
            call(row, args, {**kwargs, "out": fl.zeros(list(result.shape))})


def inplace_samples(row, dtype):
    """Samples whose result fits into the first argument."""
    for sample in row.list_samples():
        args, kwargs = make(sample, dtype)
        expected = call(row, args, kwargs)
        fits = is_tensor(expected) and expected.shape == args[0].shape
        if fits and dtype_name(expected) == dtype:
            yield sample, expected


@rows(lambda row: row.inplace)
def test_inplace(row):
    name = row.name.rpartition(".")[2] + "_"
    tried = 0
    for dtype in row.dtypes:
        for sample, expected in inplace_samples(row, dtype):
            for transform in (None, strided):
                args, kwargs = make(sample, dtype, transform=transform)
                version = args[0]._version
                if row.random:
                    fl.manual_seed(0)
                result = getattr(args[0], name)(*args[1:], **kwargs)
                assert result is args[0], f"{name}{sample} must return its tensor"
                assert args[0]._version > version, f"{name}{sample} must count as a change"
                same_values(result, expected, f"{name}{sample} {dtype}")
                tried += 1
    assert tried, f"no sample of {row.name} can be done in place"


@rows(lambda row: row.inplace and "float64" in row.differentiable)
def test_inplace_gradient(row):
    for sample, _ in list(inplace_samples(row, "float64"))[:6]:
        gradients.check_inplace(row, sample, row.name.rpartition(".")[2] + "_")


@rows(lambda row: row.inplace and "float64" in row.differentiable)
def test_inplace_on_leaf(row):
    sample, _ = next(iter(inplace_samples(row, "float64")))
    args, kwargs = make(sample, "float64", requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf"):
        getattr(args[0], row.name.rpartition(".")[2] + "_")(*args[1:], **kwargs)


@rows(lambda row: row.view)
def test_view(row):
    """The result shares memory with its first argument, and both count the same changes."""
    for sample in row.list_samples():
        args, kwargs = make(sample, first_dtype(row))
        for result in outputs(call(row, args, kwargs)):
            if to_numpy(result).size:
                version = args[0]._version
                result.fill_(77)
                assert (to_numpy(args[0]) == 77).any(), f"{row.name}{sample} must be a view"
                assert args[0]._version > version, f"{row.name}{sample}: the base must see the change"


def seeded(row):
    def function(*args, **kwargs):
        return call(row, args, kwargs)

    if row.through is None:
        return function
    return lambda *args, **kwargs: row.through(function, *args, **kwargs)


@rows(lambda row: row.differentiable)
def test_gradient(row):
    for dtype in row.differentiable:
        checked = [gradients.check_first(row, seeded(row), sample, dtype) for sample in row.list_samples()]
        assert any(checked), f"{row.name} is said to be differentiable in {dtype}, but no result needs a gradient"


@rows(lambda row: row.differentiable and not row.contiguous_only)
def test_gradient_noncontiguous(row):
    """Gradients do not depend on the layout of the arguments."""
    for sample in row.list_samples()[:6]:
        found = []
        for transform in (None, strided):
            args, kwargs = make(sample, row.differentiable[0], transform=transform, requires_grad=True)
            inputs = gradients.differentiable_inputs(args, kwargs)
            values = gradients.floating_outputs(seeded(row)(*args, **kwargs)) if inputs else []
            if values:
                weights = gradients.weights_like(values, 3)
                found.append(fl.autograd.grad(values, inputs, weights, allow_unused=True))
        for plain, other in zip(*found, strict=True) if found else ():
            if plain is not None:
                np.testing.assert_allclose(to_numpy(other), to_numpy(plain), 1e-9, 1e-11, err_msg=f"{row.name}{sample}")


@rows(lambda row: not row.differentiable and not row.random)
def test_not_differentiable(row):
    """What is not differentiable gives results that need no gradient, and never fails because an input needs one."""
    if "float64" not in row.dtypes:
        return
    args, kwargs = make(row.list_samples()[0], "float64", requires_grad=True)
    values = [v for v in outputs(call(row, args, kwargs)) if is_tensor(v) and v.requires_grad]
    if row.underivable:
        with pytest.raises(RuntimeError, match="not implemented"):
            values[0].sum().backward()
        return
    assert not values, f"{row.name} needs derivative checks"


@rows(lambda row: row.differentiable and row.gradgrad)
def test_second_gradient(row):
    for dtype in row.differentiable:
        for sample in row.list_samples():
            if sum(int(np.prod(t.shape)) for t in sample.args if isinstance(t, T)) <= 200:
                gradients.check_second(row, seeded(row), sample, dtype)


@rows(lambda row: row.errors)
def test_errors(row):
    for error in row.errors:
        args, kwargs = make(error.sample, error.dtype)
        with pytest.raises(error.raises) as caught:
            call(row, args, kwargs)
        if fl.__name__ == "flambeau":
            caught.match(error.match)


@rows(lambda row: row.extremes and row.differentiable)
def test_gradient_at_large_values(row):
    """Where the value is finite at large input and the derivative too in double precision, float32 has no NaN."""
    sample = row.list_samples()[0]
    if len(sample.args) > 1:
        return
    points = from_numpy(np.array([-100.0, -30.0, 30.0, 100.0]), "float32")
    found = []
    for dtype in ("float32", "float64"):
        x = points.to(getattr(fl, dtype)).requires_grad_()
        y = resolve(row.name)(x, **sample.kwargs)
        found.append((to_numpy(y), to_numpy(fl.autograd.grad(y.sum(), x)[0])))
    (value, grad), (_, exact) = found
    suspicious = np.isnan(grad) & ~np.isnan(exact) & ~np.isnan(value)
    assert not suspicious.any(), f"{row.name}: gradient {grad}, in double precision {exact}"
