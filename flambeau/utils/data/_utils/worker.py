"""What runs in a worker, be it a process or a thread, and what it says to its loader."""

import random
import sys
import threading
import traceback

import flambeau
from flambeau.utils.data._utils.fetch import create_fetcher

__all__ = ["Failure", "Finished", "Job", "WorkerInfo", "get_worker_info", "work"]

_here = threading.local()


class WorkerInfo:
    """What a data set can learn about the worker it runs in: ``id``, ``num_workers``, ``seed`` and ``dataset``."""

    def __init__(self, id, num_workers, seed, dataset, worker_method):
        self.id, self.num_workers, self.seed, self.dataset = id, num_workers, seed, dataset
        self.rng, self.worker_method = None, worker_method

    def __repr__(self):
        return "WorkerInfo(" + ", ".join(f"{key}={value}" for key, value in self.__dict__.items()) + ")"


def get_worker_info():
    """The :class:`WorkerInfo` of the loader's worker this is called in, or None outside of workers.

    Example:
        >>> get_worker_info() is None
        True
    """
    return getattr(_here, "info", None)


class Job:
    """What a worker needs to know; picklable, for processes that do not inherit memory."""

    def __init__(self, loader, worker_id, base_seed):
        self.iterable, self.dataset, self.collating = loader._iterable, loader.dataset, loader._auto_collation
        self.collate_fn, self.drop_last = loader.collate_fn, loader.drop_last
        self.id, self.num_workers, self.base_seed = worker_id, loader.num_workers, base_seed
        self.worker_init_fn, self.method = loader.worker_init_fn, loader.worker_type


class Finished:
    """Says that a worker's iterable data set has ended."""


class Failure:
    """An exception on its way from a worker to the loader, where it is raised again with its own type."""

    def __init__(self, error, job, index=None):
        self.kind = type(error)
        self.where = f"{job.method} {job.id}"
        self.what = type(job.dataset).__name__ + (f"[{index!r}]" if index is not None else "")
        self.trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        message = getattr(error, "message", None)
        self.message = message if isinstance(message, str) else None

    def reraise(self):
        """Raises the exception, or a RuntimeError where its type takes other arguments than a message."""
        text = (
            f"Caught {self.kind.__name__} in DataLoader worker {self.where}, while fetching {self.what}.\n"
            f"Original {self.trace}"
        )
        if issubclass(self.kind, KeyError):
            text = _Multiline(text)
        try:
            error = self.kind(text)
        except Exception:
            raise RuntimeError(text) from None
        raise error from None


class _Multiline(str):
    """A message that KeyError, which shows the repr of it, prints as it is."""

    def __repr__(self):
        return str(self)


def seed_everything(seed, base_seed, worker_id):
    """Seeds flambeau, Python and numpy as torch does in the worker with that number."""
    flambeau.manual_seed(seed)
    random.seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(_numpy_sequence(base_seed, worker_id).generate_state(4))


def _numpy_sequence(base_seed, *more):
    import numpy

    return numpy.random.SeedSequence([more[0], base_seed & 0xFFFFFFFF, base_seed >> 32, 0, *more[1:]])


def reseed_held_generators(dataset, base_seed, worker_id):
    """Gives each generator that a data set holds a stream of its own; copies of one stream would repeat in all workers.

    Looks through attributes and containers, at most 6 deep and 1,000 elements wide.
    """
    seen, count = set(), 0
    pending = [(dataset, 0)]
    while pending:
        value, depth = pending.pop()
        if id(value) in seen or isinstance(value, (str, bytes, int, float, flambeau.Tensor, type)) or depth > 6:
            continue
        seen.add(id(value))
        if _reseed(value, base_seed, worker_id, count):
            count += 1
            continue
        parts = _parts(value)
        if len(parts) <= 1000:
            pending += [(part, depth + 1) for part in reversed(parts)]


def _parts(value):
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, (list, tuple)):
        return list(value)
    return list(getattr(value, "__dict__", {}).values())


def _reseed(value, base_seed, worker_id, count):
    """Seeds a generator with a stream that depends on worker and place; False if the value is none."""
    if isinstance(value, flambeau.Generator):
        value.manual_seed((base_seed + worker_id + (count + 1) * 0x9E3779B97F4A7C15) % 2**63)
    elif isinstance(value, random.Random):
        value.seed(f"{base_seed + worker_id} {count}")
    elif type(value).__module__.startswith("numpy.random") and hasattr(value, "bit_generator"):
        bits = value.bit_generator
        bits.state = type(bits)(_numpy_sequence(base_seed, worker_id, count + 1)).state
    elif type(value).__module__.startswith("numpy.random") and hasattr(value, "seed"):
        value.seed(_numpy_sequence(base_seed, worker_id, count + 1).generate_state(4))
    else:
        return False
    return True


def _prepare(job):
    seed = job.base_seed + job.id
    if job.method == "process":
        flambeau.set_num_threads(1)
        seed_everything(seed, job.base_seed, job.id)
        reseed_held_generators(job.dataset, job.base_seed, job.id)
    _here.info = WorkerInfo(
        job.id, job.num_workers, seed, job.dataset, "multiprocessing" if job.method == "process" else "thread"
    )
    if job.worker_init_fn is not None:
        job.worker_init_fn(job.id)


def work(job, receive, send):
    """Answers each task ``(epoch, number, index)`` with ``(epoch, number, batch)`` until ``receive`` gives None.

    A task of a new epoch starts an iterable data set anew. An exception is the answer to its task; one in the
    preparation is the answer to the first.
    """
    failure, fetcher, epoch = None, None, None
    try:
        _prepare(job)
    except Exception as error:
        failure = Failure(error, job)
    while (task := receive()) is not None:
        if task[0] != epoch:
            epoch, fetcher = task[0], None
        try:
            if failure is None and fetcher is None:
                fetcher = create_fetcher(job.iterable, job.dataset, job.collating, job.collate_fn, job.drop_last)
            answer = failure or _answer(job, fetcher, task[2])
        except Exception as error:
            answer = Failure(error, job)
        send((epoch, task[1], answer))


def _answer(job, fetcher, index):
    try:
        return fetcher.fetch(index)
    except StopIteration as error:
        return Finished() if job.iterable else Failure(error, job, fetcher.failed)
    except Exception as error:
        return Failure(error, job, fetcher.failed)
