"""Data sets, samplers and collating."""

import collections
import itertools
import tracemalloc

import numpy as np
import pytest

import flambeau as fl
from flambeau.utils import data

Pair = collections.namedtuple("Pair", "left right")


class Squares(data.Dataset):
    def __len__(self):
        return 10

    def __getitem__(self, index):
        if not 0 <= index < 10:
            raise IndexError(index)
        return index**2


class Numbers(data.IterableDataset):
    def __init__(self, count=5):
        self.count = count

    def __iter__(self):
        return iter(range(self.count))

    def __len__(self):
        return self.count


def test_combinations():
    both = Squares() + Squares()
    assert len(both) == 20 and both[12] == 4 and both[-1] == 81
    with pytest.raises(ValueError, match="absolute value of index"):
        both[-21]
    assert list(Numbers(2) + Numbers(3)) == [0, 1, 0, 1, 2] and len(Numbers(2) + Numbers(3)) == 5
    part = data.Subset(Squares(), [3, 1, 2])
    assert [part[i] for i in range(3)] == [9, 1, 4] and part.__getitems__([2, 0]) == [4, 9]
    stack = data.StackDataset(a=Squares(), b=range(10))
    assert stack[3] == {"a": 9, "b": 3} and stack.__getitems__([1, 2]) == [{"a": 1, "b": 1}, {"a": 4, "b": 2}]
    tensors = data.TensorDataset(fl.arange(6).reshape(3, 2), fl.arange(3))
    assert [x.tolist() for x in tensors[1]] == [[2, 3], 1] and len(tensors) == 3


@pytest.mark.parametrize(
    "make, error",
    [
        (lambda: data.TensorDataset(fl.ones(2), fl.ones(3)), AssertionError),
        (lambda: data.ConcatDataset([]), AssertionError),
        (lambda: data.ConcatDataset([Numbers()]), AssertionError),
        (lambda: data.StackDataset(), ValueError),
        (lambda: data.StackDataset(Squares(), range(3)), ValueError),
        (lambda: data.random_split(range(10), [3, 3]), ValueError),
        (lambda: data.random_split(range(10), [-0.5, 1.5]), ValueError),
        (lambda: data.RandomSampler([]), ValueError),
        (lambda: data.RandomSampler([1], replacement=1), TypeError),
        (lambda: data.BatchSampler([1], 0, False), ValueError),
        (lambda: data.BatchSampler([1], 1, None), ValueError),
        (lambda: data.WeightedRandomSampler([[1.0]], 1), ValueError),
        (lambda: data.DistributedSampler(range(5), 2, 2), ValueError),
        (lambda: data.default_collate([object()]), TypeError),
        (lambda: data.default_collate([None]), TypeError),
        (lambda: data.default_collate([np.array(["a"])]), TypeError),
        (lambda: data.default_collate([(1, 2), (1,)]), RuntimeError),
        (lambda: data.default_collate([fl.ones(2), fl.ones(3)]), RuntimeError),
    ],
)
def test_misuse(make, error):
    with pytest.raises(error):
        make()


def test_samplers_of_many_samples_need_no_memory():
    """Programs ask for int(1e10) samples, so that an epoch never ends."""
    sampler = data.RandomSampler(range(10), replacement=True, num_samples=int(1e10))
    tracemalloc.start()
    try:
        drawn = list(itertools.islice(sampler, 100))
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert len(drawn) == 100 and set(drawn) <= set(range(10)) and len(sampler) == 10**10


