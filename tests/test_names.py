"""Names beside the ops: old tensor types, storages, settings of libraries, the core's forms of functions, lists of tensors."""

import importlib
import operator
import os
import sys

import numpy as np
import pytest

from tests.frame import fl

F = fl.nn.functional
TYPES = {
    "FloatTensor": "float32", "DoubleTensor": "float64", "HalfTensor": "float16", "BFloat16Tensor": "bfloat16", "ByteTensor": "uint8",
    "CharTensor": "int8", "ShortTensor": "int16", "IntTensor": "int32", "LongTensor": "int64", "BoolTensor": "bool",
}  # fmt: skip


def same(a, b):
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), 1e-6, 1e-7)


@pytest.mark.parametrize("name", TYPES)
def test_old_types(name):
    kind, dtype = getattr(fl, name), getattr(fl, TYPES[name])
    assert kind.dtype is dtype and repr(kind) == f"<class 'torch.{name}'>"
    assert kind([1, 0]).dtype is dtype and kind([1, 0]).tolist() == [1, 0]
    assert kind(2, 3).shape == (2, 3) and kind().shape == (0,) and kind(fl.Size([2])).shape == (2,)
    assert (
        isinstance(kind(2), kind)
        and isinstance(kind(2), fl.Tensor)
        and not isinstance(fl.ones(1, dtype=fl.complex64), kind)
    )
    assert fl.ones(2, dtype=fl.int16).type(kind).dtype is dtype


def test_type_takes_the_class_of_tensors():
    """Programs say `Tensor = torch.cuda.FloatTensor if cuda else torch.Tensor` and then `x.type(Tensor)`."""
    x = fl.ones(2, dtype=fl.int16)
    assert x.type(fl.Tensor).dtype is x.type("torch.Tensor").dtype is fl.float32
    before = fl.get_default_dtype()
    try:
        fl.set_default_dtype(fl.float64)
        assert x.type(fl.Tensor).dtype is fl.float64
    finally:
        fl.set_default_dtype(before)
    for kind in (float, fl.nn.Parameter, "float"):
        with pytest.raises(ValueError, match="invalid type: '(float|Parameter)'"):
            x.type(kind)
    with pytest.raises(TypeError, match="must be a type, str, or dtype object"):
        x.type(3)


@pytest.mark.parametrize(
    "name, options, values",
    [
        ("add", {}, (1, 2, 3)), ("add", {"alpha": 2}, (1.5, 2, 5.5)), ("sub", {}, (2, 3, -1)), ("mul", {}, (True, 2, 2)), ("div", {}, (5, 2, 2.5)),
        ("div", {"rounding_mode": "trunc"}, (-5, 2, -2)), ("div", {"rounding_mode": "floor"}, (-5, 2, -3)), ("floor_divide", {}, (5, 2, 2)),
        ("true_divide", {}, (5, 2, 2.5)), ("mul", {}, (1j, 2, 2j)),
    ],
)  # fmt: skip
def test_arithmetic_of_two_numbers(name, options, values):
    """Programs compute sizes with torch.div(a, b, rounding_mode="trunc")."""
    a, b, wanted = values
    found = getattr(fl, name)(a, b, **options)
    kinds = {int: fl.int64, float: fl.float32, complex: fl.complex64}
    assert found.shape == () and found.item() == wanted and found.dtype is kinds[type(wanted)]


def test_contraction_under_numpys_names():
    """What opt_einsum calls for arrays of a library that it does not know."""
    a, b = fl.rand(2, 3, 4), fl.rand(4, 3, 5)
    same(fl.tensordot(a, b, axes=((1, 2), (1, 0))), fl.tensordot(a, b, ((1, 2), (1, 0))))
    same(fl.tensordot(a, b, axes=1), fl.tensordot(a, b, 1))
    assert fl.transpose(a, (2, 0, 1)).shape == (4, 2, 3) and fl.transpose(a, [0, 2, 1]).shape == (2, 4, 3)


def test_checks_of_one_value():
    assert fl._assert_async(fl.tensor(True)) is fl._assert_async(fl.tensor([1.5]), "unused") is None
    with pytest.raises(RuntimeError, match="Expected Tensor with single nonzero value, but got zero"):
        fl._assert_async(fl.tensor(0.0))
    with pytest.raises(RuntimeError, match="the bandwidth"):
        fl._assert_async(fl.tensor(False), "the bandwidth")
    with pytest.raises(RuntimeError, match="ambiguous"):
        fl._assert_async(fl.ones(2))
    with pytest.raises(TypeError, match="must be Tensor, not bool"):
        fl._assert_async(True)


