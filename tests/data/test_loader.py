"""DataLoader: order, workers, failures."""

import copy
import functools
import os
import pickle
import random
import subprocess
import sys
import time

import numpy as np
import pytest

import flambeau as fl
from flambeau.utils import data
from tests.data.test_datasets import Numbers, equal

WORKERS = [(0, "process"), (2, "process"), (2, "thread")]


class Rich(data.Dataset):
    """Samples of all kinds, some too large for the socket."""

    def __init__(self, size=11):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, i):
        return {
            "x": fl.full((4,), float(i)),
            "i": i,
            "s": str(i),
            "n": np.arange(3) + i,
            "t": (i, [float(i)]),
            "big": fl.full((70, 70), i),
            "empty": fl.zeros(0, 2),
        }


class Random(Rich):
    def __getitem__(self, i):
        return fl.rand(2), random.random(), np.random.rand()


class Split(Numbers):
    """Each worker's share of the numbers."""

    def __iter__(self):
        info = data.get_worker_info()
        return iter(range(self.count)) if info is None else iter(range(info.id, self.count, info.num_workers))


class Faulty(Rich):
    def __getitem__(self, i):
        if i == 2:
            raise KeyError("no such sample")
        if i == 3:
            os.kill(os.getpid(), 9)
        if i == 4:
            time.sleep(30)
        if i == 5:
            raise UnicodeDecodeError("utf8", b"x", 0, 1, "five arguments")
        if i == 6:
            os._exit(7)
        return i


class Held(Rich):
    def __init__(self):
        super().__init__(8)
        self.numpy, self.nested, self.python = np.random.default_rng(0), {"g": [fl.Generator()]}, random.Random(0)

    def __getitem__(self, i):
        drawn = fl.randint(1 << 40, (), generator=self.nested["g"][0])
        return int(self.numpy.integers(1 << 40)), int(drawn), self.python.random()


def identity(batch):
    return batch


@pytest.mark.parametrize("workers, kind", WORKERS)
@pytest.mark.parametrize(
    "options", [{}, {"batch_size": 4}, {"batch_size": 4, "shuffle": True, "drop_last": True}, {"batch_size": None}]
)
def test_same_batches_with_and_without_workers(options, workers, kind):
    batches = []
    for count in (0, workers):
        fl.manual_seed(1)
        batches.append(list(data.DataLoader(Rich(), num_workers=count, worker_type=kind, **options)))
    assert equal(batches[0], batches[1])


@pytest.mark.parametrize("workers, kind", WORKERS)
def test_iterable(workers, kind):
    loader = data.DataLoader(Split(11), batch_size=2, num_workers=workers, worker_type=kind)
    assert sorted(sum((batch.tolist() for batch in loader), [])) == list(range(11))
    assert len(loader) == 6
    whole = data.DataLoader(Split(11), batch_size=4, num_workers=workers, worker_type=kind, drop_last=True)
    assert all(len(batch) == 4 for batch in whole)


def test_tensors_are_gathered():
    x, y = fl.arange(60.0).reshape(20, 3), fl.arange(20)
    dataset = data.TensorDataset(x, y)
    for source, shift in ((dataset, 0), (data.Subset(dataset, range(5, 20)), 5)):
        batches = list(data.DataLoader(source, batch_size=4))
        assert [type(batch) for batch in batches] == [list] * len(batches)
        assert sum((batch[1].tolist() for batch in batches), []) == list(range(shift, 20))
        fl.manual_seed(3)
        shuffled = list(data.DataLoader(source, batch_size=4, shuffle=True))
        fl.manual_seed(3)
        plain = list(data.DataLoader(source, batch_size=4, shuffle=True, collate_fn=lambda b: data.default_collate(b)))
        assert equal(shuffled, plain)
    first = next(iter(data.DataLoader(dataset, batch_size=4)))[0]
    first.zero_()
    assert x[0, 1].item() == 1  # a batch is a copy
    assert next(iter(data.DataLoader(dataset, sampler=[-1, 2], batch_size=2)))[1].tolist() == [19, 2]
    with pytest.raises(IndexError):
        list(data.DataLoader(dataset, sampler=[25], batch_size=1))


@pytest.mark.oracle
@pytest.mark.parametrize("workers", [0, 2])
def test_same_seed_same_batches_as_torch(workers):
    torch = pytest.importorskip("torch")
    results = []
    for lib in (fl, torch):
        out, d = [], lib.utils.data
        dataset = d.TensorDataset(lib.arange(53), lib.arange(106).reshape(53, 2))
        for options in ({"shuffle": True}, {"batch_size": 7, "shuffle": True}, {"batch_size": 8}):
            lib.manual_seed(4)
            loader = d.DataLoader(dataset, num_workers=workers, **options)
            for _ in range(2):
                out.append([[x.tolist() for x in batch] for batch in loader])
            out.append(lib.rand(3).tolist())
            generator = lib.Generator().manual_seed(9)
            loader = d.DataLoader(dataset, num_workers=workers, generator=generator, **options)
            out.append([[x.tolist() for x in batch] for batch in loader])
            out.append(lib.rand(2, generator=generator).tolist())
        results.append(out)
    assert results[0] == results[1]


