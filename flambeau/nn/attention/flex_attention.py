"""Attention whose scores are changed and masked by functions of their places."""

import typing

import flambeau

__all__ = ["AuxOutput", "AuxRequest", "BlockMask", "and_masks", "create_block_mask", "create_mask", "flex_attention", "noop_mask", "or_masks"]  # fmt: skip
_DEFAULT_SPARSE_BLOCK_SIZE = 128


class AuxRequest(typing.NamedTuple):
    """What flex_attention returns beside its output: the logarithm of the sum of the exponentials of scores.

    Example::

        >>> AuxRequest(lse=True).max_scores
        False
    """

    lse: bool = False
    max_scores: bool = False


class AuxOutput(typing.NamedTuple):
    """What an AuxRequest asked for; None for the rest.

    Example::

        >>> AuxOutput().lse is None
        True
    """

    lse: flambeau.Tensor | None = None
    max_scores: flambeau.Tensor | None = None


def noop_mask(batch, head, token_q, token_kv):
    """The mask that hides nothing.

    Example::

        >>> noop_mask(*[flambeau.tensor(0)] * 4)
        tensor(True)
    """
    return batch.new_ones((), dtype=flambeau.bool)


def _combined(mask_mods, join):
    if not all(callable(mask_mod) for mask_mod in mask_mods):
        raise RuntimeError(f"All inputs should be callable mask_mods: {mask_mods}")

    def mask_mod(b, h, q_idx, kv_idx):
        result = mask_mods[0](b, h, q_idx, kv_idx)
        for other in mask_mods[1:]:
            result = join(result, other(b, h, q_idx, kv_idx))
        return result

    return mask_mod


def and_masks(*mask_mods):
    """A mask that shows what all of several masks show.

    Example::

        >>> mask = and_masks(lambda b, h, q, k: q >= k, lambda b, h, q, k: q - k < 2)
        >>> create_mask(mask, None, None, 3, 3)[0, 0].int()
        tensor([[1, 0, 0],
                [1, 1, 0],
                [0, 1, 1]], dtype=torch.int32)
    """
    return _combined(mask_mods, lambda a, b: a & b)


def or_masks(*mask_mods):
    """A mask that shows what any of several masks shows.

    Example::

        >>> mask = or_masks(lambda b, h, q, k: q >= k, lambda b, h, q, k: k < 2)
        >>> create_mask(mask, None, None, 2, 3)[0, 0].int()
        tensor([[1, 1, 0],
                [1, 1, 0]], dtype=torch.int32)
    """
    return _combined(mask_mods, lambda a, b: a | b)


def _places(*sizes):
    """Index tensors, one for each size, that broadcast against each other."""
    shapes = [[-1 if i == j else 1 for j in range(len(sizes))] for i in range(len(sizes))]
    return [flambeau.arange(size).reshape(shape) for size, shape in zip(sizes, shapes, strict=True)]


def create_mask(mod_fn, B, H, Q_LEN, KV_LEN, device=None):
    """What a mask shows, as booleans (B, H, Q_LEN, KV_LEN).

    Args:
        mod_fn: a function of the places b, h, q_idx, kv_idx, which come as integer tensors that broadcast.
        B, H: batches and heads; None if the mask does not depend on them.
        Q_LEN, KV_LEN: numbers of queries and keys.

    Example::

        >>> create_mask(lambda b, h, q_idx, kv_idx: q_idx >= kv_idx, None, None, 2, 2)
        tensor([[[[ True, False],
                  [ True,  True]]]])
    """
    shape = (B or 1, H or 1, Q_LEN, KV_LEN)
    return flambeau.broadcast_to(mod_fn(*_places(*shape)), shape)


