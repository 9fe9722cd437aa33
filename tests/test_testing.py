"""flambeau.testing: what it finds equal, and the text where it does not."""

import numpy as np
import pytest

from tests.frame import fl

close = fl.testing.assert_close
ONES, ZEROS = fl.ones(2), fl.zeros(2)
NAN = fl.tensor([float("nan")])
EQUAL = {
    "rounding": ((fl.tensor([1.0]), fl.tensor([1.0 + 1e-6])), {}),
    "halves": ((ONES.half(), ONES.half() + 1e-3), {}),
    "NaN": ((NAN, NAN), {"equal_nan": True}),
    "dtypes": ((ONES, ONES.double()), {"check_dtype": False}),
    "numbers": ((1.0, 1.0 + 1e-9), {}),
    "nested": (({"a": [1, ONES]}, {"a": [1, ONES]}), {}),
    "None": ((None, None), {}),
    "arrays": ((np.ones(2), np.ones(2)), {}),
    "infinity": ((float("inf"), float("inf")), {}),
    "nothing": ((fl.ones(0), fl.ones(0)), {}),
    "loose": ((ONES, ZEROS), {"rtol": 0.0, "atol": 2.0}),
    "parameter": ((fl.nn.Parameter(fl.ones(2)), ONES), {}),
}
DIFFERENT = {
    "values": (
        (ONES, ZEROS),
        {},
        r"not close!\n\nMismatched elements: 2 / 2 \(100.0%\)\nGreatest absolute difference: 1.0 at index \(0,\) \(up to 1e-05",
    ),
    "ints": (
        (fl.tensor([1, 2]), fl.tensor([1, 3])),
        {},
        r"not equal!\n\nMismatched elements: 1 / 2 .*\n.*: 1 at index \(1,\)\n",
    ),
    "bools": ((fl.tensor([True]), fl.tensor([False])), {}, "Greatest relative difference: inf"),
    "NaN": ((NAN, NAN), {}, "Greatest absolute difference: nan"),
    "shape": ((fl.ones(1), ONES), {}, r"attribute 'shape' do not match: torch.Size\(\[1\]\) != torch.Size\(\[2\]\)"),
    "dtype": ((ONES, ONES.double()), {}, "attribute 'dtype' do not match: torch.float32 != torch.float64"),
    "stride": ((fl.ones(2, 2), fl.ones(2, 2).t()), {"check_stride": True}, "stride"),
    "scalar": ((fl.tensor(1.0), fl.tensor(2.0)), {}, r"Scalars are not close!\n\nExpected 2.0 but got 1.0"),
    "number": (([1.0, 2.0], [1.0, 2.5]), {}, r"The failure occurred for item \[1\]"),
    "kinds of numbers": ((1, 1.0), {}, "types do not match"),
    "truth": ((True, False), {}, "Booleans mismatch"),
    "None": ((1.0, None), {}, "None mismatch"),
    "keys": (({"a": 1}, {"b": 1}), {}, r"Missing keys in the actual mapping: \['b'\]"),
    "lengths": (([1], [1, 2]), {}, "length of the sequences mismatch: 1 != 2"),
    "complex": ((fl.tensor([1 + 1j]), fl.tensor([1 + 2j])), {}, "0.4472135"),
    "message": ((ONES, ZEROS), {"msg": "hello"}, "^hello$"),
    "function": ((ONES, ZEROS), {"msg": lambda text: "X " + text}, "^X Tensor-likes"),
    "exact": ((ONES, ONES + 1e-6), {"rtol": 0, "atol": 0}, "not equal"),
}


@pytest.mark.parametrize("name", EQUAL)
def test_equal(name):
    arguments, options = EQUAL[name]
    close(*arguments, **options)


@pytest.mark.parametrize("name", DIFFERENT)
def test_different(name):
    arguments, options, text = DIFFERENT[name]
    if name == "stride" and fl.ones(2, 2).stride() == fl.ones(2, 2).t().stride():
        pytest.skip()
    with pytest.raises(AssertionError, match=text):
        close(*arguments, **options)


def test_misuse():
    with pytest.raises(ValueError, match="no atol"):
        close(ONES, ZEROS, rtol=0.1)
    with pytest.raises(TypeError, match="No comparison pair"):
        close(ONES, [1.0, 1.0])
    with pytest.raises(TypeError):
        close(fl.nn.Parameter(fl.ones(2)), ONES, allow_subclasses=False)


@pytest.mark.filterwarnings("ignore")
def test_allclose():
    fl.testing.assert_allclose(ONES, ONES.double())
    fl.testing.assert_allclose(NAN, NAN)
    with pytest.raises(AssertionError):
        fl.testing.assert_allclose(ONES, ZEROS)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int16", "uint8", "bool", "complex64"])
def test_make_tensor(dtype):
    x = fl.testing.make_tensor(4, 5, dtype=getattr(fl, dtype), device="cpu", noncontiguous=True)
    assert x.shape == (4, 5) and x.dtype is getattr(fl, dtype) and not x.is_contiguous()
    y = fl.testing.make_tensor((300,), dtype=getattr(fl, dtype), device="cpu", low=0, high=2, exclude_zero=True)
    assert dtype == "bool" or (y != 0).all()


def test_make_tensor_refuses():
    with pytest.raises(ValueError):
        fl.testing.make_tensor(2, dtype=fl.int64, device="cpu", requires_grad=True)
    with pytest.raises(ValueError):
        fl.testing.make_tensor(
            1, 1, 1, 2, dtype=fl.float32, device="cpu", noncontiguous=True, memory_format=fl.contiguous_format
        )
    assert fl.testing.make_tensor(2, dtype=fl.float32, device="cpu", requires_grad=True).requires_grad
