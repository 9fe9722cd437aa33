"""The version as text that compares like a version."""

import re

__all__ = ["TorchVersion"]

__version__ = "2.13.0+flambeau"


def _numbers(value):
    """(release numbers, whether it is final) of a version."""
    if isinstance(value, (tuple, list)):
        value = ".".join(map(str, value))
    match = re.match(r"v?(\d+(?:\.\d+)*)((?:a|b|rc|\.dev|-dev)\d*)?", str(value))
    if match is None:
        raise ValueError(f"[TorchVersion] {value!r} is not a version")
    numbers = [int(n) for n in match[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers, match[2] is None


class TorchVersion(str):
    """A version: text, but `<`, `==` and the others compare as versions, with texts and tuples.

    >>> flambeau.torch_version.TorchVersion("2.13.0") > "2.4", flambeau.torch_version.TorchVersion("2.13.0") >= (1, 9)
    (True, True)
    """

    __slots__ = ()

    def _compare(self, other, operation):
        try:
            return operation(_numbers(str(self)), _numbers(other))
        except ValueError:
            return operation(str(self), str(other))

    def __lt__(self, other):
        return self._compare(other, lambda a, b: a < b)

    def __le__(self, other):
        return self._compare(other, lambda a, b: a <= b)

    def __gt__(self, other):
        return self._compare(other, lambda a, b: a > b)

    def __ge__(self, other):
        return self._compare(other, lambda a, b: a >= b)

    def __eq__(self, other):
        return str.__eq__(self, other) is True or self._compare(other, lambda a, b: a == b)

    def __ne__(self, other):
        return not self == other

    __hash__ = str.__hash__
