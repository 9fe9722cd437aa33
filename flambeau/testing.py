"""Comparing results in tests."""

from collections.abc import Mapping, Sequence

from . import _C, ops
from ._composed import Composed
from ._types import sparse_coo

__all__ = ["assert_allclose", "assert_close", "make_tensor"]

# dtype: relative and absolute tolerance; the others must be equal
_TOLERANCES = {
    _C.float16: (1e-3, 1e-5),
    _C.bfloat16: (1.6e-2, 1e-5),
    _C.float32: (1.3e-6, 1e-5),
    _C.float64: (1e-7, 1e-7),
    _C.complex64: (1.3e-6, 1e-5),
    _C.complex128: (1e-7, 1e-7),
}
_NUMBERS = {bool: _C.bool, int: _C.int64, float: _C.float64, complex: _C.complex128}


class _Mismatch(Exception):
    """What differs, and where in nested containers."""

    def __init__(self, text, place=()):
        super().__init__(text)
        self.text, self.place = text, place


def assert_close(
    actual,
    expected,
    *,
    allow_subclasses=True,
    rtol=None,
    atol=None,
    equal_nan=False,
    check_device=True,
    check_dtype=True,
    check_layout=True,
    check_stride=False,
    msg=None,
):
    r"""Fails unless two results are close: $|a - e| \le atol + rtol |e|$.

    Args:
        actual, expected: tensors, arrays, numbers, or sequences and mappings of them.
        allow_subclasses: accept objects of related types.
        rtol, atol: both or none; by default from the dtypes, such as 1.3e-6 and 1e-5 for float32; integers must be equal.
        equal_nan: NaN equals NaN.
        check_device, check_dtype, check_layout, check_stride: compare these too.
        msg: the error's text, or a function from torch's text to it.

    Raises:
        AssertionError: they are not close, or differ in shape, dtype or structure.
        TypeError: they cannot be compared.

    >>> flambeau.testing.assert_close(flambeau.tensor([1.0]), flambeau.tensor([1.0 + 1e-7]))
    """
    if (rtol is None) != (atol is None):
        missing = "rtol" if rtol is None else "atol"
        raise ValueError(f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}.")
    checks = {
        "device": check_device,
        "dtype": check_dtype,
        "stride": check_stride,
        "layout": check_layout,
        "related": allow_subclasses,
        "equal_nan": equal_nan,
    }
    limits = None if rtol is None else (rtol, atol)
    try:
        _compare(actual, expected, limits, checks, ())
    except _Mismatch as found:
        place = "".join(f"[{key!r}]" for key in found.place)
        text = found.text + (f"\n\nThe failure occurred for item {place}" if place else "")
    else:
        return
    raise AssertionError(text if msg is None else msg(text) if callable(msg) else msg)


def assert_allclose(actual, expected, rtol=None, atol=None, equal_nan=True, msg=""):
    """Deprecated, as in torch: assert_close without a look at dtype and strides.

    >>> flambeau.testing.assert_allclose(flambeau.tensor([1.0]), flambeau.tensor([1.0]))
    """
    actual, expected = (t if isinstance(t, _C.Tensor) else ops.tensor(t) for t in (actual, expected))
    if rtol is None and atol is None:
        rtol, atol = map(max, zip(*(_TOLERANCES.get(t.dtype, (0.0, 0.0)) for t in (actual, expected))))
    options = {"check_device": True, "check_dtype": False, "check_stride": False}
    assert_close(actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, msg=msg or None, **options)


def _compare(actual, expected, limits, checks, place):
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        return _mappings(actual, expected, limits, checks, place)
    containers = isinstance(actual, Sequence) and isinstance(expected, Sequence)
    if containers and not isinstance(actual, str) and not isinstance(expected, str):
        if len(actual) != len(expected):
            raise _Mismatch(f"The length of the sequences mismatch: {len(actual)} != {len(expected)}", place)
        for i, (a, e) in enumerate(zip(actual, expected)):
            _compare(a, e, limits, checks, (*place, i))
        return None
    if actual is None or expected is None:
        if actual is not expected:
            raise _Mismatch(f"None mismatch: {actual} is not {expected}", place)
        return None
    if isinstance(actual, bool) and isinstance(expected, bool):
        if actual is not expected:
            raise _Mismatch(f"Booleans mismatch: {actual} is not {expected}", place)
        return None
    if type(actual) in _NUMBERS and type(expected) in _NUMBERS:
        return _numbers(actual, expected, limits, checks, place)
    a, e = _tensor(actual), _tensor(expected)
    same = type(actual) is type(expected) or (
        checks["related"] and isinstance(a, _C.Tensor) and _related(actual, expected)
    )
    if a is None or e is None or not same:
        kinds = f"{type(actual)} and {type(expected)}"
        raise TypeError(f"No comparison pair was able to handle inputs of type {kinds}.")
    composed = isinstance(a, Composed) or isinstance(e, Composed)
    return (_composed if composed else _tensors)(a, e, limits, checks, place)


