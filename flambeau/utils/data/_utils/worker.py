"""What runs in a worker, be it a process or a thread, and what it says to its loader."""

import copy
import functools
import pickle
import random
import reprlib
import threading
import traceback
from dataclasses import dataclass

import flambeau
from flambeau.utils.data._utils import packing
from flambeau.utils.data._utils.fetch import create_fetcher, keeps_state
from flambeau.utils.data._utils.pipes import is_pipe, seed_pipe, share_pipe
from flambeau.utils.data._utils.streams import (
    Streams,
    held_generators,
    numpy_sequence,
    own_generators,
    reseed,
    seed_everything,
)
from flambeau.utils.data._utils.streams import (
    _generate_state as _generate_state,
)

__all__ = ["Failure", "Finished", "Job", "WorkerInfo", "get_worker_info", "work"]

_here = threading.local()
_worker_info = None  # of a worker process


class _RNG:
    """Generators of a worker thread, which shares the default ones with all others."""

    def __init__(self, seed, base_seed, worker_id):
        self.random_generator = random.Random(seed)
        self.torch_generator = flambeau.Generator().manual_seed(seed)
        self._numpy_seed = base_seed, worker_id

    @functools.cached_property
    def numpy_generator(self):
        """A ``numpy.random.Generator``."""
        import numpy

        return numpy.random.default_rng(numpy_sequence(*self._numpy_seed))


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """What a data set can learn about the worker it runs in.

    ``rng``: in threads, an object with the worker's own ``random_generator``, ``torch_generator`` and
    ``numpy_generator``.
    """

    id: int
    num_workers: int
    seed: int
    dataset: object
    rng: object = None
    worker_method: str | None = "multiprocessing"


def get_worker_info():
    """The :class:`WorkerInfo` of the loader's worker this is called in, or None outside of workers.

    Example:
        >>> get_worker_info() is None
        True
    """
    return getattr(_here, "info", None) or _worker_info


class Job:
    """What a worker needs to know; picklable, for processes that do not inherit memory.

    ``resume``: random streams at the start of the pass and now, and the fetcher's position, of an earlier worker.
    ``packed``: (owner, attribute, value, packed value) of what processes share.
    """

    packed = ()
    ranks = (1, 0)

    def __init__(self, loader, dataset, worker_id, base_seed, init_fn, resume=None):
        self.kind, self.dataset, self.collating = loader._dataset_kind, dataset, loader._auto_collation
        self.collate_fn, self.drop_last = loader.collate_fn, loader.drop_last
        self.id, self.num_workers, self.base_seed = worker_id, loader.num_workers, base_seed
        self.worker_init_fn, self.method = init_fn, getattr(loader, "worker_type", "process")
        self.resume = resume or {}

    def unpack(self):
        """Puts the packed values in their places, in a process that inherited the others and leaves them untouched."""
        for owner, name, _, packed in self.packed:
            if owner is None:
                self.dataset = packed
            else:
                vars(owner)[name] = packed

    def __getstate__(self):
        state = dict(self.__dict__)
        if self.packed:
            state["dataset"] = packing.dumps(self.dataset, [(value, packed) for *_, value, packed in self.packed])
            state["packed"] = [packing.described(packed) for *_, packed in self.packed]
        return state

    def __setstate__(self, state):
        self.__dict__.update(state)
        if self.packed:
            self.dataset = packing.loads(self.dataset, [packing.rebuilt(shared) for shared in self.packed])
            self.packed = ()

    def seeded(self):
        """Seeds everything the job draws from, and says what that is."""
        seed = self.base_seed + self.id
        if self.method == "process":
            flambeau.set_num_threads(1)
            seed_everything(seed, self.base_seed, self.id)
            held, rng = held_generators(self.dataset, self.collate_fn), None
        else:
            if is_pipe(self.dataset, "IterDataPipe", "MapDataPipe"):  # stages remember where they are
                dataset = copy.deepcopy(self.dataset)
            else:
                dataset = copy.copy(self.dataset) if keeps_state(self.dataset) else self.dataset
            (self.dataset, self.collate_fn), held = own_generators(dataset, self.collate_fn)
            rng = _RNG(seed, self.base_seed, self.id)
        reseed(held, self.base_seed, self.id)
        if is_pipe(self.dataset, "IterDataPipe", "MapDataPipe"):
            share_pipe(self.dataset, self.id, self.num_workers, *self.ranks)
        method = "multiprocessing" if self.method == "process" else "thread"
        _publish(WorkerInfo(self.id, self.num_workers, seed, self.dataset, rng, method), self.method)
        return _ThreadStreams(held, rng) if rng else Streams(held)


class _ThreadStreams(Streams):
    def __init__(self, held, rng):
        super().__init__(held, whole=False)
        self.rng = rng

    def sources(self):
        """Also the worker's own generators."""
        yield "own flambeau", self.rng.torch_generator
        yield "own python", self.rng.random_generator
        if "numpy_generator" in vars(self.rng):
            yield "own numpy", self.rng.numpy_generator
        yield from super().sources()

    def restore(self, states):
        """Goes on from states, of NumPy's generator too."""
        if "own numpy" in states:
            self.rng.numpy_generator  # noqa: B018 - made when first asked for
        super().restore(states)


