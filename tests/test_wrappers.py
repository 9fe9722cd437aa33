"""Classes with __torch_dispatch__: tensors without numbers of their own, and what they are asked; names as in torch."""

import copy

import numpy as np
import pytest

from tests.frame import call, fl, is_tensor, load_rows, make, to_numpy, walk

aten = fl.ops.aten


def unwrapped(value):
    if isinstance(value, Boxed):
        return value.inner
    return [unwrapped(item) for item in value] if isinstance(value, (list, tuple)) else value


def boxed(value):
    if isinstance(value, fl.Tensor):
        return Boxed(value)
    return type(value)(map(boxed, value)) if isinstance(value, (list, tuple)) else value


class Boxed(fl.Tensor):
    """A tensor in a box: every op opens it, and puts the result in a new one."""

    calls = []

    @staticmethod
    def __new__(cls, inner):
        options = {"dtype": inner.dtype, "device": inner.device, "layout": inner.layout}
        return fl.Tensor._make_wrapper_subclass(
            cls, inner.shape, strides=inner.stride(), storage_offset=inner.storage_offset(), **options
        )

    def __init__(self, inner):
        self.inner = inner

    def __repr__(self):
        return f"Boxed({self.inner})"

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        cls.calls.append(str(func))
        return boxed(func(*unwrapped(args), **{k: unwrapped(v) for k, v in (kwargs or {}).items()}))


class Straight(Boxed):
    __torch_function__ = fl._C._disabled_torch_function_impl


X, Y, N = fl.arange(6.0).reshape(2, 3), fl.ones(2, 3), fl.tensor([1, 0])
F = fl.nn.functional
CALLS = [
    (lambda x, y: x * y, ["aten.mul.Tensor"]),
    (lambda x, y: 2 * x, ["aten.mul.Tensor"]),
    (lambda x, y: Y * x, ["aten.mul.Tensor"]),
    (lambda x, y: x + 1, ["aten.add.Tensor"]),
    (lambda x, y: fl.add(x, y, alpha=2), ["aten.add.Tensor"]),
    (lambda x, y: 1 - x, ["aten.rsub.Scalar"]),
    (lambda x, y: x / y, ["aten.div.Tensor"]),
    (lambda x, y: 1 / (x + 1), ["aten.add.Tensor", "aten.reciprocal.default", "aten.mul.Tensor"]),
    (lambda x, y: -x, ["aten.neg.default"]),
    (lambda x, y: x**2, ["aten.pow.Tensor_Scalar"]),
    (lambda x, y: x**y, ["aten.pow.Tensor_Tensor"]),
    (lambda x, y: fl.exp(x), ["aten.exp.default"]),
    (lambda x, y: F.relu(x), ["aten.relu.default"]),
    (lambda x, y: F.gelu(x, approximate="tanh"), ["aten.gelu.default"]),
    (lambda x, y: x.sum(), ["aten.sum.default"]),
    (lambda x, y: x.sum(1, keepdim=True), ["aten.sum.dim_IntList"]),
    (lambda x, y: x.mean(), ["aten.mean.default"]),
    (lambda x, y: x.mean(0), ["aten.mean.dim"]),
    (lambda x, y: x.max(), ["aten.max.default"]),
    (lambda x, y: x.max(1)[0], ["aten.max.dim"]),
    (lambda x, y: x.softmax(1), ["aten._softmax.default"]),
    (lambda x, y: x.log_softmax(1), ["aten._log_softmax.default"]),
    (lambda x, y: x @ y.t(), ["aten.t.default", "aten.mm.default"]),
    (lambda x, y: F.linear(x, y), ["aten.t.default", "aten.mm.default"]),
    (lambda x, y: F.linear(x, y, fl.ones(2)), ["aten.t.default", "aten.addmm.default"]),
    (lambda x, y: F.linear(x[None], y), ["aten.unsqueeze.default", "aten.view.default", "aten.t.default", "aten.mm.default", "aten.view.default"]),
    (lambda x, y: F.linear(x[None], y, fl.ones(2)), ["aten.unsqueeze.default", "aten.view.default", "aten.t.default", "aten.addmm.default", "aten.view.default"]),
    (lambda x, y: x @ y[0], ["aten.select.int", "aten.mv.default"]),
    (lambda x, y: F.conv1d(x[None], y.view(3, 2, 1), padding=1), ["aten.unsqueeze.default", "aten.view.default", "aten.convolution.default"]),
    (lambda x, y: F.conv_transpose1d(x[None], y.view(2, 3, 1), stride=2), ["aten.unsqueeze.default", "aten.view.default", "aten.convolution.default"]),
    (lambda x, y: x.T, ["aten.permute.default"]),
    (lambda x, y: x.transpose(-2, -1), ["aten.transpose.int"]),
    (lambda x, y: x.view(6), ["aten.view.default"]),
    (lambda x, y: x.reshape(3, 2), ["aten.view.default"]),
    (lambda x, y: x.t().reshape(6), ["aten.t.default", "aten.clone.default", "aten._unsafe_view.default"]),
    (lambda x, y: x[0], ["aten.select.int"]),
    (lambda x, y: x[:, 1:], ["aten.slice.Tensor"]),
    (lambda x, y: x[..., None, 0], ["aten.unsqueeze.default", "aten.select.int"]),
    (lambda x, y: x[1:, [0, 2]], ["aten.slice.Tensor", "aten.index.Tensor"]),
    (lambda x, y: x[N], ["aten.index.Tensor"]),
    (lambda x, y: fl.cat([x, y]), ["aten.cat.default"]),
    (lambda x, y: fl.stack([x, y]), ["aten.stack.default"]),
    (lambda x, y: x.clone(), ["aten.clone.default"]),
    (lambda x, y: x.detach(), ["aten.detach.default"]),
    (lambda x, y: x.data, ["aten.detach.default"]),
    (lambda x, y: x.to(fl.float64), ["aten._to_copy.default"]),
    (lambda x, y: x.to(fl.float32), []),
    (lambda x, y: x.contiguous(), []),
    (lambda x, y: x.expand(2, 2, 3), ["aten.expand.default"]),
    (lambda x, y: x.unsqueeze(0), ["aten.unsqueeze.default"]),
    (lambda x, y: x == y, ["aten.eq.Tensor"]),
    (lambda x, y: x == 1, ["aten.eq.Scalar"]),
    (lambda x, y: fl.where(x > y, x, y), ["aten.gt.Tensor", "aten.where.self"]),
    (lambda x, y: x.sort()[0], ["aten.sort.default"]),
    (lambda x, y: x.argmax(), ["aten.argmax.default"]),
    (lambda x, y: x.sum().item(), ["aten.sum.default", "aten._local_scalar_dense.default"]),
    (lambda x, y: bool(x.sum()), ["aten.sum.default", "aten._local_scalar_dense.default"]),
    (lambda x, y: F.softplus(x), ["aten.softplus.default"]),
]  # fmt: skip


