"""Dimensions, parts, padding."""

import math

import flambeau

from ._tensor import NestedInt, is_jagged, jagged, strided, wrap_dim


def inner_dim(self, dim, op, ragged=False):
    """A dimension of the components as one of the values of a jagged tensor."""
    dim = wrap_dim(dim, self.dim())
    if dim == 0:
        raise RuntimeError(f"{op}(): not supported for NestedTensor on dim=0")
    if dim == self._ragged and not ragged:
        raise RuntimeError(f"{op}(): not supported for NestedTensor on ragged dim")
    return dim - 1


def _on_components(self, function):
    return strided([function(c) for c in self.unbind()])


# ---- order of dimensions


def transpose(self, dim0, dim1):
    """Two dimensions of the components exchanged."""
    dim0, dim1 = wrap_dim(dim0, self.dim()), wrap_dim(dim1, self.dim())
    if dim0 == dim1:
        return self
    if is_jagged(self):
        if 0 in (dim0, dim1):
            raise ValueError("Transpose is not supported on the batch dimension for jagged NT")
        ragged = {dim0: dim1, dim1: dim0}.get(self._ragged, self._ragged)
        return self._on_values(self._elements.transpose(dim0 - 1, dim1 - 1), ragged)
    if 0 in (dim0, dim1):
        raise RuntimeError("Nested tensor dimension 0 cannot be transposed")
    return _on_components(self, lambda c: c.transpose(dim0 - 1, dim1 - 1))


def permute(self, *dims):
    """The dimensions of the components in another order."""
    dims = dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else dims
    dims = [wrap_dim(d, self.dim()) for d in dims]
    if sorted(dims) != list(range(self.dim())):
        raise RuntimeError(f"permute(): {dims} is no order of {self.dim()} dimensions")
    if dims[0] != 0:
        raise ValueError("Permute is not supported on the batch dimension for jagged NT")
    inside = [d - 1 for d in dims[1:]]
    if is_jagged(self):
        return self._on_values(self._elements.permute(inside), dims.index(self._ragged))
    return _on_components(self, lambda c: c.permute(inside))


def unsqueeze(self, dim):
    """A new dimension of size 1 in the components."""
    dim = wrap_dim(dim, self.dim() + 1)
    if dim == 0:
        raise RuntimeError("unsqueeze(): For nested tensors, unsqueezing dimension 0 is not supported")
    if is_jagged(self):
        return self._on_values(self._elements.unsqueeze(dim - 1), self._ragged + (dim <= self._ragged))
    return _on_components(self, lambda c: c.unsqueeze(dim - 1))


def squeeze(self, dim):
    """Without a dimension of size 1 of the components."""
    dim = wrap_dim(dim, self.dim())
    if dim == 0:
        raise RuntimeError("squeeze(): not supported for NestedTensor on dim=0")
    if is_jagged(self):
        inside = inner_dim(self, dim, "squeeze")
        gone = self._elements.shape[inside] == 1
        return self._on_values(self._elements.squeeze(inside), self._ragged - (gone and dim < self._ragged))
    if any(size[dim - 1] != 1 for size in self._sizes):
        return self
    return _on_components(self, lambda c: c.squeeze(dim - 1))


def flatten(self, start_dim=0, end_dim=-1):
    """Neighbouring dimensions of the components as one."""
    start, end = wrap_dim(start_dim, self.dim()), wrap_dim(end_dim, self.dim())
    if start == 0:
        raise RuntimeError("flatten(): not supported for NestedTensor on dim=0")
    if not is_jagged(self):
        return _on_components(self, lambda c: c.flatten(start - 1, end - 1))
    if start <= self._ragged <= end and start < end:
        raise RuntimeError("flatten(): not supported for NestedTensor on ragged dim")
    ragged = self._ragged - (end - start if end < self._ragged else 0)
    return self._on_values(self._elements.flatten(start - 1, end - 1), ragged)


def unflatten(self, dim, sizes):
    """A dimension of the components as several."""
    if not is_jagged(self):
        dim = wrap_dim(dim, self.dim())
        if dim == 0:
            raise RuntimeError("unflatten(): not supported for NestedTensor on dim=0")
        return _on_components(self, lambda c: c.unflatten(dim - 1, sizes))
    inner = inner_dim(self, dim, "unflatten")
    made = self._elements.unflatten(inner, sizes)
    added = made.dim() - self._elements.dim()
    return self._on_values(made, self._ragged + (added if inner + 1 < self._ragged else 0))


