"""Reading and writing by index: everything NumPy and torch agree on, over many shapes, and torch's own rules."""

import numpy as np
import pytest

from tests.frame import fl, to_numpy

BOTH = np.s_  # indices written once for both libraries


def both(shape, dtype=np.float32):
    array = np.arange(int(np.prod(shape)), dtype=dtype).reshape(shape)
    return array, fl.from_numpy(array.copy())


def as_tensor_index(index):
    """Arrays in an index become tensors."""
    if isinstance(index, tuple):
        return tuple(as_tensor_index(i) for i in index)
    return fl.from_numpy(np.array(index)) if isinstance(index, np.ndarray) else index


rows = np.array([2, 0, -1])
grid = np.array([[0, 1], [2, 2]])
mask = np.array([True, False, True])

INDICES = [
    1,
    -1,
    BOTH[:],
    BOTH[1:],
    BOTH[:-1],
    BOTH[::2],
    BOTH[1:3, 2:],
    BOTH[..., 0],
    BOTH[..., 1:],
    BOTH[None],
    BOTH[:, None],
    BOTH[0, None, 1],
    BOTH[None, ..., None],
    BOTH[5:],
    BOTH[2:1],
    BOTH[-2:, -1],
    (),
    Ellipsis,
    BOTH[1, ..., 2],
    rows,
    grid,
    mask,
    BOTH[rows, 1],
    BOTH[1, rows],
    BOTH[rows, rows],
    BOTH[rows[:, None], np.array([0, 1])],
    BOTH[:, rows],
    BOTH[..., rows],
    BOTH[mask, 1:],
    BOTH[:, mask],
    BOTH[rows, None],
    BOTH[1:, rows],
    BOTH[rows, ..., np.array([0, 1, 1])],
    BOTH[rows, 1:, rows],
    BOTH[grid, :, 0],
    BOTH[np.array([], dtype=np.int64)],
    BOTH[np.zeros(3, bool)],
    BOTH[rows.astype(np.int32)],
    BOTH[0, mask],
    BOTH[np.array(1)],
    BOTH[np.array(1), rows],
    BOTH[:, rows, np.array([1])],
    BOTH[None, rows, None, rows],
]
IDS = [str(i).replace("\n", "") for i in range(len(INDICES))]


@pytest.mark.parametrize("index", INDICES, ids=IDS)
def test_read(index):
    array, tensor = both((3, 3, 4))
    result = tensor[as_tensor_index(index)]
    assert tuple(result.shape) == array[index].shape
    np.testing.assert_array_equal(to_numpy(result), array[index])


@pytest.mark.parametrize("index", INDICES, ids=IDS)
def test_write_number(index):
    array, tensor = both((3, 3, 4))
    array[index] = -7
    tensor[as_tensor_index(index)] = -7
    np.testing.assert_array_equal(to_numpy(tensor), array)


@pytest.mark.parametrize("index", INDICES, ids=IDS)
def test_write_tensor(index):
    array, tensor = both((3, 3, 4))
    if array[index].size == 0:
        return
    last = array[index].shape[-1:]
    values = np.arange(int(np.prod(last)), dtype=np.float32).reshape(last) + 100
    repeated = len(np.unique(both((3, 3, 4))[0][index])) != array[index].size
    if repeated:
        values = np.full(last, 100, np.float32)
    array[index] = values
    tensor[as_tensor_index(index)] = fl.from_numpy(values)
    np.testing.assert_array_equal(to_numpy(tensor), array)


@pytest.mark.parametrize("index", INDICES, ids=IDS)
def test_gradient(index):
    array, tensor = both((3, 3, 4))
    tensor.requires_grad_()
    result = tensor[as_tensor_index(index)]
    weight = fl.arange(1, result.numel() + 1, dtype=fl.float32).reshape(result.shape)
    (result * weight).sum().backward()
    expected = np.zeros_like(array)
    np.add.at(expected, index, to_numpy(weight))
    np.testing.assert_array_equal(to_numpy(tensor.grad), expected)


@pytest.mark.parametrize("index", INDICES, ids=IDS)
def test_gradient_of_write(index):
    array, tensor = both((3, 3, 4))
    tensor.requires_grad_()
    value = fl.tensor(2.0, requires_grad=True)
    y = tensor * 1
    y[as_tensor_index(index)] = value
    y.sum().backward()
    expected = np.ones_like(array)
    expected[index] = 0
    np.testing.assert_array_equal(to_numpy(tensor.grad), expected)
    assert value.grad.item() == array[index].size


def test_basic_indices_are_views():
    _, x = both((3, 4))
    x[1, 1:3] = 0
    v = x[:, 0]
    v.fill_(9)
    assert x[:, 0].tolist() == [9, 9, 9] and v._base is x


