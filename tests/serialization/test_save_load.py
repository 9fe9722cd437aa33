"""save and load: what goes in comes out, here and in torch."""

import collections
import io
import os
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest

import flambeau as fl

DTYPES = [
    "float64",
    "float32",
    "float16",
    "bfloat16",
    "int64",
    "int32",
    "int16",
    "int8",
    "uint8",
    "bool",
    "complex64",
    "complex128",
    "uint16",
    "uint32",
    "uint64",
    "float8_e4m3fn",
    "float8_e5m2",
]


def saved(obj, **options):
    file = io.BytesIO()
    fl.save(obj, file, **options)
    file.seek(0)
    return file


def again(obj, **options):
    return fl.load(saved(obj), **options)


def numbers(tensor):
    return tensor.detach().to(fl.float64).tolist() if "float8" in str(tensor.dtype) else tensor.detach().tolist()


def assert_same(a, b):
    assert type(a).__name__ == type(b).__name__
    if isinstance(a, fl.Tensor):
        assert (a.shape, a.dtype, a.requires_grad) == (b.shape, b.dtype, b.requires_grad)
        assert numbers(a) == numbers(b)
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            assert_same(a[key], b[key])
        assert getattr(a, "_metadata", None) == getattr(b, "_metadata", None)
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_same(x, y)
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype and a.tolist() == b.tolist() and a.flags.f_contiguous == b.flags.f_contiguous
    else:
        assert a == b


def plain_state():
    """All that torch loads with weights_only=True."""
    base = fl.arange(24.0).reshape(4, 6)
    model = fl.nn.Sequential(fl.nn.Linear(3, 2), fl.nn.BatchNorm1d(2))
    model(fl.ones(4, 3)).sum().backward()
    optimizer = fl.optim.Adam(model.parameters())
    optimizer.step()
    return {
        "row": base[1:],
        "column": base[:, 2],
        "transposed": base.t(),
        "slab": fl.rand(5, 6, 7).permute(2, 0, 1)[:, 1:],
        "expanded": fl.ones(1, 3).expand(4, 3),
        "parameter": fl.nn.Parameter(fl.ones(2)),
        "leaf": fl.ones(2, requires_grad=True),
        "no leaf": fl.ones(2, requires_grad=True) * 2,
        "empty": fl.zeros(0, 3),
        "scalar": fl.tensor(3),
        "ordered": collections.OrderedDict(a=1),
        "counter": collections.Counter("aab"),
        "set": {1, 2},
        "complex": 1 + 2j,
        "bytes": b"\x00\xff",
        "bytearray": bytearray(b"abc"),
        "text": "\u00e4\u20ac\U0001f600",
        "big": 2**70,
        "negative": -5,
        "float": 1.5,
        "inf": float("inf"),
        "none": None,
        "tuple": (1, (2, 3), ()),
        "list": [1, [2]],
        "true": True,
        "size": fl.Size([1, 2, 3, 4, 5]),
        "device": fl.device("cpu"),
        "dtype": fl.bfloat16,
        "state_dict": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        7: "integer key",
        **{name: fl.tensor([0, 1, 1]).to(getattr(fl, name)) for name in DTYPES},
    }


def more_state():
    return {
        **plain_state(),
        "frozen": frozenset([1]),
        "default": collections.defaultdict(list, {1: [2]}),
        "number": np.float32(2.5),
        "array": np.arange(6.0).reshape(2, 3),
        "fortran": np.asfortranarray(np.arange(6).reshape(2, 3)),
    }


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_round_trip(protocol):
    state = more_state()
    assert_same(state, fl.load(saved(state, pickle_protocol=protocol)))


def test_paths_and_maps(tmp_path):
    state, path = plain_state(), tmp_path / "model.pt"
    fl.save(state, path)
    assert_same(state, fl.load(str(path)))
    mapped = fl.load(path, mmap=True)
    assert_same(state, mapped)
    mapped["row"].zero_()  # a private copy of the page
    assert_same(state, fl.load(path))
    assert os.listdir(tmp_path) == ["model.pt"]
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert "model/data.pkl" in archive.namelist() and archive.read("model/version") == b"3\n"
        raw = path.read_bytes()
        for entry in archive.infolist():
            head = raw[entry.header_offset : entry.header_offset + 30]
            begin = (
                entry.header_offset + 30 + int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:], "little")
            )
            assert begin % 64 == 0


