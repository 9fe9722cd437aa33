"""The whole table of type promotion: dtypes, 0-dim tensors and Python numbers, against frame.py's lattice."""

import itertools
import operator

import numpy as np
import pytest

from tests.frame import ALL, dtype_name, fl, promote_types, result_type, scalar_dtype


def made(dtype, rank):
    return fl.ones((2,) if rank == 2 else (), dtype=getattr(fl, dtype))


@pytest.mark.parametrize(("one", "two"), list(itertools.product(ALL, ALL)))
def test_tensor_pairs(one, two):
    for ranks in ((2, 2), (2, 1), (1, 2), (1, 1)):
        a, b = made(one, ranks[0]), made(two, ranks[1])
        expected = result_type([(one, ranks[0]), (two, ranks[1])])
        if expected == "complex32":  # which flambeau does not have
            continue
        assert dtype_name(a * b) == expected, (one, two, ranks)
        assert dtype_name(fl.result_type(a, b)) == expected
    assert dtype_name(fl.promote_types(getattr(fl, one), getattr(fl, two))) == promote_types(one, two)


@pytest.mark.parametrize("number", [True, 2, 2.5, 1 + 2j])
@pytest.mark.parametrize("dtype", ALL)
def test_numbers(dtype, number):
    for rank in (2, 1):
        expected = result_type([(dtype, rank), (scalar_dtype(number), 0)])
        if expected == "complex32":  # which flambeau does not have
            continue
        assert dtype_name(made(dtype, rank) * number) == expected
        assert dtype_name(number * made(dtype, rank)) == expected


@pytest.mark.parametrize("dtype", ALL)
def test_comparison_gives_bool(dtype):
    for other in (1, made("float64", 1), made(dtype, 2)):
        assert dtype_name(made(dtype, 2) == other) == "bool"


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64"])
def test_true_division_of_integers(dtype):
    assert dtype_name(made(dtype, 2) / 2) == "float32"
    assert dtype_name(made(dtype, 2) / made("int64", 2)) == "float32"


def test_default_dtype_decides_about_python_floats():
    fl.set_default_dtype(fl.float64)
    try:
        assert fl.tensor(1.5).dtype == fl.float64
        assert (made("int64", 2) * 1.5).dtype == fl.float64
        assert fl.zeros(2).dtype == fl.float64
    finally:
        fl.set_default_dtype(fl.float32)


@pytest.mark.parametrize("operation", [operator.iadd, operator.imul, operator.isub])
def test_in_place_keeps_the_dtype(operation):
    x = fl.ones(2, dtype=fl.float16)
    assert operation(x, fl.ones(2, dtype=fl.float64)).dtype == fl.float16
    with pytest.raises(RuntimeError):
        operation(fl.ones(2, dtype=fl.int32), 1.5)
    with pytest.raises(RuntimeError):
        operation(fl.ones(2, dtype=fl.float32), 1j)


def test_can_cast():
    for one, two in itertools.product(ALL, ALL):
        kinds = [0 if d == "bool" else 3 if "complex" in d else 2 if "float" in d else 1 for d in (one, two)]
        assert fl.can_cast(getattr(fl, one), getattr(fl, two)) == (kinds[0] <= kinds[1]), (one, two)


@pytest.mark.filterwarnings("ignore:Casting complex")
@pytest.mark.parametrize("dtype", ALL)
def test_casts(dtype):
    """Every dtype to every other: values as NumPy converts them."""
    numbers = [0, 1, 2, 100] if dtype != "bool" else [False, True]
    x = fl.tensor(numbers).to(getattr(fl, dtype))
    for target in ALL:
        y = x.to(getattr(fl, target))
        assert dtype_name(y) == target
        expected = np.array(numbers) != 0 if target == "bool" else np.array(numbers)
        back = y.to(fl.complex128).numpy() if "complex" in target else y.to(fl.float64).numpy()
        np.testing.assert_array_equal(back, expected)


@pytest.mark.parametrize("dtype", ["uint16", "uint32", "uint64"])
def test_wide_unsigned_storage(dtype):
    x = fl.tensor([0, 1, 65535], dtype=getattr(fl, dtype))
    assert dtype_name(x) == dtype and x.to(fl.int64).tolist() == [0, 1, 65535] and x.tolist() == [0, 1, 65535]
    assert x.to(fl.float32).tolist() == [0, 1, 65535]


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2"])
def test_float8_storage(dtype):
    x = fl.tensor([0.0, 1.0, -2.0, 0.3]).to(getattr(fl, dtype))
    assert x.element_size() == 1
    np.testing.assert_allclose(x.to(fl.float32).numpy(), [0, 1, -2, 0.3125], atol=1e-7)