@pytest.mark.parametrize("kind", [Boxed, Straight])
@pytest.mark.parametrize("number", range(len(CALLS)))
def test_what_is_asked(number, kind):
    call, names = CALLS[number]
    x, y = kind(X), kind(Y)
    kind.calls.clear()
    found, expected = call(x, y), call(X, Y)
    assert kind.calls == names
    if isinstance(expected, fl.Tensor):
        assert isinstance(found, Boxed) and found.inner.equal(expected)
        assert found.shape == expected.shape and found.dtype is expected.dtype
    else:
        assert found == expected


def test_properties():
    x = Boxed(X.t())
    assert (x.shape, x.stride(), x.dtype, x.device, x.layout) == (X.T.shape, (1, 3), X.dtype, X.device, fl.strided)
    assert type(x) is Boxed and len(x) == 3 and not x.is_contiguous() and x.is_leaf and not x.requires_grad
    plain = fl.Tensor._make_wrapper_subclass(Boxed, (2, 3), requires_grad=True)
    assert plain.stride() == (3, 1) and plain.dtype is fl.float32 and plain.requires_grad and plain.grad_fn is None
    assert fl.Tensor._make_wrapper_subclass(Boxed, (2,), device="meta").is_meta
    assert fl.Tensor._make_wrapper_subclass(Boxed, (0, 2), strides=(2, 1)).numel() == 0


def test_in_place():
    x = Boxed(X.clone())
    kept = x
    x += 1
    x.mul_(2)
    assert x is kept and x.inner.equal((X + 1) * 2)
    x[0] = 5.0
    x[1, :2] = Boxed(fl.zeros(2))
    assert x.inner.tolist() == [[5, 5, 5], [0, 0, 12]]


def test_operators_are_torch_ops():
    seen = []

    class Table(Boxed):
        @classmethod
        def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
            seen.append(
                (
                    func in {aten.detach.default, aten.exp.default, aten.mul.Tensor},
                    func.overloadpacket == aten.mul,
                    types,
                )
            )
            return func(args[0].inner)

    x = Table(X)
    assert x.detach().equal(X) and x.exp().equal(X.exp())
    assert [s[0] for s in seen] == [True, True] and seen[0][2] == (Table,)


def test_boxes_in_boxes():
    twice = Boxed(Boxed(X))
    Boxed.calls.clear()
    result = (twice * 2).exp()
    assert result.inner.inner.equal((X * 2).exp()) and Boxed.calls == ["aten.mul.Tensor"] * 2 + ["aten.exp.default"] * 2


