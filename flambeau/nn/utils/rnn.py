"""Batches of sequences of different lengths: padded, and packed."""

from collections import namedtuple

import flambeau
from flambeau import Tensor

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]

PackedSequence_ = namedtuple(
    "PackedSequence_",
    ["data", "batch_sizes", "sorted_indices", "unsorted_indices"],
    defaults=[None, None, None],
)


class PackedSequence(PackedSequence_):
    """Sequences of different lengths, step after step, without padding; made by `pack_padded_sequence`.

    Attributes:
        data: (sum of lengths, *), the first steps of all sequences, then the second ones, and so on.
        batch_sizes: number of sequences at each step, int64.
        sorted_indices: the order by decreasing length, or None if that is the order they came in.
        unsorted_indices: the inverse of sorted_indices.

    Example::

        >>> packed = pack_sequence([flambeau.tensor([1, 2, 3]), flambeau.tensor([4, 5])])
        >>> packed.data, packed.batch_sizes
        (tensor([1, 4, 2, 5, 3]), tensor([2, 2, 1]))
    """

    def __new__(cls, data, batch_sizes=None, sorted_indices=None, unsorted_indices=None):
        if batch_sizes is None:
            if not (isinstance(data, list | tuple) and len(data) == 2):
                raise AssertionError("[PackedSequence] give data and batch_sizes")
            data, batch_sizes = data
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes.device.type != "cpu":
            raise ValueError(
                "batch_sizes should always be on CPU. Instances of PackedSequence should never be created manually. "
                "They should be instantiated by functions like pack_sequence and pack_padded_sequence in nn.utils.rnn."
            )
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def pin_memory(self):
        """The same with pinned memory."""
        indices = [None if i is None else i.pin_memory() for i in self[2:]]
        return type(self)(self.data.pin_memory(), self.batch_sizes, *indices)

    def to(self, *args, **kwargs):
        """The same with data converted and everything moved as `Tensor.to` says."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        indices = [None if i is None else i.to(data.device) for i in self[2:]]
        return type(self)(data, self.batch_sizes, *indices)

    def cpu(self, *args, **kwargs):
        """The same on the CPU."""
        return self.to(*args, device="cpu", **kwargs)

    def cuda(self, *args, **kwargs):
        """The same on a CUDA device."""
        return self.to(*args, device="cuda", **kwargs)

    def double(self):
        """The same in float64."""
        return self.to(dtype=flambeau.double)

    def float(self):
        """The same in float32."""
        return self.to(dtype=flambeau.float)

    def half(self):
        """The same in float16."""
        return self.to(dtype=flambeau.half)

    def long(self):
        """The same in int64."""
        return self.to(dtype=flambeau.long)

    def int(self):
        """The same in int32."""
        return self.to(dtype=flambeau.int)

    def short(self):
        """The same in int16."""
        return self.to(dtype=flambeau.short)

    def char(self):
        """The same in int8."""
        return self.to(dtype=flambeau.int8)

    def byte(self):
        """The same in uint8."""
        return self.to(dtype=flambeau.uint8)

    @property
    def is_cuda(self):
        """True if the data is on a CUDA device."""
        return self.data.is_cuda

    def is_pinned(self):
        """True if the data is in pinned memory."""
        return self.data.is_pinned()


def invert_permutation(permutation):
    """The permutation that undoes a permutation; None for None.

    Example::

        >>> flambeau.nn.utils.rnn.invert_permutation(flambeau.tensor([2, 0, 1]))
        tensor([1, 2, 0])
    """
    if permutation is None:
        return None
    result = flambeau.empty_like(permutation)
    return result.scatter_(0, permutation, flambeau.arange(permutation.numel(), device=permutation.device))


def pack_padded_sequence(input, lengths, batch_first=False, enforce_sorted=True):
    """Packs padded sequences.

    Args:
        input: (T, N, *), or (N, T, *) with batch_first.
        lengths: N lengths, a list or a tensor on the CPU.
        batch_first: see input.
        enforce_sorted: require decreasing lengths; otherwise the sequences are sorted.

    Returns:
        A PackedSequence.

    Example::

        >>> x = flambeau.tensor([[1, 2, 3], [4, 5, 0]])
        >>> pack_padded_sequence(x, [3, 2], batch_first=True).data
        tensor([1, 4, 2, 5, 3])
    """
    lengths = flambeau.as_tensor(lengths).long()
    steps = input.transpose(0, 1) if batch_first and input.dim() > 1 else input
    order = None
    if not enforce_sorted and lengths.dim() == 1 and steps.dim() > 1 and len(lengths) <= steps.shape[1]:
        lengths, order = flambeau.sort(lengths, descending=True)
        steps = steps.index_select(1, order.to(input.device))
    _check_lengths(steps, lengths)
    sizes = lengths.tolist()
    batch_sizes, at = [], len(sizes)
    for t in range(sizes[0]):
        while sizes[at - 1] <= t:
            at -= 1
        batch_sizes.append(at)
    rows = zip(steps.unbind(0), batch_sizes, strict=False)
    data = flambeau.cat([row if size == len(sizes) else row[:size] for row, size in rows])
    return PackedSequence(data, flambeau.tensor(batch_sizes, dtype=flambeau.int64), order, None)


def _check_lengths(steps, lengths):
    if lengths.dim() != 1:
        raise RuntimeError(
            f"'lengths' argument should be a 1D CPU int64 tensor, but got {lengths.dim()}D {lengths.device} tensor"
        )
    if steps.numel() == 0 or steps.dim() < 2:
        raise RuntimeError("Cannot pack empty tensors.")
    if lengths.numel() != steps.shape[1]:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {lengths.numel()} "
            f"(batch_size={steps.shape[1]})"
        )
    sizes = lengths.tolist()
    if sizes != sorted(sizes, reverse=True):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you "
            "do not need ONNX exportability."
        )
    if sizes[-1] <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if sizes[0] > steps.shape[0]:
        raise RuntimeError(
            f"[pack_padded_sequence] the longest length is {sizes[0]}, but input has only {steps.shape[0]} steps"
        )


def pad_packed_sequence(sequence, batch_first=False, padding_value=0.0, total_length=None):
    """Undoes `pack_padded_sequence`.

    Args:
        sequence: a PackedSequence.
        batch_first: give (N, T, *) instead of (T, N, *).
        padding_value: what to pad with.
        total_length: T, if it is to be longer than the longest sequence.

    Returns:
        The padded tensor and the lengths, int64.

    Example::

        >>> packed = pack_sequence([flambeau.tensor([1, 2, 3]), flambeau.tensor([4, 5])])
        >>> pad_packed_sequence(packed, batch_first=True)
        (tensor([[1, 2, 3],
                [4, 5, 0]]), tensor([3, 2]))
    """
    sizes = sequence.batch_sizes.tolist()
    longest = len(sizes)
    if total_length is not None:
        if total_length < longest:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in input, but got "
                f"total_length={total_length} and max sequence length being {longest}"
            )
        longest = total_length
    data, batch = sequence.data, sizes[0]
    steps = []
    for part in data.split(sizes):
        missing = batch - part.shape[0]
        steps.append(
            part if not missing else flambeau.cat([part, part.new_full((missing, *part.shape[1:]), padding_value)])
        )
    empty = data.new_full((batch, *data.shape[1:]), padding_value)
    padded = flambeau.stack(steps + [empty] * (longest - len(sizes)), 1 if batch_first else 0)
    lengths = flambeau.tensor([sum(size > i for size in sizes) for i in range(batch)], dtype=flambeau.int64)
    if sequence.unsorted_indices is not None:
        padded = padded.index_select(0 if batch_first else 1, sequence.unsorted_indices)
        lengths = lengths[sequence.unsorted_indices.cpu()]
    return padded, lengths


def pad_sequence(sequences, batch_first=False, padding_value=0.0, padding_side="right"):
    """Stacks sequences of different lengths, padded to the longest.

    Args:
        sequences: tensors (L_i, *).
        batch_first: give (N, T, *) instead of (T, N, *).
        padding_value: what to pad with.
        padding_side: "right" or "left".

    Example::

        >>> pad_sequence([flambeau.tensor([1, 2, 3]), flambeau.tensor([4])], batch_first=True)
        tensor([[1, 2, 3],
                [4, 0, 0]])
    """
    if isinstance(sequences, Tensor):
        sequences = sequences.unbind(0)
    elif not hasattr(sequences, "__iter__"):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    if padding_side not in ("right", "left"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    sequences = tuple(sequences)
    if not sequences:
        raise RuntimeError("pad_sequence: received an empty list of sequences")
    if any(s.dim() == 0 for s in sequences):
        raise RuntimeError("pad_sequence: expected sequences of at least one dimension, got one without any")
    longest = max(s.shape[0] for s in sequences)
    filler, pieces = sequences[0].new_full((longest, *sequences[0].shape[1:]), padding_value), []
    for s in sequences:
        missing = filler[: longest - s.shape[0]]
        pieces += [s, missing] if padding_side == "right" else [missing, s]
    padded = flambeau.cat(pieces).reshape(len(sequences), longest, *sequences[0].shape[1:])
    return padded if batch_first else padded.transpose(0, 1).contiguous()


def unpad_sequence(padded_sequences, lengths, batch_first=False):
    """Undoes `pad_sequence`: the list of sequences.

    Example::

        >>> unpad_sequence(flambeau.tensor([[1, 2], [4, 0]]), flambeau.tensor([2, 1]), batch_first=True)
        [tensor([1, 2]), tensor([4])]
    """
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    return [sequence[: int(length)] for sequence, length in zip(padded_sequences, lengths, strict=False)]


def pack_sequence(sequences, enforce_sorted=True):
    """Packs a list of sequences (L_i, *); arguments as for `pack_padded_sequence`.

    Example::

        >>> pack_sequence([flambeau.tensor([1, 2, 3]), flambeau.tensor([4, 5])]).batch_sizes
        tensor([2, 2, 1])
    """
    lengths = flambeau.as_tensor([s.shape[0] for s in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences):
    """Undoes `pack_sequence`: the list of sequences.

    Example::

        >>> unpack_sequence(pack_sequence([flambeau.tensor([1, 2]), flambeau.tensor([4])]))
        [tensor([1, 2]), tensor([4])]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