def test_worker_seeds():
    """What torch's workers draw with this seed."""
    fl.manual_seed(5)
    random.seed(1)
    np.random.seed(2)
    batches = list(data.DataLoader(Random(4), num_workers=2))
    assert len({round(batch[1].item(), 9) for batch in batches}) == 4
    assert len({round(batch[2].item(), 9) for batch in batches}) == 4
    first = [*batches[0][0][0].tolist(), batches[0][1].item(), batches[0][2].item()]
    assert first == pytest.approx([0.7106006741523743, 0.34830594062805176, 0.9732059885921714, 0.48524966518109036])


@pytest.mark.oracle
def test_workers_draw_as_torchs():
    torch = pytest.importorskip("torch")
    results = []
    for lib in (fl, torch):

        class Draws(lib.utils.data.Dataset):
            def __len__(self):
                return 6

            def __getitem__(self, i, lib=lib):
                info = lib.utils.data.get_worker_info()
                return [*lib.rand(2).tolist(), random.random(), np.random.rand(), info.seed, info.id]

        lib.manual_seed(5)
        results.append(list(lib.utils.data.DataLoader(Draws(), num_workers=2, batch_size=2, collate_fn=identity)))
    assert results[0] == results[1]


def test_held_generators_differ_by_worker_and_epoch():
    fl.manual_seed(0)
    dataset, drawn = Held(), []
    for _ in range(2):
        drawn += [tuple(value.item() for value in batch) for batch in data.DataLoader(dataset, num_workers=2)]
    assert [len(set(column)) for column in zip(*drawn)] == [16, 16, 16]


def test_persistent_workers_and_early_ends():
    loader = data.DataLoader(Rich(40), batch_size=2, num_workers=2, persistent_workers=True)
    for batch in loader:
        break
    pids = [process.pid for process in loader._iterator._workers]
    assert [batch["i"].tolist() for batch in loader] == [[i, i + 1] for i in range(0, 40, 2)]
    assert [process.pid for process in loader._iterator._workers] == pids
    for batch in data.DataLoader(Rich(400), num_workers=2):
        break


def test_unordered():
    loader = data.DataLoader(Rich(), num_workers=3, in_order=False, worker_type="thread")
    assert sorted(batch["i"].item() for batch in loader) == list(range(11))


def test_spawned_workers():
    loader = data.DataLoader(range(5), num_workers=1, multiprocessing_context="spawn")
    assert [batch.item() for batch in loader] == [0, 1, 2, 3, 4]


def test_worker_init_and_info():
    seen = []
    loader = data.DataLoader(range(4), num_workers=2, worker_type="thread", worker_init_fn=seen.append)
    list(loader)
    assert sorted(seen) == [0, 1]
    assert data.get_worker_info() is None


@pytest.mark.parametrize("kind", ["process", "thread"])
def test_exceptions_keep_their_type_and_say_where(kind):
    with pytest.raises(KeyError, match=rf"worker {kind} 1, while fetching Faulty\[2\]") as caught:
        list(data.DataLoader(Faulty(), sampler=[0, 2], num_workers=2, worker_type=kind))
    assert "no such sample" in str(caught.value)
    with pytest.raises(RuntimeError, match="Caught UnicodeDecodeError"):
        list(data.DataLoader(Faulty(), sampler=[5], num_workers=1, worker_type=kind))


def test_exceptions_without_workers_get_a_note():
    with pytest.raises(KeyError, match="no such sample") as caught:
        list(data.DataLoader(Faulty(), sampler=[2]))
    if hasattr(caught.value, "__notes__"):
        assert caught.value.__notes__ == ["DataLoader was fetching Faulty[2]"]


def test_unpicklable_batches_are_an_error():
    with pytest.raises((AttributeError, TypeError, RuntimeError), match="pickle"):
        list(data.DataLoader([lambda: 1], num_workers=1, collate_fn=identity))


