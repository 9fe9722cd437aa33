"""Rules of vmap for x[...], gather and scatter and their relatives."""

from .. import _C
from ._batching import place, refuse_write, rule, without_dim

# ------------------------------------------------------------------------------------------------ x[key]


def _items(x, key):
    """The key as a list with one item per dimension of x and per None; lists and arrays become tensors."""
    from ..ops import as_tensor

    items = list(key) if isinstance(key, tuple) else [key]
    items = [
        as_tensor(k)
        if isinstance(k, (list, range)) or (hasattr(k, "__array__") and not isinstance(k, _C.Tensor))
        else k
        for k in items
    ]
    taken = sum(_width(k) for k in items)
    rest = [slice(None)] * (x.dim() - taken)
    at = next((i for i, k in enumerate(items) if k is Ellipsis), None)
    return items + rest if at is None else items[:at] + rest + items[at + 1 :]


def _width(item):
    """How many dimensions an item stands for."""
    if item is None or item is Ellipsis or isinstance(item, bool):
        return 0
    return item.dim() if isinstance(item, _C.Tensor) and item.dtype is _C.bool else 1


def _moved_dims(x, start, to, count):
    """`count` dimensions from `start` on moved to begin at `to`."""
    if not count or start == to:
        return x
    return x.movedim(list(range(start, start + count)), list(range(to, to + count)))


class _Key:
    """A key split in two: a plain view, and tensors that index dimensions of that view."""

    def __init__(self, vmap, x, key):
        items = _items(x, key)
        if any(isinstance(k, bool) for k in items) or any(
            isinstance(k, _C.Tensor) and vmap.holds(k) and k.dtype is _C.bool for k in items
        ):
            raise RuntimeError(
                "vmap: indexing with a boolean mask of the batch gives a dynamic shape, which we do not support. Use "
                "torch.where or masked_fill."
            )
        items = [part for k in items for part in self._places(k)]
        advanced = any(isinstance(k, _C.Tensor) and k.dim() for k in items) or any(map(vmap.holds, items))
        self.basic, self.dims, self.indices, number = [], [], [], 0
        for k in items:
            if isinstance(k, _C.Tensor) or (advanced and isinstance(k, int)):
                self.basic.append(slice(None))
                self.dims.append(number)
                self.indices.append(k if isinstance(k, _C.Tensor) else _C.full((), k, _C.int64))
                number += 1
            else:
                self.basic.append(k)
                number += not isinstance(k, int)
        order = [i for i, k in enumerate(items) if isinstance(k, _C.Tensor) or (advanced and isinstance(k, int))]
        together = order == list(range(order[0], order[-1] + 1)) if order else True
        self.front = self.dims[0] if self.dims and together else 0  # where the indexed dimensions come back
        self.rank = max((k.dim() for k in self.indices), default=0)

    @staticmethod
    def _places(item):
        """A mask as the indices of its true elements."""
        if isinstance(item, _C.Tensor) and item.dtype is _C.bool:
            return item.nonzero(as_tuple=True) if item.dim() else [item]
        return [item]

    def view(self, vmap, x):
        """The plain view, with the indexed dimensions next to that of the batch."""
        physical = vmap.spread(x)
        if any(k != slice(None) for k in self.basic):
            key = (slice(None), *self.basic)
            physical = physical[key]
        return (
            physical.movedim([d + 1 for d in self.dims], list(range(1, len(self.dims) + 1))) if self.dims else physical
        )

    def places(self, vmap):
        """One index for the batch and one for each indexed dimension, all with a first dimension for the batch."""
        batch = _C.reshape(_C.arange(0, vmap.size, 1, _C.int64), (vmap.size, *[1] * self.rank))
        return (batch, *[vmap.aligned(k, self.rank) if vmap.holds(k) else k for k in self.indices])

    def back(self, found):
        """The dimensions of the indices where x[...] has them."""
        return _moved_dims(found, 1, self.front + 1, self.rank)


def get_item(vmap, x, key):
    split = _Key(vmap, x, key)
    view = split.view(vmap, x)
    return vmap.wrap(split.back(view[split.places(vmap)]) if split.indices else view)


def set_item(vmap, x, key, value):
    if not vmap.holds(x):
        refuse_write("__setitem__")
    mask = key[0] if isinstance(key, tuple) and len(key) == 1 else key
    if isinstance(mask, _C.Tensor) and vmap.holds(mask) and mask.dtype is _C.bool and not getattr(value, "shape", ()):
        with vmap.inside():
            _C.masked_fill(x, mask.view(*mask.shape, *[1] * (x.dim() - mask.dim())), value, True)
        return
    split = _Key(vmap, x, key)
    view = split.view(vmap, x)
    if split.indices:
        view[split.places(vmap)] = _fitting(vmap, value, view, split)
    else:
        _C.copy_(view, _fitting(vmap, value, view))


def _fitting(vmap, value, view, split=None):
    """A value to write into a physical view, with the dimensions of the indices at the front, where the view has them."""
    if not isinstance(value, _C.Tensor):
        return value
    rank = view.dim() - 1 + (split.rank - len(split.dims) if split else 0)
    with vmap.inside():
        while value.dim() > rank and value.shape[0] == 1:  # allowed by x[...] = value
            value = _C.select(value, 0, 0)
        if split and split.front and split.rank:
            value = value.view(*[1] * (rank - value.dim()), *value.shape)
            value = _moved_dims(value, split.front, 0, split.rank)
    return vmap.aligned(value, rank)


