"""Whether constructors look at the coordinates they are given."""

import functools


class check_sparse_tensor_invariants:
    """Whether sparse constructors check their parts: a context, a decorator, and a switch (`enable`, `disable`).

    Args:
        enable: on or off while the context lasts.

    >>> with flambeau.sparse.check_sparse_tensor_invariants():
    ...     flambeau.sparse.check_sparse_tensor_invariants.is_enabled()
    True
    """

    _enabled = False

    @staticmethod
    def is_enabled():
        """Whether constructors check."""
        return check_sparse_tensor_invariants._enabled

    @staticmethod
    def enable():
        """Let constructors check."""
        check_sparse_tensor_invariants._enabled = True

    @staticmethod
    def disable():
        """Let constructors trust."""
        check_sparse_tensor_invariants._enabled = False

    @staticmethod
    def wanted(check_invariants):
        """What a constructor's argument means: None is as the switch says."""
        return check_sparse_tensor_invariants._enabled if check_invariants is None else check_invariants

    def __init__(self, enable=True):
        self._wanted, self._before = enable, None

    def __enter__(self):
        if self._before is not None:
            raise RuntimeError(
                "This context manager instance is already activated. Use a different context manager instance."
            )
        self._before = check_sparse_tensor_invariants._enabled
        check_sparse_tensor_invariants._enabled = self._wanted

    def __exit__(self, *exception):
        check_sparse_tensor_invariants._enabled, self._before = self._before, None

    def __call__(self, function):
        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            with type(self)(self._wanted):
                return function(*args, **kwargs)

        return wrapped