class BlockMask:
    """A mask by blocks of queries and keys: for each block of queries, which blocks of keys it sees in part, and which whole.

    Args:
        seq_lengths: numbers of queries and keys.
        kv_num_blocks, kv_indices: (B, H, query blocks) and (B, H, query blocks, key blocks), int32: how many key blocks are
            seen in part, and which, first in the list.
        full_kv_num_blocks, full_kv_indices: the same for those seen whole, or None.
        q_num_blocks, q_indices, full_q_num_blocks, full_q_indices: the same the other way round, or None.
        BLOCK_SIZE: queries and keys of a block.
        mask_mod: the function of places.

    Example::

        >>> mask = create_block_mask(lambda b, h, q_idx, kv_idx: q_idx >= kv_idx, None, None, 4, 4, BLOCK_SIZE=2)
        >>> mask.to_dense()[0, 0]
        tensor([[1, 0],
                [1, 1]], dtype=torch.int32)
    """

    def __init__(
        self,
        seq_lengths,
        kv_num_blocks,
        kv_indices,
        full_kv_num_blocks=None,
        full_kv_indices=None,
        q_num_blocks=None,
        q_indices=None,
        full_q_num_blocks=None,
        full_q_indices=None,
        BLOCK_SIZE=(128, 128),
        mask_mod=noop_mask,
    ):
        if kv_indices.dim() < 2:
            raise RuntimeError("BlockMask must have at least 2 dimensions")
        self.seq_lengths, self.BLOCK_SIZE, self.mask_mod = seq_lengths, BLOCK_SIZE, mask_mod
        self.kv_num_blocks, self.kv_indices = kv_num_blocks, kv_indices
        self.full_kv_num_blocks, self.full_kv_indices = full_kv_num_blocks, full_kv_indices
        self.q_num_blocks, self.q_indices = q_num_blocks, q_indices
        self.full_q_num_blocks, self.full_q_indices = full_q_num_blocks, full_q_indices

    @classmethod
    def from_kv_blocks(
        cls,
        kv_num_blocks,
        kv_indices,
        full_kv_num_blocks=None,
        full_kv_indices=None,
        BLOCK_SIZE=128,
        mask_mod=None,
        seq_lengths=None,
        compute_q_blocks=True,
    ):
        """A mask from its blocks of keys; those of queries follow.

        Args:
            kv_num_blocks, kv_indices, full_kv_num_blocks, full_kv_indices: as of the class.
            BLOCK_SIZE: an int, or one for queries and one for keys.
            mask_mod: the function of places; that which hides nothing if None.
            seq_lengths: numbers of queries and keys; whole blocks if None.
            compute_q_blocks: whether the blocks of queries are wanted.
        """
        if (full_kv_num_blocks is None) != (full_kv_indices is None):
            raise AssertionError("full_kv_num_blocks and full_kv_indices must be both provided or omitted")
        sizes = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else tuple(BLOCK_SIZE)
        if seq_lengths is None:
            seq_lengths = (kv_indices.shape[-2] * sizes[0], kv_indices.shape[-1] * sizes[1])
        queries = _turned(kv_num_blocks, kv_indices) if compute_q_blocks else (None, None)
        full = (
            _turned(full_kv_num_blocks, full_kv_indices)
            if compute_q_blocks and full_kv_indices is not None
            else (None, None)
        )
        return cls(
            seq_lengths, kv_num_blocks, kv_indices, full_kv_num_blocks, full_kv_indices, *queries, *full, sizes, mask_mod or noop_mask
        )  # fmt: skip

    @property
    def shape(self):
        """(B, H, queries, keys)."""
        return (*self.kv_indices.shape[:-2], *self.seq_lengths)

    def numel(self):
        """How many pairs of places there are."""
        total = 1
        for size in self.shape:
            total *= size
        return total

    def sparsity(self):
        """The share of pairs outside of all blocks that are seen, in percent."""
        seen = int(self.kv_num_blocks.sum())
        if self.full_kv_num_blocks is not None:
            seen += int(self.full_kv_num_blocks.sum())
        return 100 * (1 - seen * self.BLOCK_SIZE[0] * self.BLOCK_SIZE[1] / self.numel())

    def to_dense(self):
        """Which blocks are seen, in part or whole, as ones: (B, H, query blocks, key blocks)."""
        seen = _marks(self.kv_num_blocks, self.kv_indices)
        return seen if self.full_kv_indices is None else seen | _marks(self.full_kv_num_blocks, self.full_kv_indices)

    def __getitem__(self, index):
        """The mask of some batches and heads, of which both dimensions stay."""
        index = index if isinstance(index, tuple) else (index,)
        index = tuple(slice(i, i + 1 or None) if isinstance(i, int) else i for i in index)
        parts = [None if part is None else part[index] for part in self._parts()]
        return type(self)(self.seq_lengths, *parts, self.BLOCK_SIZE, self.mask_mod)

    def to(self, device):
        """The mask on a device."""
        parts = [None if part is None else part.to(device) for part in self._parts()]
        return type(self)(self.seq_lengths, *parts, self.BLOCK_SIZE, self.mask_mod)

    def _parts(self):
        return (
            self.kv_num_blocks, self.kv_indices, self.full_kv_num_blocks, self.full_kv_indices,
            self.q_num_blocks, self.q_indices, self.full_q_num_blocks, self.full_q_indices,
        )  # fmt: skip

    def __repr__(self):
        return f"BlockMask(shape={self.shape}, sparsity={self.sparsity():.2f}%)"


