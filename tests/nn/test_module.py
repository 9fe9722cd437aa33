"""Module: attributes and registries, walking, converting, state, what is printed, and what goes wrong."""

import copy
import inspect
import io
import pickle
import warnings
from collections import OrderedDict

import pytest

from tests.frame import fl

nn = fl.nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.second = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
        self.scale = nn.Parameter(fl.ones(1))
        self.register_buffer("mean", fl.zeros(2))
        self.register_buffer("scratch", fl.zeros(2), persistent=False)
        self.register_parameter("absent", None)
        self.note = "plain"

    def forward(self, x, factor=1.0):
        return self.second(self.first(x)) * self.scale * factor


def names(pairs):
    return [name for name, _ in pairs]


def test_registries_are_dictionaries():
    net = Net()
    assert list(net._parameters) == ["scale", "absent"] and net._parameters["absent"] is None
    assert list(net._modules) == ["first", "second"] and net._modules["first"] is net.first
    assert list(net._buffers.keys()) == ["mean", "scratch"] and "mean" in net._buffers
    assert net._non_persistent_buffers_set == {"scratch"}
    new = nn.Parameter(fl.zeros(1))
    net._parameters["scale"] = new
    assert net.scale is new and dict(net.named_parameters())["scale"] is new
    del net._buffers["mean"]
    assert not hasattr(net, "mean") and len(net._buffers) == 1
    assert net._modules.pop("first").in_features == 3 and not hasattr(net, "first")
    net._modules["third"] = nn.ReLU()
    assert names(net.named_children()) == ["second", "third"]
    assert net._parameters.get("nothing", 7) == 7 and net._parameters.copy()["scale"] is new
    net._parameters.update({"more": nn.Parameter(fl.ones(2))})
    assert net.more.shape == (2,)
    net._modules.clear()
    assert list(net.children()) == []
    with pytest.raises(KeyError):
        net._parameters["nothing"]


def test_a_whole_registry_can_be_replaced():
    net = nn.Linear(2, 2)
    net._parameters = OrderedDict(weight=nn.Parameter(fl.zeros(1)))
    assert names(net.named_parameters()) == ["weight"] and net.weight.shape == (1,)


