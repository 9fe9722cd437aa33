"""The order in which samples are visited; the random draws are torch's."""

import itertools

import flambeau

__all__ = [
    "BatchSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
]


def _check_positive(name, value):
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{name} should be a positive integer value, but got {name}={value}")


class Sampler:
    """Base of the samplers: a subclass defines ``__iter__`` over indices (or lists of them) and maybe ``__len__``.

    Example:
        >>> class Backwards(Sampler):
        ...     def __init__(self, data):
        ...         self.data = data
        ...     def __iter__(self):
        ...         return iter(range(len(self.data) - 1, -1, -1))
        >>> list(Backwards("abc"))
        [2, 1, 0]
    """

    def __init__(self, data_source=None):
        if data_source is not None:
            import warnings

            warnings.warn(
                "`data_source` argument is not used and will be removed.You may still have custom "
                "implementation that utilizes it.",
                stacklevel=2,
            )

    def __class_getitem__(cls, item):
        import types

        return types.GenericAlias(cls, item)

    def __iter__(self):
        raise NotImplementedError


class SequentialSampler(Sampler):
    """All indices in order.

    Example:
        >>> list(SequentialSampler("abc"))
        [0, 1, 2]
    """

    def __init__(self, data_source):
        self.data_source = data_source

    def __iter__(self):
        return iter(range(len(self.data_source)))

    def __len__(self):
        return len(self.data_source)


class RandomSampler(Sampler):
    """All indices in random order, or (``replacement``) indices drawn one by one.

    Args:
        data_source: what is sampled; only its length counts.
        replacement: draw an index any number of times.
        num_samples: how many indices; by default the length.
        generator: the source of random numbers; if None, a new one seeded from the default generator each time.

    Raises:
        TypeError: ``replacement`` is no bool.
        ValueError: ``num_samples`` is no positive integer.

    Example:
        >>> sorted(RandomSampler(range(4)))
        [0, 1, 2, 3]
    """

    def __init__(self, data_source, replacement=False, num_samples=None, generator=None):
        self.data_source, self.replacement = data_source, replacement
        self._num_samples, self.generator = num_samples, generator
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        _check_positive("num_samples", self.num_samples)

    @property
    def num_samples(self):
        """How many indices one pass gives."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def _source(self):
        """The generator of one pass."""
        if self.generator is not None:
            return self.generator
        generator = flambeau.Generator()
        generator.manual_seed(int(flambeau.empty((), dtype=flambeau.int64).random_().item()))
        return generator

    def __iter__(self):
        size, generator = len(self.data_source), self._source()
        if self.replacement:
            full, rest = divmod(self.num_samples, 32)
            for count in itertools.chain(itertools.repeat(32, full), (rest,)):  # no list: programs ask for 1e10 samples
                drawn = flambeau.randint(high=size, size=(count,), dtype=flambeau.int64, generator=generator)
                yield from drawn.tolist()
            return
        for _ in range(self.num_samples // size):
            yield from flambeau.randperm(size, generator=generator).tolist()
        yield from flambeau.randperm(size, generator=generator).tolist()[: self.num_samples % size]

    def __len__(self):
        return self.num_samples


class SubsetRandomSampler(Sampler):
    """Some indices in random order.

    Args:
        indices: the indices.
        generator: the source of random numbers; the default generator if None.

    Example:
        >>> sorted(SubsetRandomSampler([3, 5, 8]))
        [3, 5, 8]
    """

    def __init__(self, indices, generator=None):
        self.indices, self.generator = indices, generator

    def __iter__(self):
        for place in flambeau.randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[place]

    def __len__(self):
        return len(self.indices)


class WeightedRandomSampler(Sampler):
    """Indices drawn with given weights.

    Args:
        weights: a weight per index; they need not sum up to 1.
        num_samples: how many indices to draw.
        replacement: draw an index any number of times.
        generator: the source of random numbers; the default generator if None.

    Raises:
        ValueError: ``num_samples`` is no positive integer, ``replacement`` is no bool, or weights are not 1-d.

    Example:
        >>> list(WeightedRandomSampler([0.0, 1.0], 3))
        [1, 1, 1]
    """

    def __init__(self, weights, num_samples, replacement=True, generator=None):
        _check_positive("num_samples", num_samples)
        if not isinstance(replacement, bool):
            raise ValueError(f"replacement should be a boolean value, but got replacement={replacement}")
        weights = flambeau.as_tensor(weights, dtype=flambeau.double)
        if weights.dim() != 1:
            raise ValueError(f"weights should be a 1d sequence but given weights have shape {tuple(weights.shape)}")
        self.weights, self.num_samples, self.replacement = weights, num_samples, replacement
        self.generator = generator

    def __iter__(self):
        drawn = flambeau.multinomial(self.weights, self.num_samples, self.replacement, generator=self.generator)
        yield from drawn.tolist()

    def __len__(self):
        return self.num_samples


class BatchSampler(Sampler):
    """Lists of ``batch_size`` indices of another sampler.

    Args:
        sampler: any iterable of indices.
        batch_size: indices per list.
        drop_last: leave out a shorter last list.

    Raises:
        ValueError: ``batch_size`` is no positive integer, or ``drop_last`` is no bool.

    Example:
        >>> list(BatchSampler(range(5), batch_size=2, drop_last=False))
        [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler, batch_size, drop_last):
        _check_positive("batch_size", batch_size)
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self):
        indices = iter(self.sampler)
        batch = list(itertools.islice(indices, self.batch_size))
        while len(batch) == self.batch_size or (batch and not self.drop_last):
            yield batch
            batch = list(itertools.islice(indices, self.batch_size))

    def __len__(self):
        if self.drop_last:
            return len(self.sampler) // self.batch_size
        return (len(self.sampler) + self.batch_size - 1) // self.batch_size
