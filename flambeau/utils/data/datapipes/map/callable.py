"""Pipes with indices that apply a function."""

from flambeau.utils.data.datapipes._decorator import functional_datapipe
from flambeau.utils.data.datapipes.datapipe import MapDataPipe

__all__ = ["MapperMapDataPipe", "default_fn"]


def default_fn(data):
    """Its argument.

    Example:
        >>> default_fn(3)
        3
    """
    return data


@functional_datapipe("map")
class MapperMapDataPipe(MapDataPipe):
    """A function of each element (``map``).

    Example:
        >>> from flambeau.utils.data.datapipes.map import SequenceWrapper
        >>> SequenceWrapper([1, 2]).map(lambda x: x + 1)[0]
        2
    """

    def __init__(self, datapipe, fn=default_fn):
        self.datapipe, self.fn = datapipe, fn

    def __getitem__(self, index):
        return self.fn(self.datapipe[index])

    def __len__(self):
        return len(self.datapipe)
