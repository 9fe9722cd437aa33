"""Nested tensors: batches of tensors that differ in size, without padding."""

import flambeau

from . import _pointwise, _products, _reductions, _shape
from ._tensor import (
    Nested,
    NestedTensor,
    StridedNested,
    is_dense,
    jagged,
    offsets_of,
    strided,
)

__all__ = [
    "as_nested_tensor",
    "masked_select",
    "narrow",
    "nested_tensor",
    "nested_tensor_from_jagged",
    "to_padded_tensor",
]

for _kind, _own in ((StridedNested, _reductions.STRIDED), (NestedTensor, _reductions.JAGGED)):
    for _table in (_pointwise.methods(), _shape.SHAPE, _products.PRODUCTS, _reductions.SOFTMAX, _own):
        for _name, _function in _table.items():
            setattr(_kind, _name, _function)


def nested_tensor(tensor_list, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """A nested tensor with copies of tensors (or lists of numbers), outside of their graph.

    Args:
        tensor_list: a list of tensors of one number of dimensions, or of nested lists of numbers; if jagged, also a tuple.
        dtype: of the result; that of the first by default.
        layout: strided (any sizes; the default) or jagged (sizes that differ in one dimension).
        requires_grad: whether gradients are recorded for it.

    Returns:
        Tensor: `is_nested`.

    Raises:
        TypeError: not a list.
        RuntimeError: the components do not fit together, or another layout.

    >>> x = flambeau.nested.nested_tensor([flambeau.ones(2), flambeau.ones(3)])
    >>> x.to_padded_tensor(0.0)
    tensor([[1., 1., 0.],
            [1., 1., 1.]])
    """
    if not isinstance(tensor_list, (list, tuple) if layout is flambeau.jagged else list):
        raise TypeError("Only lists (List[Tensor] and List[List...[Scalar]]) are accepted in nested_tensor")
    components = [c if is_dense(c) else flambeau.tensor(c, dtype=dtype) for c in tensor_list]
    made = _make([c.detach() for c in components], dtype, layout, device, copy=True)
    return made.requires_grad_() if requires_grad else made


def as_nested_tensor(ts, dtype=None, device=None, layout=None):
    """A nested tensor of tensors, through which gradients flow to them.

    Args:
        ts: a list or tuple of tensors, or one tensor whose slices are meant.
        dtype: of the result.
        layout: strided (the default) or jagged.

    Returns:
        Tensor: `is_nested`.

    >>> a, b = flambeau.ones(1, requires_grad=True), flambeau.ones(2)
    >>> x = flambeau.nested.as_nested_tensor([a, b], layout=flambeau.jagged)
    >>> (x * 2).values().sum().backward()
    >>> a.grad
    tensor([2.])
    """
    if isinstance(ts, Nested):
        if layout not in (None, ts.layout):
            raise RuntimeError("as_nested_tensor(): Converting between nested tensor layouts is not supported")
        return ts.to(dtype) if dtype is not None else ts
    if is_dense(ts):
        if ts.dim() < 2:
            raise RuntimeError("as_nested_tensor(): Expected tensor argument to have dim() > 1")
        if layout is flambeau.jagged:
            ts = ts if dtype is None else ts.to(dtype)
            offsets = flambeau.arange(ts.shape[0] + 1) * ts.shape[1]
            return jagged(ts.reshape(-1, *ts.shape[2:]), offsets)
        ts = list(ts.unbind())
    if not isinstance(ts, (list, tuple)) or not all(is_dense(t) for t in ts):
        raise TypeError("as_nested_tensor(): Expected first argument to be a tensor or a list / tuple of tensors ")
    return _make(list(ts), dtype, layout, device)


def _make(components, dtype, layout, device, copy=False):
    dtype = components[0].dtype if dtype is None and components else dtype
    components = [c.to(device=device, dtype=dtype) for c in components]
    if layout is flambeau.jagged:
        return _make_jagged(components)
    if layout not in (None, flambeau.strided):
        raise RuntimeError(f"Specified layout is unsupported for nested tensors: {layout}")
    for place, c in enumerate(components):
        if c.dim() != components[0].dim():
            raise RuntimeError(
                "All Tensors given to nested_tensor must have the same dimension. Found dimension "
                f"{c.dim()} for Tensor at index {place} and dimension {components[0].dim()} for Tensor at index 0."
            )
    made = strided(components)
    return made.clone() if copy and len(components) == 1 else made


def _make_jagged(components):
    if not components:
        raise RuntimeError("Cannot construct a nested tensor from an empty tensor list")
    ndim = components[0].dim()
    if any(c.dim() != ndim for c in components):
        raise RuntimeError("When constructing a nested tensor, all tensors in list must have the same dim")
    if ndim == 0:
        raise RuntimeError("Cannot construct a nested tensor from a list of zero-dim tensors")
    uneven = [d for d in range(ndim) if len({c.shape[d] for c in components}) > 1]
    if len(uneven) > 1:
        raise RuntimeError(
            "Cannot represent given tensor list as a nested tensor with the jagged layout. Note that the jagged layout only "
            f"allows for a single ragged dimension. For example: (B, *, D_0, ..., D_N), with ragged * dim; here dimensions {uneven} "
            "of the components differ"
        )
    ragged = uneven[0] if uneven else 0
    offsets = offsets_of(flambeau.tensor([c.shape[ragged] for c in components], dtype=flambeau.int64))
    return jagged(flambeau.cat(components, ragged), offsets, None, ragged + 1)


def nested_tensor_from_jagged(
    values, offsets=None, lengths=None, jagged_dim=None, min_seqlen=None, max_seqlen=None
):  # fmt: skip
    """A jagged nested tensor of its parts; gradients flow to values.

    Args:
        values: the components behind each other.
        offsets: integers (batch + 1): where each component begins, and the end of the last.
        lengths: integers (batch): how long each is; without offsets they follow each other.
        jagged_dim: the ragged dimension of the result (1).
        min_seqlen, max_seqlen: accepted; they are known.

    Raises:
        RuntimeError: neither offsets nor lengths, or parts that do not fit together.

    >>> x = flambeau.nested.nested_tensor_from_jagged(flambeau.arange(3.0), flambeau.tensor([0, 1, 3]))
    >>> x.unbind()
    (tensor([0.]), tensor([1., 2.]))
    """
    if not is_dense(values):
        raise TypeError(f"nested_tensor_from_jagged(): values must be a Tensor, not {type(values).__name__}")
    if offsets is None:
        if lengths is None:
            raise RuntimeError("nested_tensor_from_jagged(): At least one of offsets or lengths is required.")
        offsets, lengths = offsets_of(lengths), None
    ragged = 1 if jagged_dim is None else jagged_dim
    if not 1 <= ragged <= values.dim():
        raise RuntimeError(f"nested_tensor_from_jagged(): jagged_dim {jagged_dim} is no dimension of {values.dim()}")
    _check_parts(values.shape[ragged - 1], offsets, lengths)
    elements = values.view(values.shape) if values.requires_grad and values.is_leaf else values
    return jagged(elements, offsets, lengths, ragged)


def _check_parts(total, offsets, lengths):
    """Components lie inside of the values."""
    if offsets.dim() != 1 or offsets.shape[0] < 1 or offsets.dtype not in (flambeau.int64, flambeau.int32):
        raise RuntimeError(f"[nested] offsets must be a vector of integers, got {tuple(offsets.shape)} {offsets.dtype}")
    if lengths is not None and tuple(lengths.shape) != (offsets.shape[0] - 1,):
        raise RuntimeError(f"[nested] lengths must be ({offsets.shape[0] - 1},), got {tuple(lengths.shape)}")
    all_lengths = offsets.diff() if lengths is None else lengths
    ends = offsets[:-1] + all_lengths
    if all_lengths.numel() and (int(all_lengths.min()) < 0 or int(offsets.min()) < 0 or int(ends.max()) > total):
        raise RuntimeError(f"[nested] components lie outside of the {total} values: offsets {offsets.tolist()}")


def masked_select(tensor, mask):
    """The elements of each row that a mask chooses, as a jagged tensor.

    Args:
        tensor: (batch, n).
        mask: bool, of a shape that broadcasts to it.

    >>> x = flambeau.nested.masked_select(flambeau.tensor([[1, 2], [3, 4]]), flambeau.tensor([[True, False], [True, True]]))
    >>> x.unbind()
    (tensor([1]), tensor([3, 4]))
    """
    if tensor.layout is not flambeau.strided or tensor.dim() != 2:
        raise RuntimeError("masked_select only support 2-D selections currently: expected a dense matrix")
    if mask.dtype is not flambeau.bool:
        raise RuntimeError(f"masked_select: expected a mask of dtype bool, got {mask.dtype}")
    mask = mask.expand(tensor.shape)
    return jagged(tensor[mask], offsets_of(mask.sum(1)))


def narrow(tensor, dim, start, length, layout=None):
    """Parts of the slices of a tensor, of several beginnings and lengths, as a nested tensor.

    Args:
        tensor: (batch, n, ...).
        dim: 1.
        start: where each part begins, an integer or integers (batch).
        length: how long each is, an integer or integers (batch).
        layout: strided (start and length are numbers) or jagged (a view of the tensor).

    >>> x = flambeau.nested.narrow(flambeau.arange(6).view(2, 3), 1, flambeau.tensor([0, 1]), 2, layout=flambeau.jagged)
    >>> x.unbind()
    (tensor([0, 1]), tensor([4, 5]))
    """
    if layout in (None, flambeau.strided):
        if not isinstance(start, int) or not isinstance(length, int):
            raise RuntimeError("start and length must be integers for the strided layout NT impl")
        return as_nested_tensor(tensor.narrow(dim, start, length))
    if layout is not flambeau.jagged:
        raise RuntimeError(f"Specified layout is unsupported for nested narrow: {layout}")
    if dim != 1:
        raise RuntimeError("jagged layout only supports dim=1")
    batch, total = tensor.shape[:2]
    start = flambeau.full((batch,), start) if isinstance(start, int) else start
    length = flambeau.full((batch,), length) if isinstance(length, int) else length
    if int(start.min()) < 0 or int(length.min()) < 0 or int((start + length).max()) > total:
        raise RuntimeError(f"narrow: parts lie outside of dimension 1 of size {total}")
    begins = flambeau.arange(batch) * total + start
    offsets = flambeau.cat([begins, flambeau.tensor([batch * total])])
    return jagged(tensor.reshape(-1, *tensor.shape[2:]), offsets, length)


def to_padded_tensor(input, padding, output_size=None, out=None):
    """A dense tensor in which the components of a nested one are filled up with a number.

    Args:
        input: a nested tensor.
        padding: the number.
        output_size: the shape, where it is to be larger than the largest component.

    >>> x = flambeau.nested.nested_tensor([[1, 2], [3]])
    >>> flambeau.nested.to_padded_tensor(x, 0)
    tensor([[1, 2],
            [3, 0]])
    """
    if not isinstance(input, Nested):
        raise NotImplementedError("[to_padded_tensor] input must be a nested tensor, got a dense one")
    dense = input.to_padded_tensor(padding, output_size)
    return dense if out is None else out.copy_(dense)
