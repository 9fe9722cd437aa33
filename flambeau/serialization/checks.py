"""What must hold of a file's contents, and the error where it does not."""

import pickle

import flambeau

UnpicklingError = pickle.UnpicklingError


def refuse(what):
    """Raises the error that says what is wrong with a file."""
    raise UnpicklingError(f"[load] {what}: the file is corrupt, or not made by save")


def check(condition, what):
    """Refuses the file unless something holds."""
    if not condition:
        refuse(what)


def ints(values, what):
    """Whole numbers as a tuple."""
    check(type(values) in (tuple, list, flambeau.Size) and all(type(value) is int for value in values), what)
    return tuple(values)
