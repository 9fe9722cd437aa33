"""Tensors and other libraries: NumPy both ways, DLPack, buffers, pickles and copies."""

import array
import copy
import math
import pickle

import numpy as np
import pytest

from tests.frame import fl

ARRAYS = (
    np.arange(6.0).reshape(2, 3), np.arange(6).reshape(2, 3).T, np.arange(6.0)[::2], np.array(3.0), np.zeros((0, 3)), np.array([True, False]),
    np.array([1 + 2j]), np.array([1, 2], np.float16), np.array([1, 2], np.uint8), np.array([1, 2], np.uint32), np.array([1, 2], np.int16),
)  # fmt: skip


@pytest.mark.parametrize("a", ARRAYS, ids=lambda a: f"{a.dtype}{a.shape}")
def test_arrays_share_memory(a):
    for convert in (fl.from_numpy, fl.as_tensor, fl.asarray, fl.from_dlpack, fl.utils.dlpack.from_dlpack):
        x = convert(a)
        assert x.shape == a.shape and str(x.dtype) == f"torch.{a.dtype}" and (x.numpy() == a).all()
        for b in (x.numpy(), np.asarray(x), np.from_dlpack(x)):
            assert b.shape == a.shape and b.dtype == a.dtype and (not a.size or np.shares_memory(a, b))
    assert not np.shares_memory(fl.tensor(a).numpy(), a) and not np.shares_memory(
        np.array(fl.from_numpy(a), copy=True), a
    )
    assert not np.shares_memory(fl.from_dlpack(a, copy=True).numpy(), a)


@pytest.mark.parametrize(
    "a", [np.arange(6)[::-1], np.arange(3, dtype=">i4"), np.array(["a"]), np.array([None]), np.array([1], "M8[s]")]
)
def test_arrays_that_tensors_cannot_be(a):
    with pytest.raises((ValueError, TypeError)):
        fl.from_numpy(a)


def test_numpy_numbers():
    assert fl.tensor(np.float32(3)).dtype is fl.float32 and fl.tensor(np.int8(3)).dtype is fl.int8
    assert fl.tensor([np.arange(2), np.arange(2)]).tolist() == [[0, 1], [0, 1]]
    x = fl.arange(6.0).reshape(2, 3)
    zero, two = np.int64(0), np.int32(2)
    assert (
        x.sum(zero).tolist() == [3, 5, 7]
        and x.mean(dim=zero).tolist() == [1.5, 2.5, 3.5]
        and x.amax(zero).tolist() == [3, 4, 5]
    )
    assert (
        x.max(zero).values.tolist() == [3, 4, 5]
        and x.std(zero).shape == (3,)
        and x.sum(fl.tensor(1)).tolist() == [3, 12]
    )
    assert fl.nn.functional.max_pool1d(x, two).shape == (2, 1) and fl.zeros(two, np.int64(3)).shape == (2, 3)
    assert (
        (x * np.float64(2)).dtype is fl.float32
        and (np.float32(2) * x).dtype is fl.float32
        and (x + np.array(1.0)).dtype is fl.float32
    )
    assert (x ** np.array(2.0)).tolist() == [[0, 1, 4], [9, 16, 25]]


def test_operators_with_arrays():
    x, a = fl.tensor([3.0, 2.0]), np.array([1.0, 2.0], np.float32)
    assert (x == a).tolist() == (a == x).tolist() == [False, True] and (x != a).tolist() == [True, False]
    assert not (x == np.array(["a", "b"]))
    for found, expected in (
        (x + a, [4, 4]),
        (x * a, [3, 4]),
        (x / a, [3, 1]),
        (2 * a / x, [2 / 3, 2]),
    ):
        assert isinstance(found, fl.Tensor) and found.dtype is fl.float32 and found.tolist() == pytest.approx(expected)
    with pytest.raises(RuntimeError):
        _ = x == np.ones(3)


def test_numpy_functions():
    x = fl.tensor([[1.0, 4.0], [9.0, 16.0]])
    assert (
        isinstance(np.sqrt(x), fl.Tensor)
        and np.sqrt(x).tolist() == [[1, 2], [3, 4]]
        and np.concatenate([x, x]).shape == (4, 2)
    )
    assert np.array(x, dtype="f8").dtype == "f8" and np.arange(6)[fl.tensor([0, 2])].tolist() == [0, 2]
    assert x.__array__(np.int32).dtype == np.int32 and isinstance(x.__array_wrap__(np.zeros(2)), fl.Tensor)
    np.testing.assert_allclose(x, x.numpy())


def test_numpy_of_what_has_a_gradient():
    x = fl.ones(2, requires_grad=True)
    for call in (x.numpy, lambda: np.asarray(x), lambda: fl.ones(2, dtype=fl.bfloat16).numpy()):
        with pytest.raises((RuntimeError, TypeError)):
            call()
    assert x.numpy(force=True).tolist() == [1, 1] and fl.tensor([1 + 2j]).conj().numpy(force=True)[0] == 1 - 2j


def test_asarray():
    x = fl.ones(2, requires_grad=True)
    assert fl.asarray(x).requires_grad and not fl.asarray(x, requires_grad=False).requires_grad and x.requires_grad
    assert (
        fl.asarray(x) is x
        and fl.asarray(x, copy=True) is not x
        and fl.asarray(np.ones(2), requires_grad=True).requires_grad
    )
    assert fl.asarray(array.array("f", [1, 2])).tolist() == [1, 2] and fl.asarray(b"ab", dtype=fl.uint8).tolist() == [
        97,
        98,
    ]
    for call in (lambda: fl.asarray([1], copy=False), lambda: fl.asarray(x, dtype=fl.float64, copy=False)):
        with pytest.raises(ValueError):
            call()
    for make in (fl.tensor, fl.as_tensor, fl.asarray):
        with pytest.raises(RuntimeError, match="infer dtype of NoneType"):
            make(None)


