"""Settings of the process and questions about tensors: each public one is called here by name."""

import numpy as np
import pytest

from tests.frame import fl


def test_default_dtype():
    assert fl.get_default_dtype() == fl.float32
    fl.set_default_dtype(fl.float64)
    try:
        assert fl.ones(1).dtype == fl.float64
    finally:
        fl.set_default_dtype(fl.float32)
    with pytest.raises(TypeError):
        fl.set_default_dtype(fl.int64)


@pytest.mark.filterwarnings("ignore")
def test_default_tensor_type():
    fl.set_default_tensor_type(fl.DoubleTensor if hasattr(fl, "DoubleTensor") else "torch.DoubleTensor")
    try:
        assert fl.zeros(1).dtype == fl.float64
    finally:
        fl.set_default_dtype(fl.float32)


def test_default_device():
    assert fl.get_default_device() == fl.device("cpu")
    fl.set_default_device("cpu")
    assert fl.zeros(1).device.type == "cpu" and fl.get_device(fl.zeros(1)) == -1


def test_threads():
    before = fl.get_num_threads()
    fl.set_num_threads(1)
    assert fl.get_num_threads() == 1
    fl.set_num_threads(before)
    assert fl.get_num_interop_threads() >= 1
    with pytest.raises((RuntimeError, ValueError)):
        fl.set_num_threads(0)


def test_number_of_interop_threads():
    if fl.__name__ == "flambeau":  # torch allows it once per process
        fl.set_num_interop_threads(1)
        assert fl.get_num_interop_threads() == 1


def test_determinism():
    fl.use_deterministic_algorithms(True, warn_only=True)
    assert fl.are_deterministic_algorithms_enabled() and fl.is_deterministic_algorithms_warn_only_enabled()
    fl.use_deterministic_algorithms(False)
    assert not fl.are_deterministic_algorithms_enabled()


def test_warnings_and_precision():
    fl.set_warn_always(True)
    assert fl.is_warn_always_enabled()
    fl.set_warn_always(False)
    fl.set_float32_matmul_precision("high")
    assert fl.get_float32_matmul_precision() == "high"
    fl.set_float32_matmul_precision("highest")
    fl.set_flush_denormal(False)


def test_modes():
    assert fl.is_grad_enabled() and not fl.is_inference_mode_enabled() and not fl.is_inference(fl.ones(1))
    assert not fl.is_anomaly_enabled()
    fl.set_anomaly_enabled(True)
    assert fl.is_anomaly_enabled()
    fl.set_anomaly_enabled(False)


def test_print_options():
    fl.set_printoptions(precision=2)
    try:
        assert str(fl.tensor([1.23456])) == "tensor([1.23])"
    finally:
        fl.set_printoptions(profile="default")


def test_type_names():
    assert fl.typename(fl.ones(1)) in ("torch.FloatTensor", "flambeau.FloatTensor")
    assert fl.typename(3) == "int"


def test_random_state():
    fl.manual_seed(7)
    assert fl.initial_seed() == 7
    state = fl.get_rng_state()
    first = fl.rand(3)
    fl.set_rng_state(state)
    assert fl.equal(fl.rand(3), first)
    assert isinstance(fl.seed(), int)
    assert isinstance(fl.default_generator, fl.Generator)


def test_questions():
    x = fl.ones(2, 3)
    assert fl.is_tensor(x) and not fl.is_tensor(np.ones(1))
    assert fl.is_floating_point(x) and not fl.is_complex(x) and fl.is_complex(fl.ones(1, dtype=fl.complex64))
    assert not fl.is_storage(x) and fl.is_same_size(x, fl.zeros(2, 3)) and not fl.is_same_size(x, fl.zeros(3, 2))
    assert fl.is_nonzero(fl.tensor([2.0])) and not fl.is_nonzero(fl.tensor(0))
    assert fl.numel(x) == 6
    assert not fl.is_conj(x) and not fl.is_neg(x)
    assert fl.equal(fl.resolve_conj(x), x) and fl.equal(fl.resolve_neg(x), x)
    with pytest.raises(RuntimeError):
        fl.is_nonzero(x)


def test_dtype_questions():
    assert fl.can_cast(fl.int64, fl.float32) and not fl.can_cast(fl.float32, fl.int64)
    assert fl.promote_types(fl.int32, fl.float16) == fl.float16
    assert fl.result_type(fl.ones(1, dtype=fl.int32), 1.5) == fl.float32
    assert fl.finfo(fl.float32).eps == np.finfo(np.float32).eps and fl.iinfo(fl.int8).max == 127
    assert fl.finfo(fl.bfloat16).bits == 16 and fl.float16.itemsize == 2


def test_shapes():
    assert fl.broadcast_shapes((2, 1), (3,), ()) == (2, 3)
    with pytest.raises(RuntimeError):
        fl.broadcast_shapes((2,), (3,))


def test_resize():
    x = fl.arange(6)
    fl.resize_as_(x, fl.zeros(2, 2))
    assert x.tolist() == [[0, 1], [2, 3]]


def test_detach_in_place():
    y = fl.ones(2, requires_grad=True) * 2
    assert not fl.detach_(y).requires_grad


def test_sharing_with_numpy():
    array = np.arange(4.0)
    x = fl.from_numpy(array)
    x[0] = 9
    assert array[0] == 9
    array[1] = 8
    assert x[1].item() == 8
    assert fl.asarray(array).data_ptr() == x.data_ptr()
    assert fl.frombuffer(bytearray(8), dtype=fl.float32).tolist() == [0, 0]
    assert fl.from_dlpack(array).tolist() == array.tolist()


def test_compile_gives_a_callable():
    assert fl.compile(lambda x: x + 1, backend="eager")(fl.ones(1)).item() == 2