@pytest.mark.parametrize("index, how", [(3, "was killed by SIGKILL"), (6, "ended with exit code 7")])
def test_dead_workers(index, how):
    begun = time.monotonic()
    with pytest.raises(RuntimeError, match=rf"exited unexpectedly: worker 1 {how}"):
        list(data.DataLoader(Faulty(), sampler=[0, index, 1], num_workers=2))
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("kind", ["process", "thread"])
def test_hanging_workers(kind):
    if kind == "thread":  # would sleep on in this process
        kind_options = {"sampler": [0, 8], "worker_type": "thread"}
        dataset = Slow()
    else:
        kind_options, dataset = {"sampler": [0, 4]}, Faulty()
    begun = time.monotonic()
    with pytest.raises(RuntimeError, match="DataLoader timed out after 0.3 seconds: no answer from worker"):
        list(data.DataLoader(dataset, num_workers=2, timeout=0.3, **kind_options))
    assert time.monotonic() - begun < 5


class Slow(Rich):
    def __getitem__(self, i):
        time.sleep(1.0 if i == 8 else 0)
        return i


@pytest.mark.parametrize(
    "options, text",
    [
        ({"num_workers": -1}, "num_workers option should be non-negative"),
        ({"timeout": -1}, "timeout option should be non-negative"),
        ({"prefetch_factor": 2}, "prefetch_factor option could only be specified"),
        ({"persistent_workers": True}, "persistent_workers option needs num_workers > 0"),
        ({"sampler": [1], "shuffle": True}, "sampler option is mutually exclusive with shuffle"),
        ({"batch_sampler": [[1]], "batch_size": 3}, "batch_sampler option is mutually exclusive"),
        ({"batch_size": None, "drop_last": True}, "batch_size=None option disables auto-batching"),
        ({"multiprocessing_context": "fork"}, "can only be used with multi-process loading"),
        ({"multiprocessing_context": "x", "num_workers": 1}, "should specify a valid start method"),
        ({"worker_type": "x"}, "worker_type should be"),
        ({"batch_size": 0}, "batch_size should be a positive integer"),
    ],
)
def test_misuse(options, text):
    with pytest.raises(ValueError, match=text):
        data.DataLoader(range(3), **options)


def test_attributes_are_fixed():
    loader = data.DataLoader(range(3))
    with pytest.raises(ValueError, match="should not be set after DataLoader is initialized"):
        loader.batch_size = 2
    assert (loader.batch_size, loader.drop_last, loader.num_workers, loader.prefetch_factor) == (1, False, 0, None)
    with pytest.raises(ValueError, match="expected unspecified shuffle"):
        data.DataLoader(Numbers(), shuffle=True)


def test_a_longer_iterable_than_announced_warns():
    class Liar(Numbers):
        def __len__(self):
            return 2

    loader = data.DataLoader(Liar(5), batch_size=None)
    assert len(loader) == 2
    with pytest.warns(UserWarning, match="was reported to be 2"):
        list(loader)


def test_batches_of_tensors_are_taken_at_once():
    """No call per sample: 40 batches of 256 make fewer calls than there are samples."""
    loader = data.DataLoader(data.TensorDataset(fl.rand(10_000, 5), fl.arange(10_000)), batch_size=256, shuffle=True)
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    list(loader)
    sys.setprofile(count)
    try:
        list(loader)
    finally:
        sys.setprofile(None)
    assert 40 < calls < 8_000


def nested():
    """Every way to put tensors together, next to the same samples one by one."""
    x, y = fl.arange(60.0).reshape(20, 3), fl.arange(20)
    whole = data.TensorDataset(x, y)
    first, rest = data.TensorDataset(x[:7], y[:7]), data.TensorDataset(x[7:], y[7:])
    both = data.ConcatDataset([first, rest])
    yield "subset", data.Subset(whole, [3, 1, 19, -1, 3, 0, 5])
    yield "range", data.Subset(whole, range(2, 18, 3))
    yield "subset of a subset", data.Subset(data.Subset(whole, list(range(19, 2, -1))), [4, 2, 7, 7])
    yield "concatenated", both
    yield "three", data.ConcatDataset([first, data.TensorDataset(x[:2], y[:2]), rest])
    yield "subset of concatenated", data.Subset(both, [19, 0, 7, 6, -2])
    yield "stacked", data.StackDataset(whole, x, both)
    yield "stacked by name", data.StackDataset(a=whole, b=y)
    yield "tensor", x
    yield "split", data.random_split(both, [12, 8], fl.Generator().manual_seed(1))[0]
    yield "of several kinds", data.ConcatDataset([data.TensorDataset(x), data.TensorDataset(y.reshape(20, 1).float())])


