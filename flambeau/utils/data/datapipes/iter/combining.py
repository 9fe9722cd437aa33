"""Several pipes made one, and one made several."""

import collections
import copy as copying

from flambeau.utils.data.datapipes._decorator import functional_datapipe
from flambeau.utils.data.datapipes.datapipe import IterDataPipe
from flambeau.utils.data.datapipes.utils.common import StreamWrapper

__all__ = [
    "ConcaterIterDataPipe",
    "DemultiplexerIterDataPipe",
    "ForkerIterDataPipe",
    "MultiplexerIterDataPipe",
    "ZipperIterDataPipe",
]


@functional_datapipe("concat")
class ConcaterIterDataPipe(IterDataPipe):
    """Pipes one after the other (``concat``).

    Example:
        >>> from flambeau.utils.data.datapipes.iter import IterableWrapper
        >>> list(IterableWrapper([1]).concat(IterableWrapper([2])))
        [1, 2]
    """

    def __init__(self, *datapipes):
        if not datapipes:
            raise ValueError("Expected at least one DataPipe, but got nothing")
        if not all(isinstance(pipe, IterDataPipe) for pipe in datapipes):
            raise TypeError("Expected all inputs to be `IterDataPipe`")
        self.datapipes = datapipes

    def __iter__(self):
        for pipe in self.datapipes:
            yield from pipe

    def __len__(self):
        return sum(len(pipe) for pipe in self.datapipes)


@functional_datapipe("zip")
class ZipperIterDataPipe(IterDataPipe):
    """Tuples with an element of each pipe, as long as all have one (``zip``).

    Example:
        >>> from flambeau.utils.data.datapipes.iter import IterableWrapper
        >>> list(IterableWrapper([1, 2]).zip(IterableWrapper("ab")))
        [(1, 'a'), (2, 'b')]
    """

    def __init__(self, *datapipes):
        if not all(isinstance(pipe, IterDataPipe) for pipe in datapipes):
            raise TypeError("All inputs are required to be `IterDataPipe` for `ZipIterDataPipe`.")
        self.datapipes = datapipes

    def __iter__(self):
        return zip(*self.datapipes)

    def __len__(self):
        return min(len(pipe) for pipe in self.datapipes)


@functional_datapipe("mux")
class MultiplexerIterDataPipe(IterDataPipe):
    """An element of each pipe in turn, until one has none for a whole turn (``mux``).

    Example:
        >>> from flambeau.utils.data.datapipes.iter import IterableWrapper
        >>> list(IterableWrapper([1, 2, 3]).mux(IterableWrapper([10, 20])))
        [1, 10, 2, 20]
    """

    def __init__(self, *datapipes):
        self.datapipes = datapipes

    def __iter__(self):
        for turn in zip(*self.datapipes):
            yield from turn

    def __len__(self):
        return min(len(pipe) for pipe in self.datapipes) * len(self.datapipes)


class _Splitter(IterDataPipe):
    """Hands the elements of one pipe to several; a leaf says whose each is."""

    def __init__(self, datapipe, num_instances, buffer_size):
        self.main_datapipe, self.num_instances, self.buffer_size = datapipe, num_instances, buffer_size
        self.passes, self.source, self.ended = [0] * num_instances, None, False
        self.waiting = [collections.deque() for _ in range(num_instances)]

    def start(self, instance):
        """Begins a pass of one of the pipes; when it is one ahead of the others, all begin anew."""
        self.passes[instance] += 1
        if self.source is None or self.passes[instance] > self.current:
            self.current = self.passes[instance]
            self.passes = [
                self.current if place == instance else self.current - 1 for place in range(self.num_instances)
            ]
            self.source, self.ended = iter(self.main_datapipe), False
            for queue in self.waiting:
                queue.clear()
        return self.current

    current = 0

    def elements(self, instance, number):
        """What comes to one of the pipes in one of its passes."""
        while True:
            if self.current != number:
                raise RuntimeError(
                    "This iterator has been invalidated because another iterator has been created from one of the "
                    f"child pipes of {type(self).__name__}; all of them start anew then"
                )
            if self.waiting[instance]:
                yield self.waiting[instance].popleft()
                continue
            try:
                element = next(self.source)
            except StopIteration:
                return
            self.deal(element)

    def keep(self, instance, element):
        """Keeps an element until it is asked for.

        Raises:
            BufferError: too many are waiting.
        """
        if self.buffer_size >= 0 and self.is_full(instance):
            raise BufferError(f"{type(self).__name__} buffer overflow, buffer size {self.buffer_size} is insufficient.")
        self.waiting[instance].append(element)

    def is_full(self, instance):
        """Whether nothing more can wait."""
        raise NotImplementedError

    def deal(self, element):
        """Puts an element where it belongs."""
        raise NotImplementedError

    def __iter__(self):
        raise NotImplementedError("iterate over its parts")