def test_checks_of_tensors():
    fl._check_tensor_all(fl.tensor([True, True]))
    fl._check_tensor_all_with(ValueError, fl.tensor([True]), lambda: "unused")
    with pytest.raises(ValueError, match="these numbers"):
        fl._check_tensor_all_with(ValueError, fl.tensor([True, False]), lambda: "these numbers")
    with pytest.raises(RuntimeError, match="Expected cond to be True"):
        fl._check_tensor_all(fl.tensor([False]))
    for bad, text in ((True, "must be a tensor"), (fl.ones(2), "must have dtype torch.bool")):
        with pytest.raises(TypeError, match=text):
            fl._check_tensor_all(bad)


def test_old_types_check_their_data():
    with pytest.raises(TypeError):
        fl.LongTensor(fl.ones(2))
    with pytest.raises(TypeError):
        fl.FloatTensor(2.5)
    same(fl.FloatTensor(fl.ones(2)), fl.ones(2))
    same(fl.FloatTensor(fl.ones(2).untyped_storage()), fl.ones(2))


def test_in_place_products_take_names():
    a, b, x = fl.ones(2, 3), fl.ones(3, 2), fl.zeros(2, 2)
    same(x.addmm_(mat1=a, mat2=b, beta=0, alpha=2), fl.full((2, 2), 6.0))
    same(fl.zeros(2).addmv_(mat=a, vec=fl.ones(3)), fl.full((2,), 3.0))


def test_pieces_by_name():
    x = fl.arange(8).reshape(2, 4)
    assert [p.tolist() for p in fl.tensor_split(x, sections=3, dim=1)] == [[[0, 1], [4, 5]], [[2], [6]], [[3], [7]]]
    assert [p.tolist() for p in x.hsplit(indices=(1,))] == [[[0], [4]], [[1, 2, 3], [5, 6, 7]]]
    with pytest.raises(TypeError):
        fl.vsplit(x)


def test_copies_of_the_parts_of_sparse_tensors():
    x = fl.eye(2).to_sparse()
    assert fl.indices_copy(x).tolist() == [[0, 1], [0, 1]] and fl.values_copy(x).tolist() == [1, 1]
    rows, columns = fl.eye(2).to_sparse_csr(), fl.eye(2).to_sparse_csc()
    assert fl.crow_indices_copy(rows).tolist() == [0, 1, 2] == fl.ccol_indices_copy(columns).tolist()
    assert fl.col_indices_copy(rows).tolist() == [0, 1] == fl.row_indices_copy(columns).tolist()


def test_untyped_storage():
    x = fl.arange(6, dtype=fl.float32)
    view, memory = x[2:], x.untyped_storage()
    assert memory.nbytes() == memory.size() == len(memory) == 24 and memory.data_ptr() == x.data_ptr()
    assert view.untyped_storage().data_ptr() == memory.data_ptr()
    copy = memory.clone()
    memory.fill_(0)
    assert x.sum().item() == 0 and copy.data_ptr() != memory.data_ptr() and memory[0] == 0
    memory.copy_(copy)
    assert x.tolist() == [0, 1, 2, 3, 4, 5] and memory.tolist()[4:8] == [0, 0, 128, 63]
    assert fl.UntypedStorage(3).nbytes() == 3 and memory.device.type == "cpu" and not memory.is_cuda


@pytest.mark.filterwarnings("ignore")
def test_typed_storage():
    x = fl.tensor([1.0, 2.0, 3.0])
    memory = x[1:].storage()
    assert memory.dtype is fl.float32 and len(memory) == memory.size() == 3 and memory.tolist() == [1, 2, 3]
    memory[0] = 5.0
    assert x[0].item() == 5 and memory[1] == 2 and memory.data_ptr() == x.data_ptr() and memory.element_size() == 4
    assert memory.untyped().nbytes() == memory.nbytes() == 12
    other = fl.zeros(0).set_(x.untyped_storage(), 1, (2,), (1,))
    assert other.tolist() == [2, 3] and other.data_ptr() == x.data_ptr() + 4


def test_storage_deepcopy():
    import copy

    memory = fl.ones(2).untyped_storage()
    other = copy.deepcopy(memory)
    assert other.tolist() == memory.tolist() and other.data_ptr() != memory.data_ptr()


