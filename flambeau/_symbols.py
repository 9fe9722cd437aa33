"""Symbolic numbers of torch's compiler: here sizes are ints, so nothing is ever an instance, and the functions are Python's."""

__all__ = [
    "SymBool",
    "SymFloat",
    "SymInt",
    "sym_float",
    "sym_int",
    "sym_ite",
    "sym_max",
    "sym_min",
    "sym_not",
    "sym_sqrt",
    "sym_sum",
]


class SymInt:
    """A size that is not known yet: there are none, sizes are ints.

    >>> isinstance(flambeau.ones(2).shape[0], flambeau.SymInt)
    False
    """

    def __init__(self, node):
        raise TypeError("[SymInt] there are no symbolic sizes: sizes are ints")


class SymFloat:
    """A number that is not known yet: there are none.

    >>> isinstance(1.0, flambeau.SymFloat)
    False
    """

    def __init__(self, node):
        raise TypeError("[SymFloat] there are no symbolic numbers: use a float")


class SymBool:
    """A truth value that is not known yet: there are none.

    >>> isinstance(True, flambeau.SymBool)
    False
    """

    def __init__(self, node):
        raise TypeError("[SymBool] there are no symbolic truth values: use a bool")


def sym_int(a):
    """int(a).

    >>> flambeau.sym_int(2.7)
    2
    """
    import math

    return math.floor(a) if a >= 0 else math.ceil(a)


def sym_float(a):
    """float(a).

    >>> flambeau.sym_float(2)
    2.0
    """
    return float(a)


def sym_not(a):
    """not a.

    >>> flambeau.sym_not(True)
    False
    """
    return not a


def sym_max(a, b):
    """The larger of two numbers; a float if one of them is.

    >>> flambeau.sym_max(2, 3)
    3
    """
    found = max(a, b)
    return float(found) if isinstance(a, float) or isinstance(b, float) else found


def sym_min(a, b):
    """The smaller of two numbers; a float if one of them is.

    >>> flambeau.sym_min(2, 3)
    2
    """
    found = min(a, b)
    return float(found) if isinstance(a, float) or isinstance(b, float) else found


def sym_sum(args):
    """The sum of a list of ints.

    >>> flambeau.sym_sum([1, 2, 3])
    6
    """
    return sum(args)


def sym_ite(b, t, f):
    """t if b, else f.

    >>> flambeau.sym_ite(True, 1, 2)
    1
    """
    return t if b else f


def sym_sqrt(a):
    """The square root of a number.

    >>> flambeau.sym_sqrt(4)
    2.0
    """
    import math

    return math.sqrt(a)
