"""The base classes of data pipes."""

import functools

from flambeau.utils.data.dataset import Dataset, IterableDataset

__all__ = ["DFIterDataPipe", "DataChunk", "IterDataPipe", "MapDataPipe"]


class _Pipe:
    """What pipes of both kinds share: methods that make further pipes, hooks around pickling, how they print."""

    functions: dict = {}
    reduce_ex_hook = None
    getstate_hook = None
    str_hook = None
    repr_hook = None

    def __getattr__(self, name):
        if name in type(self).functions:
            return functools.partial(type(self).functions[name], self)
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __dir__(self):
        return [*super().__dir__(), *type(self).functions]

    @classmethod
    def register_function(cls, function_name, function):
        """Makes a function that takes a pipe a method of all pipes of this kind."""
        cls.functions[function_name] = function

    @classmethod
    def register_datapipe_as_function(cls, function_name, cls_to_register, enable_df_api_tracing=False):
        """Makes a class of pipes, whose first argument is another pipe, a method of all pipes of this kind.

        Raises:
            Exception: the name is taken.
        """
        if function_name in cls.functions:
            raise Exception(f"Unable to add DataPipe function name {function_name} as it is already taken")

        @functools.wraps(cls_to_register)
        def function(source, *args, **kwargs):
            return cls_to_register(source, *args, **kwargs)

        cls.functions[function_name] = function

    def __getstate__(self):
        state = self.__dict__
        return type(self).getstate_hook(state) if type(self).getstate_hook is not None else state

    def __reduce_ex__(self, *args, **kwargs):
        if type(self).reduce_ex_hook is not None:
            try:
                return type(self).reduce_ex_hook(self)
            except NotImplementedError:
                pass
        return super().__reduce_ex__(*args, **kwargs)

    @classmethod
    def set_getstate_hook(cls, hook_fn):
        """Sets what makes the state to pickle of a pipe's attributes; None: nothing."""
        _set_once(cls, "getstate_hook", hook_fn)

    @classmethod
    def set_reduce_ex_hook(cls, hook_fn):
        """Sets what a pipe is pickled as; None: as usual."""
        _set_once(cls, "reduce_ex_hook", hook_fn)

    def __repr__(self):
        return type(self).repr_hook(self) if type(self).repr_hook is not None else type(self).__qualname__

    def __str__(self):
        return type(self).str_hook(self) if type(self).str_hook is not None else type(self).__qualname__


def _set_once(cls, name, hook):
    if getattr(cls, name) is not None and hook is not None:
        raise RuntimeError(f"Attempt to override existing {name}")
    kind = IterDataPipe if issubclass(cls, IterDataPipe) else MapDataPipe
    setattr(kind, name, hook)


class IterDataPipe(_Pipe, IterableDataset):
    """An iterable data set that is a stage of a pipe; a subclass defines ``__iter__``, and maybe ``reset``.

    A pipe has one valid iterator: making another one resets the pipe and ends the first.

    Example:
        >>> from flambeau.utils.data.datapipes.iter import IterableWrapper
        >>> list(IterableWrapper(range(5)).map(lambda x: x * 10).batch(2))
        [[0, 10], [20, 30], [40]]
    """

    functions: dict = {}
    _valid_iterator_id = None
    _number_of_samples_yielded = 0
    _restored = False

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "__iter__" in cls.__dict__:
            cls.__iter__ = _only_valid_once(cls.__dict__["__iter__"])

    def reset(self):
        """Called when a new iterator is made; a subclass puts back what its last one left behind."""


def _only_valid_once(make):
    """An ``__iter__`` whose iterators end when another one of the same pipe is made."""
    if getattr(make, "_checked", False):
        return make

    @functools.wraps(make)
    def __iter__(self):
        if type(self).__iter__ is not __iter__:  # called by a subclass' own, which is checked itself
            return make(self)
        self._valid_iterator_id = number = (-1 if self._valid_iterator_id is None else self._valid_iterator_id) + 1
        self._number_of_samples_yielded = 0
        self.reset()
        elements = make(self)
        return elements if elements is self else _Elements(self, elements, number)

    __iter__._checked = True
    return __iter__


class _Elements:
    """An iterator over a pipe that notices when it is no longer the valid one."""

    def __init__(self, pipe, elements, number):
        self._pipe, self._elements, self._number = pipe, iter(elements), number

    def __iter__(self):
        return self

    def __next__(self):
        if self._pipe._valid_iterator_id != self._number:
            raise RuntimeError(
                "This iterator has been invalidated because another iterator has been created from the same "
                f"IterDataPipe: {self._pipe!r}\nThis may be caused multiple references to the same IterDataPipe. We "
                "recommend using `.fork()` if that is necessary."
            )
        element = next(self._elements)
        self._pipe._number_of_samples_yielded += 1
        return element

    def __getattr__(self, name):
        return getattr(self._elements, name)


class DFIterDataPipe(IterDataPipe):
    """A pipe of data frames.

    Example:
        >>> DFIterDataPipe()._is_dfpipe()
        True
    """

    def _is_dfpipe(self):
        return True

    def __iter__(self):
        raise NotImplementedError("Subclasses of DFIterDataPipe should implement __iter__.")


class MapDataPipe(_Pipe, Dataset):
    """A data set with indices that is a stage of a pipe; a subclass defines ``__getitem__``.

    Example:
        >>> from flambeau.utils.data.datapipes.map import SequenceWrapper
        >>> SequenceWrapper(range(5)).map(lambda x: x * 10)[3]
        30
    """

    functions: dict = {}


class DataChunk(list):
    """A batch of a pipe: a list that ``unbatch`` takes apart.

    Example:
        >>> DataChunk([1, 2]).as_str()
        '[1, 2]'
    """

    def __init__(self, items):
        items = list(items)
        super().__init__(items)
        self.items = items

    def as_str(self, indent=""):
        """The elements in brackets."""
        return indent + "[" + ", ".join(str(item) for item in iter(self)) + "]"

    def __iter__(self):
        yield from super().__iter__()

    def raw_iterator(self):
        """The elements."""
        yield from self.items
