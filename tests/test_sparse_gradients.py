"""Sparse gradients of dense tensors: embeddings, gather, and the optimizers that take them."""

import copy
import gc

import numpy as np
import pytest

from tests.frame import fl
from tests.test_sparse import check_same, described, numbers, oracle, torch

IDS = [[1, 3], [1, 0]]
LOOKUPS = {
    "embedding": lambda m, w: m.nn.functional.embedding(m.tensor(IDS), w, sparse=True),
    "padded": lambda m, w: m.nn.functional.embedding(m.tensor(IDS), w, padding_idx=-3, sparse=True),
    "none": lambda m, w: m.nn.functional.embedding(m.zeros(0, 2).long(), w, sparse=True),
    "one": lambda m, w: m.nn.functional.embedding(m.tensor(2), w, sparse=True),
    "twice": lambda m, w: LOOKUPS["embedding"](m, w) + LOOKUPS["embedding"](m, w),
    "with dense": lambda m, w: LOOKUPS["embedding"](m, w) * w.sum(),
    "bag": lambda m, w: m.nn.functional.embedding_bag(m.tensor(IDS), w, mode="sum", sparse=True),
    "bag mean": lambda m, w: m.nn.functional.embedding_bag(
        m.tensor([1, 3, 1, 0]), w, m.tensor([0, 1, 1]), mode="mean", sparse=True
    ),
    "bag padded": lambda m, w: m.nn.functional.embedding_bag(m.tensor(IDS), w, mode="mean", sparse=True, padding_idx=1),
    "bag weighted": lambda m, w: m.nn.functional.embedding_bag(
        m.tensor(IDS), w, mode="sum", sparse=True, per_sample_weights=m.tensor([[0.5, 2.0], [3.0, 4.0]])
    ),
    "gather": lambda m, w: m.gather(w, 0, m.tensor([[0, 1], [0, 0]]), sparse_grad=True),
    "gather rows": lambda m, w: m.gather(w, 1, m.tensor([[0], [1], [0]]), sparse_grad=True),
}


def table(module):
    return module.arange(8.0).reshape(4, 2).requires_grad_()


def weigh(module, out):
    return (out * module.arange(1.0, out.numel() + 1).view(out.shape)).sum()


@oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", LOOKUPS)
def test_like_torch(name):
    found = []
    for module in (torch, fl):
        w = table(module)
        weigh(module, LOOKUPS[name](module, w)).backward()
        first = described(w.grad)
        weigh(module, LOOKUPS[name](module, w)).backward()
        (given,) = module.autograd.grad(weigh(module, LOOKUPS[name](module, w)), w)
        found.append([first, described(w.grad), described(given)])
    check_same(*found)


@pytest.mark.parametrize("name", LOOKUPS)
def test_as_dense(name, monkeypatch):
    """The same numbers as without sparse=True."""
    w, v = table(fl), table(fl)
    weigh(fl, LOOKUPS[name](fl, w)).backward()
    monkeypatch.setattr(fl.sparse._gradients, "deliver", lambda leaf, gradient: pytest.fail("not dense"))
    monkeypatch.setattr(fl.sparse._gradients, "_give", lambda target, gradient: gradient.to_dense())
    weigh(fl, LOOKUPS[name](fl, v)).backward()
    assert v.grad.layout is fl.strided
    np.testing.assert_allclose(w.grad.to_dense().numpy(), v.grad.numpy())


def lookup(w, sparse=True):
    return fl.nn.functional.embedding(fl.tensor(IDS), w, sparse=sparse).sum()


def test_dense_and_sparse_meet():
    """In every order, in one pass and over several."""
    for passes in ([True, False], [False, True], [True, True, False, False, True], [False, True, False]):
        w = table(fl)
        for sparse in passes:
            lookup(w, sparse).backward()
        expected = np.array([[1, 1], [2, 2], [0, 0], [1, 1]]) * len(passes)
        np.testing.assert_array_equal(w.grad.to_dense().numpy(), expected)
        w.grad = None
        (lookup(w) + lookup(w, False) + lookup(w)).backward()
        np.testing.assert_array_equal(w.grad.numpy(), np.array([[3, 3], [6, 6], [0, 0], [3, 3]]))


def test_who_gets_it():
    w, v = table(fl), table(fl)
    (lookup(w) + lookup(v)).backward(inputs=[v])
    assert w.grad is None and v.grad._nnz() == 4
    (given,) = fl.autograd.grad(lookup(w) + lookup(v), w)
    assert given._nnz() == 4 and w.grad is None and v.grad._nnz() == 4
    with pytest.raises(RuntimeError, match="not have been used"):
        fl.autograd.grad(lookup(w), v)
    assert fl.autograd.grad(lookup(w), [v, w], allow_unused=True)[0] is None
    assert fl.autograd.grad(lookup(w), [v], materialize_grads=True)[0].tolist() == [[0, 0]] * 4
    (first,) = fl.autograd.grad(
        (fl.nn.functional.embedding(fl.tensor(IDS), w, sparse=True) ** 3).sum(), w, create_graph=True
    )
    assert first.requires_grad
    fl.sparse.sum(first).backward()
    np.testing.assert_allclose(
        w.grad.to_dense().numpy(), (6 * w.detach() * fl.tensor([[1.0], [2.0], [0.0], [1.0]])).numpy()
    )
    u = table(fl)
    lookup(u * 2).backward()
    assert u.grad.layout is fl.strided and u.grad.tolist() == [[2, 2], [4, 4], [0, 0], [2, 2]]


