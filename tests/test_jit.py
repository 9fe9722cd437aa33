"""flambeau.jit: scripted and traced modules and functions, saved and loaded."""

import copy
import io
import pickle
import typing
import warnings
from typing import Optional

import pytest

from tests.frame import fl

nn = fl.nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 2)
        self.k = 3
        self.seq = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        self.register_buffer("seen", fl.zeros(()))

    def forward(self, x):
        self.seen += 1
        return self.helper(self.seq(self.fc(x)))

    def helper(self, x):
        return x * self.k

    @fl.jit.export
    def other(self, x: int):
        return x + 1

    def python_only(self):
        return 1


class Masked(Net):
    def forward(self, x):
        return nn.functional.dropout(super().forward(x), 0.5, self.training)


def double(x):
    return 2 * x


def test_scripted_module():
    net = Net()
    scripted = fl.jit.script(net)
    x = fl.ones(1, 2)
    assert fl.equal(scripted(x), net(x)) and scripted.original_name == "Net"
    assert isinstance(scripted, fl.jit.ScriptModule) and not isinstance(scripted, Net)
    assert scripted.fc.weight is net.fc.weight and list(scripted.state_dict()) == list(net.state_dict())
    assert repr(scripted) == (
        "RecursiveScriptModule(\n  original_name=Net\n  (fc): RecursiveScriptModule(original_name=Linear)\n"
        "  (seq): RecursiveScriptModule(\n    original_name=Sequential\n    (0): RecursiveScriptModule(original_name=Linear)\n"
        "    (1): RecursiveScriptModule(original_name=ReLU)\n  )\n)"
    )
    assert scripted.other(2) == 3 and scripted.k == 3 and scripted.helper(2) == 6
    with pytest.raises(AttributeError, match="python_only"):
        scripted.python_only()
    scripted.eval()
    assert net.training and not scripted.training and not scripted.fc.training
    assert len(scripted.seq) == 2 and scripted.seq[1].original_name == "ReLU" and len(list(scripted.seq)) == 2
    assert fl.jit.script(scripted) is scripted and "helper" in dir(scripted)


def test_a_scripted_module_trains():
    fl.manual_seed(0)
    net = fl.jit.script(Masked())
    optimizer = fl.optim.SGD(net.parameters(), 0.1)
    before = [p.detach().clone() for p in net.parameters()]
    net(fl.randn(64, 2)).sum().backward()
    optimizer.step()
    assert any(not fl.equal(a, b) for a, b in zip(before, net.parameters()))
    assert net.seen.item() == 1


def test_code_and_graphs():
    scripted = fl.jit.script(Net())
    assert "return self.helper" in scripted.code
    with pytest.raises(RuntimeError, match="no graph"):
        scripted.graph
    with pytest.raises(RuntimeError, match="no graph"):
        fl.jit.script(double).graph
    assert "2 * x" in fl.jit.script(double).code


def test_copies():
    scripted = fl.jit.script(Net())
    other = copy.deepcopy(scripted)
    assert type(other) is type(scripted) and other.fc.weight is not scripted.fc.weight
    other.fc.weight.data.zero_()
    assert scripted.fc.weight.abs().sum() > 0 and other(fl.ones(1, 2)).shape == (1, 2)
    assert copy.copy(scripted).fc.weight is scripted.fc.weight
    with pytest.raises(RuntimeError, match="__getstate__"):
        pickle.dumps(scripted)


def test_scripted_functions():
    f = fl.jit.script(double)
    assert f(3) == 6 and f.name == "double" and f.__doc__ is None
    assert fl.jit.script(Net) is Net
    for bad in (3, object()):
        with pytest.raises(TypeError, match="built-in class"):
            fl.jit.script(bad)


def test_traced():
    net = Net()
    traced = fl.jit.trace(net, fl.ones(1, 2))
    assert traced.original_name == "Net" and repr(traced).startswith("Net(\n  original_name=Net")
    assert fl.equal(traced(fl.ones(3, 2)), net(fl.ones(3, 2)))
    f = fl.jit.trace(lambda x: x * 2, fl.ones(1))
    assert f(fl.ones(2)).tolist() == [2, 2]
    seen = []
    fl.jit.trace(lambda x: seen.append(fl.jit.is_tracing()) or x, fl.ones(1))
    assert all(seen) and not fl.jit.is_tracing()
    assert fl.jit.trace_module(net, {"forward": fl.ones(1, 2), "helper": fl.ones(1)}).helper(2) == 6


def test_traces_keep_their_modes():
    net = nn.Sequential(nn.Dropout(1.0))
    traced = fl.jit.trace(net.eval(), fl.ones(2))
    traced.train()
    assert traced(fl.ones(2)).tolist() == [1, 1] and traced.training


