"""Sizes as symbols: sizes are numbers here."""


class GuardOnDataDependentSymNode(RuntimeError):
    """A condition depends on an unknown size: never, sizes are known."""


def free_symbols(value):
    """The symbols in a size: none."""
    return set()


free_unbacked_symbols = free_symbols


def guard_or_false(condition):
    """A condition, which is known."""
    return bool(condition)


guard_or_true = statically_known_true = guard_or_false
