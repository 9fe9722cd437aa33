"""Multiscale vision transformers for videos (arXiv 2104.11227, 2112.01526)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import flambeau
from flambeau import nn
from flambeau.nn import functional as F

from ...ops.misc import MLP
from ...ops.stochastic_depth import StochasticDepth
from .._api import variant

__all__ = ["MViT", "MViT_V1_B_Weights", "MViT_V2_S_Weights", "mvit_v1_b", "mvit_v2_s"]


@dataclass
class MSBlockConfig:
    """One block: heads, channels, and how queries and the rest are pooled."""

    num_heads: int
    input_channels: int
    output_channels: int
    kernel_q: Sequence[int]
    kernel_kv: Sequence[int]
    stride_q: Sequence[int]
    stride_kv: Sequence[int]


class Pool(nn.Module):
    """A pooling of tokens (B, [heads,] 1 + places, C) in space and time; the first token stays."""

    def __init__(self, pool, norm, activation=None, norm_before_pool=False):
        super().__init__()
        self.pool = pool
        layers = [layer for layer in (norm, activation) if layer is not None]
        self.norm_act = nn.Sequential(*layers) if layers else None
        self.norm_before_pool = norm_before_pool

    def forward(self, x, thw):
        single = x.ndim == 3
        x = x.unsqueeze(1) if single else x
        first, x = x[:, :, :1], x[:, :, 1:].transpose(2, 3)
        batch, heads, channels = x.shape[:3]
        x = x.reshape(batch * heads, channels, *thw).contiguous()
        if self.norm_before_pool and self.norm_act is not None:
            x = self.norm_act(x)
        x = self.pool(x)
        sides = tuple(x.shape[2:])
        x = flambeau.cat((first, x.reshape(batch, heads, channels, -1).transpose(2, 3)), dim=2)
        if not self.norm_before_pool and self.norm_act is not None:
            x = self.norm_act(x)
        return (x.squeeze(1) if single else x), sides


def _interpolate(embedding, d):
    """Rows for d relative places."""
    if embedding.shape[0] == d:
        return embedding
    return F.interpolate(embedding.permute(1, 0).unsqueeze(0), size=d, mode="linear").squeeze(0).permute(1, 0)


def _relative(table, queries, keys):
    """(queries, keys, features): the row of the table for each distance along one side."""
    table = _interpolate(table, int(2 * max(queries, keys) - 1))
    ratio_q, ratio_k = max(keys / queries, 1.0), max(queries / keys, 1.0)
    at = flambeau.arange(queries)[:, None] * ratio_q - (flambeau.arange(keys)[None] + (1.0 - keys)) * ratio_k
    return table[at.long()]


def _add_rel_pos(attn, q, q_thw, k_thw, rel_pos_h, rel_pos_w, rel_pos_t):
    """The products with what is known about relative places, but of the first token."""
    batch, heads, _, features = q.shape
    tables = (rel_pos_t, rel_pos_h, rel_pos_w)
    time, height, width = (_relative(table, *sides) for table, *sides in zip(tables, q_thw, k_thw))
    places = q[:, :, 1:].reshape(batch, heads, *q_thw, features)
    down = flambeau.einsum("bythwc,hkc->bythwk", places, height)
    across = flambeau.einsum("bythwc,wkc->bythwk", places, width)
    then = flambeau.einsum("bythwc,tkc->bythwk", places, time)
    bias = down[..., None, :, None] + across[..., None, None, :] + then[..., :, None, None]
    bias = bias.reshape(batch, heads, math.prod(q_thw), math.prod(k_thw))
    return attn + F.pad(bias, (1, 0, 1, 0))


class MultiscaleAttention(nn.Module):
    """Attention whose queries, keys and values are pooled."""

    def __init__(
        self,
        input_size,
        embed_dim,
        output_dim,
        num_heads,
        kernel_q,
        kernel_kv,
        stride_q,
        stride_kv,
        residual_pool,
        residual_with_cls_embed,
        rel_pos_embed,
        dropout=0.0,
        norm_layer=nn.LayerNorm,
    ):
        super().__init__()
        self.embed_dim, self.output_dim, self.num_heads = embed_dim, output_dim, num_heads
        self.head_dim = output_dim // num_heads
        self.scaler = 1.0 / math.sqrt(self.head_dim)
        self.residual_pool, self.residual_with_cls_embed = residual_pool, residual_with_cls_embed
        self.qkv = nn.Linear(embed_dim, 3 * output_dim)
        drop = [nn.Dropout(dropout, inplace=True)] if dropout > 0.0 else []
        self.project = nn.Sequential(nn.Linear(output_dim, output_dim), *drop)
        self.pool_q = self._pool(kernel_q, stride_q, norm_layer)
        self.pool_k = self._pool(kernel_kv, stride_kv, norm_layer)
        self.pool_v = self._pool(kernel_kv, stride_kv, norm_layer)
        self.rel_pos_h = self.rel_pos_w = self.rel_pos_t = None
        if rel_pos_embed:
            side = max(input_size[1:])
            sizes = [side // stride[1] if len(stride) else side for stride in (stride_q, stride_kv)]
            for name, rows in (("h", max(sizes)), ("w", max(sizes)), ("t", input_size[0])):
                setattr(self, f"rel_pos_{name}", nn.Parameter(flambeau.zeros(2 * rows - 1, self.head_dim)))
            for table in (self.rel_pos_h, self.rel_pos_w, self.rel_pos_t):
                nn.init.trunc_normal_(table, std=0.02)

    def _pool(self, kernel, stride, norm_layer):
        if math.prod(kernel) <= 1 and math.prod(stride) <= 1:
            return None
        options = {"padding": [side // 2 for side in kernel], "groups": self.head_dim, "bias": False}
        return Pool(
            nn.Conv3d(self.head_dim, self.head_dim, kernel, stride=stride, **options), norm_layer(self.head_dim)
        )

    def forward(self, x, thw):
        batch, places, _ = x.shape
        qkv = self.qkv(x).reshape(batch, places, 3, self.num_heads, self.head_dim).transpose(1, 3)
        pooled = []
        for part, pool in zip(qkv.unbind(dim=2), (self.pool_q, self.pool_k, self.pool_v)):
            pooled.append((part, thw) if pool is None else pool(part, thw))
        (q, q_thw), (k, k_thw), (v, _) = pooled
        weights = (self.scaler * q) @ k.transpose(2, 3)
        if self.rel_pos_h is not None:
            tables = (self.rel_pos_h, self.rel_pos_w, self.rel_pos_t)
            weights = _add_rel_pos(weights, q, q_thw, k_thw, *tables)
        x = weights.softmax(dim=-1) @ v
        if self.residual_pool:
            x = x + (q if self.residual_with_cls_embed else F.pad(q[:, :, 1:], (0, 0, 1, 0)))
        return self.project(x.transpose(1, 2).reshape(batch, -1, self.output_dim)), q_thw


class MultiscaleBlock(nn.Module):
    """Attention with poolings and two linear layers, each normalized before, with shortcuts."""

    def __init__(
        self,
        input_size,
        cnf,
        residual_pool,
        residual_with_cls_embed,
        rel_pos_embed,
        proj_after_attn,
        dropout=0.0,
        stochastic_depth_prob=0.0,
        norm_layer=nn.LayerNorm,
    ):
        super().__init__()
        self.proj_after_attn = proj_after_attn
        self.pool_skip = None
        if math.prod(cnf.stride_q) > 1:
            kernel = [side + 1 if side > 1 else side for side in cnf.stride_q]
            padding = [side // 2 for side in kernel]
            self.pool_skip = Pool(nn.MaxPool3d(kernel, stride=cnf.stride_q, padding=padding), None)
        width = cnf.output_channels if proj_after_attn else cnf.input_channels
        self.norm1, self.norm2 = norm_layer(cnf.input_channels), norm_layer(width)
        self.attn = MultiscaleAttention(
            input_size,
            cnf.input_channels,
            width,
            cnf.num_heads,
            kernel_q=cnf.kernel_q,
            kernel_kv=cnf.kernel_kv,
            stride_q=cnf.stride_q,
            stride_kv=cnf.stride_kv,
            residual_pool=residual_pool,
            residual_with_cls_embed=residual_with_cls_embed,
            rel_pos_embed=rel_pos_embed,
            dropout=dropout,
            norm_layer=norm_layer,
        )
        inner = [4 * width, cnf.output_channels]
        self.mlp = MLP(width, inner, activation_layer=nn.GELU, dropout=dropout, inplace=None)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.project = None
        if cnf.input_channels != cnf.output_channels:
            self.project = nn.Linear(cnf.input_channels, cnf.output_channels)

    def forward(self, x, thw):
        normed = self.norm1(x)
        attended, sides = self.attn(normed, thw)
        x = self.project(normed) if self.project is not None and self.proj_after_attn else x
        skipped = x if self.pool_skip is None else self.pool_skip(x, thw)[0]
        x = skipped + self.stochastic_depth(attended)
        normed = self.norm2(x)
        x = self.project(normed) if self.project is not None and not self.proj_after_attn else x
        return x + self.stochastic_depth(self.mlp(normed)), sides


class PositionalEncoding(nn.Module):
    """A first token for the class, and what is learned of places unless attention knows them."""

    def __init__(self, embed_size, spatial_size, temporal_size, rel_pos_embed):
        super().__init__()
        self.spatial_size, self.temporal_size = spatial_size, temporal_size
        self.class_token = nn.Parameter(flambeau.zeros(embed_size))
        self.spatial_pos = self.temporal_pos = self.class_pos = None
        if not rel_pos_embed:
            self.spatial_pos = nn.Parameter(flambeau.zeros(spatial_size[0] * spatial_size[1], embed_size))
            self.temporal_pos = nn.Parameter(flambeau.zeros(temporal_size, embed_size))
            self.class_pos = nn.Parameter(flambeau.zeros(embed_size))

    def forward(self, x):
        first = self.class_token.expand(x.shape[0], -1).unsqueeze(1)
        x = flambeau.cat((first, x), dim=1)
        if self.spatial_pos is None:
            return x
        places = (self.temporal_pos[:, None] + self.spatial_pos[None]).flatten(0, 1)
        return x + flambeau.cat((self.class_pos.unsqueeze(0), places), dim=0)


class MViT(nn.Module):
    """Attention over the patches of a video, from many of few channels to few of many.

    Args:
        spatial_size, temporal_size: (height, width) and frames of videos.
        block_setting: an MSBlockConfig per block.
        residual_pool: queries are added to what attention gives.
        residual_with_cls_embed: also for the first token.
        rel_pos_embed: attention knows relative places; else places are added at the beginning.
        proj_after_attn: channels change in attention; else in the linear layers.
        dropout, attention_dropout: probabilities before the last layer and in attention.
        stochastic_depth_prob: probability of leaving out the last block; it grows towards it.
        num_classes: features of the output.
        block, norm_layer: classes.
        patch_embed_kernel, patch_embed_stride, patch_embed_padding: of the first convolution.

    >>> row = MSBlockConfig(2, 8, 8, [3, 3, 3], [3, 3, 3], [1, 2, 2], [1, 2, 2])
    >>> net = flambeau.vision.models.video.MViT((16, 16), 4, [row, row], True, False, True, True, num_classes=3)
    >>> net(flambeau.zeros(1, 3, 4, 16, 16)).shape
    torch.Size([1, 3])
    """

    def __init__(
        self,
        spatial_size,
        temporal_size,
        block_setting,
        residual_pool,
        residual_with_cls_embed,
        rel_pos_embed,
        proj_after_attn,
        dropout=0.5,
        attention_dropout=0.0,
        stochastic_depth_prob=0.0,
        num_classes=400,
        block=None,
        norm_layer=None,
        patch_embed_kernel=(3, 7, 7),
        patch_embed_stride=(2, 4, 4),
        patch_embed_padding=(1, 3, 3),
    ):
        super().__init__()
        if not block_setting:
            raise ValueError("The configuration parameter can't be empty.")
        block = MultiscaleBlock if block is None else block
        norm_layer = partial(nn.LayerNorm, eps=1e-6) if norm_layer is None else norm_layer
        width, patch = block_setting[0].input_channels, (patch_embed_stride, patch_embed_padding)
        self.conv_proj = nn.Conv3d(3, width, patch_embed_kernel, *patch)
        sides = [side // step for side, step in zip((temporal_size, *spatial_size), self.conv_proj.stride)]
        self.pos_encoding = PositionalEncoding(width, (sides[1], sides[2]), sides[0], rel_pos_embed)
        self.blocks = nn.ModuleList()
        for i, cnf in enumerate(block_setting):
            share = stochastic_depth_prob * i / max(len(block_setting) - 1.0, 1.0)
            kinds = (residual_pool, residual_with_cls_embed, rel_pos_embed, proj_after_attn)
            self.blocks.append(block(sides, cnf, *kinds, attention_dropout, share, norm_layer))
            if len(cnf.stride_q):
                sides = [side // step for side, step in zip(sides, cnf.stride_q)]
        last = block_setting[-1].output_channels
        self.norm = norm_layer(last)
        self.head = nn.Sequential(nn.Dropout(dropout, inplace=True), nn.Linear(last, num_classes))
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, PositionalEncoding):
                for weights in module.parameters():
                    nn.init.trunc_normal_(weights, std=0.02)

    def forward(self, x):
        x = x.unsqueeze(2) if x.ndim == 4 else x
        x = self.pos_encoding(self.conv_proj(x).flatten(2).transpose(1, 2))
        thw = (self.pos_encoding.temporal_size, *self.pos_encoding.spatial_size)
        for block in self.blocks:
            x, thw = block(x, thw)
        return self.head(self.norm(x)[:, 0])


_SMALLER = (1, 3, 14)  # blocks whose queries are pooled, after which there are fewer places


def _rows(second):
    """The papers' tables: 16 blocks."""
    heads = [1, 2, 2, *[4] * 11, 8, 8]
    widths = [96, 192, 192, *[384] * 11, 768, 768]
    shrink = [[1, 8, 8], [1, 4, 4], [1, 4, 4], *[[1, 2, 2]] * 11, [1, 1, 1], [1, 1, 1]]
    ends = [widths, [*widths[1:], 768]] if not second else [[96, *widths[:-1]], widths]
    kept = ([3, 3, 3], [1, 1, 1]) if second else ([], [])
    for i, (count, before, after, stride) in enumerate(zip(heads, *ends, shrink)):
        kernel, step = ([3, 3, 3], [1, 2, 2]) if i in _SMALLER else kept
        yield MSBlockConfig(count, before, after, kernel, [3, 3, 3], step, stride)


def _mvit(second, **kwargs):
    kinds = (second, False, second, second)
    size = (kwargs.pop("spatial_size", (224, 224)), kwargs.pop("temporal_size", 16))
    kwargs = {"stochastic_depth_prob": 0.2, **kwargs}
    return MViT(*size, list(_rows(second)), *kinds, **kwargs)


def _sized(weights, kwargs):
    """Published weights are for videos of one size."""
    kwargs.setdefault("spatial_size", weights.meta["min_size"])
    kwargs.setdefault("temporal_size", weights.meta["min_temporal_size"])


MViT_V1_B_Weights, mvit_v1_b = variant(
    "Multiscale vision transformer (arXiv 2104.11227)", "MViT_V1_B_Weights", "mvit_v1_b", _mvit, False, adapt=_sized
)
MViT_V2_S_Weights, mvit_v2_s = variant(
    "Multiscale vision transformer v2 (arXiv 2112.01526)", "MViT_V2_S_Weights", "mvit_v2_s", _mvit, True, adapt=_sized
)
