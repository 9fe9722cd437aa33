"""The test table's format: one Row per op says everything that the generic suite (test_ops.py) needs to test it.

`FLAMBEAU_IMPL=torch python -m pytest tests/test_ops.py -k NAME` runs a row against torch instead: do that first when
you write a row, so that what the row expects is what torch does.
"""

import dataclasses
import importlib
import os
import zlib
from collections.abc import Callable, Iterable

import numpy as np

fl = importlib.import_module(os.environ.get("FLAMBEAU_IMPL", "flambeau"))

FLOATS = ("float32", "float64", "float16", "bfloat16")
INTS = ("uint8", "int8", "int16", "int32", "int64")
BOOL = ("bool",)
COMPLEX = ("complex64", "complex128")
REAL = FLOATS + INTS
ALL = REAL + BOOL + COMPLEX

# What a test may differ by: relative, absolute. References are computed in double precision from the rounded inputs.
TOLERANCES = {
    "float64": (1e-9, 1e-11),
    "complex128": (1e-9, 1e-11),
    "float32": (4e-6, 2e-6),
    "complex64": (4e-6, 2e-6),
    "float16": (2e-3, 2e-3),
    "bfloat16": (1.6e-2, 1e-2),
}
# Values at which formulas break: zeros of both signs, infinities, NaN, large, the dtype's limits.
EXTREMES = (0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e3, -1e3, 1e-30, -1e-30, 3e38, -3e38)


@dataclasses.dataclass(frozen=True)
class T:
    """A tensor to be made: its shape, range of values, and whether its dtype is fixed (indices, masks)."""

    shape: tuple[int, ...] = ()
    low: float = -3.0
    high: float = 3.0
    dtype: str | None = None  # None: the dtype under test
    values: object = None  # explicit values instead of random ones
    nonzero: bool = False  # integers: no zeros
    distinct: bool = False  # no two equal values, well apart (sorting, maxima)
    grad: bool = True  # False: not differentiated even if floating


def tensor(*shape, **fields):
    """`tensor(2, 3, low=0)`: short for T((2, 3), low=0)."""
    return T(tuple(shape), **fields)


def index(*shape, high, low=0, **fields):
    """An int64 tensor with values in [low, high)."""
    return T(tuple(shape), low=low, high=high - 1, dtype="int64", **fields)


class Sample:
    """Arguments of one call; tensors as T."""

    def __init__(self, *args, **kwargs):
        self.args = args
        self.kwargs = kwargs

    def __repr__(self):
        parts = [repr(a) for a in self.args] + [f"{k}={v!r}" for k, v in self.kwargs.items()]
        return f"({', '.join(parts)})"


class Error:
    """A call that must fail: `Error(args..., raises=RuntimeError, match="regex", dtype="float32", **kwargs)`."""

    def __init__(self, *args, raises, match="", dtype="float32", **kwargs):
        self.sample = Sample(*args, **kwargs)
        self.raises = raises
        self.match = match
        self.dtype = dtype


@dataclasses.dataclass
class Row:
    """Everything the suite must know about one op."""

    name: str  # public name: "add", "nn.functional.gelu", "linalg.norm"
    ref: Callable | None  # NumPy/SciPy reference: same arguments, arrays for tensors
    samples: Callable[[], Iterable[Sample]] | list
    dtypes: tuple = REAL  # dtypes whose values are checked
    rejects: tuple = ()  # dtypes that must raise RuntimeError or TypeError
    result: object = "first"  # dtype rule: first, promote, float, sum, a dtype's name, a function; a tuple for several
    differentiable: tuple = ("float64",)  # dtypes for gradcheck and gradgradcheck; () for none
    gradgrad: bool = True  # False: only where torch refuses the second derivative too
    underivable: bool = False  # backward raises, in torch too
    method: object = True  # True: a Tensor method of the same name; a str: another name; False: none
    inplace: bool = False  # there is a method name_
    out: bool = False  # takes out=
    promotes: bool = False  # two tensor arguments are promoted
    view: bool = False  # the result shares memory with the first argument
    extremes: tuple = ()  # values of the first argument compared with ref, NaN equal to NaN
    extreme_dtypes: tuple = ("float32", "float64")
    errors: list = dataclasses.field(default_factory=list)
    tol: dict = dataclasses.field(default_factory=dict)  # dtype -> (relative, absolute)
    check: Callable | None = None  # instead of ref: check(result, *args, **kwargs) with tensors, asserts
    large: Sample | None = None  # a call big enough for several threads
    alias: tuple = ()  # other public names of the same function
    covers: tuple = ()  # primitives of the op table that this row tests; its own name is always one
    contiguous_only: bool = False  # what it does depends on the layout of its argument
    # The derivative checks differentiate through(call, *args, **kwargs): where only some inputs are allowed (symmetric
    # ones), or only some outputs are determined (not the signs of eigenvectors).
    through: Callable | None = None
    random: bool = False  # draws random numbers: seeded before every call

    def aliases(self):
        """Other names: those given, and the in-place twin where that is a public function too (relu and relu_)."""
        try:
            resolve(f"{self.name}_")
        except AttributeError:
            return self.alias
        return (*self.alias, f"{self.name}_") if "Tensor" not in self.name else self.alias

    def list_samples(self):
        return list(self.samples() if callable(self.samples) else self.samples)


