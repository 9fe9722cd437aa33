"""Pipes of what opened files contain."""

from flambeau.utils.data.datapipes._decorator import functional_datapipe
from flambeau.utils.data.datapipes.datapipe import IterDataPipe

__all__ = ["StreamReaderIterDataPipe"]


@functional_datapipe("read_from_stream")
class StreamReaderIterDataPipe(IterDataPipe):
    """Pairs of a path and the next piece of its file, for pairs of paths and files (``read_from_stream``).

    Args:
        datapipe: the pairs.
        chunk: bytes per piece; None: all at once.

    Example:
        >>> import io
        >>> from flambeau.utils.data.datapipes.iter import IterableWrapper
        >>> list(StreamReaderIterDataPipe(IterableWrapper([("a", io.StringIO("text"))]), chunk=3))
        [('a', 'tex'), ('a', 't')]
    """

    def __init__(self, datapipe, chunk=None):
        self.datapipe, self.chunk = datapipe, chunk

    def __iter__(self):
        for path, stream in self.datapipe:
            while piece := stream.read(self.chunk):
                yield path, piece
            stream.close()
