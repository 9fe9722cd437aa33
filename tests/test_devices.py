"""Devices that are not there answer as torch's CPU build does; streams, events and futures of the CPU."""

import copy
import pickle
import threading

import pytest

from tests.frame import fl

REFUSED = {
    "cuda": "init synchronize current_device get_device_name get_device_capability get_device_properties current_stream "
    "default_stream mem_get_info ipc_collect cudart initial_seed get_rng_state",
    "xpu": "init synchronize current_device get_device_name get_device_capability get_device_properties current_stream "
    "mem_get_info initial_seed get_rng_state",
    "mps": "seed get_rng_state synchronize empty_cache current_allocated_memory driver_allocated_memory",
    "mtia": "current_device synchronize empty_cache get_device_capability current_stream",
    "accelerator": "current_device_index synchronize current_stream get_memory_info memory_allocated empty_cache",
}
ERRORS = {"cuda": AssertionError, "xpu": AssertionError}
ANSWERS = {
    "cuda": {
        "is_available": False, "is_initialized": False, "device_count": 0, "is_bf16_supported": False, "memory_allocated": 0,
        "max_memory_allocated": 0, "memory_reserved": 0, "memory_stats": {}, "get_rng_state_all": [], "get_arch_list": [],
        "get_gencode_flags": "", "empty_cache": None, "seed_all": None,
    },
    "xpu": {"is_available": False, "device_count": 0, "memory_allocated": 0, "get_rng_state_all": [], "empty_cache": None},
    "mps": {"is_available": False, "device_count": 0},
    "mtia": {"is_available": False, "device_count": 0, "memory_allocated": 0, "memory_stats": {}},
    "accelerator": {"is_available": False, "device_count": 0, "current_accelerator": None},
}  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in REFUSED for name in REFUSED[kind].split()])
def test_refused(kind, name):
    with pytest.raises(ERRORS.get(kind, RuntimeError)):
        getattr(getattr(fl, kind), name)()


@pytest.mark.parametrize("kind", ANSWERS)
def test_answers(kind):
    for name, value in ANSWERS[kind].items():
        found = getattr(getattr(fl, kind), name)()
        assert found == value and type(found) in (type(value), type(fl.cuda.memory_stats())), name
    if kind != "accelerator":
        getattr(fl, kind).manual_seed(0)


@pytest.mark.parametrize("kind", ["cuda", "xpu"])
def test_contexts(kind):
    module = getattr(fl, kind)
    with module.device(-1), module.stream(None):
        pass
    with pytest.raises((RuntimeError, AssertionError)), module.device(0):
        pass
    with pytest.raises(ValueError):
        module.device("cpu")
    assert module.device(f"{kind}:1").idx == 1
    for make in (module.Stream, module.Event):
        with pytest.raises(RuntimeError):
            make()
    assert module.Stream.wait_stream and module.Event.elapsed_time
    with pytest.raises((AssertionError, AttributeError)):
        module.set_device(0)


def test_cuda():
    with fl.cuda.device_of(fl.ones(1)):
        pass
    fl.cuda.set_device(-1)
    fl.cuda.set_rng_state_all([])
    for call in (fl.cuda.CUDAGraph, lambda: fl.cuda.graph(None), fl.cuda.is_current_stream_capturing):
        with pytest.raises(RuntimeError):
            call()
    with pytest.raises(ValueError):
        fl.cuda.set_device("cpu")
    with pytest.raises(TypeError):
        fl.cuda.FloatTensor(2)
    assert not isinstance(fl.ones(1), fl.cuda.FloatTensor) and fl.cuda.HalfTensor.dtype is fl.float16
    assert repr(fl.cuda.sparse.FloatTensor) == "<class 'torch.cuda.sparse.FloatTensor'>"
    with pytest.raises(RuntimeError, match="NVTX"):
        fl.cuda.nvtx.range_push("a")
    with pytest.warns(FutureWarning):
        assert fl.cuda.memory_cached() == 0


