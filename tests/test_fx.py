"""flambeau.fx: tracing, graphs, generated code, interpreters, patterns."""

import copy
import math
import operator
import pickle
from typing import NamedTuple, Optional

import pytest

from tests.frame import fl

fx, nn, F = fl.fx, fl.nn, fl.nn.functional


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 5)
        self.w = nn.Parameter(fl.ones(5))
        self.register_buffer("b", fl.ones(5))
        self.seq = nn.Sequential(nn.Linear(5, 5), nn.ReLU())

    def forward(self, x, k: int = 3):
        y = F.softplus(self.linear(x) + self.w) * self.b
        y = self.seq(y)
        a, c = y.chunk(2, dim=-1)
        z = fl.cat([a[..., :2], c], dim=-1).sum()
        y = y[:, None, 1:3] + z.view(1, -1)
        y += 1
        return {"a": -(y**2) // 3, "b": [c, None]}, y.shape[0] * k, math.pi * y


CODE = """
def forward(self, x, k : int = 3):
    linear = self.linear(x);  x = None
    w = self.w
    add = linear + w;  linear = w = None
    softplus = torch.nn.functional.softplus(add);  add = None
    b = self.b
    mul = softplus * b;  softplus = b = None
    seq_0 = getattr(self.seq, "0")(mul);  mul = None
    seq_1 = getattr(self.seq, "1")(seq_0);  seq_0 = None
    chunk = seq_1.chunk(2, dim = -1)
    getitem = chunk[0]
    getitem_1 = chunk[1];  chunk = None
    getitem_2 = getitem[(Ellipsis, slice(None, 2, None))];  getitem = None
    cat = torch.cat([getitem_2, getitem_1], dim = -1);  getitem_2 = None
    sum_1 = cat.sum();  cat = None
    getitem_3 = seq_1[(slice(None, None, None), None, slice(1, 3, None))];  seq_1 = None
    view = sum_1.view(1, -1);  sum_1 = None
    add_1 = getitem_3 + view;  getitem_3 = view = None
    add_2 = add_1 + 1;  add_1 = None
    pow_1 = add_2 ** 2
    neg = -pow_1;  pow_1 = None
    floordiv = neg // 3;  neg = None
    getattr_1 = add_2.shape
    getitem_4 = getattr_1[0];  getattr_1 = None
    mul_1 = getitem_4 * k;  getitem_4 = k = None
    mul_2 = 3.141592653589793 * add_2;  add_2 = None
    return ({'a': floordiv, 'b': [getitem_1, None]}, mul_1, mul_2)
"""


def same(a, b):
    assert isinstance(a, type(b)) or isinstance(b, type(a))
    if isinstance(a, dict):
        a, b = list(a.values()), list(b.values())
    if isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b):
            same(x, y)
    else:
        assert fl.equal(a, b) if isinstance(a, fl.Tensor) else a == b


def test_code_of_a_module():
    net, x = Net(), fl.randn(3, 4)
    traced = fx.symbolic_trace(net)
    assert traced.code.strip() == CODE.strip()
    same(traced(x), net(x))
    same(traced(x, k=2), net(x, 2))
    traced.graph.lint()
    assert list(traced.state_dict()) == ["w", "b", "linear.weight", "linear.bias", "seq.0.weight", "seq.0.bias"] or set(
        traced.state_dict()
    ) == set(net.state_dict())
    assert traced.linear.weight is net.linear.weight


def test_text_of_a_graph():
    graph = fx.symbolic_trace(lambda x, y=2: fl.relu(x) + y.T).graph
    assert str(graph) == (
        "graph():\n    %x : [num_users=1] = placeholder[target=x]\n    %y : [num_users=1] = placeholder[target=y](default=2)\n"
        "    %relu : [num_users=1] = call_function[target=torch.relu](args = (%x,), kwargs = {})\n"
        "    %getattr_1 : [num_users=1] = call_function[target=builtins.getattr](args = (%y, T), kwargs = {})\n"
        "    %add : [num_users=1] = call_function[target=operator.add](args = (%relu, %getattr_1), kwargs = {})\n"
        "    return add"
    )


