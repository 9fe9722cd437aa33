"""Nested tensors: component by component and, where it is installed, against torch call by call."""

import io
import pickle
import re

import numpy as np
import pytest

from tests.frame import fl
from tests.test_sparse import check_same, lines, numbers, oracle, torch

# n: two components, (2, 3) and (4, 3), in each layout; a, b: these; J: jagged.
BOTH = """
n.is_nested, n.dtype, n.device.type, n.requires_grad, n.is_leaf, n.is_sparse, n.ndim, n.dim(), n.element_size(), n.nbytes
n.size(0)
n.size(2)
n.size(5)
n.is_contiguous()
n.unbind()
n[0]
n[-1]
n[0, 1]
n[7]
n.values()
n.to_padded_tensor(0.0)
T.nested.to_padded_tensor(n, -1.0)
n + 1
n * 2
n / 2
n + n
n - n
n * n
n / n
n * T.tensor(2.0)
n + a
n.transpose(1, 2)
n.mT
n.transpose(0, 1)
T.nn.functional.linear(n, T.ones(2, 3), T.ones(2))
T.nn.functional.linear(n, T.ones(2, 4))
n.softmax(-1)
T.nn.functional.softmax(n, 1)
T.nn.functional.softmax(n, 0)
T.nn.functional.layer_norm(n, (3,), T.ones(3), T.zeros(3))
T.nn.functional.dropout(n, 0.0)
T.nn.functional.relu(n)
T.nn.functional.gelu(n)
T.nn.functional.silu(n)
n.relu()
n.sin()
n.cos()
n.abs()
-n
n.tanh()
n.sqrt()
n.sgn()
n.clone()
n.detach()
n.double()
n.half()
n.int()
n.bool()
n.to(T.float64)
n.cpu()
n.view(2, -1, 3)
n.view(2, -1, 3, 1)
n.reshape(2, -1, 3, 1)
n.unsqueeze(1)
n.unsqueeze(-1)
n.squeeze(0)
n.select(0, 0)
n.select(2, 1)
n.split([1, 2], -1)
T.cat([n, n], -1)
n > 3
n == 1
T.isnan(n)
T.zeros_like(n)
T.ones_like(n)
T.logical_not(n > 3)
n.masked_fill(n > 3, 0.0)
n.copy_(n * 2)
n.fill_(1.0)
n.zero_()
n.add_(1)
n.mul_(2)
n.add_(n)
n.sum(2, keepdim=True)
n.item()
n.numpy()
bool(n)
n.contiguous()
n.requires_grad_()
T.nn.functional.scaled_dot_product_attention(n.unsqueeze(1), n.unsqueeze(1), n.unsqueeze(1))
T.nn.functional.embedding(T.nested.nested_tensor([T.tensor([0, 1]), T.tensor([1, 0, 1])], layout=n.layout), b)
"""