def _related(actual, expected):
    kinds = [_C.Tensor if isinstance(x, Composed) else type(x) for x in (actual, expected)]
    return isinstance(actual, kinds[1]) or isinstance(expected, kinds[0])


def _tensor(value):
    """The tensor that a value is or holds; None for what is neither."""
    if isinstance(value, _C.Tensor):
        return value.detach()
    return ops.as_tensor(value) if type(value).__module__ == "numpy" else None


def _mappings(actual, expected, limits, checks, place):
    missing, more = expected.keys() - actual.keys(), actual.keys() - expected.keys()
    if missing or more:
        raise _Mismatch(
            "The keys of the mappings do not match:\n"
            f"Missing keys in the actual mapping: {sorted(missing, key=str)}\n"
            f"Additional keys in the actual mapping: {sorted(more, key=str)}",
            place,
        )
    for key in actual:
        _compare(actual[key], expected[key], limits, checks, (*place, key))


def _numbers(actual, expected, limits, checks, place):
    if checks["dtype"] and type(actual) is not type(expected):
        raise _Mismatch(f"The (d)types do not match: {type(actual)} != {type(expected)}.", place)
    rtol, atol = limits or _tolerance(_NUMBERS[type(actual)], _NUMBERS[type(expected)])
    both_nan = actual != actual and expected != expected
    if actual == expected or (both_nan and checks["equal_nan"]):
        return
    difference = abs(actual - expected)
    if not difference <= atol + rtol * abs(expected) or difference == float("inf"):
        relative = difference / abs(expected) if expected else float("inf")
        raise _Mismatch(_scalar_text(actual, expected, difference, relative, rtol, atol), place)


def _scalar_text(actual, expected, difference, relative, rtol, atol):
    exact = rtol == atol == 0
    if exact:
        return f"Scalars are not equal!\n\nExpected {expected} but got {actual}.\nAbsolute difference: {difference}\nRelative difference: {relative}"
    return (
        f"Scalars are not close!\n\nExpected {expected} but got {actual}.\n"
        f"Absolute difference: {difference} (up to {atol} allowed)\nRelative difference: {relative} (up to {rtol} allowed)"
    )


def _tolerance(*dtypes):
    """The looser of the dtypes' tolerances."""
    return tuple(map(max, zip(*(_TOLERANCES.get(dtype, (0.0, 0.0)) for dtype in dtypes))))


def _composed(actual, expected, limits, checks, place):
    """Sparse and nested tensors: their layout, then what they are made of."""
    names = ["layout"] * checks["layout"]
    if actual.is_nested or expected.is_nested:
        _attributes(actual, expected, [*names, "is_nested"], place)
        return _compare(list(actual.unbind()), list(expected.unbind()), limits, checks, place)
    _attributes(actual, expected, ["shape", *names, *["dtype"] * checks["dtype"]], place)
    if actual.layout is not expected.layout:
        return _tensors(actual.to_dense(), expected.to_dense(), limits, checks, place)
    coordinates = actual.layout is sparse_coo
    pair = [x.coalesce() if coordinates else x for x in (actual, expected)]
    kind = repr(actual.layout)[len("torch.sparse_") :].upper()
    if pair[0]._nnz() != pair[1]._nnz():
        counts = f"{pair[0]._nnz()} != {pair[1]._nnz()}"
        raise _Mismatch(f"The number of specified values in sparse {kind} tensors does not match: {counts}", place)
    for name in ("_positions",) if coordinates else ("_starts", "_places"):
        parts = [getattr(x, name) for x in pair]
        if not ops.equal(*parts):
            raise _Mismatch(f"Sparse {kind} indices are not equal!\n{parts[0]} != {parts[1]}", place)
    return _tensors(pair[0].values(), pair[1].values(), limits, checks, place)


def _attributes(actual, expected, names, place):
    for name in names:
        a, e = getattr(actual, name), getattr(expected, name)
        if a != e:
            raise _Mismatch(f"The values for attribute '{name}' do not match: {a} != {e}.", place)


