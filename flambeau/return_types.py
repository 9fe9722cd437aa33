"""Named results: tuples whose items are also attributes, as in torch.return_types.

>>> flambeau.max(flambeau.tensor([[1, 3], [4, 2]]), 1).indices
tensor([1, 0])
"""

from operator import itemgetter

__all__ = []


def named(name, *fields):
    """A tuple class with the given fields, made from one sequence of values."""

    def show(self):
        return f"torch.return_types.{name}(\n" + ",\n".join(f"{f}={v!r}" for f, v in zip(fields, self)) + ")"

    body = {field: property(itemgetter(i)) for i, field in enumerate(fields)}
    body |= {"__slots__": (), "__repr__": show, "_fields": fields, "__module__": "flambeau.return_types"}
    body |= {
        "__reduce__": lambda self: (type(self), (tuple(self),)),
        "__doc__": f"Result of {name}: {', '.join(fields)}.",
    }
    kind = type(name, (tuple,), body)
    kind.n_fields = kind.n_sequence_fields = len(fields)
    kind.n_unnamed_fields = 0
    __all__.append(name)
    return kind


aminmax = named("aminmax", "min", "max")
cummax = named("cummax", "values", "indices")
cummin = named("cummin", "values", "indices")
kthvalue = named("kthvalue", "values", "indices")
max = named("max", "values", "indices")
median = named("median", "values", "indices")
min = named("min", "values", "indices")
mode = named("mode", "values", "indices")
nanmedian = named("nanmedian", "values", "indices")
sort = named("sort", "values", "indices")
topk = named("topk", "values", "indices")
