"""Getting the samples of one batch from a data set."""

import flambeau
from flambeau.utils.data._utils.collate import default_collate
from flambeau.utils.data.dataset import Subset, TensorDataset

__all__ = ["IterableFetcher", "MapFetcher", "create_fetcher", "gathers"]


class MapFetcher:
    """Fetches by index; ``failed`` is the index of the sample that raised an exception, if it is known."""

    def __init__(self, dataset, collating, collate_fn, drop_last=False):
        self.dataset, self.collating, self.collate_fn = dataset, collating, collate_fn
        self.many = getattr(dataset, "__getitems__", None)
        self.gathers = collating and gathers(dataset, collate_fn)
        self.failed = None

    def fetch(self, index):
        """The batch (or, without collating, the sample) at the index or indices."""
        self.failed = None
        if not self.collating:
            self.failed = index
            return self.collate_fn(self.dataset[index])
        if self.gathers:
            return gather(self.dataset, index)
        if self.many:
            samples = self.many(index)
        else:
            samples = []
            for place in index:
                self.failed = place
                samples.append(self.dataset[place])
            self.failed = None
        return self.collate_fn(samples)


class IterableFetcher:
    """Fetches the next samples of an iterable data set."""

    def __init__(self, dataset, collating, collate_fn, drop_last=False):
        self.samples, self.collating, self.collate_fn, self.drop_last = iter(dataset), collating, collate_fn, drop_last
        self.ended, self.failed = False, None

    def fetch(self, index):
        """The next batch of ``len(index)`` samples, or the next sample.

        Raises:
            StopIteration: there is none.
        """
        if self.ended:
            raise StopIteration
        if not self.collating:
            return self.collate_fn(next(self.samples))
        batch = []
        for _ in index:
            try:
                batch.append(next(self.samples))
            except StopIteration:
                self.ended = True
                break
        if not batch or (self.drop_last and len(batch) < len(index)):
            raise StopIteration
        return self.collate_fn(batch)


def create_fetcher(iterable, dataset, collating, collate_fn, drop_last):
    """The fetcher for a data set."""
    return (IterableFetcher if iterable else MapFetcher)(dataset, collating, collate_fn, drop_last)


def gathers(dataset, collate_fn):
    """Whether a batch of the data set can be had by one gather per tensor, with nothing a user defined in between."""
    if collate_fn is not default_collate:
        return False
    while type(dataset) is Subset:
        dataset = dataset.dataset
    return type(dataset) is TensorDataset and all(type(tensor) is flambeau.Tensor for tensor in dataset.tensors)


def gather(dataset, indices):
    """The batch at the indices (a list, a tensor or a slice), equal to the stacked samples."""
    while type(dataset) is Subset:
        if isinstance(indices, slice):
            indices = range(len(dataset))[indices]
        elif isinstance(indices, flambeau.Tensor):
            indices = indices.tolist()
        indices = [dataset.indices[place] for place in indices]
        dataset = dataset.dataset
    if isinstance(indices, slice):
        return [tensor[indices].clone() for tensor in dataset.tensors]
    if not isinstance(indices, flambeau.Tensor):
        if min(indices) < 0:
            return [tensor[indices] for tensor in dataset.tensors]
        indices = flambeau.tensor(indices, dtype=flambeau.int64)
    return [tensor.index_select(0, indices) for tensor in dataset.tensors]