@pytest.mark.parametrize("name", [name for name, _ in nested()])
def test_gathered_batches_equal_collated_ones(name):
    dataset = dict(nested())[name]
    size = len(dataset)
    for options in ({}, {"shuffle": True}, {"sampler": [0, -1, size - 1, 1, -size]}, {"sampler": range(size)}):
        pair = []
        for collate in (None, lambda batch: data.default_collate(batch)):
            fl.manual_seed(2)
            loader = data.DataLoader(dataset, batch_size=4, collate_fn=collate, **options)
            try:
                pair.append([*loader, fl.rand(1)])
            except RuntimeError as error:
                pair.append([type(error)])
        assert equal(*pair)
    with pytest.raises(IndexError):
        list(data.DataLoader(dataset, sampler=[0, size + 25], batch_size=2))


def leaves(value):
    if isinstance(value, fl.Tensor):
        return [value]
    return [leaf for part in (value.values() if isinstance(value, dict) else value) for leaf in leaves(part)]


@pytest.mark.parametrize("name", [name for name, _ in nested()][:-1])
def test_a_batch_shares_no_memory_with_the_data_set(name):
    dataset = dict(nested())[name]
    for batch in data.DataLoader(dataset, batch_size=5):
        for leaf in leaves(batch):
            leaf.fill_(-1)
    assert all((leaf >= 0).all() for i in range(len(dataset)) for leaf in leaves(dataset[i]))


def test_a_loader_in_use_can_be_copied_and_pickled():
    loader = data.DataLoader(
        list(range(100_000)),
        batch_size=5,
        num_workers=1,
        persistent_workers=True,
        generator=fl.Generator().manual_seed(3),
    )
    next(iter(loader))
    for other in (copy.copy(loader), copy.deepcopy(loader), pickle.loads(pickle.dumps(loader))):
        assert (other.batch_size, len(other), other._iterator) == (5, 20_000, None)
        assert next(iter(other)).tolist() == [0, 1, 2, 3, 4]


class Everywhere(data.Dataset):
    """Generators wherever a data set may keep them."""

    def __init__(self):
        self.direct = np.random.default_rng(0)
        self.legacy = [{"x": (np.random.RandomState(1),)}]
        self.method = Transform(random.Random(2)).draw
        self.partial = functools.partial(Transform.draw, Transform(random.Random(3)))
        generator = fl.Generator().manual_seed(4)
        self.closure = lambda: fl.randint(1 << 60, (), generator=generator).item()
        self.slots = Slots(np.random.Generator(np.random.MT19937(5)))
        self.again = self.direct  # one generator, known by two names

    def __len__(self):
        return 24

    def __getitem__(self, i):
        drawn = [int(self.direct.integers(1 << 60)), int(self.legacy[0]["x"][0].randint(1 << 60)), self.method()]
        drawn += [
            self.partial(),
            self.closure(),
            int(self.slots.rng.integers(1 << 60)),
            int(self.again.integers(1 << 60)),
        ]
        return drawn


class Transform:
    def __init__(self, rng):
        self.rng = rng

    def draw(self):
        return self.rng.getrandbits(60)


class Slots:
    __slots__ = ("rng",)

    def __init__(self, rng):
        self.rng = rng


@pytest.mark.parametrize("kind", ["process", "thread"])
@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.filterwarnings("ignore:This DataLoader will create 4")
def test_no_draw_comes_twice_from_4_workers_in_3_epochs(kind, persistent):
    results = []
    for _ in range(2):
        fl.manual_seed(1)
        dataset = Everywhere()
        states = str(dataset.direct.bit_generator.state)
        options = {"num_workers": 4, "worker_type": kind, "persistent_workers": persistent, "collate_fn": identity}
        loader = data.DataLoader(dataset, batch_size=3, **options)
        drawn = [row for _ in range(3) for batch in loader for row in batch]
        columns = list(zip(*drawn, strict=True))
        assert [len(set(column)) for column in columns] == [72] * 7
        assert not set(columns[0]) & set(columns[-1])
        assert str(dataset.direct.bit_generator.state) == states  # the loader's own is left alone
        results.append(drawn)
    assert results[0] == results[1]  # the same seed, the same draws


def test_without_workers_held_generators_are_left_alone():
    dataset, alone = Everywhere(), Everywhere()
    drawn = [row for batch in data.DataLoader(dataset, collate_fn=identity) for row in batch]
    assert drawn == [alone[i] for i in range(24)]


def test_numpy_is_seeded_when_a_worker_imports_it_late():
    program = """
import sys
import flambeau as fl
from flambeau.utils import data

class Late(data.Dataset):
    def __len__(self):
        return 2
    def __getitem__(self, i):
        import numpy
        return float(numpy.random.rand())

fl.manual_seed(5)
assert "numpy" not in sys.modules
print([batch.item() for batch in data.DataLoader(Late(), num_workers=2)])
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.startswith("[0.48524966518109036, ")  # as in test_worker_seeds
