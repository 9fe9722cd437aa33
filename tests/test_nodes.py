"""Nodes of the graph from Python: their classes, what they saved, hooks on that; names and values as in torch."""

import gc
import weakref

import pytest

from flambeau.autograd import _nodes
from tests.frame import fl

F = fl.nn.functional


def leaf(*shape):
    return (fl.rand(shape) + 0.5).requires_grad_()


X, Y, W, B, I = leaf(3, 4), leaf(3, 4), leaf(5, 4), leaf(5), fl.tensor([0, 2, 1])
IMAGE, KERNEL = leaf(2, 3, 8, 8), leaf(4, 3, 3, 3)

# call -> (name in torch, what is saved under torch's names)
CALLS = [
    (lambda: X * Y, "MulBackward0", {"self": X, "other": Y}),
    (lambda: X * 2, "MulBackward0", {"self": None, "other": 2}),
    (lambda: X / Y, "DivBackward0", {"other": Y}),
    (lambda: X + Y, "AddBackward0", {}),
    (lambda: X**2, "PowBackward0", {"self": X, "exponent": 2}),
    (lambda: X.pow(3), "PowBackward0", {"self": X, "exponent": 3}),
    (lambda: X.log1p(), "Log1PBackward0", {"self": X}),
    (lambda: X.exp(), "ExpBackward0", {"result": ...}),
    (lambda: X.relu(), "ReluBackward0", {"result": ...}),
    (lambda: X.tanh(), "TanhBackward0", {"result": ...}),
    (lambda: F.gelu(X), "GeluBackward0", {"self": X}),
    (lambda: X.sum(), "SumBackward0", {"self_sym_sizes": (3, 4)}),
    (lambda: X.mean(), "MeanBackward0", {"self_sym_sizes": (3, 4), "self_sym_numel": 12}),
    (lambda: X.amax(1), "AmaxBackward0", {"self": X, "result": ...}),
    (lambda: X.norm(), "LinalgVectorNormBackward0", {"self": X, "result": ..., "ord": 2}),
    (lambda: X.softmax(1), "SoftmaxBackward0", {"result": ..., "dim": 1}),
    (lambda: X.cumsum(1), "CumsumBackward0", {"dim": 1}),
    (lambda: X.mm(W.T), "MmBackward0", {"self": X, "mat2": W.T}),
    (lambda: fl.addmm(B, X, W.T, beta=0.5, alpha=2), "AddmmBackward0", {"mat1": X, "mat2": W.T, "beta": 0.5, "alpha": 2}),
    (lambda: F.linear(X, W, B), "LinearBackward0", {"input": X, "weight": W}),
    (lambda: X.permute(1, 0), "PermuteBackward0", {"dims": (1, 0)}),
    (lambda: X.view(12), "ViewBackward0", {"self_sym_sizes": (3, 4)}),
    (lambda: X.unsqueeze(0), "UnsqueezeBackward0", {"dim": 0}),
    (lambda: X.expand(2, 3, 4), "ExpandBackward0", {"self_sym_sizes": (3, 4)}),
    (lambda: X[I], "IndexBackward0", {}),
    (lambda: X.index_select(0, I), "IndexSelectBackward0", {"index": I, "dim": 0, "self_sym_sizes": (3, 4)}),
    (lambda: fl.cat([X, Y]), "CatBackward0", {"dim": 0}),
    (lambda: fl.where(X > 1, X, Y), "WhereBackward0", {"condition": X > 1}),
    (lambda: X.masked_fill(X > 1, 0), "MaskedFillBackward0", {"mask": X > 1}),
    (lambda: fl.maximum(X, Y), "MaximumBackward0", {"self": X, "other": Y}),
    (lambda: fl.addcmul(X, X, Y), "AddcmulBackward0", {"tensor1": X, "tensor2": Y}),
    (lambda: X.sort()[0], "SortBackward0", {"indices": X.argsort(), "dim": 1, "self_sym_sizes": (3, 4)}),
    (lambda: X.max(1)[0], "MaxBackward0", {"indices": X.argmax(1), "dim": 1, "self_sym_sizes": (3, 4)}),
    (lambda: F.embedding(I, X), "EmbeddingBackward0", {"indices": I, "padding_idx": -1, "scale_grad_by_freq": False}),
    (lambda: F.conv2d(IMAGE, KERNEL, stride=2, padding=1), "ConvolutionBackward0",
     {"input": IMAGE, "weight": KERNEL, "stride": (2, 2), "padding": (1, 1), "dilation": (1, 1), "groups": 1}),
    (lambda: F.group_norm(IMAGE, 3), "NativeGroupNormBackward0", {"input": IMAGE, "weight": None, "group": 3, "eps": 1e-5}),
    (lambda: F.unfold(IMAGE, (2, 3), dilation=(1, 2), padding=(3, 4), stride=(5, 6)), "Im2ColBackward0",
     {"kernel_size": (2, 3), "dilation": (1, 2), "padding": (3, 4), "stride": (5, 6)}),
    (lambda: X.unfold(1, 2, 1), "UnfoldBackward0", {"dimension": 1, "size": 2, "step": 1, "self_sym_sizes": (3, 4)}),
]  # fmt: skip