@pytest.mark.filterwarnings("ignore")
def test_tensor_members():
    x = fl.tensor(2.0)
    assert complex(x) == 2 and x.__long__() == 2 and x.__nonzero__() and x.grad_dtype is fl.float32
    assert x.const_data_ptr() == x.data_ptr() and not fl.ones(1).volatile
    y = fl.ones(2)
    y /= 2
    same(y.__div__(2), fl.tensor([0.25, 0.25]))
    same(fl.tensor([1, 2]).dequantize(), fl.tensor([1.0, 2.0]))
    assert type(fl.ones(2).as_subclass(fl.nn.Parameter)) is fl.nn.Parameter
    with pytest.raises(AssertionError):
        fl.ones(1).xpu()
    with pytest.raises(NotImplementedError):
        fl.ones(1).q_scale()
    assert (
        fl.is_signed(fl.ones(1)) and not fl.is_signed(fl.ones(1, dtype=fl.uint8)) and not fl.is_distributed(fl.ones(1))
    )


@pytest.mark.filterwarnings("ignore")
def test_resize():
    assert fl.ones(6).resize(2, 3).shape == (2, 3) and fl.ones(6).resize_as(fl.ones(3, 2)).shape == (3, 2)
    with pytest.raises(RuntimeError):
        fl.ones(2).resize(3)


def test_module_load():
    x = fl.ones(2, requires_grad=True)
    with fl.no_grad():
        same(x.module_load(fl.zeros(2)), fl.zeros(2))
    assert x.module_load(fl.zeros(2), assign=True).tolist() == [0, 0]


def test_plus():
    same(+fl.tensor([-1.0]), fl.tensor([-1.0]))
    with pytest.raises(RuntimeError):
        +fl.tensor([True])


def test_storage_from_buffer():
    memory = fl.UntypedStorage.from_buffer(b"abcd", byte_order="native", dtype=fl.float32)
    assert memory.tolist() == [97, 98, 99, 100]


def test_layouts():
    assert repr(fl.jagged) == "torch.jagged" and fl.legacy_contiguous_format is fl.contiguous_format


def test_symbols():
    assert fl.sym_int(-2.7) == -2 and fl.sym_float(2) == 2.0 and fl.sym_not(False) is True
    assert (
        fl.sym_max(1, 2.0) == 2.0 and fl.sym_min(2, 3) == 2 and fl.sym_sum([1, 2]) == 3 and fl.sym_ite(False, 1, 2) == 2
    )
    assert fl.sym_sqrt(4) == 2 and not isinstance(1, fl.SymInt) and not isinstance(1.0, fl.SymFloat | fl.SymBool)


def test_settings_of_libraries():
    cudnn = importlib.import_module(f"{fl.__name__}.backends.cudnn")
    assert cudnn.benchmark is False and cudnn.enabled and not cudnn.is_available() and cudnn.version() is None
    cudnn.benchmark = True
    with cudnn.flags(enabled=False):
        assert not cudnn.enabled
    assert cudnn.enabled and fl.backends.cudnn.benchmark
    cudnn.benchmark = False
    assert (
        not fl.backends.mps.is_available() and not fl.backends.cuda.is_built() and fl.backends.cuda.flash_sdp_enabled()
    )
    fl.backends.cuda.matmul.allow_tf32 = False
    assert fl.backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2", "AVX512", "NEON", "NO AVX")
    assert fl.version.cuda is None and fl.version.hip is None and not fl.accelerator.is_available()


def test_modules():
    state = fl.random.get_rng_state()
    assert fl.random.manual_seed is fl.manual_seed and fl.random.initial_seed() == fl.initial_seed()
    fl.random.set_rng_state(state)
    assert isinstance(1, fl.types.Number) and fl.get_device_module("cpu").is_available()
    assert fl.hub.get_dir().endswith("hub")


def test_hub_shows_progress_on_a_terminal(tmp_path, monkeypatch, capsys):
    (tmp_path / "a").write_bytes(b"x" * 3_000_000)
    url, to = (tmp_path / "a").as_uri(), str(tmp_path / "b")
    fl.hub.download_url_to_file(url, to)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    fl.hub.download_url_to_file(url, to)
    assert capsys.readouterr().err.endswith("3.0 of 3.0 MB, 100 %\n")