def test_accelerator():
    fl.accelerator.set_device_index(-1)
    with fl.accelerator.device_index(None):
        pass
    with pytest.raises(RuntimeError), fl.accelerator.device_index(0):
        pass


def test_streams():
    stream, event = fl.Stream(), fl.Event()
    assert repr(stream) == "torch.Stream device_type=cpu, device_index=-1, stream_id=0" and stream == fl.Stream(
        device="cpu"
    )
    assert (stream.device.type, stream.device_index, stream.stream_id, stream.query()) == ("cpu", -1, 0, True)
    assert repr(event) == "torch.Event device_type=cpu, device_index=-1, event_flag=0, event_id=0" and event.query()
    event.wait()
    event.synchronize()
    stream.wait_event(event)
    with stream:
        stream.synchronize()
    for call in (
        event.record,
        stream.record_event,
        lambda: stream.wait_stream(stream),
        lambda: fl.Stream(device="cuda"),
    ):
        with pytest.raises(RuntimeError):
            call()
    with pytest.raises(ValueError):
        event.elapsed_time(fl.Event())


def test_streams_of_the_cpu():
    fl.cpu.Event().record()
    stream = fl.cpu.Stream()
    stream.wait_stream(fl.cpu.current_stream())
    with fl.cpu.stream(stream):
        assert fl.cpu.current_stream() is stream
    assert fl.cpu.current_stream() is not stream


# ---- futures


def test_future():
    future, called = fl.futures.Future(), []
    after = future.then(lambda f: f.wait() + 1).then(lambda f: 2 * f.value())
    future.add_done_callback(lambda f: called.append(f.value()))
    assert not future.done() and not after.done()
    with pytest.raises(RuntimeError):
        future.value()
    future.set_result(3)
    assert future.done() and future.wait() == future.value() == 3 and after.wait() == 8 and called == [3]
    with pytest.raises(RuntimeError, match="complete again"):
        future.set_result(4)
    assert future.then(lambda f: f).wait() is future
    with pytest.raises(RuntimeError, match="pickle"):
        pickle.dumps(future)


def test_future_errors(capfd):
    future = fl.futures.Future()
    later = future.then(lambda f: f.wait())
    future.set_exception(ValueError("no"))
    for wait in (future.wait, future.value):
        with pytest.raises(ValueError, match="no"):
            wait()
    with pytest.raises(RuntimeError, match="running the callback: ValueError: no"):
        later.wait()
    future.add_done_callback(lambda f: 1 / 0)
    assert "ZeroDivisionError" in capfd.readouterr().err
    with pytest.raises(AssertionError):
        fl.futures.Future().set_exception(3)
    with pytest.raises(TypeError):
        future.then(3)
    with pytest.raises(ValueError):
        fl.futures.Future(devices=["cpu"])


def test_future_of_another_thread():
    future = fl.futures.Future()
    thread = threading.Timer(0.05, future.set_result, [fl.ones(2)])
    thread.start()
    assert future.wait().tolist() == [1, 1]
    thread.join()


def test_collect():
    first, second = fl.futures.Future(), fl.futures.Future()
    both = fl.futures.collect_all([first, second])
    second.set_result(2)
    assert not both.done()
    first.set_result(1)
    assert [f.wait() for f in both.wait()] == [1, 2] == fl.futures.wait_all([first, second])
    assert fl.futures.wait_all([]) == []
    bad = fl.futures.Future()
    bad.set_exception(ValueError("no"))
    with pytest.raises(ValueError):
        fl.futures.wait_all([first, bad])


# ---- dtypes

NAMES = (
    "qint8 quint8 qint32 quint4x2 quint2x4 bits1x8 bits2x4 bits4x2 bits8 bits16 complex32 float8_e4m3fnuz float8_e5m2fnuz "
    "float8_e8m0fnu float4_e2m1fn_x2 uint1 uint2 uint3 uint4 uint5 uint6 uint7 int1 int2 int3 int4 int5 int6 int7"
).split()