class _Part(IterDataPipe):
    """One of the pipes that a splitter feeds."""

    def __init__(self, main_datapipe, instance_id):
        self.main_datapipe, self.instance_id = main_datapipe, instance_id

    def __iter__(self):
        number = self.main_datapipe.start(self.instance_id)
        return self.main_datapipe.elements(self.instance_id, number)

    def __len__(self):
        return len(self.main_datapipe)


class _Forked(_Splitter):
    def __init__(self, datapipe, num_instances, buffer_size, copy):
        super().__init__(datapipe, num_instances, buffer_size)
        self.copied = {None: lambda element: element, "shallow": copying.copy, "deep": copying.deepcopy}[copy]

    def is_full(self, instance):
        """One pipe may be so many elements behind another."""
        return len(self.waiting[instance]) > self.buffer_size

    def deal(self, element):
        """Everything goes to everyone."""
        for instance in range(self.num_instances):
            self.keep(instance, self.copied(element))

    def __len__(self):
        return len(self.main_datapipe)


class _Dealt(_Splitter):
    def __init__(self, datapipe, num_instances, classifier_fn, drop_none, buffer_size):
        super().__init__(datapipe, num_instances, buffer_size)
        self.classifier_fn, self.drop_none = classifier_fn, drop_none

    def is_full(self, instance):
        """All elements that wait count together."""
        return sum(map(len, self.waiting)) > self.buffer_size

    def deal(self, element):
        """The function says where to."""
        place = self.classifier_fn(element)
        if place is None and self.drop_none:
            StreamWrapper.close_streams(element)
            return
        if place is None or not 0 <= place < self.num_instances:
            raise ValueError(
                f"Output of the classification fn should be between 0 and {self.num_instances - 1}. {place} is returned."
            )
        self.keep(place, element)

    def __len__(self):
        raise TypeError("parts of a split pipe have no length")


def _check_instances(count):
    if count < 1:
        raise ValueError(f"Expected `num_instances` larger than 0, but {count} is found")


@functional_datapipe("fork")
class ForkerIterDataPipe(IterDataPipe):
    """A list of pipes that all give the elements of one (``fork``).

    Args:
        datapipe: the source.
        num_instances: how many.
        buffer_size: how many elements one may be behind another; negative: any number.
        copy: None: all get the same objects; ``"shallow"``, ``"deep"``: copies.

    Example:
        >>> from flambeau.utils.data.datapipes.iter import IterableWrapper
        >>> a, b = IterableWrapper([1, 2]).fork(2)
        >>> list(zip(a, b))
        [(1, 1), (2, 2)]
    """

    def __new__(cls, datapipe, num_instances, buffer_size=1000, copy=None):
        _check_instances(num_instances)
        if copy not in (None, "shallow", "deep"):
            raise ValueError(f"Unknown copy method `{copy}` requested, choose one of None, `shallow` or `deep`.")
        if num_instances == 1:
            return [datapipe]
        main = _Forked(datapipe, num_instances, buffer_size, copy)
        return [_Part(main, place) for place in range(num_instances)]


@functional_datapipe("demux")
class DemultiplexerIterDataPipe(IterDataPipe):
    """A list of pipes among which a function deals the elements of one (``demux``).

    Args:
        datapipe: the source.
        num_instances: how many.
        classifier_fn: gives the number of the pipe for an element, or None.
        drop_none: leave those out.
        buffer_size: how many elements may wait for the pipe they belong to; negative: any number.

    Example:
        >>> from flambeau.utils.data.datapipes.iter import IterableWrapper
        >>> even, odd = IterableWrapper(range(5)).demux(2, lambda x: x % 2)
        >>> list(even), list(odd)
        ([0, 2, 4], [1, 3])
    """

    def __new__(cls, datapipe, num_instances, classifier_fn, drop_none=False, buffer_size=1000):
        _check_instances(num_instances)
        main = _Dealt(datapipe, num_instances, classifier_fn, drop_none, buffer_size)
        return [_Part(main, place) for place in range(num_instances)]
