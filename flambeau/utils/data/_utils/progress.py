"""Where a pass over a loader stands, and how a later one goes on from there."""

import collections
import contextlib
import copy
import itertools

import flambeau
from flambeau.utils.data._utils.fetch import Unsaved, keeps_state, state_of
from flambeau.utils.data._utils.streams import Streams, held_generators, plain
from flambeau.utils.data.distributed import DistributedSampler
from flambeau.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

__all__ = ["Progress", "check_state"]

VERSION = 1
_OWN_SAMPLERS = (SequentialSampler, RandomSampler, SubsetRandomSampler, WeightedRandomSampler, DistributedSampler)


class Progress:
    """What ``state_dict`` writes, kept up to date by the iterator of a pass.

    A pass is known by the random states it began with: the same sampler draws the same indices from them again. So a
    position in it is a number, whatever the size of the data set. ``start``: the states when the sampler's ``__iter__``
    was called; ``first``: when its first index was asked for.

    Args:
        loader: the loader, or what stands in for it.
        saved: the state to go on from.
    """

    def __init__(self, loader, saved=None):
        held, self.anything = _sampling_sources(loader)
        self.sampling = Streams(held, whole=self.anything)
        self.sampler = _stateful_sampler(loader) if self.anything else None
        self.running, self.fetcher, self.settle = False, None, None
        self.base_seed = self.start = self.first = None
        self.worker_starts = [None] * loader.num_workers
        self.workers = [{} for _ in range(loader.num_workers)]
        self._reset()
        self.saved = saved
        if saved is not None:
            self.base_seed = saved["base_seed"]
            self.worker_starts = list(saved["worker_starts"]) or self.worker_starts
            self.workers = [dict(worker) for worker in saved["workers"]] or self.workers

    def _reset(self):
        self.position = self.yielded = self.drawn = 0
        self.in_step = False  # the position is the number of batches given out, and only that is counted
        self.beyond, self.owners, self.active = set(), {}, None
        self.sampler_states, self.indices, self.ahead, self.exhausted = collections.deque(), None, [], False

    def begin(self, make):
        """Starts a pass, or the rest of one, and returns its iterator over indices."""
        self._reset()
        self.running = True
        self.indices = self._begun(make, self.saved["pass"] if self.saved else None)
        return self.indices

    def _begun(self, make, there):
        if there is None:
            if self.sampler is not None and self.saved:
                self.sampler.load_state_dict(copy.deepcopy(self.saved["sampler"]))
            # The library's own samplers draw nothing before their first index is asked for.
            self.start, self.first = self.sampling.states() if self.anything else None, None
            return make()
        self.start, self.first = there["start"], there["first"]
        self.position, self.yielded, self.beyond = there["position"], there["yielded"], set(there["beyond"])
        if self.sampler is not None:
            self.sampler.load_state_dict(copy.deepcopy(there["sampler"]))
            self.sampler_states.append((self.position, there["sampler"]))
            self.drawn, self.exhausted = self.position, there["exhausted"]
            return iter(()) if self.exhausted else make()
        self.sampling.restore(self.start or {})
        indices = make()
        if self.first is not None:
            self.sampling.restore(self.first)
            self.drawn = self.position
            next(itertools.islice(indices, self.drawn, self.drawn), None)
        return indices

    def next_index(self, indices):
        """Draws the next of the indices.

        Raises:
            StopIteration: there is none.
        """
        if self.ahead:
            return self.ahead.pop()
        if self.first is None:
            self.first = self.sampling.states()
        if self.sampler is not None and not self.sampler_states:
            self.sampler_states.append((0, state_of(self.sampler)))
        try:
            index = next(indices)
        except StopIteration:
            self.exhausted = True
            raise
        self.drawn += 1
        if self.sampler is not None:
            self.sampler_states.append((self.drawn, state_of(self.sampler)))
            while self.sampler_states[0][0] < self.position:
                self.sampler_states.popleft()
        return index

    def end(self):
        """The pass is over."""
        self.running = False

    def answered(self, worker, news):
        """Notes what a worker said of itself with an answer that is now given on."""
        known = self.workers[worker]
        streams = {name: _kept(state) for name, state in news.get("streams", {}).items()}
        if streams:
            known["streams"] = {**known.get("streams", {}), **streams}
        if "position" in news:
            known["position"] = news["position"]

    def state(self, loader):
        """Everything a loader of the same make needs to go on from here."""
        if self.saved is not None and not self.running:
            return copy.deepcopy(self.saved)
        if self.settle is not None:
            self.settle()
        keeps = loader.persistent_workers or self.running
        state = {
            "version": VERSION,
            "num_workers": loader.num_workers,
            "batch_size": loader.batch_size,
            "pass": self._pass() if self.running else None,
            "sampler": None if self.running else self._sampler_state()[0],
            "random": _plain(self._now(loader).states()),
            "base_seed": self.base_seed if keeps else None,
            "worker_starts": _plain(self.worker_starts if self.running else self._ends()) if keeps else [],
            "workers": _plain(self.workers) if keeps and self.running else [],
            "dataset": self._dataset_position(),
        }
        _check_saved(state)
        return copy.deepcopy(state)

    def _ends(self):
        """The streams of the workers at the end of a pass, which persistent workers start the next with."""
        pairs = zip(self.worker_starts, self.workers, strict=True)
        return [{**(start or {}), **worker.get("streams", {})} or None for start, worker in pairs]

    def _sampler_state(self):
        """The sampler's own state after the indices up to the position, and whether it has no more of them."""
        if self.sampler is None or not self.running:
            return self.sampler and state_of(self.sampler), False
        if self.position == self.drawn > 0 and not self.exhausted:
            # Only a look ahead tells a sampler at its end from one that begins anew.
            with contextlib.suppress(StopIteration):
                self.ahead = [self.next_index(self.indices)]
        if self.position == self.drawn and self.exhausted:
            return state_of(self.sampler), True
        known = [state for drawn, state in self.sampler_states if drawn == self.position]
        return known[0] if known else state_of(self.sampler), False

    def _pass(self):
        if self.in_step:
            self.position = self.yielded
        sampler, exhausted = self._sampler_state()
        return {
            "position": self.position,
            "yielded": self.yielded,
            "beyond": sorted(self.beyond),
            "start": _plain(self.start),
            "first": _plain(self.first),
            "sampler": sampler,
            "exhausted": exhausted,
            "owners": [self.owners[number] for number in sorted(self.owners)],
            "active": self.active,
        }

    def _dataset_position(self):
        if self.fetcher is None or (not self.running and hasattr(self.fetcher, "dataset_iter")):
            return {}
        return self.fetcher.position()

    def _now(self, loader):
        held = [] if loader.num_workers else held_generators(loader.dataset, loader.collate_fn)
        sampling = [source for source in self.sampling.held if source is not flambeau.default_generator]
        return Streams([*sampling, *held])

    def restore_before(self, loader):
        """Puts the random states back for a pass that had not begun when the state was saved."""
        if self.saved is not None and self.saved["pass"] is None:
            self._now(loader).restore(self.saved["random"])

    def restore(self, loader):
        """Puts the random states back for a pass that goes on; the saved state is used up then."""
        if self.saved is not None and self.saved["pass"] is not None:
            self._now(loader).restore(self.saved["random"])
        self.saved = None