def test_assignment_moves_between_registries():
    net = Net()
    net.note = nn.Parameter(fl.ones(1))
    assert "note" in net._parameters
    net.note = None
    assert net.note is None and "note" in net._parameters
    net.first = None
    assert net.first is None and "first" in net._modules and names(net.named_children()) == ["second"]
    net.mean = fl.ones(2)
    assert net._buffers["mean"] is net.mean
    net.scratch = None
    assert net.scratch is None and "scratch" in net._buffers
    net.scale = nn.ReLU() if False else net.scale
    del net.scale
    assert not hasattr(net, "scale") and "scale" not in net._parameters
    net.fresh = nn.Buffer(fl.ones(1), persistent=False)
    assert "fresh" in net._buffers and "fresh" in net._non_persistent_buffers_set
    net.second = nn.Parameter(fl.ones(1))
    assert "second" in net._parameters and "second" not in net._modules


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (lambda n: setattr(n, "scale", fl.ones(1)), TypeError, "as parameter 'scale'"),
        (lambda n: setattr(n, "first", 3), TypeError, "as child module 'first'"),
        (lambda n: setattr(n, "mean", 3), TypeError, "as buffer 'mean'"),
        (lambda n: n.register_parameter("x.y", None), KeyError, "contain"),
        (lambda n: n.register_parameter("", None), KeyError, "empty string"),
        (lambda n: n.register_parameter("first", None), KeyError, "already exists"),
        (lambda n: n.register_parameter("x", fl.ones(1)), TypeError, "object to parameter 'x'"),
        (lambda n: n.register_parameter(3, None), TypeError, "should be a string"),
        (lambda n: n.register_parameter("x", nn.Parameter(fl.ones(1)) * 2), (TypeError, ValueError), "parameter"),
        (lambda n: n.register_buffer("x", 3), TypeError, "object to buffer 'x'"),
        (lambda n: n.register_buffer("scale", fl.ones(1)), KeyError, "already exists"),
        (lambda n: n.add_module("x", 3), TypeError, "int is not a Module subclass"),
        (lambda n: n.add_module("forward", nn.ReLU()), KeyError, "already exists"),
        (lambda n: n.missing, AttributeError, "'Net' object has no attribute 'missing'"),
        (lambda n: delattr(n, "missing"), AttributeError, "missing"),
        (lambda n: n.get_submodule("second.7"), AttributeError, "Sequential has no attribute `7`"),
        (lambda n: n.get_submodule("scale"), AttributeError, "`scale` is not an nn.Module"),
        (lambda n: n.get_parameter("first.bia"), AttributeError, "Linear has no attribute `bia`"),
        (lambda n: n.get_parameter("mean"), AttributeError, "`mean` is not an nn.Parameter"),
        (lambda n: n.get_buffer("scale"), AttributeError, "`scale` is not a buffer"),
        (lambda n: n.train(3), ValueError, "boolean"),
        (lambda n: n.to(fl.int32), TypeError, "floating point or complex"),
        (lambda n: nn.Module(3), TypeError, "takes 1 positional argument but 2 were given"),
        (lambda n: nn.Module(a=3), TypeError, "unexpected keyword argument 'a'"),
        (lambda n: nn.Module()(3), NotImplementedError, 'missing the required "forward" function'),
        (lambda n: n.load_state_dict(3), TypeError, "dict-like"),
        (lambda n: n.set_submodule("", nn.ReLU()), ValueError, "target name"),
        (lambda n: n.set_submodule("first.x", nn.ReLU(), strict=True), AttributeError, "has no attribute `x`"),
    ],
)
def test_misuse(change, error, text):
    with pytest.raises(error, match=text):
        change(Net())


def test_forgotten_super_init():
    class Forgotten(nn.Module):
        def __init__(self, value):
            self.value = value

    with pytest.raises(AttributeError, match=r"before Module.__init__\(\) call"):
        Forgotten(nn.Linear(1, 1))
    with pytest.raises(AttributeError, match=r"before Module.__init__\(\) call"):
        Forgotten(nn.Parameter(fl.ones(1)))
    assert Forgotten(3).value == 3


