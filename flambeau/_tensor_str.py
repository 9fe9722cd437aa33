"""torch._tensor_str: how tensors print."""

import contextlib

from ._printing import _contents, _options, set_printoptions, tensor_text


class _Options:
    """The settings as attributes."""

    def __getattr__(self, name):
        if name in _options:
            return _options[name]
        raise AttributeError(f"there is no printing option {name!r}")

    def __setattr__(self, name, value):
        _options[name] = value


PRINT_OPTS = _Options()


def _str(self, *, tensor_contents=None):
    return tensor_text(self)


def _tensor_str(self, indent):
    return _contents(self, indent)


def get_printoptions():
    """The settings, as a dictionary."""
    return dict(_options)


@contextlib.contextmanager
def printoptions(**kwargs):
    """Other settings inside a with block."""
    before = get_printoptions()
    set_printoptions(**kwargs)
    try:
        yield
    finally:
        _options.update(before)
