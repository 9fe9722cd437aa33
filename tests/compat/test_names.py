"""Names that programs import and ask for under torch's paths, public and private."""

import importlib
import os

import pytest

from tests.frame import fl

MODULES = (
    "_dynamo _dynamo.eval_frame _inductor _functorch.vmap _functorch.eager_transforms _jit_internal _logging _subclasses.fake_tensor _tensor "
    "_tensor_str _utils _VF __config__ __future__ ao.quantization autograd.profiler autograd.gradcheck autograd.variable "
    "distributed.algorithms.ddp_comm_hooks.default_hooks distributed.algorithms.join distributed.checkpoint.state_dict "
    "distributed.fsdp.fully_sharded_data_parallel distributed.tensor.parallel distributed.elastic.multiprocessing.errors export fx.experimental.proxy_tensor "
    "fx.experimental.symbolic_shapes jit.annotations library onnx.errors profiler.profiler quantization torch_version utils.benchmark.utils.common "
    "utils.collect_env utils.cpp_extension utils.flop_counter utils.mobile_optimizer utils.model_zoo utils.weak _C._nn _C._linalg"
).split()  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_modules(name):
    importlib.import_module(f"flambeau.{name}")


def test_names_of_the_core():
    core = fl._C
    x = fl.ones(2, 2)
    assert core._nn.gelu is fl.nn.functional.gelu and core._linalg.linalg_cholesky_ex is fl.linalg.cholesky_ex
    assert core.DispatchKey.CPU.name == "CPU" and core.DispatchKeySet(core.DispatchKey.CPU).has(core.DispatchKey.CPU)
    assert core._get_tracing_state() is None and core._TensorMeta is type(fl.Tensor)
    assert core._VariableFunctions.add(1, x).sum().item() == 8
    with pytest.raises(AttributeError, match="nothing_like_it"):
        core.nothing_like_it


def test_what_is_not_built_says_so():
    tensor = importlib.import_module("flambeau.distributed.tensor")
    fsdp = importlib.import_module("flambeau.distributed.fsdp")
    assert not isinstance(fl.ones(1), tensor.DTensor) and tensor.Shard(0) == tensor.Shard(0) != tensor.Replicate()
    with pytest.raises(NotImplementedError, match="DistributedDataParallel"):
        fsdp.FullyShardedDataParallel(fl.nn.Linear(1, 1))
    with pytest.raises(NotImplementedError, match="flambeau.save"):
        importlib.import_module("flambeau.distributed.checkpoint").save({})
    with pytest.raises(NotImplementedError, match="jit.save"):
        fl.export.export(None, ())
    with pytest.raises(RuntimeError, match="no ONNX files"):
        fl.onnx.export(None)
    with pytest.raises(NotImplementedError, match="custom_op"):
        fl.utils.cpp_extension.load("name", [])


def test_functions_in_place():
    x = fl.zeros(2)
    assert fl.cos_(x) is x and x.tolist() == [1, 1]
    assert fl.clamp_(x, max=0.5) is x and x.tolist() == [0.5, 0.5]


def test_operators_by_namespace():
    x = fl.tensor([1.0, -1.0])
    aten = fl.ops.aten
    assert aten.relu(x).tolist() == [1, 0] == aten.relu.default(x).tolist() and aten.add.Tensor(x, x).tolist() == [
        2,
        -2,
    ]
    assert str(aten.add.Tensor) == "aten.add.Tensor" and aten.add.Tensor.name() == "aten::add.Tensor"
    assert aten._to_copy(x, dtype=fl.float64).dtype is fl.float64
    with pytest.raises(NotImplementedError, match="aten::nothing_like_it"):
        aten.nothing_like_it(x)
    with pytest.raises(AttributeError, match="nothing"):
        fl.ops.mine.nothing
    with pytest.raises(OSError, match="cannot be loaded"):
        fl.ops.load_library("file.so")


def test_settings_of_the_compiler():
    config = importlib.import_module("flambeau._dynamo").config
    before = config.cache_size_limit
    with config.patch(cache_size_limit=3):
        assert config.cache_size_limit == 3
    assert config.cache_size_limit == before and config.never_set is None
    assert importlib.import_module("flambeau._dynamo").optimize("inductor")(abs) is abs