def _check_saved(value):
    """Complains about what could not be saved.

    Raises:
        RuntimeError: an object's own ``state_dict`` failed.
    """
    if isinstance(value, Unsaved):
        raise RuntimeError(f"[DataLoader.state_dict] {value.text}")
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_saved(part)


def _kept(state):
    """A state that does not keep the message it came in alive."""
    return state.clone() if isinstance(state, flambeau.Tensor) else state


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else plain(value)


def _sampling_sources(loader):
    """What the indices are drawn from, and whether that may be anything: global sources, a state of its own."""
    sampler = loader._index_sampler
    while type(sampler) is BatchSampler:
        sampler = sampler.sampler
    if type(sampler) in _OWN_SAMPLERS:
        held = [flambeau.default_generator]
        for generator in (loader.generator, getattr(sampler, "generator", None)):
            if generator is not None and not any(generator is other for other in held):
                held.append(generator)
        return held, False
    generators = held_generators(sampler, skip=[loader.dataset])
    if loader.generator is not None and not any(loader.generator is other for other in generators):
        generators.insert(0, loader.generator)
    return generators, True


def _stateful_sampler(loader):
    for name in ("batch_sampler", "sampler"):
        sampler = getattr(loader, name, None)
        if sampler is not None and keeps_state(sampler):
            return sampler
    return None


def check_state(loader, state):
    """Complains about a state that is none of this loader's.

    Raises:
        TypeError: it is no state.
        ValueError: it is of a loader with other options.
    """
    if not isinstance(state, dict) or not {"version", "pass", "random", "num_workers", "batch_size"} <= state.keys():
        raise TypeError("[DataLoader.load_state_dict] expected what state_dict() of a DataLoader returned")
    if state["version"] != VERSION:
        raise ValueError(f"[DataLoader.load_state_dict] unknown version {state['version']}, expected {VERSION}")
    for name in ("num_workers", "batch_size"):
        if state[name] != getattr(loader, name):
            raise ValueError(
                f"[DataLoader.load_state_dict] the state is of a loader with {name}={state[name]}, this one has "
                f"{name}={getattr(loader, name)}: positions and random streams differ; make the loader with {name}={state[name]}"
            )