def test_frombuffer():
    data = bytearray(b"abcdefgh")
    x = fl.frombuffer(data, dtype=fl.uint8, count=2, offset=1)
    data[1] = 0
    assert x.tolist() == [0, 99] and fl.frombuffer(data, dtype=fl.int16).shape == (4,)
    for options in (
        {"dtype": fl.int32, "offset": 7},
        {"dtype": fl.int64, "count": 2},
        {"dtype": fl.int8, "count": 0},
        {"dtype": fl.int8, "offset": 8},
    ):
        with pytest.raises((ValueError, RuntimeError)):
            fl.frombuffer(data, **options)


def test_dlpack():
    x = fl.arange(6.0).reshape(2, 3).t()
    assert x.__dlpack_device__() == (fl.utils.dlpack.DLDeviceType.kDLCPU, 0)
    assert fl.from_dlpack(x).stride() == (1, 3) and fl.from_dlpack(x).data_ptr() == x.data_ptr()
    assert fl.from_dlpack(x.__dlpack__(copy=True)).data_ptr() != x.data_ptr()
    assert fl.from_dlpack(x.__dlpack__(max_version=(1, 0), dl_device=(1, 0))).tolist() == x.tolist()
    assert fl.from_dlpack(fl.ones(2, dtype=fl.bfloat16)).dtype is fl.bfloat16
    grad = fl.ones(2, requires_grad=True)
    with pytest.raises(BufferError):
        fl.from_dlpack(grad)
    assert fl.from_dlpack(fl.utils.dlpack.to_dlpack(grad)).tolist() == [1, 1]
    with pytest.raises(AssertionError):
        x.__dlpack__(stream=1)
    with pytest.raises((BufferError, NotImplementedError)):
        x.__dlpack__(dl_device=(2, 0))
    capsule = fl.to_dlpack(x)
    fl.from_dlpack(capsule)
    with pytest.raises(RuntimeError):
        fl.from_dlpack(capsule)
    with pytest.raises((RuntimeError, AttributeError)):
        fl.from_dlpack(3)


def test_other_protocols():
    x = fl.ones(2)
    assert not hasattr(x, "__array_interface__") and not hasattr(x, "__cuda_array_interface__")
    assert hasattr(fl.Tensor, "__cuda_array_interface__")
    with pytest.raises(TypeError):
        memoryview(x)


def test_python_numbers():
    assert (
        int(fl.tensor(3.7)) == 3
        and float(fl.tensor([2])) == 2.0
        and complex(fl.tensor(1j)) == 1j
        and [1, 2][fl.tensor(1)] == 2
    )
    for convert in (int, float, complex):
        with pytest.raises(ValueError, match="one element"):
            convert(fl.ones(2))
    for call in (fl.ones(2).item, lambda: bool(fl.ones(2))):
        with pytest.raises(RuntimeError):
            call()
    assert math.isclose(fl.tensor(0.5), 0.5)


MADE = {
    "view": lambda: fl.arange(6)[2:4], "strided": lambda: fl.ones(2, 3).t(), "expanded": lambda: fl.ones(3).expand(2, 3), "empty": lambda: fl.ones(0, 3),
    "bfloat16": lambda: fl.ones(2, dtype=fl.bfloat16), "complex": lambda: fl.tensor([1j]), "0-dim": lambda: fl.tensor(True),
    "leaf": lambda: fl.ones(2, requires_grad=True), "parameter": lambda: fl.nn.Parameter(fl.ones(2), requires_grad=False),
}  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_pickles_and_copies(name):
    x = MADE[name]()
    for y in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x), copy.copy(x)):
        assert (
            type(y) is type(x)
            and y.dtype is x.dtype
            and y.tolist() == x.tolist()
            and y.requires_grad == x.requires_grad
        )
        assert y.stride() == x.stride() and y.storage_offset() == x.storage_offset()


def test_views_stay_views():
    x = fl.arange(3)
    a, b = copy.deepcopy((x, x[1:]))
    a[1] = 7
    assert b[0].item() == 7 and x[1].item() == 1 and copy.copy(x).data_ptr() == x.data_ptr()


@pytest.mark.parametrize(
    "value",
    [
        fl.float32,
        fl.device("cuda:1"),
        fl.Size([1, 2]),
        fl.strided,
        fl.channels_last,
        fl.per_tensor_affine,
        fl.complex32,
    ],
)
def test_objects(value):
    for made in (pickle.loads(pickle.dumps(value)), copy.deepcopy(value), copy.copy(value)):
        assert made == value and type(made) is type(value)


def test_generators():
    generator = fl.Generator().manual_seed(3)
    fl.rand(5, generator=generator)
    others = [pickle.loads(pickle.dumps(generator)), copy.deepcopy(generator), copy.copy(generator)]
    expected = fl.rand(3, generator=generator).tolist()
    for other in others:
        assert other.initial_seed() == 3 and fl.rand(3, generator=other).tolist() == expected


def test_named_results():
    found = fl.ones(2, 2).max(0)
    for made in (pickle.loads(pickle.dumps(found)), copy.deepcopy(found)):
        assert type(made) is type(found) is fl.return_types.max and made.values.tolist() == [1, 1]