STRIDED = """
n.layout
n.shape
n.size()
n.size(1)
n.stride()
n.narrow(0, 0, 1)
n.narrow(2, 0, 1)
n.chunk(3, -1)
n.chunk(2, -1)
n @ n.transpose(1, 2)
T.bmm(n, n.transpose(1, 2))
n @ T.ones(3, 2)
n.unsqueeze(-1) @ T.ones(1, 2)
n.squeeze(2)
n * T.ones(3)
n.sum(-1)
n.sum(1)
n.to_padded_tensor(0.0, (3, 5, 4))
n.to_padded_tensor(0.0, (2, 3, 3))
n.to_padded_tensor(0.0, (2, 5))
T.cat([n, n], 0)
T.nn.functional.layer_norm(n, (3,))
n._nested_tensor_size(), n._nested_tensor_strides(), n._nested_tensor_storage_offsets()
n + T.nested.nested_tensor([b, a])
repr(n)
repr(n.double())
repr(n.requires_grad_())
repr(n.requires_grad_() * 2)
T.nested.nested_tensor([])
T.nested.nested_tensor([1.0, 2.0])
T.nested.nested_tensor([[1, 2], [3]])
T.nested.nested_tensor([[1, 2], [3]], dtype=T.float32)
T.nested.nested_tensor([a, b.double()])
T.nested.nested_tensor([a, T.ones(3)])
T.nested.nested_tensor([T.ones(2, 3), T.ones(3, 4)])
T.nested.nested_tensor(a)
T.nested.nested_tensor((a, b))
T.nested.nested_tensor([a, b], layout=T.sparse_coo)
T.nested.nested_tensor([T.ones(2, 3), T.ones(3, 4)]) @ T.nested.nested_tensor([T.ones(3, 1), T.ones(4, 2)])
T.nested.as_nested_tensor([a, b])
T.nested.as_nested_tensor((a, b), dtype=T.float64)
T.nested.as_nested_tensor(T.ones(2, 3, 4))
T.nested.as_nested_tensor(T.ones(3))
T.nested.as_nested_tensor(5)
T.nested.narrow(T.arange(24.0).reshape(2, 4, 3), 1, T.tensor([0, 1]), 2)
T.nested.to_padded_tensor(a, 0.0)
n.softmax(3)
n.cumsum(-1)
n.sort(-1)
n.new_zeros(2)
"""

JAGGED = """
n.layout
n.shape
n.size()
n.numel(), len(n), n._max_seqlen, n._min_seqlen
n.shape == n.shape, n.shape == (n * 2).shape, n.shape == T.nested.nested_tensor([a, b], layout=J).shape
n.shape[1] == n.shape[1], n.shape[1] == 4, n.shape[0], n.shape[-1], n.size(1) == n.shape[1]
repr(n)
repr(n.requires_grad_())
repr(n.transpose(1, 2))
n.offsets()
n.lengths()
list(n)
n.to_padded_tensor(0.0, (3, 5, 4))
n.to_padded_tensor(0.0, (2, 3, 3))
1 - n
n + T.ones(2, 1, 1)
n * T.arange(2.0).view(2, 1, 1)
n * T.arange(6.0).view(2, 1, 3)
n * T.arange(3.0)
n * T.ones(2, 1)
n + T.nested.nested_tensor([a, b], layout=J)
n + T.nested.nested_tensor_from_jagged(T.ones(6, 3), n.offsets())
n @ T.ones(3, 2)
n @ T.arange(12.0).view(2, 3, 2)
n @ n.transpose(1, 2)
T.nn.functional.layer_norm(n, (3,))
T.log_softmax(n, -1)
n.sigmoid()
n.exp()
n.pow(2)
n**2
n.clamp(0, 3)
n.sum()
n.sum(-1)
n.sum(1)
n.sum(0)
n.sum(1, keepdim=True)
n.sum((1, 2))
n.sum((0, 1))
n.sum((0, 1, 2))
n.mean()
n.mean(-1)
n.mean(1)
n.max()
n.max(-1).values
n.max(1)
n.amax(1)
n.amin(1)
n.amax(-1)
n.any()
n.all()
n.all(1)
n.prod(-1)
n.argmax(-1)
n.permute(0, 2, 1)
n.permute(1, 0, 2)
n.flatten(1)
n.unsqueeze(-1).flatten(2)
n.unflatten(-1, (3, -1))
n.unflatten(1, (1, 2))
n.unflatten(0, (1, 2))
n.narrow(0, 0, 1)
n.narrow(2, 0, 1)
n.chunk(2, -1)
n.chunk(2, 0)
n.split(1, -1)
n.sum((2, 2))
T.cat([n, n], 0)
T.cat([n, n], 1)
n[:, 0]
n[..., 0]
n[0:1]
n.expand(2, -1, 3)
n.expand_as(n)
T.where(n > 3, n, n * 2)
n == n
T.nan_to_num(n)
T.full_like(n, 2.0)
T.maximum(n, n * 2)
T.pow(n, n)
n.square(), n.round(), n.erf(), n.reciprocal(), n.isfinite()
n.cumsum(-1)
n.sort(-1)
n.new_zeros(2)
n.norm()
T.nested.nested_tensor([], layout=J)
T.nested.nested_tensor((T.ones(2), T.ones(3)), layout=J)
T.nested.nested_tensor((T.ones(2), T.ones(3)))
T.nested.nested_tensor([[1, 2], [3]], layout=J)
T.nested.nested_tensor([a, T.ones(3)], layout=J)
T.nested.nested_tensor([a, T.ones(3, 4)], layout=J)
T.nested.nested_tensor([T.ones(3, 2), T.ones(3, 4)], layout=J)
T.nested.nested_tensor([T.tensor(1.0), T.tensor(2.0)], layout=J)
T.nested.as_nested_tensor(T.ones(2, 3, 4), layout=J)
T.nested.as_nested_tensor([a, b], layout=J)
T.nested.nested_tensor_from_jagged(T.ones(6, 3), T.tensor([0, 2, 6]))
T.nested.nested_tensor_from_jagged(T.ones(6, 3), lengths=T.tensor([2, 4]))
T.nested.nested_tensor_from_jagged(T.arange(18.0).view(6, 3), T.tensor([0, 2, 6]), T.tensor([1, 3]))
T.nested.nested_tensor_from_jagged(T.ones(6, 3))
T.nested.nested_tensor_from_jagged(T.arange(18.0).view(3, 6), T.tensor([0, 2, 6]), jagged_dim=2)
T.nested.nested_tensor_from_jagged(5, T.tensor([0, 2, 6]))
T.nested.masked_select(T.arange(6.0).reshape(2, 3), T.tensor([[True, False, True], [False, True, False]]))
T.nested.narrow(T.arange(24.0).reshape(2, 4, 3), 1, T.tensor([0, 1]), T.tensor([2, 3]), layout=J)
T.nested.narrow(T.arange(24.0).reshape(2, 4, 3), 1, 0, T.tensor([2, 3]), layout=J)
T.nested.narrow(T.arange(24.0).reshape(2, 4, 3), 2, T.tensor([0, 1]), 2, layout=J)
"""

