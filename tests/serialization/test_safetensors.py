"""The safetensors format: what goes in comes out, and broken files are refused."""

import json

import pytest

import flambeau as fl
from flambeau.serialization.safetensors import load, load_file, load_model, safe_open, save, save_file, save_model


def test_round_trip(tmp_path):
    path = tmp_path / "x.safetensors"
    tensors = {
        "a": fl.arange(6.0).reshape(2, 3),
        "b": fl.arange(5),
        "empty": fl.zeros(0, 2),
        "flag": fl.tensor(True),
        "half": fl.ones(3).bfloat16(),
    }
    save_file(tensors, path, {"made by": "a test"})
    loaded = load_file(path)
    for name, tensor in tensors.items():
        assert loaded[name].dtype == tensor.dtype and loaded[name].tolist() == tensor.tolist()
    loaded["a"].zero_()
    assert load_file(path)["a"].sum().item() == 15
    raw = path.read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    assert header["__metadata__"] == {"made by": "a test"} and header["a"]["dtype"] == "F32"


def test_what_is_no_tensor():
    with pytest.raises(ValueError, match="'a': expected a tensor"):
        save_file({"a": 1}, "unused")


@pytest.mark.parametrize(
    "tensors, error, text",
    [
        ({"a": fl.ones(2, 3).t()}, ValueError, "'a': You are trying to save a non contiguous tensor"),
        ({"a": fl.ones(2).expand(3, 2)}, ValueError, "non contiguous"),
        ({"a": fl.eye(2).to_sparse()}, ValueError, "'a': expected a dense tensor.*to_dense"),
        ({"a": fl.ones(1, dtype=fl.complex128)}, ValueError, "got dtype torch.complex128"),
        ([fl.ones(1)], ValueError, "Expected a dict"),
        ({3: fl.ones(1)}, TypeError, "names and metadata must be strings, got 3"),
        ((lambda x: {"a": x, "b": x[0]})(fl.ones(2, 2)), RuntimeError, r"share memory.*\['a', 'b'\]"),
    ],
    ids=range(7),
)
def test_what_cannot_be_saved(tensors, error, text):
    for write in (save, lambda tensors: save_file(tensors, "unused")):
        with pytest.raises(error, match=text):
            write(tensors)
    with pytest.raises(TypeError, match="got 1"):
        save({"a": fl.ones(1)}, {"x": 1})


def test_parts_of_one_tensor():
    base = fl.arange(6.0).reshape(2, 3)
    assert load(save({"a": base[0], "b": base[1], "c": base[:0]}))["b"].tolist() == [3, 4, 5]
    assert load(save({"a": fl.tensor([1 + 2j], dtype=fl.complex64).conj()}))["a"].tolist() == [1 - 2j]


def test_files_that_are_not_aligned():
    head = b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} '
    assert len(head) % 4
    assert load(len(head).to_bytes(8, "little") + head + bytes(8))["a"].tolist() == [0, 0]


def test_opening(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"a": fl.arange(6.0), "b": fl.arange(4)}, path, {"k": "v"})
    with safe_open(path, framework="pt") as file:
        assert file.keys() == ["a", "b"] and file.offset_keys() == ["b", "a"] and file.metadata() == {"k": "v"}
        part = file.get_slice("a")
        assert part[2:4].tolist() == [2, 3] and part.get_shape() == [6] and part.get_dtype() == "F32"
        with pytest.raises(RuntimeError, match="does not contain tensor x"):
            file.get_tensor("x")
    with pytest.raises(RuntimeError, match="closed"):
        file.get_tensor("a")
    assert part is not None


def tied():
    model = fl.nn.Sequential(fl.nn.Linear(2, 2), fl.nn.Linear(2, 2))
    model[1].weight = model[0].weight
    return model


