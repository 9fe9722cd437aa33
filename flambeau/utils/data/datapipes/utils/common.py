"""Files, streams and functions in data pipes."""

import fnmatch
import inspect
import os
import warnings
from io import IOBase

__all__ = [
    "StreamWrapper",
    "get_file_binaries_from_pathnames",
    "get_file_pathnames_from_root",
    "match_masks",
    "validate_input_col",
    "validate_pathname_binary_tuple",
]


def validate_input_col(fn, input_col):
    """Checks that a function takes as many arguments as there are input columns.

    Raises:
        ValueError: it takes more or fewer.

    Example:
        >>> validate_input_col(lambda a, b: a + b, ["x"])
        Traceback (most recent call last):
        ...
        ValueError: The function <lambda> takes 2 parameters, but 1 are required.
    """
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):
        return
    count = len(input_col) if isinstance(input_col, (list, tuple)) else 1
    kinds = [parameter.kind for parameter in signature.parameters.values()]
    positional = [
        parameter
        for parameter in signature.parameters.values()
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    needed = [parameter for parameter in positional if parameter.default is parameter.empty]
    name = getattr(fn, "__name__", repr(fn))
    keywords = [
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty
    ]
    if keywords:
        raise ValueError(f"The function {name} takes keyword-only parameters {keywords}, which is not allowed.")
    if len(needed) > count or (len(positional) < count and inspect.Parameter.VAR_POSITIONAL not in kinds):
        raise ValueError(f"The function {name} takes {len(positional)} parameters, but {count} are required.")


def match_masks(name, masks):
    """Whether a name matches one of the patterns; no patterns: always.

    Example:
        >>> match_masks("a.txt", ["*.csv", "*.txt"])
        True
    """
    if not masks:
        return True
    return any(fnmatch.fnmatch(name, mask) for mask in ([masks] if isinstance(masks, str) else masks))


def get_file_pathnames_from_root(root, masks, recursive=False, abspath=False, non_deterministic=False):
    """The paths of the files in a folder (or the file itself) whose names match.

    Example:
        >>> list(get_file_pathnames_from_root("no such folder", ""))
        []
    """

    def refused(error):
        warnings.warn(error.filename + " : " + error.strerror, stacklevel=3)
        raise error

    if os.path.isfile(root):
        path = os.path.abspath(root) if abspath else root
        if match_masks(os.path.basename(path), masks):
            yield path
        return
    for folder, folders, files in os.walk(root, onerror=refused if os.path.exists(root) else None):
        if abspath:
            folder = os.path.abspath(folder)
        if not non_deterministic:
            files.sort()
        yield from (os.path.join(folder, name) for name in files if match_masks(name, masks))
        if not recursive:
            break
        if not non_deterministic:
            folders.sort()


def get_file_binaries_from_pathnames(pathnames, mode, encoding=None):
    """Pairs of a path and its opened file.

    Raises:
        TypeError: a path is no string.

    Example:
        >>> [path for path, file in get_file_binaries_from_pathnames([], "r")]
        []
    """
    mode = "r" + mode if mode in ("b", "t") else mode
    for path in [pathnames] if isinstance(pathnames, str) else pathnames:
        if not isinstance(path, str):
            raise TypeError(f"Expected string type for pathname, but got {type(path)}")
        yield path, StreamWrapper(open(path, mode, encoding=encoding))


def validate_pathname_binary_tuple(data):
    """Checks that something is a pair of a path and an opened file.

    Raises:
        TypeError: it is not.

    Example:
        >>> validate_pathname_binary_tuple(("a", 1))
        Traceback (most recent call last):
        ...
        TypeError: pathname binary data should have IOBase based binary type, but got type <class 'int'>
    """
    if not isinstance(data, tuple):
        raise TypeError(f"pathname binary data should be tuple type, but it is type {type(data)}")
    if len(data) != 2:
        raise TypeError(f"pathname binary stream tuple length should be 2, but got {len(data)}")
    if not isinstance(data[0], str):
        raise TypeError(f"pathname within the tuple should have string type pathname, but it is type {type(data[0])}")
    if not isinstance(data[1], (IOBase, StreamWrapper)):
        raise TypeError(f"pathname binary data should have IOBase based binary type, but got type {type(data[1])}")


class StreamWrapper:
    """A file that closes itself when nothing needs it any more, and its parent (an archive) after its last child.

    Args:
        file_obj: the file.
        parent_stream: the wrapped archive that it is part of.
        name: of the file, for messages.

    Example:
        >>> import io
        >>> file = StreamWrapper(io.StringIO("text"))
        >>> file.read()
        'text'
    """

    session_streams: dict = {}
    debug_unclosed_streams = False

    def __init__(self, file_obj, parent_stream=None, name=None):
        self.file_obj, self.parent_stream, self.name = file_obj, parent_stream, name
        self.child_counter, self.closed, self.close_on_last_child = 0, False, False
        if parent_stream is not None:
            if not isinstance(parent_stream, StreamWrapper):
                raise RuntimeError(f"Parent stream should be StreamWrapper, {type(parent_stream)} was given")
            parent_stream.child_counter += 1
        if StreamWrapper.debug_unclosed_streams:
            StreamWrapper.session_streams[self] = 1

    @classmethod
    def close_streams(cls, v, depth=0):
        """Closes all wrapped files in nested containers."""
        if depth > 10:
            return
        if isinstance(v, StreamWrapper):
            v.close()
        elif isinstance(v, dict):
            for part in v.values():
                cls.close_streams(part, depth + 1)
        elif isinstance(v, (list, tuple)):
            for part in v:
                cls.close_streams(part, depth + 1)

    def __getattr__(self, name):
        return getattr(self.__dict__["file_obj"], name)

    def close(self, *args, **kwargs):
        """Closes the file, and its parent if that waits for its last child."""
        if self.closed:
            return
        StreamWrapper.session_streams.pop(self, None)
        parent = self.parent_stream
        if parent is not None:
            parent.child_counter -= 1
            if not parent.child_counter and parent.close_on_last_child:
                parent.close()
        self.file_obj.close(*args, **kwargs)
        self.closed = True

    def autoclose(self):
        """Closes the file as soon as it has no children."""
        self.close_on_last_child = True
        if self.child_counter == 0:
            self.close()

    def __dir__(self):
        return [*self.__dict__, *StreamWrapper.__dict__, "close", *dir(self.file_obj)]

    def __del__(self):
        if "file_obj" in self.__dict__ and not self.closed:
            self.close()

    def __iter__(self):
        yield from self.file_obj

    def __next__(self):
        return next(self.file_obj)

    def __repr__(self):
        return (
            f"StreamWrapper<{self.file_obj!r}>"
            if self.name is None
            else f"StreamWrapper<{self.name},{self.file_obj!r}>"
        )

    def __getstate__(self):
        return self.file_obj

    def __setstate__(self, file):
        self.__init__(file)