def test_records_that_lie_at_odd_places_are_read_not_mapped(tmp_path):
    saved, odd = tmp_path / "saved.pt", tmp_path / "odd.pt"
    values = fl.arange(100.0, dtype=fl.float64)
    fl.save({"x": values}, saved)
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(odd, "w") as target:
        target.writestr("saved/odd", b"odd")
        for entry in source.infolist():
            target.writestr(zipfile.ZipInfo(entry.filename), source.read(entry))
        place = target.getinfo("saved/data/0").header_offset + 30 + len("saved/data/0")
    assert place % 8
    mapped = fl.load(odd, mmap=True)["x"]
    assert mapped.data_ptr() % 8 == 0 and (mapped + 0).tolist() == values.tolist()


@pytest.mark.oracle
def test_torch_reads_ours(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "ours.pt"
    state = plain_state()
    fl.save(state, path)
    theirs = torch.load(path, weights_only=True)
    for key, value in state.items():
        if isinstance(value, fl.Tensor):
            other = theirs[key]
            assert str(other.dtype) == "torch." + str(value.dtype).split(".")[1]
            assert numbers(value) == other.detach().to(torch.float64 if "float8" in key else other.dtype).tolist()
            assert isinstance(other, torch.nn.Parameter) == (key == "parameter")
    assert theirs["state_dict"]._metadata == state["state_dict"]._metadata
    assert list(theirs["optimizer"]["state"][0]) == ["step", "exp_avg", "exp_avg_sq"]
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    model.load_state_dict(theirs["state_dict"])
    assert torch.load(path, mmap=True, weights_only=True)["text"] == state["text"]


@pytest.mark.oracle
@pytest.mark.parametrize("options", [{}, {"pickle_protocol": 4}, {"_use_new_zipfile_serialization": False}], ids=str)
def test_ours_reads_torchs(tmp_path, options):
    torch = pytest.importorskip("torch")
    path, base = tmp_path / "theirs.pt", torch.arange(24.0).view(4, 6)
    model = torch.nn.Linear(3, 2)
    state = {
        "row": base[1:],
        "t": base.t(),
        "p": model.weight,
        "sd": model.state_dict(),
        "x": [1, 2.5, "a", None],
        **{name: torch.tensor([0, 1, 1]).to(getattr(torch, name)) for name in DTYPES},
    }
    torch.save(state, path, **options)
    mine = fl.load(path)
    assert mine["row"].tolist() == state["row"].tolist() and mine["t"].tolist() == state["t"].tolist()
    assert mine["t"].data_ptr() + 24 == mine["row"].data_ptr()
    assert isinstance(mine["p"], fl.nn.Parameter) and mine["p"].data_ptr() == mine["sd"]["weight"].data_ptr()
    assert mine["x"] == state["x"]
    for name in DTYPES:
        assert str(mine[name].dtype).endswith("." + name) and mine[name].to(fl.complex128).tolist() == [0, 1, 1]
    fl.nn.Linear(3, 2).load_state_dict(mine["sd"])


def test_sharing_is_kept():
    base = fl.arange(12.0).reshape(3, 4)
    parameter = fl.nn.Parameter(fl.ones(2))
    loaded = again({"all": base, "row": base[1], "flat": base.reshape(-1), "p": parameter, "q": parameter})
    loaded["row"].fill_(7)
    assert loaded["all"][1].tolist() == loaded["flat"][4:8].tolist() == [7.0] * 4
    assert loaded["p"] is loaded["q"]
    recursive = []
    recursive.append(recursive)
    result = again(recursive)
    assert result[0] is result


@pytest.mark.parametrize("take", [lambda t: t[5], lambda t: t[:, 3], lambda t: t[::7, ::9], lambda t: t[2:4].t()])
def test_views_are_compacted(take):
    view = take(fl.rand(1000, 100))
    file = saved(view)
    assert len(file.getvalue()) <= view.numel() * 4 + 4096
    assert_same(view, fl.load(file))


def test_shared_views_are_kept_once():
    base = fl.rand(100, 100)
    file = saved([base[:60], base[40:]])
    assert len(file.getvalue()) <= 40_000 + 4096
    first, second = fl.load(file)
    assert first.tolist() == base[:60].tolist() and second.tolist() == base[40:].tolist()
    first[50].zero_()
    assert second[10].sum().item() == 0
    with pytest.raises(RuntimeError, match="view the same data as different types"):
        saved([base, base.view(fl.int32)])


class Thing:
    def __init__(self):
        self.value = 3


class Slotted:
    __slots__ = ("value",)


def test_classes_need_leave():
    with pytest.raises(pickle.UnpicklingError, match=r"Unsupported global: GLOBAL .*Thing"):
        again(Thing())
    with pytest.raises(pickle.UnpicklingError, match="Unsupported global"):
        again(Thing(), weights_only=False)
    slotted = Slotted()
    slotted.value = 4
    with fl.serialization.safe_globals([Thing, Slotted]):
        thing, other = again([Thing(), slotted], weights_only=True)
        assert thing.value == 3 and other.value == 4
    assert fl.serialization.get_safe_globals() == []
    assert again(Thing(), weights_only=False, allow_code=True).value == 3
    assert fl.serialization.get_unsafe_globals_in_checkpoint(saved(Thing())) == [f"{Thing.__module__}.Thing"]
    with pytest.raises(ValueError, match="allow_code=True needs weights_only=False"):
        again(1, allow_code=True)


def test_whole_models_of_vision_have_torchvisions_names():
    model = fl.vision.models.squeezenet1_1(num_classes=3)
    buffer = io.BytesIO()
    fl.save(model, buffer)
    names = fl.serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(buffer.getvalue()))
    assert "torchvision.models.squeezenet.SqueezeNet" in names
    loaded = fl.load(io.BytesIO(buffer.getvalue()), weights_only=False)
    assert type(loaded) is type(model)
    for name, value in model.state_dict().items():
        assert fl.equal(loaded.state_dict()[name], value), name


