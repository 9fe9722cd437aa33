"""Pipes that apply a function to each element."""

from flambeau.utils.data._utils.collate import default_collate
from flambeau.utils.data.datapipes._decorator import functional_datapipe
from flambeau.utils.data.datapipes.datapipe import IterDataPipe
from flambeau.utils.data.datapipes.utils.common import validate_input_col

__all__ = ["CollatorIterDataPipe", "MapperIterDataPipe"]


@functional_datapipe("map")
class MapperIterDataPipe(IterDataPipe):
    """A function of each element, or of some of its columns (``map``).

    Args:
        datapipe: the source.
        fn: the function.
        input_col: key or index of what the function takes, or a list of them; None: the whole element.
        output_col: where its result goes: a key or index, -1: to the end; None: in the place of the (first) input, and
            the other inputs are left out.

    Example:
        >>> from flambeau.utils.data.datapipes.iter import IterableWrapper
        >>> list(IterableWrapper([(1, 2), (3, 4)]).map(lambda a, b: a + b, input_col=[0, 1], output_col=-1))
        [(1, 2, 3), (3, 4, 7)]
    """

    def __init__(self, datapipe, fn, input_col=None, output_col=None):
        if input_col is None and output_col is not None:
            raise ValueError("`output_col` must be None when `input_col` is None.")
        if isinstance(output_col, (list, tuple)):
            if len(output_col) > 1:
                raise ValueError("`output_col` must be a single-element list or tuple")
            output_col = output_col[0]
        self.datapipe, self.fn, self.input_col, self.output_col = datapipe, fn, input_col, output_col
        validate_input_col(fn, input_col)

    def _apply_fn(self, data):
        if self.input_col is None:
            return self.fn(data)
        columns = list(self.input_col) if isinstance(self.input_col, (list, tuple)) else [self.input_col]
        result = self.fn(*(data[column] for column in columns))
        changed = list(data) if isinstance(data, tuple) else data.copy()
        if self.output_col == -1 and not isinstance(changed, dict):
            changed.append(result)
        elif self.output_col is not None:
            changed[self.output_col] = result
        else:
            changed[columns[0]] = result
            for column in sorted(columns[1:], reverse=True):
                del changed[column]
        return tuple(changed) if isinstance(data, tuple) else changed

    def __iter__(self):
        for data in self.datapipe:
            yield self._apply_fn(data)

    def __len__(self):
        return len(self.datapipe)


@functional_datapipe("collate")
class CollatorIterDataPipe(MapperIterDataPipe):
    """Each element, a list of samples, collated into a batch (``collate``).

    Example:
        >>> from flambeau.utils.data.datapipes.iter import IterableWrapper
        >>> list(IterableWrapper(range(4)).batch(2).collate())
        [tensor([0, 1]), tensor([2, 3])]
    """

    def __init__(self, datapipe, conversion=default_collate, collate_fn=None):
        function = conversion if collate_fn is None else collate_fn
        if not callable(function):
            raise TypeError(
                f"[collate] expected a function, got {type(function).__name__}: there are no data frames here"
            )
        super().__init__(datapipe, fn=function)