def view(self, *shape):
    """Other sizes of the components; -1 or the symbol stands for the ragged dimension."""
    shape = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
    if len(shape) < 2 or shape[0] not in (-1, self.size(0)):
        raise RuntimeError(f"[view] the batch dimension must stay: {self.size(0)}, got shape {tuple(shape)}")
    if not is_jagged(self):
        return strided([_viewed(c, shape[1:], self.dim() - 1) for c in self.unbind()])
    places = [d for d, n in enumerate(shape) if d and (isinstance(n, NestedInt) or n == -1)]
    symbols = [d for d in places if isinstance(shape[d], NestedInt)]
    if not places or len(symbols) > 1:
        raise RuntimeError(f"view(): cannot view shape {tuple(self.shape)} as {tuple(shape)}: one size must be ragged")
    ragged = symbols[0] if symbols else places[0]
    inside = list(shape[1:])
    inside[ragged - 1] = self._elements.shape[self._ragged - 1]
    before = math.prod(self._elements.shape[: self._ragged - 1])
    if -1 not in inside[: ragged - 1] and math.prod(inside[: ragged - 1]) != before:
        raise RuntimeError(f"view(): cannot view shape {tuple(self.shape)} as {tuple(shape)}")
    return self._on_values(self._elements.reshape(inside), ragged)


def _viewed(component, shape, ndim):
    """-1 is the component's own size in its first dimensions, and what is left elsewhere."""
    own = [component.shape[d] if n == -1 and d < ndim else n for d, n in enumerate(shape)]
    return component.reshape(own)


def expand(self, *shape):
    """Dimensions of size 1 of the components repeated."""
    shape = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
    if not is_jagged(self) or len(shape) != self.dim():
        raise NotImplementedError(
            "[expand] Could not run 'aten::expand' with arguments from the 'NestedTensorCPU' backend"
        )
    inside = [-1 if isinstance(n, NestedInt) else n for n in shape[1:]]
    return self._on_values(self._elements.expand(inside))


# ---- parts


def select(self, dim, index):
    """A component, or one index of a dimension of all components."""
    dim = wrap_dim(dim, self.dim())
    if dim == 0:
        return _component(self, index)
    if is_jagged(self):
        inside = inner_dim(self, dim, "select")
        return self._on_values(self._elements.select(inside, index), self._ragged - (dim < self._ragged))
    return _on_components(self, lambda c: c.select(dim - 1, index))


def _component(self, index):
    count = self.size(0)
    if not -count <= index < count:
        raise IndexError(f"index {index} is out of bounds for dimension 0 with size {count}")
    return self.unbind()[index]


def narrow(self, dim, start, length):
    """A part of a dimension of the components (strided: some of the components)."""
    if is_jagged(self):
        return self._on_values(self._elements.narrow(inner_dim(self, dim, "narrow"), start, length))
    if wrap_dim(dim, self.dim()) != 0:
        raise RuntimeError(f"narrow(): only dim=0 supported for nested tensors, but got: {dim}")
    components = self.unbind()
    if not 0 <= start <= start + length <= len(components):
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({len(components)}).")
    return strided(components[start : start + length])