def test_modules_with_tied_weights(tmp_path):
    path, model, other = tmp_path / "x.safetensors", tied(), tied()
    save_model(model, path)
    with safe_open(path) as file:
        assert file.keys() == ["0.bias", "0.weight", "1.bias"] and file.metadata() == {"1.weight": "0.weight"}
    assert load_model(other, path) == (set(), [])
    assert other[1].weight.tolist() == model[1].weight.tolist()
    with pytest.raises(RuntimeError, match=r'Missing key.*"bias", "weight"\n.*Unexpected key.*"0.bias"'):
        load_model(fl.nn.Linear(2, 3), path)
    assert load_model(fl.nn.Linear(2, 3), path, strict=False)[0] == {"weight", "bias"}


@pytest.mark.oracle
def test_beside_the_package(tmp_path):
    torch = pytest.importorskip("torch")
    package = pytest.importorskip("safetensors.torch")
    names = (
        "float64 float32 float16 bfloat16 complex64 int64 int32 int16 int8 uint64 uint32 uint16 uint8 bool float8_e5m2"
    )
    values = {name: [0, 1, 1] for name in reversed([*names.split(), "float8_e4m3fn"])}

    def made(lib):
        tensors = {name: lib.tensor(value).to(getattr(lib, name)) for name, value in values.items()}
        return {**tensors, "\u00e4": lib.zeros(2, 0), "scalar": lib.tensor(2.5), "z": lib.ones(2, 2)}

    assert package.save(made(torch), {"k": "v"}) == save(made(fl), {"k": "v"})
    save_file(made(fl), tmp_path / "ours")
    package.save_file(made(torch), tmp_path / "theirs")
    for theirs, ours in (
        (package.load_file(tmp_path / "ours"), made(torch)),
        (load_file(tmp_path / "theirs"), made(fl)),
    ):
        assert theirs.keys() == ours.keys()
        for name, tensor in ours.items():
            assert theirs[name].dtype is tensor.dtype and theirs[name].shape == tensor.shape
            assert theirs[name].to(tensor.dtype).tolist() == tensor.tolist()


def entry(**changes):
    return {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}


@pytest.mark.parametrize(
    "header",
    [
        b"not json",
        b"[" * 100_000,
        b"[]",
        b'{"a": {}, "a": {}}',
        json.dumps({"a": 1}).encode(),
        json.dumps({"a": entry(dtype="X")}).encode(),
        json.dumps({"a": entry(shape=[3])}).encode(),
        json.dumps({"a": entry(shape=[-2])}).encode(),
        json.dumps({"a": entry(shape=[2**40, 2**40])}).encode(),
        json.dumps({"a": entry(data_offsets=[4, 12])}).encode(),
        json.dumps({"a": entry(data_offsets=[-8, 0])}).encode(),
        json.dumps({"a": entry(data_offsets=[0])}).encode(),
        json.dumps({"a": entry(shape=[1], data_offsets=[0, 4])}).encode(),
        json.dumps({"a": entry(), "b": entry()}).encode(),
        json.dumps({"a": entry(), "b": entry(shape=[0], data_offsets=[4, 4])}).encode(),
        json.dumps({"a": entry(), "__metadata__": {"x": 1}}).encode(),
        json.dumps({"a": entry(), "__metadata__": []}).encode(),
        json.dumps({"a": entry(shape={})}).encode(),
        json.dumps({"a": entry(shape=[0], data_offsets=[2**70, 2**70])}).encode(),
        json.dumps({"a": entry(shape=[True, 2])}).encode(),
        json.dumps({"a": entry(dtype=["F32"])}).encode(),
        json.dumps({"a": entry(shape=[1] * 65 + [2])}).encode(),
        b'{"\xff": {}}',
        b'{"a": {"dtype": "F32", "shape": ' + b"9" * 5000 + b"}}",
        b'{"a": {"dtype": "F32", "shape": [1e400], "data_offsets": [0, NaN]}}',
    ],
    ids=range(25),
)
def test_broken_files(header, tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 8)
    with pytest.raises(RuntimeError, match=r"load_file.*x\.safetensors"):
        load_file(path)
    with pytest.raises(RuntimeError, match="load"):
        load(path.read_bytes())


@pytest.mark.parametrize("data", [b"", b"\1", (2**62).to_bytes(8, "little"), (100).to_bytes(8, "little") + b"{}"])
def test_truncated_files(data, tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(data)
    with pytest.raises(RuntimeError, match="the header should have"):
        load_file(path)