def test_hub(tmp_path):
    fl.save({"w": fl.ones(2)}, tmp_path / "w-0000.pth")
    url = (tmp_path / "w-0000.pth").as_uri()
    loaded = fl.hub.load_state_dict_from_url(url, model_dir=str(tmp_path / "kept"), progress=False)
    same(loaded["w"], fl.ones(2))
    assert os.listdir(tmp_path / "kept") == ["w-0000.pth"]
    with pytest.raises(RuntimeError, match="hash"):
        fl.hub.load_state_dict_from_url(url, model_dir=str(tmp_path / "again"), check_hash=True, progress=False)
    assert os.listdir(tmp_path / "again") == []


def test_deterministic_debug_mode():
    for mode, word in enumerate(("default", "warn", "error")):
        fl.set_deterministic_debug_mode(word)
        assert fl.get_deterministic_debug_mode() == mode
    fl.set_deterministic_debug_mode(0)
    with pytest.raises(RuntimeError):
        fl.set_deterministic_debug_mode("loud")


def test_from_file(tmp_path):
    path = str(tmp_path / "numbers")
    x = fl.from_file(path, shared=True, size=4, dtype=fl.int32)
    x.copy_(fl.arange(4, dtype=fl.int32))
    y = fl.from_file(path, size=3, dtype=fl.int32)
    assert y.tolist() == [0, 1, 2]
    y.fill_(7)
    assert fl.from_file(path, size=4, dtype=fl.int32).tolist() == [0, 1, 2, 3]
    with pytest.raises(RuntimeError):
        fl.from_file(path, size=400)


def test_to_dlpack():
    assert type(fl.to_dlpack(fl.ones(2))).__name__ == "PyCapsule"


# ---- the core's forms (the rest in ops/native.py)


@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_recurrent_forms(name):
    x = fl.rand(5, 2, 3)
    module = getattr(fl.nn, name)(3, 4, num_layers=2, bidirectional=True)
    h = fl.zeros(4, 2, 4)
    hx = (h, h) if name == "LSTM" else h
    function = getattr(fl, {"RNN": "rnn_tanh"}.get(name, name.lower()))
    out, *states = function(x, hx, list(module.parameters()), True, 2, 0.0, False, True, False)
    expected, last = module(x, hx)
    same(out, expected)
    for state, want in zip(states, last if name == "LSTM" else [last], strict=True):
        same(state, want)
    packed = fl.nn.utils.rnn.pack_padded_sequence(x, fl.tensor([5, 3]))
    out, *_ = function(packed.data, packed.batch_sizes, hx, list(module.parameters()), True, 2, 0.0, False, True)
    same(out, module(packed, hx)[0].data)


@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_recurrent_cells(name):
    cell, x, h = getattr(fl.nn, f"{name}Cell")(3, 4), fl.rand(2, 3), fl.rand(2, 4)
    function = getattr(fl, {"RNN": "rnn_tanh"}.get(name, name.lower()) + "_cell")
    hx = (h, h) if name == "LSTM" else h
    found, expected = function(x, hx, *cell.parameters()), cell(x, hx)
    same(found[0] if name == "LSTM" else found, expected[0] if name == "LSTM" else expected)


# ---- lists of tensors (ops/lists.py has their rows)


def some(low=0.2):
    return [fl.linspace(low, 0.9, 2), fl.linspace(low, 0.8, 6).reshape(3, 2), fl.tensor(0.5)]


def test_foreach_rest():
    x = some()
    for function, one in (
        (fl._foreach_norm, fl.norm), (fl._foreach_max, fl.max), (fl._foreach_clone, fl.clone), (fl._foreach_powsum, lambda t: (t * t).sum()),
    ):  # fmt: skip
        for a, b in zip(function(x), map(one, x), strict=True):
            same(a, b)
    for a, t, s in zip(fl._foreach_lerp(x, some(0.4), 0.3), x, some(0.4), strict=True):
        same(a, t.lerp(s, 0.3))
    for a, t in zip(fl._foreach_pow(2.0, x), x, strict=True):
        same(a, 2.0**t)
    for a, t in zip(fl._foreach_add(x, x, alpha=2), x, strict=True):
        same(a, 3 * t)
    fl._foreach_copy_(x, some(0.4))
    assert all(map(operator.eq, map(fl.Tensor.tolist, x), map(fl.Tensor.tolist, some(0.4))))
    fl._foreach_zero_(x)
    assert all(not t.any() for t in x)


