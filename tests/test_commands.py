"""flambeau info, summary and convert, as commands."""

import json
import os
import subprocess
import sys

import pytest

from tests.frame import fl

main = __import__(f"{fl.__name__}.cli", fromlist=["main"]).main


def ran(capsys, *words):
    status = main(list(words))
    out, error = capsys.readouterr()
    return status, out, error


def test_info(capsys):
    status, out, _ = ran(capsys, "info")
    assert status == 0 and "instruction set" in out and fl.__version__ in out
    assert json.loads(ran(capsys, "info", "--json")[1])["threads"] == fl.get_num_threads()


def summary(*words):
    """In a process of its own, where `import torch` becomes flambeau."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(fl.__file__)))
    command = [sys.executable, "-m", fl.__name__, "summary", *words]
    done = subprocess.run(
        command, cwd=package, env={**os.environ, "PYTHONPATH": package}, capture_output=True, text=True
    )
    return done.returncode, done.stdout, done.stderr


def test_summary(tmp_path):
    file = tmp_path / "net.py"
    file.write_text(
        "import torch\n\n\nclass Net(torch.nn.Sequential):\n    def __init__(self):\n        super().__init__(torch.nn.Linear(4, 3))\n"
    )
    status, out, _ = summary(f"{file}:Net", "2,4")
    assert status == 0 and "(2, 3)" in out and "Parameters: 15" in out
    assert summary("flambeau.nn:ReLU")[0] == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nothing"], "MODULE:NAME"),
        (["none.py:Net"], "no such file"),
        (["flambeau.nn:Relu", "1"], "ReLU"),
        (["flambeau.nn:ReLU", "1,x"], "whole numbers"),
        (["flambeau.nn:ReLU", "1", "--dtype", "float33"], "float33"),
        (["flambeau:ones", "1"], "summary:"),
    ],
)
def test_summary_errors(words, says):
    status, _, error = summary(*words)
    assert status == 2 and says in error


def test_convert_both_ways(capsys, tmp_path):
    shared = fl.arange(6.0).reshape(2, 3)
    weights = {"a": shared, "b": shared.T, "n": fl.tensor([1, 2])}
    paths = [str(tmp_path / name) for name in ("a.pt", "b.safetensors", "c.pt")]
    fl.save({"model": weights, "epoch": 3}, paths[0])
    status, _, error = ran(capsys, "convert", paths[0], paths[1])
    assert status == 1 and "--key model" in error
    assert ran(capsys, "convert", paths[0], paths[1], "--key", "model")[0] == 0
    assert ran(capsys, "convert", paths[1], paths[2], "--dtype", "bfloat16")[0] == 0
    back = fl.load(paths[2])
    assert list(back) == list(weights) and back["a"].dtype is fl.bfloat16 and back["n"].dtype is fl.int64
    assert all(fl.equal(back[name].to(t.dtype), t) for name, t in weights.items())


class Runs:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def hostile(folder):
    """Files that are broken or run code, and a part of what must be said of them."""
    import pickle

    files = {
        "empty.pt": (b"", "Ran out of input"),
        "text.pt": (b"hello", "corrupt"),
        "code.pt": (pickle.dumps(Runs(str(folder / "ran"))), ".mkdir"),
        "long.safetensors": (b"\xff" * 100, "header"),
        "empty.safetensors": (b"", "header"),
    }
    for name, (data, says) in files.items():
        (folder / name).write_bytes(data)
        yield str(folder / name), says


def test_convert_errors(capsys, tmp_path):
    there = str(tmp_path / "there.pt")
    fl.save({"a": fl.ones(1)}, there)
    for words, says in (
        ([there, there], "exists"),
        ([str(tmp_path / "none.pt"), str(tmp_path / "x.safetensors")], "none.pt"),
        ([there, str(tmp_path / "x.txt")], "safetensors"),
        ([there, str(tmp_path / "x.safetensors"), "--key", "b"], "there is a"),
        *(([path, str(tmp_path / "x.safetensors")], says) for path, says in hostile(tmp_path)),
    ):
        status, _, error = ran(capsys, "convert", *words)
        assert status == 1 and says in error
    assert not (tmp_path / "x.safetensors").exists() and not (tmp_path / "ran").exists()


def test_convert_takes_names_with_dots(capsys, tmp_path):
    source, target = str(tmp_path / "a.pt"), str(tmp_path / "b.safetensors")
    fl.save({"model.encoder": {"w": fl.ones(1)}, "model": {"encoder": {"w": fl.zeros(2)}}}, source)
    assert ran(capsys, "convert", source, target, "--key", "model.encoder")[0] == 0
    assert fl.serialization.safetensors.load_file(target)["w"].shape == (1,)


PROGRAM = "import argparse, torch\np = argparse.ArgumentParser()\np.add_argument('--epochs')\nprint(torch.__name__, p.parse_args())\n"
MODELS = """
from torch import nn


class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(784, 10))


class Translator(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(50, 8)

    def forward(self, source, target):
        return self.words(source).mean(1) @ self.words(target).mean(1).T
"""


def test_examples_of_the_help_work_as_they_stand(tmp_path):
    package = os.path.dirname(os.path.dirname(os.path.abspath(fl.__file__)))
    (tmp_path / "package").mkdir()
    (tmp_path / "folder_with_a_main").mkdir()
    for name in ("train.py", "package/train.py", "folder_with_a_main/__main__.py"):
        (tmp_path / name).write_text(PROGRAM)
    (tmp_path / "model.py").write_text(MODELS)
    weights = {"weight": fl.ones(2)}
    fl.save(weights, tmp_path / "model.pt")
    fl.save({"model": weights, "epoch": 1}, tmp_path / "checkpoint.pt")
    lines = []
    for command in ("run", "info", "summary", "convert"):
        module = __import__(f"{fl.__name__}.cli.{command}", fromlist=["EXAMPLES"])
        lines += module.EXAMPLES.split("\n")
    assert len(lines) == 11 and all(line.startswith("  flambeau ") for line in lines)
    # One process for all: the words are what the shell would pass.
    program = f"import shlex, {fl.__name__}.cli as cli\nfor line in {lines!r}:\n    assert cli.main(shlex.split(line)[1:]) == 0, line"
    env = {**os.environ, "PYTHONPATH": package}
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("torch Namespace(epochs=") == 3 and done.stdout.count("Parameters: ") == 3
    assert fl.load(tmp_path / "weights.pt")["weight"].dtype is fl.bfloat16