@pytest.mark.parametrize("call, name, saved", CALLS, ids=[f"{name}{i}" for i, (_, name, _) in enumerate(CALLS)])
def test_what_is_saved(call, name, saved):
    result = call()
    node = result.grad_fn
    assert node.name() == name == type(node).__name__ and repr(node).startswith(f"<{name} object at 0x")
    assert type(node) is type(call().grad_fn) and isinstance(node, fl.autograd.graph.Node)
    assert {f"_saved_{label}" for label in saved} <= set(dir(node)) and "_saved_nothing" not in dir(node)
    for label, expected in saved.items():
        found = getattr(node, f"_saved_{label}")
        expected = result if expected is ... else expected
        if isinstance(found, fl.Tensor):
            assert found.equal(expected) if isinstance(expected, fl.Tensor) else found.item() == expected
        else:
            assert found == expected
    with pytest.raises(AttributeError, match=f"'{name}' object has no attribute '_saved_nothing'"):
        _ = node._saved_nothing


def test_the_table_names_ops():
    known = {*fl._C.op_names(), "linalg"}
    ops = [op for _, ops in _nodes._TABLE for op in ops.split()]
    assert len(ops) == len(set(ops)) and set(ops) <= known and set(_nodes._NAMES) <= known


def test_leaves_are_themselves():
    product = X * Y
    assert product.grad_fn._saved_self is X and product.grad_fn._saved_other is Y
    result = X.exp()
    assert result.grad_fn._saved_result is not result and result.grad_fn._saved_result.grad_fn is result.grad_fn


def test_hooks_on_what_is_saved():
    x, seen = leaf(3), []
    y = x.exp() * x
    saved = y.grad_fn._raw_saved_other
    assert saved.data is x and saved.unpack() is x

    def pack(tensor):
        seen.append((tensor.requires_grad, tensor.tolist() == x.tolist()))
        return tensor.numpy().copy()

    saved.register_hooks(pack, fl.from_numpy)
    assert seen == [(False, True)] and y.grad_fn._saved_other.equal(x)
    with pytest.raises(RuntimeError, match="hooks have already been set"):
        saved.register_hooks(pack, fl.from_numpy)
    (first,) = fl.autograd.grad(y.sum(), x, create_graph=True)
    assert fl.allclose(first, x.exp() * (1 + x))
    (second,) = fl.autograd.grad(first.sum(), x)  # the tensor that came back took the place of x in the graph
    assert fl.allclose(second, x.exp() * (2 + x))


def test_refusals():
    node = (X * 2).grad_fn
    with pytest.raises(RuntimeError, match="value None is forbidden"):
        node._raw_saved_self.register_hooks(lambda t: t, lambda t: t)
    with pytest.raises(TypeError, match="two functions"):
        node._raw_saved_other.register_hooks(3, 4)
    y = X * Y
    node = y.grad_fn
    y.sum().backward()
    raw = node._raw_saved_self
    for use in (lambda: node._saved_self, lambda: raw.register_hooks(abs, abs), raw.unpack):
        with pytest.raises(RuntimeError, match="after they have already been freed"):
            use()
    with pytest.raises(TypeError, match="cannot create .MulBackward0. instances"):
        type(node)()