def chunk(self, chunks, dim=0):
    """Equal parts along a dimension of the components, or of the batch."""
    if is_jagged(self):
        if wrap_dim(dim, self.dim()) == 0:
            return _chunk_batch(self, chunks)
        inside = inner_dim(self, dim, "chunk")
        return tuple(self._on_values(part) for part in self._elements.chunk(chunks, inside))
    last = self.size(-1)
    if wrap_dim(dim, self.dim()) != self.dim() - 1 or last % chunks:
        raise RuntimeError(
            "Chunk for nested tensors is only supported for nested tensors with trailing dimension divisible by chunks, got: "
            f"{last} % {chunks} != 0"
        )
    return split(self, [last // chunks] * chunks, -1)


def _chunk_batch(self, chunks):
    each, parts = -(-self.size(0) // chunks), []
    for first in range(0, self.size(0), max(each, 1)):
        offsets = self._offsets[first : first + each + 1]
        begin, end = int(offsets[0]), int(offsets[-1])
        values = self._elements.narrow(self._ragged - 1, begin, end - begin)
        lengths = None if self._lengths is None else self._lengths[first : first + each]
        parts.append(jagged(values, offsets - begin, lengths, self._ragged))
    return tuple(parts)


def split(self, split_size, dim=0):
    """Parts of given sizes along a dimension of the components."""
    if is_jagged(self):
        inside = inner_dim(self, dim, "split")
        return tuple(self._on_values(part) for part in self._elements.split(split_size, inside))
    if isinstance(split_size, int):
        raise NotImplementedError(
            "[split] Could not run 'aten::split' with arguments from the 'NestedTensorCPU' backend"
        )
    if wrap_dim(dim, self.dim()) != self.dim() - 1:
        raise RuntimeError("split_with_sizes for nested tensors is only supported along the last dimension")
    parts = [c.split(split_size, -1) for c in self.unbind()]
    return tuple(strided(column) for column in zip(*parts))


def getitem(self, key):
    """A component, or indices of the components' dimensions."""
    key = key if isinstance(key, tuple) else (key,)
    if key and isinstance(key[0], int):
        component = _component(self, key[0])
        return component[key[1:]] if len(key) > 1 else component
    given = sum(1 for k in key if k is not None and k is not Ellipsis)
    if Ellipsis in key:
        at = key.index(Ellipsis)
        key = (*key[:at], *(slice(None),) * (self.dim() - given), *key[at + 1 :])
    if not key or key[0] != slice(None):
        raise RuntimeError("slice(): not supported for NestedTensor on dim=0")
    if not is_jagged(self):
        return _on_components(self, lambda c: c[key[1:]])
    result, dim = self, 1
    for k in key[1:]:
        if isinstance(k, int):
            result = select(result, dim, k)
            continue
        if k is None:
            result = unsqueeze(result, dim)
        elif k != slice(None):
            inside = inner_dim(result, dim, "slice")
            result = result._on_values(result._elements[(slice(None),) * inside + (k,)])
        dim += 1
    return result


# ---- together


def cat(tensors, dim=0, *, out=None):
    """Nested tensors behind each other: their components (strided), or along a dimension of all components."""
    tensors = list(tensors)
    first = tensors[0]
    dim = wrap_dim(dim, first.dim())
    if is_jagged(first):
        inside = inner_dim(first, dim, "cat")
        if any(not is_jagged(t) or t._size[t._ragged] is not first._size[first._ragged] for t in tensors):
            raise RuntimeError("cat(): all tensors must be nested with the same ragged size")
        return first._on_values(flambeau.cat([t._elements for t in tensors], inside))
    if dim == 0:
        return strided([c for t in tensors for c in t.unbind()])
    return strided([flambeau.cat(group, dim - 1) for group in zip(*(t.unbind() for t in tensors), strict=True)])


# ---- padding


def positions(self, longest):
    """(place of each element of the padded form along the ragged dimension of the values, whether there is one)."""
    steps = flambeau.arange(longest)
    inside = steps < self._all_lengths().view(-1, 1)
    places = self._offsets[:-1].view(-1, 1) + steps
    return places.masked_fill(~inside, 0).reshape(-1), inside


def padded(self, padding, longest=None):
    """(batch, ..., longest, ...): a jagged tensor with `padding` where a component has ended."""
    longest = self._max_seqlen if longest is None else longest
    values, total = self._elements.movedim(self._ragged - 1, 0), self._elements.shape[self._ragged - 1]
    places, inside = positions(self, longest)
    if total == 0:
        rows = values.new_full((places.shape[0], *values.shape[1:]), padding)
    else:
        rows = values.index_select(0, places.long())
        mask = inside.reshape(-1, *(1,) * (rows.dim() - 1))
        rows = flambeau.where(mask, rows, flambeau.full((), padding, dtype=rows.dtype))
    return rows.view(self._size[0], longest, *rows.shape[1:]).movedim(1, self._ragged)


def unpadded(dense, like, ragged):
    """The components of a padded tensor, as long as those of a jagged one."""
    lengths = like._all_lengths()
    steps = flambeau.arange(dense.shape[ragged])
    inside = (steps < lengths.view(-1, 1)).reshape(-1).nonzero().view(-1)
    rows = dense.movedim(ragged, 1)
    rows = rows.reshape(-1, *rows.shape[2:]).index_select(0, inside)
    offsets = like._offsets if like._lengths is None else offsets_without_gaps(like)
    return jagged(rows.movedim(0, ragged - 1), offsets, None, ragged)


def offsets_without_gaps(like):
    """The offsets of a tensor with gaps once they are closed."""
    return like._packed()._offsets


def to_padded_tensor(self, padding, output_size=None):
    """A dense tensor in which the components are filled up with a number.

    Args:
        padding: the number.
        output_size: the shape, where it is to be larger than the largest component.
    """
    if is_jagged(self):
        return padded(self, padding, None if output_size is None else output_size[self._ragged])
    sizes = [max(lengths) for lengths in zip(*self._sizes)]
    wanted = [self.size(0), *sizes] if output_size is None else list(output_size)
    if len(wanted) != self.dim():
        raise RuntimeError("Length of output_size does not match NestedTensor dims. Broadcasting is not supported.")
    if any(w < n for w, n in zip(wanted, [self.size(0), *sizes])):
        raise RuntimeError("Value in output_size is less than NestedTensor padded size. Truncation is not supported.")
    rows = [_filled(c, wanted[1:], padding) for c in self.unbind()]
    rows += [flambeau.full(wanted[1:], padding, dtype=self.dtype)] * (wanted[0] - len(rows))
    return flambeau.stack(rows) if rows else flambeau.empty(wanted, dtype=self.dtype)


def _filled(component, size, padding):
    room = [pair for n, c in zip(reversed(size), reversed(component.shape)) for pair in (0, n - c)]
    return flambeau.nn.functional.pad(component, room, value=padding)


SHAPE = {
    "transpose": transpose, "swapaxes": transpose, "swapdims": transpose, "permute": permute, "unsqueeze": unsqueeze,
    "squeeze": squeeze, "flatten": flatten, "unflatten": unflatten, "view": view, "reshape": view, "expand": expand, "select": select, "narrow": narrow, "chunk": chunk,
    "split": split, "split_with_sizes": split, "__getitem__": getitem, "to_padded_tensor": to_padded_tensor,
    "expand_as": lambda self, other: expand(self, tuple(other.shape)),
    "mT": property(lambda self: transpose(self, -2, -1)),
}  # fmt: skip
