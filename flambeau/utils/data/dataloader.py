"""DataLoader: batches of a data set, fetched here or by workers."""

import itertools
import warnings
import weakref

import flambeau
from flambeau.utils.data._utils.collate import default_collate, default_convert
from flambeau.utils.data._utils.fetch import create_fetcher, gathers
from flambeau.utils.data._utils.worker import Failure, Finished, get_worker_info
from flambeau.utils.data.dataset import IterableDataset
from flambeau.utils.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]


class _DatasetKind:
    Map = 0
    Iterable = 1

    @staticmethod
    def create_fetcher(kind, dataset, auto_collation, collate_fn, drop_last):
        return create_fetcher(kind == _DatasetKind.Iterable, dataset, auto_collation, collate_fn, drop_last)


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

    _initialized = False
    _iterator = None

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
        self._iterable = isinstance(dataset, IterableDataset)
        self._dataset_kind = _DatasetKind.Iterable if self._iterable else _DatasetKind.Map
        if self._iterable:
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
        self.batch_size, self.drop_last, self.sampler, self.batch_sampler = (
            batch_size,
            drop_last,
            sampler,
            batch_sampler,
        )
        self.generator = generator
        self.collate_fn = collate_fn or (default_collate if self._auto_collation else default_convert)
        self.persistent_workers = persistent_workers
        self._initialized = True
        self.check_worker_number_rationality()

    def _default_sampler(self, shuffle, generator):
        if self._iterable:
            return _InfiniteConstantSampler()
        return RandomSampler(self.dataset, generator=generator) if shuffle else SequentialSampler(self.dataset)

    def __class_getitem__(cls, item):
        import types

        return types.GenericAlias(cls, item)

    def __setattr__(self, name, value):
        if self._initialized and name in (
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
        if not (self.persistent_workers and self.num_workers > 0):
            return self._get_iterator()
        if self._iterator is None:
            self._iterator = self._get_iterator()
        else:
            self._iterator._reset(self)
        return self._iterator

    def __len__(self):
        if not self._iterable:
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


class _BaseDataLoaderIter:
    """One pass over a loader. A leaf defines ``_next_data``."""

    def __init__(self, loader):
        self._loader, self._collate_fn = loader, loader.collate_fn
        self._dataset, self._dataset_kind, self._num_workers = loader.dataset, loader._dataset_kind, loader.num_workers
        self._start_pass(loader)
        self._base_seed = int(flambeau.empty((), dtype=flambeau.int64).random_(generator=loader.generator).item())

    def _start_pass(self, loader):
        self._num_yielded = 0
        self._expected = getattr(loader, "_IterableDataset_len_called", None)
        self._sampler_iter = iter(_index_tensors(loader) or loader._index_sampler)

    def __iter__(self):
        return self

    def __next__(self):
        data = self._next_data()
        self._num_yielded += 1
        if self._expected is not None and self._num_yielded > self._expected and self._dataset_kind:
            self._warn_of_length()
        return data

    def __len__(self):
        return len(self._loader._index_sampler)

    def _warn_of_length(self):
        message = (
            f"Length of IterableDataset {self._dataset} was reported to be {self._expected} (when accessing "
            f"len(dataloader)), but {self._num_yielded} samples have been fetched. "
        )
        if self._num_workers > 0:
            message += (
                "For multiprocessing data-loading, this could be caused by not properly configuring the "
                "IterableDataset replica at each worker. Please see "
                "https://pytorch.org/docs/stable/data.html#torch.utils.data.IterableDataset for examples."
            )
        warnings.warn(message, stacklevel=3)

    def _next_data(self):
        raise NotImplementedError


def _index_tensors(loader):
    """The loader's batches of indices as tensors or slices, where that saves the way through Python numbers."""
    batches = loader.batch_sampler
    if loader.num_workers or loader._iterable or type(batches) is not BatchSampler:
        return None
    if type(loader.sampler) not in (RandomSampler, SequentialSampler) or batches.sampler is not loader.sampler:
        return None
    sampler = loader.sampler
    if sampler.data_source is not loader.dataset or not gathers(loader.dataset, loader.collate_fn):
        return None
    if type(sampler) is SequentialSampler:
        return _slices(len(loader.dataset), batches)
    whole = not sampler.replacement and sampler.num_samples == len(loader.dataset)
    return _permuted(sampler, batches) if whole else None


def _starts(size, batches):
    end = size - size % batches.batch_size if batches.drop_last else size
    return range(0, end, batches.batch_size)


def _slices(size, batches):
    for start in _starts(size, batches):
        yield slice(start, min(start + batches.batch_size, size))


def _permuted(sampler, batches):
    size, generator = len(sampler.data_source), sampler._source()
    order = flambeau.randperm(size, generator=generator)
    for start in _starts(size, batches):
        yield order[start : start + batches.batch_size]
    # RandomSampler draws another permutation before it finds that it needs none of it; a user's generator shows that.
    if sampler.generator is not None:
        flambeau.randperm(size, generator=generator)


class _SingleProcessDataLoaderIter(_BaseDataLoaderIter):
    """Fetches in the calling thread."""

    def __init__(self, loader):
        super().__init__(loader)
        self._dataset_fetcher = create_fetcher(
            loader._iterable, loader.dataset, loader._auto_collation, loader.collate_fn, loader.drop_last
        )

    def _next_data(self):
        index = next(self._sampler_iter)
        try:
            return self._dataset_fetcher.fetch(index)
        except Exception as error:
            place = self._dataset_fetcher.failed
            if place is not None and hasattr(error, "add_note") and not isinstance(error, StopIteration):
                error.add_note(f"DataLoader was fetching {type(self._dataset).__name__}[{place!r}]")
            raise


class _MultiProcessingDataLoaderIter(_BaseDataLoaderIter):
    """Lets workers fetch ahead, and gives their answers in order."""

    def __init__(self, loader):
        from flambeau.utils.data._utils import channels

        super().__init__(loader)
        self._timeout, self._in_order, self._prefetch = loader.timeout, loader.in_order, loader.prefetch_factor
        self._persistent, self._epoch = loader.persistent_workers, 0
        kind = channels.ThreadWorkers if loader.worker_type == "thread" else channels.ProcessWorkers
        self._workers = kind(loader, self._base_seed)
        self._died = channels.WorkerDied
        self._finalizer = weakref.finalize(self, self._workers.stop)
        self._ask_ahead()

    def _reset(self, loader):
        """Starts another pass with the same workers; answers to the last one are thrown away as they come."""
        self._epoch += 1
        self._start_pass(loader)
        self._ask_ahead()

    def _ask_ahead(self):
        self._sent = self._received = 0
        self._asked, self._answers = {}, {}  # task number -> worker, and -> answer
        self._active = [True] * self._num_workers
        self._turn = itertools.cycle(range(self._num_workers))
        for _ in range(self._prefetch * self._num_workers):
            self._ask()

    def _ask(self):
        """Gives the next indices to the next worker that is not at its end."""
        if not any(self._active):
            return
        try:
            index = next(self._sampler_iter)
        except StopIteration:
            return
        worker = next(worker for worker in self._turn if self._active[worker])
        self._asked[self._sent] = worker
        self._workers.send(worker, (self._epoch, self._sent, index))
        self._sent += 1

    def _next_data(self):
        while True:
            number = self._ready()
            if number is not None:
                break
            if not self._asked:
                if not self._persistent:
                    self._shutdown_workers()
                raise StopIteration
            self._take(self._wait())
        answer = self._answers.pop(number)
        self._ask()
        if isinstance(answer, Failure):
            answer.reraise()
        return answer

    def _ready(self):
        """The number of the answer to give next, if it has come."""
        if not self._in_order:
            return next(iter(self._answers), None)
        while self._received < self._sent:
            number = self._received
            if number in self._answers:
                self._received += 1
                return number
            if number in self._asked and self._active[self._asked[number]]:
                return None
            self._asked.pop(number, None)  # the worker came to its end before this task
            self._received += 1
        return None

    def _take(self, answer):
        worker, (epoch, number, data) = answer
        if epoch != self._epoch:
            return
        self._asked.pop(number, None)
        if isinstance(data, Finished):
            if self._active[worker]:
                self._active[worker] = False
                self._asked = {task: owner for task, owner in self._asked.items() if owner != worker}
            self._ask()
        else:
            self._answers[number] = data

    def _wait(self):
        try:
            answer = self._workers.receive(self._timeout or None)
        except self._died:
            self._shutdown_workers()
            raise
        if answer is None:
            owners = sorted(set(self._asked.values()))
            names = ", ".join(self._workers.describe(worker) for worker in owners)
            self._shutdown_workers(0)
            raise RuntimeError(
                f"DataLoader timed out after {self._timeout} seconds: no answer from {names} "
                f"for {type(self._dataset).__name__}"
            )
        return answer

    def _shutdown_workers(self, patience=5.0):
        if self._finalizer.detach():
            self._workers.stop(patience)
        self._asked, self._answers = {}, {}
        self._active = [False] * self._num_workers