@pytest.mark.parametrize(
    "call, kind, text",
    [
        (lambda: fl.jit.trace(lambda x: {"a": x}, fl.ones(1)), RuntimeError, "Encountering a dict"),
        (lambda: fl.jit.trace(lambda x: "s", fl.ones(1)), RuntimeError, "Only tensors"),
        (lambda: fl.jit.trace(lambda x: x, 3), TypeError, "not iterable"),
        (lambda: fl.jit.trace(lambda x: x), RuntimeError, "must be given"),
        (lambda: fl.jit.freeze(fl.jit.script(Net())), RuntimeError, "eval mode"),
        (lambda: fl.jit.freeze(Net()), RuntimeError, "expects a ScriptModule"),
        (lambda: fl.jit.save(Net(), io.BytesIO()), AttributeError, "script or trace it first"),
        (lambda: fl.jit.load("/nowhere"), ValueError, "does not exist"),
        (lambda: fl.jit.load(io.BytesIO(b"abc")), RuntimeError, "expected a file"),
        (lambda: fl.jit.isinstance([1], typing.List), RuntimeError, "without a contained type"),  # noqa: UP006
    ],
)
def test_errors(call, kind, text):
    with pytest.raises(kind, match=text):
        call()


def test_random_functions_are_noticed():
    with pytest.warns(fl.jit.TracerWarning, match="nondeterministic"):
        fl.jit.trace(lambda x: fl.rand(1) * x, fl.ones(1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fl.jit.trace(lambda x: {"a": x}, fl.ones(1), strict=False)


@pytest.mark.parametrize("make", [lambda net: fl.jit.script(net), lambda net: fl.jit.trace(net, fl.ones(1, 2))])
def test_files(tmp_path, make):
    net = make(Net())
    path, extra = tmp_path / "net.pt", {"note": ""}
    net.save(str(path), _extra_files={"note": "text"})
    loaded = fl.jit.load(str(path), _extra_files=extra)
    assert extra == {"note": b"text"} and loaded.original_name == "Net" and loaded.other(1) == 2
    assert fl.equal(loaded(fl.ones(2, 2)), net(fl.ones(2, 2)))
    assert list(loaded.state_dict()) == list(net.state_dict()) and len(list(loaded.parameters())) == 4
    f = fl.jit.load(io.BytesIO(fl.jit.script(double).save_to_buffer()))
    assert f(2) == 4


def test_shared_modules_stay_shared():
    inner = nn.Linear(2, 2)
    file = io.BytesIO(fl.jit.script(nn.Sequential(inner, inner)).save_to_buffer())
    loaded = fl.jit.load(file)
    assert loaded[0] is loaded[1] and len(list(loaded.parameters())) == 2


def test_hostile_files():
    def file_of(content):
        file = io.BytesIO()
        fl.save(content, file)
        file.seek(0)
        return file

    good = {"format": "flambeau.jit 1", "extra": {}}
    empty = {
        "scripted": "",
        "modes": None,
        "parameters": {},
        "buffers": {},
        "plain": {},
        "references": {},
        "modules": {},
    }
    for content in (
        {"a": 1},
        good,
        {**good, "module": 3},
        {**good, "module": {"class": ["os", "system"], **empty}},
        {**good, "module": {"class": ["builtins", "dict"], **empty}},
        {**good, "module": {"class": ["antigravity", "X"], **empty}},
        {**good, "module": {"class": [1, 2], **empty}},
        {**good, "function": ["os", "nothing"]},
        {**good, "module": {"same": 4}},
    ):
        with pytest.raises(RuntimeError):
            fl.jit.load(file_of(content))


def test_freeze():
    net = nn.Linear(2, 2).eval()
    frozen = fl.jit.freeze(fl.jit.script(net))
    assert list(frozen.parameters()) == [] and fl.equal(frozen(fl.ones(1, 2)), net(fl.ones(1, 2)))
    assert fl.jit.optimize_for_inference(fl.jit.script(net))(fl.ones(1, 2)).shape == (1, 2)


def test_types():
    is_a = fl.jit.isinstance
    assert is_a([1], list[int]) and not is_a([1, "a"], list[int]) and is_a({"a": [1]}, dict[str, list[int]])
    assert is_a(None, Optional[int])  # noqa: UP045
    assert is_a((1, "a"), tuple[int, str]) and not is_a((1,), tuple[int, str])
    assert is_a((1, 2, 3), tuple[int, ...]) and is_a(fl.ones(1), fl.Tensor) and is_a(3, (str, int))


def test_marks():
    assert fl.jit.ignore(drop=True)(double) is double and fl.jit.unused(double) is double
    fl.jit.ignore(double)
    assert fl.jit.script(double) is double
    del double._torchscript_modifier
    assert fl.jit.annotate(int, 3) == 3 and not fl.jit.is_scripting()
    assert fl.jit.wait(fl.jit.fork(double, 4)) == 8
    with pytest.raises(ZeroDivisionError):
        fl.jit.wait(fl.jit.fork(lambda: 1 / 0))
    assert fl.jit.script_if_tracing(double)(2) == 4


def test_old_script_modules():
    class Scale(fl.jit.ScriptModule):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(fl.ones(2))

        @fl.jit.script_method
        def forward(self, x):
            return x * self.w

    assert Scale()(fl.ones(2)).tolist() == [1, 1] and Scale().original_name == "Scale"


def test_compilation_unit():
    unit = fl.jit.CompilationUnit("def f(x: Tensor, n: int = 2) -> Tensor:\n    return torch.relu(x) * n")
    assert unit.f(fl.ones(1)).item() == 2
    with pytest.raises(AttributeError):
        unit.g
