"""Swin transformer, v1 and v2 (arXiv 2103.14030, 2111.09883)."""

import math
from functools import partial

import flambeau
from flambeau import nn
from flambeau.fx import wrap
from flambeau.nn import functional as F

from ..ops.misc import MLP, Permute
from ..ops.stochastic_depth import StochasticDepth
from ._api import variant

__all__ = [
    "SwinTransformer", "Swin_B_Weights", "Swin_S_Weights", "Swin_T_Weights", "Swin_V2_B_Weights", "Swin_V2_S_Weights", "Swin_V2_T_Weights",
    "swin_b", "swin_s", "swin_t", "swin_v2_b", "swin_v2_s", "swin_v2_t",
]  # fmt: skip


def _quarters(x):
    """(..., H, W, C) -> (..., H / 2, W / 2, 4 C); an odd side gets zeros."""
    height, width = x.shape[-3:-1]
    x = F.pad(x, (0, 0, 0, width % 2, 0, height % 2))
    rows, others = x[..., 0::2, :, :], x[..., 1::2, :, :]
    parts = [rows[..., 0::2, :], others[..., 0::2, :], rows[..., 1::2, :], others[..., 1::2, :]]
    return flambeau.cat(parts, -1)


class PatchMerging(nn.Module):
    """Half the size, twice the channels; normalized before."""

    def __init__(self, dim, norm_layer=nn.LayerNorm):
        super().__init__()
        self.dim = dim
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = norm_layer(4 * dim)

    def forward(self, x):
        return self.reduction(self.norm(_quarters(x)))


class PatchMergingV2(nn.Module):
    """Half the size, twice the channels; normalized afterwards."""

    def __init__(self, dim, norm_layer=nn.LayerNorm):
        super().__init__()
        self.dim = dim
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = norm_layer(2 * dim)

    def forward(self, x):
        return self.norm(self.reduction(_quarters(x)))