def _tensors(actual, expected, limits, checks, place):
    wanted = ["shape", *(name for name in ("device", "dtype") if checks[name])]
    _attributes(actual, expected, wanted, place)
    if checks["stride"] and actual.stride() != expected.stride():
        raise _Mismatch(
            f"The values for attribute 'stride()' do not match: {actual.stride()} != {expected.stride()}.", place
        )
    rtol, atol = limits or _tolerance(actual.dtype, expected.dtype)
    dtype = _C.promote_types(actual.dtype, expected.dtype)
    actual, expected = actual.to(dtype), expected.to(dtype)
    close = ops.isclose(actual, expected, rtol=rtol, atol=atol, equal_nan=checks["equal_nan"])
    if not bool(close.all()):
        raise _Mismatch(_tensor_text(actual, expected, close, rtol, atol), place)


def _tensor_text(actual, expected, close, rtol, atol):
    """How many elements differ, and where most."""
    if actual.dtype is _C.bool:
        actual, expected = actual.to(_C.int64), expected.to(_C.int64)
    away = ops.abs(actual - expected).masked_fill(close, 0)
    size = ops.abs(expected)
    relative = (away / size).masked_fill(close, 0)
    if not actual.dim():
        return _scalar_text(actual.item(), expected.item(), away.item(), relative.item(), rtol, atol)
    bad, exact = int(close.logical_not().sum().item()), rtol == atol == 0
    lines = [f"Tensor-likes are not {'equal' if exact else 'close'}!", ""]
    lines.append(f"Mismatched elements: {bad} / {close.numel()} ({bad / close.numel():.1%})")
    for word, values, limit in (("absolute", away, atol), ("relative", relative, rtol)):
        flat = int(values.argmax().item())
        index = tuple(int(i.item()) for i in ops.unravel_index(ops.tensor(flat), tuple(values.shape)))
        allowed = "" if exact else f" (up to {limit} allowed)"
        lines.append(f"Greatest {word} difference: {values.reshape(-1)[flat].item()} at index {index}{allowed}")
    return "\n".join(lines)


def make_tensor(
    *shape,
    dtype,
    device,
    low=None,
    high=None,
    requires_grad=False,
    noncontiguous=False,
    exclude_zero=False,
    memory_format=None,
):
    """A tensor of random numbers for a test: uniform in [low, high), by default [-9, 9) or the like that the dtype has.

    Args:
        shape: sizes one by one, or as one sequence.
        dtype: of the elements.
        device: "cpu".
        low, high: bounds.
        noncontiguous: lay the elements apart in memory.
        exclude_zero: replace zeros by small numbers.
        memory_format: of the result; not together with noncontiguous.

    >>> flambeau.testing.make_tensor(2, 3, dtype=flambeau.int64, device="cpu", low=1, high=2)
    tensor([[1, 1, 1],
            [1, 1, 1]])
    """
    shape = tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else shape
    if noncontiguous and memory_format is not None:
        raise ValueError("The parameters `noncontiguous` and `memory_format` are mutually exclusive")
    if requires_grad and not (dtype.is_floating_point or dtype.is_complex):
        raise ValueError(f"`requires_grad` must be False for boolean and integral dtypes, but got {dtype}")
    low, high = _bounds(dtype, low, high)
    apart = noncontiguous and len(shape) > 0 and all(shape)
    sizes = (*shape[:-1], 2 * shape[-1]) if apart else shape
    if dtype.is_floating_point or dtype.is_complex:
        result = _uniform(sizes, dtype, low, high)
    else:
        result = ops.randint(int(low), int(high), sizes, dtype=dtype, device=device)
    result = result[..., ::2] if apart else result
    if exclude_zero:
        result[result == 0] = 1 if not dtype.is_floating_point else 2.0**-14
    if memory_format is not None:
        result = result.clone(memory_format=memory_format)
    return result.requires_grad_() if requires_grad else result


def _bounds(dtype, low, high):
    if dtype is _C.bool:
        default = (0, 2)
    elif dtype.is_floating_point or dtype.is_complex:
        default = (-9, 9)
    else:
        default = (-9 if dtype.is_signed else 0, 10)
    low, high = default[0] if low is None else low, default[1] if high is None else high
    if not low < high:
        raise ValueError(f"make_tensor expected low < high, got {low} and {high}")
    return low, high


def _uniform(sizes, dtype, low, high):
    if dtype.is_complex:
        parts = _uniform((*sizes, 2), dtype.to_real(), low, high)
        return ops.view_as_complex(parts)
    return ops.empty(sizes, dtype=dtype).uniform_(low, high)