def test_refused():
    w = table(fl)
    with pytest.raises(RuntimeError, match="scale_grad_by_freq"):
        fl.nn.functional.embedding(fl.tensor(IDS), w, scale_grad_by_freq=True, sparse=True).sum().backward()
    with pytest.raises(ValueError, match="max mode"):
        fl.nn.functional.embedding_bag(fl.tensor(IDS), w, mode="max", sparse=True)


def test_nothing_is_kept():
    w = table(fl)
    lookup(w).backward()
    from flambeau.autograd import _deliveries

    before = len(_deliveries._guarded)
    del w
    gc.collect()
    assert len(_deliveries._guarded) == before - 1


OPTIMIZERS = {
    "SGD": {"lr": 0.1},
    "SGD momentum": {"lr": 0.1, "momentum": 0.9},
    "SGD nesterov": {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True},
    "SGD damped": {"lr": 0.1, "momentum": 0.5, "dampening": 0.3},
    "Adagrad": {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.5},
    "SparseAdam": {"lr": 0.1},
    "SparseAdam up": {"lr": 0.1, "betas": (0.5, 0.7), "eps": 1e-3, "maximize": True},
    "LBFGS": {"lr": 0.1},
}


def train(module, name, steps=4):
    layer = module.nn.Embedding(4, 2, sparse=True, _weight=module.arange(8.0).reshape(4, 2))
    optimizer = getattr(module.optim, name.split()[0])(layer.parameters(), **OPTIMIZERS[name])
    for step in range(steps):
        ids = module.tensor([[1, 3, 1], [0, 0, 2]][step % 2])

        def loss(step=step, ids=ids):
            optimizer.zero_grad()
            out = (layer(ids) ** 2 * (step + 1)).sum()
            out.backward()
            return out

        loss()
        optimizer.step(loss if name == "LBFGS" else None)
    return layer.weight.detach(), optimizer


@oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_like_torch(name):
    theirs, ours = train(torch, name)[0], train(fl, name)[0]
    np.testing.assert_allclose(numbers(ours), numbers(theirs), 1e-5, 1e-5)


@pytest.mark.parametrize("name", ["SGD", "Adagrad"])
def test_optimizers_as_dense(name):
    """Where a gradient of 0 changes nothing, sparse and dense gradients lead to the same place."""
    sparse = train(fl, name)[0]
    layer = fl.nn.Embedding(4, 2, _weight=fl.arange(8.0).reshape(4, 2))
    optimizer = getattr(fl.optim, name)(layer.parameters(), **OPTIMIZERS[name])
    for step in range(4):
        optimizer.zero_grad()
        (layer(fl.tensor([[1, 3, 1], [0, 0, 2]][step % 2])) ** 2 * (step + 1)).sum().backward()
        optimizer.step()
    np.testing.assert_allclose(sparse.numpy(), layer.weight.detach().numpy(), 1e-6)


def test_sparse_adam_formula():
    """In NumPy, on the rows that have a gradient."""
    weight, state = train(fl, "SparseAdam")[0].numpy(), [np.zeros((4, 2)), np.zeros((4, 2))]
    p = np.arange(8.0).reshape(4, 2)
    for step in range(4):
        rows, counts = np.unique([[1, 3, 1], [0, 0, 2]][step % 2], return_counts=True)
        g = 2 * (step + 1) * p[rows] * counts[:, None]
        for moment, power, beta in zip(state, (g, g * g), (0.9, 0.999)):
            moment[rows] = beta * moment[rows] + (1 - beta) * power
        scale = 0.1 * np.sqrt(1 - 0.999 ** (step + 1)) / (1 - 0.9 ** (step + 1))
        p[rows] -= scale * state[0][rows] / (np.sqrt(state[1][rows]) + 1e-8)
    np.testing.assert_allclose(weight, p, 1e-4)


def test_sparse_adam_is_saved():
    _, optimizer = train(fl, "SparseAdam")
    state = copy.deepcopy(optimizer.state_dict())
    other = train(fl, "SparseAdam", 1)[1]
    other.load_state_dict(state)
    assert other.state_dict()["state"][0]["step"] == 4
    assert repr(optimizer).startswith("SparseAdam (\nParameter Group 0\n    betas: (0.9, 0.999)")


@pytest.mark.parametrize("name", ["Adam", "AdamW", "RMSprop", "Adadelta", "Adamax", "NAdam", "RAdam", "ASGD", "Rprop"])
def test_others_refuse(name):
    w = table(fl)
    lookup(w).backward()
    with pytest.raises(RuntimeError, match="does not support sparse gradients"):
        getattr(fl.optim, name)([w]).step()
    assert w.tolist() == table(fl).tolist()


def test_wrong_options():
    w = table(fl)
    for options in ({"lr": -1.0}, {"lr": 0.0}, {"eps": 0.0}, {"betas": (1.0, 0.9)}):
        with pytest.raises(ValueError, match="Invalid"):
            fl.optim.SparseAdam([w], **options)
    with pytest.raises(ValueError, match="requires dense parameter tensors"):
        fl.optim.SparseAdam([fl.eye(2).to_sparse()])
    w.sum().backward()
    with pytest.raises(RuntimeError, match="does not support dense gradients"):
        fl.optim.SparseAdam([w]).step()
    w.grad = None
    lookup(w).backward()
    for optimizer in (fl.optim.SGD([w], 0.1, weight_decay=0.1), fl.optim.Adagrad([w], weight_decay=0.1)):
        with pytest.raises(RuntimeError):
            optimizer.step()
    with pytest.raises(RuntimeError, match="fused"):
        fl.optim.SGD([w], 0.1, fused=True).step()


def test_zero_grad():
    w = table(fl)
    lookup(w).backward()
    fl.optim.SGD([w], 0.1).zero_grad(set_to_none=False)
    assert w.grad._nnz() == 0
