"""DataLoader: batches of a data set, fetched here or by workers."""

import copy
import itertools
import warnings

from flambeau.utils.data._utils.collate import default_collate, default_convert
from flambeau.utils.data._utils.fetch import create_fetcher
from flambeau.utils.data._utils.iterators import (
    _BaseDataLoaderIter as _BaseDataLoaderIter,
)
from flambeau.utils.data._utils.iterators import (
    _MultiProcessingDataLoaderIter,
    _SingleProcessDataLoaderIter,
)
from flambeau.utils.data._utils.pipes import is_pipe
from flambeau.utils.data._utils.progress import Progress, check_state
from flambeau.utils.data._utils.worker import get_worker_info
from flambeau.utils.data.dataset import IterableDataset
from flambeau.utils.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]


class _DatasetKind:
    Map = 0
    Iterable = 1

    @staticmethod
    def create_fetcher(kind, dataset, auto_collation, collate_fn, drop_last):
        return create_fetcher(kind, dataset, auto_collation, collate_fn, drop_last)


class _InfiniteConstantSampler(Sampler):
    """The indices of an iterable data set, which needs none."""

    def __init__(self):
        pass

    def __iter__(self):
        return itertools.repeat(None)


class DataLoader:
    """Iterates over a data set in batches; same seed, same batches as torch.

    Args:
        dataset: a :class:`Dataset` or anything with ``__getitem__`` and ``__len__``, or an :class:`IterableDataset`.
        batch_size: samples per batch; None: samples as they are.
        shuffle: a new random order each time.
        sampler, batch_sampler: iterables of indices, or of lists of them, instead of ``shuffle`` (and ``batch_size``).
        num_workers: workers that fetch ahead; 0: fetch here.
        collate_fn: makes a batch of a list of samples.
        pin_memory, pin_memory_device: accepted; there is no device memory to copy to.
        drop_last: leave out a shorter last batch.
        timeout: seconds to wait for a batch before giving up; 0: for ever.
        worker_init_fn: called in each worker with its number.
        multiprocessing_context: start method (``"fork"``, ``"spawn"``, ``"forkserver"``) or context.
        generator: for the base seed of the workers and the default random sampler.
        prefetch_factor: batches asked of each worker ahead of time, 2 unless given.
        persistent_workers: keep the workers from one epoch to the next.
        in_order: give batches in the sampler's order; False: as they come.
        worker_type: ``"process"``, or ``"thread"`` for workers that share the data set and start at once.

    Raises:
        ValueError: options that contradict each other or are out of range.

    Example:
        >>> loader = DataLoader(range(5), batch_size=2)
        >>> [batch.tolist() for batch in loader]
        [[0, 1], [2, 3], [4]]
    """

    __initialized = False
    _iterator = None
    _progress = _saved = None
    __multiprocessing_context = None

    def __init__(
        self,
        dataset,
        batch_size=1,
        shuffle=None,
        sampler=None,
        batch_sampler=None,
        num_workers=0,
        collate_fn=None,
        pin_memory=False,
        drop_last=False,
        timeout=0,
        worker_init_fn=None,
        multiprocessing_context=None,
        generator=None,
        *,
        prefetch_factor=None,
        persistent_workers=False,
        pin_memory_device="",
        in_order=True,
        worker_type="process",
    ):
        _check_numbers(num_workers, timeout, prefetch_factor, persistent_workers)
        if worker_type not in ("process", "thread"):
            raise ValueError(f"worker_type should be 'process' or 'thread', but got worker_type={worker_type!r}")
        self.dataset, self.num_workers, self.pin_memory, self.timeout = dataset, num_workers, pin_memory, timeout
        self.prefetch_factor = 2 if num_workers > 0 and prefetch_factor is None else prefetch_factor
        self.worker_init_fn, self.in_order, self.worker_type = worker_init_fn, in_order, worker_type
        self.pin_memory_device, self.multiprocessing_context = pin_memory_device, multiprocessing_context
        self._dataset_kind = _DatasetKind.Iterable if isinstance(dataset, IterableDataset) else _DatasetKind.Map
        if shuffle is not None and is_pipe(dataset, "IterDataPipe"):
            from flambeau.utils.data.graph_settings import apply_shuffle_settings

            self.dataset = dataset = apply_shuffle_settings(dataset, shuffle=shuffle)
            shuffle = None
        if self._dataset_kind:
            shuffle = _check_iterable(shuffle, sampler, batch_sampler)
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
                )
            batch_size, drop_last = None, False
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        if sampler is None:
            sampler = self._default_sampler(shuffle, generator)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size, self.drop_last, self.generator = batch_size, drop_last, generator
        self.sampler, self.batch_sampler = sampler, batch_sampler
        self.collate_fn = collate_fn or (default_collate if self._auto_collation else default_convert)
        self.persistent_workers, self._IterableDataset_len_called = persistent_workers, None
        self.__initialized = True
        self.check_worker_number_rationality()

    def _default_sampler(self, shuffle, generator):
        if self._dataset_kind:
            return _InfiniteConstantSampler()
        return RandomSampler(self.dataset, generator=generator) if shuffle else SequentialSampler(self.dataset)

    def __class_getitem__(cls, item):
        import types

        return types.GenericAlias(cls, item)

    def __getstate__(self):
        """Options only: workers and what they share stay behind."""
        return {key: value for key, value in vars(self).items() if key not in ("_iterator", "_packs", "_progress")}

    def __setattr__(self, name, value):
        if self.__initialized and name in (
            "batch_size",
            "batch_sampler",
            "sampler",
            "drop_last",
            "dataset",
            "persistent_workers",
        ):
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(name, value)

    @property
    def multiprocessing_context(self):
        """How worker processes are started; None: as multiprocessing does by default."""
        return self.__multiprocessing_context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context):
        if context is not None:
            context = _checked_context(context, self.num_workers)
        self.__multiprocessing_context = context

    @property
    def _auto_collation(self):
        return self.batch_sampler is not None

    @property
    def _index_sampler(self):
        return self.batch_sampler if self._auto_collation else self.sampler

    def _get_iterator(self):
        if self.num_workers == 0:
            return _SingleProcessDataLoaderIter(self)
        self.check_worker_number_rationality()
        return _MultiProcessingDataLoaderIter(self)

    def __iter__(self):
        iterator = self._iterator
        if iterator is None or self._saved is not None or not iterator._finalizer.alive:
            if iterator is not None:
                iterator._shutdown_workers()
            iterator = self._get_iterator()
            if self.persistent_workers and self.num_workers > 0:
                self._iterator = iterator
        else:
            iterator._reset(self)
        self._progress, self._saved = getattr(iterator, "_progress", None), None
        return iterator

    def state_dict(self):
        """Everything needed to go on from here: with the next batch, in the same order, with the same random numbers.

        Take it after a batch was used and before the next is asked for. It has the random states with which the pass
        began and the position in it, so that its size does not grow with the data set; those of the workers; those
        of the default generators of flambeau, Python and NumPy, and of generators that sampler and data set hold. An
        object with ``state_dict`` and ``load_state_dict`` of its own (sampler, data set, iterator of an iterable data set)
        is saved by them; other iterable data sets are iterated again up to the position.

        Returns:
            A dict that ``flambeau.save`` can write.

        Example:
            >>> loader = DataLoader(range(6), batch_size=2, shuffle=True)
            >>> batches = iter(loader)
            >>> first = next(batches)
            >>> state = loader.state_dict()
            >>> rest = [batch.tolist() for batch in batches]
            >>> loader.load_state_dict(state)
            >>> [batch.tolist() for batch in loader] == rest
            True
        """
        return (self._progress or Progress(self)).state(self)

    def load_state_dict(self, state_dict):
        """Goes on where ``state_dict`` was called, on this or another loader of the same make, with the next ``iter``.

        Then the random states come back too. A pass that was at its last batch gives no more batches.

        Raises:
            TypeError: it is no state of a loader.
            ValueError: it is of a loader with other options.

        Example:
            >>> loader = DataLoader(range(4))
            >>> loader.load_state_dict(loader.state_dict())
        """
        check_state(self, state_dict)
        self._saved = copy.deepcopy(state_dict)
        self._progress = Progress(self, self._saved)

    def __len__(self):
        if not self._dataset_kind:
            return len(self._index_sampler)
        length = self._IterableDataset_len_called = len(self.dataset)
        if self.batch_size is None:
            return length
        return length // self.batch_size if self.drop_last else -(-length // self.batch_size)

    def check_worker_number_rationality(self):
        """Warns of more worker processes than there are processors for them."""
        import os

        if self.num_workers == 0 or self.worker_type != "process":
            return
        usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        if self.num_workers > usable:
            warnings.warn(
                f"This DataLoader will create {self.num_workers} worker processes in total. Our suggested max number "
                f"of worker in current system is {usable}, which is smaller than what this DataLoader is going to "
                "create. Please be aware that excessive worker creation might get DataLoader running slow or even "
                "freeze, lower the worker number to avoid potential slowness/freeze if necessary.",
                stacklevel=3,
            )


def _check_numbers(num_workers, timeout, prefetch_factor, persistent_workers):
    if num_workers < 0:
        raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to "
            "enable multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent_workers and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")


def _check_iterable(shuffle, sampler, batch_sampler):
    for name, value, wanted in (
        ("shuffle", shuffle, shuffle in (None, False)),
        ("sampler", sampler, sampler is None),
        ("batch_sampler", batch_sampler, batch_sampler is None),
    ):
        if not wanted:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}"
            )
    return False


def _checked_context(context, num_workers):
    import multiprocessing
    from multiprocessing.context import BaseContext

    if num_workers == 0:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading (num_workers > 0), "
            f"but got num_workers={num_workers}"
        )
    if isinstance(context, str):
        methods = multiprocessing.get_all_start_methods()
        if context not in methods:
            raise ValueError(
                f"multiprocessing_context option should specify a valid start method in {methods!r}, "
                f"but got multiprocessing_context={context!r}"
            )
        return multiprocessing.get_context(context)
    if not isinstance(context, BaseContext):
        raise TypeError(
            "multiprocessing_context option should be a valid context object or a string specifying the "
            f"start method, but got multiprocessing_context={context}"
        )
    return context