def _listed(marks):
    """How many of the last dimension are marked, and the places of those and then of the others."""
    return marks.sum(-1).to(flambeau.int32), marks.sort(dim=-1, descending=True, stable=True)[1].to(flambeau.int32)


def _marks(counts, indices):
    """The other way round."""
    listed = (flambeau.arange(indices.shape[-1]) < counts.unsqueeze(-1)).to(flambeau.int32)
    return flambeau.zeros_like(listed).scatter_(-1, indices.long(), listed)


def _turned(counts, indices):
    return _listed(_marks(counts, indices).transpose(-1, -2).contiguous())


def create_block_mask(
    mask_mod, B, H, Q_LEN, KV_LEN, device=None, BLOCK_SIZE=128, _compile=False, separate_full_blocks=True
):
    """The BlockMask of a function of places.

    Args:
        mask_mod: a function of b, h, q_idx, kv_idx, integer tensors that broadcast; a tensor of bools.
        B, H: batches and heads; None if the mask does not depend on them.
        Q_LEN, KV_LEN: numbers of queries and keys.
        BLOCK_SIZE: an int, or one for queries and one for keys.
        separate_full_blocks: whether blocks that are seen whole are listed apart.

    Example::

        >>> mask = create_block_mask(lambda b, h, q_idx, kv_idx: q_idx >= kv_idx, None, None, 256, 256)
        >>> mask.kv_num_blocks, mask.full_kv_num_blocks
        (tensor([[[1, 1]]], dtype=torch.int32), tensor([[[0, 1]]], dtype=torch.int32))
    """
    rows, columns = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else BLOCK_SIZE
    mask = create_mask(mask_mod, B, H, Q_LEN, KV_LEN)
    mask = flambeau.nn.functional.pad(mask, (0, -KV_LEN % columns, 0, -Q_LEN % rows))
    blocks = mask.unflatten(-1, (-1, columns)).unflatten(-3, (-1, rows)).sum((-1, -3))
    whole = (blocks == rows * columns) if separate_full_blocks else flambeau.zeros_like(blocks, dtype=flambeau.bool)
    part, full = _listed(((blocks > 0) & ~whole).int()), _listed(whole.int())
    full = full if separate_full_blocks else (None, None)
    return BlockMask.from_kv_blocks(*part, *full, (rows, columns), mask_mod, (Q_LEN, KV_LEN))


