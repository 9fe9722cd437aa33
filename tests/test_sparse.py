"""Sparse tensors: against dense ones and, where it is installed, against torch call by call."""

import copy
import io
import pickle
import re

import numpy as np
import pytest

from tests import sparse_calls as calls
from tests.frame import fl

try:
    import torch
except ImportError:
    torch = None

oracle = pytest.mark.skipif(torch is None, reason="needs torch")


# ---- call by call, as torch


def lines(text):
    return text.strip().splitlines()


def on_each(text, kinds=("S", "C", "U", "H", "R")):
    return [re.sub(r"\bx\b", kind, line) for line in lines(text) for kind in kinds]


ALL_CALLS = [
    *lines(calls.CONSTRUCTORS),
    *on_each(calls.QUESTIONS),
    *(f"T.{name}({x})" for name in calls.UNARY for x in ("S", "C", "R", "H", "C.int()", "C.cfloat()")),
    *(f"{x}.{name}_()" for name in calls.UNARY for x in ("S", "C", "R") if hasattr(fl.Tensor, name + "_")),
    *on_each(calls.PAIRS, ("S", "C", "U", "R")),
]


class Scope(dict):
    """The names of sparse_calls, made anew where they are used."""

    def __missing__(self, name):
        if name not in calls.NAMES:
            raise KeyError(name)
        self[name] = eval(calls.NAMES[name], {}, self)
        return self[name]


def numbers(x):
    x = x.detach()
    return np.array(
        (x.float() if x.dtype in (getattr(fl, "bfloat16"), getattr(torch, "bfloat16", None)) else x).tolist()
    )


def described(x):
    """What can be seen of a result, comparable between torch and flambeau."""
    if isinstance(x, (tuple, list)):
        return [described(item) for item in x]
    if not hasattr(x, "layout"):
        return x if isinstance(x, (int, float, str, bool, type(None))) else repr(x)
    layout = repr(x.layout)
    seen = [layout, tuple(x.shape), repr(x.dtype), x.requires_grad]
    if layout == "torch.strided":
        return [*seen, numbers(x)]
    if layout == "torch.sparse_coo":
        return [*seen, x.is_coalesced(), x.sparse_dim(), numbers(x._indices()), numbers(x._values())]
    parts = ("crow_indices", "col_indices") if layout == "torch.sparse_csr" else ("ccol_indices", "row_indices")
    return [*seen, *(numbers(getattr(x, part)()) for part in parts), numbers(x.values())]


def outcome(call, module):
    try:
        return described(eval(call, {}, Scope(T=module)))
    except Exception as error:
        return error


def check_same(theirs, ours):
    if isinstance(theirs, list):
        assert isinstance(ours, list) and len(theirs) == len(ours), f"torch gives {theirs}, got {ours}"
        for a, b in zip(theirs, ours):
            check_same(a, b)
    elif isinstance(theirs, np.ndarray):
        assert theirs.shape == ours.shape
        np.testing.assert_allclose(ours, theirs, 1e-5, 1e-6)
    else:
        assert theirs == ours


@oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", [call for call in ALL_CALLS if call not in calls.DIFFERENT])
def test_like_torch(call):
    theirs, ours = outcome(call, torch), outcome(call, fl)
    if isinstance(theirs, Exception) or isinstance(ours, Exception):
        assert isinstance(theirs, Exception) and isinstance(ours, Exception), f"torch gives {theirs!r}, got {ours!r}"
        assert type(theirs).__name__ in [kind.__name__ for kind in type(ours).__mro__], (
            f"torch: {theirs!r}, got {ours!r}"
        )
    else:
        check_same(theirs, ours)


def loss(module, out):
    out = out if repr(out.layout) == "torch.strided" else out.to_dense()
    return (out.double() * module.arange(1.0, out.numel() + 1).view(out.shape)).sum()


@oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["C", "U"])
@pytest.mark.parametrize("call", lines(calls.GRADIENTS))
def test_gradients_like_torch(call, kind):
    """Of a sparse leaf: sparse too, with the same numbers; they are kept in .grad, or given by autograd.grad."""
    found = []
    for module in (torch, fl):
        leaf = eval(kind, {}, Scope(T=module)).requires_grad_()
        loss(module, eval(call, {}, Scope(T=module, s=leaf))).backward()
        given = module.autograd.grad(loss(module, eval(call, {}, Scope(T=module, s=leaf))), leaf)[0]
        assert leaf.is_leaf and leaf.grad.layout is module.sparse_coo and given.layout is module.sparse_coo
        found.append([numbers(leaf.grad.to_dense()), numbers(given.to_dense())])
    check_same(*found)


@oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", lines(calls.VALUES))
def test_gradients_of_values_like_torch(call):
    found = []
    for module in (torch, fl):
        v = module.tensor([0.3, 0.4, 0.5], requires_grad=True)
        out = eval(call, {}, Scope(T=module, v=v))
        loss(module, out).backward()
        found.append([out.requires_grad, numbers(v.grad)])
    check_same(*found)


# ---- against dense tensors

DTYPES = ["float32", "float64", "float16", "bfloat16", "int64", "int32", "uint8", "bool", "complex64"]


def random_coo(shape, stored, dtype="float32", sparse_dim=None, seed=0):
    """With coordinates that occur several times."""
    random = np.random.default_rng(seed)
    sparse = len(shape) if sparse_dim is None else sparse_dim
    indices = (
        np.stack([random.integers(0, n, stored) for n in shape[:sparse]]) if sparse else np.zeros((0, stored), int)
    )
    values = random.integers(0, 3, (stored, *shape[sparse:]))
    return fl.sparse_coo_tensor(fl.tensor(indices.tolist()), fl.tensor(values.tolist()).to(getattr(fl, dtype)), shape)


def dense_of(x):
    """By hand."""
    out = np.zeros(tuple(x.shape), complex)
    for place, value in zip(np.array(x._indices().tolist()).T, x._values().to(fl.complex128).numpy()):
        out[tuple(place)] += value
    return out != 0 if x.dtype is fl.bool else out


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape, sparse", [((4, 5), 2), ((3, 4, 2), 2), ((3, 4, 2), 1), ((6,), 1), ((2, 3, 2), 3)])
def test_conversions(shape, sparse, dtype):
    x = random_coo(shape, 12, dtype, sparse)
    expected = dense_of(x)
    merged = x.coalesce()
    for tensor in (x, merged, merged.to_dense().to_sparse(sparse), x.clone(), x.to(x.dtype)):
        assert tensor.dtype is x.dtype and tuple(tensor.shape) == shape
        np.testing.assert_array_equal(tensor.to_dense().to(fl.complex128).numpy(), expected.astype(complex))
    flat = merged.indices()[0]
    for row, n in zip(merged.indices()[1:], shape[1:]):
        flat = flat * n + row
    assert bool((flat[1:] > flat[:-1]).all()) and merged.is_coalesced() and not x.is_coalesced()
    if sparse == 2:
        for y in (x.to_sparse_csr(), x.to_sparse_csc()):
            np.testing.assert_array_equal(y.to_dense().to(fl.complex128).numpy(), expected.astype(complex))
            np.testing.assert_array_equal(y.to_sparse().to_dense().to(fl.complex128).numpy(), expected.astype(complex))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "complex64", "float16"])
def test_products(dtype):
    a, b = random_coo((5, 4), 9, dtype), random_coo((4, 6), 11, dtype, seed=1)
    x, y = a.to_dense(), b.to_dense()
    expected = (x.to(fl.complex128) @ y.to(fl.complex128)).numpy()
    for left in (a, a.coalesce(), a.to_sparse_csr(), a.to_sparse_csc()):
        for product in (left @ y, fl.sparse.mm(left, y), left.mm(y), fl.stack([left @ y[:, k] for k in range(6)], 1)):
            assert product.dtype is a.dtype
            np.testing.assert_allclose(product.to(fl.complex128).numpy(), expected)
    for product in (a @ b, a.to_sparse_csr() @ b.to_sparse_csr(), fl.smm(a, y), fl.hspmm(a, y)):
        np.testing.assert_allclose(product.to_dense().to(fl.complex128).numpy(), expected)
    for right in (b, b.to_sparse_csr(), b.to_sparse_csc()):
        np.testing.assert_allclose((x @ right).to(fl.complex128).numpy(), expected)


def test_products_without_elements():
    a = fl.zeros(3, 4, layout=fl.sparse_coo)
    assert (a @ fl.ones(4, 2)).tolist() == [[0, 0]] * 3 and (a @ a.t())._nnz() == 0
    assert (fl.zeros(0, 4, layout=fl.sparse_coo) @ fl.ones(4, 2)).shape == (0, 2)
    assert a.to_sparse_csr().to_dense().sum().item() == 0 and a.coalesce()._nnz() == 0
    assert fl.sparse.softmax(a, 1)._nnz() == 0 and fl.sparse.sum(a, 0).to_dense().tolist() == [0] * 4


