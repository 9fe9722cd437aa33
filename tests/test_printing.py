"""Tensors as text: what torch prints."""

import pytest

from tests.frame import fl

CASES = [
    ("fl.tensor([1.0, 2.5, -3.0])", {}, "tensor([ 1.0000,  2.5000, -3.0000])"),
    ("fl.tensor([1e-5, 1.0])", {}, "tensor([1.0000e-05, 1.0000e+00])"),
    ("fl.tensor([1e9, 1.0])", {}, "tensor([1.0000e+09, 1.0000e+00])"),
    ("fl.tensor([1.0, 2.0, float('nan'), float('inf'), -float('inf')])", {}, "tensor([1., 2., nan, inf, -inf])"),
    (
        "fl.tensor([[0.0, 1e-8], [float('nan'), -2.0]])",
        {},
        "tensor([[ 0.0000e+00,  1.0000e-08],\n        [        nan, -2.0000e+00]])",
    ),
    ("fl.zeros(3)", {"sci_mode": True}, "tensor([0., 0., 0.])"),
    ("fl.tensor(3.25)", {}, "tensor(3.2500)"),
    ("fl.tensor(True)", {}, "tensor(True)"),
    ("fl.zeros(0, 3)", {}, "tensor([], size=(0, 3))"),
    ("fl.tensor([], dtype=fl.int64)", {}, "tensor([], dtype=torch.int64)"),
    (
        "fl.arange(2000).reshape(2, 1000)",
        {},
        "tensor([[   0,    1,    2,  ...,  997,  998,  999],\n        [1000, 1001, 1002,  ..., 1997, 1998, 1999]])",
    ),
    (
        "fl.arange(30.0).reshape(5, 6) / 7",
        {"threshold": 10, "edgeitems": 1},
        "tensor([[0.0000,  ..., 0.7143],\n        ...,\n        [3.4286,  ..., 4.1429]])",
    ),
    (
        "fl.arange(40) * 1000",
        {"linewidth": 40},
        "tensor([    0,  1000,  2000,  3000,\n         4000,  5000,  6000,  7000,\n         8000,  9000, 10000, 11000,\n        12000, 13000, 14000, 15000,\n        16000, 17000, 18000, 19000,\n        20000, 21000, 22000, 23000,\n        24000, 25000, 26000, 27000,\n        28000, 29000, 30000, 31000,\n        32000, 33000, 34000, 35000,\n        36000, 37000, 38000, 39000])",
    ),
    (
        "fl.arange(12.0).reshape(2, 2, 3)",
        {},
        "tensor([[[ 0.,  1.,  2.],\n         [ 3.,  4.,  5.]],\n\n        [[ 6.,  7.,  8.],\n         [ 9., 10., 11.]]])",
    ),
    ("fl.tensor([1 + 2j, complex(float('nan'), 0), -0.5j])", {}, "tensor([1.+2.0000j, nan+0.0000j, -0.-0.5000j])"),
    ("fl.tensor([1e6 + 1j, 1 - 1e6j])", {"precision": 2}, "tensor([1.00e+06+1.00e+00j, 1.00e+00-1.00e+06j])"),
    (
        "fl.tensor([1e6 + 0.5j, 0.25 - 1e6j])",
        {"sci_mode": False},
        "tensor([1000000.0000+0.5000j,       0.2500-1000000.0000j])",
    ),
    (
        "fl.ones(2, dtype=fl.float64, requires_grad=True)",
        {},
        "tensor([1., 1.], dtype=torch.float64, requires_grad=True)",
    ),
    (
        "fl.arange(7.0, dtype=fl.float16) / 7",
        {"linewidth": 60},
        "tensor([0.0000, 0.1428, 0.2856, 0.4285, 0.5713, 0.7144,\n        0.8569], dtype=torch.float16)",
    ),
    ("(fl.ones(2, requires_grad=True) * 2)", {}, "tensor([2., 2.], grad_fn=<MulBackward0>)"),
    ("fl.tensor([0.1, 0.22222222])", {"precision": 8}, "tensor([0.10000000, 0.22222222])"),
    ("fl.tensor([0.1, 1000.0, 0.5])", {"profile": "short"}, "tensor([1.00e-01, 1.00e+03, 5.00e-01])"),
    ("fl.ones(3, dtype=fl.bfloat16)", {}, "tensor([1., 1., 1.], dtype=torch.bfloat16)"),
    ("fl.tensor([[True, False]])", {}, "tensor([[ True, False]])"),
    (
        "fl.tensor([-1.79698041e-06, 4.0], dtype=fl.float64)",
        {"linewidth": 51},
        "tensor([-1.7970e-06,  4.0000e+00],\n       dtype=torch.float64)",
    ),
    (
        "fl.tensor([-1.79698041e-06, 4.0], dtype=fl.float64)",
        {"linewidth": 52},
        "tensor([-1.7970e-06,  4.0000e+00],\n       dtype=torch.float64)",
    ),
    (
        "fl.tensor([-1.79698041e-06, 4.0], dtype=fl.float64)",
        {"linewidth": 53},
        "tensor([-1.7970e-06,  4.0000e+00],\n       dtype=torch.float64)",
    ),
    ("fl.tensor([1.0, 2.0]).to(fl.float8_e5m2)", {}, "tensor([1., 2.], dtype=torch.float8_e5m2)"),
]


@pytest.fixture(autouse=True)
def default_options():
    fl.set_printoptions(profile="default")
    yield
    fl.set_printoptions(profile="default")


@pytest.mark.parametrize(("made", "options", "text"), CASES)
def test_text(made, options, text):
    x = eval(made, {"fl": fl})
    fl.set_printoptions(**options)
    assert repr(x) == text


def test_parameter():
    assert repr(fl.nn.Parameter(fl.ones(2))) == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"


def test_format():
    assert (
        f"{fl.tensor(1.25):.1f}" == "1.2" and f"{fl.tensor(3):4d}" == "   3" and f"{fl.ones(2)}" == "tensor([1., 1.])"
    )
    assert "%.2f" % fl.tensor(2.5) == "2.50"  # noqa: UP031


def test_options_are_checked():
    with pytest.raises(ValueError):
        fl.set_printoptions(profile="loud")