@pytest.mark.parametrize("name", NAMES)
def test_names_of_dtypes(name):
    dtype = getattr(fl, name)
    assert (
        repr(dtype) == f"torch.{name}" and pickle.loads(pickle.dumps(dtype)) is dtype and copy.deepcopy(dtype) is dtype
    )
    assert dtype.itemsize == {"qint32": 4, "complex32": 4, "bits16": 2}.get(name, 1)
    assert dtype.is_floating_point == name.startswith("float") and dtype.is_complex == (name == "complex32")
    if name.startswith(("q", "bits")):
        with pytest.raises(RuntimeError):
            _ = dtype.is_signed
    else:
        assert dtype.is_signed != (name.startswith("uint") or name == "float8_e8m0fnu")


def test_more_names_of_dtypes():
    assert fl.chalf is fl.complex32 and fl.bit is fl.uint1 and fl.complex32.to_real() is fl.float16
    assert repr(fl.per_tensor_affine) == "torch.per_tensor_affine" and isinstance(fl.per_channel_symmetric, fl.qscheme)
    with pytest.raises(RuntimeError):
        fl.int8.to_complex()


LIMITS = {
    "float16": (2.0**-10, 65504.0, 2.0**-14, 1e-3, 16), "bfloat16": (2.0**-7, 3.3895313892515355e38, 2.0**-126, 1e-2, 16),
    "float32": (2.0**-23, 3.4028234663852886e38, 2.0**-126, 1e-6, 32),
    "float64": (2.0**-52, 1.7976931348623157e308, 2.2250738585072014e-308, 1e-15, 64),
    "float8_e5m2": (0.25, 57344.0, 2.0**-14, 1.0, 8), "float8_e4m3fn": (0.125, 448.0, 2.0**-6, 1.0, 8),
    "float8_e5m2fnuz": (0.125, 57344.0, 2.0**-15, 1.0, 8), "float8_e4m3fnuz": (0.125, 240.0, 2.0**-7, 1.0, 8),
}  # fmt: skip


@pytest.mark.parametrize("name", LIMITS)
def test_finfo(name):
    info = fl.finfo(getattr(fl, name))
    assert (info.eps, info.max, info.tiny, info.resolution, info.bits) == LIMITS[name]
    assert info.min == -info.max and info.smallest_normal == info.tiny and info.dtype == name
    assert info == fl.finfo(getattr(fl, name)) and info != fl.finfo(fl.complex32 if name != "float16" else fl.float32)


def test_limits_check_their_argument():
    assert fl.finfo().dtype == "float32" and fl.finfo(fl.complex128).dtype == "float64"
    assert (fl.iinfo(fl.uint64).max, fl.iinfo(fl.int8).min) == (2**64 - 1, -128)
    assert repr(fl.iinfo(fl.int64)) == "iinfo(min=-9.22337e+18, max=9.22337e+18, dtype=int64)"
    for call in (lambda: fl.finfo(fl.int8), lambda: fl.iinfo(fl.bool), lambda: fl.iinfo(fl.uint1), lambda: fl.finfo(3)):
        with pytest.raises(TypeError):
            call()
    assert fl.finfo.max and fl.iinfo.bits


# ---- the compiler's names


def test_compiler():
    compiler = fl.compiler

    def double(x):
        return 2 * x

    assert not (compiler.is_compiling() or compiler.is_dynamo_compiling() or compiler.is_exporting())
    assert compiler.disable(double)(2) == 4 == compiler.disable(recursive=False)(double)(2)
    assert compiler.disable(double).__wrapped__ is double and compiler.allow_in_graph(double) is double
    with pytest.raises(AssertionError):
        compiler.disable(3)
    with compiler.set_stance("force_eager"):
        assert compiler.nested_compile_region(double)(2) == 4
    assert compiler.set_stance("default")(double)(2) == 4
    assert compiler.wrap_numpy(lambda x: x.sum(axis=0))(fl.ones(2, 3)).tolist() == [2, 2, 2]
    compiler.cudagraph_mark_step_begin()
    compiler.reset()
    with pytest.raises((RuntimeError, AttributeError)):
        compiler.load_compiled_function(None)