@pytest.mark.parametrize("dim", [0, 1, 2])
@pytest.mark.parametrize("sparse", [2, 3])
def test_softmax_and_sum(dim, sparse):
    x = random_coo((3, 4, 5), 20, "float64", sparse) * 0.7
    dense, stored = x.to_dense(), x._with(fl.ones_like(x._values())).to_dense() != 0
    expected = dense.masked_fill(~stored, float("-inf")).softmax(dim).masked_fill(~stored, 0).nan_to_num()
    np.testing.assert_allclose(fl.sparse.softmax(x, dim).to_dense().numpy(), expected.numpy(), 1e-12)
    logarithm = fl.sparse.log_softmax(x, dim)
    np.testing.assert_allclose(logarithm.values().exp().numpy(), fl.sparse.softmax(x, dim).values().numpy(), 1e-12)
    np.testing.assert_allclose(fl.sparse.sum(x, dim).to_dense().numpy(), dense.sum(dim).numpy(), 1e-12)


def test_softmax_of_large_numbers():
    x = fl.sparse_coo_tensor([[0, 0, 1], [0, 2, 1]], [1e4, 1e4, -1e30], (2, 3))
    assert fl.sparse.softmax(x, 1).values().tolist() == [0.5, 0.5, 1.0]
    assert fl.sparse.log_softmax(x, 1).values().tolist() == pytest.approx([-0.6931472, -0.6931472, 0.0])


@pytest.mark.parametrize("kind", ["coo", "csr"])
def test_gradcheck(kind):
    """First and second derivatives by the elements and by a dense factor."""
    pattern = random_coo((3, 4), 7).coalesce()
    indices, count = pattern.indices(), pattern._nnz()
    csr = pattern.to_sparse_csr()

    def make(v):
        if kind == "coo":
            return fl.sparse_coo_tensor(indices, v, (3, 4))
        return fl.sparse_csr_tensor(csr.crow_indices(), csr.col_indices(), v, (3, 4))

    v = (fl.arange(count) * 0.1 + 0.3).double().requires_grad_()
    w = fl.linspace(-1, 1, 8, dtype=fl.float64).reshape(4, 2).requires_grad_()
    for function in (
        lambda v, w: make(v) @ w,
        lambda v, w: (make(v) * make(v)).to_dense() @ w,
        lambda v, w: make(v).sin().to_dense() @ w,
        lambda v, w: make(v).t().to_dense().t() @ w,
        lambda v, w: (make(v) @ make(v).t()).to_dense(),
        lambda v, w: fl.sparse.softmax(make(v).to_sparse_coo(), 1).to_dense() @ w,
    ):
        assert fl.autograd.gradcheck(function, (v, w))
        assert fl.autograd.gradgradcheck(function, (v, w))


def test_leaf():
    """A sparse parameter: gradients, hooks, steps by hand."""
    seen = []
    x = fl.sparse_coo_tensor([[0, 1], [1, 0]], [1.0, 2.0], (2, 2), requires_grad=True, is_coalesced=True)
    x.register_hook(lambda g: seen.append(g) or g * 2)
    x.to_dense().sum().backward()
    assert x.grad.to_dense().tolist() == [[0, 2], [2, 0]] and seen[0].layout is fl.sparse_coo
    x.to_dense().sum().backward()
    assert x.grad.to_dense().tolist() == [[0, 4], [4, 0]]
    x.grad = None
    assert x.grad is None
    x.grad = x.detach() * 3
    assert x.grad.to_dense().tolist() == [[0, 3], [6, 0]]
    with pytest.raises(RuntimeError):
        x.mul_(2)
    with fl.no_grad():
        x.sub_(x.grad, alpha=0.5)
    assert x.to_dense().tolist() == [[0, -0.5], [-1, 0]]
    assert x.requires_grad
    x = x.detach().coalesce().requires_grad_()
    (x * 2).backward(x.detach())
    assert x.grad.to_dense().tolist() == [[0, -1], [-2, 0]]
    y = (x * 1).coalesce()
    y.retain_grad()
    y.to_dense().sum().backward()
    assert y.grad.to_dense().tolist() == [[0, 1], [1, 0]] and not y.is_leaf and y.grad_fn is not None


def test_aliases():
    """`values()` shares memory with the tensor, which shares it with what it was made of; copies do not."""
    v = fl.ones(2)
    x = fl.sparse_coo_tensor([[0, 1]], v, (3,), is_coalesced=True)
    v[0] = 5
    x.values()[1] = 7
    assert x.to_dense().tolist() == [5, 7, 0] and x.clone().values().data_ptr() != v.data_ptr()
    y = copy.deepcopy(x)
    y.mul_(2)
    assert x.to_dense().tolist() == [5, 7, 0] and y.to_dense().tolist() == [10, 14, 0] and y.is_coalesced()