def _check(query, key, value, block_mask, enable_gqa):
    if not query.dim() == key.dim() == value.dim() == 4:
        raise NotImplementedError("[flex_attention] query, key, and value must be 4D tensors")
    (batches, heads, rows, width), (key_batches, key_heads, columns, key_width) = query.shape, key.shape
    if width != key_width:
        raise ValueError(
            f"[flex_attention] Expect query and key/value to have the same embedding dimension but got {width} and {key_width}."
        )
    if heads != key_heads and not enable_gqa:
        raise ValueError(
            "[flex_attention] Expect query and key/value to have the same number of heads but got "
            f"Hq={heads} and Hkv={key_heads}. Try setting enable_gqa=True for GQA."
        )
    if heads % key_heads:
        raise ValueError(
            "[flex_attention] Expect number of query heads to be a multiple of kv heads for GQA but got "
            f"Hq={heads} and Hkv={key_heads}."
        )
    if batches != key_batches and (block_mask is None or key_batches != 1):
        raise ValueError(
            "[flex_attention] Expect query and key/value to have the same batch size, or non-none block_mask and one batch of "
            f"key/value, but got Bq={batches} and Bkv={key_batches}."
        )
    if block_mask is not None and block_mask.seq_lengths != (rows, columns):
        raise ValueError(
            f"[flex_attention] block_mask was created for {block_mask.shape=} but got q_len={rows} and kv_len={columns}."
        )


def flex_attention(
    query,
    key,
    value,
    score_mod=None,
    block_mask=None,
    scale=None,
    enable_gqa=False,
    return_lse=False,
    kernel_options=None,
    *,
    return_aux=None,
):
    r"""Attention with scores :math:`m(s q k^T)` for a function m of scores and places, and a mask.

    Args:
        query: (B, H, L, E).
        key: (B, Hkv, S, E), Hkv = H or, with enable_gqa, a divisor of it.
        value: (B, Hkv, S, Ev).
        score_mod: a function of score, b, h, q_idx, kv_idx: scores (B, H, L, S) and integer tensors that broadcast to them.
        block_mask: a BlockMask for L and S.
        scale: s; one over the square root of E if None.
        return_lse: return the logarithms of the sums of the exponentials of scores, (B, H, L), too.
        kernel_options: accepted.
        return_aux: an AuxRequest, instead of return_lse.

    Returns:
        (B, H, L, Ev), zero for queries that see nothing; with logarithms or an AuxOutput if asked for.

    Example::

        >>> q, k, v = (flambeau.ones(1, 2, 3, 4) for _ in range(3))
        >>> flex_attention(q, k, v, score_mod=lambda score, b, h, q_idx, kv_idx: score - (q_idx - kv_idx)).shape
        torch.Size([1, 2, 3, 4])
    """
    _check(query, key, value, block_mask, enable_gqa)
    if return_aux is not None and return_aux.max_scores:
        raise NotImplementedError("[flex_attention] Returning max scores is not supported on CPU/MPS.")
    groups = query.shape[1] // key.shape[1]
    key, value = (t if groups == 1 else t.repeat_interleave(groups, 1) for t in (key, value))
    wide = flambeau.float64 if query.dtype is flambeau.float64 else flambeau.float32
    scores = flambeau.matmul(query.to(wide), key.to(wide).transpose(-1, -2)) * (
        query.shape[-1] ** -0.5 if scale is None else scale
    )
    places = _places(*scores.shape)
    if score_mod is not None:
        scores = flambeau.broadcast_to(score_mod(scores, *places), scores.shape).to(wide)
    if block_mask is not None:
        seen = block_mask.mask_mod(*places) & _seen(block_mask, places)
        scores = flambeau.where(seen, scores, float("-inf"))
    lse = scores.logsumexp(-1)
    empty = (scores.detach() == float("-inf")).all(-1, keepdim=True)
    weights = scores.masked_fill(empty, 0).softmax(-1).masked_fill(empty, 0)
    output = flambeau.matmul(weights, value.to(wide)).to(query.dtype)
    if return_aux is not None:
        return output, AuxOutput(lse=lse if return_aux.lse else None)
    return (output, lse) if return_lse else output


def _seen(block_mask, places):
    """Whether the block of each pair of places is one that is seen."""
    dense, (_, _, rows, columns) = block_mask.to_dense().bool(), places
    return dense[:, :, (rows // block_mask.BLOCK_SIZE[0]).reshape(-1)][
        ..., (columns // block_mask.BLOCK_SIZE[1]).reshape(-1)
    ]