def test_classes_with_their_own_getattr_and_setattr():
    class Wrapper(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner
            self.seen = []

        def __getattr__(self, name):
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(self.inner, name)

        def __setattr__(self, name, value):
            super().__setattr__(name, value)
            if name != "seen" and hasattr(self, "seen"):
                self.seen.append(name)

    wrapper = Wrapper(nn.Linear(3, 2))
    assert wrapper.in_features == 3 and wrapper.weight is wrapper.inner.weight
    wrapper.extra = nn.Parameter(fl.ones(1))
    assert "extra" in wrapper._parameters and "extra" in wrapper.seen
    with pytest.raises(AttributeError, match="nothing"):
        wrapper.nothing
    plain = Net()
    with pytest.raises(AttributeError, match="'Net' object has no attribute 'frist'"):
        plain.frist


def test_classes_that_ask_for_their_parts_by_name(monkeypatch):
    monkeypatch.delattr(nn.Module, "__getattr__", raising=False)

    class Tree(nn.Module):
        def __init__(self):
            super().__init__()
            self.level_0 = nn.Linear(3, 2)

        def forward(self, x):
            return self.__getattr__(f"level_{0}")(x)

    tree = Tree()
    assert tree(fl.ones(1, 3)).shape == (1, 2) and tree.level_0.__getattr__("weight") is tree.level_0.weight
    with pytest.raises(AttributeError, match="'Tree' object has no attribute 'level_1'"):
        tree.__getattr__("level_1")


def test_walking():
    net = Net()
    assert names(net.named_modules()) == ["", "first", "second", "second.0", "second.1"]
    assert names(net.named_parameters("p", recurse=False)) == ["p.scale"]
    assert names(net.named_buffers())[:2] == ["mean", "scratch"] and len(list(net.buffers())) == 5
    net.again = net.first
    assert len(list(net.parameters())) == 7 and len(list(net.modules())) == 5
    assert len(list(net.named_parameters(remove_duplicate=False))) == 9
    assert len(list(net.named_modules(remove_duplicate=False))) == 6 and len(list(net.children())) == 2
    assert net.get_submodule("second.1") is net.second[1] and net.get_submodule("") is net
    assert net.get_parameter("second.0.weight") is net.second[0].weight
    assert net.get_buffer("second.1.running_var") is net.second[1].running_var
    net.set_submodule("second.0", nn.Identity())
    assert isinstance(net.second[0], nn.Identity)
    order = []
    net.apply(lambda m: order.append(type(m).__name__))
    assert order[-1] == "Net" and order[0] == "Linear"
    assert set(net._parameters) <= set(dir(net)) and "0" not in dir(net.second)


def test_modes_and_gradients():
    net = Net().eval()
    assert not net.second[1].training and net.train() is net and net.second[1].training
    net(fl.ones(5, 3)).sum().backward()
    assert net.scale.grad is not None
    net.zero_grad(set_to_none=False)
    assert float(net.scale.grad) == 0
    net.zero_grad()
    assert net.scale.grad is None
    assert not any(p.requires_grad for p in net.requires_grad_(False).parameters())


def test_conversions_keep_the_parameters_identity():
    net = Net()
    scale, state = net.scale, {k: v.clone() for k, v in net.state_dict().items()}
    assert net.double() is net and net.scale is scale and scale.dtype == fl.float64
    assert net.second[1].num_batches_tracked.dtype == fl.int64 and net.mean.dtype == fl.float64
    assert net.half().scale.dtype == fl.float16 and net.bfloat16().mean.dtype == fl.bfloat16
    assert net.to(fl.ones(1, dtype=fl.float64)).scale.dtype == fl.float64
    assert net.to("cpu", fl.float32).to(device="cpu").cpu().float().scale.dtype == fl.float32
    assert net.type(fl.float64).scale.dtype == fl.float64 and set(net.float().state_dict()) == set(state)
    layer = nn.Linear(2, 2)
    layer(fl.ones(1, 2)).sum().backward()
    assert layer.double().weight.grad.dtype == fl.float64


def test_state_dict():
    net = Net()
    state = net.state_dict()
    assert list(state)[:3] == ["scale", "mean", "first.weight"] and "scratch" not in state
    assert state._metadata["second.1"] == {"version": 2} and not state["scale"].requires_grad
    assert net.state_dict(keep_vars=True)["scale"] is net.scale
    assert list(net.state_dict(prefix="x."))[0] == "x.scale"
    into = OrderedDict(a=1)
    assert net.state_dict(destination=into) is into and "a" in into
    other = Net()
    result = other.load_state_dict(state)
    assert str(result) == "<All keys matched successfully>" and result.missing_keys == []
    assert all(fl.equal(a, b) for a, b in zip(other.state_dict().values(), state.values(), strict=True))
    scale = other.scale
    other.load_state_dict(state, assign=True)
    assert other.scale is not scale and isinstance(other.scale, nn.Parameter)


def test_load_reports():
    net, state = Net(), Net().state_dict()
    state["frist.weight"] = state.pop("first.weight")
    state["mean"] = fl.zeros(7)
    with pytest.raises(RuntimeError) as caught:
        net.load_state_dict(state)
    text = str(caught.value)
    assert text.startswith("Error(s) in loading state_dict for Net:")
    assert 'Missing key(s) in state_dict: "first.weight". ' in text
    assert 'Unexpected key(s) in state_dict: "frist.weight". ' in text
    assert "size mismatch for mean: copying a param with shape torch.Size([7]) from checkpoint" in text
    del state["mean"]
    result = net.load_state_dict(state, strict=False)
    assert result.missing_keys == ["mean", "first.weight"] and result.unexpected_keys == ["frist.weight"]


@pytest.mark.skipif(fl.__name__ == "torch", reason="flambeau's additions to the report")
def test_load_reports_name_the_nearest():
    net, state = Net(), Net().state_dict()
    state["frist.weight"] = state.pop("first.weight")
    with pytest.raises(RuntimeError, match=r"first \(Linear\): weight \(the state_dict has frist.weight\)"):
        net.load_state_dict(state)
    wrapped = {"module." + k: v for k, v in Net().state_dict().items()}
    with pytest.raises(RuntimeError, match='Every name starts with "module."'):
        net.load_state_dict(wrapped)


def block(name, width=4):
    net = nn.Module()
    net.add_module(name, nn.Sequential(nn.Linear(3, width), nn.BatchNorm1d(width)))
    net.head = nn.Linear(width, 2)
    return net


HINTS = [
    (lambda s: {"model": s, "epoch": 3}, "The names are in its entry 'model': load state_dict['model']"),
    (lambda s: fl.optim.SGD(block("a").parameters(), lr=1).state_dict(), "the state of an optimizer"),
    (lambda s: {"_orig_mod." + k: v for k, v in s.items()}, 'Every name starts with "_orig_mod."'),
    (lambda s: block("backbone").state_dict(), "`encoder.` is called `backbone.` in the state_dict"),
    (lambda s: block("backbone", 5).state_dict(), "the state_dict has backbone.0.weight, [5, 3] instead of [4, 3]"),
    (lambda s: {k: v.numpy() for k, v in s.items()}, "It holds NumPy arrays"),
    (lambda s: dict(s, **{"head.weight": fl.zeros(4, 2)}), "Transposed (`.T`) these would fit: head.weight"),
]


@pytest.mark.skipif(fl.__name__ == "torch", reason="flambeau's additions to the report")
@pytest.mark.parametrize(("change", "hint"), HINTS)
def test_load_reports_say_what_to_do(change, hint):
    net = block("encoder")
    with pytest.raises(RuntimeError) as caught:
        net.load_state_dict(change(net.state_dict()))
    assert hint in str(caught.value)


@pytest.mark.skipif(fl.__name__ == "torch", reason="flambeau's additions to the report")
def test_load_reports_of_other_things():
    net = block("encoder")
    with pytest.raises(RuntimeError, match=r"load it into `\.module`"):
        nn.DataParallel(net).load_state_dict(net.state_dict())
    for value, hint in ((net, "Pass its state_dict()"), ("model.pt", "Read the file first"), ([1], "dict-like")):
        with pytest.raises(TypeError) as caught:
            net.load_state_dict(value)
        assert hint in str(caught.value)
    with pytest.raises(AttributeError, match="names must be strings, got 3"):
        net.load_state_dict({3: fl.ones(1)})


def test_load_reports_are_quick():
    """Names of a large model against as many others: no comparison of each with each."""
    import time

    net = nn.Sequential(*[nn.Linear(1, 1) for _ in range(2000)])
    other = {f"layers.{i}.{i % 7}.kernel_{i}": fl.zeros(1) for i in range(4000)}
    start = time.perf_counter()
    with pytest.raises(RuntimeError, match="Missing key"):
        net.load_state_dict(other)
    assert time.perf_counter() - start < 5


def test_extra_state_and_own_loading():
    class Extra(nn.Module):
        def __init__(self):
            super().__init__()
            self.value, self.loaded = 1, []

        def get_extra_state(self):
            return {"value": self.value}

        def set_extra_state(self, state):
            self.value = state["value"]

        def _load_from_state_dict(self, state_dict, prefix, *rest):
            self.loaded.append(prefix)
            super()._load_from_state_dict(state_dict, prefix, *rest)

    a, b = nn.Sequential(Extra()), nn.Sequential(Extra())
    a[0].value = 5
    assert list(a.state_dict()) == ["0._extra_state"]
    b.load_state_dict(a.state_dict())
    assert b[0].value == 5 and b[0].loaded == ["0."]
    with pytest.raises(RuntimeError, match="_extra_state"):
        b.load_state_dict({})


def test_state_hooks():
    net, seen = nn.Linear(2, 2), []
    net.register_state_dict_pre_hook(lambda m, prefix, keep: seen.append(("pre", prefix, keep)))
    net.register_state_dict_post_hook(lambda m, state, prefix, meta: state.update(extra=fl.ones(1)))
    handle = net._register_state_dict_hook(lambda m, state, prefix, meta: OrderedDict(only=1))
    assert list(net.state_dict()) == ["only"] and seen == [("pre", "", False)]
    handle.remove()
    assert list(net.state_dict()) == ["weight", "bias", "extra"]

    def rename(module, state, prefix, *rest):
        assert module is net
        state[prefix + "weight"] = state.pop(prefix + "old")

    net.register_load_state_dict_pre_hook(rename)
    net.register_load_state_dict_post_hook(lambda m, keys: keys.unexpected_keys.clear())
    net._register_load_state_dict_pre_hook(lambda state, *rest: seen.append(sorted(state)))
    result = net.load_state_dict({"old": fl.ones(2, 2), "bias": fl.ones(2), "what": fl.ones(1)})
    assert result.unexpected_keys == [] and float(net.weight.detach().sum()) == 4


def test_copies_and_pickles():
    net = Net()
    net.first.weight.note = "kept"
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert repr(twin) == repr(net) and twin.scale is not net.scale
        assert names(twin.named_parameters()) == names(net.named_parameters())
        assert fl.equal(twin.first.weight, net.first.weight) and isinstance(twin.first.weight, nn.Parameter)
        twin.first.weight.data.zero_()
        assert float(net.first.weight.detach().abs().sum()) > 0
    shared = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
    shared[1].weight = shared[0].weight
    twin = copy.deepcopy(shared)
    assert twin[1].weight is twin[0].weight
    assert copy.copy(net).first is net.first


def test_own_pickling():
    assert isinstance(pickle.loads(pickle.dumps(Slim())).layer, nn.Linear)
    buffer = io.BytesIO()
    fl.save(Net().state_dict(), buffer)
    buffer.seek(0)
    Net().load_state_dict(fl.load(buffer))


class Slim(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.cache = nn.Linear(1, 1), object

    def __getstate__(self):
        state = self.__dict__.copy()
        del state["cache"]
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        self.cache = None


def test_printing():
    text = repr(Net())
    assert text.splitlines()[:3] == [
        "Net(",
        "  (first): Linear(in_features=3, out_features=4, bias=True)",
        "  (second): Sequential(",
    ]
    assert repr(nn.Module()) == "Module()"


def test_call_passes_everything():
    net = Net().eval()
    x = fl.ones(2, 3)
    assert fl.allclose(net(x, factor=2.0), net(x, 2.0)) and fl.allclose(net(x=x), net(x))
    net.forward = lambda x: "patched"
    assert net(x) == "patched"


@pytest.mark.skipif(fl.__name__ == "torch", reason="torch is silent")
def test_modules_in_plain_lists_are_reported():
    class Listed(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = [nn.Linear(2, 2)]
            self.registered = nn.Linear(2, 2)
            self.views = [self.registered, nn.ReLU()]

    with pytest.warns(UserWarning, match="`layers` of Listed is a plain list"):
        assert len(list(Listed().parameters())) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(Net().parameters())


def test_registration_hooks():
    module = fl.nn.modules.module
    handle = module.register_module_parameter_registration_hook(lambda m, name, p: nn.Parameter(p * 0 + 3))
    try:
        net = nn.Module()
        net.w = nn.Parameter(fl.ones(1))
    finally:
        handle.remove()
    assert float(net.w.detach()) == 3


def test_lazy():
    layer = nn.LazyLinear(3)
    assert repr(layer.weight) == "<UninitializedParameter>"
    with pytest.raises(RuntimeError, match="shape"):
        layer.weight.shape
    with pytest.raises(ValueError, match="uninitialized|no shape yet"):
        layer.weight + 1
    state = nn.Linear(5, 3).state_dict()
    layer.load_state_dict(state)
    assert layer.weight.shape == (3, 5) and type(layer.weight) is nn.Parameter
    net = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d())
    net.double()
    net(fl.ones(2, 3, 5, 5, dtype=fl.float64))
    assert type(net[0]) is nn.Conv2d and type(net[1]) is nn.BatchNorm2d and net[1].running_mean.shape == (4,)


class Passed(nn.Module):
    def forward(self, *args, **kwargs):
        return args, kwargs


@pytest.mark.parametrize("count", [0, 1, 6, 7, 20])
def test_calls_pass_everything_on(count):
    module, args = Passed(), tuple(range(count))
    assert module(*args) == (args, {})
    assert module(*args, a=1) == (args, {"a": 1})
    module.forward = lambda *args, **kwargs: ("own", args, kwargs)
    assert module(*args, a=1) == ("own", args, {"a": 1})
    assert nn.Module.__call__(module, *args) == ("own", args, {})


def test_calls_without_a_forward_and_errors_in_it():
    with pytest.raises(NotImplementedError, match="forward"):
        nn.Module()(1)
    with pytest.raises(TypeError):
        nn.Identity()(1, 2, 3)
    module = Passed()
    with pytest.raises(ValueError, match="wrong"):
        module.forward = error_of
        module(1)


def error_of(value):
    raise ValueError(f"wrong: {value}")


def test_signatures():
    class Own(fl.nn.Linear):
        def __call__(self, first, *, second=1):
            return first

    assert str(inspect.signature(fl.nn.Linear(1, 1))) == "(*args, **kwargs)"
    assert str(inspect.signature(fl.nn.Module.__call__)) == "(self, /, *args, **kwargs)"
    assert list(inspect.signature(fl.nn.Linear).parameters)[:3] == ["in_features", "out_features", "bias"]
    assert str(inspect.signature(Own(1, 1))) == "(first, *, second=1)"
    assert str(inspect.signature(fl.nn.Linear(1, 1).forward)) == str(inspect.signature(fl.nn.Linear.forward)).replace(
        "self, ", ""
    )


def test_parameters_of_classes_that_list_them_in_their_own_way():
    class Hidden(nn.Linear):
        def named_modules(self, memo=None, prefix="", remove_duplicate=True):
            return iter(())

    class Chosen(nn.Sequential):
        def named_parameters(self, prefix="", recurse=True, remove_duplicate=True):
            yield "only", self[0].weight

    shared = nn.Linear(2, 2)
    net = nn.Sequential(shared, Hidden(2, 2), nn.Sequential(shared, nn.Linear(2, 1)))
    wanted = [shared.weight, shared.bias, net[2][1].weight, net[2][1].bias]
    for _ in range(2):  # the first walk also looks for plain lists
        assert [id(p) for p in net.parameters()] == [id(p) for p in wanted]
        assert [name for name, _ in net.named_modules()] == ["", "0", "2", "2.1"]
    chosen = Chosen(nn.Linear(2, 2))
    for _ in range(2):
        assert [id(p) for p in chosen.parameters()] == [id(chosen[0].weight)]
    assert list(nn.ReLU().parameters()) == list(nn.ReLU().parameters(recurse=False)) == []
