"""What people have their data in, as loaders: arrays, tuples and dicts of them, data sets, loaders."""

import flambeau

__all__ = ["inputs_in", "loader", "split", "weights_of"]


def inputs_in(x):
    """The parts of x, one per argument of the module; None if x is a data set or a loader."""
    if _is_array(x) or isinstance(x, dict) and x and all(map(_is_array, x.values())):
        return [x]
    if isinstance(x, (tuple, list)) and x and all(map(_is_array, x)):
        return list(x)
    return [x] if isinstance(x, (tuple, list)) and x and isinstance(x[0], (list, int, float)) else None


def loader(x, y, batch_size, shuffle, weight=None, *, who="fit", targets=True):
    """A loader of (inputs..., target) or, with weights, (inputs..., target, weight); one that is given stays as it is."""
    data = flambeau.utils.data
    parts = inputs_in(x)
    if parts is None:
        _without(who, x, y, weight)
        if isinstance(x, data.DataLoader) or not hasattr(x, "__getitem__"):
            return x
        return data.DataLoader(x, batch_size=batch_size, shuffle=shuffle)
    if y is None and targets:
        raise ValueError(f"[{who}] y is missing: the targets of x")
    parts = [*parts, *([] if y is None else [y]), *([] if weight is None else [weight])]
    parts = [_dataset(part, who) for part in parts]
    lengths = [len(part) for part in parts]
    if len(set(lengths)) > 1:
        raise ValueError(f"[{who}] x and y must have as many samples, got {', '.join(map(str, lengths))}")
    if not lengths[0]:
        raise ValueError(f"[{who}] the data has no samples")
    plain = all(isinstance(part, flambeau.Tensor) for part in parts)
    dataset = data.TensorDataset(*parts) if plain else data.StackDataset(*parts)
    return data.DataLoader(dataset, batch_size=batch_size, shuffle=shuffle)


def split(x, y, weight, share):
    """(x, y, weight) of the first part, and of the last part, which is `share` of all."""
    count = _length(x)
    cut = count - int(count * share)
    if not 0 < cut < count:
        raise ValueError(
            f"[fit] validation_split={share} of {count} samples leaves {cut} to train on and {count - cut} to validate"
        )
    if inputs_in(x) is None:
        return tuple((flambeau.utils.data.Subset(x, part), None, None) for part in (range(cut), range(cut, count)))
    return tuple(tuple(_rows(part, rows) for part in (x, y, weight)) for rows in (slice(cut), slice(cut, None)))


def weights_of(y, class_weight, sample_weight):
    """One weight per sample: its own times that of its class."""
    weight = None if sample_weight is None else _tensor(sample_weight, "sample_weight").reshape(-1)
    if class_weight is None:
        return weight
    if not _is_array(y) and not isinstance(y, list):
        raise ValueError("[fit] class_weight needs targets y: an array of class numbers")
    y = _tensor(y, "y")
    classes = (y.argmax(1) if y.dim() > 1 and y.shape[1] > 1 else y.reshape(-1)).long()
    if not isinstance(class_weight, dict):
        class_weight = dict(enumerate(flambeau.as_tensor(class_weight).tolist()))
    missing = sorted(set(classes.unique().tolist()) - set(class_weight))
    if missing:
        raise ValueError(f"[fit] class_weight has no weight for {', '.join(map(str, missing))}")
    table = flambeau.zeros(max(class_weight) + 1)
    for c, value in class_weight.items():
        table[c] = value
    return table[classes] if weight is None else table[classes] * weight


def _is_array(x):
    return isinstance(x, flambeau.Tensor) or hasattr(x, "__array__")


def _tensor(x, who):
    """A tensor of numbers; those of 64 bits become the default floating dtype."""
    if not isinstance(x, flambeau.Tensor):
        import numpy

        x = numpy.asarray(x)
        if x.dtype.kind not in "biufc":
            raise TypeError(f"[{who}] expected numbers, got an array of {x.dtype}: convert it to numbers first")
        x = flambeau.as_tensor(x)
    if x.dtype is flambeau.float64 and flambeau.get_default_dtype() is flambeau.float32:
        x = x.float()
    if x.dim() == 0:
        raise ValueError(f"[{who}] expected samples along the first dimension, got a single number")
    return x


def _dataset(part, who):
    """A tensor, or a data set of the parts of a tuple or dict."""
    stack = flambeau.utils.data.StackDataset
    if isinstance(part, dict):
        return stack(**{name: _tensor(one, who) for name, one in part.items()})
    if isinstance(part, (tuple, list)) and part and _is_array(part[0]):
        return stack(*[_tensor(one, who) for one in part])
    return _tensor(part, who)


def _without(who, x, y, weight):
    """A data set or loader has everything in it."""
    if not hasattr(x, "__getitem__") and not hasattr(x, "__iter__") or isinstance(x, (str, bytes)):
        raise TypeError(
            f"[{who}] x must be a tensor, an array, a tuple or dict of them, a data set or a loader, got {type(x).__name__}"
        )
    for name, given in (("y", y), ("sample_weight", weight)):
        if given is not None:
            raise ValueError(f"[{who}] a {type(x).__name__} gives (inputs..., target) itself: leave {name} out")


def _length(x):
    parts = inputs_in(x)
    first = x if parts is None else parts[0]
    if isinstance(first, dict):
        first = next(iter(first.values()))
    if not hasattr(first, "__getitem__") or not hasattr(first, "__len__"):
        raise ValueError(
            f"[fit] validation_split needs arrays or a data set, got {type(x).__name__}: pass validation_data"
        )
    return len(first)


def _rows(part, rows):
    if part is None:
        return None
    if isinstance(part, dict):
        return {name: _rows(one, rows) for name, one in part.items()}
    if isinstance(part, (tuple, list)) and part and _is_array(part[0]):
        return type(part)(_rows(one, rows) for one in part)
    return _tensor(part, "fit")[rows]