def test_parameters():
    weight = fl.nn.Parameter(Boxed(Y))
    assert isinstance(weight, Boxed) and isinstance(weight, fl.nn.Parameter) and weight.requires_grad
    layer = fl.nn.Linear(3, 2, bias=False)
    layer.weight = weight
    assert dict(layer.named_parameters())["weight"] is weight
    with fl.no_grad():
        assert layer(X).inner.equal(X @ Y.T)
    with pytest.raises(
        NotImplementedError, match="gradients of Boxed, which has no numbers of its own, are not recorded"
    ):
        layer(X)
    inner = fl.ones(2, 3, requires_grad=True)
    (Boxed(inner) * Boxed(X)).inner.sum().backward()
    assert inner.grad.equal(X)


def test_copies():
    x = Boxed(X.clone())
    x.note = [1]
    y = copy.deepcopy(x)
    assert (
        type(y) is Boxed
        and y.inner.equal(x.inner)
        and y.inner is not x.inner
        and y.note == [1]
        and y.note is not x.note
    )


def test_plain_subclasses_are_asked_too():
    seen = []

    class Told(fl.Tensor):
        @classmethod
        def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
            seen.append(str(func))
            return super().__torch_dispatch__(func, types, args, kwargs or {})

    x = X.clone().requires_grad_().as_subclass(Told)
    result = x * x
    assert seen == ["aten.mul.Tensor"] and type(result) is fl.Tensor and result.sum().item() == 55
    assert result.requires_grad


def test_refusals():
    class Nothing(fl.Tensor):
        __torch_dispatch__ = classmethod(lambda cls, func, types, args=(), kwargs=None: NotImplemented)

    x = fl.Tensor._make_wrapper_subclass(Nothing, (2,))
    with pytest.raises(TypeError, match="Multiple dispatch failed for 'torch.ops.aten.add.Tensor'"):
        x + 1
    for read, text in ((Boxed(X).tolist, r"\.tolist\(\)"), (Boxed(X).numpy, r"\.numpy\(\)")):
        with pytest.raises(RuntimeError, match=f"{text} is not supported for tensor subclasses"):
            read()
    make = fl.Tensor._make_wrapper_subclass
    with pytest.raises(TypeError, match="Tensor must define __torch_dispatch__"):
        make(fl.Tensor, (2,))
    with pytest.raises(TypeError, match=r"must be a type \(got int\)"):
        make(3, (2,))
    with pytest.raises(RuntimeError, match="floating point and complex dtype can require gradients"):
        make(Boxed, (2,), dtype=fl.int64, requires_grad=True)
    with pytest.raises(NotImplementedError, match="layout"):
        make(Boxed, (2,), layout=fl.sparse_coo)


def test_under_other_interpreters():
    class Count(fl.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            seen.append(func.__name__)
            return func(*args, **(kwargs or {}))

    seen = []
    with Count():
        result = Boxed(X) * Boxed(Y)
    assert result.inner.equal(X) and seen == ["mul.Tensor"]


ROWS = [row for row in load_rows() if not row.random and "empty" not in row.name]


def tensors_in(value):
    if is_tensor(value):
        return [value]
    return [t for item in value for t in tensors_in(item)] if isinstance(value, (list, tuple)) else []


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_every_row(row):
    """What is computed on boxes, and under a mode that changes nothing, is what is computed without."""

    class Pass(fl.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            return func(*args, **(kwargs or {}))

    dtype = "float32" if "float32" in row.dtypes else row.dtypes[0]
    sample = row.samples[0]
    expected = tensors_in(call(row, *make(sample, dtype)))
    with Pass():
        plain = tensors_in(call(row, *make(sample, dtype)))
    inside = walk(list(make(sample, dtype)), lambda v: Boxed(v) if type(v) is fl.Tensor else v)
    with fl.no_grad():
        boxes = tensors_in(call(row, *inside))
    for found in (plain, [b.inner if isinstance(b, Boxed) else b for b in boxes]):
        assert [(t.dtype, t.shape) for t in found] == [(t.dtype, t.shape) for t in expected]
        for got, wanted in zip(found, expected, strict=True):
            np.testing.assert_allclose(to_numpy(got), to_numpy(wanted), 1e-4, 1e-5, equal_nan=True)


def test_helpers():
    dispatch = fl.utils._python_dispatch

    class Pair(Boxed):
        def __tensor_flatten__(self):
            return ["inner"], None

        @staticmethod
        def __tensor_unflatten__(parts, context, size, stride):
            return Pair(parts["inner"])

    pair = Pair(X)
    assert dispatch.is_traceable_wrapper_subclass(pair) and not dispatch.is_traceable_wrapper_subclass(Boxed(X))
    assert dispatch.transform_subclass(pair, lambda name, inner: inner * 2).inner.equal(X * 2)
    assert dispatch.return_and_correct_aliasing(aten.add_.Tensor, (pair, 1), {}, X) is pair
    assert dispatch.return_and_correct_aliasing(aten.add.Tensor, (pair, 1), {}, X) is X
    assert not dispatch.is_in_torch_dispatch_mode()