def test_copies_and_pickles():
    traced = fx.symbolic_trace(Net())
    for other in (pickle.loads(pickle.dumps(traced)), copy.deepcopy(traced), copy.copy(traced)):
        assert other.code == traced.code and isinstance(other, fx.GraphModule)
        same(other(fl.ones(1, 4)), traced(fl.ones(1, 4)))
    assert copy.deepcopy(traced).w is not traced.w
    assert copy.deepcopy(traced.graph).python_code("self").src == traced.code


def test_starred_and_keyword_arguments():
    def f(a, *rest, scale: float = 2.0, **more):
        return a * scale + rest[0] + more["x"]

    traced = fx.symbolic_trace(f)
    assert traced(1, 2.0, 2, x=3) == 7 and "def forward(self, a, scale : float = 2.0, *rest, **more)" in traced.code


def test_keyword_only_arguments():
    traced = fx.symbolic_trace(lambda a, *, b=2: a + b)
    assert traced(1) == 3 and traced(1, 5) == 6


def test_concrete_arguments():
    traced = fx.symbolic_trace(lambda a, b: a + 1 if b else a, concrete_args={"b": False})
    assert "torch._assert(eq, 'b has been specialized to have value False but got another value')" in traced.code
    assert traced(3, False) == 3
    with pytest.raises(AssertionError, match="specialized"):
        traced(3, True)
    traced = fx.symbolic_trace(lambda a, b=None: a if b is None else b, concrete_args={"b": None})
    assert traced(2, None) == 2


@pytest.mark.parametrize(
    "function, kind, text",
    [
        (lambda x: x if x > 0 else -x, fx.proxy.TraceError, "control flow"),
        (lambda x: list(x), fx.proxy.TraceError, "cannot be iterated"),
        (lambda x: x + object(), NotImplementedError, "argument of type"),
        (lambda x: range(x), TypeError, "integer"),
        (lambda x: x.add({x: 1}), RuntimeError, "Keys for dictionaries"),
    ],
)
def test_what_cannot_be_traced(function, kind, text):
    with pytest.raises(kind, match=text):
        fx.symbolic_trace(function)
    assert fx.symbolic_trace(fl.relu)(fl.ones(1)).item() == 1  # nothing of a failed trace is left


def helper(x):
    return x if x > 0 else -x


fx.wrap("helper")
fx.wrap("len")


def test_wrapped_functions():
    traced = fx.symbolic_trace(lambda x: helper(x) + len(x.shape))
    assert [n.target for n in traced.graph.nodes if n.op == "call_function"][:1] == [helper]
    assert helper(-1) == 1 and traced(fl.tensor(-2.0)).item() == 2
    with pytest.raises(NotImplementedError, match="top level"):
        fx.wrap("helper")
    with pytest.raises(RuntimeError):
        fx.wrap(3)
    assert fx.symbolic_trace(lambda x: math.sqrt(x.numel()))(fl.ones(4)) == 2


class Point(NamedTuple):
    x: fl.Tensor
    y: fl.Tensor


def test_named_tuples():
    traced = fx.symbolic_trace(lambda a: Point(a, a + 1))
    assert traced(1) == Point(1, 2) and type(traced(1)) is Point


def test_unpacking_and_proxies_as_booleans():
    traced = fx.symbolic_trace(lambda x: (lambda a, b: a - b)(*[*x.split(1)][:0], 3, 1) if False else x.split(1))
    assert len(traced(fl.ones(2))) == 2

    def pair(x):
        a, b = x
        return a - b

    assert fx.symbolic_trace(pair)((3, 1)) == 2


def test_tensor_constants_and_methods():
    constant = fl.tensor([1.0])
    traced = fx.symbolic_trace(lambda x: constant + x + constant.add(x))
    assert traced(fl.ones(1)).item() == 4 and hasattr(traced, "_tensor_constant0")


