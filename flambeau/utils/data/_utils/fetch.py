"""Getting the samples of one batch from a data set."""

import copy
import itertools
import sys

import flambeau
from flambeau.utils.data._utils.collate import default_collate, default_collate_fn_map
from flambeau.utils.data._utils.gather import gathering

__all__ = ["Unsaved", "create_fetcher", "gathering_of", "keeps_state", "state_of"]


class _BaseDatasetFetcher:
    """Fetches for a data set; ``failed`` is the index (or indices) where an exception was raised, if it is known."""

    def __init__(self, dataset, auto_collation, collate_fn, drop_last):
        self.dataset, self.auto_collation = dataset, auto_collation
        self.collate_fn, self.drop_last = collate_fn, drop_last
        self.failed = None

    def fetch(self, possibly_batched_index):
        """The batch, or sample, that belongs to the index."""
        raise NotImplementedError


class _MapDatasetFetcher(_BaseDatasetFetcher):
    """Fetches by index."""

    def __init__(self, dataset, auto_collation, collate_fn, drop_last, gather=None):
        super().__init__(dataset, auto_collation, collate_fn, drop_last)
        self.gather = gather

    def fetch(self, possibly_batched_index):
        """The batch (or, without collating, the sample) at the index or indices."""
        self.failed = index = possibly_batched_index
        if not self.auto_collation:
            return self.collate_fn(self.dataset[index])
        if self.gather is not None:
            indices = _as_index(index)
            if indices is not None:
                return self.gather(indices)
        many = getattr(self.dataset, "__getitems__", None)
        if many:
            samples = many(index)
        else:
            samples = []
            for place in index:
                self.failed = place
                samples.append(self.dataset[place])
            self.failed = index
        return self.collate_fn(samples)

    def position(self):
        """What a resumed fetcher needs to know: the data set's own state, if it keeps one."""
        return {"dataset": state_of(self.dataset)} if keeps_state(self.dataset) else {}

    def go_to(self, position):
        """Goes on from a position."""
        if "dataset" in position:
            self.dataset.load_state_dict(position["dataset"])


class _IterableDatasetFetcher(_BaseDatasetFetcher):
    """Fetches the next samples of an iterable data set."""

    def __init__(self, dataset, auto_collation, collate_fn, drop_last, position=None):
        super().__init__(dataset, auto_collation, collate_fn, drop_last)
        position = position or {}
        self.ended, self.taken = position.get("ended", False), position.get("taken", 0)
        if "dataset" in position:
            dataset.load_state_dict(position["dataset"])
        if self.ended:  # with a short batch; the data set may be at its beginning again
            self.dataset_iter = iter(())
            return
        self.dataset_iter = iter(dataset)
        if "iterator" in position:
            self.dataset_iter.load_state_dict(position["iterator"])
        elif "dataset" not in position:
            next(itertools.islice(self.dataset_iter, self.taken, self.taken), None)

    def fetch(self, possibly_batched_index):
        """The next batch of ``len(index)`` samples, or the next sample.

        Raises:
            StopIteration: there is none.
        """
        if self.ended:
            raise StopIteration
        if not self.auto_collation:
            sample = next(self.dataset_iter)
            self.taken += 1
            return self.collate_fn(sample)
        batch = []
        for _ in possibly_batched_index:
            try:
                batch.append(next(self.dataset_iter))
            except StopIteration:
                self.ended = True
                break
        self.taken += len(batch)
        if not batch or (self.drop_last and len(batch) < len(possibly_batched_index)):
            raise StopIteration
        return self.collate_fn(batch)

    def position(self):
        """What a resumed fetcher needs to know: the iterator's or data set's own state, and samples taken so far."""
        position = {"taken": self.taken, "ended": self.ended}
        if keeps_state(self.dataset_iter) and not self.ended:
            position["iterator"] = state_of(self.dataset_iter)
        elif keeps_state(self.dataset):
            position["dataset"] = state_of(self.dataset)
        return position


def keeps_state(value):
    """Whether it has a state of its own to save and load; that of a module is weights, not a position."""
    modules = sys.modules.get("flambeau.nn")
    if modules is not None and isinstance(value, modules.Module):
        return False
    return callable(getattr(value, "state_dict", None)) and callable(getattr(value, "load_state_dict", None))


class Unsaved:
    """In the place of a state that could not be had; only who wants to save it needs to know why."""

    def __init__(self, owner, error):
        self.text = f"{type(owner).__name__}.state_dict() raised {type(error).__name__}: {error}"


def state_of(owner):
    """A copy of an object's own state, or an Unsaved."""
    try:
        return copy.deepcopy(owner.state_dict())
    except Exception as error:  # loading data must not fail for a state that nobody may ask for
        return Unsaved(owner, error)


def create_fetcher(iterable, dataset, auto_collation, collate_fn, drop_last, position=None, gather=None):
    """The fetcher for a data set, at a position of an earlier one; ``gather``: what ``gathering_of`` gave, if known."""
    if iterable:
        return _IterableDatasetFetcher(dataset, auto_collation, collate_fn, drop_last, position)
    gather = gather or gathering_of(dataset, auto_collation, collate_fn)
    fetcher = _MapDatasetFetcher(dataset, auto_collation, collate_fn, drop_last, gather)
    fetcher.go_to(position or {})
    return fetcher


def gathering_of(dataset, auto_collation, collate_fn):
    """The function from indices to a batch that needs no samples, or None where a user's code lies in between."""
    if not auto_collation or collate_fn is not default_collate:
        return None
    if default_collate_fn_map[flambeau.Tensor].__module__ != collate_fn.__module__:
        return None
    return gathering(dataset)


def _as_index(index):
    """The indices as a tensor or slice, or None if they are other things than integers."""
    if type(index) is slice:
        return index
    if type(index) is not flambeau.Tensor:
        try:
            index = flambeau.tensor(index)
        except Exception:  # indices may be anything that the data set understands
            return None
    return index if index.dtype is flambeau.int64 and index.dim() == 1 and index.numel() else None
