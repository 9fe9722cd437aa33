"""One pass over a loader, fetched here or by workers."""

import itertools
import sys
import warnings
import weakref

import flambeau
from flambeau.utils.data._utils.fetch import create_fetcher, gathering_of
from flambeau.utils.data._utils.pipes import is_pipe, seed_pipe
from flambeau.utils.data._utils.progress import Progress
from flambeau.utils.data._utils.worker import Failure, Finished, Job, _shown
from flambeau.utils.data.sampler import BatchSampler, RandomSampler, SequentialSampler

__all__ = ["_BaseDataLoaderIter", "_MultiProcessingDataLoaderIter", "_SingleProcessDataLoaderIter"]


class _BaseDataLoaderIter:
    """One pass over a loader. A leaf defines ``_next_data``."""

    _shared_seed = None  # of the pipes that all workers have copies of

    def __init__(self, loader):
        self._dataset, self._dataset_kind = loader.dataset, loader._dataset_kind
        self._auto_collation, self._drop_last = loader._auto_collation, loader.drop_last
        self._index_sampler, self._num_workers = loader._index_sampler, loader.num_workers
        self._collate_fn, self._timeout = loader.collate_fn, loader.timeout
        self._pin_memory, self._persistent_workers = loader.pin_memory, loader.persistent_workers
        self._progress = Progress(loader, getattr(loader, "_saved", None))
        here = self._num_workers == 0 and not self._dataset_kind
        self._gather = gathering_of(self._dataset, self._auto_collation, self._collate_fn) if here else None
        self._first_pass = self._progress.base_seed is None  # of these workers
        self._progress.restore_before(loader)
        self._begin(loader)
        if self._first_pass:
            drawn = flambeau.empty((), dtype=flambeau.int64).random_(generator=loader.generator)
            self._progress.base_seed = int(drawn.item())
        self._base_seed = self._progress.base_seed

    def _begin(self, loader):
        self._IterableDataset_len_called = getattr(loader, "_IterableDataset_len_called", None)
        quick = _index_tensors(loader) if self._gather is not None else None
        self._quick = quick is not None
        self._sampler_iter = self._progress.begin(lambda: self._indices(loader, quick))

    def _indices(self, loader, quick):
        if is_pipe(self._dataset, "IterDataPipe"):
            self._shared_seed = int(flambeau.empty((), dtype=flambeau.int64).random_(generator=loader.generator).item())
            seed_pipe(self._dataset, self._shared_seed)
        return iter(quick or self._index_sampler)

    def __iter__(self):
        return self

    def __next__(self):
        try:
            data = self._next_data()
        except StopIteration:
            self._progress.end()
            raise
        self._progress.yielded += 1
        if self._IterableDataset_len_called is not None:
            self._check_length()
        return data

    @property
    def _num_yielded(self):
        return self._progress.yielded

    def __len__(self):
        return len(self._index_sampler)

    def __getstate__(self):
        raise NotImplementedError(
            f"{type(self).__name__} cannot be pickled; pickle the DataLoader and its state_dict()"
        )

    def _next_index(self):
        return self._progress.next_index(self._sampler_iter)

    def _check_length(self):
        if not self._dataset_kind or self._num_yielded <= self._IterableDataset_len_called:
            return
        message = (
            f"Length of IterableDataset {self._dataset} was reported to be {self._IterableDataset_len_called} (when "
            f"accessing len(dataloader)), but {self._num_yielded} samples have been fetched. "
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


def _ranks():
    """Number of processes of a distributed program, and which one this is."""
    distributed = sys.modules.get("flambeau.distributed")
    if distributed is None or not (distributed.is_available() and distributed.is_initialized()):
        return 1, 0
    return distributed.get_world_size(), distributed.get_rank()


def _index_tensors(loader):
    """The loader's batches of indices as tensors or slices, where that saves the way through Python numbers."""
    batches = getattr(loader, "batch_sampler", None)
    if type(batches) is not BatchSampler:
        return None
    sampler = batches.sampler
    if type(sampler) not in (RandomSampler, SequentialSampler) or len(sampler) == 0:
        return None
    if sampler.data_source is not loader.dataset:
        return None
    if type(sampler) is SequentialSampler:
        return _slices(len(loader.dataset), batches)
    whole = not sampler.replacement and sampler.num_samples == len(loader.dataset)
    return _permuted(sampler, batches) if whole else None


def _starts(size, batches):
    end = size - size % batches.batch_size if batches.drop_last else size
    return range(0, end, batches.batch_size)


def _slices(size, batches):
    starts = _starts(size, batches)
    return map(slice, starts, (min(start + batches.batch_size, size) for start in starts))


def _permuted(sampler, batches):
    size, generator = len(sampler.data_source), sampler._source()
    order = flambeau.randperm(size, generator=generator)
    for start in _starts(size, batches):
        yield order[start : start + batches.batch_size]
    # RandomSampler draws another permutation before it finds that it needs none of it; a user's generator shows that,
    # and so does a randperm that somebody has replaced.
    flambeau.randperm(size, generator=generator)


class _SingleProcessDataLoaderIter(_BaseDataLoaderIter):
    """Fetches in the calling thread."""

    def __init__(self, loader):
        if loader.timeout != 0:
            raise AssertionError("_SingleProcessDataLoaderIter requires timeout == 0")
        super().__init__(loader)
        saved = self._progress.saved or {}
        self._dataset_fetcher = self._progress.fetcher = create_fetcher(
            self._dataset_kind,
            self._dataset,
            self._auto_collation,
            self._collate_fn,
            self._drop_last,
            saved.get("dataset"),
            self._gather,
        )
        self._progress.restore(loader)
        if self._quick:
            self._progress.in_step = True
            # No call per batch but those that make it.
            self._next_data = itertools.chain(self._first(), map(self._gather, self._sampler_iter)).__next__

    def _first(self):
        """Notes how the pass begins, when its first batch is asked for."""
        progress = self._progress

        def note():
            if progress.first is None:
                progress.first = progress.sampling.states()
            yield from ()

        return note()

    def _next_data(self):
        progress, fetcher = self._progress, self._dataset_fetcher
        index = progress.next_index(self._sampler_iter)
        progress.position += 1
        try:
            return fetcher.fetch(index)
        except StopIteration:
            raise
        except Exception as error:
            if fetcher.failed is not None and hasattr(error, "add_note"):
                error.add_note(f"DataLoader was fetching {type(self._dataset).__name__}[{_shown(fetcher.failed)}]")
            raise


class _MultiProcessingDataLoaderIter(_BaseDataLoaderIter):
    """Lets workers fetch ahead, and gives their answers in order."""

    def __init__(self, loader):
        from flambeau.utils.data._utils import channels

        if loader.prefetch_factor <= 0:
            raise AssertionError("prefetch_factor must be greater than 0 for MultiProcessingDataLoaderIter")
        super().__init__(loader)
        self._in_order, self._prefetch_factor = getattr(loader, "in_order", True), loader.prefetch_factor
        self._epoch, self._settled = 0, loader.num_workers
        thread = getattr(loader, "worker_type", "process") == "thread"
        self._pool = (channels.ThreadWorkers if thread else channels.ProcessWorkers)(
            loader.multiprocessing_context, loader.timeout, self._jobs(loader)
        )
        self._workers, self._died = self._pool.processes, channels.WorkerDied
        self._finalizer = weakref.finalize(self, self._pool.stop)
        if self._first_pass:
            self._begin(loader)  # as torch: a sampler's __iter__ is called twice for the first pass
        settle = weakref.WeakMethod(self._settle)
        self._progress.settle = lambda: (settle() or int)()
        try:
            self._ask_ahead()
            self._progress.restore(loader)
        except BaseException:
            self._shutdown_workers()
            raise

    def _jobs(self, loader):
        progress = self._progress
        there = bool(progress.saved and progress.saved["pass"])
        packed, ranks = self._packed(loader), _ranks()
        for worker in range(self._num_workers):
            resume = {"start": progress.worker_starts[worker]} if progress.saved else {}
            if there:
                resume.update(progress.workers[worker])
            job = Job(loader, self._dataset, worker, self._base_seed, loader.worker_init_fn, resume)
            job.packed, job.ranks = packed, ranks
            yield job

    def _packed(self, loader):
        """What worker processes share; values that change only if they are sent to, or kept in, the workers anyway."""
        from flambeau.utils.data._utils.packing import packed_parts

        if getattr(loader, "worker_type", "process") == "thread":
            return ()
        import multiprocessing

        context = loader.multiprocessing_context or multiprocessing.get_context()
        mutable = self._persistent_workers or context.get_start_method() != "fork"
        # Kept as long as the workers: letting go of what refers to each element would write to all of them.
        self._packs, packed = packed_parts(loader, self._dataset, mutable)
        return packed

    def _reset(self, loader, first_iter=False):
        """Starts another pass with the same workers; answers to the last one are thrown away as they come."""
        self._epoch += 1
        self._settled = 0
        self._begin(loader)
        self._progress.workers = [{} for _ in range(self._num_workers)]
        for worker in range(self._num_workers):
            self._pool.send(worker, (self._epoch, -1, self._shared_seed))
        self._ask_ahead()

    def _settle(self):
        """Waits until all workers have said with which random streams they began this pass."""
        while self._settled < self._num_workers:
            self._take(self._wait())

    def _ask_ahead(self):
        progress = self._progress
        there = (progress.saved or {}).get("pass") or {}
        self._rcvd_idx = progress.position  # number of the task whose answer is to be given next
        self._asked, self._answers = progress.owners, {}  # task number -> worker, and -> (worker, answer, news)
        progress.active = self._active = list(there.get("active") or [True] * self._num_workers)
        self._turn = itertools.cycle(range(self._num_workers))
        owners = there.get("owners", ())
        for owner in owners:
            self._ask(owner)
        for _ in range(self._prefetch_factor * self._num_workers - len(owners)):
            self._ask()

    def _ask(self, worker=None):
        """Gives the next indices to a worker: the next in turn that is not at its end."""
        if worker is None:
            worker = self._whose_turn()
            if worker is None:
                return
        else:
            while next(self._turn) != worker:
                pass
        try:
            index = self._next_index()
            while self._progress.drawn - 1 in self._progress.beyond:
                index = self._next_index()
        except StopIteration:
            return
        number = self._progress.drawn - 1
        self._asked[number] = worker
        self._pool.send(worker, (self._epoch, number, index))

    def _whose_turn(self):
        """The next worker that is not at its end and, without an order, has not got its share of tasks; None: nobody."""
        active = sum(self._active)
        share = self._prefetch_factor * self._num_workers // max(1, active)
        for worker in itertools.islice(self._turn, self._num_workers):
            busy = 0 if self._in_order else sum(owner == worker for owner in self._asked.values())
            if self._active[worker] and busy < share:
                return worker
        return None

    def _next_data(self):
        while True:
            number = self._ready()
            if number is None:
                if not self._asked:
                    break
                self._take(self._wait())
                continue
            worker, answer, news = self._answers.pop(number)
            self._asked.pop(number)
            self._passed(number)
            self._progress.answered(worker, news)
            if isinstance(answer, Finished):
                self._active[worker] = False
                self._ask()
                continue
            self._ask()
            if isinstance(answer, Failure):
                answer.reraise()
            return answer
        if not self._persistent_workers:
            self._shutdown_workers()
        raise StopIteration

    def _ready(self):
        """The number of the answer to give next, if it has come."""
        if not self._in_order:
            return next(iter(self._answers), None)
        while self._rcvd_idx in self._asked:
            number = self._rcvd_idx
            if self._active[self._asked[number]]:
                return number if number in self._answers else None
            del self._asked[number]  # the worker came to its end before this task
            self._answers.pop(number, None)
            self._passed(number)
            self._ask()
        return None

    def _passed(self, number):
        """Notes that the task needs no more answer."""
        beyond = self._progress.beyond
        beyond.add(number)
        while self._rcvd_idx in beyond:
            beyond.discard(self._rcvd_idx)
            self._rcvd_idx += 1
        self._progress.position = self._rcvd_idx

    def _take(self, answer):
        worker, (epoch, number, data, news) = answer
        if epoch != self._epoch:
            return
        if number < 0:
            self._progress.worker_starts[worker] = {
                name: getattr(state, "clone", lambda state=state: state)() for name, state in news["start"].items()
            }
            self._settled += 1
        elif number in self._asked:
            self._answers[number] = worker, data, news

    def _wait(self):
        try:
            answer = self._pool.receive(self._timeout or None)
        except self._died:
            self._shutdown_workers()
            raise
        if answer is None:
            owners = sorted(set(self._asked.values()) or range(self._num_workers))
            names = ", ".join(self._pool.describe(worker) for worker in owners)
            self._shutdown_workers(0)
            raise RuntimeError(
                f"DataLoader timed out after {self._timeout} seconds: no answer from {names} "
                f"for {type(self._dataset).__name__}"
            )
        return answer

    def _shutdown_workers(self, *patience):
        if self._finalizer.detach():
            self._pool.stop(*patience)
        self._asked.clear()
        self._answers = {}
        self._active = [False] * self._num_workers
        self._settled = self._num_workers
