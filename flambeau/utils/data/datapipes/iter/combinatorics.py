"""Pipes in another order."""

import random

import flambeau
from flambeau.utils.data.datapipes._decorator import functional_datapipe
from flambeau.utils.data.datapipes.datapipe import IterDataPipe
from flambeau.utils.data.sampler import SequentialSampler

__all__ = ["SamplerIterDataPipe", "ShufflerIterDataPipe"]


class SamplerIterDataPipe(IterDataPipe):
    """What a sampler makes of a pipe with a length.

    Example:
        >>> from flambeau.utils.data.datapipes.iter import IterableWrapper
        >>> list(SamplerIterDataPipe(IterableWrapper("ab")))
        [0, 1]
    """

    def __init__(self, datapipe, sampler=SequentialSampler, sampler_args=None, sampler_kwargs=None):
        try:
            len(datapipe)
        except (TypeError, NotImplementedError):
            raise AssertionError("Sampler class requires input datapipe implemented `__len__`") from None
        self.datapipe, self.sampler_args, self.sampler_kwargs = datapipe, sampler_args or (), sampler_kwargs or {}
        self.sampler = sampler(*self.sampler_args, data_source=datapipe, **self.sampler_kwargs)

    def __iter__(self):
        return iter(self.sampler)

    def __len__(self):
        return len(self.sampler)


@functional_datapipe("shuffle")
class ShufflerIterDataPipe(IterDataPipe):
    """Elements at random from a buffer that the source fills up (``shuffle``).

    Args:
        datapipe: the source.
        buffer_size: how many elements to choose from.
        unbatch_level: batches are taken apart so many levels deep first.

    Example:
        >>> from flambeau.utils.data.datapipes.iter import IterableWrapper
        >>> sorted(IterableWrapper(range(4)).shuffle())
        [0, 1, 2, 3]
    """

    def __init__(self, datapipe, *, buffer_size=10000, unbatch_level=0):
        if buffer_size <= 0:
            raise AssertionError("buffer_size should be larger than 0")
        self.datapipe = datapipe.unbatch(unbatch_level=unbatch_level) if unbatch_level else datapipe
        self.buffer_size = buffer_size
        self._enabled, self._seed, self._rng, self._buffer = True, None, random.Random(), []

    def set_shuffle(self, shuffle=True):
        """Turns it on or off."""
        self._enabled = shuffle
        return self

    def set_seed(self, seed):
        """Sets the seed of the next pass; without one it is drawn from the default generator."""
        self._seed = seed
        return self

    def __iter__(self):
        if not self._enabled:
            yield from self.datapipe
            return
        buffer, draw = self._buffer, self._rng.randint
        for element in self.datapipe:
            if len(buffer) == self.buffer_size:
                place = draw(0, len(buffer) - 1)
                buffer[place], element = element, buffer[place]
                yield element
            else:
                buffer.append(element)
        while buffer:
            yield buffer.pop(draw(0, len(buffer) - 1))

    def __len__(self):
        return len(self.datapipe)

    def reset(self):
        """Empties the buffer and seeds the next pass."""
        self._buffer = []
        if self._enabled:
            if self._seed is None:
                self._seed = int(flambeau.empty((), dtype=flambeau.int64).random_().item())
            self._rng.seed(self._seed)
            self._seed = None
