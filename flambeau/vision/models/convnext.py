"""ConvNeXt (arXiv 2201.03545)."""

from functools import partial

import flambeau
from flambeau import nn

from ..ops.misc import Conv2dNormActivation, Permute
from ..ops.stochastic_depth import StochasticDepth
from ._api import variant

__all__ = [
    "ConvNeXt", "ConvNeXt_Base_Weights", "ConvNeXt_Large_Weights", "ConvNeXt_Small_Weights", "ConvNeXt_Tiny_Weights", "convnext_base",
    "convnext_large", "convnext_small", "convnext_tiny",
]  # fmt: skip


class LayerNorm2d(nn.LayerNorm):
    """Normalize over the channels at each place."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class CNBlock(nn.Module):
    """A 7x7 convolution of each channel, then two linear layers at each place, with a shortcut."""

    def __init__(self, dim, layer_scale, stochastic_depth_prob, norm_layer=None):
        super().__init__()
        norm_layer = partial(nn.LayerNorm, eps=1e-6) if norm_layer is None else norm_layer
        self.block = nn.Sequential(
            nn.Conv2d(dim, dim, kernel_size=7, padding=3, groups=dim, bias=True),
            Permute([0, 2, 3, 1]),
            norm_layer(dim),
            nn.Linear(dim, 4 * dim, bias=True),
            nn.GELU(),
            nn.Linear(4 * dim, dim, bias=True),
            Permute([0, 3, 1, 2]),
        )
        self.layer_scale = nn.Parameter(flambeau.ones(dim, 1, 1) * layer_scale)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")

    def forward(self, input):
        return self.stochastic_depth(self.layer_scale * self.block(input)) + input


class CNBlockConfig:
    """Channels of a stage, of the next one (None for the last), and the number of its blocks."""

    def __init__(self, input_channels, out_channels, num_layers):
        self.input_channels = input_channels
        self.out_channels = out_channels
        self.num_layers = num_layers

    def __repr__(self):
        fields = f"input_channels={self.input_channels}, out_channels={self.out_channels}"
        return f"CNBlockConfig({fields}, num_layers={self.num_layers})"


class ConvNeXt(nn.Module):
    """Stages of 7x7 convolutions and linear layers.

    Args:
        block_setting: a CNBlockConfig per stage.
        stochastic_depth_prob: probability of leaving out the last block; it grows towards it.
        layer_scale: factor of each block in the beginning.
        num_classes: features of the output.
        block: class of the blocks.
        norm_layer: makes the normalizations outside the blocks.

    >>> net = flambeau.vision.models.ConvNeXt([CNBlockConfig(8, 16, 1), CNBlockConfig(16, None, 1)], num_classes=3)
    >>> net(flambeau.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 3])
    """

    def __init__(
        self,
        block_setting,
        stochastic_depth_prob=0.0,
        layer_scale=1e-6,
        num_classes=1000,
        block=None,
        norm_layer=None,
        **kwargs,
    ):
        super().__init__()
        if not block_setting:
            raise ValueError("The block_setting should not be empty")
        if not all(isinstance(row, CNBlockConfig) for row in block_setting):
            raise TypeError("The block_setting should be List[CNBlockConfig]")
        block = CNBlock if block is None else block
        norm = partial(LayerNorm2d, eps=1e-6) if norm_layer is None else norm_layer
        first = block_setting[0].input_channels
        layers = [Conv2dNormActivation(3, first, 4, 4, 0, norm_layer=norm, activation_layer=None, bias=True)]
        total, done = sum(row.num_layers for row in block_setting), 0
        for row in block_setting:
            shares = [stochastic_depth_prob * (done + i) / (total - 1.0) for i in range(row.num_layers)]
            layers.append(nn.Sequential(*(block(row.input_channels, layer_scale, share) for share in shares)))
            done += row.num_layers
            if row.out_channels is not None:
                half = nn.Conv2d(row.input_channels, row.out_channels, kernel_size=2, stride=2)
                layers.append(nn.Sequential(norm(row.input_channels), half))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        last = block_setting[-1]
        width = last.input_channels if last.out_channels is None else last.out_channels
        self.classifier = nn.Sequential(norm(width), nn.Flatten(1), nn.Linear(width, num_classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def _forward_impl(self, x):
        return self.classifier(self.avgpool(self.features(x)))

    def forward(self, x):
        return self._forward_impl(x)


def _member(size, widths, depth, share):
    following = [*widths[1:], None]
    rows = [CNBlockConfig(*row) for row in zip(widths, following, (3, 3, depth, 3))]

    def make(**kwargs):
        return ConvNeXt(rows, **{"stochastic_depth_prob": share, **kwargs})

    make.__name__ = "ConvNeXt"
    title = f"ConvNeXt {size} (arXiv 2201.03545)"
    return variant(title, f"ConvNeXt_{size.title()}_Weights", f"convnext_{size}", make)


ConvNeXt_Tiny_Weights, convnext_tiny = _member("tiny", (96, 192, 384, 768), 9, 0.1)
ConvNeXt_Small_Weights, convnext_small = _member("small", (96, 192, 384, 768), 27, 0.4)
ConvNeXt_Base_Weights, convnext_base = _member("base", (128, 256, 512, 1024), 27, 0.5)
ConvNeXt_Large_Weights, convnext_large = _member("large", (192, 384, 768, 1536), 27, 0.5)