def test_draws_are_torchs():
    fl.manual_seed(5)  # torch 2.13's figures
    assert list(data.RandomSampler(range(10))) == [7, 6, 5, 4, 8, 3, 2, 9, 0, 1]
    assert list(data.RandomSampler(range(10), True, 5)) == [8, 2, 4, 9, 7]
    assert list(data.SubsetRandomSampler([3, 5, 8, 13])) == [8, 3, 5, 13]
    assert list(data.WeightedRandomSampler([0.1, 0.5, 0.4], 6)) == [2, 2, 1, 1, 2, 1]
    generator = fl.Generator().manual_seed(0)
    assert [part.indices for part in data.random_split(range(10), [0.33, 0.33, 0.34], generator)] == [
        [4, 1, 7, 5],
        [3, 9, 0],
        [8, 6, 2],
    ]
    sampler = data.DistributedSampler(range(10), 3, 1)
    assert list(sampler) == [1, 3, 8, 4]
    sampler.set_epoch(1)
    assert list(sampler) != [1, 3, 8, 4]


@pytest.mark.oracle
def test_draws_are_the_installed_torchs():
    torch = pytest.importorskip("torch")
    results = []
    for lib in (fl, torch):
        lib.manual_seed(3)
        d, out = lib.utils.data, []
        for size in (1, 31, 32, 33, 100):
            out.append(list(d.RandomSampler(range(size))))
            out.append(list(d.RandomSampler(range(size), replacement=True, num_samples=70)))
            out.append(list(d.RandomSampler(range(size), num_samples=70, generator=lib.Generator().manual_seed(1))))
            out.append([int(i) for i in d.SubsetRandomSampler(range(size))])
            out.append(list(d.WeightedRandomSampler([i + 1.0 for i in range(size)], 50)))
            out.append(list(d.WeightedRandomSampler([i + 1.0 for i in range(size)], size, replacement=False)))
            out.append([part.indices for part in d.random_split(range(size), [0.5, 0.5])] if size > 1 else [])
            out.append(list(d.DistributedSampler(range(size), 4, 2, seed=5)))
        results.append(out)
    assert results[0] == results[1]


def equal(a, b):
    if isinstance(a, fl.Tensor):
        return isinstance(b, fl.Tensor) and a.dtype == b.dtype and a.shape == b.shape and a.tolist() == b.tolist()
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, dict):
        return type(a) is type(b) and a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    return a == b


@pytest.mark.parametrize(
    "batch, expected",
    [
        ([1, 2], fl.tensor([1, 2])),
        ([1.0, 2], fl.tensor([1.0, 2.0], dtype=fl.float64)),
        ([True, False], fl.tensor([True, False])),
        (["a", "b"], ["a", "b"]),
        ([b"a"], [b"a"]),
        ([(1, "x"), (2, "y")], [fl.tensor([1, 2]), ("x", "y")]),
        ([[1, 2.0], [3, 4.0]], [fl.tensor([1, 3]), fl.tensor([2.0, 4.0], dtype=fl.float64)]),
        ([Pair(1, 2), Pair(3, 4)], Pair(fl.tensor([1, 3]), fl.tensor([2, 4]))),
        ([{"a": 1}, {"a": 2}], {"a": fl.tensor([1, 2])}),
        ([collections.OrderedDict(a=1)], collections.OrderedDict(a=fl.tensor([1]))),
        ([np.float32(1), np.float32(2)], fl.tensor([1.0, 2.0])),
        ([np.zeros(2), np.ones(2)], fl.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=fl.float64)),
        ([np.int16(3)], fl.tensor([3], dtype=fl.int16)),
        ([fl.ones(2), fl.zeros(2)], fl.tensor([[1.0, 1.0], [0.0, 0.0]])),
        ([range(2), range(2)], [fl.tensor([0, 0]), fl.tensor([1, 1])]),
    ],
    ids=lambda value: str(value)[:30],
)
def test_collate(batch, expected):
    assert equal(data.default_collate(batch), expected)


def test_convert():
    assert equal(data.default_convert(np.float32(1)), fl.tensor(1.0))
    assert equal(data.default_convert([1, np.ones(2)]), [1, fl.tensor([1.0, 1.0], dtype=fl.float64)])
    assert equal(data.default_convert({"a": np.ones(1, "f4"), "b": "text"}), {"a": fl.tensor([1.0]), "b": "text"})
    assert equal(data.default_convert(Pair(np.ones(1, "f4"), None)), Pair(fl.tensor([1.0]), None))