def test_foreach_refuses():
    for arguments, error in ((([], 1), RuntimeError), ((some(), [1.0]), RuntimeError), ((fl.ones(2), 1), TypeError)):
        with pytest.raises(error):
            fl._foreach_add(*arguments)


def test_foreach_gradient():
    x = fl.ones(2, requires_grad=True)
    fl._foreach_mul([x, x], 3.0)[0].sum().backward()
    assert x.grad.tolist() == [3, 3]


# ---- windows on memory


def gaps():
    """A tensor with gaps between its elements, and one that begins in the middle of its storage."""
    wide = fl.arange(63.0).reshape(7, 9)
    yield wide[1::2, 1::2].detach(), (3,), (20,), 10, [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]
    yield fl.arange(10.0)[5:].detach(), (4, 2), (1, 2), 3, [2, 2, 1, 1, 0]
    yield fl.arange(12.0).reshape(4, 3).t().detach(), (3,), (4,), 0, [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]


def test_window_gradients():
    """as_strided counts in the storage, whatever the layout of the tensor that it is asked of."""
    for x, size, stride, offset, counts in gaps():
        values = x.as_strided(size, stride, offset).tolist()
        x.requires_grad_()
        window = x.as_strided(size, stride, offset)
        window.sum().backward()
        assert window.tolist() == values and x.grad.reshape(-1).tolist() == counts


# ---- names of arguments


def test_numpy_names_of_arguments():
    x = fl.tensor([[3.0, 1.0], [2.0, 4.0]])
    for name in "sum mean prod amax amin logsumexp nansum nanmean std var argmax quantile".split():
        arguments = (0.5,) if name == "quantile" else ()
        found, expected = (
            getattr(fl, name)(x, *arguments, **kw)
            for kw in ({"axis": 0, "keepdims": True}, {"dim": 0, "keepdim": True})
        )
        assert found.tolist() == expected.tolist() and found.shape == (1, 2), name
    for (
        name
    ) in "cumsum cumprod logcumsumexp softmax log_softmax unsqueeze squeeze count_nonzero diff argsort unbind".split():
        found, expected = getattr(fl, name)(x, axis=0), getattr(fl, name)(x, 0) if name != "diff" else fl.diff(x, dim=0)
        assert fl.stack(tuple(found)).tolist() == fl.stack(tuple(expected)).tolist(), name
    for name in "sort cummax cummin".split():
        assert getattr(fl, name)(x, axis=0)[0].tolist() == getattr(fl, name)(x, dim=0)[0].tolist(), name
    assert fl.topk(x, 1, axis=0)[0].tolist() == [[3, 4]] and fl.chunk(x, 2, axis=1)[0].tolist() == [[3], [2]]
    assert fl.linalg.norm(x, axis=0).shape == (2,) and fl.swapaxes(x, axis0=0, axis1=1).tolist() == x.t().tolist()
    assert fl.take_along_dim(x, fl.tensor([[0, 1]]), axis=0).tolist() == [[3, 4]] and fl.arange(end=3).tolist() == [
        0,
        1,
        2,
    ]
    for call in (fl.cumsum, fl.unsqueeze):
        with pytest.raises(TypeError):
            call(x)


def test_methods_by_name():
    x = fl.ones(2, 3)
    assert (
        x.size(dim=1) == 3
        and x.stride(dim=0) == 3
        and x.view(size=(3, 2)).shape == (3, 2) == x.reshape(shape=(3, 2)).shape
    )
    assert x.permute(dims=(1, 0)).shape == (3, 2) and x.view(dtype=fl.int32).dtype is fl.int32
    assert fl.ones(1, 3).expand(size=(2, 3)).shape == (2, 3)
    for call in (lambda: x.size(dims=1), lambda: x.view(2, shape=3), lambda: x.size(1, dim=1)):
        with pytest.raises(TypeError):
            call()


def test_fake_quantize():
    """Values and gradients, at the bounds and beyond; infinities and NaN."""
    x = fl.tensor([-1.0, 0.0, 0.04, 0.26, 30.0, float("nan"), float("inf")], requires_grad=True)
    y = fl.fake_quantize_per_tensor_affine(x, 0.1, 0, 0, 255)
    y.sum().backward()
    np.testing.assert_allclose(y.detach().numpy(), [0, 0, 0, 0.3, 25.5, 0, 25.5], 1e-6)
    assert x.grad.tolist() == [0, 1, 1, 1, 0, 0, 0]
    found = fl.fake_quantize_per_channel_affine(fl.ones(2, 2), fl.tensor([0.5, 1.0]), fl.tensor([0.0, 0.25]), 1, 0, 255)
    assert found.tolist() == [[1, 0.75], [1, 0.75]]  # a zero point between steps