class Scale(fl.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.save_for_backward(x)
        ctx.factor = factor
        return x * factor

    @staticmethod
    def backward(ctx, grad):
        return grad * ctx.factor, None


def test_functions():
    x = leaf(3)
    node = Scale.apply(x, 3.0).grad_fn
    assert node.name() == "ScaleBackward" == type(node).__name__ and type(node).__module__ == "torch.autograd.function"
    assert node.factor == 3 and node.saved_tensors[0] is x and node.needs_input_grad == (True, False)
    assert "factor" in dir(node) and node._raw_saved_tensors[0].data is x
    assert node(fl.ones(3)).tolist() == [3, 3, 3]
    with pytest.raises(AttributeError, match="'ScaleBackward' object has no attribute 'nothing'"):
        _ = node.nothing


def test_leaf_nodes():
    x = leaf(2)
    node = (x * 2).grad_fn.next_functions[0][0]
    assert (
        node.variable is x
        and type(node).__name__ == "AccumulateGrad"
        and node.name() == "torch::autograd::AccumulateGrad"
    )
    assert repr(node).startswith("<AccumulateGrad object at 0x")


def test_order_and_notes():
    first = X * 2
    second = first * 2
    assert first.grad_fn._sequence_nr() < second.grad_fn._sequence_nr() and first.grad_fn.requires_grad
    first.grad_fn.metadata["note"] = 3
    assert first.grad_fn.metadata == {"note": 3}
    assert not hasattr(first.grad_fn, "saved_tensors")


def test_nodes_die():
    x = leaf(2)
    y = Scale.apply(x, 2.0) * x
    kept = y.grad_fn._raw_saved_self
    marker = type("Marker", (), {})()
    y.grad_fn.metadata["marker"] = marker
    alive = weakref.ref(marker)
    del y, kept, marker
    gc.collect()
    assert alive() is None


def test_tensors_changed_after_they_were_saved():
    graph = fl.autograd.graph
    a = leaf(3)
    with graph.allow_mutation_on_saved_tensors():
        b = a.clone()
        c, d = (b * b).sum(), b.exp()
        b.zero_()
        d.zero_()
        with pytest.raises(RuntimeError, match="cannot be nested"), graph.allow_mutation_on_saved_tensors():
            pass
        c.backward()
        assert a.grad.equal(2 * a)
        later = (a * a).sum()
    with pytest.raises(AssertionError, match="outside of the 'allow_mutation_on_saved_tensors' context"):
        later.backward()


def test_versions_can_be_counted_up():
    x = leaf(3)
    fl.autograd.graph.increment_version(x)
    fl.autograd.graph.increment_version([x, x[0]])
    assert x._version == 3
    y = x.exp()
    fl.autograd.graph.increment_version(y)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_quotients_and_inverses_have_saved_what_they_read():
    a, b = (fl.tensor(v, requires_grad=True) for v in ([0.5, 0.25], [0.5, 2.0]))
    quotient = (a / b).grad_fn
    assert quotient._saved_self.tolist() == [0.5, 0.25] and quotient._saved_other.tolist() == [0.5, 2.0]
    assert fl.erfinv(a).grad_fn._saved_self.tolist() == [0.5, 0.25]


def test_an_error_while_tensors_are_saved_leaves_nothing_behind():
    x = fl.ones(3, requires_grad=True)

    def pack(tensor):
        if tensor is not x:
            raise ValueError("no room")
        return tensor

    for _ in range(100):
        with fl.autograd.graph.saved_tensors_hooks(pack, lambda kept: kept), pytest.raises(ValueError, match="no room"):
            fl.addcmul(x, x, fl.ones(3) * 2)
    fl.addcmul(x, x, x).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0, 3.0]


def test_a_node_with_many_inputs_and_outputs():
    parts = [fl.full((1,), float(i), requires_grad=True) for i in range(40)]
    pieces = fl.cat(parts).unbind(0)
    sum(piece * (i + 1) for i, piece in enumerate(pieces)).backward()
    assert [part.grad.item() for part in parts] == [i + 1.0 for i in range(40)]