# ---- files


def examples():
    x = random_coo((4, 5), 6)
    yield from (x, x.coalesce(), x.to_sparse_csr(), x.to_sparse_csc(), random_coo((4, 3), 5, sparse_dim=1))
    yield fl.zeros(2, 2, layout=fl.sparse_coo)


def check_equal(a, b):
    assert a.layout is b.layout and a.shape == b.shape and a.dtype is b.dtype
    assert a.to_dense().tolist() == b.to_dense().tolist() and a._nnz() == b._nnz()
    if a.layout is fl.sparse_coo:
        assert a.is_coalesced() == b.is_coalesced() and a._indices().tolist() == b._indices().tolist()


def test_pickle():
    for x in examples():
        check_equal(pickle.loads(pickle.dumps(x)), x)
        check_equal(copy.deepcopy(x), x)
    leaf = next(examples()).requires_grad_()
    assert pickle.loads(pickle.dumps(leaf)).requires_grad


def test_save_and_load():
    for x in examples():
        file = io.BytesIO()
        fl.save({"x": x, "dense": fl.ones(2)}, file)
        file.seek(0)
        check_equal(fl.load(file)["x"], x)


@oracle
@pytest.mark.filterwarnings("ignore")
def test_files_of_torch():
    for x in examples():
        file = io.BytesIO()
        fl.save([x], file)
        file.seek(0)
        theirs = torch.load(file, weights_only=True)[0]
        assert repr(theirs.layout) == repr(x.layout) and theirs.to_dense().tolist() == x.to_dense().tolist()
        file = io.BytesIO()
        torch.save([theirs], file)
        file.seek(0)
        check_equal(fl.load(file)[0], x)


def test_hostile_parts_are_refused():
    from flambeau.sparse._pickling import rebuild

    inside, ones = fl.tensor([[0, 5]]), fl.ones(2)
    for layout, pieces in (
        (fl.sparse_coo, (inside, ones, fl.Size([3]), False)),
        (fl.sparse_coo, (inside, fl.ones(3), fl.Size([9]), False)),
        (fl.sparse_coo, (-inside, ones, fl.Size([9]), False)),
        (fl.sparse_coo, (inside.flip(1), ones, fl.Size([9]), True)),
        (fl.sparse_coo, (inside.float(), ones, fl.Size([9]), False)),
        (fl.sparse_csr, (fl.tensor([0, 9]), fl.tensor([0, 1]), ones, fl.Size([1, 3]))),
        (fl.sparse_csr, (fl.tensor([0, 2]), fl.tensor([0, 7]), ones, fl.Size([1, 3]))),
        (fl.sparse_csr, (fl.tensor([0, 3, 2]), fl.tensor([0, 1]), ones, fl.Size([2, 3]))),
    ):
        with pytest.raises(RuntimeError):
            rebuild(layout, pieces)


# ---- settings


def test_invariants():
    switch = fl.sparse.check_sparse_tensor_invariants
    outside = ([[0, 9]], [1.0, 2.0], (3,))
    fl.sparse_coo_tensor(*outside)
    assert not switch.is_enabled()
    with switch():
        assert switch.is_enabled()
        with pytest.raises(RuntimeError, match="found index 9"):
            fl.sparse_coo_tensor(*outside)
        fl.sparse_coo_tensor(*outside, check_invariants=False)
        with switch(False):
            fl.sparse_coo_tensor(*outside)
    switch.enable()
    assert switch.is_enabled()
    switch.disable()
    assert switch(True)(switch.is_enabled)() and not switch.is_enabled()
    with pytest.raises((IndexError, RuntimeError)):
        fl.sparse_coo_tensor(*outside).to_dense()


def test_assert_close():
    """Of sparse and nested tensors, as torch's: layout, pattern, numbers."""
    close, x = fl.testing.assert_close, fl.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], [0.3, 0.4, 0.5], (2, 3))
    close(x, x.coalesce())
    close(x.to_sparse_csr(), x.to_sparse_csr() * (1 + 1e-7))
    close(x, x.to_dense(), check_layout=False)
    for other, message in (
        (x * 2, "not close"),
        (x.to_dense(), "layout"),
        (x.to_sparse_csr(), "layout"),
        (x.double(), "dtype"),
        (x.select(0, 0), "shape"),
        (
            fl.sparse_coo_tensor([[0, 1], [2, 0]], [0.3, 0.4], (2, 3)),
            "number of specified values in sparse COO tensors",
        ),
        (fl.sparse_coo_tensor([[0, 1, 1], [2, 0, 1]], [0.3, 0.4, 0.5], (2, 3)), "Sparse COO indices are not equal"),
    ):
        with pytest.raises(AssertionError, match=message):
            close(x, other)
    nested = fl.nested.nested_tensor([fl.ones(2), fl.ones(3)], layout=fl.jagged)
    close(nested, nested.clone())
    for other in (nested * 2, fl.nested.nested_tensor([fl.ones(2), fl.ones(3)]), fl.ones(2)):
        with pytest.raises(AssertionError):
            close(nested, other)