def _windows(x, size):
    """(B, *places, C) -> (B x windows, places of a window, C)."""
    dims, grid = len(size), []
    for side, window in zip(x.shape[1:-1], size):
        grid += [side // window, window]
    order = [0, *range(1, 2 * dims, 2), *range(2, 2 * dims + 1, 2), 2 * dims + 1]
    return x.reshape(x.shape[0], *grid, x.shape[-1]).permute(order).reshape(-1, math.prod(size), x.shape[-1])


def _picture(x, size, shape):
    """_windows undone."""
    dims = len(size)
    counts = [side // window for side, window in zip(shape[1:-1], size)]
    order = [0, *(place for i in range(dims) for place in (1 + i, 1 + dims + i)), 2 * dims + 1]
    return x.reshape(shape[0], *counts, *size, shape[-1]).permute(order).reshape(shape)


def _hidden(sides, size, shift, like):
    """(windows, 1, places, places): -100 where two places were not neighbours before the shift."""
    regions = like.new_zeros(())
    for side, window, moved in zip(sides, size, shift):
        place = flambeau.arange(side)
        part = (place >= side - window).to(like.dtype) + (place >= side - moved).to(like.dtype)
        regions = regions.unsqueeze(-1) * 3 + (part if moved else part * 0)
    parts = _windows(regions[None, ..., None], size).squeeze(-1)
    apart = parts.unsqueeze(1) - parts.unsqueeze(2)
    return apart.masked_fill(apart != 0, -100.0).unsqueeze(1)


def _likeness(q, k, logit_scale):
    """Products of queries and keys: scaled by their length, or of angles with a learned scale (v2)."""
    if logit_scale is None:
        return (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
    scale = logit_scale.clamp(max=math.log(100.0)).exp()
    return F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1) * scale


def _attend(x, hidden, bias, layers, num_heads, dropouts, logit_scale, training):
    """Attention within windows (count, places, channels)."""
    count, places, channels = x.shape
    qkv_weight, qkv_bias, proj_weight, proj_bias = layers
    if logit_scale is not None and qkv_bias is not None:
        q, k, v = qkv_bias.chunk(3)
        qkv_bias = flambeau.cat([q, flambeau.zeros_like(k), v])
    qkv = F.linear(x, qkv_weight, qkv_bias)
    qkv = qkv.reshape(count, places, 3, num_heads, channels // num_heads).permute(2, 0, 3, 1, 4)
    weights = _likeness(qkv[0], qkv[1], logit_scale) + bias
    if hidden is not None:
        weights = weights.reshape(-1, hidden.shape[0], num_heads, places, places) + hidden
        weights = weights.reshape(-1, num_heads, places, places)
    weights = F.dropout(weights.softmax(-1), dropouts[0], training)
    out = F.linear((weights @ qkv[2]).transpose(1, 2).reshape(count, places, channels), proj_weight, proj_bias)
    return F.dropout(out, dropouts[1], training)


def shifted_window_attention(
    input,
    qkv_weight,
    proj_weight,
    relative_position_bias,
    window_size,
    num_heads,
    shift_size,
    attention_dropout=0.0,
    dropout=0.0,
    qkv_bias=None,
    proj_bias=None,
    logit_scale=None,
    training=True,
):
    """Attention within windows of pictures (B, H, W, C) or videos (B, T, H, W, C), which may be shifted."""
    sides, dims = input.shape[1:-1], tuple(range(1, input.ndim - 1))
    ends = [-side % window for side, window in zip(sides, window_size)]
    x = F.pad(input, (0, 0, *(n for end in reversed(ends) for n in (0, end))))
    whole = x.shape[1:-1]
    shift = [0 if window >= side else moved for window, side, moved in zip(window_size, whole, shift_size)]
    if sum(shift):
        x = x.roll(shifts=tuple(-moved for moved in shift), dims=dims)
    hidden = _hidden(whole, window_size, shift, x) if sum(shift) else None
    layers, dropouts = (qkv_weight, qkv_bias, proj_weight, proj_bias), (attention_dropout, dropout)
    parts = (relative_position_bias, layers, num_heads, dropouts, logit_scale, training)
    out = _picture(_attend(_windows(x, window_size), hidden, *parts), window_size, x.shape)
    if sum(shift):
        out = out.roll(shifts=tuple(shift), dims=dims)
    inside = (slice(None), *(slice(side) for side in sides))
    return out[inside].contiguous()


wrap("_quarters")  # they stay whole in graphs
wrap("shifted_window_attention")


def relative_places(window_size):
    """The row of a table of relative places for each pair of places in a window, flat."""
    sides = [flambeau.arange(size) for size in window_size]
    places = flambeau.stack(flambeau.meshgrid(*sides, indexing="ij")).flatten(1)
    rows = flambeau.zeros((), dtype=flambeau.int64)
    for size, apart in zip(window_size, places[:, :, None] - places[:, None, :]):
        rows = rows * (2 * size - 1) + apart + size - 1
    return rows.flatten()


class ShiftedWindowAttention(nn.Module):
    """Attention within windows, which may be shifted."""

    _dimensions = 2

    def __init__(
        self,
        dim,
        window_size,
        shift_size,
        num_heads,
        qkv_bias=True,
        proj_bias=True,
        attention_dropout=0.0,
        dropout=0.0,
    ):
        super().__init__()
        if len(window_size) != self._dimensions or len(shift_size) != self._dimensions:
            raise ValueError(f"window_size and shift_size must be of length {self._dimensions}")
        self.window_size, self.shift_size, self.num_heads = window_size, shift_size, num_heads
        self.attention_dropout, self.dropout = attention_dropout, dropout
        self.qkv = nn.Linear(dim, dim * 3, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim, bias=proj_bias)
        self._make_table()
        self.register_buffer("relative_position_index", self._make_index())

    def _make_index(self):
        return relative_places(self.window_size)

    def _make_table(self):
        rows = math.prod(2 * side - 1 for side in self.window_size)
        self.relative_position_bias_table = nn.Parameter(flambeau.zeros(rows, self.num_heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def _ordered(self, table):
        """(1, heads, places, places) of the rows of a table."""
        count = self.window_size[0] * self.window_size[1]
        bias = table[self.relative_position_index].reshape(count, count, -1)
        return bias.permute(2, 0, 1).contiguous().unsqueeze(0)

    def get_relative_position_bias(self):
        """(1, heads, places, places)."""
        return self._ordered(self.relative_position_bias_table)

    def forward(self, x):
        return shifted_window_attention(
            x,
            self.qkv.weight,
            self.proj.weight,
            self.get_relative_position_bias(),
            self.window_size,
            self.num_heads,
            shift_size=self.shift_size,
            attention_dropout=self.attention_dropout,
            dropout=self.dropout,
            qkv_bias=self.qkv.bias,
            proj_bias=self.proj.bias,
            logit_scale=getattr(self, "logit_scale", None),
            training=self.training,
        )


class ShiftedWindowAttentionV2(ShiftedWindowAttention):
    """Attention by angles, with a small network for the bias."""

    def __init__(
        self,
        dim,
        window_size,
        shift_size,
        num_heads,
        qkv_bias=True,
        proj_bias=True,
        attention_dropout=0.0,
        dropout=0.0,
    ):
        places = (dim, window_size, shift_size, num_heads)
        super().__init__(*places, qkv_bias, proj_bias, attention_dropout, dropout)
        self.logit_scale = nn.Parameter((10 * flambeau.ones((num_heads, 1, 1))).log())
        self.cpb_mlp = nn.Sequential(nn.Linear(2, 512), nn.ReLU(inplace=True), nn.Linear(512, num_heads, bias=False))
        if qkv_bias:
            self.qkv.bias.data[dim : 2 * dim].zero_()

    def _make_table(self):
        sides = [flambeau.arange(-(s - 1), s, dtype=flambeau.float32) for s in self.window_size]
        table = flambeau.stack(flambeau.meshgrid(*sides, indexing="ij")).permute(1, 2, 0).contiguous().unsqueeze(0)
        far = table / flambeau.tensor([s - 1.0 for s in self.window_size]) * 8
        self.register_buffer("relative_coords_table", far.sign() * (far.abs() + 1.0).log2() / 3.0)

    def get_relative_position_bias(self):
        """(1, heads, places, places)."""
        table = self.cpb_mlp(self.relative_coords_table).reshape(-1, self.num_heads)
        return 16 * self._ordered(table).sigmoid()


class SwinTransformerBlock(nn.Module):
    """Attention and two linear layers, each normalized before, with shortcuts."""

    def __init__(
        self,
        dim,
        num_heads,
        window_size,
        shift_size,
        mlp_ratio=4.0,
        dropout=0.0,
        attention_dropout=0.0,
        stochastic_depth_prob=0.0,
        norm_layer=nn.LayerNorm,
        attn_layer=ShiftedWindowAttention,
    ):
        super().__init__()
        self.norm1 = norm_layer(dim)
        rest = {"attention_dropout": attention_dropout, "dropout": dropout}
        self.attn = attn_layer(dim, window_size, shift_size, num_heads, **rest)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.norm2 = norm_layer(dim)
        self.mlp = MLP(dim, [int(dim * mlp_ratio), dim], activation_layer=nn.GELU, inplace=None, dropout=dropout)
        for module in self.mlp.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.normal_(module.bias, std=1e-6)

    def forward(self, x):
        x = x + self.stochastic_depth(self.attn(self.norm1(x)))
        return x + self.stochastic_depth(self.mlp(self.norm2(x)))


class SwinTransformerBlockV2(SwinTransformerBlock):
    """Attention and two linear layers, each normalized afterwards, with shortcuts."""

    def __init__(self, *args, attn_layer=ShiftedWindowAttentionV2, **kwargs):
        super().__init__(*args, attn_layer=attn_layer, **kwargs)

    def forward(self, x):
        x = x + self.stochastic_depth(self.norm1(self.attn(x)))
        return x + self.stochastic_depth(self.norm2(self.mlp(x)))


class SwinTransformer(nn.Module):
    """Stages of attention within windows; between them, pictures become half as large.

    Args:
        patch_size: (height, width) of a patch.
        embed_dim: channels of the first stage.
        depths, num_heads: blocks and heads of each stage.
        window_size: (height, width) in patches.
        mlp_ratio: inner width of the linear layers.
        dropout, attention_dropout: probabilities.
        stochastic_depth_prob: probability of leaving out the last block; it grows towards it.
        num_classes: features of the output.
        norm_layer, block, downsample_layer: classes.

    >>> net = flambeau.vision.models.SwinTransformer([4, 4], 8, [1, 1], [2, 2], [2, 2], num_classes=3)
    >>> net(flambeau.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 3])
    """

    def __init__(
        self,
        patch_size,
        embed_dim,
        depths,
        num_heads,
        window_size,
        mlp_ratio=4.0,
        dropout=0.0,
        attention_dropout=0.0,
        stochastic_depth_prob=0.1,
        num_classes=1000,
        norm_layer=None,
        block=None,
        downsample_layer=PatchMerging,
    ):
        super().__init__()
        self.num_classes = num_classes
        block = SwinTransformerBlock if block is None else block
        norm_layer = partial(nn.LayerNorm, eps=1e-5) if norm_layer is None else norm_layer
        patches = nn.Conv2d(3, embed_dim, kernel_size=tuple(patch_size), stride=tuple(patch_size))
        layers, done, total = [nn.Sequential(patches, Permute([0, 2, 3, 1]), norm_layer(embed_dim))], 0, sum(depths)
        options = {"mlp_ratio": mlp_ratio, "dropout": dropout, "attention_dropout": attention_dropout}
        for stage, (depth, heads) in enumerate(zip(depths, num_heads)):
            width, blocks = embed_dim * 2**stage, []
            for i in range(depth):
                share = stochastic_depth_prob * done / max(total - 1, 1)
                shift = [0 if i % 2 == 0 else w // 2 for w in window_size]
                rest = {**options, "stochastic_depth_prob": share, "norm_layer": norm_layer}
                blocks.append(block(width, heads, window_size=window_size, shift_size=shift, **rest))
                done += 1
            layers.append(nn.Sequential(*blocks))
            if stage < len(depths) - 1:
                layers.append(downsample_layer(width, norm_layer))
        self.features = nn.Sequential(*layers)
        self.norm = norm_layer(width)
        self.permute = Permute([0, 3, 1, 2])
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten(1)
        self.head = nn.Linear(width, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x):
        return self.head(self.flatten(self.avgpool(self.permute(self.norm(self.features(x))))))


def _member(size, version, width, depth, heads, share):
    window = [7, 7] if version == 1 else [8, 8]
    kinds = {} if version == 1 else {"block": SwinTransformerBlockV2, "downsample_layer": PatchMergingV2}

    def make(**kwargs):
        options = {"stochastic_depth_prob": share, **kinds, **kwargs}
        return SwinTransformer([4, 4], width, [2, 2, depth, 2], [heads * 2**i for i in range(4)], window, **options)

    make.__name__ = "SwinTransformer"
    ending = "" if version == 1 else "v2_"
    title = f"Swin transformer {'v2 ' if version == 2 else ''}{size.upper()} (arXiv 2103.14030, 2111.09883)"
    return variant(title, f"Swin_{ending.upper()}{size.upper()}_Weights", f"swin_{ending}{size}", make)


Swin_T_Weights, swin_t = _member("t", 1, 96, 6, 3, 0.2)
Swin_S_Weights, swin_s = _member("s", 1, 96, 18, 3, 0.3)
Swin_B_Weights, swin_b = _member("b", 1, 128, 18, 4, 0.5)
Swin_V2_T_Weights, swin_v2_t = _member("t", 2, 96, 6, 3, 0.2)
Swin_V2_S_Weights, swin_v2_s = _member("s", 2, 96, 18, 3, 0.3)
Swin_V2_B_Weights, swin_v2_b = _member("b", 2, 128, 18, 4, 0.5)
