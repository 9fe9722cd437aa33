"""Swin transformer, v1 and v2 (arXiv 2103.14030, 2111.09883)."""

import math
from functools import partial

import flambeau
from flambeau import nn
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
    """(B, H, W, C) -> (B x windows, places, C)."""
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height // size[0], size[0], width // size[1], size[1], channels)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, size[0] * size[1], channels)


def _picture(x, size, shape):
    """_windows undone."""
    batch, height, width, channels = shape
    x = x.reshape(batch, height // size[0], width // size[1], size[0], size[1], channels)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(shape)


def _hidden(height, width, size, shift, like):
    """(windows, 1, places, places): -100 where two places were not neighbours before the shift."""
    regions = like.new_zeros(1, height, width, 1)
    for number, (row, column) in enumerate((r, c) for r in range(3) for c in range(3)):
        cuts = [(0, -s, -k, None) for s, k in zip(size, shift)]
        (top, bottom), (left, right) = cuts[0][row : row + 2], cuts[1][column : column + 2]
        regions[:, slice(top, bottom), slice(left, right)] = number
    parts = _windows(regions, size).squeeze(-1)
    apart = parts.unsqueeze(1) - parts.unsqueeze(2)
    return apart.masked_fill(apart != 0, -100.0).unsqueeze(1)


class ShiftedWindowAttention(nn.Module):
    """Attention within windows, which may be shifted."""

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
        if len(window_size) != 2 or len(shift_size) != 2:
            raise ValueError("window_size and shift_size must be of length 2")
        self.window_size, self.shift_size, self.num_heads = window_size, shift_size, num_heads
        self.attention_dropout, self.dropout = attention_dropout, dropout
        self.qkv = nn.Linear(dim, dim * 3, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim, bias=proj_bias)
        self._make_table()
        self.register_buffer("relative_position_index", self._index())

    def _make_table(self):
        rows = (2 * self.window_size[0] - 1) * (2 * self.window_size[1] - 1)
        self.relative_position_bias_table = nn.Parameter(flambeau.zeros(rows, self.num_heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def _index(self):
        """The row of the table for each pair of places."""
        sides = [flambeau.arange(size) for size in self.window_size]
        places = flambeau.stack(flambeau.meshgrid(*sides, indexing="ij")).flatten(1)
        y, x = places[:, :, None] - places[:, None, :]
        height, width = self.window_size
        return ((y + height - 1) * (2 * width - 1) + x + width - 1).flatten()

    def _ordered(self, table):
        """(1, heads, places, places) of the rows of a table."""
        count = self.window_size[0] * self.window_size[1]
        bias = table[self.relative_position_index].reshape(count, count, -1)
        return bias.permute(2, 0, 1).contiguous().unsqueeze(0)

    def get_relative_position_bias(self):
        """(1, heads, places, places)."""
        return self._ordered(self.relative_position_bias_table)

    def _qkv_bias(self):
        return self.qkv.bias

    def _alike(self, q, k):
        return (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)

    def _attend(self, x, hidden):
        count, places, channels = x.shape
        qkv = F.linear(x, self.qkv.weight, self._qkv_bias())
        qkv = qkv.reshape(count, places, 3, self.num_heads, channels // self.num_heads).permute(2, 0, 3, 1, 4)
        weights = self._alike(qkv[0], qkv[1]) + self.get_relative_position_bias()
        if hidden is not None:
            weights = weights.reshape(-1, hidden.shape[0], self.num_heads, places, places) + hidden
            weights = weights.reshape(-1, self.num_heads, places, places)
        weights = F.dropout(weights.softmax(-1), self.attention_dropout, self.training)
        out = self.proj((weights @ qkv[2]).transpose(1, 2).reshape(count, places, channels))
        return F.dropout(out, self.dropout, self.training)

    def forward(self, x):
        size, (height, width) = self.window_size, x.shape[1:3]
        x = F.pad(x, (0, 0, 0, -width % size[1], 0, -height % size[0]))
        whole = x.shape[1:3]
        shift = [0 if w >= s else k for w, s, k in zip(size, whole, self.shift_size)]
        moved = sum(shift) > 0
        if moved:
            x = x.roll(shifts=(-shift[0], -shift[1]), dims=(1, 2))
        hidden = _hidden(*whole, size, shift, x) if moved else None
        out = _picture(self._attend(_windows(x, size), hidden), size, x.shape)
        if moved:
            out = out.roll(shifts=(shift[0], shift[1]), dims=(1, 2))
        return out[:, :height, :width, :].contiguous()


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

    def _qkv_bias(self):
        if self.qkv.bias is None:
            return None
        q, k, v = self.qkv.bias.chunk(3)
        return flambeau.cat([q, flambeau.zeros_like(k), v])

    def _alike(self, q, k):
        scale = self.logit_scale.clamp(max=math.log(100.0)).exp()
        return F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1) * scale


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