# ---- samples of the common families

SHAPES = ((), (5,), (3, 4), (2, 1, 3), (0,), (2, 0, 3))
SHAPE_PAIRS = (
    ((), ()),
    ((4,), ()),
    ((), (4,)),
    ((3, 4), (3, 4)),
    ((3, 4), (4,)),
    ((3, 1), (1, 4)),
    ((2, 1, 3), (4, 1)),
    ((0,), (1,)),
    ((2, 0), (2, 1)),
)


def unary(name, ref, low=-3.0, high=3.0, kwargs=(), **fields):
    """A pointwise function of one tensor; kwargs: keyword arguments to test, a list of dicts."""
    variants = list(kwargs) or [{}]
    samples = [Sample(T(s, low, high), **kw) for kw in variants for s in (SHAPES if kw is variants[0] else SHAPES[2:3])]
    defaults = {
        "result": "float",
        "dtypes": REAL + BOOL,
        "extremes": EXTREMES,
        "large": Sample(T((300_001,), low, high), **variants[0]),
        "inplace": "." not in name,
        "out": "." not in name,
        "method": "." not in name,
    }
    return Row(name, ref, samples, **{**defaults, **fields})


def binary(name, ref, low=-3.0, high=3.0, low2=None, high2=None, scalars=(2, -1.5), kwargs=(), nonzero=False, **fields):
    """A pointwise function of two tensors that broadcast; scalars: Python numbers to try as second argument."""
    low2, high2 = low if low2 is None else low2, high if high2 is None else high2

    def pair(a, b, **kw):
        return Sample(T(a, low, high), T(b, low2, high2, nonzero=nonzero), **kw)

    samples = [pair(a, b) for a, b in SHAPE_PAIRS]
    samples += [Sample(T((3, 4), low, high), s) for s in scalars]
    samples += [pair((3, 4), (4,), **kw) for kw in kwargs]
    defaults = {
        "result": "promote",
        "extremes": EXTREMES,
        "large": pair((601, 501), (501,)),
        "inplace": "." not in name,
        "out": "." not in name,
        "promotes": True,
    }
    return Row(name, ref, samples, **{**defaults, **fields})


def reduction_samples(low=-3.0, high=3.0, dims=True, distinct=False, kwargs=(), empty=True):
    """Calls over all elements, one dim, several dims (dims="one": a single dim only), with and without keepdim."""

    def t(*shape):
        return T(shape, low, high, distinct=distinct)

    samples = [Sample(t(3, 4)), Sample(t()), Sample(t(70, 3))]
    if dims:
        samples += [Sample(t(3, 4, 2), dim=d, keepdim=k) for d in (0, 1, -1) for k in (False, True)]
        samples += [Sample(t(5, 1), dim=1), Sample(t(), dim=0), Sample(t(3, 0), dim=0), Sample(t(4, 2, 37), dim=-1)]
    if dims is True:
        samples += [Sample(t(3, 4, 2), dim=(0, 2)), Sample(t(3, 4, 2), dim=(-1, 0), keepdim=True)]
    if empty:
        samples += [Sample(t(0)), Sample(t(2, 0, 3))]
        samples += [Sample(t(2, 0, 3), dim=1)] if dims else []
    return samples + [Sample(t(3, 4), **kw) for kw in kwargs]


def numpy_dims(function):
    """A NumPy reduction called with torch's `dim` and `keepdim`."""

    def call(x, dim=None, keepdim=False, **kwargs):
        axis = tuple(dim) if isinstance(dim, list | tuple) else dim
        if np.ndim(x) == 0:
            axis = None
        return function(x, axis=axis, keepdims=keepdim, **kwargs)

    return call


def reduction(name, ref, low=-3.0, high=3.0, dims=True, distinct=False, kwargs=(), empty=True, **fields):
    """A reduction; ref takes NumPy's axis and keepdims."""
    samples = reduction_samples(low, high, dims, distinct, kwargs, empty)
    large = Sample(T((701, 503), low, high, distinct=distinct))
    return Row(name, numpy_dims(ref), samples, **{"large": large, **fields})