def test_typed_storages():
    memory = fl.FloatStorage([1, 2])
    assert (
        memory.tolist() == [1, 2]
        and memory.dtype is fl.float32
        and fl.LongStorage(3).size() == 3
        and fl.Storage is fl.FloatStorage
    )
    assert (
        isinstance(memory, fl.FloatStorage)
        and not isinstance(memory, fl.LongStorage)
        and isinstance(memory, fl.TypedStorage)
    )
    assert repr(fl.HalfStorage) == "<class 'torch.HalfStorage'>" and fl.TypedStorage(
        [1, 2], dtype=fl.int32
    ).tolist() == [1, 2]
    assert fl.ShortStorage.from_buffer(bytes([1, 2, 3, 4]), "big").tolist() == [258, 772] and fl.FloatTensor(
        memory
    ).tolist() == [1, 2]
    assert isinstance(fl.ones(1).untyped_storage(), fl.StorageBase)
    assert not isinstance(fl.ones(1).storage(), fl.StorageBase)
    storage = fl.tensor([1, 2], dtype=fl.int16).untyped_storage()
    assert storage.untyped() is storage and storage.to(device="cpu") is storage and storage.new().nbytes() == 0
    assert storage.half().tolist() == [1, 0, 2, 0] and storage.type() == "torch.storage.UntypedStorage"
    assert storage.get_device() is storage.filename is None and not storage.is_sparse and storage.resizable()
    storage.byteswap(fl.int16)
    assert storage.tolist() == [0, 1, 0, 2]
    for act, error in (
        (storage.cuda, AssertionError),
        (storage.hpu, AssertionError),
        (storage.pin_memory, RuntimeError),
    ):
        with pytest.raises(error):
            act()


@pytest.mark.filterwarnings("ignore")
def test_conversions_of_storages():
    memory = fl.tensor([1.5, 2.0]).storage()
    assert (
        memory.long().tolist() == [1, 2]
        and memory.double().dtype is fl.float64
        and memory.type() == "torch.FloatStorage"
    )
    with pytest.raises(RuntimeError):
        fl.FloatStorage.from_buffer(bytes(4))
    with pytest.raises((AssertionError, TypeError)):
        memory.cuda()


def test_control_flow():
    one = fl.ones(2)
    for pred, value in ((True, 2), (fl.tensor(False), 0)):
        assert fl.cond(pred, lambda x: x + 1, lambda x: x - 1, (one,)).tolist() == [value] * 2
    assert fl.cond(True, lambda: {"a": one}, lambda: {"a": one})["a"] is one
    count, x = fl.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * 2), (fl.tensor(0), one))
    assert count.item() == 3 and x.tolist() == [8, 8] and fl.while_loop(lambda i: i < 0, lambda i: i, (5,)) == (5,)
    with pytest.raises(RuntimeError):
        fl.cond(fl.tensor([True, False]), abs, abs, (one,))


@pytest.mark.parametrize("name", ["native_norm", "batch_norm_stats", "miopen_batch_norm", "cudnn_convolution"])
def test_functions_of_other_builds(name):
    with pytest.raises((NotImplementedError, TypeError)):
        getattr(fl, name)(fl.ones(2, 2))


def test_removed_functions():
    assert not fl.cudnn_is_acceptable(fl.ones(1))
    for call in (fl.solve, fl.Tensor.solve):
        with pytest.raises(RuntimeError, match="removed"):
            call(fl.ones(1, 1), fl.ones(1, 1))


def test_float_functional():
    ops = importlib.import_module(f"{fl.__name__}.nn.quantized").FloatFunctional()
    one = fl.ones(2)
    assert ops.add(one, one).tolist() == ops.add_scalar(one, 1).tolist() == ops.mul_scalar(one, 2.0).tolist() == [2, 2]
    assert ops.mul(one, one).tolist() == ops.cat([one]).tolist() == [1, 1] and ops.matmul(one, one).item() == 2
    assert ops.add_relu(one, -3 * one).tolist() == [0, 0]
    ops.activation_post_process = fl.nn.Softmax(0)
    assert ops.add(one, one).tolist() == [0.5, 0.5]
    with pytest.raises(RuntimeError):
        ops(one)
