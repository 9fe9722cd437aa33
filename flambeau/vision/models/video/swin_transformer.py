"""Swin transformer for videos (arXiv 2106.13230)."""

import math
from functools import partial

from flambeau import nn
from flambeau.nn import functional as F

from .._api import variant
from ..swin_transformer import (
    PatchMerging,
    ShiftedWindowAttention,
    SwinTransformerBlock,
    relative_places,
    shifted_window_attention,
)

__all__ = [
    "Swin3D_B_Weights", "Swin3D_S_Weights", "Swin3D_T_Weights", "SwinTransformer3d", "swin3d_b", "swin3d_s", "swin3d_t",
]  # fmt: skip


class ShiftedWindowAttention3d(ShiftedWindowAttention):
    """Attention within windows of a video, which may be shifted; a window is no larger than the video."""

    _dimensions = 3

    def _make_index(self):
        places = math.prod(self.window_size)
        return relative_places(self.window_size).reshape(places, places)

    def get_relative_position_bias(self, window_size):
        """(1, heads, places, places)."""
        count = math.prod(window_size)
        index = self.relative_position_index[:count, :count].reshape(-1)
        bias = self.relative_position_bias_table[index].reshape(count, count, -1)
        return bias.permute(2, 0, 1).contiguous().unsqueeze(0)

    def forward(self, x):
        sides = x.shape[1:4]
        window = [min(most, side) for most, side in zip(self.window_size, sides)]
        shift = [0 if side <= most else moved for most, side, moved in zip(self.window_size, sides, self.shift_size)]
        return shifted_window_attention(
            x,
            self.qkv.weight,
            self.proj.weight,
            self.get_relative_position_bias(window),
            window,
            self.num_heads,
            shift_size=shift,
            attention_dropout=self.attention_dropout,
            dropout=self.dropout,
            qkv_bias=self.qkv.bias,
            proj_bias=self.proj.bias,
            training=self.training,
        )


class PatchEmbed3d(nn.Module):
    """Patches as features, (B, T, H, W, C); a video that does not fit is filled up."""

    def __init__(self, patch_size, in_channels=3, embed_dim=96, norm_layer=None):
        super().__init__()
        self.tuple_patch_size = tuple(patch_size)
        self.proj = nn.Conv3d(in_channels, embed_dim, self.tuple_patch_size, stride=self.tuple_patch_size)
        self.norm = nn.Identity() if norm_layer is None else norm_layer(embed_dim)

    def forward(self, x):
        ends = [-side % patch for side, patch in zip(x.shape[2:], self.tuple_patch_size)]
        x = F.pad(x, (0, ends[2], 0, ends[1], 0, ends[0]))
        return self.norm(self.proj(x).permute(0, 2, 3, 4, 1))


class SwinTransformer3d(nn.Module):
    """Stages of attention within windows of a video; between them, frames become half as large.

    Args:
        patch_size: (time, height, width) of a patch.
        embed_dim: channels of the first stage.
        depths, num_heads: blocks and heads of each stage.
        window_size: (time, height, width) in patches.
        mlp_ratio: inner width of the linear layers.
        dropout, attention_dropout: probabilities.
        stochastic_depth_prob: probability of leaving out the last block; it grows towards it.
        num_classes: features of the output.
        norm_layer, block, downsample_layer, patch_embed: classes.

    >>> net = flambeau.vision.models.video.SwinTransformer3d([2, 4, 4], 8, [1], [2], [2, 2, 2], num_classes=3)
    >>> net(flambeau.zeros(1, 3, 4, 32, 32)).shape
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
        num_classes=400,
        norm_layer=None,
        block=None,
        downsample_layer=PatchMerging,
        patch_embed=None,
    ):
        super().__init__()
        self.num_classes = num_classes
        block = partial(SwinTransformerBlock, attn_layer=ShiftedWindowAttention3d) if block is None else block
        norm_layer = partial(nn.LayerNorm, eps=1e-5) if norm_layer is None else norm_layer
        embed = PatchEmbed3d if patch_embed is None else patch_embed
        self.patch_embed = embed(patch_size=patch_size, embed_dim=embed_dim, norm_layer=norm_layer)
        self.pos_drop = nn.Dropout(p=dropout)
        layers, done, total = [], 0, sum(depths)
        options = {"mlp_ratio": mlp_ratio, "dropout": dropout, "attention_dropout": attention_dropout}
        for stage, (depth, heads) in enumerate(zip(depths, num_heads)):
            width, blocks = embed_dim * 2**stage, []
            for i in range(depth):
                share = stochastic_depth_prob * done / max(total - 1, 1)
                shift = [0 if i % 2 == 0 else side // 2 for side in window_size]
                rest = {**options, "stochastic_depth_prob": share, "norm_layer": norm_layer}
                blocks.append(block(width, heads, window_size=window_size, shift_size=shift, **rest))
                done += 1
            layers.append(nn.Sequential(*blocks))
            if stage < len(depths) - 1:
                layers.append(downsample_layer(width, norm_layer))
        self.features = nn.Sequential(*layers)
        self.num_features = width
        self.norm = norm_layer(width)
        self.avgpool = nn.AdaptiveAvgPool3d(1)
        self.head = nn.Linear(width, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x):
        x = self.norm(self.features(self.pos_drop(self.patch_embed(x))))
        return self.head(self.avgpool(x.permute(0, 4, 1, 2, 3)).flatten(1))


def _member(size, width, depth, heads):
    title = f"Swin transformer {size.upper()} for videos (arXiv 2106.13230)"
    counts = ([2, 2, depth, 2], [heads * 2**i for i in range(4)])
    names = (f"Swin3D_{size.upper()}_Weights", f"swin3d_{size}")
    return variant(title, *names, SwinTransformer3d, [2, 4, 4], width, *counts, [8, 7, 7], stochastic_depth_prob=0.1)


Swin3D_T_Weights, swin3d_t = _member("t", 96, 6, 3)
Swin3D_S_Weights, swin3d_s = _member("s", 96, 18, 3)
Swin3D_B_Weights, swin3d_b = _member("b", 128, 18, 4)