# ---- dtypes

WIDTH = {"uint8": 0, "int8": 0, "int16": 1, "int32": 2, "int64": 3}


def kind(dtype):
    """0 bool, 1 integer, 2 floating, 3 complex."""
    if dtype == "bool":
        return 0
    return 3 if dtype in COMPLEX else 2 if "float" in dtype else 1


def promote_types(a, b):
    """torch's lattice of dtypes, by name."""
    if a == b:
        return a
    a, b = sorted((a, b), key=kind)
    if kind(a) < 2 and kind(b) < 2:
        if kind(a) == 0:
            return b
        a, b = sorted((a, b), key=WIDTH.get)
        return "int16" if {a, b} == {"uint8", "int8"} else b
    if kind(a) < kind(b) and kind(a) < 2:
        return b
    if kind(b) == 3:
        return "complex128" if {a, b} & {"float64", "complex128"} else "complex64"
    if {a, b} == {"float16", "bfloat16"}:
        return "float32"
    order = ("float16", "bfloat16", "float32", "float64")
    return max(a, b, key=order.index)


def scalar_dtype(value):
    for python_type, dtype in ((bool, "bool"), (int, "int64"), (float, "float32"), (complex, "complex64")):
        if isinstance(value, python_type):
            return dtype
    return None


def result_type(operands):
    """What torch promotes `operands` to: (dtype, rank) with rank 0 scalar, 1 0-dim tensor, 2 tensor with dims.

    A lower rank counts only when it is of a higher kind, and then with the default dtype of its kind.
    """
    found = None
    for rank in (2, 1, 0):
        merged = None
        for dtype, operand_rank in operands:
            if operand_rank == rank:
                merged = dtype if merged is None else promote_types(merged, dtype)
        if merged is None:
            continue
        if found is None:
            found = merged
        elif kind(merged) > kind(found):
            # What is complex only because of a lower rank keeps the precision of the higher one.
            complex_of = {
                "float64": "complex128",
                "float32": "complex64",
                "bfloat16": "complex64",
                "float16": "complex32",
            }
            found = complex_of.get(found, merged) if kind(merged) == 3 else merged
    return found


def expected_dtype(rule, args, kwargs):
    """The dtype that `rule` gives for a call."""
    operands = []
    for position, value in enumerate([*args, *kwargs.values()]):
        found = tensors([value], {})
        operands += [(dtype_name(t), 2 if t.dim() else 1) for t in found]
        if not found and position < len(args) and scalar_dtype(value):
            operands.append((scalar_dtype(value), 0))
    if callable(rule):
        return rule(operands[0][0])
    if rule == "first":
        return operands[0][0]
    if rule not in ("promote", "float", "sum"):
        return rule
    merged = result_type(operands)
    if rule == "float":
        return merged if kind(merged) >= 2 else "float32"
    if rule == "sum":
        return merged if kind(merged) >= 2 else "int64"
    return merged


# ---- tensors and arrays


def is_tensor(value):
    return isinstance(value, fl.Tensor)


def dtype_name(value):
    return str(getattr(value, "dtype", value)).rpartition(".")[2]


def to_numpy(value):
    """An array of what a tensor holds; float16 and bfloat16 as float32, which holds them exactly."""
    value = value.detach()
    if dtype_name(value) in ("bfloat16", "float16"):
        value = value.to(fl.float32)
    return np.array((value.resolve_conj() if value.is_complex() else value).numpy())


def from_numpy(array, dtype):
    array = np.array(array, order="C")
    return fl.from_numpy(array).to(getattr(fl, dtype))