def test_checks():
    fl._check(True)
    for check, kind in ((fl._check, RuntimeError), (fl._check_index, IndexError), (fl._check_value, ValueError)):
        with pytest.raises(kind, match="text"):
            check(False, lambda: "text")
    with pytest.raises(TypeError, match="callable"):
        fl._check(False, "text")


def test_helpers():
    utils = fl._utils
    assert callable(utils._rebuild_tensor_v2) and callable(utils._rebuild_parameter)
    flat = utils._flatten_dense_tensors([fl.ones(2), fl.zeros(2, 2)])
    assert flat.shape == (6,) and utils._unflatten_dense_tensors(flat, [fl.ones(2), fl.zeros(2, 2)])[1].shape == (2, 2)
    try:
        raise KeyError("a\nb")
    except KeyError:
        wrapped = utils.ExceptionWrapper(where="in a thread")
    with pytest.raises(KeyError, match="Caught KeyError in a thread"):
        wrapped.reraise()
    with fl._tensor_str.printoptions(precision=1):
        assert fl._tensor_str.PRINT_OPTS.precision == 1 and "1.2" in repr(fl.tensor([1.23]))
    assert fl._tensor_str.PRINT_OPTS.precision == 4


def test_swapping():
    a, b = fl.nn.Parameter(fl.ones(2)), fl.zeros(3)
    fl.utils.swap_tensors(a, b)
    assert type(b) is fl.nn.Parameter and b.tolist() == [1, 1] and a.tolist() == [0, 0, 0] and not a.requires_grad


def test_counting():
    counter = fl.utils.flop_counter.FlopCounterMode(display=False)
    net = fl.nn.Sequential(fl.nn.Linear(3, 4), fl.nn.ReLU(), fl.nn.Linear(4, 5))
    with counter:
        net(fl.ones(2, 3)).sum().backward()
    assert counter.get_total_flops() == 3 * (2 * 2 * 3 * 4 + 2 * 2 * 4 * 5) and "Sequential" in counter.get_table()


def test_storages_of_files(tmp_path):
    (tmp_path / "a").write_bytes(bytes(range(8)))
    memory = fl.UntypedStorage.from_file(str(tmp_path / "a"), False, 8)
    assert memory.nbytes() == 8 and memory.untyped() is memory and memory[3] == 3


def test_what_libraries_do_with_modules_and_gradients():
    net = fl.nn.Sequential(fl.nn.Linear(2, 2), fl.nn.ReLU())
    assert [name for name, _ in reversed(net._modules.items())] == ["1", "0"] and list(net._modules.keys()) == [
        "0",
        "1",
    ]
    assert len(fl.autograd.grad(net(fl.ones(1, 2)).sum(), net.parameters())) == 2

    class Wrapper(fl.optim.Optimizer):
        def __init__(self, inner):
            self.inner = inner

        def step(self, closure=None):
            return self.inner.step(closure)

    Wrapper(fl.optim.SGD(net.parameters(), 0.1)).step()


def test_whole_modules_in_files(tmp_path):
    net = fl.nn.MultiheadAttention(4, 2)
    fl.save(net, tmp_path / "net.pt")
    assert fl.load(tmp_path / "net.pt", weights_only=False, allow_code=True)(*[fl.ones(1, 1, 4)] * 3)[0].shape == (
        1,
        1,
        4,
    )
    fw = fl.autograd.forward_ad
    with fw.dual_level():
        tangent = fl.ones(2)
        assert fw.unpack_dual(fw.make_dual(fl.zeros(2), tangent)).tangent is tangent


def test_views_of_shared_memory_travel_together():
    from tests.compat.test_alias import check

    out = check(
        f"""
        import flambeau, multiprocessing, sys
        import flambeau.multiprocessing
        sys.path.append({os.getcwd()!r})
        from tests.compat.test_names import grow
        x = flambeau.zeros(4).share_memory_()
        process = multiprocessing.get_context("spawn").Process(target=grow, args=(x[:2], x[2:]))
        process.start()
        process.join()
        print(process.exitcode, x.tolist())
        """
    )
    assert out.strip() == "0 [1.0, 1.0, 1.0, 1.0]"


def grow(*tensors):
    for tensor in tensors:
        tensor.add_(1)
