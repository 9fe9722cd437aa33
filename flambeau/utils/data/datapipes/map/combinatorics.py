"""Pipes with indices, shuffled."""

import random

import flambeau
from flambeau.utils.data.datapipes.datapipe import IterDataPipe, MapDataPipe

__all__ = ["ShufflerIterDataPipe"]


class ShufflerIterDataPipe(IterDataPipe):
    """The elements of a pipe with indices in random order (``shuffle``).

    Args:
        datapipe: the source.
        indices: its indices, if they are not 0, 1, 2, ...

    Example:
        >>> from flambeau.utils.data.datapipes.map import SequenceWrapper
        >>> sorted(SequenceWrapper([3, 1, 2]).shuffle())
        [1, 2, 3]
    """

    def __init__(self, datapipe, *, indices=None):
        self.datapipe = datapipe
        self.indices = list(range(len(datapipe))) if indices is None else indices
        self._enabled, self._seed, self._rng, self._shuffled_indices = True, None, random.Random(), self.indices

    def set_shuffle(self, shuffle=True):
        """Turns it on or off."""
        self._enabled = shuffle
        return self

    def set_seed(self, seed):
        """Sets the seed of the next pass; without one it is drawn from the default generator."""
        self._seed = seed
        return self

    def __iter__(self):
        order = reversed(self._shuffled_indices) if self._enabled else self.indices
        for index in order:
            yield self.datapipe[index]

    def reset(self):
        """Draws the order of the next pass."""
        if self._enabled:
            if self._seed is None:
                self._seed = int(flambeau.empty((), dtype=flambeau.int64).random_().item())
            self._rng.seed(self._seed)
            self._seed = None
            self._shuffled_indices = self._rng.sample(self.indices, len(self.indices))

    def __len__(self):
        return len(self.datapipe)


MapDataPipe.register_datapipe_as_function("shuffle", ShufflerIterDataPipe)
