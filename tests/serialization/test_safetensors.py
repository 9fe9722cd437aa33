"""The safetensors format: what goes in comes out, and broken files are refused."""

import json

import pytest

import flambeau as fl
from flambeau.serialization.safetensors import load_file, save_file


def test_round_trip(tmp_path):
    path = tmp_path / "x.safetensors"
    tensors = {
        "a": fl.arange(6.0).reshape(2, 3),
        "b": fl.arange(5),
        "empty": fl.zeros(0, 2),
        "flag": fl.tensor(True),
        "half": fl.ones(3).bfloat16(),
        "strided": fl.arange(6.0).reshape(2, 3).t(),
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
    ],
    ids=range(12),
)
def test_broken_files(header, tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 8)
    with pytest.raises(RuntimeError, match="load_file"):
        load_file(path)


@pytest.mark.parametrize("data", [b"", b"\1", (2**62).to_bytes(8, "little"), (100).to_bytes(8, "little") + b"{}"])
def test_truncated_files(data, tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(data)
    with pytest.raises(RuntimeError, match="the header should have"):
        load_file(path)