def test_leaves_and_tracers():
    class All(fx.Tracer):
        def is_leaf_module(self, m, name):
            return isinstance(m, nn.Sequential)

    net = Net()
    graph = All().trace(net)
    assert [n.target for n in graph.nodes if n.op == "call_module"] == ["seq"]
    made = fx.GraphModule(net, graph)
    same(made(fl.ones(2, 4)), net(fl.ones(2, 4)))
    assert str(made).startswith("GraphModule(") and "print_readable" in str(made)

    class Buffers(fx.Tracer):
        proxy_buffer_attributes = True

    assert any(n.target == "b" for n in Buffers().trace(net).nodes)


def test_changing_a_graph():
    traced = fx.symbolic_trace(lambda x, y: fl.relu(x + y))
    graph = traced.graph
    for node in graph.nodes:
        if node.target is operator.add:
            with graph.inserting_after(node):
                new = graph.call_function(fl.mul, node.args)
            changed = node.replace_all_uses_with(new)
            assert [u.name for u in changed] == ["relu"]
            graph.erase_node(node)
    graph.lint()
    traced.recompile()
    assert traced(fl.tensor(2.0), fl.tensor(3.0)).item() == 6
    with pytest.raises(RuntimeError, match="still had 1 users"):
        graph.erase_node(new)
    with pytest.raises(NotImplementedError, match="mutation"):
        graph.call_function(fl.cat, ([new],)).args[0].append(new)


def test_nodes():
    graph = fx.Graph()
    x, y = graph.placeholder("x", type_expr=int), graph.placeholder("y", default_value=Optional)
    z = graph.call_function(operator.add, (x, 2))
    z.update_arg(1, y)
    z.insert_arg(2, 5)
    assert z.args == (x, y, 5) and list(x.users) == [z] and z.all_input_nodes == [x, y] and x < z and z > x
    z.args, z.kwargs = (x,), {"other": y}
    z.update_kwarg("more", 1)
    assert z.kwargs == {"other": y, "more": 1} and x.next is y and z.prev is y
    z.prepend(graph.call_method("relu", (x,)))
    assert [n.name for n in graph.nodes] == ["x", "y", "relu", "add"] and len(graph.nodes) == 4
    assert [n.name for n in reversed(graph.nodes)] == ["add", "relu", "y", "x"]
    assert graph.find_nodes(op="placeholder") == [x, y]
    with pytest.raises(ValueError, match="Callable"):
        graph.call_function("name")
    with pytest.raises(AssertionError):
        graph.create_node("nothing", "x")


def test_lint():
    graph = fx.symbolic_trace(lambda x: fl.relu(x).neg()).graph
    relu, neg = list(graph.nodes)[1:3]
    relu.prev.append(neg)
    with pytest.raises(RuntimeError, match="before it has been defined"):
        graph.lint()
    other = fx.Graph()
    node = other.create_node("call_function", fl.relu, ())
    node._input_nodes[relu] = None
    with pytest.raises(RuntimeError, match="does not belong"):
        other.lint()
    traced = fx.symbolic_trace(Net())
    traced.delete_submodule("linear")
    with pytest.raises(RuntimeError, match="nonexistent attribute"):
        traced.graph.lint()


def test_dead_code():
    def f(x):
        fl.relu(x)
        fl._assert(x.dim() == 1, "one dimension")
        return x + 1

    traced = fx.symbolic_trace(f)
    assert traced.graph.eliminate_dead_code()
    traced.recompile()
    assert "relu" not in traced.code and "torch._assert" in traced.code
    assert not traced.graph.eliminate_dead_code() and traced(fl.ones(1)).item() == 2
    with pytest.raises(AssertionError, match="one dimension"):
        traced(fl.ones(1, 1))


def test_interpreter():
    net = Net()
    traced = fx.symbolic_trace(net)
    same(fx.Interpreter(traced).run(fl.ones(2, 4)), net(fl.ones(2, 4)))
    with pytest.raises(RuntimeError, match="Expected positional argument for parameter x"):
        fx.Interpreter(traced).run()
    with pytest.raises(RuntimeError, match="While executing %linear"):
        fx.Interpreter(traced).run(fl.ones(2, 3))


