"""How libraries use a loader beyond its documentation."""

import itertools

import pytest

import flambeau as fl
from flambeau.utils import data
from flambeau.utils.data import _DatasetKind
from flambeau.utils.data._utils.collate import collate, default_collate_fn_map
from flambeau.utils.data.dataloader import (
    _BaseDataLoaderIter,
    _MultiProcessingDataLoaderIter,
    _SingleProcessDataLoaderIter,
)


class Repeated:
    """A batch sampler without end."""

    def __init__(self, sampler):
        self.sampler = sampler

    def __iter__(self):
        while True:
            yield from iter(self.sampler)


class EndlessLoader(data.DataLoader):
    """Keeps one iterator for all epochs, by going around the fixed attributes."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        object.__setattr__(self, "batch_sampler", Repeated(self.batch_sampler))
        self.iterator = super().__iter__()

    def __len__(self):
        return len(self.batch_sampler.sampler)

    def __iter__(self):
        for _ in range(len(self)):
            yield next(self.iterator)

    def stop(self):
        for worker in self.iterator._workers:
            worker.terminate()
        self.iterator._shutdown_workers()


class UnlockedLoader(data.DataLoader):
    """The same, by unlocking them."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._DataLoader__initialized = False
        self.batch_sampler = Repeated(self.batch_sampler)
        self._DataLoader__initialized = True
        self.iterator = super().__iter__()

    def __len__(self):
        return len(self.batch_sampler.sampler)

    def __iter__(self):
        for _ in range(len(self)):
            yield next(self.iterator)


@pytest.mark.parametrize("kind", [EndlessLoader, UnlockedLoader])
@pytest.mark.parametrize("workers", [0, 2])
def test_endless_loaders(kind, workers):
    loader = kind(range(10), batch_size=4, num_workers=workers)
    for _ in range(3):
        assert [batch.tolist() for batch in loader] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert hasattr(loader.iterator, "_workers") == (workers > 0)
    if workers and kind is EndlessLoader:
        loader.stop()
        assert not any(worker.is_alive() for worker in loader.iterator._workers)


class StandIn(data.IterableDataset):
    """An object that only looks like a loader, handed to the iterators of loaders."""

    collate_fn = staticmethod(lambda batch: batch)
    _IterableDataset_len_called, _auto_collation, drop_last = None, False, False
    generator, prefetch_factor, in_order, timeout = None, 2, True, 0
    pin_memory, pin_memory_device, persistent_workers, multiprocessing_context = False, "", False, None
    worker_init_fn, _dataset_kind = None, _DatasetKind.Iterable

    def __init__(self, num_workers):
        self.dataset, self.num_workers = self, num_workers
        self._index_sampler = itertools.count()

    def __iter__(self):
        info = data.get_worker_info()
        return iter(range(6) if info is None else range(info.id, 6, info.num_workers))


@pytest.mark.parametrize("workers, kind", [(0, _SingleProcessDataLoaderIter), (2, _MultiProcessingDataLoaderIter)])
def test_iterators_of_a_stand_in(workers, kind):
    batches = kind(StandIn(workers))
    assert isinstance(batches, _BaseDataLoaderIter) and list(batches) == list(range(6))


def test_a_loader_made_again_from_its_attributes():
    """As trainers do to put another sampler in."""
    import inspect

    loader = data.DataLoader(range(7), batch_size=2, shuffle=True, num_workers=2, prefetch_factor=3)
    options = {
        name: getattr(loader, name) for name in inspect.signature(data.DataLoader).parameters if hasattr(loader, name)
    }
    options.update(batch_sampler=None, shuffle=False, sampler=data.SequentialSampler(loader.dataset))
    again = data.DataLoader(**options)
    assert [batch.tolist() for batch in again] == [[0, 1], [2, 3], [4, 5], [6]] and again.prefetch_factor == 3


def test_private_attributes():
    loader = data.DataLoader(range(4), batch_size=2, num_workers=1, multiprocessing_context="fork")
    assert loader._auto_collation and loader._index_sampler is loader.batch_sampler
    assert loader._dataset_kind == _DatasetKind.Map and loader.multiprocessing_context.get_start_method() == "fork"
    assert loader._IterableDataset_len_called is None and loader._iterator is None
    batches = loader._get_iterator()
    assert (
        isinstance(batches, _MultiProcessingDataLoaderIter) and batches._num_workers == 1 and batches._num_yielded == 0
    )
    next(batches)
    assert batches._num_yielded == 1 and batches._index_sampler is loader.batch_sampler and len(batches) == 2
    fetcher = _DatasetKind.create_fetcher(_DatasetKind.Map, [5, 6, 7], True, list, False)
    assert fetcher.fetch([0, 2]) == [5, 7]
    with pytest.raises(NotImplementedError, match="cannot be pickled"):
        import pickle

        pickle.dumps(batches)


def test_own_types_in_batches():
    class Pair:
        def __init__(self, a):
            self.a = a

    def collate_pairs(batch, *, collate_fn_map=None):
        return Pair(collate([pair.a for pair in batch], collate_fn_map=collate_fn_map))

    functions = {**default_collate_fn_map, Pair: collate_pairs}
    made = collate([(Pair(1), 2.0), (Pair(3), 4.0)], collate_fn_map=functions)
    assert made[0].a.tolist() == [1, 3] and made[1].tolist() == [2.0, 4.0]
    default_collate_fn_map[Pair] = collate_pairs
    try:
        (batch,) = data.DataLoader([Pair(1), Pair(2)], batch_size=2)
        assert batch.a.tolist() == [1, 2]
    finally:
        del default_collate_fn_map[Pair]


def test_a_replaced_function_for_tensors_is_used():
    before = default_collate_fn_map[fl.Tensor]
    default_collate_fn_map[fl.Tensor] = lambda batch, *, collate_fn_map=None: len(batch)
    try:
        assert list(data.DataLoader(data.TensorDataset(fl.arange(3)), batch_size=2)) == [[2], [1]]
    finally:
        default_collate_fn_map[fl.Tensor] = before


def test_pinning_goes_into_containers():
    from flambeau.utils.data._utils.pin_memory import pin_memory

    class Own:
        def pin_memory(self):
            return "pinned"

    assert pin_memory({"a": [Own(), 1], "b": (Own(), "text")}) == {"a": ["pinned", 1], "b": ("pinned", "text")}
    assert pin_memory(fl.ones(2)).tolist() == [1.0, 1.0]
    assert [x.tolist() for x in data.DataLoader(range(2), pin_memory=True)] == [[0], [1]]
