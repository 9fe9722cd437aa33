"""Batches of tensors by one gather per tensor instead of one view per sample."""

import array
import bisect

import flambeau
from flambeau.utils.data.dataset import ConcatDataset, StackDataset, Subset, TensorDataset

__all__ = ["gathering"]


def gathering(dataset):
    """A function from indices (an int64 tensor, or a slice) to what collating the samples there would give.

    None if the data set is none of the library's own on plain tensors.
    """
    kind = type(dataset)
    make = _KINDS.get(kind)
    return None if make is None else make(dataset)


def _of_tensor(tensor):
    if tensor.dim() == 0:
        return None
    size = tensor.size(0)

    def gather(indices):
        if type(indices) is slice:
            return tensor[indices].clone()
        return tensor.index_select(0, _from_start(indices, size))

    return gather


def _from_start(indices, size):
    """Indices without negative ones."""
    if indices.numel() and int(indices.min()) < 0:
        if int(indices.min()) < -size:
            raise IndexError(f"index {int(indices.min())} is out of bounds for a data set of {size} samples")
        return flambeau.where(indices < 0, indices + size, indices)
    return indices


def _of_tensors(dataset):
    tensors = dataset.tensors
    if not tensors or not all(type(tensor) is flambeau.Tensor for tensor in tensors):
        return None
    size = tensors[0].size(0)

    def gather(indices):
        if type(indices) is slice:
            return [tensor[indices].clone() for tensor in tensors]
        try:
            return [tensor.index_select(0, indices) for tensor in tensors]
        except IndexError:
            indices = _from_start(indices, size)
            return [tensor.index_select(0, indices) for tensor in tensors]

    return gather


def _of_subset(dataset):
    inner = gathering(dataset.dataset)
    if inner is None:
        return None
    places = dataset.indices
    try:
        if isinstance(places, (range, list)) and type(places) is not list:  # such as a list that workers share
            places = array.array("q", places)
        places = flambeau.as_tensor(places)
    except Exception:  # a data set takes whatever indices it understands
        return None
    if places.dtype is not flambeau.int64 or places.dim() != 1:
        return None
    return lambda indices: inner(places[indices])


def _of_stack(dataset):
    if type(dataset.datasets) is dict:
        inner = {key: gathering(part) for key, part in dataset.datasets.items()}
        if None in inner.values():
            return None
        return lambda indices: {key: gather(indices) for key, gather in inner.items()}
    parts = [gathering(part) for part in dataset.datasets]
    return None if None in parts else lambda indices: [gather(indices) for gather in parts]


def _of_concat(dataset):
    parts = [gathering(part) for part in dataset.datasets]
    sizes = [len(part) for part in dataset.datasets]
    if None in parts or any(size == 0 for size in sizes):
        return None
    if len({_form(gather(slice(0, 1))) for gather in parts}) != 1:
        return None
    ends = list(dataset.cumulative_sizes)
    total = ends[-1]

    def gather(indices):
        if type(indices) is slice:
            place = bisect.bisect_right(ends, indices.start)
            start = ends[place - 1] if place else 0
            if indices.stop <= ends[place]:
                return parts[place](slice(indices.start - start, indices.stop - start))
            indices = flambeau.arange(indices.start, indices.stop)
        indices = _from_start(indices, total)
        batch, start, last = None, 0, len(parts) - 1
        for place, part in enumerate(parts):
            if place == last:
                here = indices >= start  # too large ones are the last part's to refuse
            else:
                here = indices < ends[place]
                here = here & (indices >= start) if start else here
            rows = here.nonzero().view(-1)
            if len(rows) == len(indices):
                return part(indices - start)
            if len(rows):
                batch = _placed(batch, part(indices[rows] - start if start else indices[rows]), rows, len(indices))
            start = ends[place]
        return batch

    return gather


def _placed(batch, found, rows, size):
    """Puts what was found into some rows of a batch, a new one if it is None."""
    if isinstance(found, list):
        return [_placed(batch and batch[place], each, rows, size) for place, each in enumerate(found)]
    if isinstance(found, dict):
        return {key: _placed(batch and batch[key], each, rows, size) for key, each in found.items()}
    if batch is None:
        batch = found.new_empty((size, *found.shape[1:]))
    return batch.index_copy_(0, rows, found)


def _form(batch):
    """What must be equal for batches of two data sets to go into one."""
    if isinstance(batch, list):
        return tuple(map(_form, batch))
    if isinstance(batch, dict):
        return tuple((key, _form(value)) for key, value in batch.items())
    return batch.dtype, tuple(batch.shape)


_KINDS = {
    flambeau.Tensor: _of_tensor,
    TensorDataset: _of_tensors,
    Subset: _of_subset,
    StackDataset: _of_stack,
    ConcatDataset: _of_concat,
}