def test_whole_modules():
    model = fl.nn.Sequential(fl.nn.Linear(2, 2), fl.nn.ReLU())
    x = fl.ones(1, 2)
    with pytest.raises(pickle.UnpicklingError, match="torch.nn.modules.container.Sequential"):
        again(model)
    loaded = again(model, weights_only=False, allow_code=True)
    assert loaded(x).tolist() == model(x).tolist()


def test_map_location():
    file = saved({"a": fl.ones(2)})
    seen = []
    for location in (
        "cpu",
        fl.device("cpu"),
        {"cpu": "cpu"},
        lambda storage, where: seen.append(where),
        lambda storage, where: storage,
    ):
        file.seek(0)
        assert fl.load(file, map_location=location)["a"].tolist() == [1, 1]
    assert seen == ["cpu"]
    file.seek(0)
    with pytest.raises(RuntimeError, match="map_location=torch.device"):
        fl.load(file, map_location="cuda")


def test_archives_inside_other_files():
    file = io.BytesIO(b"before")
    file.seek(6)
    fl.save([fl.ones(2)], file)
    file.seek(6)
    assert fl.load(file)[0].tolist() == [1, 1]


def test_pipes():
    """An object that can only write."""

    class Writer:
        def __init__(self):
            self.data = b""

        def write(self, data):
            self.data += bytes(data)

    writer = Writer()
    fl.save(fl.ones(2), writer)
    assert fl.load(io.BytesIO(writer.data)).tolist() == [1, 1]


def test_an_old_file_survives_a_failed_save(tmp_path):
    path = tmp_path / "state.pt"
    fl.save([1], path)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        fl.save([fl.ones(1000), lambda: 1], path)
    assert fl.load(path) == [1] and os.listdir(tmp_path) == ["state.pt"]


KILLED = """
import os, sys, threading, time
import flambeau as fl
path, delay = sys.argv[1], float(sys.argv[2])
state = {str(i): fl.full((200, 200), float(i)) for i in range(40)}
threading.Timer(delay, lambda: os.kill(os.getpid(), 9)).start()
while True:
    fl.save(state, path)
"""


def test_a_killed_save_leaves_a_whole_file(tmp_path):
    path = tmp_path / "state.pt"
    fl.save({"0": fl.zeros(1)}, path)
    for delay in (0.03, 0.05, 0.08):
        subprocess.run([sys.executable, "-c", KILLED, str(path), str(delay)], timeout=60)
        assert fl.load(path)["0"].sum().item() == 0


@pytest.mark.parametrize(
    "act, error, text",
    [
        (lambda p: fl.load(p / "none.pt"), FileNotFoundError, "none.pt"),
        (lambda p: fl.load(io.BytesIO(b"")), EOFError, "Ran out of input"),
        (lambda p: fl.load(io.BytesIO(b"garbage")), pickle.UnpicklingError, "corrupt"),
        (lambda p: fl.load(io.BytesIO(pickle.dumps([1]))), pickle.UnpicklingError, "Invalid magic number"),
        (lambda p: fl.load(3), AttributeError, "from a file that is seekable"),
        (lambda p: fl.load(io.BytesIO(b"x"), mmap=True), ValueError, "f must be a file path"),
        (lambda p: fl.load(saved(1), nonsense=1), TypeError, "unexpected keyword argument 'nonsense'"),
        (lambda p: fl.save(1, p / "none" / "x.pt"), RuntimeError, "Parent directory .* does not exist"),
        (lambda p: fl.save(1, 3), AttributeError, "with a 'write' attribute"),
    ],
)
def test_misuse(act, error, text, tmp_path):
    with pytest.raises(error, match=text):
        act(tmp_path)