def test_transformer():
    class Swap(fx.Transformer):
        def call_function(self, target, args, kwargs):
            return super().call_function(fl.neg if target is fl.relu else target, args, kwargs)

        def call_method(self, target, args, kwargs):
            return super().call_method("exp" if target == "neg" else target, args, kwargs)

    swapped = Swap(fx.symbolic_trace(lambda x: fl.relu(x).neg())).transform()
    assert swapped(fl.zeros(1)).item() == 1
    net = Net()
    same(fx.Transformer(fx.symbolic_trace(net)).transform()(fl.ones(1, 4)), net(fl.ones(1, 4)))


def test_patterns():
    def pattern(a, b):
        return fl.relu(a) + b

    def replacement(a, b):
        return fl.sigmoid(a) * b

    traced = fx.symbolic_trace(lambda x, y: fl.relu(fl.relu(x) + y) + 2)
    matches = fx.replace_pattern(traced, pattern, replacement)
    traced.graph.lint()
    assert len(matches) == 2 and "relu" not in traced.code
    x, y = fl.tensor(0.5), fl.tensor(2.0)
    assert traced(x, y).item() == pytest.approx((fl.sigmoid(fl.sigmoid(x) * y) * 2).item())
    assert [node.name for node in matches[0].nodes_map if node.op == "placeholder"] in (["a", "b"], ["b", "a"])


def test_patterns_whose_middle_is_used_elsewhere():
    def f(x):
        y = fl.relu(x)
        return y.neg() + y

    traced = fx.symbolic_trace(f)
    assert fx.replace_pattern(traced, lambda x: fl.relu(x).neg(), lambda x: x) == []
    assert len(fx.replace_pattern(traced, lambda x: x.neg(), lambda x: x * 2)) == 1
    assert traced(fl.ones(1)).item() == 3


def test_patterns_with_modules():
    class Pattern(nn.Module):
        def __init__(self):
            super().__init__()
            self.act = nn.ReLU()

        def forward(self, x):
            return self.act(x)

    traced = fx.symbolic_trace(nn.Sequential(nn.ReLU(), nn.ReLU()))
    assert len(fx.replace_pattern(traced, Pattern(), lambda x: x.neg())) == 2
    assert traced(fl.ones(1)).item() == 1


def test_graph_modules_from_dictionaries():
    graph = fx.Graph()
    x = graph.placeholder("x")
    graph.output(graph.call_module("inner.layer", (x,)))
    made = fx.GraphModule({"inner.layer": nn.ReLU()}, graph)
    assert made(fl.tensor([-1.0])).item() == 0 and isinstance(made.inner.layer, nn.ReLU)
    with pytest.raises(RuntimeError, match="was not provided"):
        fx.GraphModule({}, graph)
    with pytest.raises(RuntimeError, match="Unsupported type"):
        fx.GraphModule(3, graph)
    assert made.add_submodule("inner.other", nn.Tanh()) and hasattr(made.inner, "other")
    made.delete_all_unused_submodules()
    assert not hasattr(made.inner, "other") and hasattr(made.inner, "layer")


def test_errors_in_generated_code_show_it(capsys):
    traced = fx.symbolic_trace(lambda x: x.view(3))
    with pytest.raises(RuntimeError):
        traced(fl.ones(2))
    assert "view = x.view(3)" in capsys.readouterr().err


def test_to_folder(tmp_path):
    traced = fx.symbolic_trace(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))
    traced.to_folder(tmp_path / "made")
    text = (tmp_path / "made" / "module.py").read_text()
    assert "class FxModule(torch.nn.Module)" in text and "state_dict.pt" in text


def test_readable():
    text = fx.symbolic_trace(nn.ReLU()).print_readable(print_output=False)
    assert text.startswith("class ReLU(torch.nn.Module):\n    def forward(self, input):")


def test_stack_traces():
    class Recording(fx.Tracer):
        record_stack_traces = True

    graph = Recording().trace(lambda x: fl.relu(x))
    assert "test_fx.py" in graph.find_nodes(op="call_function")[0].stack_trace