CALLS = [
    *(("strided", call) for call in lines(BOTH) + lines(STRIDED)),
    *(("jagged", call) for call in lines(BOTH) + lines(JAGGED)),
]


def scope(module, layout="strided"):
    a = module.arange(6.0).reshape(2, 3)
    b = module.arange(12.0).reshape(4, 3) + 10
    n = module.nested.nested_tensor([a, b], layout=getattr(module, layout))
    return {"T": module, "a": a, "b": b, "J": module.jagged, "n": n}


def plain(text):
    """Without numbers of ragged sizes and addresses."""
    return re.sub(r"\bj\d+", "j", re.sub(r" at 0x\w+", "", text))


def described(x):
    if isinstance(x, (tuple, list)):
        return [described(item) for item in x]
    if not hasattr(x, "layout"):
        return x if type(x) in (int, float, bool, type(None)) else plain(x if isinstance(x, str) else repr(x))
    if x.is_nested:
        return ["nested", repr(x.layout), repr(x.dtype), x.requires_grad, x.dim(), described(x.unbind())]
    return [tuple(x.shape), repr(x.dtype), x.requires_grad, numbers(x)]


def outcome(call, module, layout):
    try:
        return described(eval(call, scope(module, layout)))
    except Exception as error:
        return error


@oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("layout", "call"), CALLS)
def test_like_torch(layout, call):
    theirs, ours = outcome(call, torch, layout), outcome(call, fl, layout)
    if isinstance(theirs, Exception) or isinstance(ours, Exception):
        assert isinstance(theirs, Exception) and isinstance(ours, Exception), f"torch gives {theirs!r}, got {ours!r}"
        assert type(theirs).__name__ in [kind.__name__ for kind in type(ours).__mro__], (
            f"torch: {theirs!r}, got {ours!r}"
        )
    else:
        check_same(theirs, ours)


