"""Sums, means and maxima of bags of rows of a table."""

import flambeau
from flambeau import Tensor
from flambeau.ops._host import any_of, one_by_one


@one_by_one
def embedding_bag(
    input,
    weight,
    offsets=None,
    max_norm=None,
    norm_type=2,
    scale_grad_by_freq=False,
    mode="mean",
    sparse=False,
    per_sample_weights=None,
    include_last_offset=False,
    padding_idx=None,
):
    """Sums, means or maxima of bags of rows of a table.

    Args:
        input: integers (B, N), bags of one length, or (N) with offsets.
        weight: (rows, width).
        offsets: (B), where each bag begins, if input has one dimension.
        max_norm, norm_type: rows longer than max_norm are first shortened to it, in place.
        scale_grad_by_freq: divide a row's gradient by how often it was chosen.
        mode: "sum", "mean" or "max".
        sparse: the gradient of weight is sparse, with the rows that were chosen; not with "max".
        per_sample_weights: factors, of the shape of input; only with "sum".
        include_last_offset: offsets end with the total length.
        padding_idx: a row that does not count.

    Returns:
        (B, width); 0 for empty bags.

    Example::

        >>> table = flambeau.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> flambeau.nn.functional.embedding_bag(flambeau.tensor([[0, 1]]), table, mode="sum")
        tensor([[4., 6.]])
    """
    _check(input, offsets, mode, per_sample_weights, scale_grad_by_freq)
    rows_count = weight.shape[0]
    if padding_idx is not None:
        if not -rows_count <= padding_idx < rows_count:
            raise AssertionError("padding_idx must be within the number of embeddings")
        padding_idx %= rows_count
    flat = input.reshape(-1)
    if any_of((flat < 0) | (flat >= rows_count)):
        bad = int(((flat < 0) | (flat >= rows_count)).nonzero()[0])
        raise RuntimeError(
            f"Index {bad} of input takes value {int(flat[bad])} which is not in the valid range [0, {rows_count})"
        )
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    counted = None if padding_idx is None else flat != padding_idx
    rows = flambeau.nn.functional.embedding(
        flat, weight, padding_idx if sparse else None, max_norm, norm_type, scale_grad_by_freq, sparse
    )
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.reshape(-1, 1)
    if input.dim() == 2:
        counted = None if counted is None else counted.view(input.shape)
        return _REDUCE[mode](rows.reshape(*input.shape, -1), counted)
    if mode == "max" and flat.numel():
        places, inside = _places(offsets, flat.numel(), include_last_offset)
        return _max(rows[places], inside if counted is None else inside & counted[places])
    _check_offsets(offsets, flat.numel())
    return _by_bag(rows, offsets.long(), counted, mode == "mean")[: len(offsets) - include_last_offset]


def _by_bag(rows, offsets, counted, mean):
    """Sums or means of the rows of each bag; what is behind a last offset is a bag, too."""
    bags = flambeau.searchsorted(offsets, flambeau.arange(len(rows), device=offsets.device), right=True) - 1
    if counted is not None:
        rows = rows.masked_fill(~counted.unsqueeze(-1), 0)
    sums = rows.new_zeros((len(offsets), rows.shape[1])).index_add(0, bags, rows)
    if not mean:
        return sums
    dtype = flambeau.promote_types(rows.dtype, flambeau.float32)
    ones = rows.new_ones(len(rows), dtype=dtype) if counted is None else counted.to(dtype)
    sizes = rows.new_zeros(len(offsets), dtype=dtype).index_add(0, bags, ones)
    return sums / sizes.clamp(min=1).unsqueeze(-1).to(rows.dtype)


def _check_offsets(offsets, total):
    if any_of(offsets[:1] != 0):
        raise RuntimeError(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. "
            f"However, got {int(offsets[0])}"
        )
    if any_of(offsets[-1:] > total):
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length {total} but got offsets[-1] of {int(offsets[-1])}"
        )


def _places(offsets, total, include_last_offset):
    """For each bag the places of its elements, padded to the longest bag, and which of them are inside."""
    _check_offsets(offsets, total)
    offsets = offsets.long()
    if include_last_offset:
        starts, ends = offsets[:-1], offsets[1:]
    else:
        starts = offsets
        ends = flambeau.cat([offsets[1:], flambeau.tensor([total])]) if offsets.numel() else offsets
    longest = max(int((ends - starts).max()), 1) if starts.numel() else 1
    places = starts.view(-1, 1) + flambeau.arange(longest)
    inside = places < ends.view(-1, 1)
    return places.masked_fill(~inside, 0), inside


def _sum(rows, counted):
    if counted is None:
        return rows.sum(1)
    return rows.masked_fill(~counted.unsqueeze(-1), 0).sum(1)


def _mean(rows, counted):
    if counted is None:
        return _sum(rows, None) / max(rows.shape[1], 1)
    return _sum(rows, counted) / counted.sum(1, keepdim=True).clamp(min=1).to(rows.dtype)


def _max(rows, counted):
    if rows.shape[1] == 0:
        return rows.sum(1)
    if counted is None:
        return rows.max(1)[0]
    largest = rows.masked_fill(~counted.unsqueeze(-1), float("-inf")).max(1)[0]
    return largest.masked_fill(~counted.any(1, keepdim=True), 0)


_REDUCE = {"sum": _sum, "mean": _mean, "max": _max}


def _check(input, offsets, mode, per_sample_weights, scale_grad_by_freq):
    if per_sample_weights is not None and per_sample_weights.shape != input.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, then it must have the "
            f"same shape as the input ({input.shape})"
        )
    if input.is_floating_point() or input.is_complex():
        raise RuntimeError(f"[embedding_bag] expected input of type int64 or int32, got {input.dtype}")
    if input.dim() == 2:
        if offsets is not None:
            kind = type(offsets) if isinstance(offsets, Tensor) else str(type(offsets))
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length "
                f"sequences. However, found offsets of type {kind}"
            )
    elif input.dim() == 1:
        if not isinstance(offsets, Tensor):
            raise ValueError("offsets has to be a 1D Tensor but got None")
        if offsets.dim() != 1:
            raise ValueError("offsets has to be a 1D Tensor")
    else:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}")
    if mode not in _REDUCE:
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' "
            f"(got mode='{mode}'). Please open a feature request on GitHub."
        )