def _publish(info, method):
    global _worker_info
    if method == "process":
        _worker_info = info
    else:
        _here.info = info


class Finished:
    """Says that a worker's iterable data set has ended."""


# ---------------------------------------------------------------- failures


class Failure:
    """An exception on its way from a worker to the loader, where it is raised again with its own type."""

    def __init__(self, error, job, index=None, doing="fetching"):
        self.name = type(error).__name__
        self.kind = type(error) if job.method == "thread" else _importable(type(error))
        self.where = f"{job.method} {job.id}"
        self.what = job.dataset.__class__.__name__ + (f"[{_shown(index)}]" if index is not None else "")
        self.what = f"{doing} {self.what}" if doing == "fetching" else doing
        self.trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))

    def reraise(self):
        """Raises the exception, or a RuntimeError where its type cannot be had in this process."""
        text = f"Caught {self.name} in DataLoader worker {self.where}, while {self.what}.\nOriginal {self.trace}"
        if self.kind is None:
            raise RuntimeError(text)
        if issubclass(self.kind, KeyError):
            text = _Multiline(text)
        try:
            error = self.kind(text)
        except Exception:
            error = _carrier(self.kind)(text)
        try:
            raise error from None
        finally:
            del error  # or it would hold this frame, which holds it, and the loader's iterator with it


def _importable(kind):
    """The class, if the loader's process can find it too."""
    try:
        return kind if pickle.loads(pickle.dumps(kind)) is kind else None
    except Exception:
        return None


def _carrier(kind):
    """A subclass whose only argument is the text, for classes that take others; a RuntimeError too, as in torch."""
    bases = (kind,) if issubclass(kind, RuntimeError) else (kind, RuntimeError)

    def __init__(self, text):
        self.args = (text,)

    def __str__(self):
        return self.args[0]

    try:
        made = type(kind.__name__, bases, {"__init__": __init__, "__str__": __str__, "__module__": kind.__module__})
        made("")
    except Exception:
        return RuntimeError
    return made


def _shown(index):
    shortener = reprlib.Repr()
    shortener.maxlist = shortener.maxtuple = shortener.maxdict = 8
    return shortener.repr(index)


class _Multiline(str):
    """A message that KeyError, which shows the repr of it, prints as it is."""

    def __repr__(self):
        return str(self)


# ---------------------------------------------------------------- the work


def work(job, receive, send):
    """Answers each task ``(epoch, number, index)`` with ``(epoch, number, batch, news)`` until ``receive`` gives None.

    News are the random streams that changed and the fetcher's position after the task. A task of a new epoch starts an
    iterable data set anew; number -1 asks for all streams only. An exception is the answer to its task; one in the
    preparation is the answer to all.
    """
    worker = _Worker(job)
    while (task := receive()) is not None:
        epoch, number, index = task
        if epoch != worker.epoch:
            worker.begin(epoch)
            if number < 0 and index is not None:
                seed_pipe(job.dataset, index)
        answer = None if number < 0 else worker.answer(index)
        try:
            news = worker.news(number < 0)
        except Exception as error:
            answer, news = Failure(error, job, doing=f"saving the state of {type(job.dataset).__name__}"), {}
        send((epoch, number, answer, news))
        del answer, index, task


class _Worker:
    def __init__(self, job):
        self.job, self.epoch, self.fetcher, self.failure, self.streams = job, None, None, None, None
        doing = "seeding"
        try:
            self.streams = job.seeded()
            if job.worker_init_fn is not None:
                doing = f"calling worker_init_fn({job.id})"
                job.worker_init_fn(job.id)
            doing = "going back to a saved state"
            self.streams.restore(job.resume.get("start") or {})
            self.streams.last = self.streams.states()
        except Exception as error:
            self.failure = Failure(error, job, doing=doing)

    def begin(self, epoch):
        """Starts a pass."""
        if epoch > 0 and self.job.resume and self.failure is None:  # nothing was left to do in the pass before
            self._fetcher()
        self.epoch, self.fetcher = epoch, None

    def answer(self, index):
        """The batch, a Failure, or Finished."""
        if self.failure is not None:
            return self.failure
        try:
            if self.fetcher is None:
                self.fetcher = self._fetcher()
        except Exception as error:
            return Failure(error, self.job)
        try:
            return self.fetcher.fetch(index)
        except StopIteration as error:
            return Finished() if self.job.kind else Failure(error, self.job, self.fetcher.failed)
        except Exception as error:
            return Failure(error, self.job, self.fetcher.failed)

    def _fetcher(self):
        job, resume = self.job, self.job.resume
        job.resume = {}
        fetcher = create_fetcher(
            job.kind, job.dataset, job.collating, job.collate_fn, job.drop_last, resume.get("position")
        )
        self.streams.restore(resume.get("streams") or {})
        return fetcher

    def news(self, everything):
        """Random streams and position, as far as they changed."""
        if self.failure is not None:
            return {"start": {}} if everything else {}
        if everything:
            self.streams.last = self.streams.states()
            return {"start": self.streams.last}
        news = {"streams": self.streams.news()}
        if self.fetcher is not None:
            news["position"] = self.fetcher.position()
        return news