# ---- component by component

LAYOUTS = ["strided", "jagged"]
UNARY = [
    "exp",
    "log1p",
    "sigmoid",
    "tanh",
    "relu",
    "neg",
    "abs",
    "sqrt",
    "square",
    "erf",
    "floor",
    "isnan",
    "sin",
    "reciprocal",
]


def components(seed=0):
    generator = fl.Generator().manual_seed(seed)
    return [fl.rand(length, 3, generator=generator, dtype=fl.float64) + 0.1 for length in (2, 0, 4, 1)]


def check_each(nested, expected):
    parts = nested.unbind()
    assert len(parts) == len(expected)
    for part, other in zip(parts, expected):
        assert part.dtype is other.dtype and part.shape == other.shape
        np.testing.assert_allclose(part.detach().numpy(), other.detach().numpy(), 1e-12, 1e-12)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_component(layout):
    parts, others = components(), components(1)
    x = fl.nested.as_nested_tensor(parts, layout=getattr(fl, layout))
    other = (
        fl.nested.nested_tensor_from_jagged(fl.cat(others), x.offsets())
        if layout == "jagged"
        else fl.nested.as_nested_tensor(others)
    )
    for name in UNARY:
        check_each(getattr(fl, name)(x), [getattr(fl, name)(p) for p in parts])
        check_each(getattr(x, name)(), [getattr(fl, name)(p) for p in parts])
    for function in (fl.add, fl.mul, fl.div, fl.maximum, fl.pow, fl.lt, lambda a, b: a - b, lambda a, b: a // b):
        check_each(function(x, other), [function(p, q) for p, q in zip(parts, others)])
    weight, bias = fl.rand(5, 3, dtype=fl.float64), fl.rand(5, dtype=fl.float64)
    check_each(fl.nn.functional.linear(x, weight, bias), [p @ weight.t() + bias for p in parts])
    check_each(x.softmax(-1), [p.softmax(-1) for p in parts])
    check_each(x.softmax(1), [p.softmax(0) for p in parts])
    check_each(x.transpose(1, 2), [p.t() for p in parts])
    check_each(x.sum(-1, keepdim=True), [p.sum(-1, keepdim=True) for p in parts])
    padded = x.to_padded_tensor(7.0)
    for row, p in zip(padded, parts):
        assert row[: len(p)].tolist() == p.tolist() and (row[len(p) :] == 7).all()
    assert x.sum().item() == pytest.approx(sum(p.sum().item() for p in parts))
    heads = x.unsqueeze(1)
    attend = fl.nn.functional.scaled_dot_product_attention
    for causal in (False, True):
        expected = [attend(p[None, None], p[None, None], p[None, None], is_causal=causal)[0] for p in parts if len(p)]
        found = [part for part in attend(heads, heads, heads, is_causal=causal).unbind() if part.numel()]
        check_each(fl.nested.nested_tensor(found), expected)


def test_reductions_of_jagged():
    parts = [p for p in components() if len(p)]
    x = fl.nested.as_nested_tensor(parts, layout=fl.jagged)
    for name in ("sum", "mean", "amax", "amin", "prod"):
        function = getattr(fl, name)
        expected = fl.stack([function(p, 0) for p in parts])
        np.testing.assert_allclose(function(x, 1).numpy(), expected.numpy(), 1e-12)
        np.testing.assert_allclose(getattr(x, name)(1, keepdim=True).numpy(), expected.unsqueeze(1).numpy(), 1e-12)
        check_each(function(x, 2), [function(p, 1) for p in parts])
    values, indices = x.max(1)
    assert indices.tolist() == [p.argmax(0).tolist() for p in parts] and values.shape == (3, 3)
    gaps = fl.nested.nested_tensor_from_jagged(x.values(), x.offsets(), fl.tensor([1, 3, 1]))
    assert gaps.sum().item() == pytest.approx(sum(p[:n].sum().item() for p, n in zip(parts, (1, 3, 1))))
    check_each(gaps.contiguous(), [p[:n] for p, n in zip(parts, (1, 3, 1))])
    np.testing.assert_allclose(
        gaps.mean(1).numpy(), fl.stack([p[:n].mean(0) for p, n in zip(parts, (1, 3, 1))]).numpy()
    )
    check_each(gaps.softmax(1), [p[:n].softmax(0) for p, n in zip(parts, (1, 3, 1))])
    product = x.transpose(1, 2) @ x
    np.testing.assert_allclose(product.numpy(), fl.stack([p.t() @ p for p in parts]).numpy(), 1e-12)
    factors = fl.rand(3, 3, 2, dtype=fl.float64)
    check_each(x @ factors, [p @ f for p, f in zip(parts, factors)])


# ---- gradients


@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradients(layout):
    """Of components, against the same computation one by one."""
    kind = getattr(fl, layout)
    weight = fl.rand(2, 3, dtype=fl.float64)
    for function, single in (
        (lambda x: (x * x).to_padded_tensor(3.0).sum(), lambda p: (p * p).sum()),
        (lambda x: (x.softmax(1) * x).sum(), lambda p: (p.softmax(0) * p).sum()),
        (lambda x: fl.nn.functional.linear(x, weight).exp().sum(), lambda p: (p @ weight.t()).exp().sum()),
        (lambda x: (x.transpose(1, 2).unsqueeze(1) * 2).sum(), lambda p: (p * 2).sum()),
        (lambda x: x.unbind()[2].sum() + x[0].sum(), lambda p: p.sum() if len(p) in (2, 4) else p.sum() * 0),
        (lambda x: fl.cat([x, x * x], -1).sum(), lambda p: (p + p * p).sum()),
    ):
        parts = [p.requires_grad_() for p in components()]
        function(fl.nested.as_nested_tensor(parts, layout=kind)).backward()
        for p in (p for p in parts if len(p)):
            (expected,) = fl.autograd.grad(single(p), p)
            np.testing.assert_allclose(p.grad.numpy(), expected.numpy(), 1e-10, 1e-12)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_leaf(layout):
    x = fl.nested.nested_tensor(components(), layout=getattr(fl, layout), requires_grad=True)
    seen = []
    x.register_hook(lambda g: seen.append(g))
    (x * x).sum().backward()
    assert x.is_leaf and x.grad.is_nested and x.grad.layout is x.layout and seen[0].is_nested
    check_each(x.grad, [2 * c for c in components()])
    (given,) = fl.autograd.grad((x * 3).sum(), x)
    check_each(given, [fl.full_like(c, 3) for c in components()])
    y = x * 2
    y.backward(fl.ones_like(y))
    check_each(x.grad, [2 * c + 2 for c in components()])
    assert not y.is_leaf and y.grad_fn.name() == "MulBackward0" and x.detach().requires_grad is False
    x.grad = None
    assert x.grad is None


def test_gradcheck():
    values = fl.rand(6, 3, dtype=fl.float64, requires_grad=True)
    offsets = fl.tensor([0, 2, 6])

    def run(function):
        return lambda v: function(fl.nested.nested_tensor_from_jagged(v, offsets))

    for function in (
        lambda x: x.softmax(1).values(),
        lambda x: x.sum(1),
        lambda x: x.mean(1),
        lambda x: (x * fl.arange(2.0, dtype=fl.float64).view(2, 1, 1)).values(),
        lambda x: x @ fl.ones(2, 3, 2, dtype=fl.float64) @ fl.ones(2, 4, dtype=fl.float64),
    ):
        wrapped = run(lambda x, f=function: f(x).values() if f(x).is_nested else f(x))
        assert fl.autograd.gradcheck(wrapped, (values,))
        assert fl.autograd.gradgradcheck(wrapped, (values,))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_modules(layout):
    net = fl.nn.Sequential(
        fl.nn.Linear(3, 4), fl.nn.LayerNorm(4), fl.nn.GELU(), fl.nn.Dropout(0.0), fl.nn.Linear(4, 2)
    ).double()
    parts = components()
    x = fl.nested.as_nested_tensor(parts, layout=getattr(fl, layout))
    check_each(net(x), [net(p) for p in parts])
    net(x).sum().backward()
    assert all(p.grad is not None for p in net.parameters())


# ---- files


def test_pickle_and_files():
    for layout in LAYOUTS:
        x = fl.nested.nested_tensor(components(), layout=getattr(fl, layout))
        check_each(pickle.loads(pickle.dumps(x)), components())
    file = io.BytesIO()
    fl.save([fl.nested.nested_tensor(components()), fl.nested.nested_tensor([])], file)
    file.seek(0)
    loaded = fl.load(file)
    check_each(loaded[0], components())
    assert loaded[1].size(0) == 0
    file = io.BytesIO()
    fl.save(fl.nested.nested_tensor(components(), layout=fl.jagged), file)
    file.seek(0)
    again = fl.load(file)
    check_each(again, components())
    assert again.layout is fl.jagged


@oracle
@pytest.mark.filterwarnings("ignore")
def test_files_of_torch():
    parts = [c for c in components() if len(c)]
    file = io.BytesIO()
    fl.save(fl.nested.nested_tensor(parts), file)
    file.seek(0)
    for part, other in zip(torch.load(file, weights_only=False).unbind(), parts):
        assert part.tolist() == other.tolist()
    file = io.BytesIO()
    torch.save(torch.nested.nested_tensor([torch.tensor(p.tolist()) for p in parts]), file)
    file.seek(0)
    assert [c.tolist() for c in fl.load(file).unbind()] == [torch.tensor(p.tolist()).tolist() for p in parts]


def test_hostile_parts_are_refused():
    from flambeau.serialization.allowed import UnpicklingError, _rebuild_nested

    buffer, ints = fl.ones(6), lambda *rows: fl.tensor(rows, dtype=fl.int64)
    for parts in (
        (buffer, ints([2, 9]), ints([9, 1]), ints(0)),
        (buffer, ints([2, 3]), ints([3, 1]), ints(4)),
        (buffer, ints([2, 3]), ints([-3, 1]), ints(3)),
        (buffer, ints([1 << 40, 3]), ints([0, 0]), ints(0)),
        (buffer, ints([2, 3]), ints([3, 1]), ints(0, 0)),
        (buffer.view(2, 3), ints([2, 3]), ints([3, 1]), ints(0)),
        (buffer, ints([2, 3]).float(), ints([3, 1]), ints(0)),
        (buffer, [2, 3], ints([3, 1]), ints(0)),
    ):
        with pytest.raises((UnpicklingError, RuntimeError)):
            _rebuild_nested(*parts)


def test_parts_are_checked():
    values = fl.ones(4, 2)
    for offsets, lengths in (([0, 5], None), ([2, 0, 4], None), ([-1, 2], None), ([0, 2], [3, 1]), ([0, 4], [5])):
        with pytest.raises(RuntimeError):
            fl.nested.nested_tensor_from_jagged(
                values, fl.tensor(offsets), None if lengths is None else fl.tensor(lengths)
            )
    with pytest.raises(RuntimeError):
        fl.nested.nested_tensor_from_jagged(values, fl.tensor([0.0, 4.0]))
    with pytest.raises(RuntimeError):
        fl.nested.narrow(values.view(2, 2, 2), 1, 1, fl.tensor([1, 2]), layout=fl.jagged)