def test_wider_scalars_are_rounded_before_the_op():
    """A 0-dim tensor or a number takes part in the tensors' dtype: -1 is 255 among uint8."""
    u, s = fl.tensor([1, 2, 255], dtype=fl.uint8), fl.tensor([1, -1, 100], dtype=fl.int8)
    minus = fl.tensor(-1, dtype=fl.int16)
    assert fl.minimum(minus, u).tolist() == fl.minimum(u, minus).tolist() == [1, 2, 255]
    assert fl.maximum(u, minus).tolist() == [255] * 3
    assert (u == minus).tolist() == (u == -1).tolist() == [False, False, True]
    assert (u < -1).tolist() == [True, True, False]
    assert (s > fl.tensor(200)).tolist() == [True] * 3
    assert (u // fl.tensor(-2)).tolist() == [0, 0, 1]
    assert (u % fl.tensor(300)).tolist() == [1, 2, 35]
    half = fl.tensor([2.0], dtype=fl.float16)
    assert (half < 2.0001).tolist() == (half < fl.tensor(2.0001, dtype=fl.float64)).tolist() == [False]
    assert (fl.tensor([16777216.0]) == 16777217).tolist() == [True]


def test_integer_ranges():
    """linspace and logspace cut their ends first, in the dtype asked for."""
    assert fl.linspace(-4.3, 0.3, 3, dtype=fl.int64).tolist() == [-4, -2, 0]
    assert fl.linspace(-4.3, -2, 4, dtype=fl.int64).tolist() == [-4, -3, -2, -2]
    assert fl.logspace(-4.3, 4.9, 3, base=2, dtype=fl.int64).tolist() == [0, 1, 16]
    assert fl.linspace(-1, 3, 2, dtype=fl.uint8).tolist() == [255, 3]
    for end, dtype in ((256, fl.uint8), (-129, fl.int8), (1e30, fl.int64), (float("nan"), fl.int32)):
        with pytest.raises(RuntimeError, match="without overflow"):
            fl.linspace(0, end, 3, dtype=dtype)


def test_excluded_extremes():
    """An element that takes no part in scatter_reduce counts among equals all the same, as in torch."""
    x = fl.tensor([1.0, 2.0], requires_grad=True)
    source = fl.tensor([1.0, 1.0, 2.0], requires_grad=True)
    fl.scatter_reduce(x, 0, fl.tensor([0, 0, 1]), source, "amax", include_self=False).sum().backward()
    np.testing.assert_allclose(source.grad.numpy(), [1 / 3, 1 / 3, 1 / 2])
    assert x.grad.tolist() == [0, 0]


def test_values_filled_twice():
    """An index named twice fills once: so does its share of the gradient."""
    x, value = fl.ones(3, requires_grad=True), fl.tensor(2.0, requires_grad=True)
    weights = fl.tensor([1.0, 10.0, 100.0])
    (fl.index_fill(x, 0, fl.tensor([0, 0, 1]), value) * weights).sum().backward()
    assert value.grad.item() == 11 and x.grad.tolist() == [0, 0, 100]
    point = fl.tensor(3.0, requires_grad=True)
    fl.index_fill(point, 0, fl.tensor([0, 0]), value).backward()
    assert point.grad.item() == 0 and value.grad.item() == 12
    assert fl.ones(3, dtype=fl.bool).sum_to_size(()).dtype is fl.int64
    with pytest.raises(RuntimeError):
        fl.aminmax(fl.ones(2), dim=0, out=(fl.ones(()), fl.ones((), dtype=fl.float64)))


def test_margins_beside_nan():
    """A margin that is NaN is none, as in torch."""
    nan = float("nan")
    x, target = fl.tensor([[nan, 1.0, 2.0]]), fl.tensor([[1, -1, 0]])
    F = fl.nn.functional
    np.testing.assert_allclose(F.multilabel_margin_loss(x, target).item(), 2 / 3)
    np.testing.assert_allclose(F.multi_margin_loss(x, fl.tensor([1])).item(), 2 / 3)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_factors_and_sums(dtype):
    """alpha is rounded to the dtype, as numbers that are added are; a product with two factors is rounded once."""
    half = getattr(fl, dtype)
    x, y, m = (fl.linspace(-1, low, 64).to(half).reshape(8, 8) for low in (2, 3, 4))
    alpha = fl.tensor(0.37, dtype=half).item()
    assert fl.equal(x.add(y, alpha=0.37), (x.double() + alpha * y.double()).to(half))
    assert fl.equal(x.sub(y, alpha=0.37), (x.double() - alpha * y.double()).to(half))
    exact = -4.775 * x.double() + 2.0315 * (y.double() @ m.double())
    assert fl.equal(fl.addmm(x, y, m, beta=-4.775, alpha=2.0315), exact.to(half))
