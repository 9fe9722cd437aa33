"""flex_attention and its masks."""

import importlib

import numpy as np
import pytest

from tests.frame import fl

flex = importlib.import_module(f"{fl.__name__}.nn.attention.flex_attention")


def causal(b, h, q_idx, kv_idx):
    return q_idx >= kv_idx


def qkv(heads=4, keys=7):
    generator = fl.Generator().manual_seed(0)
    q = fl.randn(2, 4, 7, 8, generator=generator)
    return q, *(fl.randn(2, heads, keys, 8, generator=generator) for _ in range(2))


def close(a, b):
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), 1e-5, 1e-6)


def test_plain():
    q, k, v = qkv()
    close(flex.flex_attention(q, k, v), fl.nn.functional.scaled_dot_product_attention(q, k, v))
    out, lse = flex.flex_attention(q, k, v, scale=1.0, return_lse=True)
    close(lse, (q @ k.transpose(-1, -2)).logsumexp(-1))
    close(out, (q @ k.transpose(-1, -2)).softmax(-1) @ v)
    same, aux = flex.flex_attention(q, k, v, scale=1.0, return_aux=flex.AuxRequest(lse=True))
    close(aux.lse, lse)
    close(same, out)


@pytest.mark.parametrize("size", [128, 4, (2, 3)])
def test_mask(size):
    q, k, v = qkv()
    mask = flex.create_block_mask(causal, None, None, 7, 7, device="cpu", BLOCK_SIZE=size)
    close(
        flex.flex_attention(q, k, v, block_mask=mask),
        fl.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True),
    )


def test_scores():
    q, k, v = qkv()
    bias, slopes = fl.arange(49.0).reshape(7, 7) / 10, fl.tensor([0.1, 0.2, 0.3, 0.4])
    close(
        flex.flex_attention(q, k, v, lambda score, b, h, q_idx, kv_idx: score + bias[q_idx, kv_idx]),
        fl.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias),
    )
    distance = (fl.arange(7)[:, None] - fl.arange(7)).abs()
    close(
        flex.flex_attention(q, k, v, lambda score, b, h, q_idx, kv_idx: score - slopes[h] * (q_idx - kv_idx).abs()),
        fl.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=-slopes[:, None, None] * distance),
    )


def test_queries_that_see_nothing():
    q, k, v = qkv()
    mask = flex.create_block_mask(lambda b, h, q_idx, kv_idx: q_idx > kv_idx, None, None, 7, 7, device="cpu")
    out, lse = flex.flex_attention(q, k, v, block_mask=mask, return_lse=True)
    assert not out[:, :, 0].any() and (lse[:, :, 0] == float("-inf")).all() and out[:, :, 1].isfinite().all()


def test_grouped_heads():
    q, k, v = qkv(heads=2)
    expected = fl.nn.functional.scaled_dot_product_attention(q, k, v, enable_gqa=True)
    close(flex.flex_attention(q, k, v, enable_gqa=True), expected)


def test_block_mask():
    mask = flex.create_block_mask(causal, 2, 3, 4, 6, device="cpu", BLOCK_SIZE=2)
    assert (
        mask.shape == (2, 3, 4, 6) and mask.sparsity() == 50 and mask.numel() == 144 and mask[1].shape == (1, 3, 4, 6)
    )
    assert mask.to_dense()[0, 0].tolist() == [[1, 0, 0], [1, 1, 0]] and mask.kv_num_blocks[1, 2].tolist() == [1, 1]
    assert mask.kv_indices[0, 0].tolist() == [[0, 1, 2], [1, 0, 2]] and mask.full_kv_num_blocks[0, 0].tolist() == [0, 1]
    assert mask.q_num_blocks[0, 0].tolist() == [1, 1, 0] and mask.full_q_num_blocks[0, 0].tolist() == [1, 0, 0]
    again = flex.BlockMask.from_kv_blocks(mask.kv_num_blocks, mask.kv_indices, BLOCK_SIZE=2)
    assert again.shape == (2, 3, 4, 6) and again.mask_mod is flex.noop_mask


def test_blocks_that_are_left_out():
    """The blocks of a mask hide what its function would show."""
    counts, indices = fl.ones(1, 1, 2, dtype=fl.int32), fl.tensor([[[[0, 1], [1, 0]]]], dtype=fl.int32)
    mask = flex.BlockMask.from_kv_blocks(counts, indices, BLOCK_SIZE=2)
    assert mask.to_dense()[0, 0].tolist() == [[1, 0], [0, 1]]


def test_combined_masks():
    near = flex.and_masks(causal, lambda b, h, q_idx, kv_idx: q_idx - kv_idx < 2)
    assert flex.create_mask(near, None, None, 3, 3, device="cpu")[0, 0].int().tolist() == [
        [1, 0, 0],
        [1, 1, 0],
        [0, 1, 1],
    ]
    both = flex.or_masks(causal, lambda b, h, q_idx, kv_idx: kv_idx < 2)
    assert flex.create_mask(both, 1, 2, 2, 3, device="cpu")[0, 1].int().tolist() == [[1, 1, 0], [1, 1, 0]]


def test_arguments_are_checked():
    q, k, v = qkv()
    long = flex.create_block_mask(causal, None, None, 8, 8, device="cpu")
    for arguments, error in (
        ((q[0], k[0], v[0]), NotImplementedError), ((q, k[..., :4], v), ValueError), ((q, k[:, :2], v[:, :2]), ValueError),
        ((q, k[:1], v[:1]), ValueError), ((q, k, v, None, long), ValueError),
    ):  # fmt: skip
        with pytest.raises(error):
            flex.flex_attention(*arguments)
    with pytest.raises(ValueError):
        flex.flex_attention(q, k[:, :3], v[:, :3], enable_gqa=True)


def test_gradient():
    q, k, v = (t[:1, :2, :3, :4].double().requires_grad_() for t in qkv())
    mask = flex.create_block_mask(causal, None, None, 3, 3)
    assert fl.autograd.gradcheck(
        lambda *t: flex.flex_attention(*t, score_mod=lambda s, b, h, i, j: s * (h + 1), block_mask=mask), (q, k, v)
    )