def test_what_is_no_tensor():
    x = fl.eye(2).to_sparse()
    for call in (
        lambda: fl.sparse.mm(x, 3),
        lambda: x @ 3,
        lambda: fl.sparse_coo_tensor("a", [1.0]),
        lambda: fl.sparse_coo_tensor(),
    ):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(TypeError):
        fl.nested.nested_tensor([fl.ones(1, 2)]) @ 3


def test_shared_memory():
    x = fl.eye(2).to_sparse().share_memory_()
    assert x.is_shared() and x.to_dense().tolist() == [[1, 0], [0, 1]] and x.pin_memory() is x and not x.is_pinned()


def test_modules():
    """A sparse buffer, as graph networks have: moved, saved in the state, multiplied."""

    class Graph(fl.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("adjacency", random_coo((4, 4), 5))
            self.linear = fl.nn.Linear(4, 2)

        def forward(self, x):
            return self.adjacency @ self.linear(x)

    net = Graph()
    out = net(fl.ones(4, 4))
    out.sum().backward()
    assert net.linear.weight.grad is not None and net.double().adjacency.dtype is fl.float64
    other = Graph()
    other.load_state_dict(net.state_dict())
    check_equal(other.adjacency, net.adjacency.float())


def test_compressed_leaf():
    """Gradients of a leaf by rows lie on its pattern."""
    x = fl.tensor([[0.0, 2.0], [3.0, 0.0]]).to_sparse_csr().requires_grad_()
    (x @ fl.tensor([[1.0], [2.0]])).sum().backward()
    assert x.grad.layout is fl.sparse_csr and x.grad.to_dense().tolist() == [[0, 2], [1, 0]]
    (given,) = fl.autograd.grad((x * x).to_dense().sum(), x)
    assert given.to_dense().tolist() == [[0, 4], [6, 0]] and given.layout is fl.sparse_csr
    (given,) = fl.autograd.grad(x.t().to_sparse_coo().sum(), x)
    assert given.to_dense().tolist() == [[0, 1], [1, 0]]


@oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(3))
def test_random_tensors_like_torch(seed):
    """Hybrid tensors of random shapes and dtypes, coalesced."""
    random = np.random.default_rng(seed)
    for _ in range(60):
        ndim = int(random.integers(1, 5))
        shape, sparse = tuple(int(n) for n in random.choice([1, 2, 3, 5], ndim)), int(random.integers(1, ndim + 1))
        count, dtype = (
            int(random.choice([0, 2, 6, 12])),
            str(random.choice(["float32", "float64", "int64", "complex64"])),
        )
        indices = [random.integers(0, n, count).tolist() for n in shape[:sparse]]
        values = random.integers(0, 4, (count, *shape[sparse:])).tolist()
        dim, at = int(random.integers(-ndim, ndim)), int(random.integers(-2, 4))
        results = []
        for module in (torch, fl):
            x = module.sparse_coo_tensor(
                module.tensor(indices).long().reshape(sparse, count),
                module.tensor(values).reshape(count, *shape[sparse:]).to(getattr(module, dtype)),
                shape,
            )
            merged, found = x.coalesce(), []
            for call in (
                lambda x, module: [x.to_dense(), x.coalesce(), x.clone(), -x, x * 2, repr(x)],
                lambda x, module: [x + x, x * x, x.abs(), x.square(), x.isnan(), x.sum()],
                lambda x, module: [x.select(dim, at)],
                lambda x, module: [x.narrow_copy(dim % len(shape), 0, 1), x.unsqueeze(dim), x.unbind(dim)],
                lambda x, module: [module.cat([x, x], dim), module.stack([x, x], dim), module.sparse.sum(x, dim)],
                lambda x, module: [module.sparse.softmax(x.float() if not x.is_complex() else x, dim)],
                lambda x, module: [x @ module.ones(shape[-1], 2, dtype=x.dtype)],
            ):
                try:
                    found.append(described(call(merged, module)))
                except (RuntimeError, IndexError, NotImplementedError):
                    found.append(None)
            results.append(found)
        for theirs, ours in zip(*results):
            if theirs is not None:
                check_same(theirs, ours)
