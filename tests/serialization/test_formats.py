"""Every format that torch has written, plain values of all kinds, and what torch.serialization is told to do."""

import argparse
import collections
import datetime
import gzip
import io
import mmap
import pathlib
import pickle
import struct
import types
import zipfile

import numpy as np
import pytest

import flambeau as fl
from flambeau import serialization
from tests.serialization.formats import Call, Global, Reference, archive, pickled, stored, stream, tar, tensor

RECORDED = pathlib.Path(__file__).parent.parent / "recorded"
SIX = struct.pack("<6f", *range(6))
LEGACY = {"_use_new_zipfile_serialization": False}


def saved(obj, **options):
    file = io.BytesIO()
    fl.save(obj, file, **options)
    file.seek(0)
    return file


def again(obj, **options):
    return fl.load(saved(obj, **options))


# ---------------------------------------------------------------- files of torch


@pytest.mark.parametrize("name", ["torch_2_13.pt", "torch_2_13_stream.pt"])
@pytest.mark.parametrize("weights_only", [True, False])
def test_recorded_files_of_torch(name, weights_only):
    state = fl.load(RECORDED / name, weights_only=weights_only)
    base = fl.arange(12.0).reshape(3, 4)
    assert state["base"].tolist() == base.tolist() and state["row"].tolist() == base[1].tolist()
    assert state["t"].stride() == (1, 4) and state["row"].data_ptr() == state["base"].data_ptr() + 16
    assert state["expanded"].stride() == (0, 1) and state["scalar"].item() == 2.5 and state["empty"].shape == (0, 3)
    assert type(state["parameter"]) is fl.nn.Parameter and state["parameter"].note == "kept"
    assert state["attributes"].note == [1, 2] and state["leaf"].requires_grad
    for name in ("float64", "bfloat16", "int16", "bool", "complex64", "uint16", "uint64", "float8_e4m3fn"):
        if name in state:
            assert state[name].dtype is getattr(fl, name) and state[name].to(fl.complex128).tolist() == [0, 1, 1]
    for name in ("coo", "csr", "csc"):
        assert state[name].to_dense().tolist() == [[1, 0], [0, 1]]
    assert [part.tolist() for part in state["nested"].unbind()] == [[0, 1, 2], [0, 1]]
    if "jagged" in state:
        assert [part.tolist() for part in state["jagged"].unbind()] == [[0, 1, 2], [0, 1]]
        assert state["conj"].tolist() == [1 - 2j]
    assert (state["size"], state["dtype"], state["layout"]) == (fl.Size([1, 2]), fl.bfloat16, fl.sparse_csr)
    assert state["ordered"] == {"a": 1} and state["counter"]["a"] == 2 and state["default"]["none"] == []
    assert (
        state["set"] == {1} and state["complex"] == 1 + 2j and state["bytes"] == b"\x00\xff" and state["big"] == 2**70
    )
    assert state["number"] == np.float32(2.5) and state["array"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert state["texts"].tolist() == ["a", "bc"] and state["text"] == "\u00e4\u20ac"
    check_training_state(state)


def check_training_state(state):
    model = fl.nn.Sequential(fl.nn.Linear(3, 2), fl.nn.BatchNorm1d(2))
    model.load_state_dict(state["model"])
    optimizer = fl.optim.Adam(model.parameters())
    optimizer.load_state_dict(state["adam"])
    assert optimizer.state[model[0].weight]["step"].item() == 1
    schedule = fl.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    schedule.load_state_dict(state["schedule"])
    assert schedule.T_max == 10 and state["generator"][:2].tolist() == [3, 0]


@pytest.mark.parametrize("weights_only", [True, False])
def test_a_program_is_refused_by_name(weights_only):
    with pytest.raises(RuntimeError, match=r"TorchScript archive.*state_dict.*torch_2_13_script.pt"):
        fl.load(RECORDED / "torch_2_13_script.pt", weights_only=weights_only)


# ---------------------------------------------------------------- older formats, other machines


def test_the_stream_format(tmp_path):
    root, view = stored("FloatStorage", "0", 6, None), stored("FloatStorage", "0", 6, ("7", 2, 3))
    path = tmp_path / "old.pt"
    data = stream({"all": tensor(root, 0, (2, 3), (3, 1)), "part": tensor(view, 0, (3,), (1,))}, {"0": (6, SIX)})
    path.write_bytes(data + b"more")
    for file in (path, io.BytesIO(data + b"more")):
        state = fl.load(file)
        state["part"][0] = 9.0
        assert state["all"].tolist() == [[0, 1, 9], [3, 4, 5]]
    with pytest.raises(RuntimeError, match="mmap can only be used"):
        fl.load(path, mmap=True)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_writing_the_stream_format(tmp_path, protocol):
    base = fl.arange(12.0).reshape(3, 4)
    state = {"a": base, "b": base[1], "c": fl.nn.Parameter(fl.ones(2)), "d": fl.eye(2).to_sparse(), 5: [1, (2, None)]}
    path = tmp_path / "old.pt"
    fl.save(state, path, pickle_protocol=protocol, **LEGACY)
    assert not zipfile.is_zipfile(path)
    loaded = fl.load(path)
    loaded["b"].zero_()
    assert loaded["a"].sum().item() == base.sum().item() - base[1].sum().item()
    assert loaded["d"].to_dense().tolist() == [[1, 0], [0, 1]] and loaded[5] == [1, (2, None)]


def test_the_first_format():
    tensors = [(11, 1, 1, (2, 2), (2, 1)), (12, 2, 0, (2,), (1,))]
    obj = {"w": Reference(11), "part": Reference("12"), "storage": Reference("1"), "n": [1, 2]}
    state = fl.load(io.BytesIO(tar(obj, [(1, "FloatStorage", 6, SIX)], tensors, [(2, 1, 1, 3)])))
    assert state["w"].tolist() == [[1, 2], [3, 4]] and state["n"] == [1, 2] and state["storage"].size() == 6
    state["part"][0] = 9.0
    assert state["w"][0, 0].item() == 9
    with pytest.raises(pickle.UnpicklingError, match="needs"):
        fl.load(
            io.BytesIO(
                tar(obj, [(1, "FloatStorage", 6, SIX)], [(11, 1, 3, (2, 2), (2, 1)), tensors[1]], [(2, 1, 1, 3)])
            )
        )
    with pytest.raises(RuntimeError, match="no file 'tensors'"):
        fl.load(io.BytesIO(tar(obj, [], []).replace(b"tensors", b"sensors").replace(b"012066", b"012065")))


def big_endian():
    one = Call(
        "torch._utils._rebuild_tensor_v3",
        stored("UntypedStorage", "2", 4),
        *(0, (2,), (1,), False, collections.OrderedDict(), Global("torch", "uint16")),
    )
    obj = [
        tensor(stored("FloatStorage", "0", 6), 0, (6,), (1,)),
        tensor(stored("ComplexFloatStorage", "1", 1), 0, (1,), (1,)),
        one,
    ]
    return obj, {"0": struct.pack(">6f", *range(6)), "1": struct.pack(">2f", 1, 2), "2": struct.pack(">2H", 3, 4)}


def test_the_other_byte_order():
    def values(data):
        return [part.tolist() for part in fl.load(io.BytesIO(data))]

    expected = [[0, 1, 2, 3, 4, 5], [1 + 2j], [3, 4]]
    assert values(archive(*big_endian(), byteorder="big")) == expected
    unsaid = archive(*big_endian())
    assert values(unsaid) != expected
    serialization.set_default_load_endianness(serialization.LoadEndianness.BIG)
    try:
        assert serialization.get_default_load_endianness() is serialization.LoadEndianness.BIG
        assert values(unsaid) == expected
    finally:
        serialization.set_default_load_endianness(None)
    with pytest.raises(TypeError, match="Invalid argument type"):
        serialization.set_default_load_endianness("big")
    with pytest.raises(pickle.UnpicklingError, match="byte order 'middle'"):
        values(archive(*big_endian(), byteorder="middle"))


@pytest.mark.parametrize("options", [{}, LEGACY], ids=["zip", "stream"])
def test_one_after_the_other_in_a_file(options, tmp_path):
    with open(tmp_path / "several", "w+b") as file:
        file.write(b"before")
        for number in range(3):
            fl.save([number, fl.full((5,), float(number))], file, **options)
        file.write(b"behind" * 100)
        file.flush()
        for opened in (file, io.BytesIO((tmp_path / "several").read_bytes())):
            opened.seek(6)
            for number in range(3):
                found, values = fl.load(opened)
                assert found == number and values.tolist() == [number] * 5
            assert opened.read(6) == b"behind"


def test_compressed_files(tmp_path):
    for options in ({}, LEGACY):
        with gzip.open(tmp_path / "x.gz", "wb") as file:
            fl.save([fl.arange(5)], file, **options)
        with gzip.open(tmp_path / "x.gz", "rb") as file:
            assert fl.load(file)[0].tolist() == [0, 1, 2, 3, 4]
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as outer:
        with outer.open("inner.pt", "w") as file:
            fl.save([fl.arange(5)], file)
    with zipfile.ZipFile(tmp_path / "x.zip") as outer, outer.open("inner.pt") as file:
        assert fl.load(file)[0].tolist() == [0, 1, 2, 3, 4]


def test_raw_files_that_write_a_part_only():
    class Slow(io.RawIOBase):
        def __init__(self):
            self.data = bytearray()

        def writable(self):
            return True

        def write(self, data):
            self.data += bytes(data[:7])
            return min(len(data), 7)

    for options in ({}, LEGACY):
        slow = Slow()
        fl.save([fl.arange(50)], slow, **options)
        assert fl.load(io.BytesIO(slow.data))[0].tolist() == list(range(50))


def test_no_checksums():
    serialization.set_crc32_options(False)
    try:
        assert serialization.get_crc32_options() is False
        file = saved(fl.ones(3))
    finally:
        serialization.set_crc32_options(True)
    checksums = {entry.filename: entry.CRC for entry in zipfile.ZipFile(file).infolist()}
    assert checksums["archive/data/0"] == 0
    file.seek(0)
    assert fl.load(file).tolist() == [1, 1, 1]


# ---------------------------------------------------------------- values


class Marked(fl.Tensor):
    pass


class Slotted(fl.nn.Parameter):
    pass


@pytest.mark.parametrize("options", [{}, LEGACY], ids=["zip", "stream"])
def test_attributes_and_classes(options):
    plain, parameter = fl.ones(2), fl.nn.Parameter(fl.ones(3))
    plain.note, parameter.note = [1], {"a": 2}
    marked = fl.arange(3.0).as_subclass(Marked)
    marked.note = "m"
    a, b, buffer = again([plain, parameter, fl.nn.Buffer(fl.ones(1))], **options)
    assert a.note == [1] and b.note == {"a": 2} and type(b) is fl.nn.Parameter and buffer.persistent
    assert type(again(Slotted(fl.ones(1)), **options)) is fl.nn.Parameter  # as in torch
    with pytest.raises(pickle.UnpicklingError, match="Marked"):
        again(marked, **options)
    with serialization.safe_globals([Marked]):
        loaded = again(marked, **options)
    assert type(loaded) is Marked and loaded.note == "m" and loaded.tolist() == [0, 1, 2]


def test_storages():
    base = fl.arange(4.0)
    typed, tensor = again([base.storage(), base[2:]])
    assert typed.tolist() == [0, 1, 2, 3] and tensor.untyped_storage() == typed.untyped()
    untyped = again(base.untyped_storage())
    assert untyped.dtype is fl.uint8 and untyped.tolist()[4:8] == [0, 0, 128, 63]
    assert again(fl.UntypedStorage(0)).size() == 0


def test_generators_go_on():
    generator = fl.Generator().manual_seed(7)
    fl.rand(3, generator=generator)
    copy = again(generator)
    assert fl.rand(4, generator=copy).tolist() == fl.rand(4, generator=generator).tolist()


def test_plain_values():
    zone = datetime.timezone(datetime.timedelta(hours=1))
    values = [
        *(range(3), slice(1, None), ..., frozenset([1]), collections.deque([1, 2], 5), b"", int, float),
        *(
            datetime.datetime(2020, 1, 2, 3, tzinfo=zone),
            datetime.date(2020, 1, 2),
            datetime.time(3),
            datetime.timedelta(2),
        ),
        *(pathlib.PurePosixPath("a/b"), argparse.Namespace(lr=0.1), types.SimpleNamespace(a=1), 2**3000, "\ud800"),
        *(fl.channels_last, fl.sparse_csr, fl.strided, fl.per_tensor_affine, fl.device("cuda:1")),
        {fl.Size([1]): 1, (1, "a"): 2, None: 3, fl.float32: 4, frozenset([1]): 5, np.int64(3): 6},
    ]
    for protocol in (2, 3, 4, 5):
        for value, other in zip(values, again(values, pickle_protocol=protocol), strict=True):
            assert other == value and type(other) is type(value)
    path = pathlib.Path("x/y")
    assert again(path) == path
    packed = fl.nn.utils.rnn.pack_sequence([fl.ones(2), fl.ones(1)])
    assert again(packed).batch_sizes.tolist() == [2, 1]
    highest = again(fl.max(fl.tensor([[1.0, 3.0]]), 1))
    assert highest.values.item() == 3 and type(highest) is fl.return_types.max
    assert fl.nn.parameter.is_lazy(again(fl.nn.parameter.UninitializedParameter()))


ARRAYS = [
    *(
        np.array(["a", "bcd"]),
        np.array([b"ab"]),
        np.arange(3, dtype=">i4"),
        np.array(3),
        np.zeros((0, 2)),
        np.bool_(True),
    ),
    *(
        np.array(["2020-01-01"], "M8[D]"),
        np.datetime64("2020-01-01T00"),
        np.timedelta64(3, "s"),
        np.str_("abc"),
        np.float16(1),
    ),
    *(np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")]), np.zeros(2, "f4,i2"), np.asfortranarray(np.ones((2, 3)))),
]


@pytest.mark.parametrize("value", ARRAYS, ids=lambda value: str(value.dtype))
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_arrays(value, protocol):
    (other, twice), dtype = again([[value, value], value.dtype], pickle_protocol=protocol)
    expected = pickle.loads(pickle.dumps(value, protocol)).dtype  # NumPy turns arrays of the other byte order
    assert type(other) is type(value) and other.dtype == expected and dtype == value.dtype and other is twice
    assert other.tolist() == value.tolist() and other.flags.f_contiguous == value.flags.f_contiguous


def test_arrays_of_objects_are_refused():
    with pytest.raises(pickle.UnpicklingError, match="Python objects"):
        again(np.array([None, 1]))


@pytest.mark.parametrize(
    "call, text",
    [
        (Call("torch._utils._rebuild_qtensor", 1), "quantized tensor"),
        (stored("QUInt8Storage", "0", 6), "quantized tensor"),
        (
            Call("torch._utils._rebuild_sparse_tensor", Global("torch", "sparse_bsr"), ()),
            "layout torch.sparse_bsr.*to_sparse_csr",
        ),
        (
            Call(
                "torch._utils._rebuild_tensor_v3",
                *(stored("UntypedStorage", "0", 24), 0, (2,), (1,), False, {}, Global("torch", "complex32")),
            ),
            "torch.complex32, a dtype that tensors cannot have",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_here_is_named(call, text):
    with pytest.raises(pickle.UnpicklingError, match=text):
        fl.load(io.BytesIO(archive(call, {"0": SIX})))
    call = call if isinstance(call, Call) else Reference((*call.saved, None))
    with pytest.raises(pickle.UnpicklingError, match=text if "complex32" not in text else "storage"):
        fl.load(io.BytesIO(stream([call], {})))


class Thing:
    def __init__(self, value=3):
        self.value = value


class Pair(collections.namedtuple("Pair", "a b")):
    pass


@pytest.mark.parametrize("options", [{}, LEGACY], ids=["zip", "stream"])
def test_classes_need_leave(options):
    for value in (Thing(), Pair(1, 2)):
        with pytest.raises(pickle.UnpicklingError, match="Unsupported global: GLOBAL .*(Thing|Pair)"):
            again(value, **options)
        with pytest.raises(pickle.UnpicklingError, match="allow_code=True"):
            fl.load(saved(value, **options), weights_only=False)
    with serialization.safe_globals([Thing, (Pair, f"{Pair.__module__}.Pair")]):
        assert again(Thing(), **options).value == 3 and again(Pair(1, 2), **options) == (1, 2)
        assert serialization.get_safe_globals() == [Thing, (Pair, f"{Pair.__module__}.Pair")]
    assert fl.load(saved(Thing(), **options), weights_only=False, allow_code=True).value == 3
    module = types.SimpleNamespace(Unpickler=pickle._Unpickler)
    assert fl.load(saved(Thing(), **options), pickle_module=module, weights_only=False, allow_code=True).value == 3
    assert fl.load(saved([1], **options), pickle_module=pickle) == [1]
    with pytest.raises(RuntimeError, match="explicit pickle_module"):
        fl.load(saved([1], **options), pickle_module=pickle, weights_only=True)


def test_other_picklers():
    class Pickler(pickle._Pickler):
        dispatch = dict(pickle._Pickler.dispatch)

        def save_thing(self, thing):
            self.save(("thing", thing.value))

        dispatch[Thing] = save_thing

    module = types.SimpleNamespace(Pickler=Pickler)
    assert again([Thing(4), fl.ones(1)], pickle_module=module)[0] == ("thing", 4)
    with pytest.raises(ValueError, match=r"extends pickle\._Pickler"):
        saved([1], pickle_module=types.SimpleNamespace(Pickler=pickle.Pickler))


# ---------------------------------------------------------------- settings and places


def test_map_location_in_all_forms(tmp_path):
    path = tmp_path / "x.pt"
    fl.save({"a": fl.ones(2)}, path)
    seen = []

    def keep(storage, location):
        seen.append((type(storage), location))

    for options in ({}, {"mmap": True}):
        for place in (
            "cpu",
            fl.device("cpu"),
            {"cpu": "cpu"},
            {"cuda:0": "cpu"},
            {},
            keep,
            lambda s, _: s,
            lambda s, _: s.clone(),
        ):
            assert fl.load(path, map_location=place, **options)["a"].tolist() == [1, 1]
    assert seen == [(fl.UntypedStorage, "cpu")] * 2
    for place, error, text in (
        ("cuda", RuntimeError, r"map_location=torch.device\('cpu'\)"),
        ({"cpu": "cuda:1"}, RuntimeError, "CUDA"),
        ("hpu", RuntimeError, "HPU"),
        ("nowhere", RuntimeError, "don't know how to restore data location"),
        (3, TypeError, "map_location: expected"),
        (lambda s, _: 3, TypeError, "map_location returned a int"),
    ):
        with pytest.raises(error, match=text):
            fl.load(path, map_location=place)


@pytest.mark.parametrize("options", [{}, LEGACY], ids=["zip", "stream"])
def test_tensors_without_values(options):
    made = [fl.empty(3, 2, device="meta").t(), fl.nn.Parameter(fl.empty(2, dtype=fl.half, device="meta")), fl.ones(1)]
    a, b, c = again(made, **options)
    assert a.is_meta and (a.shape, a.stride()) == ((2, 3), (1, 2)) and c.tolist() == [1]
    assert b.is_meta and b.dtype is fl.half and type(b) is fl.nn.Parameter
    base = fl.arange(6.0).view(2, 3)
    loaded = fl.load(saved([base, base[1]], **options), map_location="meta")
    assert all(tensor.is_meta for tensor in loaded) and loaded[1].storage_offset() == 3
    assert fl.load(saved([base], **options), map_location=fl.device("meta"))[0].shape == (2, 3)


def test_files_of_gpus_load_on_the_cpu():
    storage = Reference(("storage", Global("torch.cuda", "FloatStorage"), "0", "cuda:0", 6))
    data = archive(tensor(storage, 0, (6,), (1,)), {"0": SIX})
    with pytest.raises(RuntimeError, match="CUDA"):
        fl.load(io.BytesIO(data))
    for place in ("cpu", {"cuda:0": "cpu"}, lambda storage, _: storage):
        assert fl.load(io.BytesIO(data), map_location=place).tolist() == [0, 1, 2, 3, 4, 5]


def test_packages():
    serialization.register_package(5, lambda storage: None, lambda storage, place: storage if place == "moon" else None)
    try:
        assert fl.load(saved(fl.ones(1)), map_location="moon").tolist() == [1]
    finally:
        del serialization.settings._packages[0]


def test_mmap_options(tmp_path):
    path = tmp_path / "x.pt"
    fl.save(fl.ones(3), path)
    fl.load(path, mmap=True).zero_()
    assert fl.load(path).tolist() == [1, 1, 1]
    with serialization.set_default_mmap_options(mmap.MAP_SHARED):
        fl.load(path, mmap=True).zero_()
    assert fl.load(path).tolist() == [0, 0, 0] and serialization.get_default_mmap_options() == mmap.MAP_PRIVATE
    with pytest.raises(ValueError, match="MAP_PRIVATE or mmap.MAP_SHARED"):
        serialization.set_default_mmap_options(77)
    from flambeau.utils.serialization import config

    config.load.mmap = True
    try:
        assert fl.load(path).tolist() == [0, 0, 0]
    finally:
        config.load.mmap = False


def test_skipping_data(tmp_path):
    path = tmp_path / "x.pt"
    for options in ({}, LEGACY):
        with serialization.skip_data():
            fl.save(fl.ones(3), path, **options)
        assert fl.load(path).tolist() == [0, 0, 0]
        fl.save(fl.ones(3), path, **options)
        with serialization.skip_data():
            assert fl.load(path).shape == (3,)


def test_versions_of_modules():
    module = types.ModuleType("m")
    module.__version__ = "1.2.x"
    assert serialization.check_module_version_greater_or_equal(module, (1, 1))
    assert not serialization.check_module_version_greater_or_equal(module, (1, 3))
    with pytest.raises(RuntimeError, match="malformed"):
        serialization.check_module_version_greater_or_equal(module, (1, 2, 0))
    with pytest.warns(UserWarning, match="malformed"):
        assert serialization.check_module_version_greater_or_equal(module, (1, 2, 0), error_if_malformed=False)


def test_unsafe_globals_are_listed():
    obj = [Call("os.system", "x"), {"a": Call("a.b.C")}, tensor(stored("FloatStorage", "0", 6), 0, (6,), (1,))]
    for protocol in (2, 4):
        data = archive(obj, {"0": SIX}, protocol=protocol)
        assert serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(data)) == ["os.system", "a.b.C"]
    with serialization.safe_globals([(Thing, "a.b.C")]):
        assert serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(data)) == ["os.system"]
    with pytest.raises(ValueError, match="zip"):
        serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(pickled(obj)))


# ---------------------------------------------------------------- beside torch


def resnet18(lib, width):
    """ResNet-18, with torchvision's names, its first layer `width` channels wide."""
    nn = lib.nn

    class Block(nn.Module):
        def __init__(self, inside, out, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(inside, out, 3, stride, 1, bias=False)
            self.bn1, self.relu = nn.BatchNorm2d(out), nn.ReLU(inplace=True)
            self.conv2, self.bn2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
            self.downsample = None
            if stride != 1 or inside != out:
                self.downsample = nn.Sequential(nn.Conv2d(inside, out, 1, stride, bias=False), nn.BatchNorm2d(out))

        def forward(self, x):
            y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
            return self.relu(y + (x if self.downsample is None else self.downsample(x)))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
            self.bn1, self.relu, self.maxpool = nn.BatchNorm2d(width), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
            sizes = [width, width, 2 * width, 4 * width, 8 * width]
            for n in range(4):
                first = Block(sizes[n], sizes[n + 1], 1 if n == 0 else 2)
                setattr(self, f"layer{n + 1}", nn.Sequential(first, Block(sizes[n + 1], sizes[n + 1], 1)))
            self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(8 * width, 1000)

        def forward(self, x):
            x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
            return self.fc(self.avgpool(self.layer4(self.layer3(self.layer2(self.layer1(x))))).flatten(1))

    return Net()


def training_state(lib, width=8):
    """A ResNet-18 after two steps: model, optimizer, schedule."""
    lib.manual_seed(0)
    net = resnet18(lib, width)
    optimizer = lib.optim.Adam(net.parameters(), lr=1e-3, amsgrad=True)
    schedule = lib.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=10)
    for _ in range(2):
        net(lib.randn(2, 3, 32, 32)).square().mean().backward()
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    return net, optimizer, schedule


def same(a, b):
    if hasattr(a, "detach"):
        a, b = a.detach(), b.detach()
        return (
            str(a.dtype).rpartition(".")[2] == str(b.dtype).rpartition(".")[2]
            and a.numpy().tobytes() == b.numpy().tobytes()
        )
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@pytest.mark.oracle
@pytest.mark.parametrize("options", [{}, LEGACY], ids=["zip", "stream"])
def test_a_resnet_and_its_optimizer_travel(tmp_path, options):
    torch = pytest.importorskip("torch")
    for lib, other in ((torch, fl), (fl, torch)):
        net, optimizer, schedule = training_state(lib)
        state = {
            "net": net.state_dict(),
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.state_dict(),
            "epoch": 3,
        }
        path = str(tmp_path / f"{lib.__name__}.pt")
        lib.save(state, path, **options)
        loaded = other.load(path, weights_only=True)
        assert same(state, loaded)
        net2, optimizer2, schedule2 = training_state(other)
        net2.load_state_dict(loaded["net"])
        optimizer2.load_state_dict(loaded["optimizer"])
        schedule2.load_state_dict(loaded["schedule"])
        assert same(state["net"], net2.state_dict()) and same(state["optimizer"], optimizer2.state_dict())
        assert schedule2.get_last_lr() == schedule.get_last_lr()


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("options", [{}, LEGACY], ids=["zip", "stream"])
def test_whole_modules_travel(tmp_path, options):
    torch = pytest.importorskip("torch")

    def model(lib):
        return lib.nn.Sequential(lib.nn.Linear(3, 2), lib.nn.BatchNorm1d(2), lib.nn.ReLU())

    x = [[1.0, 2.0, 3.0], [0.5, -1.0, 2.0]]
    for lib, other in ((torch, fl), (fl, torch)):
        path, net = tmp_path / lib.__name__, model(lib)
        lib.save(net, path, **options)
        if other is fl:
            with pytest.raises(pickle.UnpicklingError, match="Sequential.*add_safe_globals"):
                fl.load(path)
        loaded = other.load(path, weights_only=False)
        assert same(net.state_dict(), loaded.state_dict()) and type(loaded) is other.nn.Sequential
        assert np.allclose(net(lib.tensor(x)).tolist(), loaded(other.tensor(x)).tolist(), atol=1e-6)
        loaded.register_forward_hook(lambda *args: None)


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
def test_torch_reads_all_kinds(tmp_path):
    torch = pytest.importorskip("torch")
    state = fl.load(RECORDED / "torch_2_13.pt")
    base = fl.arange(12.0).reshape(3, 4)
    state |= {"base": base, "row": base[1], "t": base.t(), "expanded": fl.ones(1, 3).expand(2, 3)}
    fl.save(state, tmp_path / "ours.pt")
    theirs, original = (
        torch.load(path, weights_only=False) for path in (tmp_path / "ours.pt", RECORDED / "torch_2_13.pt")
    )
    assert list(theirs) == list(original)
    for name, value in original.items():
        other = theirs[name]
        assert type(other) is type(value), name
        if isinstance(value, torch.Tensor) and value.layout is torch.strided and not value.is_nested:
            assert (
                other.dtype is value.dtype
                and other.stride() == value.stride()
                and other.requires_grad == value.requires_grad
            )
            assert other.__dict__ == value.__dict__ and torch.equal(
                other.resolve_conj().view(torch.uint8) if value.dtype.itemsize == 1 else other,
                value.view(torch.uint8) if value.dtype.itemsize == 1 else value,
            )
        elif isinstance(value, torch.Tensor):
            parts, others = ([x.to_dense()] if "sparse" in str(x.layout) else x.unbind() for x in (value, other))
            assert all(map(torch.equal, parts, others))
    assert theirs["row"].data_ptr() == theirs["base"].data_ptr() + 16
