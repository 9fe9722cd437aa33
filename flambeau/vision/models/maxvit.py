"""MaxViT (arXiv 2204.01697)."""

import math
from collections import OrderedDict
from functools import partial

import flambeau
from flambeau import nn

from ..ops.misc import Conv2dNormActivation, SqueezeExcitation
from ..ops.stochastic_depth import StochasticDepth
from ._api import variant
from .swin_transformer import relative_places

__all__ = ["MaxVit", "MaxVit_T_Weights", "maxvit_t"]


def _halved(size):
    """The size after a 3x3 convolution with stride 2."""
    return tuple((side - 1) // 2 + 1 for side in size)


class MBConv(nn.Module):
    """Widen, convolve each channel, weigh the channels, narrow; normalized before, with a shortcut."""

    def __init__(
        self,
        in_channels,
        out_channels,
        expansion_ratio,
        squeeze_ratio,
        stride,
        activation_layer,
        norm_layer,
        p_stochastic_dropout=0.0,
    ):
        super().__init__()
        self.proj = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            shrink = [nn.AvgPool2d(kernel_size=3, stride=stride, padding=1)] if stride == 2 else []
            self.proj = nn.Sequential(*shrink, nn.Conv2d(in_channels, out_channels, 1, stride=1, bias=True))
        inner, squeezed = int(out_channels * expansion_ratio), int(out_channels * squeeze_ratio)
        drop = StochasticDepth(p_stochastic_dropout, mode="row") if p_stochastic_dropout else nn.Identity()
        self.stochastic_depth = drop
        parts = {"activation_layer": activation_layer, "norm_layer": norm_layer, "inplace": None}
        self.layers = nn.Sequential(
            OrderedDict(
                pre_norm=norm_layer(in_channels),
                conv_a=Conv2dNormActivation(in_channels, inner, 1, 1, 0, **parts),
                conv_b=Conv2dNormActivation(inner, inner, 3, stride, 1, groups=inner, **parts),
                squeeze_excitation=SqueezeExcitation(inner, squeezed, activation=nn.SiLU),
                conv_c=nn.Conv2d(inner, out_channels, kernel_size=1, bias=True),
            )
        )

    def forward(self, x):
        return self.proj(x) + self.stochastic_depth(self.layers(x))


class RelativePositionalMultiHeadAttention(nn.Module):
    """Attention within groups of places (batch, groups, places, features), with a bias for relative places."""

    def __init__(self, feat_dim, head_dim, max_seq_len):
        super().__init__()
        if feat_dim % head_dim:
            raise ValueError(f"feat_dim: {feat_dim} must be divisible by head_dim: {head_dim}")
        self.n_heads, self.head_dim = feat_dim // head_dim, head_dim
        self.size, self.max_seq_len = int(math.sqrt(max_seq_len)), max_seq_len
        self.to_qkv = nn.Linear(feat_dim, self.n_heads * head_dim * 3)
        self.scale_factor = feat_dim**-0.5
        self.merge = nn.Linear(head_dim * self.n_heads, feat_dim)
        self.relative_position_bias_table = nn.Parameter(flambeau.empty(((2 * self.size - 1) ** 2, self.n_heads)))
        places = relative_places((self.size, self.size)).reshape(max_seq_len, max_seq_len)
        self.register_buffer("relative_position_index", places)
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def get_relative_positional_bias(self):
        """(1, heads, places, places)."""
        bias = self.relative_position_bias_table[self.relative_position_index.reshape(-1)]
        return bias.reshape(self.max_seq_len, self.max_seq_len, -1).permute(2, 0, 1).contiguous().unsqueeze(0)

    def forward(self, x):
        batch, groups, places, features = x.shape
        shape = (batch, groups, places, self.n_heads, self.head_dim)
        q, k, v = (part.reshape(shape).permute(0, 1, 3, 2, 4) for part in self.to_qkv(x).chunk(3, dim=-1))
        weights = q @ (k * self.scale_factor).transpose(-2, -1) + self.get_relative_positional_bias()
        out = weights.softmax(-1) @ v
        return self.merge(out.permute(0, 1, 3, 2, 4).reshape(batch, groups, places, features))


class SwapAxes(nn.Module):
    """Exchange two dimensions."""

    def __init__(self, a, b):
        super().__init__()
        self.a, self.b = a, b

    def forward(self, x):
        return flambeau.swapaxes(x, self.a, self.b)


class WindowPartition(nn.Module):
    """(B, C, H, W) -> (B, windows, places, C)."""

    def forward(self, x, p):
        batch, channels, height, width = x.shape
        x = x.reshape(batch, channels, height // p, p, width // p, p).permute(0, 2, 4, 3, 5, 1)
        return x.reshape(batch, (height // p) * (width // p), p * p, channels)


class WindowDepartition(nn.Module):
    """WindowPartition undone."""

    def forward(self, x, p, h_partitions, w_partitions):
        batch, _, _, channels = x.shape
        x = x.reshape(batch, h_partitions, w_partitions, p, p, channels).permute(0, 5, 1, 3, 2, 4)
        return x.reshape(batch, channels, h_partitions * p, w_partitions * p)


class PartitionAttentionLayer(nn.Module):
    """Attention and two linear layers within windows, or among the places at equal distances ("grid")."""

    def __init__(
        self,
        in_channels,
        head_dim,
        partition_size,
        partition_type,
        grid_size,
        mlp_ratio,
        activation_layer,
        norm_layer,
        attention_dropout,
        mlp_dropout,
        p_stochastic_dropout,
    ):
        super().__init__()
        if partition_type not in ("grid", "window"):
            raise ValueError("partition_type must be either 'grid' or 'window'")
        self.n_heads, self.head_dim = in_channels // head_dim, head_dim
        self.n_partitions, self.partition_type = grid_size[0] // partition_size, partition_type
        self.grid_size, grid = grid_size, partition_type == "grid"
        self.p, self.g = (self.n_partitions, partition_size) if grid else (partition_size, self.n_partitions)
        self.partition_op, self.departition_op = WindowPartition(), WindowDepartition()
        self.partition_swap, self.departition_swap = (SwapAxes(-2, -3) if grid else nn.Identity() for _ in range(2))
        self.attn_layer = nn.Sequential(
            norm_layer(in_channels),
            RelativePositionalMultiHeadAttention(in_channels, head_dim, partition_size**2),
            nn.Dropout(attention_dropout),
        )
        self.mlp_layer = nn.Sequential(
            nn.LayerNorm(in_channels),
            nn.Linear(in_channels, in_channels * mlp_ratio),
            activation_layer(),
            nn.Linear(in_channels * mlp_ratio, in_channels),
            nn.Dropout(mlp_dropout),
        )
        self.stochastic_dropout = StochasticDepth(p_stochastic_dropout, mode="row")

    def forward(self, x):
        rows, columns = self.grid_size[0] // self.p, self.grid_size[1] // self.p
        flambeau._assert(
            self.grid_size[0] % self.p == 0 and self.grid_size[1] % self.p == 0,
            f"Grid size must be divisible by partition size. Got grid size of {self.grid_size} and partition size of {self.p}",
        )
        x = self.partition_swap(self.partition_op(x, self.p))
        x = x + self.stochastic_dropout(self.attn_layer(x))
        x = x + self.stochastic_dropout(self.mlp_layer(x))
        return self.departition_op(self.departition_swap(x), self.p, rows, columns)


class MaxVitLayer(nn.Module):
    """A convolution block, attention within windows, and attention within grids."""

    def __init__(
        self,
        in_channels,
        out_channels,
        squeeze_ratio,
        expansion_ratio,
        stride,
        norm_layer,
        activation_layer,
        head_dim,
        mlp_ratio,
        mlp_dropout,
        attention_dropout,
        p_stochastic_dropout,
        partition_size,
        grid_size,
    ):
        super().__init__()
        parts: OrderedDict = OrderedDict()
        parts["MBconv"] = MBConv(
            in_channels,
            out_channels,
            expansion_ratio,
            squeeze_ratio,
            stride,
            activation_layer,
            norm_layer,
            p_stochastic_dropout,
        )
        for kind in ("window", "grid"):
            parts[f"{kind}_attention"] = PartitionAttentionLayer(
                out_channels,
                head_dim,
                partition_size,
                kind,
                grid_size,
                mlp_ratio,
                activation_layer,
                nn.LayerNorm,
                attention_dropout,
                mlp_dropout,
                p_stochastic_dropout,
            )
        self.layers = nn.Sequential(parts)

    def forward(self, x):
        return self.layers(x)


class MaxVitBlock(nn.Module):
    """Layers of one size; the first one halves it."""

    def __init__(
        self,
        in_channels,
        out_channels,
        squeeze_ratio,
        expansion_ratio,
        norm_layer,
        activation_layer,
        head_dim,
        mlp_ratio,
        mlp_dropout,
        attention_dropout,
        partition_size,
        input_grid_size,
        n_layers,
        p_stochastic,
    ):
        super().__init__()
        if len(p_stochastic) != n_layers:
            raise ValueError(f"p_stochastic must have length n_layers={n_layers}, got p_stochastic={p_stochastic}.")
        self.grid_size = _halved(input_grid_size)
        self.layers = nn.ModuleList()
        for i, p in enumerate(p_stochastic):
            self.layers.append(
                MaxVitLayer(
                    out_channels if i else in_channels,
                    out_channels,
                    squeeze_ratio,
                    expansion_ratio,
                    1 if i else 2,
                    norm_layer,
                    activation_layer,
                    head_dim,
                    mlp_ratio,
                    mlp_dropout,
                    attention_dropout,
                    p,
                    partition_size,
                    self.grid_size,
                )
            )

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class MaxVit(nn.Module):
    """Convolutions, and attention within windows and within grids.

    Args:
        input_size: (height, width) of pictures.
        stem_channels: channels of the first layers.
        partition_size: side of the windows and of the grids.
        block_channels, block_layers: channels and number of layers of each block.
        head_dim: features of a head.
        stochastic_depth_prob: probability of leaving out the last layer; it grows towards it.
        norm_layer, activation_layer: classes.
        squeeze_ratio, expansion_ratio, mlp_ratio: inner widths.
        mlp_dropout, attention_dropout: probabilities.
        num_classes: features of the output.

    >>> net = flambeau.vision.models.MaxVit((32, 32), 8, 2, [8], [1], 4, 0.0, num_classes=3)
    >>> net(flambeau.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        input_size,
        stem_channels,
        partition_size,
        block_channels,
        block_layers,
        head_dim,
        stochastic_depth_prob,
        norm_layer=None,
        activation_layer=nn.GELU,
        squeeze_ratio=0.25,
        expansion_ratio=4,
        mlp_ratio=4,
        mlp_dropout=0.0,
        attention_dropout=0.0,
        num_classes=1000,
    ):
        super().__init__()
        norm_layer = partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01) if norm_layer is None else norm_layer
        size = self.input_size = _halved(input_size)
        self.partition_size = partition_size
        for i in range(len(block_channels)):
            size = _halved(size)
            if size[0] % partition_size or size[1] % partition_size:
                raise ValueError(
                    f"Input size {size} of block {i} is not divisible by partition size {partition_size}. Consider changing "
                    "the partition size or the input size."
                )
        first = {"norm_layer": norm_layer, "activation_layer": activation_layer, "bias": False, "inplace": None}
        second = {"norm_layer": None, "activation_layer": None, "bias": True}
        self.stem = nn.Sequential(
            Conv2dNormActivation(3, stem_channels, 3, stride=2, **first),
            Conv2dNormActivation(stem_channels, stem_channels, 3, stride=1, **second),
        )
        step = stochastic_depth_prob / max(sum(block_layers) - 1, 1)
        shares = [i * step for i in range(sum(block_layers))]
        self.blocks, size = nn.ModuleList(), self.input_size
        for before, after, layers in zip([stem_channels, *block_channels[:-1]], block_channels, block_layers):
            share, shares = shares[:layers], shares[layers:]
            widths = (squeeze_ratio, expansion_ratio, norm_layer, activation_layer, head_dim, mlp_ratio)
            rest = (mlp_dropout, attention_dropout, partition_size, size, layers, share)
            self.blocks.append(MaxVitBlock(before, after, *widths, *rest))
            size = self.blocks[-1].grid_size
        width = block_channels[-1]
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.LayerNorm(width),
            nn.Linear(width, width),
            nn.Tanh(),
            nn.Linear(width, num_classes, bias=False),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.classifier(x)


def _maxvit(stem_channels, block_channels, block_layers, head_dim, stochastic_depth_prob, partition_size, **kwargs):
    size = kwargs.pop("input_size", (224, 224))
    widths = (stem_channels, partition_size, block_channels, block_layers, head_dim, stochastic_depth_prob)
    return MaxVit(size, *widths, **kwargs)


MaxVit_T_Weights, maxvit_t = variant(
    "MaxViT, the tiny one (arXiv 2204.01697)",
    "MaxVit_T_Weights",
    "maxvit_t",
    _maxvit,
    64,
    [64, 128, 256, 512],
    [2, 2, 5, 2],
    32,
    0.2,
    7,
)