@rule("index_put")
def _index_put(vmap, function, x, indices, value, accumulate, in_place):
    if in_place and not vmap.holds(x):
        refuse_write("index_put_")
    split = _Key(vmap, x, tuple(slice(None) if k is None else k for k in indices))
    physical = vmap.spread(x)
    target = physical if in_place else _C.clone(physical, 0)
    view = split.view(vmap, vmap.wrap(target.view_as(target)))  # of a view: it must be one of target, not of x
    _C.index_put(view, list(split.places(vmap)), _fitting(vmap, value, view, split), accumulate, True)
    return x if in_place else vmap.wrap(target)


# ------------------------------------------------------------------------------------------------ along a dimension


def _with_dims(physical):
    """A physical tensor of numbers gets a dimension to index."""
    return _C.unsqueeze(physical, 1) if physical.dim() == 1 else physical


@rule("gather")
def _gather(vmap, function, x, dim, index):
    result = function(_with_dims(vmap.spread(x)), place(x, dim), _with_dims(vmap.spread(index)))
    return vmap.wrap(result if index.dim() else without_dim(result))


def _written(vmap, x, in_place, call):
    """The result of call(physical), which changes it in place or not."""
    if in_place and not vmap.holds(x):
        refuse_write("scatter_")
    result = call(_with_dims(vmap.spread(x)))
    return x if in_place else vmap.wrap(without_dim(result) if x.dim() == 0 else result)


@rule("scatter", "scatter_add")
def _scatter(vmap, function, x, dim, index, source, in_place):
    if isinstance(source, _C.Tensor) and (source.dim() or vmap.holds(source)):
        source = _with_dims(vmap.spread(source))
    spread = _with_dims(vmap.spread(index))
    if isinstance(source, _C.Tensor) and source.dim() < spread.dim():
        source = _C.expand(_C.reshape(source, (vmap.size, *[1] * (spread.dim() - 1))), spread.shape)
    return _written(vmap, x, in_place, lambda p: function(p, place(x, dim), spread, source, in_place))


@rule("scatter_reduce")
def _scatter_reduce(vmap, function, x, dim, index, source, kind, include_self):
    spread, source = _with_dims(vmap.spread(index)), _with_dims(vmap.spread(source))
    return _written(vmap, x, False, lambda p: function(p, place(x, dim), spread, source, kind, include_self))


@rule("index_select")
def _index_select(vmap, function, x, dim, index):
    if not vmap.holds(index):
        result = function(_with_dims(x.physical), place(x, dim), index)
        return vmap.wrap(without_dim(result) if x.dim() == 0 else result)
    with vmap.inside():
        key = [slice(None)] * max(x.dim(), 1)
        key[dim] = index if index.dim() else index.unsqueeze(0)
        result = (x if x.dim() else x.unsqueeze(0))[tuple(key)]
        return result if x.dim() else result.squeeze(0)


@rule("index_add", "index_copy")
def _index_write(vmap, function, x, dim, index, source, in_place):
    if not vmap.holds(index) and x.dim():
        spread = vmap.spread(source)
        return _written(vmap, x, in_place, lambda p: function(p, place(x, dim), index, spread, in_place))
    return _through_put(vmap, x, dim, index, source, function is _C.index_add, in_place)


@rule("index_fill")
def _index_fill(vmap, function, x, dim, index, value, in_place):
    if not vmap.holds(index) and not vmap.holds(value) and x.dim():
        return _written(vmap, x, in_place, lambda p: function(p, place(x, dim), index, value, in_place))
    return _through_put(vmap, x, dim, index, value, False, in_place)


def _through_put(vmap, x, dim, index, source, accumulate, in_place):
    """Writes by index_put, with the dimension to write along at the front."""
    with vmap.inside():
        target = x if in_place else (x if vmap.holds(x) else vmap.wrap(vmap.spread(x))).clone()
        view = target.movedim(dim, 0) if target.dim() else target.unsqueeze(0)
        if not isinstance(source, _C.Tensor):
            source = _C.full((), source, x.dtype)
        elif source.dim() and x.dim():
            source = source.movedim(dim, 0)
        _C.index_put(view, [index if index.dim() else index.unsqueeze(0)], source, accumulate, True)
        return target


@rule("take")
def _take(vmap, function, x, index):
    flat = _C.reshape(vmap.spread(x), (vmap.size, -1))
    spread = vmap.spread(index)
    found = _C.gather(flat, 1, _C.reshape(_wrapped(spread, flat.shape[1]), (vmap.size, -1)))
    return vmap.wrap(_C.reshape(found, spread.shape))


def _wrapped(index, size):
    """Negative indices from the end."""
    return _C.where_(_C.lt(index, 0), _C.add(index, size), index)


@rule("masked_fill")
def _masked_fill(vmap, function, x, mask, value, in_place):
    if in_place and not vmap.holds(x):
        refuse_write("masked_fill_")
    rank = max(x.dim(), mask.dim())
    physical = vmap.aligned(x if vmap.holds(x) else vmap.wrap(vmap.spread(x)), rank)
    mask = vmap.aligned(mask, rank)
    if not vmap.holds(value):
        result = function(physical, mask, value, in_place)
    else:
        filled = _C.where_(mask, _C.to_dtype(vmap.aligned(value, rank), x.dtype, 1), physical)
        result = _C.copy_(physical, filled) if in_place else filled
    return x if in_place else vmap.wrap(result)


@rule("embedding")
def _embedding(vmap, function, weight, index, padding, scale):
    if not vmap.holds(weight):
        return vmap.wrap(function(weight, index.physical, padding, scale))
    if scale or padding >= 0:
        return vmap.loop(function, (weight, index, padding, scale), {})
    with vmap.inside():
        return weight[index]