def draw(spec, dtype, rng):
    """An array of values for `spec`, as wide as needed; rounded to `dtype` when it becomes a tensor."""
    if spec.values is not None:
        return np.asarray(spec.values).reshape(spec.shape or np.shape(spec.values))
    size, low, high = int(np.prod(spec.shape)), spec.low, spec.high
    if dtype == "bool":
        return (rng.random(spec.shape) < 0.5) if not spec.nonzero else np.ones(spec.shape, bool)
    if kind(dtype) == 1:
        low, high = int(np.ceil(low)), int(np.floor(high))
        if dtype == "uint8":
            low, high = max(low, 0), max(high, 1)
        if spec.distinct:
            return rng.permutation(size).reshape(spec.shape) - (0 if dtype == "uint8" else size // 2)
        values = rng.integers(low, high + 1, spec.shape)
        return np.where(values == 0, max(low, 1), values) if spec.nonzero else values
    if spec.distinct:
        spread = np.linspace(low, high, size) if size > 1 else np.full(size, (low + high) / 2)
        return rng.permutation(spread).reshape(spec.shape)
    values = rng.uniform(low, high, spec.shape)
    return values + 1j * rng.uniform(low, high, spec.shape) if kind(dtype) == 3 else values


def strided(value):
    """The same values in memory with gaps, an offset and dims in another order."""
    if value.dim() == 0:
        wide = fl.zeros(3, dtype=value.dtype)
        wide[1] = value
        return wide[1]
    turned = value.permute(*reversed(range(value.dim())))
    wide = fl.zeros([2 * n + 1 for n in turned.shape], dtype=value.dtype)
    cells = wide[tuple(slice(1, None, 2) for _ in turned.shape)]
    cells.copy_(turned)
    return cells.permute(*reversed(range(value.dim())))


def walk(value, function):
    """`value` with `function` applied to each leaf of nested lists, tuples and dicts."""
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return type(value)(walk(v, function) for v in value)
    if isinstance(value, dict):
        return {k: walk(v, function) for k, v in value.items()}
    return function(value)


def make(sample, dtype, seed="", transform=None, requires_grad=False):
    """Arguments of a sample with tensors in place of T: the same values every time."""
    rng = np.random.default_rng(zlib.crc32(f"{sample!r}{seed}".encode()))

    def leaf(value):
        if not isinstance(value, T):
            return getattr(fl, value[3:]) if isinstance(value, str) and value.startswith("fl.") else value
        actual = value.dtype or dtype
        made = from_numpy(draw(value, actual, rng), actual)
        if transform is not None:
            made = transform(made)
        if requires_grad and value.grad and kind(actual) >= 2:
            made.requires_grad_()
        return made

    return walk(list(sample.args), leaf), walk(sample.kwargs, leaf)


def reference_arguments(args, kwargs, rule):
    """NumPy arguments of the reference: floating in double precision, integers as int64 (as double for float ops)."""

    def leaf(value):
        if not is_tensor(value):
            return value
        array, level = to_numpy(value), kind(dtype_name(value))
        if level == 3:
            return array.astype(np.complex128)
        if level == 2:
            return array.astype(np.float64)
        if rule == "float":
            return array.astype(np.float64)
        return array if level == 0 else array.astype(np.int64)

    return walk(args, leaf), walk(kwargs, leaf)


def outputs(result):
    """A result as a flat list of tensors."""
    if isinstance(result, list | tuple):
        return [t for item in result for t in outputs(item)]
    return [result]


def tensors(args, kwargs):
    """All tensors of a call, in order."""
    found = []
    walk([list(args), dict(kwargs)], lambda v: found.append(v) if is_tensor(v) else None)
    return found


def resolve(name):
    """The public function `name`."""
    value = fl
    for part in name.split("."):
        value = getattr(value, part)
    return value


def call(row, args, kwargs, name=None):
    """The op's result, with the generator at a known state; what changes its first argument gets a copy of it."""
    if row.random:
        fl.manual_seed(0)
    name = name or row.name
    if name.endswith("_") and args:
        args = [walk(args[0], lambda v: v.clone() if is_tensor(v) else v), *args[1:]]
    return resolve(name)(*args, **kwargs)


def assert_close(result, expected, dtype, row, context):
    """Compare a tensor with what the reference gave (any NumPy value)."""
    actual, expected = to_numpy(result), np.asarray(expected)
    assert actual.shape == expected.shape, f"{context}: shape {actual.shape}, expected {expected.shape}"
    if dtype not in TOLERANCES:
        same = actual == expected.astype(actual.dtype)
        assert same.all(), f"{context}: got {actual}, expected {expected}"
        return
    if np.iscomplexobj(expected) and not np.iscomplexobj(actual):
        raise AssertionError(f"{context}: the reference is complex, the result is {dtype}")
    relative, absolute = row.tol.get(dtype, TOLERANCES[dtype])
    with np.errstate(all="ignore"):
        rounded = expected.astype(np.float16 if dtype == "float16" else actual.dtype).astype(actual.dtype)
    np.testing.assert_allclose(actual, rounded, relative, absolute, equal_nan=True, err_msg=context, strict=False)


def load_rows():
    """All rows of tests/ops/*.py, by file."""
    rows = []
    for file in sorted(os.listdir(os.path.join(os.path.dirname(__file__), "ops"))):
        if file.endswith(".py") and not file.startswith("_"):
            rows += importlib.import_module(f"tests.ops.{file[:-3]}").ROWS
    return rows