def test_tensor_indices_copy():
    _, x = both((3, 4))
    x[fl.tensor([0])].fill_(9)
    assert x[0, 0].item() == 0


def test_booleans_add_a_dim():
    _, x = both((3, 4))
    assert tuple(x[True].shape) == (1, 3, 4) and tuple(x[False].shape) == (0, 3, 4)


def test_lists_index_like_tensors():
    array, x = both((3, 4))
    np.testing.assert_array_equal(x[[2, 0]].numpy(), array[[2, 0]])
    np.testing.assert_array_equal(x[[2, 0], [1, 3]].numpy(), array[[2, 0], [1, 3]])


def test_python_numbers_from_tensors():
    _, x = both((3, 4))
    assert x[fl.tensor(1), fl.tensor(2)].item() == 6
    assert list(range(5))[fl.tensor(2)] == 2


def test_index_put_accumulates():
    x = fl.zeros(3)
    x.index_put_((fl.tensor([0, 0, 2]),), fl.tensor([1.0, 2.0, 3.0]), accumulate=True)
    assert x.tolist() == [3, 0, 3]


def test_masked_write_of_values():
    array, x = both((3, 4))
    x[x > 5] = fl.arange(6, dtype=fl.float32) * 10
    array[array > 5] = np.arange(6) * 10
    np.testing.assert_array_equal(x.numpy(), array)


def test_write_converts_dtype():
    x = fl.zeros(3, dtype=fl.int64)
    x[0] = 2.7
    x[1:] = fl.tensor([1.5, -1.5])
    assert x.tolist() == [2, 1, -1]


def test_read_after_overlapping_write():
    _, x = both((5,))
    x[1:] = x[:-1].clone()
    assert x.tolist() == [0, 0, 1, 2, 3]


@pytest.mark.parametrize(
    ("index", "error"),
    [
        (3, IndexError),
        (-4, IndexError),
        (BOTH[0, 0, 0, 0], IndexError),
        (BOTH[::-1], ValueError),
        (BOTH[0, np.array([4])], IndexError),
        (np.array([True]), IndexError),
        (BOTH[rows, np.array([0, 1])], IndexError),
        ("a", (IndexError, TypeError)),
        (1.5, (IndexError, TypeError)),
        (BOTH[::0], ValueError),
    ],
    ids=str,
)
def test_bad_index(index, error):
    _, x = both((3, 3, 4))
    with pytest.raises(error):
        x[as_tensor_index(index)]


def test_bad_write():
    _, x = both((3, 4))
    with pytest.raises((RuntimeError, ValueError)):
        x[0] = fl.ones(3)
    with pytest.raises((RuntimeError, ValueError, IndexError)):
        x[fl.tensor([0, 1])] = fl.ones(3, 4)


@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
def test_reducing_into_zeros_is_differentiated(reduce, include_self):
    """Graph networks reduce messages into fresh zeros, which require no gradient, in place."""
    index = fl.tensor([[0, 1, 0], [1, 1, 0]])
    found = []
    for in_place in (True, False):
        source = (fl.arange(6.0).view(2, 3) + 1).requires_grad_()
        zeros = fl.zeros(2, 3)
        reduced = zeros.scatter_reduce_ if in_place else zeros.scatter_reduce
        made = reduced(0, index, source, reduce, include_self=include_self)
        assert (made is zeros) == in_place
        (made * made).sum().backward()
        found.append(source.grad)
    assert fl.equal(*found)
    if reduce != "sum":
        source = fl.ones(2, 3, requires_grad=True)
        made = fl.zeros(2, 3).index_reduce_(0, fl.tensor([0, 0]), source, reduce, include_self=include_self)
        made.sum().backward()
        assert source.grad.isfinite().all()


@pytest.mark.parametrize("shape", [(4, 3), (1, 3), (3, 1), (4,)])
def test_values_in_order_may_be_changed(shape):
    """Routers of mixtures of experts: `weights, places = topk(...)`, then `weights /= weights.sum(...)`."""
    for dim in range(len(shape)):
        for pick in (lambda x: fl.topk(x, 1, dim), lambda x: fl.sort(x, dim), lambda x: (fl.msort(x), None)):
            x = fl.rand(shape, requires_grad=True)
            values = pick(x)[0]
            assert not values._is_view()
            values *= fl.full(shape[-1:], 2.0)[: values.shape[-1]]
            values.sum().backward()
            assert set(x.grad.unique().tolist()) <= {0.0, 2.0} and x.grad.sum() == 2 * values.numel()
            factor = fl.ones((), requires_grad=True)
            values = pick(x.detach())[0]
            values *= factor
            values.sum().backward()
            assert factor.grad is not None
